//! What must be forgotten is forgotten in time, not before, all of it, whatever happens meanwhile.

use std::sync::Arc;

use serde_json::json;
use sqlx::{
    Connection as _,
    postgres::{PgAdvisoryLock, PgAdvisoryLockKey},
};
use tokio_util::sync::CancellationToken;
use waitless::{
    db::{
        Db, history,
        retention::{STEP, Swept, sweep},
    },
    domain::RestaurantId,
    metrics::Metrics,
    worker::retention,
};

use crate::harness::{
    app::TestApp,
    database::{TestDatabase, fresh_database},
    past::{HOUR_MS, Record},
    until,
};

const DAY_MS: i64 = 24 * HOUR_MS;

/// A connection's end is noticed by PostgreSQL in its own time, and its locks end with it.
const LOCKS: &str = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'
                         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

/// A database with nothing in it, and the record of restaurant 7.
async fn empty() -> (TestDatabase, Db, Record) {
    let database = fresh_database().await;
    let (db, record) = (database.db(), Record::of(&database.url, 7).await);
    (database, db, record)
}

async fn swept(db: &Db, days: u32) -> Swept {
    let swept = sweep(db, days, |_| {}).await.expect("PostgreSQL answers").expect("nobody else is at it");
    println!("{swept:?}");
    swept
}

#[tokio::test]
async fn contact_data_goes_a_day_after_its_business_day() {
    let (_database, db, mut record) = empty().await;
    let now = record.now().await;
    record.day("2026-03-01", now - 25 * HOUR_MS).await;
    record.day("2026-03-02", now - 23 * HOUR_MS).await;
    for (day, prefix) in [("2026-03-01", "old"), ("2026-03-02", "new")] {
        for state in ["completed", "cancelled", "no_show", "waiting", "called", "seated"] {
            // Recorded late or changed late: the day's end counts.
            record.ticket(&format!("{prefix}-{state}"), day, now - 30 * HOUR_MS, json!({ "state": state })).await;
        }
    }
    record.ticket("old-plain", "2026-03-01", now, json!({ "name": null, "phone_last4": null, "note": null })).await;

    assert_eq!(swept(&db, 90).await, Swept { contact: 4, ..Swept::default() });
    let kept = record
        .texts("SELECT ref FROM tickets WHERE name || phone_last4 || note || lang IS NOT NULL AND packed IS NOT NULL")
        .await;
    let mut expected: Vec<String> =
        ["completed", "cancelled", "no_show", "waiting", "called", "seated"].map(|state| format!("new-{state}")).into();
    expected.extend(["waiting", "called", "seated"].map(|state| format!("old-{state}")));
    assert_eq!(sorted(kept), sorted(expected), "what is not over, and what is not due, stays");
    let left =
        "SELECT count(*) FROM tickets WHERE ref IN ('old-completed', 'old-cancelled', 'old-no_show', 'old-plain')
                    AND num_nonnulls(name, phone_last4, note, lang, packed) = 0 AND NOT personal";
    assert_eq!(record.number(left).await, 4, "nothing of it is left");
    let history = "SELECT count(*) FROM tickets WHERE number = 'A001' AND adults = 2 AND seated_at IS NOT NULL";
    assert_eq!(record.number(history).await, 13, "what happened stays");

    assert!(swept(&db, 90).await.is_nothing(), "once is enough");
    // An event that is recorded late brings a name back, but not for long.
    sqlx::query("UPDATE tickets SET name = '이서준' WHERE ref = 'old-no_show'")
        .execute(&mut record.connection)
        .await
        .expect("right SQL");
    assert_eq!(swept(&db, 90).await, Swept { contact: 1, ..Swept::default() });
}

#[tokio::test]
async fn a_day_that_nobody_recorded_ends_all_the_same() {
    let (_database, db, mut record) = empty().await;
    record.ticket("lost", "2026-03-01", 0, json!({})).await;
    let today = record.texts("SELECT to_char(current_date, 'YYYY-MM-DD')").await.remove(0);
    record.ticket("today", &today, 0, json!({})).await;
    assert_eq!(swept(&db, 3650).await.contact, 1);
    let days = "SELECT to_char(day, 'YYYY-MM-DD') || ' ' || ends_at FROM days";
    assert_eq!(record.texts(days).await, ["2026-03-01 1772539200000"], "noon of the third, universal time");
}

