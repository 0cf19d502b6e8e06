//! due and expire: what happens by itself, and what an outage does to it.

use waitless::{
    domain::{Actor, Channel, Join, OpenState, Policy, Rejection, Role, Ticket, TicketState, policy::GraceOver},
    queue::{Deadline, keys::Partition},
};

use super::{
    commands::{announce, call, join, line_set, no_show, put_back, recall, restaurant_set, seat, undo},
    cover::{Act, Cover},
};
use crate::harness::shop::{DAY_ENDS_AT, Shop, guest, line, staff};

fn timer() -> Actor {
    Actor::of(Role::Timer)
}

async fn expire_next(cover: &mut Cover, shop: &Shop, kind: &str) -> Act {
    let due = shop.due().await;
    assert_eq!(due.first().map(|deadline| deadline.kind.as_str()), Some(kind), "{due:?}");
    cover.act(shop, &timer(), shop.expire(&due[0])).await
}

#[tokio::test]
async fn a_call_runs_out_step_by_step() {
    let mut cover = Cover::keyless("expire");
    let mut shop = Shop::open(Default::default()).await;
    let first = shop.join("A").await;
    for _ in 0..4 {
        shop.join("A").await;
    }
    shop.did(&staff(), call(&first, None)).await;
    shop.pass(179_999).await;
    assert!(shop.due().await.is_empty());
    shop.pass(1).await;
    let act = expire_next(&mut cover, &shop, "last_call").await;
    assert_eq!((act.event.name.as_str(), act.ticket().notices[0].kind.as_str()), ("ticket.last_call", "last_call"));
    assert_eq!(act.ticket().notices[0].args["until"], shop.now + 120_000);
    assert!(shop.due().await.is_empty(), "said once");
    shop.pass(120_000).await;
    let act = expire_next(&mut cover, &shop, "grace").await;
    assert_eq!(
        (act.event.name.as_str(), act.ticket().state, act.ahead()),
        ("ticket.put_back", TicketState::Waiting, Some(3))
    );
    assert_eq!((act.ticket().calls, act.ticket().undo_until), (0, Some(shop.now + 600_000)));
    assert!(shop.deadlines().await.is_empty() && shop.snapshot().await.lines[&line("A")].recent.is_empty());
    // Staff take that back: the first time is not used up then.
    let again = shop.did(&staff(), undo(&first)).await;
    assert_eq!((again.state, again.grace_until), (TicketState::Called, Some(shop.now + 300_000)));
    shop.pass(300_000).await;
    shop.tick().await;
    assert_eq!(shop.ticket(&first.id).await.state, TicketState::Waiting);
    shop.did(&staff(), call(&first, waitless::domain::CallReason::Other)).await;
    shop.pass(300_000).await;
    expire_next(&mut cover, &shop, "last_call").await;
    let act = expire_next(&mut cover, &shop, "grace").await;
    assert_eq!((act.event.name.as_str(), act.ticket().state), ("ticket.no_show", TicketState::NoShow));
    assert_eq!((act.ticket().rejoin_until, act.ticket().undo_until), (Some(shop.now + 600_000), Some(DAY_ENDS_AT)));
    assert_eq!(shop.did(&staff(), undo(&first)).await.state, TicketState::Called, "the timer's no_show can be undone");
}

#[tokio::test]
async fn grace_over_can_mean_no_show_at_once() {
    let mut shop = Shop::with_policy(Policy { grace_over: GraceOver::NoShow, ..Policy::default() }).await;
    let ticket = shop.did(&guest(), join(&Join { items: vec![("cake".into(), 2)], ..shop.party("A") })).await;
    shop.did(&staff(), call(&ticket, None)).await;
    shop.pass(300_000).await;
    shop.tick().await;
    assert_eq!((shop.ticket(&ticket.id).await.state, shop.left("cake").await), (TicketState::NoShow, Some(3)));
    shop.pass(600_000).await;
    let act = expire_next(&mut Cover::keyless("expire"), &shop, "rejoin").await;
    assert_eq!((act.event.name.as_str(), act.ticket().state), ("ticket.stock_returned", TicketState::NoShow));
    assert_eq!((act.ticket().items[0].held, act.event.stock.get("cake")), (0, Some(&5)));
    assert!(shop.deadlines().await.is_empty());
}

