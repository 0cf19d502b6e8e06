//! The recorder: writes what happened from the event logs into PostgreSQL, each event once (docs/RECORD.md).
//!
//! It reads each partition that it has a lease for from the recorded position on, and writes the rows, the new position
//! and the check of the lease in one transaction. Whatever dies, whatever is paused: what was not committed is read
//! again, what was is not, and who has lost a lease writes nothing.
//!
//! Several recorders share the partitions. PostgreSQL down: the logs grow, and are caught up with afterwards. Redis
//! down: there is nothing to read.
//!
//! What PostgreSQL refuses, though nothing is wrong with any event, stops one partition until that is mended
//! (`stopped.rs`); one event's own fault is set aside (`commit.rs`).
//!
//! Invariant: a log is trimmed only to what was committed.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use rand::RngExt as _;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

mod batch;
mod commit;
mod control;
mod held;
mod keep;
mod lag;
mod mend;
mod readable;
pub mod replay;
mod stopped;
mod watch;

pub use self::lag::Lag;
use self::{batch::last, held::Held};
use crate::{
    db::{
        Db, DbError,
        record::{leases, write::WriteError},
    },
    domain::RestaurantId,
    metrics::Metrics,
    queue::{
        Queue, QueueError,
        keys::Partition,
        log::{Log, Position},
    },
    service::restaurants::Restaurants,
};

/// A lease lasts so long without a word from its holder. With [`KEEP_PERIOD`] another takes over within five seconds.
const LEASE: Duration = Duration::from_millis(3_500);

/// Between two words of a holder.
const KEEP_PERIOD: Duration = Duration::from_secs(1);

/// Between two looks at logs that had nothing new: the lag of a quiet restaurant.
const IDLE_PAUSE: Duration = Duration::from_millis(200);

/// Between two looks at logs that had something: what comes within it is written together.
const BUSY_PAUSE: Duration = Duration::from_millis(30);

/// After a failure.
const RETRY_PAUSE: Duration = Duration::from_millis(250);

/// Entries read at once of each partition while none is behind.
const SHALLOW_LEN: usize = 200;

/// Entries read at once of a partition that is behind.
const DEEP_LEN: usize = 4_000;

/// Partitions that are behind and are recorded at the same time: while PostgreSQL writes one batch, the next is read.
const DEEP_AT_ONCE: usize = 3;

/// Between two times that a partition's log is trimmed.
const TRIM_PERIOD: Duration = Duration::from_secs(1);

/// Between two times that Redis is told that all is recorded, while nothing happens: by that an older copy is known.
const CONFIRM_PERIOD: Duration = Duration::from_secs(2);

/// Records until `stop`; then gives up the leases, so that others go on at once.
pub async fn run(recorder: Recorder, stop: CancellationToken) {
    let mut recorder = recorder;
    stop.run_until_cancelled(recorder.record()).await;
    if let Err(error) = leases::release(&recorder.db, &recorder.holder).await {
        tracing::debug!(%error, "leases were not given up; they end by themselves");
    }
}

/// A recorder. Two in one process would share nothing.
pub struct Recorder {
    queue: Queue,
    log: Log,
    db: Db,
    metrics: Arc<Metrics>,
    holder: String,
    restaurants: Restaurants,
    held: BTreeMap<Partition, Held>,
    lag: Arc<Lag>,
    /// The last partition that was behind and had its turn.
    served: Partition,
    kept_at: Option<Instant>,
    /// PostgreSQL or Redis failed in the last round.
    failing: bool,
}

