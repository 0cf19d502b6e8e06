//! What the server and its Redis take, read from outside: `/proc`, `INFO memory`, `/metrics`.

use std::{fs, path::Path};

use anyhow::{Context as _, ensure};
use tokio::process::Command;

use crate::taken;

/// One second.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sample {
    pub(super) rss_kib: f64,
    pub(super) files: f64,
    pub(super) threads: f64,
    pub(super) redis_rss_kib: f64,
    pub(super) redis_used_kib: f64,
    pub(super) rooms: f64,
    pub(super) watchers: f64,
    pub(super) snapshots: f64,
}

pub(super) struct Probe {
    pid: u32,
    redis_url: String,
    metrics_url: String,
    http: reqwest::Client,
}

impl Probe {
    /// Of the server of a data folder, unless its pid is given.
    pub(super) fn new(url: &str, data: &Path, pid: Option<u32>) -> anyhow::Result<Self> {
        let read =
            |name: &str| fs::read_to_string(data.join(name)).with_context(|| format!("{name} of the data folder"));
        let pid = match pid {
            Some(pid) => pid,
            None => taken::server_pid(data)?,
        };
        let redis_url = read("redis.url")?.trim().to_owned();
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { pid, redis_url, metrics_url: format!("{url}/metrics"), http })
    }

    pub(super) async fn sample(&self) -> anyhow::Result<Sample> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).context("the server is gone")?;
        let metrics = self.http.get(&self.metrics_url).send().await?.text().await?;
        let mut redis = Command::new("redis-cli");
        redis.args(["--no-auth-warning", "-u", &self.redis_url, "INFO", "memory"]);
        let redis = redis.output().await.context("redis-cli")?;
        ensure!(redis.status.success(), "redis-cli: {}", String::from_utf8_lossy(&redis.stderr));
        let redis = String::from_utf8_lossy(&redis.stdout);
        Ok(Sample {
            rss_kib: sum(&status, "VmRSS:"),
            threads: sum(&status, "Threads:"),
            files: fs::read_dir(format!("/proc/{}/fd", self.pid))?.count() as f64,
            redis_rss_kib: sum(&redis, "used_memory_rss:") / 1024.0,
            redis_used_kib: sum(&redis, "used_memory:") / 1024.0,
            rooms: sum(&metrics, "waitless_hub_rooms"),
            watchers: sum(&metrics, "waitless_hub_watchers"),
            snapshots: sum(&metrics, "waitless_hub_snapshots_total"),
        })
    }
}

/// The sum of the numbers of all lines that begin like this: behind a name, labels or a colon.
fn sum(text: &str, begin: &str) -> f64 {
    let values = text.lines().filter_map(|line| {
        let rest = line.strip_prefix(begin)?;
        let rest = rest.rsplit_once('}').map_or(rest, |(_, value)| value);
        rest.split_whitespace().next()?.parse::<f64>().ok()
    });
    values.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_found() {
        let status = "VmHWM:\t  999 kB\nVmRSS:\t   48112 kB\nThreads:\t5\n";
        assert_eq!((sum(status, "VmRSS:"), sum(status, "Threads:")), (48112.0, 5.0));
        let metrics = "# HELP waitless_hub_rooms x\nwaitless_hub_rooms 2\nwaitless_hub_watchers{kind=\"board\"} 3\n\
            waitless_hub_watchers{kind=\"ticket\"} 40\n";
        assert_eq!((sum(metrics, "waitless_hub_rooms"), sum(metrics, "waitless_hub_watchers")), (2.0, 43.0));
        assert_eq!(sum("used_memory:1024\r\nused_memory_rss:2048\r\n", "used_memory_rss:"), 2048.0);
        assert_eq!(sum("used_memory:1024\r\nused_memory_rss:2048\r\n", "used_memory:"), 1024.0);
    }
}
