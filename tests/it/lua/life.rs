//! load, snapshot, epoch and clock: how live state begins, is read, and survives Redis being another one.

use waitless::{
    domain::{Actor, Command, Join, Rejection, RestaurantRecord, Role, TicketState, event::Event},
    queue::{CallContext, script},
};

use super::{
    commands::{call, call_next, cancel, complete, join, no_show, restaurant_set, seat, stock_set},
    cover::{Act, Cover},
    rebuild::{batch, code},
};
use crate::harness::shop::{Layout, Shop, guest, line, staff};

fn timer() -> Actor {
    Actor::of(Role::Timer)
}

async fn epoch(shop: &Shop) -> i64 {
    shop.field("revs", "epoch").await.expect("an epoch")
}

#[tokio::test]
async fn load_opens_a_restaurant_once() {
    let mut cover = Cover::of("load");
    let shop = Shop::unopened();
    let opening = shop.opening(&Layout::default());
    let load = async || shop.queue.load(&opening, Some(shop.now)).await.expect("Redis answers");
    let Act { outcome, event } = cover.act(&shop, &timer(), load()).await;
    assert_eq!((event.name.as_str(), event.rev, outcome.stamp.rev), ("restaurant.loaded", 1, 1));
    assert_eq!((event.lines.len(), event.menu.as_ref().map(Vec::len), event.stock.len()), (2, Some(3), 2));
    let restaurant = RestaurantRecord { epoch: outcome.stamp.epoch, ..opening.restaurant.clone() };
    assert_eq!((event.policy.as_ref(), event.restaurant.as_ref()), (Some(&*opening.policy), Some(&restaurant)));
    let snapshot = shop.snapshot().await;
    assert_eq!((&snapshot.policy, &snapshot.restaurant), (&*opening.policy, &restaurant));
    assert_eq!(snapshot.menu, opening.menu.iter().map(|(item, _)| item.clone()).collect::<Vec<_>>());
    assert_eq!(snapshot.stock, [("cake".to_owned(), 5), ("soup".to_owned(), 2)].into());
    let slug = shop.queue.restaurant_of_slug(&opening.restaurant.slug).await.expect("Redis answers");
    assert_eq!(slug, Some(shop.id));
    cover.refusal(&shop, load(), Rejection::AlreadyLoaded).await;
    let rebuilder = Shop::unopened();
    cover.saw(&code(&batch(&rebuilder, "token", false, true).await));
    cover.finish();
}

#[tokio::test]
async fn load_begins_a_new_epoch_without_leftovers() {
    let mut shop = Shop::open(Layout::default()).await;
    let ticket = shop.did(&guest(), join(&Join { guards: vec!["g1".into()], ..shop.party("A") })).await;
    shop.did(&staff(), call(&ticket, None)).await;
    let neighbour = format!("{}1|grace|x", shop.id);
    let mut redis = shop.redis().await;
    let mut zadd = redis::cmd("ZADD");
    zadd.arg(shop.key("deadlines")).arg(shop.now + 1).arg(&neighbour).exec_async(&mut redis).await.expect("ZADD");
    let before = epoch(&shop).await;
    redis::cmd("DEL").arg(shop.key("meta")).exec_async(&mut redis).await.expect("DEL");
    assert_eq!(shop.run(&staff(), call_next("A")).await.err(), Some(Rejection::NotLoaded));
    let opening = shop.opening(&Layout::default());
    let loaded = shop.queue.load(&opening, Some(shop.now)).await.expect("Redis answers").expect("not loaded");
    assert!(loaded.stamp.epoch > before && loaded.stamp.rev > 1, "the rev goes on in a later epoch");
    let kept = shop.dump().await;
    let names: Vec<&str> = kept.keys().map(|key| key.rsplit(':').next().expect("a name")).collect();
    assert_eq!(names, ["meta", "stock", "deadlines", "events", "revs"]);
    assert!(shop.scores("deadlines").await.keys().eq([&neighbour]));
    redis::cmd("ZREM").arg(shop.key("deadlines")).arg(neighbour).exec_async(&mut redis).await.expect("ZREM");
    shop.pass(600_000).await;
    assert!(shop.tick().await.is_empty());
    assert_eq!(shop.join("A").await.number, "A002", "this server gave out A001");
}

