//! Sessions that were revoked before they ended: known to every server within seconds, through Redis.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::{Duration, Instant},
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
    known: Arc<RwLock<Known>>,
    read_at: Arc<Mutex<Option<Instant>>>,
}

/// What this server knows. Invariant: a session that was revoked here while the set was being read stays revoked when
/// the read, which may be older, replaces the set.
#[derive(Default)]
struct Known {
    sessions: HashSet<String>,
    since_read_began: Vec<String>,
}

impl Known {
    fn revoke(&mut self, session: String) {
        self.since_read_began.push(session.clone());
        self.sessions.insert(session);
    }

    fn begin_read(&mut self) {
        self.since_read_began.clear();
    }

    fn end_read(&mut self, read: HashSet<String>) {
        self.sessions = read;
        self.sessions.extend(self.since_read_began.iter().cloned());
    }
}

impl Revocations {
    /// Nothing is known until [`Revocations::watch`] has read.
    #[must_use]
    pub fn new(queue: Queue, metrics: Arc<Metrics>) -> Self {
        Self { queue, metrics, known: Arc::default(), read_at: Arc::default() }
    }

    /// Whether this session was revoked.
    #[must_use]
    pub fn contains(&self, session: SessionId) -> bool {
        self.known.read().unwrap_or_else(PoisonError::into_inner).sessions.contains(&session.to_string())
    }

    /// Revokes a session: here at once, on other servers within seconds.
    ///
    /// # Errors
    /// When Redis could not be told.
    pub async fn revoke(&self, session: SessionId) -> Result<(), QueueError> {
        let longest = Millis::try_from(COOKIE_LIFETIME.as_millis()).unwrap_or(Millis::MAX);
        self.queue.revoke_session(&session.to_string(), clock::now().saturating_add(longest)).await?;
        self.known.write().unwrap_or_else(PoisonError::into_inner).revoke(session.to_string());
        Ok(())
    }

    /// Reads them once.
    ///
    /// # Errors
    /// When Redis could not be asked; what was known stays.
    pub async fn refresh(&self) -> Result<(), QueueError> {
        self.known.write().unwrap_or_else(PoisonError::into_inner).begin_read();
        let read: HashSet<String> = self.queue.revoked_sessions(clock::now()).await?.into_iter().collect();
        self.metrics.auth_revoked_sessions.set(i64::try_from(read.len()).unwrap_or(i64::MAX));
        self.known.write().unwrap_or_else(PoisonError::into_inner).end_read(read);
        *self.read_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        Ok(())
    }

    /// How long ago they were read; `None`: never.
    #[must_use]
    pub fn read_ago(&self) -> Option<Duration> {
        self.read_at.lock().unwrap_or_else(PoisonError::into_inner).map(|at| at.elapsed())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_read_does_not_bring_a_session_back() {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<HashSet<_>>();
        let mut known = Known::default();
        known.revoke("before".to_owned());
        known.begin_read();
        known.revoke("meanwhile".to_owned());
        known.end_read(set(&["before", "elsewhere"]));
        assert_eq!(known.sessions, set(&["before", "elsewhere", "meanwhile"]));
        known.begin_read();
        known.end_read(set(&["elsewhere", "meanwhile"]));
        assert_eq!(known.sessions, set(&["elsewhere", "meanwhile"]), "what Redis has forgotten is over");
    }
}
