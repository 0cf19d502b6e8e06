//! What each released version keeps in Redis, byte by byte: today's code reads all of it, goes on with it, records it
//! and rebuilds it. `v<n>/redis.txt` holds a restaurant's whole partition as records of version n lie there;
//! `loadtest packed` wrote it, on a `waitless dev` of that version without a worker (`WAITLESS_WORKER=off`).

use std::collections::BTreeMap;

use redis::aio::MultiplexedConnection;
use reqwest::Method;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use sqlx::postgres::{PgAdvisoryLock, PgAdvisoryLockKey};
use waitless::{
    config::Secret,
    domain::{Event, Kept, LineRecord, MenuItem, Policy, RestaurantRecord, Ticket, TicketState, event::PaceRecord},
    queue::log::{Answer, Logged},
};

use crate::harness::{app::TestApp, redis_of_ones_own::OwnRedis, until};

/// Every version of records that was released, and what it left.
const RELEASED: [(u8, &str); 1] = [(1, include_str!("v1/redis.txt"))];

/// The restaurant of these files.
const SLUG: &str = "released";
const ID: i64 = 4_711;

/// A line of a file.
struct Row<'a> {
    kind: &'a str,
    key: &'a str,
    /// Field of a hash, member of a sorted set, position in a stream.
    at: Vec<u8>,
    /// Value, score or event.
    value: Vec<u8>,
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal");
    (0..text.len()).step_by(2).map(digit).collect()
}

fn lines(file: &str) -> impl Iterator<Item = Row<'_>> {
    file.lines().map(|line| {
        let parts: Vec<&str> = line.split(' ').collect();
        let [kind, key, at, value] = parts[..] else { panic!("{line}") };
        let at = if kind == "stream" { at.as_bytes().to_vec() } else { unhex(at) };
        let value = if kind == "zset" { value.as_bytes().to_vec() } else { unhex(value) };
        Row { kind, key, at, value }
    })
}

impl Row<'_> {
    fn name(&self) -> &str {
        self.key.rsplit(':').next().expect("a name")
    }

    fn field(&self) -> &str {
        std::str::from_utf8(&self.at).expect("UTF-8")
    }
}

/// Reads a value, and holds what is known of it to what anybody may read in its bytes.
fn read<T: DeserializeOwned + Serialize>(packed: &[u8]) -> T {
    let whole: Value = rmp_serde::from_slice(packed).expect("plain data");
    let known: T = rmp_serde::from_slice(packed).unwrap_or_else(|error| panic!("{error}: {whole}"));
    agrees(&serde_json::to_value(&known).expect("JSON"), &whole, "");
    known
}

fn agrees(known: &Value, whole: &Value, path: &str) {
    match (known, whole) {
        (Value::Object(known), Value::Object(whole)) => {
            for (field, value) in known {
                let path = format!("{path}.{field}");
                match whole.get(field) {
                    Some(found) => agrees(value, found, &path),
                    None => assert!(is_nothing(value), "{path} is {value}, and was not there"),
                }
            }
        }
        (Value::Array(known), Value::Array(whole)) => {
            assert_eq!(known.len(), whole.len(), "{path}");
            known.iter().zip(whole).for_each(|(known, whole)| agrees(known, whole, path));
        }
        // An empty table of Lua is a list.
        (Value::Object(known), Value::Array(whole)) => assert!(known.is_empty() && whole.is_empty(), "{path}"),
        (known, whole) => assert_eq!(known, whole, "{path}"),
    }
}

fn is_nothing(value: &Value) -> bool {
    matches!(value, Value::Null | Value::Bool(false))
        || value.as_i64() == Some(0)
        || value.as_array().is_some_and(Vec::is_empty)
        || value.as_object().is_some_and(serde_json::Map::is_empty)
        || value.as_str() == Some("")
}

