//! Churn for minutes: guests, screens and staff come and go at a server whose line keeps its length, so its memory should
//! too. Whatever is shown meanwhile is checked; how memory is judged, `trend` says.
//!
//! What grows by design is kept out of the verdict or constant. Redis keeps the tickets of the day and of the day before,
//! answers for retries (2 h), and its log up to a bound: its growth is measured, not judged. A room of the server shows a
//! no-show and a ticket that staff cancelled all day: staff take those up again. Others go with their undo, made short.
//!
//! Reading order: this file is the course of a soak; `guest`, `staff`, `screens` and `shops` are who comes; `auditor` and
//! `mirror` hold what phones show to what a console saw; `world`, `socket` and `tally` are what all share; `probe` and
//! `trend` measure and judge.

mod auditor;
mod guest;
mod mirror;
mod probe;
mod screens;
mod shops;
mod socket;
mod staff;
mod tally;
mod trend;
mod world;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use clap::Args;
use futures_util::{StreamExt as _, stream};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::report;
use probe::{Probe, Sample};
use screens::Kind;
use trend::Trend;
use world::{Caller, Phase, World};

/// The server's memory may drift by so much.
const FLAT_PERCENT: f64 = 3.0;

/// Open files beside those of watchers come and go with requests: so many more are noise.
const FILES_SLACK: f64 = 8.0;

/// Ended tickets stay on screens for so long.
const UNDO_S: u32 = 30;

/// The longest warm-up but for a fifth of the soak. Ended tickets go as others come after half a minute, and by the
/// second minute as much memory is in use as ever will be (glibc's `malloc_stats` says so); its arenas go on growing in
/// ever smaller steps for two more, since what is freed between what is not cannot all be given out again.
const WARM_UP: Duration = Duration::from_secs(240);

/// Positions far back are told every 5 s; then every screen is right.
const SETTLING: Duration = Duration::from_secs(8);

/// A room lingers for 30 s after its last use.
const LINGERING: Duration = Duration::from_secs(45);

/// The server at rest is looked at for so long.
const REST: Duration = Duration::from_secs(10);

const STAFF: u64 = 3;
const BOARDS: u64 = 10;
const CONSOLES: u64 = 5;
const SHOPS: u64 = 6;

/// A soak.
#[derive(Args)]
pub(crate) struct Options {
    /// Base URL of a `waitless dev` with the demo
    url: String,
    /// Its data folder
    data: PathBuf,
    /// How long people come and go
    #[arg(long, env = "WAITLESS_SOAK_MINUTES", default_value_t = 10.0)]
    minutes: f64,
    /// What chance makes of it
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Guests at a time
    #[arg(long, default_value_t = 120)]
    guests: u64,
    /// The server, if not the one of the data folder
    #[arg(long)]
    pid: Option<u32>,
    /// Another server on the same Redis and database, which people use by turns: memory is not judged then
    #[arg(long)]
    beside: Option<String>,
    /// Where to write the `ref` of every ticket that was acknowledged
    #[arg(long)]
    refs: Option<PathBuf>,
    /// Where to write what came of it
    #[arg(long, default_value = "target/soak.json")]
    out: PathBuf,
}

type Samples = Arc<Mutex<Vec<Sample>>>;

