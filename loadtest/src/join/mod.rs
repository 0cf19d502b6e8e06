//! Joins a second through HTTP, beside what the join script alone does: the same call, replayed by `redis-benchmark` against
//! the same Redis, in turns of one run.
//!
//! Each turn has restaurants of its own, new and empty. Through HTTP every answer must be 201, the numbers of a line must
//! be 1, 2, 3… without a hole, and the board must say in the end that so many wait; of the bare script's calls Redis must
//! hold as many waiting as it answered.
//!
//! Reading order: this file is the course of a run; `client` joins, `bare` replays, `shops` opens restaurants, `cost` is
//! what it took.

mod bare;
mod client;
mod cost;
mod shops;

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, ensure};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::report;
use bare::Bare;
use client::Joined;
use cost::{Cost, Probe};
use shops::Shops;

/// What Redis keeps before it answers.
#[derive(Clone, Copy, ValueEnum)]
enum Appendfsync {
    /// Every change is on disk before it is acknowledged
    Always,
    /// Once a second
    Everysec,
    /// Nothing is written to disk
    Off,
}

impl Appendfsync {
    const fn name(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Everysec => "everysec",
            Self::Off => "off",
        }
    }
}

/// Joins.
#[derive(Args)]
pub(crate) struct Options {
    /// Base URL of a `waitless dev` with WAITLESS_LIMITS=off
    url: String,
    /// Its data folder
    data: PathBuf,
    /// Requests under way at a time, and connections of redis-benchmark
    #[arg(long, default_value_t = 64)]
    concurrency: usize,
    /// How long a turn takes
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Turns of either kind
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Restaurants of a turn
    #[arg(long, default_value_t = 8)]
    restaurants: usize,
    /// What Redis is told to keep before it answers; as it is, unless given
    #[arg(long)]
    appendfsync: Option<Appendfsync>,
    /// What this run is called in the report
    #[arg(long, default_value = "join")]
    case: String,
    /// Where to write what came of it
    #[arg(long, default_value = "target/join.json")]
    out: PathBuf,
}

/// A round in which others used more of this machine than this is told apart, and made up for by another one.
const QUIET_CORES: f64 = 0.25;

/// Rounds in all, at most, for each that was asked for.
const TRIES: usize = 3;

/// One turn through HTTP.
struct Turn {
    joined: Joined,
    cost: Cost,
}

/// One turn of the bare script.
struct BareTurn {
    per_s: f64,
    p50_ms: f64,
    p99_ms: f64,
    cost: Cost,
}

/// Runs it.
///
/// # Errors
/// When the server or the tools are not there, and when anything was not as it should be.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    ensure!(options.rounds > 0 && options.restaurants > 0 && options.concurrency > 0, "nothing to do");
    let began = Instant::now();
    let url = options.url.trim_end_matches('/');
    let shops = Shops::new(url, &options.data)?;
    let mut probe = Probe::new(&options.data).await?;
    if let Some(appendfsync) = options.appendfsync {
        probe.set_appendfsync(appendfsync).await?;
    }
    let appendfsync = probe.appendfsync().await?;
    let bare = Bare::record(&probe, &shops).await?;

    let (mut quiet, mut disturbed, mut problems) = (Vec::new(), Vec::new(), Vec::new());
    // The first guess of what the bare script does; a turn's figure is the guess of the next.
    let mut guess_per_s = 5_000.0;
    while quiet.len() < options.rounds && quiet.len() + disturbed.len() < TRIES * options.rounds {
        let bare_turn = bare_turn(&options, &mut probe, &shops, &bare, guess_per_s, &mut problems).await?;
        guess_per_s = bare_turn.per_s;
        let turn = http_turn(&options, &mut probe, &shops, &mut problems).await?;
        let others = bare_turn.cost.others_cores.max(turn.cost.others_cores);
        println!(
            "bare {:.0}/s, HTTP {:.0}/s, {:.0} µs of the server; others used {others:.2} cores",
            bare_turn.per_s,
            turn.joined.per_s(),
            turn.cost.server_us
        );
        let rounds = if others <= QUIET_CORES { &mut quiet } else { &mut disturbed };
        rounds.push((bare_turn, turn));
    }
    let (quiet_rounds, disturbed_rounds) = (quiet.len(), disturbed.len());
    // Figures of a machine that was never quiet still are figures, and said to be such.
    let rounds = if quiet.is_empty() { disturbed } else { quiet };
    let (bare_turns, turns): (Vec<BareTurn>, Vec<Turn>) = rounds.into_iter().unzip();
    let figures = |figure: &dyn Fn(&Turn) -> f64| median(turns.iter().map(figure).collect());
    let bare_figures = |figure: &dyn Fn(&BareTurn) -> f64| median(bare_turns.iter().map(figure).collect());
    let joins_per_s = figures(&|turn| turn.joined.per_s());
    let bare_per_s = bare_figures(&|turn| turn.per_s);
    let case = json!({
        "case": options.case,
        "ok": problems.is_empty(),
        "took_s": began.elapsed().as_secs_f64(),
        "joins_per_s": joins_per_s.round(),
        "bare_per_s": bare_per_s.round(),
        "ratio": round_to(median(turns.iter().zip(&bare_turns).map(|(turn, bare)| turn.joined.per_s() / bare.per_s).collect()), 2),
        "quiet_rounds": quiet_rounds,
        "disturbed_rounds": disturbed_rounds,
        "p50_ms": round_to(figures(&|turn| turn.joined.latency_ms(0.50)), 2),
        "p99_ms": round_to(figures(&|turn| turn.joined.latency_ms(0.99)), 2),
        "bare_p50_ms": round_to(bare_figures(&|turn| turn.p50_ms), 2),
        "bare_p99_ms": round_to(bare_figures(&|turn| turn.p99_ms), 2),
        "server_cpu_us_per_join": round_to(figures(&|turn| turn.cost.server_us), 1),
        "client_cpu_us_per_join": round_to(figures(&|turn| turn.cost.client_us), 1),
        "bare_client_cpu_us_per_join": round_to(bare_figures(&|turn| turn.cost.client_us), 1),
        "redis_us_per_join": round_to(figures(&|turn| turn.cost.script_us), 1),
        "bare_redis_us_per_join": round_to(bare_figures(&|turn| turn.cost.script_us), 1),
        "redis_cpu_us_per_join": round_to(figures(&|turn| turn.cost.redis_us), 1),
        "bare_redis_cpu_us_per_join": round_to(bare_figures(&|turn| turn.cost.redis_us), 1),
        "scripts_per_join": round_to(figures(&|turn| turn.cost.scripts), 3),
        "postgres_transactions_per_join": round_to(figures(&|turn| turn.cost.transactions), 4),
        "cores_used_by_others": round_to(figures(&|turn| turn.cost.others_cores), 2),
        "cores_used_by_others_bare": round_to(bare_figures(&|turn| turn.cost.others_cores), 2),
        "appendfsync": appendfsync,
        "concurrency": options.concurrency,
        "restaurants": options.restaurants,
        "joins": turns.iter().map(|turn| turn.joined.len()).sum::<usize>(),
        "joins_per_s_each": turns.iter().map(|turn| turn.joined.per_s().round()).collect::<Vec<_>>(),
        "bare_per_s_each": bare_turns.iter().map(|turn| turn.per_s.round()).collect::<Vec<_>>(),
        "problems": Value::from(problems),
    });
    report::finish(&[case], &options.out)
}

