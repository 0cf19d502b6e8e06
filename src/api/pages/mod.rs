//! The pages for people, and what they load: `static/`, embedded in the binary. Nothing here knows what a page does.
//!
//! Reading order: this file says which address shows which page and how long answers may be kept; `tree` holds the
//! files under one hash; `encoding` chooses how a body travels.
//!
//! A page is asked for anew each time (`no-cache`, an `ETag`). What it loads is named by an address with the hash of
//! the whole tree in it, so that it may be kept for ever, and modules that import each other by relative
//! addresses stay within one version. An address of another version (a page opened before a rolling restart) gets the
//! file as it is now, and nobody keeps it.
//!
//! A debug build reads the folder of the sources anew for every page asked for: a change shows on reload, without a
//! build. A release build reads what is embedded, once. [`Pages::at_page`] is the one place that decides.
//!
//! Invariant: an answer that any cache may share carries no cookie (see `edge`).

mod encoding;
mod tree;

use std::sync::{Arc, PoisonError, RwLock};

use axum::{
    Router,
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};

use super::{
    Api,
    problem::{Code, Problem},
};
use encoding::Encoding;
use tree::{Asset, Tree};

/// The route of everything pages load, also its label in figures.
pub(super) const ASSETS: &str = "/static/{hash}/{*path}";

/// Addresses people open, and the page each shows. What they are about (a restaurant, a ticket) the page reads from
/// its own address.
const PAGES: [(&str, &str); 6] = [
    ("/", "home.html"),
    ("/kiosk/{r}", "kiosk.html"),
    ("/board/{r}", "board.html"),
    ("/t/{ticket}", "phone.html"),
    ("/console/{r}", "console.html"),
    ("/sign-in", "sign-in.html"),
];

const NOT_FOUND: &str = "not-found.html";
const ICON: &str = "icons/favicon.svg";

const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");
const KEEP_FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// What a page loads is no page: nothing that it says runs, should somebody open it by itself. Also shorter than the
/// policy of pages, which counts on a phone's first visit: some forty such answers.
const ASSET_POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'");

/// Marks an error status whose body is made already: the edge puts no problem in its place.
#[derive(Clone, Copy)]
pub(super) struct Rendered;

/// The pages as they are served now.
pub(super) struct Pages {
    current: RwLock<Arc<Tree>>,
}

impl Pages {
    pub(super) fn new() -> Self {
        Self { current: RwLock::new(Arc::new(Tree::read(None))) }
    }

    fn current(&self) -> Arc<Tree> {
        // A tree is replaced as a whole, so whoever panicked meanwhile left a sound one.
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The tree for a page asked for now; what the page loads then comes from the same.
    fn at_page(&self) -> Arc<Tree> {
        let current = self.current();
        if !cfg!(debug_assertions) {
            return current;
        }
        let read = Arc::new(Tree::read(Some(&current)));
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&read);
        read
    }
}

/// Serves the pages and what they load.
pub(super) fn routes() -> Router<Api> {
    let page = |name: &'static str| {
        get(async move |State(api): State<Api>, headers: HeaderMap| {
            answer(api.pages.at_page().asset(name), &headers, REVALIDATE).await
        })
    };
    let routes = PAGES.iter().fold(Router::new(), |routes, (path, name)| routes.route(path, page(name)));
    routes.route("/favicon.ico", page(ICON)).route(ASSETS, get(asset))
}

async fn asset(State(api): State<Api>, Path((hash, path)): Path<(String, String)>, headers: HeaderMap) -> Response {
    let tree = api.pages.current();
    let keep = if hash == tree.hash() { KEEP_FOR_EVER } else { REVALIDATE };
    // A page has an address of its own.
    let asset = tree.asset(&path).filter(|asset| !asset.is_page());
    let mut response = answer(asset, &headers, keep).await;
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, ASSET_POLICY);
    response
}

/// What a path gets that leads nowhere: somebody who followed a link a page, a program a problem.
pub(super) async fn fallback(State(api): State<Api>, request: Request) -> Response {
    let page = is_navigation(&request).then(|| api.pages.at_page().asset(NOT_FOUND)).flatten();
    let Some(page) = page else { return Problem::new(Code::NotFound).into_response() };
    // Without its validators: this is no state of that path that could be asked about.
    let mut headers = request.headers().clone();
    headers.remove(header::IF_NONE_MATCH);
    let mut response = answer(Some(page), &headers, HeaderValue::from_static("no-store")).await;
    response.headers_mut().remove(header::ETAG);
    *response.status_mut() = StatusCode::NOT_FOUND;
    response.extensions_mut().insert(Rendered);
    response
}

