//! Sessions that were revoked before they ended: known to every server within seconds, through Redis.

use std::{
    collections::HashSet,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use super::tokens::COOKIE_LIFETIME;
use crate::{
    clock,
    db::sessions::SessionId,
    domain::Millis,
    metrics::Metrics,
    queue::{Queue, QueueError},
};

/// Between two reads: a revocation works everywhere within this and the time of a read.
const PERIOD: Duration = Duration::from_secs(2);

/// The revoked sessions, as of a moment ago. Cheap to clone.
#[derive(Clone)]
pub struct Revocations {
    queue: Queue,
    metrics: Arc<Metrics>,
    sessions: Arc<RwLock<HashSet<String>>>,
}

impl Revocations {
    /// Nothing is known until [`Revocations::watch`] has read.
    #[must_use]
    pub fn new(queue: Queue, metrics: Arc<Metrics>) -> Self {
        Self { queue, metrics, sessions: Arc::default() }
    }

    /// Whether this session was revoked.
    #[must_use]
    pub fn contains(&self, session: SessionId) -> bool {
        self.sessions.read().unwrap_or_else(PoisonError::into_inner).contains(&session.to_string())
    }

    /// Revokes a session: here at once, on other servers within seconds.
    ///
    /// # Errors
    /// When Redis could not be told.
    pub async fn revoke(&self, session: SessionId) -> Result<(), QueueError> {
        let longest = Millis::try_from(COOKIE_LIFETIME.as_millis()).unwrap_or(Millis::MAX);
        self.queue.revoke_session(&session.to_string(), clock::now().saturating_add(longest)).await?;
        self.sessions.write().unwrap_or_else(PoisonError::into_inner).insert(session.to_string());
        Ok(())
    }

    /// Reads them once.
    ///
    /// # Errors
    /// When Redis could not be asked; what was known stays.
    pub async fn refresh(&self) -> Result<(), QueueError> {
        let read: HashSet<String> = self.queue.revoked_sessions(clock::now()).await?.into_iter().collect();
        self.metrics.auth_revoked_sessions.set(i64::try_from(read.len()).unwrap_or(i64::MAX));
        *self.sessions.write().unwrap_or_else(PoisonError::into_inner) = read;
        Ok(())
    }

    /// Reads them every two seconds until `stop`.
    pub async fn watch(self, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            if let Err(error) = self.refresh().await {
                tracing::debug!(%error, "revoked sessions cannot be read");
            }
        }
    }
}
