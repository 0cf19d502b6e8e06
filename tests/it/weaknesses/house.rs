//! A restaurant as its people meet it: one or more servers on one Redis and one PostgreSQL, asked over HTTP. Redis is
//! also looked at from behind, where a test has to see what was written, or has to let time pass.

use std::collections::BTreeMap;

use nix::unistd::Pid;
use serde_json::{Value, json};
use waitless::{
    config::Config,
    db::{
        Db,
        restaurants::{self, NewRestaurant},
    },
    domain::Event,
};

use crate::harness::{
    app::TestApp,
    until,
    wire::{Flow, Wire},
};

pub(super) const DEMO: &str = "/v1/restaurants/demo";

/// Units of each counted item of the demo's menu.
pub(super) const STOCK: i64 = 50;

/// What every key of some hold, as text.
pub(super) type Dump = BTreeMap<String, String>;

pub(super) struct House {
    pub(super) servers: Vec<TestApp>,
    staff: String,
    owner: String,
}

/// Somebody who asks a server.
#[derive(Clone, Copy)]
pub(super) struct Caller<'a> {
    house: &'a House,
    server: usize,
    token: Option<&'a str>,
    key: Option<&'a str>,
}

/// What was answered.
pub(super) struct Answer {
    what: String,
    pub(super) status: u16,
    pub(super) replayed: bool,
    pub(super) text: String,
}

impl House {
    pub(super) async fn open() -> Self {
        Self::open_with(1, |_| {}).await
    }

    /// So many servers with these settings.
    pub(super) async fn open_with(servers: usize, change: impl FnOnce(&mut Config)) -> Self {
        // What these tests look at is the line: nobody records, so that the log stays and the stores are still.
        let quiet = |config: &mut Config| {
            config.worker = false;
            change(config);
        };
        let first = TestApp::start_with(quiet).await;
        let (staff, owner) = (first.token("staff").await, first.token("owner").await);
        let mut house = Self { servers: vec![first], staff, owner };
        while house.servers.len() < servers {
            house.start_another().await;
        }
        house
    }

    /// The same, with a wire between the servers and PostgreSQL.
    pub(super) async fn with_postgres_by_wire(servers: usize, change: impl FnOnce(&mut Config)) -> (Self, Wire) {
        let mut between = None;
        let house = Self::open_with(servers, |config| {
            change(config);
            let (wire, url) = Wire::to_secret(&config.database_url, Flow::Open);
            config.database_url = url;
            between = Some(wire);
        });
        (house.await, between.expect("the settings were changed"))
    }

    pub(super) async fn start_another(&mut self) {
        let another = self.servers[0].sibling().await;
        self.servers.push(another);
    }

