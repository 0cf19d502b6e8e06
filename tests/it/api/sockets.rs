//! The door of the WebSockets: who is refused is told so before the upgrade. What is said over them is tested elsewhere.

use serde_json::Value;
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Error, client::IntoClientRequest as _},
};

use super::user::{Shop, own};
use crate::harness::{
    until,
    watch::{Heard, Watcher},
};

const CONSOLE: &str = "/v1/restaurants/demo/console/live";
const BOARD: &str = "/v1/restaurants/demo/board/live";

/// The status and code an upgrade with these headers is refused with, or 101.
async fn upgrade(shop: &Shop, path: &str, headers: &[(&'static str, &str)]) -> (u16, String) {
    let mut request = shop.app.ws(path).into_client_request().expect("a URL");
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().expect("a header"));
    }
    match connect_async(request).await {
        Ok(_) => (101, String::new()),
        Err(Error::Http(response)) => {
            let status = response.status().as_u16();
            let body = response.body().clone().unwrap_or_default();
            let header = response.headers().get("content-type").map_or("", |value| value.to_str().expect("text"));
            shop.contract.check("GET", path, status, header, &body);
            let problem: Value = serde_json::from_slice(&body).expect("JSON");
            (status, problem["code"].as_str().expect("a code").to_owned())
        }
        Err(error) => panic!("{path}: {error}"),
    }
}

#[tokio::test]
async fn refusals_come_before_the_upgrade() {
    let shop = Shop::open().await;
    shop.another_restaurant().await;
    let ticket = shop.anon().join().await;
    let phone = own(&ticket, "/live");
    let unknown = format!("{}/live", own(&ticket, "").replace(|letter: char| letter.is_ascii_digit(), "9"));
    let bearer = async |who: &str| format!("waitless.v1, waitless.bearer.{}", shop.app.token(who).await);
    let (staff, other, none) = (bearer("staff").await, bearer("other").await, "waitless.v1".to_owned());
    let forged = "waitless.v1, waitless.bearer.abc".to_owned();
    let (foreign, ours) = (("origin", "https://evil.example"), shop.app.url(""));
    let protocol = "sec-websocket-protocol";
    for (path, headers, expected) in [
        (BOARD, vec![], (101, "")),
        (BOARD, vec![(protocol, none.as_str())], (101, "")),
        (BOARD, vec![("origin", ours.as_str())], (101, "")),
        (BOARD, vec![foreign], (403, "forbidden")),
        (phone.as_str(), vec![], (101, "")),
        (phone.as_str(), vec![foreign], (403, "forbidden")),
        (unknown.as_str(), vec![], (404, "not_found")),
        ("/v1/restaurants/nowhere/board/live", vec![], (404, "not_found")),
        (CONSOLE, vec![(protocol, staff.as_str())], (101, "")),
        (CONSOLE, vec![(protocol, staff.as_str()), foreign], (403, "forbidden")),
        (CONSOLE, vec![(protocol, other.as_str())], (403, "forbidden")),
        (CONSOLE, vec![(protocol, forged.as_str())], (401, "unauthenticated")),
        (CONSOLE, vec![], (401, "unauthenticated")),
        ("/v1/restaurants/nowhere/console/live", vec![(protocol, staff.as_str())], (404, "not_found")),
    ] {
        let (status, code) = upgrade(&shop, path, &headers).await;
        assert_eq!((status, code.as_str()), expected, "{path}");
    }
    // What is no upgrade is a request that cannot be read.
    shop.anon().get(BOARD).await.refused(400, "malformed");
}

#[tokio::test]
async fn a_console_ends_with_its_session() {
    let shop = Shop::open().await;
    let token = shop.app.token("staff").await;
    let mut console = Watcher::connect(&shop.app.ws(CONSOLE), Some(&token)).await.expect("let in");
    assert_eq!(console.frame().await["type"], "queue");
    let staff = shop.with_token(&token);
    staff.send(staff.request("POST", "/v1/auth/sign-out")).await.did();
    let end = tokio::time::timeout(std::time::Duration::from_secs(5), async {
        loop {
            if let Heard::Closed(code) = console.next().await {
                return code;
            }
        }
    });
    assert_eq!(end.await.expect("it is closed within five seconds"), Some(4401), "and not to come back");
    until("nobody is counted any more", async || {
        let metrics = String::from_utf8(shop.anon().get("/metrics").await.bytes).expect("text");
        metrics.contains("waitless_hub_watchers{kind=\"console\"} 0").then_some(())
    })
    .await;
}

#[tokio::test]
async fn staff_see_the_door_code_on_their_board() {
    let shop = Shop::open().await;
    let token = shop.app.token("staff").await;
    let door = async |token: Option<&str>| {
        let mut board = Watcher::connect(&shop.app.ws(BOARD), token).await.expect("let in");
        board.frame().await["door"].clone()
    };
    assert_eq!(door(None).await, Value::Null);
    assert_eq!(door(Some(&token)).await.as_str().map(str::len), Some(4));
}
