//! What a server must not show: whoever reads its log learns nothing of a guest; and a silent watcher costs little.

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tracing_subscriber::{EnvFilter, fmt::MakeWriter, layer::SubscriberExt as _};

use crate::harness::{app::TestApp, watch::Watcher};

/// Everything that was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("lock").extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Where tests share a process it sees the others' log, too, which may name what this one does not look for.
#[tokio::test]
async fn no_log_line_has_a_ticket_id_a_phone_a_name_or_a_password_in_it() {
    let log = Log::default();
    let layer = tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(log.clone());
    let filter = EnvFilter::new("info,waitless=trace,axum=trace,tower_http=trace");
    let logging = tracing_subscriber::registry().with(filter).with(layer);
    tracing::subscriber::set_global_default(logging).expect("no other test logs");

    let app = TestApp::start().await;
    let post = async |path: &str, body: Value| {
        let answer = app.http.post(app.url(path)).json(&body).send().await.expect("an answer");
        answer.json::<Value>().await.expect("JSON")
    };
    let party = json!({
        "line": "A", "adults": 2, "channel": "onsite", "phone": "010-7391-8264", "name": "Quokkabert", "lang": "ko",
    });
    let ticket = post("/v1/restaurants/demo/tickets?from=wombatstreet", party.clone()).await;
    let id = ticket["id"].as_str().expect("an id").to_owned();
    assert_eq!(post("/v1/restaurants/demo/tickets", party).await["code"], "already_waiting");
    let find = json!({ "number": ticket["number"], "code": ticket["code"] });
    assert_eq!(post("/v1/restaurants/demo/tickets/find", find).await["id"], *id);
    let credentials = json!({ "email": "quokkabert@wombat.test", "password": "platypus-secret" });
    assert_eq!(post("/v1/auth/sign-in", credentials).await["code"], "unauthenticated");
    let mut phone = Watcher::connect(&app.ws(&format!("/v1/tickets/{id}/live")), None).await.expect("let in");
    phone.frame().await;
    for path in [format!("/v1/tickets/{id}"), format!("/t/{id}"), format!("/made/up/{id}")] {
        app.http.get(app.url(&path)).send().await.expect("an answer");
    }
    app.http.delete(app.url(&format!("/v1/tickets/{id}"))).send().await.expect("an answer");
    phone.frame().await;

    let log = String::from_utf8(log.0.lock().expect("lock").clone()).expect("text");
    let answered = log.lines().filter(|line| line.contains("\"answered\"")).count();
    assert!(answered >= 8 && log.contains("/v1/tickets/{t}"), "requests are logged, by template:\n{log}");
    let secrets = [id.as_str(), "7391", "8264", "uokkabert", "wombat", "platypus"];
    for line in log.lines() {
        for secret in secrets {
            assert!(!line.contains(secret), "{secret} in {line}");
        }
    }
}

const CONNECTIONS: u64 = 400;

/// About 4 KiB in a release; here the other end of each connection and a debug build's larger tasks are in the figure, too.
/// The framework's own buffers would add 128 KiB.
const CONNECTION_KIB_MAX: u64 = 100;

#[tokio::test]
async fn a_watcher_that_says_nothing_costs_little_memory() {
    let app = TestApp::start().await;
    let mut watchers = vec![silent_board(app.addr).await];
    let before = resident_kib();
    for _ in 0..CONNECTIONS {
        watchers.push(silent_board(app.addr).await);
    }
    let each = resident_kib().saturating_sub(before) / CONNECTIONS;
    println!("{each} KiB a connection");
    assert!(each <= CONNECTION_KIB_MAX, "{each} KiB a connection");
}

/// A board by hand, since a WebSocket client would bring buffers of its own: open once its first frame has come.
async fn silent_board(addr: std::net::SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(addr).await.expect("connected");
    let request = format!(
        "GET /v1/restaurants/demo/board/live HTTP/1.1\r\nHost: {addr}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut heard = Vec::new();
    let mut some = [0; 1_024];
    while !String::from_utf8_lossy(&heard).contains("\"type\":\"board\"") {
        let len = stream.read(&mut some).await.expect("an answer");
        assert!(len > 0, "closed: {}", String::from_utf8_lossy(&heard));
        heard.extend(&some[..len]);
    }
    stream
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("a status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.split_whitespace().next().and_then(|kib| kib.parse().ok()).expect("a number")
}
