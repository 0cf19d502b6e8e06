//! A partition that this recorder has a lease for: what PostgreSQL says of it, kept while the lease is.

use std::collections::{BTreeSet, HashMap};

use tokio::time::Instant;

use super::stopped::Stopped;
use crate::{
    db::{
        DbError,
        record::{
            leases::{CaughtUp, Lease},
            rows::AggregateRow,
        },
    },
    domain::{Millis, RestaurantId, Stamp},
    queue::{keys::Partition, log::Position},
};

/// A partition and its record.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) fence: i64,
    /// Recorded up to there.
    pub(super) position: Position,
    /// The life of Redis that the position is of.
    pub(super) epoch: i64,
    /// The last event recorded of each aggregate.
    aggregates: HashMap<String, Stamp>,
    /// The epoch up to which what Redis lost has been put back.
    reconciled: HashMap<String, i64>,
    /// Restaurants whose log had a gap that is not mended.
    pub(super) with_gaps: BTreeSet<RestaurantId>,
    /// Where restaurants stood in Redis when that was compared last, while they are not reconciled.
    seen: HashMap<RestaurantId, Stamp>,
    /// Everything that the last look found is recorded.
    at_the_end: bool,
    /// When the record was complete last, by Redis's clock and by ours, if that was not told yet.
    caught_up_at: Option<(Millis, Instant)>,
    /// Something was committed since the log was trimmed.
    pub(super) untrimmed: bool,
    pub(super) trimmed_at: Option<Instant>,
    /// Whether PostgreSQL refuses what comes next here.
    pub(super) stopped: Stopped,
}

impl Held {
    /// As the lease says.
    ///
    /// # Errors
    /// When its position is none.
    pub(super) fn of(lease: &Lease) -> Result<Self, DbError> {
        let position = lease.position.parse().map_err(|error| DbError::unreadable("position of a recorder", error))?;
        Ok(Self {
            fence: lease.fence,
            position,
            epoch: lease.epoch,
            aggregates: HashMap::new(),
            reconciled: HashMap::new(),
            with_gaps: BTreeSet::new(),
            seen: HashMap::new(),
            at_the_end: false,
            caught_up_at: None,
            untrimmed: true,
            trimmed_at: None,
            stopped: Stopped::default(),
        })
    }

    /// The last event recorded of this aggregate.
    pub(super) fn stamp(&self, aggregate: &str) -> Option<Stamp> {
        self.aggregates.get(aggregate).copied()
    }

    /// Takes over where an aggregate stands.
    pub(super) fn note(&mut self, row: &AggregateRow) {
        self.aggregates.insert(row.aggregate.clone(), Stamp { epoch: row.epoch, rev: row.rev });
    }

    /// Turns back to the first entry of the log when `epoch` is a new one; whether it is.
    pub(super) fn begin_epoch(&mut self, epoch: i64) -> bool {
        if epoch <= self.epoch {
            return false;
        }
        tracing::info!(from = self.epoch, to = epoch, "another life of Redis: its log is read from the first entry");
        (self.epoch, self.position, self.at_the_end) = (epoch, Position::START, false);
        true
    }

    /// Everything up to this moment is recorded: by Redis's clock, and by ours.
    pub(super) fn caught_up(&mut self, now: Millis, looked: Instant) {
        (self.at_the_end, self.caught_up_at) = (true, Some((now, looked)));
    }

    /// Recorded up to here.
    pub(super) fn move_to(&mut self, position: Position) {
        (self.position, self.untrimmed, self.at_the_end) = (position, true, false);
    }

    /// PostgreSQL refused the entry at this position; whether that is new.
    pub(super) fn refused(&mut self, position: Position) -> bool {
        self.at_the_end = false;
        self.stopped.refused(position.at())
    }

    pub(super) fn is_at_the_end(&self) -> bool {
        self.at_the_end
    }

    /// The restaurants that ever had an event here.
    pub(super) fn restaurants(&self) -> impl Iterator<Item = RestaurantId> {
        self.aggregates.keys().filter_map(|aggregate| restaurant_of(aggregate))
    }

    /// The epoch up to which this restaurant is whole in Redis.
    pub(super) fn reconciled(&self, id: RestaurantId) -> i64 {
        self.reconciled.get(&aggregate_of(id)).copied().unwrap_or(0)
    }

    /// Takes over the epoch up to which an aggregate is whole in Redis.
    pub(super) fn note_reconciled(&mut self, aggregate: &str, epoch: i64) {
        self.reconciled.insert(aggregate.to_owned(), epoch);
    }

    /// Whether all that happened to this restaurant up to `stamp`, where it stands in Redis, is recorded: something of
    /// that epoch is, or nothing has happened since it was compared last, and the log was read meanwhile.
    pub(super) fn is_settled(&mut self, id: RestaurantId, stamp: Stamp) -> bool {
        let is_quiet = self.seen.insert(id, stamp) == Some(stamp);
        is_quiet || self.stamp(&aggregate_of(id)).is_some_and(|known| known.epoch == stamp.epoch)
    }

    /// What is to be told about being caught up, once. Where nothing ever happened nobody needs to know.
    pub(super) fn take_caught_up(&mut self, partition: Partition) -> Option<CaughtUp> {
        let (at_ms, looked) = self.caught_up_at.take().filter(|_| !self.aggregates.is_empty())?;
        Some(CaughtUp { partition: partition.index(), fence: self.fence, at_ms, ago: looked.elapsed() })
    }
}

/// What events call a restaurant.
pub(super) fn aggregate_of(id: RestaurantId) -> String {
    format!("restaurant:{id}")
}

/// The restaurant that events call so.
pub(super) fn restaurant_of(aggregate: &str) -> Option<RestaurantId> {
    aggregate.strip_prefix("restaurant:")?.parse().ok()
}
