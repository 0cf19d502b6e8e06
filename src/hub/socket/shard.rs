//! One thread and the connections it holds.
//!
//! It is woken by sockets (edge-triggered), by bells and by time, and gives each connection that has something to do a
//! turn. While very many are to be told something, it looks at its sockets and bells in between.

use std::{
    collections::VecDeque,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use mio::{Events, Interest, Poll, Token, Waker, net::TcpStream};
use slab::Slab;
use tokio::{
    runtime::Handle,
    time::{Duration, Instant},
};

use super::{
    Upgraded,
    connection::{Connection, Spoken, Turn},
    wheel::{Tick, Wheel},
};
use crate::{
    domain::{Ticket, TicketId},
    hub::{
        Room, SourceError,
        bells::{Bell, Ringer},
    },
};

/// Of the waker. Connections have their numbers.
const WAKER: Token = Token(usize::MAX);

/// Sockets looked at together.
const EVENTS_LEN: usize = 1_024;

/// Connections that get a turn before sockets and bells are looked at again: a millisecond or so.
const TURNS: usize = 256;

/// Of them, so many are asked what they have to say before it is sent.
const TOGETHER: usize = 64;

/// Read at once from a connection.
const SCRATCH_LEN: usize = 4 * 1_024;

/// After the system has refused to say which sockets are ready.
const REST: Duration = Duration::from_millis(10);

/// What others see of a shard: where to leave word for it.
pub(super) struct Shard<K> {
    inbox: Mutex<Inbox<K>>,
    waker: Waker,
}

/// Word for the shard.
struct Inbox<K> {
    upgraded: Vec<Upgraded<K>>,
    rung: Vec<u32>,
    answers: Vec<Answer>,
    stop: bool,
    /// The waker was used, and the shard has not looked since.
    woken: bool,
}

/// What the source said of the ticket of a connection.
struct Answer {
    number: u32,
    question: u64,
    said: Result<Option<Ticket>, SourceError>,
}

impl<K: Send + 'static> Shard<K> {
    /// Starts the thread.
    pub(super) fn start(index: usize) -> io::Result<Arc<Self>> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        let inbox = Inbox { upgraded: Vec::new(), rung: Vec::new(), answers: Vec::new(), stop: false, woken: false };
        let shard = Arc::new(Self { inbox: Mutex::new(inbox), waker });
        let mut running = Running::new(Arc::clone(&shard), poll, Handle::current());
        thread::Builder::new().name(format!("sockets-{index}")).spawn(move || running.run())?;
        Ok(shard)
    }

    pub(super) fn hold(&self, upgraded: Upgraded<K>) {
        self.tell(|inbox| inbox.upgraded.push(upgraded));
    }

    pub(super) fn stop(&self) {
        self.tell(|inbox| inbox.stop = true);
    }

    /// Leaves word, and wakes the shard unless it is awake.
    fn tell(&self, leave: impl FnOnce(&mut Inbox<K>)) {
        let mut inbox = self.inbox();
        leave(&mut inbox);
        if !std::mem::replace(&mut inbox.woken, true)
            && let Err(error) = self.waker.wake()
        {
            tracing::error!(%error, "a shard of the sockets cannot be woken");
        }
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox<K>> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Send + 'static> Ringer for Shard<K> {
    fn ring(&self, watchers: &mut dyn Iterator<Item = u32>) {
        self.tell(|inbox| inbox.rung.extend(watchers));
    }
}

/// A connection and what the shard knows of it.
struct Held<K> {
    connection: Connection<TcpStream>,
    /// It waits for its turn.
    queued: bool,
    /// Its next turn by time.
    due: Tick,
    /// The bucket of the wheel in which it is.
    bucket: Option<Tick>,
    /// The last question to the source.
    question: u64,
    /// The system tells when it can be written to.
    writable: bool,
    _keeps: K,
}

