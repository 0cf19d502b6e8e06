//! Keeps one room in step with the source: one task per room, the only one that changes its state.
//!
//! It enters (subscribe, await the confirmation, then snapshot), applies what is delivered, and reads a new snapshot
//! whenever something may be missing: a gap, a full channel (which shows as a gap), a new epoch, an interrupted
//! subscription, or anti-entropy. While a snapshot is read, deliveries wait in their bounded channel.
//!
//! Invariants: one snapshot in flight per room, `snapshot_gap` apart; the room is live only while the source confirms
//! it.

use std::{
    future::{Future, pending},
    pin::Pin,
    sync::{Arc, PoisonError},
};

use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until, timeout},
};

use super::{
    Room, SourceError,
    registry::{Inner, Phase, Slot},
    source::Delivery,
    state::{State, Touched},
};
use crate::{
    domain::{RestaurantId, Stamp, replica::Snapshot},
    protocol::CloseCode,
};

/// Deliveries taken in at once.
const BATCH_LEN_MAX: usize = 64;

type Reading = Pin<Box<dyn Future<Output = Result<Snapshot, SourceError>> + Send>>;

/// Enters a room, keeps it until nobody uses it, and leaves it.
pub(super) async fn run(hub: Arc<Inner>, restaurant: RestaurantId, slot: Arc<Slot>) {
    let mut tenancy = Tenancy { hub: Arc::clone(&hub), restaurant, slot: Arc::clone(&slot), room: None, error: None };
    let (sink, deliveries) = mpsc::channel(hub.settings.deliveries_len_max);
    let entered = async {
        within(&hub, hub.source.subscribe(restaurant, sink)).await?;
        hub.counters.snapshot();
        within(&hub, hub.source.snapshot(restaurant)).await
    };
    match entered.await {
        Err(error) => tenancy.error = Some(error),
        Ok(snapshot) => {
            let now = Instant::now();
            let state = State::new(snapshot, hub.settings.log_len_max, now);
            let room = Arc::new(Room::new(restaurant, Arc::clone(&hub), state));
            tenancy.room = Some(Arc::clone(&room));
            slot.phase.send_replace(Phase::Open(Arc::clone(&room)));
            tenancy.error = Keeper::new(room, deliveries, now).keep(&slot).await.err();
            tenancy.close();
        }
    }
    // While the room still is in the map, so that this ends its own subscription and no other.
    drop(timeout(hub.settings.source_timeout, hub.source.unsubscribe(restaurant)).await);
}

async fn within<T>(hub: &Inner, answer: impl Future<Output = Result<T, SourceError>>) -> Result<T, SourceError> {
    timeout(hub.settings.source_timeout, answer).await.unwrap_or(Err(SourceError::Unavailable))
}

/// Whatever becomes of the task, its room leaves the map and its watchers are told.
struct Tenancy {
    hub: Arc<Inner>,
    restaurant: RestaurantId,
    slot: Arc<Slot>,
    room: Option<Arc<Room>>,
    error: Option<SourceError>,
}

impl Tenancy {
    /// Nobody gets into the room any more, and who is in it has to go.
    fn close(&self) {
        if let Some(room) = &self.room {
            self.slot.phase.send_replace(Phase::Leaving);
            let not_found = self.error == Some(SourceError::NotFound);
            // Fails only if the reason is known already.
            let _ = room.ended.set(if not_found { CloseCode::NotFound } else { CloseCode::Overload });
            room.bells.ring_all();
        }
    }
}

impl Drop for Tenancy {
    fn drop(&mut self) {
        self.close();
        let unexplained = std::thread::panicking().then_some(SourceError::Unavailable);
        self.hub.remove(self.restaurant, &self.slot, self.error.or(unexplained));
    }
}

struct Keeper {
    room: Arc<Room>,
    deliveries: mpsc::Receiver<Delivery>,
    /// The snapshot in flight.
    reading: Option<Reading>,
    /// When the next snapshot is wanted.
    read_at: Option<Instant>,
    read_last_at: Instant,
    /// The subscription has ended and must be made again with the next snapshot.
    unsubscribed: bool,
    /// The source stands here; if the room does not by then, an event was lost.
    suspect: Option<(Stamp, Instant)>,
    /// When the source last confirmed the state.
    word_at: Instant,
    touched: Touched,
    touched_last_at: Option<Instant>,
    ring_at: Option<Instant>,
}

impl Keeper {
    fn new(room: Arc<Room>, deliveries: mpsc::Receiver<Delivery>, now: Instant) -> Self {
        Self {
            room,
            deliveries,
            reading: None,
            read_at: None,
            read_last_at: now,
            unsubscribed: false,
            suspect: None,
            word_at: now,
            touched: Touched::default(),
            touched_last_at: None,
            ring_at: None,
        }
    }

