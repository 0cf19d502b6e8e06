//! A restaurant whose Redis dies, forgets and comes back older: real servers on a Redis of their own that keeps
//! everything, with a wire to PostgreSQL that can be cut. Answers are told as they came; nothing is judged here.

use std::{
    collections::BTreeMap,
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, stream};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};
use tempfile::TempDir;
use waitless::config::Secret;

use super::stage::Worker;
use crate::harness::{
    database::TestDatabase,
    dev::folder,
    process::{Server, demo_database, sign_in},
    redis_of_ones_own::{Copy, OwnRedis},
    until,
    wire::{Flow, Wire},
};

pub const RESTAURANT: &str = "/v1/restaurants/demo";

/// A menu item that is counted.
pub const COUNTED: &str = "galbijjim";

/// Something that somebody asks for.
#[derive(Clone, Debug)]
pub struct Ask {
    pub name: &'static str,
    method: Method,
    path: String,
    body: Option<Value>,
    by_staff: bool,
}

impl fmt::Display for Ask {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = self.body.as_ref().map(ToString::to_string);
        write!(formatter, "{} {}", self.name, body.unwrap_or_default())
    }
}

impl Ask {
    /// The ticket that it is about.
    pub fn ticket(&self) -> Option<&str> {
        let (_, after) = self.path.split_once("/tickets/")?;
        after.split('/').next()
    }

    pub fn join(body: Value) -> Self {
        Self::guest("join", Method::POST, format!("{RESTAURANT}/tickets"), Some(body))
    }

    /// A party of two that waits in a line, with nothing special.
    pub fn party(line: &str) -> Self {
        Self::join(json!({ "line": line, "adults": 2, "channel": "onsite" }))
    }

    /// A guest about a ticket: `delay`, `check-in`, `rejoin`, `undo`; nothing cancels it.
    pub fn holder(act: &'static str, ticket: &str, body: Option<Value>) -> Self {
        if act == "guest cancel" {
            return Self::guest(act, Method::DELETE, format!("/v1/tickets/{ticket}"), None);
        }
        Self::guest(act, Method::POST, format!("/v1/tickets/{ticket}/{act}"), body)
    }

    pub fn call_next(line: &str) -> Self {
        Self::staff("call-next", Method::POST, format!("/lines/{line}/call-next"), Some(json!({})))
    }

    /// Staff about a ticket: `call`, `seat`, `no-show`, …
    pub fn act(act: &'static str, ticket: &str, body: Value) -> Self {
        Self::staff(act, Method::POST, format!("/tickets/{ticket}/{act}"), Some(body))
    }

    pub fn adjust(item: &str, by: i64) -> Self {
        Self::staff("adjust", Method::POST, format!("/stock/{item}/adjust"), Some(json!({ "by": by })))
    }

    pub fn set(item: &str, left: Option<i64>) -> Self {
        Self::staff("set", Method::PUT, format!("/stock/{item}"), Some(json!({ "left": left })))
    }

    fn guest(name: &'static str, method: Method, path: String, body: Option<Value>) -> Self {
        Self { name, method, path, body, by_staff: false }
    }

    fn staff(name: &'static str, method: Method, path: String, body: Option<Value>) -> Self {
        Self { name, method, path: format!("{RESTAURANT}{path}"), body, by_staff: true }
    }
}

/// What was answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// 0 when there was none.
    pub status: u16,
    pub body: Value,
    pub replayed: bool,
    pub took_s: f64,
}

impl Answer {
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// Whether it says what came of it, for good.
    pub fn is_definite(&self) -> bool {
        !matches!(self.status, 0 | 429 | 500..)
    }

    /// Whether it says that nothing was done, and that it may be asked for later.
    pub fn is_not_now(&self) -> bool {
        matches!(self.code(), "restoring" | "unavailable")
    }

    /// For counting: `201`, `409 wrong_state`, `none`.
    pub fn kind(&self) -> String {
        match self.status {
            0 => "none".to_owned(),
            status if status < 300 => status.to_string(),
            status => format!("{status} {}", self.code()),
        }
    }
}

/// See the head of this file.
pub struct House {
    pub redis: OwnRedis,
    pub database: Arc<TestDatabase>,
    pub postgres: Wire,
    /// By the wire.
    database_url: Secret,
    pub servers: Vec<Server>,
    pub worker: Option<Worker>,
    pub token: String,
    pub http: reqwest::Client,
    /// The newest epoch that Redis had when it was last lost.
    lost_epoch: i64,
    logs: TempDir,
}

