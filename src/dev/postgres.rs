//! The private PostgreSQL: a cluster of our own on the loopback, with a password and without a Unix socket (whose
//! path may have 107 bytes only, fewer than a clone's folder may need).
//!
//! Invariant: `store/postgres` is either absent or a whole cluster. It is made beside and renamed when done, so a
//! kill in the middle leaves nothing half made.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Duration,
};

use nix::sys::signal::Signal;

use super::{
    child::Service, error::DevError, folder, folder::Folder, identity::Identity, port, programs::Programs, say,
};

/// Its superuser and its database.
const NAME: &str = "waitless";
/// The password lies in the cluster it belongs to, so that the two cannot part.
const PASSWORD_FILE: &str = "waitless.password";
/// Line of `postmaster.pid` that says whether connections are accepted.
const STATUS_LINE: usize = 7;

/// A PostgreSQL that can be started.
pub(super) struct Postgres {
    program: PathBuf,
    identity: Identity,
    cluster: PathBuf,
    port: u16,
}

/// The major version that the cluster under `store` needs, if there is one.
///
/// # Errors
/// When there is a folder that is no cluster.
pub(super) fn version_of_data(store: &Path) -> Result<Option<String>, DevError> {
    let cluster = store.join("postgres");
    if !cluster.exists() {
        return Ok(None);
    }
    let whole = fs::read_to_string(cluster.join("PG_VERSION")).ok().filter(|_| cluster.join(PASSWORD_FILE).exists());
    match whole.map(|text| text.trim().to_owned()) {
        Some(version) if !version.is_empty() => Ok(Some(version)),
        _ => Err(broken(&cluster, "it is not a whole PostgreSQL cluster")),
    }
}

fn broken(cluster: &Path, why: &str) -> DevError {
    DevError::Unusable(format!(
        "{} cannot be used: {why}; restore it, or move it away to start with an empty database",
        cluster.display()
    ))
}

impl Postgres {
    /// Makes the cluster if there is none, chooses a port and writes `postgres.url`.
    ///
    /// # Errors
    /// When the cluster cannot be made or read.
    pub(super) async fn prepare(
        folder: &Folder,
        programs: &Programs,
        identity: &Identity,
        taken: &[u16],
    ) -> Result<(Self, String), DevError> {
        let cluster = identity.store().join("postgres");
        if !cluster.exists() {
            say("making the database");
            make_cluster(folder, programs, identity, &cluster).await?;
        }
        let password =
            fs::read_to_string(cluster.join(PASSWORD_FILE)).map_err(|error| DevError::folder(&cluster, &error))?;
        let port = port::choose(folder.former_port("postgres"), taken)?;
        let url = format!("postgres://{NAME}:{}@127.0.0.1:{port}/{NAME}", password.trim());
        folder.write_private("postgres.url", &format!("{url}\n"))?;
        Ok((Self { program: programs.postgres.join("postgres"), identity: identity.clone(), cluster, port }, url))
    }

    /// What to tell when the first start failed.
    pub(super) fn explain(&self, reason: &str) -> DevError {
        broken(&self.cluster, reason)
    }
}

async fn make_cluster(
    folder: &Folder,
    programs: &Programs,
    identity: &Identity,
    cluster: &Path,
) -> Result<(), DevError> {
    let unfinished = cluster.with_extension("unfinished");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).map_err(|error| DevError::folder(&unfinished, &error))?;
    }
    let password_path = identity.store().join("postgres.password");
    let password = folder::random_word();
    identity.write(&password_path, &format!("{password}\n"))?;
    let mut initdb = identity.command(&programs.postgres.join("initdb"), Signal::SIGTERM);
    initdb.arg("-D").arg(&unfinished).arg("--pwfile").arg(&password_path);
    initdb.args(["-E", "UTF8", "--locale=C.UTF-8", "-U", NAME, "--auth=scram-sha-256", "--no-instructions"]);
    run(initdb, folder, identity, "").await?;
    let mut single = identity.command(&programs.postgres.join("postgres"), Signal::SIGTERM);
    single.arg("--single").arg("-D").arg(&unfinished).arg("postgres");
    run(single, folder, identity, &format!("CREATE DATABASE {NAME};\n")).await?;
    let refused = |error: std::io::Error| DevError::folder(cluster, &error);
    fs::rename(&password_path, unfinished.join(PASSWORD_FILE)).map_err(refused)?;
    fs::rename(&unfinished, cluster).map_err(refused)
}

/// Runs a program of PostgreSQL to its end; what it says goes to the log.
async fn run(mut command: Command, folder: &Folder, identity: &Identity, input: &str) -> Result<(), DevError> {
    command.current_dir(identity.store()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let failed = |error: std::io::Error| DevError::Failed(format!("PostgreSQL cannot be set up: {error}"));
    let mut command = tokio::process::Command::from(command);
    let mut child = command.kill_on_drop(true).spawn().map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        tokio::io::AsyncWriteExt::write_all(&mut stdin, input.as_bytes()).await.map_err(failed)?;
    }
    let Output { status, stdout, stderr } = child.wait_with_output().await.map_err(failed)?;
    if let Ok(mut log) = folder.open_log("postgres") {
        // Without a log the outcome below still tells the essence.
        let _ = log.write_all(&stdout).and_then(|()| log.write_all(&stderr));
    }
    let stderr = String::from_utf8_lossy(&stderr);
    let refusal = stderr.lines().find(|line| is_refusal(line));
    // A backend of `--single` ends with 0 whatever became of the statement.
    if status.success() && refusal.is_none() {
        return Ok(());
    }
    if folder.is_full() || folder::is_full(identity.store()) || stderr.contains("No space left on device") {
        return Err(DevError::folder(folder.path(), &std::io::ErrorKind::StorageFull.into()));
    }
    let reason = refusal.or(stderr.lines().last()).unwrap_or("for no known reason").trim();
    Err(DevError::Unusable(format!(
        "PostgreSQL cannot be set up ({reason}): see {}",
        folder.log_path("postgres").display()
    )))
}

fn is_refusal(line: &str) -> bool {
    ["FATAL:", "PANIC:", "ERROR:", "error:"].iter().any(|word| line.contains(word))
}

impl Service for Postgres {
    fn name(&self) -> &'static str {
        "postgres"
    }

    fn command(&self) -> Command {
        let mut command = self.identity.command(&self.program, Signal::SIGINT);
        command.arg("-D").arg(&self.cluster).arg("-p").arg(self.port.to_string());
        command.args(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]);
        command.args(["-c", "max_connections=200", "-c", "logging_collector=off", "-c", "log_destination=stderr"]);
        command.current_dir(&self.cluster);
        command
    }

    /// The fast shutdown: connections are ended, everything is written.
    fn stop_signal(&self) -> Signal {
        Signal::SIGINT
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(20)
    }

    /// As `pg_ctl --wait` knows it: the postmaster of this very pid says so in its pid file.
    async fn is_ready(&self, pid: u32) -> bool {
        fs::read_to_string(self.cluster.join("postmaster.pid")).is_ok_and(|text| {
            let lines: Vec<&str> = text.lines().map(str::trim).collect();
            lines.first() == Some(&pid.to_string().as_str()) && lines.get(STATUS_LINE) == Some(&"ready")
        })
    }

    fn is_reason(&self, line: &str) -> bool {
        line.contains("FATAL:") || line.contains("PANIC:")
    }
}
