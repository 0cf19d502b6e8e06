//! `waitless dev` as real processes, on a data folder and ports of its own; and a small disk to run it on.

use std::{
    fs::{self, File},
    io::Write as _,
    net::{Ipv4Addr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, geteuid},
};
use sqlx::Connection as _;
use tempfile::TempDir;

use super::dying_with_us;

pub const DEADLINE: Duration = Duration::from_secs(60);
pub const BINARY: &str = env!("CARGO_BIN_EXE_waitless");

/// A `waitless` command without the settings of whoever runs the tests.
pub fn waitless(data: &Path, subcommand: &str) -> Command {
    with_settings(Command::new(BINARY), data, subcommand)
}

/// The same with this beginning of a command line.
pub fn with_settings(mut command: Command, data: &Path, subcommand: &str) -> Command {
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("WAITLESS_")) {
        command.env_remove(name);
    }
    command.arg(subcommand).env("WAITLESS_DATA", data).env("WAITLESS_LISTEN", "127.0.0.1:0");
    command.env("WAITLESS_DRAIN_MS", "100").stdin(Stdio::null());
    command
}

pub fn wait_for<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(value) = attempt() {
            return value;
        }
        assert!(began.elapsed() < DEADLINE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A running `waitless dev`. Dropping it stops it.
pub struct Dev {
    pub child: Child,
    pub data: PathBuf,
    stderr: PathBuf,
    pub url: String,
}

impl Dev {
    pub fn start(data: &Path, logs: &Path) -> Self {
        Self::run(with_settings(dying_with_us(BINARY), data, "dev"), data, logs)
    }

    /// Runs a command made with [`with_settings`] until it is ready.
    pub fn run(mut command: Command, data: &Path, logs: &Path) -> Self {
        let (stdout, stderr) = (logs.join("stdout"), logs.join("stderr"));
        let child = command
            .stdout(File::create(&stdout).expect("created"))
            .stderr(File::create(&stderr).expect("created"))
            .spawn()
            .expect("starts");
        let mut dev = Self { child, data: data.to_owned(), stderr, url: String::new() };
        dev.url = wait_for("ready", || {
            let exited = dev.child.try_wait().expect("is watched");
            assert!(exited.is_none(), "ended instead: {}", dev.said());
            let text = fs::read_to_string(&stdout).expect("read");
            text.lines()
                .find_map(|line| line.strip_prefix("ready ").map(str::to_owned))
                .filter(|_| text.ends_with('\n'))
        });
        dev
    }

    /// What is on standard output once all of it is.
    pub fn welcome(&self) -> String {
        let stdout = self.stderr.with_file_name("stdout");
        wait_for("the last line", || {
            fs::read_to_string(&stdout).ok().filter(|text| text.contains("stop with Ctrl-C") && text.ends_with('\n'))
        })
    }

    /// The status that staff of the demo get for signing in.
    pub fn sign_in(&self, password: &str) -> u16 {
        let body = serde_json::json!({"email": "staff@demo.test", "password": password});
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("built");
        let request = reqwest::Client::new().post(format!("{}/v1/auth/sign-in", self.url)).json(&body);
        runtime.block_on(async { request.send().await.expect("an answer").status().as_u16() })
    }

    /// Whether it listens on more than 127.0.0.1: all of 127.0.0.0/8 is this machine.
    pub fn serves_elsewhere(&self) -> bool {
        let port = self.url.rsplit(':').next().expect("a port").trim_end_matches('/').parse().expect("a port");
        TcpStream::connect((Ipv4Addr::new(127, 0, 0, 2), port)).is_ok()
    }

    pub fn said(&self) -> String {
        fs::read_to_string(&self.stderr).unwrap_or_default()
    }

    pub fn pid(&self, name: &str) -> Option<Pid> {
        let text = fs::read_to_string(self.data.join(format!("{name}.pid"))).ok()?;
        Some(Pid::from_raw(text.trim().parse().ok()?))
    }

    pub fn private_url(&self, name: &str) -> String {
        fs::read_to_string(self.data.join(format!("{name}.url"))).expect("written").trim().to_owned()
    }

    pub fn redis<T: redis::FromRedisValue>(&self, words: &[&str]) -> redis::RedisResult<T> {
        let mut connection = redis::Client::open(self.private_url("redis"))?.get_connection()?;
        let mut command = redis::cmd(words[0]);
        for word in &words[1..] {
            command.arg(word);
        }
        command.query(&mut connection)
    }

    pub fn sql(&self, statement: &'static str) -> Result<i64, sqlx::Error> {
        let url = self.private_url("postgres");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("built");
        runtime.block_on(async {
            let mut connection = sqlx::PgConnection::connect(&url).await?;
            let row: (i64,) = sqlx::query_as(statement).fetch_one(&mut connection).await?;
            Ok(row.0)
        })
    }

    pub fn serves(&self) -> bool {
        TcpStream::connect(self.url.trim_start_matches("http://").trim_end_matches('/')).is_ok()
    }

    /// Kills a child and waits for the next one.
    pub fn kill_child(&self, name: &str) {
        let former = self.pid(name).expect("runs");
        kill(former, Signal::SIGKILL).expect("killed");
        wait_for(name, || self.pid(name).filter(|pid| *pid != former && is_alive(*pid)));
    }

    /// Stops in order; the exit code.
    pub fn stop(&mut self, signal: Signal) -> Option<i32> {
        let _ = kill(Pid::from_raw(self.child.id().cast_signed()), signal);
        wait_for("end", || self.child.try_wait().expect("is watched")).code()
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            self.stop(Signal::SIGTERM);
        }
    }
}

pub fn is_alive(pid: Pid) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

pub fn folder() -> TempDir {
    tempfile::tempdir().expect("made")
}

/// A small disk of its own. `None` where mounting is not permitted, which is asserted and said.
pub struct Disk(pub TempDir);

impl Disk {
    pub fn new(size: &str) -> Option<Self> {
        let temp = folder();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(temp.path());
        let Output { status, stderr, .. } = mount.output().expect("mount is there");
        if status.success() {
            return Some(Self(temp));
        }
        let why = String::from_utf8_lossy(&stderr).into_owned();
        let denied = !geteuid().is_root() || why.contains("permi") || why.contains("denied");
        assert!(denied, "mounting failed for another reason than permission: {why}");
        eprintln!("a full disk is not tried here, mounting is not permitted: {why}");
        None
    }

    /// So large from now on, or as large as what is on it.
    pub fn resize(&self, size: &str) {
        let status = Command::new("mount").args(["-o", &format!("remount,size={size}")]).arg(self.0.path()).status();
        assert!(status.expect("mount is there").success(), "resized to {size}");
    }

    /// What is on it, in KiB.
    pub fn used_kib(&self) -> u64 {
        let said = Command::new("df").args(["-k", "--output=used"]).arg(self.0.path()).output().expect("df is there");
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        said.lines().nth(1).and_then(|used| used.trim().parse().ok()).expect("a number")
    }

    /// Fills the disk; removing the file makes room again.
    pub fn fill(&self) -> PathBuf {
        let path = self.0.path().join("filler");
        let mut file = File::create(&path).expect("created");
        let mut block = 1 << 20;
        while block > 0 {
            while file.write(&vec![0; block]).is_ok_and(|written| written > 0) {}
            block /= 16;
        }
        path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}
