//! Life without PostgreSQL: a server starts, calls end, and it recovers by itself.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use sqlx::Connection as _;
use waitless::{
    db::{CALL_TIMEOUT, CONNECTIONS_MAX, Db, DbError, lock, migrate, restaurants},
    domain::RestaurantId,
};

use crate::harness::{
    database::fresh_database,
    until,
    wire::{Flow, Wire},
};

#[tokio::test]
async fn a_server_starts_without_postgresql_and_finds_it_when_it_comes() {
    let database = fresh_database().await;
    let (wire, url) = Wire::to_secret(&database.url, Flow::Gone);
    let db = Db::connect_lazy(&url).expect("nothing is connected yet");
    let error = db.ping().await.expect_err("nobody listens");
    assert!(error.is_transient(), "{error:?}");
    assert!(!format!("{error:?} {error}").contains("postgres://"), "no URL in a message");

    wire.set(Flow::Open);
    until("it has come", async || db.ping().await.ok()).await;
}

#[tokio::test]
async fn a_frozen_postgresql_ends_calls_and_is_left_for_a_new_connection() {
    let database = fresh_database().await;
    let (wire, url) = Wire::to_secret(&database.url, Flow::Open);
    let db = Db::connect_lazy(&url).expect("a URL");
    db.ping().await.expect("the wire is open");

    wire.set(Flow::Frozen);
    let error = restaurants::by_slug(&db, "demo").await.expect_err("nothing arrives");
    assert!(error.is_transient(), "{error:?}");
    wire.set(Flow::Open);
    // What was begun meanwhile stays frozen, so another attempt is begun beside it.
    let answer = until("there is a new connection", async || restaurants::by_slug(&db, "demo").await.ok()).await;
    assert_eq!(answer, None);
}

/// Each call gives up long before a connection gets through, and all of them try again at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_starved_postgresql_is_reached_although_no_call_waits_for_so_long() {
    let database = fresh_database().await;
    let (wire, url) = Wire::to_secret(&database.url, Flow::Open);
    let db = Db::connect_lazy(&url).expect("a URL");
    let recorder = db.for_recording();
    for db in [&db, &recorder] {
        db.ping().await.expect("the wire is open");
    }
    wire.set(Flow::Gone);
    until("it is away", async || db.ping().await.err()).await;
    wire.set(Flow::Starved(Duration::from_secs(3)));
    let began = Instant::now();
    let calls = (0..12).map(|number| {
        let db = if number % 3 == 0 { recorder.clone() } else { db.clone() };
        tokio::spawn(async move {
            loop {
                let asked = Instant::now();
                match db.ping().await {
                    Ok(()) => return,
                    Err(error) => assert!(error.is_transient(), "{error:?}"),
                }
                assert!(asked.elapsed() < CALL_TIMEOUT, "{:?}", asked.elapsed());
            }
        })
    });
    let calls: Vec<_> = calls.collect();
    let locking = tokio::spawn(async move {
        loop {
            match lock::try_lock(&db, RestaurantId(1)).await {
                Ok(Some(lock)) => return lock.release().await.expect("it is released"),
                Ok(None) => panic!("nobody else wants it"),
                Err(error) => assert!(error.is_transient(), "{error:?}"),
            }
        }
    });
    for call in calls {
        within(call).await.expect("every call is answered in the end");
    }
    let answered = began.elapsed();
    within(locking).await.expect("a lock is taken in the end");
    let locked = began.elapsed();
    println!("answered after {answered:?}, locked after {locked:?}");
    assert!(locked.max(answered) < Duration::from_secs(20), "answered after {answered:?}, locked after {locked:?}");
}

#[tokio::test]
async fn what_postgresql_refuses_for_good_is_told_at_once() {
    let database = fresh_database().await;
    let mut url = url::Url::parse(database.url.expose()).expect("a URL");
    url.set_path("waitless_no_such_database");
    let db = Db::connect_lazy(&String::from(url).into()).expect("a URL");
    let asked = Instant::now();
    let error = db.ping().await.expect_err("there is no such database");
    assert!(!error.is_transient() && error.to_string().contains("does not exist"), "{error:?}");
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
}

