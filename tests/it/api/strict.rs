//! What is not exactly right is refused, all of it at once.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::user::{Shop, id, own, party};

const JOIN: &str = "/v1/restaurants/demo/tickets";

#[tokio::test]
async fn a_join_is_read_strictly() {
    let shop = Shop::open().await;
    let anon = shop.anon();
    let check = async |fields: Value, expected: &[&str]| {
        let answer = anon.post(JOIN, party(fields.clone())).await;
        assert_eq!(answer.invalid(), expected, "{fields}");
    };
    check(json!({"line": "Z"}), &["line not_found"]).await;
    check(json!({"line": "AB"}), &["line not_found"]).await;
    check(json!({"line": 1}), &["line type"]).await;
    check(json!({"adults": 0}), &["adults range"]).await;
    check(json!({"adults": 21}), &["adults range"]).await;
    check(json!({"adults": 12, "children": 9}), &["adults range"]).await;
    check(json!({"adults": "2"}), &["adults type"]).await;
    check(json!({"adults": 2.5}), &["adults type"]).await;
    check(json!({"adults": true}), &["adults type"]).await;
    check(json!({"adults": 1e30}), &["adults type"]).await;
    check(json!({"adults": 18_446_744_073_709_551_615_u64}), &["adults range"]).await;
    check(json!({"children": -1}), &["children range"]).await;
    check(json!({"channel": "phone"}), &["channel unknown_value"]).await;
    check(json!({"channel": null}), &["channel required"]).await;
    check(json!({"phone": "call me"}), &["phone format"]).await;
    check(json!({"phone": 1_012_345_678}), &["phone type"]).await;
    check(json!({"door": "abcd"}), &["door format"]).await;
    check(json!({"lang": "korean language"}), &["lang format"]).await;
    check(json!({"name": "가".repeat(61)}), &["name too_long"]).await;
    check(json!({"name": "a\u{0}b"}), &["name format"]).await;
    check(json!({"if_sold_out": "cry"}), &["if_sold_out unknown_value"]).await;
    check(json!({"items": {"item": "galbijjim"}}), &["items type"]).await;
    check(json!({"items": [{"item": "nothing", "quantity": 1}]}), &["items not_found"]).await;
    check(json!({"items": [{"item": "galbijjim", "quantity": 0}]}), &["items[0].quantity range"]).await;
    check(json!({"items": [{"item": "galbijjim", "quantity": -5}]}), &["items[0].quantity range"]).await;
    check(json!({"items": [{"item": "galbijjim", "quantity": 5}]}), &["items per_ticket_max"]).await;
    check(
        json!({"items": [{"item": "sikhye", "quantity": 1}, {"item": "sikhye", "quantity": 1}]}),
        &["items[1].item duplicate"],
    )
    .await;
    // Prices come from the menu, never from the client.
    check(json!({"items": [{"item": "sikhye", "quantity": 1, "price": 1}]}), &["items[0].price unknown"]).await;
    check(json!({"total": 0, "number": "A001", "adults": 0}), &["adults range", "number unknown", "total unknown"])
        .await;
    let nothing = anon.post(JOIN, json!({})).await;
    assert_eq!(nothing.invalid(), ["adults required", "channel required", "line required"]);
    assert_eq!(anon.post(JOIN, json!([])).await.invalid(), [" type"]);
    assert_eq!(anon.get("/v1/restaurants/demo").await.did()["lines"][0]["waiting"], 0, "nothing was done");
}

#[tokio::test]
async fn other_bodies_are_read_strictly() {
    let shop = Shop::open().await;
    let (anon, staff) = (shop.anon(), shop.staff().await);
    let ticket = anon.join().await;
    let at = |act: &str| format!("/v1/restaurants/demo/tickets/{}{act}", id(&ticket));
    let call_next = "/v1/restaurants/demo/lines/A/call-next";
    for (path, body, expected) in [
        (call_next, json!({"party_min": 0}), "party_min range"),
        (call_next, json!({"party_min": 3, "party_max": 2}), "party_max range"),
        (call_next, json!({"to": 4}), "to type"),
        (&at("/call"), json!({"reason": "because"}), "reason unknown_value"),
        (&at("/recall"), json!({"calls": 1}), "calls unknown"),
        (&at("/put-back"), json!({"places": 0}), "places range"),
        (&at("/put-back"), json!({"places": 21}), "places range"),
        (&at("/restore"), json!({"places": -1}), "places range"),
        (&at("/cancel"), json!({"reason": "x".repeat(201)}), "reason too_long"),
        (&own(&ticket, "/delay"), json!({}), "places required"),
        (&own(&ticket, "/delay"), json!({"places": "1"}), "places type"),
        (&own(&ticket, "/undo"), json!({"places": 1}), "places unknown"),
    ] {
        assert_eq!(staff.post(path, body.clone()).await.invalid(), [expected], "{path} {body}");
    }
    assert_eq!(staff.patch(&at(""), json!({"adults": 21})).await.invalid(), ["adults range"]);
    assert_eq!(staff.patch(&at(""), json!({"children": 19})).await.invalid(), ["adults range"]);
    assert_eq!(
        anon.post("/v1/restaurants/demo/tickets/find", json!({"number": 1})).await.invalid(),
        ["code required", "number type"]
    );
}

#[tokio::test]
async fn what_is_no_json_is_told_apart() {
    let shop = Shop::open().await;
    let anon = shop.anon();
    let send = async |content_type: Option<&str>, body: Vec<u8>| {
        let request = anon.request("POST", JOIN).body(body);
        let request = match content_type {
            Some(content_type) => request.header("content-type", content_type),
            None => request,
        };
        anon.send(request).await
    };
    let json = Some("application/json");
    send(json, b"{".to_vec()).await.refused(400, "malformed");
    send(json, b"{\"adults\": 1} {}".to_vec()).await.refused(400, "malformed");
    send(json, vec![0xff, 0xfe]).await.refused(400, "malformed");
    send(json, [vec![b'['; 10_000], vec![b']'; 10_000]].concat()).await.refused(400, "malformed");
    let fine = party(json!({})).to_string().into_bytes();
    for content_type in
        [None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("multipart/form-data")]
    {
        send(content_type, fine.clone()).await.refused(415, "unsupported_media_type");
    }
    send(Some("application/json; charset=utf-8"), fine).await.did();
    let padding = |len: usize| format!("{{\"name\": \"{}\"}}", "x".repeat(len)).into_bytes();
    send(json, padding(64 * 1_024)).await.refused(413, "too_large");
    assert_eq!(send(json, padding(60 * 1_024)).await.status, 422, "below the limit it is read");
    // A body of unknown length is counted while it comes.
    assert!(chunked(shop.app.addr, 80).await.starts_with("HTTP/1.1 413 "));
}

/// The answer to a body of so many KiB whose length is not announced.
async fn chunked(server: std::net::SocketAddr, chunks: usize) -> String {
    let mut stream = tokio::net::TcpStream::connect(server).await.expect("connected");
    let head = format!(
        "POST {JOIN} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    let chunk = format!("400\r\n{}\r\n", " ".repeat(1_024));
    // The server may answer and close before it has everything.
    let _ = stream.write_all(format!("{head}{}0\r\n\r\n", chunk.repeat(chunks)).as_bytes()).await;
    let mut answer = [0; 64];
    let len = stream.read(&mut answer).await.expect("an answer");
    String::from_utf8_lossy(&answer[..len]).into_owned()
}
