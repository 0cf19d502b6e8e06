//! Answers kept for retries. The scripts keep and replay their own replies; here is what surrounds them.

use serde::Deserialize;

use super::{Queue, QueueError, call::unpack, keys::Partition};
use crate::domain::{Millis, RestaurantId, Stamp};

#[derive(Deserialize)]
struct Kept {
    until_at: Millis,
}

impl Queue {
    /// Whether a command with this key was answered, and the answer is still kept.
    ///
    /// # Errors
    /// When Redis could not be asked.
    pub async fn is_key_used(&self, restaurant: RestaurantId, key: &str) -> Result<bool, QueueError> {
        let idem = self.keys().one(restaurant, "idem");
        let packed: Option<Vec<u8>> = self.query(redis::cmd("HGET").arg(idem).arg(key)).await?;
        let Some(packed) = packed else { return Ok(false) };
        Ok(unpack::<Kept>(&packed)?.until_at > self.time(Partition::of(restaurant)).await?)
    }

    /// Keeps the first rendering of a command's answer for its retries, and answers whichever was first. For answers
    /// that say more than the script replied. `stamp` and `at` are those of the reply, so that a key that is used
    /// again after its time never meets an old answer. It is forgotten with the script's own.
    ///
    /// # Errors
    /// [`QueueError::OutcomeUnknown`] when Redis could not be asked: the command is done by then, and whoever retries
    /// with the key gets its answer.
    pub async fn first_answer(
        &self,
        restaurant: RestaurantId,
        key: &str,
        stamp: Stamp,
        at: Millis,
        ttl_ms: i64,
        answer: Vec<u8>,
    ) -> Result<Vec<u8>, QueueError> {
        let idem = self.keys().one(restaurant, "idem");
        let idem_until = self.keys().one(restaurant, "idem_until");
        let field = format!("{key}.{}.{}.{at}", stamp.epoch, stamp.rev);
        let asking = async {
            let is_first: i64 = self.query(redis::cmd("HSETNX").arg(&idem).arg(&field).arg(&answer)).await?;
            if is_first == 1 {
                return self
                    .query(redis::cmd("ZADD").arg(idem_until).arg(at + ttl_ms).arg(&field))
                    .await
                    .map(|_: i64| None);
            }
            self.query(redis::cmd("HGET").arg(&idem).arg(&field)).await
        };
        match asking.await {
            Ok(kept) => Ok(kept.unwrap_or(answer)),
            Err(QueueError::Unavailable(why)) => Err(QueueError::OutcomeUnknown(why)),
            Err(error) => Err(error),
        }
    }
}
