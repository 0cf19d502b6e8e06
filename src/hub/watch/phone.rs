//! What a ticket's holder has been shown, and when to show more.
//!
//! **Cadence by distance**: a change of the ticket itself or of something all guests see is shown at once, and so is
//! every position of the next few; further back, positions are shown at most once in an interval that grows with the
//! distance. The intervals are jittered downwards, so that nobody waits longer and not all look at the same time.

use std::{
    hash::{BuildHasher as _, Hash as _, Hasher as _},
    sync::Arc,
};

use tokio::time::{Duration, Instant};

use super::{
    super::{Room, SourceError, Text, state::State},
    Look, WatchError,
};
use crate::{
    domain::{
        RestaurantRecord, Ticket, TicketId, TicketState,
        replica::{Place, Replica, keeps},
    },
    protocol::{CloseCode, FrameType, may_come_back, ticket_frame_at},
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
            return Look { missing: true, ..Look::nothing(state.live()) };
        };
        self.show(room, &state, ticket, resync, now)
    }

    /// What the source says of a ticket that the room has forgotten, or does not know yet.
    pub(super) fn learn(&mut self, room: &Room, answer: Result<Option<Ticket>, SourceError>, now: Instant) -> Look {
        let retry = |live, after| Look { again_at: Some(now + after), ..Look::nothing(live) };
        match answer {
            Err(SourceError::PlaceLost) => Look { end: Some(CloseCode::PlaceLost), ..Look::nothing(room.live()) },
            // The record may know it, and be away for long.
            Err(_) => retry(room.live(), room.hub.settings.check_every),
            Ok(None) => {
                let end = if room.rebuilt() { CloseCode::PlaceLost } else { CloseCode::NotFound };
                Look { end: Some(end), ..Look::nothing(room.live()) }
            }
            Ok(Some(ticket)) => {
                let state = room.state();
                if keeps(&ticket, state.clock().read(now)) {
                    return retry(state.live(), room.hub.settings.snapshot_gap);
                }
                self.show(room, &state, Arc::new(ticket), true, now)
            }
        }
    }

    fn show(&mut self, room: &Room, state: &State, ticket: Arc<Ticket>, resync: bool, now: Instant) -> Look {
        let settings = &room.hub.settings;
        let place = state.replica().place(&ticket);
        let ahead = place.map(|place| place.ahead);
        let interval = ahead.and_then(|ahead| settings.cadence.interval(ahead));
        let own = self.shown.is_none() || self.common != state.common() || !Arc::ptr_eq(&self.ticket, &ticket);
        let mut look = Look::nothing(state.live());
        let changed = own || self.version != state.version();
        let due = interval.is_none() || self.position_at(interval) <= now;
        if resync || (changed && (own || due)) {
            self.near = ahead.map_or(ticket.state == TicketState::Called, |ahead| ahead <= settings.cadence.near);
            let every = if self.near { settings.tick_near } else { settings.tick_far };
            let heading = state.heading(now, super::millis(every));
            let said = fingerprint(state.replica(), &ticket, place, heading.every_ms);
            let same_ticket = Arc::ptr_eq(&self.ticket, &ticket) || self.ticket == ticket;
            if resync || self.shown != Some(said) || !same_ticket {
                let frame = ticket_frame_at(state.replica(), &ticket, place, heading);
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

/// What a ticket's frame says besides the ticket itself, and besides where and when it was made.
fn fingerprint(replica: &Replica, ticket: &Ticket, place: Option<Place>, every_ms: u32) -> u64 {
    let (ahead, eta) = (place.map(|place| place.ahead), place.and_then(|place| place.eta));
    let RestaurantRecord { slug, name, state, until, reason, announcement, .. } = replica.restaurant();
    let line = replica.lines().get(&ticket.line);
    let line = line.map(|line| (&line.name, line.state, line.until, &line.reason, line.recent.first()));
    let mut digest = foldhash::quality::FixedState::default().build_hasher();
    (ahead, eta, every_ms, line).hash(&mut digest);
    (slug, name, state, until, reason, announcement, replica.policy().close_ahead).hash(&mut digest);
    digest.finish()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use crate::{
        domain::{
            Announcement, OpenState,
            replica::Snapshot,
            restaurant::NumberAt,
            testing::{Random, line, random_ticket, snapshot},
        },
        protocol::{Heading, ticket_frame},
    };

    use super::*;

    /// A frame without where and when it was made, and without its ticket.
    fn said(replica: &Replica, ticket: &Ticket, every_ms: u32) -> String {
        let heading = Heading { at: 0, live: true, every_ms };
        let mut frame = serde_json::to_value(ticket_frame(replica, ticket, heading)).expect("JSON");
        frame["rev"] = 0.into();
        frame.to_string()
    }

    /// Restaurants that differ in one thing or another: frames that differ are told apart.
    #[test]
    fn what_is_said_otherwise_has_another_fingerprint() {
        let mut random = Random::new(5);
        let ticket = Arc::new(random_ticket(&mut random, 1_000));
        let waiting = Ticket { state: TicketState::Waiting, line: line('A'), order: "5".into(), ..(*ticket).clone() };
        let mut known: HashMap<u64, String> = HashMap::new();
        let mut seen = std::collections::HashSet::new();
        for _ in 0..3_000 {
            let mut here: Snapshot = snapshot();
            let mut pick = |values: u32| random.below(values) as usize;
            here.restaurant.name = ["one", "two"][pick(2)].to_owned();
            here.restaurant.state = [OpenState::Open, OpenState::Paused][pick(2)];
            here.restaurant.until = [None, Some(9_000)][pick(2)];
            here.restaurant.reason = [None, Some("rest".to_owned())][pick(2)].clone();
            let text = |at| Announcement { text: "hear".to_owned(), until: None, at };
            here.restaurant.announcement = [None, Some(text(500)), Some(text(600))][pick(3)].clone();
            here.policy.close_ahead = [0, 3][pick(2)];
            let record = here.lines.get_mut(&line('A')).expect("line A");
            record.name = ["hall", "bar"][pick(2)].to_owned();
            record.state = [OpenState::Open, OpenState::Paused][pick(2)];
            record.recent = [vec![], vec![NumberAt { number: "A7".to_owned(), at: 800 }]][pick(2)].clone();
            here.tickets = (0..pick(5))
                .map(|index| Ticket {
                    order: format!("4{index}"),
                    ..Ticket { id: crate::domain::testing::ticket(index as u32).id, ..waiting.clone() }
                })
                .collect();
            here.tickets.push(waiting.clone());
            let every_ms = [4_000, 20_000][pick(2)];
            let replica = Replica::new(here);
            let said = said(&replica, &waiting, every_ms);
            let fingerprint = fingerprint(&replica, &waiting, replica.place(&waiting), every_ms);
            assert_eq!(known.entry(fingerprint).or_insert_with(|| said.clone()), &said, "two frames look alike");
            seen.insert(said);
        }
        assert!(seen.len() > 500, "{} different frames", seen.len());
    }
}