#[test]
fn every_released_record_is_read() {
    for (version, file) in RELEASED {
        let mut read_of: BTreeMap<&str, u32> = BTreeMap::new();
        let mut events: BTreeMap<String, u32> = BTreeMap::new();
        let (mut states, mut notices) = (BTreeMap::new(), BTreeMap::new());
        for line in lines(file) {
            let what = match (line.name(), line.field()) {
                ("meta", "restaurant") => {
                    read::<RestaurantRecord>(&line.value);
                    let kept: Kept<RestaurantRecord> = rmp_serde::from_slice(&line.value).expect("to be written back");
                    let whole: Value = rmp_serde::from_slice(&line.value).expect("plain data");
                    assert_eq!(serde_json::to_value(&kept).expect("JSON"), whole);
                    "restaurant"
                }
                ("meta", "policy") => {
                    read::<Policy>(&line.value);
                    "policy"
                }
                ("meta", "menu") => {
                    read::<Vec<MenuItem>>(&line.value);
                    "menu"
                }
                ("meta", field) if field.starts_with("line:") => {
                    read::<LineRecord>(&line.value);
                    rmp_serde::from_slice::<Kept<LineRecord>>(&line.value).expect("to be written back");
                    "line"
                }
                ("tickets", _) => {
                    let ticket: Ticket = read(&line.value);
                    *states.entry(ticket.state).or_insert(0) += 1;
                    for notice in &ticket.notices {
                        *notices.entry(notice.kind.clone()).or_insert(0) += 1;
                    }
                    "ticket"
                }
                ("pace", _) => {
                    read::<PaceRecord>(&line.value);
                    "pace"
                }
                ("events", _) => {
                    // What an event carries is a text in it: unpacked, it is compared as a record of its own.
                    let event: Event = rmp_serde::from_slice(&line.value).expect("an event");
                    let logged: Logged = rmp_serde::from_slice(&line.value).expect("an event");
                    assert_eq!((event.stamp(), &event.name), (logged.stamp(), &logged.name));
                    let tickets: Vec<Ticket> = logged.tickets.iter().map(|packed| read(&packed.0)).collect();
                    let lines: Vec<LineRecord> = logged.lines.iter().map(|packed| read(&packed.0)).collect();
                    assert_eq!((tickets, lines), (event.tickets, event.lines), "{}", event.name);
                    if let Some(Answer { key, .. }) = &logged.answer {
                        assert!(!key.is_empty());
                        *read_of.entry("answer").or_insert(0) += 1;
                    }
                    *events.entry(event.name).or_insert(0) += 1;
                    "event"
                }
                _ => continue,
            };
            *read_of.entry(what).or_insert(0) += 1;
        }
        println!("version {version}: {read_of:?}\n{events:?}\n{states:?}\n{notices:?}");
        // The file shows enough of a version to be worth reading.
        assert!(TicketState::ALL.iter().all(|state| states.contains_key(state)), "{states:?}");
        assert!(events.len() >= 18, "{events:?}");
        assert!(notices.len() >= 3, "{notices:?}");
        for what in ["restaurant", "policy", "menu", "line", "ticket", "pace", "event", "answer"] {
            assert!(read_of.contains_key(what), "{what}");
        }
    }
}

async fn restore(redis: &mut MultiplexedConnection, file: &str) {
    let mut pipeline = redis::pipe();
    for Row { kind, key, at, value } in lines(file) {
        match kind {
            "hash" => pipeline.cmd("HSET").arg(key).arg(at).arg(value),
            "zset" => pipeline.cmd("ZADD").arg(key).arg(value).arg(at),
            _ => pipeline.cmd("XADD").arg(key).arg(at).arg("event").arg(value),
        };
        pipeline.ignore();
    }
    pipeline.exec_async(redis).await.expect("restored");
}

struct Scene {
    app: TestApp,
    token: String,
}