/// Why a round ended early.
#[derive(Debug, thiserror::Error)]
enum RecordError {
    #[error(transparent)]
    Db(#[from] DbError),
    #[error(transparent)]
    Queue(#[from] QueueError),
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl RecordError {
    fn of_db(&self) -> Option<&DbError> {
        match self {
            Self::Db(error) | Self::Write(WriteError::Db(error)) => Some(error),
            Self::Queue(_) | Self::Write(WriteError::Fenced(_)) => None,
        }
    }

    /// For the log, once: what PostgreSQL itself objects to is an operator's to mend.
    fn say(&self) {
        match self.of_db().and_then(|error| Some((error, error.sqlstate()?))) {
            Some((error, sqlstate)) => {
                let remedy = error.remedy();
                tracing::error!(sqlstate, %error, remedy, "nothing can be recorded; the event logs are kept");
            }
            None => tracing::warn!(error = %self, "nothing can be recorded"),
        }
    }

    /// Whether the next round may succeed.
    fn is_transient(&self) -> bool {
        match self {
            Self::Db(error) | Self::Write(WriteError::Db(error)) => error.is_transient(),
            Self::Queue(error) => error.is_transient(),
            Self::Write(WriteError::Fenced(_)) => true,
        }
    }
}

/// What is wrong with one restaurant is said, and holds up no other; the round ends only by what all of them need.
fn of_one(id: RestaurantId, done: Result<(), RecordError>) -> Result<(), RecordError> {
    match done {
        Err(error) if !error.is_transient() => {
            tracing::error!(restaurant.id = %id, %error, "a restaurant and its record cannot be made whole");
            Ok(())
        }
        done => done,
    }
}

impl Recorder {
    /// A recorder of these logs into this database.
    #[must_use]
    pub fn new(queue: Queue, log: Log, db: &Db, restaurants: Restaurants, metrics: Arc<Metrics>) -> Self {
        let holder = format!("{:016x}", rand::rng().random::<u64>());
        let db = db.for_recording();
        let lag = Arc::new(Lag::new(queue.clone(), log.clone()));
        Self {
            queue,
            log,
            db,
            metrics,
            holder,
            restaurants,
            held: BTreeMap::new(),
            lag,
            served: Partition::FIRST,
            kept_at: None,
            failing: false,
        }
    }

    /// How far behind it is, also when it stops.
    #[must_use]
    pub fn lag(&self) -> Arc<Lag> {
        Arc::clone(&self.lag)
    }

    async fn record(&mut self) {
        loop {
            match self.round().await {
                Ok(pause) => {
                    if std::mem::take(&mut self.failing) {
                        tracing::info!("recording again");
                    }
                    sleep(pause).await;
                }
                Err(error) => {
                    if !std::mem::replace(&mut self.failing, true) {
                        error.say();
                    }
                    if error.of_db().is_some() {
                        self.metrics.recorder_stopped.set(self.metrics.recorder_partitions.get());
                    }
                    // What was committed and what was not is known only to PostgreSQL.
                    self.held.clear();
                    self.metrics.recorder_partitions.set(0);
                    self.kept_at = None;
                    sleep(RETRY_PAUSE).await;
                }
            }
        }
    }

    /// Looks once at every log; answers how long to wait before the next look.
    async fn round(&mut self) -> Result<Duration, RecordError> {
        let is_time = self.keep_leases().await?;
        if is_time {
            for partition in self.held.keys() {
                // Where the timers of this process do not look, somebody has to ask for the time.
                self.queue.time(*partition).await?;
            }
            self.watch().await?;
        }
        self.await_comparisons().await?;
        self.metrics.recorder_stopped.set(self.held.values().filter(|held| held.stopped.is_stopped()).count() as i64);
        if self.held.is_empty() {
            return Ok(IDLE_PAUSE);
        }
        let due = self.held.iter().filter(|(_, held)| held.is_compared() && held.stopped.is_due());
        let from: Vec<(Partition, Position)> = due.map(|(partition, held)| (*partition, held.position)).collect();
        let looked = Instant::now();
        let read = self.log.read(&from, SHALLOW_LEN).await?;
        let (mut deep, mut parts, mut ends) = (BTreeSet::new(), Vec::new(), Vec::new());
        for ((partition, position), mut entries) in from.into_iter().zip(read) {
            self.lag.found(partition, position, &entries);
            let Some(held) = self.held.get_mut(&partition) else { continue };
            if !entries.is_empty() {
                held.has_more();
            }
            if held.stopped.is_stopped() && !entries.is_empty() {
                // One is enough to learn whether more would be taken.
                entries.truncate(1);
                parts.push((partition, entries));
                continue;
            }
            if entries.len() == SHALLOW_LEN {
                deep.insert(partition);
                continue;
            }
            ends.push((partition, last(&entries).unwrap_or(position)));
            if !entries.is_empty() {
                parts.push((partition, entries));
            }
        }
        let pause = if parts.is_empty() && deep.is_empty() { IDLE_PAUSE } else { BUSY_PAUSE };
        if !parts.is_empty() {
            self.record_parts(parts).await?;
        }
        for (partition, end) in ends {
            self.caught_up(partition, end, looked);
        }
        if !deep.is_empty() {
            self.record_deep(deep).await?;
        }
        if is_time {
            self.mend().await?;
        }
        self.trim().await;
        Ok(pause)
    }

    /// Records partitions that are behind, for a while: some at a time, a batch each in turn.
    async fn record_deep(&mut self, deep: BTreeSet<Partition>) -> Result<(), RecordError> {
        let until = Instant::now() + KEEP_PERIOD;
        // Who was not served the last time comes first.
        let (served, waiting): (Vec<_>, Vec<_>) = deep.into_iter().partition(|partition| *partition <= self.served);
        let mut turns: VecDeque<Partition> = waiting.into_iter().chain(served).collect();
        let (mut running, mut failed) = (JoinSet::new(), None);
        loop {
            while running.len() < DEEP_AT_ONCE && failed.is_none() && Instant::now() < until {
                let Some(partition) = turns.pop_front() else { break };
                let Some(mut alone) = self.part_with(partition) else { continue };
                self.served = partition;
                running.spawn(async move {
                    let more = alone.record_batch(partition).await;
                    (alone, partition, more)
                });
            }
            match running.join_next().await {
                None => return failed.map_or(Ok(()), Err),
                Some(Ok((alone, partition, more))) => {
                    self.held.extend(alone.held);
                    match more {
                        Ok(true) => turns.push_back(partition),
                        Ok(false) => {}
                        Err(error) => failed = Some(error),
                    }
                }
                // Its lease is still ours: the next look at the leases begins it anew.
                Some(Err(error)) => tracing::error!(%error, "a part of the recorder failed"),
            }
        }
    }

    /// A recorder of one partition, which this one has no more until it gets it back.
    fn part_with(&mut self, partition: Partition) -> Option<Self> {
        let held = BTreeMap::from([(partition, self.held.remove(&partition)?)]);
        Some(Self {
            queue: self.queue.clone(),
            log: self.log.clone(),
            db: self.db.clone(),
            metrics: Arc::clone(&self.metrics),
            holder: self.holder.clone(),
            restaurants: self.restaurants.clone(),
            held,
            lag: Arc::clone(&self.lag),
            served: partition,
            kept_at: None,
            failing: false,
        })
    }

    /// Records the next batch of a partition; whether there is more.
    async fn record_batch(&mut self, partition: Partition) -> Result<bool, RecordError> {
        let Some(position) = self.held.get(&partition).map(|held| held.position) else { return Ok(false) };
        let looked = Instant::now();
        let mut read = self.log.read(&[(partition, position)], DEEP_LEN).await?;
        let entries = read.pop().unwrap_or_default();
        self.lag.found(partition, position, &entries);
        let (end, more) = (last(&entries).unwrap_or(position), entries.len() == DEEP_LEN);
        let parts = vec![(partition, entries)];
        self.record_parts(parts).await?;
        if self.held.get(&partition).is_some_and(|held| held.stopped.is_stopped()) {
            return Ok(false);
        }
        if !more {
            self.caught_up(partition, end, looked);
        }
        Ok(more)
    }

    /// The log ended here when it was looked at. If all of that is recorded, the record was complete at that moment.
    fn caught_up(&mut self, partition: Partition, end: Position, looked: Instant) {
        let Some(now) = self.queue.time_known_at(partition, looked.into_std()) else { return };
        if let Some(held) = self.held.get_mut(&partition).filter(|held| held.position == end) {
            held.caught_up(now, looked);
        }
    }

    /// Cuts off what is recorded. That it fails does no harm: it is done next time.
    async fn trim(&mut self) {
        for (partition, held) in &mut self.held {
            let period = match held.untrimmed {
                true => TRIM_PERIOD,
                false if held.is_at_the_end() && held.restaurants().next().is_some() => CONFIRM_PERIOD,
                false => continue,
            };
            if held.trimmed_at.is_some_and(|at| at.elapsed() < period) {
                continue;
            }
            match self.queue.trim(*partition, &held.position.to_string(), None).await {
                Ok(()) => (held.untrimmed, held.trimmed_at) = (false, Some(Instant::now())),
                Err(error) => {
                    tracing::debug!(%error, "a log was not trimmed");
                    return;
                }
            }
        }
    }
}
