//! Connections to PostgreSQL: a few, kept, and made in tasks of their own.
//!
//! A call waits for a connection for [`ACQUIRE_TIMEOUT`] at most; what makes one goes on without it, for up to
//! [`CONNECT_TIMEOUT`], and the next call finds what was made. So a PostgreSQL that is starved of CPU, and lets a
//! connection in only after longer than any call waits, is reached all the same.
//!
//! Why no library: the pools of sqlx and deadpool end an attempt with the call that waits for it. With bb8 it goes on,
//! but there is one for each call at once, no call learns why it failed, and calls that come later may be served first,
//! again and again. Most of what stands here would have to stand around it.
//!
//! How many are made at a time says the [`Gate`].
//!
//! Invariant: each connection has one place, from the beginning of its attempt to its end, and there are no more places
//! than `connections_max`.
//! Invariant: a call gets whatever comes first, a connection that comes back or a new one; none is idle while a call
//! waits.

use std::{
    collections::VecDeque,
    io,
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sqlx::{ConnectOptions as _, Connection as _, Executor as _, PgConnection, postgres::PgConnectOptions};
use tokio::{
    runtime::Handle,
    sync::oneshot,
    task::JoinHandle,
    time::{Instant, timeout, timeout_at},
};

use super::error::{is_transient, words};

mod executor;
mod gate;
#[cfg(test)]
mod tests;

pub use gate::Gate;
use gate::Wanted;

/// Longest wait of a call for a connection.
pub const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest attempt to make a connection.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// An idle connection that is silent for so long is left to itself; the call looks for another.
const PATIENCE: Duration = Duration::from_millis(500);
/// A connection that comes back has so long to answer, then it is given up. Longer than PostgreSQL lets a statement
/// run that was left behind.
const TEST_TIMEOUT: Duration = Duration::from_secs(5);
/// An idle connection that was of no use for so long is closed when another comes back.
const IDLE_MAX: Duration = Duration::from_secs(10 * 60);
/// A connection that is so old is closed when it comes back, as PostgreSQL's side of it grows.
const AGE_MAX: Duration = Duration::from_secs(30 * 60);

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Pool(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    options: PgConnectOptions,
    connections_max: usize,
    gate: Gate,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The one used last stands last.
    idle: Vec<Held>,
    /// Calls that wait, in their order.
    waiting: VecDeque<oneshot::Sender<Result<Lease, sqlx::Error>>>,
    /// Places taken: connections that are idle, lent, being tested, or being made.
    places: usize,
    /// Attempts under way.
    attempts: usize,
    closed: bool,
}

/// A connection and its place.
#[derive(Debug)]
struct Held {
    connection: PgConnection,
    made: Instant,
    used: Instant,
}

/// A connection lent to a call. Dropping it gives it back.
#[derive(Debug)]
pub struct Lease {
    pool: Pool,
    /// There until it is given back.
    held: Option<Held>,
    /// What PostgreSQL must be told before others may use it.
    tidying: Option<&'static str>,
}

/// A transaction. Dropping it rolls back.
#[derive(Debug)]
pub struct Transaction(Lease);

enum Next {
    Idle(Lease),
    Wait(oneshot::Receiver<Result<Lease, sqlx::Error>>),
}

impl Pool {
    /// A pool; nothing is connected yet. Pools of the same database share a gate.
    pub fn new(options: PgConnectOptions, connections_max: usize, gate: Gate) -> Self {
        Self(Arc::new(Shared { options, connections_max, gate, state: Mutex::default() }))
    }

    /// A connection that answers.
    ///
    /// # Errors
    /// At once when PostgreSQL refuses for good, as a wrong password; when there is none within [`ACQUIRE_TIMEOUT`],
    /// with what was last heard.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: the connection it waits for is the next call's.
    pub async fn acquire(&self) -> Result<Lease, sqlx::Error> {
        self.acquire_within(ACQUIRE_TIMEOUT).await
    }

    /// The same for a caller of more patience.
    pub async fn acquire_within(&self, patience: Duration) -> Result<Lease, sqlx::Error> {
        let deadline = Instant::now() + patience;
        let acquiring = async {
            loop {
                let mut lease = match self.next()? {
                    Next::Idle(lease) => lease,
                    Next::Wait(answer) => return self.wait(answer).await,
                };
                if let Ok(Ok(())) = timeout(PATIENCE, lease.ping()).await {
                    return Ok(lease);
                }
                // It may still answer.
                drop(lease);
                self.doubt();
            }
        };
        timeout_at(deadline, acquiring).await.unwrap_or_else(|_| Err(self.timed_out()))
    }

    /// Begins a transaction.
    ///
    /// # Errors
    /// As [`Pool::acquire`], and when PostgreSQL fails.
    pub async fn begin(&self) -> Result<Transaction, sqlx::Error> {
        self.begin_with("BEGIN").await
    }

    /// The same with a statement that says what kind of transaction it is to be.
    pub async fn begin_with(&self, statement: &'static str) -> Result<Transaction, sqlx::Error> {
        let mut lease = self.acquire().await?;
        lease.tidying = Some("ROLLBACK");
        lease.execute(statement).await?;
        Ok(Transaction(lease))
    }

    /// Takes no more calls. Those under way finish, and what they used is closed.
    pub async fn close(&self) {
        let (idle, waiting) = {
            let mut state = self.state();
            state.closed = true;
            state.places -= state.idle.len();
            (std::mem::take(&mut state.idle), std::mem::take(&mut state.waiting))
        };
        drop(waiting);
        for held in idle {
            held.close().await;
        }
    }

    fn next(&self) -> Result<Next, sqlx::Error> {
        let mut state = self.state();
        if state.closed {
            return Err(sqlx::Error::PoolClosed);
        }
        if let Some(held) = state.idle.pop() {
            return Ok(Next::Idle(self.lease(held)));
        }
        let (give, answer) = oneshot::channel();
        state.waiting.push_back(give);
        Ok(Next::Wait(answer))
    }

    async fn wait(&self, mut answer: oneshot::Receiver<Result<Lease, sqlx::Error>>) -> Result<Lease, sqlx::Error> {
        loop {
            self.make_more();
            if let Ok(answer) = timeout(gate::PAUSE, &mut answer).await {
                return answer.unwrap_or(Err(sqlx::Error::PoolClosed));
            }
        }
    }

    fn timed_out(&self) -> sqlx::Error {
        match self.0.gate.trouble() {
            Some(trouble) => sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, trouble)),
            None => sqlx::Error::PoolTimedOut,
        }
    }

    /// Begins attempts to make connections, as far as that is wanted and allowed now.
    fn make_more(&self) {
        let mut state = self.state();
        state.waiting.retain(|waiting| !waiting.is_closed());
        while !state.closed && state.places < self.0.connections_max && self.0.gate.begin(state.wanted()) {
            state.places += 1;
            state.attempts += 1;
            tokio::spawn(self.clone().make());
        }
    }

    async fn make(self) {
        let began = Instant::now();
        let made = timeout(CONNECT_TIMEOUT, self.0.options.connect()).await;
        let took = began.elapsed();
        self.state().attempts -= 1;
        match made.unwrap_or_else(|elapsed| Err(sqlx::Error::Io(elapsed.into()))) {
            Ok(connection) => {
                self.0.gate.made(took);
                if took > ACQUIRE_TIMEOUT {
                    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
                    tracing::warn!(took_ms, "PostgreSQL was slow to accept a connection");
                }
                let now = Instant::now();
                self.offer(Held { connection, made: now, used: now });
            }
            Err(error) => self.failed(error),
        }
        self.make_more();
    }

    /// An attempt failed: calls go on waiting if a later one may succeed, else all of them are told.
    fn failed(&self, error: sqlx::Error) {
        let text = words(&error);
        self.0.gate.failed(text.clone());
        let mut state = self.state();
        state.places -= 1;
        if is_transient(&error) {
            return;
        }
        let mut error = Some(error);
        for waiting in state.waiting.drain(..) {
            let told = error.take().unwrap_or_else(|| sqlx::Error::Configuration(text.clone().into()));
            // A caller that has given up needs no answer.
            let _ = waiting.send(Err(told));
        }
    }

    /// A connection that did not answer makes all of them doubtful: those that do not answer lose their places.
    fn doubt(&self) {
        self.0.gate.doubt();
        let idle = std::mem::take(&mut self.state().idle);
        for held in idle {
            drop(self.lease(held));
        }
    }

    /// Takes a connection back once it is tidy.
    async fn take_back(&self, mut held: Held, tidying: Option<&'static str>) -> Result<(), sqlx::Error> {
        let connection = &mut held.connection;
        let tidied = timeout(TEST_TIMEOUT, async {
            match tidying {
                Some(statement) => connection.execute(statement).await.map(drop),
                None => connection.ping().await,
            }
        });
        let tidied = tidied.await.unwrap_or_else(|elapsed| Err(sqlx::Error::Io(elapsed.into())));
        if let Err(error) = &tidied {
            tracing::debug!(error = words(error), "a connection to PostgreSQL did not come back");
            self.0.gate.doubt();
        } else if held.made.elapsed() < AGE_MAX {
            held.used = Instant::now();
            self.offer(held);
            return Ok(());
        } else {
            held.close().await;
        }
        self.state().places -= 1;
        self.make_more();
        tidied
    }

    /// Gives a connection to the call that waits longest, or keeps it.
    fn offer(&self, held: Held) {
        let mut state = self.state();
        state.waiting.retain(|waiting| !waiting.is_closed());
        if let Some(waiting) = state.waiting.pop_front() {
            // If that call ends just now, the lease is dropped, and so comes back.
            let _ = waiting.send(Ok(self.lease(held)));
            return;
        }
        state.idle.push(held);
        if state.closed || state.idle[0].used.elapsed() > IDLE_MAX {
            state.places -= 1;
            tokio::spawn(state.idle.remove(0).close());
        }
    }

    fn lease(&self, held: Held) -> Lease {
        Lease { pool: self.clone(), held: Some(held), tidying: None }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wanted(&self) -> Wanted {
        Wanted { waiting: self.waiting.len(), attempts: self.attempts, has_some: self.places > self.attempts }
    }
}