impl House {
    /// One server, that records or does not.
    pub async fn open(recording: bool) -> Self {
        let (redis, database) = tokio::join!(OwnRedis::durable(), demo_database());
        let (postgres, database_url) = Wire::to_secret(&database.url, Flow::Open);
        let http = reqwest::Client::builder().timeout(Duration::from_secs(15)).build().expect("a client");
        let mut house = Self {
            redis,
            database,
            postgres,
            database_url,
            servers: Vec::new(),
            worker: None,
            token: String::new(),
            http,
            lost_epoch: 0,
            logs: folder(),
        };
        house.another(recording);
        house.servers[0].ready().await;
        let (status, token) = sign_in(&house.servers[0].url(""), "staff").await;
        house.token = token.unwrap_or_else(|| panic!("sign-in: {status}"));
        house
    }

    /// Another server begins.
    pub fn another(&mut self, recording: bool) {
        let settings = vec![("WAITLESS_WORKER", if recording { "on" } else { "off" }.to_owned())];
        let server = Server::begin_with(&self.redis.url, &self.database, &self.database_url, settings);
        self.servers.push(server);
    }

    /// A recorder of its own begins.
    pub fn recorder(&mut self) {
        self.worker = Some(Worker::begin(&self.redis.url, self.database_url.expose(), self.logs.path()));
    }

    /// A connection of the test's own, past the wire.
    pub async fn sql(&self) -> PgConnection {
        PgConnection::connect(self.database.url.expose()).await.expect("PostgreSQL of the tests answers")
    }

    /// Redis dies and comes back with this copy, or with what it had.
    pub async fn redis_returns(&mut self, with: Option<&Copy>) {
        self.note_epoch().await;
        self.redis.kill();
        if let Some(copy) = with {
            self.redis.put_back(copy);
        }
        // An epoch is a second: a machine that nobody remembers does not come back within the same.
        until("another second", async || (seconds_now() > self.lost_epoch).then_some(())).await;
        self.redis.restart().await;
    }

    /// Redis is emptied.
    pub async fn redis_is_emptied(&mut self) {
        self.note_epoch().await;
        until("Redis is emptied", async || self.redis.ask::<()>(&["FLUSHALL"]).await.ok()).await;
    }

    async fn note_epoch(&mut self) {
        let keys: Vec<String> =
            until("Redis names its keys", async || self.redis.ask(&["KEYS", "*:revs"]).await.ok()).await;
        for key in keys {
            // Each partition has its own; the restaurant's has a rev beside it.
            let revs: BTreeMap<String, i64> =
                until("Redis tells its revs", async || self.redis.ask(&["HGETALL", &key]).await.ok()).await;
            if revs.len() > 1 {
                self.lost_epoch = self.lost_epoch.max(revs["epoch"]);
            }
        }
    }

    /// All servers are killed. Their leases are over at once, as if the time for that had passed.
    pub async fn kill_servers(&mut self) {
        self.servers.iter_mut().for_each(Server::kill);
        self.end_leases().await;
    }

    /// Nobody holds a lease any more.
    pub async fn end_leases(&self) {
        self.database.execute("DELETE FROM recorder_workers").await;
    }

    /// Killed servers start again; they need not be ready.
    pub fn servers_begin_again(&mut self, recording: bool) {
        for server in &mut self.servers {
            server.set("WAITLESS_WORKER", if recording { "on" } else { "off" });
            server.begin_again();
        }
    }

    pub async fn ready(&self) {
        for server in &self.servers {
            server.ready().await;
        }
    }

    /// Asks a server once.
    pub async fn ask_of(&self, server: usize, ask: &Ask, key: &str) -> Answer {
        let url = self.servers[server % self.servers.len()].url(&ask.path);
        let mut request = self.http.request(ask.method.clone(), url).header("idempotency-key", key);
        if ask.by_staff {
            request = request.bearer_auth(&self.token);
        }
        if let Some(body) = &ask.body {
            request = request.json(body);
        }
        self.answer(request).await
    }

