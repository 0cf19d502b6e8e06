//! reconcile: a Redis that came back older gets back what the record knows, and keeps what was done since.

use std::collections::BTreeMap;

use waitless::{
    domain::{
        CallReason, Join, LineRecord, Policy, Rejection, RestaurantRecord, Stamp, TicketState, replica::Snapshot,
    },
    queue::{Comparison, Outcome, Reconcile, StockChange},
};

use super::{
    commands::{
        announce, call, call_next, cancel, complete, delay, edit_line, join, line_set, no_show, restaurant_set, seat,
        stock_adjust,
    },
    cover::{Cover, written},
};
use crate::harness::{
    record::Record,
    shop::{Dump, Layout, Shop, guest, line, staff},
};
use waitless::domain::OpenState::{Closed, Direct, Open, Paused};

/// A copy of everything, as a replica or a backup would have it.
pub(super) async fn copy(shop: &Shop) -> Vec<(String, Option<Vec<u8>>)> {
    let mut redis = shop.redis().await;
    let mut copy = Vec::new();
    for key in shop.queue.keys().of_restaurant(shop.id) {
        let dumped = redis::cmd("DUMP").arg(&key).query_async(&mut redis).await.expect("DUMP");
        copy.push((key, dumped));
    }
    copy
}

/// Redis is another process, with what the copy has.
pub(super) async fn come_back(shop: &Shop, copy: &[(String, Option<Vec<u8>>)]) {
    let mut redis = shop.redis().await;
    for (key, dumped) in copy {
        redis::cmd("UNLINK").arg(key).exec_async(&mut redis).await.expect("UNLINK");
        if let Some(dumped) = dumped {
            redis::cmd("RESTORE").arg(key).arg(0).arg(dumped).exec_async(&mut redis).await.expect("RESTORE");
        }
    }
    shop.become_another().await;
}

fn from(record: &Record, now: i64, key: &str) -> Reconcile {
    let known = record.rebuild(now, 0);
    let (restaurant, lines, tickets) = (known.restaurant, known.lines, known.tickets);
    let (id, restaurant) = (restaurant.id, Some(restaurant));
    Reconcile { key: key.to_owned(), restaurant, lines, tickets, since: now, last: true, ..Reconcile::nothing(id, 0) }
}

async fn reconcile(shop: &Shop, what: &Reconcile) -> Result<Outcome, Rejection> {
    let what = Reconcile { life: shop.life().await, ..what.clone() };
    shop.queue.reconcile(&what, Some(shop.now)).await.expect("Redis answers")
}

fn comparable(mut snapshot: Snapshot) -> Snapshot {
    snapshot.stamp = Stamp::default();
    snapshot.restaurant = RestaurantRecord { epoch: 0, ..snapshot.restaurant };
    for line in snapshot.lines.values_mut() {
        // Recent calls are shown, and not put back.
        *line = LineRecord { recent: Vec::new(), busy: 0, busy_at: 0, numbered: 0, epoch: 0, ..line.clone() };
    }
    snapshot.pace = BTreeMap::new();
    snapshot.tickets.sort_by(|a, b| a.id.cmp(&b.id));
    snapshot
}

/// Lists and deadlines; packed tickets say another epoch.
async fn lists(shop: &Shop) -> Dump {
    let named = shop.dump().await.into_iter();
    let named = named.map(|(key, entries)| (key.rsplit(':').next().expect("a name").to_owned(), entries));
    let other = ["meta", "events", "revs", "idem", "idem_until", "tickets", "pace"];
    named.filter(|(name, _)| !other.contains(&name.as_str())).collect()
}

