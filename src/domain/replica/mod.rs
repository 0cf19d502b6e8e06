//! A restaurant's live state as a server sees it: a snapshot, then events applied in order.
//!
//! Applying is replacing: an event carries the new value of everything it changed. The replica keeps what screens
//! show and forgets the rest: a final ticket leaves it when it can no longer be undone ([`keeps`]).
//!
//! Invariant: after `apply` of every event up to a rev, and `lapse` up to its time, the replica equals one made from a
//! snapshot taken at that rev and time.

mod standing;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

pub use standing::{Ahead, Standing, Waiting};

use super::{
    Event, LineId, LineRecord, MenuItem, Millis, Policy, RestaurantRecord, Stamp, Ticket, TicketId, TicketState,
    estimate::{Eta, class, estimate},
    event::{Pace, PaceRecord},
};

/// Everything the snapshot script reads, at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// Which state this is.
    pub stamp: Stamp,
    /// Redis's clock when it was read.
    pub at: Millis,
    /// The restaurant.
    pub restaurant: RestaurantRecord,
    /// Its rules.
    pub policy: Policy,
    /// Its lines, by letter.
    pub lines: BTreeMap<LineId, LineRecord>,
    /// Its menu, in order.
    pub menu: Vec<MenuItem>,
    /// Units left per counted item.
    pub stock: BTreeMap<String, i64>,
    /// Recent seatings.
    pub pace: Pace,
    /// Waiting, called, seated and missed tickets, and final ones that can be undone.
    pub tickets: Vec<Ticket>,
}

/// An event that does not follow the replica's rev.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event is missing")]
pub struct Gap;

/// What one event did to a replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It was taken in; these tickets left the replica with it.
    Yes {
        /// Final ones, and those whose undo lapsed by the event's time.
        gone: Vec<TicketId>,
    },
    /// It was known already.
    Old,
}

/// Whether live screens still show a ticket at this time: waiting, called and seated ones; missed ones, and those in a
/// state that only a newer server knows, until they end; completed and cancelled ones while that can be undone.
#[must_use]
pub fn keeps(ticket: &Ticket, at: Millis) -> bool {
    match ticket.state {
        TicketState::Waiting | TicketState::Called | TicketState::Seated => true,
        TicketState::NoShow | TicketState::Other => ticket.ended.is_none(),
        TicketState::Completed | TicketState::Cancelled => ticket.undo_until.is_some_and(|until| until > at),
    }
}

/// Where a waiting ticket stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// Waiting tickets of its line before it.
    pub ahead: u32,
    /// How long it will wait: by the seatings of its class and those of its class ahead of it.
    pub eta: Option<Eta>,
}

/// A snapshot that events are applied to, with its tickets by id and by place.
#[derive(Clone, Debug, PartialEq)]
pub struct Replica {
    stamp: Stamp,
    at: Millis,
    restaurant: RestaurantRecord,
    policy: Policy,
    lines: BTreeMap<LineId, LineRecord>,
    menu: Vec<MenuItem>,
    stock: BTreeMap<String, i64>,
    pace: Pace,
    /// Looked into by every phone at every change. The ids are ours, so nobody can choose ones that collide.
    tickets: foldhash::HashMap<TicketId, Arc<Ticket>>,
    // Invariant: what follows is derived from `tickets`, which only `put` and `remove` change.
    standings: BTreeMap<LineId, Standing>,
    lapses: BTreeSet<(Millis, TicketId)>,
}

impl Replica {
    /// The state of a snapshot.
    #[must_use]
    pub fn new(snapshot: Snapshot) -> Self {
        let Snapshot { stamp, at, restaurant, policy, lines, menu, stock, pace, tickets } = snapshot;
        let mut replica = Self {
            stamp,
            at,
            restaurant,
            policy,
            lines,
            menu,
            stock,
            pace,
            tickets: foldhash::HashMap::default(),
            standings: BTreeMap::new(),
            lapses: BTreeSet::new(),
        };
        for ticket in tickets {
            if keeps(&ticket, at) {
                replica.put(Arc::new(ticket));
            }
        }
        replica
    }

    /// Takes in one event.
    ///
    /// # Errors
    /// [`Gap`] when it belongs to a later epoch or skips a rev: read a new snapshot. Nothing has changed then.
    pub fn apply(&mut self, event: &Event) -> Result<Applied, Gap> {
        if event.stamp() <= self.stamp {
            return Ok(Applied::Old);
        }
        if event.epoch != self.stamp.epoch || event.rev != self.stamp.rev + 1 {
            return Err(Gap);
        }
        self.stamp = event.stamp();
        self.at = self.at.max(event.at);
        if let Some(restaurant) = &event.restaurant {
            self.restaurant = restaurant.clone();
        }
        if let Some(policy) = &event.policy {
            self.policy = policy.clone();
        }
        if let Some(menu) = &event.menu {
            self.menu.clone_from(menu);
        }
        for line in &event.lines {
            self.lines.insert(line.line, line.clone());
        }
        for (item, &left) in &event.stock {
            if left < 0 {
                self.stock.remove(item);
            } else {
                self.stock.insert(item.clone(), left);
            }
        }
        for (class, pace) in &event.pace {
            self.pace.insert(class.clone(), pace.clone());
        }
        let mut gone = Vec::new();
        for ticket in &event.tickets {
            let known = self.remove(&ticket.id).is_some();
            if keeps(ticket, self.at) {
                self.put(Arc::new(ticket.clone()));
            } else if known {
                gone.push(ticket.id.clone());
            }
        }
        gone.extend(self.lapse(self.at));
        Ok(Applied::Yes { gone })
    }

