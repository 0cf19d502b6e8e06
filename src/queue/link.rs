//! The connection that subscriptions live on: kept standing, kept as [`Wanted`] wants it, and probed.
//!
//! A connection can die without a word, and then nothing would ever be heard again. So when nothing was heard for a
//! while, something is published on a channel of this server's own, by the way that events take; unless it is heard
//! in time, the connection is replaced.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use redis::{
    AsyncConnectionConfig, Client, ProtocolVersion, PushInfo, PushKind, RedisError, Value, aio::MultiplexedConnection,
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    Queue,
    call::unpack,
    live::{CONFIRM_TIMEOUT, Heard, Wanted},
    version::Newer,
};
use crate::domain::Event;

/// A connection attempt may take this long, its handshake included: nobody waits for it, and a slow Redis is better
/// than none.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Between attempts to connect.
const RECONNECT_PAUSE: Duration = Duration::from_millis(250);

/// Subscriptions asked for at the same time.
const CONCURRENCY: usize = 512;

/// After so much silence the connection is probed.
const PROBE_AFTER: Duration = Duration::from_secs(3);

/// What was published must be heard within this.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// A client that speaks RESP3, in which what is published comes between answers.
pub(super) fn client(url: &str) -> Result<Client, RedisError> {
    let client = Client::open(url)?;
    let settings = client.get_connection_info().redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    Client::open(client.get_connection_info().clone().set_redis_settings(settings))
}

/// Keeps a connection for as long as it is polled.
pub(super) async fn run(client: Client, queue: Queue, wanted: Arc<Wanted>) {
    let probe_channel = queue.keys().probe(rand::random());
    let mut down_since: Option<Instant> = None;
    loop {
        let ear = Arc::new(Ear::new(Arc::clone(&wanted), Arc::clone(&queue.shared.newer), probe_channel.clone()));
        if let Some(connection) = connect(&client, &ear).await {
            let link = Link { connection, queue: &queue, ear: &ear };
            let standing = || {
                if let Some(since) = down_since.take() {
                    let down_ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
                    tracing::info!(down_ms, "the live link stands again");
                }
            };
            let Err(why) = link.serve(standing).await;
            tracing::debug!(?why, "the live link has broken");
        }
        if down_since.is_none() {
            down_since = Some(Instant::now());
            tracing::warn!("the live link is down");
        }
        sleep(RECONNECT_PAUSE).await;
    }
}

async fn connect(client: &Client, ear: &Arc<Ear>) -> Option<MultiplexedConnection> {
    let pushed = Arc::clone(ear);
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(CONFIRM_TIMEOUT))
        .set_push_sender(move |push| {
            pushed.hear(push);
            Ok::<_, std::convert::Infallible>(())
        });
    // The handshake has no timeout of its own, and a frozen Redis does not answer it.
    let connecting = client.get_multiplexed_async_connection_with_config(&config);
    timeout(CONNECT_TIMEOUT, connecting).await.ok()?.ok()
}

/// Takes in what one connection is sent.
struct Ear {
    wanted: Arc<Wanted>,
    newer: Arc<Newer>,
    probe_channel: String,
    heard_at: Mutex<Instant>,
    probe_heard: Notify,
    disconnected: Notify,
}

impl Ear {
    fn new(wanted: Arc<Wanted>, newer: Arc<Newer>, probe_channel: String) -> Self {
        let heard_at = Mutex::new(Instant::now());
        Self { wanted, newer, probe_channel, heard_at, probe_heard: Notify::new(), disconnected: Notify::new() }
    }

    fn hear(&self, push: PushInfo) {
        *self.heard_at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        match (push.kind, push.data.as_slice()) {
            (PushKind::Disconnection, _) => self.disconnected.notify_one(),
            (PushKind::SMessage, [Value::BulkString(channel), Value::BulkString(payload)]) => {
                self.deliver(channel, payload);
            }
            _ => {}
        }
    }

    fn deliver(&self, channel: &[u8], payload: &[u8]) {
        let Ok(channel) = std::str::from_utf8(channel) else { return };
        if channel == self.probe_channel {
            return self.probe_heard.notify_one();
        }
        let Some(sink) = self.wanted.sink(channel) else { return };
        self.newer.look_into_event(payload);
        match unpack::<Event>(payload) {
            Ok(event) => sink(Heard::Event(Arc::new(event))),
            // The rev it would have brought is missed, and read again.
            Err(error) => tracing::error!(%error, "an event cannot be read"),
        }
    }

    fn heard_at(&self) -> Instant {
        *self.heard_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a connection is given up.
#[derive(Debug)]
enum Broken {
    Redis {
        _error: RedisError,
    },
    Disconnected,
    /// What was published did not come.
    Deaf,
}

impl From<RedisError> for Broken {
    fn from(error: RedisError) -> Self {
        Self::Redis { _error: error }
    }
}

struct Link<'a> {
    connection: MultiplexedConnection,
    queue: &'a Queue,
    ear: &'a Ear,
}

impl Link<'_> {
    /// Until the connection is no good any more.
    async fn serve(&self, standing: impl FnOnce()) -> Result<std::convert::Infallible, Broken> {
        self.subscribe(&self.ear.probe_channel).await?;
        self.ear.wanted.unsettle_all();
        self.settle().await?;
        standing();
        tokio::select! {
            () = self.ear.disconnected.notified() => Err(Broken::Disconnected),
            broken = self.keep() => broken,
        }
    }

    /// Follows what is wanted, and probes when nothing is heard.
    async fn keep(&self) -> Result<std::convert::Infallible, Broken> {
        let mut probed_at = Instant::now();
        loop {
            let probe_at = self.ear.heard_at().max(probed_at) + PROBE_AFTER;
            tokio::select! {
                () = self.ear.wanted.changed.notified() => self.settle().await?,
                // Unless something was heard meanwhile.
                () = sleep_until(probe_at) => if self.ear.heard_at() + PROBE_AFTER <= Instant::now() {
                    self.probe().await?;
                    probed_at = Instant::now();
                },
            }
        }
    }

    /// Brings the subscriptions in line with what is wanted. One command each: their channels lie on many slots.
    async fn settle(&self) -> Result<(), Broken> {
        let unsettled = stream::iter(self.ear.wanted.take_unsettled()).map(Ok);
        unsettled
            .try_for_each_concurrent(CONCURRENCY, async |(channel, is_wanted)| {
                if is_wanted {
                    self.subscribe(&channel).await?;
                    self.ear.wanted.settled(&channel);
                } else {
                    redis::cmd("SUNSUBSCRIBE").arg(&channel).exec_async(&mut self.connection.clone()).await?;
                }
                Ok(())
            })
            .await
    }

    async fn subscribe(&self, channel: &str) -> Result<(), RedisError> {
        redis::cmd("SSUBSCRIBE").arg(channel).exec_async(&mut self.connection.clone()).await
    }

    /// Publishes, by the connection for commands, and listens.
    async fn probe(&self) -> Result<(), Broken> {
        let mut publish = redis::cmd("SPUBLISH");
        publish.arg(&self.ear.probe_channel).arg("");
        // A Redis that is away says nothing about this connection.
        let Ok(_receivers) = self.queue.query::<i64>(&publish).await else { return Ok(()) };
        timeout(PROBE_TIMEOUT, self.ear.probe_heard.notified()).await.map_err(|_| Broken::Deaf)
    }
}