    /// Reads a path of the first server once.
    pub async fn read_of(&self, server: usize, path: &str) -> Answer {
        let url = self.servers[server % self.servers.len()].url(path);
        self.answer(self.http.get(url).bearer_auth(&self.token)).await
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> Answer {
        let began = Instant::now();
        let mut answer = Answer { status: 0, body: Value::Null, replayed: false, took_s: 0.0 };
        if let Ok(response) = request.send().await {
            let (status, replayed) =
                (response.status().as_u16(), response.headers().contains_key("idempotency-replayed"));
            // A body that breaks off is no answer.
            if let Ok(body) = response.json().await {
                (answer.status, answer.replayed, answer.body) = (status, replayed, body);
            }
        }
        answer.took_s = began.elapsed().as_secs_f64();
        answer
    }

    /// Asks with the same key until the answer is definite.
    pub async fn settle_of(&self, server: usize, ask: &Ask, key: &str) -> Answer {
        until(ask.name, async || Some(self.ask_of(server, ask, key).await).filter(Answer::is_definite)).await
    }

    /// The same; that it cannot be told now, and was not done, will do, too.
    pub async fn settle_or_not_now(&self, server: usize, ask: &Ask, key: &str) -> Answer {
        let asking = async || {
            let answer = self.ask_of(server, ask, key).await;
            (answer.is_definite() || answer.is_not_now()).then_some(answer)
        };
        until(ask.name, asking).await
    }

    /// As [`House::settle_of`], with a key of its own; it has to succeed.
    pub async fn did(&self, ask: &Ask) -> Value {
        let answer = self.settle_of(0, ask, &new_key()).await;
        assert!(answer.status < 300, "{ask:?}: {} {}", answer.status, answer.body);
        answer.body
    }

    /// So many parties of two join a line.
    pub async fn join(&self, line: &str, parties: usize) -> Vec<Value> {
        stream::iter(0..parties).map(|_| async { self.did(&Ask::party(line)).await }).buffered(4).collect().await
    }

    /// Reads until the answer is definite; it has to be 200.
    pub async fn read(&self, path: &str) -> Value {
        let answer = until(path, async || Some(self.read_of(0, path).await).filter(Answer::is_definite)).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.body
    }

    pub async fn queue(&self) -> Value {
        self.read(&format!("{RESTAURANT}/queue")).await
    }

    /// Units left, as staff see it.
    pub async fn left(&self, item: &str) -> Value {
        self.queue().await["stock"][item].clone()
    }

    /// Waits until everything that happened is recorded.
    pub async fn recorded(&self) {
        until("everything is recorded", async || {
            let queue = self.queue().await;
            let (epoch, rev) = self.stands().await?;
            if queue["rev"].as_i64()? != rev {
                return None;
            }
            if queue["epoch"].as_i64()? == epoch {
                return Some(());
            }
            // A life in which nothing has happened yet is not in the record; another may have reached the same rev.
            let logs: Vec<String> = self.redis.ask(&["KEYS", "*:events"]).await.ok()?;
            let len: i64 = match logs.first() {
                Some(log) => self.redis.ask(&["XLEN", log]).await.ok()?,
                None => 0,
            };
            (len == 0).then_some(())
        })
        .await;
    }

    /// Waits until what is recorded has left the log.
    pub async fn is_cut(&self) {
        until("the log is cut", async || {
            let logs: Vec<String> = self.redis.ask(&["KEYS", "*:events"]).await.ok()?;
            let len: i64 = self.redis.ask(&["XLEN", logs.first()?]).await.ok()?;
            (len == 0).then_some(())
        })
        .await;
    }

    /// Waits until the life that Redis is in was compared with the record, and everything is recorded.
    pub async fn compared(&self) {
        let mut seen = String::new();
        until("this life of Redis was compared with the record", async || {
            let epoch = self.queue().await["epoch"].as_i64()?;
            let keys: Vec<String> = self.redis.ask(&["KEYS", "*:meta"]).await.ok()?;
            let meta = keys.first()?;
            let src = format!("{}:src", meta.rsplitn(3, ':').last()?);
            let compared: Option<i64> = self.redis.ask(&["HGET", meta, "compared"]).await.ok()?;
            let life: Option<i64> = self.redis.ask(&["HGET", &src, "life"]).await.ok()?;
            let now = format!("epoch {epoch} after {}, compared {compared:?} in life {life:?}", self.lost_epoch);
            if seen != now {
                println!("{now}");
                seen = now;
            }
            (epoch > self.lost_epoch && compared? >= life?).then_some(())
        })
        .await;
        self.recorded().await;
    }

    /// Where the record of the restaurant stands: epoch and rev.
    pub async fn stands(&self) -> Option<(i64, i64)> {
        let mut sql = self.sql().await;
        let query = sqlx::query_as("SELECT epoch, rev FROM aggregates WHERE aggregate LIKE 'restaurant:%'");
        let stands = query.fetch_optional(&mut sql).await.expect("SQL");
        sql.close().await.expect("PostgreSQL says good-bye");
        stands
    }

    /// What all servers and the recorder have said.
    pub fn said(&self) -> String {
        let servers = self.servers.iter().map(Server::said);
        servers.chain(self.worker.iter().map(Worker::said)).collect()
    }
}

fn seconds_now() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    now.as_secs().cast_signed()
}

/// A key that nobody guesses and nobody used.
pub fn new_key() -> String {
    format!("key-of-the-house-{:032x}", rand::random::<u128>())
}

pub fn id_of(ticket: &Value) -> &str {
    ticket["id"].as_str().expect("an id")
}

/// Line and digits of a ticket's number.
pub fn number_of(ticket: &Value) -> (String, u64) {
    let number = ticket["number"].as_str().expect("a number");
    (number[..1].to_owned(), number[1..].parse().expect("digits"))
}
