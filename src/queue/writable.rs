//! Whether Redis takes writes: one that is full, or cannot write to its disk, goes on answering what only reads.

use super::Queue;

/// Refused like every script that may write, but it does nothing.
const WRITES_NOTHING: &str = "#!lua\nreturn 1";

/// Full, cannot write to its disk, lacks replicas, is a replica itself.
const REFUSED: [&str; 4] = ["OOM", "MISCONF", "NOREPLICAS", "READONLY"];

impl Queue {
    /// Whether Redis takes writes; `None`: it says nothing of that, as when it does not answer.
    pub async fn takes_writes(&self) -> Option<bool> {
        let mut command = redis::cmd("EVAL");
        command.arg(WRITES_NOTHING).arg(0);
        let asking = self.redis.call(async |redis| match command.exec_async(redis).await {
            Err(error) if error.code().is_some_and(|code| REFUSED.contains(&code)) => Ok(false),
            answer => answer.map(|()| true),
        });
        asking.await.ok()
    }
}
