//! The wire between a server and its PostgreSQL or Redis: it counts what is asked over it, and can be cut, mended and
//! slow.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
};
use url::Url;
use waitless::config::Secret;

pub(super) struct Wire {
    whole: watch::Sender<bool>,
    counters: Arc<Counters>,
}

#[derive(Default)]
struct Counters {
    asked_bytes: AtomicU64,
    delay_ms: AtomicU64,
}

impl Wire {
    /// Leads whoever uses this URL over a wire.
    pub(super) fn to(url: &mut Secret) -> Self {
        let mut through = Url::parse(url.expose()).expect("a URL of the tests' servers");
        let server = format!("{}:{}", through.host_str().expect("a host"), through.port().unwrap_or(5432));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a socket");
        let port = listener.local_addr().expect("an address").port();
        through.set_host(Some("127.0.0.1")).expect("a host");
        through.set_port(Some(port)).expect("a port");
        *url = String::from(through).into();
        let (whole, watching) = watch::channel(true);
        let counters = Arc::new(Counters::default());
        let counted = Arc::clone(&counters);
        tokio::spawn(async move {
            let listener = TcpListener::from_std(listener).expect("a socket");
            while let Ok((client, _)) = listener.accept().await {
                if *watching.borrow() {
                    tokio::spawn(carry(client, server.clone(), watching.clone(), Arc::clone(&counted)));
                }
            }
        });
        Self { whole, counters }
    }

    /// Ends every connection, and lets none in.
    pub(super) fn cut(&self) {
        self.whole.send_replace(false);
    }

    pub(super) fn mend(&self) {
        self.whole.send_replace(true);
    }

    /// From now on answers take so much longer.
    pub(super) fn delay(&self, delay: Duration) {
        self.counters.delay_ms.store(delay.as_millis() as u64, Ordering::SeqCst);
    }

    /// Bytes that were sent over it so far, answers not counted.
    pub(super) fn asked_bytes(&self) -> u64 {
        self.counters.asked_bytes.load(Ordering::SeqCst)
    }
}

async fn carry(mut client: TcpStream, server: String, mut whole: watch::Receiver<bool>, counters: Arc<Counters>) {
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) = (client.split(), server.split());
    let asking = async {
        let mut buffer = [0; 8192];
        while let Ok(count @ 1..) = from_client.read(&mut buffer).await {
            counters.asked_bytes.fetch_add(count as u64, Ordering::SeqCst);
            if to_server.write_all(&buffer[..count]).await.is_err() {
                return;
            }
        }
    };
    let answering = async {
        let mut buffer = [0; 65536];
        while let Ok(count @ 1..) = from_server.read(&mut buffer).await {
            tokio::time::sleep(Duration::from_millis(counters.delay_ms.load(Ordering::SeqCst))).await;
            if to_client.write_all(&buffer[..count]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = asking => {}
        () = answering => {}
        _ = whole.wait_for(|whole| !whole) => {}
    }
}
