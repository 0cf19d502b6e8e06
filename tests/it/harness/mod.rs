//! What tests share: servers given by `tests/run`, a namespace or a database of their own for each test.

use std::{ffi::OsStr, process::Command, time::Duration};

pub mod app;
pub mod database;
pub mod dev;
pub mod past;
pub mod process;
pub mod record;
pub mod redis_of_ones_own;
pub mod set_clock;
pub mod shop;
pub mod vanish;
pub mod watch;
pub mod wire;

/// An environment variable that `tests/run` exports.
pub fn given(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run the tests with `make test` or tests/run"))
}

/// Asks until there is an answer: never a sleep for a fixed time, and never for ever.
pub async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    const PATIENCE: Duration = Duration::from_secs(60);
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.unwrap_or_else(|_| panic!("not within {PATIENCE:?}: {what}"))
}

/// A program that does not outlive the thread that starts it, however the tests end.
pub fn dying_with_us(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}
