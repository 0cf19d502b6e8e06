//! One connection: a watcher that speaks, a client that may ask, and how it ends. It does no more than a stream lets it
//! do without waiting; its shard says when to go on.
//!
//! Invariants: while the client does not take what was said, nothing more is said and nothing is read; what it sends is
//! taken no faster than `inbound_gap`, in the long run, and waits in its own socket.

use std::{
    io::{self, Read, Write},
    ops::ControlFlow,
};

use bytes::{Buf as _, Bytes};
use tokio::time::Instant;

use super::{
    super::{HubSettings, Text, Watcher, watch::Next},
    frame::{self, Inbound, Reader, Refused},
};
use crate::{
    domain::TicketId,
    protocol::{Asked, CloseCode, asked},
};

/// Says why a connection must end, once it must. Asked every [`HubSettings::dismissal_check`].
pub type Dismissal = Box<dyn Fn() -> Option<CloseCode> + Send>;

/// After a close frame, so many bytes more are read for the client's own, within `close_max`: a slow reader may have
/// sent a lot before it hears that it is slow.
const LEFTOVERS_MAX: usize = 1_024 * 1_024;

pub(in crate::hub) struct Connection<S> {
    wire: Wire<S>,
    phase: Phase,
    dismissal: Option<Dismissal>,
}

enum Phase {
    Talking(Watcher),
    /// The close frame was said, and the watcher is gone.
    Closing(Box<Closing>),
}

struct Closing {
    code: CloseCode,
    /// The client's own is waited for until then.
    until: Instant,
    leftovers: usize,
    /// The client's frames are no frames.
    deaf: bool,
}

/// A stream, and what was read of it and not taken, or written to it and not sent.
struct Wire<S> {
    stream: S,
    /// There may be something to read.
    readable: bool,
    /// The client's frames so far, each `inbound_gap` after the one before, end here.
    heard_at: Instant,
    unsent: Option<Box<Unsent>>,
    reader: Option<Box<Reader>>,
}

/// Frames that the client does not take.
struct Unsent {
    frames: Vec<Bytes>,
    since: Instant,
}

/// What a watcher said, and what it wants next.
pub(in crate::hub) struct Spoken {
    frames: Vec<Text>,
    next: Result<Next, CloseCode>,
}

impl Spoken {
    fn by(watcher: &mut Watcher, dismissal: Option<&Dismissal>, now: Instant) -> Self {
        let mut frames = Vec::new();
        let next = match dismissal.and_then(|dismissal| dismissal()) {
            Some(code) => Err(code),
            None => watcher.speak(now, &mut |text| frames.push(text.clone())),
        };
        Self { frames, next }
    }
}

/// What came of a turn.
pub(in crate::hub) enum Turn {
    /// It goes on at that time, or when something happens.
    Until(Instant),
    /// As [`Turn::Until`], and its room is to be asked for this ticket.
    Ask(Instant, TicketId),
    /// It was closed with this code, and waits for the client to close, too.
    Closing(Instant, CloseCode),
    /// It is over: to be dropped.
    Over,
}

impl Turn {
    fn asking(at: Instant, ask: Option<TicketId>) -> Self {
        match ask {
            None => Self::Until(at),
            Some(ticket) => Self::Ask(at, ticket),
        }
    }
}

/// The connection ends: with a reason for the client, or because the client has gone.
type End = Option<CloseCode>;

impl<S: Read + Write> Connection<S> {
    /// A connection on which `read` has been read already.
    pub(in crate::hub) fn new(
        stream: S,
        read: &[u8],
        watcher: Watcher,
        dismissal: Option<Dismissal>,
        now: Instant,
    ) -> Self {
        let mut wire = Wire { stream, readable: true, heard_at: now, unsent: None, reader: None };
        if !read.is_empty() {
            wire.reader.get_or_insert_default().push(read);
        }
        Self { wire, phase: Phase::Talking(watcher), dismissal }
    }

    /// Who speaks, until it is being closed.
    pub(in crate::hub) fn watcher(&mut self) -> Option<&mut Watcher> {
        match &mut self.phase {
            Phase::Talking(watcher) => Some(watcher),
            Phase::Closing(_) => None,
        }
    }

    pub(in crate::hub) fn stream(&mut self) -> &mut S {
        &mut self.wire.stream
    }

    /// There is something to read, or the end.
    pub(in crate::hub) fn set_readable(&mut self) {
        self.wire.readable = true;
    }

