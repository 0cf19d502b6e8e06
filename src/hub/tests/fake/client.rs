//! A client in memory, and the server's end of its connection.

use std::{
    collections::VecDeque,
    io::{self, Read, Write},
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
};

use serde_json::Value;
use tokio::{
    sync::{Notify, mpsc},
    task::JoinHandle,
    time::{Duration, Instant, timeout},
};
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::super::super::{
    Dismissal, Hub, Watch, WatchError, Watcher,
    bells::{Bell, Ringer},
    socket::{
        connection::{Connection, Turn},
        frame::tests::masked,
    },
};
use crate::{
    domain::{TicketId, testing},
    protocol::CloseCode,
};

/// The client's end of a connection in memory.
pub(crate) struct Client {
    inbound: mpsc::UnboundedSender<Vec<u8>>,
    outbound: mpsc::Receiver<Sent>,
    closed: Arc<OnceLock<CloseCode>>,
    sent: AtomicUsize,
    taken: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
enum Sent {
    /// Text, and where it was encoded.
    Frame(String, usize),
    Pong,
    Close(u16),
}

/// What a client can send.
#[derive(Clone, Debug)]
pub(crate) enum Say {
    Text(String),
    Binary,
    NotText,
    Unmasked,
    Ping,
    Close,
    /// All of it comes at once.
    Together(Vec<Say>),
}

impl Say {
    fn bytes(self) -> Vec<u8> {
        match self {
            Self::Text(text) => masked(OpCode::Data(Data::Text), true, text.as_bytes()),
            Self::Binary => masked(OpCode::Data(Data::Binary), true, &[1, 2, 3]),
            Self::NotText => masked(OpCode::Data(Data::Text), true, &[0xff, 0xfe]),
            Self::Unmasked => vec![0x81, 2, b'{', b'}'],
            Self::Ping => masked(OpCode::Control(Control::Ping), true, b"there?"),
            Self::Close => masked(OpCode::Control(Control::Close), true, &1001_u16.to_be_bytes()),
            Self::Together(all) => all.into_iter().flat_map(Self::bytes).collect(),
        }
    }
}

/// The server's end: each write is a frame, taken whole or not at all; each read is what the client sent at once.
struct ServerEnd {
    inbound: Arc<Mutex<VecDeque<Vec<u8>>>>,
    gone: Arc<AtomicBool>,
    outbound: mpsc::Sender<Sent>,
    taken: Arc<AtomicUsize>,
}

impl Write for ServerEnd {
    fn write(&mut self, frame: &[u8]) -> io::Result<usize> {
        let sent = match (frame[0], frame[1]) {
            (0x88, 2) => Sent::Close(u16::from_be_bytes([frame[2], frame[3]])),
            (0x8a, _) => Sent::Pong,
            (0x81, len) => {
                let header_len = 2 + [2, 8].get(usize::from(len).wrapping_sub(126)).unwrap_or(&0);
                Sent::Frame(String::from_utf8(frame[header_len..].to_vec()).expect("text"), frame.as_ptr() as usize)
            }
            _ => panic!("no frame that a server sends: {frame:?}"),
        };
        match self.outbound.try_send(sent) {
            Ok(()) => Ok(frame.len()),
            Err(mpsc::error::TrySendError::Full(_)) => Err(io::ErrorKind::WouldBlock.into()),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for ServerEnd {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut inbound = self.inbound.lock().expect("lock");
        let Some(bytes) = inbound.front_mut() else {
            return if self.gone.load(SeqCst) { Ok(0) } else { Err(io::ErrorKind::WouldBlock.into()) };
        };
        let len = bytes.len().min(into.len());
        into[..len].copy_from_slice(&bytes[..len]);
        bytes.drain(..len);
        if bytes.is_empty() {
            inbound.pop_front();
            self.taken.fetch_add(1, SeqCst);
        }
        Ok(len)
    }
}

/// A shard of one connection.
#[derive(Default)]
struct Rung(Notify);

impl Ringer for Rung {
    fn ring(&self, watchers: &mut dyn Iterator<Item = u32>) {
        assert_eq!(watchers.collect::<Vec<_>>(), [7], "its only watcher");
        self.0.notify_one();
    }
}

/// Gives a connection its turns, as a shard does.
async fn hold(
    mut watcher: Watcher,
    end: ServerEnd,
    mut sent: mpsc::UnboundedReceiver<Vec<u8>>,
    closed: Arc<OnceLock<CloseCode>>,
    dismissal: Option<Dismissal>,
) {
    let rung = Arc::new(Rung::default());
    watcher.attach(Bell { ringer: rung.clone(), number: 7 });
    let (inbound, gone, outbound) = (Arc::clone(&end.inbound), Arc::clone(&end.gone), end.outbound.clone());
    let room = Arc::clone(watcher.room());
    let mut connection = Connection::new(end, &[], watcher, dismissal, Instant::now());
    let mut asked: Option<TicketId> = None;
    let mut scratch = [0; 4_096];
    loop {
        let spoken = connection.speak(Instant::now());
        let at = match connection.turn(spoken, Instant::now(), &mut scratch) {
            Turn::Until(at) => at,
            Turn::Ask(at, ticket) => {
                asked = Some(ticket);
                at
            }
            Turn::Closing(at, code) => {
                let _ = closed.set(code);
                at
            }
            Turn::Over => return,
        };
        let ask = async {
            match &asked {
                Some(ticket) => room.source_ticket(ticket).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = rung.0.notified() => {}
            bytes = sent.recv(), if !gone.load(SeqCst) => {
                match bytes {
                    Some(bytes) => inbound.lock().expect("lock").push_back(bytes),
                    None => gone.store(true, SeqCst),
                }
                connection.set_readable();
            }
            _ = outbound.reserve(), if connection.is_blocked() => {}
            said = ask => {
                asked = None;
                if let Some(watcher) = connection.watcher() {
                    watcher.answer(said);
                }
            }
            () = tokio::time::sleep_until(at) => {}
        }
    }
}

/// Longer than any tick, so that a client that waits so long has been forgotten.
const PATIENCE: Duration = Duration::from_secs(60);

/// More than any test expects between two pieces of news.
const FRAMES_MAX: usize = 100;

impl Client {
    pub(crate) async fn open(hub: &Hub, watch: Watch) -> Self {
        Self::open_slow(hub, watch, 1_000).await
    }

    /// A client whose connection holds so many frames that it has not read.
    pub(crate) async fn open_slow(hub: &Hub, watch: Watch, unread_len_max: usize) -> Self {
        Self::try_open(hub, watch, unread_len_max).await.expect("a place")
    }

    pub(crate) async fn try_open(hub: &Hub, watch: Watch, unread_len_max: usize) -> Result<Self, WatchError> {
        Self::try_open_until(hub, watch, unread_len_max, None).await
    }

    /// A client whose connection must end when that is said.
    pub(crate) async fn try_open_until(
        hub: &Hub,
        watch: Watch,
        unread_len_max: usize,
        dismissal: Option<Dismissal>,
    ) -> Result<Self, WatchError> {
        let watcher = hub.watch(testing::RESTAURANT, watch).await?;
        let (inbound, sent) = mpsc::unbounded_channel();
        let (outbound_end, outbound) = mpsc::channel(unread_len_max);
        let (closed, taken) = (Arc::default(), Arc::default());
        let end = ServerEnd {
            inbound: Arc::default(),
            gone: Arc::default(),
            outbound: outbound_end,
            taken: Arc::clone(&taken),
        };
        Ok(Self {
            inbound,
            outbound,
            sent: AtomicUsize::new(0),
            taken,
            task: tokio::spawn(hold(watcher, end, sent, Arc::clone(&closed), dismissal)),
            closed,
        })
    }

    /// The next frame, whatever it is, and where it was encoded.
    pub(crate) async fn encoded(&mut self) -> (Value, usize) {
        match timeout(PATIENCE, self.outbound.recv()).await.expect("a frame in time") {
            Some(Sent::Frame(text, place)) => (serde_json::from_str(&text).expect("JSON"), place),
            other => panic!("no frame but {other:?}"),
        }
    }

    pub(crate) async fn frame(&mut self) -> Value {
        self.encoded().await.0
    }

    /// The next frame that is no tick.
    pub(crate) async fn news(&mut self) -> Value {
        for _ in 0..FRAMES_MAX {
            let frame = self.frame().await;
            if frame["type"] != "tick" {
                return frame;
            }
        }
        panic!("nothing but ticks")
    }

    /// Whatever was sent by now, but answers to pings; the clock stands.
    pub(crate) fn frames_now(&mut self) -> Vec<Value> {
        let mut frames = Vec::new();
        while let Ok(sent) = self.outbound.try_recv() {
            match sent {
                Sent::Frame(text, _) => frames.push(serde_json::from_str(&text).expect("JSON")),
                Sent::Pong => {}
                Sent::Close(code) => panic!("closed: {code:?}"),
            }
        }
        frames
    }

    /// How it was closed, after any further frames.
    pub(crate) async fn closed(&mut self) -> Option<CloseCode> {
        for _ in 0..FRAMES_MAX {
            match timeout(PATIENCE, self.outbound.recv()).await.expect("an end in time") {
                Some(Sent::Frame(..) | Sent::Pong) => {}
                Some(Sent::Close(code)) => {
                    // On the wire two codes look alike.
                    return self.closed.get().copied().filter(|known| known.code() == code);
                }
                None => return None,
            }
        }
        panic!("no end")
    }

    /// What was sent and the server has not taken yet.
    pub(crate) fn untaken_len(&self) -> usize {
        self.sent.load(SeqCst) - self.taken.load(SeqCst)
    }

    pub(crate) fn send(&self, say: Say) {
        self.sent.fetch_add(1, SeqCst);
        let _ = self.inbound.send(say.bytes());
    }

    pub(crate) fn send_text(&self, text: &str) {
        self.send(Say::Text(text.to_owned()));
    }

    /// Goes, and waits until the server has noticed.
    pub(crate) async fn leave(self) {
        self.send(Say::Close);
        self.task.await.expect("no panic");
    }

    /// How the server closed it, which a client that does not read never hears.
    pub(crate) async fn given_up(self) -> Option<CloseCode> {
        timeout(PATIENCE, self.task).await.expect("an end in time").expect("no panic");
        self.closed.get().copied()
    }
}
