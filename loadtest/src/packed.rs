//! What a version of WaitLess keeps in Redis: a restaurant of its own is played through, then everything of it is written
//! to a file, byte by byte. Later versions have to read it (`tests/it/versions`).
//!
//! Run by hand, once for each released version, on a `waitless dev` of that version.

use std::{fs, path::PathBuf, time::Duration};

use anyhow::{Context as _, ensure};
use clap::Args;
use redis::{AsyncCommands as _, aio::MultiplexedConnection};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{process::Command, time::sleep};

use crate::api::Api;

/// What is written.
#[derive(Args)]
pub(crate) struct Options {
    /// Base URL of a `waitless dev` with the demo
    url: String,
    /// Its data folder
    data: PathBuf,
    /// The file to write
    out: PathBuf,
}

/// The restaurant, and the id that it has in every file.
const SLUG: &str = "released";
const ID: u64 = 4_711;

/// Timers look every second.
const TIMERS: Duration = Duration::from_secs(4);

/// Plays it through and writes it down.
///
/// # Errors
/// When anything is refused.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let read = |name: &str| fs::read_to_string(options.data.join(name)).with_context(|| format!("no {name}"));
    put_restaurant(read("postgres.url")?.trim()).await?;
    let shop = Shop { api: Api::new(&options.url).await?, guest: reqwest::Client::new(), url: options.url };
    while shop.guest.get(format!("{}/v1/restaurants/{SLUG}/board", shop.url)).send().await?.status() != 200 {
        sleep(Duration::from_millis(50)).await;
    }
    shop.play().await?;
    let redis = redis::Client::open(read("redis.url")?.trim())?;
    let lines = dump(&mut redis.get_multiplexed_async_connection().await?).await?;
    fs::write(&options.out, lines.join("\n") + "\n")?;
    println!("{} values in {}", lines.len(), options.out.display());
    Ok(())
}