#[tokio::test]
async fn nobody_behind_keeps_the_place() {
    let mut shop = Shop::open(Default::default()).await;
    let ticket = shop.join("A").await;
    shop.did(&staff(), call(&ticket, None)).await;
    shop.pass(300_000).await;
    shop.tick().await;
    let back = shop.ticket(&ticket.id).await;
    assert_eq!((back.state, back.order), (TicketState::Waiting, ticket.order));
}

#[tokio::test]
async fn a_stay_and_a_pause_end_by_themselves() {
    let mut cover = Cover::keyless("expire");
    let mut shop = Shop::open(Default::default()).await;
    let ticket = shop.join("A").await;
    shop.did(&staff(), seat(&ticket)).await;
    shop.pass(5_400_000).await;
    let act = expire_next(&mut cover, &shop, "stay").await;
    assert_eq!((act.event.name.as_str(), act.ticket().state), ("ticket.completed", TicketState::Completed));
    assert_eq!(
        (act.ticket().ended.expect("ended").by.as_str(), act.ticket().undo_until),
        ("timer", Some(shop.now + 600_000))
    );
    assert_eq!(shop.did(&staff(), undo(&ticket)).await.state, TicketState::Seated);
    let until = Some(shop.now + 60_000);
    shop.did_quietly(&staff(), restaurant_set(OpenState::Paused, until)).await;
    shop.did_quietly(&staff(), line_set("A", OpenState::Closed, until)).await;
    shop.did_quietly(&staff(), announce("back soon", until)).await;
    shop.pass(60_000).await;
    let mut names = Vec::new();
    for deadline in shop.due().await {
        names.push(cover.act(&shop, &timer(), shop.expire(&deadline)).await.event.name);
    }
    names.sort_unstable();
    assert_eq!(names, ["line.changed", "restaurant.changed", "restaurant.changed"]);
    let snapshot = shop.snapshot().await;
    let (restaurant, line_a) = (&snapshot.restaurant, &snapshot.lines[&line("A")]);
    assert_eq!((restaurant.state, restaurant.until, &restaurant.announcement), (OpenState::Open, None, &None));
    assert_eq!((line_a.state, line_a.until), (OpenState::Open, None));
    assert_eq!(shop.deadlines().await.len(), 1, "only the stay is left");
}

#[tokio::test]
async fn a_deadline_that_is_not_what_was_seen_does_nothing() {
    let mut cover = Cover::keyless("expire");
    let mut shop = Shop::open(Default::default()).await;
    let ticket = shop.join("A").await;
    let called = shop.did(&staff(), call(&ticket, None)).await;
    let grace = Deadline {
        restaurant: shop.id,
        kind: "grace".to_owned(),
        subject: ticket.id.as_str().to_owned(),
        at: called.grace_until.expect("called"),
    };
    cover.refusal(&shop, shop.expire(&grace), Rejection::Stale).await;
    cover.uncompared(&shop, shop.expire(&grace)).await;
    shop.pass(200_000).await;
    shop.did(&staff(), recall(&ticket)).await;
    shop.pass(100_000).await;
    cover.refusal(&shop, shop.expire(&grace), Rejection::Stale).await;
    shop.pass(200_000).await;
    let anew = Deadline { at: grace.at + 200_000, ..grace.clone() };
    shop.did(&staff(), put_back(&ticket, 1)).await;
    cover.refusal(&shop, shop.expire(&anew), Rejection::Stale).await;
    for kind in ["last_call", "rejoin", "stay", "restaurant", "line", "announcement", "nothing"] {
        let other = Deadline { kind: kind.to_owned(), ..grace.clone() };
        cover.refusal(&shop, shop.expire(&other), Rejection::Stale).await;
    }
    let unopened = Shop::unopened();
    unopened.due().await;
    let lost = Deadline { restaurant: unopened.id, ..grace };
    cover.refusal(&unopened, unopened.expire(&lost), Rejection::NotLoaded).await;
    // Twice is once.
    shop.did(&staff(), seat(&ticket)).await;
    shop.pass(5_400_000).await;
    let due = shop.due().await;
    cover.act(&shop, &timer(), shop.expire(&due[0])).await;
    cover.refusal(&shop, shop.expire(&due[0]), Rejection::Stale).await;
    cover.finish();
}

