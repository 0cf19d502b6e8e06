//! What everybody in a soak shares: addresses, sessions, what was acknowledged, what the auditor sees.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    net::{IpAddr, Ipv4Addr},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{
    mirror::{Mirror, Moment, Place, Stamp, stamp},
    tally::Tally,
};

/// People come from so many addresses, 127.0.0.1 and up.
pub(super) const ADDRESSES: u8 = 8;

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Unused connections are closed after this, so that the server's open files are those of its watchers.
const IDLE: Duration = Duration::from_secs(3);

/// Refusals that people run into when others are quicker or nothing is left.
const EXPECTED: [&str; 10] = [
    "already_final",
    "already_waiting",
    "line_empty",
    "no_delays_left",
    "no_recalls_left",
    "nobody_behind",
    "paused",
    "sold_out",
    "undo_expired",
    "wrong_state",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Everybody does what they do.
    Churn,
    /// Nobody does anything; screens come to rest.
    Hold,
    /// Screens are compared with the API, then everybody leaves.
    Leave,
}

/// Who asks.
#[derive(Clone, Copy)]
pub(super) enum Caller<'a> {
    /// Somebody at one of the addresses.
    Guest(u8),
    /// A session.
    Session(&'a str),
}

/// A phone's frame, to be compared with what the auditor saw at that rev.
pub(super) struct Shown {
    pub(super) ticket: String,
    pub(super) stamp: Stamp,
    pub(super) place: Place,
    pub(super) heard_at: Instant,
}

/// Somebody who has signed in.
struct Session {
    access: String,
    refresh: String,
    renew_at: Instant,
}

impl Session {
    /// Renewed when half of its time is over: whoever was given the token before then still has the other half.
    fn of(answer: &Value) -> anyhow::Result<Self> {
        let text = |name: &str| answer[name].as_str().map(str::to_owned).with_context(|| format!("no {name}"));
        let lifetime = Duration::from_secs(answer["expires_in"].as_u64().context("no expires_in")?);
        Ok(Self {
            access: text("access_token")?,
            refresh: text("refresh_token")?,
            renew_at: Instant::now() + lifetime / 2,
        })
    }
}

pub(super) struct World {
    /// Servers on one Redis and one database.
    urls: Vec<String>,
    asked: AtomicUsize,
    insisted: AtomicUsize,
    pub(super) seed: u64,
    pub(super) tally: Tally,
    pub(super) phase: watch::Sender<Phase>,
    staff: tokio::sync::Mutex<Session>,
    mirror: Mutex<Mirror>,
    /// What the auditor saw lately.
    moments: Mutex<BTreeMap<Stamp, Moment>>,
    shown: Mutex<VecDeque<Shown>>,
    /// The latest that was acknowledged of every ticket of the demo.
    ledger: Mutex<HashMap<String, (Stamp, String)>>,
    /// What those tickets are called where their ids must not appear.
    refs: Mutex<BTreeSet<String>>,
    clients: Vec<reqwest::Client>,
}

pub(super) fn address(from: u8) -> IpAddr {
    Ipv4Addr::new(127, 0, 0, 1 + from % ADDRESSES).into()
}

