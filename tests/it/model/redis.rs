//! The scripts on a real Redis, as a subject.

use std::sync::Arc;

use tokio::runtime::Runtime;
use waitless::{
    domain::{Actor, Command, Done, Event, Millis, Rejection, RestaurantId, TicketId, replica::Snapshot},
    queue::{self, CallContext, Outcome, Queue, RollStep, keys::Partition},
};

use super::{
    driver::{Scope, hold},
    generate::World,
    hold_crowd,
    rules::{Deadline, Opening, Timer},
    subject::Subject,
};
use crate::harness::{given, shop};

/// A restaurant with keys of its own.
pub(super) struct Redis {
    pub(super) runtime: Arc<Runtime>,
    pub(super) queue: Queue,
    pub(super) connection: redis::aio::MultiplexedConnection,
    pub(super) restaurant: RestaurantId,
}

pub(super) fn open(runtime: &Arc<Runtime>, opening: &Opening) -> Redis {
    runtime.block_on(async {
        let queue = shop::queue();
        let loading = queue::Opening {
            restaurant: opening.restaurant.clone(),
            policy: opening.policy.clone().into(),
            lines: opening.lines.clone(),
            menu: opening.menu.clone(),
        };
        queue.load(&loading, Some(World::START)).await.expect("Redis answers").expect("not loaded before");
        let client = redis::Client::open(given("WAITLESS_TEST_REDIS_URL")).expect("a URL");
        let connection = client.get_multiplexed_async_connection().await.expect("Redis answers");
        Redis { runtime: Arc::clone(runtime), queue, connection, restaurant: opening.restaurant.id }
    })
}

impl Redis {
    fn context(actor: &Actor, now: Millis) -> CallContext {
        CallContext { now: Some(now), ..CallContext::by(actor.clone()) }
    }

    fn subject_of(timer: &Timer) -> String {
        match timer {
            Timer::Line(line) => line.to_string(),
            Timer::Restaurant | Timer::Announcement => String::new(),
            Timer::LastCall(id) | Timer::Grace(id) | Timer::Rejoin(id) | Timer::Stay(id) => id.as_str().to_owned(),
        }
    }

    fn timer_of(deadline: &queue::Deadline) -> Timer {
        let ticket = || deadline.subject.parse().expect("a ticket id");
        match deadline.kind.as_str() {
            "last_call" => Timer::LastCall(ticket()),
            "grace" => Timer::Grace(ticket()),
            "rejoin" => Timer::Rejoin(ticket()),
            "stay" => Timer::Stay(ticket()),
            "restaurant" => Timer::Restaurant,
            "line" => Timer::Line(deadline.subject.parse().expect("a letter")),
            "announcement" => Timer::Announcement,
            other => panic!("a deadline of kind {other}"),
        }
    }
}

fn done(outcome: Result<Outcome, Rejection>) -> Result<Done, Rejection> {
    outcome.map(|outcome| outcome.done)
}

impl Subject for Redis {
    fn run(&mut self, actor: &Actor, now: Millis, command: &Command) -> Result<Done, Rejection> {
        let context = Self::context(actor, now);
        let running = self.queue.run(self.restaurant, &context, command);
        done(self.runtime.block_on(running).expect("Redis answers"))
    }

    fn find(&mut self, number: &str, code: &str, now: Millis) -> Result<TicketId, Rejection> {
        let context = Self::context(&shop::guest(), now);
        let finding = self.queue.find(self.restaurant, &context, number, code);
        let found = done(self.runtime.block_on(finding).expect("Redis answers"))?;
        Ok(found.ticket.expect("a ticket").id)
    }

    fn due(&mut self, now: Millis) -> Vec<Deadline> {
        let looking = self.queue.due(Partition::of(self.restaurant), Some(now), None);
        let due = self.runtime.block_on(looking).expect("Redis answers");
        due.deadlines.iter().map(|deadline| Deadline { timer: Self::timer_of(deadline), at: deadline.at }).collect()
    }

    fn expire(&mut self, deadline: &Deadline, now: Millis) -> Result<(), Rejection> {
        let deadline = queue::Deadline {
            restaurant: self.restaurant,
            kind: deadline.timer.kind().to_owned(),
            subject: Self::subject_of(&deadline.timer),
            at: deadline.at,
        };
        let expiring = self.queue.expire(&deadline, Some(now));
        self.runtime.block_on(expiring).expect("Redis answers").map(drop)
    }

    fn roll_day(&mut self, day: &str, ends_at: Millis, now: Millis) -> Result<bool, Rejection> {
        let rolling = self.queue.roll_day(self.restaurant, day, ends_at, Some(now));
        Ok(self.runtime.block_on(rolling).expect("Redis answers")? == RollStep::Done)
    }

    fn snapshot(&mut self, now: Millis) -> Snapshot {
        let reading = self.queue.snapshot(self.restaurant, Some(now), false);
        self.runtime.block_on(reading).expect("Redis answers").expect("loaded")
    }

    fn events_since(&mut self, rev: i64) -> Vec<Event> {
        const PAGE: usize = 8;
        let key = self.queue.keys().of_partition(Partition::of(self.restaurant))[15].clone();
        let mut events: Vec<Event> = Vec::new();
        let mut before = "+".to_owned();
        loop {
            let mut command = redis::cmd("XREVRANGE");
            command.arg(&key).arg(&before).arg("-").arg("COUNT").arg(PAGE);
            let page: redis::streams::StreamRangeReply =
                self.runtime.block_on(command.query_async(&mut self.connection)).expect("XREVRANGE");
            for entry in &page.ids {
                let packed: Vec<u8> = entry.get("event").expect("every entry has an event");
                let event: Event = rmp_serde::from_slice(&packed).expect("an event");
                if event.rev <= rev {
                    events.reverse();
                    return events;
                }
                events.push(event);
                before = format!("({}", entry.id);
            }
            if page.ids.len() < PAGE {
                events.reverse();
                return events;
            }
        }
    }
}

pub(super) fn runtime() -> Arc<Runtime> {
    Arc::new(tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime"))
}

#[test]
fn redis_keeps_the_rules() {
    let runtime = runtime();
    hold(&Scope::from_env(), |opening| open(&runtime, opening));
}

#[test]
fn redis_holds_a_crowd() {
    let runtime = runtime();
    hold_crowd(true, |opening| open(&runtime, opening));
}
