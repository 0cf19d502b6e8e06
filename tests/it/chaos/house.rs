//! A `waitless dev` on a small disk and a port of its own, and what can be done to its parts.

use std::{fs, net::TcpListener, time::Duration};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use sqlx::{Connection as _, PgConnection};
use tempfile::TempDir;

use crate::harness::{
    dev::{BINARY, Dev, Disk, folder, is_alive, wait_for, with_settings},
    dying_with_us, until,
};

/// As much as sixteen minutes need.
const DISK: &str = "2g";

pub struct House {
    pub dev: Dev,
    port: u16,
    /// What each supervisor has said.
    logs: Vec<TempDir>,
    // Kept last, so that what runs on it stops first.
    disk: Disk,
}

impl House {
    /// `None` where no disk can be mounted, which is said.
    pub fn open() -> Option<Self> {
        let disk = Disk::new(DISK)?;
        let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
        let port = listener.local_addr().expect("bound").port();
        drop(listener);
        let logs = folder();
        let dev = start(&disk, port, &logs);
        Some(Self { dev, port, logs: vec![logs], disk })
    }

    /// Kills the supervisor, and starts another where it was.
    pub fn replace_supervisor(&mut self) {
        self.dev.child.kill().expect("killed");
        self.dev.child.wait().expect("is waited for");
        let logs = folder();
        self.dev = start(&self.disk, self.port, &logs);
        self.logs.push(logs);
    }

    /// A part and all that it started, the part first.
    fn family(&self, name: &str) -> Vec<Pid> {
        // While it is being started again there is none.
        let part = wait_for(name, || self.dev.pid(name).filter(|pid| is_alive(*pid)));
        let is_child = |pid: &Pid| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let behind = stat.rsplit(") ").next().unwrap_or_default();
            behind.split(' ').nth(1) == Some(&part.to_string())
        };
        let processes = fs::read_dir("/proc").expect("Linux").flatten();
        let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok().map(Pid::from_raw));
        std::iter::once(part).chain(pids.filter(is_child)).collect()
    }

    /// Tells a part and all that it started; answers who was told.
    pub fn signal(&self, name: &str, signal: Signal) -> Vec<Pid> {
        let family = self.family(name);
        send(&family, signal);
        family
    }

    /// Tells a part alone.
    pub fn signal_only(&self, name: &str, signal: Signal) {
        send(&self.family(name)[..1], signal);
    }

    /// No room is left on the disk from now on.
    pub fn fill_disk(&self) {
        self.disk.resize(&format!("{}k", self.disk.used_kib() + 1_024));
        self.disk.fill();
    }

    pub fn empty_disk(&self) {
        fs::remove_file(self.disk.0.path().join("filler")).expect("removed");
        self.disk.resize(DISK);
    }

    /// A command for Redis on a connection of its own, which it may cut off itself.
    pub async fn redis(&self, words: &[&str]) {
        let url = self.dev.private_url("redis");
        let mut connection = until("Redis answers", async || {
            let client = redis::Client::open(url.as_str()).ok()?;
            client.get_multiplexed_async_connection().await.ok()
        })
        .await;
        connection.set_response_timeout(Duration::from_secs(30));
        let mut command = redis::cmd(words[0]);
        let answer = command.arg(&words[1..]).query_async::<redis::Value>(&mut connection).await;
        if let Err(error) = answer {
            println!("{}: {error}", words.join(" "));
        }
    }

    /// A connection of the test's own; PostgreSQL may be on its way back.
    pub async fn database(&self) -> PgConnection {
        let url = self.dev.private_url("postgres");
        until("PostgreSQL answers", async || PgConnection::connect(&url).await.ok()).await
    }

    /// The last words of everybody, for whoever looks for a reason.
    pub fn tell(&self) {
        let supervisors = self.logs.iter().map(|logs| logs.path().join("stderr"));
        let mut files: Vec<_> = supervisors.collect();
        files.push(self.dev.data.join("server.log"));
        let kept = std::env::var("WAITLESS_CHAOS_OUT").ok().map(std::path::PathBuf::from);
        for (index, file) in files.iter().enumerate() {
            let text = fs::read_to_string(file).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            let tail = &lines[lines.len().saturating_sub(60)..];
            println!("-- {}\n{}", file.display(), tail.join("\n"));
            // The folder goes when the test ends.
            if let Some(kept) = &kept {
                let _ = fs::copy(file, kept.with_extension(format!("{index}.log")));
            }
        }
    }
}

/// A dev whose limits are off: all of a crowd comes from one address.
fn start(disk: &Disk, port: u16, logs: &TempDir) -> Dev {
    let data = disk.0.path().join("data");
    let mut command = with_settings(dying_with_us(BINARY), &data, "dev");
    command.env("WAITLESS_LIMITS", "off").env("WAITLESS_LISTEN", format!("127.0.0.1:{port}"));
    Dev::run(command, &data, logs.path())
}

/// Some may have ended meanwhile.
pub fn send(pids: &[Pid], signal: Signal) {
    for pid in pids {
        let _ = kill(*pid, signal);
    }
}

/// Processes that wanted to run, on average over the last minute.
pub fn machine_load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or_default()
}