#[tokio::test]
async fn nobody_is_missed_because_we_were_away() {
    let mut cover = Cover::keyless("expire");
    let mut shop = Shop::open(Default::default()).await;
    let tickets: [Ticket; 3] = [shop.join("A").await, shop.join("A").await, shop.join("A").await];
    shop.did(&staff(), seat(&tickets[2])).await;
    shop.pass(5_000_000).await;
    shop.did(&staff(), call(&tickets[1], waitless::domain::CallReason::Other)).await;
    shop.did(&staff(), no_show(&tickets[1])).await;
    shop.pass(200_000).await;
    shop.did(&staff(), call(&tickets[0], None)).await;
    let soon = Some(shop.now + 300_000);
    shop.did_quietly(&staff(), restaurant_set(OpenState::Paused, soon)).await;
    shop.did_quietly(&staff(), line_set("A", OpenState::Paused, soon)).await;
    shop.did_quietly(&staff(), announce("soon", soon)).await;
    let before = shop.deadlines().await;
    assert_eq!(before.len(), 7, "stay, rejoin, grace, last call, three untils");
    const AWAY: i64 = 600_000;
    shop.later(AWAY);
    let mut names = Vec::new();
    for deadline in shop.due().await {
        if deadline.kind == "grace" {
            // Its last call, which was listed before it, has moved it.
            cover.refusal(&shop, shop.expire(&deadline), Rejection::Stale).await;
        } else {
            names.push(cover.act(&shop, &timer(), shop.expire(&deadline)).await.event.name);
        }
    }
    names.sort_unstable();
    let moved = "ticket.deadline_moved";
    assert_eq!(names, ["line.changed", "restaurant.changed", "restaurant.changed", moved, moved, moved]);
    let after = shop.deadlines().await;
    assert!(before.iter().all(|(deadline, at)| after[deadline] == at + AWAY), "{before:?} {after:?}");
    let [called, missed, seated] = [0, 1, 2].map(|index| tickets[index].id.clone());
    let called = shop.ticket(&called).await;
    assert_eq!((called.state, called.grace_until), (TicketState::Called, soon.map(|at| at + AWAY)));
    let told: Vec<_> = called.notices.iter().map(|notice| notice.kind.as_str()).collect();
    assert_eq!(told, ["overtaken", "deadline_moved"]);
    assert_eq!(called.notices[1].args["until"].as_i64(), called.grace_until);
    assert_eq!(shop.ticket(&missed).await.rejoin_until, Some(after[&("rejoin".into(), missed.as_str().into())]));
    assert_eq!(shop.ticket(&seated).await.state, TicketState::Seated);
    let snapshot = shop.snapshot().await;
    assert_eq!(snapshot.restaurant.until, soon.map(|at| at + AWAY));
    assert_eq!(snapshot.lines[&line("A")].until, soon.map(|at| at + AWAY));
    assert_eq!(snapshot.restaurant.announcement.expect("still said").until, soon.map(|at| at + AWAY));
    // Once: from now on they act.
    assert!(shop.due().await.is_empty());
    shop.pass(AWAY).await;
    assert_eq!(shop.tick().await.len(), 7);
    assert_eq!(shop.ticket(&called.id).await.state, TicketState::Waiting);
}

