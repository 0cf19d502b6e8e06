//! A call that is asked for twice is done once.

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::user::{Answer, Caller, Shop, id, own, party};

const JOIN: &str = "/v1/restaurants/demo/tickets";
const KEY: &str = "a-key-that-nobody-guesses";

fn keyed(caller: &Caller<'_>, method: &str, path: &str, key: &str, body: &Value) -> RequestBuilder {
    caller.request(method, path).header("idempotency-key", key).json(body)
}

async fn post(caller: &Caller<'_>, path: &str, key: &str, body: Value) -> Answer {
    caller.send(keyed(caller, "POST", path, key, &body)).await
}

#[track_caller]
fn is_replay(first: &Answer, second: &Answer) {
    assert_eq!((first.status, first.header("idempotency-replayed")), (second.status, ""));
    assert_eq!(second.header("idempotency-replayed"), "true");
    assert_eq!(first.bytes, second.bytes, "byte-equal");
    assert_eq!(first.header("location"), second.header("location"));
}

#[tokio::test]
async fn a_join_is_replayed() {
    let shop = Shop::open().await;
    let anon = shop.anon();
    let order = party(json!({"items": [{"item": "galbijjim", "quantity": 2}], "name": "김하늘"}));
    let first = post(&anon, JOIN, KEY, order.clone()).await;
    anon.join().await;
    // The same JSON, written differently; a closed restaurant does not matter any more.
    shop.staff().await.put("/v1/restaurants/demo/state", json!({"state": "closed"})).await.did();
    let text = serde_json::to_string_pretty(&order).expect("JSON");
    let again = anon.request("POST", JOIN).header("idempotency-key", KEY).header("content-type", "application/json");
    let second = anon.send(again.body(text)).await;
    is_replay(&first, &second);
    assert_eq!(anon.get("/v1/restaurants/demo").await.did()["lines"][0]["waiting"], 2);
    assert_eq!(anon.get("/v1/restaurants/demo/menu").await.did()["items"][0]["left"], 48);
}

#[tokio::test]
async fn a_key_means_one_thing() {
    let shop = Shop::open().await;
    let (anon, staff, owner) = (shop.anon(), shop.staff().await, shop.user("owner").await);
    let first = post(&anon, JOIN, KEY, party(json!({}))).await.did();
    for other in [
        party(json!({"adults": 3})),
        // A used key is looked up before the body.
        party(json!({"adults": 0})),
        party(json!({"note": "by a guest"})),
        json!({}),
    ] {
        post(&anon, JOIN, KEY, other).await.refused(422, "idempotency_mismatch");
    }
    let broken = anon.request("POST", JOIN).header("idempotency-key", KEY).header("content-type", "application/json");
    anon.send(broken.body("{")).await.refused(422, "idempotency_mismatch");
    // Another caller, and another call, have keys of their own.
    let second = post(&staff, JOIN, KEY, party(json!({}))).await.did();
    let third = post(&owner, JOIN, KEY, party(json!({}))).await.did();
    assert!(first["id"] != second["id"] && second["id"] != third["id"]);
    let next = "/v1/restaurants/demo/lines/A/call-next";
    let called = post(&staff, next, KEY, json!({})).await;
    is_replay(&called, &post(&staff, next, KEY, json!({})).await);
    // The path is part of what is asked.
    let other_line = "/v1/restaurants/demo/lines/B/call-next";
    post(&staff, other_line, KEY, json!({})).await.refused(422, "idempotency_mismatch");
    // Who may not ask is not told about keys.
    post(&anon, next, KEY, json!({"party_min": 2})).await.refused(401, "unauthenticated");
    post(&shop.anon(), "/v1/restaurants/demo/tickets/find", KEY, json!({})).await.invalid();
}

#[tokio::test]
async fn commands_of_staff_are_replayed() {
    let shop = Shop::open().await;
    let (anon, staff) = (shop.anon(), shop.staff().await);
    let (ticket, _) = (anon.join().await, anon.join().await);
    let at = |act: &str| format!("/v1/restaurants/demo/tickets/{}/{act}", id(&ticket));
    for (number, (path, body)) in [
        (at("call"), json!({})),
        (at("put-back"), json!({})),
        (at("undo"), json!({})),
        (at("seat"), json!({})),
        ("/v1/restaurants/demo/stock/galbijjim/adjust".to_owned(), json!({"by": -1})),
    ]
    .into_iter()
    .enumerate()
    {
        let key = format!("{KEY}-{number}");
        let first = post(&staff, &path, &key, body.clone()).await;
        assert_eq!(first.status, 200, "{path}");
        anon.join().await;
        is_replay(&first, &post(&staff, &path, &key, body).await);
    }
    for (path, body) in [("state", json!({"state": "open"})), ("announcement", json!({"text": "hello"}))] {
        let path = format!("/v1/restaurants/demo/{path}");
        let first = staff.send(keyed(&staff, "PUT", &path, KEY, &body)).await;
        assert_eq!(first.status, 200, "{path}");
        is_replay(&first, &staff.send(keyed(&staff, "PUT", &path, KEY, &body)).await);
    }
    assert_eq!(anon.get("/v1/restaurants/demo/menu").await.did()["items"][0]["left"], 49);
}

#[tokio::test]
async fn acts_of_guests_are_replayed_byte_for_byte() {
    let shop = Shop::open().await;
    let (anon, staff) = (shop.anon(), shop.staff().await);
    let (ticket, _) = (anon.join().await, anon.join().await);
    let delay = own(&ticket, "/delay");
    let first = post(&anon, &delay, KEY, json!({"places": 1})).await;
    // What the frame shows beside the ticket has changed meanwhile.
    staff.post("/v1/restaurants/demo/lines/A/call-next", json!({})).await.did();
    staff.put("/v1/restaurants/demo/state", json!({"state": "paused"})).await.did();
    is_replay(&first, &post(&anon, &delay, KEY, json!({"places": 1})).await);
    assert_eq!(anon.get(&own(&ticket, "")).await.did()["delays"], 1);
    let cancel = || keyed(&anon, "DELETE", &own(&ticket, ""), KEY, &json!({}));
    let first = anon.send(cancel()).await;
    is_replay(&first, &anon.send(cancel()).await);
}

#[tokio::test]
async fn refusals_are_not_kept() {
    let shop = Shop::open().await;
    let (anon, staff) = (shop.anon(), shop.staff().await);
    let next = "/v1/restaurants/demo/lines/A/call-next";
    post(&staff, next, KEY, json!({})).await.refused(409, "line_empty");
    anon.join().await;
    let answer = post(&staff, next, KEY, json!({})).await;
    assert_eq!((answer.status, answer.header("idempotency-replayed")), (200, ""));
}

#[tokio::test]
async fn keys_have_a_form() {
    let shop = Shop::open().await;
    let (anon, staff) = (shop.anon(), shop.staff().await);
    let check = async |caller: &Caller<'_>, key: &str, expected: &str| {
        let expected = format!("Idempotency-Key {expected}");
        assert_eq!(post(caller, JOIN, key, party(json!({}))).await.invalid(), [expected], "{key}");
    };
    check(&staff, "fifteen-letters", "too_short").await;
    check(&staff, &"x".repeat(256), "too_long").await;
    check(&staff, "with a space in it", "format").await;
    check(&anon, "twenty-one-letters-ok", "too_short").await;
    post(&staff, JOIN, "sixteen-letters-", party(json!({}))).await.did();
    post(&anon, JOIN, "twenty-two-letters-ok-", party(json!({}))).await.did();
    post(&anon, JOIN, &"x".repeat(255), party(json!({}))).await.did();
}