#[tokio::test]
async fn what_was_lost_is_put_back() {
    let mut cover = Cover::of("reconcile");
    let stock = vec![("cake", Some(30)), ("soup", Some(20)), ("tea", None)];
    let mut shop = Shop::open(Layout { stock, ..Layout::default() }).await;
    let mut tickets = Vec::new();
    for index in 0..8 {
        let party = Join {
            items: vec![("cake".into(), 2), ("tea".into(), 1)],
            guards: vec![format!("g{index}")],
            ..shop.party("A")
        };
        tickets.push(shop.did(&guest(), join(&party)).await);
    }
    shop.did(&staff(), call(&tickets[6], CallReason::Other)).await;
    let older = copy(&shop).await;
    shop.pass(5_000).await;
    shop.did(&staff(), no_show(&tickets[6])).await;
    shop.did(&staff(), seat(&tickets[0])).await;
    shop.did(&staff(), seat(&tickets[1])).await;
    shop.did(&staff(), complete(&tickets[1])).await;
    shop.did(&guest(), cancel(&tickets[2])).await;
    shop.did(&guest(), delay(&tickets[3], 2)).await;
    shop.did(&staff(), edit_line(&tickets[4], "B")).await;
    shop.did(&staff(), call_next("A")).await;
    shop.did(&guest(), join(&Join { items: vec![("soup".into(), 3)], ..shop.party("B") })).await;
    shop.join("A").await;
    shop.did_quietly(&staff(), announce("곧 마감", Some(shop.now + 500_000))).await;
    shop.did_quietly(&staff(), line_set("B", Paused, Some(shop.now + 600_000))).await;
    shop.did_quietly(&staff(), restaurant_set(Direct, Some(shop.now + 400_000))).await;
    shop.did_quietly(&staff(), stock_adjust("soup", -4)).await;
    let (before, lists_before) = (shop.snapshot().await, lists(&shop).await);
    let daily: Option<i64> = shop.field("meta", "daily").await;
    let record = shop.record().await;
    come_back(&shop, &older).await;

    let change = |item: &str, by| StockChange { item: item.to_owned(), by, left: None, key: None };
    let lost = Reconcile { stock: vec![change("soup", -4), change("tea", 9)], ..from(&record, shop.now, "1") };
    let outcome = reconcile(&shop, &lost).await.expect("the same day");
    cover.saw("done");
    // Five that changed, the called one, the missed one, two that joined.
    assert_eq!(outcome.done.left, Some(9));
    let event = shop.last_event().await;
    assert_eq!((event.name.as_str(), event.tickets.len()), ("restaurant.reconciled", 9));
    assert_eq!(comparable(shop.snapshot().await), comparable(before));
    assert_eq!(lists(&shop).await, lists_before, "lists and deadlines");
    assert_eq!(shop.field("meta", "daily").await, daily);

    // Once more, under the same name and under another: nothing is left to do.
    let after = shop.dump().await;
    assert!(reconcile(&shop, &lost).await.expect("a replay").replayed);
    cover.saw("replayed");
    assert_eq!(shop.dump().await, after);
    cover.refusal(&shop, reconcile(&shop, &from(&record, shop.now, "2")), Rejection::Stale).await;

    let unopened = Shop::unopened();
    unopened.due().await;
    let unknown = Reconcile { id: unopened.id, key: "4".to_owned(), ..lost };
    cover.refusal(&unopened, reconcile(&unopened, &unknown), Rejection::NotLoaded).await;
    // It never waits for itself.
    cover.saw("not_compared");
    // It is always asked the same thing under one name.
    cover.saw("idempotency_mismatch");
    cover.finish();
}