    /// Whether it waits for the client to take something.
    pub(in crate::hub) fn is_blocked(&self) -> bool {
        self.wire.unsent.is_some()
    }

    /// Finds what there is to say, for [`Connection::turn`] to send; `None` while the client takes nothing.
    pub(in crate::hub) fn speak(&mut self, now: Instant) -> Option<Spoken> {
        let Self { wire, phase, dismissal } = self;
        match phase {
            Phase::Talking(watcher) if wire.unsent.is_none() => Some(Spoken::by(watcher, dismissal.as_ref(), now)),
            Phase::Talking(_) | Phase::Closing(_) => None,
        }
    }

    /// Does what can be done now. `scratch` is for reading.
    pub(in crate::hub) fn turn(&mut self, spoken: Option<Spoken>, now: Instant, scratch: &mut [u8]) -> Turn {
        let Self { wire, phase, dismissal } = self;
        if let Phase::Talking(watcher) = phase {
            match wire.converse(watcher, dismissal.as_ref(), spoken, now, scratch) {
                Ok(turn) => return turn,
                Err(None) => return Turn::Over,
                Err(Some(code)) => {
                    let until = now + settings(watcher).close_max;
                    // A client that is gone needs no reason, which shows when it is read.
                    let _ = wire.send(&frame::close(Some(code.code())), now);
                    let closing = Closing { code, until, leftovers: LEFTOVERS_MAX, deaf: false };
                    *phase = Phase::Closing(Box::new(closing));
                }
            }
        }
        let Phase::Closing(closing) = phase else { return Turn::Over };
        if closing.until <= now || wire.leave(closing, scratch).is_break() {
            return Turn::Over;
        }
        Turn::Closing(closing.until, closing.code)
    }
}

fn settings(watcher: &Watcher) -> &HubSettings {
    &watcher.room().hub.settings
}

impl<S: Read + Write> Wire<S> {
    fn converse(
        &mut self,
        watcher: &mut Watcher,
        dismissal: Option<&Dismissal>,
        mut spoken: Option<Spoken>,
        now: Instant,
        scratch: &mut [u8],
    ) -> Result<Turn, End> {
        let checked_at = dismissal.map(|_| now + settings(watcher).dismissal_check);
        let until = |at: Instant| checked_at.map_or(at, |checked_at| at.min(checked_at));
        let mut ask = None;
        loop {
            self.flush().map_err(|_| None)?;
            if let Some(unsent) = &self.unsent {
                if let Some(code) = dismissal.and_then(|dismissal| dismissal()) {
                    return Err(Some(code));
                }
                let patient_until = unsent.since + watcher.patience();
                if patient_until <= now {
                    return Err(Some(CloseCode::TooSlow));
                }
                return Ok(Turn::asking(until(patient_until), ask));
            }
            let Spoken { frames, next } = spoken.take().unwrap_or_else(|| Spoken::by(watcher, dismissal, now));
            for text in frames {
                self.send(text.frame(), now)?;
            }
            let next = next?;
            ask = ask.or(next.ask);
            if self.unsent.is_some() || self.listen(watcher, now, scratch)?.is_break() {
                continue;
            }
            // A frame that has not come whole is told of by the socket; one that has and was not taken, by time alone.
            let listen_at = Some(self.listen_at(settings(watcher))).filter(|at| self.has_more() && *at > now);
            let at = listen_at.map_or(next.at, |at| next.at.min(at));
            return Ok(Turn::asking(until(at), ask));
        }
    }

    /// When the next frame of the client may be taken. A flood is read no faster than this, and so costs its sender
    /// the room in its own socket; pings, too, whose answers would else be piled up for a client that reads nothing.
    fn listen_at(&self, settings: &HubSettings) -> Instant {
        self.heard_at.checked_sub(settings.inbound_gap * settings.inbound_burst).unwrap_or(self.heard_at)
    }

    /// Whether the client has sent something that was not taken.
    fn has_more(&self) -> bool {
        self.readable || self.reader.is_some()
    }

