//! The recorder: writes what happened from the event logs into PostgreSQL, each event once (docs/RECORD.md).
//!
//! It reads each partition that it has a lease for from the recorded position on, and writes the rows, the new position
//! and the check of the lease in one transaction. Whatever dies, whatever is paused: what was not committed is read
//! again, what was is not, and who has lost a lease writes nothing.
//!
//! Several recorders share the partitions. PostgreSQL down: the logs grow, and are caught up with afterwards. Redis
//! down: there is nothing to read.
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
mod held;
mod mend;
mod watch;

use self::{
    batch::{Batch, Known, Readable, Standing, last, standing, unpack_left},
    held::{Held, restaurant_of},
};
use crate::{
    db::{
        Db, DbError,
        record::{
            gaps,
            leases::{self, CaughtUp},
            rows::AggregateRow,
            write::{self, Move, WriteError},
        },
    },
    domain::Millis,
    metrics::Metrics,
    queue::{
        Queue, QueueError,
        keys::Partition,
        log::{Entry, Log, Position},
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

/// Between two times that a Redis which may lose writes is told that everything is recorded: so many more numbers are
/// passed over after a loss as this is long ago.
const CONFIRM_PERIOD: Duration = Duration::from_secs(10);

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

/// Some entries of a partition.
type Part = (Partition, Vec<Entry>);

impl Recorder {
    /// A recorder of these logs into this database.
    #[must_use]
    pub fn new(queue: Queue, log: Log, db: &Db, restaurants: Restaurants, metrics: Arc<Metrics>) -> Self {
        let holder = format!("{:016x}", rand::rng().random::<u64>());
        let db = db.for_recording();
        Self {
            queue,
            log,
            db,
            metrics,
            holder,
            restaurants,
            held: BTreeMap::new(),
            served: Partition::FIRST,
            kept_at: None,
            failing: false,
        }
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
                        tracing::warn!(%error, "nothing can be recorded");
                    }
                    // What was committed and what was not is known only to PostgreSQL.
                    self.held.clear();
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
            self.watch().await?;
        }
        let from: Vec<(Partition, Position)> =
            self.held.iter().map(|(partition, held)| (*partition, held.position)).collect();
        if from.is_empty() {
            return Ok(IDLE_PAUSE);
        }
        let read = self.log.read(&from, SHALLOW_LEN).await?;
        let (now, mut deep, mut parts) = (read.now, BTreeSet::new(), Vec::new());
        for ((partition, _), entries) in from.into_iter().zip(read.entries) {
            if entries.is_empty() {
                self.caught_up(partition, now);
            } else if entries.len() < SHALLOW_LEN {
                parts.push((partition, entries));
            } else {
                deep.insert(partition);
            }
        }
        let pause = if parts.is_empty() && deep.is_empty() { IDLE_PAUSE } else { BUSY_PAUSE };
        self.note_lag(now, &parts);
        if !parts.is_empty() {
            self.record_parts(parts).await?;
        }
        if !deep.is_empty() {
            self.record_deep(deep).await?;
        }
        if is_time {
            self.mend(now).await?;
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
            served: partition,
            kept_at: None,
            failing: false,
        })
    }

    /// Records the next batch of a partition; whether there is more.
    async fn record_batch(&mut self, partition: Partition) -> Result<bool, RecordError> {
        let Some(position) = self.held.get(&partition).map(|held| held.position) else { return Ok(false) };
        let mut read = self.log.read(&[(partition, position)], DEEP_LEN).await?;
        let entries = read.entries.pop().unwrap_or_default();
        let more = entries.len() == DEEP_LEN;
        let parts = vec![(partition, entries)];
        self.note_lag(read.now, &parts);
        self.record_parts(parts).await?;
        Ok(more)
    }

    /// Every second: says that it is there, and takes or gives up partitions; whether it was time.
    async fn keep_leases(&mut self) -> Result<bool, RecordError> {
        if self.kept_at.is_some_and(|kept_at| kept_at.elapsed() < KEEP_PERIOD) {
            return Ok(false);
        }
        let caught_up: Vec<CaughtUp> =
            self.held.iter_mut().filter_map(|(partition, held)| held.take_caught_up(*partition)).collect();
        let leases = leases::keep(&self.db, &self.holder, LEASE, &caught_up).await?;
        self.kept_at = Some(Instant::now());
        let lost: Vec<Partition> =
            self.held.keys().copied().filter(|partition| !leases.contains_key(&partition.index())).collect();
        for partition in lost {
            self.held.remove(&partition);
        }
        let mut new = Vec::new();
        for partition in Partition::all() {
            let Some(lease) = leases.get(&partition.index()) else { continue };
            if self.held.get(&partition).is_none_or(|held| held.fence != lease.fence) {
                new.push((partition, Held::of(lease)?));
            }
        }
        if !new.is_empty() {
            let partitions: Vec<u16> = new.iter().map(|(partition, _)| partition.index()).collect();
            let aggregates = leases::aggregates(&self.db, &partitions).await?;
            tracing::info!(holder = self.holder, partitions = new.len(), held = leases.len(), "leases taken");
            self.held.extend(new);
            let with_gaps = gaps::open(&self.db, &partitions).await?;
            for (row, reconciled) in aggregates {
                if let Some(held) = Partition::at(row.partition).and_then(|partition| self.held.get_mut(&partition)) {
                    if let Some(id) = restaurant_of(&row.aggregate) {
                        self.queue.note_rev(id, row.rev);
                    }
                    held.note(&row);
                    held.note_reconciled(&row.aggregate, reconciled);
                }
            }
            self.note_gaps(with_gaps.iter().map(String::as_str));
        }
        self.metrics.recorder_partitions.set(self.held.len() as i64);
        Ok(true)
    }

    fn note_gaps<'a>(&mut self, aggregates: impl Iterator<Item = &'a str>) {
        for id in aggregates.filter_map(restaurant_of) {
            if let Some(held) = self.held.get_mut(&Partition::of(id)) {
                held.with_gaps.insert(id);
            }
        }
    }

    fn caught_up(&mut self, partition: Partition, now: Millis) {
        if let Some(held) = self.held.get_mut(&partition) {
            held.caught_up(now);
        }
    }

    /// How old the oldest event is that is not recorded yet.
    fn note_lag(&self, now: Millis, parts: &[Part]) {
        let oldest = parts.iter().filter_map(|(_, entries)| entries.first()).map(|entry| entry.position.at()).min();
        let lag_ms = oldest.map_or(0, |oldest| (now - oldest).max(0));
        self.metrics.recorder_lag_seconds.set(lag_ms as f64 / 1_000.0);
    }

    /// Records these entries. What PostgreSQL refuses for its content is narrowed down to the entry that is to blame.
    async fn record_parts(&mut self, parts: Vec<Part>) -> Result<(), RecordError> {
        let mut rest = vec![parts];
        while let Some(parts) = rest.pop() {
            let parts = self.turned_back(parts);
            match self.write(&parts, None).await {
                Ok(()) => {}
                Err(WriteError::Fenced(partitions)) => {
                    self.metrics.recorder_fenced.inc();
                    tracing::warn!(?partitions, "fence refused: these partitions are another recorder's now");
                    self.held.retain(|partition, _| !partitions.contains(&partition.index()));
                    let still = parts.into_iter().filter(|(partition, _)| self.held.contains_key(partition)).collect();
                    rest.push(still);
                }
                Err(WriteError::Db(error)) if error.is_transient() => return Err(error.into()),
                Err(WriteError::Db(error)) => match halves(parts) {
                    Halves::Two(first, second) => rest.extend([second, first]),
                    Halves::One(part) => {
                        let error = DbError::to_string(&error);
                        self.write(&[part], Some(&error)).await.map_err(|error| match error {
                            WriteError::Db(error) => error,
                            WriteError::Fenced(_) => DbError::TimedOut,
                        })?;
                    }
                    Halves::None => {}
                },
            }
            rest.retain(|parts| !parts.is_empty());
        }
        Ok(())
    }

    /// At a new epoch a log is read from its first entry: what stands before the position may be new. Those partitions
    /// are left out until then.
    fn turned_back(&mut self, parts: Vec<Part>) -> Vec<Part> {
        let mut kept = Vec::with_capacity(parts.len());
        for (partition, entries) in parts {
            let Some(held) = self.held.get_mut(&partition) else { continue };
            let epoch = entries.iter().filter_map(|entry| entry.event.as_ref().ok()).map(|event| event.epoch).max();
            if epoch.is_some_and(|epoch| held.begin_epoch(epoch)) {
                continue;
            }
            kept.push((partition, entries));
        }
        kept
    }

    /// Writes entries in one transaction. `refused`: they are one, which PostgreSQL does not take.
    async fn write(&mut self, parts: &[Part], refused: Option<&str>) -> Result<(), WriteError> {
        let mut events: Vec<Result<Readable, (Partition, &Entry, String)>> = Vec::new();
        let (mut moves, mut stands) = (Vec::new(), BTreeMap::new());
        let mut gaps = Vec::new();
        for (partition, entries) in parts {
            let (Some(held), Some(position)) = (self.held.get(partition), last(entries)) else { continue };
            let mut taken = 0;
            for entry in entries {
                let readable = match refused {
                    Some(error) => Err(error.to_owned()),
                    None => Readable::of(*partition, entry),
                };
                match readable {
                    Ok(event) => {
                        let known = stands.get(event.aggregate()).copied().or_else(|| held.stamp(event.aggregate()));
                        match standing(known, event.aggregate(), event.stamp()) {
                            Standing::Old => continue,
                            Standing::Next => {}
                            Standing::Gap(gap) => gaps.push(gap),
                        }
                        stands.insert(event.aggregate().to_owned(), event.stamp());
                        taken += 1;
                        events.push(Ok(event));
                    }
                    Err(error) => events.push(Err((*partition, entry, error))),
                }
            }
            moves.push(Move {
                partition: partition.index(),
                fence: held.fence,
                position: position.to_string(),
                epoch: held.epoch,
                events: taken,
            });
        }
        if moves.is_empty() {
            return Ok(());
        }
        let mut writing = write::begin(&self.db, &self.holder, &moves).await?;
        let mut batch = Batch::new(known(&mut writing, &events).await?);
        for gap in gaps {
            batch.push_gap(gap);
        }
        let mut at = BTreeMap::new();
        for event in &events {
            match event {
                Ok(event) => {
                    at.insert(event.aggregate().to_owned(), event.row());
                    batch.push(event);
                }
                Err((partition, entry, error)) => batch.push_dead_letter(*partition, entry, error),
            }
        }
        let rows = batch.finish(|aggregate| at.get(aggregate).cloned());
        writing.write(&rows).await?;
        writing.commit().await?;
        self.committed(&moves, rows.aggregates);
        self.note_gaps(rows.gaps.iter().map(|gap| gap.aggregate.as_str()));
        self.metrics.recorder_events.inc_by(rows.events.len() as u64);
        self.metrics.recorder_dead_letters.inc_by(rows.dead_letters.len() as u64);
        self.metrics.recorder_gaps.inc_by(rows.gaps.len() as u64);
        Ok(())
    }

    /// Takes over what is true now.
    fn committed(&mut self, moves: &[Move], aggregates: Vec<AggregateRow>) {
        for moved in moves {
            let held = Partition::at(moved.partition).and_then(|partition| self.held.get_mut(&partition));
            if let (Some(held), Ok(position)) = (held, moved.position.parse()) {
                held.move_to(position);
            }
        }
        for aggregate in aggregates {
            let held = Partition::at(aggregate.partition).and_then(|partition| self.held.get_mut(&partition));
            if let Some(held) = held {
                held.note(&aggregate);
            }
        }
    }

    /// Cuts off what is recorded. That it fails does no harm: it is done next time.
    async fn trim(&mut self) {
        let may_lose = self.queue.may_lose().await;
        for (partition, held) in &mut self.held {
            let period = match held.untrimmed {
                true => TRIM_PERIOD,
                false if may_lose && held.is_at_the_end() && held.restaurants().next().is_some() => CONFIRM_PERIOD,
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

/// What is recorded of all that these events touch.
async fn known(
    writing: &mut write::Writing,
    events: &[Result<Readable, (Partition, &Entry, String)>],
) -> Result<Known, WriteError> {
    let readable = || events.iter().filter_map(|event| event.as_ref().ok());
    let tickets: BTreeSet<_> = readable().flat_map(Readable::ticket_keys).collect();
    let stock: BTreeSet<_> = readable().flat_map(Readable::stock_keys).collect();
    let mut known = Known::default();
    if !tickets.is_empty() {
        known.tickets = writing.tickets(&tickets.into_iter().collect::<Vec<_>>()).await?;
    }
    if !stock.is_empty() {
        let parts = writing.parts(&stock.into_iter().collect::<Vec<_>>()).await?;
        known.stock = parts.into_iter().map(|(key, packed)| (key, unpack_left(&packed))).collect();
    }
    Ok(known)
}

/// A batch that was refused, cut in two; or the one entry that is left of it.
enum Halves {
    Two(Vec<Part>, Vec<Part>),
    One(Part),
    None,
}

fn halves(mut parts: Vec<Part>) -> Halves {
    match parts.len() {
        0 => Halves::None,
        1 => {
            let (partition, mut entries) = parts.remove(0);
            if entries.len() < 2 {
                return Halves::One((partition, entries));
            }
            let second = entries.split_off(entries.len() / 2);
            Halves::Two(vec![(partition, entries)], vec![(partition, second)])
        }
        len => {
            let second = parts.split_off(len / 2);
            Halves::Two(parts, second)
        }
    }
}
