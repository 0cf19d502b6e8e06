//! What a ticket's holder has been shown, and when to show more.
//!
//! **Cadence by distance**: a change of the ticket itself or of something all guests see is shown at once, and so is
//! every position of the next few; further back, positions are shown at most once in an interval that grows with the
//! distance. The intervals are jittered downwards, so that nobody waits longer and not all look at the same time.

use std::{hash::Hasher as _, sync::Arc};

use tokio::time::{Duration, Instant};

use super::{
    super::{Room, SourceError, Text, state::State},
    Look, WatchError,
};
use crate::{
    domain::{Ticket, TicketId, TicketState, replica::keeps},
    protocol::{CloseCode, FrameType, TicketFrame, may_come_back, ticket_frame},
};

/// The shortest part of its interval after which a position may be shown.
const JITTER_MIN: f32 = 0.8;

pub(super) struct PhoneView {
    /// The ticket as last shown, or as it was when the phone came.
    ticket: Arc<Ticket>,
    /// What the last frame said, but for its time.
    shown: Option<u64>,
    version: u64,
    common: u64,
    near: bool,
    /// When its position was last looked at, shown or not.
    looked_at: Instant,
    /// The part of its interval after which it is looked at again. The interval is that of where it stands now, which
    /// may be less far than where it stood.
    jitter: f32,
}

impl PhoneView {
    /// A ticket of the room, or one that has ended.
    pub(super) async fn find(room: &Room, id: &TicketId) -> Result<Self, WatchError> {
        let known = room.state().replica().ticket(id).cloned();
        let ticket = match known {
            Some(ticket) => ticket,
            None => {
                let unknown = || if room.rebuilt() { WatchError::PlaceLost } else { WatchError::NotFound };
                Arc::new(room.source_ticket(id).await?.ok_or_else(unknown)?)
            }
        };
        let (shown, version, common) = (None, 0, 0);
        Ok(Self { ticket, shown, version, common, near: true, looked_at: Instant::now(), jitter: 1.0 })
    }

    /// The ticket that is watched.
    pub(super) fn id(&self) -> &TicketId {
        &self.ticket.id
    }

    /// Whether the guest should be ready to come: every change counts.
    pub(super) fn near(&self) -> bool {
        self.near
    }

    pub(super) fn look(&mut self, room: &Room, resync: bool, now: Instant) -> Look {
        let state = room.state();
        let at = state.clock().read(now);
        let last = || Some(Arc::clone(&self.ticket)).filter(|ticket| !keeps(ticket, at));
        let ticket = state.replica().ticket(self.id()).cloned();
        let Some(ticket) = ticket.or_else(|| state.last_of(self.id())).or_else(last) else {
            return Look { missing: true, ..Look::default() };
        };
        self.show(room, &state, ticket, resync, now)
    }

    /// What the source says of a ticket that the room has forgotten, or does not know yet.
    pub(super) fn learn(&mut self, room: &Room, answer: Result<Option<Ticket>, SourceError>, now: Instant) -> Look {
        let retry = Look { again_at: Some(now + room.hub.settings.snapshot_gap), ..Look::default() };
        match answer {
            Err(_) => retry,
            Ok(None) => {
                let end = if room.rebuilt() { CloseCode::PlaceLost } else { CloseCode::NotFound };
                Look { end: Some(end), ..Look::default() }
            }
            Ok(Some(ticket)) => {
                let state = room.state();
                if keeps(&ticket, state.clock().read(now)) {
                    return retry;
                }
                self.show(room, &state, Arc::new(ticket), true, now)
            }
        }
    }

    fn show(&mut self, room: &Room, state: &State, ticket: Arc<Ticket>, resync: bool, now: Instant) -> Look {
        let settings = &room.hub.settings;
        let ahead = state.replica().ahead(&ticket).map(|ahead| ahead.total);
        let interval = ahead.and_then(|ahead| settings.cadence.interval(ahead));
        let own = self.shown.is_none()
            || self.common != state.common()
            || !Arc::ptr_eq(&self.ticket, &ticket);
        let mut look = Look::default();
        let changed = own || self.version != state.version();
        let due = interval.is_none() || self.position_at(interval) <= now;
        if resync || (changed && (own || due)) {
            self.near = ahead.map_or(ticket.state == TicketState::Called, |ahead| ahead <= settings.cadence.near);
            let every = if self.near { settings.tick_near } else { settings.tick_far };
            let heading = state.heading(now, super::millis(every));
            let frame = ticket_frame(state.replica(), &ticket, heading);
            let said = fingerprint(frame.clone());
            if resync || self.shown != Some(said) {
                look.frame = Some((FrameType::Ticket, Text::encode(&frame)));
            }
            if !may_come_back(&ticket, heading.at) {
                look.end = Some(CloseCode::Normal);
            }
            (self.shown, self.version, self.common) = (Some(said), state.version(), state.common());
            self.ticket = ticket;
            (self.looked_at, self.jitter) = (now, jitter());
        } else if !changed && due {
            (self.looked_at, self.jitter) = (now, jitter());
        }
        look.again_at = interval.map(|_| self.position_at(interval));
        look
    }

    /// When a position may be shown again.
    fn position_at(&self, interval: Option<Duration>) -> Instant {
        self.looked_at + interval.unwrap_or_default().mul_f32(self.jitter)
    }
}

fn jitter() -> f32 {
    JITTER_MIN + (1.0 - JITTER_MIN) * rand::random::<f32>()
}

/// A frame without where and when it was made.
fn fingerprint(frame: TicketFrame) -> u64 {
    struct Digest(std::hash::DefaultHasher);
    impl std::io::Write for Digest {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.write(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut frame = TicketFrame { epoch: 0, rev: 0, at: 0, live: false, ..frame };
    for notice in &mut frame.notices {
        // Derived notices are as old as their frame.
        notice.at = if notice.id < 0 { 0 } else { notice.at };
    }
    let mut digest = Digest(std::hash::DefaultHasher::new());
    serde_json::to_writer(&mut digest, &frame).expect("Invariant: frames have text keys and finite numbers");
    digest.0.finish()
}
