//! The wish to stop: one future that `serve` and `dev` wait for.

use std::io;

use nix::sys::signal::Signal;
use tokio::signal::unix::{SignalKind, signal};

/// Completes on the first SIGINT, SIGTERM or SIGHUP (a closed terminal, unless `nohup` said to ignore it). Signals
/// count from this call on, not only from the first poll, so that none is lost in between.
///
/// # Errors
/// When the handlers cannot be installed.
pub fn requested() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let stays = is_ignored(Signal::SIGHUP); // asked first: catching it changes the answer
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv(), if !stays => {}
        }
    })
}

/// True when whoever started us had this signal ignored.
fn is_ignored(signal: Signal) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask >> (signal as i32 - 1) & 1 == 1)
}
