//! Two recorders share the work; one that is paused past its lease and thawed writes nothing any more.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;
use rand::{SeedableRng as _, rngs::StdRng};
use sqlx::PgConnection;

use super::{
    house::{House, id_of},
    ledger::Ledger,
    stage::{Stage, Worker},
    whole::{equals_the_live_state, recorded},
};
use crate::{faults::report::Report, harness::until, storm::RESTAURANT};

/// Another recorder is to take over within 5 s; the rest is for a machine that has more to do.
const TAKEN_OVER_MAX_S: f64 = 5.0 + 2.5;

/// Pauses until a write of a paused recorder was refused. One in two or three is within a write.
const PAUSES_MAX: usize = 12;

/// Partitions by holder.
async fn shares(database: &mut PgConnection) -> Vec<i64> {
    let query = sqlx::query_scalar(
        "SELECT count(*) FROM recorder WHERE holder IN
             (SELECT holder FROM recorder_workers WHERE until > clock_timestamp()) GROUP BY holder",
    );
    query.fetch_all(database).await.expect("SQL")
}

/// Who records the demo.
async fn holder(database: &mut PgConnection) -> Option<String> {
    let query = sqlx::query_scalar("SELECT holder FROM recorder JOIN aggregates USING (partition)");
    query.fetch_optional(database).await.expect("SQL").flatten()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_recorder_is_refused() {
    let mut report = Report::of("record_fenced");
    let stage = Stage::set(false).await;
    let ledger = Ledger::read(&stage.dev.private_url("redis"), stage.log_key().await).await;
    let mut database = stage.database().await;
    let workers = [stage.worker(), stage.worker()];
    until("both have their share", async || (shares(&mut database).await == [48, 48]).then_some(())).await;

    let people = stage.people().await;
    let over = Arc::new(AtomicBool::new(false));
    let working: Vec<_> = (0..8)
        .map(|task| {
            let (people, over) = (Arc::clone(&people), Arc::clone(&over));
            tokio::spawn(async move {
                let mut random = StdRng::seed_from_u64(task);
                while !over.load(Ordering::SeqCst) {
                    people.operate(&mut random).await;
                }
            })
        })
        .collect();
    until("the demo is recorded", async || (recorded(&mut database).await.1 > 50).then_some(())).await;

    let refused = |worker: &Worker| worker.said().matches("fence refused").count();
    let (mut pauses, mut refusals) = (0, 0);
    while refusals == 0 && pauses < PAUSES_MAX {
        let held = holder(&mut database).await.expect("somebody has it");
        // The one that records the demo is the one whose log says so.
        let paused = workers.iter().find(|worker| worker.said().contains(&held)).expect("one of ours");
        paused.signal(Signal::SIGSTOP);
        let since = Instant::now();
        until("the other one has taken over", async || {
            holder(&mut database).await.filter(|now| *now != held).map(drop)
        })
        .await;
        let took_s = since.elapsed().as_secs_f64();
        report.worst("taken_over_s", took_s);
        assert!(took_s < TAKEN_OVER_MAX_S, "taken over only after {took_s} s");
        let rev = recorded(&mut database).await.1;
        until("the other one records", async || (recorded(&mut database).await.1 > rev + 20).then_some(())).await;
        paused.signal(Signal::SIGCONT);
        until("both have their share again", async || (shares(&mut database).await == [48, 48]).then_some(())).await;
        refusals = workers.iter().map(refused).sum();
        pauses += 1;
    }
    over.store(true, Ordering::SeqCst);
    for task in working {
        task.await.expect("nobody fails");
    }
    report.figure("pauses", pauses);
    report.figure("fences_refused", refusals);
    for worker in &workers {
        for line in worker.said().lines().filter(|line| line.contains("fence refused")) {
            println!("{line}");
        }
    }
    assert!(refusals > 0, "a write of the paused recorder was refused, in {pauses} pauses");

    let queue = people.read(&format!("{RESTAURANT}/queue"), true).await;
    let last = (queue["epoch"].as_i64().expect("an epoch"), queue["rev"].as_i64().expect("a rev"));
    until("the record has caught up", async || (recorded(&mut database).await == last).then_some(())).await;
    until("the ledger has, too", async || (ledger.last() == last).then_some(())).await;
    ledger.agrees(&mut database).await;
    equals_the_live_state(&people, &mut database).await;
    report.figure("events", ledger.len());
}

/// What a recorder of the former life still has in hand must not be written behind a rebuild's back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_ends_what_former_lives_may_write() {
    let mut house = House::open(true).await;
    let ticket = house.join("A", 1).await.remove(0);
    house.recorded().await;
    house.kill_servers().await;
    let epoch = "SELECT recorder.epoch FROM recorder JOIN aggregates USING (partition)";
    let before = house.database.count(epoch).await;
    // An epoch is a second.
    let now = "SELECT floor(extract(epoch FROM clock_timestamp()))::bigint";
    until("another second", async || (house.database.count(now).await > before).then_some(())).await;
    house.redis_is_emptied().await;
    house.servers_begin_again(false);
    let path = format!("/v1/tickets/{}", id_of(&ticket));
    until("it is rebuilt", async || (house.read_of(0, &path).await.status == 200).then_some(())).await;
    assert!(house.database.count(epoch).await > before, "a batch that begins where the former one ended is refused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_killed_is_replaced_in_time() {
    let mut report = Report::of("record_taken_over");
    let stage = Stage::set(false).await;
    let mut database = stage.database().await;
    let mut workers = [stage.worker(), stage.worker()];
    until("both have their share", async || (shares(&mut database).await == [48, 48]).then_some(())).await;
    workers[0].kill();
    let since = Instant::now();
    until("one has all", async || (shares(&mut database).await == [96]).then_some(())).await;
    let took_s = since.elapsed().as_secs_f64();
    report.worst("taken_over_s", took_s);
    assert!(took_s < TAKEN_OVER_MAX_S, "taken over only after {took_s} s");

    workers[0] = stage.worker();
    until("the newcomer has its share", async || (shares(&mut database).await == [48, 48]).then_some(())).await;
    workers[1].signal(Signal::SIGTERM);
    let since = Instant::now();
    until("one that stops gives up at once", async || (shares(&mut database).await == [96]).then_some(())).await;
    report.worst("given_up_s", since.elapsed().as_secs_f64());
    assert!(since.elapsed() < Duration::from_secs(5));
}
