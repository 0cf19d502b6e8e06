//! The HTTP API, as staff and guests of a load test use it: over kept connections, every refusal an error.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

/// The longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Between two attempts at the same.
const PAUSE: Duration = Duration::from_millis(250);

/// Requests that are repeated if need be: each has a key of its own.
static ASKED: AtomicU64 = AtomicU64::new(0);

/// Attempts that were answered "try again", of everybody.
static REPEATED: AtomicU64 = AtomicU64::new(0);

/// How often [`Api::insist`] had to ask again.
pub(crate) fn repeated() -> u64 {
    REPEATED.load(Relaxed)
}

/// The password of the demo's people.
const PASSWORD: &str = "waitless-demo";

/// Somebody who may do everything everywhere: the demo's admin.
#[derive(Clone)]
pub(crate) struct Api {
    url: String,
    http: reqwest::Client,
    token: String,
}

impl Api {
    /// Signs in.
    pub(crate) async fn new(url: &str) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).tcp_nodelay(true).build()?;
        let mut api = Self { url: url.trim_end_matches('/').to_owned(), http, token: String::new() };
        let credentials = json!({ "email": "admin@demo.test", "password": PASSWORD });
        let session = api.ask(Method::POST, "/auth/sign-in", Some(credentials)).await?;
        session["access_token"].as_str().context("no token")?.clone_into(&mut api.token);
        Ok(api)
    }

    /// `host:port`.
    pub(crate) fn authority(&self) -> anyhow::Result<std::net::SocketAddrV4> {
        let authority = self.url.strip_prefix("http://").context("an http URL")?;
        authority.parse().context("an IPv4 address and a port")
    }

    /// Answers what was answered; anything but success is an error.
    pub(crate) async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
        let (status, answer) = self.try_ask(method.clone(), path, body).await?;
        ensure!(status < 300, "{method} was answered {status}: {answer}");
        Ok(answer)
    }

    /// Asks as the pages do: under a key, and again for as long as a server has no time for it (503), which may or may not
    /// have been done before.
    pub(crate) async fn insist(&self, method: Method, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
        let key = format!(
            "loadtest-{:x}-{:x}",
            SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos(),
            ASKED.fetch_add(1, Relaxed)
        );
        let until = Instant::now() + PATIENCE;
        loop {
            let (status, answer) = self.send(method.clone(), path, body.clone(), Some(&key)).await?;
            if status != 503 || Instant::now() > until {
                ensure!(status < 300, "{method} was answered {status}: {answer}");
                return Ok(answer);
            }
            REPEATED.fetch_add(1, Relaxed);
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Status and body.
    pub(crate) async fn try_ask(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> anyhow::Result<(u16, Value)> {
        self.send(method, path, body, None).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        key: Option<&str>,
    ) -> anyhow::Result<(u16, Value)> {
        let mut request = self.http.request(method, format!("{}/v1{path}", self.url));
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        let answer = request.send().await?;
        Ok((answer.status().as_u16(), answer.json().await.context("no JSON")?))
    }

    /// A new ticket, by somebody without a phone number.
    pub(crate) async fn join(&self, slug: &str, line: &str) -> anyhow::Result<Value> {
        let body = json!({ "line": line, "adults": 2, "channel": "onsite" });
        self.ask(Method::POST, &format!("/restaurants/{slug}/tickets"), Some(body)).await
    }
}

/// `(epoch, rev)` of an answer.
pub(crate) fn stamp(answer: &Value) -> anyhow::Result<(i64, i64)> {
    let field = |name: &str| answer[name].as_i64().with_context(|| format!("{name} of {answer}"));
    Ok((field("epoch")?, field("rev")?))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use axum::{
        Json, Router,
        http::{HeaderMap, StatusCode},
        routing::{post, put},
    };

    use super::*;

    #[tokio::test]
    async fn what_was_answered_try_again_is_asked_again_under_the_same_key() {
        let keys = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&keys);
        let change = move |headers: HeaderMap| {
            let mut keys = seen.lock().expect("unharmed");
            keys.push(headers["idempotency-key"].to_str().expect("visible").to_owned());
            let answers = [StatusCode::SERVICE_UNAVAILABLE, StatusCode::OK, StatusCode::CONFLICT];
            let answer = (answers[keys.len() - 1], Json(json!({ "rev": keys.len() })));
            std::future::ready(answer)
        };
        let app = Router::new()
            .route("/v1/auth/sign-in", post(|| async { Json(json!({ "access_token": "t" })) }))
            .route("/v1/change", put(change));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async { axum::serve(listener, app).await });
        let api = Api::new(&url).await.expect("signed in");

        let answer = api.insist(Method::PUT, "/change", None).await.expect("done");
        assert_eq!((answer["rev"].as_i64(), repeated()), (Some(2), 1));
        let refused = api.insist(Method::PUT, "/change", None).await.expect_err("a conflict stays one");
        assert!(refused.to_string().contains("409"), "{refused}");
        let keys = keys.lock().expect("unharmed").clone();
        assert!(keys.len() == 3 && keys[0] == keys[1] && keys[1] != keys[2] && keys[0].len() >= 16, "{keys:?}");
    }
}
