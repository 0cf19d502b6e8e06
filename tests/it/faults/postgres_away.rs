//! The record is away: the line goes on for whoever is signed in, and everything heals by itself.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::{crowd::Crowd, scale, stage::Stage};
use crate::harness::{
    process::{Server, demo_database, sign_in},
    redis_of_ones_own::OwnRedis,
    until,
    wire::{Flow, Wire},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_line_goes_on_without_it() {
    for (case, flow) in [("postgres_gone", Flow::Gone), ("postgres_frozen", Flow::Frozen)] {
        let mut stage = Stage::set(case).await;
        stage.postgres_wire.set(flow);
        let (broken, acknowledged) = (Instant::now(), stage.judge.acknowledged());
        let crowd = Crowd::of(&stage.judge, 8);
        until("a lot is done without it", async || {
            (stage.judge.acknowledged() > acknowledged + 80 * scale()).then_some(())
        })
        .await;
        let asked = Instant::now();
        let (status, _) = stage.server.sign_in("owner").await;
        stage.report.figure("sign_in_refused_after_s", (asked.elapsed().as_secs_f64() * 100.0).round() / 100.0);
        assert_eq!(status, 503, "nobody can sign in");
        assert_eq!(stage.server.readyz().await, Some(200), "it serves, and says so");
        crowd.rest().await;
        assert_eq!(stage.judge.answered("5"), 0, "everybody who was signed in went on");
        for screen in &stage.screens {
            let seen = screen.seen();
            assert!(seen.live.iter().all(|(at, live)| *live || *at < broken), "{:?} stays live", screen.kind);
        }
        stage.right_since(Instant::now()).await;

        stage.postgres_wire.set(Flow::Open);
        let healed = Instant::now();
        until("one can sign in again", async || (stage.server.sign_in("owner").await.0 == 200).then_some(())).await;
        stage.report.figure("healed_after_s", (healed.elapsed().as_secs_f64() * 100.0).round() / 100.0);
        stage.judged().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_starts_alone_waits_for_both() {
    let mut report = super::report::Report::of("started_alone");
    let (mut redis, database) = (OwnRedis::durable().await, demo_database().await);
    let (wire, database_url) = Wire::to_secret(&database.url, Flow::Gone);
    redis.kill();
    let mut server = Server::begin(&redis.url, &database, &database_url);
    until("it listens", async || (server.readyz().await == Some(503)).then_some(())).await;
    let alive = server.http.get(server.url("/healthz")).send().await.expect("an answer");
    assert_eq!(alive.status().as_u16(), 200, "it lives");

    redis.restart().await;
    let join = serde_json::json!({ "line": "A", "adults": 2, "channel": "onsite" });
    let join = server.http.post(server.url("/v1/restaurants/demo/tickets")).json(&join);
    let answer = join.try_clone().expect("plain").send().await.expect("an answer");
    assert_eq!(answer.status().as_u16(), 503, "a restaurant that never opened needs the record");
    assert!(answer.headers().contains_key("retry-after"));
    assert_eq!(server.readyz().await, Some(503), "not ready before the restaurants are open");
    let said = server.said();
    assert_eq!(said.matches("waiting for Redis and PostgreSQL").count(), 1, "said once: {said}");

    wire.set(Flow::Open);
    let came = Instant::now();
    server.ready().await;
    report.figure("ready_after_s", (came.elapsed().as_secs_f64() * 100.0).round() / 100.0);
    assert_eq!(join.send().await.expect("an answer").status().as_u16(), 201);

    redis.kill();
    until("not ready without Redis", async || (server.readyz().await == Some(503)).then_some(())).await;
    redis.restart().await;
    let came = Instant::now();
    server.ready().await;
    report.figure("ready_again_after_s", (came.elapsed().as_secs_f64() * 100.0).round() / 100.0);
    assert!(server.runs(), "all the time it was the same process");
}

/// No call waits for as long as it takes to let a connection in; and all of them ask again at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_starved_one_is_reached_and_restaurants_are_rebuilt_from_it() {
    let mut report = super::report::Report::of("postgres_starved");
    let (redis, database) = (OwnRedis::durable().await, demo_database().await);
    let (wire, database_url) = Wire::to_secret(&database.url, Flow::Open);
    let server = Server::begin(&redis.url, &database, &database_url);
    server.ready().await;
    let party = serde_json::json!({ "line": "A", "adults": 2, "channel": "onsite" });
    let join = server.http.post(server.url("/v1/restaurants/demo/tickets")).json(&party);
    let join = async || join.try_clone().expect("plain").send().await.expect("an answer").status().as_u16();
    assert_eq!(join().await, 201);
    until("it is recorded", async || (database.count("SELECT count(*) FROM tickets").await == 1).then_some(())).await;

    wire.set(Flow::Gone);
    until("nobody can sign in", async || (server.sign_in("owner").await.0 == 503).then_some(())).await;
    redis.ask::<()>(&["FLUSHALL"]).await.expect("emptied");
    wire.set(Flow::Starved(Duration::from_secs(3)));
    let began = Instant::now();
    let since = |began: Instant| (began.elapsed().as_secs_f64() * 100.0).round() / 100.0;
    let mut signing_in = JoinSet::new();
    for _ in 0..6 {
        let base = server.url("");
        signing_in.spawn(async move { while sign_in(&base, "owner").await.0 != 200 {} });
    }
    let signed_in = async {
        until("somebody is signed in", async || signing_in.try_join_next()).await.expect("no panic");
        since(began)
    };
    let rebuilt = async {
        until("the restaurant is rebuilt", async || (join().await == 201).then_some(())).await;
        since(began)
    };
    let (signed_in_s, rebuilt_s) = tokio::join!(signed_in, rebuilt);
    report.figure("signed_in_after_s", signed_in_s);
    report.figure("rebuilt_after_s", rebuilt_s);
    assert!(signed_in_s < 15.0, "signed in only after {signed_in_s} s");
    assert!(rebuilt_s < 30.0, "rebuilt only after {rebuilt_s} s");
}
