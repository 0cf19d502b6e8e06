//! Every endpoint, asked by everybody.
//!
//! The table says who may ask. That somebody may is shown by any answer but 401 and 403: the bodies here do nothing.

use serde_json::{Value, json};

use super::user::{Anon, Caller, Shop, id};

/// Who may ask.
#[derive(Clone, Copy, PartialEq)]
enum Who {
    All,
    Staff,
    Owner,
}
use Who::{All, Owner, Staff};

const TABLE: &[(&str, &str, Who)] = &[
    ("GET", "/healthz", All),
    ("GET", "/readyz", All),
    ("GET", "/metrics", All),
    ("GET", "/version", All),
    ("GET", "/v1/restaurants", All),
    ("GET", "/v1/restaurants/{r}", All),
    ("GET", "/v1/restaurants/{r}/menu", All),
    ("GET", "/v1/restaurants/{r}/board", All),
    ("GET", "/v1/restaurants/{r}/board/live", All),
    ("GET", "/v1/restaurants/{r}/policy", All),
    ("PATCH", "/v1/restaurants/{r}/policy", Owner),
    ("POST", "/v1/restaurants/{r}/tickets", All),
    ("POST", "/v1/restaurants/{r}/tickets/find", All),
    ("GET", "/v1/tickets/{t}", All),
    ("GET", "/v1/tickets/{t}/live", All),
    ("DELETE", "/v1/tickets/{t}", All),
    ("POST", "/v1/tickets/{t}/delay", All),
    ("POST", "/v1/tickets/{t}/check-in", All),
    ("POST", "/v1/tickets/{t}/rejoin", All),
    ("POST", "/v1/tickets/{t}/undo", All),
    ("GET", "/v1/restaurants/{r}/queue", Staff),
    ("GET", "/v1/restaurants/{r}/console/live", Staff),
    ("POST", "/v1/restaurants/{r}/lines/{line}/call-next", Staff),
    ("PUT", "/v1/restaurants/{r}/lines/{line}/state", Staff),
    ("PUT", "/v1/restaurants/{r}/state", Staff),
    ("PUT", "/v1/restaurants/{r}/announcement", Staff),
    ("PUT", "/v1/restaurants/{r}/stock/{item}", Staff),
    ("POST", "/v1/restaurants/{r}/stock/{item}/adjust", Staff),
    ("PATCH", "/v1/restaurants/{r}/tickets/{t}", Staff),
    ("POST", "/v1/restaurants/{r}/tickets/{t}/call", Staff),
    ("POST", "/v1/restaurants/{r}/tickets/{t}/recall", Staff),
    ("POST", "/v1/restaurants/{r}/tickets/{t}/seat", Staff),
    ("POST", "/v1/restaurants/{r}/tickets/{t}/complete", Staff),
    ("POST", "/v1/restaurants/{r}/tickets/{t}/no-show", Staff),
    ("POST", "/v1/restaurants/{r}/tickets/{t}/put-back", Staff),
    ("POST", "/v1/restaurants/{r}/tickets/{t}/restore", Staff),
    ("POST", "/v1/restaurants/{r}/tickets/{t}/undo", Staff),
    ("POST", "/v1/restaurants/{r}/tickets/{t}/cancel", Staff),
    ("GET", "/v1/restaurants/{r}/tickets/{t}/history", Staff),
    ("GET", "/v1/restaurants/{r}/days", Staff),
    ("GET", "/v1/restaurants/{r}/days/{day}", Staff),
    ("GET", "/v1/restaurants/{r}/days/{day}/tickets", Staff),
    ("GET", "/v1/restaurants/{r}/days/{day}/tickets.csv", Staff),
    ("POST", "/v1/auth/sign-up", All),
    ("POST", "/v1/auth/sign-in", All),
    ("POST", "/v1/auth/refresh", All),
    ("POST", "/v1/auth/sign-out", All),
];

/// A body that every endpoint with one refuses as `invalid`.
fn nonsense() -> Value {
    json!({"nonsense": true})
}

async fn status(caller: &Caller<'_>, method: &str, path: &str) -> u16 {
    let request = caller.request(method, path);
    let request = if method == "GET" { request } else { request.json(&nonsense()) };
    caller.send(request).await.status
}

#[tokio::test]
async fn every_endpoint_is_open_to_whom_it_should_be() {
    let shop = Shop::open().await;
    shop.another_restaurant().await;
    let anon: Anon<'_> = shop.anon();
    let other = shop.user("other").await;
    let (staff, owner, admin) = (shop.staff().await, shop.user("owner").await, shop.user("admin").await);
    let ticket = anon.join().await;
    for (method, template, who) in TABLE {
        let path = template
            .replace("{r}", "demo")
            .replace("{t}", id(&ticket))
            .replace("{line}", "A")
            .replace("{item}", "galbijjim")
            .replace("{day}", "2026-11-22");
        // The accounts' own endpoints answer 401 to nonsense of their own, so theirs is not looked at.
        let callers: [(&str, &Caller<'_>, u16); 5] = [
            ("anon", &anon, if *who == All { 0 } else { 401 }),
            ("other", &other, if *who == All { 0 } else { 403 }),
            ("staff", &staff, if *who == Owner { 403 } else { 0 }),
            ("owner", &owner, 0),
            ("admin", &admin, 0),
        ];
        for (name, caller, refused) in callers {
            let status = status(caller, method, &path).await;
            let expected = if refused == 0 { !matches!(status, 401 | 403) } else { status == refused };
            assert!(expected, "{name}: {method} {template} answered {status}, expected {refused}");
        }
    }
}

#[tokio::test]
async fn the_table_is_complete() {
    let shop = Shop::open().await;
    let mut documented = Vec::new();
    for (path, item) in shop.contract.document["paths"].as_object().expect("paths") {
        for method in item.as_object().expect("operations").keys() {
            documented.push(format!("{} {path}", method.to_uppercase()));
        }
    }
    let mut listed: Vec<String> = TABLE.iter().map(|(method, path, _)| format!("{method} {path}")).collect();
    documented.sort();
    listed.sort();
    assert_eq!(listed, documented);
}

#[tokio::test]
async fn a_ticket_of_another_restaurant_is_not_found() {
    let shop = Shop::open().await;
    shop.another_restaurant().await;
    let (anon, other) = (shop.anon(), shop.user("other").await);
    let ticket = anon.join().await;
    for act in ["call", "recall", "seat", "complete", "no-show", "put-back", "restore", "undo", "cancel"] {
        let path = format!("/v1/restaurants/other/tickets/{}/{act}", id(&ticket));
        other.post(&path, json!({})).await.refused(404, "not_found");
    }
    let path = format!("/v1/restaurants/other/tickets/{}", id(&ticket));
    other.patch(&path, json!({"adults": 1})).await.refused(404, "not_found");
    other
        .post("/v1/restaurants/other/tickets/find", json!({"number": "A001", "code": ticket["code"]}))
        .await
        .refused(404, "not_found");
    // Who is signed in is told that a restaurant does not exist, who is not is told to sign in.
    other.get("/v1/restaurants/nowhere/queue").await.refused(404, "not_found");
    anon.get("/v1/restaurants/nowhere/queue").await.refused(401, "unauthenticated");
}
