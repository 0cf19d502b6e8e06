//! What a killed `dev` left running is stopped before a new one starts: the data has one user at a time.
//!
//! Invariant: a stranger is never signalled. A pid file proves nothing, since pids are used again; so a process is
//! ours only if it says so itself: a Redis or PostgreSQL by its name and its working folder inside our store, a
//! server by the data folder in its arguments.

use std::{
    fs,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::time::{Instant, sleep};

use super::{error::DevError, folder::Folder, say};

/// How long each polite and each firm signal is given.
const PATIENCE: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(50);
/// The argument by which a server names the data folder of the `dev` that started it.
pub(super) const MARK: &str = "--started-by-dev";
/// Names of the programs that may work in the store; the last ones are on their way to becoming the others.
const STORE_PROGRAMS: [&str; 5] = ["redis-server", "postgres", "initdb", "setpriv", "unshare"];

/// Stops every process of a former run, the server first.
///
/// # Errors
/// When one cannot be stopped.
pub(super) async fn stop_all(folder: &Folder) -> Result<(), DevError> {
    // What `store` points to may be gone, which is told later; then nothing works in it.
    let store = fs::canonicalize(folder.path().join("store")).unwrap_or_else(|_| folder.path().join("store"));
    let servers = || processes(|pid| is_server_of(pid, folder.path()));
    let stores = || processes(|pid| works_in(pid, &store));
    if !servers().is_empty() || !stores().is_empty() {
        say("a former run was killed; stopping what it left");
    }
    stop(servers, &[Signal::SIGTERM, Signal::SIGKILL]).await?;
    // Redis ends on SIGINT like on SIGTERM; for PostgreSQL it is the fast shutdown, SIGQUIT the one with recovery.
    stop(stores, &[Signal::SIGINT, Signal::SIGQUIT, Signal::SIGKILL]).await?;
    // No PostgreSQL is left, so this names a dead one; its pid may be a stranger's by now, and postgres would not
    // start.
    let _ = fs::remove_file(store.join("postgres/postmaster.pid"));
    Ok(())
}

async fn stop(find: impl Fn() -> Vec<Pid>, signals: &[Signal]) -> Result<(), DevError> {
    for signal in signals {
        let deadline = Instant::now() + PATIENCE;
        for pid in find() {
            // It may have ended meanwhile; a frozen one must wake to hear the signal.
            let _ = kill(pid, *signal).and_then(|()| kill(pid, Signal::SIGCONT));
        }
        while !find().is_empty() {
            if Instant::now() > deadline {
                break;
            }
            sleep(POLL).await;
        }
    }
    match find().first() {
        None => Ok(()),
        Some(pid) => Err(DevError::Unusable(format!(
            "process {pid} of a former run cannot be stopped: end it by hand, then start again"
        ))),
    }
}

fn processes(is_ours: impl Fn(Pid) -> bool) -> Vec<Pid> {
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    pids.filter_map(|entry| Some(Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)))
        .filter(|pid| *pid != Pid::this() && is_ours(*pid))
        .collect()
}

fn works_in(pid: Pid, store: &Path) -> bool {
    let Ok(name) = fs::read_to_string(format!("/proc/{pid}/comm")) else { return false };
    let Ok(folder) = fs::read_link(format!("/proc/{pid}/cwd")) else { return false };
    STORE_PROGRAMS.contains(&name.trim()) && folder.starts_with(store)
}

fn is_server_of(pid: Pid, data: &Path) -> bool {
    let Ok(arguments) = fs::read(format!("/proc/{pid}/cmdline")) else { return false };
    let arguments: Vec<&[u8]> = arguments.split(|byte| *byte == 0).collect();
    arguments.windows(2).any(|pair| pair[0] == MARK.as_bytes() && pair[1] == PathBuf::from(data).as_os_str().as_bytes())
}