    /// Until nobody uses the room, or the source does not know the restaurant any more.
    async fn keep(mut self, slot: &Arc<Slot>) -> Result<(), SourceError> {
        let mut batch = Vec::with_capacity(BATCH_LEN_MAX);
        loop {
            let in_step = self.reading.is_none() && self.read_at.is_none();
            let wake_at = self.wake_at();
            let reading = async {
                match &mut self.reading {
                    Some(reading) => reading.await,
                    None => pending().await,
                }
            };
            tokio::select! {
                _ = self.deliveries.recv_many(&mut batch, BATCH_LEN_MAX), if in_step => self.take_in(&mut batch),
                outcome = reading => {
                    self.reading = None;
                    self.take_snapshot(outcome)?;
                }
                () = self.room.nudge.notified() => self.listen(),
                () = sleep_until(wake_at) => {}
            }
            self.on_time(Instant::now());
            let idle = self.room.idle_at().is_some_and(|idle_at| idle_at <= Instant::now());
            if idle && self.room.hub.leave(&self.room, slot) {
                return Ok(());
            }
        }
    }

    /// The next thing that time alone brings.
    fn wake_at(&self) -> Instant {
        let settings = &self.room.hub.settings;
        let state = self.room.state();
        let now = Instant::now();
        let lapse_at = state.replica().next_lapse().map(|at| state.clock().when(at, now));
        let silent_at = state.live().then(|| self.word_at + settings.silence_max);
        let read_at = self.read_at.filter(|_| self.reading.is_none());
        let suspect_at = self.suspect.map(|(_, at)| at);
        let times = [lapse_at, silent_at, read_at, suspect_at, self.ring_at, self.room.idle_at()];
        times.into_iter().flatten().min().unwrap_or(now + settings.linger)
    }

    /// Deliveries; none at all when the subscription has ended.
    fn take_in(&mut self, batch: &mut Vec<Delivery>) {
        let now = Instant::now();
        if batch.is_empty() {
            self.unsubscribed = true;
            return self.want_snapshot(now);
        }
        let Self { room, touched, .. } = self;
        let in_order = room.write(|state| {
            batch.drain(..).all(|delivery| match delivery {
                Delivery::Event(event) => state.apply(event, now, touched).is_ok(),
                Delivery::Resumed => false,
            })
        });
        if in_order {
            self.confirm(now);
        } else {
            // What followed in the batch was published before the snapshot will be read.
            self.want_snapshot(now);
        }
        self.room.applied.notify_waiters();
    }

    fn take_snapshot(&mut self, outcome: Result<Snapshot, SourceError>) -> Result<(), SourceError> {
        let now = Instant::now();
        let retry_at = now + self.room.hub.settings.check_every;
        match outcome {
            Ok(snapshot) => {
                let Self { room, touched, .. } = self;
                // Both at once: nobody is shown the new state as one that is not live.
                let replaced =
                    room.write(|state| state.replace(snapshot, now, touched).map(|()| state.set_health(true, false)));
                match replaced {
                    Ok(live_again) => {
                        (self.suspect, self.word_at) = (None, now);
                        if live_again {
                            self.room.bells.ring_all();
                        }
                    }
                    // What was shown must not be taken back: wait for a source that is as far.
                    Err(older) => {
                        tracing::warn!(restaurant.id = %self.room.id, ?older, "the source went back");
                        self.read_at = Some(retry_at);
                    }
                }
                self.room.applied.notify_waiters();
            }
            Err(SourceError::NotFound) => return Err(SourceError::NotFound),
            Err(SourceError::Restoring) => {
                self.health(now, false, true);
                self.read_at = Some(retry_at);
            }
            Err(SourceError::PlaceLost | SourceError::Unavailable) => self.read_at = Some(retry_at),
        }
        Ok(())
    }

    /// What anti-entropy and this server's own commands say.
    fn listen(&mut self) {
        let now = Instant::now();
        let (heard, wrote, time) = {
            let mut outside = self.room.outside.lock().unwrap_or_else(PoisonError::into_inner);
            (outside.heard.take(), outside.wrote, outside.time.take())
        };
        if let Some(at) = time {
            self.room.write(|state| state.set_clock(at, now));
        }
        let known = self.room.state().replica().stamp();
        match heard {
            Some((_, None)) => {
                self.health(now, false, true);
                self.want_snapshot(now);
            }
            Some((before, Some(said))) if said >= before => {
                if said > known {
                    self.suspect(said, now);
                } else if self.room.state().restoring() {
                    self.want_snapshot(now);
                } else if self.read_at.is_none() && self.reading.is_none() {
                    self.confirm(now);
                }
            }
            // It went back: no word.
            Some((_, Some(_))) | None => {}
        }
        if let Some(wrote) = wrote.filter(|wrote| *wrote > known) {
            self.suspect(wrote, now);
        }
    }

