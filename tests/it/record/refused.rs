//! PostgreSQL refuses what the recorder writes, and nothing is wrong with any event: the schema, a right or a lock is
//! in the way. Nothing is set aside, the log is kept, and when that is mended the record is whole.

use std::{fs, time::Instant};

use redis::aio::MultiplexedConnection;
use serde_json::json;
use sqlx::{Connection as _, Executor as _, PgConnection};
use waitless::queue::keys::{Keys, Partition};

use super::{
    ledger::Ledger,
    scale,
    stage::Stage,
    whole::{equals_the_live_state, recorded, storm},
};
use crate::{
    faults::report::Report,
    harness::{dev::folder, until},
    storm::{RESTAURANT, Storm},
};

/// Something that is in the way of every event of a restaurant.
struct Trouble {
    name: &'static str,
    breaks: &'static [&'static str],
    mends: &'static [&'static str],
    /// What PostgreSQL calls it.
    sqlstate: &'static str,
    /// A partition to whose events nothing is in the way is recorded meanwhile.
    others_go_on: bool,
}

const RAISES: &str = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'not today' USING ERRCODE = TG_ARGV[0]; END $$";
const UNRAISED: &str = "DROP FUNCTION refuse CASCADE";

const TROUBLES: &[Trouble] = &[
    Trouble {
        name: "a missing table",
        breaks: &["ALTER TABLE tickets RENAME TO tickets_away"],
        mends: &["ALTER TABLE tickets_away RENAME TO tickets"],
        sqlstate: "42P01",
        others_go_on: true,
    },
    Trouble {
        name: "a missing column",
        breaks: &["ALTER TABLE transitions RENAME COLUMN reason TO why"],
        mends: &["ALTER TABLE transitions RENAME COLUMN why TO reason"],
        sqlstate: "42703",
        others_go_on: true,
    },
    Trouble {
        name: "a NOT NULL more",
        breaks: &[
            "ALTER TABLE tickets ADD COLUMN more TEXT NOT NULL DEFAULT ''",
            "ALTER TABLE tickets ALTER COLUMN more DROP DEFAULT",
        ],
        mends: &["ALTER TABLE tickets DROP COLUMN more"],
        sqlstate: "23502",
        others_go_on: true,
    },
    Trouble {
        name: "a CHECK more",
        breaks: &["ALTER TABLE tickets ADD CONSTRAINT small CHECK (adults < 2) NOT VALID"],
        mends: &["ALTER TABLE tickets DROP CONSTRAINT small"],
        sqlstate: "23514",
        others_go_on: true,
    },
    Trouble {
        name: "a trigger that raises",
        breaks: &[
            RAISES,
            "CREATE TRIGGER refuse BEFORE INSERT ON events FOR EACH ROW
            WHEN (NEW.aggregate LIKE 'restaurant:%') EXECUTE FUNCTION refuse('P0001')",
        ],
        mends: &[UNRAISED],
        sqlstate: "P0001",
        others_go_on: true,
    },
    Trouble {
        name: "a trigger that blames the values",
        breaks: &[
            RAISES,
            "CREATE TRIGGER refuse BEFORE INSERT ON transitions FOR EACH ROW
            WHEN (NEW.restaurant_id > 0) EXECUTE FUNCTION refuse('22003')",
        ],
        mends: &[UNRAISED],
        sqlstate: "22003",
        others_go_on: true,
    },
    Trouble {
        name: "a column that became narrow",
        breaks: &[
            "ALTER TABLE transitions ADD COLUMN kept BIGINT",
            "UPDATE transitions SET kept = at",
            "ALTER TABLE transitions ALTER COLUMN at TYPE SMALLINT USING 0",
        ],
        mends: &[
            "ALTER TABLE transitions ALTER COLUMN at TYPE BIGINT USING kept",
            "ALTER TABLE transitions DROP COLUMN kept",
        ],
        sqlstate: "22003",
        others_go_on: true,
    },
    Trouble {
        name: "a full disk, as a trigger plays it",
        breaks: &[
            RAISES,
            "CREATE TRIGGER refuse BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION refuse('53100')",
        ],
        mends: &[UNRAISED],
        sqlstate: "53100",
        others_go_on: false,
    },
    Trouble {
        name: "a database that takes no writes",
        breaks: &["ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()"],
        mends: &["ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()"],
        sqlstate: "25006",
        others_go_on: false,
    },
    Trouble {
        name: "a table that somebody has locked",
        breaks: &["BEGIN", "LOCK TABLE tickets IN ACCESS EXCLUSIVE MODE"],
        mends: &["COMMIT"],
        sqlstate: "55P03",
        others_go_on: true,
    },
];

