//! Time passes: deadlines that have come act, and business days roll.
//!
//! Every server runs this for every restaurant. The scripts decide by Redis's clock what still is due, so running it
//! twice at the same time is harmless, and a server that dies leaves nothing undone.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use tokio_util::sync::CancellationToken;

use crate::{
    domain::{Rejection, RestaurantId},
    queue::{
        Queue, QueueError, RollStep,
        keys::{PARTITIONS, Partition},
    },
    service::business_day::BusinessDay,
};

/// Between two looks at all partitions: a deadline acts at most this late.
const PERIOD: Duration = Duration::from_secs(1);

/// Looks between two checks of the business days.
const LOOKS_PER_DAY_CHECK: u64 = 30;

/// Partitions looked at at the same time.
const CONCURRENCY: usize = 16;

/// Entries an event log keeps until the recorder trims it to what is recorded.
const LOG_MAX: u32 = 10_000;

/// Runs until `stop`.
pub async fn run(queue: Queue, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut failing = false;
    for look in 0_u64.. {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let checks_days = look % LOOKS_PER_DAY_CHECK == 0;
        let failed = stream::iter(Partition::all())
            .map(|partition| {
                // The logs are trimmed in turns: each partition's once in about a minute and a half.
                let log_max = (look % u64::from(PARTITIONS) == u64::from(partition.index())).then_some(LOG_MAX);
                look_at(&queue, partition, log_max, checks_days)
            })
            .buffer_unordered(CONCURRENCY)
            .fold(None, |failed, looked| async move { failed.or(looked.err()) })
            .await;
        // An outage is one line when it begins and one when it ends, not one a second.
        match &failed {
            Some(error) if !failing => tracing::warn!(%error, "timers cannot look"),
            None if failing => tracing::info!("timers look again"),
            _ => {}
        }
        failing = failed.is_some();
    }
}

async fn look_at(
    queue: &Queue,
    partition: Partition,
    log_max: Option<u32>,
    checks_days: bool,
) -> Result<(), QueueError> {
    let due = queue.due(partition, None, log_max).await?;
    for deadline in &due.deadlines {
        if let Err(refusal) = queue.expire(deadline, None).await?
            && refusal != Rejection::Stale
        {
            tracing::debug!(kind = deadline.kind, code = refusal.code(), "a deadline does not act");
        }
    }
    if checks_days {
        for restaurant in queue.restaurants_in(partition).await? {
            roll_day(queue, restaurant, due.now).await?;
        }
    }
    Ok(())
}

/// Rolls the business day when the next one has begun, step by step; other restaurants go on between the steps.
async fn roll_day(queue: &Queue, restaurant: RestaurantId, now: i64) -> Result<(), QueueError> {
    let Some((record, policy)) = queue.record(restaurant).await? else { return Ok(()) };
    let today = match BusinessDay::at(now, &record.time_zone, &policy) {
        Ok(today) if today.date > record.day => today,
        Ok(_) => return Ok(()),
        Err(error) => {
            tracing::error!(%error, restaurant.id = %restaurant, "no business day");
            return Ok(());
        }
    };
    while let Ok(RollStep::More) = queue.roll_day(restaurant, &today.date, today.ends_at, None).await? {}
    Ok(())
}
