//! What a turn took: processor time of the server, of Redis and of the client, Redis's own figures, PostgreSQL's, and what
//! others on this machine used meanwhile.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use tokio::process::Command;

use super::{Appendfsync, bare::Bare, output, shops::Shop};
use crate::taken;

/// Rewriting its log takes Redis no longer.
const REWRITING: Duration = Duration::from_secs(20);

/// Each per join.
pub(super) struct Cost {
    pub(super) server_us: f64,
    pub(super) redis_us: f64,
    pub(super) client_us: f64,
    /// Of the scripts, by Redis's own clock.
    pub(super) script_us: f64,
    /// Scripts run.
    pub(super) scripts: f64,
    /// Of PostgreSQL.
    pub(super) transactions: f64,
    /// Processors that others used, not per join.
    pub(super) others_cores: f64,
}

pub(super) struct Probe {
    pub(super) redis_url: String,
    database: String,
    server: u32,
    redis: u32,
    before: Option<Reading>,
}

struct Reading {
    at: Instant,
    server: Duration,
    redis: Duration,
    client: Duration,
    busy: Duration,
    script_calls: f64,
    script_us: f64,
    transactions: f64,
}

impl Probe {
    /// Of the server of a data folder.
    pub(super) async fn new(data: &Path) -> anyhow::Result<Self> {
        let read = |name: &str| {
            let text = fs::read_to_string(data.join(name)).with_context(|| format!("{name} of the data folder"))?;
            anyhow::Ok(text.trim().to_owned())
        };
        let server = taken::server_pid(data)?;
        let mut probe =
            Self { redis_url: read("redis.url")?, database: read("postgres.url")?, server, redis: 0, before: None };
        probe.redis = field(&probe.info("server").await?, "process_id:").context("the pid of Redis")? as u32;
        Ok(probe)
    }

    pub(super) fn redis_cli(&self, words: &[&str]) -> Command {
        let mut command = Command::new("redis-cli");
        command.args(["--no-auth-warning", "-u", &self.redis_url]).args(words);
        command
    }

    async fn ask(&self, words: &[&str]) -> anyhow::Result<String> {
        output(&mut self.redis_cli(words), "redis-cli").await
    }

    async fn info(&self, section: &str) -> anyhow::Result<String> {
        self.ask(&["INFO", section]).await
    }

