//! A server as a real process, which can be killed, frozen and started again where it was.

use std::{
    fs::{self, File},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    sync::Arc,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::{Value, json};
use waitless::{
    config::Secret,
    db::Db,
    service::{demo, passwords::Passwords},
};

use super::{
    database::{self, TestDatabase},
    dev::{BINARY, folder, with_settings},
    dying_with_us,
    redis_of_ones_own::free_port,
    until,
};

/// A `waitless serve` with the demo restaurant; killed when dropped.
pub struct Server {
    pub addr: SocketAddr,
    pub http: reqwest::Client,
    redis_url: String,
    database_url: Secret,
    database: Arc<TestDatabase>,
    settings: Vec<(&'static str, String)>,
    child: Child,
    /// What its starts have said, one after the other.
    log: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let said = self.said();
            let tail: Vec<&str> = said.lines().rev().take(30).collect();
            eprintln!("the server's last words:\n{}", tail.into_iter().rev().collect::<Vec<_>>().join("\n"));
        }
    }
}

/// A database of the demo's, as `waitless dev` makes it before it starts a server.
pub async fn demo_database() -> Arc<TestDatabase> {
    let database = database::fresh_database().await;
    let db = Db::connect_lazy(&database.url).expect("a URL");
    let password = Secret::from(demo::PASSWORD.to_owned());
    demo::load(&db, &Passwords::default(), &password).await.expect("the demo is loaded");
    Arc::new(database)
}

impl Server {
    /// Starts one and waits until it is ready.
    pub async fn start(redis_url: &str, database: &Arc<TestDatabase>) -> Self {
        let server = Self::begin(redis_url, database, &database.url);
        server.ready().await;
        server
    }

    /// Starts one that reaches its database by this URL; does not wait.
    pub fn begin(redis_url: &str, database: &Arc<TestDatabase>, database_url: &Secret) -> Self {
        Self::begin_with(redis_url, database, database_url, Vec::new())
    }

    /// The same, with these settings besides.
    pub fn begin_with(
        redis_url: &str,
        database: &Arc<TestDatabase>,
        database_url: &Secret,
        settings: Vec<(&'static str, String)>,
    ) -> Self {
        let addr = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let log = folder();
        let mut command = command(addr, redis_url, database_url, &log);
        let child = command.envs(settings.clone()).spawn().expect("starts");
        Self {
            addr,
            http: reqwest::Client::new(),
            redis_url: redis_url.to_owned(),
            database_url: database_url.clone(),
            database: Arc::clone(database),
            settings,
            child,
            log,
        }
    }

    /// Another one on the same Redis and database.
    pub async fn sibling(&self) -> Self {
        Self::start(&self.redis_url, &self.database).await
    }

    pub async fn ready(&self) {
        until("the server is ready", async || (self.readyz().await == Some(200)).then_some(())).await;
    }

    /// What `/readyz` answers, if anything.
    pub async fn readyz(&self) -> Option<u16> {
        Some(self.http.get(self.url("/readyz")).send().await.ok()?.status().as_u16())
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Stops it in order, and waits for its end.
    pub async fn stop(&mut self) {
        self.signal(Signal::SIGTERM);
        let status = until("the server ends", async || self.child.try_wait().expect("is watched")).await;
        assert!(status.success(), "{status}: {}", self.said());
    }

    /// Starts it again after [`Server::kill`] or [`Server::stop`], on the same port; waits until it is ready.
    pub async fn restart(&mut self) {
        let mut command = command(self.addr, &self.redis_url, &self.database_url, &self.log);
        self.child = command.envs(self.settings.clone()).spawn().expect("starts again");
        self.ready().await;
    }

    /// Whether the process has not ended.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().expect("is watched").is_none()
    }

    /// Stops it in its tracks.
    pub fn freeze(&self) {
        self.signal(Signal::SIGSTOP);
    }

    pub fn thaw(&self) {
        self.signal(Signal::SIGCONT);
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).expect("it runs");
    }

    /// What it has said on standard output and error.
    pub fn said(&self) -> String {
        fs::read_to_string(self.log.path().join("log")).unwrap_or_default()
    }

    /// Memory it holds, in KiB.
    pub fn resident_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux says");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// One of its figures, without labels.
    pub async fn figure(&self, name: &str) -> Option<f64> {
        let text = self.http.get(self.url("/metrics")).send().await.ok()?.text().await.ok()?;
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
    }

    /// Signs one of the demo's people in: the status, and the access token if there is one.
    pub async fn sign_in(&self, who: &str) -> (u16, Option<String>) {
        sign_in(&self.url(""), who).await
    }
}

/// Signs one of the demo's people in at a server.
pub async fn sign_in(base: &str, who: &str) -> (u16, Option<String>) {
    let body = json!({ "email": format!("{who}@demo.test"), "password": demo::PASSWORD });
    let request = reqwest::Client::new().post(format!("{base}/v1/auth/sign-in")).json(&body);
    let answer = request.send().await.expect("an answer");
    let status = answer.status().as_u16();
    let tokens: Value = answer.json().await.unwrap_or_default();
    (status, tokens["access_token"].as_str().map(str::to_owned))
}

fn command(addr: SocketAddr, redis_url: &str, database_url: &Secret, log: &tempfile::TempDir) -> Command {
    let mut command = with_settings(dying_with_us(BINARY), log.path(), "serve");
    let log_file = File::options().create(true).append(true).open(log.path().join("log")).expect("opened");
    command
        .arg("--started-by-dev")
        .arg(log.path())
        .env("WAITLESS_LISTEN", addr.to_string())
        .env("WAITLESS_REDIS_URL", redis_url)
        .env("WAITLESS_DATABASE_URL", database_url.expose())
        .env("WAITLESS_SECRET", "a secret of the tests, long enough")
        .env("WAITLESS_LIMITS", "off")
        .env("WAITLESS_LOG", "info,waitless::api::edge=warn,format=text")
        .stdout(Stdio::from(log_file.try_clone().expect("a handle")))
        .stderr(Stdio::from(log_file));
    command
}
