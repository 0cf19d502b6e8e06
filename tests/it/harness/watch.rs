//! A WebSocket client that keeps every frame it was sent.

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest as _},
};

/// A watcher of a board, a ticket or a console.
pub struct Watcher {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

/// What came.
#[derive(Debug)]
pub enum Heard {
    Frame(Value),
    Closed(Option<u16>),
}

impl Watcher {
    /// Connects; `token` goes as a subprotocol, as browsers send it.
    pub async fn connect(url: &str, token: Option<&str>) -> Result<Self, Error> {
        let mut request = url.into_client_request()?;
        let protocols = match token {
            Some(token) => format!("waitless.v1, waitless.bearer.{token}"),
            None => "waitless.v1".to_owned(),
        };
        request.headers_mut().insert("sec-websocket-protocol", protocols.parse().expect("a header"));
        let (socket, _) = connect_async(request).await?;
        Ok(Self { socket })
    }

    /// The next frame or the end, ticks left out.
    pub async fn next(&mut self) -> Heard {
        loop {
            match self.any().await {
                Heard::Frame(frame) if frame["type"] == "tick" => {}
                heard => return heard,
            }
        }
    }

    /// The next frame or the end.
    pub async fn any(&mut self) -> Heard {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => {
                    return Heard::Frame(serde_json::from_str(&text).expect("a frame is JSON"));
                }
                Some(Ok(Message::Close(frame))) => return Heard::Closed(frame.map(|frame| frame.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Heard::Closed(None),
            }
        }
    }

    /// The next tick; panics when something else comes.
    pub async fn tick(&mut self) -> Value {
        match self.socket.next().await {
            Some(Ok(Message::Text(text))) => {
                let frame: Value = serde_json::from_str(&text).expect("a frame is JSON");
                assert_eq!(frame["type"], "tick");
                frame
            }
            other => panic!("{other:?} instead of a tick"),
        }
    }

    /// The next frame; panics when the connection ends.
    pub async fn frame(&mut self) -> Value {
        match self.next().await {
            Heard::Frame(frame) => frame,
            Heard::Closed(code) => panic!("closed with {code:?} instead of a frame"),
        }
    }

    /// Sends something.
    pub async fn send(&mut self, message: Message) {
        self.socket.send(message).await.expect("the connection is open");
    }
}
