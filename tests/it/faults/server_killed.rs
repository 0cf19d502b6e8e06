//! The server dies in the middle of everything, and comes back.

use std::time::Instant;

use super::{crowd::Crowd, scale, stage::Stage};
use crate::harness::until;

const GUESTS: usize = 24;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_in_mid_join() {
    let mut stage = Stage::set("server_killed_in_mid_join").await;
    let rounds = 1 + scale();
    for _ in 0..rounds {
        let (acknowledged, cut) = (stage.judge.acknowledged(), stage.judge.answered("none"));
        let crowds = [Crowd::joining(&stage.judge, GUESTS), Crowd::of(&stage.judge, 4)];
        until("many have joined, and more are about to", async || {
            let joined = stage.judge.acknowledged() > acknowledged + 100;
            (joined && stage.judge.under_way() >= GUESTS / 2).then_some(())
        })
        .await;
        stage.server.kill();
        until("joins were cut off", async || (stage.judge.answered("none") > cut).then_some(())).await;
        stage.server.restart().await;
        let healed = Instant::now();
        for crowd in crowds {
            crowd.rest().await;
        }
        stage.right_soon_after(healed).await;
    }
    stage.report.figure("kills", rounds);
    stage.judged().await;
}
