//! `waitless dev`: everything on one machine, with a private Redis and PostgreSQL that nobody else's are mixed up with.
//!
//! Reading order: this file is the course of a run; `folder` what lies on disk, `identity` as whom the private
//! servers run, `leftover` how a killed run is cleaned up, `child` how a child is kept, then `redis`,
//! `postgres` and `server`. `lan` is what differs when phones are to reach it.
//!
//! Invariant: the demo accounts have the password of this run before the server listens; with `--lan` that is one of
//! this folder's own, never the one that the documentation tells everybody.
//!
//! Invariant: children start in the order Redis, PostgreSQL, server and stop in the reverse order, on every way out.

use std::{
    io::Write as _,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    rc::Rc,
    time::Duration,
};

use tokio::task::LocalSet;

use crate::{
    config::{Config, Secret, Settings, default_public_url},
    db::Db,
    listen,
    service::{demo, passwords::Passwords},
    shutdown,
};

mod child;
mod error;
mod folder;
mod identity;
mod lan;
mod leftover;
mod port;
mod postgres;
mod probe;
mod programs;
mod qr;
mod redis;
mod server;
mod welcome;

pub use error::DevError;

use child::{Failed, Keeper};
use folder::Folder;
use identity::Identity;
use postgres::Postgres;
use programs::Programs;
use redis::Redis;
use server::Server;

/// The server child's name in messages and file names.
const SERVER: &str = "server";

/// Between two looks whether a log has become large.
const LOGS_PERIOD: Duration = Duration::from_secs(30);

/// The log of the server child that `dev` starts with this data folder. The child itself sets it aside when it is
/// large, so that nothing is lost and nobody has to be awake for it.
#[must_use]
pub fn server_log(data: &Path) -> PathBuf {
    folder::log_path(data, SERVER)
}

/// The children that were started so far.
#[derive(Default)]
struct Running {
    redis: Option<Keeper<Redis>>,
    postgres: Option<Keeper<Postgres>>,
    server: Option<Keeper<Server>>,
}

impl Running {
    /// The server first, so that it finishes its requests while Redis and PostgreSQL still answer.
    async fn stop(self) {
        if let Some(server) = self.server {
            server.stop().await;
        }
        if let Some(redis) = self.redis {
            redis.stop().await;
        }
        if let Some(postgres) = self.postgres {
            postgres.stop().await;
        }
    }
}

/// Runs until SIGINT or SIGTERM; with `lan` also for the phones of the local network. Must be called on the main thread
/// of a current-thread runtime (see `child.rs`).
///
/// # Errors
/// When the start fails; a child that dies later is started again.
pub async fn run(settings: &Settings, lan: bool) -> Result<(), DevError> {
    let stop = shutdown::requested().map_err(|error| DevError::Failed(format!("signals cannot be caught: {error}")))?;
    let folder = Rc::new(Folder::open(&settings.data)?);
    let local = LocalSet::new();
    let outcome = local
        .run_until(async {
            let mut running = Running::default();
            let outcome = tokio::select! {
                outcome = start(settings, lan, &folder, &mut running) => outcome,
                () = stop => Ok(()),
            };
            running.stop().await;
            outcome
        })
        .await;
    folder.remove_pid("dev");
    outcome
}

/// Starts everything and then waits for ever; only a failed start returns.
async fn start(settings: &Settings, lan: bool, folder: &Rc<Folder>, running: &mut Running) -> Result<(), DevError> {
    let mut config = check(settings, folder)?;
    let mut host = config.listen.ip();
    if lan {
        config.listen.set_ip(Ipv4Addr::UNSPECIFIED.into());
        if settings.public_url.is_none() {
            host = lan::address().ok_or_else(no_lan_address)?.into();
        }
    }
    let password = Secret::from(if lan { folder.demo_password()? } else { demo::PASSWORD.to_owned() });
    leftover::stop_all(folder).await?;
    config.listen = free_address(&config)?;
    if settings.public_url.is_none() {
        config.public_url = default_public_url(SocketAddr::new(host, config.listen.port()));
    }
    let programs = Programs::find(postgres::version_of_data(&folder.path().join("store"))?.as_deref())?;
    let identity = Identity::choose(folder, &programs)?;

    let (redis, redis_url) = Redis::prepare(folder, &programs, &identity)?;
    let redis = running.redis.insert(begin(redis, folder)?);
    let redis_port = folder.former_port("redis").unwrap_or_default();
    let (postgres, database_url) =
        Postgres::prepare(folder, &programs, &identity, &[redis_port, config.listen.port()]).await?;
    let postgres = running.postgres.insert(begin(postgres, folder)?);
    redis.ready().await.map_err(|failed| DevError::Unusable(failed.reason))?;
    postgres.ready().await.map_err(|failed| postgres.service().explain(&failed.reason))?;

    config.redis_url = Secret::from(redis_url);
    config.database_url = Secret::from(database_url);
    let server = Server {
        program: std::env::current_exe().map_err(|error| DevError::Failed(format!("cannot find myself: {error}")))?,
        setpriv: programs.setpriv.clone(),
        data: folder.path().to_owned(),
        log: settings.log.clone(),
        config: config.clone(),
    };
    migrate(&server).await?;
    load_demo(&config, &password).await?;
    let server = running.server.insert(begin(server, folder)?);
    server.ready().await.map_err(server_failed)?;

    tell(&format!("ready {}", config.link("")));
    for line in welcome::lines(&config, &password, lan) {
        tell(&line);
    }
    loop {
        tokio::time::sleep(LOGS_PERIOD).await;
        for quiet in ["redis", "postgres"] {
            folder.shorten_log(quiet);
        }
    }
}

