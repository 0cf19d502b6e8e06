//! Keeping leases: this recorder says that it is there, and learns which partitions are its own.

use tokio::time::Instant;

use super::{
    KEEP_PERIOD, LEASE, RecordError, Recorder,
    held::{Held, restaurant_of},
};
use crate::{
    db::record::{
        gaps,
        leases::{self, CaughtUp},
    },
    domain::Stamp,
    queue::keys::Partition,
};

impl Recorder {
    /// Every second: says that it is there, and takes or gives up partitions; whether it was time.
    pub(super) async fn keep_leases(&mut self) -> Result<bool, RecordError> {
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
            let read = Held::of(lease)?;
            // Another record was put back under a recorder that stays, or another process changed this one.
            if self.held.get(&partition).is_none_or(|held| !held.is_as(&read)) {
                new.push((partition, read));
            }
        }
        if !new.is_empty() {
            let partitions: Vec<u16> = new.iter().map(|(partition, _)| partition.index()).collect();
            let aggregates = leases::aggregates(&self.db, &partitions).await?;
            tracing::info!(holder = self.holder, partitions = new.len(), held = leases.len(), "leases taken");
            self.held.extend(new);
            let with_gaps = gaps::open(&self.db, &partitions).await?;
            for row in aggregates {
                if let Some(held) = Partition::at(row.partition).and_then(|partition| self.held.get_mut(&partition)) {
                    if let Some(id) = restaurant_of(&row.aggregate) {
                        self.queue.note_known(id, Stamp { epoch: row.epoch, rev: row.rev });
                    }
                    held.note(&row);
                }
            }
            self.note_gaps(with_gaps.iter().map(String::as_str));
        }
        self.metrics.recorder_partitions.set(self.held.len() as i64);
        Ok(true)
    }

    pub(super) fn note_gaps<'a>(&mut self, aggregates: impl Iterator<Item = &'a str>) {
        for id in aggregates.filter_map(restaurant_of) {
            if let Some(held) = self.held.get_mut(&Partition::of(id)) {
                held.with_gaps.insert(id);
            }
        }
    }
}
