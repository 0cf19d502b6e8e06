//! What operators look at tells the truth while something is broken: the lag of the record, what is degraded, and
//! restaurants that cannot be served.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::report::Report;
use crate::harness::{
    process::{Server, demo_database},
    redis_of_ones_own::OwnRedis,
    until,
    wire::{Flow, Wire},
};

const LAG: &str = "waitless_recorder_lag_seconds";

/// An answer of `/readyz` takes no longer than its question to Redis, and some on a busy machine.
const READY_MAX: Duration = Duration::from_millis(800 + 700);

async fn join(server: &Server) {
    let body = json!({ "line": "A", "adults": 2, "channel": "onsite" });
    let path = server.url("/v1/restaurants/demo/tickets");
    let answer = server.http.post(path).json(&body).send().await.expect("an answer");
    assert_eq!(answer.status().as_u16(), 201);
}

/// Status of `/readyz`, and what it names.
async fn ready(server: &Server) -> (u16, Vec<String>) {
    let asked = Instant::now();
    let answer = server.http.get(server.url("/readyz")).send().await.expect("an answer");
    assert!(asked.elapsed() < READY_MAX, "/readyz took {:?}", asked.elapsed());
    let status = answer.status().as_u16();
    let body: Value = answer.json().await.expect("JSON");
    let degraded = body["degraded"].as_array().cloned().unwrap_or_default();
    (status, degraded.iter().map(|part| part.as_str().expect("a name").to_owned()).collect())
}

/// Waits until the lag is the age of what was joined at `since`: never younger than that, but for one look.
async fn lag_is_of(server: &Server, since: Instant, at_least_s: f64) -> f64 {
    until("the lag has grown", async || {
        let lag_s = server.figure(LAG).await?;
        (lag_s > at_least_s).then_some(lag_s)
    })
    .await;
    let lag_s = server.figure(LAG).await.expect("a figure");
    let true_s = since.elapsed().as_secs_f64();
    assert!((true_s - lag_s).abs() < 3.0, "the lag is said to be {lag_s} s, and is {true_s} s");
    lag_s
}

async fn no_lag(server: &Server) {
    // Of a server that has just begun, no figure says anything yet.
    until("something is recorded", async || {
        (server.figure("waitless_recorder_events_total").await? > 0.0).then_some(())
    })
    .await;
    until("all is recorded", async || (server.figure(LAG).await? < 0.5).then_some(())).await;
    until("nothing is degraded", async || (ready(server).await == (200, Vec::new())).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lag_is_the_age_of_what_is_not_recorded() {
    let mut report = Report::of("lag_is_true");
    let (redis, database) = (OwnRedis::durable().await, demo_database().await);
    let (wire, database_url) = Wire::to_secret(&database.url, Flow::Open);
    let mut server = Server::begin(&redis.url, &database, &database_url);
    server.ready().await;
    for (name, flow) in [("refused", Flow::Gone), ("frozen", Flow::Frozen)] {
        no_lag(&server).await;
        wire.set(flow);
        until("it is noticed", async || ready(&server).await.1.contains(&"postgres".to_owned()).then_some(())).await;
        let since = Instant::now();
        join(&server).await;
        report.worst(&format!("lag_{name}_s"), lag_is_of(&server, since, 6.0).await);
        assert_eq!(server.figure("waitless_recorder_partitions").await, Some(0.0), "it has no lease");
        if name == "refused" {
            until("the recorder is behind", async || {
                (ready(&server).await == (200, vec!["postgres".to_owned(), "recorder".to_owned()])).then_some(())
            })
            .await;
            assert!(since.elapsed() > Duration::from_secs(9), "ten seconds are not over");
            // Redis away as well: what is not recorded grows older.
            redis.freeze();
            lag_is_of(&server, since, server.figure(LAG).await.expect("a figure") + 3.0).await;
            until("not ready without Redis", async || (ready(&server).await.0 == 503).then_some(())).await;
            redis.thaw();
            until("ready again", async || (ready(&server).await.0 == 200).then_some(())).await;
        }
        wire.set(Flow::Open);
    }
    no_lag(&server).await;
    // A database that takes nothing.
    let mut admin = PgConnection::connect(database.url.expose()).await.expect("PostgreSQL answers");
    let name: String = sqlx::query_scalar("SELECT current_database()").fetch_one(&mut admin).await.expect("a name");
    let alter = async |admin: &mut PgConnection, rest: &str| {
        let sql = format!("SET default_transaction_read_only = off; ALTER DATABASE \"{name}\" {rest};
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}' AND pid <> pg_backend_pid()");
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(admin).await.expect("altered");
    };
    alter(&mut admin, "SET default_transaction_read_only = on").await;
    until("nothing can be recorded", async || {
        (server.figure("waitless_recorder_partitions").await == Some(0.0)).then_some(())
    })
    .await;
    let since = Instant::now();
    join(&server).await;
    report.worst("lag_read_only_s", lag_is_of(&server, since, 6.0).await);
    let (status, degraded) = ready(&server).await;
    assert!(status == 200 && degraded.contains(&"postgres".to_owned()), "{status} {degraded:?}");
    // Nobody has ever held a lease.
    server.kill();
    wire.set(Flow::Gone);
    server.begin_again();
    until("it listens", async || server.readyz().await).await;
    report.worst("lag_from_the_start_s", lag_is_of(&server, since, 10.0).await);
    assert_eq!(ready(&server).await.0, 503, "it is starting");
    alter(&mut admin, "RESET default_transaction_read_only").await;
    wire.set(Flow::Open);
    server.ready().await;
    no_lag(&server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restaurant_that_cannot_be_opened_is_counted() {
    let mut report = Report::of("restaurants_unserved");
    let (redis, database) = (OwnRedis::durable().await, demo_database().await);
    let server = Server::start(&redis.url, &database).await;
    let unserved = async || server.figure("waitless_restaurants_unserved").await;
    no_lag(&server).await;
    let mut admin = PgConnection::connect(database.url.expose()).await.expect("PostgreSQL answers");
    let zone = async |admin: &mut PgConnection, zone: &str| {
        let sql = sqlx::query("UPDATE restaurants SET time_zone = $1").bind(zone.to_owned());
        sql.execute(admin).await.expect("updated");
    };
    zone(&mut admin, "Mars/Olympus").await;
    redis.ask::<()>(&["FLUSHALL"]).await.expect("emptied");
    let broken = Instant::now();
    until("it is counted", async || (unserved().await == Some(1.0)).then_some(())).await;
    report.worst("counted_after_s", broken.elapsed().as_secs_f64());
    until("it is named", async || (ready(&server).await == (200, vec!["restaurants".to_owned()])).then_some(())).await;
    zone(&mut admin, "Asia/Seoul").await;
    until("it is served again", async || (unserved().await == Some(0.0)).then_some(())).await;
    until("nothing is degraded", async || (ready(&server).await == (200, Vec::new())).then_some(())).await;
}
