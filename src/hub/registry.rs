//! The rooms of this server: who asks for one gets it, entered once however many ask at the same time.
//!
//! Invariant: at most one keeper per restaurant is subscribed. A room that is being left stays in the map until its
//! subscription has ended, so that its end can never be its successor's.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use dashmap::DashMap;
use tokio::{
    sync::{Notify, watch},
    time::{Instant, timeout},
};
use url::Url;

use super::{
    HubSettings, Room, Source, SourceError, Stats, anti_entropy, keeper,
    limits::Counters,
    watch::{Watch, WatchError, Watcher},
};
use crate::domain::{Millis, RestaurantId, Stamp};

/// The door code of a restaurant at a time.
pub type DoorCodes = Arc<dyn Fn(RestaurantId, Millis) -> String + Send + Sync>;

/// Everybody who is connected to this server. Cheap to clone; its tasks end with the last clone and room.
#[derive(Clone)]
pub struct Hub {
    inner: Arc<Inner>,
}

/// What all rooms share.
pub(super) struct Inner {
    pub(super) source: Arc<dyn Source>,
    pub(super) settings: HubSettings,
    pub(super) public_url: Url,
    pub(super) door_codes: DoorCodes,
    pub(super) rooms: DashMap<RestaurantId, Arc<Slot>>,
    pub(super) counters: Counters,
    pub(super) drain: OnceLock<Drain>,
    /// Rung when a watcher has gone.
    pub(super) departed: Notify,
}

/// A room's place in the map.
pub(super) struct Slot {
    pub(super) phase: watch::Sender<Phase>,
}

/// Where a room is in its life.
#[derive(Clone)]
pub(super) enum Phase {
    Entering,
    Open(Arc<Room>),
    Leaving,
    /// No longer in the map; with the reason when it could not be entered.
    Gone(Option<SourceError>),
}

/// A server that stops.
pub(super) struct Drain {
    pub(super) reason: String,
    pub(super) since: Instant,
    pub(super) spread: Duration,
}

impl Hub {
    /// A hub without rooms. Must be called within a tokio runtime.
    #[must_use]
    pub fn new(source: Arc<dyn Source>, settings: HubSettings, public_url: Url, door_codes: DoorCodes) -> Self {
        let inner = Arc::new(Inner {
            source,
            settings,
            public_url,
            door_codes,
            rooms: DashMap::new(),
            counters: Counters::default(),
            drain: OnceLock::new(),
            departed: Notify::new(),
        });
        tokio::spawn(anti_entropy::run(Arc::downgrade(&inner)));
        Self { inner }
    }

    /// The room of a restaurant, entered if it has none. Works during a drain: requests are finished.
    ///
    /// # Errors
    /// When the source does not know the restaurant or does not answer in time, and while its state is being restored.
    pub async fn room(&self, restaurant: RestaurantId) -> Result<Arc<Room>, SourceError> {
        // A room that is being entered goes on being entered: who asks again may find it.
        let asked = timeout(self.inner.settings.answer_max, self.settled_room(restaurant));
        asked.await.unwrap_or(Err(SourceError::Unavailable))
    }

    async fn settled_room(&self, restaurant: RestaurantId) -> Result<Arc<Room>, SourceError> {
        loop {
            let mut phase = self.inner.phase_of(restaurant).ok_or(SourceError::Unavailable)?;
            let settled = phase.wait_for(|phase| !matches!(phase, Phase::Entering | Phase::Leaving)).await;
            match settled.map(|phase| phase.clone()) {
                Ok(Phase::Open(room)) if room.state().restoring() => return Err(SourceError::Restoring),
                Ok(Phase::Open(room)) => return Ok(room),
                Ok(Phase::Gone(Some(error))) => return Err(error),
                Ok(Phase::Gone(None) | Phase::Entering | Phase::Leaving) | Err(_) => {}
            }
        }
    }

    /// A place for a watcher, before its connection is upgraded. It is free again when the watcher is dropped.
    ///
    /// # Errors
    /// When there is nothing to watch, or no room for one more.
    pub async fn watch(&self, restaurant: RestaurantId, watch: Watch) -> Result<Watcher, WatchError> {
        if self.inner.drain.get().is_some() {
            return Err(WatchError::Draining);
        }
        Watcher::enter(self.room(restaurant).await?, watch).await
    }