#[tokio::test]
async fn a_grace_moves_by_the_outage_even_after_its_last_call() {
    let mut shop = Shop::open(Default::default()).await;
    let ticket = shop.join("A").await;
    shop.did(&staff(), call(&ticket, None)).await;
    shop.pass(180_000).await;
    assert_eq!(shop.tick().await.len(), 1, "the last call");
    shop.later(600_000);
    assert_eq!(shop.tick().await.len(), 1, "the grace moves");
    let grace = shop.ticket(&ticket.id).await.grace_until.expect("called");
    let last_call = ("last_call".to_owned(), ticket.id.as_str().to_owned());
    assert_eq!(shop.deadlines().await.get(&last_call), None, "two minutes before it is now: nothing is still to come");
    assert_eq!(grace, shop.now + 120_000);
    let other = shop.join("A").await;
    shop.did(&staff(), call(&other, None)).await;
    shop.pass(180_000).await;
    shop.tick().await;
    shop.pass(115_000).await;
    shop.later(20_000);
    shop.tick().await;
    let grace = shop.ticket(&other.id).await.grace_until.expect("still called");
    assert_eq!(grace, shop.now + 5_000, "moved by the outage");
}

/// Redis's clock goes on by so much, and the timers look all the while; what they did.
async fn look_for(shop: &mut Shop, ms: i64) -> Vec<String> {
    let mut acted = Vec::new();
    for _ in 0..ms / 2_000 {
        shop.later(2_000);
        acted.extend(shop.tick().await.into_iter().map(|(kind, _)| kind));
    }
    acted
}

#[tokio::test]
async fn time_goes_on_when_the_clock_is_set_back_and_comes_back_to_it() {
    const HOUR: i64 = 3_600_000;
    let mut shop = Shop::with_policy(Policy { grace_over: GraceOver::NoShow, ..Policy::default() }).await;
    let ticket = shop.join("A").await;
    let called = shop.did(&staff(), call(&ticket, None)).await;
    let truth = shop.now;
    assert!(look_for(&mut shop, 100_000).await.is_empty());
    shop.later(-HOUR);
    // Until the timers look, time stands still.
    let joined = shop.run(&guest(), join(&shop.party("A"))).await.expect("joined");
    assert_eq!(joined.at, truth);
    assert_eq!(shop.field::<i64>("src", "offset").await, None);
    assert!(shop.tick().await.is_empty());
    assert!(look_for(&mut shop, 198_000).await.eq(&["last_call"]), "the grace is 300 s");
    let offset: i64 = shop.field("src", "offset").await.expect("added");
    assert!((HOUR - 8_000..HOUR - 3_000).contains(&offset), "what the timers saw last, less a fiftieth: {offset}");
    assert_eq!(shop.ticket(&ticket.id).await.grace_until, called.grace_until, "nothing moves");
    assert_eq!(look_for(&mut shop, 12_000).await, ["grace"], "a fiftieth late");
    let missed = shop.ticket(&ticket.id).await;
    assert_eq!(missed.state, TicketState::NoShow);
    let offset: i64 = shop.field("src", "offset").await.expect("added");
    assert_eq!(shop.snapshot().await.at, shop.now + offset, "all see the same time");
    // Put right: nothing is added any more, whoever comes first.
    shop.later(HOUR);
    let joined = shop.run(&guest(), join(&shop.party("A"))).await.expect("joined");
    assert_eq!((joined.at, shop.snapshot().await.at), (shop.now, shop.now));
    assert_eq!(shop.field::<i64>("src", "offset").await, None);
    assert!(look_for(&mut shop, 20_000).await.is_empty(), "the time to rejoin goes on");
    assert_eq!(shop.ticket(&ticket.id).await.rejoin_until, missed.rejoin_until);
}

/// Also where nothing happens and nothing is to come, what is shown never falls; what is added is gone in the end.
#[tokio::test]
async fn an_offset_shrinks_while_nothing_happens() {
    let mut shop = Shop::open(Default::default()).await;
    let mut shown = shop.snapshot().await.at;
    shop.later(-10_000);
    shop.tick().await;
    let mut offsets = Vec::new();
    while let Some(offset) = shop.field::<i64>("src", "offset").await {
        offsets.push(offset);
        shop.later(2_000);
        shop.tick().await;
        let at = shop.snapshot().await.at;
        assert!(at >= shown, "{at} after {shown}");
        shown = at;
    }
    assert!(offsets.is_sorted_by(|a, b| a > b) && offsets.len() > 10, "{offsets:?}");
    // The last of it is waited for.
    shop.later(5_000);
    assert_eq!((shown, shop.snapshot().await.at), (shop.now, shop.now));
}

