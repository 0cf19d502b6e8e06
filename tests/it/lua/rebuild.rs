//! load from the record: everything stands as it was, and nothing is given out twice.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, stream};
use waitless::{
    domain::{
        CallReason, Channel, Join, LineRecord, Policy, Rejection, RestaurantRecord, Stamp, Ticket, TicketState,
        replica::Snapshot,
    },
    queue::script,
};

use super::commands::{
    announce, call, call_next, cancel, check_in, complete, delay, edit_line, join, line_set, no_show, policy_set,
    put_back, recall, rejoin, restaurant_set, restore, seat, stock_adjust, stock_set, undo,
};
use crate::harness::{
    redis_of_ones_own::OwnRedis,
    shop::{DAY_ENDS_AT, Dump, Layout, Shop, guest, line, staff},
};
use waitless::domain::OpenState::{Closed, Open, Paused};

/// A shop where everything has happened, with its tickets by what became of them.
async fn busy_shop() -> (Shop, BTreeMap<&'static str, Ticket>) {
    let stock = vec![("cake", Some(50)), ("soup", Some(20)), ("tea", None)];
    let mut shop = Shop::open(Layout { stock, ..Layout::default() }).await;
    let mut tickets = BTreeMap::new();
    let old = shop.join("A").await;
    shop.did_quietly(&staff(), restaurant_set(Closed, None)).await;
    shop.roll("2026-11-23", DAY_ENDS_AT + 86_400_000).await.expect("nobody is called");
    shop.did_quietly(&staff(), restaurant_set(Open, None)).await;
    tickets.insert("of yesterday", old);
    let names = [
        "seated",
        "completed",
        "missed",
        "gave up rejoining",
        "called",
        "recalled",
        "cancelled",
        "cancelled by staff",
        "put back",
        "delayed",
        "moved to B",
        "restored",
        "undone",
        "waiting",
    ];
    for (index, name) in names.into_iter().enumerate() {
        shop.pass(700).await;
        let party = Join {
            adults: 1 + index as u32 % 5,
            channel: if index % 3 == 2 { Channel::Remote } else { Channel::Onsite },
            guards: vec![format!("g{index}")],
            items: vec![("cake".into(), 1 + index as u32 % 3), ("tea".into(), 1)],
            name: Some("김 \u{1f35c}".to_owned()),
            ..shop.party("A")
        };
        let key = format!("join {name}");
        let joined = shop.run_once(&guest(), &key, name, join(&party)).await.expect("room");
        tickets.insert(name, joined.done.ticket.expect("a ticket"));
    }
    let of = |name: &str| tickets[name].clone();
    for name in ["missed", "gave up rejoining", "restored", "seated", "completed", "put back", "undone"] {
        shop.did(&staff(), call(&of(name), CallReason::Other)).await;
    }
    shop.did(&staff(), no_show(&of("gave up rejoining"))).await;
    for name in ["seated", "completed"] {
        shop.did(&staff(), seat(&of(name))).await;
    }
    shop.did(&staff(), undo(&of("undone"))).await;
    shop.did(&staff(), put_back(&of("put back"), 2)).await;
    shop.did(&guest(), delay(&of("delayed"), 1)).await;
    shop.did(&staff(), edit_line(&of("moved to B"), "B")).await;
    shop.did(&staff(), no_show(&of("restored"))).await;
    shop.did(&staff(), restore(&of("restored"), 1)).await;
    // The grace of the one that is missed ends in between, that of the rejoining too.
    shop.pass(180_000).await;
    shop.tick().await;
    shop.did(&staff(), no_show(&of("missed"))).await;
    shop.pass(420_000).await;
    shop.tick().await;
    shop.did(&staff(), complete(&of("completed"))).await;
    shop.did(&staff(), call(&of("called"), CallReason::Other)).await;
    shop.did(&staff(), call(&of("recalled"), CallReason::Other)).await;
    shop.pass(10_000).await;
    shop.run_once(&staff(), "recall", "recall", recall(&of("recalled"))).await.expect("it is called");
    shop.did(&staff(), cancel(&of("cancelled by staff"))).await;
    shop.did(&guest(), cancel(&of("cancelled"))).await;
    shop.did_quietly(&staff(), stock_set("soup", 7)).await;
    shop.did_quietly(&staff(), announce("곧 마감", Some(shop.now + 500_000))).await;
    shop.did_quietly(&staff(), line_set("B", Paused, Some(shop.now + 600_000))).await;
    shop.did_quietly(&staff(), restaurant_set(Paused, Some(shop.now + 400_000))).await;
    shop.did_quietly(&staff(), policy_set(Policy { delays: 1, ..Policy::default() })).await;
    (shop, tickets)
}

