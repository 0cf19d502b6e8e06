//! The pages and what they load, as a browser gets them. What `static/` may contain is held by `tidy::pages`.

use std::{io::Read as _, path::Path};

use reqwest::{Response, StatusCode};

use super::user::Shop;

const PAGES: [&str; 6] =
    ["/", "/kiosk/demo", "/board/demo", "/t/00000000000AAAAAAAAAAAAAAAAAAAAAA", "/console/demo", "/sign-in"];
const NAVIGATION: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

impl Shop {
    async fn fetch(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
        let request = self.app.http.request(method.parse().expect("a method"), self.app.url(path));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.send().await.expect("an answer")
    }

    /// The version that pages name now.
    async fn version(&self) -> String {
        let page = self.fetch("GET", "/", &[]).await.text().await.expect("text");
        let (_, behind) = page.split_once("\"/static/").expect("the page loads something");
        behind.split('/').next().expect("a first part").to_owned()
    }
}

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers().get(name).map_or("", |value| value.to_str().expect("text"))
}

async fn bytes(answer: Response) -> Vec<u8> {
    answer.bytes().await.expect("a body").to_vec()
}

/// Undoes what `Content-Encoding` says was done.
async fn decoded(answer: Response) -> Vec<u8> {
    let encoding = header(&answer, "content-encoding").to_owned();
    let body = bytes(answer).await;
    let mut plain = Vec::new();
    match encoding.as_str() {
        "br" => brotli::Decompressor::new(&*body, 4096).read_to_end(&mut plain).expect("brotli"),
        "gzip" => flate2::read::GzDecoder::new(&*body).read_to_end(&mut plain).expect("gzip"),
        other => panic!("{other:?}"),
    };
    assert!(body.len() < plain.len());
    plain
}

/// A file of `static/` that is large enough to be compressed: its path below the folder, and its content.
fn large_asset() -> (String, Vec<u8>) {
    fn walk(folder: &Path, found: &mut Vec<(u64, std::path::PathBuf)>) {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|ending| ["js", "css", "svg"].iter().any(|known| ending == *known)) {
                found.push((entry.metadata().expect("a file").len(), path));
            }
        }
    }
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/static"));
    let mut found = Vec::new();
    walk(folder, &mut found);
    found.retain(|(len, path)| *len >= 512 && !path.to_string_lossy().ends_with(".test.js"));
    let (_, path) = found.into_iter().max().expect("a file of that size");
    let name = path.strip_prefix(folder).expect("below the folder").to_str().expect("UTF-8").to_owned();
    (name, std::fs::read(&path).expect("read"))
}