#[tokio::test]
async fn a_snapshot_holds_every_live_ticket() {
    let mut cover = Cover::of("snapshot");
    let mut shop = Shop::open(Layout::default()).await;
    let mut tickets = Vec::new();
    for _ in 0..6 {
        tickets.push(shop.join("A").await);
    }
    shop.did(&staff(), seat(&tickets[0])).await;
    shop.did(&staff(), seat(&tickets[1])).await;
    shop.did(&staff(), complete(&tickets[1])).await;
    shop.did(&staff(), call_next("A")).await;
    shop.did(&staff(), no_show(&tickets[2])).await;
    shop.did(&staff(), call_next("A")).await;
    shop.did(&guest(), cancel(&tickets[4])).await;
    let states = async |shop: &Shop| {
        let mut states: Vec<_> =
            shop.snapshot().await.tickets.into_iter().map(|ticket| (ticket.number, ticket.state)).collect();
        states.sort_unstable();
        states.into_iter().map(|(_, state)| state).collect::<Vec<_>>()
    };
    use TicketState::{Called, Cancelled, Completed, NoShow, Seated, Waiting};
    assert_eq!(states(&shop).await, [Seated, Completed, NoShow, Called, Cancelled, Waiting]);
    for ticket in shop.snapshot().await.tickets {
        assert_eq!(ticket, shop.ticket(&ticket.id).await);
    }
    cover.saw("snapshot");
    // Final ones stay while they can be undone: the guest's cancel a minute, the completion ten.
    shop.pass(60_000).await;
    assert_eq!(states(&shop).await, [Seated, Completed, NoShow, Called, Waiting]);
    shop.pass(540_000).await;
    assert_eq!(states(&shop).await, [Seated, NoShow, Called, Waiting]);
    let unopened = Shop::unopened();
    unopened.due().await;
    let none = async || unopened.queue.snapshot(unopened.id, None, false).await.expect("Redis answers");
    cover.refusal(&unopened, none(), Rejection::NotLoaded).await;
    // Redis is another one than the epoch knows: the script does not believe it, the server looks and asks again.
    let before = epoch(&shop).await;
    shop.set_field("src", "run_id", "another").await;
    let scripts = script::load_all(true);
    let (mut eval, keys) = (redis::cmd("EVAL"), shop.queue.keys().of_restaurant(shop.id));
    eval.arg(&scripts["snapshot"].text).arg(keys.len()).arg(keys);
    eval.arg(&[&shop.id.to_string(), "", "0", "timer", "", "", "", "", "0", "0", ""]);
    let reply: Vec<String> = eval.query_async(&mut shop.redis().await).await.expect("a refusal");
    assert_eq!(reply, ["refused", "new_source"]);
    cover.saw("new_source");
    let snapshot = async || shop.queue.snapshot(shop.id, Some(shop.now), false).await.expect("Redis answers");
    assert_eq!(snapshot().await.err(), Some(Rejection::NotCompared), "the record has to be asked first");
    cover.saw("not_compared");
    shop.end_comparison().await;
    assert_eq!(shop.snapshot().await.stamp.epoch, epoch(&shop).await);
    assert!(epoch(&shop).await > before);
    cover.finish();
}

#[tokio::test]
async fn another_redis_is_another_epoch() {
    let shop = Shop::open(Layout::default()).await;
    let first = epoch(&shop).await;
    shop.join("A").await;
    assert_eq!(epoch(&shop).await, first);
    shop.become_another().await;
    shop.end_comparison().await;
    let ticket = shop.join("A").await;
    let second = epoch(&shop).await;
    assert!(second > first);
    let event = shop.last_event().await;
    assert_eq!((event.epoch, event.rev, event.ticket), (second, 3, Some(ticket.id)), "the rev goes on");
    shop.join("A").await;
    assert_eq!(epoch(&shop).await, second, "once");
    // A copy from before: what this server saw counts.
    const SEEN: i64 = 9_000_000_000;
    shop.set_field("revs", "epoch", SEEN).await;
    shop.join("A").await;
    shop.set_field("revs", "epoch", 7).await;
    shop.set_field("src", "run_id", "older").await;
    shop.end_comparison().await;
    shop.join("A").await;
    assert_eq!(epoch(&shop).await, SEEN + 1);
}

