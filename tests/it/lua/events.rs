//! What an event carries: all that a rebuild needs, in the bytes that Redis keeps.

use serde_json::Value;
use waitless::{
    domain::{Command, Join, OpenState, Policy},
    queue::log::{Answer, Logged, Packed},
};

use super::commands::{
    announce, call, call_next, check_in, complete, join, line_set, policy_set, restaurant_set, seat, stock_set, undo,
};
use crate::harness::shop::{Shop, guest, line, staff};

async fn last(shop: &Shop) -> Logged {
    shop.raw_events().await.pop().expect("something happened")
}

async fn ticket_field(shop: &Shop, ticket: &waitless::domain::Ticket, field: &str) -> Value {
    let packed: Vec<u8> = shop.field("tickets", ticket.id.as_str()).await.expect("a ticket");
    Packed(packed).unpack::<Value>().expect("a packed value")[field].clone()
}

#[tokio::test]
async fn an_event_carries_the_bytes_that_redis_keeps() {
    let mut shop = Shop::open(Default::default()).await;
    let first = shop.join("A").await;
    let second = shop.join("A").await;
    let commands: Vec<Command> = vec![
        join(&Join { items: vec![("cake".into(), 2)], guards: vec!["g1".into()], ..shop.party("B") }),
        call(&second, waitless::domain::CallReason::Accessibility),
        seat(&second),
        undo(&second),
        seat(&first),
        complete(&first),
        restaurant_set(OpenState::Paused, Some(shop.now + 900_000)),
        line_set("B", OpenState::Closed, None),
        announce("비 조심", None),
        policy_set(Policy { grace_s: 77, ..Policy::default() }),
        stock_set("tea", 300),
    ];
    let mut kinds = [0; 5];
    for command in commands {
        shop.pass(1_000).await;
        shop.run(&staff(), command).await.expect("done");
        let event = last(&shop).await;
        for packed in &event.tickets {
            let ticket: Value = packed.unpack().expect("a packed value");
            assert_eq!(ticket["epoch"], event.epoch);
            let kept: Option<Vec<u8>> = shop.field("tickets", ticket["id"].as_str().expect("an id")).await;
            assert_eq!(kept.as_ref(), Some(&packed.0));
            kinds[0] += 1;
        }
        for packed in &event.lines {
            let record: Value = packed.unpack().expect("a packed value");
            assert_eq!(record["epoch"], event.epoch);
            let kept: Option<Vec<u8>> = shop.field("meta", &format!("line:{}", record["line"].as_str().unwrap())).await;
            assert_eq!(kept.as_ref(), Some(&packed.0));
            kinds[1] += 1;
        }
        for (field, packed) in [("restaurant", &event.restaurant), ("policy", &event.policy), ("menu", &event.menu)] {
            if let Some(packed) = packed {
                let kept: Option<Vec<u8>> = shop.field("meta", field).await;
                assert_eq!(kept.as_ref(), Some(&packed.0), "{field}");
                kinds[2] += 1;
            }
        }
        for (class, packed) in &event.pace {
            let kept: Option<Vec<u8>> = shop.field("pace", class).await;
            assert_eq!(kept.as_ref(), Some(&packed.0));
            kinds[3] += 1;
        }
        for (item, left) in &event.stock {
            assert_eq!(shop.left(item).await, Some(*left));
            kinds[4] += 1;
        }
    }
    assert!(kinds.iter().all(|count| *count > 0), "everything was seen: {kinds:?}");
    assert_eq!(shop.snapshot().await.restaurant.epoch, last(&shop).await.epoch);
}

#[tokio::test]
async fn a_ticket_knows_its_day_and_its_stay() {
    let mut shop = Shop::open(Default::default()).await;
    let ticket = shop.join("A").await;
    assert_eq!(ticket.day, "2026-11-22");
    shop.did(&staff(), seat(&ticket)).await;
    let until = shop.now + 5_400_000;
    assert_eq!(ticket_field(&shop, &ticket, "stay_until").await, until);
    // Nobody looks for a minute, in which it would have come: it moves on.
    shop.pass(5_399_000).await;
    shop.later(60_000);
    assert_eq!(shop.tick().await.len(), 1);
    assert_eq!(ticket_field(&shop, &ticket, "stay_until").await, until + 60_000);
    assert_eq!(shop.scores("deadlines").await.into_values().collect::<Vec<_>>(), [until + 60_000]);
    shop.did(&staff(), complete(&ticket)).await;
    assert_eq!(ticket_field(&shop, &ticket, "stay_until").await, Value::Null);
    shop.did(&staff(), undo(&ticket)).await;
    assert_eq!(ticket_field(&shop, &ticket, "stay_until").await, shop.now + 5_400_000);
}

#[tokio::test]
async fn an_event_carries_the_answer_to_a_key() {
    let shop = Shop::open(Default::default()).await;
    let party = Join { items: vec![("soup".into(), 3), ("cake".into(), 1)], drop_sold_out: true, ..shop.party("A") };
    shop.join("A").await;
    assert_eq!(last(&shop).await.answer, None, "nobody will ask again");
    shop.run_once(&guest(), "key 1", "body 1", join(&party)).await.expect("done");
    let until_at = shop.now + 600_000;
    let answer = |number: u32, ahead, left, dropped: &[&str]| {
        let dropped = dropped.iter().map(|item| (*item).to_owned()).collect();
        Some(Answer { key: format!("key {number}"), body: format!("body {number}"), until_at, ahead, left, dropped })
    };
    assert_eq!(last(&shop).await.answer, answer(1, 1, None, &["soup"]));
    shop.run_once(&staff(), "key 2", "body 2", stock_set("cake", 9)).await.expect("done");
    assert_eq!(last(&shop).await.answer, answer(2, -1, Some(9), &[]));
    let called = shop.run_once(&staff(), "key 3", "body 3", call_next("A")).await.expect("done");
    assert_eq!(last(&shop).await.answer, answer(3, -1, None, &[]));
    // What changes nothing is no event, and happens again in any case.
    let ticket = called.done.ticket.expect("a ticket");
    shop.run_once(&guest(), "key 4", "body 4", check_in(&ticket, false)).await.expect("done");
    assert_eq!(last(&shop).await.answer, answer(3, -1, None, &[]));
    assert!(shop.run_once(&guest(), "key 4", "body 4", check_in(&ticket, false)).await.expect("kept").replayed);
}

#[tokio::test]
async fn a_line_knows_its_busiest_second_of_the_day() {
    let mut shop = Shop::open(Default::default()).await;
    let busiest = async |shop: &Shop| shop.snapshot().await.lines[&line("A")].busiest;
    for joins in [2, 3, 1] {
        shop.pass(1_000).await;
        for _ in 0..joins {
            shop.join("A").await;
        }
    }
    shop.join("B").await;
    assert_eq!(busiest(&shop).await, 3);
    shop.did_quietly(&staff(), restaurant_set(OpenState::Closed, None)).await;
    shop.pass(86_400_000).await;
    shop.roll("2026-11-23", shop.now + 1).await.expect("nobody is called");
    assert_eq!(busiest(&shop).await, 0);
}
