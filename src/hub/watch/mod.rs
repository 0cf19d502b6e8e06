//! One watcher: its place in a room, and what is said to its client.
//!
//! It knows no connection: whoever has one asks it to speak, when a bell says "look again", when it said so itself, and
//! when the client has asked for something. What is to be said is found by looking at the room, never kept for later; a
//! client that is slow to take a frame finds the newest one next.

mod board;
mod console;
mod phone;

use std::sync::Arc;

use tokio::time::{Duration, Instant};

use super::{
    Room, SourceError, Text,
    bells::{Bell, TicketKey},
    limits::Kind,
    room::millis,
};
use crate::{
    domain::{Ticket, TicketId},
    protocol::{Bye, CloseCode, FrameType, Tick},
};
use board::BoardView;
use console::ConsoleView;
use phone::PhoneView;

/// `reason` of the good-bye to the holder of a place that was lost.
const PLACE_LOST: &str = "place_lost";

/// What is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Watch {
    /// The board.
    Board {
        /// With the door code: for staff and paired devices only.
        door: bool,
    },
    /// One ticket, by its holder.
    Ticket(TicketId),
    /// The queue, by staff.
    Console,
}

/// Why nobody can be let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WatchError {
    /// No such restaurant or ticket.
    #[error("no such restaurant or ticket")]
    NotFound,
    /// No such ticket, in a restaurant that was rebuilt today: it may be one that was lost.
    #[error("this place was lost")]
    PlaceLost,
    /// The restaurant's live state is being restored.
    #[error("the restaurant's live state is being restored")]
    Restoring,
    /// The source does not answer.
    #[error("the live queue does not answer")]
    Unavailable,
    /// This server has as many watchers as it may.
    #[error("this server has too many connections")]
    ServerFull,
    /// The restaurant has as many watchers as it may.
    #[error("this restaurant has too many connections")]
    RoomFull,
    /// This server stops.
    #[error("this server stops")]
    Draining,
}

impl From<SourceError> for WatchError {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::NotFound => Self::NotFound,
            SourceError::Restoring => Self::Restoring,
            SourceError::PlaceLost => Self::PlaceLost,
            SourceError::Unavailable => Self::Unavailable,
        }
    }
}

/// A place in a room, and what its client knows. Dropping it frees the place.
pub struct Watcher {
    room: Arc<Room>,
    view: View,
    /// Where it is rung, once somebody looks after it.
    bell: Option<Bell>,
    told: Option<Told>,
    seldom: Option<Box<Seldom>>,
}

impl Drop for Watcher {
    fn drop(&mut self) {
        if let Some(bell) = &self.bell {
            self.room.bells.leave(bell, self.view.ticket());
        }
        self.room.exit();
        self.room.hub.counters.dismiss(self.view.kind());
        self.room.hub.departed.notify_waiters();
    }
}

enum View {
    Board(BoardView),
    Phone(PhoneView),
    Console(ConsoleView),
}

impl View {
    fn kind(&self) -> Kind {
        match self {
            Self::Board(_) => Kind::Board,
            Self::Phone(_) => Kind::Phone,
            Self::Console(_) => Kind::Console,
        }
    }

    /// The ticket that is watched.
    fn ticket(&self) -> Option<TicketKey> {
        match self {
            Self::Phone(view) => Some(TicketKey::of(view.id())),
            Self::Board(_) | Self::Console(_) => None,
        }
    }
}

/// What the client knows of the connection.
#[derive(Clone, Copy)]
struct Told {
    at: Instant,
    live: bool,
    every_ms: u32,
}

/// What most watchers never need, so that they need no memory for it.
#[derive(Default)]
struct Seldom {
    /// When the client gets the whole state that it asked for.
    resync_at: Option<Instant>,
    resynced_at: Option<Instant>,
    /// When to say good-bye, once the server stops.
    leave_at: Option<Instant>,
    /// The source is being asked for the ticket.
    asking: bool,
    /// What it said.
    answer: Option<Result<Option<Ticket>, SourceError>>,
}

