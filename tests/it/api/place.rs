//! A place that was lost is said, and given again.

use serde_json::{Value, json};

use super::user::{Shop, id, own, party};
use crate::harness::{vanish::Vanishing, watch::Watcher};
use tokio_tungstenite::tungstenite::Error;

const JOIN: &str = "/v1/restaurants/demo/tickets";

/// A ticket of the demo that nobody was given.
fn unknown(ticket: &Value) -> Value {
    json!({ "id": format!("{}{}", &id(ticket)[..11], "0".repeat(22)) })
}

/// Everything that can be asked of this ticket, by its holder and by staff; each must be refused like this.
async fn check_all_refused(shop: &Shop, ticket: &Value, status: u16, code: &str) -> Value {
    let (anon, staff) = (shop.anon(), shop.staff().await);
    let problem = anon.get(&own(ticket, "")).await.refused(status, code);
    anon.delete(&own(ticket, "")).await.refused(status, code);
    for (act, body) in
        [("/delay", json!({"places": 1})), ("/check-in", json!({})), ("/rejoin", json!({})), ("/undo", json!({}))]
    {
        anon.post(&own(ticket, act), body).await.refused(status, code);
    }
    for act in ["call", "recall", "seat", "complete", "no-show", "put-back", "restore", "undo", "cancel"] {
        staff.act(ticket, act, json!({})).await.refused(status, code);
    }
    let path = format!("{JOIN}/{}", id(ticket));
    staff.patch(&path, json!({"adults": 1})).await.refused(status, code);
    match Watcher::connect(&shop.app.ws(&own(ticket, "/live")), None).await {
        Err(Error::Http(answer)) => assert_eq!(answer.status().as_u16(), status, "before the upgrade"),
        other => panic!("{:?}", other.map(|_| "opened")),
    }
    problem
}

#[tokio::test]
async fn an_unknown_ticket_of_a_rebuilt_restaurant_is_a_place_that_was_lost() {
    let shop = Shop::open().await;
    let known = shop.anon().join().await;
    let lost = unknown(&known);
    check_all_refused(&shop, &lost, 404, "not_found").await;

    Vanishing::demo(&shop.app).await.say_rebuilt(waitless::clock::now()).await;
    // The next change of the restaurant itself carries it to the screens.
    let staff = shop.staff().await;
    staff.put("/v1/restaurants/demo/announcement", json!({"text": "죄송합니다"})).await.did();
    assert!(staff.get("/v1/restaurants/demo/queue").await.did()["restaurant"]["rebuilt_at"].is_i64());
    let problem = check_all_refused(&shop, &lost, 410, "place_lost").await;
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("staff")), "it says what to do: {problem}");

    // What is there is there, and what cannot be a ticket of this restaurant was none before.
    shop.anon().get(&own(&known, "")).await.did();
    shop.anon().get("/v1/tickets/A001").await.refused(404, "not_found");
    shop.anon().get(&format!("/v1/tickets/{}", "1".repeat(33))).await.refused(404, "not_found");
    let find = json!({"number": "A777", "code": "0000"});
    shop.anon().post("/v1/restaurants/demo/tickets/find", find).await.refused(404, "not_found");
}

#[tokio::test]
async fn staff_give_a_place_again() {
    let shop = Shop::open().await;
    let (anon, staff) = (shop.anon(), shop.staff().await);
    for _ in 0..3 {
        anon.join().await;
    }
    let head = staff.join_as(json!({"place": 0})).await;
    assert_eq!((&head["number"], &head["ahead"]), (&json!("A004"), &json!(0)));
    let third = staff.join_as(json!({"place": 2, "channel": "remote"})).await;
    assert_eq!(third["ahead"], 2);
    let last = shop.user("owner").await.join_as(json!({"place": 200})).await;
    assert_eq!(last["ahead"], 5, "beyond the end is the end");
    let board = anon.get("/v1/restaurants/demo/board").await.did();
    assert_eq!(board["lines"][0]["next"], json!(["A004", "A001", "A005"]));

    for place in [json!(-1), json!(201)] {
        assert_eq!(staff.post(JOIN, party(json!({"place": place}))).await.invalid(), ["place range"]);
    }
    assert_eq!(staff.post(JOIN, party(json!({"place": "0"}))).await.invalid(), ["place type"]);
    assert_eq!(anon.post(JOIN, party(json!({"place": 0}))).await.invalid(), ["place staff_only"]);
    let both = party(json!({"place": 0, "note": "me first"}));
    assert_eq!(anon.post(JOIN, both).await.invalid(), ["note staff_only", "place staff_only"]);
    anon.join_as(json!({"place": null})).await;
}
