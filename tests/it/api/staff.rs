//! What staff and owners do.

use serde_json::{Value, json};

use super::user::{Shop, id, party};

const DEMO: &str = "/v1/restaurants/demo";

#[tokio::test]
async fn staff_work_a_line() {
    let shop = Shop::open().await;
    let (anon, staff) = (shop.anon(), shop.staff().await);
    let next = format!("{DEMO}/lines/A/call-next");
    staff.post(&next, json!({})).await.refused(409, "line_empty");
    staff.post(&format!("{DEMO}/lines/Z/call-next"), json!({})).await.refused(404, "not_found");
    staff.post(&format!("{DEMO}/lines/AA/call-next"), json!({})).await.refused(404, "not_found");
    let (first, second) = (anon.join().await, anon.join_as(json!({"adults": 5})).await);

    let called = staff.post(&next, json!({"to": "3번 테이블"})).await.did();
    assert_eq!((&called["ticket"]["id"], &called["ticket"]["state"]), (&first["id"], &json!("called")));
    assert_eq!((&called["ticket"]["to"], &called["ticket"]["calls"]), (&json!("3번 테이블"), &json!(1)));
    assert!(called["epoch"].is_i64() && called["rev"].as_i64() > second["rev"].as_i64(), "{called}");
    let state = |answer: Value| answer["ticket"]["state"].as_str().expect("a state").to_owned();
    assert_eq!(staff.act(&first, "recall", json!({})).await.did()["ticket"]["calls"], 2);
    assert_eq!(state(staff.act(&first, "put-back", json!({})).await.did()), "waiting");
    assert_eq!(state(staff.act(&first, "undo", json!({})).await.did()), "called");
    assert_eq!(state(staff.act(&first, "no-show", json!({})).await.did()), "no_show");
    assert_eq!(state(staff.act(&first, "restore", json!({"places": 1})).await.did()), "waiting");
    assert_eq!(staff.act(&first, "call", json!({})).await.invalid(), ["reason required"]);
    assert_eq!(state(staff.act(&first, "call", json!({"reason": "came_back"})).await.did()), "called");
    assert_eq!(state(staff.act(&first, "seat", json!({})).await.did()), "seated");
    assert_eq!(state(staff.act(&first, "complete", json!({})).await.did()), "completed");
    staff.act(&first, "complete", json!({})).await.refused(409, "already_final");
    assert_eq!(state(staff.act(&second, "cancel", json!({"reason": "went home"})).await.did()), "cancelled");
    let queue = staff.get(&format!("{DEMO}/queue")).await.did();
    assert_eq!((&queue["type"], queue["tickets"].as_array().map(Vec::len)), (&json!("queue"), Some(2)));
}

#[tokio::test]
async fn staff_join_and_edit_with_notes() {
    let shop = Shop::open().await;
    let (anon, staff) = (shop.anon(), shop.staff().await);
    assert_eq!(
        anon.post(&format!("{DEMO}/tickets"), party(json!({"note": "window"}))).await.invalid(),
        ["note staff_only"]
    );
    let ticket = staff.join_as(json!({"note": "window", "adults": 12})).await;
    assert_eq!(ticket["note"], "window");
    let path = format!("{DEMO}/tickets/{}", id(&ticket));
    let edited = staff.patch(&path, json!({"adults": 3, "line": "B", "note": null, "name": "이서준"})).await.did();
    let edited = &edited["ticket"];
    assert_eq!((&edited["adults"], &edited["line"], &edited["note"]), (&json!(3), &json!("B"), &json!(null)));
    assert_eq!((&edited["number"], &edited["name"]), (&json!("A001"), &json!("이서준")));
    assert_eq!(staff.patch(&path, json!({"line": "Z"})).await.invalid(), ["line not_found"]);
    assert_eq!(staff.patch(&path, json!({"state": "seated"})).await.invalid(), ["state unknown"]);
}