/// What a look at the room found.
struct Look {
    /// Whether the room was live at that very look, so also what the frame says: looked up again later, it may have
    /// changed, and the client would not be told.
    live: bool,
    /// To be sent now.
    frame: Option<(FrameType, Text)>,
    /// To be closed after it.
    end: Option<CloseCode>,
    /// Look again then, even if no bell rings.
    again_at: Option<Instant>,
    /// The room cannot say; ask the source.
    missing: bool,
}

impl Look {
    /// Nothing to say.
    fn nothing(live: bool) -> Self {
        Self { live, frame: None, end: None, again_at: None, missing: false }
    }
}

/// What a watcher wants when it has spoken.
pub(super) struct Next {
    /// To speak again, if no bell rings before.
    pub(super) at: Instant,
    /// The source is to be asked for this ticket, and what it says to be given to [`Watcher::answer`].
    pub(super) ask: Option<TicketId>,
}

impl Watcher {
    pub(super) async fn enter(room: Arc<Room>, watch: Watch) -> Result<Self, WatchError> {
        let view = match watch {
            Watch::Board { door } => View::Board(BoardView::new(door)),
            Watch::Console => View::Console(ConsoleView::default()),
            Watch::Ticket(id) => View::Phone(PhoneView::find(&room, &id).await?),
        };
        let settings = &room.hub.settings;
        let limit = |max: usize| if settings.limits { max } else { usize::MAX };
        if !room.hub.counters.admit(view.kind(), limit(settings.connections_max)) {
            return Err(WatchError::ServerFull);
        }
        if !room.enter(limit(settings.room_connections_max)) {
            room.hub.counters.dismiss(view.kind());
            return Err(WatchError::RoomFull);
        }
        // From here on a drain waits for this place, so it must not have begun.
        let draining = room.hub.drain.get().is_some();
        let watcher = Self { room, view, bell: None, told: None, seldom: None };
        if draining { Err(WatchError::Draining) } else { Ok(watcher) }
    }

    /// From now on it is rung here. What happened before is seen by speaking after this.
    pub(super) fn attach(&mut self, bell: Bell) {
        self.room.bells.join(&bell, self.view.ticket());
        self.bell = Some(bell);
    }

    pub(super) fn room(&self) -> &Arc<Room> {
        &self.room
    }

    /// How long the client may take for a frame.
    pub(super) fn patience(&self) -> Duration {
        let hub = &self.room.hub;
        if hub.drain.get().is_some() { hub.settings.bye_max } else { hub.settings.unwritable_max }
    }

    /// Says what there is to say.
    ///
    /// # Errors
    /// The connection ends, after what was said: why.
    pub(super) fn speak(&mut self, now: Instant, say: &mut impl FnMut(&Text)) -> Result<Next, CloseCode> {
        if let Some(code) = self.room.ended.get() {
            return Err(*code);
        }
        self.leave_when_due(now, say)?;
        let resync = self.seldom.as_ref().is_some_and(|seldom| seldom.resync_at.is_some_and(|at| at <= now));
        if resync {
            let seldom = self.seldom();
            (seldom.resync_at, seldom.resynced_at) = (None, Some(now));
        }
        let mut look = self.look(resync, now);
        let mut ask = None;
        if look.missing {
            if self.told.is_some_and(|told| told.live != look.live) {
                // First that the room is no longer live, or is again.
                look.again_at = Some(now);
            } else {
                (look, ask) = self.look_at_source(look, now);
            }
        }
        let (live, every_ms) = (look.live, self.every_ms());
        if let Some((kind, text)) = look.frame {
            self.say(say, kind, &text, Told { at: now, live, every_ms });
        }
        if let Some(code) = look.end {
            if code == CloseCode::PlaceLost {
                // What else 4404 can mean is said by nothing; a client that knows this word says what to do now.
                let bye = Text::encode(&Bye::new(PLACE_LOST, 0));
                self.say(say, FrameType::Bye, &bye, Told { at: now, live, every_ms });
            }
            return Err(code);
        }
        let every = Duration::from_millis(every_ms.into());
        let told = self.told;
        if told.is_some_and(|told| (told.live, told.every_ms) != (live, every_ms) || told.at + every <= now) {
            let at = self.room.state().clock().read(now);
            let tick = Text::encode(&Tick::new(at, live, every_ms));
            self.say(say, FrameType::Tick, &tick, Told { at: now, live, every_ms });
        }
        let tick_at = self.told.map_or(now, |told| told.at) + every;
        let seldom = self.seldom.as_ref().map(|seldom| [seldom.resync_at, seldom.leave_at]);
        let times = seldom.into_iter().flatten().chain([look.again_at]);
        Ok(Next { at: times.flatten().fold(tick_at, Instant::min), ask })
    }

