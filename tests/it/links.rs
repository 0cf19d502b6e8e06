//! The two connections to Redis when the network between fails without a word.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::future::join_all;
use waitless::{
    domain::{RestaurantId, Stamp},
    queue::{Heard, Live, Queue, QueueError, QueueSettings},
};

use crate::harness::{
    given,
    redis_of_ones_own::OwnRedis,
    shop::{Layout, Shop},
    until,
    wire::{Flow, Wire},
};

/// More than may be under way at once.
const CROWD: usize = 3_000;
const UNDER_WAY_MAX: usize = 1_024;

async fn wired_queue() -> (Wire, Queue) {
    let (wire, url) = Wire::to(&given("WAITLESS_TEST_REDIS_URL"), Flow::Open);
    (
        wire,
        Queue::new(&url, &QueueSettings { namespace: "links".to_owned(), guarded: false, may_lose: None })
            .expect("a URL"),
    )
}

#[tokio::test]
async fn a_redis_that_falls_silent_is_not_asked_until_it_answers_and_its_connection_is_replaced() {
    let (wire, queue) = wired_queue().await;
    queue.ping().await.expect("the wire is open");
    wire.set(Flow::Frozen);

    let answers = join_all((0..CROWD).map(|_| queue.ping())).await;
    let unknown = answers.iter().filter(|answer| matches!(answer, Err(QueueError::OutcomeUnknown(_)))).count();
    let refused = answers.iter().filter(|answer| matches!(answer, Err(QueueError::Unavailable(_)))).count();
    assert_eq!(
        (unknown, refused),
        (UNDER_WAY_MAX, CROWD - UNDER_WAY_MAX),
        "those behind are told that nothing was sent"
    );
    let next = queue.ping().await;
    assert!(matches!(next, Err(QueueError::Unavailable(_))), "nobody waits for it any more: {next:?}");

    // What was connected stays dead for ever.
    wire.set(Flow::Open);
    until("the queue has a new connection", async || queue.ping().await.ok()).await;
    assert!(join_all((0..CROWD).map(|_| queue.ping())).await.iter().all(Result::is_ok), "everybody gets a turn");
}

/// What one subscriber was told.
#[derive(Clone, Default)]
struct Ears(Arc<Mutex<Vec<Heard>>>);

impl Ears {
    fn sink(&self) -> waitless::queue::Sink {
        let heard = Arc::clone(&self.0);
        Arc::new(move |what| heard.lock().expect("no test has panicked").push(what))
    }

    fn has(&self, wanted: impl Fn(&Heard) -> bool) -> Option<()> {
        self.0.lock().expect("no test has panicked").iter().any(wanted).then_some(())
    }

    fn has_rev(&self, stamp: Stamp) -> Option<()> {
        self.has(|heard| matches!(heard, Heard::Event(event) if event.stamp() == stamp))
    }
}

async fn stamp(shop: &Shop) -> Stamp {
    shop.snapshot().await.stamp
}

#[tokio::test]
async fn a_live_link_that_died_without_a_word_is_found_and_replaced() {
    let (wire, url) = Wire::to(&given("WAITLESS_TEST_REDIS_URL"), Flow::Open);
    let shop = Shop::open(Layout::default()).await;
    // Commands go straight to Redis: only what is published is cut off.
    let live = Live::start(&url, shop.queue.clone()).expect("a URL");
    let ears = Ears::default();
    live.subscribe(shop.id, ears.sink()).await.expect("confirmed");
    shop.join("A").await;
    let first = stamp(&shop).await;
    until("the first change is heard", async || ears.has_rev(first)).await;

    wire.set(Flow::Frozen);
    let while_frozen = live.subscribe(RestaurantId(7), ears.sink()).await;
    assert!(while_frozen.is_err(), "no confirmation can come");
    wire.set(Flow::Open);
    until("the subscriber is told to read again", async || ears.has(|heard| matches!(heard, Heard::Resumed))).await;
    shop.join("A").await;
    let second = stamp(&shop).await;
    until("changes are heard again", async || ears.has_rev(second)).await;
}

#[tokio::test]
async fn a_live_link_that_only_hears_nothing_is_found_by_listening() {
    let (wire, url) = Wire::to(&given("WAITLESS_TEST_REDIS_URL"), Flow::Open);
    let shop = Shop::open(Layout::default()).await;
    let live = Live::start(&url, shop.queue.clone()).expect("a URL");
    let ears = Ears::default();
    live.subscribe(shop.id, ears.sink()).await.expect("confirmed");

    // Nothing is asked of the link from now on: it can only find out by itself that what was connected is dead.
    let neighbour = Queue::new(&url, &QueueSettings { namespace: "links".to_owned(), guarded: false, may_lose: None })
        .expect("a URL");
    neighbour.ping().await.expect("the wire is open");
    wire.set(Flow::Frozen);
    neighbour.ping().await.expect_err("what was connected is dead");
    wire.set(Flow::Open);
    until("the subscriber is told to read again", async || ears.has(|heard| matches!(heard, Heard::Resumed))).await;
}

#[tokio::test]
async fn what_is_done_is_never_said_to_have_been_refused() {
    let own = OwnRedis::start().await;
    let shop = Shop::on(&own.url).await;
    shop.join("A").await;
    let mut full = redis::cmd("CONFIG");
    full.arg("SET").arg("maxmemory").arg("1mb").exec_async(&mut own.connect().await).await.expect("CONFIG SET");
    let kept = shop.queue.first_answer(shop.id, "key", stamp(&shop).await, shop.now, 60_000, b"{}".to_vec()).await;
    assert!(
        matches!(kept, Err(QueueError::OutcomeUnknown(_))),
        "the join is there, whoever asks again learns it: {kept:?}"
    );
}

#[tokio::test]
async fn a_slow_redis_is_better_than_none() {
    let (wire, url) = Wire::to(&given("WAITLESS_TEST_REDIS_URL"), Flow::Slow(Duration::from_millis(150)));
    let queue = Queue::new(&url, &QueueSettings { namespace: "links".to_owned(), guarded: false, may_lose: None })
        .expect("a URL");
    until("commands are answered", async || queue.ping().await.ok()).await;
    let live = Live::start(&url, queue).expect("a URL");
    let ears = Ears::default();
    until("changes would be heard", async || live.subscribe(RestaurantId(7), ears.sink()).await.ok()).await;
    drop(wire);
}
