//! Screens that stay open through everything, as the pages do: they come back with a back-off, ask when it is silent,
//! and say whether what they show is live. Part of the checker: nothing of the server's code is used here.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures_util::{SinkExt as _, StreamExt as _};
use rand::RngExt as _;
use serde_json::Value;
use tokio::{net::TcpStream, task::JoinHandle, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest as _},
};

use crate::replay::Shown;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A handshake that takes longer is given up.
const OPEN_TIMEOUT: Duration = Duration::from_secs(8);

/// Silence longer than announced by this is said.
const SILENCE_GRACE: Duration = Duration::from_secs(1);

/// An answer to a question takes no longer, or the connection is dead.
const ANSWER: Duration = Duration::from_millis(1_500);

#[derive(Clone, Debug)]
pub enum Kind {
    Board,
    Console,
    /// Of this ticket.
    Phone(String),
}

/// A screen. It closes when dropped.
pub struct Screen {
    pub kind: Kind,
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

/// What a screen has been through.
#[derive(Default)]
pub struct Seen {
    pub shown: Shown,
    /// Since when it is live, or is not; the last is now.
    pub live: Vec<(Instant, bool)>,
    /// The server said that there is nothing more to say.
    pub ended: Option<u16>,
    pub connections: u32,
    /// What the protocol does not allow.
    pub problems: Vec<String>,
}

impl Seen {
    fn set_live(&mut self, live: bool) {
        if self.is_live() != live {
            self.live.push((Instant::now(), live));
        }
    }

    pub fn is_live(&self) -> bool {
        self.live.last().is_some_and(|(_, live)| *live)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Screen {
    /// Opens one; `base` as in `http://127.0.0.1:8080`.
    pub fn open(base: &str, kind: Kind, token: &str) -> Self {
        let base = base.replace("http://", "ws://");
        let (url, protocols) = match &kind {
            Kind::Board => (format!("{base}/v1/restaurants/demo/board/live"), "waitless.v1".to_owned()),
            Kind::Console => {
                (format!("{base}/v1/restaurants/demo/console/live"), format!("waitless.v1, waitless.bearer.{token}"))
            }
            Kind::Phone(ticket) => (format!("{base}/v1/tickets/{ticket}/live"), "waitless.v1".to_owned()),
        };
        let seen = Arc::new(Mutex::new(Seen::default()));
        let task = tokio::spawn(keep_open(url, protocols, Arc::clone(&seen)));
        Self { kind, seen, task }
    }

    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn keep_open(url: String, protocols: String, seen: Arc<Mutex<Seen>>) {
    let look = || seen.lock().unwrap_or_else(PoisonError::into_inner);
    let mut attempt = 0;
    loop {
        let mut retry = Duration::ZERO;
        let mut request = url.as_str().into_client_request().expect("a URL");
        request.headers_mut().insert("sec-websocket-protocol", protocols.parse().expect("a header"));
        if let Ok(Ok((socket, _))) = timeout(OPEN_TIMEOUT, connect_async(request)).await {
            look().connections += 1;
            let end = follow(socket, &seen, &mut attempt).await;
            retry = end.retry;
            if let Some(code) = end.code.filter(|code| matches!(code, 1000 | 1003 | 1007 | 1009 | 4400..=4404)) {
                look().ended = Some(code);
                return;
            }
        }
        look().set_live(false);
        // Full jitter, as static/lib/backoff.js has it.
        let ceiling = (0.5 * 1.5_f64.powi(attempt)).min(20.0);
        attempt += 1;
        let pause = Duration::from_secs_f64(ceiling * rand::rng().random::<f64>());
        tokio::time::sleep(pause.max(retry)).await;
    }
}

#[derive(Default)]
struct End {
    code: Option<u16>,
    retry: Duration,
}

/// One connection, until it ends.
async fn follow(mut socket: Socket, seen: &Mutex<Seen>, attempt: &mut i32) -> End {
    let look = || seen.lock().unwrap_or_else(PoisonError::into_inner);
    let mut end = End::default();
    let (mut patience, mut asked, mut first) = (OPEN_TIMEOUT, false, true);
    loop {
        let heard = match timeout(patience, socket.next()).await {
            Err(_) if asked => return end,
            Err(_) => {
                look().set_live(false);
                (patience, asked) = (ANSWER, true);
                if socket.send(Message::text(r#"{"type":"resync"}"#)).await.is_err() {
                    return end;
                }
                continue;
            }
            Ok(heard) => heard,
        };
        let text = match heard {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Close(frame))) => {
                end.code = frame.map(|frame| frame.code.into());
                return end;
            }
            Some(Ok(_)) => continue,
            Some(Err(_)) | None => return end,
        };
        let frame: Value = serde_json::from_str(&text).expect("a frame is JSON");
        if frame["type"] == "bye" {
            end.retry = Duration::from_millis(frame["retry_ms"].as_u64().expect("a time"));
            continue;
        }
        *attempt = 0;
        asked = false;
        patience = Duration::from_millis(frame["every_ms"].as_u64().expect("every_ms")) + SILENCE_GRACE;
        let mut seen = look();
        if frame["type"] != "tick" {
            if std::mem::take(&mut first) && frame["type"] == "delta" {
                seen.problems.push("a connection began with a delta".to_owned());
            }
            if let Err(problem) = seen.shown.take(&frame) {
                seen.problems.push(problem);
            }
        }
        seen.set_live(frame["live"].as_bool().expect("live"));
    }
}
