//! A Redis of one test, for what would disturb the others: settings, time measured, and being killed.

use std::{
    net::TcpListener,
    path::Path,
    process::{Child, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use rand::RngExt as _;
use redis::{FromRedisValue, aio::MultiplexedConnection};

use super::{dying_with_us, set_clock::SettableClock, until};

/// A private Redis; killed when dropped.
pub struct OwnRedis {
    pub url: String,
    command: Vec<String>,
    environment: Vec<(String, String)>,
    child: Child,
    folder: tempfile::TempDir,
}

impl Drop for OwnRedis {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port nobody listens on, below the range that systems give out by themselves.
pub fn free_port() -> u16 {
    std::iter::repeat_with(|| rand::rng().random_range(10_000..30_000))
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("some port is free")
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

impl OwnRedis {
    /// In one-node cluster mode, in memory only.
    pub async fn start() -> Self {
        let bus = free_port().to_string();
        let settings = words(&[
            "--appendonly",
            "no",
            "--cluster-enabled",
            "yes",
            "--cluster-port",
            &bus,
            "--cluster-config-file",
            "nodes.conf",
        ]);
        let own = Self::run(settings, Vec::new()).await;
        own.ask::<()>(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]).await.expect("CLUSTER ADDSLOTSRANGE");
        until("the cluster is up", async || {
            let info: String = own.ask(&["CLUSTER", "INFO"]).await.expect("INFO");
            info.contains("cluster_state:ok").then_some(())
        })
        .await;
        own
    }

    /// As `waitless dev` runs it: every write is on disk before it is answered, and nothing is ever evicted.
    pub async fn durable() -> Self {
        Self::durable_by(Vec::new()).await
    }

    /// The same by a clock that can be set.
    pub async fn by_clock(clock: &SettableClock) -> Self {
        Self::durable_by(clock.environment()).await
    }

    async fn durable_by(environment: Vec<(String, String)>) -> Self {
        let settings = ["--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction"];
        Self::run(words(&settings), environment).await
    }

    async fn run(settings: Vec<String>, environment: Vec<(String, String)>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let port = free_port().to_string();
        let mut command = words(&["--port", &port, "--bind", "127.0.0.1", "--save", "", "--dir"]);
        command.push(folder.path().to_str().expect("UTF-8").to_owned());
        command.extend(settings);
        let child = begin(&command, &environment);
        let own = Self { url: format!("redis://127.0.0.1:{port}"), command, environment, child, folder };
        own.ready().await;
        own
    }

    /// Answers, and has read what it kept.
    async fn ready(&self) {
        until("Redis answers", async || self.ask::<String>(&["PING"]).await.ok()).await;
    }

    pub async fn connect(&self) -> MultiplexedConnection {
        let client = redis::Client::open(self.url.as_str()).expect("a URL");
        until("Redis accepts", async || client.get_multiplexed_async_connection().await.ok()).await
    }

    /// One command on a connection of its own.
    pub async fn ask<T: FromRedisValue>(&self, words: &[&str]) -> redis::RedisResult<T> {
        let client = redis::Client::open(self.url.as_str())?;
        let mut command = redis::cmd(words[0]);
        for word in &words[1..] {
            command.arg(word);
        }
        command.query_async(&mut client.get_multiplexed_async_connection().await?).await
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).expect("it runs");
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again after [`OwnRedis::kill`], on the same port and with what it kept.
    pub async fn restart(&mut self) {
        self.child = begin(&self.command, &self.environment);
        self.ready().await;
    }

    /// Stops it in its tracks: it accepts connections, and answers nothing.
    pub fn freeze(&self) {
        self.signal(Signal::SIGSTOP);
    }

    pub fn thaw(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// Where it keeps its append-only file.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

fn begin(command: &[String], environment: &[(String, String)]) -> Child {
    dying_with_us("redis-server")
        .args(command)
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server is installed")
}
