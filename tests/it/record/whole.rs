//! Recorders are killed, PostgreSQL is killed, and the record is whole.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::Value;
use sqlx::PgConnection;

use super::{ledger::Ledger, scale, stage::Stage};
use crate::{
    faults::report::Report,
    harness::until,
    storm::{RESTAURANT, Storm},
};

const TASKS: usize = 50;
const SEED: u64 = 5;

/// 100,000 at `WAITLESS_TEST_SCALE=5`.
fn operations() -> usize {
    if scale() == 1 { 4_000 } else { 20_000 * scale() }
}

/// So many random operations, by fifty people at once.
pub async fn storm(storm: &Arc<Storm>, operations: usize) {
    let tasks = (0..TASKS).map(|task| {
        let storm = Arc::clone(storm);
        tokio::spawn(async move {
            let mut random = StdRng::seed_from_u64(SEED + task as u64);
            for _ in 0..operations / TASKS {
                storm.operate(&mut random).await;
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.expect("no task fails");
    }
}

/// Where the record of the demo stands.
pub async fn recorded(database: &mut PgConnection) -> (i64, i64) {
    let query = sqlx::query_as("SELECT epoch, rev FROM aggregates WHERE aggregate LIKE 'restaurant:%'");
    query.fetch_optional(database).await.expect("SQL").unwrap_or_default()
}

/// Ref, number, line, state, adults, children, calls, joined at, called at.
type Row = (String, String, String, String, i16, i16, i16, i64, Option<i64>);

/// What people see is what is recorded.
pub async fn equals_the_live_state(storm: &Storm, database: &mut PgConnection) {
    let queue = storm.read(&format!("{RESTAURANT}/queue"), true).await;
    let tickets = queue["tickets"].as_array().expect("tickets").iter();
    let live: HashMap<&str, &Value> = tickets.map(|ticket| (ticket["ref"].as_str().expect("a ref"), ticket)).collect();
    let rows: Vec<Row> =
        sqlx::query_as("SELECT ref, number, line, state, adults, children, calls, joined_at, called_at FROM tickets")
            .fetch_all(&mut *database)
            .await
            .expect("SQL");
    let mut open = 0;
    for (r#ref, number, line, state, adults, children, calls, joined_at, called_at) in &rows {
        let shown = live.get(r#ref.as_str());
        let is_open = ["waiting", "called", "seated", "no_show"].contains(&state.as_str());
        open += usize::from(is_open);
        let Some(shown) = shown else {
            assert!(!is_open, "{number} is recorded as {state} and nobody sees it");
            continue;
        };
        let expected = serde_json::json!([number, line, state, adults, children, calls, joined_at, called_at]);
        let fields = ["number", "line", "state", "adults", "children", "calls", "joined_at", "called_at"];
        let seen: Value = fields.iter().map(|field| shown[*field].clone()).collect();
        assert_eq!(seen, expected, "{number} is recorded as it is seen");
    }
    let recorded: HashSet<&str> = rows.iter().map(|row| row.0.as_str()).collect();
    assert!(live.keys().all(|seen| recorded.contains(seen)), "everybody who is seen is recorded");
    println!("{} tickets that are seen, and all {open} that are open, are recorded as they are", live.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_dies() {
    let mut report = Report::of("record_whole");
    let stage = Arc::new(Stage::set(false).await);
    let ledger = Ledger::read(&stage.dev.private_url("redis"), stage.log_key().await).await;
    let people = stage.people().await;
    let (over, kills) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let killing = tokio::spawn({
        let (stage, over, kills) = (Arc::clone(&stage), Arc::clone(&over), Arc::clone(&kills));
        async move {
            let mut random = StdRng::seed_from_u64(SEED);
            let mut workers = [stage.worker(), stage.worker()];
            while !over.load(Ordering::SeqCst) {
                tokio::time::sleep(Duration::from_millis(random.random_range(700..3_000))).await;
                let victim = &mut workers[random.random_range(0..2)];
                victim.kill();
                *victim = stage.worker();
                kills.fetch_add(1, Ordering::SeqCst);
            }
            workers
        }
    });
    let restarting = async {
        for part in 1..=2 {
            // However long that takes at full size: the storm ends, or fails, by itself.
            while people.done() <= operations() * part / 3 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            stage.kill_postgres().await;
        }
    };
    let began = Instant::now();
    tokio::join!(storm(&people, operations()), restarting);
    let took = began.elapsed();
    over.store(true, Ordering::SeqCst);
    let _workers = killing.await.expect("recorders were killed");

    let ended = Instant::now();
    let mut database = stage.database().await;
    let queue = people.read(&format!("{RESTAURANT}/queue"), true).await;
    let last = (queue["epoch"].as_i64().expect("an epoch"), queue["rev"].as_i64().expect("a rev"));
    until("the record has caught up", async || (recorded(&mut database).await == last).then_some(())).await;
    report.worst("caught_up_after_s", ended.elapsed().as_secs_f64());
    until("the ledger has, too", async || (ledger.last() == last).then_some(())).await;
    ledger.agrees(&mut database).await;
    equals_the_live_state(&people, &mut database).await;
    for (operation, outcomes) in people.counts.lock().expect("nobody panicked").iter() {
        println!("{operation}: {outcomes:?}");
    }
    report.figure("operations", operations());
    report.figure("took_s", took.as_secs());
    report.figure("events", ledger.len());
    report.figure("recorders_killed", kills.load(Ordering::SeqCst));
    report.figure("postgres_killed", 2);
}