/// What a loss may change is taken out.
fn comparable(mut snapshot: Snapshot) -> Snapshot {
    snapshot.stamp = Stamp::default();
    snapshot.restaurant = RestaurantRecord { rebuilt_at: None, epoch: 0, ..snapshot.restaurant };
    for line in snapshot.lines.values_mut() {
        *line = LineRecord { last_number: 0, numbered: 0, epoch: 0, ..line.clone() };
    }
    snapshot.tickets.sort_by(|a, b| a.id.cmp(&b.id));
    snapshot
}

/// Lists, deadlines and packed tickets, by the last part of their key.
fn lists(dump: Dump) -> Dump {
    let named = dump.into_iter().map(|(key, entries)| (key.rsplit(':').next().expect("a name").to_owned(), entries));
    named.filter(|(name, _)| !["meta", "events", "revs", "idem"].contains(&name.as_str())).collect()
}

#[tokio::test]
async fn everything_stands_as_it_was() {
    let (mut shop, of) = busy_shop().await;
    let (before, dump) = (shop.snapshot().await, shop.dump().await);
    let states: Vec<TicketState> = TicketState::ALL
        .into_iter()
        .filter(|state| before.tickets.iter().any(|ticket| ticket.state == *state))
        .collect();
    assert_eq!(states, TicketState::ALL, "every state is there");
    assert!(dump.keys().filter(|key| !key.ends_with(":channel")).count() >= 15, "every list is there");
    let (joins, away): (Option<i64>, Option<i64>) =
        (shop.field("meta", "joins").await, shop.field("meta", "away").await);
    let codes: BTreeMap<String, String> = hash(&shop, "codes").await;
    let record = shop.record().await;
    shop.lose().await;
    assert_eq!(shop.run(&staff(), call_next("A")).await.err(), Some(Rejection::NotLoaded));
    let rebuilt = shop.queue.rebuild(&record.rebuild(shop.now, 100), Some(shop.now)).await.expect("Redis answers");
    let rebuilt = rebuilt.expect("it was lost");
    assert!(rebuilt.stamp.epoch > before.stamp.epoch);
    assert_eq!(rebuilt.stamp.rev, before.stamp.rev + 1);
    let after = shop.snapshot().await;
    assert_eq!(after.restaurant.rebuilt_at, Some(shop.now));
    for (letter, line) in &after.lines {
        assert_eq!(line.last_number, before.lines[letter].last_number + 100, "numbers are passed over");
    }
    assert_eq!(comparable(after), comparable(before.clone()));
    assert_eq!(lists(shop.dump().await), lists(dump), "lists, deadlines and tickets, to the byte");
    assert_eq!(shop.field::<i64>("meta", "joins").await, joins.map(|joins| joins + 200));
    assert_eq!(shop.field::<i64>("meta", "away").await, away);
    assert_eq!(hash(&shop, "codes").await, codes);
    let event = shop.last_event().await;
    assert_eq!((event.name.as_str(), event.stamp()), ("restaurant.rebuilt", rebuilt.stamp));

    // What was kept for a retry is answered again, what was asked differently is not.
    let again = shop.run_once(&staff(), "recall", "recall", recall(&of["recalled"])).await.expect("a replay");
    assert!(again.replayed && again.stamp < rebuilt.stamp);
    assert_eq!(again.done.ticket.map(|ticket| (ticket.id, ticket.calls)), Some((of["recalled"].id.clone(), 2)));
    let other = shop.run_once(&staff(), "recall", "other", recall(&of["recalled"])).await;
    assert_eq!(other.err(), Some(Rejection::IdempotencyMismatch));

    // And so it goes on.
    let guarded = Join { guards: vec!["g13".into()], ..shop.party("A") };
    assert_eq!(shop.run(&staff(), join(&guarded)).await.err(), Some(Rejection::AlreadyWaiting));
    let free = Join { guards: vec!["g0".into()], ..shop.party("A") };
    let new = shop.did(&staff(), join(&free)).await;
    assert_eq!(new.number, format!("A{:03}", before.lines[&line("A")].last_number + 101));
    let farthest = before.tickets.iter().map(|ticket| ticket.order.as_str()).max().expect("tickets");
    assert!(new.order.as_str() > farthest, "behind everybody");
    let back = shop.did(&staff(), undo(&of["cancelled by staff"])).await;
    assert_eq!((back.state, back.order.as_str()), (TicketState::Waiting, of["cancelled by staff"].order.as_str()));
    assert_eq!(back.items[0].held, 2, "taken again");
    assert_eq!(shop.did(&guest(), undo(&of["cancelled"])).await.order, of["cancelled"].order);
    assert_eq!(shop.did(&guest(), rejoin(&of["missed"])).await.state, TicketState::Waiting);
    assert_eq!(shop.run(&guest(), rejoin(&of["gave up rejoining"])).await.err(), Some(Rejection::RejoinExpired));
    assert_eq!(shop.did(&staff(), undo(&of["completed"])).await.state, TicketState::Seated);
    let remote = before.tickets.iter().find(|it| it.state == TicketState::Waiting && !it.checked_in).expect("remote");
    assert!(shop.did(&guest(), check_in(remote, false)).await.checked_in);
    assert_eq!(shop.ticket(&of["of yesterday"].id).await.state, TicketState::Cancelled);
    let waiting = shop.waiting("A").await;
    assert_eq!(shop.did(&staff(), call_next("A")).await.number, waiting[0]);
    shop.pass(5_400_000).await;
    let kinds: Vec<String> =
        shop.tick().await.into_iter().map(|(kind, outcome)| outcome.map(|_| kind).expect("acts")).collect();
    for kind in ["last_call", "grace", "stay", "restaurant", "line", "announcement"] {
        assert!(kinds.iter().any(|acted| acted == kind), "{kind} of {kinds:?}");
    }
    shop.did_quietly(&staff(), stock_adjust("soup", -7)).await;
    assert_eq!(shop.left("soup").await, Some(0));
}

