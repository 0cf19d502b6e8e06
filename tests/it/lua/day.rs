//! roll_day: the old day ends in steps, the new one begins with the last of them.

use futures_util::{StreamExt as _, stream};
use waitless::{
    domain::{Actor, Channel, Join, OpenState, Rejection, Role, Ticket, TicketState},
    queue::RollStep,
};

use super::{
    commands::{call, call_next, cancel, join, no_show, put_back, rejoin, restaurant_set, restore, seat, undo},
    cover::Cover,
};
use crate::harness::shop::{DAY_ENDS_AT, Shop, guest, line, staff};

const DAY_MS: i64 = 86_400_000;

async fn join_many(shop: &Shop, count: usize) -> Vec<Ticket> {
    let actor = guest();
    let joins: Vec<_> = (0..count).map(|_| join(&shop.party("A"))).collect();
    stream::iter(joins).map(|command| shop.did(&actor, command)).buffered(100).collect().await
}

#[tokio::test]
async fn a_day_rolls_when_nobody_waits() {
    let mut cover = Cover::keyless("roll_day");
    let mut shop = Shop::open(Default::default()).await;
    for day in ["2026-11-21", "2026-11-22"] {
        cover.refusal(&shop, shop.roll(day, DAY_ENDS_AT), Rejection::Stale).await;
    }
    let ticket = shop.join("A").await;
    let roll = async |shop: &Shop| shop.roll("2026-11-23", DAY_ENDS_AT + DAY_MS).await;
    for state in [OpenState::Open, OpenState::Paused, OpenState::Direct] {
        shop.did_quietly(&staff(), restaurant_set(state, None)).await;
        cover.refusal(&shop, roll(&shop), Rejection::DayBusy).await;
    }
    shop.did_quietly(&staff(), restaurant_set(OpenState::Closed, None)).await;
    shop.did(&staff(), call(&ticket, None)).await;
    cover.refusal(&shop, roll(&shop), Rejection::DayBusy).await;
    shop.did(&staff(), put_back(&ticket, 1)).await;
    let unopened = Shop::unopened();
    unopened.due().await;
    cover.refusal(&unopened, roll(&unopened), Rejection::NotLoaded).await;
    cover.uncompared(&shop, roll(&shop)).await;
    shop.later(DAY_MS);
    let before = shop.events().await.len();
    assert_eq!(roll(&shop).await, Ok(RollStep::Done));
    let event = shop.last_event().await;
    assert_eq!((event.name.as_str(), shop.events().await.len()), ("restaurant.day_rolled", before + 1));
    assert_eq!(event.by, Actor::of(Role::Timer));
    let rolled = shop.ticket(&ticket.id).await;
    let ended = rolled.ended.clone().expect("it ended");
    assert_eq!(
        (rolled.state, ended.by.as_str(), ended.reason.as_deref()),
        (TicketState::Cancelled, "timer", Some("day_end"))
    );
    assert_eq!((rolled.undo_until, event.tickets), (None, vec![rolled]));
    let restaurant = event.restaurant.expect("a new day");
    assert_eq!((restaurant.day.as_str(), restaurant.day_ends_at), ("2026-11-23", DAY_ENDS_AT + DAY_MS));
    cover.saw("done");
    cover.refusal(&shop, roll(&shop), Rejection::Stale).await;
    // An always-open restaurant rolls as soon as nobody waits.
    shop.did_quietly(&staff(), restaurant_set(OpenState::Open, None)).await;
    assert_eq!(shop.roll("2026-11-24", DAY_ENDS_AT + 2 * DAY_MS).await, Ok(RollStep::Done));
    cover.finish();
}

