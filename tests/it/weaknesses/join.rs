//! Weaknesses 7, 9 and 10: taking a number.

use std::collections::BTreeSet;

use futures_util::{
    StreamExt as _,
    future::{join, join_all},
    stream,
};
use rand::RngExt as _;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{
    house::{DEMO, House, STOCK, array, counted, counts, own, party, text},
    spy::{Asked, Spy},
};
use crate::harness::{redis_of_ones_own::OwnRedis, until, wire::Flow};

const ITEM: &str = "galbijjim";

/// A retry key that nobody guesses.
fn unguessable() -> String {
    format!("{:032x}", rand::rng().random::<u128>())
}

/// What must agree after any number of joins: numbers without a hole, places, and stock to the unit. Returns how many
/// wait.
async fn assert_nothing_leaked(house: &House, joined: &[Value]) -> usize {
    let queue = house.queue().await;
    let rows = array(&queue["tickets"]);
    let numbers: BTreeSet<String> = rows.iter().map(|row| text(&row["number"])).collect();
    let expected: BTreeSet<String> = (1..=rows.len()).map(|n| format!("A{n:03}")).collect();
    assert_eq!(numbers, expected, "no number is doubled or lost");
    let ahead: BTreeSet<u64> = rows.iter().map(|row| row["ahead"].as_u64().expect("it waits")).collect();
    assert_eq!(ahead, (0..rows.len() as u64).collect(), "no place is doubled or lost");
    let held: i64 =
        rows.iter().flat_map(|row| array(&row["items"])).map(|item| item["quantity"].as_i64().expect("a count")).sum();
    assert_eq!(queue["stock"][ITEM].as_i64().expect("counted") + held, STOCK, "no unit is lost");
    let line = &queue["lines"][0];
    let waiting = rows.len() as u64;
    assert_eq!((line["waiting"].as_u64(), line["today"].as_u64()), (Some(waiting), Some(waiting)));
    for ticket in joined {
        assert!(rows.iter().any(|row| row["id"] == ticket["id"]), "an acknowledged one is missing");
    }
    rows.len()
}

/// The old system took number and stock in Redis before it inserted into the database, and gave nothing back when that
/// failed; a number, its stock and its place must be one act, which needs no PostgreSQL and survives a server's end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn weakness_07_a_join_leaks_neither_number_nor_stock_nor_place() {
    /// Who ask the server that stops.
    const AT_THE_DYING: usize = 60;
    let (mut house, wire) = House::with_postgres_by_wire(3, |_| {}).await;
    let order = |n: usize| json!({"items": [{"item": ITEM, "quantity": 1 + n % 2}]});
    house.guest().join_as(order(0)).await.did();

    // PostgreSQL goes away in the middle.
    let joins = (0..20).map(|n| {
        let (house, wire, body) = (&house, &wire, order(n));
        async move {
            if n == 5 {
                wire.set(Flow::Gone);
            }
            house.guest().at(n % 2).join_as(body).await
        }
    });
    let joined: Vec<Value> = join_all(joins).await.into_iter().map(|answer| answer.did()).collect();
    until("this server has heard of all", async || (house.waiting().await.len() == 21).then_some(())).await;
    assert_nothing_leaked(&house, &joined).await;
    wire.set(Flow::Open);

    // Refusals take nothing, whatever was looked at before them.
    let full = joined.len() + 1;
    let change = json!({"per_ticket_max": 99, "daily_max": 1_000});
    until("PostgreSQL is back", async || {
        let changed = house.owner().patch(&format!("{DEMO}/policy"), change.clone()).await;
        (changed.status == 200).then_some(())
    })
    .await;
    let too_many = json!({"items": [{"item": "abalone-rice", "quantity": 1}, {"item": ITEM, "quantity": 99}]});
    for n in 0..20 {
        house.guest().at(n % 2).join_as(too_many.clone()).await.refused(409, "sold_out");
        house.guest().at(n % 2).join_as(json!({"adults": 9})).await.refused(409, "party_size");
    }
    house.rule(json!({"capacity": full})).await;
    house.guest().join_as(order(1)).await.refused(409, "line_full");
    house.rule(json!({"capacity": null, "daily_max": full + AT_THE_DYING})).await;
    assert_nothing_leaked(&house, &joined).await;
    assert_eq!(house.left("abalone-rice").await, STOCK);

    // A server stops while it is joining people; they ask another one again, with the same key.
    let dying = house.servers.pop().expect("a third server");
    let url = dying.url(&format!("{DEMO}/tickets"));
    let http = dying.http.clone();
    let keys: Vec<String> = (0..AT_THE_DYING).map(|_| unguessable()).collect();
    let (enough, mut enough_heard) = watch::channel(0);
    let attempts = stream::iter(&keys).map(|key| {
        let request = http.post(&url).header("idempotency-key", key).json(&party(json!({}))).send();
        async {
            let answered = request.await.is_ok_and(|answer| answer.status() == 201);
            enough.send_modify(|count| *count += usize::from(answered));
        }
    });
    let stop = async {
        enough_heard.wait_for(|answered| *answered >= AT_THE_DYING / 4).await.expect("the sender lives");
        dying.stop().await;
    };
    join(attempts.buffer_unordered(8).collect::<()>(), stop).await;
    let answered = *enough.borrow();
    let again = keys.iter().map(|key| house.guest().with_key(key).join_as(json!({})));
    let again = join_all(again).await;
    let replayed = again.iter().filter(|answer| answer.replayed).count();
    let again: Vec<Value> = again.into_iter().map(|answer| answer.did()).collect();
    assert!(replayed >= answered, "what was answered is not done again");
    let all: Vec<Value> = joined.into_iter().chain(again).collect();
    let waiting = assert_nothing_leaked(&house, &all).await;
    assert_eq!(waiting, full + AT_THE_DYING);
    println!(
        "{waiting} wait; of {AT_THE_DYING} at the server that stopped {answered} were answered, {replayed} had been done"
    );
}