#[tokio::test]
async fn calls_under_way_end_when_postgresql_freezes_and_their_connections_are_replaced() {
    let database = fresh_database().await;
    let (wire, url) = Wire::to_secret(&database.url, Flow::Open);
    let db = Db::connect_lazy(&url).expect("a URL");
    let mut holder = database.connect().await;
    let mut transaction = holder.begin().await.expect("a transaction");
    sqlx::query("LOCK TABLE restaurants").execute(&mut *transaction).await.expect("the lock");

    // Every connection of the pool is in use.
    let frozen = Arc::new(AtomicBool::new(false));
    let calls = (0..CONNECTIONS_MAX).map(|_| {
        let (db, frozen) = (db.clone(), Arc::clone(&frozen));
        tokio::spawn(async move {
            loop {
                // On a busy machine some get no connection in time, or wait longer for the lock than others need.
                let answer = restaurants::by_slug(&db, "demo").await;
                if frozen.load(Ordering::SeqCst) {
                    return answer;
                }
            }
        })
    });
    let calls: Vec<_> = calls.collect();
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    within(async {
        while database.count(waiting).await < CONNECTIONS_MAX as i64 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    frozen.store(true, Ordering::SeqCst);
    wire.set(Flow::Frozen);
    for call in calls {
        let answer = within(call).await.expect("the call does not panic");
        assert!(answer.as_ref().is_err_and(DbError::is_transient), "{answer:?}");
    }

    // The old connections stay frozen; new ones take their place.
    transaction.rollback().await.expect("the lock is given back");
    wire.set(Flow::Open);
    within(async { while restaurants::by_slug(&db, "demo").await.is_err() {} }).await;
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_ended_by_postgresql() {
    let database = fresh_database().await;
    let db = database.db();
    let mut holder = database.connect().await;
    let mut transaction = holder.begin().await.expect("a transaction");
    sqlx::query("LOCK TABLE restaurants").execute(&mut *transaction).await.expect("the lock");
    let answer = within(restaurants::by_slug(&db, "demo")).await;
    assert!(matches!(&answer, Err(error @ DbError::Sqlx(_)) if error.is_transient()), "{answer:?}");
    transaction.rollback().await.expect("the lock is given back");
    assert_eq!(restaurants::by_slug(&db, "demo").await.expect("an answer"), None);
}

/// What must happen soon; the limit only ends a test that would hang.
async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), work).await.expect("it happens within 30 s")
}

/// Each cause is said once, and nothing of PostgreSQL's own source.
#[tokio::test]
async fn what_went_wrong_is_said_once_and_for_those_who_read_it() {
    let said = |error: DbError| format!("{:#}", anyhow::Error::from(error));
    let database = fresh_database().await;
    let mut admin = database.connect().await;
    for statement in [
        "ALTER TABLE restaurants RENAME TO restaurants_away",
        "DELETE FROM _sqlx_migrations WHERE version = (SELECT max(version) FROM _sqlx_migrations)",
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); \
         END $$",
    ] {
        sqlx::query(statement).execute(&mut admin).await.expect(statement);
    }
    let error = restaurants::by_slug(&database.db(), "demo").await.expect_err("the table is away");
    assert_eq!(said(error), "PostgreSQL failed: relation \"restaurants\" does not exist");
    let error = migrate(&database.url).await.expect_err("nothing can be written");
    let text = said(error);
    assert!(text.starts_with("a migration failed: ") && text.ends_with("in a read-only transaction"), "{text}");
    assert_eq!(text.matches("read-only").count(), 1, "{text}");

    let (_wire, url) = Wire::to_secret(&database.url, Flow::Gone);
    let error = Db::connect_lazy(&url).expect("a URL").ping().await.expect_err("nobody listens");
    assert_eq!(said(error), "PostgreSQL failed: Connection refused (os error 111)");
}

#[tokio::test]
async fn a_url_that_is_none_is_refused_without_repeating_it() {
    let error = Db::connect_lazy(&"postgres://user:hunter2@host:port/x".parse().expect("any text is a secret"));
    let error = error.map(drop).expect_err("no port");
    assert!(matches!(error, DbError::InvalidUrl));
    assert!(!format!("{error:?} {error}").contains("hunter2"));
}