impl Scene {
    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let mut request = self.app.http.request(method, self.app.url(path)).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.expect("an answer");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    }

    async fn did(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.ask(Method::POST, path, Some(body)).await;
        assert!(status < 300, "{path}: {status} {answer}");
        answer
    }

    async fn queue(&self) -> BTreeMap<String, Value> {
        let path = format!("/v1/restaurants/{SLUG}/queue");
        let queue = until("the queue is read", async || {
            let (status, queue) = self.ask(Method::GET, &path, None).await;
            (status == 200).then_some(queue)
        })
        .await;
        let tickets = queue["tickets"].as_array().expect("tickets").iter();
        tickets.map(|ticket| (ticket["id"].as_str().expect("an id").to_owned(), ticket.clone())).collect()
    }

    fn of<'a>(queue: &'a BTreeMap<String, Value>, state: &str) -> Vec<&'a Value> {
        queue.values().filter(|ticket| ticket["state"] == state).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restaurant_of_every_released_version_goes_on_is_recorded_and_rebuilt() {
    for (_, file) in RELEASED {
        let redis = OwnRedis::durable().await;
        let app = TestApp::start_with(|config| {
            config.redis_url = Secret::from(redis.url.clone());
            config.namespace = "wl".to_owned();
        })
        .await;
        let mut database = app.database().connect().await;
        for sql in [
            "INSERT INTO restaurants (id, slug, name, time_zone, currency) VALUES ($1, 'released', '국수집', 'Asia/Seoul', 'KRW')",
            "INSERT INTO lines (restaurant_id, letter, name, position) VALUES ($1, 'A', '홀', 0), ($1, 'B', 'Bar', 1)",
        ] {
            sqlx::query(sql).bind(ID).execute(&mut database).await.expect("SQL");
        }
        // However old the file is: nothing of it is forgotten meanwhile.
        let forgetting = PgAdvisoryLock::new("waitless retention");
        let PgAdvisoryLockKey::BigInt(forgetting) = forgetting.key() else { panic!("a 64-bit key") };
        sqlx::query("SELECT pg_advisory_lock($1)").bind(forgetting).execute(&mut database).await.expect("SQL");
        restore(&mut redis.connect().await, file).await;
        let token = app.token("admin").await;
        let scene = Scene { app, token };

        // All is there as it was.
        let queue = scene.queue().await;
        let (mut known, mut logged) = (0, 0);
        for line in lines(file) {
            logged += i64::from(line.name() == "events");
            if line.name() != "tickets" {
                continue;
            }
            let ticket: Ticket = rmp_serde::from_slice(&line.value).expect("a ticket");
            let id = ticket.id.as_str();
            let (status, frame) = scene.ask(Method::GET, &format!("/v1/tickets/{id}"), None).await;
            assert_eq!(status, 200, "{frame}");
            assert_eq!(frame["state"], serde_json::to_value(ticket.state).expect("JSON"), "{frame}");
            assert_eq!((&frame["number"], &frame["calls"]), (&json!(ticket.number), &json!(ticket.calls)));
            assert_eq!(frame["items"].as_array().expect("items").len(), ticket.items.len());
            if !matches!(ticket.state, TicketState::Completed | TicketState::Cancelled) {
                assert_eq!(queue[id]["order"], json!(ticket.order));
                known += 1;
            }
        }
        assert!(known > 10, "{known}");
        let join = format!("/v1/restaurants/{SLUG}/tickets");

        // It goes on: every state is left by somebody.
        let staff = |id: &Value, act: &str| format!("{join}/{}/{act}", id.as_str().expect("an id"));
        let first = |state: &str| Scene::of(&queue, state)[0]["id"].clone();
        scene.did(&staff(&first("called"), "recall"), json!({})).await;
        scene.did(&staff(&first("called"), "seat"), json!({})).await;
        scene.did(&staff(&first("seated"), "complete"), json!({})).await;
        scene.did(&staff(&first("no_show"), "restore"), json!({})).await;
        scene.did(&staff(&first("waiting"), "cancel"), json!({ "reason": "late" })).await;
        scene.did(&format!("/v1/restaurants/{SLUG}/lines/A/call-next"), json!({})).await;
        let new = scene.did(&join, json!({ "line": "A", "adults": 2, "channel": "onsite" })).await;
        let highest = queue.values().filter_map(|ticket| ticket["number"].as_str()?[1..].parse::<u32>().ok()).max();
        let number: u32 = new["number"].as_str().expect("a number")[1..].parse().expect("a number");
        assert!(Some(number) > highest, "{number} after {highest:?}");
        let done = 7;

        // Everything is in the record.
        let aggregate = format!("restaurant:{ID}");
        until("everything is recorded", async || {
            let count = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM events WHERE aggregate = $1");
            let count = count.bind(&aggregate).fetch_one(&mut database).await.expect("SQL");
            (count >= logged + done).then_some(())
        })
        .await;
        for table in ["SELECT count(*) FROM dead_letters", "SELECT count(*) FROM gaps"] {
            let count: i64 = sqlx::query_scalar(table).fetch_one(&mut database).await.expect("SQL");
            assert_eq!(count, 0, "{table}");
        }

        // And is rebuilt from there.
        let before = scene.queue().await;
        redis.ask::<()>(&["FLUSHALL"]).await.expect("FLUSHALL");
        let after = until("it is open again", async || {
            let (status, queue) = scene.ask(Method::GET, &format!("/v1/restaurants/{SLUG}/queue"), None).await;
            (status == 200 && queue["restaurant"]["rebuilt_at"].is_i64()).then_some(())
        });
        after.await;
        let after = scene.queue().await;
        for state in ["waiting", "called", "seated"] {
            let numbers = |queue| {
                let mut numbers: Vec<_> = Scene::of(queue, state).into_iter().map(|it| it["number"].clone()).collect();
                numbers.sort_by_key(ToString::to_string);
                numbers
            };
            assert_eq!(numbers(&after), numbers(&before), "{state}");
        }
        scene.app.stop().await;
    }
}
