//! A server within bounds of a test's own, on the Redis, keys and database of one of the harness.

use std::{net::SocketAddr, time::Duration};

use serde_json::{Value, json};
use waitless::app::{App, Bounds};

use crate::harness::{app::TestApp, until};

pub const DEMO: &str = "/v1/restaurants/demo";

/// A running server.
pub struct Bounded {
    pub addr: SocketAddr,
    server: App,
}

impl Bounded {
    /// A server beside this one, whose bounds are changed before it starts. Limits are on.
    pub async fn beside(app: &TestApp, change: impl FnOnce(&mut Bounds)) -> Self {
        let mut config = app.config.clone();
        config.limits = true;
        let mut bounds = Bounds::of(&config);
        change(&mut bounds);
        let listener = tokio::net::TcpListener::bind(config.listen).await.expect("a free port");
        let addr = listener.local_addr().expect("bound");
        let server = App::start_within(bounds, listener, config).await.expect("the server starts");
        let this = Self { addr, server };
        let guest = guest(2);
        until("the server is ready", async || {
            let ready = guest.get(this.url("/readyz")).send().await;
            ready.is_ok_and(|answer| answer.status().is_success()).then_some(())
        })
        .await;
        this
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    pub fn ws(&self, path: &str) -> String {
        format!("ws://{}{path}", self.addr)
    }

    pub async fn stop(self) {
        self.server.stop().await;
    }

    /// A figure of `/metrics`, by its whole name with labels; 0 if it is not there.
    pub async fn figure(&self, name: &str) -> u64 {
        let text = guest(9).get(self.url("/metrics")).send().await.expect("an answer").text().await.expect("text");
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.map_or(0, |value| value.parse().expect("a whole number"))
    }

    /// Waits until nobody is connected but who asks.
    pub async fn until_all_have_gone(&self) {
        until("everybody has gone", async || {
            let mut left = self.figure("waitless_http_connections").await.saturating_sub(1);
            for kind in ["board", "ticket", "console"] {
                left += self.figure(&format!("waitless_hub_watchers{{kind=\"{kind}\"}}")).await;
            }
            (left == 0).then_some(())
        })
        .await;
    }
}

/// A client at an address of its own, 127.0.0.`host`, that keeps no connection.
pub fn guest(host: u8) -> reqwest::Client {
    let client = reqwest::Client::builder().local_address(std::net::IpAddr::from([127, 0, 0, host]));
    client.pool_max_idle_per_host(0).timeout(Duration::from_secs(30)).build().expect("a client")
}

/// What a normal guest does: looks at the board, joins, looks at the ticket. Answers how long the slowest took.
pub async fn normal_guest(client: &reqwest::Client, server: &Bounded) -> Duration {
    let mut slowest = Duration::ZERO;
    let mut timed = async |request: reqwest::RequestBuilder, expected: u16| {
        let began = std::time::Instant::now();
        let answer = request.send().await.expect("a normal guest is answered");
        assert_eq!(answer.status().as_u16(), expected, "{}", answer.url().path());
        let body: Value = answer.json().await.expect("JSON");
        slowest = slowest.max(began.elapsed());
        body
    };
    timed(client.get(server.url(&format!("{DEMO}/board"))), 200).await;
    let party = json!({ "line": "A", "adults": 2, "channel": "remote" });
    let ticket = timed(client.post(server.url(&format!("{DEMO}/tickets"))).json(&party), 201).await;
    let id = ticket["id"].as_str().expect("an id");
    timed(client.get(server.url(&format!("/v1/tickets/{id}"))), 200).await;
    slowest
}

/// Memory of this process that is in RAM, in KiB: server, clients and test together.
pub fn memory_kib() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a figure");
    line.split_whitespace().next().expect("a number").parse().expect("a number")
}
