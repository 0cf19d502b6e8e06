//! Settings: one clap tree, every value also a `WAITLESS_*` variable.
//!
//! The doc comments below are the `--help` text; `.env.sample` and the table in docs/OPERATIONS.md are held
//! equal to this file by a test. Parsing stays pure: nothing here opens a file or a socket.
//!
//! Invariant: a secret never appears in `Debug` output, help text or an error message.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// Shortest accepted `WAITLESS_SECRET`, in characters.
pub const SECRET_LEN_MIN: usize = 32;

/// What `serve`, `dev` and `migrate` read from flags and environment.
#[derive(clap::Args, Clone, Debug)]
pub struct Settings {
    /// Address and port to listen on
    #[arg(long, env = "WAITLESS_LISTEN", default_value = "127.0.0.1:8080", global = true)]
    pub listen: SocketAddr,
    /// Base URL that guests see in links and QR codes, also the allowed Origin (default: the listen address)
    #[arg(long, env = "WAITLESS_PUBLIC_URL", global = true)]
    pub public_url: Option<Url>,
    /// Data folder of `waitless dev`: private Redis, PostgreSQL and pid files
    #[arg(long, env = "WAITLESS_DATA", default_value = ".waitless", global = true)]
    pub data: PathBuf,
    /// Redis to use, e.g. redis://user:password@host:6379
    #[arg(long, env = "WAITLESS_REDIS_URL", hide_env_values = true, global = true)]
    pub redis_url: Option<Secret>,
    /// PostgreSQL to use, e.g. postgres://user:password@host/database
    #[arg(long, env = "WAITLESS_DATABASE_URL", hide_env_values = true, global = true)]
    pub database_url: Option<Secret>,
    /// Signing key for sessions, door codes and hashes, at least 32 characters; the same on every server
    #[arg(long, env = "WAITLESS_SECRET", hide_env_values = true, global = true)]
    pub secret: Option<Secret>,
    /// Further origins whose pages may open WebSockets and send commands, separated by commas
    #[arg(long, env = "WAITLESS_ORIGINS", value_delimiter = ',', global = true)]
    pub origins: Vec<Url>,
    /// Proxies (addresses or networks, separated by commas) whose X-Forwarded-For is believed
    #[arg(long, env = "WAITLESS_TRUSTED_PROXIES", value_delimiter = ',', value_parser = network, global = true)]
    pub trusted_proxies: Vec<IpNet>,
    /// Whether this server also runs the background worker
    #[arg(long, env = "WAITLESS_WORKER", default_value = "on", global = true)]
    pub worker: Switch,
    /// Days after which recorded tickets become anonymous; contact data goes after 24 hours
    #[arg(long, env = "WAITLESS_KEEP_TICKETS_DAYS", default_value_t = 90,
        value_parser = clap::value_parser!(u32).range(1..=3650), global = true)]
    pub keep_tickets_days: u32,
    /// Rate, room, address and connection limits; switch off for load tests only
    #[arg(long, env = "WAITLESS_LIMITS", default_value = "on", global = true)]
    pub limits: Switch,
    /// Log filter, as in `info,waitless=debug`; add `,format=text` for people
    #[arg(long, env = "WAITLESS_LOG", default_value = "info", global = true)]
    pub log: String,
    /// Longest spread of a stopping server's good-byes, in milliseconds; up to 2,000 screens take 1 s
    #[arg(long, env = "WAITLESS_DRAIN_MS", default_value_t = 5_000, global = true)]
    pub drain_ms: u64,
}

/// `on` or `off`.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// Enabled.
    On,
    /// Disabled.
    Off,
}

impl Switch {
    /// True for `on`.
    #[must_use]
    pub fn is_on(self) -> bool {
        self == Self::On
    }
}

/// A setting that must not be printed.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// The value itself, for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Self(value.into())
    }
}

