//! The accept loop: every connection from its first byte to its last, whatever the client does or leaves undone.
//!
//! It knows nothing of what is served. HTTP/1.1 with upgrades; a proxy before us speaks HTTP/2 to browsers.
//!
//! Invariants: no connection lasts for ever without a request that is being answered or a WebSocket that was let in;
//! more connections than the process has files for are never open; no error of `accept` ends the loop or spins it.

mod places;
mod stream;

use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request},
};
use bytes::Bytes;
use hyper::{body::Incoming, server::conn::http1, upgrade::OnUpgrade};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use nix::sys::socket::{setsockopt, sockopt::TcpUserTimeout};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use places::Refused;
pub use places::{Place, Places, PlacesSettings, customer, raise_open_files};
use stream::Guarded;

/// After an error that is not of one connection (no files, no memory) the loop rests: soon again, but without spinning.
const REST: Duration = Duration::from_millis(100);

/// Most bytes of a request's head. Above: 431.
const HEAD_LEN_MAX: usize = 32 * 1_024;

/// Most bytes of each connection's buffers; a head has to fit.
const BUFFER_LEN_MAX: usize = 2 * HEAD_LEN_MAX;

/// A connection without a request stays open so long after the stop: a request that is on its way would be lost
/// otherwise, and whoever sent it could not know whether it was taken.
const LAST_REQUEST: Duration = Duration::from_millis(100);

/// How long clients may take. The defaults are those of docs/OPERATIONS.md; tests shorten them.
#[derive(Clone, Debug)]
pub struct ServeSettings {
    /// For the head of a request; also how long an idle connection is kept.
    pub head_max: Duration,
    /// Without taking a single byte of what is being sent, or acknowledging what was.
    pub stall_max: Duration,
}

impl Default for ServeSettings {
    fn default() -> Self {
        Self { head_max: Duration::from_secs(30), stall_max: Duration::from_secs(30) }
    }
}

/// Serves until `stop`, then finishes what was begun. Dropping the future cuts every connection that is not upgraded.
pub async fn run(
    listener: TcpListener,
    router: Router,
    settings: ServeSettings,
    places: Arc<Places>,
    stop: CancellationToken,
) {
    let mut connections = JoinSet::new();
    let mut troubled = false;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            // Those that ended are let go of, here.
            Some(_) = connections.join_next() => continue,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                troubled = false;
                match places.take(peer.ip()) {
                    Ok(place) => {
                        connections.spawn(serve(stream, peer, place, router.clone(), settings.clone(), stop.clone()));
                    }
                    // Closed at once: who waited unaccepted would wait without a word, and a proxy would not try
                    // another server.
                    Err(Refused) => drop(stream),
                }
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                if !std::mem::replace(&mut troubled, true) {
                    tracing::error!(%error, "connections cannot be accepted");
                }
                tokio::time::sleep(REST).await;
            }
        }
    }
    // Whom the system has connected meanwhile may have sent a request.
    for (stream, peer) in unaccepted(listener) {
        if let Ok(place) = places.take(peer.ip()) {
            connections.spawn(serve(stream, peer, place, router.clone(), settings.clone(), stop.clone()));
        }
    }
    while connections.join_next().await.is_some() {}
}

/// The connection of a request that was upgraded, its place, and what was read of it beyond the request. It is in
/// non-blocking mode, and no longer the runtime's.
///
/// # Errors
/// When it ended before.
pub async fn raw(upgrade: OnUpgrade) -> io::Result<(std::net::TcpStream, Place, Bytes)> {
    let upgraded = upgrade.await.map_err(io::Error::other)?;
    let parts = upgraded
        .downcast::<TokioIo<Guarded>>()
        .map_err(|_| io::Error::other("a connection that was not accepted here"))?;
    let (stream, place) = parts.io.into_inner().into_parts();
    Ok((stream.into_std()?, place, parts.read_buf))
}

/// The client went before it was accepted.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    place: Place,
    router: Router,
    settings: ServeSettings,
    stop: CancellationToken,
) {
    if let Err(error) = prepare(&stream, settings.stall_max) {
        tracing::debug!(%error, "a connection is gone already");
        return;
    }
    let service = router.map_request(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        request
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(settings.head_max)
        .max_header_size(HEAD_LEN_MAX)
        .max_buf_size(BUFFER_LEN_MAX)
        .serve_connection(
            TokioIo::new(Guarded::new(stream, place, settings.stall_max)),
            TowerToHyperService::new(service),
        )
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = last_request_sent(&stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// The connections that wait to be accepted; nobody new can connect then.
fn unaccepted(listener: TcpListener) -> Vec<(TcpStream, SocketAddr)> {
    let accepted = listener.into_std().map(|listener| {
        // In non-blocking mode as ever: it ends when nobody waits.
        let waiting = std::iter::from_fn(|| listener.accept().ok());
        waiting.filter_map(|(stream, peer)| Some((of_the_runtime(stream).ok()?, peer))).collect()
    });
    accepted.unwrap_or_default()
}

fn of_the_runtime(stream: std::net::TcpStream) -> io::Result<TcpStream> {
    stream.set_nonblocking(true)?;
    TcpStream::from_std(stream)
}

/// The server stops, and what was sent before it stopped listening has been read.
async fn last_request_sent(stop: &CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(LAST_REQUEST).await;
}

fn prepare(stream: &TcpStream, stall_max: Duration) -> io::Result<()> {
    // A frame is small and whole: it must not wait for the acknowledgement of the one before.
    stream.set_nodelay(true)?;
    // A phone that has gone without a word acknowledges nothing; the ticks it is sent would be tried for a quarter of
    // an hour.
    let unacknowledged_ms = u32::try_from(stall_max.as_millis()).unwrap_or(u32::MAX);
    Ok(setsockopt(stream, TcpUserTimeout, &unacknowledged_ms)?)
}

#[cfg(test)]
mod tests;
