//! A Redis that is another process gives out no number before it was compared with the record, or must go on without it;
//! then numbers and places that it may have given out are passed over. And trim.

use waitless::{
    domain::{Command, Join, Rejection, RestaurantId, Stamp},
    queue::{Comparison, Queue, QueueSettings, Reconcile, keys::Partition},
};

use super::{
    commands::{call, call_next, seat, stock_set},
    cover::{Cover, written},
    reconcile::{come_back, copy},
};
use crate::harness::{
    given,
    redis_of_ones_own::OwnRedis,
    shop::{Layout, Shop, guest, line, staff},
};

async fn trim(shop: &Shop, upto: &str) {
    shop.queue.trim(Partition::of(shop.id), upto, Some(shop.now)).await.expect("Redis answers");
}

fn the_end(shop: &Shop) -> Reconcile {
    Reconcile { key: "the end".to_owned(), covered: 1_000, last: true, ..Reconcile::nothing(shop.id, 0) }
}

async fn reconcile(shop: &Shop, what: &Reconcile) -> Result<(), Rejection> {
    let what = Reconcile { life: shop.life().await, ..what.clone() };
    shop.queue.reconcile(&what, Some(shop.now)).await.expect("Redis answers").map(drop)
}

async fn bases(shop: &Shop) -> Vec<(i64, Stamp)> {
    match shop.queue.comparison(shop.id, 0).await.expect("Redis answers") {
        Comparison::Uncompared(here) => here.bases.iter().map(|base| (base.life, base.stamp)).collect(),
        Comparison::Compared | Comparison::NotLoaded(_) => Vec::new(),
    }
}

fn party(shop: &Shop, letter: &str) -> Command {
    Command::Join(Box::new(shop.party(letter)))
}

async fn refused(shop: &Shop, command: Command) -> Rejection {
    shop.run(&guest(), command).await.expect_err("refused")
}

#[tokio::test]
async fn a_new_life_waits_for_the_comparison() {
    let mut shop = Shop::open(Layout::default()).await;
    let (first, second) = (shop.join("A").await, shop.join("A").await);
    let before = shop.snapshot().await.stamp;
    shop.become_another().await;
    let dump = shop.dump().await;
    for alone in [false, true] {
        shop.alone = alone;
        assert_eq!(refused(&shop, party(&shop, "A")).await, Rejection::NotCompared, "alone: {alone}");
        let unknown = Shop::unopened().party("A").id;
        let seen = shop.run(&staff(), seat(&waitless::domain::Ticket { id: unknown, ..first.clone() })).await;
        assert_eq!(seen, Err(Rejection::NotCompared), "it may be in the record");
        let found = shop.queue.find(shop.id, &shop.context(&guest()), "A900", "1234").await.expect("Redis answers");
        assert_eq!(found, Err(Rejection::NotCompared), "likewise");
        let snapshot = shop.queue.snapshot(shop.id, Some(shop.now), alone).await.expect("Redis answers");
        assert_eq!(snapshot, Err(Rejection::NotCompared), "screens keep what they show");
    }
    assert!(written(&dump, &shop.dump().await).is_empty());
    shop.alone = false;
    assert_eq!(shop.run(&staff(), call(&first, None)).await, Err(Rejection::NotCompared), "first it is tried");
    shop.alone = true;
    shop.did(&staff(), call(&first, None)).await;
    // Where it stood is kept, whatever happens since.
    let life = shop.life().await;
    assert_eq!(bases(&shop).await, [(life, before)]);
    shop.alone = false;
    reconcile(&shop, &the_end(&shop)).await.expect("compared");
    assert_eq!(shop.queue.comparison(shop.id, 0).await.expect("Redis answers"), Comparison::Compared);
    assert_eq!(shop.join("A").await.number, "A003", "nothing was lost");
    shop.did(&staff(), seat(&second)).await;
    assert_eq!(reconcile(&shop, &Reconcile { key: "again".to_owned(), ..the_end(&shop) }).await, Err(Rejection::Stale));
}

/// A second loss before the first was compared: both are asked for.
#[tokio::test]
async fn every_life_since_the_last_comparison_is_known() {
    let mut shop = Shop::open(Layout::default()).await;
    shop.join("A").await;
    shop.alone = true;
    let at = shop.stamp().await;
    shop.become_another().await;
    let first = shop.life().await;
    shop.set_field("src", "run_id", "a third").await;
    shop.due().await;
    let second = shop.life().await;
    assert_eq!(bases(&shop).await, [(second, at)], "nothing happened in between");
    shop.did(&staff(), call_next("A")).await;
    let called = shop.stamp().await;
    shop.set_field("src", "run_id", "a fourth").await;
    shop.due().await;
    let third = shop.life().await;
    assert!(first < second && second < third);
    assert_eq!(bases(&shop).await, [(second, at), (third, Stamp { rev: called.rev, ..called })]);
}