fn is_navigation(request: &Request) -> bool {
    let path = request.uri().path();
    let is_api = path == "/v1" || path.starts_with("/v1/");
    let accepted = request.headers().get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    is_read && !is_api && accepted.flat_map(|value| value.split([',', ';'])).any(|media| media.trim() == "text/html")
}

async fn answer(asset: Option<Arc<Asset>>, headers: &HeaderMap, keep: HeaderValue) -> Response {
    let Some(asset) = asset else { return Problem::new(Code::NotFound).into_response() };
    let encoding = if asset.is_compressible() { encoding::choose(headers) } else { Encoding::Identity };
    let tag = asset.tag(encoding);
    let mut response = if is_known(headers, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let mut response = Response::new(body(&asset, encoding).await.into());
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.media()));
        if let Some(name) = encoding.name() {
            response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
        }
        response
    };
    let answer = response.headers_mut();
    answer.insert(header::CACHE_CONTROL, keep);
    answer.insert(header::ETAG, HeaderValue::from_str(&tag).expect("Invariant: a tag is visible ASCII"));
    if asset.is_compressible() {
        answer.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    }
    response
}

/// The body in this encoding. Compressing takes long enough to keep other requests of a thread waiting.
async fn body(asset: &Arc<Asset>, encoding: Encoding) -> bytes::Bytes {
    if let Some(body) = asset.ready(encoding) {
        return body;
    }
    let compressed = Arc::clone(asset);
    let compressing = tokio::task::spawn_blocking(move || compressed.body(encoding)).await;
    compressing.unwrap_or_else(|_| asset.body(encoding))
}

/// Whether one of the tags of `If-None-Match` is this one. A proxy may have weakened it, which does not matter here.
fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let given = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut given = given.flat_map(|value| value.split(',')).map(str::trim);
    given.any(|given| given == "*" || given.strip_prefix("W/").unwrap_or(given) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, path: &str, accept: &str) -> Request {
        let request = Request::builder().method(method).uri(path).header(header::ACCEPT, accept);
        request.body(axum::body::Body::empty()).expect("a request")
    }

    #[test]
    fn who_follows_a_link_is_told_from_a_program() {
        let browser = "text/html,application/xhtml+xml,*/*;q=0.8";
        for (method, path, accept, expected) in [
            ("GET", "/nowhere", browser, true),
            ("HEAD", "/nowhere", "text/html;q=0.9", true),
            ("GET", "/v1x", browser, true),
            ("GET", "/v1", browser, false),
            ("GET", "/v1/nowhere", browser, false),
            ("POST", "/nowhere", browser, false),
            ("GET", "/nowhere", "*/*", false),
            ("GET", "/nowhere", "application/json", false),
            ("GET", "/nowhere", "text/html-like", false),
        ] {
            assert_eq!(is_navigation(&request(method, path, accept)), expected, "{method} {path} {accept}");
        }
    }

    #[test]
    fn a_tag_is_known_by_itself_weakened_and_in_a_list() {
        let known = |given: &str| {
            let headers = HeaderMap::from_iter([(header::IF_NONE_MATCH, given.parse().expect("a value"))]);
            is_known(&headers, "\"a-br\"")
        };
        assert!(known("\"a-br\"") && known("W/\"a-br\"") && known("\"b\", \"a-br\"") && known("*"));
        assert!(!known("\"a\"") && !known("a-br") && !known("\"a-gzip\""));
        assert!(!is_known(&HeaderMap::new(), "\"a-br\""));
    }

    #[test]
    fn every_page_is_there() {
        let tree = Tree::read(None);
        for name in PAGES.iter().map(|(_, name)| *name).chain([NOT_FOUND]) {
            assert!(tree.asset(name).is_some_and(|page| page.is_page()), "static/{name}");
        }
        assert!(tree.asset(ICON).is_some(), "static/{ICON}");
    }
}
