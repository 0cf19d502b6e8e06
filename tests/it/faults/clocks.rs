//! Clocks are set while a line is worked: Redis's, and a server's. By a real watch nothing comes early or late.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{report::Report, scale};
use crate::harness::{
    process::{Server, demo_database},
    redis_of_ones_own::OwnRedis,
    set_clock::SettableClock,
    until,
};

const HOUR_S: i64 = 3_600;

/// A deadline acts within a second of its time, and what it did is seen at once. The rest is for a busy machine.
const LATE_MAX: Duration = Duration::from_secs(5);

struct House {
    server: Server,
    token: String,
}

impl House {
    /// A call that is not answered is a no-show after so many seconds.
    async fn open(server: Server, grace_s: u64) -> Self {
        let (_, token) = server.sign_in("owner").await;
        let house = Self { token: token.expect("signed in"), server };
        let policy = json!({ "grace_s": grace_s, "grace_over": "no_show", "last_call_s": 0 });
        let path = house.server.url("/v1/restaurants/demo/policy");
        let changed = house.server.http.patch(path).bearer_auth(&house.token).json(&policy).send().await;
        let changed = changed.expect("an answer");
        assert!(changed.status().is_success(), "{}", changed.text().await.unwrap_or_default());
        house
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let url = self.server.url(&format!("/v1/restaurants/demo{path}"));
        until("it is done", async || {
            let answer = self.server.http.post(&url).bearer_auth(&self.token).json(&body).send().await.ok()?;
            let answer = answer.error_for_status().ok()?;
            answer.json().await.ok()
        })
        .await
    }

    async fn join(&self) -> Value {
        self.post("/tickets", json!({ "line": "A", "adults": 2, "channel": "onsite" })).await
    }

    /// Somebody is called, whose ticket and time of call are answered.
    async fn call(&self) -> (String, Instant) {
        self.join().await;
        let called = self.post("/lines/A/call-next", json!({})).await;
        (called["ticket"]["id"].as_str().expect("an id").to_owned(), Instant::now())
    }

    async fn ticket(&self, id: &str) -> Value {
        let url = self.server.url(&format!("/v1/tickets/{id}"));
        self.server.http.get(url).send().await.expect("an answer").json().await.expect("JSON")
    }

    /// Waits until a called ticket is missed; how long after its call that was. Times that are shown never fall.
    async fn missed_after(&self, id: &str, called: Instant, shown_at: &AtomicI64) -> Duration {
        until("it is missed", async || {
            let ticket = self.ticket(id).await;
            if let Some(at) = ticket["at"].as_i64() {
                let before = shown_at.fetch_max(at, Ordering::Relaxed);
                assert!(at >= before, "the time shown fell from {before} to {at}");
            }
            (ticket["state"] == "no_show").then_some(())
        })
        .await;
        called.elapsed()
    }
}

fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("later");
    i64::try_from(since.as_millis()).expect("soon")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_is_set_back_and_forward_while_calls_run() {
    let mut report = Report::of("redis_clock_set");
    let grace_s = 8 * scale() as u64;
    let grace = Duration::from_secs(grace_s);
    let clock = SettableClock::new();
    let redis = OwnRedis::by_clock(&clock).await;
    let house = House::open(Server::start(&redis.url, &demo_database().await).await, grace_s).await;
    let in_time = |what: &str, took: Duration| {
        assert!(took + Duration::from_millis(500) > grace, "{what}: missed {took:?} after its call, too early");
        assert!(took < grace + LATE_MAX, "{what}: missed only {took:?} after its call");
    };
    let (shown_at, mut epoch) = (AtomicI64::new(0), 0);
    let mut grown = |ticket: &Value| {
        let now = ticket["epoch"].as_i64().expect("an epoch");
        assert!(now >= epoch, "the epoch fell");
        epoch = now;
    };
    // Set back by mistake; half of the grace is over.
    let (id, called) = house.call().await;
    until("half of it is over", async || (called.elapsed() > grace / 2).then_some(())).await;
    clock.set_s(-HOUR_S);
    let took = house.missed_after(&id, called, &shown_at).await;
    in_time("set back", took);
    report.worst("missed_after_a_step_back_s", took.as_secs_f64());
    let said = house.server.said();
    assert_eq!(said.matches("Redis's clock was set back").count(), 1, "{said}");
    let ticket = house.ticket(&id).await;
    grown(&ticket);
    assert!((ticket["at"].as_i64().expect("a time") - now_ms()).abs() < 10_000, "the time shown is right: {ticket}");
    let offset = house.server.figure("waitless_redis_clock_offset_seconds").await;
    assert!(offset.is_some_and(|offset| (offset - HOUR_S as f64).abs() < 10.0), "{offset:?}");
    // And put right.
    let (id, called) = house.call().await;
    until("half of it is over", async || (called.elapsed() > grace / 2).then_some(())).await;
    clock.set_s(0);
    let took = house.missed_after(&id, called, &shown_at).await;
    in_time("put right", took);
    report.worst("missed_after_putting_right_s", took.as_secs_f64());
    let ticket = house.ticket(&id).await;
    grown(&ticket);
    assert!((ticket["at"].as_i64().expect("a time") - now_ms()).abs() < 10_000, "the time shown is right: {ticket}");
    until("nothing is added any more", async || {
        (house.server.figure("waitless_redis_clock_offset_seconds").await == Some(0.0)).then_some(())
    })
    .await;
    assert!(house.server.said().contains("Redis's clock has come to the time that was seen"));
    // Forward: like an outage, what lies in it moves on.
    let (id, called) = house.call().await;
    until("half of it is over", async || (called.elapsed() > grace / 2).then_some(())).await;
    clock.set_s(HOUR_S);
    let took = house.missed_after(&id, called, &shown_at).await;
    in_time("set forward", took);
    report.worst("missed_after_a_step_forward_s", took.as_secs_f64());
    assert!(house.server.said().contains("Redis's clock was set forward"));
    grown(&house.ticket(&id).await);
    assert_eq!(house.join().await["state"], "waiting", "and the line goes on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_servers_clock_opens_and_closes_no_door() {
    let mut report = Report::of("server_clock_set");
    let redis = OwnRedis::durable().await;
    let house = House::open(Server::start(&redis.url, &demo_database().await).await, 60).await;
    let path = house.server.url("/v1/restaurants/demo/policy");
    let changed = house.server.http.patch(path).bearer_auth(&house.token).json(&json!({ "presence": "code" }));
    assert!(changed.send().await.expect("an answer").status().is_success());
    let mut answers = Vec::new();
    for minutes in [15, -15, 24 * 60] {
        let clock = SettableClock::new();
        clock.set_s(minutes * 60);
        let other = house.server.sibling_by_clock(&clock).await;
        let join = async |code: &Value| {
            let body = json!({ "line": "B", "adults": 2, "channel": "onsite", "door": code });
            let request = other.http.post(other.url("/v1/restaurants/demo/tickets")).json(&body);
            request.send().await.expect("an answer").status().as_u16()
        };
        let board = house.server.http.get(house.server.url("/v1/restaurants/demo/board"));
        let board: Value = board.bearer_auth(&house.token).send().await.expect("an answer").json().await.expect("JSON");
        let door = &board["door"];
        assert!(door.is_string(), "{board}");
        let wrong = json!(if door == "0000" { "0001" } else { "0000" });
        answers.push((minutes, join(door).await, join(&wrong).await));
    }
    report.figure("servers", answers.len());
    assert!(answers.iter().all(|(_, right, wrong)| (*right, *wrong) == (201, 409)), "{answers:?}");
}