    /// What the room shows.
    fn look(&mut self, resync: bool, now: Instant) -> Look {
        let room = &self.room;
        match &mut self.view {
            View::Board(view) => view.look(room, resync),
            View::Phone(view) => view.look(room, resync, now),
            View::Console(view) => view.look(room, resync),
        }
    }

    /// The room has forgotten the ticket, or does not know it yet: nothing was seen at this look.
    fn look_at_source(&mut self, mut look: Look, now: Instant) -> (Look, Option<TicketId>) {
        look.missing = false;
        let answer = self.seldom().answer.take();
        let View::Phone(view) = &mut self.view else { return (look, None) };
        if let Some(answer) = answer {
            return (view.learn(&self.room, answer, now), None);
        }
        let id = view.id().clone();
        let ask = (!std::mem::replace(&mut self.seldom().asking, true)).then_some(id);
        (look, ask)
    }

    /// What the source said of the ticket. To be followed by [`Watcher::speak`].
    pub(super) fn answer(&mut self, answer: Result<Option<Ticket>, SourceError>) {
        let seldom = self.seldom();
        (seldom.asking, seldom.answer) = (false, Some(answer));
    }

    /// The client wants the whole state. To be followed by [`Watcher::speak`].
    pub(super) fn resync(&mut self, now: Instant) {
        let gap = self.room.hub.settings.resync_gap;
        let seldom = self.seldom();
        let at = seldom.resynced_at.map_or(now, |last| now.max(last + gap));
        seldom.resync_at.get_or_insert(at);
    }

    fn seldom(&mut self) -> &mut Seldom {
        self.seldom.get_or_insert_default()
    }

    fn every_ms(&self) -> u32 {
        let settings = &self.room.hub.settings;
        millis(match &self.view {
            View::Phone(view) if !view.near() => settings.tick_far,
            View::Board(_) | View::Phone(_) | View::Console(_) => settings.tick_near,
        })
    }

    fn say(&mut self, say: &mut impl FnMut(&Text), kind: FrameType, text: &Text, told: Told) {
        say(text);
        self.room.hub.counters.sent(kind);
        self.told = Some(told);
    }

    /// A server that stops says good-bye to each at a time of its own, so that the others do not get all at once.
    fn leave_when_due(&mut self, now: Instant, say: &mut impl FnMut(&Text)) -> Result<(), CloseCode> {
        if self.room.hub.drain.get().is_none() {
            return Ok(());
        }
        let hub = Arc::clone(&self.room.hub);
        let Some(drain) = hub.drain.get() else { return Ok(()) };
        let at_random = || drain.since + drain.spread.mul_f64(rand::random());
        if now < *self.seldom().leave_at.get_or_insert_with(at_random) {
            return Ok(());
        }
        let retry_ms = rand::random_range(1..=u64::from(millis(hub.settings.retry_max)).max(1));
        let bye = Text::encode(&Bye::new(&drain.reason, retry_ms));
        let every_ms = millis(hub.settings.tick_near);
        self.say(say, FrameType::Bye, &bye, Told { at: now, live: false, every_ms });
        Err(CloseCode::Restart)
    }
}
