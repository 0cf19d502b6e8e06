//! The server dies in the middle of everything, or stands still, and comes back.

use std::time::Instant;

use super::{crowd::Crowd, scale, screens::Kind, stage::Stage};
use crate::harness::until;

const GUESTS: usize = 12;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_in_mid_join() {
    let mut stage = Stage::set("server_killed_in_mid_join").await;
    let rounds = 1 + scale();
    for _ in 0..rounds {
        let (acknowledged, cut) = (stage.judge.acknowledged(), stage.judge.answered("none"));
        let (guests, others) = (Crowd::joining(&stage.judge, GUESTS), Crowd::of(&stage.judge, 4));
        until("many have joined, and more are about to", async || {
            let joined = stage.judge.acknowledged() > acknowledged + 100;
            (joined && stage.judge.under_way() >= GUESTS / 2).then_some(())
        })
        .await;
        stage.server.kill();
        until("joins were cut off", async || (stage.judge.answered("none") > cut).then_some(())).await;
        // Whoever has no answer goes on asking.
        let resting = tokio::spawn(async { tokio::join!(guests.rest(), others.rest()) });
        stage.server.restart().await;
        let healed = Instant::now();
        resting.await.expect("everybody has an answer");
        stage.right_soon_after(healed).await;
    }
    stage.report.figure("kills", rounds);
    stage.judged().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frozen_and_thawed() {
    // A screen that is told something every four seconds says after five that it hears nothing.
    const SILENCE_MAX_S: f64 = 5.0 + 2.0;
    let mut stage = Stage::set("server_frozen").await;
    stage.screens.retain(|screen| !matches!(screen.kind, Kind::Phone(_)));
    let crowd = Crowd::of(&stage.judge, 8);
    until("the crowd is at work", async || (stage.judge.acknowledged() > 100).then_some(())).await;
    stage.server.freeze();
    let broken = Instant::now();
    until("every screen says that it hears nothing", async || {
        stage.screens.iter().all(|screen| !screen.seen().is_live()).then_some(())
    })
    .await;
    let told_s = broken.elapsed().as_secs_f64();
    stage.report.worst("live_false_s", told_s);
    assert!(told_s < SILENCE_MAX_S, "screens went on as live for {told_s} s");
    stage.server.thaw();
    let healed = Instant::now();
    crowd.rest().await;
    stage.right_soon_after(healed).await;
    stage.judged().await;
}
