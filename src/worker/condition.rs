//! How this server is, looked at once a second: what is degraded for `/readyz`, and the figures that only time can
//! move, so that they stay true when whoever else would set them has stopped.
//!
//! Invariant: what is looked at here was learnt by others, but for whether PostgreSQL and Redis take writes. Each of
//! them is asked beside everything else: no answer that does not come holds up another figure.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::recorder::Lag;
use crate::{
    db::Db, health::Health, metrics::Metrics, queue::Queue, service::restaurants::Restaurants,
    service::revocations::Revocations,
};

/// Between two looks.
const PERIOD: Duration = Duration::from_secs(1);

/// Between two questions to PostgreSQL, and to Redis.
const ASK_PERIOD: Duration = Duration::from_secs(2);

/// PostgreSQL may take this long before it counts as not answering.
const POSTGRES_MAX: Duration = Duration::from_secs(3);

/// What is later than this does not work.
const LATE: Duration = Duration::from_secs(10);

/// What is looked at.
pub struct Condition {
    /// The live queue.
    pub queue: Queue,
    /// The record.
    pub db: Db,
    /// Who opens restaurants.
    pub restaurants: Restaurants,
    /// Who knows revoked sessions; a worker without a server needs none.
    pub revocations: Option<Revocations>,
    /// What this server's recorder has not recorded, if it has one.
    pub lag: Arc<Lag>,
    /// Where it is said.
    pub health: Arc<Health>,
    /// Where it is counted.
    pub metrics: Arc<Metrics>,
}

impl Condition {
    /// Looks until `stop`.
    pub async fn watch(self, stop: CancellationToken) {
        let watching =
            async { tokio::join!(self.keep_asking_postgres(), self.keep_asking_redis(), self.keep_looking()) };
        stop.run_until_cancelled(watching).await;
    }

    async fn keep_asking_postgres(&self) {
        loop {
            let answer = timeout(POSTGRES_MAX, self.db.ping()).await;
            self.say("postgres", matches!(answer, Ok(Ok(()))));
            sleep(ASK_PERIOD).await;
        }
    }

    async fn keep_asking_redis(&self) {
        loop {
            // That it does not answer is said elsewhere.
            if let Some(takes_writes) = self.queue.takes_writes().await {
                self.say("redis", takes_writes);
            }
            sleep(ASK_PERIOD).await;
        }
    }

    async fn keep_looking(&self) {
        let began = Instant::now();
        let mut ticks = interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.look(began).await;
        }
    }

    async fn look(&self, began: Instant) {
        // What was never done is as old as this server.
        let looked_ago = self.queue.looked_ago().unwrap_or_else(|| began.elapsed());
        self.metrics.timers_look_age_seconds.set(looked_ago.as_secs_f64());
        self.metrics.redis_clock_offset_seconds.set(self.queue.clock_offset().as_secs_f64());
        self.say("timers", looked_ago <= LATE);
        if let Some(revocations) = &self.revocations {
            let read_ago = revocations.read_ago().unwrap_or_else(|| began.elapsed());
            self.metrics.auth_revocations_age_seconds.set(read_ago.as_secs_f64());
            self.say("revocations", read_ago <= LATE);
        }
        self.say("recorder", self.lag.age() <= LATE);
        let unserved = self.restaurants.unserved().await;
        self.metrics.restaurants_unserved.set(i64::try_from(unserved).unwrap_or(i64::MAX));
        self.say("restaurants", unserved == 0);
    }

    fn say(&self, part: &'static str, ok: bool) {
        self.metrics.health_degraded.with_label_values(&[part]).set(i64::from(!ok));
        if self.health.set(part, ok) {
            if ok {
                tracing::info!(part, "works again");
            } else {
                tracing::warn!(part, "does not work");
            }
        }
    }
}
