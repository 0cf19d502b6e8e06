//! One watcher: its place in a room, and the conversation over its connection.
//!
//! One task, one loop, three inputs: the client, a bell that says "look again", and time. What is to be said is found
//! by looking at the room, never kept for later; a client that is slow to take a frame finds the newest one next.
//!
//! Invariant: while a send waits, nothing is queued for the watcher.

mod board;
mod console;
mod phone;

use std::sync::Arc;

use tokio::time::{Duration, Instant, sleep_until, timeout};

use super::{Inbound, Room, Socket, SourceError, Text, bells::Bell, limits::Kind, room::millis};
use crate::{
    domain::TicketId,
    protocol::{Asked, Bye, CloseCode, FrameType, Tick, asked},
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
            SourceError::Unavailable => Self::Unavailable,
        }
    }
}

/// A place in a room. Dropping it frees the place.
pub struct Watcher {
    place: Place,
    view: View,
}

/// What is given back when a watcher goes.
struct Place {
    room: Arc<Room>,
    kind: Kind,
    bell: Bell,
    ticket: Option<TicketId>,
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(ticket) = &self.ticket {
            self.room.bells.leave(ticket, &self.bell);
        }
        self.room.exit();
        self.room.hub.counters.dismiss(self.kind);
        self.room.hub.departed.notify_waiters();
    }
}

enum View {
    Board(BoardView),
    Phone(Box<PhoneView>),
    Console(ConsoleView),
}

/// What a look at the room found.
#[derive(Default)]
struct Look {
    /// To be sent now.
    frame: Option<(FrameType, Text)>,
    /// To be closed after it.
    end: Option<CloseCode>,
    /// Look again then, even if no bell rings.
    again_at: Option<Instant>,
    /// The room cannot say; ask the source.
    missing: bool,
}

impl Watcher {
    pub(super) async fn enter(room: Arc<Room>, watch: Watch) -> Result<Self, WatchError> {
        let (view, kind, ticket) = match watch {
            Watch::Board { door } => (View::Board(BoardView::new(door)), Kind::Board, None),
            Watch::Console => (View::Console(ConsoleView::default()), Kind::Console, None),
            Watch::Ticket(id) => {
                let view = PhoneView::find(&room, id.clone()).await?;
                (View::Phone(Box::new(view)), Kind::Phone, Some(id))
            }
        };
        let settings = &room.hub.settings;
        let limit = |max: usize| if settings.limits { max } else { usize::MAX };
        if !room.hub.counters.admit(kind, limit(settings.connections_max)) {
            return Err(WatchError::ServerFull);
        }
        if !room.enter(limit(settings.room_connections_max)) {
            room.hub.counters.dismiss(kind);
            return Err(WatchError::RoomFull);
        }
        // From here on a drain waits for this place, so it must not have begun.
        let draining = room.hub.drain.get().is_some();
        let bell = ticket.as_ref().map_or_else(|| room.bells.screens(), |ticket| room.bells.join(ticket));
        let place = Place { room, kind, bell, ticket };
        if draining { Err(WatchError::Draining) } else { Ok(Self { place, view }) }
    }

    /// Talks with the client until either ends it, or `dismissed` says why it must end.
    pub async fn run(self, mut socket: impl Socket, dismissed: impl Future<Output = CloseCode>) {
        let Self { place, view } = self;
        let bell = Arc::clone(&place.bell);
        let close_max = place.room.hub.settings.close_max;
        let heard_at = Instant::now();
        let conversation =
            Conversation { place, view, heard_at, resync_at: None, resynced_at: None, leave_at: None, told: None };
        // A frame that is being sent is given up: after it only the end follows.
        let end = tokio::select! {
            end = conversation.hold(&mut socket, bell) => end,
            code = dismissed => Some(code),
        };
        if let Some(code) = end {
            // A client that does not take it is gone.
            let _ = timeout(close_max, socket.close(code)).await;
        }
    }
}

struct Conversation {
    place: Place,
    view: View,
    /// The client's frames so far, each `inbound_gap` after the one before, end here.
    heard_at: Instant,
    /// When the client gets the whole state that it asked for.
    resync_at: Option<Instant>,
    resynced_at: Option<Instant>,
    /// When to say good-bye, once the server stops.
    leave_at: Option<Instant>,
    told: Option<Told>,
}

/// What the client knows of the connection.
#[derive(Clone, Copy)]
struct Told {
    at: Instant,
    live: bool,
    every: Duration,
}

/// The connection ends: with a reason for the client, or because the client has gone.
type End = Option<CloseCode>;

impl Conversation {
    async fn hold(mut self, socket: &mut impl Socket, bell: Bell) -> End {
        loop {
            // Prepared before the look: what changes after it rings.
            let rung = bell.notified();
            tokio::pin!(rung);
            rung.as_mut().enable();
            let mut wake_at = match self.speak(socket, rung.as_mut()).await {
                Ok(wake_at) => wake_at,
                Err(end) => return end,
            };
            let listen_at = self.listen_at();
            let listens = listen_at <= Instant::now();
            if !listens {
                wake_at = wake_at.min(listen_at);
            }
            tokio::select! {
                inbound = socket.receive(), if listens => if let Err(end) = self.listen(inbound) { return end },
                () = rung => {}
                () = sleep_until(wake_at) => {}
            }
        }
    }

