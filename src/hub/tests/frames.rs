//! Shared encodings and deltas.

use std::sync::atomic::Ordering::SeqCst;

use super::{
    super::{HubSettings, Watch},
    fake::{Client, FakeSource, hub, ms, pass},
};
use crate::{
    domain::testing::{RESTAURANT, Random, random_ticket, ticket},
    protocol::{
        DeltaFrame, QueueFrame,
        tests::{apply_delta, comparable},
    },
};

#[tokio::test(start_paused = true)]
async fn boards_and_consoles_share_one_encoding() {
    let source = FakeSource::new();
    let hub = hub(&source, HubSettings::default());
    for watch in [Watch::Board { door: false }, Watch::Board { door: true }, Watch::Console] {
        let mut one = Client::open(&hub, watch.clone()).await;
        let mut other = Client::open(&hub, watch.clone()).await;
        for _ in 0..3 {
            assert_eq!(one.encoded().await, other.encoded().await, "{watch:?}");
            source.happen("ticket.joined", vec![ticket(1)]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_newcomers_board_says_the_present_time() {
    let source = FakeSource::new();
    let hub = hub(&source, HubSettings::default());
    let mut first = Client::open(&hub, Watch::Board { door: false }).await;
    let first_at = first.news().await["at"].as_i64().expect("a time");
    pass(ms(20_000)).await;
    let mut late = Client::open(&hub, Watch::Board { door: false }).await;
    assert_eq!(late.news().await["at"].as_i64(), Some(first_at + 20_000));
}

/// Random changes, some of them lost on the way: what a console has put together is the queue, after every frame.
#[tokio::test(start_paused = true)]
async fn a_console_that_follows_its_deltas_has_the_queue() {
    let source = FakeSource::new();
    let hub = hub(&source, HubSettings { log_len_max: 5, ..HubSettings::default() });
    let room = hub.room(RESTAURANT).await.expect("entered");
    let mut console = Client::open(&hub, Watch::Console).await;
    let mut random = Random::new(3);
    let mut has: QueueFrame = serde_json::from_value(console.frame().await).expect("a queue");
    let (mut deltas, mut queues) = (0, 0);
    for round in 0..400 {
        source.deaf.store(random.below(50) == 0, SeqCst);
        // Sometimes more at once than the log remembers.
        for _ in 0..random.below(if round % 20 == 0 { 9 } else { 3 }) {
            source.happen_with("ticket.changed", |event| {
                event.tickets = (0..random.below(3)).map(|_| random_ticket(&mut random, event.at)).collect();
            });
        }
        pass(ms(u64::from(random.below(200)))).await;
        for frame in console.frames_now() {
            let before = (has.epoch, has.rev, has.at);
            match frame["type"].as_str() {
                Some("delta") => {
                    deltas += 1;
                    let delta: DeltaFrame = serde_json::from_value(frame).expect("a delta");
                    apply_delta(&mut has, &delta);
                    has.at = delta.at;
                }
                Some("queue") => {
                    queues += 1;
                    has = serde_json::from_value(frame).expect("a queue");
                }
                _ => continue,
            }
            assert!((has.epoch, has.rev, has.at) > before, "{before:?}");
        }
        // Everything that was told, or is waiting to be.
        pass(ms(60)).await;
        for frame in console.frames_now().into_iter().filter(|frame| frame["type"] == "delta") {
            apply_delta(&mut has, &serde_json::from_value(frame).expect("a delta"));
        }
        let queue: QueueFrame = serde_json::from_str(room.queue().as_str()).expect("a queue");
        if queue.rev == has.rev {
            assert_eq!(comparable(has.clone()), comparable(queue), "round {round}");
        }
    }
    assert!(deltas > 100 && queues > 3, "{deltas} deltas, {queues} queues");
}