    fn on_time(&mut self, now: Instant) {
        let silent_at = self.word_at + self.room.hub.settings.silence_max;
        if self.reading.is_none() && self.read_at.is_some_and(|at| at <= now) {
            (self.read_at, self.read_last_at) = (None, now);
            self.reading = Some(self.read());
        }
        let known = self.room.state().replica().stamp();
        if let Some((said, at)) = self.suspect {
            if said <= known {
                self.suspect = None;
            } else if at <= now {
                self.suspect = None;
                self.want_snapshot(now);
            }
        }
        if silent_at <= now && self.room.state().live() {
            let restoring = self.room.state().restoring();
            self.room.write(|state| state.set_health(false, restoring));
            self.room.bells.ring_all();
        }
        let due = self.room.state().replica().next_lapse();
        if due.is_some_and(|at| at <= self.room.state().clock().read(now)) {
            let Self { room, touched, .. } = self;
            room.write(|state| state.lapse(now, touched));
        }
        self.ring_when_due(now);
    }

    /// Bursts are told together, leading edge first: a change after some quiet at once, the next ones after a moment.
    fn ring_when_due(&mut self, now: Instant) {
        let settings = &self.room.hub.settings;
        if self.touched.any && self.ring_at.is_none() {
            let quiet = self.touched_last_at.is_none_or(|last| last + settings.quiet <= now);
            self.ring_at = Some(if quiet { now } else { now + settings.merge });
        }
        if self.ring_at.is_some_and(|at| at <= now) {
            self.ring_at = None;
            self.touched_last_at = Some(now);
            let touched = std::mem::take(&mut self.touched);
            self.ring(touched);
        }
    }

    fn ring(&self, touched: Touched) {
        let Touched { tickets, lines, everyone, any: _ } = touched;
        if everyone {
            return self.room.bells.ring_all();
        }
        self.room.bells.ring_screens();
        let near = self.room.hub.settings.cadence.near as usize + 1;
        let state = self.room.state();
        let replica = state.replica();
        // Also those whom the change has just pushed back, and those whom it brought into a band that is told more
        // often.
        let shift = tickets.len();
        let bands = self.room.hub.settings.cadence.bands.iter().map(|(up_to, _)| *up_to as usize + 1);
        let edges: Vec<_> = bands.map(|end| end.saturating_sub(shift)..end).collect();
        let moved = |line| {
            let waiting = replica.standing(line).waiting();
            let heads = waiting.iter().take(near + shift);
            heads.chain(edges.iter().cloned().flat_map(|edge| waiting.iter().skip(edge.start).take(edge.len())))
        };
        let moved = lines.iter().flat_map(|line| moved(*line)).map(|ticket| &ticket.id);
        self.room.bells.ring_phones(tickets.iter().chain(moved));
    }

    /// The source confirms the state.
    fn confirm(&mut self, now: Instant) {
        self.health(now, true, false);
    }

    fn health(&mut self, now: Instant, live: bool, restoring: bool) {
        if live {
            self.word_at = now;
        }
        if self.room.write(|state| state.set_health(live, restoring)) {
            self.room.bells.ring_all();
        }
    }

    fn suspect(&mut self, said: Stamp, now: Instant) {
        let until = now + self.room.hub.settings.suspect_after;
        match &mut self.suspect {
            Some((known, _)) => *known = said.max(*known),
            None => self.suspect = Some((said, until)),
        }
    }

    fn want_snapshot(&mut self, now: Instant) {
        let earliest = self.read_last_at + self.room.hub.settings.snapshot_gap;
        self.read_at = Some(self.read_at.map_or(earliest.max(now), |at| at.min(earliest.max(now))));
    }

    fn read(&mut self) -> Reading {
        let (hub, id) = (Arc::clone(&self.room.hub), self.room.id);
        let sink = std::mem::take(&mut self.unsubscribed).then(|| {
            let (sink, deliveries) = mpsc::channel(hub.settings.deliveries_len_max);
            self.deliveries = deliveries;
            sink
        });
        hub.counters.snapshot();
        Box::pin(async move {
            if let Some(sink) = sink {
                within(&hub, hub.source.subscribe(id, sink)).await?;
            }
            within(&hub, hub.source.snapshot(id)).await
        })
    }
}