/// Runs a soak.
///
/// # Errors
/// When the server or the tools it is looked at with are not there, and when anything was not as it should be.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let began = Instant::now();
    let url = options.url.trim_end_matches('/');
    let probe = Arc::new(Probe::new(url, &options.data, options.pid)?);
    let beside = options.beside.as_deref().map(|url| url.trim_end_matches('/'));
    let urls: Vec<&str> = std::iter::once(url).chain(beside).collect();
    let world = Arc::new(World::new(&urls, options.seed).await?);
    world.shorten_undo(UNDO_S).await?;
    let slugs = shops::open(&world, &options.data, SHOPS).await?;
    let before = probe.sample().await?;
    let length = Duration::from_secs_f64(options.minutes * 60.0);
    let warm_up = WARM_UP.max(length / 5).min(length / 2);

    let auditor = tokio::spawn(auditor::follow(Arc::clone(&world)));
    let (mut people, mut staff) = (JoinSet::new(), JoinSet::new());
    for index in 0..options.guests {
        people.spawn(guest::come_and_go(Arc::clone(&world), index));
    }
    for index in 0..BOARDS + CONSOLES {
        let kind = if index < BOARDS { Kind::Board } else { Kind::Console };
        people.spawn(screens::come_and_go(Arc::clone(&world), kind, index));
    }
    for (index, slug) in slugs.into_iter().enumerate() {
        people.spawn(shops::visit(Arc::clone(&world), slug, index as u64));
    }
    for index in 0..STAFF {
        staff.spawn(staff::work(Arc::clone(&world), index));
    }

    let samples = Samples::default();
    watch_for(length, &world, &probe, &samples).await?;
    world.phase.send_replace(Phase::Hold);
    while staff.join_next().await.transpose()?.is_some() {}
    tokio::time::sleep(SETTLING).await;
    check_ledger(&world).await;
    world.phase.send_replace(Phase::Leave);
    while people.join_next().await.transpose()?.is_some() {}
    if let Err(error) = auditor.await? {
        world.tally.find(format!("{error:#}"));
    }
    let emptied = until_empty(&probe).await?;
    let rest = Samples::default();
    watch_for(REST, &world, &probe, &rest).await?;

    let [samples, rest] = [samples, rest].map(|samples| lock(&samples).clone());
    let warm_up_len = usize::try_from(warm_up.as_secs())?;
    let steady = samples.get(warm_up_len..).filter(|steady| steady.len() > 10).context("too short to say anything")?;
    let mut soak = judge(before, steady, &rest, emptied);
    let about = json!({
        "case": "soak", "minutes": options.minutes, "seed": options.seed, "warm_up_s": warm_up.as_secs(),
        "took_s": (began.elapsed().as_secs_f64() * 10.0).round() / 10.0,
        "rooms_entered": rooms_entered(&samples), "rooms_max": most(&samples, |sample| sample.rooms),
        "snapshots": most(&samples, |sample| sample.snapshots),
        "watchers_max": most(&samples, |sample| sample.watchers), "tickets": world.ledger().len(),
        "redis_rss_start_kib": steady[0].redis_rss_kib, "redis_rss_end_kib": steady[steady.len() - 1].redis_rss_kib,
        "redis_used_start_kib": steady[0].redis_used_kib.round(),
        "redis_used_end_kib": steady[steady.len() - 1].redis_used_kib.round(),
    });
    merge(&mut soak, about);
    for of in ["operations", "repeated", "refusals", "frames", "connections", "compared", "auditor"] {
        merge(&mut soak, json!({ of: world.tally.counts(of) }));
    }
    if let Some(file) = &options.refs {
        let refs: String = world.refs().iter().map(|name| format!("{name}\n")).collect();
        std::fs::write(file, refs)?;
    }
    let (findings, first) = world.tally.findings();
    merge(&mut soak, json!({ "wrong": findings, "first_wrong": first }));
    let checked = world.tally.counts("compared")["checked"].as_u64().unwrap_or(0);
    let well = beside.is_some() || soak["ok"] == true;
    soak["ok"] = json!(well && findings == 0 && checked > 0);
    report::finish(&[soak], &options.out)
}

/// Looks once a second, and says every ten how it goes.
async fn watch_for(length: Duration, world: &World, probe: &Probe, samples: &Samples) -> anyhow::Result<()> {
    let mut every = tokio::time::interval(Duration::from_secs(1));
    let until = tokio::time::Instant::now() + length;
    loop {
        let now = every.tick().await;
        if now >= until {
            return Ok(());
        }
        let sample = probe.sample().await?;
        let count = {
            let mut samples = lock(samples);
            samples.push(sample);
            samples.len()
        };
        if count % 10 == 0 {
            let (tally, tickets) = (&world.tally, world.ledger().len());
            println!(
                "{count:>5} s  rss {:>7.1} MiB  redis {:>6.1} MiB  files {:>4}  rooms {:>2}  watchers {:>4}  \
                 tickets {tickets:>6}  operations {:>7}  refused {:>5}  frames {:>8}  wrong {}",
                sample.rss_kib / 1024.0,
                sample.redis_rss_kib / 1024.0,
                sample.files,
                sample.rooms,
                sample.watchers,
                tally.total("operations"),
                tally.total("refusals"),
                tally.total("frames"),
                tally.findings().0,
            );
        }
    }
}

/// Every ticket is in the state that was last acknowledged.
async fn check_ledger(world: &World) {
    let ledger: Vec<_> = world.ledger().clone().into_iter().collect();
    let asked = stream::iter(ledger).map(async |(id, known)| {
        let said = world.ask(Caller::Guest(1), Method::GET, &format!("/tickets/{id}"), None, None).await;
        (known, said)
    });
    let mut asked = std::pin::pin!(asked.buffer_unordered(8));
    while let Some(((stamp, state), said)) = asked.next().await {
        world.tally.count("compared", "tickets at the end");
        match said {
            Ok((200, said)) if said["state"] == state && mirror::stamp(&said) >= stamp => {}
            said => world.tally.find(format!("a ticket acknowledged as {state} at {stamp:?} is {said:?}")),
        }
    }
}