#[tokio::test]
async fn every_address_shows_its_page() {
    let shop = Shop::open().await;
    let port = shop.app.addr.port();
    let mut bodies = Vec::new();
    for path in PAGES {
        let page = shop.fetch("GET", path, &[]).await;
        assert_eq!(page.status(), StatusCode::OK, "{path}");
        assert_eq!(header(&page, "content-type"), "text/html; charset=utf-8", "{path}");
        assert_eq!(header(&page, "cache-control"), "no-cache", "{path}");
        let policy = header(&page, "content-security-policy");
        assert!(policy.contains("default-src 'self'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert!(policy.contains(&format!("connect-src 'self' ws://127.0.0.1:{port}")), "{path}: {policy}");
        let text = page.text().await.expect("text");
        assert!(text.to_lowercase().starts_with("<!doctype html>"), "{path}: {text}");
        assert_eq!(
            text.matches("\"/static/").count(),
            text.matches(&format!("\"/static/{}/", shop.version().await)).count(),
            "{path} names what it loads with its version"
        );
        bodies.push(text);
    }
    let page = |name: &str| {
        let path = format!("{}/static/{name}.html", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(path).expect("a page")
    };
    let version = shop.version().await;
    for (body, name) in bodies.iter().zip(["home", "kiosk", "board", "phone", "console", "sign-in"]) {
        assert_eq!(body.replace(&format!("/static/{version}/"), "/static/"), page(name), "{name}");
    }
    assert_eq!(header(&shop.fetch("GET", "/favicon.ico", &[]).await, "content-type"), "image/svg+xml");
    assert!(shop.contract.document["paths"].get("/sign-in").is_none(), "pages are not part of the API");
}

#[tokio::test]
async fn a_page_that_is_known_is_not_sent_again() {
    let shop = Shop::open().await;
    for path in PAGES.into_iter().chain([format!("/static/{}/icons/favicon.svg", shop.version().await).as_str()]) {
        let tag = header(&shop.fetch("GET", path, &[]).await, "etag").to_owned();
        assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 10, "{path}: strong: {tag}");
        let known = shop.fetch("GET", path, &[("if-none-match", &tag)]).await;
        assert_eq!(known.status(), StatusCode::NOT_MODIFIED, "{path}");
        assert_eq!(header(&known, "etag"), tag, "{path}");
        assert!(!header(&known, "cache-control").is_empty(), "{path}");
        assert!(bytes(known).await.is_empty(), "{path}");
        let other = shop.fetch("GET", path, &[("if-none-match", "\"0123456789abcdef\"")]).await;
        assert_eq!(other.status(), StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn what_pages_load_is_kept_for_ever_under_its_version_only() {
    let shop = Shop::open().await;
    let (version, (name, content)) = (shop.version().await, large_asset());
    let asset = shop.fetch("GET", &format!("/static/{version}/{name}"), &[]).await;
    assert_eq!(asset.status(), StatusCode::OK);
    assert_eq!(header(&asset, "cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(header(&asset, "content-security-policy"), "default-src 'none'");
    assert_eq!(bytes(asset).await, content);
    // Asked for by a page of another version, during a rolling restart.
    let asset = shop.fetch("GET", &format!("/static/0123456789abcdef/{name}"), &[]).await;
    assert_eq!((asset.status(), header(&asset, "cache-control")), (StatusCode::OK, "no-cache"));
    assert_eq!(bytes(asset).await, content);
    let anon = shop.anon();
    for path in
        ["nothing.js", "icons", "icons/", "../Cargo.toml", "%2e%2e/Cargo.toml", "%2e%2e%2fCargo.toml", "home.html"]
    {
        anon.get(&format!("/static/{version}/{path}")).await.refused(404, "not_found");
    }
    anon.get(&format!("/static/{version}/")).await.refused(404, "not_found");
    anon.get("/static/icons").await.refused(404, "not_found");
}

#[tokio::test]
async fn bodies_are_compressed_as_the_client_wants() {
    let shop = Shop::open().await;
    let (version, (name, content)) = (shop.version().await, large_asset());
    let path = format!("/static/{version}/{name}");
    let mut tags = Vec::new();
    for (accepted, expected) in [("gzip, br", "br"), ("gzip, br;q=0", "gzip"), ("identity", ""), ("br;q=0", "")] {
        // The first one is compressed for it, the second is what was kept.
        for _ in 0..2 {
            let asset = shop.fetch("GET", &path, &[("accept-encoding", accepted)]).await;
            assert_eq!(header(&asset, "content-encoding"), expected, "{accepted}");
            assert_eq!(header(&asset, "vary").to_lowercase(), "accept-encoding");
            let tag = header(&asset, "etag").to_owned();
            assert_eq!(header(&asset, "content-length"), asset.content_length().expect("known").to_string());
            let body = if expected.is_empty() { bytes(asset).await } else { decoded(asset).await };
            assert_eq!(body, content, "{accepted}");
            let known = shop.fetch("GET", &path, &[("accept-encoding", accepted), ("if-none-match", &tag)]).await;
            assert_eq!((known.status(), header(&known, "vary")), (StatusCode::NOT_MODIFIED, "Accept-Encoding"));
            tags.push(tag);
        }
    }
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), 3, "one for each encoding: {tags:?}");
}

#[tokio::test]
async fn a_link_that_leads_nowhere_shows_a_page_and_programs_a_problem() {
    let shop = Shop::open().await;
    for path in ["/nowhere", "/kiosk", "/t/", "/board/demo/more", "/static/"] {
        let page = shop.fetch("GET", path, &[("accept", NAVIGATION), ("if-none-match", "*")]).await;
        assert_eq!(page.status(), StatusCode::NOT_FOUND, "{path}");
        assert_eq!(header(&page, "content-type"), "text/html; charset=utf-8", "{path}");
        assert_eq!((header(&page, "cache-control"), header(&page, "etag")), ("no-store", ""), "{path}");
        assert!(header(&page, "content-security-policy").contains("default-src 'self'"), "{path}");
        assert!(!header(&page, "x-request-id").is_empty(), "{path}");
        let text = page.text().await.expect("text");
        assert!(text.to_lowercase().starts_with("<!doctype html>"), "{path}: {text}");
        shop.anon().get(path).await.refused(404, "not_found");
    }
    for (method, path) in [("GET", "/v1/nowhere"), ("POST", "/nowhere"), ("GET", "/v1/restaurants/nowhere")] {
        let problem = shop.fetch(method, path, &[("accept", NAVIGATION)]).await;
        assert_eq!(problem.status(), StatusCode::NOT_FOUND, "{method} {path}");
        assert_eq!(header(&problem, "content-type"), "application/problem+json", "{method} {path}");
    }
    let refused = shop.fetch("POST", "/sign-in", &[("accept", NAVIGATION)]).await;
    assert_eq!((refused.status(), header(&refused, "allow")), (StatusCode::METHOD_NOT_ALLOWED, "GET,HEAD"));
}

#[tokio::test]
async fn head_answers_what_get_would_but_for_the_body() {
    let shop = Shop::open().await;
    let asset = format!("/static/{}/{}", shop.version().await, large_asset().0);
    for path in PAGES.into_iter().chain([asset.as_str(), "/nowhere"]) {
        let headers = [("accept", NAVIGATION), ("accept-encoding", "br")];
        let (get, head) = (shop.fetch("GET", path, &headers).await, shop.fetch("HEAD", path, &headers).await);
        assert_eq!(head.status(), get.status(), "{path}");
        for name in ["content-type", "content-length", "content-encoding", "etag", "cache-control", "vary"] {
            assert_eq!(header(&head, name), header(&get, name), "{path}: {name}");
        }
        assert!(bytes(head).await.is_empty() && !bytes(get).await.is_empty(), "{path}");
    }
}
