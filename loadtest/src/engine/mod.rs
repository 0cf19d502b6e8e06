//! Many thousand screens in one thread: an epoll loop that holds a slab entry for each and reads what comes.
//!
//! `nix` rather than `mio`: level-triggered epoll needs one read for each readiness and no state about what was not read,
//! and the same crate makes sockets that come from an address of their own. Nothing of a screen is kept but what it
//! shows (`Screen`, under 200 bytes with its path): all read into one buffer, and only a frame that came in parts is kept
//! until the rest comes.
//!
//! Invariants: a screen that was sent something that it must not be is counted as wrong, with the reason; the engine
//! never waits for one screen.

pub(crate) mod changes;
mod dial;
pub(crate) mod frame;
pub(crate) mod measure;
mod run;
pub(crate) mod scan;

use std::{
    net::SocketAddrV4,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc,
    },
    thread::JoinHandle,
    time::Duration,
};

use anyhow::{Context as _, anyhow};
use nix::sys::eventfd::{EfdFlags, EventFd};

use changes::Changes;
use measure::Measured;
use scan::Place;

/// How the servers are spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Text frames.
    #[default]
    Plain,
    /// Engine.IO 4 over WebSocket: a handshake of its own, and pings as text.
    SocketIo,
}

/// How an engine connects.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) to: SocketAddrV4,
    pub(crate) dialect: Dialect,
    pub(crate) subprotocol: Option<&'static str>,
    /// Connections that are being made at the same time.
    pub(crate) at_once: usize,
    /// Which of several processes this is: each has addresses of its own.
    pub(crate) shard: u8,
    /// Print a line every second.
    pub(crate) progress: bool,
    /// Keep every state frame of every screen, for what is computed afterwards.
    pub(crate) log: bool,
}

/// A screen to be opened.
pub(crate) struct Plan {
    pub(crate) room: u32,
    /// The line of a phone's ticket, or [`changes::EVERYBODY`].
    pub(crate) line: u8,
    pub(crate) path: Box<str>,
}

/// What a screen shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown {
    pub(crate) room: u32,
    pub(crate) open: bool,
    /// `None`: it was never told anything.
    pub(crate) stamp: Option<(i64, i64)>,
    pub(crate) place: Place,
}

/// A state frame that came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) screen: u32,
    /// Microseconds since the run began.
    pub(crate) at_us: u64,
    pub(crate) rev: i64,
    pub(crate) place: Place,
}

/// What is seen from outside while it runs.
#[derive(Default)]
pub(crate) struct Gauges {
    /// Screens that were told something and are connected.
    pub(crate) showing: AtomicU64,
    /// State frames of all time.
    pub(crate) states: AtomicU64,
    /// Connections that were refused or broke.
    pub(crate) broken: AtomicU64,
}

/// What is asked of an engine.
enum Command {
    /// Open screens, evenly within this time; zero: as fast as `at_once` allows.
    Open(Vec<Plan>, Duration),
    /// Break all connections as a lost network does; all come back at a random moment within this.
    Storm(Duration, u64),
    Look(mpsc::Sender<Look>),
    /// Measure anew from here.
    Reset,
    End,
}

/// All that an engine knows.
pub(crate) struct Look {
    pub(crate) shown: Vec<Shown>,
    pub(crate) measured: Measured,
    /// What went wrong, the first of it.
    pub(crate) wrong: Vec<String>,
    pub(crate) wrong_count: u64,
    pub(crate) log: Vec<Entry>,
}

/// A running engine. It ends when this is dropped.
pub(crate) struct Engine {
    commands: mpsc::Sender<Command>,
    bell: Arc<EventFd>,
    thread: Option<JoinHandle<anyhow::Result<()>>>,
    pub(crate) gauges: Arc<Gauges>,
}

impl Engine {
    /// Starts one.
    pub(crate) fn start(settings: Settings, changes: Arc<Changes>) -> anyhow::Result<Self> {
        raise_open_files();
        let bell = Arc::new(EventFd::from_value_and_flags(0, EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?);
        let gauges = Arc::new(Gauges::default());
        let (commands, inbox) = mpsc::channel();
        let looped = run::Loop::new(settings, changes, inbox, Arc::clone(&bell), Arc::clone(&gauges))?;
        let thread = std::thread::Builder::new().name("engine".to_owned()).spawn(move || looped.run())?;
        Ok(Self { commands, bell, thread: Some(thread), gauges })
    }

    /// Opens screens; their indices go on from those before.
    pub(crate) fn open(&self, plans: Vec<Plan>, within: Duration) -> anyhow::Result<()> {
        self.tell(Command::Open(plans, within))
    }

    /// Breaks every connection; each comes back within this time.
    pub(crate) fn storm(&self, within: Duration, seed: u64) -> anyhow::Result<()> {
        self.tell(Command::Storm(within, seed))
    }

    /// Forgets what was measured so far.
    pub(crate) fn reset(&self) -> anyhow::Result<()> {
        self.tell(Command::Reset)
    }

    /// What it knows now.
    pub(crate) async fn look(&self) -> anyhow::Result<Look> {
        let (answer, answered) = mpsc::channel();
        self.tell(Command::Look(answer))?;
        tokio::task::spawn_blocking(move || answered.recv()).await?.context("the engine has ended")
    }

    /// Waits until so many screens show something. Says so when it takes too long.
    pub(crate) async fn showing(&self, count: usize, longest: Duration) -> anyhow::Result<()> {
        let until = tokio::time::Instant::now() + longest;
        while self.gauges.showing.load(Relaxed) < count as u64 {
            let broken = self.gauges.broken.load(Relaxed);
            let hopeless = broken > 0 && self.gauges.showing.load(Relaxed) + broken >= count as u64;
            if hopeless || tokio::time::Instant::now() > until {
                let look = self.look().await?;
                let showing = self.gauges.showing.load(Relaxed);
                return Err(anyhow!("{showing} of {count} screens show something: {:?}", look.wrong));
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(())
    }

    fn tell(&self, command: Command) -> anyhow::Result<()> {
        self.commands.send(command).map_err(|_| anyhow!("the engine has ended"))?;
        self.bell.write(1)?;
        Ok(())
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // An engine that has failed says why when it is joined.
        let _ = self.tell(Command::End);
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(Err(error))) => eprintln!("the engine failed: {error:#}"),
            Some(Err(_)) => eprintln!("the engine panicked"),
            Some(Ok(Ok(()))) | None => {}
        }
    }
}

/// As many files as this process may ever have.
pub(crate) fn raise_open_files() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // What cannot be raised shows as refused connections.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}