    pub(super) async fn set_appendfsync(&self, appendfsync: Appendfsync) -> anyhow::Result<()> {
        let (appendonly, policy) = match appendfsync {
            Appendfsync::Always => ("yes", "always"),
            Appendfsync::Everysec => ("yes", "everysec"),
            Appendfsync::Off => ("no", "everysec"),
        };
        self.ask(&["CONFIG", "SET", "appendonly", appendonly, "appendfsync", policy]).await?;
        let until = Instant::now() + REWRITING;
        while field(&self.info("persistence").await?, "aof_rewrite_in_progress:") != Some(0.0) {
            ensure!(Instant::now() < until, "Redis goes on rewriting its log");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// What Redis keeps before it answers.
    pub(super) async fn appendfsync(&self) -> anyhow::Result<String> {
        if self.ask(&["CONFIG", "GET", "appendonly"]).await?.contains("no") {
            return Ok(Appendfsync::Off.name().to_owned());
        }
        let said = self.ask(&["CONFIG", "GET", "appendfsync"]).await?;
        Ok(said.lines().nth(1).context("appendfsync")?.to_owned())
    }

    /// How many wait at a restaurant, as Redis says.
    pub(super) async fn waiting(&self, bare: &Bare, shop: &Shop) -> anyhow::Result<usize> {
        let order = format!("{}{}:order", bare.prefix_of(self, shop).await?, shop.id);
        Ok(self.ask(&["ZCARD", &order]).await?.trim().parse()?)
    }

    pub(super) async fn begin(&mut self) -> anyhow::Result<()> {
        self.before = Some(self.read().await?);
        Ok(())
    }

    /// What was used since `begin`, for so many joins. The client is this process and its children unless it says itself
    /// what it took.
    pub(super) async fn end(&mut self, joins: usize, client: Option<Duration>) -> anyhow::Result<Cost> {
        let before = self.before.take().context("it did not begin")?;
        let after = self.read().await?;
        let joins = joins as f64;
        let used = |of: fn(&Reading) -> Duration| of(&after).saturating_sub(of(&before)).as_secs_f64() * 1e6;
        let (server, redis, ours) =
            (used(|reading| reading.server), used(|reading| reading.redis), used(|reading| reading.client));
        let calls = after.script_calls - before.script_calls;
        let others = (used(|reading| reading.busy) - server - redis - ours).max(0.0);
        Ok(Cost {
            server_us: server / joins,
            redis_us: redis / joins,
            client_us: client.map_or(ours, |client| client.as_secs_f64() * 1e6) / joins,
            script_us: (after.script_us - before.script_us) / calls,
            scripts: calls / joins,
            transactions: (after.transactions - before.transactions) / joins,
            others_cores: others / 1e6 / (after.at - before.at).as_secs_f64(),
        })
    }

    async fn read(&self) -> anyhow::Result<Reading> {
        let stats = self.info("commandstats").await?;
        let evalsha = stats.lines().find_map(|line| line.strip_prefix("cmdstat_evalsha:")).unwrap_or_default();
        let figure = |name: &str| {
            let figures = evalsha.split(',').filter_map(|figure| figure.split_once('='));
            figures.filter(|(known, _)| *known == name).find_map(|(_, figure)| figure.parse().ok()).unwrap_or(0.0)
        };
        let sql = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()";
        let mut psql = Command::new("psql");
        psql.args(["-q", "-A", "-t", "-d", &self.database, "-c", sql]);
        let transactions = output(&mut psql, "psql").await?.trim().parse()?;
        Ok(Reading {
            at: Instant::now(),
            server: cpu_of(self.server)?,
            redis: cpu_of(self.redis)?,
            client: cpu_of_this_process()?,
            busy: cpu_of_all()?,
            script_calls: figure("calls"),
            script_us: figure("usec"),
            transactions,
        })
    }
}

/// `name:12` of what `INFO` says.
fn field(info: &str, name: &str) -> Option<f64> {
    info.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

/// Of all threads that live.
fn cpu_of(pid: u32) -> anyhow::Result<Duration> {
    let mut all = Duration::ZERO;
    for thread in fs::read_dir(format!("/proc/{pid}/task")).context("a process is gone")? {
        // One that has just ended is let go.
        let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
        all += on_processor(&text)?;
    }
    Ok(all)
}

/// Of the thread that asks.
pub(super) fn cpu_of_this_thread() -> anyhow::Result<Duration> {
    on_processor(&fs::read_to_string("/proc/thread-self/schedstat")?)
}

fn on_processor(schedstat: &str) -> anyhow::Result<Duration> {
    Ok(Duration::from_nanos(schedstat.split_whitespace().next().context("schedstat")?.parse()?))
}

/// Of this process, and of the children that it has waited for.
fn cpu_of_this_process() -> anyhow::Result<Duration> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let figures = stat.rsplit_once(')').context("a stat")?.1;
    // utime, stime, cutime, cstime
    ticks(figures.split_whitespace().skip(11).take(4))
}

/// Of all processors: everything but idle and waiting for the disk.
fn cpu_of_all() -> anyhow::Result<Duration> {
    let stat = fs::read_to_string("/proc/stat")?;
    let line = stat.lines().next().context("/proc/stat")?;
    // user, nice, system, idle, iowait, irq, softirq
    ticks(
        line.split_whitespace()
            .skip(1)
            .take(7)
            .enumerate()
            .filter(|(index, _)| ![3, 4].contains(index))
            .map(|(_, n)| n),
    )
}

/// The kernel tells hundredths of a second on every machine that we know.
fn ticks<'a>(figures: impl Iterator<Item = &'a str>) -> anyhow::Result<Duration> {
    let mut all = 0;
    for figure in figures {
        all += figure.parse::<u64>()?;
    }
    Ok(Duration::from_millis(all * 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_is_counted() {
        let before = (cpu_of(std::process::id()).expect("figures"), cpu_of_this_thread().expect("a figure"));
        let began = Instant::now();
        while began.elapsed() < Duration::from_millis(60) {
            std::hint::spin_loop();
        }
        let thread = cpu_of_this_thread().expect("a figure") - before.1;
        let process = cpu_of(std::process::id()).expect("figures") - before.0;
        assert!(thread > Duration::from_millis(5) && thread <= began.elapsed(), "{thread:?}");
        assert!(process >= thread, "{process:?} of all threads");
        assert!(cpu_of_all().expect("a figure") >= cpu_of_this_process().expect("a figure"));
    }

    #[test]
    fn figures_of_redis_are_found() {
        assert_eq!(field("# Server\r\nprocess_id:4711\r\n", "process_id:"), Some(4711.0));
        assert_eq!(field("# Server\r\n", "process_id:"), None);
    }
}
