//! No memory left in Redis: whatever would need some is refused whole, everything else goes on.

use std::{collections::BTreeMap, time::Instant};

use super::{checker::Operation, crowd::Crowd, scale, stage::Stage};
use crate::harness::until;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_maxmemory_nothing_is_half_written() {
    let mut stage = Stage::set("redis_maxmemory").await;
    let crowd = Crowd::of(&stage.judge, 8);
    until("the crowd has worked", async || (stage.judge.acknowledged() > 100 * scale()).then_some(())).await;
    crowd.rest().await;
    let (status, called) = stage.judge.settle(&Operation::call_next("B")).await;
    assert_eq!(status, 200, "{called}");
    let called = called["ticket"]["id"].as_str().expect("an id");
    stage.right_since(Instant::now()).await;

    until("the timers have looked at every partition once, which writes its epoch", async || {
        let epochs: Vec<String> = stage.redis.ask(&["KEYS", "*:revs"]).await.expect("keys");
        (epochs.len() == 96).then_some(())
    })
    .await;
    until("everything is recorded, so that nothing is trimmed later", async || {
        let logs: Vec<String> = stage.redis.ask(&["KEYS", "*:events"]).await.expect("keys");
        let left: i64 = stage.redis.ask(&["XLEN", logs.first()?]).await.expect("a length");
        (left == 0).then_some(())
    })
    .await;
    stage.redis.ask::<()>(&["CONFIG", "SET", "maxmemory", "1mb"]).await.expect("set");
    let full = Instant::now();
    until("it is named", async || (degraded(&stage).await == ["redis"]).then_some(())).await;
    let before = dump(&stage).await;
    let operations = [
        Operation::join("A", 2, Some(1)),
        Operation::call_next("A"),
        Operation::staff("seat", called),
        Operation::staff("recall", called),
        Operation::staff("no-show", called),
        Operation::adjust(stage.judge.counted(), 3),
    ];
    for round in 0..5 * scale() {
        for (index, operation) in operations.iter().enumerate() {
            let key = format!("refused-at-maxmemory-{round}-{index}");
            let answer = stage.judge.ask(operation, &key).await;
            let told = (answer.status, answer.code.as_str(), answer.retry_after_s.is_some());
            assert_eq!(told, (503, "unavailable", true), "{}: {}", operation.name, answer.body);
        }
        for path in ["queue", "board"] {
            assert!(stage.judge.read(&format!("/v1/restaurants/demo/{path}")).await.is_some(), "{path} can be read");
        }
    }
    assert_eq!(dump(&stage).await, before, "what was refused has written nothing");
    // Long enough for every screen to notice, if there were something to notice.
    until("four seconds have passed", async || (full.elapsed().as_secs_f64() > 4.0).then_some(())).await;
    for screen in &stage.screens {
        let seen = screen.seen();
        assert!(seen.live.iter().all(|(at, live)| *live || *at < full), "{:?} stays live", screen.kind);
    }

    let crowd = Crowd::of(&stage.judge, 4);
    let refused = stage.judge.answered("503");
    until("the crowd is refused", async || (stage.judge.answered("503") > refused).then_some(())).await;
    stage.redis.ask::<()>(&["CONFIG", "SET", "maxmemory", "0"]).await.expect("set");
    let healed = Instant::now();
    crowd.rest().await;
    stage.right_soon_after(healed).await;
    until("it is not named any more", async || degraded(&stage).await.is_empty().then_some(())).await;
    stage.answers_came_in_time();
    stage.judged().await;
}

/// What `/readyz` names, with 200.
async fn degraded(stage: &Stage) -> Vec<String> {
    let answer = stage.server.http.get(stage.server.url("/readyz")).send().await.expect("an answer");
    assert_eq!(answer.status().as_u16(), 200, "reading goes on");
    let body: serde_json::Value = answer.json().await.expect("JSON");
    serde_json::from_value(body["degraded"].clone()).expect("names")
}

/// Every key and what is in it, but for `src`: the timers' clock goes on.
async fn dump(stage: &Stage) -> BTreeMap<String, Vec<Vec<u8>>> {
    let mut redis = stage.redis.connect().await;
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut redis).await.expect("KEYS");
    let mut dumped = BTreeMap::new();
    for key in keys.into_iter().filter(|key| !key.ends_with(":src")) {
        let kind: String = redis::cmd("TYPE").arg(&key).query_async(&mut redis).await.expect("TYPE");
        let value = if kind == "hash" {
            // A hash that grows is dumped in an order that changes by itself.
            let fields: BTreeMap<Vec<u8>, Vec<u8>> =
                redis::cmd("HGETALL").arg(&key).query_async(&mut redis).await.expect("HGETALL");
            fields.into_iter().flat_map(|(field, value)| [field, value]).collect()
        } else {
            vec![redis::cmd("DUMP").arg(&key).query_async(&mut redis).await.expect("DUMP")]
        };
        dumped.insert(key, value);
    }
    assert!(dumped.len() > 10, "there is something to compare");
    dumped
}
