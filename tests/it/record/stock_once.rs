//! What staff counted is counted once, however often Redis dies or comes back older.

use super::house::{Ask, COUNTED, House, id_of};
use crate::{faults::report::Report, harness::wire::Flow};

/// Whoever looks sees so many units; `when` says after what.
async fn left_is(house: &House, left: i64, when: &str) {
    let seen = house.left(COUNTED).await;
    assert_eq!(seen, left, "units left after {when}");
    let recorded = "SELECT left_after FROM stock_movements WHERE item = 'galbijjim' ORDER BY epoch DESC, rev DESC";
    assert_eq!(house.database.count(recorded).await, left, "units recorded after {when}");
}

/// A party that orders so many units.
fn order(quantity: u32) -> Ask {
    let items = serde_json::json!([{ "item": COUNTED, "quantity": quantity }]);
    Ask::join(serde_json::json!({ "line": "A", "adults": 2, "channel": "onsite", "items": items }))
}

/// Redis comes back, and everything that this brings about has happened.
async fn plain_restart(house: &mut House) {
    house.redis_returns(None).await;
    house.compared().await;
}

fn came_back_older(house: &House) -> usize {
    house.said().matches("came back older").count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_times_ten_more_are_fifty_more_in_every_life() {
    let _report = Report::of("lives_stock_adjusted");
    let mut house = House::open(true).await;
    let copy = house.redis.copy();
    for _ in 0..5 {
        house.did(&Ask::adjust(COUNTED, 10)).await;
    }
    house.recorded().await;
    left_is(&house, 100, "five times +10").await;
    house.redis_returns(Some(&copy)).await;
    house.compared().await;
    left_is(&house, 100, "an older copy").await;
    let said = came_back_older(&house);
    for restart in ["a plain restart", "another one", "a third one"] {
        plain_restart(&mut house).await;
        left_is(&house, 100, restart).await;
    }
    assert_eq!(came_back_older(&house), said, "a plain restart is not told as an older copy: {}", house.said());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_restart_is_not_told_as_an_older_copy() {
    let mut house = House::open(true).await;
    house.did(&Ask::adjust(COUNTED, 10)).await;
    house.join("A", 2).await;
    house.recorded().await;
    for _ in 0..2 {
        plain_restart(&mut house).await;
        house.join("A", 1).await;
        house.recorded().await;
    }
    left_is(&house, 60, "plain restarts").await;
    assert_eq!(came_back_older(&house), 0, "nothing was lost: {}", house.said());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_copy_may_come_back_again_and_again() {
    let _report = Report::of("lives_stock_copies");
    let mut house = House::open(true).await;
    house.did(&Ask::adjust(COUNTED, 1)).await;
    let copy = house.redis.copy();
    let mut left = 51;
    for by in [10, -3, 7] {
        house.did(&Ask::adjust(COUNTED, by)).await;
        left += by;
        house.recorded().await;
        house.redis_returns(Some(&copy)).await;
        house.compared().await;
        left_is(&house, left, "an older copy").await;
        plain_restart(&mut house).await;
        left_is(&house, left, "a plain restart").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_second_loss_comes_before_the_first_was_compared() {
    let _report = Report::of("lives_stock_two_losses");
    let mut house = House::open(true).await;
    let older = house.redis.copy();
    house.did(&Ask::adjust(COUNTED, 10)).await;
    house.recorded().await;
    let newer = house.redis.copy();
    house.did(&Ask::adjust(COUNTED, 20)).await;
    house.recorded().await;
    // Each copy is seen for a moment, and acted on.
    house.redis_returns(Some(&newer)).await;
    house.did(&Ask::adjust(COUNTED, 1)).await;
    house.redis_returns(Some(&older)).await;
    house.did(&Ask::adjust(COUNTED, 2)).await;
    house.redis_returns(None).await;
    house.compared().await;
    // Whether the one between was recorded before it was lost is a matter of chance: it is there once, or not at all.
    let once = "SELECT count(*) FROM events WHERE name = 'stock.changed' AND reason IS NULL AND role = 'staff'";
    let acts = house.database.count(once).await;
    let expected = 50 + 10 + 20 + 2 + (acts - 3);
    left_is(&house, expected, "two losses").await;
    plain_restart(&mut house).await;
    left_is(&house, expected, "two losses and a plain restart").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sets_adjusts_and_an_end_of_counting_come_back_in_their_order() {
    let _report = Report::of("lives_stock_mixed");
    let mut house = House::open(true).await;
    house.did(&Ask::adjust(COUNTED, 5)).await;
    house.recorded().await;
    let copy = house.redis.copy();
    for (asks, left) in [
        (vec![Ask::set(COUNTED, Some(30)), Ask::adjust(COUNTED, 4)], 34),
        (vec![Ask::adjust(COUNTED, 4), Ask::set(COUNTED, Some(80))], 80),
        (vec![Ask::set(COUNTED, None), Ask::set(COUNTED, Some(20)), Ask::adjust(COUNTED, -3)], 17),
        (vec![Ask::adjust(COUNTED, 9), Ask::set(COUNTED, None), Ask::set(COUNTED, Some(60))], 60),
    ] {
        for ask in &asks {
            house.did(ask).await;
        }
        house.recorded().await;
        house.redis_returns(Some(&copy)).await;
        house.compared().await;
        left_is(&house, left, &format!("{asks:?} and an older copy")).await;
        plain_restart(&mut house).await;
        left_is(&house, left, &format!("{asks:?}, an older copy and a plain restart")).await;
    }
    house.did(&Ask::set(COUNTED, None)).await;
    house.recorded().await;
    house.redis_returns(Some(&copy)).await;
    house.compared().await;
    assert!(house.left(COUNTED).await.is_null(), "it is not counted any more");
    plain_restart(&mut house).await;
    assert!(house.left(COUNTED).await.is_null(), "nor after a plain restart");
    house.did(&Ask::set(COUNTED, Some(7))).await;
    house.recorded().await;
    house.redis_returns(Some(&copy)).await;
    house.compared().await;
    left_is(&house, 7, "counting again, and an older copy").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_tickets_hold_is_taken_once() {
    let _report = Report::of("lives_stock_held");
    let mut house = House::open(true).await;
    let early = house.did(&order(4)).await;
    let copy = house.redis.copy();
    let seated = house.did(&order(3)).await;
    let cancelled = house.did(&order(2)).await;
    house.did(&order(1)).await;
    house.did(&Ask::adjust(COUNTED, 10)).await;
    house.did(&Ask::act("seat", id_of(&seated), serde_json::json!({}))).await;
    house.did(&Ask::act("cancel", id_of(&cancelled), serde_json::json!({}))).await;
    house.did(&Ask::act("cancel", id_of(&early), serde_json::json!({}))).await;
    house.recorded().await;
    let left = 50 + 10 - 3 - 1;
    left_is(&house, left, "an evening").await;
    for _ in 0..2 {
        house.redis_returns(Some(&copy)).await;
        house.compared().await;
        left_is(&house, left, "an older copy").await;
        plain_restart(&mut house).await;
        left_is(&house, left, "a plain restart").await;
    }
    house.did(&Ask::act("undo", id_of(&early), serde_json::json!({}))).await;
    left_is_now(&house, left - 4).await;
    house.recorded().await;
    house.redis_returns(Some(&copy)).await;
    house.compared().await;
    left_is(&house, left - 4, "an undo and an older copy").await;
}

/// Before the comparison staff change what is left of a copy that lacks something.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_staff_change_before_the_comparison_comes_on_top() {
    let _report = Report::of("lives_stock_touched");
    let mut house = House::open(true).await;
    let held = house.did(&order(4)).await;
    let copy = house.redis.copy();
    house.did(&order(3)).await;
    house.did(&Ask::adjust(COUNTED, -6)).await;
    house.recorded().await;
    house.postgres.set(Flow::Gone);
    house.redis_returns(Some(&copy)).await;
    house.did(&Ask::adjust(COUNTED, 1)).await;
    house.did(&Ask::act("cancel", id_of(&held), serde_json::json!({}))).await;
    left_is_now(&house, 50 + 1).await;
    house.postgres.set(Flow::Open);
    house.compared().await;
    left_is(&house, 50 + 1 - 3 - 6, "the comparison").await;
    house.redis_returns(Some(&copy)).await;
    house.compared().await;
    left_is(&house, 50 + 1 - 3 - 6, "the same copy").await;

    house.did(&Ask::set(COUNTED, Some(200))).await;
    house.did(&Ask::adjust(COUNTED, 5)).await;
    house.recorded().await;
    house.postgres.set(Flow::Gone);
    house.redis_returns(Some(&copy)).await;
    house.did(&Ask::adjust(COUNTED, 2)).await;
    left_is_now(&house, 50 - 4 + 2).await;
    house.postgres.set(Flow::Open);
    house.compared().await;
    left_is(&house, 200 + 5 + 2, "a count and the comparison").await;
    house.redis_returns(Some(&copy)).await;
    house.compared().await;
    left_is(&house, 200 + 5 + 2, "a count and the same copy").await;
}

async fn left_is_now(house: &House, left: i64) {
    assert_eq!(house.left(COUNTED).await, left);
}
