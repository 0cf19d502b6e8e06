//! Weaknesses 1 to 4: letting others go first.

use futures_util::future::join_all;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};

use super::{
    house::{House, counted, counts, own, text},
    spy::commands_run,
};
use crate::harness::{redis_of_ones_own::OwnRedis, watch::Watcher};

async fn line_of(house: &House, count: usize) -> Vec<Value> {
    let mut tickets = Vec::new();
    for _ in 0..count {
        tickets.push(house.guest().join().await);
    }
    tickets
}

/// The old system set the place to the number a guest sent, so that 1 jumped to the front and 0 or less to the end; a
/// delay must count from the guest's own place, backwards, and take nothing else for an answer.
#[tokio::test]
async fn weakness_01_delay_takes_no_absolute_position() {
    const SEED: u64 = 1;
    let house = House::open().await;
    house.rule(json!({"delays": 5})).await;
    let tickets = line_of(&house, 12).await;
    let rev = house.rev().await;
    for body in [json!({"places": 0}), json!({"places": -1}), json!({"places": 21}), json!({"places": 1.5})] {
        house.guest().post(&own(&tickets[4], "/delay"), body).await.refused(422, "invalid");
    }
    for body in [json!({"count": 1}), json!({"position": 1}), json!({}), json!({"places": 1, "position": 1})] {
        house.guest().post(&own(&tickets[4], "/delay"), body).await.refused(422, "invalid");
    }
    house.guest().post(&own(&tickets[11], "/delay"), json!({"places": 1})).await.refused(409, "nobody_behind");
    assert_eq!(house.rev().await, rev, "what is refused changes nothing");

    let mut random = StdRng::seed_from_u64(SEED);
    let mut expected: Vec<usize> = (0..tickets.len()).collect();
    let mut outcomes = Vec::new();
    for _ in 0..60 {
        let ticket = random.random_range(0..tickets.len());
        let places = random.random_range(1..=20);
        let answer = house.guest().post(&own(&tickets[ticket], "/delay"), json!({"places": places})).await;
        let from = expected.iter().position(|other| *other == ticket).expect("it waits");
        if answer.status == 200 {
            let to = (from + places).min(expected.len() - 1);
            assert!(to > from, "{places} from {from}");
            expected.remove(from);
            expected.insert(to, ticket);
            assert_eq!(answer.json()["ahead"], to, "{places} places back from {from}");
        } else {
            assert!(from == expected.len() - 1 || answer.outcome() == "no_delays_left", "{}", answer.text);
        }
        outcomes.push(answer.outcome());
    }
    let numbers: Vec<String> = expected.iter().map(|index| text(&tickets[*index]["number"])).collect();
    assert_eq!(house.waiting().await, numbers);
    println!("seed {SEED}: {:?}", counted(outcomes));
}

/// The old system put a cancelled or seated party back into the queue when it asked for a delay; only one who is in the
/// line may let others go first.
#[tokio::test]
async fn weakness_02_delay_is_for_those_in_the_line() {
    let house = House::open().await;
    let tickets = line_of(&house, 6).await;
    let (guest, staff) = (house.guest(), house.staff());
    guest.delete(&own(&tickets[0], "")).await.did();
    staff.act(&tickets[1], "seat", json!({})).await.did();
    staff.act(&tickets[2], "seat", json!({})).await.did();
    staff.act(&tickets[2], "complete", json!({})).await.did();
    staff.act(&tickets[3], "call", json!({})).await.did();
    staff.act(&tickets[3], "no-show", json!({})).await.did();
    let (rev, waiting) = (house.rev().await, house.waiting().await);
    for ticket in &tickets[..4] {
        let before = guest.get(&own(ticket, "")).await.did();
        for places in [1, 2, 20] {
            guest.post(&own(ticket, "/delay"), json!({"places": places})).await.refused(409, "wrong_state");
        }
        let after = guest.get(&own(ticket, "")).await.did();
        for field in ["state", "delays_left", "delays", "order", "ahead"] {
            assert_eq!(before[field], after[field], "{field}");
        }
    }
    assert_eq!((house.rev().await, house.waiting().await), (rev, waiting));
    // One who is called may, and is in the line again then.
    staff.act(&tickets[4], "call", json!({})).await.did();
    let frame = guest.post(&own(&tickets[4], "/delay"), json!({"places": 1})).await.did();
    assert_eq!((&frame["state"], &frame["ahead"]), (&json!("waiting"), &json!(1)));
}

/// The old system read, deleted and wrote the whole queue again for one delay, and did not tell the new head; a delay
/// must write one place whatever the length of the line, and everybody behind must be told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn weakness_03_delay_writes_one_place_and_tells_the_new_head() {
    let redis = OwnRedis::start().await;
    let house = House::open_with(1, |config| config.redis_url = redis.url.clone().into()).await;
    let mut written = Vec::new();
    for length in [5, 200] {
        let mut tickets: Vec<Value> = Vec::new();
        while tickets.len() < length {
            tickets.push(house.guest().join_as(json!({"line": "B"})).await.did());
        }
        let url = house.servers[0].ws(&own(&tickets[1], "/live"));
        let mut second = Watcher::connect(&url, None).await.expect("the socket opens");
        assert_eq!(second.frame().await["ahead"], 1);
        let mut connection = house.redis().await;
        let before = commands_run(&mut connection).await;
        house.guest().post(&own(&tickets[0], "/delay"), json!({"places": 3})).await.did();
        let after = commands_run(&mut connection).await;
        let writes = ["zadd", "zrem", "zremrangebyrank", "zremrangebyscore", "zremrangebylex", "del", "unlink"];
        written.push(writes.map(|name| after.get(name).unwrap_or(&0) - before.get(name).unwrap_or(&0)));
        let head = loop {
            let frame = second.frame().await;
            if frame["ahead"] == 0 {
                break frame;
            }
        };
        let told: Vec<String> = super::house::array(&head["notices"]).iter().map(|n| text(&n["kind"])).collect();
        assert!(told.contains(&"next".to_owned()), "the new head is told: {told:?}");
        for ticket in &tickets {
            house.guest().delete(&own(ticket, "")).await.did();
        }
    }
    println!("sorted-set writes of one delay in lines of 5 and 200: {written:?}");
    assert_eq!(written[0], written[1], "as many writes in a long line as in a short one");
    assert_eq!(written[0][2..], [0; 5], "nothing is removed in bulk");
}

/// The old system read the count of delays, and wrote it later, so that parallel calls spent more than three; fifty at
/// once, at two servers, must spend exactly three.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn weakness_04_parallel_delays_spend_exactly_three() {
    let house = House::open_with(2, |_| {}).await;
    let tickets = line_of(&house, 30).await;
    let path = own(&tickets[0], "/delay");
    let delays = (0..50).map(|n| house.guest().at(n).post(&path, json!({"places": 2})));
    let outcomes = counted(join_all(delays).await.iter().map(|answer| answer.outcome()));
    println!("fifty delays at once: {outcomes:?}");
    assert_eq!(outcomes, counts([("done", 3), ("no_delays_left", 47)]));
    let frame = house.guest().post(&path, json!({"places": 1})).await.refused(409, "no_delays_left");
    assert_eq!(frame["code"], "no_delays_left");
    let frame = house.guest().get(&own(&tickets[0], "")).await.did();
    assert_eq!((&frame["delays"], &frame["delays_left"]), (&json!(3), &json!(0)));
    assert_eq!(house.waiting().await.iter().position(|number| number == "A001"), Some(6), "three times two places");
}