    pub(super) fn guest(&self) -> Caller<'_> {
        Caller { house: self, server: 0, token: None, key: None }
    }

    pub(super) fn staff(&self) -> Caller<'_> {
        Caller { token: Some(&self.staff), ..self.guest() }
    }

    pub(super) fn owner(&self) -> Caller<'_> {
        Caller { token: Some(&self.owner), ..self.guest() }
    }

    /// Changes rules of the demo.
    pub(super) async fn rule(&self, policy: Value) {
        self.owner().patch(&format!("{DEMO}/policy"), policy).await.did();
    }

    /// The console's rows, as this server knows them.
    pub(super) async fn queue(&self) -> Value {
        self.staff().get(&format!("{DEMO}/queue")).await.did()
    }

    /// Numbers of those who wait in line A, nearest first.
    pub(super) async fn waiting(&self) -> Vec<String> {
        let queue = self.queue().await;
        let mut rows: Vec<&Value> =
            array(&queue["tickets"]).iter().filter(|row| row["state"] == "waiting" && row["line"] == "A").collect();
        rows.sort_by_key(|row| text(&row["order"]));
        rows.into_iter().map(|row| text(&row["number"])).collect()
    }

    /// Units left of an item.
    pub(super) async fn left(&self, item: &str) -> i64 {
        self.queue().await["stock"][item].as_i64().expect("a counted item")
    }

    pub(super) async fn rev(&self) -> i64 {
        self.queue().await["rev"].as_i64().expect("a rev")
    }

    /// Another restaurant, with a line A and without rules of its own. Whoever asks first has it opened.
    pub(super) async fn another_restaurant(&self, slug: &str) {
        let db = Db::connect_lazy(&self.servers[0].config.database_url).expect("the URL of the server");
        let other = NewRestaurant {
            slug: slug.to_owned(),
            name: "다른 집".to_owned(),
            time_zone: "Asia/Seoul".to_owned(),
            currency: "KRW".to_owned(),
            lines: vec![("A".parse().expect("a letter"), "홀".to_owned())],
            menu: Vec::new(),
        };
        restaurants::create(&db, &other).await.expect("created");
    }

    pub(super) async fn redis(&self) -> redis::aio::MultiplexedConnection {
        let client = redis::Client::open(self.servers[0].config.redis_url.expose()).expect("a URL");
        client.get_multiplexed_async_connection().await.expect("Redis answers")
    }

    /// A key of the demo, or of its partition: `meta`, `deadlines`, ….
    pub(super) async fn key(&self, name: &str) -> String {
        let (namespace, mut redis) = (&self.servers[0].config.namespace, self.redis().await);
        let slug = format!("{namespace}:slug:demo");
        let id: String = redis::cmd("GET").arg(slug).query_async(&mut redis).await.expect("the demo is open");
        let pattern = format!("{namespace}:*:{id}:meta");
        let found: Vec<String> = redis::cmd("KEYS").arg(pattern).query_async(&mut redis).await.expect("KEYS");
        let meta = found.first().expect("its records");
        if ["events", "revs", "deadlines", "src"].contains(&name) {
            meta.replace(&format!(":{id}:meta"), &format!(":{name}"))
        } else {
            meta.replace(":meta", &format!(":{name}"))
        }
    }

    /// Everything that Redis keeps of this house, but for what the timers note for themselves: their clock, and the
    /// epoch of partitions that nobody has used.
    pub(super) async fn dump(&self) -> Dump {
        let mut redis = self.redis().await;
        let pattern = format!("{}:*", self.servers[0].config.namespace);
        let keys: Vec<String> = redis::cmd("KEYS").arg(pattern).query_async(&mut redis).await.expect("KEYS");
        let mut dump = Dump::new();
        let revs = self.key("revs").await;
        for key in keys.into_iter().filter(|key| !key.ends_with(":src") && (!key.ends_with(":revs") || *key == revs)) {
            let kind: String = redis::cmd("TYPE").arg(&key).query_async(&mut redis).await.expect("TYPE");
            let mut read = match kind.as_str() {
                "string" => redis::cmd("GET"),
                "hash" => redis::cmd("HGETALL"),
                "zset" => redis::cmd("ZRANGE"),
                "stream" => redis::cmd("XRANGE"),
                other => panic!("{key} is a {other}"),
            };
            read.arg(&key);
            match kind.as_str() {
                "zset" => drop(read.arg(0).arg(-1).arg("WITHSCORES")),
                "stream" => drop(read.arg("-").arg("+")),
                _ => {}
            }
            let value: redis::Value = read.query_async(&mut redis).await.expect("a read");
            // The order of a hash's fields is Redis's affair.
            let mut parts: Vec<String> = match &value {
                redis::Value::Array(parts) => parts.iter().map(|part| format!("{part:?}")).collect(),
                redis::Value::Map(parts) => parts.iter().map(|part| format!("{part:?}")).collect(),
                other => vec![format!("{other:?}")],
            };
            if kind == "hash" {
                parts.sort_unstable();
            }
            dump.insert(key, parts.join(" "));
        }
        dump
    }

    /// The demo's events so far, oldest first.
    pub(super) async fn events(&self) -> Vec<Value> {
        let mut redis = self.redis().await;
        let key = self.key("events").await;
        let entries: redis::streams::StreamRangeReply =
            redis::cmd("XRANGE").arg(key).arg("-").arg("+").query_async(&mut redis).await.expect("XRANGE");
        let events = entries.ids.iter().map(|entry| {
            let packed: Vec<u8> = entry.get("event").expect("every entry has an event");
            let event: Event = rmp_serde::from_slice(&packed).expect("an event");
            serde_json::to_value(event).expect("plain data")
        });
        events.collect()
    }

    /// Lets time pass for the demo, all at once: everything that was to come is so much nearer. With `silent`, nobody
    /// looked at the timers meanwhile.
    pub(super) async fn pass(&self, ms: i64, silent: bool) {
        const PASS: &str = r"
            local meta, tickets, deadlines, src, ms = KEYS[1], KEYS[2], KEYS[3], KEYS[4], tonumber(ARGV[1])
            local function nearer(key, field, names)
              local record = cmsgpack.unpack(redis.call('HGET', key, field))
              for _, name in ipairs(names) do record[name] = record[name] and record[name] - ms end
              redis.call('HSET', key, field, cmsgpack.pack(record))
            end
            for _, id in ipairs(redis.call('HKEYS', tickets)) do nearer(tickets, id, { 'grace_until', 'rejoin_until' }) end
            for _, field in ipairs(redis.call('HKEYS', meta)) do
              if field == 'restaurant' or string.match(field, '^line:') then nearer(meta, field, { 'until' }) end
            end
            local members = redis.call('ZRANGE', deadlines, 0, -1)
            for _, member in ipairs(members) do redis.call('ZINCRBY', deadlines, -ms, member) end
            local time = redis.call('TIME')
            local now = time[1] * 1000 + math.floor(time[2] / 1000)
            redis.call('HSET', src, 'heartbeat', ARGV[2] == 'silent' and now - ms or now)
            return #members";
        let mut eval = redis::cmd("EVAL");
        eval.arg(PASS).arg(4);
        for key in ["meta", "tickets", "deadlines", "src"] {
            eval.arg(self.key(key).await);
        }
        eval.arg(ms).arg(if silent { "silent" } else { "heard" });
        let deadlines: i64 = eval.query_async(&mut self.redis().await).await.expect("EVAL");
        assert!(deadlines > 0, "something is to come");
    }

    /// When the last of what is to come in the demo's partition comes.
    pub(super) async fn last_deadline(&self) -> i64 {
        let (mut redis, key) = (self.redis().await, self.key("deadlines").await);
        let last = redis::cmd("ZRANGE").arg(key).arg(-1).arg(-1).arg("WITHSCORES").clone();
        let last: Vec<(String, f64)> = last.query_async(&mut redis).await.expect("ZRANGE");
        last.first().expect("something is to come").1 as i64
    }

    /// The outages that the demo's timers know of, from and to, the newest first.
    pub(super) async fn outages(&self) -> Vec<(i64, i64)> {
        let (mut redis, src) = (self.redis().await, self.key("src").await);
        let packed: Option<Vec<u8>> =
            redis::cmd("HGET").arg(src).arg("shifts").query_async(&mut redis).await.expect("HGET");
        packed.map_or_else(Vec::new, |packed| rmp_serde::from_slice(&packed).expect("pairs of times"))
    }

    /// Waits until every server has looked at the demo's timers once more.
    pub(super) async fn until_looked_at(&self) {
        let (mut redis, src) = (self.redis().await, self.key("src").await);
        let mut beat = async || -> Option<i64> {
            redis::cmd("HGET").arg(&src).arg("heartbeat").query_async(&mut redis).await.expect("HGET")
        };
        // A heartbeat comes every two seconds, a look every second.
        let before = beat().await;
        until("the timers are heard", async || (beat().await != before).then_some(())).await;
    }

    /// Makes the demo's business day one of long ago.
    pub(super) async fn outlive_the_day(&self) {
        let (mut redis, meta) = (self.redis().await, self.key("meta").await);
        let packed: Vec<u8> =
            redis::cmd("HGET").arg(&meta).arg("restaurant").query_async(&mut redis).await.expect("HGET");
        let mut record: serde_json::Map<String, Value> = rmp_serde::from_slice(&packed).expect("a record");
        record.insert("day".to_owned(), json!("2020-01-01"));
        let packed = rmp_serde::to_vec_named(&record).expect("a record packs");
        redis::cmd("HSET").arg(&meta).arg("restaurant").arg(packed).exec_async(&mut redis).await.expect("HSET");
    }

    /// The demo's business day.
    pub(super) async fn day(&self) -> String {
        let (mut redis, meta) = (self.redis().await, self.key("meta").await);
        let packed: Vec<u8> =
            redis::cmd("HGET").arg(&meta).arg("restaurant").query_async(&mut redis).await.expect("HGET");
        let record: Value = rmp_serde::from_slice(&packed).expect("a record");
        text(&record["day"])
    }

    /// The process of Redis, to be frozen when it is of the test's own.
    pub(super) async fn redis_pid(&self) -> Pid {
        let info: String =
            redis::cmd("INFO").arg("server").query_async(&mut self.redis().await).await.expect("Redis answers");
        let pid = info.lines().find_map(|line| line.strip_prefix("process_id:")).expect("a process id");
        Pid::from_raw(pid.parse().expect("a number"))
    }

    /// Waits until a ticket is in this state, as its holder is told.
    pub(super) async fn until_state(&self, ticket: &Value, state: &str) -> Value {
        until(&format!("it is {state}"), async || {
            let answer = self.guest().get(&own(ticket, "")).await;
            (answer.status == 200).then(|| answer.json()).filter(|frame| frame["state"] == state)
        })
        .await
    }
}

