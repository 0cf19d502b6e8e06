//! Events that were set aside, and are read after all: replayed, they are in the record once, where they belong, and
//! nothing that happened since is touched.

use std::{path::Path, process::Command};

use redis::streams::StreamRangeReply;
use sqlx::PgConnection;
use waitless::{
    db::retention::sweep,
    queue::keys::{Keys, Partition},
};

use super::{
    ledger::Ledger,
    scale,
    stage::Stage,
    whole::{equals_the_live_state, recorded, storm},
};
use crate::{
    faults::report::Report,
    harness::{
        database::fresh_database,
        dev::{BINARY, folder, with_settings},
        until,
    },
    storm::{RESTAURANT, Storm},
};

async fn stands(people: &Storm) -> (i64, i64) {
    let queue = people.read(&format!("{RESTAURANT}/queue"), true).await;
    (queue["epoch"].as_i64().expect("an epoch"), queue["rev"].as_i64().expect("a rev"))
}

/// `waitless dlq` with these words: its exit code, and the lines it printed.
async fn dlq(stage: &Stage, words: &[&str]) -> (Option<i32>, Vec<String>) {
    dlq_at(&stage.dev.data, &stage.dev.private_url("postgres"), words).await
}

/// The same on any database.
async fn dlq_at(data: &Path, database_url: &str, words: &[&str]) -> (Option<i32>, Vec<String>) {
    let mut command = with_settings(Command::new(BINARY), data, "dlq");
    command.args(words).env("WAITLESS_DATABASE_URL", database_url).env("WAITLESS_LOG", "off");
    let output = tokio::process::Command::from(command).output().await.expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!said.contains("panicked"), "{said}");
    let lines = String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
    println!("dlq {words:?}: {:?} {said}", output.status.code());
    (output.status.code(), lines)
}

async fn lies(database: &mut PgConnection, partition: u16, entry: &str, raw: &[u8]) {
    sqlx::query(
        "INSERT INTO dead_letters (partition, entry, raw, error) VALUES ($1, $2, $3, 'by an older version')
         ON CONFLICT (partition, entry) DO UPDATE SET raw = EXCLUDED.raw, settled_at = NULL, outcome = NULL",
    )
    .bind(partition.cast_signed())
    .bind(entry)
    .bind(raw)
    .execute(database)
    .await
    .expect("SQL");
}