struct Running<K: Send + 'static> {
    shard: Arc<Shard<K>>,
    poll: Poll,
    runtime: Handle,
    held: Slab<Held<K>>,
    wheel: Wheel,
    /// Whose turn it is.
    turns: VecDeque<u32>,
    scratch: Box<[u8]>,
    /// What those whose turn it is have said; empty between turns.
    spoken: Vec<(u32, Option<Spoken>)>,
    questions: u64,
}

/// A mistake ends one connection, not all of them: `None`.
fn unharmed<T>(act: impl FnOnce() -> T) -> Option<T> {
    let outcome = catch_unwind(AssertUnwindSafe(act));
    outcome.inspect_err(|_| tracing::error!("a connection was given up after a panic")).ok()
}

impl<K: Send + 'static> Running<K> {
    fn new(shard: Arc<Shard<K>>, poll: Poll, runtime: Handle) -> Self {
        Self {
            shard,
            poll,
            runtime,
            held: Slab::new(),
            wheel: Wheel::new(Instant::now()),
            turns: VecDeque::new(),
            scratch: vec![0; SCRATCH_LEN].into(),
            spoken: Vec::new(),
            questions: 0,
        }
    }

    fn run(&mut self) {
        let mut events = Events::with_capacity(EVENTS_LEN);
        loop {
            self.wait(&mut events);
            let mut rung = false;
            for event in &events {
                if event.token() == WAKER {
                    rung = true;
                    continue;
                }
                let Some(held) = self.held.get_mut(event.token().0) else { continue };
                // Also its end, and its failure.
                if event.is_readable() || event.is_read_closed() || event.is_error() {
                    held.connection.set_readable();
                } else if !held.connection.is_blocked() {
                    continue;
                }
                self.queue(event.token().0 as u32);
            }
            if rung && self.take_word() {
                return;
            }
            self.take_turns();
        }
    }

    fn wait(&mut self, events: &mut Events) {
        let timeout = match self.turns.is_empty() {
            false => Some(Duration::ZERO),
            true => self.wheel.next_at().map(|at| at.saturating_duration_since(Instant::now())),
        };
        if let Err(error) = self.poll.poll(events, timeout) {
            events.clear();
            if error.kind() != io::ErrorKind::Interrupted {
                tracing::error!(%error, "the system does not say which sockets are ready");
                thread::sleep(REST);
            }
        }
        let now = Instant::now();
        while let Some((tick, numbers)) = self.wheel.turn(now) {
            for number in numbers {
                self.come_round(number, tick);
            }
        }
    }

    /// An entry of the wheel has come round.
    fn come_round(&mut self, number: u32, tick: Tick) {
        let Some(held) = self.held.get_mut(number as usize) else { return };
        if held.bucket != Some(tick) {
            return;
        }
        held.bucket = None;
        if held.due <= tick {
            self.queue(number);
        } else {
            held.bucket = Some(self.wheel.put(number, held.due));
        }
    }

    /// Takes what was left for it; true when it has to stop.
    fn take_word(&mut self) -> bool {
        let (upgraded, mut rung, answers) = {
            let mut inbox = self.shard.inbox();
            inbox.woken = false;
            if inbox.stop {
                return true;
            }
            let Inbox { upgraded, rung, answers, .. } = &mut *inbox;
            (std::mem::take(upgraded), std::mem::take(rung), std::mem::take(answers))
        };
        // In the order in which they lie in memory, here and in the system.
        rung.sort_unstable();
        for number in rung {
            self.queue(number);
        }
        for Answer { number, question, said } in answers {
            // Not of who held the number before.
            let asked = self.held.get_mut(number as usize).filter(|held| held.question == question);
            if let Some(watcher) = asked.and_then(|held| held.connection.watcher()) {
                watcher.answer(said);
                self.queue(number);
            }
        }
        for upgraded in upgraded {
            if let Err(error) = self.begin(upgraded) {
                tracing::debug!(%error, "a connection is gone already");
            }
        }
        false
    }

    fn begin(&mut self, upgraded: Upgraded<K>) -> io::Result<()> {
        let Upgraded { stream, read, mut watcher, dismissal, keeps } = upgraded;
        let mut stream = TcpStream::from_std(stream);
        let entry = self.held.vacant_entry();
        let number = u32::try_from(entry.key()).map_err(io::Error::other)?;
        self.poll.registry().register(&mut stream, Token(entry.key()), Interest::READABLE)?;
        watcher.attach(Bell { ringer: Arc::<Shard<K>>::clone(&self.shard), number });
        let connection = Connection::new(stream, &read, watcher, dismissal, Instant::now());
        entry.insert(Held {
            connection,
            queued: false,
            due: 0,
            bucket: None,
            question: 0,
            writable: false,
            _keeps: keeps,
        });
        self.queue(number);
        Ok(())
    }

    /// It gets a turn.
    fn queue(&mut self, number: u32) {
        if let Some(held) = self.held.get_mut(number as usize)
            && !std::mem::replace(&mut held.queued, true)
        {
            self.turns.push_back(number);
        }
    }

    /// First all are asked what they have to say, then all of it is sent: clients that are woken by one frame after the
    /// other fall asleep in between when each frame is made first, and waking them costs more than sending.
    fn take_turns(&mut self) {
        let now = Instant::now();
        let mut spoken = std::mem::take(&mut self.spoken);
        for _ in 0..TURNS / TOGETHER {
            while spoken.len() < TOGETHER
                && let Some(number) = self.turns.pop_front()
            {
                let Some(held) = self.held.get_mut(number as usize) else { continue };
                held.queued = false;
                match unharmed(|| held.connection.speak(now)) {
                    Some(said) => spoken.push((number, said)),
                    None => drop(self.held.remove(number as usize)),
                }
            }
            for (number, spoken) in spoken.drain(..) {
                self.turn(number, spoken, now);
            }
        }
        self.spoken = spoken;
    }

    fn turn(&mut self, number: u32, spoken: Option<Spoken>, now: Instant) {
        let Self { held: all, scratch, wheel, .. } = self;
        let Some(held) = all.get_mut(number as usize) else { return };
        let turn = unharmed(|| held.connection.turn(spoken, now, scratch)).unwrap_or(Turn::Over);
        let (at, ask) = match turn {
            Turn::Until(at) => (at, None),
            Turn::Ask(at, ticket) => (at, Some(ticket)),
            Turn::Closing(at, code) => {
                tracing::debug!(code = code.code(), "a connection is being closed");
                (at, None)
            }
            Turn::Over => return drop(all.remove(number as usize)),
        };
        held.due = wheel.tick_of(at);
        if held.bucket.is_none_or(|bucket| held.due < bucket) {
            held.bucket = Some(wheel.put(number, held.due));
        }
        if held.connection.is_blocked() && !std::mem::replace(&mut held.writable, true) {
            let both = Interest::READABLE | Interest::WRITABLE;
            let stream = held.connection.stream();
            if let Err(error) = self.poll.registry().reregister(stream, Token(number as usize), both) {
                tracing::error!(%error, "a slow connection was given up");
                return drop(self.held.remove(number as usize));
            }
        }
        if let Some(ticket) = ask {
            self.ask(number, ticket);
        }
    }

    /// Asks the source for a connection's ticket.
    fn ask(&mut self, number: u32, ticket: TicketId) {
        let Some(held) = self.held.get_mut(number as usize) else { return };
        let Some(watcher) = held.connection.watcher() else { return };
        let room: Arc<Room> = Arc::clone(watcher.room());
        self.questions += 1;
        let question = self.questions;
        held.question = question;
        let shard = Arc::clone(&self.shard);
        self.runtime.spawn(async move {
            let said = room.source_ticket(&ticket).await;
            shard.tell(|inbox| inbox.answers.push(Answer { number, question, said }));
        });
    }
}