#[tokio::test]
async fn staff_pause_and_close() {
    let shop = Shop::open().await;
    let (anon, staff) = (shop.anon(), shop.staff().await);
    let (state, of_line) = (format!("{DEMO}/state"), format!("{DEMO}/lines/B/state"));
    let joins = format!("{DEMO}/tickets");
    let until = 9_000_000_000_000_i64;
    let set = staff.put(&of_line, json!({"state": "paused", "until": until, "reason": "비가 와요"})).await.did();
    assert_eq!((&set["state"], &set["until"], &set["reason"]), (&json!("paused"), &json!(until), &json!("비가 와요")));
    anon.post(&joins, party(json!({"line": "B"}))).await.refused(409, "paused");
    for (to, code) in [("closed", "restaurant_closed"), ("paused", "paused"), ("direct", "direct")] {
        assert_eq!(staff.put(&state, json!({"state": to})).await.did()["state"], to);
        anon.post(&joins, party(json!({}))).await.refused(409, code);
        staff.join().await;
    }
    assert_eq!(staff.put(&state, json!({"state": "paused", "until": 1})).await.invalid(), ["until past"]);
    assert_eq!(staff.put(&state, json!({})).await.invalid(), ["state required"]);
    staff.put(&format!("{DEMO}/lines/Z/state"), json!({"state": "open"})).await.refused(404, "not_found");
    let announcement = format!("{DEMO}/announcement");
    assert_eq!(staff.put(&announcement, json!({"text": "곧 열어요"})).await.did()["text"], "곧 열어요");
    assert_eq!(anon.get(&format!("{DEMO}/board")).await.did()["announcement"]["text"], "곧 열어요");
    staff.put(&announcement, json!({"text": ""})).await.did();
    assert_eq!(anon.get(&format!("{DEMO}/board")).await.did()["announcement"], json!(null));
}

#[tokio::test]
async fn staff_count_the_stock() {
    let shop = Shop::open().await;
    let staff = shop.staff().await;
    let item = format!("{DEMO}/stock/galbijjim");
    let answer = |answer: Value| (answer["item"].clone(), answer["left"].clone());
    let galbijjim = || json!("galbijjim");
    assert_eq!(answer(staff.put(&item, json!({"left": 3})).await.did()), (galbijjim(), json!(3)));
    let adjust = format!("{item}/adjust");
    assert_eq!(answer(staff.post(&adjust, json!({"by": -2})).await.did()), (galbijjim(), json!(1)));
    staff.post(&adjust, json!({"by": -2})).await.refused(409, "stock_negative");
    assert_eq!(answer(staff.put(&item, json!({"left": null})).await.did()), (galbijjim(), json!(null)));
    assert_eq!(staff.post(&adjust, json!({"by": 1})).await.invalid(), ["item not_counted"]);
    assert_eq!(staff.put(&item, json!({})).await.invalid(), ["left required"]);
    assert_eq!(staff.put(&item, json!({"left": -1})).await.invalid(), ["left range"]);
    staff.put(&format!("{DEMO}/stock/nothing"), json!({"left": 1})).await.refused(404, "not_found");
}

#[tokio::test]
async fn the_owner_changes_rules() {
    let shop = Shop::open().await;
    let owner = shop.user("owner").await;
    let path = format!("{DEMO}/policy");
    let policy = owner.patch(&path, json!({"grace_s": 60, "party_max": 2, "capacity": 9})).await.did();
    assert_eq!((&policy["grace_s"], &policy["recalls"]), (&json!(60), &json!(2)));
    assert_eq!(shop.anon().get(&path).await.did(), policy, "it is live at once");
    shop.anon().post(&format!("{DEMO}/tickets"), party(json!({"adults": 3}))).await.refused(409, "party_size");
    assert_eq!(owner.patch(&path, json!({"capacity": null})).await.did()["capacity"], json!(null));
    let wrong = json!({"grace_s": 0, "delays": "many", "colour": "red"});
    assert_eq!(owner.patch(&path, wrong).await.invalid(), ["colour unknown", "delays type"]);
    assert_eq!(owner.patch(&path, json!({"grace_s": 0})).await.invalid(), ["grace_s range"]);
    assert_eq!(owner.patch(&path, json!({})).await.did()["grace_s"], 60);
}
