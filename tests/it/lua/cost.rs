//! What a call costs must not depend on how many wait, nor a call wait for all who read.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use futures_util::{StreamExt as _, stream};
use redis::aio::MultiplexedConnection;
use tokio::task::JoinSet;
use waitless::domain::Join;

use super::commands::{call_sized, cancel, join, undo};
use crate::harness::{
    redis_of_ones_own::OwnRedis,
    shop::{Layout, Shop, staff},
};

const CALLS: usize = 41;

/// What the last script took, in microseconds by Redis's slow log.
async fn script_us(redis: &mut MultiplexedConnection) -> i64 {
    let entries: Vec<Vec<redis::Value>> =
        redis::cmd("SLOWLOG").arg("GET").arg(-1).query_async(redis).await.expect("SLOWLOG GET");
    let script = entries.iter().find_map(|entry| match (&entry[2], &entry[3]) {
        (redis::Value::Int(us), redis::Value::Array(words)) => {
            let word = words.first().map(|word| redis::from_redis_value_ref::<String>(word).expect("text"));
            word.is_some_and(|word| word.starts_with("EVAL")).then_some(*us)
        }
        _ => None,
    });
    script.expect("the call is in the slow log")
}

async fn reset(redis: &mut MultiplexedConnection) {
    redis::cmd("SLOWLOG").arg("RESET").exec_async(redis).await.expect("SLOWLOG RESET");
}

/// What `call_next` for a table of two takes, and what a join takes.
async fn call_and_join_us(shop: &Shop, redis: &mut MultiplexedConnection) -> [i64; 2] {
    reset(redis).await;
    let called = shop.did(&staff(), call_sized("A", None, Some(2))).await;
    assert_eq!(called.party(), 2);
    let call_us = script_us(redis).await;
    shop.did(&staff(), undo(&called)).await;
    reset(redis).await;
    let joined = shop.join("A").await;
    let join_us = script_us(redis).await;
    shop.did(&staff(), cancel(&joined)).await;
    [call_us, join_us]
}

/// A line with a party of six at its head, and so many behind it.
async fn line_of(url: &str, waiting: usize) -> Shop {
    let shop = Shop::on(url).await;
    shop.did(&staff(), join(&Join { adults: 6, ..shop.party("A") })).await;
    let joins: Vec<_> = (0..waiting).map(|_| join(&shop.party("A"))).collect();
    let actor = staff();
    stream::iter(joins)
        .map(|command| shop.run(&actor, command))
        .buffer_unordered(64)
        .for_each(async |joined| {
            joined.expect("room for all");
        })
        .await;
    assert_eq!(shop.waiting("A").await.len(), waiting + 1);
    shop
}

#[tokio::test]
async fn a_call_and_a_join_cost_the_same_with_ten_and_ten_thousand_waiting() {
    let own = OwnRedis::start().await;
    let mut redis = own.connect().await;
    redis::cmd("CONFIG").arg("SET").arg("slowlog-log-slower-than").arg(0).exec_async(&mut redis).await.expect("CONFIG");
    let shops = [line_of(&own.url, 10).await, line_of(&own.url, 10_000).await];
    // In turns, so that whatever else this machine does is done to both.
    let mut durations: [[Vec<i64>; 2]; 2] = Default::default();
    for _ in 0..CALLS {
        for (shop, durations) in shops.iter().zip(&mut durations) {
            let took = call_and_join_us(shop, &mut redis).await;
            durations.iter_mut().zip(took).for_each(|(durations, us)| durations.push(us));
        }
    }
    let [few, many] = durations.map(|of_shop| {
        of_shop.map(|mut durations| {
            durations.sort_unstable();
            durations[CALLS / 2]
        })
    });
    for (what, few, many) in [("call_next", few[0], many[0]), ("join", few[1], many[1])] {
        println!("{what} behind a party of six: {few} µs with 10 waiting, {many} µs with 10,000");
        assert!(many <= 3 * few, "{what}: {few} µs with 10 waiting, {many} µs with 10,000");
    }
}

/// After an interruption every room of a server wants its whole state.
#[tokio::test]
async fn a_join_does_not_wait_behind_all_who_want_a_whole_state() {
    const ROOMS: usize = 300;
    let shop = Arc::new(Shop::open(Layout::default()).await);
    // Whatever is asked only once has been asked.
    shop.join("A").await;
    shop.snapshot().await;
    let [asked, answered] = [(); 2].map(|()| Arc::new(AtomicUsize::new(0)));
    let mut states = JoinSet::new();
    for _ in 0..ROOMS {
        let (shop, asked, answered) = (Arc::clone(&shop), Arc::clone(&asked), Arc::clone(&answered));
        states.spawn(async move {
            asked.fetch_add(1, Relaxed);
            shop.snapshot().await;
            answered.fetch_add(1, Relaxed);
        });
    }
    while asked.load(Relaxed) < ROOMS {
        tokio::task::yield_now().await;
    }
    // A task like theirs: the test itself would be looked at before them, whoever was answered first.
    let (joins, seen) = (Arc::clone(&shop), Arc::clone(&answered));
    let joined = tokio::spawn(async move {
        joins.join("A").await;
        seen.load(Relaxed)
    });
    let before = joined.await.expect("it joins");
    println!("{before} of {ROOMS} states came before the join");
    assert!(before <= ROOMS / 10, "{before} of {ROOMS} states came before the join");
    states.join_all().await;
    assert_eq!(answered.load(Relaxed), ROOMS, "everybody has a turn");
}