/// The old system knew no retry key and no rule of one place per guest; a retry must be the same join, and a phone or an
/// account must hold one place, also when everything comes at once at two servers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn weakness_09_one_key_is_one_join_and_one_phone_one_place() {
    // One address for both, as behind one name: links are part of the answer.
    let house = House::open_with(2, |config| config.public_url = "https://waitless.test".parse().expect("a URL")).await;
    let key = unguessable();
    let tries = (0..20).map(|n| house.guest().at(n).with_key(&key).join_as(json!({"name": "김하늘"})));
    let answers = join_all(tries).await;
    let bodies: BTreeSet<&str> = answers.iter().map(|answer| answer.text.as_str()).collect();
    let replayed = answers.iter().filter(|answer| answer.replayed).count();
    assert!(answers.iter().all(|answer| answer.status == 201), "{bodies:?}");
    assert_eq!((bodies.len(), replayed), (1, 19), "one ticket, byte for byte");
    let ticket = answers[0].json();
    house.guest().with_key(&key).join_as(json!({"adults": 3})).await.refused(422, "idempotency_mismatch");
    // A key that did something says the same after that, too.
    house.guest().delete(&own(&ticket, "")).await.did();
    assert_eq!(house.guest().at(1).with_key(&key).join_as(json!({"name": "김하늘"})).await.text, answers[0].text);

    let spellings = ["010-1234-5678", "01012345678", "+82 10 1234 5678", "+821012345678"];
    let tries = (0..40).map(|n| house.guest().at(n).join_as(json!({"phone": spellings[n % 4]})));
    let by_phone = counted(join_all(tries).await.iter().map(|answer| answer.outcome()));
    assert_eq!(by_phone, counts([("done", 1), ("already_waiting", 39)]));

    let sign_up = json!({"email": "somebody@demo.test", "password": "long enough 1", "name": "손님"});
    let account = text(&house.guest().post("/v1/auth/sign-up", sign_up).await.did()["access_token"]);
    let tries = (0..20).map(|n| house.guest().at(n).with_token(&account).join_as(json!({})));
    let by_account = counted(join_all(tries).await.iter().map(|answer| answer.outcome()));
    assert_eq!(by_account, counts([("done", 1), ("already_waiting", 19)]));

    until("this server has heard of all", async || (house.waiting().await.len() == 2).then_some(())).await;
    println!("20 with one key: {replayed} replayed; 40 of one phone: {by_phone:?}; 20 of one account: {by_account:?}");
    // The place is free again when it is given up.
    let queue = house.queue().await;
    let row = array(&queue["tickets"]).iter().find(|row| row["phone_last4"] == "5678").expect("it waits");
    house.staff().act(row, "cancel", json!({})).await.did();
    house.guest().at(1).join_as(json!({"phone": spellings[2]})).await.did();
}

