//! Who makes the changes that screens show: staff of a WaitLess over HTTP, or, for the servers it is measured beside,
//! somebody who publishes a message of the same size.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use anyhow::{Context as _, ensure};
use clap::ValueEnum;
use reqwest::Method;
use serde_json::json;
use tokio::sync::Mutex;

use crate::{
    api::{Api, stamp},
    city::{Shop, letter},
    engine::changes::EVERYBODY,
};

/// What changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Change {
    /// Staff tell everybody something new: every screen of the restaurant is told at once, each phone in a frame of its own
    Announce,
    /// In one line somebody is called, and taken back with the next change: every phone of the line moves
    Move,
}

/// How changes are made.
pub(crate) enum Feed {
    Staff {
        api: Api,
        change: Change,
        lines: usize,
        /// Whom the last change of a restaurant called.
        called: Vec<Mutex<Option<String>>>,
        shops: Vec<Shop>,
    },
    /// `PUBLISH r<room> message`.
    Redis { connection: redis::aio::MultiplexedConnection, message_len: usize },
    /// A POST to `<url><room>`.
    Post { http: reqwest::Client, url: String, message_len: usize },
}

/// Texts are never the same: an announcement that says what the last one did changes nothing.
static TEXTS: AtomicU64 = AtomicU64::new(0);

impl Feed {
    /// Of messages of this size, to a Redis or a web server.
    pub(crate) async fn publisher(via: &str, message_len: usize) -> anyhow::Result<Self> {
        if via.starts_with("redis://") {
            let connection = redis::Client::open(via)?.get_multiplexed_async_connection().await?;
            return Ok(Self::Redis { connection, message_len });
        }
        let http = reqwest::Client::builder().no_proxy().tcp_nodelay(true).build()?;
        Ok(Self::Post { http, url: via.to_owned(), message_len })
    }

    /// The line that the `ordinal`th change of a room is about.
    pub(crate) fn line(&self, ordinal: usize) -> u8 {
        match self {
            Self::Staff { change: Change::Move, lines, .. } => letter(ordinal / 2 % lines),
            Self::Staff { change: Change::Announce, .. } | Self::Redis { .. } | Self::Post { .. } => EVERYBODY,
        }
    }

    /// Makes the `ordinal`th change of a room, after which it is of this rev.
    pub(crate) async fn make(&self, room: usize, ordinal: usize, rev: i64) -> anyhow::Result<()> {
        match self {
            Self::Staff { api, change, called, shops, .. } => {
                let slug = &shops.get(room).context("Invariant: a room is a shop")?.slug;
                let answer = match change {
                    Change::Announce => {
                        let text = format!("Change {:08}", TEXTS.fetch_add(1, Relaxed));
                        let path = format!("/restaurants/{slug}/announcement");
                        api.insist(Method::PUT, &path, Some(json!({ "text": text }))).await?
                    }
                    Change::Move => {
                        let mut called = called[room].lock().await;
                        if let Some(ticket) = called.take() {
                            api.insist(Method::POST, &format!("/restaurants/{slug}/tickets/{ticket}/undo"), None)
                                .await?
                        } else {
                            let line = char::from(self.line(ordinal));
                            let path = format!("/restaurants/{slug}/lines/{line}/call-next");
                            let answer = api.insist(Method::POST, &path, None).await?;
                            *called = answer["ticket"]["id"].as_str().map(str::to_owned);
                            answer
                        }
                    }
                };
                let said = stamp(&answer)?.1;
                ensure!(said == rev, "{slug} is at {said}, not at {rev}: somebody else changes it, too");
            }
            Self::Redis { connection, message_len } => {
                let mut publish = redis::cmd("PUBLISH");
                publish.arg(format!("r{room}")).arg(message(rev, *message_len));
                publish.exec_async(&mut connection.clone()).await?;
            }
            Self::Post { http, url, message_len } => {
                let answer = http.post(format!("{url}{room}")).body(message(rev, *message_len)).send().await?;
                ensure!(answer.status().is_success(), "publishing was answered {}", answer.status());
                answer.bytes().await?;
            }
        }
        Ok(())
    }
}

/// A message as long as a frame of ours.
pub(crate) fn message(rev: i64, len: usize) -> String {
    let head = format!(r#"{{"type":"board","epoch":1,"rev":{rev},"live":true,"text":""#);
    let pad = len.saturating_sub(head.len() + 2);
    format!(r#"{head}{}"}}"#, "x".repeat(pad))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::scan::{Kind, Scan};

    #[test]
    fn a_message_is_as_long_as_it_should_be_and_can_be_read() {
        for len in [100, 200, 964] {
            let message = message(77, len);
            assert_eq!(message.len(), len);
            let scan = Scan::new();
            assert_eq!((scan.kind(message.as_bytes()), scan.stamp(message.as_bytes())), (Kind::Board, Some((1, 77))));
        }
    }
}
