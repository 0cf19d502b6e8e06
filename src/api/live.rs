//! WebSockets of axum as sockets of the hub.
//!
//! Invariant: a connection that says nothing holds about 4 KiB. axum's own buffers are 128 KiB, hence [`configured`].

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use tokio_tungstenite::tungstenite;

use crate::{
    hub::{Gone, Inbound, Socket, Text, Watcher},
    protocol::{CloseCode, SUBPROTOCOL},
};

/// Read at once from a connection.
const READ_BUFFER_LEN: usize = 1_024;

/// More than a client's frame may hold, so that one a little too long is read and answered with a reason; the hub
/// refuses what is above its own limit.
const MESSAGE_LEN_MAX: usize = 4 * 1_024;

/// After a close frame, so much more is read for the client's own.
const LEFTOVERS_MAX: usize = 16;

/// The upgrade with our subprotocol and limits.
#[must_use]
pub fn configured(upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
    upgrade
        .protocols([SUBPROTOCOL])
        .read_buffer_size(READ_BUFFER_LEN)
        .write_buffer_size(0)
        .max_message_size(MESSAGE_LEN_MAX)
        .max_frame_size(MESSAGE_LEN_MAX)
}

/// Talks with a client until either ends it.
pub async fn run(socket: WebSocket, watcher: Watcher) {
    watcher.run(Connection(socket)).await;
}

struct Connection(WebSocket);

impl Socket for Connection {
    async fn send(&mut self, text: Text) -> Result<(), Gone> {
        let text = Utf8Bytes::try_from(text.into_bytes()).map_err(|_| Gone)?;
        self.0.send(Message::Text(text)).await.map_err(|_| Gone)
    }

    async fn receive(&mut self) -> Inbound {
        match self.0.recv().await {
            Some(Ok(Message::Text(text))) => Inbound::Text(text.into()),
            Some(Ok(Message::Binary(_))) => Inbound::Binary,
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Inbound::Control,
            Some(Ok(Message::Close(_))) | None => Inbound::Closed,
            Some(Err(error)) => match error.into_inner().downcast::<tungstenite::Error>().as_deref() {
                Ok(tungstenite::Error::Capacity(_)) => Inbound::TooLarge,
                Ok(tungstenite::Error::Utf8(_)) => Inbound::Invalid,
                Ok(_) | Err(_) => Inbound::Closed,
            },
        }
    }

    async fn close(&mut self, code: CloseCode) {
        let frame = CloseFrame { code: code.code(), reason: Utf8Bytes::from_static("") };
        if self.0.send(Message::Close(Some(frame))).await.is_err() {
            return;
        }
        // A socket closed with unread bytes is reset, and then the client may never see why.
        for _ in 0..LEFTOVERS_MAX {
            if !matches!(self.0.recv().await, Some(Ok(_))) {
                return;
            }
        }
    }
}
