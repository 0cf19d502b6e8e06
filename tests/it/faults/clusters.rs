//! A Redis that has not everything: nothing is served from it or recorded, and it is said what is wrong.

use std::process::{Command, Output, Stdio};

use crate::harness::{
    database::TestDatabase,
    dev::{BINARY, DEADLINE, folder, with_settings},
    dying_with_us,
    process::{Server, demo_database},
    redis_of_ones_own::{OwnRedis, free_port},
    until,
};

fn command(subcommand: &str, redis_url: &str, database: &TestDatabase, data: &std::path::Path) -> Command {
    let mut command = with_settings(dying_with_us(BINARY), data, subcommand);
    command
        .env("WAITLESS_LISTEN", format!("127.0.0.1:{}", free_port()))
        .env("WAITLESS_REDIS_URL", redis_url)
        .env("WAITLESS_DATABASE_URL", database.url.expose())
        .env("WAITLESS_SECRET", "a secret of the tests, long enough")
        .env("WAITLESS_LOG", "off")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs it to its end, which must come by itself.
async fn ends(command: Command) -> Output {
    let mut command = tokio::process::Command::from(command);
    let running = command.kill_on_drop(true).output();
    tokio::time::timeout(DEADLINE, running).await.expect("it ends").expect("it runs")
}

fn is_refused(what: &str, output: &Output) {
    let said = String::from_utf8_lossy(&output.stderr);
    println!("{what}: {} {said}", output.status);
    assert_eq!(output.status.code(), Some(2), "{what}: {said}");
    assert_eq!(said.lines().count(), 1, "{what}: one line: {said}");
    assert!(said.contains("WAITLESS_REDIS_URL") && said.contains("one of 3 nodes"), "{what}: {said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_node_of_a_cluster_is_refused_at_the_start() {
    let (nodes, database, data) = (OwnRedis::cluster().await, demo_database().await, folder());
    for subcommand in ["serve", "worker", "rebuild"] {
        is_refused(subcommand, &ends(command(subcommand, &nodes[1].url, &database, data.path())).await);
    }
    // One that does not answer yet is refused when it does.
    nodes[2].freeze();
    let waiting = [("serve", Vec::new()), ("worker", Vec::new())].map(|(subcommand, _): (_, Vec<()>)| {
        tokio::spawn(ends(command(subcommand, &nodes[2].url, &database, data.path())))
    });
    let server = Server::begin(&nodes[2].url, &database, &database.url);
    until("it waits", async || server.said().contains("waiting for Redis").then_some(())).await;
    assert_eq!(server.readyz().await, Some(503));
    nodes[2].thaw();
    for ended in waiting {
        is_refused("when it answers", &ended.await.expect("no panic"));
    }
    for node in &nodes {
        let keys: i64 = node.ask(&["DBSIZE"]).await.expect("DBSIZE");
        assert_eq!(keys, 0, "nothing was written anywhere");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_loses_slots_is_not_ready_until_it_has_them_again() {
    let (redis, database) = (OwnRedis::start().await, demo_database().await);
    let server = Server::start(&redis.url, &database).await;
    redis.ask::<()>(&["CLUSTER", "DELSLOTSRANGE", "0", "9999"]).await.expect("CLUSTER DELSLOTSRANGE");
    until("it is not ready", async || (server.readyz().await == Some(503)).then_some(())).await;
    until("it is said", async || server.said().contains("this Redis cannot be used any more").then_some(())).await;
    redis.ask::<()>(&["CLUSTER", "ADDSLOTSRANGE", "0", "9999"]).await.expect("CLUSTER ADDSLOTSRANGE");
    server.ready().await;
}
