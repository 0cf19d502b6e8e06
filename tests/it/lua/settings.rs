//! States of restaurant and lines, announcement, policy: what staff and owner set, and what ends by itself.

use waitless::domain::{Command, Kept, NewState, OpenState, Policy, Rejection};

use super::{
    commands::{announce, call, invalid, line_set, policy_set, restaurant_set},
    cover::Cover,
};
use crate::harness::shop::{Layout, Shop, guest, line, staff};

#[tokio::test]
async fn a_restaurant_changes_its_state() {
    let mut cover = Cover::of("restaurant_set");
    let shop = Shop::open(Default::default()).await;
    let past = restaurant_set(OpenState::Paused, Some(shop.now));
    cover.refused(&shop, &staff(), past, invalid("until", "past")).await;
    let state = NewState { state: OpenState::Paused, until: Some(shop.now + 60_000), reason: Some("rush".into()) };
    let act = cover.common(&shop, &staff(), Command::RestaurantSet(state)).await;
    let restaurant = act.event.restaurant.expect("it changed");
    assert_eq!((act.event.name.as_str(), restaurant.state), ("restaurant.changed", OpenState::Paused));
    assert_eq!((restaurant.until, restaurant.reason.as_deref()), (Some(shop.now + 60_000), Some("rush")));
    assert_eq!(shop.deadlines().await[&("restaurant".to_owned(), String::new())], shop.now + 60_000);
    let act = cover.done(&shop, &staff(), restaurant_set(OpenState::Direct, None)).await;
    let restaurant = act.event.restaurant.expect("it changed");
    assert_eq!((restaurant.state, restaurant.until, restaurant.reason), (OpenState::Direct, None, None));
    assert!(shop.deadlines().await.is_empty());
    cover.finish();
}

#[tokio::test]
async fn a_line_changes_its_state() {
    let mut cover = Cover::of("line_set");
    let shop = Shop::open(Default::default()).await;
    let past = Some(shop.now);
    cover.refused(&shop, &staff(), line_set("C", OpenState::Closed, past), Rejection::NotFound).await;
    cover.refused(&shop, &staff(), line_set("A", OpenState::Closed, past), invalid("until", "past")).await;
    let until = Some(shop.now + 60_000);
    let act = cover.common(&shop, &staff(), line_set("A", OpenState::Paused, until)).await;
    assert_eq!((act.event.name.as_str(), act.event.line), ("line.changed", Some(line("A"))));
    assert_eq!(
        (act.event.lines.len(), act.event.lines[0].state, act.event.lines[0].until),
        (1, OpenState::Paused, until)
    );
    assert_eq!(shop.deadlines().await[&("line".to_owned(), "A".to_owned())], shop.now + 60_000);
    cover.done(&shop, &staff(), line_set("A", OpenState::Open, None)).await;
    assert!(shop.deadlines().await.is_empty());
    cover.finish();
}

#[tokio::test]
async fn an_announcement_is_made_and_taken_away() {
    let mut cover = Cover::of("announce");
    let shop = Shop::open(Default::default()).await;
    cover.refused(&shop, &staff(), announce("soup!", Some(shop.now)), invalid("until", "past")).await;
    let act = cover.common(&shop, &staff(), announce("국수 sold out", Some(shop.now + 60_000))).await;
    let said = act.event.restaurant.expect("it changed").announcement.expect("said");
    assert_eq!((said.text.as_str(), said.until, said.at), ("국수 sold out", Some(shop.now + 60_000), shop.now));
    assert_eq!(shop.deadlines().await.len(), 1);
    let act = cover.done(&shop, &staff(), announce("for ever", None)).await;
    assert_eq!(act.event.restaurant.and_then(|record| record.announcement).and_then(|said| said.until), None);
    assert!(shop.deadlines().await.is_empty());
    let act = cover.done(&shop, &staff(), announce("", None)).await;
    assert_eq!(act.event.restaurant.expect("it changed").announcement, None);
    cover.finish();
}

#[tokio::test]
async fn a_policy_holds_from_the_next_command_on() {
    let mut cover = Cover::of("policy_set");
    let shop = Shop::open(Default::default()).await;
    let policy = Policy { grace_s: 60, last_call_s: 60, delays: 0, ..Policy::default() };
    let act = cover.common(&shop, &staff(), policy_set(policy.clone())).await;
    assert_eq!((act.event.name.as_str(), act.event.policy.as_ref()), ("restaurant.changed", Some(&policy)));
    assert_eq!(shop.snapshot().await.policy, policy);
    let ticket = shop.join("A").await;
    assert_eq!(ticket.delays_left, 0);
    let called = shop.did(&staff(), call(&ticket, None)).await;
    assert_eq!(called.grace_until, Some(shop.now + 60_000));
    assert_eq!(shop.deadlines().await.len(), 1, "no last call when its time is not in the future");
    cover.finish();
}

/// It may ask for more than a claim.
#[tokio::test]
async fn a_presence_that_only_a_newer_server_knows_is_taken_for_the_stricter_one() {
    let shop = Shop::open(Layout::default()).await;
    let mut rules = serde_json::to_value(Policy::default()).expect("JSON");
    rules["presence"] = "by_bluetooth".into();
    let rules: Kept<Policy> = serde_json::from_value(rules).expect("rules");
    shop.did_quietly(&staff(), Command::PolicySet(Box::new(rules))).await;
    let join = Command::Join(Box::new(shop.party("A")));
    assert_eq!(shop.run(&guest(), join).await.expect_err("a claim"), Rejection::DoorCode);
}
