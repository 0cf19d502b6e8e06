//! What a room knows: the replica, how it came to it, and whether it is current. Pure but for the clock it is handed.
//!
//! Invariant: `version` grows with every change of what can be seen, and the log holds the latest changes without a
//! hole, so a console at any logged version can be brought to the present one.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use tokio::time::Instant;

use super::clock::Clock;
use crate::{
    domain::{
        Event, LineId, LineRecord, Millis, Stamp, Ticket, TicketId, TicketState,
        replica::{Applied, Gap, Replica, Snapshot, keeps},
    },
    protocol::{DeltaFrame, Heading, delta_frame},
};

/// One step of `version`: an event, or undos that lapsed.
struct Change {
    prev: Stamp,
    event: Option<Arc<Event>>,
    gone: Vec<TicketId>,
}

/// Who has to look again.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Touched {
    /// Tickets that changed themselves.
    pub(super) tickets: Vec<TicketId>,
    /// Lines in which positions changed.
    pub(super) lines: BTreeSet<LineId>,
    /// Something that every guest sees.
    pub(super) everyone: bool,
    /// Anything at all.
    pub(super) any: bool,
}

/// A room's knowledge.
pub(super) struct State {
    replica: Replica,
    clock: Clock,
    version: u64,
    common: u64,
    log: VecDeque<Change>,
    log_len_max: usize,
    live: bool,
    restoring: bool,
}

impl State {
    pub(super) fn new(snapshot: Snapshot, log_len_max: usize, now: Instant) -> Self {
        Self {
            clock: Clock::new(snapshot.at, now),
            replica: Replica::new(snapshot),
            version: 0,
            common: 0,
            log: VecDeque::new(),
            log_len_max,
            live: true,
            restoring: false,
        }
    }

    pub(super) fn replica(&self) -> &Replica {
        &self.replica
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Changes so far.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// The version at which something changed that every guest sees.
    pub(super) fn common(&self) -> u64 {
        self.common
    }

    pub(super) fn live(&self) -> bool {
        self.live
    }

    /// Whether the source has lost the restaurant's live state and is putting it back.
    pub(super) fn restoring(&self) -> bool {
        self.restoring
    }

    pub(super) fn heading(&self, now: Instant, every_ms: u32) -> Heading {
        Heading { at: self.clock.read(now), live: self.live, every_ms }
    }

    /// The source says that it is `at`.
    pub(super) fn set_clock(&mut self, at: Millis, now: Instant) {
        self.clock.set(at, now);
    }

    /// Says whether the state is current; true when that changes what watchers were told.
    pub(super) fn set_health(&mut self, live: bool, restoring: bool) -> bool {
        let changed = self.live != live;
        (self.live, self.restoring) = (live, restoring);
        changed
    }

    /// Takes in an event and notes who has to look again.
    pub(super) fn apply(&mut self, event: Arc<Event>, now: Instant, touched: &mut Touched) -> Result<(), Gap> {
        let prev = self.replica.stamp();
        let mut lines = BTreeSet::new();
        let mut note_line = |ticket: &Ticket| (ticket.state == TicketState::Waiting).then(|| lines.insert(ticket.line));
        for ticket in &event.tickets {
            self.replica.ticket(&ticket.id).and_then(|known| note_line(known));
            note_line(ticket);
        }
        let everyone = event.restaurant.is_some()
            || event.policy.is_some()
            || event.lines.iter().any(|line| !seen_alike(self.replica.lines().get(&line.line), line));
        let Applied::Yes { gone } = self.replica.apply(&event)? else { return Ok(()) };
        self.clock.heard(event.at, now);
        touched.any = true;
        touched.everyone |= everyone;
        touched.lines.append(&mut lines);
        touched.tickets.extend(event.tickets.iter().map(|ticket| ticket.id.clone()).chain(gone.iter().cloned()));
        self.log(Change { prev, event: Some(event), gone });
        if everyone {
            self.common = self.version;
        }
        Ok(())
    }

    /// Lets undos lapse whose time has come.
    pub(super) fn lapse(&mut self, now: Instant, touched: &mut Touched) {
        let prev = self.replica.stamp();
        let gone = self.replica.lapse(self.clock.read(now));
        if !gone.is_empty() {
            touched.any = true;
            touched.tickets.extend(gone.iter().cloned());
            self.log(Change { prev, event: None, gone });
        }
    }

    /// Takes a snapshot for the state, unless it is older.
    pub(super) fn replace(&mut self, snapshot: Snapshot, now: Instant, touched: &mut Touched) -> Result<(), Older> {
        if snapshot.stamp < self.replica.stamp() {
            return Err(Older);
        }
        self.clock.set(snapshot.at, now);
        if snapshot.stamp > self.replica.stamp() {
            self.replica = Replica::new(snapshot);
            self.version += 1;
            self.common = self.version;
            self.log.clear();
            (touched.any, touched.everyone) = (true, true);
        }
        Ok(())
    }

    /// What changed since a version; `None` when a delta cannot say it.
    pub(super) fn delta(&self, since: u64, heading: Heading) -> Option<DeltaFrame> {
        let len = usize::try_from(self.version - since).ok()?;
        let changes = self.log.range(self.log.len().checked_sub(len)?..);
        let prev = changes.clone().next()?.prev;
        let events = changes.clone().filter_map(|change| change.event.as_deref());
        delta_frame(&self.replica, heading, prev, events, changes.flat_map(|change| &change.gone))
    }

    /// The last state of a ticket that screens no longer show, if its end is still remembered.
    pub(super) fn last_of(&self, id: &TicketId) -> Option<Arc<Ticket>> {
        let events = self.log.iter().rev().filter_map(|change| change.event.as_deref());
        let last = events.flat_map(|event| &event.tickets).find(|ticket| ticket.id == *id)?;
        (!keeps(last, self.replica.at())).then(|| Arc::new(last.clone()))
    }

    fn log(&mut self, change: Change) {
        self.version += 1;
        if self.log.len() == self.log_len_max {
            self.log.pop_front();
        }
        self.log.push_back(change);
    }
}

/// A snapshot that would take the state back.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Older;

/// Whether guests see no difference: counters change with every ticket.
fn seen_alike(known: Option<&LineRecord>, new: &LineRecord) -> bool {
    known.is_some_and(|known| {
        (&known.name, known.state, known.until, &known.reason) == (&new.name, new.state, new.until, &new.reason)
    })
}
