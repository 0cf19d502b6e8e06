//! The HTTP API, as staff and guests of a load test use it: over kept connections, every refusal an error.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use reqwest::Method;
use serde_json::{Value, json};

/// The longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(20);

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

    /// Status and body.
    pub(crate) async fn try_ask(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> anyhow::Result<(u16, Value)> {
        let mut request = self.http.request(method, format!("{}/v1{path}", self.url));
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if let Some(body) = body {
            request = request.json(&body);
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
