//! A partition that this recorder has a lease for: what PostgreSQL says of it, kept while the lease is.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use tokio::time::Instant;

use super::stopped::Stopped;
use crate::{
    db::{
        DbError,
        record::{
            leases::{CaughtUp, Lease},
            rows::{AggregateRow, GapRow},
        },
    },
    domain::{Millis, RestaurantId, Stamp},
    queue::{keys::Partition, log::Position},
};

/// A partition is recorded after so long, should one of its restaurants never be compared: it must not hold up others.
const COMPARED_MAX: Duration = Duration::from_secs(30);

/// The record says that it is complete only while Redis takes the same word: else its copy would look like an older
/// one.
const CONFIRMED_MAX: Duration = Duration::from_secs(4);

/// A partition and its record.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) fence: i64,
    /// Recorded up to there.
    pub(super) position: Position,
    /// Where PostgreSQL was left: epoch and position.
    written: (i64, Position),
    /// The life of Redis that the position is of.
    pub(super) epoch: i64,
    /// The last event recorded of each aggregate.
    aggregates: HashMap<String, Stamp>,
    /// All of its restaurants were compared with the record since Redis is in this epoch; until then nothing is
    /// recorded.
    compared: bool,
    /// Since when that is waited for.
    waits_since: Instant,
    /// Restaurants whose log had a gap that is not mended.
    pub(super) with_gaps: BTreeSet<RestaurantId>,
    /// Where restaurants stood in Redis at the last look, which was before the log was read.
    seen: HashMap<RestaurantId, i64>,
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
            written: (lease.epoch, position),
            epoch: lease.epoch,
            aggregates: HashMap::new(),
            compared: false,
            waits_since: Instant::now(),
            with_gaps: BTreeSet::new(),
            seen: HashMap::new(),
            at_the_end: false,
            caught_up_at: None,
            untrimmed: true,
            trimmed_at: None,
            stopped: Stopped::default(),
        })
    }

    /// Whether this is what PostgreSQL says.
    pub(super) fn is_as(&self, read: &Self) -> bool {
        (self.fence, self.written) == (read.fence, read.written)
    }

    /// Where PostgreSQL was left.
    pub(super) fn written(&self) -> (i64, String) {
        (self.written.0, self.written.1.to_string())
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
        tracing::debug!(from = self.epoch, to = epoch, "another epoch: the log is read from its first entry");
        (self.epoch, self.position, self.at_the_end) = (epoch, Position::START, false);
        (self.compared, self.waits_since) = (false, Instant::now());
        // An older copy was confirmed long ago: that is done anew before the record says that it is complete again.
        self.trimmed_at = None;
        self.seen.clear();
        true
    }

    /// Everything of this epoch may be recorded.
    pub(super) fn compared(&mut self) {
        self.compared = true;
    }

    pub(super) fn is_compared(&self) -> bool {
        self.compared
    }

    /// Whether the comparison takes so long that it will not come.
    pub(super) fn is_impatient(&self, now: Instant) -> bool {
        now.duration_since(self.waits_since) > COMPARED_MAX
    }

    /// What the record lacks, although its log was read to the end since Redis stood there: an older record was put
    /// back, or the log was cut. `revs`: where restaurants stand now.
    pub(super) fn behind(&mut self, revs: HashMap<RestaurantId, i64>) -> Vec<GapRow> {
        let before = std::mem::replace(&mut self.seen, revs);
        if !self.at_the_end {
            return Vec::new();
        }
        let missing = before.into_iter().filter(|(id, _)| !self.with_gaps.contains(id)).filter_map(|(id, rev)| {
            let aggregate = aggregate_of(id);
            let known = self.stamp(&aggregate).map_or(0, |known| known.rev);
            (rev > known).then_some(GapRow { aggregate, epoch: self.epoch, rev_from: known + 1, rev_to: rev })
        });
        missing.collect()
    }

    /// Everything up to this moment is recorded: by Redis's clock, and by ours.
    pub(super) fn caught_up(&mut self, now: Millis, looked: Instant) {
        (self.at_the_end, self.caught_up_at) = (true, Some((now, looked)));
    }

    /// The log has something that is not recorded.
    pub(super) fn has_more(&mut self) {
        self.at_the_end = false;
    }

    /// Recorded up to here.
    pub(super) fn move_to(&mut self, position: Position) {
        (self.position, self.untrimmed, self.at_the_end) = (position, true, false);
        self.is_written();
    }

    /// PostgreSQL has the position as it is here.
    pub(super) fn is_written(&mut self) {
        self.written = (self.epoch, self.position);
    }

    /// PostgreSQL refused its next entry; whether that is new.
    pub(super) fn refused(&mut self) -> bool {
        self.at_the_end = false;
        self.stopped.refused()
    }

    pub(super) fn is_at_the_end(&self) -> bool {
        self.at_the_end
    }

    /// The restaurants that ever had an event here.
    pub(super) fn restaurants(&self) -> impl Iterator<Item = RestaurantId> {
        self.aggregates.keys().filter_map(|aggregate| restaurant_of(aggregate))
    }

    /// What is to be told about being caught up, once. Where nothing ever happened nobody needs to know.
    pub(super) fn take_caught_up(&mut self, partition: Partition) -> Option<CaughtUp> {
        let is_confirmed = self.trimmed_at.is_some_and(|at| at.elapsed() < CONFIRMED_MAX);
        let (at_ms, looked) = self.caught_up_at.take().filter(|_| is_confirmed && !self.aggregates.is_empty())?;
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