/// Joins through HTTP for a while, and checks what came of it.
async fn http_turn(
    options: &Options,
    probe: &mut Probe,
    shops: &Shops,
    problems: &mut Vec<String>,
) -> anyhow::Result<Turn> {
    let opened = shops.open(options.restaurants).await?;
    let length = Duration::from_secs_f64(options.seconds);
    probe.begin().await?;
    let joined = client::join(&shops.url, &opened, options.concurrency, length).await?;
    let cost = probe.end(joined.len(), joined.client_cpu).await?;
    problems.extend(joined.problems.iter().cloned());
    for (shop, numbers) in opened.iter().zip(&joined.numbers) {
        problems.extend(hole(numbers).map(|problem| format!("{}: {problem}", shop.slug)));
        let waiting = shops.waiting(shop).await?;
        if waiting != numbers.len() as u64 {
            problems.push(format!("{}: {} joined and {waiting} wait", shop.slug, numbers.len()));
        }
    }
    Ok(Turn { joined, cost })
}

/// Replays the script, as often as it takes about as long.
async fn bare_turn(
    options: &Options,
    probe: &mut Probe,
    shops: &Shops,
    bare: &Bare,
    guess_per_s: f64,
    problems: &mut Vec<String>,
) -> anyhow::Result<BareTurn> {
    let opened = shops.open(options.restaurants).await?;
    let each = (guess_per_s * options.seconds / options.restaurants as f64).ceil().max(1_000.0) as usize;
    let mut calls = Vec::new();
    for shop in &opened {
        calls.push(bare.call_for(probe, shop).await?);
    }
    probe.begin().await?;
    let (mut took_s, mut p50_ms, mut p99_ms) = (0.0, Vec::new(), Vec::new());
    for call in &calls {
        let said = bare::replay(probe, call, each, options.concurrency).await?;
        took_s += each as f64 / said.per_s;
        p50_ms.push(said.p50_ms);
        p99_ms.push(said.p99_ms);
    }
    let cost = probe.end(each * opened.len(), None).await?;
    for shop in &opened {
        // Of random ids one may come twice.
        let waiting = probe.waiting(bare, shop).await?;
        if waiting > each || waiting + 3 < each {
            problems.push(format!("{}: {each} calls of the bare script, and {waiting} wait", shop.slug));
        }
    }
    let per_s = (each * opened.len()) as f64 / took_s;
    Ok(BareTurn { per_s, p50_ms: median(p50_ms), p99_ms: median(p99_ms), cost })
}

/// What is wrong with the numbers of a line that was empty.
fn hole(numbers: &[u32]) -> Option<String> {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    let wrong = sorted.iter().zip(1..).find(|(number, expected)| *number != expected)?;
    Some(format!("after {} comes {}", wrong.1 - 1, wrong.0))
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    if figures.len() % 2 == 1 { figures[middle] } else { (figures[middle - 1] + figures[middle]) / 2.0 }
}

fn round_to(figure: f64, digits: i32) -> f64 {
    let factor = 10_f64.powi(digits);
    (figure * factor).round() / factor
}

/// A program's output, or what it complained of.
async fn output(program: &mut tokio::process::Command, name: &str) -> anyhow::Result<String> {
    let output = program.output().await.with_context(|| name.to_owned())?;
    ensure!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_no_hole_and_none_comes_twice() {
        assert_eq!(hole(&[2, 1, 3]), None);
        assert_eq!(hole(&[]), None);
        assert_eq!(hole(&[1, 2, 4]).as_deref(), Some("after 2 comes 4"));
        assert_eq!(hole(&[1, 2, 2]).as_deref(), Some("after 2 comes 2"));
        assert_eq!(hole(&[101]).as_deref(), Some("after 0 comes 101"));
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0]), 2.5);
    }
}
