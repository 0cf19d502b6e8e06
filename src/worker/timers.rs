//! Time passes: deadlines that have come act, and business days roll.
//!
//! Every server runs this for every restaurant. The scripts decide by Redis's clock what still is due, so running it
//! twice at the same time is harmless, and a server that dies leaves nothing undone.
//!
//! Invariant: nobody's deadlines wait for somebody else. Each partition is looked at on its own, with at most one call
//! under way, and days roll beside that: neither a part of Redis that does not answer nor a long roll holds up others.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU16, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::{join, join_all};
use tokio::{sync::watch, time::MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::{
    domain::{Millis, Rejection, RestaurantId},
    queue::{
        Queue, QueueError, RollStep, Step,
        keys::{PARTITIONS, Partition},
    },
    service::{business_day::BusinessDay, restaurants::Restaurants},
};

/// Between two looks at a partition: a deadline acts at most this late.
const PERIOD: Duration = Duration::from_secs(1);

/// Between two checks of the business days.
const DAY_PERIOD: Duration = Duration::from_secs(30);

/// Entries an event log keeps at most. The recorder trims it to what is recorded; this is the last bound, before Redis
/// is full, for when nobody records. What is cut by it is a gap in the record.
const LOG_MAX: u32 = 1_000_000;

/// A step of Redis's clock is found by each partition within this, and said by the first.
const STEP_QUIET: Duration = Duration::from_secs(10);

/// Runs until `stop`.
pub async fn run(queue: Queue, restaurants: Restaurants, stop: CancellationToken) {
    let (time, time_told) = watch::channel(0);
    let said = Said::default();
    let looks = Partition::all().map(|partition| keep_looking(&queue, &restaurants, partition, &time, &said));
    // What was begun is left as it is: the scripts are atomic, and the next server sees what remains.
    stop.run_until_cancelled(join(join_all(looks), roll_days(&queue, &restaurants, time_told))).await;
}

/// Looks at a partition for ever. The partitions take turns within the period.
async fn keep_looking(
    queue: &Queue,
    restaurants: &Restaurants,
    partition: Partition,
    time: &watch::Sender<Millis>,
    said: &Said,
) {
    let turn = PERIOD * u32::from(partition.index()) / u32::from(PARTITIONS);
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + turn, PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failing = false;
    for look in 0_u64.. {
        ticks.tick().await;
        // The logs are trimmed in turns: each partition's once in about a minute and a half.
        let log_max = (look % u64::from(PARTITIONS) == u64::from(partition.index())).then_some(LOG_MAX);
        let looked = look_at(queue, restaurants, partition, time, said, log_max).await;
        said.outage(&mut failing, looked);
    }
}

/// Lets every deadline of a partition act that has come.
async fn look_at(
    queue: &Queue,
    restaurants: &Restaurants,
    partition: Partition,
    time: &watch::Sender<Millis>,
    said: &Said,
    log_max: Option<u32>,
) -> Result<(), QueueError> {
    loop {
        let due = queue.due(partition, None, log_max).await?;
        time.send_replace(due.now);
        // What is added is gone when it is gone everywhere.
        said.step(due.step.filter(|step| *step != Step::CaughtUp || queue.clock_offset().is_zero()));
        let mut acted = false;
        for deadline in &due.deadlines {
            match queue.expire(deadline, None).await {
                Ok(Ok(_)) => acted = true,
                Ok(Err(Rejection::Stale)) => {}
                Ok(Err(Rejection::NotCompared)) => restaurants.ask_to_open(deadline.restaurant),
                Ok(Err(refusal)) => {
                    tracing::debug!(kind = deadline.kind, code = refusal.code(), "a deadline does not act");
                }
                Err(error) if error.is_transient() => return Err(error),
                // A bug; those behind it are not to suffer from it.
                Err(error) => tracing::error!(%error, kind = deadline.kind, "a deadline cannot act"),
            }
        }
        // After an outage there may be more than one list holds.
        if !acted {
            return Ok(());
        }
    }
}

/// What all partitions find is said once: an outage when it begins and when it ends, a step of the clock when the first
/// of them finds it.
#[derive(Default)]
struct Said {
    /// How many partitions cannot be looked at.
    failing: AtomicU16,
    /// The last step, and when it was said.
    step: Mutex<Option<(std::mem::Discriminant<Step>, Instant)>>,
}

impl Said {
    fn step(&self, step: Option<Step>) {
        let Some(step) = step else { return };
        let kind = std::mem::discriminant(&step);
        let mut last = self.step.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|(said, at)| said == kind && at.elapsed() < STEP_QUIET) {
            return;
        }
        *last = Some((kind, Instant::now()));
        match step {
            Step::Back(by_ms) => tracing::warn!(by_ms, "Redis's clock was set back: time goes on by adding the step"),
            Step::Forward(by_ms) => {
                tracing::warn!(by_ms, "Redis's clock was set forward: deadlines that lie between move on");
            }
            Step::CaughtUp => tracing::info!("Redis's clock has come to the time that was seen: nothing is added now"),
        }
    }

    fn outage(&self, failing: &mut bool, looked: Result<(), QueueError>) {
        let was_failing = std::mem::replace(failing, looked.is_err());
        match looked {
            Err(error) if !was_failing && self.failing.fetch_add(1, Ordering::Relaxed) == 0 => {
                tracing::warn!(%error, "timers cannot look");
            }
            Ok(()) if was_failing && self.failing.fetch_sub(1, Ordering::Relaxed) == 1 => {
                tracing::info!("timers look again")
            }
            _ => {}
        }
    }
}

/// Rolls, for ever, the business days that are over, by the newest time that Redis told.
async fn roll_days(queue: &Queue, restaurants: &Restaurants, mut time: watch::Receiver<Millis>) {
    let mut ticks = tokio::time::interval(DAY_PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if time.wait_for(|now| *now > 0).await.is_err() {
            return;
        }
        for partition in Partition::all() {
            let now = *time.borrow();
            if let Err(error) = roll_days_of(queue, restaurants, partition, now).await {
                // Looking at deadlines fails as well, and says so.
                tracing::debug!(%error, "days cannot be looked at");
            }
        }
    }
}

async fn roll_days_of(
    queue: &Queue,
    restaurants: &Restaurants,
    partition: Partition,
    now: Millis,
) -> Result<(), QueueError> {
    for restaurant in queue.restaurants_in(partition).await? {
        match roll_day(queue, restaurants, restaurant, now).await {
            Err(error) if !error.is_transient() => {
                tracing::error!(%error, restaurant.id = %restaurant, "a day cannot roll");
            }
            rolled => rolled?,
        }
    }
    Ok(())
}

/// Rolls the business day when the next one has begun, step by step; other restaurants go on between the steps.
async fn roll_day(
    queue: &Queue,
    restaurants: &Restaurants,
    restaurant: RestaurantId,
    now: i64,
) -> Result<(), QueueError> {
    let Some((record, policy)) = queue.record(restaurant).await? else { return Ok(()) };
    let today = match BusinessDay::at(now, &record.time_zone, &policy) {
        Ok(today) if today.date > record.day => today,
        Ok(_) => return Ok(()),
        Err(error) => {
            tracing::error!(%error, restaurant.id = %restaurant, "no business day");
            return Ok(());
        }
    };
    // A copy of yesterday may have come back: the record says so.
    restaurants.open(restaurant).await;
    while let Ok(RollStep::More) = queue.roll_day(restaurant, &today.date, today.ends_at, None).await? {}
    Ok(())
}
