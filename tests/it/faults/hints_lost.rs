//! What a server only relies on for speed is taken from it: loaded scripts, subscriptions, single events.

use std::time::Instant;

use serde_json::Value;

use super::{
    checker::Operation,
    crowd::Crowd,
    scale,
    screens::Kind,
    stage::{Reach, Stage, judge_of},
};
use crate::harness::until;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scripts_are_flushed_under_load() {
    let mut stage = Stage::set("script_flush").await;
    let crowd = Crowd::of(&stage.judge, 8);
    let rounds = 20 * scale();
    for _ in 0..rounds {
        let acknowledged = stage.judge.acknowledged();
        stage.redis.ask::<()>(&["SCRIPT", "FLUSH"]).await.expect("flushed");
        until("the crowd goes on", async || (stage.judge.acknowledged() > acknowledged + 10).then_some(())).await;
    }
    let healed = Instant::now();
    crowd.rest().await;
    stage.right_soon_after(healed).await;
    stage.report.figure("flushes", rounds);
    assert_eq!(stage.judge.answered("503"), 0, "nobody noticed: {}", stage.judge.answers());
    assert!(stage.screens.iter().all(|screen| screen.seen().connections == 1), "no screen noticed");
    stage.judged().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscriptions_are_killed_under_load() {
    let mut stage = Stage::set("pubsub_killed").await;
    let mut killed = 0;
    for _ in 0..4 * scale() {
        let crowd = Crowd::of(&stage.judge, 8);
        let acknowledged = stage.judge.acknowledged();
        until("the crowd is at work", async || (stage.judge.acknowledged() > acknowledged + 40).then_some(())).await;
        killed += until("somebody has subscribed", async || {
            let killed: i64 = stage.redis.ask(&["CLIENT", "KILL", "TYPE", "pubsub"]).await.expect("killed");
            (killed > 0).then_some(killed)
        })
        .await;
        let healed = Instant::now();
        until("the crowd goes on", async || (stage.judge.acknowledged() > acknowledged + 80).then_some(())).await;
        crowd.rest().await;
        stage.right_soon_after(healed).await;
    }
    stage.report.figure("killed", killed);
    assert_eq!(stage.judge.answered("503"), 0, "commands do not need it: {}", stage.judge.answers());
    stage.judged().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_event_that_never_arrives_is_found() {
    // Once a second all rooms are compared with Redis; reading again takes a moment, and the rest is slack.
    const FOUND_MAX_S: f64 = 2.0 + 1.5;
    let mut stage = Stage::set_reaching("publish_dropped", Reach::ByWire).await;
    // Another server makes the change: the one that makes it knows by itself that there is one.
    let other = stage.server.sibling().await;
    let elsewhere = judge_of(&other.url("")).await;
    for dropped in 1..=2 * scale() {
        stage.redis_wire.swallow_one();
        let (status, ticket) = elsewhere.settle(&Operation::join("B", 3, None)).await;
        assert_eq!(status, 201, "{ticket}");
        let changed = Instant::now();
        until("it is taken off the wire", async || (stage.redis_wire.swallowed() == dropped).then_some(())).await;
        // A phone that nothing has changed for is told nothing.
        let whole = || stage.screens.iter().filter(|screen| !matches!(screen.kind, Kind::Phone(_)));
        until("boards and consoles know", async || {
            let knows = |frame: &Value| frame["rev"].as_i64() >= ticket["rev"].as_i64();
            whole().all(|screen| screen.seen().shown.frame.as_ref().is_some_and(knows)).then_some(())
        })
        .await;
        let found_s = changed.elapsed().as_secs_f64();
        stage.report.worst("screens_right_s", found_s);
        assert!(found_s < FOUND_MAX_S, "it was on every screen only after {found_s} s");
    }
    stage.report.figure("dropped", stage.redis_wire.swallowed());
    // What happened elsewhere is elsewhere's to judge.
    stage.judge = judge_of(stage.judge.base()).await;
    stage.right_since(Instant::now()).await;
    elsewhere.judge(&[], &mut stage.report).await;
}
