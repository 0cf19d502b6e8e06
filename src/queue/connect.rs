//! Connections to Redis: their deadlines, and what their errors mean.

use std::time::Duration;

use redis::{
    Client, RedisError,
    aio::{ConnectionManager, ConnectionManagerConfig},
};

/// A connection attempt may take this long.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);

/// Redis may take this long to answer.
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(1_000);

/// A call may take this long with everything, reconnecting included: a guest is told within two seconds.
const CALL_TIMEOUT: Duration = Duration::from_millis(1_500);

/// The live queue could not do what was asked, for reasons outside its rules.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// Redis did not take the call: nothing happened.
    #[error("Redis does not answer: {0}")]
    Unavailable(String),
    /// The call was sent and no answer came: it may have happened. Retry with the same idempotency key.
    #[error("no answer from Redis, the outcome is unknown: {0}")]
    OutcomeUnknown(String),
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
        matches!(self, Self::Unavailable(_) | Self::OutcomeUnknown(_))
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

/// The connection for commands: one, multiplexed, that reconnects by itself.
pub(super) fn commands(url: &str) -> Result<ConnectionManager, QueueError> {
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(RESPONSE_TIMEOUT))
        .set_number_of_retries(1);
    let client = Client::open(url)?;
    Ok(ConnectionManager::new_lazy_with_config(client, config)?)
}

/// Waits for an answer, but not for ever.
pub(super) async fn in_time<T>(answer: impl Future<Output = Result<T, RedisError>>) -> Result<T, QueueError> {
    match tokio::time::timeout(CALL_TIMEOUT, answer).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(QueueError::OutcomeUnknown(format!("nothing within {} ms", CALL_TIMEOUT.as_millis()))),
    }
}
