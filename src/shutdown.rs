//! The wish to stop: one future that `serve` and `dev` wait for.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// Completes on the first SIGINT, SIGTERM or SIGHUP (a closed terminal). Signals count from this call on, not only
/// from the first poll, so that none is lost in between.
///
/// # Errors
/// When the handlers cannot be installed.
pub fn requested() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
    })
}
