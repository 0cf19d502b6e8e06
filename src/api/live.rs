//! WebSockets of axum as sockets of the hub.
//!
//! Invariant: a connection that says nothing holds about 4 KiB. axum's own buffers are 128 KiB, hence [`configured`].

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use tokio_tungstenite::tungstenite::{self, error::ProtocolError::ResetWithoutClosingHandshake};

use crate::{
    hub::{Gone, Inbound, Socket, Text, Watcher},
    protocol::{CloseCode, SUBPROTOCOL},
};

/// Read at once from a connection.
const READ_BUFFER_LEN: usize = 1_024;

/// More than a client's frame may hold, so that one a little too long is read and answered with a reason; the hub
/// refuses what is above its own limit.
const MESSAGE_LEN_MAX: usize = 4 * 1_024;

/// After a close frame, so much more is read for the client's own, within the hub's patience: a slow reader may have
/// sent a lot before it hears that it is slow.
const LEFTOVERS_MAX: usize = 4_096;

/// The upgrade with our subprotocol and limits.
pub fn configured(upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
    upgrade
        .protocols([SUBPROTOCOL])
        .read_buffer_size(READ_BUFFER_LEN)
        .write_buffer_size(0)
        .max_message_size(MESSAGE_LEN_MAX)
        .max_frame_size(MESSAGE_LEN_MAX)
}

/// Talks with a client until either ends it, or `dismissed` says why it must end.
pub async fn run(socket: WebSocket, watcher: Watcher, dismissed: impl Future<Output = CloseCode>) {
    watcher.run(Connection(socket), dismissed).await;
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
                Ok(tungstenite::Error::Protocol(error)) if *error != ResetWithoutClosingHandshake => Inbound::Malformed,
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

#[cfg(test)]
mod tests {
    use axum::{Router, extract::State, response::Response, routing::any};
    use futures_util::{SinkExt, StreamExt};
    use tokio::net::TcpListener;
    use tokio_tungstenite::{
        connect_async,
        tungstenite::{
            Message,
            client::IntoClientRequest,
            protocol::frame::{
                Frame,
                coding::{Data, OpCode},
            },
        },
    };

    use super::*;
    use crate::{
        domain::testing::RESTAURANT,
        hub::{Hub, HubSettings, Watch, tests::fake},
    };

    async fn live(State(hub): State<Hub>, upgrade: WebSocketUpgrade) -> Response {
        let watcher = hub.watch(RESTAURANT, Watch::Board { door: false }).await.expect("a place");
        configured(upgrade).on_upgrade(|socket| run(socket, watcher, std::future::pending()))
    }

    /// What a client gets that sends this: the text of the first frame, then what follows it.
    async fn talk(hub: &Hub, say: Message) -> (String, Message) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("ws://{}/", listener.local_addr().expect("an address"));
        let app = Router::new().route("/", any(live)).with_state(hub.clone());
        let server = tokio::spawn(async move { axum::serve(listener, app).await });
        let mut request = url.into_client_request().expect("a request");
        request.headers_mut().insert("sec-websocket-protocol", "waitless.v1, waitless.bearer.x".parse().expect("text"));
        let (mut socket, response) = connect_async(request).await.expect("connected");
        assert_eq!(response.headers()["sec-websocket-protocol"], SUBPROTOCOL);
        let first = socket.next().await.expect("a frame").expect("readable").into_text().expect("text");
        socket.send(say).await.expect("sent");
        let answer = socket.next().await.expect("an answer").expect("readable");
        server.abort();
        (first.to_string(), answer)
    }

    #[tokio::test]
    async fn a_connection_is_refused_with_its_code_and_pings_are_answered() {
        let source = fake::FakeSource::new();
        let hub = fake::hub(&source, HubSettings::default());
        let broken = Frame::message(vec![0xff, 0xfe], OpCode::Data(Data::Text), true);
        for (say, code) in [
            (Message::text("x".repeat(2_000)), 1009),
            (Message::text("x".repeat(100_000)), 1009),
            (Message::binary(vec![1, 2, 3]), 1003),
            (Message::Frame(broken), 1007),
            (Message::text("no json"), 1007),
        ] {
            let (first, answer) = talk(&hub, say).await;
            assert!(first.contains(r#""type":"board""#), "{first}");
            match answer {
                Message::Close(Some(frame)) => assert_eq!(u16::from(frame.code), code),
                other => panic!("not closed with {code} but {other:?}"),
            }
        }
        let (_, answer) = talk(&hub, Message::Ping("are you there".into())).await;
        assert_eq!(answer, Message::Pong("are you there".into()));
    }
}
