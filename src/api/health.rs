//! For operators: is it alive, can it serve, what does it do, which version is it.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Api,
    problem::{Code, Problem},
    responses::Unready,
};
use crate::metrics;

/// Redis may take this long to answer before this server counts as not ready.
const PING_TIMEOUT: Duration = Duration::from_millis(800);

/// Whether this server should get requests. Set by who starts and stops it.
#[derive(Debug, Default)]
pub struct Readiness {
    started: AtomicBool,
    draining: AtomicBool,
}

impl Readiness {
    /// The schema is there and restaurants are open: from now on PostgreSQL may go away.
    pub fn started(&self) {
        self.started.store(true, Ordering::Relaxed);
    }

    /// It is about to stop.
    pub fn draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether it is about to stop.
    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    fn blocked(&self) -> Option<&'static str> {
        if self.is_draining() {
            return Some("This server is about to stop.");
        }
        (!self.started.load(Ordering::Relaxed)).then_some("This server is starting.")
    }
}

/// `ok`.
#[derive(Serialize, ToSchema)]
#[schema(as = Health)]
pub struct Alive {
    #[schema(example = "ok")]
    status: &'static str,
}

/// `ok`, and what does not work all the same: the line goes on without it.
#[derive(Serialize, ToSchema)]
pub struct Ready {
    #[schema(example = "ok")]
    status: &'static str,
    /// Of `postgres`, `redis`, `recorder`, `timers`, `restaurants`, `revocations`; others may come.
    #[schema(value_type = Vec<String>, example = json!([]))]
    degraded: Vec<&'static str>,
}

/// What runs here.
#[derive(Serialize, ToSchema)]
pub struct Version {
    name: &'static str,
    #[schema(example = "0.1.0")]
    version: &'static str,
    /// The WebSocket subprotocol spoken.
    #[schema(example = "waitless.v1")]
    protocol: &'static str,
}

/// Alive
#[utoipa::path(get, path = "/healthz", tag = "operator", operation_id = "alive",
    responses((status = 200, description = "The process runs", body = Alive)))]
pub async fn healthz() -> Json<Alive> {
    Json(Alive { status: "ok" })
}

/// Ready to serve: start-up is over, Redis answers, and it is not about to stop. Names what does not work beside that
#[utoipa::path(get, path = "/readyz", tag = "operator", operation_id = "ready",
    responses((status = 200, description = "It should get requests", body = Ready), Unready))]
pub async fn readyz(State(api): State<Api>) -> Result<Json<Ready>, Problem> {
    if let Some(why) = api.readiness.blocked() {
        return Err(Problem::new(Code::Unavailable).detail(why));
    }
    match tokio::time::timeout(PING_TIMEOUT, api.queue.ping()).await {
        Ok(Ok(())) => Ok(Json(Ready { status: "ok", degraded: api.health.degraded() })),
        Ok(Err(_)) | Err(_) => Err(Problem::new(Code::Unavailable).detail("Redis does not answer.")),
    }
}

/// Figures in Prometheus's text format
#[utoipa::path(get, path = "/metrics", tag = "operator", operation_id = "metrics",
    responses((status = 200, description = "Figures", body = String, content_type = "text/plain")))]
pub async fn metrics(State(api): State<Api>) -> Response {
    api.note_figures();
    (StatusCode::OK, [(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], api.metrics.text()).into_response()
}

/// Which version runs
#[utoipa::path(get, path = "/version", tag = "operator", operation_id = "version",
    responses((status = 200, description = "The version", body = Version)))]
pub async fn version() -> Json<Version> {
    Json(Version { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION"), protocol: "waitless.v1" })
}