#[tokio::test]
async fn numbers_go_on_alone_after_ten_seconds_behind_all_that_may_be_given_out() {
    let mut shop = Shop::open(Layout::default()).await;
    for _ in 0..3 {
        shop.join("A").await;
    }
    // Time goes by without a change before the process is found: the copy knows nothing of it.
    shop.pass(100_000).await;
    shop.become_another().await;
    shop.alone = true;
    shop.pass(9_999).await;
    assert_eq!(refused(&shop, party(&shop, "A")).await, Rejection::NotCompared);
    shop.pass(1).await;
    let joined = shop.join("A").await;
    assert_eq!(joined.number, format!("A{}", 3 + 2 * 3 * 110 + 1), "three joins in a second, for 110 s");
    assert_eq!(joined.order, format!("{:08}5", 3 + 2 * 3 * 110 + 1));
    assert_eq!(shop.join("A").await.number, format!("A{}", 3 + 2 * 3 * 110 + 2), "once");
    assert_eq!(shop.join("B").await.number, "B101", "each line; 100 at least");
    let unknown = Shop::unopened().party("A").id;
    let lost = waitless::domain::Ticket { id: unknown, ..joined };
    assert_eq!(shop.run(&staff(), seat(&lost)).await, Err(Rejection::NotCompared), "the record may have it");
    assert_eq!(shop.snapshot().await.lines[&line("B")].last_number, 101, "screens go on, too");
    // The record is back: what was passed over is not passed over twice.
    reconcile(&shop, &Reconcile { skip: 500, ..the_end(&shop) }).await.expect("compared");
    assert_eq!(shop.join("B").await.number, "B102");
}

#[tokio::test]
async fn what_may_be_recorded_nowhere_is_passed_over_in_each_line() {
    let shop = Shop::open(Layout::default()).await;
    shop.join("A").await;
    shop.become_another().await;
    let skips = vec![(line("B"), 250)];
    reconcile(&shop, &Reconcile { skip: 100, skips, lost: true, ..the_end(&shop) }).await.expect("compared");
    let joined = shop.join("A").await;
    assert_eq!((joined.number.as_str(), joined.order.as_str()), ("A102", "000003525"), "places are, too");
    assert_eq!(shop.join("B").await.number, "B251");
    assert_eq!(shop.snapshot().await.restaurant.rebuilt_at, Some(shop.now), "an unknown ticket may be a lost one");
    assert_eq!(shop.join("A").await.number, "A103", "once");
}

/// Another server compares, which was told of nothing; this one was told of more than Redis and record have.
#[tokio::test]
async fn what_another_server_was_told_is_passed_over() {
    let unopened = Shop::unopened();
    let settings = QueueSettings { namespace: format!("n{}", unopened.id), guarded: true, may_lose: None };
    let server = || Queue::new(&given("WAITLESS_TEST_REDIS_URL"), &settings).expect("a URL");
    let shop = Shop { queue: server(), ..unopened };
    shop.queue.load(&shop.opening(&Layout::default()), Some(shop.now)).await.expect("Redis").expect("not loaded");
    for _ in 0..3 {
        shop.join("A").await;
    }
    let other = Shop { queue: server(), id: shop.id, now: shop.now, alone: false };
    shop.become_another().await;
    shop.set_field("revs", &shop.id.to_string(), "2").await;
    reconcile(&other, &Reconcile { covered: 2, ..the_end(&other) }).await.expect("compared");
    // It knows of rev 4.
    assert_eq!(shop.join("A").await.number, format!("A{}", 3 + 2 + 100 + 1));
    assert_eq!(shop.join("A").await.number, "A107", "once");
    assert_eq!(shop.join("B").await.number, "B103", "each line");
    assert_eq!(other.join("B").await.number, "B104");
}

/// A life that passed over numbers is lost with them before anything of it was recorded; the next passes over as many.
#[tokio::test]
async fn what_this_server_gave_out_is_never_given_out_again() {
    let shop = Shop::open(Layout::default()).await;
    shop.join("A").await;
    let older = copy(&shop).await;
    let lost = Reconcile { skip: 100, ..the_end(&shop) };
    for expected in [["A102", "A103", "B101"], ["A104", "A105", "B102"]] {
        come_back(&shop, &older).await;
        reconcile(&shop, &lost).await.expect("compared");
        for number in expected {
            assert_eq!(shop.join(&number[..1]).await.number, number);
        }
    }
}