async fn run(database: &mut PgConnection, statements: &[&'static str]) {
    for statement in statements {
        database.execute(*statement).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
}

async fn number(database: &mut PgConnection, query: &'static str) -> i64 {
    sqlx::query_scalar(query).fetch_one(database).await.expect("SQL")
}

/// Whether something is so, while nothing is set aside.
async fn until_with_nothing_set_aside(database: &mut PgConnection, what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    until(what, async || {
        let letters = number(database, "SELECT count(*) FROM dead_letters").await;
        assert_eq!(letters, 0, "{what}: good events became dead letters");
        is_so().await.then_some(())
    })
    .await;
}

async fn caught_up(people: &Storm, database: &mut PgConnection) {
    let queue = people.read(&format!("{RESTAURANT}/queue"), true).await;
    let last = (queue["epoch"].as_i64().expect("an epoch"), queue["rev"].as_i64().expect("a rev"));
    until("the record has caught up", async || (recorded(&mut *database).await == last).then_some(())).await;
}

/// An aggregate of another partition than the demo's. Its events touch few tables.
struct Neighbour {
    redis: MultiplexedConnection,
    key: String,
    rev: i64,
}

impl Neighbour {
    async fn of(stage: &Stage) -> Self {
        let demo = stage.log_key().await;
        let client = redis::Client::open(stage.dev.private_url("redis")).expect("a URL");
        let redis = client.get_multiplexed_async_connection().await.expect("Redis answers");
        let keys = Keys::new("wl");
        let key = Partition::all().map(|partition| keys.events(partition)).find(|key| *key != demo);
        Self { redis, key: key.expect("another partition"), rev: 0 }
    }

    async fn moves(&mut self) {
        self.rev += 1;
        let event = json!({
            "aggregate": "neighbour:1", "epoch": 1, "rev": self.rev, "at": self.rev, "name": "neighbour.moved",
            "by": { "role": "timer" },
        });
        let packed = rmp_serde::to_vec_named(&event).expect("packs");
        let mut add = redis::cmd("XADD");
        add.arg(&self.key).arg("*").arg("event").arg(packed).exec_async(&mut self.redis).await.expect("XADD");
    }

    async fn is_recorded(&self, database: &mut PgConnection) {
        let query = "SELECT count(*) FROM events WHERE aggregate = 'neighbour:1'";
        until("the neighbour is recorded", async || (number(database, query).await == self.rev).then_some(())).await;
    }
}

async fn figure(stage: &Stage, name: &str) -> Option<f64> {
    let text = reqwest::get(format!("{}/metrics", stage.dev.url)).await.ok()?.text().await.ok()?;
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_the_schema_is_no_events_fault() {
    let mut report = Report::of("record_refused");
    let data = folder();
    let ledger = Ledger::follow(data.path());
    let stage = Stage::set_in(data, true).await;
    let people = stage.people().await;
    let (mut database, mut operator) = (stage.database().await, stage.database().await);
    run(&mut operator, &["SET default_transaction_read_only = off"]).await;
    let mut neighbour = Neighbour::of(&stage).await;
    storm(&people, 100).await;
    neighbour.moves().await;
    caught_up(&people, &mut database).await;
    neighbour.is_recorded(&mut database).await;
    let log = stage.dev.data.join("server.log");
    let said = |from: usize| fs::read_to_string(&log).unwrap_or_default().split_off(from);
    for trouble in TROUBLES {
        let before = said(0).len();
        run(&mut operator, trouble.breaks).await;
        storm(&people, 100 * scale()).await;
        let code = format!("\"{}\"", trouble.sqlstate);
        until_with_nothing_set_aside(&mut database, trouble.name, async || said(before).contains(&code)).await;
        until("it is counted", async || {
            (figure(&stage, "waitless_recorder_stopped_partitions").await? >= 1.0).then_some(())
        })
        .await;
        if trouble.others_go_on {
            neighbour.moves().await;
            neighbour.is_recorded(&mut database).await;
        }
        assert_eq!(number(&mut database, "SELECT count(*) FROM dead_letters").await, 0, "{}", trouble.name);
        run(&mut operator, trouble.mends).await;
        let mended = Instant::now();
        caught_up(&people, &mut database).await;
        report.worst("right_after_s", mended.elapsed().as_secs_f64());
        until("nothing is stopped", async || {
            (figure(&stage, "waitless_recorder_stopped_partitions").await? == 0.0).then_some(())
        })
        .await;
        let errors = said(before).lines().filter(|line| line.contains(&code)).count();
        println!(
            "{}: recorded {:.1} s after the mend, said {errors} times",
            trouble.name,
            mended.elapsed().as_secs_f64()
        );
        assert!(errors <= 2, "{}: said {errors} times", trouble.name);
        assert_eq!(number(&mut database, "SELECT count(*) FROM dead_letters").await, 0, "{}", trouble.name);
    }
    run(&mut database, &["DELETE FROM events WHERE aggregate = 'neighbour:1'"]).await;
    ledger.agrees(&mut database).await;
    equals_the_live_state(&people, &mut database).await;
    assert_eq!(number(&mut database, "SELECT count(*) FROM gaps").await, 0, "nothing was passed over");
    report.figure("troubles", TROUBLES.len());
    report.figure("events", ledger.len());
}

/// The recorder may not write one of its tables, or a column it reads has another type than a moment ago.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_that_is_taken_and_a_type_that_changes_are_no_events_fault() {
    let mut report = Report::of("record_not_permitted");
    let stage = Stage::set(false).await;
    let ledger = Ledger::read(&stage.dev.private_url("redis"), stage.log_key().await).await;
    let people = stage.people().await;
    let mut database = stage.database().await;
    run(
        &mut database,
        &[
            "CREATE ROLE clerk LOGIN PASSWORD 'of-the-tests'",
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO clerk",
        ],
    )
    .await;
    let worker = stage.worker_as("clerk", "of-the-tests");
    storm(&people, 100).await;
    caught_up(&people, &mut database).await;

    run(&mut database, &["REVOKE INSERT ON day_totals FROM clerk"]).await;
    storm(&people, 100).await;
    until_with_nothing_set_aside(&mut database, "a right less", async || worker.said().contains("42501")).await;
    run(&mut database, &["GRANT INSERT ON day_totals TO clerk"]).await;
    let mended = Instant::now();
    caught_up(&people, &mut database).await;
    report.worst("right_after_s", mended.elapsed().as_secs_f64());

    // Statements that were prepared before are of no use: nobody has to mend that.
    for change in
        ["ALTER TABLE tickets ALTER COLUMN line TYPE VARCHAR(9)", "ALTER TABLE tickets ALTER COLUMN line TYPE TEXT"]
    {
        run(&mut database, &[change]).await;
        storm(&people, 100).await;
        caught_up(&people, &mut database).await;
    }
    assert_eq!(number(&mut database, "SELECT count(*) FROM dead_letters").await, 0);
    ledger.agrees(&mut database).await;
    equals_the_live_state(&people, &mut database).await;
    database.close().await.expect("says good-bye");
    report.figure("events", ledger.len());
}
