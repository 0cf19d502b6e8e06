//! The connection for commands: how long a call may take, how many may be under way, and what becomes of a Redis that
//! has stopped answering.
//!
//! A call that ends without an answer while nobody else was answered either makes the connection *silent*. From then
//! on calls fail at once, with nothing sent, until a probe is answered by a Redis that can serve; a connection that
//! does not even answer the probe is replaced. So a frozen Redis costs each caller one deadline at most, finds no pile
//! of stale commands when it thaws, and a connection that died without a word is not waited for.
//!
//! A Redis that may be another one than before is asked first whether it has everything ([`topology`]): until it has
//! said so, no call is made.
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
    sync::{Mutex, Semaphore},
    time::{Instant, timeout, timeout_at},
};

use super::{QueueError, topology};

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

/// A Redis that has not everything is asked again after this long.
const EXAMINE_PAUSE: Duration = Duration::from_secs(1);

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
    /// Whether this Redis is known to have everything.
    fit: AtomicBool,
    examined: Mutex<Examined>,
}

/// What was found the last time.
#[derive(Default)]
struct Examined {
    /// It had everything once.
    was_fit: bool,
    /// Why it cannot be used, and when that was seen.
    unfit: Option<(String, Instant)>,
}

/// Why a call has no answer of its own.
enum Failed {
    Unfit(String),
    Redis(RedisError),
}

impl From<RedisError> for Failed {
    fn from(error: RedisError) -> Self {
        Self::Redis(error)
    }
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
            fit: AtomicBool::new(false),
            examined: Mutex::default(),
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
        let asked = AtomicBool::new(false);
        let asking = async {
            if !shared.fit.load(SeqCst) {
                shared.examine(&mut manager).await?;
            }
            asked.store(true, SeqCst);
            Ok(ask(&mut manager).await?)
        };
        // What was not sent has not happened.
        let lost = |error: QueueError| match asked.load(SeqCst) {
            true => error,
            false => QueueError::Unavailable(error.to_string()),
        };
        let answer = match timeout_at(deadline, asking).await {
            Ok(Ok(answer)) => {
                shared.answers.fetch_add(1, SeqCst);
                return Ok(answer);
            }
            Ok(Err(Failed::Unfit(why))) => {
                shared.answers.fetch_add(1, SeqCst);
                return Err(QueueError::Unfit(why));
            }
            Ok(Err(Failed::Redis(error))) if !error.is_timeout() => {
                if is_answer(&error) {
                    shared.answers.fetch_add(1, SeqCst);
                }
                if topology::is_doubtful(&error) {
                    shared.fit.store(false, SeqCst);
                }
                return Err(lost(error.into()));
            }
            Ok(Err(Failed::Redis(error))) => Err(lost(error.into())),
            Err(_) => Err(lost(QueueError::OutcomeUnknown(format!("nothing within {} ms", CALL_TIMEOUT.as_millis())))),
        };
        shared.fit.store(false, SeqCst);
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