impl<'a> Caller<'a> {
    /// The same person at another server; numbers go round.
    pub(super) fn at(self, server: usize) -> Self {
        Self { server: server % self.house.servers.len(), ..self }
    }

    pub(super) fn with_token(self, token: &'a str) -> Self {
        Self { token: Some(token), ..self }
    }

    pub(super) fn with_key(self, key: &'a str) -> Self {
        Self { key: Some(key), ..self }
    }

    pub(super) async fn get(self, path: &str) -> Answer {
        self.send("GET", path, None).await
    }

    pub(super) async fn delete(self, path: &str) -> Answer {
        self.send("DELETE", path, None).await
    }

    pub(super) async fn post(self, path: &str, body: Value) -> Answer {
        self.send("POST", path, Some(body)).await
    }

    pub(super) async fn put(self, path: &str, body: Value) -> Answer {
        self.send("PUT", path, Some(body)).await
    }

    pub(super) async fn patch(self, path: &str, body: Value) -> Answer {
        self.send("PATCH", path, Some(body)).await
    }

    async fn send(self, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.try_send(method, path, body).await.expect("an answer")
    }

    /// The answer, or nothing when the server went away.
    pub(super) async fn try_send(self, method: &str, path: &str, body: Option<Value>) -> Option<Answer> {
        let server = &self.house.servers[self.server];
        let mut request = server.http.request(method.parse().expect("a method"), server.url(path));
        if let Some(token) = self.token {
            request = request.bearer_auth(token);
        }
        if let Some(key) = self.key {
            request = request.header("idempotency-key", key);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.ok()?;
        let (status, replayed) = (answer.status().as_u16(), answer.headers().contains_key("idempotency-replayed"));
        Some(Answer { what: format!("{method} {path}"), status, replayed, text: answer.text().await.ok()? })
    }

    /// A party of two at the door takes a number of line A.
    pub(super) async fn join(self) -> Value {
        self.join_as(json!({})).await.did()
    }

    /// The same, but for these fields.
    pub(super) async fn join_as(self, fields: Value) -> Answer {
        self.post(&format!("{DEMO}/tickets"), party(fields)).await
    }

    /// What staff do with a ticket.
    pub(super) async fn act(self, ticket: &Value, what: &str, body: Value) -> Answer {
        self.post(&format!("{DEMO}/tickets/{}/{what}", text(&ticket["id"])), body).await
    }

    pub(super) async fn call_next(self) -> Answer {
        self.post(&format!("{DEMO}/lines/A/call-next"), json!({})).await
    }
}

impl Answer {
    #[track_caller]
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{}: {error}: {}", self.what, self.text))
    }

