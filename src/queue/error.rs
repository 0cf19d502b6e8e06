//! Why the live queue could not do what was asked, and what that means to the caller: nothing happened, or who knows.

use redis::RedisError;

/// The live queue could not do what was asked, for reasons outside its rules.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// Redis did not take the call: nothing happened.
    #[error("Redis does not answer: {0}")]
    Unavailable(String),
    /// The call was sent and no answer came: it may have happened. Retry with the same idempotency key.
    #[error("no answer from Redis, the outcome is unknown: {0}")]
    OutcomeUnknown(String),
    /// This Redis has not everything that it should have: nothing is asked of it.
    #[error("this Redis cannot be used: {0}")]
    Unfit(String),
    /// A script failed: a bug.
    #[error("script {script} failed: {message}")]
    Script {
        /// The operation.
        script: &'static str,
        /// Redis's message, its lines mapped back to files.
        message: String,
    },
    /// Redis answered something unexpected: a bug, or another program's keys.
    #[error("unexpected answer from Redis: {0}")]
    Protocol(String),
}

impl QueueError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::OutcomeUnknown(_) | Self::Unfit(_))
    }
}

impl From<RedisError> for QueueError {
    fn from(error: RedisError) -> Self {
        let text = error.to_string();
        if error.is_connection_refusal() || error.code().is_some() {
            // An error that Redis itself answered: LOADING, OOM, MISCONF, READONLY, CLUSTERDOWN, … all before running.
            Self::Unavailable(text)
        } else if error.is_io_error() || error.is_timeout() || error.is_connection_dropped() {
            Self::OutcomeUnknown(text)
        } else {
            Self::Protocol(text)
        }
    }
}
