//! The scripts on a Redis that loses the restaurant again and again and is rebuilt from the events alone: the rules are
//! kept as if nothing had happened.
//!
//! Left out of what is lost: places that nobody holds any more, the tries of codes, the heartbeat and the outages,
//! which no event carries, and moments in which a deadline has come and not acted yet, which a recorder that is up to
//! date meets for a second at most.

use waitless::{
    domain::{Actor, Command, Done, Event, Millis, Rejection, RestaurantRecord, TicketId, replica::Snapshot},
    queue::keys::NAMES,
};

use super::{
    driver::{Scope, hold},
    redis::{Redis, open, runtime},
    rules::Deadline,
    subject::Subject,
};
use waitless::queue::log::{Logged, Packed};

use crate::harness::record::Record;

/// Commands between two losses.
const COMMANDS: u32 = 9;

struct Losing {
    redis: Redis,
    record: Record,
    /// The entry of the log up to which `record` knows.
    position: String,
    /// Rebuilds so far, each of which is an event.
    rebuilds: i64,
    commands: u32,
}

impl Losing {
    fn key(&self, name: &str) -> String {
        let index = NAMES.iter().position(|candidate| *candidate == name).expect("a name of the fixed list");
        self.redis.queue.keys().of_restaurant(self.redis.restaurant)[index].clone()
    }

    fn ask<T: redis::FromRedisValue>(&mut self, command: &redis::Cmd) -> T {
        let asking = command.query_async(&mut self.redis.connection);
        self.redis.runtime.block_on(asking).expect("Redis answers")
    }

    fn read_log(&mut self) {
        let mut read = redis::cmd("XRANGE");
        read.arg(self.key("events")).arg(format!("({}", self.position)).arg("+");
        let entries: redis::streams::StreamRangeReply = self.ask(&read);
        for entry in entries.ids {
            self.record.take(Packed(entry.get("event").expect("an event")).unpack::<Logged>().expect("a packed value"));
            self.position = entry.id;
        }
    }

    fn lose_and_rebuild(&mut self, now: Millis) {
        let mut come = redis::cmd("ZCOUNT");
        come.arg(self.key("deadlines")).arg("-inf").arg(now);
        if self.ask::<i64>(&come) > 0 {
            return;
        }
        self.read_log();
        let meta = self.key("meta");
        let joins: Option<i64> = self.ask(redis::cmd("HGET").arg(&meta).arg("joins"));
        let mut dump = redis::cmd("HGETALL");
        let codes: Vec<(String, String)> = self.ask(dump.arg(self.key("codes")));
        let mut dump = redis::cmd("HMGET");
        dump.arg(self.key("src")).arg("heartbeat").arg("shifts");
        let (heartbeat, shifts): (Option<i64>, Option<Vec<u8>>) = self.ask(&dump);
        let mut unlink = redis::cmd("UNLINK");
        unlink.arg(&self.redis.queue.keys().of_restaurant(self.redis.restaurant)[..NAMES.len() - 1]);
        self.ask::<i64>(&unlink);
        let rebuild = self.record.rebuild(now, 0);
        let rebuilding = self.redis.queue.rebuild(&rebuild, Some(now));
        self.redis.runtime.block_on(rebuilding).expect("Redis answers").expect("it was lost");
        self.rebuilds += 1;
        self.position = "0-0".to_owned();
        // A place that was taken and given up again, so that nobody knows of it.
        let joins_known: Option<i64> = self.ask(redis::cmd("HGET").arg(&meta).arg("joins"));
        assert!(joins_known <= joins, "{joins_known:?} of {joins:?}");
        if let Some(joins) = joins {
            self.ask::<i64>(redis::cmd("HSET").arg(&meta).arg("joins").arg(joins));
        }
        let src = self.key("src");
        self.ask::<i64>(redis::cmd("HDEL").arg(&src).arg("heartbeat").arg("shifts"));
        if let Some(heartbeat) = heartbeat {
            self.ask::<i64>(redis::cmd("HSET").arg(&src).arg("heartbeat").arg(heartbeat));
        }
        if let Some(shifts) = shifts {
            self.ask::<i64>(redis::cmd("HSET").arg(&src).arg("shifts").arg(shifts));
        }
        let key = self.key("codes");
        for (number, kept) in codes {
            let known: bool = self.ask(redis::cmd("HEXISTS").arg(&key).arg(&number));
            assert!(known, "the code of {number}");
            self.ask::<i64>(redis::cmd("HSET").arg(&key).arg(number).arg(kept));
        }
    }
}

impl Subject for Losing {
    fn run(&mut self, actor: &Actor, now: Millis, command: &Command) -> Result<Done, Rejection> {
        self.commands += 1;
        if self.commands.is_multiple_of(COMMANDS) {
            self.lose_and_rebuild(now);
        }
        // After a rebuild a ticket that nobody knows may be one that was lost.
        self.redis.run(actor, now, command).map_err(|refusal| match refusal {
            Rejection::PlaceLost => Rejection::NotFound,
            refusal => refusal,
        })
    }

    fn find(&mut self, number: &str, code: &str, now: Millis) -> Result<TicketId, Rejection> {
        self.redis.find(number, code, now)
    }

    fn due(&mut self, now: Millis) -> Vec<Deadline> {
        self.redis.due(now)
    }

    fn expire(&mut self, deadline: &Deadline, now: Millis) -> Result<(), Rejection> {
        self.redis.expire(deadline, now)
    }

    fn roll_day(&mut self, day: &str, ends_at: Millis, now: Millis) -> Result<bool, Rejection> {
        self.redis.roll_day(day, ends_at, now)
    }

    fn snapshot(&mut self, now: Millis) -> Snapshot {
        let mut snapshot = self.redis.snapshot(now);
        snapshot.stamp.rev -= self.rebuilds;
        snapshot.restaurant.rebuilt_at = None;
        snapshot
    }

    fn events_since(&mut self, rev: i64) -> Vec<Event> {
        let mut events = self.redis.events_since(rev + self.rebuilds);
        for event in &mut events {
            event.rev -= self.rebuilds;
            let restaurant = event.restaurant.take();
            event.restaurant = restaurant.map(|restaurant| RestaurantRecord { rebuilt_at: None, ..restaurant });
        }
        events
    }
}

#[test]
fn the_rules_are_kept_through_losses() {
    let runtime = runtime();
    hold(&Scope { with_replica: false, ..Scope::from_env() }, |opening| {
        let redis = open(&runtime, opening);
        Losing { redis, record: Record::default(), position: "0-0".to_owned(), rebuilds: 0, commands: 0 }
    });
}
