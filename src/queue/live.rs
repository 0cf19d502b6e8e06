//! What scripts publish: one connection of its own, one sharded channel per watched restaurant.
//!
//! A hint, never the truth: after every interruption each subscriber is told to read again, and gaps in rev show
//! whatever else was lost.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use redis::{Client, ProtocolVersion, PushInfo, PushKind, Value, aio::MultiplexedConnection};
use tokio::sync::{mpsc, oneshot};

use super::{Queue, QueueError, call::unpack, connect::CONNECT_TIMEOUT};
use crate::domain::{Event, RestaurantId};

/// What is delivered to a subscriber.
#[derive(Clone, Debug)]
pub enum Heard {
    /// A change.
    Event(Arc<Event>),
    /// The link was interrupted and stands again.
    Resumed,
}

/// Between attempts to connect.
const RECONNECT_PAUSE: Duration = Duration::from_millis(250);

/// The answer to a subscription may take this long.
const CONFIRM_TIMEOUT: Duration = Duration::from_millis(1_000);

/// Takes what is heard, without waiting.
pub type Sink = Arc<dyn Fn(Heard) + Send + Sync>;

type Sinks = Arc<Mutex<HashMap<String, Sink>>>;

enum Ask {
    Subscribe(String, oneshot::Sender<()>),
    Unsubscribe(String),
}

/// The subscriber of this server. Cheap to clone.
#[derive(Clone)]
pub struct Live {
    queue: Queue,
    sinks: Sinks,
    asks: mpsc::UnboundedSender<Ask>,
}

impl Live {
    /// Starts the subscriber; it ends with its last handle.
    ///
    /// # Errors
    /// When the URL is not one of Redis.
    pub fn start(url: &str, queue: Queue) -> Result<Self, QueueError> {
        let client = Client::open(url)?;
        let settings = client.get_connection_info().redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let client = Client::open(client.get_connection_info().clone().set_redis_settings(settings))?;
        let sinks = Sinks::default();
        let (asks, asked) = mpsc::unbounded_channel();
        tokio::spawn(Link { client, sinks: Arc::clone(&sinks) }.run(asked));
        Ok(Self { queue, sinks, asks })
    }

    /// Delivers a restaurant's events to `sink` from now on; resolves when Redis has confirmed.
    ///
    /// # Errors
    /// When Redis does not confirm in time; the subscription goes on being tried.
    pub async fn subscribe(&self, restaurant: RestaurantId, sink: Sink) -> Result<(), QueueError> {
        let channel = self.queue.keys().channel(restaurant);
        lock(&self.sinks).insert(channel.clone(), sink);
        let (confirm, confirmed) = oneshot::channel();
        let gone = || QueueError::Unavailable("the subscriber has stopped".to_owned());
        self.asks.send(Ask::Subscribe(channel, confirm)).map_err(|_| gone())?;
        match tokio::time::timeout(CONFIRM_TIMEOUT, confirmed).await {
            Ok(confirmed) => confirmed.map_err(|_| gone()),
            Err(_) => Err(QueueError::Unavailable("no confirmation of a subscription".to_owned())),
        }
    }

    /// Ends the delivery of a restaurant's events.
    pub fn unsubscribe(&self, restaurant: RestaurantId) {
        let channel = self.queue.keys().channel(restaurant);
        lock(&self.sinks).remove(&channel);
        // A subscriber that has stopped delivers nothing anyway.
        let _ = self.asks.send(Ask::Unsubscribe(channel));
    }
}

fn lock(sinks: &Sinks) -> std::sync::MutexGuard<'_, HashMap<String, Sink>> {
    sinks.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Link {
    client: Client,
    sinks: Sinks,
}

impl Link {
    async fn run(self, mut asked: mpsc::UnboundedReceiver<Ask>) {
        let mut waiting: Vec<oneshot::Sender<()>> = Vec::new();
        while !asked.is_closed() {
            let (pushed, mut pushes) = mpsc::unbounded_channel();
            if let Some(mut connection) = self.connect(pushed).await
                && self.resume(&mut connection).await.is_ok()
            {
                for confirm in waiting.drain(..) {
                    let _ = confirm.send(());
                }
                self.serve(connection, &mut pushes, &mut asked).await;
            }
            tracing::debug!("the live link is down");
            tokio::time::sleep(RECONNECT_PAUSE).await;
            // Who asks while the link is down is confirmed by the resumption of all channels.
            while let Ok(ask) = asked.try_recv() {
                if let Ask::Subscribe(_, confirm) = ask {
                    waiting.push(confirm);
                }
            }
        }
    }

    async fn connect(&self, pushed: mpsc::UnboundedSender<PushInfo>) -> Option<MultiplexedConnection> {
        let config = redis::AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(CONFIRM_TIMEOUT))
            .set_push_sender(pushed);
        self.client.get_multiplexed_async_connection_with_config(&config).await.ok()
    }

    /// Subscribes to every channel again, one command each, and tells all subscribers to read.
    async fn resume(&self, connection: &mut MultiplexedConnection) -> Result<(), redis::RedisError> {
        let sinks: Vec<_> = lock(&self.sinks).iter().map(|(channel, sink)| (channel.clone(), sink.clone())).collect();
        for (channel, sink) in sinks {
            redis::cmd("SSUBSCRIBE").arg(&channel).exec_async(connection).await?;
            sink(Heard::Resumed);
        }
        Ok(())
    }

    /// Until the connection is lost or nobody needs it.
    async fn serve(
        &self,
        mut connection: MultiplexedConnection,
        pushes: &mut mpsc::UnboundedReceiver<PushInfo>,
        asked: &mut mpsc::UnboundedReceiver<Ask>,
    ) {
        loop {
            tokio::select! {
                push = pushes.recv() => match push {
                    None => return,
                    Some(push) if push.kind == PushKind::Disconnection => return,
                    Some(push) => self.deliver(push),
                },
                ask = asked.recv() => match ask {
                    None => return,
                    Some(Ask::Unsubscribe(channel)) => {
                        // A room that came back meanwhile has its sink there again.
                        if !lock(&self.sinks).contains_key(&channel)
                            && redis::cmd("SUNSUBSCRIBE").arg(&channel).exec_async(&mut connection).await.is_err()
                        {
                            return;
                        }
                    }
                    Some(Ask::Subscribe(channel, confirm)) => {
                        if redis::cmd("SSUBSCRIBE").arg(&channel).exec_async(&mut connection).await.is_err() {
                            return;
                        }
                        let _ = confirm.send(());
                    }
                },
            }
        }
    }

    fn deliver(&self, push: PushInfo) {
        if push.kind != PushKind::SMessage {
            return;
        }
        let [Value::BulkString(channel), Value::BulkString(payload)] = push.data.as_slice() else { return };
        let Ok(channel) = std::str::from_utf8(channel) else { return };
        let sinks = lock(&self.sinks);
        let Some(sink) = sinks.get(channel) else { return };
        match unpack::<Event>(payload) {
            Ok(event) => sink(Heard::Event(Arc::new(event))),
            Err(error) => tracing::error!(%error, "an event cannot be read"),
        }
    }
}