impl FromStr for Secret {
    type Err = std::convert::Infallible;
    fn from_str(value: &str) -> Result<Self, Self::Err> {
        Ok(Self::from(value.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

/// Everything a server needs, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address to bind; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Base of every link; without a trailing slash in [`Config::link`].
    pub public_url: Url,
    /// Redis URL.
    pub redis_url: Secret,
    /// PostgreSQL URL.
    pub database_url: Secret,
    /// Signing key.
    pub secret: Secret,
    /// Allowed further origins, as `scheme://host[:port]`.
    pub origins: Vec<Url>,
    /// Proxies to believe.
    pub trusted_proxies: Vec<IpNet>,
    /// Run the worker in this process.
    pub worker: bool,
    /// Recorded tickets become anonymous so many days after the end of their business day.
    pub keep_tickets_days: u32,
    /// Enforce limits.
    pub limits: bool,
    /// Longest spread of the drain.
    pub drain: Duration,
    /// First part of every Redis key: `wl`, or something of its own for each test.
    pub namespace: String,
    /// Started by `waitless dev`, which loaded the demo: its accounts are allowed.
    pub dev: bool,
}

impl Config {
    /// Checks the settings of `serve`.
    ///
    /// # Errors
    /// Every problem found, one sentence each.
    pub fn from_settings(settings: &Settings) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let mut required = |value: &Option<Secret>, name: &str| {
            let value = value.clone().filter(|secret| !secret.expose().is_empty());
            if value.is_none() {
                problems.push(format!("WAITLESS_{name} is not set; `waitless dev` needs none, `serve` does"));
            }
            value.unwrap_or_else(|| Secret::from(String::new()))
        };
        let redis_url = required(&settings.redis_url, "REDIS_URL");
        let database_url = required(&settings.database_url, "DATABASE_URL");
        let secret = required(&settings.secret, "SECRET");
        let secret_len = secret.expose().chars().count();
        if secret_len > 0 && secret_len < SECRET_LEN_MIN {
            problems.push(format!("WAITLESS_SECRET has a length of {secret_len}, at least {SECRET_LEN_MIN} is needed"));
        }
        if !redis_url.expose().is_empty() {
            problems
                .extend(problem_of_redis(redis_url.expose()).map(|problem| format!("WAITLESS_REDIS_URL {problem}")));
        }
        if !database_url.expose().is_empty() && !is_url(database_url.expose(), &["postgres", "postgresql"]) {
            problems.push("WAITLESS_DATABASE_URL is not a postgres:// URL".to_owned());
        }
        let public_url = settings.public_url.clone().unwrap_or_else(|| default_public_url(settings.listen));
        for (name, url) in std::iter::once(("WAITLESS_PUBLIC_URL", &public_url))
            .chain(settings.origins.iter().map(|origin| ("WAITLESS_ORIGINS", origin)))
        {
            if !matches!(url.scheme(), "http" | "https") {
                problems.push(format!("{name}: {url} is not an http or https URL"));
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self {
            listen: settings.listen,
            public_url,
            redis_url,
            database_url,
            secret,
            origins: settings.origins.clone(),
            trusted_proxies: settings.trusted_proxies.clone(),
            worker: settings.worker.is_on(),
            keep_tickets_days: settings.keep_tickets_days,
            limits: settings.limits.is_on(),
            drain: Duration::from_millis(settings.drain_ms),
            namespace: "wl".to_owned(),
            dev: false,
        })
    }

    /// An absolute link for guests: `path` starts with `/`.
    #[must_use]
    pub fn link(&self, path: &str) -> String {
        format!("{}{path}", self.public_url.as_str().trim_end_matches('/'))
    }
}

/// The address guests can use when nothing else is said: an unspecified host becomes the loopback.
#[must_use]
pub fn default_public_url(listen: SocketAddr) -> Url {
    let host = match listen.ip() {
        ip if ip.is_unspecified() => "127.0.0.1".to_owned(),
        IpAddr::V6(ip) => format!("[{ip}]"),
        ip => ip.to_string(),
    };
    Url::parse(&format!("http://{host}:{}", listen.port())).expect("Invariant: an address and a port make a URL")
}

/// An address stands for the network of itself alone.
fn network(text: &str) -> Result<IpNet, &'static str> {
    let address = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse().or_else(|_| address()).map_err(|_| "neither an IP address nor a network like 10.0.0.0/8")
}

/// Why this Redis cannot be used, if it cannot.
fn problem_of_redis(value: &str) -> Option<&'static str> {
    // A password may have a comma, and then hosts stand behind the last `@`.
    let hosts = value.rsplit_once('@').map_or(value, |(_, hosts)| hosts);
    if hosts.contains(',') || value.contains(",redis") {
        return Some(
            "names several servers: a cluster of Redis is not supported yet; name one Redis that has everything",
        );
    }
    if value.starts_with("rediss:") {
        return Some("begins with rediss://: TLS to Redis is not supported yet; use redis:// on a network of your own");
    }
    (!is_url(value, &["redis", "redis+unix", "unix"])).then_some("is not a redis:// URL")
}

fn is_url(value: &str, schemes: &[&str]) -> bool {
    Url::parse(value).is_ok_and(|url| schemes.contains(&url.scheme()))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        settings: Settings,
    }

