//! More screens than one process can hold: several `loadtest fanout` at one port, each with restaurants, addresses and
//! checks of its own. All connect, rest together, and begin together; the servers are looked at from here, once for all.
//!
//! A process holds 20,000 open files here, so a million screens are some fifty client processes and as many servers behind
//! the port.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use clap::Args;
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::{fanout, taken};

/// All have come a step further within this.
const STEP_MAX: Duration = Duration::from_secs(900);

/// Handshakes of a process that are under way at the same time. Each opens a room at one more server, which reads it from
/// the one Redis of all: more would wait there for longer than a server does.
const AT_ONCE: usize = 2;

/// Very many screens.
#[derive(Args)]
pub(crate) struct Options {
    /// Base URL of the servers
    url: String,
    /// Data folder of the `waitless dev` that they belong to
    #[arg(long)]
    data: PathBuf,
    /// Every server process
    #[arg(long, required = true)]
    pid: Vec<u32>,
    /// Client processes
    #[arg(long, default_value_t = 2)]
    processes: u8,
    /// Screens of each
    #[arg(long, default_value_t = 15_000)]
    each: usize,
    /// Restaurants of each
    #[arg(long, default_value_t = 100)]
    rooms: usize,
    /// Changes a second of each: with `rooms` ten times as many, every screen is told something every ten seconds
    #[arg(long, default_value_t = 10.0)]
    rate: f64,
    /// How long changes are made
    #[arg(long, default_value_t = 30.0)]
    seconds: f64,
    /// Each screen a phone with a ticket of its own
    #[arg(long)]
    phones: bool,
    /// What chance makes of it
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where to write what came of it; what each process found is written beside it
    #[arg(long, default_value = "target/million.json")]
    out: PathBuf,
}

/// Runs it.
///
/// # Errors
/// When a process could not do its part, or found a screen that was wrong.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let folder = options.out.with_extension("parts");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder).context("--out")?;
    let (before, kernel_before) = (taken::process(&options.pid)?, taken::kernel_kib()?);
    let mut children = Vec::new();
    for shard in 0..options.processes {
        children.push(start(&options, shard, &folder)?);
    }
    let began = Instant::now();
    await_all(&mut children, &folder, fanout::JOINED).await?;
    go_on(&folder, fanout::JOINED)?;
    let joined_s = began.elapsed().as_secs_f64();
    await_all(&mut children, &folder, fanout::CONNECTED).await?;
    let connected_s = began.elapsed().as_secs_f64() - joined_s;
    let (idle, kernel) = (taken::process(&options.pid)?, taken::kernel_kib()?);
    go_on(&folder, fanout::CONNECTED)?;
    for child in &mut children {
        let ended = child.wait().await?;
        ensure!(ended.success(), "a process found something wrong");
    }
    let after = taken::process(&options.pid)?;
    let parts: Vec<Value> = (0..options.processes)
        .map(|shard| {
            let text = std::fs::read_to_string(folder.join(format!("{shard}.json")))?;
            Ok(serde_json::from_str(&text)?)
        })
        .collect::<anyhow::Result<_>>()?;

    let sum = |at: &str| parts.iter().filter_map(|part| part.pointer(at)?.as_f64()).sum::<f64>();
    let most = |at: &str| parts.iter().filter_map(|part| part.pointer(at)?.as_f64()).fold(0.0, f64::max);
    let screens = options.each as f64 * f64::from(options.processes);
    let frames = sum("/traffic/frames_total");
    let report = json!({
        "scenario": "million", "screens": screens, "processes": options.processes, "servers": options.pid.len(),
        "seed": options.seed, "joined_s": joined_s, "connected_s": connected_s,
        "rss_kib_per_screen": (idle.rss_kib - before.rss_kib) / screens,
        "kernel_kib_per_screen": (kernel.0 + kernel.1 - kernel_before.0 - kernel_before.1) / screens,
        "frames": frames, "frames_per_s": sum("/traffic/frames_per_s"),
        "server_cpu_s_per_million_frames": (after.cpu_s - idle.cpu_s) / frames * 1e6,
        // Quantiles cannot be added: nobody's was worse than this.
        "worst_p99_ms": most("/traffic/freshness/p99_ms"), "max_ms": most("/traffic/freshness/max_ms"),
        "asked_again": sum("/traffic/asked_again"), "load": taken::load(),
    });
    println!("{}", serde_json::to_string_pretty(&report)?);
    fanout::finish(Some(&options.out), &report, &[])
}

/// Until all processes have come so far.
async fn await_all(children: &mut [Child], folder: &Path, step: &str) -> anyhow::Result<()> {
    let began = Instant::now();
    while !(0..children.len()).all(|shard| folder.join(format!("{step}-{shard}")).exists()) {
        for child in &mut *children {
            let ended = child.try_wait()?;
            ensure!(ended.is_none(), "a process ended before all were {step}: {ended:?}");
        }
        ensure!(began.elapsed() < STEP_MAX, "not all were {step} in time");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

/// Those who wait at a step go on.
fn go_on(folder: &Path, step: &str) -> anyhow::Result<()> {
    Ok(std::fs::write(folder.join(step), "")?)
}

/// A client. It is not told of the servers, whose memory it would look at five times a second: a dozen clients and a dozen
/// servers would do nothing else.
fn start(options: &Options, shard: u8, folder: &Path) -> anyhow::Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("fanout").arg(&options.url).arg("--data").arg(&options.data).arg("--gate").arg(folder);
    command.args(["--screens", if options.phones { "phone" } else { "board" }, "--shard", &shard.to_string()]);
    command.args(["--count", &options.each.to_string(), "--rooms", &options.rooms.to_string()]);
    command.args(["--at-once", &AT_ONCE.to_string()]);
    command.args(["--rate", &options.rate.to_string(), "--seconds", &options.seconds.to_string()]);
    command.args(["--seed", &(options.seed + u64::from(shard)).to_string()]);
    command.arg("--out").arg(folder.join(format!("{shard}.json")));
    command.stdout(std::process::Stdio::null()).kill_on_drop(true);
    command.spawn().context("a client process")
}
