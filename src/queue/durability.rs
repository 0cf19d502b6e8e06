//! Whether this Redis may lose what it has acknowledged: then numbers are passed over when it comes back.
//!
//! It may unless it says that it writes every change to its disk before it answers, and is not one of a cluster, whose
//! replicas follow behind. What it does not say counts against it: passing over numbers that nobody got is harmless.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::Queue;

/// Between two questions: a failover may bring another Redis with other settings.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(30);

/// What is known of it.
pub(super) struct Durability {
    /// Settled from outside.
    given: Option<bool>,
    asked: Mutex<Asked>,
}

struct Asked {
    may_lose: bool,
    /// `None`: never.
    at: Option<Instant>,
}

impl Durability {
    pub(super) fn new(given: Option<bool>) -> Self {
        Self { given, asked: Mutex::new(Asked { may_lose: true, at: None }) }
    }

    /// What is known; `None` when it is this caller's turn to ask.
    fn known(&self) -> Option<bool> {
        if self.given.is_some() {
            return self.given;
        }
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.at.is_some_and(|at| at.elapsed() < ASK_AGAIN_AFTER) {
            return Some(asked.may_lose);
        }
        asked.at = Some(Instant::now());
        None
    }

    fn learn(&self, may_lose: bool) {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).may_lose = may_lose;
    }
}

impl Queue {
    /// Whether Redis may lose what it has acknowledged. Asks it when that was not done for a while.
    pub async fn may_lose(&self) -> bool {
        let durability = &self.shared.durability;
        if let Some(known) = durability.known() {
            return known;
        }
        let may_lose = !self.keeps_everything().await.unwrap_or(false);
        durability.learn(may_lose);
        may_lose
    }

    async fn keeps_everything(&self) -> Result<bool, super::QueueError> {
        let settings: Vec<String> = self.query(redis::cmd("CONFIG").arg("GET").arg("append*")).await?;
        let says = |name: &str, value: &str| settings.chunks(2).any(|setting| setting == [name, value]);
        let cluster: String = self.query(redis::cmd("INFO").arg("cluster")).await?;
        let is_alone = cluster.lines().any(|line| line.trim() == "cluster_enabled:0");
        Ok(is_alone && says("appendonly", "yes") && says("appendfsync", "always"))
    }
}
