//! join: numbers, places, and who may not have one.

use waitless::domain::{
    Channel, OpenState, Policy, Rejection, TicketState, estimate::Eta, event::PaceRecord, policy::Presence,
};

use super::{
    commands::{
        call, call_next, cancel, check_in, invalid, join, line_set, policy_set, restaurant_set, seat, stock_set,
    },
    cover::Cover,
};
use crate::harness::shop::{Layout, NOON, Shop, guest, line, staff};

/// One party that breaks every rule; each rule is mended in turn, and the next one refuses.
#[tokio::test]
async fn join_checks_in_the_order_of_the_rules() {
    let mut cover = Cover::of("join");
    let strict = Policy {
        presence: Presence::Code,
        party_max: 4,
        daily_max: Some(2),
        capacity: Some(2),
        per_ticket_max: 3,
        ..Policy::default()
    };
    let shop = Shop::with_policy(strict.clone()).await;
    for guard in ["g1", "g2"] {
        let first = waitless::domain::Join { guards: vec![guard.into()], present: true, ..shop.party("A") };
        shop.did(&guest(), join(&first)).await;
    }
    shop.did_quietly(&staff(), stock_set("cake", 2)).await;
    shop.did_quietly(&staff(), restaurant_set(OpenState::Closed, None)).await;
    shop.did_quietly(&staff(), line_set("A", OpenState::Closed, None)).await;
    let mut party = shop.party("C");
    party.adults = 5;
    party.guards = vec!["g0".into(), "g2".into()];
    party.items = vec![("tea".into(), 4), ("pie".into(), 1)];
    cover.refused(&shop, &guest(), join(&party), invalid("line", "not_found")).await;
    party.line = line("A");
    cover.refused(&shop, &guest(), join(&party), invalid("items", "not_found")).await;
    party.items = vec![("cake".into(), 3), ("tea".into(), 4)];
    cover.refused(&shop, &guest(), join(&party), invalid("items", "per_ticket_max")).await;
    party.items = vec![("tea".into(), 3), ("cake".into(), 3), ("soup".into(), 3)];
    cover.refused(&shop, &guest(), join(&party), Rejection::RestaurantClosed).await;
    for (state, refusal) in [(OpenState::Paused, Rejection::Paused), (OpenState::Direct, Rejection::Direct)] {
        shop.did_quietly(&staff(), restaurant_set(state, None)).await;
        cover.refused(&shop, &guest(), join(&party), refusal).await;
    }
    shop.did_quietly(&staff(), restaurant_set(OpenState::Open, None)).await;
    cover.refused(&shop, &guest(), join(&party), Rejection::LineClosed).await;
    for (state, refusal) in [(OpenState::Paused, Rejection::Paused), (OpenState::Direct, Rejection::Direct)] {
        shop.did_quietly(&staff(), line_set("A", state, None)).await;
        cover.refused(&shop, &guest(), join(&party), refusal).await;
    }
    shop.did_quietly(&staff(), line_set("A", OpenState::Open, None)).await;
    cover.refused(&shop, &guest(), join(&party), Rejection::PartySize).await;
    party.adults = 2;
    party.children = 2;
    cover.refused(&shop, &guest(), join(&party), Rejection::DoorCode).await;
    party.present = true;
    cover.refused(&shop, &guest(), join(&party), Rejection::AlreadyWaiting).await;
    party.guards = vec!["g0".into()];
    cover.refused(&shop, &guest(), join(&party), Rejection::DailyFull).await;
    shop.did_quietly(&staff(), policy_set(Policy { daily_max: Some(3), ..strict.clone() })).await;
    cover.refused(&shop, &guest(), join(&party), Rejection::LineFull).await;
    shop.did_quietly(&staff(), policy_set(Policy { capacity: Some(3), ..strict.clone() })).await;
    cover.refused(&shop, &guest(), join(&party), Rejection::DailyFull).await;
    shop.did_quietly(&staff(), policy_set(Policy { capacity: Some(3), daily_max: Some(3), ..strict })).await;
    let sold_out = Rejection::SoldOut { items: vec!["cake".into(), "soup".into()] };
    cover.refused(&shop, &guest(), join(&party), sold_out).await;
    remote_joins_are_limited(&mut cover).await;
    let shop = Shop::open(Layout::default()).await;
    let fine = cover.common(&shop, &guest(), join(&shop.party("A"))).await;
    assert_eq!(fine.ticket().number, "A001");
    cover.finish();
}

