//! How WaitLess is reached over HTTP. `router` is the table of contents.
//!
//! A request passes the `edge` (request id, headers, figures, problems), then its handler's extractors say who may
//! ask (`session`), `body` reads what is asked, `idempotency` makes a retry safe, and [`crate::service`] does it.
//! `pages` serves the pages for people.
//! Nothing here decides about lines.

mod asked;
mod auth;
mod body;
mod buckets;
mod client;
mod commands;
mod csv;
mod docs;
mod edge;
pub mod health;
mod history;
mod idempotency;
mod limits;
mod live;
mod pages;
mod policy;
pub mod problem;
mod responses;
mod restaurants;
mod router;
mod session;
mod sockets;
mod state;
mod stock;
mod tickets;

use std::{net::SocketAddr, ops::Deref, sync::Arc, time::Duration};

use axum::http::HeaderValue;
pub use edge::REQUEST_MAX;
pub use limits::SOCKETS_OF_CUSTOMER_MAX;
pub use live::Kept;
pub use router::{document, router};

use crate::{
    config::Config,
    domain::TicketId,
    health::Health,
    hub::{Hub, Sockets},
    metrics::Metrics,
    queue::Queue,
    serve::Places,
    service::{
        accounts::Accounts, history::History, line::Lines, restaurants::Restaurants, revocations::Revocations,
        tokens::Tokens,
    },
};

/// What the app hands to the API.
pub struct Parts {
    /// Settings.
    pub config: Arc<Config>,
    /// The address listened on, its port known.
    pub listen: SocketAddr,
    /// The live queue.
    pub queue: Queue,
    /// The rooms of this server.
    pub hub: Arc<Hub>,
    /// The WebSockets of this server.
    pub sockets: Arc<Sockets<Kept>>,
    /// Use cases around lines.
    pub lines: Lines,
    /// Which restaurants there are.
    pub restaurants: Restaurants,
    /// The record.
    pub history: History,
    /// Use cases around accounts.
    pub accounts: Accounts,
    /// Checks tokens.
    pub tokens: Tokens,
    /// Sessions that ended early.
    pub revocations: Revocations,
    /// Figures.
    pub metrics: Arc<Metrics>,
    /// Whether requests should come.
    pub readiness: Arc<health::Readiness>,
    /// What of this server works.
    pub health: Arc<Health>,
    /// The connections of this process.
    pub places: Arc<Places>,
    /// A request takes no longer than this.
    pub request_max: Duration,
    /// WebSockets of one customer.
    pub sockets_of_customer_max: usize,
}

/// What handlers share. Cheap to clone.
#[derive(Clone)]
pub struct Api(Arc<Shared>);

/// See [`Api`].
pub struct Shared {
    parts: Parts,
    limits: limits::Limits,
    pages: pages::Pages,
    content_security_policy: HeaderValue,
    origins: Vec<url::Origin>,
    https: bool,
}

impl Deref for Api {
    type Target = Shared;
    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Deref for Shared {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.parts
    }
}

impl Api {
    /// The API of these parts.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(Shared {
            limits: limits::Limits::new(parts.config.limits, parts.sockets_of_customer_max),
            pages: pages::Pages::new(),
            content_security_policy: edge::content_security_policy(&parts.config.public_url),
            origins: session::allowed_origins(&parts.config, parts.listen),
            https: parts.config.public_url.scheme() == "https",
            parts,
        }))
    }

    /// The page that follows a ticket.
    fn ticket_url(&self, ticket: &TicketId) -> String {
        self.config.link(&format!("/t/{}", ticket.as_str()))
    }

    /// Takes over what is counted elsewhere, before it is shown.
    fn note_figures(&self) {
        let stats = self.hub.stats();
        let gauge = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
        self.metrics.http_connections.set(gauge(self.places.open()));
        raise(&self.metrics.http_connections_refused, self.places.refused());
        self.metrics.hub_rooms.set(gauge(stats.rooms));
        for (kind, watchers) in [("board", stats.boards), ("ticket", stats.phones), ("console", stats.consoles)] {
            self.metrics.hub_watchers.with_label_values(&[kind]).set(gauge(watchers));
        }
        // The hub counts from its own start, which is this process's.
        let frames = &self.metrics.hub_frames;
        for (kind, sent) in [
            ("board", stats.board_frames),
            ("ticket", stats.ticket_frames),
            ("queue", stats.queue_frames),
            ("delta", stats.delta_frames),
            ("tick", stats.tick_frames),
            ("bye", stats.bye_frames),
        ] {
            raise(&frames.with_label_values(&[kind]), sent);
        }
        raise(&self.metrics.hub_snapshots, stats.snapshots);
    }
}

/// Brings a counter to a total that is counted elsewhere.
fn raise(counter: &prometheus::IntCounter, total: u64) {
    counter.inc_by(total.saturating_sub(counter.get()));
}
