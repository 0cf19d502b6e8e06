//! A Redis of one test, for what would disturb the others: settings, and time measured.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rand::RngExt as _;

/// A running Redis in one-node cluster mode, killed when dropped.
pub struct OwnRedis {
    pub url: String,
    child: Child,
    _folder: tempfile::TempDir,
}

impl Drop for OwnRedis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port nobody listens on, below the range that systems give out by themselves.
fn free_port() -> u16 {
    std::iter::repeat_with(|| rand::rng().random_range(10_000..30_000))
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("some port is free")
}

impl OwnRedis {
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (port, bus) = (free_port().to_string(), free_port().to_string());
        let child = Command::new("redis-server")
            .args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .args(["--cluster-enabled", "yes", "--cluster-port", &bus, "--cluster-config-file", "nodes.conf"])
            .arg("--dir")
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        let own = Self { url: format!("redis://127.0.0.1:{port}"), child, _folder: folder };
        let mut redis = own.connect().await;
        redis::cmd("CLUSTER")
            .arg("ADDSLOTSRANGE")
            .arg(0)
            .arg(16_383)
            .exec_async(&mut redis)
            .await
            .expect("CLUSTER ADDSLOTSRANGE");
        own.until(async || {
            let info: String = redis::cmd("CLUSTER").arg("INFO").query_async(&mut redis.clone()).await.expect("INFO");
            info.contains("cluster_state:ok").then_some(())
        })
        .await;
        own
    }

    pub async fn connect(&self) -> redis::aio::MultiplexedConnection {
        let client = redis::Client::open(self.url.as_str()).expect("a URL");
        self.until(async || client.get_multiplexed_async_connection().await.ok()).await
    }

    async fn until<T>(&self, look: impl AsyncFn() -> Option<T>) -> T {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            if let Some(found) = look().await {
                return found;
            }
            assert!(Instant::now() < deadline, "{} did not get ready", self.url);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