    /// What was answered; it must have been done.
    #[track_caller]
    pub(super) fn did(self) -> Value {
        assert!((200..300).contains(&self.status), "{}: {} {}", self.what, self.status, self.text);
        self.json()
    }

    /// It must have been refused so.
    #[track_caller]
    pub(super) fn refused(self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}: {}", self.what, self.text);
        let problem = self.json();
        assert_eq!(problem["code"], code, "{}: {problem}", self.what);
        problem
    }

    /// `done`, or the code it was refused with.
    pub(super) fn outcome(&self) -> String {
        if (200..300).contains(&self.status) { "done".to_owned() } else { text(&self.json()["code"]) }
    }
}

/// A party of two at the door, but for these fields.
pub(super) fn party(fields: Value) -> Value {
    let mut party = json!({"line": "A", "adults": 2, "channel": "onsite"});
    for (field, value) in fields.as_object().expect("fields") {
        party[field] = value.clone();
    }
    party
}

/// The path of a ticket for its holder.
pub(super) fn own(ticket: &Value, act: &str) -> String {
    format!("/v1/tickets/{}{act}", text(&ticket["id"]))
}

#[track_caller]
pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

#[track_caller]
pub(super) fn array(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("{value} is no list"))
}

/// How often each outcome was seen.
pub(super) fn counted(outcomes: impl IntoIterator<Item = String>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for outcome in outcomes {
        *counts.entry(outcome).or_default() += 1;
    }
    counts
}

/// What [`counted`] should have found.
pub(super) fn counts<const N: usize>(expected: [(&str, usize); N]) -> BTreeMap<String, usize> {
    expected.map(|(outcome, count)| (outcome.to_owned(), count)).into()
}