async fn put_restaurant(database: &str) -> anyhow::Result<()> {
    let sql = format!(
        "INSERT INTO restaurants (id, slug, name, time_zone, currency) \
             VALUES ({ID}, '{SLUG}', '국수집', 'Asia/Seoul', 'KRW'); \
         INSERT INTO lines (restaurant_id, letter, name, position) VALUES ({ID}, 'A', '홀', 0), ({ID}, 'B', 'Bar', 1); \
         INSERT INTO menu_items (restaurant_id, id, name, price, stock, position) \
             VALUES ({ID}, 'soup', '국', 9000, 50, 0), ({ID}, 'tea', '차', 3000, NULL, 1)"
    );
    let mut psql = Command::new("psql");
    psql.args(["-q", "-1", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", &sql]);
    let outcome = psql.output().await.context("psql")?;
    ensure!(outcome.status.success(), "psql: {}", String::from_utf8_lossy(&outcome.stderr));
    Ok(())
}

struct Shop {
    api: Api,
    guest: reqwest::Client,
    url: String,
}

impl Shop {
    /// Every command, every state, every kind of notice and deadline that comes by itself within seconds.
    async fn play(&self) -> anyhow::Result<()> {
        self.policy(json!({ "grace_s": 3600, "last_call_s": 3599, "stay_s": 86_000, "undo_s": 86_000 })).await?;
        let mut parties = Vec::new();
        for n in 0..16 {
            parties.push(self.join(n).await?);
        }
        // Enough seatings for an estimate.
        for _ in 0..6 {
            let called = self.call_next().await?;
            self.act(&called, "seat", json!({})).await?;
            sleep(Duration::from_millis(300)).await;
        }
        for n in 16..22 {
            parties.push(self.join(n).await?);
        }
        self.act(&parties[0], "complete", json!({})).await?;
        let called = self.call_next().await?;
        self.act(&called, "recall", json!({})).await?;
        let missed = self.call_next().await?;
        self.act(&missed, "no-show", json!({})).await?;
        let back = self.call_next().await?;
        self.act(&back, "put-back", json!({ "places": 2 })).await?;
        let undone = self.call_next().await?;
        self.act(&undone, "undo", json!({})).await?;
        let restored = self.call_next().await?;
        self.act(&restored, "no-show", json!({})).await?;
        self.act(&restored, "restore", json!({ "places": 1 })).await?;
        self.act(&parties[20], "call", json!({ "reason": "table_fit", "to": "hall" })).await?;
        self.act(&parties[13], "cancel", json!({ "reason": "left" })).await?;
        self.holder(Method::DELETE, &parties[14], "", json!({})).await?;
        self.holder(Method::DELETE, &parties[15], "", json!({})).await?;
        self.holder(Method::POST, &parties[15], "/undo", json!({})).await?;
        self.holder(Method::POST, &parties[16], "/delay", json!({ "places": 2 })).await?;
        self.holder(Method::POST, &parties[17], "/check-in", json!({})).await?;
        let edit = json!({ "adults": 5, "children": 1, "line": "B", "note": "창가", "name": "김하늘" });
        self.api.ask(Method::PATCH, &format!("/restaurants/{SLUG}/tickets/{}", parties[18]), Some(edit)).await?;
        let hungry = self.join(22).await?;
        self.act(&hungry, "cancel", json!({})).await?;
        self.restaurant(Method::PUT, "stock/soup", json!({ "left": 0 })).await?;
        self.act(&hungry, "undo", json!({})).await?;
        self.restaurant(Method::PUT, "stock/soup", json!({ "left": 30 })).await?;
        self.restaurant(Method::POST, "stock/soup/adjust", json!({ "by": -3 })).await?;
        // What comes by itself: a last call, a grace that ends twice, a time to rejoin, a stay.
        sleep(TIMERS).await;
        self.policy(json!({ "grace_s": 1, "last_call_s": 0, "rejoin_s": 2, "stay_s": 2 })).await?;
        let slow = self.call_next().await?;
        sleep(TIMERS).await;
        self.act(&slow, "call", json!({ "reason": "came_back" })).await?;
        sleep(TIMERS).await;
        let rejoins = self.call_next().await?;
        self.policy(json!({ "rejoin_s": 3600 })).await?;
        self.act(&rejoins, "no-show", json!({})).await?;
        self.holder(Method::POST, &rejoins, "/rejoin", json!({})).await?;
        let seated = self.call_next().await?;
        self.act(&seated, "seat", json!({})).await?;
        sleep(TIMERS).await;
        self.policy(json!({ "grace_s": 3600, "stay_s": 86_000 })).await?;
        let stays = self.call_next().await?;
        self.act(&stays, "seat", json!({})).await?;
        self.call_next().await?;
        let until = self.now().await? + 86_400_000_000;
        self.restaurant(Method::PUT, "announcement", json!({ "text": "곧 닫습니다", "until": until })).await?;
        let paused = json!({ "state": "paused", "until": until, "reason": "청소" });
        self.restaurant(Method::PUT, "lines/B/state", paused).await?;
        self.restaurant(Method::PUT, "state", json!({ "state": "paused", "reason": "rest" })).await?;
        self.restaurant(Method::PUT, "state", json!({ "state": "open" })).await?;
        Ok(())
    }

    async fn join(&self, n: u64) -> anyhow::Result<String> {
        let mut body = json!({
            "line": "A", "adults": 1 + n % 3, "children": n % 2, "name": format!("손님 {n}"), "lang": "ko",
            "channel": if n % 8 == 1 { "remote" } else { "onsite" }, "phone": format!("010-5555-{n:04}"),
        });
        if n.is_multiple_of(2) {
            body["items"] = json!([{ "item": "soup", "quantity": 1 }, { "item": "tea", "quantity": 2 }]);
        }
        let request = self.guest.post(format!("{}/v1/restaurants/{SLUG}/tickets", self.url)).json(&body);
        let answer = request.header("Idempotency-Key", format!("released-version-key-{n:04}")).send().await?;
        ensure!(answer.status() == 201, "join: {}", answer.text().await?);
        Ok(answer.json::<Value>().await?["id"].as_str().context("an id")?.to_owned())
    }

    /// By the holder of a ticket.
    async fn holder(&self, method: Method, ticket: &str, path: &str, body: Value) -> anyhow::Result<()> {
        let request = self.guest.request(method, format!("{}/v1/tickets/{ticket}{path}", self.url));
        let request = if path.is_empty() { request } else { request.json(&body) };
        let answer = request.send().await?;
        ensure!(answer.status().is_success(), "{path}: {}", answer.text().await?);
        Ok(())
    }

    async fn act(&self, ticket: &str, act: &str, body: Value) -> anyhow::Result<()> {
        self.restaurant(Method::POST, &format!("tickets/{ticket}/{act}"), body).await.map(drop)
    }

    async fn call_next(&self) -> anyhow::Result<String> {
        let called = self.restaurant(Method::POST, "lines/A/call-next", json!({})).await?;
        Ok(called["ticket"]["id"].as_str().context("an id")?.to_owned())
    }

    async fn policy(&self, change: Value) -> anyhow::Result<()> {
        self.restaurant(Method::PATCH, "policy", change).await.map(drop)
    }

    async fn now(&self) -> anyhow::Result<i64> {
        self.restaurant_read("board").await?["at"].as_i64().context("a time")
    }

    async fn restaurant(&self, method: Method, path: &str, body: Value) -> anyhow::Result<Value> {
        let answer = self.api.ask(method, &format!("/restaurants/{SLUG}/{path}"), Some(body)).await;
        answer.with_context(|| path.to_owned())
    }

    async fn restaurant_read(&self, path: &str) -> anyhow::Result<Value> {
        self.api.ask(Method::GET, &format!("/restaurants/{SLUG}/{path}"), None).await
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Every value of the restaurant's partition: kind, key, field or member or entry, value or score.
async fn dump(redis: &mut MultiplexedConnection) -> anyhow::Result<Vec<String>> {
    let own: Vec<String> = redis.keys(format!("wl:*:{ID}:meta")).await?;
    let prefix = own.first().context("no restaurant")?.trim_end_matches("meta").to_owned();
    let partition = prefix.trim_end_matches(&format!("{ID}:")).to_owned();
    let mut keys: Vec<String> = redis.keys(format!("{prefix}*")).await?;
    for name in ["events", "revs", "deadlines", "src"] {
        keys.push(format!("{partition}{name}"));
    }
    keys.sort_unstable();
    let mut lines = Vec::new();
    for key in keys {
        let kind: String = redis::cmd("TYPE").arg(&key).query_async(redis).await?;
        match kind.as_str() {
            "hash" => {
                let mut fields: Vec<(Vec<u8>, Vec<u8>)> = redis::cmd("HGETALL").arg(&key).query_async(redis).await?;
                fields.sort_unstable();
                lines.extend(fields.iter().map(|(field, value)| format!("hash {key} {} {}", hex(field), hex(value))));
            }
            "zset" => {
                let mut command = redis::cmd("ZRANGE");
                command.arg(&key).arg(0).arg(-1).arg("WITHSCORES");
                let members: Vec<(Vec<u8>, String)> = command.query_async(redis).await?;
                lines.extend(members.iter().map(|(member, score)| format!("zset {key} {} {score}", hex(member))));
            }
            "stream" => {
                let entries: redis::streams::StreamRangeReply = redis.xrange_all(&key).await?;
                for entry in entries.ids {
                    let event: Vec<u8> = entry.get("event").context("an entry without an event")?;
                    lines.push(format!("stream {key} {} {}", entry.id, hex(&event)));
                }
            }
            other => anyhow::bail!("{key} is a {other}"),
        }
    }
    Ok(lines)
}
