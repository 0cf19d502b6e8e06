//! Weaknesses 11 to 15: capacity, and what must not disappear or be reset.

use std::{
    collections::BTreeMap,
    path::Path,
    process::{Command, Stdio},
};

use futures_util::future::join_all;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};
use waitless::config::Config;

use super::{
    house::{DEMO, House, STOCK, array, own, text},
    spy::commands_run,
};
use crate::harness::{app::TestApp, redis_of_ones_own::OwnRedis, until, watch::Watcher};

/// In the old system a table that was taken never came back to the count, so that a restaurant admitted its capacity
/// once a day; capacity must count who waits now, and the limit of a day is one of its own.
#[tokio::test]
async fn weakness_11_capacity_counts_who_waits_now() {
    let house = House::open().await;
    house.rule(json!({"capacity": 2, "daily_max": 9})).await;
    let mut admitted = Vec::new();
    for round in 0..3 {
        while admitted.len() < 2 * (round + 1) {
            admitted.push(house.guest().join().await);
        }
        house.guest().join_as(json!({})).await.refused(409, "line_full");
        // The other line has room of its own; called, seated, cancelled or missed: no longer in this one.
        for _ in 0..2 {
            let called = house.staff().call_next().await.did()["ticket"].clone();
            let end = ["seat", "cancel", "no-show"][round];
            house.staff().act(&called, end, json!({})).await.did();
        }
    }
    assert_eq!(house.queue().await["lines"][0]["waiting"], 0);
    let elsewhere = house.guest().join_as(json!({"line": "B"})).await.did();
    house.guest().delete(&own(&elsewhere, "")).await.did();
    for _ in 0..2 {
        admitted.push(house.guest().join().await);
    }
    // Nine joined today, whatever became of them.
    house.staff().call_next().await.did();
    house.guest().join_as(json!({})).await.refused(409, "daily_full");
    assert_eq!(admitted.len(), 8);
    println!("{} admitted to a line for 2", admitted.len());
}

/// Somebody in every state, with stock taken: the middle of an evening.
async fn make_busy(house: &House) {
    for n in 0..12 {
        let items = json!([{"item": "galbijjim", "quantity": 1 + n % 3}]);
        house.guest().join_as(json!({"items": items, "phone": format!("0107777{n:04}")})).await.did();
    }
    for end in ["seat", "no-show", "cancel", ""] {
        let called = house.staff().call_next().await.did()["ticket"].clone();
        if !end.is_empty() {
            house.staff().act(&called, end, json!({})).await.did();
        }
    }
    house.staff().put(&format!("{DEMO}/announcement"), json!({"text": "곧 열어요"})).await.did();
}

/// When any of the old system's servers stopped, it deleted every queue and all stock; stopping one server, all, or one
/// after the other must leave every key as it was, and the queue goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn weakness_12_a_stopping_server_wipes_nothing() {
    // It keeps the database while all servers of the house are stopped. It has other keys, so it must not record.
    let keeper = TestApp::start_with(|config| config.worker = false).await;
    let settings = |config: &mut Config| {
        config.database_url = keeper.config.database_url.clone();
        config.namespace = format!("{}b", keeper.config.namespace);
    };
    let mut house = House::open_with(2, settings).await;
    make_busy(&house).await;
    let before = house.dump().await;
    assert!(before.len() > 10, "there is something to lose");
    house.servers.remove(1).stop().await;
    assert_eq!(house.dump().await, before, "one server stopped");
    house.start_another().await;
    house.servers.remove(0).stop().await;
    assert_eq!(house.dump().await, before, "a rolling restart");
    let waiting = house.waiting().await;
    assert_eq!(waiting.len(), 8);
    let next = house.staff().call_next().await.did();
    assert_eq!(text(&next["ticket"]["number"]), waiting[0], "the queue goes on");
    assert_eq!(text(&house.guest().join().await["number"]), "A013");

    let (before, waiting) = (house.dump().await, house.waiting().await);
    for server in std::mem::take(&mut house.servers) {
        server.stop().await;
    }
    let house = House::open_with(1, settings).await;
    assert_eq!((house.dump().await, house.waiting().await), (before.clone(), waiting), "all servers stopped");
    assert_eq!(text(&house.guest().join().await["number"]), "A014");
    println!("{} keys as they were, through three kinds of stops", before.len());
}