#[tokio::test]
async fn every_list_of_the_old_day_is_emptied_in_steps() {
    let mut shop = Shop::open(Default::default()).await;
    let held = Join { items: vec![("cake".into(), 2)], guards: vec!["g1".into()], ..shop.party("A") };
    let missed = shop.did(&guest(), join(&held)).await;
    let eaten = shop.did(&guest(), join(&Join { items: vec![("cake".into(), 1)], ..shop.party("A") })).await;
    let waits = Join {
        items: vec![("soup".into(), 2)],
        guards: vec!["g2".into()],
        channel: Channel::Remote,
        ..shop.party("A")
    };
    let waits = shop.did(&guest(), join(&waits)).await;
    let gone = shop.join("B").await;
    let many = join_many(&shop, 450).await;
    shop.did(&staff(), call(&missed, None)).await;
    shop.did(&staff(), no_show(&missed)).await;
    shop.did(&staff(), seat(&eaten)).await;
    shop.did(&staff(), cancel(&gone)).await;
    shop.did_quietly(&staff(), restaurant_set(OpenState::Closed, None)).await;
    shop.later(DAY_MS);
    let mut steps = 0;
    loop {
        let step = shop.roll("2026-11-23", DAY_ENDS_AT + DAY_MS).await.expect("closed");
        let event = shop.last_event().await;
        assert!(event.tickets.len() <= 200, "{}", event.tickets.len());
        steps += 1;
        if step == RollStep::Done {
            break;
        }
        assert_eq!(shop.snapshot().await.restaurant.day, "2026-11-22", "the last step begins the day");
    }
    assert_eq!(steps, 3, "454 tickets, 200 a step");
    let snapshot = shop.snapshot().await;
    assert!(snapshot.tickets.is_empty() && snapshot.lines.values().all(|line| line.recent.is_empty()));
    assert_eq!(snapshot.stock, [("cake".to_owned(), 4), ("soup".to_owned(), 2)].into(), "eaten is eaten");
    let names: Vec<String> =
        shop.dump().await.into_keys().map(|key| key.rsplit(':').next().expect("a name").into()).collect();
    assert_eq!(names, ["days", "meta", "pace", "stock", "tickets", "events", "revs"].map(str::to_owned));
    assert_eq!(shop.field::<i64>("meta", "away").await, Some(0));
    // Old tickets can be read, not changed.
    for (ticket, state) in
        [(&missed, TicketState::NoShow), (&eaten, TicketState::Completed), (&waits, TicketState::Cancelled)]
    {
        let ticket = shop.ticket(&ticket.id).await;
        assert_eq!((ticket.state, ticket.undo_until, ticket.ended.expect("ended").by.as_str()), (state, None, "timer"));
    }
    for command in [restore(&missed, 0), rejoin(&missed), seat(&missed), undo(&missed), undo(&gone), undo(&eaten)] {
        assert_eq!(shop.run(&staff(), command.clone()).await.err(), Some(Rejection::WrongState), "{command:?}");
    }
    let found = shop.queue.find(shop.id, &shop.context(&guest()), "A001", "1234").await.expect("Redis answers");
    assert_eq!(found.err(), Some(Rejection::NotFound), "codes of the old day open nothing");
    // Numbers restart, places do not; a guard of the old day is free.
    shop.did_quietly(&staff(), restaurant_set(OpenState::Open, None)).await;
    let fresh = shop.did(&guest(), join(&Join { guards: vec!["g1".into(), "g2".into()], ..shop.party("A") })).await;
    assert_eq!((fresh.number.as_str(), fresh.order.as_str()), ("A001", "000004555"));
    assert_eq!(shop.snapshot().await.lines[&line("A")].today, 1);
    assert_eq!(shop.did(&staff(), call_next("A")).await.id, fresh.id);
    shop.did(&staff(), seat(&fresh)).await;
    // The next roll forgets what was over before it.
    shop.later(DAY_MS);
    let mut steps = 1;
    while shop.roll("2026-11-24", DAY_ENDS_AT + 2 * DAY_MS).await.expect("nobody waits") == RollStep::More {
        steps += 1;
    }
    assert_eq!(steps, 3, "455 forgotten, 200 a step");
    assert_eq!(shop.queue.ticket(&many[449].id).await.expect("Redis answers"), None);
    assert_eq!(shop.queue.ticket(&missed.id).await.expect("Redis answers"), None);
    assert_eq!(shop.ticket(&fresh.id).await.state, TicketState::Completed);
    assert_eq!(shop.scores("days").await.into_keys().collect::<Vec<_>>(), [fresh.id.as_str()]);
}

#[tokio::test]
async fn a_step_ends_and_forgets_two_hundred_in_all() {
    let mut shop = Shop::open(Default::default()).await;
    for (day, count) in [(23, 150), (24, 150)] {
        shop.did_quietly(&staff(), restaurant_set(OpenState::Open, None)).await;
        join_many(&shop, count).await;
        shop.did_quietly(&staff(), restaurant_set(OpenState::Closed, None)).await;
        shop.later(DAY_MS);
        let mut redis = shop.redis().await;
        let mut kept = async || -> i64 {
            redis::cmd("HLEN").arg(shop.key("tickets")).query_async(&mut redis).await.expect("HLEN")
        };
        let before = kept().await;
        let step = shop.roll(&format!("2026-11-{day}"), DAY_ENDS_AT + DAY_MS).await.expect("closed");
        if day == 24 {
            assert_eq!((step, before - kept().await), (RollStep::More, 50), "150 ended, 50 forgotten");
            let next = shop.roll("2026-11-24", DAY_ENDS_AT + DAY_MS).await;
            assert_eq!((next, kept().await), (Ok(RollStep::Done), 150), "the rest of the day before");
        }
    }
}

#[tokio::test]
async fn two_who_roll_at_once_begin_one_day() {
    let mut shop = Shop::open(Default::default()).await;
    join_many(&shop, 450).await;
    shop.did_quietly(&staff(), restaurant_set(OpenState::Closed, None)).await;
    shop.later(DAY_MS);
    let roll = async || loop {
        match shop.roll("2026-11-23", DAY_ENDS_AT + DAY_MS).await {
            Ok(RollStep::More) => {}
            end => return end,
        }
    };
    let ends = futures_util::future::join(roll(), roll()).await;
    let (done, stale) = (Ok(RollStep::Done), Err(Rejection::Stale));
    assert!(ends == (done.clone(), stale.clone()) || ends == (stale, done), "{ends:?}");
    let days = shop
        .events()
        .await
        .iter()
        .filter(|event| event.restaurant.as_ref().is_some_and(|r| r.day == "2026-11-23"))
        .count();
    assert_eq!(days, 1);
}