async fn hash(shop: &Shop, name: &str) -> BTreeMap<String, String> {
    redis::cmd("HGETALL").arg(shop.key(name)).query_async(&mut shop.redis().await).await.expect("HGETALL")
}

/// A deadline that came while there was no Redis moves on; one that had acted before does not act again.
#[tokio::test]
async fn nobody_is_missed_because_redis_was_away() {
    let mut shop = Shop::with_policy(Policy { grace_s: 300, last_call_s: 120, ..Policy::default() }).await;
    let told = shop.join("A").await;
    shop.did(&staff(), call(&told, None)).await;
    shop.pass(180_000).await;
    assert_eq!(shop.tick().await.len(), 1, "the last call");
    let called = shop.join("A").await;
    shop.did(&staff(), call(&called, CallReason::Other)).await;
    let since = shop.now;
    let record = shop.record().await;
    shop.lose().await;
    shop.later(200_000);
    shop.queue.rebuild(&record.rebuild(since, 0), Some(shop.now)).await.expect("Redis answers").expect("lost");
    let deadlines = shop.deadlines().await;
    let kinds: Vec<(&str, i64)> = deadlines.iter().map(|((kind, _), at)| (kind.as_str(), at - since)).collect();
    assert_eq!(kinds.len(), 3, "no last call that was told: {kinds:?}");
    let acts = shop.tick().await;
    assert!(acts.iter().all(|(_, act)| act.is_ok()) && acts.len() == 2, "{acts:?}");
    // Of the second, only the last call lay in the outage: it is told late, as in any outage.
    for (ticket, until) in [(&told, since + 120_000 + 200_000), (&called, since + 300_000)] {
        let ticket = shop.ticket(&ticket.id).await;
        assert_eq!((ticket.state, ticket.grace_until), (TicketState::Called, Some(until)));
    }
    // A neighbour that is rebuilt a little later finds the same outage.
    shop.later(1_000);
    let record = shop.record().await;
    shop.lose_restaurant().await;
    shop.queue.rebuild(&record.rebuild(since, 0), Some(shop.now)).await.expect("Redis answers").expect("lost");
    let packed: Vec<u8> = shop.field("src", "shifts").await.expect("an outage");
    let shifts: Vec<(i64, i64)> = rmp_serde::from_slice(&packed).expect("pairs");
    assert_eq!(shifts, [(since, since + 201_000)]);
}

/// Runs `load` as one rebuild's batch.
pub(super) async fn batch(shop: &Shop, token: &str, first: bool, last: bool) -> Vec<redis::Value> {
    let scripts = script::load_all(true);
    let record = shop.opening(&Layout::default());
    let packed = |value: &dyn erased::Packs| value.pack();
    let (mut eval, keys) = (redis::cmd("EVAL"), shop.queue.keys().of_restaurant(shop.id));
    eval.arg(&scripts["load"].text).arg(keys.len()).arg(keys);
    eval.arg(&[&shop.id.to_string(), &shop.now.to_string(), "0", "timer", "", "", "", "", "0", "0", "", ""]);
    eval.arg(token)
        .arg(u8::from(first))
        .arg(u8::from(last))
        .arg(0)
        .arg(packed(&record.restaurant))
        .arg(packed(&record.policy));
    for _ in ["tickets", "answers", "lines", "menu", "stock"] {
        eval.arg(&[0x90_u8]);
    }
    eval.arg(&[0x80_u8]).arg(&["0", "0", "0", "0", "0"]);
    eval.query_async(&mut shop.redis().await).await.expect("a reply")
}

