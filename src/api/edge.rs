//! What every answer gets, whoever made it: a request id, its headers, its problem rendered, its time measured; and,
//! where somebody may look for it, one line in the log.
//!
//! Invariant: paths are logged as templates and nothing else of the request is: no ticket id, address, name or query.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::Response,
};
use tracing::Instrument as _;

use super::{
    Api, pages,
    problem::{Code, Problem},
    session,
};

/// A request takes no longer than this, its body included; what is behind it (Redis, PostgreSQL) gives up earlier.
pub const REQUEST_MAX: Duration = Duration::from_secs(15);

/// Pages, documentation included, load and run only what this server serves; nothing runs inline.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; \
     form-action 'self'; frame-ancestors 'none'; connect-src 'self'";

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest request id taken over from a client or proxy.
const REQUEST_ID_LEN_MAX: usize = 128;

/// An answer that took so long is worth a line.
const SLOW: Duration = Duration::from_secs(1);

/// Paths that are asked for all the time, by machines: only what fails there is worth a line.
const QUIET: [&str; 4] = ["/healthz", "/readyz", "/metrics", pages::ASSETS];

/// The policy for pages of this public URL. To Safari before 15.4 a WebSocket to the page's own host is not `'self'`,
/// so its origin is named. An IPv6 address cannot be named in a policy; there `'self'` has to do.
pub(super) fn content_security_policy(public_url: &url::Url) -> HeaderValue {
    let scheme = if public_url.scheme() == "https" { "wss" } else { "ws" };
    let port = public_url.port().map_or_else(String::new, |port| format!(":{port}"));
    let sockets = match public_url.host() {
        Some(url::Host::Domain(name)) => format!(" {scheme}://{name}{port}"),
        Some(url::Host::Ipv4(address)) => format!(" {scheme}://{address}{port}"),
        Some(url::Host::Ipv6(_)) | None => String::new(),
    };
    // A host that is no header text (none is known) loses the naming, not the policy.
    HeaderValue::from_str(&format!("{CONTENT_SECURITY_POLICY}{sockets}"))
        .unwrap_or(HeaderValue::from_static(CONTENT_SECURITY_POLICY))
}

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

    let answering = tokio::time::timeout(api.request_max, next.run(request)).instrument(span.clone()).await;
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
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert_with(|| api.content_security_policy.clone());
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if api.readiness.is_draining() {
        close_after_this(headers);
    }
    if let Some(cookie) = renewed
        && may_carry_a_session(headers)
    {
        headers.insert(header::SET_COOKIE, cookie);
    }

    let status = response.status();
    let duration = started.elapsed();
    api.metrics.http_requests.with_label_values(&[&route, method, status.as_str()]).inc();
    api.metrics.http_request_seconds.with_label_values(&[&*route]).observe(duration.as_secs_f64());
    let quiet = QUIET.contains(&&*route);
    let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let http_status = status.as_u16();
    // What is answered well is counted; a line for each would be most of the log, and hide the others.
    if status.is_server_error() || (!quiet && (status.is_client_error() || duration >= SLOW)) {
        span.in_scope(|| tracing::info!(http.status = http_status, duration_ms, "answered"));
    } else if !quiet {
        span.in_scope(|| tracing::debug!(http.status = http_status, duration_ms, "answered"));
    }
    response
}

/// A proxy that keeps connections would send something into one just when it is closed, and could not know whether it
/// was taken. What is being upgraded is no longer ours to close.
fn close_after_this(headers: &mut HeaderMap) {
    headers.entry(header::CONNECTION).or_insert(HeaderValue::from_static("close"));
}

/// Not over a cookie that a handler set, and not where a cache would hand one person's session to another.
fn may_carry_a_session(headers: &HeaderMap) -> bool {
    let shared = headers.get(header::CACHE_CONTROL).is_some_and(|value| value.as_bytes().starts_with(b"public"));
    !shared && !headers.contains_key(header::SET_COOKIE)
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
    if response.extensions().get::<pages::Rendered>().is_some() {
        return response;
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_not_renewed_in_what_caches_share() {
        let carries =
            |name, value| may_carry_a_session(&HeaderMap::from_iter([(name, HeaderValue::from_static(value))]));
        assert!(carries(header::CACHE_CONTROL, "no-cache") && carries(header::CACHE_CONTROL, "no-store"));
        assert!(!carries(header::CACHE_CONTROL, "public, max-age=31536000, immutable"));
        assert!(!carries(header::SET_COOKIE, "wl_session=; Max-Age=0"), "sign-out stays a sign-out");
    }

    #[test]
    fn a_connection_is_kept_for_what_it_was_upgraded_to() {
        for (answered, told) in [(None, "close"), (Some("upgrade"), "upgrade")] {
            let mut headers: HeaderMap =
                answered.map(|value| (header::CONNECTION, HeaderValue::from_static(value))).into_iter().collect();
            close_after_this(&mut headers);
            assert_eq!(headers[header::CONNECTION], told);
        }
    }

    #[test]
    fn the_policy_names_the_origin_of_web_sockets() {
        for (url, expected) in [
            ("http://127.0.0.1:8080", "connect-src 'self' ws://127.0.0.1:8080"),
            ("https://line.example/", "connect-src 'self' wss://line.example"),
            ("https://line.example:8443/a", "connect-src 'self' wss://line.example:8443"),
            ("http://[::1]:8080", "connect-src 'self'"),
        ] {
            let policy = content_security_policy(&url.parse().expect("a URL"));
            let policy = policy.to_str().expect("text");
            assert!(policy.ends_with(expected) && policy.starts_with("default-src 'self'; "), "{url}: {policy}");
            assert!(!policy.contains("unsafe"), "{policy}");
        }
    }
}