/// The old system believed the client's prices and names, let a negative quantity raise stock, and found a wrong party
/// size only after stock was taken; every body must be judged whole before anything is taken, and every price is ours.
#[tokio::test]
async fn weakness_10_a_body_is_judged_before_anything_is_taken() {
    let house = House::open().await;
    let before = house.dump().await;
    let item = |quantity: Value| json!({"items": [{"item": ITEM, "quantity": quantity}]});
    let priced = |field: &str, value: Value| {
        let mut fields = item(json!(1));
        fields["items"][0][field] = value;
        fields
    };
    let bodies = [
        priced("price", json!(1)),
        priced("name", json!("소갈비찜 정식")),
        priced("total", json!(0)),
        json!({"total": 1}),
        json!({"restaurant_name": "북촌 소반"}),
        json!({"owner": 1}),
        json!({"number": "A001"}),
        json!({"delays_left": 100}),
        json!({"state": "called"}),
        item(json!(0)),
        item(json!(-1)),
        item(json!(-1_000_000)),
        item(json!(1.5)),
        item(json!("2")),
        item(json!(5)),
        item(json!(1e18)),
        item(json!(null)),
        json!({"items": [{"item": "nothing", "quantity": 1}]}),
        json!({"items": [{"item": ITEM, "quantity": 1}, {"item": ITEM, "quantity": -1}]}),
        json!({"items": [{"item": ITEM, "quantity": 1}, {"item": "nothing", "quantity": 1}]}),
        json!({"adults": 0}),
        json!({"adults": -2}),
        json!({"adults": 21}),
        json!({"adults": 1_000_000_000_000_i64}),
        json!({"adults": "2"}),
        json!({"adults": null}),
        json!({"adults": 2, "children": -1}),
        json!({"adults": 19, "children": 2}),
        json!({"date": "2026-11-22"}),
        json!({"line": "Z"}),
        json!({"line": ""}),
        json!({"channel": "front"}),
        json!({"phone": "12"}),
        json!({"note": "I am staff"}),
    ];
    for fields in &bodies {
        house.guest().join_as(fields.clone()).await.refused(422, "invalid");
        if fields["adults"] != json!(21) && fields.get("note").is_none() {
            house.staff().join_as(fields.clone()).await.refused(422, "invalid");
        }
    }
    for text in ["", "{", "[]", "null", "\"line\""] {
        let url = house.servers[0].url(&format!("{DEMO}/tickets"));
        let request = house.servers[0].http.post(url).header("content-type", "application/json").body(text);
        let status = request.send().await.expect("an answer").status().as_u16();
        assert!(status == 400 || status == 422, "{text}: {status}");
    }
    house.guest().join_as(json!({"adults": 9})).await.refused(409, "party_size");
    assert_eq!(house.dump().await, before, "not a unit, not a number, not a counter was touched");
    let ticket = house.guest().join_as(item(json!(4))).await.did();
    assert_eq!((&ticket["number"], &ticket["total"]), (&json!("A001"), &json!(4 * 24_000)));
    assert_eq!((&ticket["items"][0]["price"], &ticket["items"][0]["name"]), (&json!(24_000), &json!("소갈비찜 정식")));
    assert_eq!(house.left(ITEM).await, STOCK - 4);
    println!("{} bodies refused whole", bodies.len());
}

/// The old system locked a row, counted and inserted: several questions to each store. What a join costs is one script.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn weakness_07_a_join_is_one_question_to_redis_and_none_to_postgresql() {
    const JOINS: usize = 40;
    let redis = OwnRedis::start().await;
    let (house, wire) = House::with_postgres_by_wire(1, |config| config.redis_url = redis.url.clone().into()).await;
    // Redis is taught the script, the server learns the name and follows the restaurant.
    house.guest().join().await;
    let restaurant = house.key("meta").await.replace(":meta", ":");
    let spy = Spy::on(&redis.url);
    let asked_before = wire.asked_bytes();
    let joins = (0..JOINS).map(|n| {
        let house = &house;
        async move {
            let key = unguessable();
            let fields = json!({ "phone": format!("010-2222-{n:04}"), "items": [{ "item": ITEM, "quantity": 1 }] });
            let joined = house.guest().with_key(&key).join_as(fields).await;
            assert_eq!(joined.status, 201, "{}", joined.text);
        }
    });
    join_all(joins).await;
    let asked = wire.asked_bytes() - asked_before;
    // What Redis tells comes in the order of what it did: all of it is there when this is.
    redis.ask::<String>(&["ECHO", "that is all"]).await.expect("Redis answers");
    let mut heard: Vec<Asked> = Vec::new();
    until("all is told", async || {
        heard.extend(spy.heard());
        heard.iter().any(|asked| asked.name == "echo").then_some(())
    })
    .await;
    heard.retain(|asked| !asked.by_script);
    let of_it = heard.iter().filter(|asked| asked.line.contains(&restaurant));
    let names: Vec<&str> = of_it.map(|asked| asked.name.as_str()).collect();
    assert_eq!(names, vec!["evalsha"; JOINS], "one call each");
    // Rooms and timers ask now and then, whoever joins.
    let others: Vec<&Asked> = heard.iter().filter(|asked| asked.name != "evalsha").collect();
    assert!(others.len() < JOINS / 4, "{others:?}");
    assert_eq!(asked, 0, "bytes to PostgreSQL");
}
