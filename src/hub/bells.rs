//! Wake-ups. A bell says only "look again": what a watcher tells its client it decides by looking at the room.
//!
//! Boards and consoles share one bell, a phone has its ticket's own, so that a call far ahead does not wake ten
//! thousand tasks.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use crate::domain::TicketId;

/// A wake-up for some watchers. Prepare for it before looking, wait for it afterwards: then none is missed.
pub(super) type Bell = Arc<Notify>;

/// The bells of a room.
#[derive(Default)]
pub(super) struct Bells {
    screens: Bell,
    phones: Mutex<HashMap<TicketId, Bell>>,
}

impl Bells {
    /// The bell of boards and consoles.
    pub(super) fn screens(&self) -> Bell {
        Arc::clone(&self.screens)
    }

    /// The bell of a ticket's phones. Give it back with [`Bells::leave`].
    pub(super) fn join(&self, ticket: &TicketId) -> Bell {
        Arc::clone(self.phones().entry(ticket.clone()).or_default())
    }

    /// One phone less. The last one takes the bell away; a bell that others hold stays.
    pub(super) fn leave(&self, ticket: &TicketId, bell: &Bell) {
        let mut phones = self.phones();
        // Two: the map's and the caller's. Nobody can take another while the map is locked.
        if Arc::strong_count(bell) == 2 && phones.get(ticket).is_some_and(|known| Arc::ptr_eq(known, bell)) {
            phones.remove(ticket);
        }
    }

    /// Wakes boards and consoles.
    pub(super) fn ring_screens(&self) {
        self.screens.notify_waiters();
    }

    /// Wakes the phones of some tickets.
    pub(super) fn ring_phones<'a>(&self, tickets: impl Iterator<Item = &'a TicketId>) {
        let phones = self.phones();
        for bell in tickets.filter_map(|ticket| phones.get(ticket)) {
            bell.notify_waiters();
        }
    }

    /// Wakes everybody.
    pub(super) fn ring_all(&self) {
        self.ring_screens();
        for bell in self.phones().values() {
            bell.notify_waiters();
        }
    }

    /// Tickets that somebody watches.
    #[cfg(test)]
    pub(super) fn phones_len(&self) -> usize {
        self.phones().len()
    }

    fn phones(&self) -> MutexGuard<'_, HashMap<TicketId, Bell>> {
        self.phones.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
