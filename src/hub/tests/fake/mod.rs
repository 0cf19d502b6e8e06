//! A source and clients in memory.

mod client;
mod source;

use std::sync::Arc;

use tokio::time::Duration;

use super::super::{Hub, HubSettings};
pub(crate) use client::{Client, Say};
pub(crate) use source::FakeSource;

/// A hub on this source. The door code is the minute.
pub(crate) fn hub(source: &Arc<FakeSource>, settings: HubSettings) -> Hub {
    let url = "http://wait.test/".parse().expect("a URL");
    Hub::new(source.clone(), settings, url, Arc::new(|_, at| format!("{:04}", at / 60_000)))
}

/// Lets all tasks do what they can without time passing.
pub(crate) async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

pub(crate) async fn pass(duration: Duration) {
    tokio::time::sleep(duration).await;
    settle().await;
}

pub(crate) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}
