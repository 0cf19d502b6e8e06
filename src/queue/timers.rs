//! What happens by itself: deadlines that have come, and the day that rolls. The scripts decide; running twice is
//! harmless, so every server does it.

use std::time::Instant;

use super::{
    Queue, QueueError,
    call::{Arguments, CallContext, Outcome, Reply, unpack},
    keys::Partition,
    time::{Step, Told},
};
use crate::domain::{Actor, Kept, Millis, Policy, Rejection, RestaurantId, RestaurantRecord, Role};

/// A deadline, as `due` saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// Whose.
    pub restaurant: RestaurantId,
    /// `grace`, `last_call`, `rejoin`, `stay`, `restaurant`, `line` or `announcement`.
    pub kind: String,
    /// Ticket id, line letter, or nothing.
    pub subject: String,
    /// When.
    pub at: Millis,
}

/// The deadlines of a partition that have come, at most 100, oldest first.
#[derive(Clone, Debug)]
pub struct Due {
    /// The time, by Redis.
    pub now: Millis,
    /// Redis's clock was set since this server looked last.
    pub step: Option<Step>,
    /// What to expire.
    pub deadlines: Vec<Deadline>,
}

/// How far the day has rolled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RollStep {
    /// There is more to do: call again.
    More,
    /// The new day has begun.
    Done,
}

impl Queue {
    /// Looks for deadlines that have come; also keeps the heartbeat, the epoch, and time going on when Redis's clock is
    /// set back, and trims the event log to about `log_max` entries when one is given.
    ///
    /// # Errors
    /// When Redis could not be asked.
    pub async fn due(
        &self,
        partition: Partition,
        now: Option<Millis>,
        log_max: Option<u32>,
    ) -> Result<Due, QueueError> {
        let keys = self.keys().of_partition(partition);
        let context = CallContext { now, ..CallContext::by(Actor::of(Role::Timer)) };
        let asked = Instant::now();
        // A test's time has nothing to do with this server's.
        let expected = if now.is_none() { self.shared.times.expected(partition, asked) } else { None };
        let arguments = Arguments::default()
            .optional("log_max", log_max)
            .optional("expected", expected.map(|(at, _)| at))
            .optional("offset_known", expected.map(|(_, offset)| offset));
        let reply = self.invoke("due", partition, RestaurantId(0), &keys, &context, arguments).await?;
        let mut reply = Reply::new(reply);
        reply.text()?;
        self.note_epoch(partition, reply.int()?);
        let (at, offset) = (reply.int()?, reply.int()?);
        let step = match now {
            None => self.shared.times.note(partition, Told::new(at, offset, asked)),
            Some(_) => None,
        };
        let mut deadlines = Vec::new();
        while !reply.is_empty() {
            let member = reply.text()?;
            let at = reply.text()?;
            deadlines.push(parse(&member, &at).ok_or_else(|| QueueError::Protocol(format!("deadline {at}")))?);
        }
        Ok(Due { now: at, step, deadlines })
    }

    /// Lets a deadline act. In a new life of Redis it waits for the comparison with the record, for ten seconds at
    /// most.
    ///
    /// # Errors
    /// [`Rejection::Stale`] when it is not what was seen any more; else as [`Queue::run`].
    pub async fn expire(
        &self,
        deadline: &Deadline,
        now: Option<Millis>,
    ) -> Result<Result<Outcome, Rejection>, QueueError> {
        let context = CallContext { now, alone: true, ..CallContext::by(Actor::of(Role::Timer)) };
        let arguments = Arguments::default()
            .text("kind", &deadline.kind)
            .text("subject", &deadline.subject)
            .text("at", deadline.at.to_string());
        self.call("expire", deadline.restaurant, &context, arguments).await
    }

    /// The restaurants of a partition that are loaded or were.
    ///
    /// # Errors
    /// When Redis could not be asked.
    pub async fn restaurants_in(&self, partition: Partition) -> Result<Vec<RestaurantId>, QueueError> {
        let fields: Vec<String> = self.query(redis::cmd("HKEYS").arg(self.keys().revs(partition))).await?;
        Ok(fields.iter().filter_map(|field| field.parse().ok()).collect())
    }

    /// A restaurant's record and policy; `None` when it is not loaded.
    ///
    /// # Errors
    /// When Redis could not be asked.
    pub async fn record(
        &self,
        restaurant: RestaurantId,
    ) -> Result<Option<(RestaurantRecord, Kept<Policy>)>, QueueError> {
        let meta = self.keys().one(restaurant, "meta");
        let packed: (Option<Vec<u8>>, Option<Vec<u8>>) =
            self.query(redis::cmd("HMGET").arg(meta).arg("restaurant").arg("policy")).await?;
        let (Some(record), Some(policy)) = packed else { return Ok(None) };
        Ok(Some((unpack(&record)?, unpack(&policy)?)))
    }

    /// One step of rolling the business day.
    ///
    /// # Errors
    /// [`Rejection::Stale`] when that day has begun, [`Rejection::DayBusy`] while somebody still waits; else as
    /// [`Queue::run`].
    pub async fn roll_day(
        &self,
        restaurant: RestaurantId,
        day: &str,
        ends_at: Millis,
        now: Option<Millis>,
    ) -> Result<Result<RollStep, Rejection>, QueueError> {
        let context = CallContext { now, alone: true, ..CallContext::by(Actor::of(Role::Timer)) };
        let arguments = Arguments::default().text("day", day).text("ends_at", ends_at.to_string());
        let outcome = self.call("roll_day", restaurant, &context, arguments).await?;
        Ok(outcome.map(|outcome| if outcome.done.left == Some(1) { RollStep::More } else { RollStep::Done }))
    }
}

fn parse(member: &str, at: &str) -> Option<Deadline> {
    let mut parts = member.splitn(3, '|');
    Some(Deadline {
        restaurant: parts.next()?.parse().ok()?,
        kind: parts.next()?.to_owned(),
        subject: parts.next()?.to_owned(),
        at: at.parse::<f64>().ok()? as Millis,
    })
}
