//! Numbers and places that a Redis which came back older may have given out are passed over; and trim, which says how
//! much that can be.

use waitless::{
    domain::RestaurantId,
    queue::{
        Queue, QueueSettings,
        keys::{Keys, Partition},
    },
};

use super::cover::Cover;
use crate::harness::{
    given,
    redis_of_ones_own::OwnRedis,
    shop::{Layout, Shop, line},
};

async fn shop_that(may_lose: Option<bool>) -> Shop {
    shop_on(&given("WAITLESS_TEST_REDIS_URL"), may_lose).await
}

async fn shop_on(url: &str, may_lose: Option<bool>) -> Shop {
    let unopened = Shop::unopened();
    let settings = QueueSettings { namespace: format!("n{}", unopened.id), guarded: true, may_lose };
    let shop = Shop { queue: Queue::new(url, &settings).expect("a URL"), ..unopened };
    let opening = shop.opening(&Layout::default());
    shop.queue.load(&opening, Some(shop.now)).await.expect("Redis answers").expect("not loaded");
    shop
}

async fn trim(shop: &Shop, upto: &str) {
    shop.queue.trim(Partition::of(shop.id), upto, Some(shop.now)).await.expect("Redis answers");
}

async fn become_another(shop: &Shop) {
    shop.set_field("src", "run_id", "another").await;
}

#[tokio::test]
async fn the_first_number_after_a_loss_passes_over_what_may_be_lost() {
    let mut shop = shop_that(Some(true)).await;
    assert_eq!(shop.join("A").await.number, "A001", "nothing was before");
    become_another(&shop).await;
    // Nothing was recorded: 60 s at one join in a second.
    let joined = shop.join("A").await;
    assert_eq!((joined.number.as_str(), joined.order.as_str()), ("A124", "000001245"));
    assert_eq!(shop.join("A").await.number, "A125", "once");
    assert_eq!(shop.join("B").await.number, "B101", "each line; 100 at least");
    for _ in 0..27 {
        shop.join("B").await;
    }
    trim(&shop, "0-0").await;
    shop.pass(3_200).await;
    become_another(&shop).await;
    shop.due().await;
    // What is recorded since says nothing about what was lost then.
    shop.pass(40_000).await;
    trim(&shop, "0-0").await;
    let busiest = shop.snapshot().await.lines[&line("B")].busiest;
    assert_eq!(busiest, 28);
    assert_eq!(shop.join("B").await.number, format!("B{}", 128 + 2 * 28 * 5 + 1));
}

#[tokio::test]
async fn nothing_is_passed_over_where_nothing_can_be_lost() {
    let shop = shop_that(Some(false)).await;
    shop.join("A").await;
    become_another(&shop).await;
    assert_eq!(shop.join("A").await.number, "A002");
}

/// What the server was told of is lost: a backup was put back, say.
#[tokio::test]
async fn what_the_server_knows_of_is_passed_over_in_each_line() {
    let shop = shop_that(Some(false)).await;
    for _ in 0..3 {
        shop.join("A").await;
    }
    become_another(&shop).await;
    shop.set_field("revs", &shop.id.to_string(), "1").await;
    // It knows of rev 4; 100 are what others may know of.
    assert_eq!(shop.join("A").await.number, "A373", "60 s at three joins in a second, and 3 more");
    assert_eq!(shop.join("A").await.number, "A374", "once");
    for _ in 0..3 {
        shop.join("A").await;
    }
    assert_eq!(shop.join("B").await.number, "B104", "although the server knows of no more by now");
}

/// A neighbour in the partition that is loaded begins a new epoch, but Redis is the same.
#[tokio::test]
async fn a_new_epoch_of_the_same_redis_passes_over_nothing() {
    let shop = shop_that(Some(true)).await;
    shop.join("A").await;
    let before = shop.snapshot().await.stamp.epoch;
    let partition = Partition::of(shop.id);
    let neighbour = (1..).map(RestaurantId).find(|id| *id != shop.id && Partition::of(*id) == partition);
    let neighbour = Shop { queue: shop.queue.clone(), id: neighbour.expect("one of the next hundreds"), now: shop.now };
    let opening = neighbour.opening(&Layout::default());
    shop.queue.load(&opening, Some(shop.now)).await.expect("Redis answers").expect("not loaded");
    let joined = shop.join("A").await;
    assert!(shop.snapshot().await.stamp.epoch > before);
    assert_eq!(joined.number, "A002");
}

#[tokio::test]
async fn redis_is_asked_whether_it_loses_anything() {
    let clustered = shop_that(None).await;
    clustered.join("A").await;
    become_another(&clustered).await;
    assert_eq!(clustered.join("A").await.number, "A124", "its replicas follow behind");
    let own = OwnRedis::durable().await;
    let durable = shop_on(&own.url, None).await;
    durable.join("A").await;
    let src = Keys::new(&format!("n{}", durable.id)).of_restaurant(durable.id)[18].clone();
    own.ask::<i64>(&["HSET", &src, "run_id", "another"]).await.expect("HSET");
    assert_eq!(durable.join("A").await.number, "A002");
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
    assert_eq!(shop.field("src", "recorded").await, Some(shop.now));
    trim(&shop, "0-0").await;
    assert_eq!(shop.events().await.len(), 2);
    cover.saw("trimmed");
    cover.finish();
}
