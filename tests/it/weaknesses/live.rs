//! Weaknesses 16 to 18: pushing, the steps of a call, and what a database waits for.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use futures_util::future::{join, join_all, join4};
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};

use super::{
    house::{DEMO, House, array, own, party},
    spy::{Asked, Spy},
};
use crate::harness::{
    given,
    redis_of_ones_own::OwnRedis,
    until,
    watch::Watcher,
    wire::{Flow, Wire},
};

/// Reads frames until one shows what is looked for; how many were read.
async fn frames_until(watcher: &mut Watcher, shows: impl Fn(&Value) -> bool) -> usize {
    let reading = async {
        for count in 1.. {
            if shows(&watcher.frame().await) {
                return count;
            }
        }
        unreachable!("frames go on for ever");
    };
    tokio::time::timeout(Duration::from_secs(20), reading).await.expect("it comes")
}

/// In the old system a phone polled, and each poll cost a database query and a read of the queue; a phone must get its
/// new place by itself, and being pushed to must cost PostgreSQL and Redis nothing, however many watch.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn weakness_16_places_are_pushed_and_cost_the_stores_nothing() {
    const PHONES: usize = 40;
    const CALLS: usize = 10;
    let redis = OwnRedis::start().await;
    let (house, wire) = House::with_postgres_by_wire(1, |config| config.redis_url = redis.url.clone().into()).await;
    let mut tickets = Vec::new();
    for _ in 0..CALLS + 3 {
        tickets.push(house.guest().join().await);
    }
    // Redis has to be taught the script once.
    let called = house.staff().call_next().await.did()["ticket"].clone();
    house.staff().act(&called, "undo", json!({})).await.did();
    // They watch the last three, who move with every call.
    let mut phones = Vec::new();
    for n in 0..PHONES {
        let url = house.servers[0].ws(&own(&tickets[CALLS + n % 3], "/live"));
        let mut phone = Watcher::connect(&url, None).await.expect("the socket opens");
        assert_eq!(phone.frame().await["ahead"], CALLS + n % 3);
        phones.push(phone);
    }
    let restaurant = house.key("meta").await.replace(":meta", ":");
    let spy = Spy::on(&redis.url);
    let asked_before = wire.asked_bytes();
    let mut calls = 0;
    for _ in 0..CALLS {
        let answer = house.staff().call_next().await.did();
        assert_eq!(answer["ticket"]["state"], "called");
        calls += 1;
    }
    let readings = phones.iter_mut().enumerate().map(|(n, phone)| {
        let ahead = json!(n % 3);
        async move { frames_until(phone, move |frame| frame["ahead"] == ahead).await }
    });
    let frames: usize = join_all(readings).await.into_iter().sum();
    let asked = wire.asked_bytes() - asked_before;
    let of_it: Vec<Asked> =
        spy.heard().into_iter().filter(|asked| !asked.by_script && asked.line.contains(&restaurant)).collect();
    println!(
        "{calls} calls pushed {frames} frames to {PHONES} phones: {asked} bytes to PostgreSQL, {} Redis commands",
        of_it.len()
    );
    assert!(frames >= PHONES, "every phone was told");
    assert_eq!(asked, 0, "bytes to PostgreSQL");
    let names: Vec<&str> = of_it.iter().map(|asked| asked.name.as_str()).collect();
    assert_eq!(names, vec!["evalsha"; calls], "the calls themselves, and nothing for those who watch");
}

