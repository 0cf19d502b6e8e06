//! The rules of the line once more, as plainly as they can be written: docs/RULES.md and the contract in Rust, one
//! restaurant in plain vectors, linear scans.
//!
//! It shares nothing with the scripts but the documents: where the two differ, one of them or a document is wrong.
//! Left out on purpose: pace and estimates, idempotency, loading, epochs.
//!
//! A command runs on a copy that replaces the live state only when it was accepted, so a refusal cannot write. What an
//! event carries is the difference between the two.

mod acts;
mod day;
mod entries;
mod entry;
mod join;
mod order;
mod places;
mod settings;
mod stock;
mod timers;
mod turns;
mod undo;

use std::collections::BTreeMap;

use waitless::domain::{
    Actor, Command, Done, Event, LineId, LineRecord, MenuItem, Millis, Policy, Rejection, RestaurantRecord, Role,
    Stamp, TicketId, TicketState, event::Pace, rejection::FieldError, replica::Snapshot,
};

use self::entries::Entries;
pub(crate) use self::{
    entry::{Entry, UndoRecord},
    timers::{Deadline, Timer},
};

/// How a restaurant's live state begins.
#[derive(Clone, Debug)]
pub(crate) struct Opening {
    pub(crate) restaurant: RestaurantRecord,
    pub(crate) policy: Policy,
    pub(crate) lines: Vec<(LineId, String)>,
    /// Menu items with the units left; `None` is not counted.
    pub(crate) menu: Vec<(MenuItem, Option<i64>)>,
}

/// A restaurant and what happened in it.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) live: Live,
    pub(crate) events: Vec<Event>,
}

/// The live state of a restaurant.
#[derive(Clone, Debug)]
pub(crate) struct Live {
    pub(crate) rev: i64,
    pub(crate) restaurant: RestaurantRecord,
    pub(crate) policy: Policy,
    pub(crate) lines: BTreeMap<LineId, LineRecord>,
    pub(crate) menu: Vec<MenuItem>,
    pub(crate) stock: BTreeMap<String, i64>,
    ledger: BTreeMap<String, i64>,
    /// What tickets that are no longer kept have consumed.
    consumed_before: BTreeMap<String, i64>,
    /// The join counter.
    counter: u32,
    /// Business days since the opening.
    day: u32,
    /// Every ticket that is kept, in the order of joining.
    pub(crate) entries: Entries,
    heartbeat: Option<Millis>,
    /// Silences of the timers, from and to.
    pub(crate) outages: Vec<(Millis, Millis)>,
}

/// Who acts, and when.
#[derive(Clone, Copy)]
pub(crate) struct Act<'a> {
    pub(crate) actor: &'a Actor,
    pub(crate) now: Millis,
}

impl Act<'_> {
    pub(crate) fn by_staff(self) -> bool {
        matches!(self.actor.role, Role::Staff | Role::Owner | Role::Admin)
    }

    pub(crate) fn by_guest(self) -> bool {
        matches!(self.actor.role, Role::Guest | Role::Device)
    }
}

/// What an accepted act did, beside changing the live state.
#[derive(Default)]
pub(crate) struct Effect {
    /// `None`: nothing changed, no event.
    event: Option<&'static str>,
    ticket: Option<TicketId>,
    dropped: Vec<String>,
    item: Option<String>,
}

impl Effect {
    fn named(event: &'static str) -> Self {
        Self { event: Some(event), ..Self::default() }
    }

    fn of_item(item: &str) -> Self {
        Self { item: Some(item.to_owned()), ..Self::named("stock.changed") }
    }
}

/// One wrong field.
fn invalid(field: &str, code: &str) -> Rejection {
    Rejection::Invalid(vec![FieldError::new(field, code)])
}

impl Model {
    pub(crate) fn new(opening: &Opening) -> Self {
        let line_record = |(line, name): &(LineId, String)| (*line, LineRecord::fresh(*line, name.as_str()));
        let stock: BTreeMap<_, _> =
            opening.menu.iter().filter_map(|(item, left)| left.map(|left| (item.id.clone(), left))).collect();
        Self {
            live: Live {
                rev: 0,
                restaurant: opening.restaurant.clone(),
                policy: opening.policy.clone(),
                lines: opening.lines.iter().map(line_record).collect(),
                menu: opening.menu.iter().map(|(item, _)| item.clone()).collect(),
                ledger: stock.clone(),
                stock,
                consumed_before: BTreeMap::new(),
                counter: 0,
                day: 0,
                entries: Entries::default(),
                heartbeat: None,
                outages: Vec::new(),
            },
            events: Vec::new(),
        }
    }

