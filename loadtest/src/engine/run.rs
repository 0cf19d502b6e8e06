//! The loop itself.

use std::{
    collections::VecDeque,
    io::{ErrorKind, Read as _, Write as _},
    net::TcpStream,
    sync::{
        Arc,
        atomic::Ordering::Relaxed,
        mpsc::{Receiver, TryRecvError},
    },
    time::Duration,
};

use nix::sys::{
    epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout},
    eventfd::EventFd,
};

use super::{
    Command, Dialect, Entry, Gauges, Look, Plan, Settings, Shown,
    changes::Changes,
    dial::{self, Answer},
    frame::{self, Taken},
    measure::{Latency, Measured, Second, band},
    scan::{Kind, Place, Scan, Standing},
};
use crate::chance::Chance;

/// Everything is read into this; more than a socket holds of frames unless the loop is far behind.
const BUFFER_LEN: usize = 256 * 1_024;

/// Readiness that is taken at once.
const EVENTS_LEN: usize = 1_024;

/// Without anything to do the loop looks around so often.
const NAP_MS: u16 = 20;

/// The event of the bell.
const BELL: u64 = u64::MAX;

/// What went wrong is kept up to so many; the rest is counted.
const WRONG_LEN_MAX: usize = 20;

/// The end of a phone whose ticket has ended.
const NOTHING_MORE: u16 = 1_000;

/// A connection that is not made within this is given up.
const DIAL_NS_MAX: u64 = 20_000_000_000;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Not asked to connect yet, or about to come back.
    Away,
    /// The request is not sent.
    Connecting,
    /// The answer has not come.
    Asking,
    Open,
    /// Ended by the server or the network; does not come back.
    Ended,
}

/// One connection. This, its path and what the kernel keeps are all it takes.
struct Screen {
    socket: Option<TcpStream>,
    phase: Phase,
    line: u8,
    room: u32,
    place: Place,
    /// On this connection.
    told: bool,
    stamp: Option<(i64, i64)>,
    dialled_at: u64,
    /// The beginning of what has not come whole.
    partial: Option<Box<[u8]>>,
    path: Box<str>,
}

pub(super) struct Loop {
    settings: Settings,
    changes: Arc<Changes>,
    inbox: Receiver<Command>,
    bell: Arc<EventFd>,
    gauges: Arc<Gauges>,
    epoll: Epoll,
    scan: Scan,
    screens: Vec<Screen>,
    /// Who connects when, in order.
    due: VecDeque<(u64, u32)>,
    /// Connections that are being made, and when the next of them is to be given up.
    under_way: usize,
    measured: Measured,
    wrong: Vec<String>,
    wrong_count: u64,
    log: Vec<Entry>,
    second: SecondSoFar,
}

/// What the line of this second will say.
struct SecondSoFar {
    ends_at: u64,
    frames: u64,
    fresh: Latency,
}