impl Held {
    /// Says good-bye, to a server that may be frozen.
    async fn close(self) {
        // It ends in any case.
        let _ = timeout(TEST_TIMEOUT, self.connection.close()).await;
    }
}

impl Lease {
    /// When it is given back, its advisory locks end.
    pub fn unlock_afterwards(&mut self) {
        self.tidying = Some("SELECT pg_advisory_unlock_all()");
    }

    /// Gives it back as dropping it does, and waits until that is done.
    ///
    /// # Errors
    /// When PostgreSQL does not answer; the connection ends then.
    ///
    /// # Cancel safety
    /// Dropping the future does not stop it.
    pub async fn give_back(mut self) -> Result<(), sqlx::Error> {
        let Some(giving_back) = self.start_giving_back() else { return Ok(()) };
        giving_back.await.unwrap_or(Err(sqlx::Error::WorkerCrashed))
    }

    /// `None` without a runtime: nobody will use it, or its place, again.
    fn start_giving_back(&mut self) -> Option<JoinHandle<Result<(), sqlx::Error>>> {
        let runtime = Handle::try_current().ok()?;
        let (pool, held, tidying) = (self.pool.clone(), self.held.take()?, self.tidying);
        Some(runtime.spawn(async move { pool.take_back(held, tidying).await }))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Why it does not come back is logged.
        let _ = self.start_giving_back();
    }
}

impl Deref for Lease {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        let Some(held) = &self.held else {
            unreachable!("Invariant: a lease has its connection until it is given back")
        };
        &held.connection
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut PgConnection {
        let Some(held) = &mut self.held else {
            unreachable!("Invariant: a lease has its connection until it is given back")
        };
        &mut held.connection
    }
}

impl Transaction {
    /// Makes it true.
    ///
    /// # Errors
    /// When PostgreSQL fails; whether it was committed is unknown then.
    pub async fn commit(mut self) -> Result<(), sqlx::Error> {
        self.0.execute("COMMIT").await?;
        self.0.tidying = None;
        Ok(())
    }

    /// Makes nothing of it.
    ///
    /// # Errors
    /// When PostgreSQL fails; nothing is written then, either.
    pub async fn rollback(mut self) -> Result<(), sqlx::Error> {
        self.0.execute("ROLLBACK").await?;
        self.0.tidying = None;
        Ok(())
    }
}

impl Deref for Transaction {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.0
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.0
    }
}