#[tokio::test]
async fn the_clock_never_runs_backwards() {
    let mut shop = Shop::open(Layout::default()).await;
    shop.pass(60_000).await;
    let before = shop.join("A").await.joined_at;
    shop.later(-30_000);
    assert_eq!(shop.join("A").await.joined_at, before);
    assert_eq!(shop.snapshot().await.at, before);
    shop.later(30_001);
    assert_eq!(shop.join("A").await.joined_at, before + 1);
}

#[tokio::test]
async fn redis_tells_the_time() {
    let shop = Shop::unopened();
    shop.queue.load(&shop.opening(&Layout::default()), None).await.expect("Redis answers").expect("not loaded");
    let context = CallContext::by(guest());
    let joined = shop.queue.run(shop.id, &context, &join(&shop.party("A"))).await.expect("Redis").expect("open");
    let mut redis = shop.redis().await;
    let (seconds, _): (i64, i64) = redis::cmd("TIME").query_async(&mut redis).await.expect("TIME");
    assert!((0..60).contains(&(seconds - joined.at / 1_000)), "{} at {seconds}", joined.at);
    let paused = restaurant_set(waitless::domain::OpenState::Paused, None);
    shop.queue.run(shop.id, &context, &paused).await.expect("Redis").expect("done");
    assert!(shop.queue.snapshot(shop.id, None, false).await.expect("Redis").expect("loaded").at >= joined.at);
}

#[tokio::test]
async fn scripts_are_loaded_again_when_redis_forgot_them() {
    let shop = Shop::open(Layout::default()).await;
    let mut redis = shop.redis().await;
    redis::cmd("SCRIPT").arg("FLUSH").exec_async(&mut redis).await.expect("SCRIPT FLUSH");
    assert_eq!(shop.join("A").await.number, "A001");
}

/// What is published is what is logged, on a channel of the restaurant's own.
#[tokio::test]
async fn every_event_is_published_as_it_is_logged() {
    let shop = Shop::open(Layout::default()).await;
    let (pushed, mut pushes) = tokio::sync::mpsc::unbounded_channel();
    let url = format!("{}/?protocol=resp3", crate::harness::given("WAITLESS_TEST_REDIS_URL"));
    let config = redis::AsyncConnectionConfig::new().set_push_sender(pushed);
    let client = redis::Client::open(url).expect("a URL");
    let mut subscriber = client.get_multiplexed_async_connection_with_config(&config).await.expect("Redis answers");
    let channel = shop.queue.keys().channel(shop.id);
    redis::cmd("SSUBSCRIBE").arg(&channel).exec_async(&mut subscriber).await.expect("SSUBSCRIBE");
    shop.join("A").await;
    shop.did_quietly(&staff(), stock_set("cake", 1)).await;
    let logged = shop.events().await;
    let mut heard = Vec::new();
    while heard.len() < 2 {
        let push = tokio::time::timeout(std::time::Duration::from_secs(10), pushes.recv());
        let push = push.await.expect("published").expect("a push");
        if push.kind == redis::PushKind::SMessage {
            let [redis::Value::BulkString(of), redis::Value::BulkString(packed)] = push.data.as_slice() else {
                panic!("{push:?}")
            };
            assert_eq!(of, channel.as_bytes());
            heard.push(rmp_serde::from_slice::<Event>(packed).expect("an event"));
        }
    }
    assert_eq!(heard, logged[1..]);
}

#[tokio::test]
async fn an_actor_is_named_in_the_event() {
    let shop = Shop::open(Layout::default()).await;
    let mut cover = Cover::of("join");
    for actor in [crate::harness::shop::device(), staff(), guest()] {
        cover.done(&shop, &actor, Command::Join(Box::new(shop.party("A")))).await;
    }
    assert_eq!(shop.snapshot().await.lines[&line("A")].today, 3);
}
