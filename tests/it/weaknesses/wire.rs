//! The wire between a server and its PostgreSQL: it counts what is asked over it, and can be cut and mended.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
};
use url::Url;
use waitless::config::Config;

pub(super) struct Wire {
    whole: watch::Sender<bool>,
    asked_bytes: Arc<AtomicU64>,
}

impl Wire {
    /// Leads a server's PostgreSQL over a wire.
    pub(super) fn to_database(config: &mut Config) -> Self {
        let mut url = Url::parse(config.database_url.expose()).expect("the URL of the tests' PostgreSQL");
        let server = format!("{}:{}", url.host_str().expect("a host"), url.port().unwrap_or(5432));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a socket");
        let port = listener.local_addr().expect("an address").port();
        url.set_host(Some("127.0.0.1")).expect("a host");
        url.set_port(Some(port)).expect("a port");
        config.database_url = String::from(url).into();
        let (whole, watching) = watch::channel(true);
        let asked_bytes = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&asked_bytes);
        tokio::spawn(async move {
            let listener = TcpListener::from_std(listener).expect("a socket");
            while let Ok((client, _)) = listener.accept().await {
                if *watching.borrow() {
                    tokio::spawn(carry(client, server.clone(), watching.clone(), Arc::clone(&counter)));
                }
            }
        });
        Self { whole, asked_bytes }
    }

    /// Ends every connection, and lets none in.
    pub(super) fn cut(&self) {
        self.whole.send_replace(false);
    }

    pub(super) fn mend(&self) {
        self.whole.send_replace(true);
    }

    /// Bytes that servers sent to PostgreSQL so far.
    pub(super) fn asked_bytes(&self) -> u64 {
        self.asked_bytes.load(Ordering::SeqCst)
    }
}

async fn carry(mut client: TcpStream, server: String, mut whole: watch::Receiver<bool>, asked: Arc<AtomicU64>) {
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) = (client.split(), server.split());
    let asking = async {
        let mut buffer = [0; 8192];
        while let Ok(count @ 1..) = from_client.read(&mut buffer).await {
            asked.fetch_add(count as u64, Ordering::SeqCst);
            if to_server.write_all(&buffer[..count]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = asking => {}
        _ = tokio::io::copy(&mut from_server, &mut to_client) => {}
        _ = whole.wait_for(|whole| !whole) => {}
    }
}
