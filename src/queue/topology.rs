//! Whether this Redis has everything. One node of a cluster has a part of the restaurants, and the others would be taken
//! for lost: so nothing is asked of such a Redis, whether it is one from the start or another one answers some day.
//!
//! A connection learns it before its first call, and again after anything that could mean that another Redis answers.

use redis::{RedisError, Value, aio::ConnectionManager};

use super::{Queue, QueueError};

/// Slots of a cluster.
const SLOTS: u64 = 16_384;

/// Asks a Redis whether it has everything; if not, how it is put together instead.
///
/// # Errors
/// When it does not answer.
pub(super) async fn ask(redis: &mut ConnectionManager) -> Result<Result<(), String>, RedisError> {
    let info: String = match redis::cmd("INFO").arg("cluster").query_async(redis).await {
        Ok(info) => info,
        // Whoever may not ask is not told of any cluster either.
        Err(error) if error.code() == Some("NOPERM") => return Ok(Ok(())),
        Err(error) => return Err(error),
    };
    if !info.lines().any(|line| line.trim() == "cluster_enabled:1") {
        return Ok(Ok(()));
    }
    let mut pipeline = redis::Pipeline::with_capacity(2);
    pipeline.cmd("CLUSTER").arg("MYID").cmd("CLUSTER").arg("SLOTS");
    let (id, ranges): (String, Vec<Value>) = pipeline.query_async(redis).await?;
    Ok(judge(&id, &ranges))
}

/// What CLUSTER SLOTS means for the node of this id.
fn judge(id: &str, ranges: &[Value]) -> Result<(), String> {
    let (mut own, mut nodes) = (0, std::collections::BTreeSet::new());
    for range in ranges {
        let Some((len, primary)) = range_of(range) else { continue };
        own += if primary == id { len } else { 0 };
        nodes.insert(primary);
    }
    if own == SLOTS {
        return Ok(());
    }
    nodes.insert(id.to_owned());
    Err(format!(
        "it is one of {} nodes of a Redis Cluster and has {own} of the {SLOTS} slots: a cluster of several nodes is not \
         supported yet; use one Redis that has everything",
        nodes.len()
    ))
}

/// How many slots a range has, and the id of their primary.
fn range_of(range: &Value) -> Option<(u64, String)> {
    let Value::Array(parts) = range else { return None };
    let slot = |value: &Value| redis::from_redis_value_ref::<u64>(value).ok();
    let Value::Array(primary) = parts.get(2)? else { return None };
    let id = redis::from_redis_value_ref::<String>(primary.get(2)?).ok()?;
    Some((slot(parts.get(1)?)? + 1 - slot(parts.first()?)?, id))
}

/// Whether an answer means that slots are elsewhere, or an error that another Redis may answer next.
pub(super) fn is_doubtful(error: &RedisError) -> bool {
    match error.code() {
        Some(code) => matches!(code, "MOVED" | "ASK" | "CLUSTERDOWN" | "CROSSSLOT" | "READONLY"),
        None => true,
    }
}

impl Queue {
    /// Waits until Redis answers; then whether it is one that can be used.
    ///
    /// # Errors
    /// [`QueueError::Unfit`] when it is not, and that alone.
    pub async fn fit(&self) -> Result<(), QueueError> {
        const PAUSE: std::time::Duration = std::time::Duration::from_millis(250);
        loop {
            match self.ping().await {
                Err(error @ QueueError::Unfit(_)) => return Err(error),
                Ok(()) => return Ok(()),
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(from: i64, to: i64, id: &str) -> Value {
        let text = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        let primary = Value::Array(vec![text("127.0.0.1"), Value::Int(7_000), text(id), Value::Array(Vec::new())]);
        Value::Array(vec![Value::Int(from), Value::Int(to), primary])
    }

    #[test]
    fn only_a_node_that_has_every_slot_is_fit() {
        assert_eq!(judge("a", &[range(0, 16_383, "a")]), Ok(()));
        assert_eq!(judge("a", &[range(0, 99, "a"), range(100, 16_383, "a")]), Ok(()));
        for (ranges, nodes, own) in [
            (vec![range(0, 5_460, "a"), range(5_461, 10_922, "b"), range(10_923, 16_383, "c")], 3, 5_461),
            (vec![range(0, 16_383, "b")], 2, 0),
            (vec![range(0, 16_382, "a")], 1, 16_383),
            (Vec::new(), 1, 0),
        ] {
            let why = judge("a", &ranges).expect_err("refused");
            assert!(why.contains(&format!("one of {nodes} nodes")), "{why}");
            assert!(why.contains(&format!("has {own} of the 16384 slots")), "{why}");
        }
    }
}