impl World {
    pub(super) async fn new(urls: &[&str], seed: u64) -> anyhow::Result<Self> {
        let client = |from| {
            let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).pool_idle_timeout(IDLE);
            client.local_address(address(from)).build()
        };
        let clients: Vec<_> = (0..ADDRESSES).map(client).collect::<Result<_, _>>()?;
        let staff = sign_in(&clients[0], urls[0], "staff@demo.test").await?;
        Ok(Self {
            urls: urls.iter().map(|url| (*url).to_owned()).collect(),
            asked: AtomicUsize::new(0),
            insisted: AtomicUsize::new(0),
            seed,
            tally: Tally::default(),
            phase: watch::Sender::new(Phase::Churn),
            staff: staff.into(),
            mirror: Mutex::default(),
            moments: Mutex::default(),
            shown: Mutex::default(),
            ledger: Mutex::default(),
            refs: Mutex::default(),
            clients,
        })
    }

    /// Ended tickets stay on screens while they can be undone. A soak is only steady once as many go as come, so that
    /// is made short; all else is as it comes.
    pub(super) async fn shorten_undo(&self, undo_s: u32) -> anyhow::Result<()> {
        let owner = sign_in(&self.clients[0], self.url(), "owner@demo.test").await?;
        let request =
            self.clients[0].patch(format!("{}/v1/restaurants/demo/policy", self.url())).bearer_auth(owner.access);
        let answer = request.json(&json!({ "undo_s": undo_s })).send().await?;
        ensure!(answer.status().is_success(), "the policy: {}", answer.text().await?);
        Ok(())
    }

    /// A token of staff that is good for a while: an hour is longer than a token lasts.
    pub(super) async fn staff(&self) -> String {
        let mut session = self.staff.lock().await;
        if session.renew_at <= Instant::now() {
            let body = json!({ "refresh_token": session.refresh });
            match open_session(&self.clients[0], self.url(), "/auth/refresh", body).await {
                Ok(renewed) => *session = renewed,
                Err(error) => self.tally.find(format!("the session of staff: {error:#}")),
            }
        }
        session.access.clone()
    }

    /// One server after the other.
    fn url(&self) -> &str {
        &self.urls[self.asked.fetch_add(1, Ordering::Relaxed) % self.urls.len()]
    }

    /// The server of all screens of an address: another one may be a moment behind.
    pub(super) fn url_of(&self, from: u8) -> &str {
        &self.urls[usize::from(from % ADDRESSES) % self.urls.len()]
    }

    pub(super) fn churning(&self) -> bool {
        *self.phase.borrow() == Phase::Churn
    }

    /// Until the phase changes, but no longer than this.
    pub(super) async fn pause(&self, longest: Duration) {
        let mut phase = self.phase.subscribe();
        let churning = phase.borrow_and_update().eq(&Phase::Churn);
        if churning {
            drop(tokio::time::timeout(longest, phase.changed()).await);
        }
    }

    pub(super) fn mirror(&self) -> MutexGuard<'_, Mirror> {
        lock(&self.mirror)
    }

    pub(super) fn moments(&self) -> MutexGuard<'_, BTreeMap<Stamp, Moment>> {
        lock(&self.moments)
    }

    pub(super) fn shown(&self) -> MutexGuard<'_, VecDeque<Shown>> {
        lock(&self.shown)
    }

    pub(super) fn ledger(&self) -> MutexGuard<'_, HashMap<String, (Stamp, String)>> {
        lock(&self.ledger)
    }

    pub(super) fn refs(&self) -> MutexGuard<'_, BTreeSet<String>> {
        lock(&self.refs)
    }

    /// Does something, and counts it by its kind. `None`: it was refused.
    pub(super) async fn act(
        &self,
        kind: &'static str,
        caller: Caller<'_>,
        method: Method,
        path: &str,
        body: Option<Value>,
        key: Option<&str>,
    ) -> Option<Value> {
        self.tally.count("operations", kind);
        match self.insist(caller, method, path, body, key).await {
            Ok((status, answer)) if status < 300 => {
                self.acknowledge(path, &answer);
                Some(answer)
            }
            Ok((status, answer)) => {
                let code = answer["code"].as_str().unwrap_or("none");
                self.tally.count("refusals", code);
                if status >= 500 || !EXPECTED.contains(&code) {
                    self.tally.find(format!("{kind} was answered {status} {code}: {answer}"));
                }
                None
            }
            Err(error) => {
                self.tally.find(format!("{kind} was not answered: {error:#}"));
                None
            }
        }
    }

    /// Asks; of two servers on a machine that has no time for them, again under the same key when no answer came in
    /// time, as the pages do.
    async fn insist(
        &self,
        caller: Caller<'_>,
        method: Method,
        path: &str,
        body: Option<Value>,
        key: Option<&str>,
    ) -> anyhow::Result<(u16, Value)> {
        if self.urls.len() == 1 {
            return self.ask(caller, method, path, body, key).await;
        }
        let own = format!("soak-again-{}-{:016x}", self.seed, self.insisted.fetch_add(1, Ordering::Relaxed));
        let key = key.unwrap_or(&own);
        let until = Instant::now() + PATIENCE;
        loop {
            let answer = self.ask(caller, method.clone(), path, body.clone(), Some(key)).await?;
            if answer.1["code"] != "outcome_unknown" || Instant::now() > until {
                return Ok(answer);
            }
            self.tally.count("repeated", "outcome_unknown");
        }
    }

    /// Status and body of an answer.
    pub(super) async fn ask(
        &self,
        caller: Caller<'_>,
        method: Method,
        path: &str,
        body: Option<Value>,
        key: Option<&str>,
    ) -> anyhow::Result<(u16, Value)> {
        let client = match caller {
            Caller::Guest(from) => &self.clients[usize::from(from % ADDRESSES)],
            Caller::Session(_) => &self.clients[0],
        };
        let mut request = client.request(method, format!("{}/v1{path}", self.url()));
        if let Caller::Session(token) = caller {
            request = request.bearer_auth(token);
        }
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await?;
        Ok((answer.status().as_u16(), answer.json().await.context("no JSON")?))
    }

    /// Notes the ticket that an answer is about. Of two answers the one of the higher rev is the later one.
    fn acknowledge(&self, path: &str, answer: &Value) {
        let ticket = if answer["ticket"].is_object() { &answer["ticket"] } else { answer };
        let (Some(id), Some(state)) = (ticket["id"].as_str(), ticket["state"].as_str()) else { return };
        // Other restaurants come and go; the auditor only sees the demo.
        if path.starts_with("/restaurants/soak-") || !(path.contains("/demo/") || self.ledger().contains_key(id)) {
            return;
        }
        if let Some(name) = ticket["ref"].as_str() {
            self.refs().insert(name.to_owned());
        }
        let at = stamp(answer);
        let mut ledger = self.ledger();
        let known = ledger.entry(id.to_owned()).or_insert_with(|| (at, state.to_owned()));
        if known.0 <= at {
            *known = (at, state.to_owned());
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn sign_in(client: &reqwest::Client, url: &str, email: &str) -> anyhow::Result<Session> {
    open_session(client, url, "/auth/sign-in", json!({ "email": email, "password": "waitless-demo" })).await
}

/// Asks for a session.
async fn open_session(client: &reqwest::Client, url: &str, path: &str, body: Value) -> anyhow::Result<Session> {
    let answer = client.post(format!("{url}/v1{path}")).json(&body).send().await?;
    ensure!(answer.status().is_success(), "{path} was answered {}", answer.status());
    Session::of(&answer.json().await?)
}

#[cfg(test)]
mod tests {
    use axum::{Json, Router, routing::post};

    use super::*;

    /// Sessions that last so long; each renewal wants what the one before said.
    async fn world(expires_in: u64) -> World {
        let session = move |round: u64| {
            Json(json!({
                "access_token": format!("a{round}"), "refresh_token": round.to_string(), "expires_in": expires_in,
            }))
        };
        let refresh = move |Json(body): Json<Value>| {
            let round: u64 = body["refresh_token"].as_str().expect("a token").parse().expect("ours");
            std::future::ready(session(round + 1))
        };
        let app = Router::new()
            .route("/v1/auth/sign-in", post(move || std::future::ready(session(0))))
            .route("/v1/auth/refresh", post(refresh));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async { axum::serve(listener, app).await });
        World::new(&[&url], 1).await.expect("signed in")
    }

    #[tokio::test]
    async fn a_session_is_renewed_before_it_ends_and_not_sooner() {
        let short = world(0).await;
        assert_eq!([short.staff().await, short.staff().await], ["a1", "a2"]);
        let long = world(3_600).await;
        assert_eq!([long.staff().await, long.staff().await], ["a0", "a0"]);
    }
}
