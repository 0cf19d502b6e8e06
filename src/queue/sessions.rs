//! Revoked sessions, which every server reads every few seconds: checking a token needs no database.

use super::{Queue, QueueError};
use crate::domain::Millis;

impl Queue {
    /// Makes a session invalid everywhere until it would have ended anyway.
    ///
    /// # Errors
    /// When Redis could not be asked.
    pub async fn revoke_session(&self, session: &str, until: Millis) -> Result<(), QueueError> {
        self.query(redis::cmd("ZADD").arg(self.keys().revoked()).arg(until).arg(session)).await
    }

    /// All revoked sessions that would still be valid at `now`; forgets the others.
    ///
    /// # Errors
    /// When Redis could not be asked.
    pub async fn revoked_sessions(&self, now: Millis) -> Result<Vec<String>, QueueError> {
        let key = self.keys().revoked();
        let _: i64 = self.query(redis::cmd("ZREMRANGEBYSCORE").arg(&key).arg("-inf").arg(now)).await?;
        self.query(redis::cmd("ZRANGE").arg(&key).arg(0).arg(-1)).await
    }
}