/// Checks the settings before anything is started. The URLs of the private servers are not known yet, but sound.
fn check(settings: &Settings, folder: &Folder) -> Result<Config, DevError> {
    let mut settings = settings.clone();
    for (given, name) in [(&settings.redis_url, "REDIS_URL"), (&settings.database_url, "DATABASE_URL")] {
        if given.is_some() {
            say(&format!("WAITLESS_{name} is not used: `dev` brings its own; `waitless serve` uses it"));
        }
    }
    settings.redis_url = Some(Secret::from("redis://127.0.0.1".to_owned()));
    settings.database_url = Some(Secret::from("postgres://127.0.0.1/waitless".to_owned()));
    if settings.secret.as_ref().is_none_or(|secret| secret.expose().is_empty()) {
        settings.secret = Some(Secret::from(folder.secret()?));
    }
    Config::from_settings(&settings).map_err(DevError::Configuration)
}

fn no_lan_address() -> DevError {
    DevError::Configuration(vec![
        "this machine has no IPv4 address on a network: set WAITLESS_PUBLIC_URL to the URL that phones reach it by"
            .to_owned(),
    ])
}

/// The address for the server, free a moment ago; port 0 becomes a real one, so that a restarted server keeps it.
fn free_address(config: &Config) -> Result<SocketAddr, DevError> {
    let listener = listen::bind(config.listen, false).map_err(DevError::Unusable)?;
    listener.local_addr().map_err(|error| DevError::Failed(error.to_string()))
}

fn begin<S: child::Service>(service: S, folder: &Rc<Folder>) -> Result<Keeper<S>, DevError> {
    let name = service.name();
    Keeper::start(service, Rc::clone(folder)).map_err(|error| {
        if folder.is_full() {
            DevError::folder(folder.path(), &std::io::ErrorKind::StorageFull.into())
        } else {
            DevError::Failed(format!("{name} cannot be started: {error}"))
        }
    })
}

/// The same `waitless migrate` that operators run.
async fn migrate(server: &Server) -> Result<(), DevError> {
    let failed = |reason: &str| DevError::Failed(format!("the database cannot be brought up to date: {reason}"));
    let mut command = tokio::process::Command::from(server.command_of("migrate"));
    let output = command.kill_on_drop(true).output().await.map_err(|error| failed(&error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    let reason = stderr.lines().last().unwrap_or("for no known reason").trim_start_matches("waitless: ");
    match output.status.code() {
        Some(2) => Err(DevError::Configuration(vec![reason.to_owned()])),
        _ => Err(failed(reason)),
    }
}

/// The demo restaurant and its accounts, with the password of this run.
async fn load_demo(config: &Config, password: &Secret) -> Result<(), DevError> {
    let failed = |error: &dyn std::fmt::Display| DevError::Failed(format!("the demo cannot be loaded: {error}"));
    let db = Db::connect_lazy(&config.database_url).map_err(|error| failed(&error))?;
    demo::load(&db, &Passwords::default(), password).await.map_err(|error| failed(&error))?;
    Ok(())
}

/// A server that refuses its configuration or its port says so itself; its exit code becomes ours.
fn server_failed(failed: Failed) -> DevError {
    match failed.status.code() {
        Some(2) => DevError::Configuration(vec![failed.reason]),
        Some(3) => DevError::Unusable(failed.reason),
        _ => DevError::Failed(failed.reason),
    }
}

/// A line for whoever started us, on standard output. Nobody may be listening any more, which is no reason to stop.
fn tell(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// A line about the course of things, on standard error.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "waitless dev: {line}");
}