    /// Says what there is to say, and when there may be more.
    async fn speak(&mut self, socket: &mut impl Socket, rung: impl Future<Output = ()>) -> Result<Instant, End> {
        let now = Instant::now();
        if let Some(code) = self.place.room.ended.get() {
            return Err(Some(*code));
        }
        self.leave_when_due(socket, now).await?;
        let resync = self.resync_at.is_some_and(|at| at <= now);
        if resync {
            (self.resync_at, self.resynced_at) = (None, Some(now));
        }
        let mut look = self.look(resync, now);
        let live = self.place.room.live();
        if look.missing && self.told.is_none_or(|told| told.live == live) {
            look = tokio::select! {
                look = self.ask_source(now) => look,
                // What rang may be that the source is silent.
                () = rung => return Ok(Instant::now()),
            };
        } else if look.missing {
            // First that the room is no longer live, or is again.
            look.again_at = Some(now);
        }
        let every = self.every();
        if let Some((kind, text)) = look.frame {
            self.send(socket, kind, text, live, every).await?;
        }
        if let Some(code) = look.end {
            if code == CloseCode::PlaceLost {
                // What else 4404 can mean is said by nothing; a client that knows this word says what to do now.
                let bye = Text::encode(&Bye::new(PLACE_LOST, 0));
                self.send(socket, FrameType::Bye, bye, live, every).await?;
            }
            return Err(Some(code));
        }
        let told = self.told;
        if told.is_some_and(|told| (told.live, told.every) != (live, every) || told.at + told.every <= now) {
            let at = self.place.room.state().clock().read(now);
            let tick = Text::encode(&Tick::new(at, live, millis(every)));
            self.send(socket, FrameType::Tick, tick, live, every).await?;
        }
        let tick_at = self.told.map_or(now, |told| told.at) + every;
        let times = [look.again_at, self.resync_at, self.leave_at];
        Ok(times.into_iter().flatten().fold(tick_at, Instant::min))
    }

    fn look(&mut self, resync: bool, now: Instant) -> Look {
        let room = &self.place.room;
        match &mut self.view {
            View::Board(view) => view.look(room, resync),
            View::Phone(view) => view.look(room, resync, now),
            View::Console(view) => view.look(room, resync),
        }
    }

    async fn ask_source(&mut self, now: Instant) -> Look {
        match &mut self.view {
            View::Phone(view) => view.ask_source(&self.place.room, now).await,
            View::Board(_) | View::Console(_) => Look::default(),
        }
    }

    fn every(&self) -> Duration {
        let settings = &self.place.room.hub.settings;
        match &self.view {
            View::Phone(view) if !view.near() => settings.tick_far,
            View::Board(_) | View::Phone(_) | View::Console(_) => settings.tick_near,
        }
    }

    async fn send(
        &mut self,
        socket: &mut impl Socket,
        kind: FrameType,
        text: Text,
        live: bool,
        every: Duration,
    ) -> Result<(), End> {
        let hub = &self.place.room.hub;
        let patience = if hub.drain.get().is_some() { hub.settings.bye_max } else { hub.settings.unwritable_max };
        match timeout(patience, socket.send(text)).await {
            Err(_) => Err(Some(CloseCode::TooSlow)),
            Ok(Err(_)) => Err(None),
            Ok(Ok(())) => {
                hub.counters.sent(kind);
                self.told = Some(Told { at: Instant::now(), live, every });
                Ok(())
            }
        }
    }

    /// A server that stops says good-bye to each at a time of its own, so that not all come back at once.
    async fn leave_when_due(&mut self, socket: &mut impl Socket, now: Instant) -> Result<(), End> {
        if self.place.room.hub.drain.get().is_none() {
            return Ok(());
        }
        let hub = Arc::clone(&self.place.room.hub);
        let Some(drain) = hub.drain.get() else { return Ok(()) };
        let leave_at = *self.leave_at.get_or_insert_with(|| drain.since + drain.spread.mul_f64(rand::random()));
        if now < leave_at {
            return Ok(());
        }
        let retry_ms = f64::from(millis(hub.settings.retry_max)) * rand::random::<f64>();
        let bye = Text::encode(&Bye::new(&drain.reason, retry_ms as u64));
        self.send(socket, FrameType::Bye, bye, false, hub.settings.tick_near).await?;
        Err(Some(CloseCode::Restart))
    }

    /// When the next frame of the client may be taken. A flood is read no faster than this, and so costs its sender
    /// the room in its own socket; pings, too, whose answers would else be piled up for a client that reads nothing.
    fn listen_at(&self) -> Instant {
        let settings = &self.place.room.hub.settings;
        self.heard_at.checked_sub(settings.inbound_gap * settings.inbound_burst).unwrap_or_else(Instant::now)
    }

    fn listen(&mut self, inbound: Inbound) -> Result<(), End> {
        let settings = &self.place.room.hub.settings;
        self.heard_at = self.heard_at.max(Instant::now()) + settings.inbound_gap;
        match inbound {
            Inbound::Text(text) if text.len() > settings.inbound_len_max => Err(Some(CloseCode::TooLarge)),
            Inbound::Text(text) => match asked(&text) {
                None => Err(Some(CloseCode::Invalid)),
                Some(Asked::Unknown) => Ok(()),
                Some(Asked::Resync) => {
                    let now = Instant::now();
                    let at = self.resynced_at.map_or(now, |last| now.max(last + settings.resync_gap));
                    self.resync_at.get_or_insert(at);
                    Ok(())
                }
            },
            Inbound::Binary => Err(Some(CloseCode::Unsupported)),
            Inbound::TooLarge => Err(Some(CloseCode::TooLarge)),
            Inbound::Invalid => Err(Some(CloseCode::Invalid)),
            Inbound::Malformed => Err(Some(CloseCode::Protocol)),
            Inbound::Control => Ok(()),
            Inbound::Closed => Err(None),
        }
    }
}
