//! Until the script is there.
use super::{Outcome, Queue, QueueError, keys::Partition};
use crate::domain::{LineRecord, Millis, Rejection, RestaurantId, RestaurantRecord};
use std::collections::BTreeMap;
/// Temporary.
pub struct Reconcile {
    /// T
    pub tickets: Vec<Vec<u8>>,
    /// T
    pub restaurant: Option<RestaurantRecord>,
    /// T
    pub lines: Vec<LineRecord>,
    /// T
    pub stock: BTreeMap<String, i64>,
}
impl Queue {
    /// Temporary.
    pub async fn reconcile(
        &self,
        _: RestaurantId,
        _: &Reconcile,
        _: Option<Millis>,
    ) -> Result<Result<Outcome, Rejection>, QueueError> {
        Ok(Err(Rejection::NotLoaded))
    }
    /// Temporary.
    pub async fn trim(&self, partition: Partition, upto: &str) -> Result<(), QueueError> {
        let (ms, n) = upto.split_once('-').unwrap_or((upto, "0"));
        let min = format!("{ms}-{}", n.parse::<u64>().unwrap_or(0) + 1);
        self.query::<i64>(redis::cmd("XTRIM").arg(self.keys().events(partition)).arg("MINID").arg(min)).await.map(drop)
    }
}