/// A neighbour in the partition that is loaded begins a new epoch, but Redis is the same.
#[tokio::test]
async fn a_new_epoch_of_the_same_redis_is_no_new_life() {
    let shop = Shop::open(Layout::default()).await;
    shop.join("A").await;
    let before = shop.stamp().await.epoch;
    let partition = Partition::of(shop.id);
    let neighbour = (1..).map(RestaurantId).find(|id| *id != shop.id && Partition::of(*id) == partition);
    let id = neighbour.expect("one of the next hundreds");
    let neighbour = Shop { queue: shop.queue.clone(), id, now: shop.now, alone: false };
    let opening = neighbour.opening(&Layout::default());
    shop.queue.load(&opening, Some(shop.now)).await.expect("Redis answers").expect("not loaded");
    let joined = shop.join("A").await;
    assert!(shop.stamp().await.epoch > before);
    assert_eq!(joined.number, "A002");
}

/// Stock that staff count while the record does not answer is what they have seen.
#[tokio::test]
async fn stock_that_was_counted_since_stays() {
    let mut shop = Shop::open(Layout::default()).await;
    shop.become_another().await;
    shop.alone = true;
    shop.did_quietly(&staff(), stock_set("cake", 40)).await;
    let change = |item: &str, left| waitless::queue::StockChange { item: item.to_owned(), by: 10, left, key: None };
    let stock = vec![change("cake", None), change("soup", None), change("tea", Some(7))];
    let recounted = vec!["tea".to_owned()];
    reconcile(&shop, &Reconcile { stock, recounted, ..the_end(&shop) }).await.expect("compared");
    let left = [shop.left("cake").await, shop.left("soup").await, shop.left("tea").await];
    assert_eq!(left, [Some(40), Some(12), Some(7)]);
}

#[tokio::test]
async fn redis_is_asked_whether_it_loses_anything() {
    let queue = |url: &str| {
        let settings = QueueSettings { namespace: "asked".to_owned(), guarded: true, may_lose: None };
        Queue::new(url, &settings).expect("a URL")
    };
    assert!(queue(&given("WAITLESS_TEST_REDIS_URL")).may_lose().await, "a cluster's replicas follow behind");
    let own = OwnRedis::durable().await;
    assert!(!queue(&own.url).may_lose().await);
}

#[tokio::test]
async fn compare_says_where_a_restaurant_stood() {
    let mut cover = Cover::of("compare");
    let shop = Shop::unopened();
    let nothing = shop.queue.comparison(shop.id, 0).await.expect("Redis answers");
    assert!(matches!(nothing, Comparison::NotLoaded(_)), "{nothing:?}");
    cover.saw("not_loaded");
    shop.queue.load(&shop.opening(&Layout::default()), Some(shop.now)).await.expect("Redis").expect("not loaded");
    assert_eq!(shop.queue.comparison(shop.id, 0).await.expect("Redis answers"), Comparison::Compared);
    cover.saw("standing");
    shop.did(&guest(), Command::Join(Box::new(Join { ..shop.party("A") }))).await;
    let at = shop.stamp().await;
    shop.become_another().await;
    let Comparison::Uncompared(here) = shop.queue.comparison(shop.id, 0).await.expect("Redis answers") else {
        panic!("compared")
    };
    assert_eq!((here.stamp.rev, here.day.as_str(), here.bases[0].stamp), (2, "2026-11-22", at));
    cover.finish();
}

#[tokio::test]
async fn what_is_recorded_leaves_the_log() {
    let mut cover = Cover::of("trim");
    let mut shop = Shop::open(Layout::default()).await;
    for _ in 0..4 {
        shop.join("A").await;
    }
    shop.pass(1_000).await;
    let entries: redis::streams::StreamRangeReply = redis::cmd("XRANGE")
        .arg(shop.key("events"))
        .arg("-")
        .arg("+")
        .query_async(&mut shop.redis().await)
        .await
        .expect("XRANGE");
    trim(&shop, &entries.ids[2].id).await;
    assert_eq!(shop.events().await.iter().map(|event| event.rev).collect::<Vec<_>>(), [4, 5], "up to and with it");
    assert_eq!(shop.field("src", "confirmed").await, Some(shop.now));
    trim(&shop, "0-0").await;
    assert_eq!(shop.events().await.len(), 2);
    cover.saw("trimmed");
    cover.finish();
}