/// How long it took until nobody watched and every room was left; `None` if it did not happen in time.
async fn until_empty(probe: &Probe) -> anyhow::Result<Option<f64>> {
    let began = Instant::now();
    while began.elapsed() < LINGERING {
        let sample = probe.sample().await?;
        if sample.rooms == 0.0 && sample.watchers == 0.0 {
            return Ok(Some(began.elapsed().as_secs_f64()));
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    Ok(None)
}

fn judge(before: Sample, steady: &[Sample], rest: &[Sample], emptied_s: Option<f64>) -> Value {
    let of = |samples: &[Sample], figure: fn(&Sample) -> f64| samples.iter().map(figure).collect::<Vec<f64>>();
    let trend = |figure| Trend::of(&of(steady, figure)).expect("there are samples");
    let (rss, files) = (trend(|sample| sample.rss_kib), trend(|sample| sample.files - sample.watchers));
    let at_rest = |figure| trend::median(of(rest, figure)).expect("there are samples");
    let (rss_rest, files_rest) = (at_rest(|sample| sample.rss_kib), at_rest(|sample| sample.files));
    let rest_percent = 100.0 * (rss_rest - rss.median) / rss.median;
    let verdicts = [
        ("memory_flat", rss.is_flat(FLAT_PERCENT)),
        ("memory_at_rest", rest_percent <= FLAT_PERCENT),
        ("files_flat", files.rise.abs().max((files.last - files.first).abs()) <= FILES_SLACK),
        ("files_at_rest", files_rest <= before.files + FILES_SLACK),
        ("emptied", emptied_s.is_some()),
    ];
    let mut soak = json!({
        "ok": verdicts.iter().all(|(_, well)| *well),
        "samples": steady.len(),
        "rss_before_kib": before.rss_kib, "rss_start_kib": rss.first, "rss_median_kib": rss.median,
        "rss_end_kib": rss.last, "rss_rest_kib": rss_rest, "rss_max_kib": most(steady, |sample| sample.rss_kib),
        "rss_slope_percent": rounded(rss.rise_percent()), "rss_step_percent": rounded(rss.step_percent()),
        "rss_rest_percent": rounded(rest_percent),
        "files_before": before.files, "files_beside_watchers": files.median, "files_rest": files_rest,
        "files_slope": rounded(files.rise), "threads_max": most(steady, |sample| sample.threads),
        "emptied_s": emptied_s.map(rounded),
    });
    for (verdict, well) in verdicts {
        merge(&mut soak, json!({ verdict: well }));
    }
    soak
}

/// How often there was a room more than a second before.
fn rooms_entered(samples: &[Sample]) -> f64 {
    samples.windows(2).map(|pair| (pair[1].rooms - pair[0].rooms).max(0.0)).sum()
}

fn most(samples: &[Sample], figure: fn(&Sample) -> f64) -> f64 {
    samples.iter().map(figure).fold(0.0, f64::max)
}

fn rounded(figure: f64) -> f64 {
    (figure * 100.0).round() / 100.0
}

fn merge(into: &mut Value, more: Value) {
    if let (Some(into), Value::Object(more)) = (into.as_object_mut(), more) {
        into.extend(more);
    }
}

fn lock(samples: &Samples) -> std::sync::MutexGuard<'_, Vec<Sample>> {
    samples.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(rss_kib: f64, files: f64) -> Sample {
        Sample { rss_kib, files, ..Sample::default() }
    }

    fn ok(steady: &[Sample], rest: Sample, emptied_s: Option<f64>) -> bool {
        judge(sample(30_000.0, 20.0), steady, &[rest], emptied_s)["ok"] == true
    }

    #[test]
    fn a_soak_is_judged_by_memory_files_and_who_is_left() {
        let flat = vec![sample(40_000.0, 200.0); 100];
        let rest = sample(40_500.0, 24.0);
        assert!(ok(&flat, rest, Some(31.0)));
        assert!(!ok(&flat, rest, None), "somebody is left");
        assert!(!ok(&flat, sample(42_000.0, 24.0), Some(31.0)), "memory at rest");
        assert!(!ok(&flat, sample(40_000.0, 60.0), Some(31.0)), "files at rest");
        let growing = |rss: f64, files: f64| -> Vec<Sample> {
            (0..100).map(|i| sample(40_000.0 + f64::from(i) * rss, 200.0 + f64::from(i) * files)).collect()
        };
        assert!(!ok(&growing(15.0, 0.0), rest, Some(31.0)), "memory");
        assert!(!ok(&growing(0.0, 0.5), rest, Some(31.0)), "files");
        assert!(ok(&growing(5.0, 0.05), rest, Some(31.0)));
    }
}