    /// Forgets the final tickets that can no longer be undone at this time, and says which.
    pub fn lapse(&mut self, at: Millis) -> Vec<TicketId> {
        self.at = self.at.max(at);
        let mut gone = Vec::new();
        while let Some((until, id)) = self.lapses.first().cloned()
            && until <= at
        {
            self.remove(&id);
            gone.push(id);
        }
        gone
    }

    /// When [`Replica::lapse`] next has something to forget.
    #[must_use]
    pub fn next_lapse(&self) -> Option<Millis> {
        self.lapses.first().map(|(until, _)| *until)
    }

    fn put(&mut self, ticket: Arc<Ticket>) {
        if let (TicketState::Completed | TicketState::Cancelled, Some(until)) = (ticket.state, ticket.undo_until) {
            self.lapses.insert((until, ticket.id.clone()));
        }
        if standing::lists(ticket.state) {
            self.standings.entry(ticket.line).or_default().put(&ticket);
        }
        self.tickets.insert(ticket.id.clone(), ticket);
    }

    fn remove(&mut self, id: &TicketId) -> Option<Arc<Ticket>> {
        let ticket = self.tickets.remove(id)?;
        if let Some(until) = ticket.undo_until {
            self.lapses.remove(&(until, id.clone()));
        }
        if let Some(standing) = self.standings.get_mut(&ticket.line) {
            standing.remove(&ticket);
            if standing.is_empty() {
                self.standings.remove(&ticket.line);
            }
        }
        Some(ticket)
    }
}

/// What screens ask.
impl Replica {
    /// Which state this is.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// The latest time it knows of, by Redis's clock.
    #[must_use]
    pub fn at(&self) -> Millis {
        self.at
    }

    /// The restaurant.
    #[must_use]
    pub fn restaurant(&self) -> &RestaurantRecord {
        &self.restaurant
    }

    /// Its rules.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Its lines, by letter.
    #[must_use]
    pub fn lines(&self) -> &BTreeMap<LineId, LineRecord> {
        &self.lines
    }

    /// Its menu, in order.
    #[must_use]
    pub fn menu(&self) -> &[MenuItem] {
        &self.menu
    }

    /// Units left of an item; `None` when it is not counted.
    #[must_use]
    pub fn left(&self, item: &str) -> Option<i64> {
        self.stock.get(item).copied()
    }

    /// A ticket that is still shown.
    #[must_use]
    pub fn ticket(&self, id: &TicketId) -> Option<&Arc<Ticket>> {
        self.tickets.get(id)
    }

    /// All that are still shown, by id.
    pub fn tickets(&self) -> impl Iterator<Item = &Arc<Ticket>> {
        let mut tickets: Vec<_> = self.tickets.values().collect();
        tickets.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        tickets.into_iter()
    }

    /// Who waits, was called and was missed in a line.
    #[must_use]
    pub fn standing(&self, line: LineId) -> &Standing {
        self.standings.get(&line).unwrap_or(&standing::NOBODY)
    }

    /// How many wait before a ticket; `None` unless it waits.
    #[must_use]
    pub fn ahead(&self, ticket: &Ticket) -> Option<Ahead> {
        (ticket.state == TicketState::Waiting).then(|| self.standing(ticket.line).waiting().ahead(ticket))
    }

    /// Where a ticket stands; `None` unless it waits.
    #[must_use]
    pub fn place(&self, ticket: &Ticket) -> Option<Place> {
        let ahead = self.ahead(ticket)?;
        Some(Place { ahead: ahead.total, eta: estimate(self.pace(ticket.line, ticket.party()), ahead.of_class, None) })
    }

    /// How long a party that joins this line now will wait.
    #[must_use]
    pub fn eta_of_next(&self, line: LineId, party: u32) -> Option<Eta> {
        self.eta_at(line, party, None)
    }

    /// How long a party will wait that now gets the place behind so many others of the line; `None`: behind all.
    #[must_use]
    pub fn eta_at(&self, line: LineId, party: u32, place: Option<u32>) -> Option<Eta> {
        let waiting = self.standing(line).waiting();
        let ahead = match place {
            None => waiting.len_of_class(party),
            Some(place) => {
                let of_class = |ticket: &&Arc<Ticket>| class(ticket.party()) == class(party);
                let ahead = waiting.iter().take(place as usize).filter(of_class).count();
                u32::try_from(ahead).unwrap_or(u32::MAX)
            }
        };
        estimate(self.pace(line, party), ahead, None)
    }

    fn pace(&self, line: LineId, party: u32) -> Option<&PaceRecord> {
        // `A1`, without an allocation: phones ask at every change.
        let key = [line.letter() as u8, b'0' + class(party)];
        self.pace.get(std::str::from_utf8(&key).ok()?)
    }
}

#[cfg(test)]
mod tests;
