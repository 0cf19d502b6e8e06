//! Random histories of a restaurant: whatever Redis, its servers and PostgreSQL go through, everything that was
//! acknowledged is there once, and nothing else.
//!
//! Each history follows from its seed. `WAITLESS_TEST_SEED=7` plays history 7 of each kind alone, and tells what the
//! servers said if it fails.

mod audit;
mod history;
mod ledger;

use std::{collections::BTreeMap, time::Instant};

use futures_util::{StreamExt as _, stream};

use self::history::{Tally, play};
use super::{house::COUNTED, scale};
use crate::faults::report::Report;

/// What is counted: the first is ordered, the second only counted.
const ITEMS: [&str; 2] = [COUNTED, "abalone-rice"];

/// Histories that are played at the same time.
const AT_ONCE: usize = 2;

/// What is more likely in some histories than in others.
#[derive(Clone, Copy)]
struct Flavour {
    case: &'static str,
    servers: usize,
    /// Whether servers record. Else a recorder comes now and then, and goes.
    records: bool,
    servers_end: f64,
    postgres_away: f64,
    losses_in_a_row: f64,
    /// Redis is lost before everything is recorded.
    unrecorded: f64,
}

const PLAIN: Flavour = Flavour {
    case: "lives_plain",
    servers: 1,
    records: true,
    servers_end: 0.3,
    postgres_away: 0.1,
    losses_in_a_row: 0.2,
    unrecorded: 0.1,
};

/// Histories of a kind: all kinds together make five hundred and more at full size.
fn histories() -> u64 {
    if scale() == 1 { 2 } else { 22 * scale() as u64 }
}

async fn played(flavour: Flavour) {
    let mut report = Report::of(flavour.case);
    let began = Instant::now();
    let chosen = std::env::var("WAITLESS_TEST_SEED").ok().map(|seed| seed.parse::<u64>().expect("a number"));
    let seeds: Vec<u64> = chosen.map_or_else(|| (0..histories()).collect(), |seed| vec![seed]);
    let count = seeds.len();
    let playing = seeds.into_iter().map(|seed| async move {
        // On a thread of its own, with which its servers die.
        let played = tokio::task::spawn_blocking(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(play(flavour, seed))
        })
        .await;
        (seed, played.unwrap_or_else(|error| (Tally::new(), vec![format!("it broke off: {error}")])))
    });
    let mut playing = stream::iter(playing).buffer_unordered(AT_ONCE);
    let (mut tally, mut wrong) = (Tally::new(), BTreeMap::new());
    while let Some((seed, (counts, problems))) = playing.next().await {
        for (what, count) in counts {
            *tally.entry(what).or_default() += count;
        }
        if !problems.is_empty() {
            println!("{} history {seed} (WAITLESS_TEST_SEED={seed}):\n  {}", flavour.case, problems.join("\n  "));
            wrong.insert(seed, problems);
        }
    }
    for (what, count) in &tally {
        println!("{count:6}  {what}");
    }
    report.figure("histories", count);
    report.figure("differences", wrong.len());
    report.figure("s_per_history", (began.elapsed().as_secs_f64() / count as f64 * 100.0).round() / 100.0);
    assert!(wrong.is_empty(), "{}: {} of {count} histories differ: {:?}", flavour.case, wrong.len(), wrong.keys());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_server_that_records() {
    played(PLAIN).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers() {
    played(Flavour { case: "lives_two_servers", servers: 2, servers_end: 0.4, ..PLAIN }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recorder_that_comes_and_goes() {
    played(Flavour { case: "lives_no_worker", records: false, servers_end: 0.5, unrecorded: 0.0, ..PLAIN }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_comes_and_goes() {
    played(Flavour { case: "lives_postgres_away", postgres_away: 0.7, servers_end: 0.4, ..PLAIN }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn losses_in_a_row() {
    played(Flavour { case: "lives_losses_in_a_row", losses_in_a_row: 0.8, servers_end: 0.4, ..PLAIN }).await;
}
