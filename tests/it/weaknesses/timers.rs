//! Time in running servers: what acts by itself acts once, and never because nobody was looking.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use futures_util::{
    StreamExt as _,
    future::{join, join_all},
    stream,
};
use nix::sys::signal::{Signal, kill};
use serde_json::{Value, json};

use super::house::{DEMO, House, array, counted, own, text};
use crate::{
    faults::scale,
    harness::{redis_of_ones_own::OwnRedis, until},
};

/// Events of this name about a ticket, oldest first.
fn of<'a>(events: &'a [Value], name: &str, ticket: &Value) -> Vec<&'a Value> {
    events.iter().filter(|event| event["name"] == name && event["ticket"] == ticket["id"]).collect()
}

fn kinds(frame: &Value) -> Vec<String> {
    array(&frame["notices"]).iter().map(|notice| text(&notice["kind"])).collect()
}

/// The clock of this machine, which is Redis's, too.
fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as i64
}

async fn call(house: &House) -> Value {
    house.staff().call_next().await.did()["ticket"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_came_due_while_nobody_looked_moves_on_once() {
    let house = House::open_with(2, |_| {}).await;
    house.guest().join().await;
    let called = call(&house).await;
    let now = house.queue().await["at"].as_i64().expect("a time");
    let pause = json!({"state": "paused", "until": now + 400_000});
    house.staff().put(&format!("{DEMO}/state"), pause.clone()).await.did();
    house.staff().put(&format!("{DEMO}/lines/B/state"), pause).await.did();
    house.pass(600_000, true).await;
    until("its holder is told", async || {
        let frame = house.guest().get(&own(&called, "")).await.did();
        kinds(&frame).contains(&"deadline_moved".to_owned()).then_some(())
    })
    .await;
    house.until_looked_at().await;
    house.until_looked_at().await;
    let outages = house.outages().await;
    assert_eq!(outages.len(), 1, "one outage: {outages:?}");
    let by = outages[0].1 - outages[0].0 - 600_000;
    let frame = house.guest().get(&own(&called, "")).await.did();
    assert_eq!(frame["state"], "called", "nobody is missed because we were away");
    assert_eq!(frame["grace_until"].as_i64(), called["grace_until"].as_i64().map(|at| at + by));
    let events = house.events().await;
    assert_eq!(of(&events, "ticket.deadline_moved", &called).len(), 1, "once, by whichever server");
    let board = house.guest().get(&format!("{DEMO}/board")).await.did();
    assert_eq!(
        (&board["restaurant"]["state"], &board["restaurant"]["until"]),
        (&json!("paused"), &json!(now + 400_000 + by))
    );
    assert_eq!(
        (&board["lines"][1]["state"], &board["lines"][1]["until"]),
        (&json!("paused"), &json!(now + 400_000 + by))
    );
    println!("an outage of {} ms moved a grace, a pause and a line's pause, once", outages[0].1 - outages[0].0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_silence_moves_nothing() {
    let house = House::open_with(2, |_| {}).await;
    house.rule(json!({"grace_s": 2, "last_call_s": 0})).await;
    house.guest().join().await;
    let called = call(&house).await;
    house.pass(4_000, true).await;
    house.until_state(&called, "waiting").await;
    assert_eq!(house.outages().await, []);
    assert!(of(&house.events().await, "ticket.deadline_moved", &called).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_timers_of_several_servers_act_once() {
    let redis = OwnRedis::start().await;
    let house = House::open_with(3, |config| config.redis_url = redis.url.clone().into()).await;
    let pid = house.redis_pid().await;
    let count = 20 * scale().min(5);
    let mut tickets = Vec::new();
    for _ in 0..count {
        tickets.push(house.guest().join().await);
    }
    let acts = [("waiting", "ticket.put_back"), ("no_show", "ticket.no_show"), ("no_show", "ticket.stock_returned")];
    for (state, name) in acts {
        if name != "ticket.stock_returned" {
            for _ in 0..count {
                call(&house).await;
            }
        }
        // Redis stands still while everything comes due, so that all servers list the same, and then act on it.
        let last = house.last_deadline().await;
        house.pass(last - now() - 400, false).await;
        kill(pid, Signal::SIGSTOP).expect("it is there");
        let frozen_until = now() + 900;
        until("all servers have asked", async || (now() >= frozen_until).then_some(())).await;
        kill(pid, Signal::SIGCONT).expect("it is there");
        until(&format!("all have {name}"), async || {
            let events = house.events().await;
            tickets.iter().all(|ticket| !of(&events, name, ticket).is_empty()).then_some(())
        })
        .await;
        for ticket in &tickets {
            house.until_state(ticket, state).await;
        }
    }
    let events = house.events().await;
    for (ticket, (_, name)) in tickets.iter().flat_map(|ticket| acts.map(|act| (ticket, act))) {
        assert_eq!(of(&events, name, ticket).len(), 1, "{name}");
    }
    println!("{count} parties put back once, missed once and given up once, by three servers");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_staff_forget_ends_by_itself_and_can_be_put_right() {
    let mut house = House::open().await;
    let staff = house.staff();
    for _ in 0..6 {
        house.guest().join().await;
    }
    // "Seat" is forgotten: back once, then missed; staff seat from there.
    let first = call(&house).await;
    house.pass(300_000, false).await;
    assert_eq!(house.until_state(&first, "waiting").await["ahead"], 3);
    staff.act(&first, "call", json!({"reason": "other"})).await.did();
    house.pass(300_000, false).await;
    house.until_state(&first, "no_show").await;
    assert_eq!(staff.act(&first, "seat", json!({})).await.did()["ticket"]["state"], "seated");
    // "Complete" is forgotten; it was too early, after all.
    house.pass(5_400_000, false).await;
    assert_eq!(house.until_state(&first, "completed").await["ended"]["by"], "timer");
    assert_eq!(staff.act(&first, "undo", json!({})).await.did()["ticket"]["state"], "seated");
    // Missed, and back in hours.
    let second = call(&house).await;
    staff.act(&second, "no-show", json!({})).await.did();
    house.pass(6 * 3_600_000, false).await;
    house.until_state(&first, "completed").await;
    assert_eq!(staff.act(&second, "restore", json!({})).await.did()["ticket"]["ahead"], 0);
    // The day ends with parties seated, waiting and missed.
    let [third, fourth] = [call(&house).await, call(&house).await];
    staff.act(&third, "seat", json!({})).await.did();
    staff.act(&fourth, "no-show", json!({})).await.did();
    let waits = house.guest().join().await;
    staff.put(&format!("{DEMO}/state"), json!({"state": "closed"})).await.did();
    house.outlive_the_day().await;
    house.start_another().await;
    until("the day rolls", async || (house.day().await != "2020-01-01").then_some(())).await;
    for (ticket, state, reason) in [
        (&third, "completed", json!(null)),
        (&waits, "cancelled", json!("day_end")),
        (&fourth, "no_show", json!("day_end")),
    ] {
        let frame = house.until_state(ticket, state).await;
        let ended = until("it has ended", async || {
            let frame = house.guest().get(&own(ticket, "")).await.did();
            Some(frame["ended"].clone()).filter(|ended| !ended.is_null())
        })
        .await;
        assert_eq!((&ended["by"], &ended["reason"]), (&json!("timer"), &reason), "{frame}");
    }
    assert_eq!(house.queue().await["tickets"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stale_timer_never_expires_a_recalled_ticket() {
    let redis = OwnRedis::start().await;
    let house = House::open_with(2, |config| config.redis_url = redis.url.clone().into()).await;
    house.rule(json!({"grace_s": 1, "last_call_s": 0, "recalls": 20, "grace_over": "no_show"})).await;
    let pid = house.redis_pid().await;
    let mut outcomes = Vec::new();
    let mut tickets = Vec::new();
    for _ in 0..5 * scale().min(5) {
        house.guest().join().await;
        let called = call(&house).await;
        let grace_until = called["grace_until"].as_i64().expect("called");
        // Redis stands still while the grace ends: the looks of both servers and the recall queue up before it, so the
        // timers see the old deadline, and the recall is carried out before they act.
        until("the grace is nearly over", async || (now() >= grace_until - 500).then_some(())).await;
        kill(pid, Signal::SIGSTOP).expect("it is there");
        let thaw = async {
            until("the grace is over", async || (now() >= grace_until + 250).then_some(())).await;
            kill(pid, Signal::SIGCONT).expect("it is there");
        };
        let recall = async {
            until("just before", async || (now() >= grace_until + 100).then_some(())).await;
            house.staff().act(&called, "recall", json!({})).await
        };
        let (recalled, ()) = join(recall, thaw).await;
        outcomes.push(recalled.outcome());
        house.until_state(&called, "no_show").await;
        tickets.push(called);
    }
    let events = house.events().await;
    for ticket in &tickets {
        let missed = of(&events, "ticket.no_show", ticket);
        assert_eq!(missed.len(), 1, "missed once");
        let before = events.iter().rfind(|event| {
            event["ticket"] == ticket["id"]
                && event["rev"].as_i64() < missed[0]["rev"].as_i64()
                && (event["name"] == "ticket.recalled" || event["name"] == "ticket.called")
        });
        let before = before.expect("it was called");
        let grace_until = array(&before["tickets"]).iter().find(|other| other["id"] == ticket["id"]);
        let grace_until = grace_until.expect("its event carries it")["grace_until"].as_i64();
        assert!(missed[0]["at"].as_i64() >= grace_until, "missed before its grace was over: {}", before["name"]);
    }
    let outcomes = counted(outcomes);
    println!("recalls while the grace ended: {outcomes:?}");
    assert!(outcomes.contains_key("done"), "the race was run");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_deadline_that_cannot_act_holds_up_no_other() {
    let house = House::open().await;
    house.guest().join().await;
    let called = call(&house).await;
    let (mut redis, key) = (house.redis().await, house.key("deadlines").await);
    let member = format!("{}|grace|{}", restaurant_of(&house).await, "0".repeat(33));
    // Nobody's ticket, due before all others, for ever; and a partition that cannot be looked at at all.
    redis::cmd("ZADD").arg(&key).arg(1_000_000_000_000_i64).arg(member).exec_async(&mut redis).await.expect("ZADD");
    let tag = key.split(['{', '}']).nth(1).expect("a tag");
    let elsewhere = key.replace(tag, if tag == "1la" { "nbd" } else { "1la" });
    redis::cmd("SET").arg(&elsewhere).arg("not a sorted set").exec_async(&mut redis).await.expect("SET");
    house.pass(300_000, false).await;
    house.until_state(&called, "waiting").await;
}

/// The demo's id, as it stands in keys.
async fn restaurant_of(house: &House) -> String {
    let meta = house.key("meta").await;
    meta.rsplit(':').nth(1).expect("an id").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_day_rolls_in_steps_while_others_go_on() {
    let redis = OwnRedis::start().await;
    let house = House::open_with(1, |config| config.redis_url = redis.url.clone().into()).await;
    house.another_restaurant("other").await;
    let other = "/v1/restaurants/other/tickets";
    let body = json!({"line": "A", "adults": 2, "channel": "onsite"});
    until("the other restaurant is open", async || {
        (house.guest().post(other, body.clone()).await.status == 201).then_some(())
    })
    .await;
    let count = 1_000 * scale();
    let tickets: Vec<Value> = stream::iter(0..count).map(|_| house.guest().join()).buffer_unordered(32).collect().await;
    for ticket in tickets.iter().take(30) {
        house.staff().act(ticket, "seat", json!({})).await.did();
    }
    house.staff().put(&format!("{DEMO}/state"), json!({"state": "closed"})).await.did();

    // Two servers find the day over at the same time.
    house.outlive_the_day().await;
    let mut connection = house.redis().await;
    let slower_than = redis::cmd("CONFIG").arg("SET").arg("slowlog-log-slower-than").arg(200).clone();
    slower_than.exec_async(&mut connection).await.expect("CONFIG SET");
    redis::cmd("SLOWLOG").arg("RESET").exec_async(&mut connection).await.expect("SLOWLOG RESET");
    let began = Instant::now();
    let start = async {
        let siblings = join_all((0..2).map(|_| house.servers[0].sibling())).await;
        until("the day rolls", async || (house.day().await != "2020-01-01").then_some(())).await;
        (siblings, began.elapsed())
    };
    tokio::pin!(start);
    let mut took = Vec::new();
    let (_siblings, rolled_in) = loop {
        let asked = Instant::now();
        let answer = house.guest().post(other, body.clone());
        tokio::select! {
            biased;
            answer = answer => drop(answer.did()),
            started = &mut start => break started,
        }
        took.push(asked.elapsed());
    };
    let slow: Vec<Vec<redis::Value>> =
        redis::cmd("SLOWLOG").arg("GET").arg(-1).query_async(&mut connection).await.expect("SLOWLOG GET");
    let step_us = slow.iter().filter_map(|entry| redis::from_redis_value(entry.get(2)?.clone()).ok()).max();
    took.sort_unstable();
    let p99 = took[took.len() * 99 / 100];
    let events = house.events().await;
    let rolled: Vec<&Value> = events.iter().filter(|event| event["name"] == "restaurant.day_rolled").collect();
    let mut ended = BTreeSet::new();
    for event in &rolled {
        let step = array(&event["tickets"]);
        assert!(step.len() <= 200, "{} tickets in one step", step.len());
        for ticket in step {
            assert!(ended.insert(text(&ticket["id"])), "ended twice");
            let expected = if ticket["state"] == "completed" { json!(null) } else { json!("day_end") };
            assert_eq!(ticket["ended"]["reason"], expected, "{ticket}");
        }
    }
    assert_eq!(ended.len(), count, "everybody's day has ended");
    let days = rolled.iter().filter(|event| event["restaurant"].is_object()).count();
    assert_eq!(days, 1, "one new day");
    assert!(p99 < Duration::from_secs(5), "{p99:?}");
    println!(
        "{count} tickets ended in {} steps by two servers, {rolled_in:?} with their start; {} joins elsewhere \
         meanwhile: median {:?}, p99 {p99:?}, worst {:?}; longest step {} µs",
        rolled.len(),
        took.len(),
        took[took.len() / 2],
        took[took.len() - 1],
        step_us.unwrap_or(0_u64),
    );
    house.staff().put(&format!("{DEMO}/state"), json!({"state": "open"})).await.did();
    // This date was here before, and this server gives out no number of it twice.
    assert_eq!(text(&house.guest().join().await["number"]), format!("A{:03}", count + 1));
    assert_eq!(house.queue().await["lines"][0]["today"], 1, "it is a new day");
}
