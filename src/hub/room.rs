//! What everybody who looks at one restaurant shares. Read by watchers and HTTP, written by its keeper alone.

use std::sync::{
    Arc, Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use tokio::{
    sync::Notify,
    time::{Instant, timeout, timeout_at},
};

use super::{
    SourceError, Text,
    bells::Bells,
    frames::{Deltas, Key, Shared},
    registry::Inner,
    state::State,
};
use crate::{
    domain::{Millis, RestaurantId, Stamp, Ticket, TicketId, replica::Replica, replica::keeps},
    protocol::{CloseCode, FrameType, Heading, TicketFrame, board_frame, join_url, queue_frame, ticket_frame},
};

/// A restaurant that this server follows.
pub struct Room {
    pub(super) id: RestaurantId,
    pub(super) hub: Arc<Inner>,
    pub(super) bells: Bells,
    /// Why watchers have to go; set once, by the keeper.
    pub(super) ended: OnceLock<CloseCode>,
    /// Wakes the keeper: see `outside`.
    pub(super) nudge: Notify,
    pub(super) outside: Mutex<Outside>,
    /// Wakes those who wait in [`Room::settled`].
    pub(super) applied: Notify,
    state: RwLock<State>,
    boards: Shared,
    door_boards: Shared,
    queues: Shared,
    deltas: Deltas,
    watchers: AtomicUsize,
    used_at: Mutex<Instant>,
}

/// What others have told the keeper and it has not taken up yet.
#[derive(Default)]
pub(super) struct Outside {
    /// The source's answer to anti-entropy, with where the room stood when it was asked.
    pub(super) heard: Option<(Stamp, Option<Stamp>)>,
    /// What time it is by the source.
    pub(super) time: Option<Millis>,
    /// A change that this server made itself.
    pub(super) wrote: Option<Stamp>,
}

impl Room {
    pub(super) fn new(id: RestaurantId, hub: Arc<Inner>, state: State) -> Self {
        Self {
            id,
            hub,
            bells: Bells::default(),
            ended: OnceLock::new(),
            nudge: Notify::new(),
            outside: Mutex::default(),
            applied: Notify::new(),
            state: RwLock::new(state),
            boards: Shared::default(),
            door_boards: Shared::default(),
            queues: Shared::default(),
            deltas: Deltas::default(),
            watchers: AtomicUsize::new(0),
            used_at: Mutex::new(Instant::now()),
        }
    }

    /// Looks at the present state. The closure must be quick: changes wait for it.
    pub fn read<R>(&self, look: impl FnOnce(&Replica, Heading) -> R) -> R {
        self.touch();
        let state = self.state();
        look(state.replica(), state.heading(Instant::now(), self.near_ms()))
    }

    /// Whether the state is known to be current.
    #[must_use]
    pub fn live(&self) -> bool {
        self.state().live()
    }

    /// Whether the restaurant was rebuilt on this business day: a ticket that is not there may be one that was lost.
    #[must_use]
    pub fn rebuilt(&self) -> bool {
        self.state().replica().restaurant().rebuilt_at.is_some()
    }

    /// Waits until the room has every change that this server was acknowledged ([`super::Hub::wrote`]) or that the
    /// source was found to have; at most for [`super::HubSettings::answer_max`]. Who reads then, reads what he wrote.
    pub async fn settled(&self) {
        let settled = async {
            loop {
                let applied = self.applied.notified();
                tokio::pin!(applied);
                applied.as_mut().enable();
                let wrote = self.outside.lock().unwrap_or_else(PoisonError::into_inner).wrote;
                if wrote.is_none_or(|stamp| stamp <= self.state().replica().stamp()) {
                    return;
                }
                applied.await;
            }
        };
        drop(timeout(self.hub.settings.answer_max, settled).await);
    }

    /// The `board` frame; with the door code for staff and paired devices only.
    #[must_use]
    pub fn board(&self, door: bool) -> Text {
        self.touch();
        self.board_keyed(door).1
    }

    /// The `queue` frame.
    #[must_use]
    pub fn queue(&self) -> Text {
        self.touch();
        self.queue_keyed().1
    }

    /// The `ticket` frame, also of a ticket that ended. `None`: no such ticket, or no longer.
    ///
    /// # Errors
    /// When it is not shown here and the source does not answer in time.
    pub async fn ticket(&self, id: &TicketId) -> Result<Option<TicketFrame>, SourceError> {
        self.touch();
        let asked_at = Instant::now();
        // What is shown can be answered even if it is not the newest; for the source some time is left.
        drop(timeout(self.hub.settings.answer_max / 4, self.settled()).await);
        timeout_at(asked_at + self.hub.settings.answer_max, self.find_ticket(id))
            .await
            .unwrap_or(Err(SourceError::Unavailable))
    }

    async fn find_ticket(&self, id: &TicketId) -> Result<Option<TicketFrame>, SourceError> {
        if let Some(frame) = self.shown_ticket(id) {
            return Ok(Some(frame));
        }
        let Some(ticket) = self.source_ticket(id).await? else { return Ok(None) };
        let at = self.state().replica().at();
        if keeps(&ticket, at) {
            // It came into the line a moment ago: the room hears of it any moment, or has by now.
            self.await_ticket(id).await;
        }
        let frame = self.shown_ticket(id);
        Ok(Some(frame.unwrap_or_else(|| self.read(|replica, heading| ticket_frame(replica, &ticket, heading)))))
    }

    fn shown_ticket(&self, id: &TicketId) -> Option<TicketFrame> {
        self.read(|replica, heading| replica.ticket(id).map(|ticket| ticket_frame(replica, ticket, heading)))
    }

    /// At most a moment: who asks is answered from what the source knows otherwise.
    async fn await_ticket(&self, id: &TicketId) {
        let shown = async {
            loop {
                let applied = self.applied.notified();
                tokio::pin!(applied);
                applied.as_mut().enable();
                if self.state().replica().ticket(id).is_some() {
                    return;
                }
                applied.await;
            }
        };
        drop(timeout(self.hub.settings.answer_max / 4, shown).await);
    }

    /// A ticket as the source knows it.
    pub(super) async fn source_ticket(&self, id: &TicketId) -> Result<Option<Ticket>, SourceError> {
        if id.restaurant() != self.id {
            return Ok(None);
        }
        let asked = timeout(self.hub.settings.answer_max, self.hub.source.ticket(id.clone()));
        asked.await.unwrap_or(Err(SourceError::Unavailable))
    }
}

/// For watchers: encoded frames, and what they were made from.
impl Room {
    pub(super) fn board_keyed(&self, door: bool) -> (Key, Text) {
        let now = Instant::now();
        let state = self.state();
        let heading = state.heading(now, self.near_ms());
        let key = Key { door: door.then(|| (self.hub.door_codes)(self.id, heading.at)), ..key(&state) };
        let frames = if door { &self.door_boards } else { &self.boards };
        let text = frames.get(key.clone(), self.hub.settings.frame_age_max, now, || {
            let join_url = join_url(&self.hub.public_url, &state.replica().restaurant().slug);
            Text::encode(&board_frame(state.replica(), heading, join_url, key.door.clone()))
        });
        (key, text)
    }

    /// What a board would be made from now.
    pub(super) fn board_key(&self, door: bool) -> Key {
        let state = self.state();
        let at = state.clock().read(Instant::now());
        Key { door: door.then(|| (self.hub.door_codes)(self.id, at)), ..key(&state) }
    }

    pub(super) fn queue_keyed(&self) -> (Key, Text) {
        let now = Instant::now();
        let state = self.state();
        let heading = state.heading(now, self.near_ms());
        let key = key(&state);
        let text = self.queues.get(key.clone(), self.hub.settings.frame_age_max, now, || {
            Text::encode(&queue_frame(state.replica(), heading))
        });
        (key, text)
    }

    /// What brings a console from a version to the present one: a delta, or the whole queue.
    pub(super) fn changes_since(&self, version: u64) -> (Key, FrameType, Text) {
        let delta = {
            let state = self.state();
            let key = key(&state);
            let heading = state.heading(Instant::now(), self.near_ms());
            let encode = || state.delta(version, heading).map(|delta| Text::encode(&delta));
            self.deltas.get(version, key.clone(), encode).map(|text| (key, FrameType::Delta, text))
        };
        delta.unwrap_or_else(|| {
            let (key, text) = self.queue_keyed();
            (key, FrameType::Queue, text)
        })
    }

    /// The state, as a watcher reads it. Quick, and never across an await.
    pub(super) fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state. For the keeper alone.
    pub(super) fn write<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        change(&mut self.state.write().unwrap_or_else(PoisonError::into_inner))
    }

    fn near_ms(&self) -> u32 {
        millis(self.hub.settings.tick_near)
    }
}

/// Who uses it.
impl Room {
    /// One watcher more, unless that makes more than `max`.
    pub(super) fn enter(&self, max: usize) -> bool {
        let admitted = self.watchers.fetch_add(1, SeqCst) < max;
        if !admitted {
            self.watchers.fetch_sub(1, SeqCst);
        }
        admitted
    }

    /// One watcher less.
    pub(super) fn exit(&self) {
        self.touch();
        self.watchers.fetch_sub(1, SeqCst);
        // The keeper may be about to wait for a minute that now is half a minute.
        self.nudge.notify_one();
    }

    pub(super) fn touch(&self) {
        *self.used_at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// When its keeper may leave, unless it is used until then; `None` while it is watched.
    pub(super) fn idle_at(&self) -> Option<Instant> {
        let used_at = *self.used_at.lock().unwrap_or_else(PoisonError::into_inner);
        (self.watchers.load(SeqCst) == 0).then(|| used_at + self.hub.settings.linger)
    }
}

fn key(state: &State) -> Key {
    Key { version: state.version(), live: state.live(), door: None }
}

/// A duration on the wire.
pub(super) fn millis(duration: std::time::Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}