    /// A command of this server was acknowledged at this stamp: reads of the restaurant wait for it
    /// ([`Room::settled`]), and if its event does not arrive, the room reads again.
    pub fn wrote(&self, restaurant: RestaurantId, stamp: Stamp) {
        if let Some(room) = self.inner.open_room(restaurant) {
            let mut outside = room.outside.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            outside.wrote = outside.wrote.max(Some(stamp));
            drop(outside);
            room.nudge.notify_one();
        }
    }

    /// Says good-bye to all watchers, spread over what the other servers can take and `spread_max` at most, and lets no
    /// more in. Returns when all are gone, or when the time is over and whoever has not taken the good-bye has had the
    /// chance to.
    pub async fn drain(&self, reason: &str, spread_max: Duration) {
        let spread = self.inner.settings.byes_spread(self.inner.counters.connections()).min(spread_max);
        let drain = Drain { reason: reason.to_owned(), since: Instant::now(), spread };
        if self.inner.drain.set(drain).is_ok() {
            for room in self.inner.open_rooms() {
                room.bells.ring_all();
            }
        }
        let emptied = async {
            loop {
                let departed = self.inner.departed.notified();
                tokio::pin!(departed);
                departed.as_mut().enable();
                if self.inner.counters.connections() == 0 {
                    return;
                }
                departed.await;
            }
        };
        drop(timeout(spread + self.inner.settings.bye_max, emptied).await);
    }

    /// What there is, and what was sent.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.inner.counters.stats(self.inner.rooms.len())
    }
}

impl Inner {
    /// Where the restaurant's room is; a new one is being entered if there was none. `None`: there are too many.
    fn phase_of(self: &Arc<Self>, restaurant: RestaurantId) -> Option<watch::Receiver<Phase>> {
        // Counted before the entry is locked, so that some more may be entered at the same time.
        let full = self.settings.limits && self.rooms.len() >= self.settings.rooms_max;
        if full && !self.rooms.contains_key(&restaurant) {
            return None;
        }
        // The entry stays locked, so a room that is found open and touched here cannot be left at the same time.
        let slot = self.rooms.entry(restaurant).or_insert_with(|| {
            let slot = Arc::new(Slot { phase: watch::Sender::new(Phase::Entering) });
            tokio::spawn(keeper::run(Arc::clone(self), restaurant, Arc::clone(&slot)));
            slot
        });
        if let Phase::Open(room) = &*slot.phase.borrow() {
            room.touch();
        }
        Some(slot.phase.subscribe())
    }

    /// Lets a room go if it still is unused; from then on who asks for it waits for its successor.
    pub(super) fn leave(&self, room: &Room, slot: &Arc<Slot>) -> bool {
        let Some(_locked) = self.rooms.get_mut(&room.id) else { return true };
        let idle = room.idle_at().is_some_and(|idle_at| idle_at <= Instant::now());
        if idle {
            slot.phase.send_replace(Phase::Leaving);
        }
        idle
    }

    /// Takes a room out of the map, but not its successor.
    pub(super) fn remove(&self, restaurant: RestaurantId, slot: &Arc<Slot>, error: Option<SourceError>) {
        self.rooms.remove_if(&restaurant, |_, known| Arc::ptr_eq(known, slot));
        slot.phase.send_replace(Phase::Gone(error));
    }

    /// The rooms that can be read.
    pub(super) fn open_rooms(&self) -> Vec<Arc<Room>> {
        self.rooms.iter().filter_map(|slot| opened(&slot)).collect()
    }

    fn open_room(&self, restaurant: RestaurantId) -> Option<Arc<Room>> {
        self.rooms.get(&restaurant).and_then(|slot| opened(&slot))
    }
}

fn opened(slot: &Slot) -> Option<Arc<Room>> {
    match &*slot.phase.borrow() {
        Phase::Open(room) => Some(Arc::clone(room)),
        Phase::Entering | Phase::Leaving | Phase::Gone(_) => None,
    }
}