    /// One command.
    pub(crate) fn run(&mut self, actor: &Actor, now: Millis, command: &Command) -> Result<Done, Rejection> {
        let effect = self.act(Act { actor, now }, |live, act| live.decide(act, command))?;
        let index = effect.ticket.as_ref().map(|id| self.live.index_of(id).expect("a command's ticket is kept"));
        let waits = |&index: &usize| self.live.entries[index].ticket.state == TicketState::Waiting;
        Ok(Done {
            ticket: index.map(|index| self.live.entries[index].ticket.clone()),
            ahead: index.filter(waits).map(|index| self.live.ahead(index).len() as u32),
            pace: None,
            dropped: effect.dropped,
            left: effect.item.map(|item| self.live.stock.get(&item).copied().unwrap_or(-1)),
        })
    }

    /// Runs on a copy; when accepted, the copy becomes the live state and the difference an event.
    fn act<F>(&mut self, act: Act<'_>, decide: F) -> Result<Effect, Rejection>
    where
        F: FnOnce(&mut Live, Act<'_>) -> Result<Effect, Rejection>,
    {
        let mut next = self.live.clone();
        let effect = decide(&mut next, act)?;
        if let Some(name) = effect.event {
            next.rev += 1;
            next.assert_invariants();
            self.events.push(difference(&self.live, &next, act, name, &effect));
        }
        self.live = next;
        Ok(effect)
    }

    /// The id of the ticket of the day with this number and code.
    pub(crate) fn find(&mut self, number: &str, code: &str) -> Result<TicketId, Rejection> {
        const TRIES_MAX: u32 = 5;
        let today = self.live.day;
        let entries = &mut self.live.entries;
        let with_number = |entry: &Entry| entry.day == today && entry.ticket.number == number;
        let index = entries.iter().position(with_number).ok_or(Rejection::NotFound)?;
        if entries[index].tries < TRIES_MAX && entries[index].ticket.code == code {
            return Ok(entries[index].ticket.id.clone());
        }
        entries[index].tries += 1;
        Err(Rejection::NotFound)
    }

    /// Everything a screen shows, read at `at`.
    pub(crate) fn snapshot(&self, at: Millis) -> Snapshot {
        let live = &self.live;
        let shown = live.entries.iter().filter(|entry| live.is_shown(entry, at));
        Snapshot {
            stamp: Stamp { epoch: 0, rev: live.rev },
            at,
            restaurant: live.restaurant.clone(),
            policy: live.policy.clone(),
            lines: live.lines.clone(),
            menu: live.menu.clone(),
            stock: live.stock.clone(),
            pace: Pace::new(),
            tickets: shown.map(|entry| entry.ticket.clone()).collect(),
        }
    }
}

impl Live {
    fn decide(&mut self, act: Act<'_>, command: &Command) -> Result<Effect, Rejection> {
        match command {
            Command::Join(join) => self.join(act, join),
            Command::CallNext { line, party_min, party_max, to } => {
                self.call_next(act, *line, (*party_min, *party_max), to.as_deref())
            }
            Command::Call { ticket, reason, to } => self.call(act, ticket, *reason, to.as_deref()),
            Command::Recall { ticket } => self.recall(act, ticket),
            Command::PutBack { ticket, places } => self.put_back(act, ticket, *places),
            Command::Delay { ticket, places } => self.delay(ticket, *places),
            Command::Seat { ticket } => self.seat(act, ticket),
            Command::Complete { ticket } => self.complete(act, ticket),
            Command::Cancel { ticket, reason } => self.cancel(act, ticket, reason.as_deref()),
            Command::NoShow { ticket } => self.no_show(act, ticket),
            Command::Restore { ticket, places } => self.restore(act, ticket, *places),
            Command::Rejoin { ticket } => self.rejoin(act, ticket),
            Command::Undo { ticket } => self.undo(act, ticket),
            Command::CheckIn { ticket, present } => self.check_in(ticket, *present),
            Command::Edit { ticket, edit } => self.edit(ticket, edit),
            Command::Announce { text, until } => self.announce(act, text, *until),
            Command::RestaurantSet(state) => self.restaurant_set(act, state),
            Command::LineSet { line, state } => self.line_set(act, *line, state),
            Command::PolicySet(policy) => self.policy_set(policy),
            Command::StockSet { item, left } => self.stock_set(item, *left),
            Command::StockAdjust { item, by } => self.stock_adjust(item, *by),
        }
    }

    pub(crate) fn index_of(&self, id: &TicketId) -> Option<usize> {
        self.entries.iter().position(|entry| entry.ticket.id == *id)
    }

    /// Where a ticket stands, or `not_found`.
    fn existing(&self, id: &TicketId) -> Result<usize, Rejection> {
        self.index_of(id).ok_or(Rejection::NotFound)
    }

    fn existing_line(&self, line: LineId) -> Result<(), Rejection> {
        if self.lines.contains_key(&line) { Ok(()) } else { Err(Rejection::NotFound) }
    }

    /// Invariant: a missed ticket of a day that is over cannot act any more, whatever its state says.
    pub(crate) fn is_state(&self, index: usize, states: &[TicketState]) -> bool {
        let entry = &self.entries[index];
        entry.is(states) && (entry.day == self.day || entry.ticket.state != TicketState::NoShow)
    }

    fn state_else_wrong(&self, index: usize, states: &[TicketState]) -> Result<(), Rejection> {
        if self.is_state(index, states) { Ok(()) } else { Err(Rejection::WrongState) }
    }

    /// Waiting, called, seated, missed today, and final ones that can be undone.
    fn is_shown(&self, entry: &Entry, at: Millis) -> bool {
        match entry.ticket.state {
            TicketState::Waiting | TicketState::Called | TicketState::Seated => true,
            TicketState::NoShow | TicketState::Other => entry.day == self.day,
            TicketState::Completed | TicketState::Cancelled => entry.ticket.undo_until.is_some_and(|until| until > at),
        }
    }

    fn assert_invariants(&self) {
        self.assert_stock_conserved();
        for &line in self.lines.keys() {
            let orders: Vec<_> = self.queue(line).iter().map(|&index| &self.entries[index].ticket.order).collect();
            assert!(orders.is_sorted_by(|a, b| a < b), "two wait at one place of line {line}: {orders:?}");
        }
        let holders = self.entries.iter().filter(|entry| entry.is(&[TicketState::Waiting, TicketState::Called]));
        let mut held: Vec<_> = holders.flat_map(|entry| &entry.guards).collect();
        held.sort_unstable();
        assert!(held.is_sorted_by(|a, b| a < b), "two active tickets hold one guard");
        for entry in self.entries.iter() {
            let ticket = &entry.ticket;
            assert_eq!(ticket.grace_until.is_some(), ticket.state == TicketState::Called, "{ticket:?}");
            assert_eq!(ticket.undo_until, entry.undo.as_ref().map(|record| record.until), "{ticket:?}");
        }
    }
}

/// The event that leads from one live state to the next.
fn difference(before: &Live, after: &Live, act: Act<'_>, name: &str, effect: &Effect) -> Event {
    let changed = |entry: &&Entry| {
        let ticket = &entry.ticket;
        let former = before.index_of(&ticket.id).map(|index| &before.entries[index].ticket);
        former != Some(ticket) || effect.ticket.as_ref() == Some(&ticket.id)
    };
    let items = after.stock.keys().chain(before.stock.keys());
    let stock_changes = items
        .filter(|&item| before.stock.get(item) != after.stock.get(item) || effect.item.as_ref() == Some(item))
        .map(|item| (item.clone(), after.stock.get(item).copied().unwrap_or(-1)));
    Event {
        aggregate: format!("restaurant:{}", after.restaurant.id),
        epoch: 0,
        rev: after.rev,
        at: act.now,
        name: name.to_owned(),
        by: act.actor.clone(),
        ticket: effect.ticket.clone(),
        line: None,
        item: effect.item.clone(),
        reason: None,
        tickets: after
            .entries
            .touched_since(&before.entries)
            .filter(changed)
            .map(|entry| entry.ticket.clone())
            .collect(),
        lines: after.lines.values().filter(|line| before.lines.get(&line.line) != Some(line)).cloned().collect(),
        stock: stock_changes.collect(),
        restaurant: (before.restaurant != after.restaurant).then(|| after.restaurant.clone()),
        policy: (before.policy != after.policy).then(|| after.policy.clone()),
        menu: None,
        pace: Pace::new(),
    }
}