    /// Takes what the client has sent; `Break`: the watcher is to speak about it, or the client takes nothing.
    fn listen(&mut self, watcher: &mut Watcher, now: Instant, scratch: &mut [u8]) -> Result<ControlFlow<()>, End> {
        while self.has_more() && self.listen_at(settings(watcher)) <= now {
            let len_max = settings(watcher).inbound_len_max;
            let Some(inbound) = self.reader.as_mut().and_then(|reader| reader.next(len_max)) else {
                self.reader.take_if(|reader| reader.is_empty());
                if !self.readable || self.read(scratch).map_err(|_| None)?.is_none() {
                    break;
                }
                continue;
            };
            self.heard_at = self.heard_at.max(now) + settings(watcher).inbound_gap;
            match inbound {
                Inbound::Text(text) => match asked(&text) {
                    None => return Err(Some(CloseCode::Invalid)),
                    Some(Asked::Unknown) => {}
                    Some(Asked::Resync) => {
                        watcher.resync(now);
                        return Ok(ControlFlow::Break(()));
                    }
                },
                Inbound::Ping(payload) => {
                    self.send(&frame::pong(&payload), now)?;
                    if self.unsent.is_some() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
                Inbound::Nothing => {}
                Inbound::Close(code) => {
                    // Said back as the protocol wants it; whether it arrives changes nothing.
                    let _ = self.send(&frame::close(code), now);
                    return Err(None);
                }
                Inbound::Refused(refused) => {
                    return Err(Some(match refused {
                        Refused::Binary => CloseCode::Unsupported,
                        Refused::TooLarge => CloseCode::TooLarge,
                        Refused::NotText => CloseCode::Invalid,
                        Refused::Malformed => CloseCode::Protocol,
                    }));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Reads what is there, so many bytes; `None` when there is nothing now.
    fn read(&mut self, scratch: &mut [u8]) -> io::Result<Option<usize>> {
        loop {
            match self.stream.read(scratch) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(len) => {
                    self.reader.get_or_insert_default().push(&scratch[..len]);
                    return Ok(Some(len));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.readable = false;
                    return Ok(None);
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn send(&mut self, frame: &Bytes, now: Instant) -> Result<(), End> {
        send(&mut self.stream, &mut self.unsent, frame, now).map_err(|_| None)
    }

    /// Sends what the client did not take before.
    fn flush(&mut self) -> io::Result<()> {
        let Some(unsent) = &mut self.unsent else { return Ok(()) };
        while let Some(frame) = unsent.frames.first_mut() {
            let len = write(&mut self.stream, frame)?;
            frame.advance(len);
            if !frame.is_empty() {
                return Ok(());
            }
            unsent.frames.remove(0);
        }
        self.unsent = None;
        Ok(())
    }

    /// A socket closed with unread bytes is reset, and then the client may never see why: so its own close is waited
    /// for. `Break`: it has come, or the client sends without end.
    fn leave(&mut self, closing: &mut Closing, scratch: &mut [u8]) -> ControlFlow<()> {
        if self.flush().is_err() {
            return ControlFlow::Break(());
        }
        loop {
            while !closing.deaf
                && let Some(inbound) = self.reader.as_mut().and_then(|reader| reader.next(LEFTOVERS_MAX))
            {
                match inbound {
                    Inbound::Close(_) => return ControlFlow::Break(()),
                    // Nothing that follows can be understood.
                    Inbound::Refused(_) => closing.deaf = true,
                    Inbound::Text(_) | Inbound::Ping(_) | Inbound::Nothing => {}
                }
            }
            if closing.deaf {
                self.reader = None;
            }
            match self.readable.then(|| self.read(scratch)) {
                None | Some(Ok(None)) => return ControlFlow::Continue(()),
                Some(Err(_)) => return ControlFlow::Break(()),
                Some(Ok(Some(len))) => {
                    closing.leftovers = closing.leftovers.saturating_sub(len);
                    if closing.leftovers == 0 {
                        return ControlFlow::Break(());
                    }
                }
            }
        }
    }
}

/// Sends a frame; what the client does not take is kept, and sent before anything else.
fn send(stream: &mut impl Write, unsent: &mut Option<Box<Unsent>>, frame: &Bytes, now: Instant) -> io::Result<()> {
    if let Some(unsent) = unsent {
        unsent.frames.push(frame.clone());
        return Ok(());
    }
    let len = write(stream, frame)?;
    if len < frame.len() {
        *unsent = Some(Box::new(Unsent { frames: vec![frame.slice(len..)], since: now }));
    }
    Ok(())
}

/// How much of it was taken; 0: nothing now.
fn write(stream: &mut impl Write, bytes: &[u8]) -> io::Result<usize> {
    loop {
        match stream.write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(0),
            done => return done,
        }
    }
}