#[tokio::test]
async fn answers_kept_for_retries_and_unreadable_entries_lose_their_content() {
    let (_database, db, mut record) = empty().await;
    let now = record.now().await;
    for (seq, hours) in [(1, 25), (2, 23)] {
        record.insert("events", event(seq, now - hours * HOUR_MS, Some("\\xc0"))).await;
    }
    record.insert("events", event(3, now - 25 * HOUR_MS, None)).await;
    for (entry, hours) in [("1-0", 49), ("2-0", 47)] {
        let found_at = record.texts(ago(hours)).await.remove(0);
        record
            .insert(
                "dead_letters",
                json!({ "partition": 5, "entry": entry, "raw": "\\xff", "error": "not msgpack", "found_at": found_at }),
            )
            .await;
    }
    assert_eq!(swept(&db, 90).await, Swept { answers: 1, unread: 1, ..Swept::default() });
    assert_eq!(record.texts("SELECT seq::text FROM events WHERE answer IS NOT NULL").await, ["2"]);
    assert_eq!(record.texts("SELECT entry FROM dead_letters WHERE raw <> ''").await, ["2-0"]);
    assert_eq!(record.number("SELECT count(*) FROM dead_letters").await, 2, "that it was there stays");
    assert_eq!(record.number("SELECT count(*) FROM events").await, 3);
    assert!(swept(&db, 90).await.is_nothing());
    // With the shortest time to keep they go altogether.
    assert_eq!(swept(&db, 1).await, Swept { events: 2, faults: 2, ..Swept::default() });
}

#[tokio::test]
async fn gaps_and_unreadable_entries_go_in_the_end() {
    let (_database, db, mut record) = empty().await;
    for (rev, hours) in [(1, 241), (2, 239)] {
        let found_at = record.texts(ago(hours)).await.remove(0);
        let gap =
            json!({ "aggregate": "restaurant:7", "epoch": 1, "rev_from": rev, "rev_to": rev, "found_at": found_at });
        record.insert("gaps", gap).await;
        let entry =
            json!({ "partition": 5, "entry": format!("{rev}-0"), "raw": "\\x", "error": "", "found_at": found_at });
        record.insert("dead_letters", entry).await;
    }
    assert_eq!(swept(&db, 10).await, Swept { faults: 2, ..Swept::default() });
    assert_eq!(record.texts("SELECT rev_from::text FROM gaps").await, ["2"]);
    assert_eq!(record.texts("SELECT entry FROM dead_letters").await, ["2-0"]);
}

