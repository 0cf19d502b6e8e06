//! Clients that do not behave, over real sockets.

use std::{
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    time::Instant,
};

use axum::routing::get;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    task::JoinHandle,
    time::timeout,
};

use super::*;

const PATIENCE: Duration = Duration::from_secs(20);

struct Server {
    address: SocketAddr,
    places: Arc<Places>,
    stop: CancellationToken,
    /// The slow answer is being made.
    begun: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

async fn server(settings: ServeSettings, connections_max: usize) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let places = Places::new(PlacesSettings { connections_max, customer_max: connections_max, shared: Vec::new() });
    let begun = Arc::new(AtomicBool::new(false));
    let slow = Arc::clone(&begun);
    let slow = async move || {
        slow.store(true, SeqCst);
        tokio::time::sleep(Duration::from_millis(300)).await;
    };
    let router = Router::new()
        .route("/who", get(async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.to_string()))
        .route("/slow", get(slow))
        .route("/much", get(async || vec![b'x'; 32 * 1_024 * 1_024]));
    let stop = CancellationToken::new();
    let task = tokio::spawn(run(listener, router, settings, Arc::clone(&places), stop.clone()));
    Server { address, places, stop, begun, task }
}

/// Waits until it is so.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("not in time: {what}"));
}

/// What is answered until the server closes.
async fn talk(address: SocketAddr, say: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("connected");
    stream.write_all(say.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    // A reset is an end, too.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("an end");
    String::from_utf8_lossy(&answer).into_owned()
}

fn short() -> ServeSettings {
    ServeSettings { head_max: Duration::from_millis(200), stall_max: Duration::from_millis(200) }
}

#[tokio::test]
async fn who_says_nothing_or_never_ends_his_request_is_closed() {
    let server = server(short(), 9).await;
    let silent = talk(server.address, "").await;
    assert!(silent.is_empty() || silent.starts_with("HTTP/1.1 408"), "{silent}");
    let half = talk(server.address, "GET /who HTTP/1.1\r\nHost: x\r\n").await;
    assert!(!half.contains("200 OK"), "{half}");
    // Answered, kept for the next request, which does not come.
    let kept = talk(server.address, "GET /who HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(kept.starts_with("HTTP/1.1 200 OK") && kept.contains("127.0.0.1:"), "{kept}");
    until("nobody is there", || server.places.open() == 0).await;
}

#[tokio::test]
async fn who_takes_nothing_is_closed() {
    let server = server(short(), 9).await;
    let mut stream = TcpStream::connect(server.address).await.expect("connected");
    stream.write_all(b"GET /much HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("sent");
    until("it is there", || server.places.open() == 1).await;
    let began = Instant::now();
    until("it is closed", || server.places.open() == 0).await;
    assert!(began.elapsed() >= short().stall_max / 2, "not before it had its time");
}

#[tokio::test]
async fn beyond_the_limit_connections_are_closed_at_once_and_below_it_served_again() {
    let server = server(ServeSettings::default(), 2).await;
    let mut taken = Vec::new();
    for _ in 0..2 {
        taken.push(TcpStream::connect(server.address).await.expect("connected"));
    }
    until("they are there", || server.places.open() == 2).await;
    assert_eq!(talk(server.address, "").await, "");
    assert_eq!(server.places.refused(), 1);
    taken.clear();
    until("they are gone", || server.places.open() == 0).await;
    let answer = talk(server.address, "GET /who HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let server = server(ServeSettings::default(), 9).await;
    let head = format!("GET /who HTTP/1.1\r\nHost: x\r\nA: {}\r\n\r\n", "a".repeat(HEAD_LEN_MAX));
    assert!(talk(server.address, &head).await.starts_with("HTTP/1.1 431"));
    let many: String = (0..200).map(|n| format!("A{n}: b\r\n")).collect();
    let answer = talk(server.address, &format!("GET /who HTTP/1.1\r\nHost: x\r\n{many}\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
}

#[tokio::test]
async fn a_server_that_stops_finishes_what_was_begun() {
    let server = server(ServeSettings::default(), 9).await;
    let idle = TcpStream::connect(server.address).await.expect("connected");
    let asking = tokio::spawn(talk(server.address, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"));
    until("both are there", || server.places.open() == 2 && server.begun.load(SeqCst)).await;
    server.stop.cancel();
    timeout(PATIENCE, server.task).await.expect("it ends").expect("no panic");
    assert!(asking.await.expect("no panic").starts_with("HTTP/1.1 200 OK"));
    assert!(TcpStream::connect(server.address).await.is_err(), "nobody listens any more");
    drop(idle);
}

#[tokio::test]
async fn what_is_sent_does_not_wait_and_is_not_sent_for_ever() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let stream = TcpStream::connect(listener.local_addr().expect("bound")).await.expect("connected");
    prepare(&stream, Duration::from_secs(7)).expect("prepared");
    assert!(stream.nodelay().expect("an option"));
    assert_eq!(nix::sys::socket::getsockopt(&stream, TcpUserTimeout), Ok(7_000));
}

#[test]
fn all_files_that_may_be_open_are_used() {
    use nix::sys::resource::{Resource::RLIMIT_NOFILE, getrlimit, setrlimit};
    let (soft, hard) = getrlimit(RLIMIT_NOFILE).expect("a limit");
    setrlimit(RLIMIT_NOFILE, soft.min(512), hard).expect("fewer are always allowed");
    raise_open_files();
    assert_eq!(getrlimit(RLIMIT_NOFILE), Ok((hard, hard)));
}

#[tokio::test]
async fn what_was_sent_before_the_stop_is_answered() {
    let server = server(ServeSettings::default(), 100).await;
    // Nothing is awaited meanwhile: the server has seen none of it when it is told to stop.
    let connections: Vec<_> = (0..20)
        .map(|_| {
            let mut stream = std::net::TcpStream::connect(server.address).expect("connected");
            std::io::Write::write_all(&mut stream, b"GET /who HTTP/1.1\r\nhost: x\r\n\r\n").expect("sent");
            of_the_runtime(stream).expect("a stream")
        })
        .collect();
    server.stop.cancel();
    for mut stream in connections {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("not reset");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer:?}");
    }
    timeout(PATIENCE, server.task).await.expect("the server ends").expect("no panic");
}
