//! Who stands where in one line.
//!
//! Invariant: `ahead` of any waiting ticket is found without walking the line, however long it is: phones ask for it at
//! every change. The waiting are kept sorted, one queue per party-size class, so the class's own count costs nothing.

use std::{cmp::Ordering, collections::VecDeque, sync::Arc};

use crate::domain::{Ticket, TicketState, estimate::class};

/// Party-size classes there are, see [`class`].
const CLASSES: usize = 3;

/// Waiting tickets before one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ahead {
    /// Of the whole line.
    pub total: u32,
    /// Of the party-size class.
    pub of_class: u32,
}

/// The waiting of a line, by order as text, then id.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Waiting {
    classes: [VecDeque<Placed>; CLASSES],
    onsite: u32,
}

/// A waiting ticket, with so much of its place beside it that finding one touches few tickets.
#[derive(Clone, Debug, PartialEq)]
struct Placed {
    /// The beginning of its order, as a number that compares like the text.
    key: u128,
    ticket: Arc<Ticket>,
}

impl Placed {
    fn compare(&self, key: u128, ticket: &Ticket) -> Ordering {
        self.key.cmp(&key).then_with(|| by_place(&self.ticket, ticket))
    }
}

fn key_of(ticket: &Ticket) -> u128 {
    let order = ticket.order.as_bytes();
    let mut key = [0; size_of::<u128>()];
    let len = order.len().min(key.len());
    key[..len].copy_from_slice(&order[..len]);
    u128::from_be_bytes(key)
}

impl Waiting {
    const NOBODY: Self = Self { classes: [const { VecDeque::new() }; CLASSES], onsite: 0 };

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.classes.iter().map(|class| count(class.len())).sum()
    }

    /// Whether nobody waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.classes.iter().all(VecDeque::is_empty)
    }

    /// How many of them are at the restaurant.
    #[must_use]
    pub fn onsite(&self) -> u32 {
        self.onsite
    }

    /// How many wait in the class of a party of this size.
    #[must_use]
    pub fn len_of_class(&self, party: u32) -> u32 {
        count(self.classes[index(party)].len())
    }

    /// How many stand before this place.
    #[must_use]
    pub fn ahead(&self, ticket: &Ticket) -> Ahead {
        let key = key_of(ticket);
        let before =
            |class: &VecDeque<Placed>| count(class.partition_point(|other| other.compare(key, ticket).is_lt()));
        Ahead { total: self.classes.iter().map(before).sum(), of_class: before(&self.classes[index(ticket.party())]) }
    }

    /// All of them, by place.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Ticket>> {
        let mut next = [0; CLASSES];
        std::iter::from_fn(move || {
            let heads = self.classes.iter().zip(next).enumerate();
            let heads = heads.filter_map(|(index, (class, next))| Some((index, &class.get(next)?.ticket)));
            let (index, ticket) = heads.min_by(|(_, a), (_, b)| by_place(a, b))?;
            next[index] += 1;
            Some(ticket)
        })
    }

    fn put(&mut self, ticket: &Arc<Ticket>) {
        let class = &mut self.classes[index(ticket.party())];
        let key = key_of(ticket);
        let place = class.partition_point(|other| other.compare(key, ticket).is_lt());
        class.insert(place, Placed { key, ticket: Arc::clone(ticket) });
        self.onsite += u32::from(ticket.checked_in);
    }

    fn remove(&mut self, ticket: &Ticket) {
        let class = &mut self.classes[index(ticket.party())];
        let key = key_of(ticket);
        if let Ok(place) = class.binary_search_by(|other| other.compare(key, ticket)) {
            class.remove(place);
            self.onsite -= u32::from(ticket.checked_in);
        }
    }
}

/// Everybody of a line whom screens list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standing {
    waiting: Waiting,
    called: Vec<Arc<Ticket>>,
    missed: Vec<Arc<Ticket>>,
}

/// A line without anybody.
pub(super) static NOBODY: Standing = Standing { waiting: Waiting::NOBODY, called: Vec::new(), missed: Vec::new() };

/// Whether a ticket in this state stands anywhere.
pub(super) fn lists(state: TicketState) -> bool {
    matches!(state, TicketState::Waiting | TicketState::Called | TicketState::NoShow)
}

impl Standing {
    /// Those who wait.
    #[must_use]
    pub fn waiting(&self) -> &Waiting {
        &self.waiting
    }

    /// Those who are called, newest call first.
    #[must_use]
    pub fn called(&self) -> &[Arc<Ticket>] {
        &self.called
    }

    /// Those who did not come, newest first.
    #[must_use]
    pub fn missed(&self) -> &[Arc<Ticket>] {
        &self.missed
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.called.is_empty() && self.missed.is_empty()
    }

    pub(super) fn put(&mut self, ticket: &Arc<Ticket>) {
        match ticket.state {
            TicketState::Waiting => self.waiting.put(ticket),
            TicketState::Called => put_newest_first(&mut self.called, ticket, |ticket| ticket.called_at),
            TicketState::NoShow => put_newest_first(&mut self.missed, ticket, |ticket| ticket.missed_at),
            TicketState::Seated | TicketState::Completed | TicketState::Cancelled | TicketState::Other => {}
        }
    }

    pub(super) fn remove(&mut self, ticket: &Ticket) {
        match ticket.state {
            TicketState::Waiting => self.waiting.remove(ticket),
            TicketState::Called => self.called.retain(|other| other.id != ticket.id),
            TicketState::NoShow => self.missed.retain(|other| other.id != ticket.id),
            TicketState::Seated | TicketState::Completed | TicketState::Cancelled | TicketState::Other => {}
        }
    }
}

fn put_newest_first<T: Ord>(list: &mut Vec<Arc<Ticket>>, ticket: &Arc<Ticket>, at: fn(&Ticket) -> T) {
    let key = |ticket: &Ticket| (at(ticket), ticket.id.clone());
    let place = list.partition_point(|other| key(other) > key(ticket));
    list.insert(place, Arc::clone(ticket));
}

fn by_place(a: &Ticket, b: &Ticket) -> Ordering {
    a.order.cmp(&b.order).then_with(|| a.id.cmp(&b.id))
}

fn index(party: u32) -> usize {
    usize::from(class(party)) - 1
}

fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