#[tokio::test]
async fn a_ticket_becomes_anonymous_everywhere_at_once() {
    let (_database, db, mut record) = empty().await;
    let now = record.now().await;
    for (day, name, hours) in [("2026-03-01", "old", 10 * 24 + 1), ("2026-03-02", "new", 10 * 24 - 1)] {
        let ends_at = now - hours * HOUR_MS;
        record.day(day, ends_at).await;
        let joined_at = ends_at - HOUR_MS / 6;
        let cancelled = json!({ "state": "cancelled", "ended_reason": "Mrs Kim rang", "seated_at": null });
        record.ticket(&format!("{name}-1"), day, joined_at, json!({ "state": "waiting", "seated_at": null })).await;
        record.ticket(&format!("{name}-2"), day, joined_at, cancelled).await;
        record.ticket(&format!("{name}-3"), day, joined_at, json!({ "ended_reason": "day_end" })).await;
        for ticket in 1..=3 {
            let rev = hours * 10 + ticket;
            for (name_of, reason) in [("ticket.joined", json!(null)), ("ticket.called", json!("table_fit"))] {
                let row = json!({
                    "ref": format!("{name}-{ticket}"), "epoch": 1, "rev": rev + i64::from(name_of == "ticket.called") * 1000,
                    "at": joined_at, "name": name_of, "state": "waiting", "line": "A", "role": "staff", "device": "kiosk-1",
                    "account": 5, "reason": reason,
                });
                record.insert("transitions", row).await;
            }
            let row = json!({
                "item": "tea", "epoch": 1, "rev": rev, "at": joined_at, "name": "ticket.joined", "left_after": 9,
                "change": -1, "ref": format!("{name}-{ticket}"), "role": "staff", "account": 5,
            });
            record.insert("stock_movements", row).await;
        }
        let row = json!({
            "item": "tea", "epoch": 1, "rev": hours, "at": ends_at, "name": "stock.changed", "left_after": 50,
            "role": "owner", "device": "pos", "account": 6,
        });
        record.insert("stock_movements", row).await;
        record.insert("events", event(ends_at, ends_at, None)).await;
        let totals = json!({
            "day": day, "line": "A", "parties": 3, "guests": 6, "remote": 0, "waiting": 1, "called": 0, "seated": 0,
            "completed": 1, "cancelled": 1, "no_show": 0, "seated_guests": 2, "waited_ms": 600_000,
        });
        record.insert("day_totals", totals).await;
    }
    let day = "2026-03-01".parse().expect("a date");
    let told = async || format!("{:?}", history::day(&db, RestaurantId(7), &day).await.expect("an answer"));
    let before = told().await;

    let expected = Swept { contact: 4, events: 1, anonymised: 3, actors: 1, ..Swept::default() };
    assert_eq!(swept(&db, 10).await, expected);
    assert_eq!(told().await, before, "totals, waits and stock stay");
    assert_eq!(record.texts("SELECT at::text FROM events").await, [(now - 239 * HOUR_MS).to_string()]);
    for table in [
        "SELECT ref FROM tickets",
        "SELECT ref FROM transitions",
        "SELECT ref FROM stock_movements WHERE ref IS NOT NULL",
    ] {
        let refs = record.texts(table).await;
        assert!(!refs.iter().any(|name| name.starts_with("old-")), "{table}: {refs:?}");
        assert_eq!(refs.iter().filter(|name| name.starts_with("new-")).count(), refs.len() / 2, "{table}: {refs:?}");
    }
    let together = "SELECT count(*) FROM tickets JOIN transitions USING (restaurant_id, ref)
                        JOIN stock_movements USING (restaurant_id, ref)
                    WHERE tickets.anonymous AND tickets.number = 'A001' AND length(ref) = 16
                        AND num_nonnulls(transitions.device, transitions.account, stock_movements.account) = 0";
    assert_eq!(record.number(together).await, 6, "a ticket's rows still belong together");
    let personal = "SELECT count(*) FROM tickets WHERE anonymous AND personal";
    assert_eq!(record.number(personal).await, 0, "in whatever state it was left");
    let reasons = "SELECT coalesce(ended_reason, '-') FROM tickets WHERE anonymous ORDER BY 1";
    assert_eq!(record.texts(reasons).await, ["-", "-", "day_end"], "staff's own words are gone, codes stay");
    let reasons = "SELECT DISTINCT reason FROM transitions WHERE reason IS NOT NULL";
    assert_eq!(record.texts(reasons).await, ["table_fit"]);
    let actors = "SELECT count(*) FROM stock_movements WHERE num_nonnulls(device, account) > 0";
    assert_eq!(record.number(actors).await, 4, "of the day that is kept");
    assert!(swept(&db, 10).await.is_nothing(), "once is enough");
}

#[tokio::test]
async fn a_sweep_that_is_cut_off_loses_nothing_and_the_next_one_finishes() {
    let (database, db, mut record) = empty().await;
    let now = record.now().await;
    record.day("2026-03-01", now - 20 * DAY_MS).await;
    let many = "INSERT INTO tickets (restaurant_id, ref, day, number, line, state, adults, children, channel, checked_in,
                    name, joined_at, calls, delays, overtaken, ahead_at_join, total, epoch, rev, at, packed)
                SELECT 7, 'ref' || n, '2026-03-01', 'A' || n, 'A', 'completed', 2, 0, 'onsite', true, 'Kim', n, 1, 0, 0, 0, 0,
                    1, n, n, '' FROM generate_series(1, 1300) AS n";
    sqlx::query(many).execute(&mut record.connection).await.expect("right SQL");
    let life = "INSERT INTO transitions (restaurant_id, ref, epoch, rev, at, name, state, line, role)
                SELECT 7, 'ref' || n, 1, n, n, 'ticket.joined', 'waiting', 'A', 'guest' FROM generate_series(1, 1300) AS n";
    sqlx::query(life).execute(&mut record.connection).await.expect("right SQL");

    // Cut off behind so many steps.
    for steps in [1, 2] {
        let (mut left, cut) = (steps, tokio::sync::Notify::new());
        let sweeping = sweep(&db, 10, |step| {
            assert!(step.figures().iter().all(|(_, rows)| *rows <= STEP), "{step:?}");
            left -= 1;
            if left == 0 {
                cut.notify_one();
            }
        });
        tokio::select! {
            biased;
            () = cut.notified() => {}
            swept = sweeping => panic!("{swept:?} was not cut off"),
        }
        until("the lock is free", async || (record.number(LOCKS).await == 0).then_some(())).await;
    }
    // Cut off in the middle of a step: tickets have their new names, their lives wait for theirs.
    let mut holder = database.connect().await;
    let mut holding = holder.begin().await.expect("a transaction");
    sqlx::query("LOCK TABLE transitions").execute(&mut *holding).await.expect("the lock");
    let in_the_middle = database.db();
    let sweeping = tokio::spawn(async move { sweep(&in_the_middle, 10, |_| {}).await.map(drop) });
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    until("it waits", async || (record.number(waiting).await == 1).then_some(())).await;
    sweeping.abort();
    assert!(sweeping.await.is_err_and(|error| error.is_cancelled()));
    holding.rollback().await.expect("the lock is given back");
    until("the lock is free", async || (record.number(LOCKS).await == 0).then_some(())).await;
    let apart = "SELECT count(*) FROM transitions FULL JOIN tickets USING (restaurant_id, ref)
                 WHERE tickets.ref IS NULL OR transitions.ref IS NULL";
    assert_eq!(record.number(apart).await, 0, "a ticket and its life never part");
    let done = record.number("SELECT count(*) FROM tickets WHERE name IS NULL").await;
    assert!(done >= 1000, "what was committed stays: {done}");
    swept(&db, 10).await;
    let left = "SELECT count(*) FROM tickets WHERE personal OR NOT anonymous OR ref ~ '^ref[0-9]{1,4}$'";
    assert_eq!(record.number(left).await, 0);
    assert_eq!(record.number("SELECT count(*) FROM tickets JOIN transitions USING (restaurant_id, ref)").await, 1300);
}

