//! Wake-ups. A bell says only "look again": what a watcher tells its client it decides by looking at the room.
//!
//! Boards and consoles are rung together, phones by their ticket, so that a call far ahead does not wake ten thousand
//! of them. Who is rung in vain looks and finds nothing new.

use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasher as _, RandomState},
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
};

use crate::domain::TicketId;

/// Who looks after watchers and lets them look again: a shard of the socket loop.
pub(super) trait Ringer: Send + Sync {
    /// These of its watchers, by their number, are to look again.
    fn ring(&self, watchers: &mut dyn Iterator<Item = u32>);
}

/// Where a watcher is reached.
#[derive(Clone)]
pub(super) struct Bell {
    /// Who looks after it.
    pub(super) ringer: Arc<dyn Ringer>,
    /// Its number there.
    pub(super) number: u32,
}

/// A ticket, hashed: two that meet are rung together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct TicketKey(u64);

impl TicketKey {
    pub(super) fn of(ticket: &TicketId) -> Self {
        static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        Self(HASHER.hash_one(ticket))
    }
}

/// The bells of a room.
#[derive(Default)]
pub(super) struct Bells {
    floors: Mutex<Vec<Floor>>,
}

/// The watchers of one ringer.
struct Floor {
    ringer: Arc<dyn Ringer>,
    screens: HashSet<u32>,
    phones: HashMap<TicketKey, Numbers>,
}

/// Mostly one: a phone of its own.
enum Numbers {
    One(u32),
    Many(Vec<u32>),
}

impl Numbers {
    fn as_slice(&self) -> &[u32] {
        match self {
            Self::One(number) => std::slice::from_ref(number),
            Self::Many(numbers) => numbers,
        }
    }

    fn add(&mut self, number: u32) {
        match self {
            Self::One(first) => *self = Self::Many(vec![*first, number]),
            Self::Many(numbers) => numbers.push(number),
        }
    }

    /// One less; true when none is left.
    fn remove(&mut self, number: u32) -> bool {
        match self {
            Self::One(only) => *only == number,
            Self::Many(numbers) => {
                numbers.retain(|known| *known != number);
                numbers.is_empty()
            }
        }
    }
}

impl Bells {
    /// From now on this watcher is rung: with its ticket, or with the screens.
    pub(super) fn join(&self, bell: &Bell, ticket: Option<TicketKey>) {
        let mut floors = self.floors();
        let known = floors.iter().position(|floor| Arc::ptr_eq(&floor.ringer, &bell.ringer));
        let index = known.unwrap_or_else(|| {
            let ringer = Arc::clone(&bell.ringer);
            floors.push(Floor { ringer, screens: HashSet::new(), phones: HashMap::new() });
            floors.len() - 1
        });
        let Floor { screens, phones, .. } = &mut floors[index];
        match ticket {
            None => drop(screens.insert(bell.number)),
            Some(ticket) => {
                let one = Numbers::One(bell.number);
                phones.entry(ticket).and_modify(|numbers| numbers.add(bell.number)).or_insert(one);
            }
        }
    }

    /// It is not rung any more.
    pub(super) fn leave(&self, bell: &Bell, ticket: Option<TicketKey>) {
        let mut floors = self.floors();
        let Some(index) = floors.iter().position(|floor| Arc::ptr_eq(&floor.ringer, &bell.ringer)) else { return };
        let Floor { screens, phones, .. } = &mut floors[index];
        match ticket {
            None => drop(screens.remove(&bell.number)),
            Some(ticket) => {
                if phones.get_mut(&ticket).is_some_and(|numbers| numbers.remove(bell.number)) {
                    phones.remove(&ticket);
                }
            }
        }
        if screens.is_empty() && phones.is_empty() {
            floors.swap_remove(index);
        }
    }

    /// Wakes boards and consoles.
    pub(super) fn ring_screens(&self) {
        for Floor { ringer, screens, .. } in &*self.floors() {
            if !screens.is_empty() {
                ringer.ring(&mut screens.iter().copied());
            }
        }
    }

    /// Wakes the phones of some tickets.
    pub(super) fn ring_phones<'a>(&self, tickets: impl Iterator<Item = &'a TicketId>) {
        let tickets: HashSet<TicketKey> = tickets.map(TicketKey::of).collect();
        for Floor { ringer, phones, .. } in &*self.floors() {
            let rung = tickets.iter().filter_map(|ticket| phones.get(ticket)).flat_map(Numbers::as_slice);
            let mut rung = rung.copied().peekable();
            if rung.peek().is_some() {
                ringer.ring(&mut rung);
            }
        }
    }

    /// Wakes everybody.
    pub(super) fn ring_all(&self) {
        for Floor { ringer, screens, phones } in &*self.floors() {
            let phones = phones.values().flat_map(Numbers::as_slice);
            ringer.ring(&mut screens.iter().chain(phones).copied());
        }
    }

    /// Tickets that somebody watches.
    #[cfg(test)]
    pub(super) fn phones_len(&self) -> usize {
        self.floors().iter().map(|floor| floor.phones.len()).sum()
    }

    fn floors(&self) -> MutexGuard<'_, Vec<Floor>> {
        self.floors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