#[tokio::test]
async fn a_clock_that_goes_back_a_little_is_waited_for() {
    let mut shop = Shop::open(Default::default()).await;
    let ticket = shop.join("A").await;
    let called = shop.did(&staff(), call(&ticket, None)).await;
    let truth = shop.now;
    shop.later(-5_000);
    shop.tick().await;
    assert_eq!(shop.field::<i64>("src", "offset").await, None);
    let joined = shop.run(&guest(), join(&shop.party("A"))).await.expect("joined");
    assert_eq!(joined.at, truth, "time stands still");
    assert_eq!(called.grace_until, Some(truth + 300_000));
}

/// What a ticket was told, oldest first, and how often something was moved or done to it.
async fn told(shop: &Shop, ticket: &Ticket) -> Vec<String> {
    shop.ticket(&ticket.id).await.notices.into_iter().map(|notice| notice.kind).collect()
}

/// Called at noon: the last call is at 180 s, the grace ends at 300 s. The timers were heard until 170 s.
async fn called_and_left_alone_for(ms: i64) -> (Shop, Ticket) {
    let mut shop = Shop::open(Default::default()).await;
    let ticket = shop.join("A").await;
    let called = shop.did(&staff(), call(&ticket, None)).await;
    shop.pass(170_000).await;
    shop.later(ms);
    (shop, called)
}

#[tokio::test]
async fn a_last_call_that_an_outage_covered_is_said_at_once() {
    // After the longer one it would come later than the grace, if it moved.
    for outage_ms in [20_000, 125_000] {
        let (mut shop, called) = called_and_left_alone_for(outage_ms).await;
        let acts = shop.tick().await;
        let event = shop.last_event().await;
        assert_eq!((acts.len(), event.name.as_str()), (1, "ticket.last_call"), "{outage_ms}");
        let ticket = shop.ticket(&called.id).await;
        assert_eq!(ticket.notices[0].args["until"].as_i64(), called.grace_until);
        assert_eq!(ticket.grace_until, called.grace_until, "the grace lies after the outage");
        shop.pass(130_000 - outage_ms).await;
        assert_eq!(shop.tick().await.len(), 1);
        assert_eq!(told(&shop, &called).await, ["last_call"], "once");
        assert_eq!(shop.ticket(&called.id).await.state, TicketState::Waiting);
    }
}

#[tokio::test]
async fn a_last_call_moves_with_its_grace_and_is_said_once() {
    let (mut shop, called) = called_and_left_alone_for(150_000).await;
    shop.tick().await;
    let last_call = ("last_call".to_owned(), called.id.as_str().to_owned());
    assert_eq!(shop.deadlines().await.get(&last_call), Some(&(shop.now + 10_000)));
    assert_eq!(told(&shop, &called).await, ["deadline_moved"]);
    shop.pass(10_000).await;
    shop.tick().await;
    shop.pass(119_999).await;
    assert!(shop.tick().await.is_empty());
    assert_eq!(told(&shop, &called).await, ["deadline_moved", "last_call"]);
    // Listed in time, but moved so late that the last call is past by then.
    let (mut shop, called) = called_and_left_alone_for(150_000).await;
    let due = shop.due().await;
    shop.pass(15_000).await;
    shop.expire(&due[0]).await.expect("it moves");
    assert_eq!(told(&shop, &called).await, ["deadline_moved", "last_call"]);
    assert_eq!(
        shop.deadlines().await.into_values().collect::<Vec<_>>(),
        [called.grace_until.expect("called") + 150_000]
    );
}

#[tokio::test]
async fn a_ticket_that_is_recalled_in_between_is_not_expired() {
    let mut shop = Shop::open(Default::default()).await;
    let ticket = shop.join("A").await;
    shop.did(&staff(), call(&ticket, None)).await;
    shop.pass(300_000).await;
    let seen = shop.due().await;
    let recalled = shop.did(&staff(), recall(&ticket)).await;
    for deadline in &seen {
        assert_eq!(shop.expire(deadline).await.err(), Some(Rejection::Stale), "{}", deadline.kind);
    }
    assert_eq!((seen.len(), shop.ticket(&ticket.id).await), (2, recalled));
}

