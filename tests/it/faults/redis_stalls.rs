//! Redis is there and does not answer, or answers late: worse than gone, since nothing says so.

use std::time::{Duration, Instant};

use super::{
    checker::Operation,
    crowd::{Crowd, joins_at},
    scale,
    stage::{Reach, Stage},
};
use crate::harness::{until, wire::Flow};

/// How long it stalls.
const STALL_S: f64 = 6.0;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frozen_and_thawed() {
    let mut stage = Stage::set("redis_frozen").await;
    let per_s: u32 = if scale() > 1 { 100 } else { 30 };
    for _ in 0..scale().min(3) {
        let judge = stage.judge.clone();
        let lasting = Duration::from_secs_f64(STALL_S);
        let joining = tokio::spawn(async move { joins_at(&judge, per_s, lasting).await });
        let crowd = Crowd::of(&stage.judge, 4);
        let acknowledged = stage.judge.acknowledged();
        until("guests join", async || (stage.judge.acknowledged() > acknowledged + per_s as usize).then_some(())).await;
        let before_kib = stage.server.resident_kib();

        stage.redis.freeze();
        let broken = Instant::now();
        let (mut in_flight_max, mut resident_max_kib) = (0.0_f64, 0);
        while broken.elapsed().as_secs_f64() < STALL_S {
            let in_flight = stage.server.figure("waitless_http_requests_in_flight").await.expect("a figure");
            in_flight_max = in_flight_max.max(in_flight);
            resident_max_kib = resident_max_kib.max(stage.server.resident_kib());
            Stage::for_s(0.05).await;
        }
        stage.not_live_soon_after(broken).await;
        stage.redis.thaw();
        let healed = Instant::now();
        joining.await.expect("everybody has a number");
        crowd.rest().await;
        stage.right_soon_after(healed).await;
        stage.answers_came_in_time();

        stage.report.worst("in_flight_max", in_flight_max);
        stage.report.worst("resident_grown_mib", (resident_max_kib.saturating_sub(before_kib)) as f64 / 1_024.0);
        // Whoever comes waits two seconds at most, and then everybody is refused at once; half as many for retries.
        let bound = f64::from(per_s) * 2.0 * 1.5 + 10.0;
        assert!(in_flight_max < bound, "{in_flight_max} requests piled up, {bound} are explained");
        assert!(resident_max_kib < before_kib + 64 * 1_024, "{resident_max_kib} KiB after {before_kib}");
    }
    stage.judged().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_but_alive_and_then_too_slow() {
    let mut stage = Stage::set_reaching("redis_slow", Reach::ByWire).await;
    stage.redis_wire.set(Flow::Slow(Duration::from_millis(150)));
    for _ in 0..3 * scale() {
        let (status, body) = stage.judge.settle(&Operation::join("A", 2, None)).await;
        assert_eq!(status, 201, "300 ms more are within every deadline: {body}");
    }
    assert_eq!(stage.judge.answered("503"), 0, "and nobody had to ask again");

    let crowd = Crowd::of(&stage.judge, 6);
    stage.redis_wire.set(Flow::Slow(Duration::from_secs(3)));
    let broken = Instant::now();
    until("it is too slow", async || (stage.judge.answered("503") > 10).then_some(())).await;
    stage.not_live_soon_after(broken).await;
    stage.redis_wire.set(Flow::Open);
    let healed = Instant::now();
    crowd.rest().await;
    stage.right_soon_after(healed).await;
    stage.answers_came_in_time();
    stage.judged().await;
}
