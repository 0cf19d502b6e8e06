//! What guests do.

use serde_json::json;

use super::user::{Shop, id, own, party};

#[tokio::test]
async fn everybody_reads_restaurants() {
    let shop = Shop::open().await;
    let anon = shop.anon();
    anon.join().await;
    let page = anon.get("/v1/restaurants").await.did();
    assert_eq!((page["items"][0]["slug"].as_str(), &page["next"]), (Some("demo"), &json!(null)));
    assert_eq!(page["items"][0]["state"], "open");
    let restaurant = anon.get("/v1/restaurants/demo").await.did();
    assert_eq!((&restaurant["slug"], &restaurant["time_zone"]), (&json!("demo"), &json!("Asia/Seoul")));
    assert_eq!((&restaurant["lines"][0]["line"], &restaurant["lines"][0]["waiting"]), (&json!("A"), &json!(1)));
    let menu = anon.get("/v1/restaurants/demo/menu").await.did();
    let items = menu["items"].as_array().expect("items");
    assert!(items.iter().any(|item| item["left"] == 50) && items.iter().any(|item| item["left"].is_null()), "{menu}");
    let board = anon.get("/v1/restaurants/demo/board").await.did();
    assert_eq!(
        (&board["type"], &board["door"], &board["lines"][0]["next"]),
        (&json!("board"), &json!(null), &json!(["A001"]))
    );
    let staff = shop.staff().await;
    let door = staff.get("/v1/restaurants/demo/board").await.did()["door"].clone();
    assert_eq!(door.as_str().map(str::len), Some(4), "staff see the door code");
    assert_eq!(anon.get("/v1/restaurants/demo/policy").await.did()["grace_s"], 300);
    for path in ["", "/menu", "/board", "/policy"] {
        anon.get(&format!("/v1/restaurants/nowhere{path}")).await.refused(404, "not_found");
    }
    anon.get("/v1/restaurants?limit=1").await.did();
    assert_eq!(anon.get("/v1/restaurants?limit=0").await.invalid(), ["limit range"]);
    assert_eq!(anon.get("/v1/restaurants?after=x").await.invalid(), ["after format"]);
}

#[tokio::test]
async fn lists_are_paged() {
    let shop = Shop::open().await;
    shop.another_restaurant().await;
    let anon = shop.anon();
    let first = anon.get("/v1/restaurants?limit=1").await.did();
    let next = first["next"].as_str().expect("there is more");
    let second = anon.get(&format!("/v1/restaurants?limit=1&after={next}")).await.did();
    assert_eq!((&first["items"][0]["slug"], &second["items"][0]["slug"]), (&json!("demo"), &json!("other")));
    assert_eq!(second["next"], json!(null));
}

#[tokio::test]
async fn a_guest_takes_a_number_and_follows_it() {
    let shop = Shop::open().await;
    let anon = shop.anon();
    anon.join().await;
    let order = json!({
        "adults": 2, "children": 1, "phone": "010-1234-5678", "name": " 김하늘 ", "lang": "ko",
        "items": [{"item": "galbijjim", "quantity": 2}],
    });
    let answer = anon.post("/v1/restaurants/demo/tickets", party(order)).await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.header("cache-control"), "no-store");
    let location = answer.header("location").to_owned();
    let ticket = answer.did();
    assert_eq!(location, own(&ticket, ""));
    assert_eq!(ticket["url"].as_str().map(|url| url.ends_with(&format!("/t/{}", id(&ticket)))), Some(true));
    assert_eq!(
        (&ticket["number"], &ticket["state"], &ticket["ahead"], &ticket["phone_last4"], &ticket["name"]),
        (&json!("A002"), &json!("waiting"), &json!(1), &json!("5678"), &json!("김하늘"))
    );
    assert_eq!(ticket["total"], 48_000);
    assert_eq!(anon.get("/v1/restaurants/demo/menu").await.did()["items"][0]["left"], 48);
    let frame = anon.get(&location).await.did();
    assert_eq!((&frame["type"], &frame["number"], &frame["ahead"]), (&json!("ticket"), &json!("A002"), &json!(1)));
    assert!(frame.get("name").is_none() && frame.get("note").is_none(), "{frame}");
    // The same phone in another spelling.
    let again = anon.post("/v1/restaurants/demo/tickets", party(json!({"phone": "+82 10 1234 5678"}))).await;
    let problem = again.refused(409, "already_waiting");
    assert!(!problem.to_string().contains("A002") && !problem.to_string().contains(id(&ticket)), "{problem}");
}

