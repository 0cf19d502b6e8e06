//! What can stand in the recorder's way: entries that nobody can read, revisions that are gone, PostgreSQL away.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use serde_json::json;
use sqlx::PgConnection;

use super::{
    ledger::Ledger,
    scale,
    stage::Stage,
    whole::{equals_the_live_state, recorded, storm},
};
use crate::{
    faults::report::Report,
    harness::until,
    storm::{RESTAURANT, Storm},
};

/// Where the demo stands now.
async fn stands(people: &Storm) -> (i64, i64) {
    let queue = people.read(&format!("{RESTAURANT}/queue"), true).await;
    (queue["epoch"].as_i64().expect("an epoch"), queue["rev"].as_i64().expect("a rev"))
}

async fn caught_up(people: &Storm, database: &mut PgConnection) {
    let last = stands(people).await;
    until("the record has caught up", async || (recorded(&mut *database).await == last).then_some(())).await;
}

async fn redis(stage: &Stage) -> redis::aio::MultiplexedConnection {
    let client = redis::Client::open(stage.dev.private_url("redis")).expect("a URL");
    client.get_multiplexed_async_connection().await.expect("Redis answers")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_is_put_aside_and_holds_up_nothing() {
    let stage = Stage::set(true).await;
    let people = stage.people().await;
    let (mut redis, key) = (redis(&stage).await, stage.log_key().await);
    for fields in [["event", "neither a map nor text \u{0}"], ["who", "knows"]] {
        storm(&people, 100).await;
        redis::cmd("XADD").arg(&key).arg("*").arg(&fields).exec_async(&mut redis).await.expect("XADD");
    }
    // One that says where it belongs, but not what it is: its revision is missing.
    let packed = rmp_serde::to_vec_named(&json!({ "aggregate": "restaurant:x", "rev": 1 })).expect("packs");
    redis::cmd("XADD").arg(&key).arg("*").arg("event").arg(packed).exec_async(&mut redis).await.expect("XADD");
    storm(&people, 100).await;

    let mut database = stage.database().await;
    caught_up(&people, &mut database).await;
    equals_the_live_state(&people, &mut database).await;
    let letters: Vec<(String, String)> =
        sqlx::query_as("SELECT encode(raw, 'escape'), error FROM dead_letters ORDER BY entry")
            .fetch_all(&mut database)
            .await
            .expect("SQL");
    println!("{letters:?}");
    assert_eq!(letters.len(), 3, "each was kept as it is");
    assert!(letters[0].0.starts_with("neither a map") && letters[1].0 == "who\nknows", "{letters:?}");
    assert!(letters.iter().all(|(_, error)| !error.is_empty()), "and why");
    until("the log is cut to what is left", async || {
        let left: i64 = redis::cmd("XLEN").arg(&key).query_async(&mut redis).await.expect("XLEN");
        (left == 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revisions_that_are_gone_are_a_gap_and_the_record_is_made_whole() {
    let stage = Stage::set(false).await;
    let people = stage.people().await;
    let (mut redis, mut database) = (redis(&stage).await, stage.database().await);
    let mut worker = stage.worker();
    storm(&people, 300).await;
    caught_up(&people, &mut database).await;
    worker.kill();
    let from = recorded(&mut database).await.1;
    storm(&people, 300).await;
    let gone = stands(&people).await.1;
    redis::cmd("XTRIM").arg(stage.log_key().await).arg("MAXLEN").arg(0).exec_async(&mut redis).await.expect("XTRIM");
    storm(&people, 100).await;

    // As long as what Redis has cannot be read, the gap stays; that holds up nothing else.
    let tickets: Vec<String> = redis::cmd("KEYS").arg("wl:*:tickets").query_async(&mut redis).await.expect("KEYS");
    redis::cmd("HSET").arg(&tickets[0]).arg("x").arg("no ticket").exec_async(&mut redis).await.expect("HSET");
    let worker = stage.worker();
    until("it is said", async || worker.said().contains("cannot be made whole").then_some(())).await;
    storm(&people, 100).await;
    caught_up(&people, &mut database).await;
    let open: i64 = sqlx::query_scalar("SELECT count(*) FROM gaps WHERE reconciled_at IS NULL")
        .fetch_one(&mut database)
        .await
        .expect("SQL");
    assert_eq!(open, 1, "one gap, and it is not mended");
    redis::cmd("HDEL").arg(&tickets[0]).arg("x").exec_async(&mut redis).await.expect("HDEL");
    let gap: (i64, i64) = until("the gap is mended", async || {
        let query = sqlx::query_as("SELECT rev_from, rev_to FROM gaps WHERE reconciled_at IS NOT NULL");
        query.fetch_optional(&mut database).await.expect("SQL")
    })
    .await;
    assert_eq!(gap, (from + 1, gone), "exactly what is gone");
    equals_the_live_state(&people, &mut database).await;
    // And the sums are those of the tickets.
    let sums: (i64, i64, i64, i64, i64, i64) = sqlx::query_as(
        "SELECT sum(parties)::bigint, sum(guests)::bigint, sum(waiting)::bigint, sum(seated)::bigint,
             sum(cancelled)::bigint, sum(waited_ms)::bigint FROM day_totals",
    )
    .fetch_one(&mut database)
    .await
    .expect("SQL");
    let counted: (i64, i64, i64, i64, i64, i64) = sqlx::query_as(
        "SELECT count(*), sum(adults + children)::bigint, count(*) FILTER (WHERE state = 'waiting'),
             count(*) FILTER (WHERE state = 'seated'), count(*) FILTER (WHERE state = 'cancelled'),
             coalesce(sum(seated_at - joined_at) FILTER (WHERE state IN ('seated', 'completed')), 0)::bigint
         FROM tickets",
    )
    .fetch_one(&mut database)
    .await
    .expect("SQL");
    assert_eq!(sums, counted);
    println!("revisions {} to {} were gone, {} tickets are as they are", gap.0, gap.1, sums.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_postgresql_the_line_goes_on_and_the_record_catches_up() {
    let mut report = Report::of("record_postgres_frozen");
    // The ledger begins before anybody cuts the log.
    let stage = Stage::set(false).await;
    let ledger = Ledger::read(&stage.dev.private_url("redis"), stage.log_key().await).await;
    let _worker = stage.worker();
    let people = stage.people().await;
    storm(&people, 200).await;
    let mut database = stage.database().await;
    caught_up(&people, &mut database).await;

    let postgres = stage.dev.pid("postgres").expect("it runs");
    let group: Vec<nix::unistd::Pid> = std::iter::once(postgres).chain(children(postgres)).collect();
    group.iter().for_each(|pid| kill(*pid, Signal::SIGSTOP).expect("frozen"));
    storm(&people, 400 * scale()).await;
    let http = reqwest::Client::new();
    let list = http.get(format!("{}/v1/restaurants", stage.dev.url)).send().await.expect("an answer");
    assert_eq!(list.status().as_u16(), 503, "lists need the record");
    let sign_in = crate::harness::process::sign_in(&stage.dev.url, "owner").await;
    assert_eq!(sign_in.0, 503, "and so does signing in");
    let called = people.counts.lock().expect("nobody panicked").get("call-next").and_then(|of| of.get("ok")).copied();
    assert!(called > Some(10), "staff went on: {called:?}");
    // A backend that began meanwhile has no part in this: only those that are frozen are thawed.
    group.iter().for_each(|pid| {
        let _ = kill(*pid, Signal::SIGCONT);
    });

    let thawed = Instant::now();
    let mut database = stage.database().await;
    caught_up(&people, &mut database).await;
    report.worst("caught_up_after_s", thawed.elapsed().as_secs_f64());
    let last = stands(&people).await;
    until("the ledger has, too", async || (ledger.last() == last).then_some(())).await;
    ledger.agrees(&mut database).await;
    report.figure("events", ledger.len());
}

/// Processes of this parent.
fn children(parent: nix::unistd::Pid) -> Vec<nix::unistd::Pid> {
    let text = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|pid| pid.parse().ok().map(nix::unistd::Pid::from_raw)).collect()
}

/// A neighbour in the same partition to whom something happens all the time: no look at the log ever finds nothing.
async fn neighbour(stage: &Stage, epoch: i64) -> tokio::task::JoinHandle<()> {
    let (mut redis, key) = (redis(stage).await, stage.log_key().await);
    tokio::spawn(async move {
        for rev in 1.. {
            let event = json!({
                "aggregate": "neighbour:1", "epoch": epoch, "rev": rev, "at": rev, "name": "neighbour.moved",
                "by": { "role": "timer" },
            });
            let packed = rmp_serde::to_vec_named(&event).expect("packs");
            redis::cmd("XADD").arg(&key).arg("*").arg("event").arg(packed).exec_async(&mut redis).await.expect("XADD");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_neighbour_that_never_rests_holds_up_nothing() {
    let stage = Stage::set(true).await;
    let people = stage.people().await;
    storm(&people, 200).await;
    let mut database = stage.database().await;
    caught_up(&people, &mut database).await;
    let before = stands(&people).await;
    let busy = neighbour(&stage, before.0).await;

    // Though there is always something new, the record is complete up to a moment ago, and says so.
    let began = Instant::now();
    let mut oldest_s = 0.0_f64;
    until("eight seconds have passed", async || {
        let age = "SELECT extract(epoch FROM clock_timestamp() - caught_up_at)::float8
                   FROM recorder JOIN aggregates USING (partition) WHERE aggregate LIKE 'restaurant:%'";
        let age_s: Option<f64> = sqlx::query_scalar(age).fetch_one(&mut database).await.expect("SQL");
        oldest_s = oldest_s.max(age_s.unwrap_or(began.elapsed().as_secs_f64()));
        (began.elapsed().as_secs_f64() > 8.0).then_some(())
    })
    .await;
    println!("complete {oldest_s:.2} s ago at most");
    assert!(oldest_s < 5.0, "{oldest_s} s");

    // A rebuild waits for what the log had when it began, not for the neighbour.
    let mut redis = redis(&stage).await;
    let own: Vec<String> = redis::cmd("KEYS").arg("wl:*:tickets").query_async(&mut redis).await.expect("KEYS");
    let prefix = own[0].trim_end_matches("tickets").to_owned();
    let id = prefix.trim_end_matches(':').rsplit(':').next().expect("an id").to_owned();
    let keys: Vec<String> = redis::cmd("KEYS").arg("wl:*").query_async(&mut redis).await.expect("KEYS");
    let keys: Vec<&String> = keys.iter().filter(|key| key.starts_with(&prefix)).collect();
    redis::cmd("UNLINK").arg(keys).exec_async(&mut redis).await.expect("UNLINK");
    let revs = stage.log_key().await.replace(":events", ":revs");
    redis::cmd("HDEL").arg(revs).arg(id).exec_async(&mut redis).await.expect("HDEL");
    until("it is open again", async || {
        let queue = format!("{}{RESTAURANT}/queue", stage.dev.url);
        let queue = reqwest::Client::new().get(queue).bearer_auth(&people.token).send().await.ok()?;
        let queue: serde_json::Value = queue.json().await.ok()?;
        (queue["epoch"].as_i64()? > before.0).then_some(())
    })
    .await;
    busy.abort();
    equals_the_live_state(&people, &mut database).await;
}
