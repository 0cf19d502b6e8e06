//! A network breaks under many screens, something changes, and all come back within a moment.

use std::time::Duration;

use anyhow::ensure;
use clap::Args;
use serde_json::json;
use tokio::time::Instant;

use crate::{
    fanout::{self, Scene},
    taken,
};

/// All are back and right within this, or it has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// A storm.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    crowd: fanout::Options,
    /// All come back at random moments within so many seconds; a stopping server spreads 5,000 good-byes over 2.5
    #[arg(long, default_value_t = 3.0)]
    within_s: f64,
}

/// Runs it.
///
/// # Errors
/// When the server is not there, and when a screen was wrong or did not come back.
pub(crate) async fn run(mut options: Options) -> anyhow::Result<()> {
    let scene = Scene::open(&mut options.crowd).await?;
    let count = options.crowd.count;
    let before = taken::process(&scene.pids)?;
    scene.engine.reset()?;
    let began = Instant::now();
    scene.engine.storm(Duration::from_secs_f64(options.within_s), options.crowd.seed)?;
    // So that nobody is right who only remembers.
    scene.change_all().await?;
    while !scene.current().await? {
        ensure!(began.elapsed() < PATIENCE, "not all came back: {:?}", scene.engine.look().await?.wrong);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let all_shown_s = began.elapsed().as_secs_f64();
    let after = taken::process(&scene.pids)?;
    let measured = scene.engine.look().await?.measured;
    let wrong = scene.wrong(options.crowd.change).await?;
    let report = json!({
        "scenario": "reconnect", "count": count, "within_s": options.within_s, "seed": options.crowd.seed,
        "all_shown_s": all_shown_s, "reconnects_per_s": count as f64 / all_shown_s,
        "first_frame": measured.first.json(), "server_cpu_s": after.cpu_s - before.cpu_s,
        "rss_kib_before": before.rss_kib, "rss_kib_after": after.rss_kib,
        "states_sent": measured.frames_of_state(), "wrong": wrong, "load": taken::load(),
    });
    println!(
        "all {count} show the newest state after      {all_shown_s:>12.3} s (all dial within {} s)",
        options.within_s
    );
    println!("first frame after dialling, p99      {:>12.3} ms", measured.first.quantile_ms(0.99));
    fanout::finish(options.crowd.out.as_deref(), &report, &wrong)
}
