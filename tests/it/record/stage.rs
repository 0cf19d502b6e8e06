//! Where the record is tried: `waitless dev` with its own Redis and PostgreSQL, its server without a recorder, and
//! recorders as processes of their own.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use sqlx::{Connection as _, PgConnection};
use tempfile::TempDir;

use crate::{
    harness::{
        dev::{BINARY, Dev, folder, with_settings},
        dying_with_us,
        process::sign_in,
        until,
    },
    storm::Storm,
};

pub struct Stage {
    pub dev: Dev,
    pub token: String,
    logs: TempDir,
    // Kept last, so that what runs in it stops first.
    _data: TempDir,
}

impl Stage {
    /// `recording`: the server records, too.
    pub async fn set(recording: bool) -> Self {
        Self::set_in(folder(), recording).await
    }

    /// In this folder.
    pub async fn set_in(data: TempDir, recording: bool) -> Self {
        let logs = folder();
        let mut command = with_settings(dying_with_us(BINARY), data.path(), "dev");
        command.env("WAITLESS_LIMITS", "off").env("WAITLESS_WORKER", if recording { "on" } else { "off" });
        // On the test's own thread, with which it dies.
        let dev = Dev::run(command, data.path(), logs.path());
        let (status, token) = sign_in(&dev.url, "staff").await;
        let token = token.unwrap_or_else(|| panic!("sign-in: {status}"));
        Self { dev, token, logs, _data: data }
    }

    /// People who do everything at once, and can wait.
    pub async fn people(&self) -> Arc<Storm> {
        let mut storm = Storm::on(vec![self.dev.url.clone()], self.token.clone()).await;
        storm.patient = true;
        Arc::new(storm)
    }

    /// A recorder that begins now.
    pub fn worker(&self) -> Worker {
        self.worker_on(&self.dev.private_url("postgres"))
    }

    /// A recorder with another role in PostgreSQL than the one that owns everything.
    pub fn worker_as(&self, role: &str, password: &str) -> Worker {
        let url = self.dev.private_url("postgres");
        let (_, rest) = url.split_once('@').expect("a role and its password");
        self.worker_on(&format!("postgres://{role}:{password}@{rest}"))
    }

    fn worker_on(&self, database_url: &str) -> Worker {
        Worker::begin(&self.dev.private_url("redis"), database_url, self.logs.path())
    }

    /// A connection of the test's own; PostgreSQL may be on its way back.
    pub async fn database(&self) -> PgConnection {
        let url = self.dev.private_url("postgres");
        until("PostgreSQL answers", async || PgConnection::connect(&url).await.ok()).await
    }

    /// The log of the demo's events, which is there once it has opened.
    pub async fn log_key(&self) -> String {
        let client = redis::Client::open(self.dev.private_url("redis")).expect("a URL");
        let mut redis = client.get_multiplexed_async_connection().await.expect("Redis answers");
        until("the demo's log is there", async || {
            let mut scan = redis::cmd("KEYS");
            let keys: Vec<String> = scan.arg("wl:*:events").query_async(&mut redis).await.expect("KEYS");
            keys.into_iter().next()
        })
        .await
    }

    /// Kills PostgreSQL with `kill -9` and waits until its supervisor has started it again.
    pub async fn kill_postgres(&self) {
        let pid = self.dev.pid("postgres").expect("it runs");
        kill(pid, Signal::SIGKILL).expect("killed");
        until("PostgreSQL was started again", async || self.dev.pid("postgres").filter(|now| *now != pid)).await;
        self.database().await.close().await.expect("says good-bye");
    }
}

/// A `waitless worker`; killed when dropped.
pub struct Worker {
    child: Child,
    log: PathBuf,
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Worker {
    /// Starts one on these servers; it says what it does in a file of its own in `logs`.
    pub fn begin(redis_url: &str, database_url: &str, logs: &Path) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let log = logs.join(format!("worker-{}.log", COUNT.fetch_add(1, Ordering::Relaxed)));
        let file = File::create(&log).expect("created");
        let child = with_settings(dying_with_us(BINARY), logs, "worker")
            .env("WAITLESS_REDIS_URL", redis_url)
            .env("WAITLESS_DATABASE_URL", database_url)
            .env("WAITLESS_SECRET", "a secret of the tests, long enough")
            .env("WAITLESS_LOG", "info,format=text")
            .stdout(Stdio::from(file.try_clone().expect("a handle")))
            .stderr(Stdio::from(file))
            .spawn()
            .expect("starts");
        Self { child, log }
    }

    /// Stops it in order: it gives up its leases.
    pub async fn stop(&mut self) {
        self.signal(Signal::SIGTERM);
        until("the recorder has stopped", async || self.child.try_wait().expect("is watched")).await;
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).expect("it runs");
    }

    pub fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}