/// The old system had no wait time, no call, no missing, no seat, no party sizes and no timeouts; each must exist, and
/// act by itself where it says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn weakness_17_a_call_has_steps_sizes_and_times() {
    let house = House::open().await;
    let (guest, staff) = (house.guest(), house.staff());
    let first = guest.join().await;
    assert!(first["eta"].is_null(), "nothing can be said yet");
    // Six parties sit down one after the other: then something can be said.
    let mut parties = vec![first];
    for _ in 0..11 {
        parties.push(guest.join().await);
    }
    for _ in 0..8 {
        let called = staff.call_next().await.did()["ticket"].clone();
        assert_eq!((&called["state"], &called["calls"]), (&json!("called"), &json!(1)));
        assert!(called["grace_until"].as_i64() > called["called_at"].as_i64(), "{called}");
        let seated = staff.act(&called, "seat", json!({})).await.did()["ticket"].clone();
        assert_eq!(seated["state"], "seated");
    }
    let eta = guest.join().await["eta"].clone();
    assert!(eta["low_s"].as_i64() <= eta["high_s"].as_i64() && eta["target"] == 80, "{eta}");

    // A table of six: the party that fits is called, those passed are told.
    let large = guest.join_as(json!({"adults": 5, "children": 1})).await.did();
    let ranged = json!({"party_min": 5, "party_max": 6, "to": "창가"});
    let called = staff.post(&format!("{DEMO}/lines/A/call-next"), ranged).await.did();
    assert_eq!((&called["ticket"]["id"], &called["ticket"]["to"]), (&large["id"], &json!("창가")));
    let passed = guest.get(&own(&parties[8], "")).await.did();
    assert!(array(&passed["notices"]).iter().any(|notice| notice["kind"] == "overtaken"), "{}", passed["notices"]);
    guest.join_as(json!({"adults": 9})).await.refused(409, "party_size");

    // Grace ends: once back by three places, then missed; the guest rejoins once, and staff call again.
    house.rule(json!({"grace_s": 1, "last_call_s": 0})).await;
    let head = staff.call_next().await.did()["ticket"].clone();
    assert_eq!(head["id"], parties[8]["id"]);
    let back = house.until_state(&head, "waiting").await;
    assert_eq!(back["ahead"], 3, "three places back, by itself");
    staff.act(&head, "call", json!({"reason": "came_back"})).await.did();
    let missed = house.until_state(&head, "no_show").await;
    assert!(missed["rejoin_until"].as_i64() > missed["missed_at"].as_i64(), "{missed}");
    assert_eq!(guest.post(&own(&head, "/rejoin"), json!({})).await.did()["state"], "waiting");
    staff.act(&head, "call", json!({"reason": "came_back"})).await.did();
    let missed = house.until_state(&head, "no_show").await;
    assert!(missed["rejoin_until"].is_null(), "there is one rejoin: {missed}");
    guest.post(&own(&head, "/rejoin"), json!({})).await.refused(409, "rejoin_expired");
    // By hand, too; and a recall gives the grace anew, so often and no more.
    house.rule(json!({"grace_s": 300, "recalls": 1})).await;
    let next = staff.call_next().await.did()["ticket"].clone();
    let recalled = staff.act(&next, "recall", json!({})).await.did()["ticket"].clone();
    assert!(recalled["grace_until"].as_i64() >= next["grace_until"].as_i64() && recalled["calls"] == 2);
    staff.act(&next, "recall", json!({})).await.refused(409, "no_recalls_left");
    staff.act(&next, "no-show", json!({})).await.did();
    staff.act(&next, "seat", json!({})).await.did();
    // Nobody says that they have left: the stay ends by itself, and that can be taken back.
    house.rule(json!({"stay_s": 1})).await;
    staff.act(&next, "undo", json!({})).await.did();
    staff.act(&next, "seat", json!({})).await.did();
    let done = house.until_state(&next, "completed").await;
    assert_eq!(done["ended"]["by"], "timer");
    house.rule(json!({"stay_s": 5400})).await;
    assert_eq!(staff.act(&next, "undo", json!({})).await.did()["ticket"]["state"], "seated");
}

/// In the old system a remote call ran inside an open database transaction; while Redis answers slowly, under load, no
/// session of PostgreSQL may wait with a transaction open.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn weakness_18_no_transaction_waits_for_anybody() {
    const RESTAURANTS: usize = 6;
    let (wire, redis_url) = Wire::to_secret(&given("WAITLESS_TEST_REDIS_URL").into(), Flow::Open);
    let house = House::open_with(2, |config| config.redis_url = redis_url).await;
    let slugs: Vec<String> = (0..RESTAURANTS).map(|n| format!("other-{n}")).collect();
    for slug in &slugs {
        house.another_restaurant(slug).await;
    }
    let database = house.servers[0].config.database_url.clone();
    let (sign_in, policy) =
        (json!({"email": "staff@demo.test", "password": "waitless-demo"}), format!("{DEMO}/policy"));
    // Both ways.
    wire.set(Flow::Slow(Duration::from_millis(100)));
    let done = AtomicBool::new(false);
    let load = async {
        // Whatever uses both: joining, signing in, changing rules, and opening restaurants that were never open.
        let rounds = slugs.iter().enumerate().map(async |(n, slug)| {
            let joins = format!("/v1/restaurants/{slug}/tickets");
            let others = join4(
                house.guest().at(n).join_as(json!({})),
                house.guest().at(n).post("/v1/auth/sign-in", sign_in.clone()),
                house.owner().at(n).patch(&policy, json!({"grace_s": 60 + n})),
                house.guest().at(n).get("/v1/restaurants"),
            );
            let opened = until("the restaurant is opened at last", async || {
                let joined = house.guest().at(n).post(&joins, party(json!({}))).await;
                (joined.status == 201).then_some(joined)
            });
            let (opened, _) = join(opened, others).await;
            assert_eq!(opened.did()["number"], "A001");
            5
        });
        let answers: u32 = join_all(rounds).await.into_iter().sum();
        done.store(true, Ordering::SeqCst);
        answers
    };
    let watch = async {
        // A statement of one transaction follows another within a moment; what waits for Redis waits longer.
        let sql = "SELECT extract(epoch FROM xact_start)::text, state LIKE 'idle in transaction%'
                       AND clock_timestamp() - state_change > interval '120 ms'
                   FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
        let mut connection = PgConnection::connect(database.expose()).await.expect("PostgreSQL answers");
        let (mut looks, mut sessions_max, mut waited) = (0, 0, BTreeSet::new());
        while !done.load(Ordering::SeqCst) {
            let sessions: Vec<(Option<String>, Option<bool>)> =
                sqlx::query_as(sql).fetch_all(&mut connection).await.expect("the sessions");
            (looks, sessions_max) = (looks + 1, sessions_max.max(sessions.len()));
            waited
                .extend(sessions.into_iter().filter(|(_, waits)| *waits == Some(true)).filter_map(|(begun, _)| begun));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        (looks, sessions_max, waited.len())
    };
    let (answers, (looks, sessions, waited)) = join(load, watch).await;
    println!("{answers} answers while Redis was slow; {looks} looks at up to {sessions} sessions: {waited} waited");
    // Every restaurant was opened once: a busy machine may hold up a transaction or two, but not that many.
    assert!(waited < RESTAURANTS / 2, "{waited} transactions were open while their holders waited for something else");
    assert!(looks > 50 && sessions > 1, "{looks} looks at {sessions} sessions");
}