#[tokio::test]
async fn what_was_touched_since_stays_and_stock_is_conserved() {
    let mut shop = Shop::open(Layout { stock: vec![("cake", Some(5))], ..Layout::default() }).await;
    let cake = |quantity| vec![("cake".into(), quantity)];
    let first = shop.did(&guest(), join(&Join { items: cake(2), ..shop.party("A") })).await;
    let second = shop.join("A").await;
    let older = copy(&shop).await;
    shop.pass(1_000).await;
    let guards = vec!["phone".to_owned()];
    let lost = shop.did(&guest(), join(&Join { items: cake(3), guards: guards.clone(), ..shop.party("A") })).await;
    shop.did(&guest(), cancel(&second)).await;
    shop.did(&staff(), call(&first, None)).await;
    shop.did_quietly(&staff(), restaurant_set(Paused, None)).await;
    let record = shop.record().await;
    come_back(&shop, &older).await;
    // The record does not answer, and life goes on: the same phone joins again, and takes cakes and the same place.
    shop.alone = true;
    shop.pass(10_000).await;
    shop.did_quietly(&staff(), restaurant_set(Closed, None)).await;
    shop.did_quietly(&staff(), restaurant_set(Open, None)).await;
    shop.did(&staff(), seat(&second)).await;
    let again = shop.did(&guest(), join(&Join { items: cake(1), guards: guards.clone(), ..shop.party("A") })).await;
    shop.take_place(&again, &lost.order).await;
    let outcome = reconcile(&shop, &from(&record, shop.now, "1")).await.expect("the same day");
    assert_eq!(outcome.done.left, Some(2));
    assert_eq!(shop.ticket(&second.id).await.state, TicketState::Seated, "it was seated since");
    assert_eq!(shop.ticket(&first.id).await.state, TicketState::Called, "that was lost");
    assert_eq!(shop.snapshot().await.restaurant.state, Open);
    let (back, again) = (shop.ticket(&lost.id).await, shop.ticket(&again.id).await);
    assert!(back.order < again.order, "both have a place of their own: {} {}", back.order, again.order);
    assert_eq!((back.items[0].held, back.items[0].lost, shop.left("cake").await), (2, 1, Some(0)));
    assert_eq!(back.notices.last().map(|notice| notice.kind.as_str()), Some("items_lost"));
    let holder: Option<String> = shop.field("guard", "phone").await;
    assert_eq!(holder.as_deref(), Some(again.id.as_str()), "who holds it now keeps it");
    let snapshot = shop.snapshot().await;
    assert_eq!((snapshot.lines[&line("A")].today, shop.field("meta", "daily").await), (4, Some(4)));
    assert!(snapshot.lines[&line("A")].last_number >= 4);
    // They all hold what was there: 2 + 2 + 1 of 5.
    shop.did(&guest(), cancel(&back)).await;
    shop.did(&guest(), cancel(&again)).await;
    shop.did(&staff(), cancel(&first)).await;
    assert_eq!(shop.left("cake").await, Some(5));
}

/// A call passes somebody who was seated by the record: that is put back. Who was called is not taken back, and the
/// record learns what is left.
#[tokio::test]
async fn who_was_only_passed_since_is_put_back() {
    let mut shop = Shop::open(Layout { stock: vec![("cake", Some(5))], ..Layout::default() }).await;
    let first = shop.join("A").await;
    let items = vec![("cake".into(), 2)];
    let second = shop.did(&guest(), join(&Join { items, ..shop.party("A") })).await;
    let older = copy(&shop).await;
    shop.did(&staff(), seat(&first)).await;
    shop.did(&guest(), cancel(&second)).await;
    assert_eq!(shop.left("cake").await, Some(5));
    let record = shop.record().await;
    come_back(&shop, &older).await;
    shop.alone = true;
    shop.did(&staff(), call(&second, Some(CallReason::Accessibility))).await;
    assert_eq!(shop.ticket(&first.id).await.overtaken, 1);
    reconcile(&shop, &from(&record, shop.now, "1")).await.expect("compared");
    assert_eq!(shop.ticket(&first.id).await.state, TicketState::Seated, "nobody acted on it");
    assert_eq!(shop.ticket(&second.id).await.state, TicketState::Called);
    assert_eq!(shop.left("cake").await, Some(3), "it holds two");
    let told = shop.raw_events().await.pop().expect("reconciled");
    assert_eq!((told.name.as_str(), told.stock.get("cake")), ("restaurant.reconciled", Some(&3)));
}

/// A deadline that was lost acts in its time.
#[tokio::test]
async fn deadlines_come_back() {
    let mut shop = Shop::with_policy(Policy { grace_s: 60, last_call_s: 20, ..Policy::default() }).await;
    let ticket = shop.join("A").await;
    let older = copy(&shop).await;
    shop.did(&staff(), call(&ticket, None)).await;
    let deadlines = shop.deadlines().await;
    let record = shop.record().await;
    come_back(&shop, &older).await;
    assert!(shop.deadlines().await.is_empty());
    reconcile(&shop, &from(&record, shop.now, "1")).await.expect("the same day");
    assert_eq!(shop.deadlines().await, deadlines);
    shop.pass(60_000).await;
    assert_eq!(shop.tick().await.len(), 2);
    assert_eq!(shop.ticket(&ticket.id).await.state, TicketState::Waiting);
}

