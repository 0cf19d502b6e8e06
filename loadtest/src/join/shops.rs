//! New restaurants, each with one empty line.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tokio::{process::Command, time::Instant};

use super::output;

/// A restaurant that PostgreSQL has just been given is open after this.
const OPENING: Duration = Duration::from_secs(20);

/// A board shows all who joined after this.
const SETTLING: Duration = Duration::from_secs(10);

/// A restaurant.
pub(super) struct Shop {
    pub(super) id: String,
    pub(super) slug: String,
}

pub(super) struct Shops {
    pub(super) url: String,
    database: String,
    http: reqwest::Client,
    opened: AtomicU64,
}

impl Shops {
    pub(super) fn new(url: &str, data: &Path) -> anyhow::Result<Self> {
        let database = fs::read_to_string(data.join("postgres.url")).context("postgres.url of the data folder")?;
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { url: url.to_owned(), database: database.trim().to_owned(), http, opened: AtomicU64::new(0) })
    }

    /// Makes restaurants, as an owner's sign-up will, and has the server open them. Nobody looks at them, so that the
    /// server follows none of them yet.
    pub(super) async fn open(&self, count: usize) -> anyhow::Result<Vec<Shop>> {
        let from = self.opened.fetch_add(count as u64, Relaxed);
        let prefix = format!("join-{}-", std::process::id());
        let sql = format!(
            "WITH made AS (INSERT INTO restaurants (slug, name, time_zone, currency) \
             SELECT '{prefix}' || number, 'Join', 'Asia/Seoul', 'KRW' \
             FROM generate_series({from}, {from} + {count} - 1) AS number RETURNING id, slug), \
             lined AS (INSERT INTO lines (restaurant_id, letter, name, position) SELECT id, 'A', 'Hall', 0 FROM made) \
             SELECT id || ' ' || slug FROM made"
        );
        let mut psql = Command::new("psql");
        psql.args(["-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", &self.database, "-c", &sql]);
        let made = output(&mut psql, "psql").await?;
        let shops: Vec<Shop> = made
            .lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(id, slug)| Shop { id: id.to_owned(), slug: slug.to_owned() })
            .collect();
        ensure!(shops.len() == count, "psql made {} restaurants of {count}", shops.len());
        for shop in &shops {
            let until = Instant::now() + OPENING;
            let path = format!("/restaurants/{}/tickets/find", shop.slug);
            // 503 `restoring` until it is open; then there is nobody of that number.
            while self.post(&path, &json!({ "number": "A001", "code": "0000" })).await?.0 == 503 {
                ensure!(Instant::now() < until, "{} was not opened", shop.slug);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Ok(shops)
    }

    /// Posts JSON; answers status and body.
    pub(super) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<(u16, Value)> {
        let request = self.http.post(format!("{}/v1{path}", self.url)).header("content-type", "application/json");
        let key = format!("{:032x}", u128::from(self.opened.fetch_add(1, Relaxed)) | 1 << 64);
        let answer = request.header("idempotency-key", key).body(body.to_string()).send().await?;
        let status = answer.status().as_u16();
        Ok((status, serde_json::from_str(&answer.text().await?).unwrap_or(Value::Null)))
    }

    /// How many wait, as the board says once it has settled.
    pub(super) async fn waiting(&self, shop: &Shop) -> anyhow::Result<u64> {
        let url = format!("{}/v1/restaurants/{}/board", self.url, shop.slug);
        let until = Instant::now() + SETTLING;
        let mut before = None;
        loop {
            let board: Value = serde_json::from_str(&self.http.get(&url).send().await?.text().await?)?;
            let waiting = board["lines"][0]["waiting"].as_u64().context("a board without a line")?;
            if before == Some(waiting) || Instant::now() >= until {
                return Ok(waiting);
            }
            before = Some(waiting);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}
