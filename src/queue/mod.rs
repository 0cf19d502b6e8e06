//! The live queue: Redis holds the truth, one Lua script makes each change (`lua/README.md`, docs/RULES.md).
//!
//! Nothing here decides about tickets; it calls scripts, decodes their replies and listens to what they publish.
//!
//! Invariant: live state changes only inside a script.

mod call;
mod compare;
mod connect;
mod durability;
mod error;
mod idempotency;
pub mod keys;
mod known;
mod link;
mod live;
pub mod log;
mod raw;
mod rebuild;
mod reconcile;
pub mod script;
mod sessions;
mod slugs;
mod snapshot;
mod time;
mod timers;
mod topology;
mod trim;
pub mod version;
mod writable;

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use dashmap::DashMap;
use tokio::sync::Semaphore;

pub use self::{
    call::{CallContext, Idempotency, Outcome},
    compare::{Comparison, Uncompared},
    error::QueueError,
    live::{Heard, Live, Sink},
    raw::Raw,
    rebuild::{KeptAnswer, Rebuild},
    reconcile::{Reconcile, StockChange},
    snapshot::{Opening, Standing},
    time::Step,
    timers::{Deadline, Due, RollStep},
};
use self::{
    connect::Connection,
    durability::Durability,
    keys::{Keys, Partition},
    known::Known,
    script::{Script, Scripts},
    time::Times,
    version::Newer,
};

use crate::domain::RestaurantId;

/// The live queue of every restaurant in one Redis. Cheap to clone.
#[derive(Clone)]
pub struct Queue {
    redis: Connection,
    shared: Arc<Shared>,
}

struct Shared {
    scripts: Scripts,
    keys: Keys,
    durability: Durability,
    /// The highest epoch seen of each partition: a Redis restored from an older copy must go beyond it.
    epochs: Vec<AtomicI64>,
    /// What this server knows of each restaurant.
    known: DashMap<RestaurantId, Known>,
    /// Of which kinds of records there are newer ones than this server writes.
    newer: Arc<Newer>,
    /// What time it was told to be.
    times: Times,
    /// Whole states that may be asked for at once.
    snapshots: Semaphore,
}

/// How to reach the live queue.
#[derive(Clone, Debug)]
pub struct QueueSettings {
    /// First part of every key.
    pub namespace: String,
    /// Scripts refuse keys they did not declare; for tests.
    pub guarded: bool,
    /// Whether Redis may lose what it has acknowledged; `None`: it is asked.
    pub may_lose: Option<bool>,
}

impl Queue {
    /// A queue on this Redis. Does not wait for it: calls fail until it answers, and reconnect by themselves.
    ///
    /// # Errors
    /// When the URL is not one of Redis.
    pub fn new(url: &str, settings: &QueueSettings) -> Result<Self, QueueError> {
        Ok(Self {
            redis: Connection::new(url)?,
            shared: Arc::new(Shared {
                scripts: script::load_all(settings.guarded),
                keys: Keys::new(&settings.namespace),
                durability: Durability::new(settings.may_lose),
                epochs: Partition::all().map(|_| AtomicI64::new(0)).collect(),
                known: DashMap::new(),
                newer: Arc::default(),
                times: Times::new(),
                snapshots: Semaphore::new(snapshot::AT_ONCE),
            }),
        })
    }

    /// Whether Redis answers.
    ///
    /// # Errors
    /// When it does not, in time.
    pub async fn ping(&self) -> Result<(), QueueError> {
        self.query(&redis::cmd("PING")).await
    }

    /// The keys it uses.
    #[must_use]
    pub fn keys(&self) -> &Keys {
        &self.shared.keys
    }

    fn script(&self, name: &str) -> &Script {
        &self.shared.scripts[name]
    }

    fn epoch_seen(&self, partition: Partition) -> i64 {
        self.shared.epochs[usize::from(partition.index())].load(Ordering::Relaxed)
    }

    fn note_epoch(&self, partition: Partition, epoch: i64) {
        self.shared.epochs[usize::from(partition.index())].fetch_max(epoch, Ordering::Relaxed);
    }

    /// One plain command, with the deadline that every call has.
    async fn query<T: redis::FromRedisValue>(&self, command: &redis::Cmd) -> Result<T, QueueError> {
        self.redis.call(async |redis| command.query_async(redis).await).await
    }
}
