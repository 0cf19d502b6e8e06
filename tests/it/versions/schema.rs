//! A database that was never migrated, that is older, or newer than a program, or holds the demo accounts: each is said
//! in one line, at once, before anything is begun.

use std::process::Output;

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use waitless::config::Secret;

use crate::harness::{
    database::{TestDatabase, fresh_database},
    dev::{BINARY, folder, with_settings},
    dying_with_us, given,
    process::{Server, demo_database},
    redis_of_ones_own::OwnRedis,
    until,
};

const NEWER: i64 = 20_991_231_000_001;

/// A migration of a newer program has been applied.
async fn migrate_further(database: &TestDatabase) {
    let sql = format!(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES ({NEWER}, 'newer', true, '\\x00', 1)"
    );
    sqlx::query(AssertSqlSafe(sql)).execute(&mut database.connect().await).await.expect("SQL");
}

/// A command that ends by itself, within a minute: its exit code, and all that it said.
fn run_aloud(words: &[&str], database: &Secret) -> (Option<i32>, String) {
    let data = folder();
    let mut command = dying_with_us("timeout");
    command.args(["60", BINARY]);
    let mut command = with_settings(command, data.path(), words[0]);
    let command = command
        .args(&words[1..])
        .env("WAITLESS_REDIS_URL", given("WAITLESS_TEST_REDIS_URL"))
        .env("WAITLESS_DATABASE_URL", database.expose())
        .env("WAITLESS_SECRET", "a secret of the tests, long enough");
    let Output { status, stderr, .. } = command.output().expect("runs");
    (status.code(), String::from_utf8(stderr).expect("UTF-8"))
}

/// The same without the log.
fn run(words: &[&str], database: &Secret) -> (Option<i32>, String) {
    let (code, said) = run_aloud(words, database);
    let lines: Vec<&str> = said.lines().filter(|line| line.starts_with("waitless: ")).collect();
    (code, lines.join("\n"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_starts_on_a_newer_schema_says_so_and_ends_with_2() {
    let database = fresh_database().await;
    migrate_further(&database).await;
    for subcommand in ["serve", "worker", "rebuild", "migrate"] {
        let (code, said) = run(&[subcommand], &database.url);
        assert_eq!(code, Some(2), "{subcommand}: {said}");
        assert!(
            said.starts_with("waitless: the database was migrated by a newer waitless, to 20991231000001"),
            "{said}"
        );
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_runs_goes_on_beside_a_newer_schema() {
    let (redis, database) = (OwnRedis::durable().await, demo_database().await);
    let mut server = Server::start(&redis.url, &database).await;
    migrate_further(&database).await;
    let token = server.sign_in("staff").await.1.expect("signed in");
    let queue = server.http.get(server.url("/v1/restaurants/demo/queue")).bearer_auth(token);
    assert_eq!(queue.send().await.expect("an answer").status(), 200);
    assert!(server.runs() && server.readyz().await == Some(200));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_says_that_nothing_was_migrated_and_is_ready_when_it_was() {
    let (redis, database) = (OwnRedis::durable().await, demo_database().await);
    // An empty database beside the test's own.
    let mut connection = database.connect().await;
    let name: String =
        sqlx::query_scalar("SELECT current_database()::text").fetch_one(&mut connection).await.expect("SQL");
    let empty = format!("{name}_empty");
    sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {empty}"))).execute(&mut connection).await.expect("SQL");
    let url = Secret::from(database.url.expose().replace(&name, &empty));

    for words in [&["rebuild"][..], &["dlq", "list"], &["dlq", "replay", "--all"], &["dlq", "purge"]] {
        let (code, said) = run(words, &url);
        assert_eq!(
            (code, said.as_str()),
            (Some(1), "waitless: the database has not been migrated: run `waitless migrate`"),
            "{words:?}"
        );
    }
    let mut server = Server::begin(&redis.url, &database, &url);
    until("it is said", async || server.said().contains("the database has not been migrated: run").then_some(())).await;
    assert!(server.runs() && server.readyz().await == Some(503), "it waits");
    assert_eq!(run(&["migrate"], &url), (Some(0), String::new()));
    server.ready().await;
    let said = server.said();
    assert_eq!(said.matches("has not been migrated").count(), 1, "once in half a minute");
    let alarms = said.matches(" WARN ").count() + said.matches("ERROR ").count();
    assert_eq!(alarms, 1, "and nothing else is wrong: {said}");

    drop(server);
    sqlx::query("DELETE FROM _sqlx_migrations WHERE version = (SELECT max(version) FROM _sqlx_migrations)")
        .execute(&mut PgConnection::connect(url.expose()).await.expect("connects"))
        .await
        .expect("SQL");
    let (code, said) = run(&["rebuild"], &url);
    assert_eq!(code, Some(1));
    assert!(said.contains("has not been migrated to 20") && said.contains("run `waitless migrate`"), "{said}");
    sqlx::query(AssertSqlSafe(format!("DROP DATABASE {empty} WITH (FORCE)")))
        .execute(&mut connection)
        .await
        .expect("SQL");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_demo_accounts_are_nothing_is_begun() {
    let database = demo_database().await;
    let (code, said) = run_aloud(&["serve"], &database.url);
    assert!(code == Some(1) && said.contains("waitless: the database holds the demo accounts"), "{code:?}: {said}");
    assert!(!said.contains("serving"), "{said}");
    let taken = database.count("SELECT count(*) FROM recorder WHERE fence > 0").await;
    assert_eq!(taken, 0, "no lease was taken");
}
