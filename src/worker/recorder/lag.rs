//! How old the oldest event is that is not recorded, whatever keeps it from being recorded: PostgreSQL that refuses, a
//! recorder that was stopped, or none at all.
//!
//! The recorder says what its looks find. A partition that it does not look at is looked at here: with what is recorded
//! cut off, whatever its log holds is not recorded. Ages are by Redis's time, and grow while Redis is away.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::{
    domain::Millis,
    metrics::Metrics,
    queue::{
        Queue, QueueError,
        keys::Partition,
        log::{Entry, Log, Position},
    },
};

/// Between two looks of its own.
const PERIOD: Duration = Duration::from_secs(1);

/// A partition that the recorder has not looked at for so long is looked at here.
const UNLOOKED: Duration = Duration::from_millis(1_500);

/// What another recorder has recorded leaves the log within this.
const TRIMMED_MS: Millis = 5_000;

/// What is known of a partition's log.
#[derive(Clone, Copy)]
struct Look {
    /// Recorded up to there, at least.
    position: Position,
    /// When the first event behind it happened, by Redis's time.
    oldest_at: Option<Millis>,
    /// When the recorder looked last.
    recorder_at: Option<Instant>,
    /// This recorder has the lease, or had it when it was heard last.
    is_ours: bool,
}

/// The logs, and how far behind them the record is.
pub struct Lag {
    queue: Queue,
    log: Log,
    looks: Mutex<Vec<Look>>,
}

impl Lag {
    /// The logs of this queue, of which nobody has said anything yet.
    #[must_use]
    pub fn new(queue: Queue, log: Log) -> Self {
        let unknown = Look { position: Position::START, oldest_at: None, recorder_at: None, is_ours: false };
        Self { queue, log, looks: Mutex::new(vec![unknown; Partition::all().count()]) }
    }

    fn looks(&self) -> MutexGuard<'_, Vec<Look>> {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The recorder of this partition found these entries behind what is recorded.
    pub(super) fn found(&self, partition: Partition, position: Position, entries: &[Entry]) {
        let oldest_at = entries.first().map(happened_at);
        self.looks()[usize::from(partition.index())] =
            Look { position, oldest_at, recorder_at: Some(Instant::now()), is_ours: true };
    }

    /// Another recorder has the partition now.
    pub(super) fn lost(&self, partition: Partition) {
        self.looks()[usize::from(partition.index())].is_ours = false;
    }

    /// The age of the oldest event that is not recorded; none when all are.
    pub fn age(&self) -> Duration {
        let looks = self.looks();
        let ages = Partition::all().zip(looks.iter()).filter_map(|(partition, look)| {
            let age_ms = self.queue.time_known(partition)? - look.oldest_at?;
            (look.is_ours || age_ms > TRIMMED_MS).then_some(age_ms)
        });
        Duration::from_millis(ages.max().unwrap_or(0).max(0).cast_unsigned())
    }

    /// Looks, and sets the figure, until `stop`.
    pub async fn watch(&self, metrics: &Metrics, stop: CancellationToken) {
        let mut ticks = interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            if let Err(error) = self.look().await {
                // What was found stays, and grows older.
                tracing::debug!(%error, "the event logs cannot be looked at");
            }
            metrics.recorder_lag_seconds.set(self.age().as_secs_f64());
        }
    }

    async fn look(&self) -> Result<(), QueueError> {
        let unlooked: Vec<(Partition, Position)> = {
            let looks = self.looks();
            let looked = |look: &Look| look.recorder_at.is_some_and(|at| at.elapsed() < UNLOOKED);
            let all = Partition::all().zip(looks.iter());
            all.filter(|(_, look)| !looked(look)).map(|(partition, look)| (partition, look.position)).collect()
        };
        if unlooked.is_empty() {
            return Ok(());
        }
        let found = self.log.read(&unlooked, 1).await?;
        for ((partition, position), entries) in unlooked.into_iter().zip(found) {
            if !entries.is_empty() {
                self.queue.time(partition).await?;
            }
            let mut looks = self.looks();
            let look = &mut looks[usize::from(partition.index())];
            // Unless the recorder has come back meanwhile.
            if look.position == position {
                look.oldest_at = entries.first().map(happened_at);
            }
        }
        Ok(())
    }
}

/// When an entry happened. One that cannot be read has only the time of Redis's clock in its id.
fn happened_at(entry: &Entry) -> Millis {
    entry.event.as_ref().map_or_else(|_| entry.position.at(), |event| event.at)
}
