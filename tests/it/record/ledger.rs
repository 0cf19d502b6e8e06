//! What the record has to be: every event is read from the log by a reader of its own, and what the tables should hold
//! is worked out from them in the plainest way. Shares no code with the recorder.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};
use serde_json::{Map, Value, json};
use sqlx::PgConnection;
use tokio::task::JoinHandle;

use crate::harness::until;

/// A text of Lua's, which need not be UTF-8.
#[derive(Clone, Debug, Default)]
struct Bytes(Vec<u8>);

impl Bytes {
    fn unpack(&self) -> Value {
        rmp_serde::from_slice(&self.0).expect("a packed value")
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Bytes;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a text")
            }
            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Bytes, E> {
                Ok(Bytes(text.as_bytes().to_vec()))
            }
        }
        deserializer.deserialize_bytes(Text)
    }
}

#[derive(Clone, Debug, Deserialize)]
struct By {
    role: String,
    #[serde(default)]
    device: Option<String>,
    #[serde(default)]
    account: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct Event {
    aggregate: String,
    epoch: i64,
    rev: i64,
    at: i64,
    name: String,
    by: By,
    #[serde(default)]
    ticket: Option<String>,
    #[serde(default)]
    line: Option<String>,
    #[serde(default)]
    item: Option<String>,
    #[serde(default)]
    adjusted: Option<i64>,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    tickets: Vec<Bytes>,
    #[serde(default)]
    stock: BTreeMap<String, i64>,
}

/// Reads along with the recorder, all logs of a Redis, from the first entry on.
pub struct Ledger {
    events: Arc<Mutex<Vec<Event>>>,
    reading: JoinHandle<()>,
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

impl Ledger {
    /// Reads the log of this key: `…:events`.
    pub async fn read(redis_url: &str, key: String) -> Self {
        let redis_url = redis_url.to_owned();
        Self::of(async { (redis_url, key) })
    }

    /// Reads the first log that there is in the Redis of this folder, which may be about to start: a server that records
    /// soon cuts off what it has recorded.
    pub fn follow(data: &Path) -> Self {
        let url = data.join("redis.url");
        // On a thread of its own, as the compiler takes what waits for no task.
        let waiting = tokio::task::spawn_blocking(move || {
            tokio::runtime::Handle::current().block_on(until("the first event", async || {
                let url = fs::read_to_string(&url).ok()?.trim().to_owned();
                let client = redis::Client::open(url.as_str()).ok()?;
                let mut redis = client.get_multiplexed_async_connection().await.ok()?;
                let logs: Vec<String> = redis::cmd("KEYS").arg("*:events").query_async(&mut redis).await.ok()?;
                Some((url, logs.into_iter().next()?))
            }))
        });
        Self::of(async { waiting.await.expect("it came") })
    }

    fn of(log: impl Future<Output = (String, String)> + Send + 'static) -> Self {
        let events = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&events);
        let reading = tokio::spawn(async move {
            let (redis_url, key) = log.await;
            let client = redis::Client::open(redis_url).expect("a URL");
            let mut redis = client.get_multiplexed_async_connection().await.expect("Redis answers");
            redis.set_response_timeout(Duration::from_secs(60));
            let mut position = "0-0".to_owned();
            loop {
                let mut command = redis::cmd("XREAD");
                command.arg("COUNT").arg(1_000).arg("BLOCK").arg(500).arg("STREAMS").arg(&key).arg(&position);
                let reply: Option<redis::streams::StreamReadReply> =
                    command.query_async(&mut redis).await.expect("XREAD");
                for entry in reply.into_iter().flat_map(|reply| reply.keys).flat_map(|stream| stream.ids) {
                    position.clone_from(&entry.id);
                    let packed: Vec<u8> = entry.get("event").expect("an event");
                    let event = rmp_serde::from_slice(&packed).expect("an event");
                    kept.lock().expect("nobody panicked").push(event);
                }
            }
        });
        Self { events, reading }
    }

    pub fn last(&self) -> (i64, i64) {
        let events = self.events.lock().expect("nobody panicked");
        events.last().map_or((0, 0), |event| (event.epoch, event.rev))
    }

    pub fn len(&self) -> usize {
        self.events.lock().expect("nobody panicked").len()
    }

    /// Compares every table with what the events say; prints how many rows were compared.
    pub async fn agrees(&self, database: &mut PgConnection) {
        self.compare(database, |row| row).await;
    }

    /// The same where events were recorded in another order than they happened in.
    pub async fn agrees_but_for_order(&self, database: &mut PgConnection) {
        let without_seq = |mut row: Value| {
            row.as_object_mut().and_then(|row| row.remove("seq"));
            row
        };
        self.compare(database, without_seq).await;
    }

