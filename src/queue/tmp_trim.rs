//! Until the script is there.
use super::{Queue, QueueError, keys::Partition};
impl Queue {
    /// Temporary.
    pub async fn trim(&self, partition: Partition, upto: &str) -> Result<(), QueueError> {
        let (ms, n) = upto.split_once('-').unwrap_or((upto, "0"));
        let min = format!("{ms}-{}", n.parse::<u64>().unwrap_or(0) + 1);
        self.query::<i64>(redis::cmd("XTRIM").arg(self.keys().events(partition)).arg("MINID").arg(min)).await.map(drop)
    }
}