    fn config(arguments: &[&str]) -> Result<Config, Vec<String>> {
        Config::from_settings(&Cli::parse_from([&["waitless"], arguments].concat()).settings)
    }

    #[test]
    fn every_missing_setting_is_named_at_once() {
        let problems = config(&["--secret", "short"]).expect_err("nothing is set");
        let all = problems.join("\n");
        assert!(all.contains("WAITLESS_REDIS_URL") && all.contains("WAITLESS_DATABASE_URL"), "{all}");
        assert!(all.contains("WAITLESS_SECRET has a length of 5,"), "{all}");
        assert!(!all.contains("short"), "a secret is never printed: {all}");
    }

    #[test]
    fn what_redis_is_not_supported_yet_is_said() {
        for (url, expected) in [
            ("redis://127.0.0.1:6379", None),
            ("redis://user:pa,ss@127.0.0.1:6379/0", None),
            ("unix:///run/redis.sock", None),
            ("redis://a:6379,redis://b:6379", Some("several servers")),
            ("redis://u:p@a:6379,redis://u:p@b:6379", Some("several servers")),
            ("redis://a,b,c", Some("several servers")),
            ("redis://a:6379,b:6379", Some("several servers")),
            ("rediss://a,rediss://b", Some("several servers")),
            ("rediss://secret@a:6380", Some("TLS to Redis is not supported yet")),
            ("http://a", Some("is not a redis:// URL")),
        ] {
            let problem = problem_of_redis(url);
            assert_eq!(problem.is_some(), expected.is_some(), "{url}: {problem:?}");
            assert!(problem.unwrap_or_default().contains(expected.unwrap_or_default()), "{url}: {problem:?}");
        }
        let complete = ["--database-url", "postgres://x/y", "--secret", "0123456789abcdef0123456789abcdef"];
        let refused = config(&[&["--redis-url", "rediss://secret@a"][..], &complete].concat()).expect_err("refused");
        assert!(refused[0].starts_with("WAITLESS_REDIS_URL begins with rediss://") && !refused[0].contains("secret"));
    }

    #[test]
    fn proxies_are_addresses_or_networks() {
        let read = |text: &str| {
            let cli = Cli::try_parse_from(["waitless", "--trusted-proxies", text]).map_err(|error| error.to_string());
            cli.map(|cli| cli.settings.trusted_proxies.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(read("127.0.0.1,10.0.0.0/8,::1"), Ok("127.0.0.1/32 10.0.0.0/8 ::1/128".to_owned()));
        assert!(read("127.0.0.1,proxy").is_err_and(|error| error.contains("'proxy'") && error.contains("neither")));
    }

    #[test]
    fn tickets_are_kept_from_a_day_to_ten_years() {
        let days = |text: &str| {
            let cli = Cli::try_parse_from(["waitless", "--keep-tickets-days", text]);
            cli.map(|cli| cli.settings.keep_tickets_days).ok()
        };
        assert_eq!(["1", "3650", "0", "3651", "-1", "all"].map(days), [Some(1), Some(3650), None, None, None, None]);
        assert_eq!(Cli::parse_from(["waitless"]).settings.keep_tickets_days, 90);
    }

    #[test]
    fn links_default_to_the_listen_address() {
        assert_eq!(default_public_url(([0, 0, 0, 0], 81).into()).as_str(), "http://127.0.0.1:81/");
        let config = config(&[
            "--listen",
            "127.0.0.2:9000",
            "--redis-url",
            "redis://127.0.0.1",
            "--database-url",
            "postgres://x/y",
            "--secret",
            "0123456789abcdef0123456789abcdef",
        ])
        .expect("complete");
        assert_eq!(config.link("/t/1"), "http://127.0.0.2:9000/t/1");
        assert!(format!("{config:?}").contains("[redacted]"));
    }
}
