//! A screen's connection, as it comes from one of the addresses, and what must hold of its frames whoever looks.

use std::{net::SocketAddr, time::Duration};

use anyhow::Context as _;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::{
    net::{TcpSocket, TcpStream},
    time::{Instant, timeout_at},
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest as _},
};

use super::{
    mirror::{Stamp, stamp},
    world::{World, address},
};

/// More than `every_ms` without a word: one second by the contract, the rest for a busy machine.
const SILENCE_SLACK: Duration = Duration::from_secs(6);

/// The receive buffer of a slow reader, so that the server feels it.
const NARROW_LEN: u32 = 4_096;

/// What came.
pub(super) enum Heard {
    Frame(Value),
    /// A tick, or something else that says nothing.
    Nothing,
    Closed(Option<u16>),
    /// Longer than it may be.
    Silence,
}

pub(super) struct Connection {
    socket: WebSocketStream<TcpStream>,
    /// When the next frame comes at the latest, as the last one said.
    every: Duration,
    quiet_until: Instant,
}

impl Connection {
    pub(super) async fn open(
        world: &World,
        kind: &'static str,
        from: u8,
        path: &str,
        token: Option<&str>,
        narrow: bool,
    ) -> anyhow::Result<Self> {
        world.tally.count("connections", kind);
        let authority = world.url_of(from).strip_prefix("http://").context("an http URL")?;
        let to: SocketAddr = authority.parse().context("an address")?;
        let socket = TcpSocket::new_v4()?;
        if narrow {
            socket.set_recv_buffer_size(NARROW_LEN)?;
        }
        socket.bind((address(from), 0).into())?;
        let mut request = format!("ws://{authority}/v1{path}").into_client_request()?;
        if let Some(token) = token {
            let protocols = format!("waitless.v1, waitless.bearer.{token}");
            request.headers_mut().insert("sec-websocket-protocol", protocols.parse()?);
        }
        let (socket, _) = client_async(request, socket.connect(to).await?).await?;
        Ok(Self { socket, every: Duration::ZERO, quiet_until: Instant::now() + SILENCE_SLACK })
    }

    /// What comes next.
    ///
    /// # Cancel safety
    /// Nothing is lost when this is dropped.
    pub(super) async fn next(&mut self, world: &World) -> Heard {
        match timeout_at(self.quiet_until, self.socket.next()).await {
            Err(_) => Heard::Silence,
            Ok(Some(Ok(Message::Text(text)))) => {
                let Ok(frame) = serde_json::from_str::<Value>(&text) else { return Heard::Closed(Some(1007)) };
                self.every = Duration::from_millis(frame["every_ms"].as_u64().unwrap_or(4_000));
                self.quiet_until = Instant::now() + self.every + SILENCE_SLACK;
                world.tally.count("frames", frame["type"].as_str().unwrap_or("none"));
                if frame["type"] == "tick" { Heard::Nothing } else { Heard::Frame(frame) }
            }
            Ok(Some(Ok(Message::Close(frame)))) => Heard::Closed(frame.map(|frame| frame.code.into())),
            Ok(Some(Ok(_))) => Heard::Nothing,
            Ok(Some(Err(_)) | None) => Heard::Closed(None),
        }
    }

    /// Was not read for a while, of its own accord.
    pub(super) fn forgive(&mut self) {
        self.quiet_until = Instant::now() + self.every + SILENCE_SLACK;
    }

    pub(super) async fn resync(&mut self) {
        // Should it be gone, the next read says so.
        let _ = self.socket.send(Message::text(r#"{"type":"resync"}"#)).await;
    }

    /// Goes as a closed page does.
    pub(super) async fn leave(mut self) {
        drop(tokio::time::timeout(SILENCE_SLACK, self.socket.close(None)).await);
    }

    /// Goes as a phone does whose battery is empty: without a word, and what was on the way is lost.
    pub(super) fn cut(self) {
        // Where that cannot be set, it is an ordinary end without good-bye.
        let _ = self.socket.get_ref().set_zero_linger();
    }
}

/// What a screen has seen, over all its connections.
#[derive(Default)]
pub(super) struct Seen {
    stamp: Stamp,
    pub(super) frame: Value,
}

impl Seen {
    /// Holds a frame to what holds of every frame.
    pub(super) fn take(&mut self, world: &World, kind: &str, frame: Value) {
        let new = stamp(&frame);
        if new < self.stamp {
            world.tally.find(format!("a {kind} went back from {:?} to {new:?}", self.stamp));
        }
        self.stamp = new;
        self.frame = frame;
    }

    pub(super) fn stamp(&self) -> Stamp {
        self.stamp
    }
}