    /// Asks Redis whether it has everything, unless somebody else just did.
    async fn examine(&self, manager: &mut ConnectionManager) -> Result<(), Failed> {
        let mut examined = self.examined.lock().await;
        if self.fit.load(SeqCst) {
            return Ok(());
        }
        if let Some((why, _)) = examined.unfit.as_ref().filter(|(_, at)| at.elapsed() < EXAMINE_PAUSE) {
            return Err(Failed::Unfit(why.clone()));
        }
        match topology::ask(manager).await? {
            Ok(()) => {
                if examined.unfit.take().is_some() {
                    tracing::info!("this Redis has everything again");
                }
                examined.was_fit = true;
                self.fit.store(true, SeqCst);
                Ok(())
            }
            Err(why) => {
                if examined.was_fit && examined.unfit.is_none() {
                    tracing::error!(why, "this Redis cannot be used any more");
                }
                examined.unfit = Some((why.clone(), Instant::now()));
                Err(Failed::Unfit(why))
            }
        }
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

/// Asks until Redis answers, and can serve.
async fn probe(shared: Weak<Shared>, since: Instant) {
    while let Some(shared) = shared.upgrade() {
        let mut manager = shared.manager();
        match timeout(PROBE_TIMEOUT, redis::cmd("PING").exec_async(&mut manager)).await {
            Ok(Err(error)) if is_busy(&error) => {}
            Ok(answer) if answer.as_ref().err().is_none_or(is_answer) => {
                shared.silent.store(false, SeqCst);
                let silent_ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
                tracing::info!(silent_ms, "Redis answers again");
                return;
            }
            Ok(_) | Err(_) => shared.replace(),
        }
        tokio::time::sleep(PROBE_PAUSE).await;
    }
}

/// Whether Redis itself said so, as when it is loading its data.
fn is_answer(error: &RedisError) -> bool {
    error.code().is_some()
}

/// Whether it says that it can do nothing yet: it loads its data, or a script takes too long. The next answer may be
/// late again.
fn is_busy(error: &RedisError) -> bool {
    matches!(error.code(), Some("LOADING" | "BUSY"))
}

fn manager(client: &Client) -> Result<ConnectionManager, RedisError> {
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(RESPONSE_TIMEOUT))
        .set_number_of_retries(1);
    ConnectionManager::new_lazy_with_config(client.clone(), config)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use tokio::{
        io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
        net::{TcpListener, TcpStream},
        task::yield_now,
    };

    use super::*;

    const LOADING: &str = "-LOADING Redis is loading the dataset in memory\r\n";

    /// A Redis as it looks while it starts.
    #[derive(Default)]
    struct Starting {
        /// What it answers to PING; none: it answers nothing at all.
        pong: RwLock<Option<&'static str>>,
        connections: AtomicUsize,
        pings: AtomicUsize,
    }

    impl Starting {
        async fn serve(self: Arc<Self>, listener: TcpListener) {
            while let Ok((stream, _)) = listener.accept().await {
                self.connections.fetch_add(1, SeqCst);
                tokio::spawn(Arc::clone(&self).answer(stream));
            }
        }

        async fn answer(self: Arc<Self>, stream: TcpStream) {
            let (reader, mut writer) = stream.into_split();
            let mut lines = BufReader::new(reader).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let answer = match (line.as_str(), *self.pong.read().expect("no panic")) {
                    ("PING", Some(pong)) => pong,
                    // What a client says of itself when it connects.
                    ("SETINFO", Some(_)) => "+OK\r\n",
                    _ => continue,
                };
                writer.write_all(answer.as_bytes()).await.expect("the client listens");
                self.pings.fetch_add(usize::from(line == "PING"), SeqCst);
            }
        }
    }

    #[tokio::test]
    async fn a_redis_that_loads_its_data_does_not_answer_yet() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("redis://{}", listener.local_addr().expect("an address"));
        let redis = Arc::new(Starting::default());
        tokio::spawn(Arc::clone(&redis).serve(listener));
        let connection = Connection::new(&url).expect("a URL");
        let ping = async || connection.call(async |redis| redis::cmd("PING").exec_async(redis).await).await;
        ping().await.expect_err("it says nothing");
        assert!(connection.shared.silent.load(SeqCst), "it has stopped answering");

        *redis.pong.write().expect("no panic") = Some(LOADING);
        let mut connections = 0;
        while redis.pings.load(SeqCst) < 4 {
            if redis.pings.load(SeqCst) == 1 {
                connections = redis.connections.load(SeqCst);
            }
            assert!(connection.shared.silent.load(SeqCst), "it cannot serve anybody");
            yield_now().await;
        }
        assert_eq!(redis.connections.load(SeqCst), connections, "what answers is not replaced");
        *redis.pong.write().expect("no panic") = Some("+PONG\r\n");
        while connection.shared.silent.load(SeqCst) {
            yield_now().await;
        }
    }
}
