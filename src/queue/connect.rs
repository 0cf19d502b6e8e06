//! The connection for commands: how long a call may take, how many may be under way, and what becomes of a Redis that
//! has stopped answering.
//!
//! A call that ends without an answer while nobody else was answered either makes the connection *silent*. From then
//! on calls fail at once, with nothing sent, until a probe is answered; a connection that does not even answer the
//! probe is replaced. So a frozen Redis costs each caller one deadline at most, finds no pile of stale commands when
//! it thaws, and a connection that died without a word is not waited for.
//!
//! Invariant: at most [`CALLS_MAX`] calls are under way, each for at most [`CALL_TIMEOUT`].

use std::{
    sync::{
        Arc, PoisonError, RwLock, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use redis::{
    Client, RedisError,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout, timeout_at},
};

use super::QueueError;

/// A connection attempt may take this long, its handshake of two answers included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Redis may take this long to answer a command. A request that needs two still is answered within two seconds.
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(900);

/// A call may take this long with everything: waiting for its turn, connecting, the answer.
const CALL_TIMEOUT: Duration = Duration::from_millis(1_300);

/// Calls under way at once. Redis gains nothing from more: it runs one at a time.
const CALLS_MAX: usize = 1_024;

/// A probe may take this long before the connection is replaced.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// Between probes that are refused.
const PROBE_PAUSE: Duration = Duration::from_millis(100);

/// A connection that reconnects by itself, and is replaced when it has gone silent. Cheap to clone.
#[derive(Clone)]
pub(super) struct Connection {
    shared: Arc<Shared>,
}

struct Shared {
    client: Client,
    manager: RwLock<ConnectionManager>,
    turns: Semaphore,
    /// Answers so far: whoever got none can tell whether others did.
    answers: AtomicU64,
    silent: AtomicBool,
}

impl Connection {
    /// Does not wait for Redis.
    ///
    /// # Errors
    /// When the URL is not one of Redis.
    pub(super) fn new(url: &str) -> Result<Self, QueueError> {
        let client = Client::open(url)?;
        let shared = Shared {
            manager: RwLock::new(manager(&client)?),
            client,
            turns: Semaphore::new(CALLS_MAX),
            answers: AtomicU64::new(0),
            silent: AtomicBool::new(false),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Makes one call, in time.
    ///
    /// # Errors
    /// [`QueueError::Unavailable`] when nothing was done, [`QueueError::OutcomeUnknown`] when it may have been.
    pub(super) async fn call<T>(
        &self,
        ask: impl AsyncFnOnce(&mut ConnectionManager) -> Result<T, RedisError>,
    ) -> Result<T, QueueError> {
        let shared = &self.shared;
        shared.check()?;
        let deadline = Instant::now() + CALL_TIMEOUT;
        let Ok(turn) = timeout_at(deadline, shared.turns.acquire()).await else {
            return Err(QueueError::Unavailable("too many calls are under way".to_owned()));
        };
        let _turn = turn.map_err(|_| QueueError::Unavailable("the queue is closed".to_owned()))?;
        // Those who waited for their turn do not ask one after the other what already does not answer.
        shared.check()?;
        let answers = shared.answers.load(SeqCst);
        let mut manager = shared.manager();
        let answer = match timeout_at(deadline, ask(&mut manager)).await {
            Ok(Err(error)) if error.is_timeout() => Err(QueueError::from(error)),
            Ok(answer) => {
                if answer.as_ref().err().is_none_or(is_answer) {
                    shared.answers.fetch_add(1, SeqCst);
                }
                return Ok(answer?);
            }
            Err(_) => Err(QueueError::OutcomeUnknown(format!("nothing within {} ms", CALL_TIMEOUT.as_millis()))),
        };
        if shared.answers.load(SeqCst) == answers && !shared.silent.swap(true, SeqCst) {
            tracing::warn!("Redis has stopped answering");
            tokio::spawn(probe(Arc::downgrade(shared), Instant::now()));
        }
        answer
    }
}

impl Shared {
    fn check(&self) -> Result<(), QueueError> {
        let silent = || QueueError::Unavailable("it has stopped answering".to_owned());
        if self.silent.load(SeqCst) { Err(silent()) } else { Ok(()) }
    }

    fn manager(&self) -> ConnectionManager {
        self.manager.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn replace(&self) {
        match manager(&self.client) {
            Ok(manager) => *self.manager.write().unwrap_or_else(PoisonError::into_inner) = manager,
            Err(error) => tracing::error!(%error, "no new connection to Redis"),
        }
    }
}

/// Asks until Redis answers.
async fn probe(shared: Weak<Shared>, since: Instant) {
    while let Some(shared) = shared.upgrade() {
        let mut manager = shared.manager();
        let answer = timeout(PROBE_TIMEOUT, redis::cmd("PING").exec_async(&mut manager)).await;
        if answer.is_ok_and(|answer| answer.as_ref().err().is_none_or(is_answer)) {
            shared.silent.store(false, SeqCst);
            let silent_ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
            tracing::info!(silent_ms, "Redis answers again");
            return;
        }
        shared.replace();
        tokio::time::sleep(PROBE_PAUSE).await;
    }
}

/// Whether Redis itself said so, as when it is loading its data.
fn is_answer(error: &RedisError) -> bool {
    error.code().is_some()
}

fn manager(client: &Client) -> Result<ConnectionManager, RedisError> {
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(RESPONSE_TIMEOUT))
        .set_number_of_retries(1);
    ConnectionManager::new_lazy_with_config(client.clone(), config)
}