async fn number(database: &mut PgConnection, query: &'static str) -> i64 {
    sqlx::query_scalar(query).fetch_one(database).await.expect("SQL")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_set_aside_is_replayed_once_and_touches_nothing_newer() {
    let mut report = Report::of("record_replayed");
    let stage = Stage::set(false).await;
    let key = stage.log_key().await;
    let ledger = Ledger::read(&stage.dev.private_url("redis"), key.clone()).await;
    let people = stage.people().await;
    let mut database = stage.database().await;
    storm(&people, 400 * scale()).await;
    let last = stands(&people).await;
    until("the ledger has all", async || (ledger.last() == last).then_some(())).await;

    // An older version could not read some: single ones, and some in a row.
    let partition = Partition::all().find(|partition| Keys::new("wl").events(*partition) == key).expect("one").index();
    let client = redis::Client::open(stage.dev.private_url("redis")).expect("a URL");
    let mut redis = client.get_multiplexed_async_connection().await.expect("Redis answers");
    let log: StreamRangeReply =
        redis::cmd("XRANGE").arg(&key).arg("-").arg("+").query_async(&mut redis).await.expect("XRANGE");
    let until_recorded = async |database: &mut PgConnection, kept: &str| {
        until("what is left is recorded", async || {
            let position = sqlx::query_scalar("SELECT position FROM recorder WHERE partition = $1");
            let position: String = position.bind(partition.cast_signed()).fetch_one(&mut *database).await.expect("SQL");
            (position == kept).then_some(())
        })
        .await;
    };
    // Nothing of the end, which shows no gap yet.
    let end = log.ids.len() - 8;
    let aside = |index: usize| index < end && (index % 7 == 3 || matches!(index % 40, 20..24));
    let mut letters = Vec::new();
    for (_, entry) in log.ids.iter().enumerate().filter(|(index, _)| aside(*index)) {
        let raw: Vec<u8> = entry.get("event").expect("an event");
        lies(&mut database, partition, &entry.id, &raw).await;
        redis::cmd("XDEL").arg(&key).arg(&entry.id).exec_async(&mut redis).await.expect("XDEL");
        letters.push((entry.id.clone(), raw));
    }
    let mut worker = stage.worker();
    until_recorded(&mut database, &log.ids[log.ids.len() - 1].id).await;
    let open = "SELECT count(*) FROM gaps WHERE reconciled_at IS NULL";
    until("what is missing is made up for", async || (number(&mut database, open).await == 0).then_some(())).await;
    assert!(number(&mut database, "SELECT count(*) FROM gaps").await > 10, "there were gaps");

    let (code, lines) = dlq(&stage, &["list"]).await;
    assert_eq!((code, lines.len()), (Some(0), letters.len()), "{lines:?}");
    let shown = dlq(&stage, &["show", &format!("{partition}/{}", letters[0].0)]).await;
    assert!(shown.0 == Some(0) && shown.1.iter().any(|line| line.contains("restaurant:")), "{shown:?}");

    // Replayed while things go on happening and being recorded.
    let (replayed, ()) = tokio::join!(dlq(&stage, &["replay", "--all"]), storm(&people, 200 * scale()));
    assert_eq!(replayed.0, Some(0), "{replayed:?}");
    assert!(replayed.1.iter().all(|line| line.ends_with("  replayed")), "{replayed:?}");
    assert_eq!(replayed.1.len(), letters.len());
    let last = stands(&people).await;
    until("the record has caught up", async || (recorded(&mut database).await == last).then_some(())).await;
    until("the ledger has, too", async || (ledger.last() == last).then_some(())).await;
    until("nothing is missing", async || (number(&mut database, open).await == 0).then_some(())).await;
    ledger.agrees_but_for_order(&mut database).await;
    equals_the_live_state(&people, &mut database).await;

    // Again: once is once.
    assert_eq!(dlq(&stage, &["replay", "--all"]).await, (Some(0), vec!["nothing to replay".to_owned()]));
    let id = format!("{partition}/{}", letters[0].0);
    assert_eq!(dlq(&stage, &["replay", &id]).await, (Some(1), vec![format!("{id}  does not lie there")]));
    for (entry, raw) in &letters {
        lies(&mut database, partition, entry, raw).await;
    }
    let again = dlq(&stage, &["replay", "--all"]).await;
    assert!(again.0 == Some(0) && again.1.iter().all(|line| line.ends_with("already recorded")), "{again:?}");
    ledger.agrees_but_for_order(&mut database).await;
    report.figure("replayed", letters.len());
    report.figure("events", ledger.len());

    // The last that happened: nothing has followed it.
    worker.kill();
    storm(&people, 100).await;
    let log: StreamRangeReply =
        redis::cmd("XREVRANGE").arg(&key).arg("+").arg("-").query_async(&mut redis).await.expect("XREVRANGE");
    let raw: Vec<u8> = log.ids[0].get("event").expect("an event");
    let last = stands(&people).await;
    until("the ledger has all", async || (ledger.last() == last).then_some(())).await;
    lies(&mut database, partition, &log.ids[0].id, &raw).await;
    redis::cmd("XDEL").arg(&key).arg(&log.ids[0].id).exec_async(&mut redis).await.expect("XDEL");
    letters.push((log.ids[0].id.clone(), raw));
    let _worker = stage.worker();
    until_recorded(&mut database, &log.ids[1].id).await;
    // Unless the recorder is just making up for it.
    until("it is replayed", async || (dlq(&stage, &["replay", "--all"]).await.0 == Some(0)).then_some(())).await;
    storm(&people, 50).await;
    let last = stands(&people).await;
    until("the record has caught up", async || (recorded(&mut database).await == last).then_some(())).await;
    until("the ledger has, too", async || (ledger.last() == last).then_some(())).await;
    until("nothing is missing", async || (number(&mut database, open).await == 0).then_some(())).await;
    ledger.agrees_but_for_order(&mut database).await;

    // What cannot be read still cannot be, says why, and may be given up.
    lies(&mut database, partition, "1-1", b"neither a map nor text").await;
    let (code, lines) = dlq(&stage, &["replay", "--all"]).await;
    assert!(code == Some(1) && lines[0].contains("kept: it still cannot be read"), "{lines:?}");
    assert_eq!(dlq(&stage, &["discard", &format!("{partition}/1-1")]).await.0, Some(0));
    assert_eq!(
        number(&mut database, "SELECT count(*) FROM dead_letters WHERE settled_at IS NULL OR raw <> ''").await,
        0
    );
    assert_eq!(dlq(&stage, &["list"]).await.1, ["nothing lies there"]);
    assert_eq!(dlq(&stage, &["list", "--all"]).await.1.len(), letters.len() + 1);
    assert_eq!(dlq(&stage, &["purge"]).await.1, [format!("{} deleted", letters.len() + 1)]);
    assert_eq!(dlq(&stage, &["replay"]).await.0, Some(2), "which ones has to be said");
    assert_eq!(dlq(&stage, &["show", "all"]).await.0, Some(2));
}

/// One event's own values: a day that is none. It is set aside, alone, and the others are recorded.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_one_event_alone_is_set_aside() {
    let stage = Stage::set(true).await;
    let people = stage.people().await;
    let mut database = stage.database().await;
    storm(&people, 100).await;
    let client = redis::Client::open(stage.dev.private_url("redis")).expect("a URL");
    let mut redis = client.get_multiplexed_async_connection().await.expect("Redis answers");
    let ticket = serde_json::json!({
        "id": "00000000007abcdefghijklmnopqrstuv", "ref": "r1", "day": "the day after", "number": "A001", "line": "A",
        "state": "waiting", "adults": 2, "channel": "remote", "checked_in": false, "joined_at": 1,
    });
    // As text, which Lua has for bytes, too.
    let packed = rmp_serde::to_vec_named(&ticket).expect("packs");
    let mut event = rmp_serde::to_vec_named(&serde_json::json!({
        "aggregate": "restaurant:7", "epoch": 1, "rev": 1, "at": 1, "name": "ticket.joined", "by": { "role": "timer" },
    }))
    .expect("packs");
    event[0] += 1;
    event.extend(rmp_serde::to_vec("tickets").expect("packs"));
    event.extend([0x91, 0xda]);
    event.extend(u16::try_from(packed.len()).expect("short").to_be_bytes());
    event.extend(packed);
    let key = stage.log_key().await;
    redis::cmd("XADD").arg(&key).arg("*").arg("event").arg(event).exec_async(&mut redis).await.expect("XADD");
    storm(&people, 100).await;
    let last = stands(&people).await;
    until("the others are recorded", async || (recorded(&mut database).await == last).then_some(())).await;
    let errors: Vec<String> =
        sqlx::query_scalar("SELECT error FROM dead_letters").fetch_all(&mut database).await.expect("SQL");
    assert!(errors.len() == 1 && errors[0].contains("invalid input syntax for type date"), "{errors:?}");
    // It is refused again, and says so.
    let (code, lines) = dlq(&stage, &["replay", "--all"]).await;
    assert!(code == Some(1) && lines[0].contains("kept: PostgreSQL refuses it"), "{lines:?}");
    equals_the_live_state(&people, &mut database).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_lies_there_is_told_in_words() {
    let (data, database) = (folder(), fresh_database().await);
    let dlq = async |words: &[&str]| dlq_at(data.path(), database.url.expose(), words).await;
    let says = |code: i32, line: &str| (Some(code), vec![line.to_owned()]);
    let mut connection = database.connect().await;
    assert_eq!(dlq(&["list"]).await, says(0, "nothing lies there"));
    assert_eq!(dlq(&["replay", "--all"]).await, says(0, "nothing to replay"));
    assert_eq!(dlq(&["discard", "--all"]).await, says(0, "nothing to discard"));
    assert_eq!(dlq(&["show", "3/9-9"]).await, says(1, "3/9-9  does not lie there"));

    // The first reason stays, beside the last.
    lies(&mut connection, 3, "1-1", b"neither a map nor text").await;
    for _ in 0..2 {
        let (code, lines) = dlq(&["replay", "3/1-1"]).await;
        assert!(code == Some(1) && lines[0].starts_with("3/1-1  kept: it still cannot be read: "), "{lines:?}");
    }
    for words in [&["list"][..], &["show", "3/1-1"]] {
        let told = dlq(words).await.1.join("\n");
        assert_eq!(told.matches("by an older version").count(), 1, "{told}");
        assert_eq!(told.matches("kept: it still cannot be read").count(), 1, "{told}");
    }

    // Nothing is there for one of three reasons, and none of them is a failure to read.
    lies(&mut connection, 3, "2-1", b"").await;
    lies(&mut connection, 3, "3-1", b"old").await;
    let old = "UPDATE dead_letters SET found_at = now() - interval '50 hours' WHERE entry = '3-1'";
    database.execute(old).await;
    let swept = sweep(&database.db(), 90, |_| {}).await.expect("PostgreSQL answers");
    assert!(swept.is_some_and(|swept| !swept.is_nothing()), "what is old was erased");
    assert_eq!(dlq(&["discard", "3/1-1"]).await, says(0, "3/1-1  discarded"));
    for (entry, why) in
        [("3/1-1", "what it held was erased"), ("3/2-1", "it is empty"), ("3/3-1", "what it held was erased")]
    {
        let (code, lines) = dlq(&["show", entry]).await;
        assert!(code == Some(0) && lines.last().is_some_and(|line| line == why), "{entry}: {lines:?}");
    }
    assert_eq!(dlq(&["replay", "3/2-1"]).await, says(1, "3/2-1  kept: it is empty: discard it"));
    assert_eq!(dlq(&["replay", "3/3-1"]).await, says(1, "3/3-1  kept: what it held was erased: discard it"));

    let help = dlq(&["replay", "--help"]).await.1.join("\n");
    assert!(help.contains("--all") && help.contains("--database-url") && !help.contains("--listen"), "{help}");
}