impl Loop {
    pub(super) fn new(
        settings: Settings,
        changes: Arc<Changes>,
        inbox: Receiver<Command>,
        bell: Arc<EventFd>,
        gauges: Arc<Gauges>,
    ) -> anyhow::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        epoll.add(&bell, EpollEvent::new(EpollFlags::EPOLLIN, BELL))?;
        let second = SecondSoFar { ends_at: changes.now(), frames: 0, fresh: Latency::new() };
        Ok(Self {
            settings,
            changes,
            inbox,
            bell,
            gauges,
            epoll,
            scan: Scan::new(),
            screens: Vec::new(),
            due: VecDeque::new(),
            under_way: 0,
            measured: Measured::new(),
            wrong: Vec::new(),
            wrong_count: 0,
            log: Vec::new(),
            second,
        })
    }

    pub(super) fn run(mut self) -> anyhow::Result<()> {
        let mut events = vec![EpollEvent::empty(); EVENTS_LEN];
        let mut buffer = vec![0; BUFFER_LEN];
        let mut swept_at = 0;
        loop {
            let nap = if self.due.is_empty() || self.under_way >= self.settings.at_once { NAP_MS } else { 1 };
            let count = match self.epoll.wait(&mut events, EpollTimeout::from(nap)) {
                Ok(count) => count,
                Err(nix::errno::Errno::EINTR) => 0,
                Err(error) => return Err(error.into()),
            };
            for event in &events[..count] {
                if event.data() == BELL {
                    // Only that it rang matters.
                    let _ = self.bell.read();
                    if !self.take_commands() {
                        return Ok(());
                    }
                } else if let Ok(index) = usize::try_from(event.data()) {
                    self.ready(index, event.events(), &mut buffer);
                }
            }
            let now = self.changes.now();
            self.dial_due(now);
            if now >= swept_at + 1_000_000_000 {
                swept_at = now;
                self.sweep(now);
            }
            if now >= self.second.ends_at {
                self.end_second(now);
            }
        }
    }

    /// False: it is over.
    fn take_commands(&mut self) -> bool {
        loop {
            match self.inbox.try_recv() {
                Ok(Command::Open(plans, within)) => self.open(plans, within),
                Ok(Command::Storm(within, seed)) => self.storm(within, seed),
                Ok(Command::Reset) => {
                    self.measured = Measured::new();
                    self.log.clear();
                }
                Ok(Command::Look(answer)) => {
                    let shown = self.screens.iter().map(|screen| Shown {
                        room: screen.room,
                        open: screen.phase == Phase::Open,
                        stamp: screen.stamp,
                        place: screen.place,
                    });
                    // Who asked may have given up.
                    let _ = answer.send(Look {
                        shown: shown.collect(),
                        measured: self.measured.clone(),
                        wrong: self.wrong.clone(),
                        wrong_count: self.wrong_count,
                        log: std::mem::take(&mut self.log),
                    });
                }
                Ok(Command::End) | Err(TryRecvError::Disconnected) => return false,
                Err(TryRecvError::Empty) => return true,
            }
        }
    }

    fn open(&mut self, plans: Vec<Plan>, within: Duration) {
        let now = self.changes.now();
        let gap = nanoseconds(within) / plans.len().max(1) as u64;
        for (ordinal, plan) in plans.into_iter().enumerate() {
            let index = self.screens.len() as u32;
            self.screens.push(Screen {
                socket: None,
                phase: Phase::Away,
                line: plan.line,
                room: plan.room,
                place: Place::default(),
                told: false,
                stamp: None,
                dialled_at: 0,
                partial: None,
                path: plan.path,
            });
            self.due.push_back((now + gap * ordinal as u64, index));
        }
    }

    fn storm(&mut self, within: Duration, seed: u64) {
        let mut chance = Chance::new(seed, 7_000_000);
        let now = self.changes.now();
        let mut due = Vec::new();
        for index in 0..self.screens.len() {
            if self.screens[index].phase == Phase::Open {
                self.leave(index, Phase::Away);
                due.push((now + chance.below(nanoseconds(within).max(1)), index as u32));
            }
        }
        due.sort_unstable();
        self.due.extend(due);
    }

    fn dial_due(&mut self, now: u64) {
        while self.under_way < self.settings.at_once
            && let Some((_, index)) = self.due.pop_front_if(|(at, _)| *at <= now)
        {
            let from = dial::source(self.settings.shard, index);
            let index = index as usize;
            let dialled = dial::dial(from, self.settings.to).and_then(|socket| {
                let both = EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT;
                self.epoll.add(&socket, EpollEvent::new(both, index as u64))?;
                Ok(socket)
            });
            match dialled {
                Ok(socket) => {
                    let screen = &mut self.screens[index];
                    (screen.socket, screen.phase) = (Some(socket), Phase::Connecting);
                    (screen.told, screen.partial, screen.dialled_at) = (false, None, now);
                    self.under_way += 1;
                }
                Err(error) => self.find(index, &format!("could not dial: {error}")),
            }
        }
    }

    fn ready(&mut self, index: usize, events: EpollFlags, buffer: &mut [u8]) {
        if self.screens[index].phase == Phase::Connecting && events.contains(EpollFlags::EPOLLOUT) {
            self.ask(index);
        }
        if events.intersects(EpollFlags::EPOLLIN | EpollFlags::EPOLLHUP | EpollFlags::EPOLLERR) {
            self.receive(index, buffer);
        }
    }

    fn ask(&mut self, index: usize) {
        let screen = &mut self.screens[index];
        let Some(socket) = &mut screen.socket else { return };
        let request = dial::request(self.settings.to, &screen.path, self.settings.subprotocol);
        // A new socket takes more than a request.
        let asked = socket.write_all(request.as_bytes()).and_then(|()| {
            let event = &mut EpollEvent::new(EpollFlags::EPOLLIN, index as u64);
            Ok(self.epoll.modify(&*socket, event)?)
        });
        match asked {
            Ok(()) => screen.phase = Phase::Asking,
            Err(error) => self.end(index, &format!("was not connected: {error}")),
        }
    }

    fn receive(&mut self, index: usize, buffer: &mut [u8]) {
        let screen = &mut self.screens[index];
        let Some(socket) = &mut screen.socket else { return };
        let kept = screen.partial.take().unwrap_or_default();
        let Some((before, free)) = buffer.split_at_mut_checked(kept.len()).filter(|(_, free)| !free.is_empty()) else {
            return self.end(index, "was sent a frame that is too long");
        };
        before.copy_from_slice(&kept);
        let len = match socket.read(free) {
            Ok(0) => return self.end(index, "was closed without a reason"),
            Ok(len) => kept.len() + len,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                screen.partial = Some(kept).filter(|kept| !kept.is_empty());
                return;
            }
            Err(error) => return self.end(index, &format!("broke: {error}")),
        };
        let now = self.changes.now();
        let mut from = 0;
        if screen.phase == Phase::Asking {
            match dial::answer(&buffer[..len]) {
                Answer::Partial => {}
                Answer::Upgraded(head) => {
                    screen.phase = Phase::Open;
                    from = head;
                }
                Answer::Refused(why) => return self.end(index, &format!("was refused: {why}")),
            }
        }
        while self.screens[index].phase == Phase::Open {
            match frame::take(&buffer[from..len]) {
                Taken::Frame { opcode, payload, len } => {
                    from += len;
                    self.hear(index, opcode, payload, now);
                }
                Taken::Partial => break,
                Taken::Broken(why) => return self.end(index, &format!("was sent {why}")),
            }
        }
        if from < len && self.screens[index].socket.is_some() {
            self.screens[index].partial = Some(buffer[from..len].into());
        }
    }

    fn hear(&mut self, index: usize, opcode: u8, payload: &[u8], now: u64) {
        match opcode {
            frame::TEXT => match self.settings.dialect {
                Dialect::Plain => self.take(index, payload, now),
                Dialect::SocketIo => self.hear_socket_io(index, payload, now),
            },
            frame::PING => self.say(index, &frame::masked(frame::PONG, payload)),
            frame::PONG => {}
            frame::CLOSE => {
                let code = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
                self.say(index, &frame::masked(frame::CLOSE, payload));
                if code == Some(NOTHING_MORE) && self.screens[index].place.standing == Standing::Gone {
                    return self.leave(index, Phase::Ended);
                }
                let why = code
                    .map_or_else(|| "was closed without a code".to_owned(), |code| format!("was closed with {code}"));
                self.end(index, &why);
            }
            _ => self.end(index, &format!("was sent a frame of opcode {opcode}")),
        }
    }

    fn hear_socket_io(&mut self, index: usize, payload: &[u8], now: u64) {
        match payload {
            [b'0', ..] => self.say(index, &frame::masked(frame::TEXT, b"40")),
            [b'2'] => self.say(index, &frame::masked(frame::TEXT, b"3")),
            [b'4', b'2', event @ ..] => self.take(index, event, now),
            [b'4', b'0', ..] | [b'6'] => {}
            _ => self.find(index, &format!("was sent {}", String::from_utf8_lossy(payload))),
        }
    }

    /// Shows a frame.
    fn take(&mut self, index: usize, text: &[u8], now: u64) {
        let kind = self.scan.kind(text);
        self.measured.frames[kind as usize] += 1;
        self.measured.bytes += text.len() as u64;
        self.second.frames += 1;
        if kind == Kind::Other {
            return self.find(index, &format!("was sent {}", String::from_utf8_lossy(text)));
        }
        if !kind.is_state() {
            return;
        }
        let Some(stamp) = self.scan.stamp(text) else { return self.find(index, "was sent a state without a rev") };
        if !self.scan.live(text) {
            self.measured.not_live += 1;
        }
        let place = if kind == Kind::Ticket { self.scan.place(text) } else { Some(Place::default()) };
        let Some(place) = place else { return self.find(index, "was sent a ticket without its place") };
        let screen = &mut self.screens[index];
        let before = screen.stamp;
        if before.is_some_and(|before| before > stamp) {
            return self.find(index, &format!("went back from {before:?} to {stamp:?}"));
        }
        screen.stamp = Some(stamp);
        screen.place = place;
        let first = !screen.told;
        screen.told = true;
        let (room, line, dialled_at) = (screen.room, screen.line, screen.dialled_at);
        if first {
            self.under_way -= 1;
            self.gauges.showing.fetch_add(1, Relaxed);
            self.measured.first.record_ns(now.saturating_sub(dialled_at));
        }
        self.gauges.states.fetch_add(1, Relaxed);
        if self.settings.log {
            self.log.push(Entry { screen: index as u32, at_us: now / 1_000, rev: stamp.1, place });
        }
        if let Some((_, rev)) = before {
            let band = if kind == Kind::Ticket { band(place) } else { 0 };
            let (fresh, second) = (&mut self.measured.fresh[band], &mut self.second.fresh);
            self.changes.shown(room as usize, line, rev, stamp.1, now, |age| {
                fresh.record_ns(age);
                second.record_ns(age);
            });
        }
    }

    fn say(&mut self, index: usize, bytes: &[u8]) {
        let Some(socket) = &mut self.screens[index].socket else { return };
        if let Err(error) = socket.write_all(bytes) {
            self.end(index, &format!("could not answer: {error}"));
        }
    }

    /// Something ended a connection that should be there.
    fn end(&mut self, index: usize, why: &str) {
        self.gauges.broken.fetch_add(1, Relaxed);
        self.leave(index, Phase::Ended);
        self.find(index, why);
    }

    fn leave(&mut self, index: usize, phase: Phase) {
        let screen = &mut self.screens[index];
        if screen.socket.take().is_some() {
            // Closing took it out of the epoll set.
            if screen.told {
                self.gauges.showing.fetch_sub(1, Relaxed);
            } else {
                self.under_way -= 1;
            }
        }
        screen.phase = phase;
        screen.partial = None;
    }

    fn find(&mut self, index: usize, why: &str) {
        self.wrong_count += 1;
        if self.wrong.len() < WRONG_LEN_MAX {
            let path = &self.screens[index].path;
            // A ticket's id is its holder's capability, also in a report.
            let kind = if path.contains("/tickets/") { "a phone" } else { path };
            self.wrong.push(format!("{kind} {why}"));
        }
    }

    /// Gives up connections that were not made.
    fn sweep(&mut self, now: u64) {
        if self.under_way == 0 {
            return;
        }
        for index in 0..self.screens.len() {
            let screen = &self.screens[index];
            if screen.socket.is_some() && !screen.told && screen.dialled_at + DIAL_NS_MAX < now {
                self.end(index, "was told nothing in 20 s");
            }
        }
    }

    fn end_second(&mut self, now: u64) {
        let p99_ms = self.second.fresh.quantile_ms(0.99);
        let second = Second {
            at_s: (now / 1_000_000) as f64 / 1_000.0,
            showing: self.gauges.showing.load(Relaxed),
            frames: self.second.frames,
            p99_ms,
        };
        if self.settings.progress {
            eprintln!(
                "{:6.1} s  {:>6} screens  {:>8} frames/s  p99 {:>8.2} ms  {} wrong",
                second.at_s, second.showing, second.frames, second.p99_ms, self.wrong_count
            );
        }
        self.measured.seconds.push(second);
        self.second = SecondSoFar { ends_at: now + 1_000_000_000, frames: 0, fresh: Latency::new() };
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
