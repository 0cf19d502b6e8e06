//! What a server takes, read from outside: `/proc` of its process, sockets of the kernel, commands of its Redis.

use std::{fs, path::Path};

use anyhow::{Context as _, ensure};
use tokio::process::Command;

/// Ticks of `/proc/PID/stat` a second: `USER_HZ`, 100 on every Linux there is.
const TICKS: f64 = 100.0;

/// A page of memory in KiB.
const PAGE_KIB: f64 = 4.0;

/// One process.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Process {
    /// User and system time, seconds.
    pub(crate) cpu_s: f64,
    pub(crate) rss_kib: f64,
}

/// The server that a data folder belongs to.
pub(crate) fn server_pid(data: &Path) -> anyhow::Result<u32> {
    let pid = fs::read_to_string(data.join("server.pid")).context("server.pid of the data folder")?;
    pid.split_whitespace().next().unwrap_or_default().parse().context("server.pid")
}

/// What is there of a process and of its children: a server may have several.
pub(crate) fn process(pids: &[u32]) -> anyhow::Result<Process> {
    let mut total = Process::default();
    for pid in pids {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).with_context(|| format!("process {pid} is gone"))?;
        total.cpu_s += cpu_s(&stat).with_context(|| format!("/proc/{pid}/stat"))?;
        // Exact, where the counters of `status` are as much as 64 pages late on each CPU.
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        total.rss_kib += field(&rollup, "Rss:").context("smaps_rollup")?;
    }
    Ok(total)
}

/// Memory that the kernel keeps for sockets, and for everything in slabs, in KiB; of all processes, both ends.
pub(crate) fn kernel_kib() -> anyhow::Result<(f64, f64)> {
    let sockets = fs::read_to_string("/proc/net/sockstat")?;
    let tcp = sockets.lines().find_map(|line| line.strip_prefix("TCP:")).context("TCP of sockstat")?;
    let pages =
        tcp.split_once(" mem ").and_then(|(_, mem)| mem.trim().parse::<f64>().ok()).context("mem of sockstat")?;
    let slab = field(&fs::read_to_string("/proc/meminfo")?, "Slab:").context("Slab of meminfo")?;
    Ok((pages * PAGE_KIB, slab))
}

/// Commands that a Redis has carried out, but for those of its replicas and of this.
pub(crate) async fn redis_commands(url: &str) -> anyhow::Result<u64> {
    let mut redis = Command::new("redis-cli");
    redis.args(["--no-auth-warning", "-u", url, "INFO", "commandstats"]);
    let redis = redis.output().await.context("redis-cli")?;
    ensure!(redis.status.success(), "redis-cli: {}", String::from_utf8_lossy(&redis.stderr));
    let calls = |line: &str| line.split_once(":calls=")?.1.split(',').next()?.parse::<u64>().ok();
    Ok(String::from_utf8_lossy(&redis.stdout).lines().filter(|line| !line.contains("_info:")).filter_map(calls).sum())
}

/// How busy the machine was with others: the load of the last minute.
pub(crate) fn load() -> f64 {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split_whitespace().next().and_then(|load| load.parse().ok()).unwrap_or_default()
}

/// Seconds that all processors were busy.
pub(crate) fn machine_busy_s() -> f64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let columns: Vec<f64> =
        stat.lines().next().unwrap_or_default().split_whitespace().skip(1).flat_map(str::parse).collect();
    // user nice system (idle iowait) irq softirq steal
    [0, 1, 2, 5, 6, 7].into_iter().filter_map(|column| columns.get(column)).sum::<f64>() / TICKS
}

/// Behind the name, which may hold anything, `utime` and `stime` are the twelfth and thirteenth.
fn cpu_s(stat: &str) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut ticks = rest.split_whitespace().skip(11);
    let mut next = || ticks.next()?.parse::<f64>().ok();
    Some((next()? + next()?) / TICKS)
}

fn field(text: &str, name: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_process_is_found_behind_its_name() {
        let stat = "77 (a ) b (c) S 1 77 77 0 -1 4194560 900 0 0 0 1234 566 7 8 20 0 5 0 99";
        assert_eq!(cpu_s(stat), Some(18.0));
        assert_eq!(cpu_s("nothing"), None);
    }

    #[test]
    fn this_process_takes_something() {
        let process = process(&[std::process::id()]).expect("it is there");
        assert!(process.rss_kib > 100.0, "{process:?}");
        assert!(kernel_kib().expect("sockstat").1 > 0.0);
        assert!(machine_busy_s() > 0.0);
    }
}