#[tokio::test]
async fn an_outage_is_longer_than_ten_seconds_and_has_two_ends() {
    let mut shop = Shop::with_policy(Policy { grace_s: 10, last_call_s: 0, ..Policy::default() }).await;
    let ticket = shop.join("A").await;
    shop.did(&staff(), call(&ticket, None)).await;
    shop.later(10_000);
    shop.tick().await;
    assert_eq!(shop.ticket(&ticket.id).await.state, TicketState::Waiting, "ten seconds are no outage");
    shop.did(&staff(), call(&ticket, None)).await;
    shop.pass(10_000).await;
    // The deadline came just as the timers stopped: it is not inside.
    shop.later(10_001);
    shop.tick().await;
    assert_eq!(shop.ticket(&ticket.id).await.state, TicketState::NoShow);
}

#[tokio::test]
async fn the_heartbeat_beats_while_there_are_deadlines() {
    let mut shop = Shop::open(Default::default()).await;
    let beat = async |shop: &Shop| shop.field::<i64>("src", "heartbeat").await;
    shop.due().await;
    assert_eq!(beat(&shop).await, None);
    let ticket = shop.join("A").await;
    shop.did(&staff(), call(&ticket, None)).await;
    assert_eq!(beat(&shop).await, Some(shop.now), "from the first deadline on");
    let first = shop.now;
    for (ms, expected) in [(1_999, first), (1, first + 2_000)] {
        shop.later(ms);
        shop.due().await;
        assert_eq!(beat(&shop).await, Some(expected));
    }
    shop.did(&staff(), put_back(&ticket, 1)).await;
    shop.due().await;
    assert_eq!(beat(&shop).await, None, "with nothing to wait for, a quiet night is no outage");
    shop.later(3_600_000);
    shop.did(&staff(), call(&ticket, None)).await;
    shop.due().await;
    assert_eq!(shop.field::<Vec<u8>>("src", "shifts").await, None);
}

#[tokio::test]
async fn due_lists_a_hundred_oldest_first_and_trims_the_log() {
    let mut cover = Cover::of("due");
    let shop = Shop::open(Default::default()).await;
    let mut redis = shop.redis().await;
    for index in 0..150 {
        let member = format!("{}|grace|{index}", shop.id);
        let mut zadd = redis::cmd("ZADD");
        zadd.arg(shop.key("deadlines")).arg(shop.now - index).arg(member).exec_async(&mut redis).await.expect("ZADD");
    }
    let due = shop.due().await;
    assert_eq!((due.len(), due[0].at, due[99].at), (100, shop.now - 149, shop.now - 50));
    assert!(due.is_sorted_by_key(|deadline| deadline.at));
    assert_eq!((due[0].restaurant, due[0].subject.as_str()), (shop.id, "149"));
    cover.saw("due");
    for _ in 0..250 {
        shop.join("A").await;
    }
    assert_eq!(shop.events().await.len(), 251);
    shop.queue.due(Partition::of(shop.id), Some(shop.now), Some(20)).await.expect("Redis answers");
    let kept = shop.events().await;
    assert!((20..200).contains(&kept.len()), "{} events", kept.len());
    assert_eq!(kept.last().map(|event| event.rev), Some(251), "the newest stay");
    cover.finish();
}

#[tokio::test]
async fn what_is_open_already_does_not_open_again() {
    let mut shop = Shop::with_policy(Policy { remote_opens_after_s: 60, ..Policy::default() }).await;
    let remote = |shop: &Shop| Join { channel: Channel::Remote, ..shop.party("A") };
    shop.did_quietly(&staff(), restaurant_set(OpenState::Open, Some(shop.now + 5_000))).await;
    shop.pass(5_000).await;
    shop.tick().await;
    shop.did(&guest(), join(&remote(&shop))).await;
    shop.did_quietly(&staff(), restaurant_set(OpenState::Paused, Some(shop.now + 5_000))).await;
    shop.pass(5_000).await;
    shop.tick().await;
    assert_eq!(shop.run(&guest(), join(&remote(&shop))).await.err(), Some(Rejection::RemoteClosed), "now it did");
}
