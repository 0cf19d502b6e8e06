//! What every answer gets, whoever made it: a request id, its headers, its problem rendered, its time measured, one
//! line in the log.
//!
//! Invariant: paths are logged as templates and nothing else of the request is: no ticket id, address, name or query.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::Response,
};
use tracing::Instrument as _;

use super::{
    Api,
    problem::{Code, Problem},
    session,
};

/// A request takes no longer than this; what is behind it (Redis, PostgreSQL) gives up earlier.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// Pages, documentation included, load and run only what this server serves; nothing runs inline.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; \
     form-action 'self'; frame-ancestors 'none'";

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest request id taken over from a client or proxy.
const REQUEST_ID_LEN_MAX: usize = 128;

/// Paths that are asked for all the time, by machines: their good answers are not worth a line.
const QUIET: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// The outermost layer.
pub async fn edge(State(api): State<Api>, request: Request, next: Next) -> Response {
    let request_id = request_id(&request);
    let route: Arc<str> = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).into();
    let method = method_label(request.method());
    let renewed = session::renewed(request.headers(), &api);
    let span = tracing::info_span!("request", request.id = %request_id, http.route = %route, http.method = method);
    let started = Instant::now();
    api.metrics.http_in_flight.inc();
    let _in_flight = InFlight(&api);

    let answering = tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)).instrument(span.clone()).await;
    let response = answering.unwrap_or_else(|_| {
        let mut response = Response::new(axum::body::Body::empty());
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        response
    });
    let mut response = with_problem(&api, response, &request_id);
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        headers.insert(REQUEST_ID.clone(), value);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if let Some(cookie) = renewed
        && !headers.contains_key(header::SET_COOKIE)
    {
        headers.insert(header::SET_COOKIE, cookie);
    }

    let status = response.status();
    let duration = started.elapsed();
    api.metrics.http_requests.with_label_values(&[&route, method, status.as_str()]).inc();
    api.metrics.http_request_seconds.with_label_values(&[&*route]).observe(duration.as_secs_f64());
    if status.is_server_error() || !QUIET.contains(&&*route) {
        let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        span.in_scope(|| tracing::info!(http.status = status.as_u16(), duration_ms, "answered"));
    }
    response
}

struct InFlight<'a>(&'a Api);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.metrics.http_in_flight.dec();
    }
}

/// Renders the problem a handler answered, or makes one of a bare error status (an unknown path, a wrong method, what
/// the framework refuses).
fn with_problem(api: &Api, mut response: Response, request_id: &str) -> Response {
    let status = response.status();
    let problem = response.extensions_mut().remove::<Problem>();
    let problem =
        problem.or_else(|| (status.is_client_error() || status.is_server_error()).then(|| Problem::of_status(status)));
    let Some(problem) = problem else { return response };
    api.metrics.http_refusals.with_label_values(&[problem.code.as_str()]).inc();
    let mut rendered = problem.render(request_id);
    for name in [header::ALLOW, header::SET_COOKIE] {
        if let Some(value) = response.headers_mut().remove(&name) {
            rendered.headers_mut().insert(name, value);
        }
    }
    rendered
}

/// The id of a proxy before us, if it is one, else a new one.
fn request_id(request: &Request) -> String {
    let given = request.headers().get(&REQUEST_ID).and_then(|value| value.to_str().ok());
    let is_id = |text: &&str| {
        (1..=REQUEST_ID_LEN_MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':'))
    };
    given.filter(is_id).map_or_else(|| crate::domain::ids::base62(rand::random(), 22), str::to_owned)
}

/// A method as a label: clients can make up any.
fn method_label(method: &axum::http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

/// A handler that panicked: the request is answered, the server lives.
pub fn panicked(panic: Box<dyn std::any::Any + Send + 'static>) -> Response {
    let message = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let message = message.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    tracing::error!(panic = message, "a handler panicked");
    axum::response::IntoResponse::into_response(Problem::new(Code::Internal))
}
