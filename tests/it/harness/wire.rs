//! A wire to a server, in the test's process: open, frozen, slow, or taken away.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpSocket, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{mpsc, watch},
    time::Instant,
};
use url::Url;
use waitless::config::Secret;

/// What a wire does with what it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    Open,
    /// Everything arrives so much later, in both directions.
    Slow(Duration),
    /// As a server without CPU: a new connection gets through only after so much work, which all who come in share, also
    /// those who have left meanwhile. What is connected goes on.
    Starved(Duration),
    /// What is connected stays connected, and nothing arrives, ever; a new connection does not get through either.
    Frozen,
    /// Nobody listens, and what was connected is cut.
    Gone,
}

/// A wire. It ends with the runtime of the test.
pub struct Wire {
    flow: watch::Sender<Flow>,
    marks: Arc<Marks>,
}

/// What is noted on the way, and taken off it.
#[derive(Default)]
struct Marks {
    asked_bytes: AtomicU64,
    entering: AtomicUsize,
    swallowing: Swallowing,
}

/// The same server by way of this port, and the address it really has.
fn by_way_of(url: &str, port: u16) -> (String, String) {
    let mut url = Url::parse(url).expect("a URL of the tests");
    let server = format!("{}:{}", url.host_str().expect("a host"), url.port().expect("a port"));
    url.set_host(Some("127.0.0.1")).expect("a host");
    url.set_port(Some(port)).expect("a port");
    (url.into(), server)
}

impl Wire {
    /// A wire to the server of this URL, and the URL by way of it.
    pub fn to(url: &str, flow: Flow) -> (Self, String) {
        let listener = listen_at(([127, 0, 0, 1], 0).into());
        let address = listener.local_addr().expect("an address");
        let (url, server) = by_way_of(url, address.port());
        let (flow, watching) = watch::channel(flow);
        let marks = Arc::new(Marks::default());
        let listener = (*watching.borrow() != Flow::Gone).then_some(listener);
        tokio::spawn(listen(listener, address, Arc::from(server), watching, Arc::clone(&marks)));
        (Self { flow, marks }, url)
    }

    /// The same for a URL that holds a password.
    pub fn to_secret(url: &Secret, flow: Flow) -> (Self, Secret) {
        let (wire, url) = Self::to(url.expose(), flow);
        (wire, url.into())
    }

    pub fn set(&self, flow: Flow) {
        self.flow.send(flow).expect("the wire is there");
    }

    /// Takes the next event that Redis pushes to a subscriber of a restaurant off the wire.
    pub fn swallow_one(&self) {
        self.marks.swallowing.wanted.fetch_add(1, Ordering::SeqCst);
    }

    /// Bytes that were sent to the server so far.
    pub fn asked_bytes(&self) -> u64 {
        self.marks.asked_bytes.load(Ordering::SeqCst)
    }

    /// How many were taken off.
    pub fn swallowed(&self) -> usize {
        self.marks.swallowing.done.load(Ordering::SeqCst)
    }
}

async fn listen(
    mut listener: Option<TcpListener>,
    address: SocketAddr,
    server: Arc<str>,
    mut flow: watch::Receiver<Flow>,
    marks: Arc<Marks>,
) {
    loop {
        let now = *flow.borrow_and_update();
        if now == Flow::Gone {
            listener = None;
        } else if listener.is_none() {
            listener = Some(listen_at(address));
        }
        let accepted = async {
            match &listener {
                Some(listener) => listener.accept().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = flow.changed() => if changed.is_err() { return },
            accepted = accepted => {
                let Ok((client, _)) = accepted else { continue };
                tokio::spawn(carry(client, Arc::clone(&server), flow.clone(), Arc::clone(&marks)));
            }
        }
    }
}

/// Listens, also where it listened before and old connections linger.
fn listen_at(address: SocketAddr) -> TcpListener {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("permitted");
    socket.bind(address).expect("a port");
    socket.listen(1_024).expect("listens")
}

async fn carry(client: TcpStream, server: Arc<str>, flow: watch::Receiver<Flow>, marks: Arc<Marks>) {
    let mut watching = flow.clone();
    let now = *flow.borrow();
    if let Flow::Starved(work) = now {
        enter(work, &marks.entering).await;
    }
    let Ok(upstream) = TcpStream::connect(&*server).await else { return };
    for socket in [&client, &upstream] {
        socket.set_nodelay(true).expect("permitted");
    }
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), upstream.into_split());
    let carrying = async {
        tokio::join!(
            pump(from_client, to_server, flow.clone(), Way::Asking(&marks.asked_bytes)),
            pump(from_server, to_client, flow.clone(), Way::Answering(&marks.swallowing)),
        )
    };
    tokio::pin!(carrying);
    let stopped = tokio::select! {
        biased;
        stopped = watching.wait_for(|flow| matches!(flow, Flow::Frozen | Flow::Gone)) => stopped.map(|flow| *flow),
        _ = &mut carrying => return,
    };
    if stopped.is_ok_and(|flow| flow == Flow::Frozen) {
        // Both sockets stay open until the wire is cut or the test ends.
        let _ = watching.wait_for(|flow| *flow == Flow::Gone).await;
    }
}