    async fn compare(&self, database: &mut PgConnection, told: fn(Value) -> Value) {
        let events = self.events.lock().expect("nobody panicked").clone();
        let revs: Vec<i64> = events.iter().map(|event| event.rev).collect();
        assert!(revs.windows(2).all(|pair| pair[1] == pair[0] + 1), "the ledger missed nothing of the log");
        let expected = replay(&events);
        let mut counts = BTreeMap::new();
        for (table, query, rows) in [
            ("events", EVENTS, &expected.events),
            ("transitions", TRANSITIONS, &expected.transitions),
            ("stock_movements", MOVEMENTS, &expected.movements),
            ("tickets", TICKETS, &expected.tickets),
            ("day_totals", TOTALS, &expected.totals),
            ("live_parts", STOCK, &expected.stock),
        ] {
            let recorded: Vec<Value> =
                sqlx::query_scalar(query).fetch_all(&mut *database).await.unwrap_or_else(|e| panic!("{table}: {e}"));
            let told = |rows: &[Value]| -> Vec<Value> { rows.iter().cloned().map(told).collect() };
            same(table, &told(rows), &told(&recorded));
            counts.insert(table, recorded.len());
        }
        println!("row for row equal to a replay of {} events: {counts:?}", events.len());
    }
}

fn same(table: &str, expected: &[Value], recorded: &[Value]) {
    let sorted = |rows: &[Value]| -> Vec<String> {
        let mut rows: Vec<String> = rows.iter().map(ToString::to_string).collect();
        rows.sort_unstable();
        rows
    };
    let (expected, recorded) = (sorted(expected), sorted(recorded));
    if let Some((a, b)) = expected.iter().zip(&recorded).find(|(a, b)| a != b) {
        for row in recorded.iter().filter(|row| !expected.contains(row)) {
            println!("ONLY RECORDED {table} {row}");
        }
        for row in expected.iter().filter(|row| !recorded.contains(row)) {
            println!("ONLY EXPECTED {table} {row}");
        }
        panic!("{table}: expected\n{a}\nrecorded\n{b}\n({} and {} rows)", expected.len(), recorded.len());
    }
    assert_eq!(expected.len(), recorded.len(), "{table}: rows");
    let distinct: BTreeSet<&String> = recorded.iter().collect();
    assert_eq!(distinct.len(), recorded.len(), "{table}: no row twice");
}

const EVENTS: &str = "SELECT to_jsonb(e) - 'partition' - 'answer' FROM events e";
const TRANSITIONS: &str = "SELECT to_jsonb(t) - 'restaurant_id' FROM transitions t";
const MOVEMENTS: &str = "SELECT to_jsonb(m) - 'restaurant_id' FROM stock_movements m";
const TICKETS: &str =
    "SELECT to_jsonb(t) - 'restaurant_id' - 'packed' - 'eta_at_join' - 'items' - 'personal' - 'anonymous'
    || jsonb_build_object('ordered',
        (SELECT coalesce(sum((i->>'quantity')::int), 0) FROM jsonb_array_elements(items) i))
    FROM tickets t";
const TOTALS: &str = "SELECT to_jsonb(d) - 'restaurant_id' FROM day_totals d
    WHERE (parties, guests, remote, waiting, called, seated, completed, cancelled, no_show) <> (0,0,0,0,0,0,0,0,0)";
const STOCK: &str = "SELECT to_jsonb(part) FROM live_parts WHERE part LIKE 'stock:%'";

#[derive(Default)]
struct Expected {
    events: Vec<Value>,
    transitions: Vec<Value>,
    movements: Vec<Value>,
    tickets: Vec<Value>,
    totals: Vec<Value>,
    stock: Vec<Value>,
}

fn replay(events: &[Event]) -> Expected {
    let mut expected = Expected::default();
    let mut left: BTreeMap<String, i64> = BTreeMap::new();
    // The last value of each ticket, and where that and its end happened.
    let mut tickets: BTreeMap<String, (Value, i64, i64, i64, Option<i64>)> = BTreeMap::new();
    for (index, event) in events.iter().enumerate() {
        let account = event.by.account.as_ref().map(|account| account.parse::<i64>().expect("a number"));
        let changed: Vec<Value> = event.tickets.iter().map(Bytes::unpack).collect();
        let subject = changed.iter().find(|ticket| event.ticket.as_deref() == ticket["id"].as_str());
        let subject = subject.map_or(Value::Null, |ticket| ticket["ref"].clone());
        expected.events.push(json!({
            "seq": index + 1, "aggregate": event.aggregate, "epoch": event.epoch, "rev": event.rev, "at": event.at,
            "name": event.name, "role": event.by.role, "device": event.by.device, "account": account,
            "ref": subject, "line": event.line, "item": event.item, "reason": event.reason,
        }));
        for ticket in changed {
            let name = match event.name.as_str() {
                "ticket.called" if ticket["ref"] != subject => "ticket.overtaken",
                name => name,
            };
            expected.transitions.push(json!({
                "ref": ticket["ref"], "epoch": event.epoch, "rev": event.rev, "at": event.at, "name": name,
                "state": ticket["state"], "line": ticket["line"], "role": event.by.role, "device": event.by.device,
                "account": account, "reason": event.reason,
            }));
            let key = ticket["ref"].as_str().expect("a ref").to_owned();
            let ended_before = tickets.get(&key).and_then(|known| known.4);
            let is_over = ["completed", "cancelled"].contains(&ticket["state"].as_str().expect("a state"));
            let ended_at = is_over.then(|| ended_before.unwrap_or(event.at));
            tickets.insert(key, (ticket, event.epoch, event.rev, event.at, ended_at));
        }
        for (item, now) in &event.stock {
            let before = left.insert(item.clone(), *now).filter(|before| *before >= 0);
            let counted = (*now >= 0).then_some(*now);
            expected.movements.push(json!({
                "item": item, "epoch": event.epoch, "rev": event.rev, "at": event.at, "name": event.name,
                "left_after": counted, "change": counted.zip(before).map(|(now, before)| now - before),
                "adjusted": event.adjusted,
                "ref": subject, "role": event.by.role, "device": event.by.device, "account": account,
            }));
        }
    }
    expected.stock = left.keys().map(|item| json!(format!("stock:{item}"))).collect();
    let mut totals: BTreeMap<(String, String), BTreeMap<&str, i64>> = BTreeMap::new();
    for (ticket, epoch, rev, at, ended_at) in tickets.values() {
        expected.tickets.push(ticket_row(ticket, *epoch, *rev, *at, *ended_at));
        total(&mut totals, ticket);
    }
    for ((day, line), counts) in totals {
        let mut row = Map::from_iter([("day".to_owned(), json!(day)), ("line".to_owned(), json!(line))]);
        for name in TOTALLED {
            row.insert(name.to_owned(), json!(counts.get(name).unwrap_or(&0)));
        }
        expected.totals.push(Value::Object(row));
    }
    expected
}

const TOTALLED: [&str; 11] = [
    "parties",
    "guests",
    "remote",
    "waiting",
    "called",
    "seated",
    "completed",
    "cancelled",
    "no_show",
    "seated_guests",
    "waited_ms",
];

fn int(ticket: &Value, field: &str) -> i64 {
    ticket[field].as_i64().unwrap_or_default()
}

fn text(ticket: &Value, field: &str) -> String {
    ticket[field].as_str().expect("a text").to_owned()
}

fn total(totals: &mut BTreeMap<(String, String), BTreeMap<&'static str, i64>>, ticket: &Value) {
    let counts = totals.entry((text(ticket, "day"), text(ticket, "line"))).or_default();
    let guests = int(ticket, "adults") + int(ticket, "children");
    let mut add = |name: &'static str, by: i64| *counts.entry(name).or_default() += by;
    add("parties", 1);
    add("guests", guests);
    add("remote", i64::from(ticket["channel"] == "remote"));
    let state = text(ticket, "state");
    add(TOTALLED.into_iter().find(|name| **name == state).expect("a state"), 1);
    if ["seated", "completed"].contains(&state.as_str()) && !ticket["seated_at"].is_null() {
        add("seated_guests", guests);
        add("waited_ms", int(ticket, "seated_at") - int(ticket, "joined_at"));
    }
}

fn ticket_row(ticket: &Value, epoch: i64, rev: i64, at: i64, ended_at: Option<i64>) -> Value {
    let items = ticket["items"].as_array().cloned().unwrap_or_default();
    let of_items = |of: fn(&Value) -> i64| items.iter().map(of).sum::<i64>();
    json!({
        "ref": ticket["ref"], "day": ticket["day"], "number": ticket["number"], "line": ticket["line"],
        "state": ticket["state"], "adults": ticket["adults"], "children": int(ticket, "children"),
        "channel": ticket["channel"], "checked_in": ticket["checked_in"], "name": ticket.get("name"),
        "phone_last4": ticket.get("phone_last4"), "note": ticket.get("note"), "lang": ticket.get("lang"),
        "joined_at": ticket["joined_at"], "called_at": ticket.get("called_at"), "seated_at": ticket.get("seated_at"),
        "missed_at": ticket.get("missed_at"), "ended_at": ended_at, "ended_by": ticket["ended"].get("by"),
        "ended_reason": ticket["ended"].get("reason"), "calls": int(ticket, "calls"), "delays": int(ticket, "delays"),
        "overtaken": int(ticket, "overtaken"), "ahead_at_join": int(ticket, "ahead_at_join"),
        "total": of_items(|item| int(item, "price") * (int(item, "quantity") - int(item, "lost"))),
        "ordered": of_items(|item| int(item, "quantity")), "epoch": epoch, "rev": rev, "at": at,
    })
}
