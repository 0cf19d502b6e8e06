//! One ticket with what only the rules know of it.

use std::collections::BTreeMap;

use serde_json::Value;
use waitless::domain::{Millis, Ticket, TicketState, ticket::Notice};

/// What is kept of a ticket until the day roll after next.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) ticket: Ticket,
    pub(crate) guards: Vec<String>,
    pub(crate) undo: Option<UndoRecord>,
    /// `held` of each item when its items were last returned; `None` while they are not returned.
    pub(crate) given_up: Option<Vec<u32>>,
    pub(crate) grace_used: bool,
    pub(crate) rejoined: bool,
    pub(crate) told_not_here: bool,
    pub(crate) told_passed_over: bool,
    pub(crate) notices_total: i64,
    pub(crate) last_call_at: Option<Millis>,
    pub(crate) stay_until: Option<Millis>,
    /// The deadline of a no_show; `rejoin_until` stays readable after it acted.
    pub(crate) rejoin_deadline: Option<Millis>,
    /// Wrong codes so far.
    pub(crate) tries: u32,
    /// Which business day it joined on, counted from 0.
    pub(crate) day: u32,
}

/// What the last staff or timer act, or the guest's own cancel, changed.
#[derive(Clone, Debug)]
pub(crate) struct UndoRecord {
    pub(crate) by_guest: bool,
    pub(crate) was_call: bool,
    pub(crate) until: Millis,
    pub(crate) former: Box<Ticket>,
    pub(crate) former_grace_used: bool,
}

impl Entry {
    pub(crate) fn new(ticket: Ticket, guards: Vec<String>, day: u32) -> Self {
        Self {
            ticket,
            guards,
            undo: None,
            given_up: None,
            grace_used: false,
            rejoined: false,
            told_not_here: false,
            told_passed_over: false,
            notices_total: 0,
            last_call_at: None,
            stay_until: None,
            rejoin_deadline: None,
            tries: 0,
            day,
        }
    }

    pub(crate) fn is(&self, states: &[TicketState]) -> bool {
        states.contains(&self.ticket.state)
    }

    /// Goes to another state, clearing what belongs to the one it leaves (RULES, common 9 and 11).
    pub(crate) fn go(&mut self, to: TicketState) {
        let ticket = &mut self.ticket;
        if to == TicketState::Waiting && matches!(ticket.state, TicketState::Called | TicketState::NoShow) {
            ticket.calls = 0;
            ticket.to = None;
            ticket.called_at = None;
        }
        ticket.grace_until = None;
        ticket.rejoin_until = None;
        ticket.state = to;
        self.last_call_at = None;
        self.rejoin_deadline = None;
        self.stay_until = None;
    }

    pub(crate) fn tell<const N: usize>(&mut self, now: Millis, kind: &str, args: [(&str, Value); N]) {
        self.notices_total += 1;
        self.ticket.notices.push(Notice {
            id: self.notices_total,
            kind: kind.to_owned(),
            at: now,
            args: BTreeMap::from(args.map(|(name, value)| (name.to_owned(), value))),
        });
        if self.ticket.notices.len() > 5 {
            self.ticket.notices.remove(0);
        }
    }

    pub(crate) fn forget_undo(&mut self) {
        self.undo = None;
        self.ticket.undo_until = None;
    }
}