#[tokio::test]
async fn one_worker_at_a_time() {
    let (database, db, mut record) = empty().await;
    let now = record.now().await;
    record.day("2026-03-01", now - 25 * HOUR_MS).await;
    record.ticket("old", "2026-03-01", now, json!({})).await;
    let lock = PgAdvisoryLock::new("waitless retention");
    let PgAdvisoryLockKey::BigInt(key) = lock.key() else { panic!("a 64-bit key") };
    let mut holder = database.connect().await;
    sqlx::query("SELECT pg_advisory_lock($1)").bind(key).execute(&mut holder).await.expect("free");
    assert_eq!(sweep(&db, 90, |_| {}).await.expect("an answer"), None);
    assert_eq!(record.number("SELECT count(*) FROM tickets WHERE personal").await, 1);
    drop(holder);
    until("the lock is free", async || sweep(&db, 90, |_| {}).await.expect("an answer")).await;
    assert_eq!(record.number("SELECT count(*) FROM tickets WHERE personal").await, 0);
}

#[tokio::test]
async fn a_worker_sweeps_at_its_start_and_counts() {
    let (_database, db, mut record) = empty().await;
    let now = record.now().await;
    record.day("2026-03-01", now - 25 * HOUR_MS).await;
    record.ticket("old", "2026-03-01", now, json!({})).await;
    let (metrics, stop) = (Arc::new(Metrics::new()), CancellationToken::new());
    let running = tokio::spawn(retention::run(db, Arc::clone(&metrics), 90, stop.clone()));
    until("it is counted", async || {
        metrics.text().contains("waitless_retention_erased_total{what=\"contact\"} 1").then_some(())
    })
    .await;
    stop.cancel();
    running.await.expect("it stops");
}

#[tokio::test]
async fn a_server_runs_it_unless_its_worker_is_off() {
    let off = TestApp::start_with(|config| config.worker = false).await;
    let mut record = Record::of_demo(&off.config.database_url).await;
    let now = record.now().await;
    record.day("2026-03-01", now - 25 * HOUR_MS).await;
    record.ticket("old", "2026-03-01", now, json!({})).await;
    let quiet = off.sibling().await;
    quiet.stop().await;
    assert_eq!(record.number("SELECT count(*) FROM tickets WHERE personal").await, 1, "nobody was to look");
    let mut config = off.config.clone();
    config.worker = true;
    let _on = off.sibling_with(config).await;
    until("it is forgotten", async || {
        (record.number("SELECT count(*) FROM tickets WHERE personal").await == 0).then_some(())
    })
    .await;
}

fn event(seq: i64, at: i64, answer: Option<&str>) -> serde_json::Value {
    json!({
        "partition": 5, "seq": seq, "aggregate": "restaurant:7", "epoch": 1, "rev": seq, "at": at,
        "name": "ticket.joined", "role": "guest", "answer": answer,
    })
}

/// A moment so many hours ago.
fn ago(hours: i64) -> &'static str {
    match hours {
        47 => "SELECT (now() - interval '47 hours')::text",
        49 => "SELECT (now() - interval '49 hours')::text",
        239 => "SELECT (now() - interval '239 hours')::text",
        241 => "SELECT (now() - interval '241 hours')::text",
        other => panic!("{other} hours"),
    }
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}