async fn remote_joins_are_limited(cover: &mut Cover) {
    let policy = Policy { remote: false, remote_opens_after_s: 60, remote_share_max: Some(50), ..Policy::default() };
    let mut shop = Shop::with_policy(policy.clone()).await;
    let remote = |shop: &Shop| waitless::domain::Join { channel: Channel::Remote, ..shop.party("B") };
    cover.refused(&shop, &guest(), join(&remote(&shop)), Rejection::RemoteClosed).await;
    shop.did(&staff(), join(&remote(&shop))).await;
    shop.did_quietly(&staff(), policy_set(Policy { remote: true, ..policy })).await;
    // To be loaded is not to open: guests are not sent away for another minute because Redis was restored.
    cover.refused(&shop, &guest(), join(&remote(&shop)), Rejection::RemoteFull).await;
    shop.did_quietly(&staff(), restaurant_set(OpenState::Closed, None)).await;
    shop.did_quietly(&staff(), restaurant_set(OpenState::Open, None)).await;
    shop.pass(59_999).await;
    cover.refused(&shop, &guest(), join(&remote(&shop)), Rejection::RemoteClosed).await;
    shop.pass(1).await;
    // One remote of one waiting: 100 · 2 > 50 · 2. A second one at the door makes room: 100 · 2 ≤ 50 · 4.
    cover.refused(&shop, &guest(), join(&remote(&shop)), Rejection::RemoteFull).await;
    shop.join("A").await;
    cover.refused(&shop, &staff(), join(&remote(&shop)), Rejection::RemoteFull).await;
    shop.join("A").await;
    let second = cover.done(&shop, &guest(), join(&remote(&shop))).await;
    assert!(!second.ticket().checked_in);
    cover.refused(&shop, &guest(), join(&remote(&shop)), Rejection::RemoteFull).await;
    // Who has arrived does not count as away any more, and whoever leaves makes room.
    shop.did(&guest(), check_in(&second.ticket(), false)).await;
    cover.done(&shop, &guest(), join(&remote(&shop))).await;
    let last = cover.done(&shop, &guest(), join(&remote(&shop))).await;
    cover.refused(&shop, &guest(), join(&remote(&shop)), Rejection::RemoteFull).await;
    shop.did(&guest(), cancel(&last.ticket())).await;
    cover.done(&shop, &guest(), join(&remote(&shop))).await;
    // Opening again starts the time anew.
    shop.did_quietly(&staff(), restaurant_set(OpenState::Paused, None)).await;
    shop.did_quietly(&staff(), restaurant_set(OpenState::Open, None)).await;
    cover.refused(&shop, &guest(), join(&remote(&shop)), Rejection::RemoteClosed).await;
}

#[tokio::test]
async fn the_first_remote_always_may() {
    let shop = Shop::with_policy(Policy { remote_share_max: Some(0), ..Policy::default() }).await;
    let mut party = shop.party("A");
    party.channel = Channel::Remote;
    shop.did(&guest(), join(&party)).await;
    let again = waitless::domain::Join { channel: Channel::Remote, ..shop.party("A") };
    assert_eq!(shop.run(&guest(), join(&again)).await.err(), Some(Rejection::RemoteFull));
}

