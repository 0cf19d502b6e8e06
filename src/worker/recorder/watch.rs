//! What a recorder does beside recording: it sees that a new life of Redis is compared with the record before anything
//! of it is recorded, that a lost restaurant is opened again, and that the record has all that Redis has.

use std::collections::HashMap;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::time::Instant;

use super::{RecordError, Recorder};
use crate::{
    db::record::gaps,
    domain::RestaurantId,
    queue::{Comparison, QueueError, Standing, keys::Partition},
};

/// Restaurants asked about at once.
const CONCURRENCY: usize = 8;

impl Recorder {
    /// Compares where every restaurant stands in Redis with the record.
    pub(super) async fn watch(&mut self) -> Result<(), RecordError> {
        let partitions: Vec<Partition> = self.held.keys().copied().collect();
        let standings = self.queue.standings(&partitions).await?;
        let (mut found, mut begun) = (Vec::new(), 0);
        for (partition, Standing { epoch, revs }) in standings {
            let Some(held) = self.held.get_mut(&partition) else { continue };
            for id in held.restaurants().filter(|id| !revs.contains_key(id)) {
                self.restaurants.ask_to_open(id);
            }
            if !held.begin_epoch(epoch) {
                found.extend(held.behind(revs));
            } else if held.restaurants().next().is_some() {
                begun += 1;
            }
        }
        if begun > 0 {
            tracing::info!(partitions = begun, "a new life of Redis: it is compared with the record, then recorded");
        }
        for gap in found {
            tracing::error!(
                aggregate = gap.aggregate,
                from = gap.rev_from,
                to = gap.rev_to,
                "the record is behind the live state, and the event log has nothing of it"
            );
            gaps::note(&self.db, &gap).await?;
            self.metrics.recorder_gaps.inc();
            self.note_gaps(std::iter::once(gap.aggregate.as_str()));
        }
        Ok(())
    }

    /// Asks for the comparison of what was not compared yet; partitions of which all is may be recorded from then on.
    pub(super) async fn await_comparisons(&mut self) -> Result<(), RecordError> {
        let waiting = self.held.iter().filter(|(_, held)| !held.is_compared());
        let ids: Vec<(Partition, RestaurantId)> =
            waiting.flat_map(|(partition, held)| held.restaurants().map(|id| (*partition, id))).collect();
        let queue = &self.queue;
        let compared: Vec<(Partition, RestaurantId, Comparison)> = stream::iter(ids)
            .map(async |(partition, id)| Ok::<_, QueueError>((partition, id, queue.comparison(id, 0).await?)))
            .buffer_unordered(CONCURRENCY)
            .try_collect()
            .await?;
        let mut left: HashMap<Partition, usize> = HashMap::new();
        for (partition, id, comparison) in compared {
            // What is lost altogether is rebuilt from the record, and holds up nothing.
            if matches!(comparison, Comparison::Uncompared(_)) {
                self.restaurants.ask_to_open(id);
                *left.entry(partition).or_default() += 1;
            }
        }
        for (partition, held) in self.held.iter_mut().filter(|(_, held)| !held.is_compared()) {
            match left.get(partition) {
                None => held.compared(),
                Some(restaurants) if held.is_impatient(Instant::now()) => {
                    tracing::error!(
                        partition = partition.index(),
                        restaurants,
                        "not all restaurants can be compared with their record: it goes on without that"
                    );
                    held.compared();
                }
                Some(_) => {}
            }
        }
        Ok(())
    }
}
