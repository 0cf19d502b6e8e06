//! A Redis of one test, for what would disturb the others: settings, time measured, and being killed.

use std::{
    fs,
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

use super::{dying_with_us, until};

/// A private Redis; killed when dropped.
pub struct OwnRedis {
    pub url: String,
    port: String,
    /// Where nodes of a cluster talk to it.
    bus: String,
    command: Vec<String>,
    child: Child,
    folder: tempfile::TempDir,
}

impl Drop for OwnRedis {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The append-only file as it was at some moment.
pub struct Copy(tempfile::TempDir);

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
        let own = Self::node().await;
        own.owns("0", "16383").await;
        own.is_up().await;
        own
    }

    /// Three nodes of one cluster, each with a third of the slots, in memory only.
    pub async fn cluster() -> [Self; 3] {
        let nodes = [Self::node().await, Self::node().await, Self::node().await];
        let thirds = [("0", "5460"), ("5461", "10922"), ("10923", "16383")];
        for (node, (from, to)) in nodes.iter().zip(thirds) {
            node.owns(from, to).await;
            let (port, bus) = (&nodes[0].port, &nodes[0].bus);
            node.ask::<()>(&["CLUSTER", "MEET", "127.0.0.1", port, bus]).await.expect("CLUSTER MEET");
        }
        for node in &nodes {
            node.is_up().await;
        }
        nodes
    }

    /// A node that has no slots.
    async fn node() -> Self {
        let bus = free_port().to_string();
        let settings = ["--appendonly", "no", "--cluster-enabled", "yes", "--cluster-port", &bus];
        let mut own = Self::run(words(&[&settings[..], &["--cluster-config-file", "nodes.conf"]].concat())).await;
        own.bus = bus;
        own
    }

    async fn owns(&self, from: &str, to: &str) {
        self.ask::<()>(&["CLUSTER", "ADDSLOTSRANGE", from, to]).await.expect("CLUSTER ADDSLOTSRANGE");
    }

    /// Knows of nothing that is missing.
    async fn is_up(&self) {
        until("the cluster is up", async || {
            let info: String = self.ask(&["CLUSTER", "INFO"]).await.expect("INFO");
            (info.contains("cluster_state:ok") && info.contains("cluster_slots_assigned:16384")).then_some(())
        })
        .await;
    }

    /// As `waitless dev` runs it: every write is on disk before it is answered, and nothing is ever evicted.
    pub async fn durable() -> Self {
        Self::run(words(&["--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction"])).await
    }

    async fn run(settings: Vec<String>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let port = free_port().to_string();
        let mut command = words(&["--port", &port, "--bind", "127.0.0.1", "--save", "", "--dir"]);
        command.push(folder.path().to_str().expect("UTF-8").to_owned());
        command.extend(settings);
        let child = begin(&command);
        let url = format!("redis://127.0.0.1:{port}");
        let own = Self { url, port, bus: String::new(), command, child, folder };
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
        self.child = begin(&self.command);
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

    /// A copy of what it has kept so far. Nothing may be under way that it has not answered yet.
    pub fn copy(&self) -> Copy {
        let copy = tempfile::tempdir().expect("a folder");
        copy_folder(&self.folder().join(KEPT), copy.path());
        Copy(copy)
    }

    /// Puts an older copy in the place of what it keeps; for after [`OwnRedis::kill`].
    pub fn put_back(&self, copy: &Copy) {
        let kept = self.folder().join(KEPT);
        fs::remove_dir_all(&kept).expect("removed");
        copy_folder(copy.0.path(), &kept);
    }
}

/// The name that Redis gives the folder of its append-only file.
const KEPT: &str = "appendonlydir";

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        fs::copy(&path, to.join(path.file_name().expect("a name"))).expect("copied");
    }
}

fn begin(command: &[String]) -> Child {
    dying_with_us("redis-server")
        .args(command)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server is installed")
}