mod erased {
    pub trait Packs {
        fn pack(&self) -> Vec<u8>;
    }

    impl<T: serde::Serialize> Packs for T {
        fn pack(&self) -> Vec<u8> {
            rmp_serde::to_vec_named(self).expect("plain data packs")
        }
    }
}

pub(super) fn code(reply: &[redis::Value]) -> String {
    let word = |index: usize| redis::from_redis_value_ref::<String>(&reply[index]).expect("a word");
    if word(0) == "refused" { word(1) } else { word(0) }
}

#[tokio::test]
async fn a_rebuild_that_was_left_unfinished_is_begun_anew() {
    let shop = Shop::unopened();
    assert_eq!(code(&batch(&shop, "one", false, false).await), "superseded", "nothing was begun");
    assert_eq!(code(&batch(&shop, "one", true, false).await), "done");
    assert_eq!(shop.run(&staff(), call_next("A")).await.err(), Some(Rejection::NotLoaded));
    let snapshot = shop.queue.snapshot(shop.id, Some(shop.now), false).await.expect("Redis answers");
    assert_eq!(snapshot.err(), Some(Rejection::NotLoaded), "nothing is shown before all of it is there");
    assert_eq!(code(&batch(&shop, "two", true, false).await), "done");
    assert_eq!(code(&batch(&shop, "one", false, true).await), "superseded");
    assert_eq!(code(&batch(&shop, "two", false, true).await), "done");
    assert_eq!(code(&batch(&shop, "two", false, true).await), "already_loaded");
    assert_eq!(code(&batch(&shop, "three", true, true).await), "already_loaded");
    assert_eq!(shop.events().await.len(), 1);
    assert_eq!(shop.last_event().await.name, "restaurant.rebuilt");
}

#[tokio::test]
async fn of_two_rebuilders_one_opens() {
    let shop = Shop::open(Layout::default()).await;
    for _ in 0..900 {
        shop.join("A").await;
    }
    let before = shop.snapshot().await;
    let record = shop.record().await.rebuild(shop.now, 7);
    shop.lose().await;
    let rebuild = || shop.queue.rebuild(&record, Some(shop.now));
    let (one, two) = tokio::join!(rebuild(), rebuild());
    let outcomes = [one.expect("Redis answers"), two.expect("Redis answers")];
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
    let refusal = outcomes.into_iter().find_map(Result::err);
    assert!(matches!(refusal, Some(Rejection::Superseded | Rejection::AlreadyLoaded)), "{refusal:?}");
    assert_eq!(comparable(shop.snapshot().await), comparable(before));
    assert_eq!(shop.events().await.len(), 1);
}

#[tokio::test]
async fn ten_thousand_tickets_load_in_short_steps() {
    let own = OwnRedis::start().await;
    let mut redis = own.connect().await;
    let shop = Shop::on(&own.url).await;
    let actor = staff();
    let joins: Vec<_> = (0..10_000).map(|_| join(&shop.party("A"))).collect();
    stream::iter(joins)
        .map(|command| shop.run(&actor, command))
        .buffer_unordered(64)
        .for_each(async |joined| {
            joined.expect("room for all");
        })
        .await;
    let record = shop.record_on(&mut redis).await.rebuild(shop.now, 100);
    redis::cmd("UNLINK").arg(shop.queue.keys().of_restaurant(shop.id)).exec_async(&mut redis).await.expect("UNLINK");
    redis::cmd("CONFIG").arg("SET").arg("slowlog-log-slower-than").arg(0).exec_async(&mut redis).await.expect("CONFIG");
    redis::cmd("SLOWLOG").arg("RESET").exec_async(&mut redis).await.expect("SLOWLOG RESET");
    let began = std::time::Instant::now();
    shop.queue.rebuild(&record, Some(shop.now)).await.expect("Redis answers").expect("lost");
    let took_ms = began.elapsed().as_millis();
    let entries: Vec<Vec<redis::Value>> =
        redis::cmd("SLOWLOG").arg("GET").arg(-1).query_async(&mut redis).await.expect("SLOWLOG GET");
    let us = entries.iter().filter_map(|entry| redis::from_redis_value_ref::<i64>(entry.get(2)?).ok());
    let longest_us = us.max().expect("entries");
    println!("10,000 tickets rebuilt in {took_ms} ms; the longest of its steps held Redis up for {longest_us} µs");
    assert!(longest_us < 1_000_000, "{longest_us} µs");
    assert_eq!(shop.snapshot().await.tickets.len(), 10_000);
}
