//! WebSockets: the upgrade of a request, after which the connection belongs to the hub's socket loop.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts},
    response::{IntoResponse as _, Response},
};
use hyper::upgrade::OnUpgrade;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::{
    Api,
    limits::Connected,
    problem::{Code, Problem},
};
use crate::{
    hub::{Dismissal, Upgraded, Watcher},
    protocol::SUBPROTOCOL,
    serve::{Place, raw},
};

/// The version of RFC 6455.
const VERSION: &str = "13";

/// What is kept while a WebSocket is open.
pub struct Kept {
    _place: Place,
    _connected: Connected,
}

/// A request that asks for a WebSocket.
pub struct Upgrade {
    accept: String,
    subprotocol: bool,
    upgrade: OnUpgrade,
}

impl<S: Send + Sync> FromRequestParts<S> for Upgrade {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::of(parts).ok_or_else(|| Problem::new(Code::Malformed).detail("A WebSocket upgrade is expected here."))
    }
}

impl Upgrade {
    fn of(parts: &mut Parts) -> Option<Self> {
        let headers = &parts.headers;
        let asked = parts.method == Method::GET
            && lists(headers, header::CONNECTION, "upgrade")
            && lists(headers, header::UPGRADE, "websocket")
            && headers.get(header::SEC_WEBSOCKET_VERSION).is_some_and(|version| version == VERSION);
        if !asked {
            return None;
        }
        let accept = derive_accept_key(headers.get(header::SEC_WEBSOCKET_KEY)?.as_bytes());
        let subprotocol = lists(headers, header::SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL);
        let upgrade = parts.extensions.remove::<OnUpgrade>()?;
        Some(Self { accept, subprotocol, upgrade })
    }

    /// Answers the request, and hands the connection to the hub. If it ends before that, so does the watcher's place.
    pub fn hold(
        self,
        api: &Api,
        watcher: Watcher,
        connected: Connected,
        dismissal: Option<Dismissal>,
    ) -> Result<Response, Problem> {
        let accept = HeaderValue::from_str(&self.accept).map_err(|_| Problem::new(Code::Malformed))?;
        let mut response = StatusCode::SWITCHING_PROTOCOLS.into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
        if self.subprotocol {
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
        }
        let sockets = api.sockets.clone();
        tokio::spawn(async move {
            match raw(self.upgrade).await {
                Ok((stream, place, read)) => {
                    let keeps = Kept { _place: place, _connected: connected };
                    sockets.hold(Upgraded { stream, read, watcher, dismissal, keeps });
                }
                Err(error) => tracing::debug!(%error, "an upgrade was not finished"),
            }
        });
        Ok(response)
    }
}

/// Whether a header that is a list names this, in whatever case.
fn lists(headers: &HeaderMap, name: HeaderName, word: &str) -> bool {
    let values = headers.get_all(name);
    let mut words = values.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    words.any(|listed| listed.trim().eq_ignore_ascii_case(word))
}