#[tokio::test]
async fn a_guest_lets_others_go_first_and_gives_up() {
    let shop = Shop::open().await;
    let anon = shop.anon();
    let ticket = anon.join().await;
    anon.post(&own(&ticket, "/delay"), json!({"places": 1})).await.refused(409, "nobody_behind");
    anon.join().await;
    let frame = anon.post(&own(&ticket, "/delay"), json!({"places": 1})).await.did();
    assert_eq!((&frame["ahead"], &frame["delays_left"], &frame["delays"]), (&json!(1), &json!(2), &json!(1)));
    assert_eq!(anon.post(&own(&ticket, "/delay"), json!({"places": 0})).await.invalid(), ["places range"]);
    let frame = anon.delete(&own(&ticket, "")).await.did();
    assert_eq!((&frame["state"], &frame["ended"]["by"]), (&json!("cancelled"), &json!("guest")));
    anon.delete(&own(&ticket, "")).await.refused(409, "already_final");
    let frame = anon.post(&own(&ticket, "/undo"), json!({})).await.did();
    assert_eq!((&frame["state"], &frame["ahead"]), (&json!("waiting"), &json!(1)));
    anon.post(&own(&ticket, "/undo"), json!({})).await.refused(409, "wrong_state");
    anon.post(&own(&ticket, "/rejoin"), json!({})).await.refused(409, "wrong_state");
}

#[tokio::test]
async fn a_guest_who_missed_the_call_joins_again() {
    let shop = Shop::open().await;
    let (anon, staff) = (shop.anon(), shop.staff().await);
    let ticket = anon.join().await;
    staff.post("/v1/restaurants/demo/lines/A/call-next", json!({})).await.did();
    staff.act(&ticket, "no-show", json!({})).await.did();
    let frame = anon.send(anon.request("POST", &own(&ticket, "/rejoin"))).await.did();
    assert_eq!(frame["state"], "waiting");
}

#[tokio::test]
async fn a_remote_guest_checks_in() {
    let shop = Shop::open().await;
    let (anon, owner) = (shop.anon(), shop.user("owner").await);
    let ticket = anon.join_as(json!({"channel": "remote"})).await;
    assert_eq!(ticket["checked_in"], false);
    owner.patch("/v1/restaurants/demo/policy", json!({"presence": "code"})).await.did();
    let door = owner.get("/v1/restaurants/demo/board").await.did()["door"].clone();
    let wrong = json!(if door == "0000" { "0001" } else { "0000" });
    anon.post(&own(&ticket, "/check-in"), json!({})).await.refused(409, "door_code");
    anon.post(&own(&ticket, "/check-in"), json!({"door": wrong})).await.refused(409, "door_code");
    assert_eq!(anon.post(&own(&ticket, "/check-in"), json!({"door": "12"})).await.invalid(), ["door format"]);
    let frame = anon.post(&own(&ticket, "/check-in"), json!({"door": door})).await.did();
    assert_eq!(frame["checked_in"], true);
    anon.post("/v1/restaurants/demo/tickets", party(json!({}))).await.refused(409, "door_code");
    anon.join_as(json!({"door": door})).await;
}

#[tokio::test]
async fn a_ticket_is_found_by_number_and_code_five_times() {
    let shop = Shop::open().await;
    let anon = shop.anon();
    let ticket = anon.join().await;
    let find = async |number: &str, code: &str| {
        anon.post("/v1/restaurants/demo/tickets/find", json!({"number": number, "code": code})).await
    };
    let code = ticket["code"].as_str().expect("a code");
    let wrong = if code == "0000" { "0001" } else { "0000" };
    let found = find("a001", code).await.did();
    assert_eq!((&found["id"], &found["url"]), (&ticket["id"], &ticket["url"]));
    find("A999", code).await.refused(404, "not_found");
    for _ in 0..5 {
        find("A001", wrong).await.refused(404, "not_found");
    }
    find("A001", code).await.refused(404, "not_found");
}

#[tokio::test]
async fn tickets_that_are_none_are_not_found() {
    let shop = Shop::open().await;
    let anon = shop.anon();
    let ticket = anon.join().await;
    // Another ticket of the same restaurant, one of a restaurant that is none, and what is no id at all.
    let unknown = format!("{}{}", &id(&ticket)[..11], "0".repeat(22));
    let elsewhere = "1".repeat(33);
    for id in [unknown.as_str(), elsewhere.as_str(), "A001", &"~".repeat(33)] {
        anon.get(&format!("/v1/tickets/{id}")).await.refused(404, "not_found");
        anon.delete(&format!("/v1/tickets/{id}")).await.refused(404, "not_found");
    }
}

#[tokio::test]
async fn sold_out_items_are_named_or_left_out() {
    let shop = Shop::open().await;
    let (anon, staff) = (shop.anon(), shop.staff().await);
    staff.put("/v1/restaurants/demo/stock/galbijjim", json!({"left": 1})).await.did();
    let order = json!({"items": [{"item": "galbijjim", "quantity": 2}, {"item": "sikhye", "quantity": 1}]});
    let problem = anon.post("/v1/restaurants/demo/tickets", party(order.clone())).await.refused(409, "sold_out");
    assert_eq!(problem["items"], json!(["galbijjim"]));
    let mut drop = order;
    drop["if_sold_out"] = json!("drop");
    let ticket = anon.join_as(drop).await;
    assert_eq!((&ticket["dropped"], &ticket["total"]), (&json!(["galbijjim"]), &json!(4_000)));
}
