//! What a call costs must not depend on how many wait.

use futures_util::{StreamExt as _, stream};
use waitless::domain::Join;

use super::commands::{call_sized, join, undo};
use crate::harness::{
    redis_of_ones_own::OwnRedis,
    shop::{Shop, staff},
};

const CALLS: usize = 41;

/// Median of what `call_next` for a table of two takes, in microseconds by Redis's slow log.
async fn call_next_us(shop: &Shop, redis: &mut redis::aio::MultiplexedConnection) -> i64 {
    let mut durations = Vec::with_capacity(CALLS);
    for _ in 0..CALLS {
        redis::cmd("SLOWLOG").arg("RESET").exec_async(redis).await.expect("SLOWLOG RESET");
        let called = shop.did(&staff(), call_sized("A", None, Some(2))).await;
        assert_eq!(called.party(), 2);
        let entries: Vec<Vec<redis::Value>> =
            redis::cmd("SLOWLOG").arg("GET").arg(-1).query_async(redis).await.expect("SLOWLOG GET");
        let script = entries.iter().find_map(|entry| match (&entry[2], &entry[3]) {
            (redis::Value::Int(us), redis::Value::Array(words)) => {
                let word = words.first().map(|word| redis::from_redis_value_ref::<String>(word).expect("text"));
                word.is_some_and(|word| word.starts_with("EVAL")).then_some(*us)
            }
            _ => None,
        });
        durations.push(script.expect("the call is in the slow log"));
        shop.did(&staff(), undo(&called)).await;
    }
    durations.sort_unstable();
    durations[CALLS / 2]
}

#[tokio::test]
async fn a_call_costs_the_same_with_ten_and_ten_thousand_waiting() {
    let own = OwnRedis::start().await;
    let mut redis = own.connect().await;
    redis::cmd("CONFIG").arg("SET").arg("slowlog-log-slower-than").arg(0).exec_async(&mut redis).await.expect("CONFIG");
    let shop = Shop::on(&own.url).await;
    shop.did(&staff(), join(&Join { adults: 6, ..shop.party("A") })).await;
    for _ in 0..10 {
        shop.join("A").await;
    }
    let few = call_next_us(&shop, &mut redis).await;
    let joins: Vec<_> = (10..10_000).map(|_| join(&shop.party("A"))).collect();
    let actor = staff();
    stream::iter(joins)
        .map(|command| shop.run(&actor, command))
        .buffer_unordered(64)
        .for_each(async |joined| {
            joined.expect("room for all");
        })
        .await;
    assert_eq!(shop.waiting("A").await.len(), 10_001);
    let many = call_next_us(&shop, &mut redis).await;
    println!("call_next for two behind a party of six: {few} µs with 10 waiting, {many} µs with 10,000");
    assert!(many <= 3 * few, "{few} µs with 10 waiting, {many} µs with 10,000");
}
