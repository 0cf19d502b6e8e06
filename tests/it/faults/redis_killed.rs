//! Redis dies and comes back with its append-only file, or with an older one.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::{
    checker::Operation,
    crowd::{Crowd, joins_at},
    scale,
    screens::{Kind, Screen},
    stage::{Stage, judge_of},
};
use crate::{
    harness::until,
    replay::{stamp, standing},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_again_and_again_under_load() {
    let mut stage = Stage::set("redis_killed").await;
    let rounds = 1 + scale();
    for _ in 0..rounds {
        let (acknowledged, refused) = (stage.judge.acknowledged(), stage.judge.answered("503"));
        let crowd = Crowd::of(&stage.judge, 12);
        until("the crowd is at work", async || (stage.judge.acknowledged() > acknowledged + 100).then_some(())).await;
        stage.redis.kill();
        until("it is noticed", async || (stage.judge.answered("503") > refused + 4).then_some(())).await;
        stage.redis.restart().await;
        let healed = Instant::now();
        crowd.rest().await;
        stage.right_soon_after(healed).await;
    }
    stage.report.figure("kills", rounds);
    stage.answers_came_in_time();
    stage.judged().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn joins_go_on_arriving_while_it_is_away() {
    let mut stage = Stage::set("join_while_redis_is_killed").await;
    let (per_s, lasting_s) = if scale() > 1 { (200, 20) } else { (60, 6) };
    let judge = stage.judge.clone();
    let joining = tokio::spawn(async move { joins_at(&judge, per_s, Duration::from_secs(lasting_s)).await });
    until("guests join", async || (stage.judge.acknowledged() > per_s as usize).then_some(())).await;
    stage.redis.kill();
    let broken = Instant::now();
    stage.not_live_soon_after(broken).await;
    stage.redis.restart().await;
    let healed = Instant::now();
    joining.await.expect("everybody has a number");
    stage.report.figure("away_s", (healed.duration_since(broken).as_secs_f64() * 10.0).round() / 10.0);
    stage.report.figure("joins_per_s", per_s);
    // Guests go on joining after the healing, so the screens are asked only now.
    stage.right_soon_after(Instant::now()).await;
    stage.answers_came_in_time();
    stage.judged().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_copy_is_another_epoch() {
    let mut stage = Stage::set("redis_older_copy").await;
    work(&stage, 60).await;
    stage.right_since(Instant::now()).await;
    let then = stage.read_queue(stage.judge.base()).await;
    let copy = stage.redis.copy();

    work(&stage, 60).await;
    let late_join = Operation::join("B", 2, None);
    let answer = stage.judge.ask(&late_join, "the-key-of-the-last-one-to-join").await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let late = answer.body;
    let late_number = late["number"].clone();
    let late = Kind::Phone(late["id"].as_str().expect("an id").to_owned());
    let late = Screen::open(stage.judge.base(), late, stage.judge.token());
    until("the last one who joined sees so", async || late.seen().is_live().then_some(())).await;
    stage.right_since(Instant::now()).await;
    let newest = stage.read_queue(stage.judge.base()).await;
    assert!(stamp(&newest) > stamp(&then), "the copy is older");
    until("everything is recorded", async || {
        let logs: Vec<String> = stage.redis.ask(&["KEYS", "*:events"]).await.expect("keys");
        let left: i64 = stage.redis.ask(&["XLEN", logs.first()?]).await.expect("a length");
        (left == 0).then_some(())
    })
    .await;

    stage.redis.kill();
    stage.redis.put_back(&copy);
    stage.redis.restart().await;
    let healed = Instant::now();

    // What the copy does not have is in the record: it is put back, and nobody is told that it was gone.
    // A phone whose own ticket is as it was needs no frame.
    until("boards and consoles have moved to another epoch", async || {
        let moved = |frame: &Value| stamp(frame).0 > stamp(&newest).0;
        let mut whole = stage.screens.iter().filter(|screen| !matches!(screen.kind, Kind::Phone(_)));
        whole.all(|screen| screen.seen().shown.frame.as_ref().is_some_and(moved)).then_some(())
    })
    .await;
    stage.report.worst("new_epoch_s", healed.elapsed().as_secs_f64());
    let gone = only_in(&newest, &then);
    assert!(!gone.is_empty(), "some joined after the copy");
    until("all of it is back", async || {
        let now = stage.read_queue(stage.judge.base()).await;
        only_in(&newest, &now).is_empty().then_some(())
    })
    .await;
    stage.report.worst("put_back_s", healed.elapsed().as_secs_f64());
    stage.report.figure("put_back", gone.len());
    stage.right_since(Instant::now()).await;
    assert_eq!(late.seen().ended, None, "who is not in the copy waits on");
    let (now, newest) = (stage.read_queue(stage.judge.base()).await, newest);
    let at = now["at"].as_i64().expect("a time");
    assert_eq!(standing(&now, at), standing(&newest, at), "everybody stands where they stood");
    assert_eq!(now["stock"], newest["stock"]);

    let again = stage.judge.ask(&late_join, "the-key-of-the-last-one-to-join").await;
    let ticket = again.body;
    assert_eq!((again.status, &ticket["number"]), (201, &late_number), "a retry finds its ticket, and takes no other");

    // And life goes on. A judge who begins now: an answer that was put back tells the ticket as it is by now.
    stage.judge = judge_of(stage.judge.base()).await;
    let (status, _) = stage.judge.settle(&Operation::join("B", 2, None)).await;
    assert_eq!(status, 201);
    stage.right_since(Instant::now()).await;
    stage.judged().await;
}

/// Lets a crowd work until this much more is acknowledged.
async fn work(stage: &Stage, operations: usize) {
    let acknowledged = stage.judge.acknowledged();
    let crowd = Crowd::of(&stage.judge, 6);
    until("the crowd has worked", async || {
        (stage.judge.acknowledged() > acknowledged + operations * scale()).then_some(())
    })
    .await;
    crowd.rest().await;
}

/// Tickets of one queue that the other does not have.
fn only_in(queue: &Value, other: &Value) -> Vec<String> {
    let ids = |queue: &Value| -> Vec<String> {
        let tickets = queue["tickets"].as_array().expect("tickets").iter();
        tickets.map(|ticket| ticket["id"].as_str().expect("an id").to_owned()).collect()
    };
    let others = ids(other);
    ids(queue).into_iter().filter(|id| !others.contains(id)).collect()
}