/// Waits until a starved server has done this work beside that for the others.
async fn enter(work: Duration, entering: &AtomicUsize) {
    const STEP: Duration = Duration::from_millis(10);
    entering.fetch_add(1, Ordering::SeqCst);
    let mut left = work;
    let mut at = Instant::now();
    while !left.is_zero() {
        at += STEP;
        tokio::time::sleep_until(at).await;
        let share = u32::try_from(entering.load(Ordering::SeqCst)).expect("a few").max(1);
        left = left.saturating_sub(STEP / share);
    }
    entering.fetch_sub(1, Ordering::SeqCst);
}

/// Which way bytes go.
enum Way<'a> {
    Asking(&'a AtomicU64),
    Answering(&'a Swallowing),
}

/// Carries bytes one way; what is under way keeps its order and its delay.
async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, flow: watch::Receiver<Flow>, way: Way<'_>) {
    let (sender, mut under_way) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    let reading = async move {
        let (mut buffer, mut held) = (vec![0; 64 << 10], Vec::new());
        loop {
            let len = from.read(&mut buffer).await.unwrap_or(0);
            if len == 0 {
                return;
            }
            held.extend_from_slice(&buffer[..len]);
            let passing = match way {
                Way::Asking(bytes) => {
                    bytes.fetch_add(len as u64, Ordering::SeqCst);
                    std::mem::take(&mut held)
                }
                Way::Answering(swallowing) => swallowing.pass(&mut held),
            };
            let delay = match *flow.borrow() {
                Flow::Slow(delay) => delay,
                _ => Duration::ZERO,
            };
            if sender.send((Instant::now() + delay, passing)).is_err() {
                return;
            }
        }
    };
    let writing = async move {
        while let Some((at, bytes)) = under_way.recv().await {
            tokio::time::sleep_until(at).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
    };
    tokio::join!(reading, writing);
}

/// Takes single pub/sub events out of what Redis sends (RESP3).
#[derive(Default)]
struct Swallowing {
    wanted: AtomicUsize,
    done: AtomicUsize,
    one_at_a_time: Mutex<()>,
}

impl Swallowing {
    /// What may pass of what is held; the rest stays held.
    fn pass(&self, held: &mut Vec<u8>) -> Vec<u8> {
        const PUSH: &[u8] = b">3\r\n$8\r\nsmessage\r\n";
        let _one = self.one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner);
        if self.wanted.load(Ordering::SeqCst) == self.done.load(Ordering::SeqCst) {
            return std::mem::take(held);
        }
        let Some(begin) = held.windows(PUSH.len()).position(|bytes| bytes == PUSH) else {
            return std::mem::take(held);
        };
        let after = &held[begin + PUSH.len()..];
        let Some((channel_len, channel)) = bulk(after) else { return held.drain(..begin).collect() };
        let Some((payload_len, _)) = bulk(&after[channel_len..]) else { return held.drain(..begin).collect() };
        let of_a_restaurant = channel.ends_with(b":channel");
        let end = begin + PUSH.len() + channel_len + payload_len;
        if of_a_restaurant {
            self.done.fetch_add(1, Ordering::SeqCst);
            held.drain(begin..end);
        }
        std::mem::take(held)
    }
}

/// A bulk string at the front: its whole length on the wire, and what it says; `None` until all of it is there.
fn bulk(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let header = bytes.windows(2).position(|bytes| bytes == b"\r\n")?;
    let len: usize = std::str::from_utf8(bytes.get(1..header)?).ok()?.parse().ok()?;
    let text = bytes.get(header + 2..header + 2 + len)?;
    bytes.get(header + 2 + len..header + 4 + len)?;
    Some((header + 4 + len, text))
}