#[tokio::test]
async fn a_join_takes_a_number_and_the_last_place() {
    let shop = Shop::open(Layout::default()).await;
    let mut cover = Cover::of("join");
    let mut party = shop.party("A");
    party.channel = Channel::Remote;
    party.children = 1;
    party.guards = vec!["g1".into(), "g2".into()];
    party.items = vec![("cake".into(), 2), ("tea".into(), 1)];
    party.name = Some("김".into());
    party.phone_last4 = Some("1234".into());
    party.note = Some("window".into());
    party.lang = Some("ko".into());
    party.eta = Some(Eta { low_s: 60, high_s: 600, target: 80, rough: true });
    let act = cover.done(&shop, &guest(), join(&party)).await;
    let ticket = act.ticket();
    assert_eq!(act.event.name, "ticket.joined");
    assert_eq!((ticket.id.clone(), ticket.r#ref.clone(), ticket.code.as_str()), (party.id, party.r#ref, "1234"));
    assert_eq!(
        (ticket.number.as_str(), ticket.order.as_str(), ticket.state),
        ("A001", "000000015", TicketState::Waiting)
    );
    assert_eq!((ticket.adults, ticket.children, ticket.channel, ticket.checked_in), (2, 1, Channel::Remote, false));
    assert_eq!((ticket.name.as_deref(), ticket.phone_last4.as_deref()), (Some("김"), Some("1234")));
    assert_eq!(
        (ticket.note.as_deref(), ticket.lang.as_deref(), ticket.eta_at_join),
        (Some("window"), Some("ko"), party.eta)
    );
    assert_eq!((ticket.calls, ticket.delays, ticket.delays_left, ticket.overtaken), (0, 0, 3, 0));
    assert_eq!((ticket.joined_at, ticket.ahead_at_join, ticket.undo_until), (NOON, 0, None));
    assert_eq!((ticket.called_at, ticket.seated_at, ticket.missed_at, ticket.rejoin_until), (None, None, None, None));
    assert!(ticket.notices.is_empty() && ticket.ended.is_none() && ticket.to.is_none());
    let items: Vec<_> =
        ticket.items.iter().map(|item| (item.item.as_str(), item.quantity, item.held, item.lost)).collect();
    assert_eq!(items, [("cake", 2, 2, 0), ("tea", 1, 0, 0)]);
    assert_eq!((ticket.items[0].name.as_str(), ticket.items[0].price, ticket.total()), ("cake name", 1_000, 3_000));
    assert_eq!(act.event.stock.get("cake"), Some(&3));
    assert_eq!(act.event.stock.len(), 1, "tea is not counted");

    // Numbers are a line's own, the join counter is the restaurant's.
    let second = cover.done(&shop, &guest(), join(&shop.party("B"))).await;
    assert_eq!((second.ticket().number.as_str(), second.ticket().order.as_str()), ("B001", "000000025"));
    assert_eq!((second.ahead(), second.ticket().ahead_at_join), (Some(0), 0));
    let third = cover.done(&shop, &guest(), join(&shop.party("A"))).await;
    assert_eq!((third.ticket().number.as_str(), third.ticket().order.as_str()), ("A002", "000000035"));
    assert_eq!((third.ahead(), third.ticket().ahead_at_join, third.ticket().checked_in), (Some(1), 1, true));
    let line_a = shop.snapshot().await.lines.remove(&line("A")).expect("line A");
    assert_eq!((line_a.last_number, line_a.today), (2, 2));
}

#[tokio::test]
async fn sold_out_items_can_be_left_out_whole() {
    let shop = Shop::open(Layout::default()).await;
    let mut party = shop.party("A");
    party.items = vec![("soup".into(), 3), ("cake".into(), 4)];
    party.drop_sold_out = true;
    let act = Cover::of("join").done(&shop, &guest(), join(&party)).await;
    assert_eq!(act.outcome.done.dropped, ["soup"]);
    assert_eq!((act.ticket().items.len(), act.ticket().items[0].held), (1, 4));
    assert_eq!((shop.left("soup").await, shop.left("cake").await), (Some(2), Some(1)));
}

#[tokio::test]
async fn numbers_go_on_after_999() {
    let shop = Shop::open(Layout::default()).await;
    let mut joins = Vec::new();
    for _ in 0..998 {
        joins.push(join(&shop.party("A")));
    }
    for chunk in joins.chunks(200) {
        let guest = guest();
        futures_util::future::join_all(chunk.iter().map(|command| shop.did(&guest, command.clone()))).await;
    }
    assert_eq!(shop.join("A").await.number, "A999");
    let thousandth = shop.join("A").await;
    assert_eq!((thousandth.number.as_str(), thousandth.ahead_at_join), ("A1000", 999));
    let found = shop.queue.find(shop.id, &shop.context(&guest()), "A1000", "1234").await.expect("Redis");
    assert_eq!(found.expect("found").done.ticket.expect("a ticket").id, thousandth.id);
}

#[tokio::test]
async fn a_guard_is_held_while_waiting_or_called() {
    let shop = Shop::open(Layout::default()).await;
    let guarded = |shop: &Shop| waitless::domain::Join { guards: vec!["g1".into(), "g2".into()], ..shop.party("A") };
    let first = shop.did(&guest(), join(&guarded(&shop))).await;
    let again = waitless::domain::Join { guards: vec!["g2".into()], ..shop.party("B") };
    assert_eq!(shop.run(&guest(), join(&again)).await.err(), Some(Rejection::AlreadyWaiting));
    shop.did(&staff(), call(&first, None)).await;
    assert_eq!(shop.run(&staff(), join(&again)).await.err(), Some(Rejection::AlreadyWaiting));
    shop.did(&staff(), seat(&first)).await;
    let second = shop.did(&guest(), join(&again)).await;
    // The seat of the first gave its guards up; cancelling the second gives up its own.
    shop.did(&guest(), cancel(&second)).await;
    shop.did(&guest(), join(&guarded(&shop))).await;
}

#[tokio::test]
async fn a_reply_carries_the_pace_of_the_class() {
    let mut shop = Shop::open(Layout::default()).await;
    let mut tickets = Vec::new();
    for _ in 0..4 {
        tickets.push(shop.join("A").await);
    }
    for ticket in &tickets[..3] {
        shop.pass(60_000).await;
        shop.did(&staff(), seat(ticket)).await;
    }
    let act = Cover::of("join").done(&shop, &guest(), join(&shop.party("A"))).await;
    let expected = PaceRecord { gaps_ms: vec![60_000, 60_000], last_at: Some(shop.now) };
    assert_eq!(act.outcome.done.pace, Some(expected));
    // A gap counts only if the seated party waited all through it.
    shop.did(&guest(), cancel(&tickets[3])).await;
    shop.did(&guest(), cancel(&act.ticket())).await;
    shop.pass(3_600_000).await;
    let late = shop.join("A").await;
    shop.did(&staff(), seat(&late)).await;
    assert_eq!(shop.snapshot().await.pace["A1"].gaps_ms, [60_000, 60_000], "an empty line says nothing");
}

#[tokio::test]
async fn staff_add_a_party_at_a_place() {
    let shop = Shop::open(Layout::default()).await;
    let mut cover = Cover::of("join");
    let at = |shop: &Shop, place| join(&waitless::domain::Join { place: Some(place), ..shop.party("A") });
    // An empty line: the end, which is the head.
    let act = cover.done(&shop, &staff(), at(&shop, 7)).await;
    assert_eq!((act.ticket().order.as_str(), act.ahead()), ("000000015", Some(0)));
    for _ in 0..3 {
        shop.join("A").await;
    }
    shop.join("B").await;
    // Orders 1 to 4 wait in A; the counter stands at 5. The head is before the first, two stay ahead of the third.
    for (place, order, ahead) in [(0, "000000005", 0), (2, "000000017", 2)] {
        let act = cover.done(&shop, &staff(), at(&shop, place)).await;
        assert_eq!((act.ticket().order.as_str(), act.ahead()), (order, Some(ahead)), "place {place}");
        assert_eq!((act.ticket().ahead_at_join, act.ticket().state), (ahead, TicketState::Waiting));
        assert_eq!(act.event.tickets.len(), 1, "nobody is told of being passed: it gives back what was theirs");
    }
    assert_eq!(shop.waiting("A").await, ["A005", "A001", "A006", "A002", "A003", "A004"]);
    // Exactly at the end and beyond it: the end, with the counter's order, so that the next join stands behind.
    for (place, ahead, order) in [(6, 6, "000000065"), (200, 7, "000000075")] {
        let act = cover.done(&shop, &staff(), at(&shop, place)).await;
        assert_eq!((act.ticket().order.as_str(), act.ahead()), (order, Some(ahead)), "place {place}");
        assert_eq!(act.ticket().ahead_at_join, ahead);
    }
    let last = cover.done(&shop, &guest(), join(&shop.party("A"))).await;
    assert_eq!((last.ticket().order.as_str(), last.ahead()), ("000000085", Some(8)));
    // The heads go by place, too: a call finds who was put first.
    let called = shop.did(&staff(), call_next("A")).await;
    assert_eq!((called.number.as_str(), called.overtaken), ("A005", 0));
}