/// After a day roll here, the record's tickets are only kept to be read.
#[tokio::test]
async fn what_is_of_yesterday_is_only_kept_to_be_read() {
    let mut shop = Shop::open(Layout { stock: vec![("cake", Some(5))], ..Layout::default() }).await;
    let older = copy(&shop).await;
    let cake = Join { items: vec![("cake".into(), 2)], ..shop.party("A") };
    let lost = shop.did(&guest(), join(&cake)).await;
    let record = shop.record().await;
    come_back(&shop, &older).await;
    shop.alone = true;
    shop.pass(10_000).await;
    shop.did_quietly(&staff(), restaurant_set(Closed, None)).await;
    shop.roll("2026-11-23", crate::harness::shop::DAY_ENDS_AT + 86_400_000).await.expect("nobody is called");
    reconcile(&shop, &from(&record, shop.now, "1")).await.expect("compared");
    assert_eq!(shop.ticket(&lost.id).await.number, lost.number);
    assert_eq!((shop.left("cake").await, shop.waiting("A").await.len()), (Some(5), 0));
    assert_eq!(shop.snapshot().await.lines[&line("A")].last_number, 0);
}

/// While the record does not answer, a retry acts again: what it did before is not put back beside it.
#[tokio::test]
async fn who_asked_again_with_a_key_has_done_it_once() {
    let mut shop = Shop::open(Layout { stock: vec![("cake", Some(5)), ("soup", Some(2))], ..Layout::default() }).await;
    let older = copy(&shop).await;
    let party = |shop: &Shop| join(&Join { items: vec![("cake".into(), 2)], ..shop.party("A") });
    let lost =
        shop.run_once(&guest(), "joins", "a", party(&shop)).await.expect("joined").done.ticket.expect("a ticket");
    let other =
        shop.run_once(&guest(), "other", "b", party(&shop)).await.expect("joined").done.ticket.expect("a ticket");
    for (key, item) in [("cakes", "cake"), ("soups", "soup")] {
        shop.run_once(&staff(), key, "c", stock_adjust(item, 10)).await.expect("adjusted");
    }
    let record = shop.record().await;
    come_back(&shop, &older).await;
    shop.alone = true;
    shop.pass(10_000).await;
    let again =
        shop.run_once(&guest(), "joins", "a", party(&shop)).await.expect("joined").done.ticket.expect("a ticket");
    shop.run_once(&staff(), "cakes", "c", stock_adjust("cake", 10)).await.expect("adjusted");
    let known = from(&record, shop.now, "1");
    let key_of = |packed: &Vec<u8>| {
        let ticket: waitless::domain::Ticket = rmp_serde::from_slice(packed).expect("a ticket");
        if ticket.id == lost.id { "joins".to_owned() } else { "other".to_owned() }
    };
    let keys = known.tickets.iter().map(key_of).collect();
    let change =
        |item: &str, key: &str| StockChange { item: item.to_owned(), by: 10, left: None, key: Some(key.to_owned()) };
    let stock = vec![change("cake", "cakes"), change("soup", "soups")];
    reconcile(&shop, &Reconcile { keys, stock, ..known }).await.expect("compared");
    let ended = shop.ticket(&lost.id).await.ended.expect("it ended");
    assert_eq!((ended.by.as_str(), ended.reason.as_deref()), ("timer", Some("repeated")));
    assert_eq!(shop.waiting("A").await, [other.number, again.number]);
    assert_eq!((shop.left("cake").await, shop.left("soup").await), (Some(5 + 10 - 4), Some(12)));
}

/// Redis is another process before what was found of the former one is put back.
#[tokio::test]
async fn what_was_found_of_another_copy_is_not_put_back() {
    let shop = Shop::open(Layout::default()).await;
    let older = copy(&shop).await;
    shop.join("A").await;
    shop.become_another().await;
    let whole =
        Reconcile { life: shop.life().await, key: "1".to_owned(), last: true, ..Reconcile::nothing(shop.id, 0) };
    come_back(&shop, &older).await;
    let before = shop.dump().await;
    let refused = shop.queue.reconcile(&whole, Some(shop.now)).await.expect("Redis answers");
    assert_eq!(refused, Err(Rejection::Stale));
    assert!(written(&before, &shop.dump().await).is_empty());
    let found = shop.queue.comparison(shop.id, 0).await.expect("Redis answers");
    assert!(matches!(found, Comparison::Uncompared(_)), "it is still to be compared: {found:?}");
}