/// Rows of every table, as text.
async fn rows(database: &str) -> BTreeMap<String, Vec<String>> {
    let mut connection = PgConnection::connect(database).await.expect("PostgreSQL answers");
    let tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut connection).await.expect("the tables");
    let mut found = BTreeMap::new();
    for table in tables {
        let sql = format!("SELECT t::text FROM \"{table}\" t ORDER BY 1");
        let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut connection).await.expect("its rows");
        found.insert(table, rows.iter().map(|row| row.get(0)).collect());
    }
    found
}

/// The old system dropped and made its tables anew at each start; starting servers, and migrating again, must keep every
/// row, and no migration may drop or empty anything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn weakness_13_starting_and_migrating_keep_every_row() {
    let mut house = House::open().await;
    let sign_up = json!({"email": "somebody@demo.test", "password": "long enough 1", "name": "손님"});
    house.guest().post("/v1/auth/sign-up", sign_up).await.did();
    house.rule(json!({"grace_s": 77})).await;
    let database = house.servers[0].config.database_url.clone();
    let before = rows(database.expose()).await;
    assert!(before.values().map(Vec::len).sum::<usize>() > 10, "there is something to lose");
    for attempt in 1..=2 {
        let migrated = Command::new(env!("CARGO_BIN_EXE_waitless"))
            .arg("migrate")
            .env("WAITLESS_DATABASE_URL", database.expose())
            .stdin(Stdio::null())
            .output()
            .expect("the binary runs");
        assert!(migrated.status.success(), "attempt {attempt}: {migrated:?}");
        house.start_another().await;
        assert_eq!(rows(database.expose()).await, before, "attempt {attempt}");
    }
    assert_eq!(house.guest().at(2).get(&format!("{DEMO}/policy")).await.did()["grace_s"], 77);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut read = 0;
    for file in std::fs::read_dir(folder).expect("the migrations").map(|file| file.expect("a file").path()) {
        if file.extension().is_some_and(|ending| ending == "sql") {
            let sql = std::fs::read_to_string(&file).expect("text").to_uppercase();
            for word in ["DROP TABLE", "DROP SCHEMA", "DROP COLUMN", "TRUNCATE", "DELETE FROM"] {
                assert!(!sql.contains(word), "{}: {word}", file.display());
            }
            read += 1;
        }
    }
    println!("{} tables kept every row; {read} migrations drop nothing", before.len());
}

/// How often the servers of this Redis have looked for days that are over: once for each partition.
async fn days_looked_at(house: &House) -> u64 {
    commands_run(&mut house.redis().await).await.get("hkeys").copied().unwrap_or(0)
}

/// The old system set the number to 0 while an old queue remained, from every server, at full hours only, and by an
/// unprotected GET; a day must roll once, when nobody is left in the line, whoever looks, and no reading changes it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn weakness_14_numbers_restart_once_and_only_without_a_queue() {
    let redis = OwnRedis::start().await;
    let mut house = House::open_with(1, |config| config.redis_url = redis.url.clone().into()).await;
    let tickets = [house.guest().join().await, house.guest().join().await];

    // No reading changes anything, whoever reads.
    let document = house.guest().get("/openapi.json").await.did();
    let before = house.dump().await;
    let mut read = 0;
    for (path, methods) in document["paths"].as_object().expect("paths") {
        if methods.get("get").is_some() {
            let path = path.replace("{r}", "demo").replace("{t}", &text(&tickets[0]["id"])).replace("{line}", "A");
            for caller in [house.guest(), house.staff(), house.owner()] {
                let status = caller.get(&path).await.status;
                assert!(status < 500, "{path}: {status}");
                read += 1;
            }
        }
    }
    assert_eq!(house.dump().await, before, "a GET writes nothing");

    // The day is long over, and two wait: new servers look at once, and leave them alone.
    house.outlive_the_day().await;
    let looked = days_looked_at(&house).await;
    for _ in 0..2 {
        house.start_another().await;
    }
    until("all have looked at the days", async || (days_looked_at(&house).await >= looked + 2 * 96).then_some(()))
        .await;
    assert_eq!((house.day().await.as_str(), house.waiting().await.len()), ("2020-01-01", 2));
    assert_eq!(text(&house.guest().join().await["number"]), "A003", "numbers go on while an old queue remains");

    // Nobody waits any more: four more servers look at the same time, and one day begins.
    for number in 1..=3 {
        let called = house.staff().call_next().await.did()["ticket"].clone();
        assert_eq!(text(&called["number"]), format!("A{number:03}"));
        house.staff().act(&called, "seat", json!({})).await.did();
    }
    let siblings = join_all((0..4).map(|_| house.servers[0].sibling())).await;
    house.servers.extend(siblings);
    let day = until("the day rolls", async || Some(house.day().await).filter(|day| day.as_str() != "2020-01-01")).await;
    let looked = days_looked_at(&house).await;
    house.start_another().await;
    until("one more has looked", async || (days_looked_at(&house).await >= looked + 96).then_some(())).await;
    let events = house.events().await;
    let rolled: Vec<&Value> = events.iter().filter(|event| event["name"] == "restaurant.day_rolled").collect();
    assert_eq!(rolled.len(), 1, "once: {rolled:?}");
    assert_eq!(rolled[0]["restaurant"]["day"], json!(day));
    // This date was here before, and the first server gave out two numbers of it; the others know nothing of that.
    let last = house.servers.len() - 1;
    assert_eq!(text(&house.guest().at(last).join().await["number"]), "A001");
    for ticket in &tickets {
        assert_eq!(house.guest().get(&own(ticket, "")).await.did()["state"], "completed");
    }

    // It opens at any moment, by itself, and days may begin at any minute.
    house.rule(json!({"day_starts": "13:37"})).await;
    let now = house.queue().await["at"].as_i64().expect("a time");
    let pause = json!({"state": "paused", "until": now + 1_234});
    house.staff().put(&format!("{DEMO}/state"), pause).await.did();
    house.guest().join_as(json!({})).await.refused(409, "paused");
    until("it opens by itself", async || {
        let answer = house.guest().join_as(json!({})).await;
        if answer.status != 201 {
            answer.refused(409, "paused");
            return None;
        }
        Some(answer)
    })
    .await;
    println!("{read} reads wrote nothing; {} servers rolled one day once", house.servers.len());
}

/// The old system searched all keys of Redis in production paths; a busy evening, with starting and stopping servers,
/// screens and a day that rolls, must never walk the keyspace or wipe it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn weakness_15_no_command_walks_the_keyspace() {
    let redis = OwnRedis::start().await;
    let mut house = House::open_with(2, |config| config.redis_url = redis.url.clone().into()).await;
    let url = house.servers[1].ws(&format!("{DEMO}/board/live"));
    let mut board = Watcher::connect(&url, None).await.expect("the socket opens");
    board.frame().await;
    make_busy(&house).await;
    for path in ["", "/menu", "/board", "/policy"] {
        house.guest().at(1).get(&format!("{DEMO}{path}")).await.did();
    }
    house.rule(json!({"grace_s": 60})).await;
    for row in array(&house.queue().await["tickets"]) {
        let code = json!({"number": row["number"], "code": "0000"});
        drop(house.guest().post(&format!("{DEMO}/tickets/find"), code).await);
        drop(house.staff().act(row, "seat", json!({})).await);
        drop(house.staff().act(row, "undo", json!({})).await);
        drop(house.staff().act(row, "cancel", json!({})).await);
    }
    house.start_another().await;
    house.servers.remove(0).stop().await;
    let commands = commands_run(&mut house.redis().await).await;
    let walking = ["keys", "scan", "flushall", "flushdb", "randomkey", "dbsize", "swapdb", "sort"];
    let found: Vec<&str> = walking.into_iter().filter(|name| commands.contains_key(*name)).collect();
    assert!(found.is_empty(), "{found:?}");
    assert!(commands["evalsha"] > 100 && commands["zadd"] > 10, "it was a busy evening: {commands:?}");
    assert!(house.left("galbijjim").await <= STOCK);
    println!("{} kinds of commands, none of them walks the keyspace: {commands:?}", commands.len());
}
