//! What guests do to their own ticket: delay, check_in, rejoin, cancel, find.

use waitless::{
    domain::{Channel, Command, Join, Policy, Rejection, Ticket, TicketState, policy::Presence},
    queue::Outcome,
};

use super::{
    commands::{call, cancel, check_in, delay, invalid, join, no_show, rejoin, restore, seat, undo},
    cover::Cover,
};
use crate::harness::shop::{Shop, guest, line, staff};

fn stranger(shop: &Shop, ticket: &Ticket) -> Ticket {
    Ticket { id: shop.party("A").id, ..ticket.clone() }
}

#[tokio::test]
async fn a_delay_lets_others_go_first() {
    let mut cover = Cover::of("delay");
    let shop = Shop::with_policy(Policy { delay_places_max: 5, delays: 2, ..Policy::default() }).await;
    let first = shop.join("A").await;
    cover.refused(&shop, &guest(), delay(&stranger(&shop, &first), 1), Rejection::NotFound).await;
    for places in [0, 6] {
        cover.refused(&shop, &guest(), delay(&first, places), invalid("places", "range")).await;
    }
    cover.refused(&shop, &guest(), delay(&first, 1), Rejection::NobodyBehind).await;
    shop.join("B").await;
    cover.refused(&shop, &guest(), delay(&first, 1), Rejection::NobodyBehind).await;
    for _ in 0..3 {
        shop.join("A").await;
    }
    let act = cover.common(&shop, &guest(), delay(&first, 1)).await;
    assert_eq!((act.event.name.as_str(), act.ahead()), ("ticket.put_back", Some(1)));
    assert_eq!((act.ticket().delays_left, act.ticket().delays), (1, 1));
    assert_eq!(act.ticket().order, "000000037", "between 000000035 and 000000045");
    // Also while called, which ends the call.
    shop.did(&staff(), call(&first, waitless::domain::CallReason::Other)).await;
    let act = cover.done(&shop, &guest(), delay(&first, 5)).await;
    assert_eq!((act.ticket().state, act.ticket().calls, act.ahead()), (TicketState::Waiting, 0, Some(3)), "clamped");
    assert_eq!((act.ticket().called_at, act.ticket().grace_until, act.ticket().undo_until), (None, None, None));
    assert_eq!(act.ticket().order, "000000065", "behind the last: the next counter");
    assert!(shop.deadlines().await.is_empty());
    assert!(shop.snapshot().await.lines[&line("A")].recent.is_empty());
    cover.refused(&shop, &guest(), delay(&first, 1), Rejection::NoDelaysLeft).await;
    shop.did(&staff(), seat(&first)).await;
    cover.refused(&shop, &guest(), delay(&first, 1), Rejection::WrongState).await;
    cover.finish();
}

#[tokio::test]
async fn checking_in_shows_presence() {
    let mut cover = Cover::of("check_in");
    let shop = Shop::with_policy(Policy { presence: Presence::Code, ..Policy::default() }).await;
    let remote = |shop: &Shop| join(&Join { channel: Channel::Remote, ..shop.party("A") });
    let first = shop.did(&guest(), remote(&shop)).await;
    let second = shop.did(&guest(), remote(&shop)).await;
    cover.refused(&shop, &guest(), check_in(&stranger(&shop, &first), true), Rejection::NotFound).await;
    cover.refused(&shop, &guest(), check_in(&first, false), Rejection::DoorCode).await;
    let act = cover.common(&shop, &guest(), check_in(&first, true)).await;
    assert_eq!((act.event.name.as_str(), act.ticket().checked_in, act.ahead()), ("ticket.checked_in", true, Some(0)));
    assert_eq!(act.ticket().order, first.order);
    assert_eq!(shop.field("meta", "away").await, Some(1));
    // Once more changes nothing, with or without a code.
    let again = cover.quiet(&shop, shop.run(&guest(), check_in(&first, false))).await;
    assert_eq!((again.stamp, again.done.ticket), (act.outcome.stamp, Some(act.ticket())));
    // Also while called; staff can still take the call back.
    let called = shop.did(&staff(), call(&second, waitless::domain::CallReason::Other)).await;
    let act = cover.done(&shop, &guest(), check_in(&second, true)).await;
    assert_eq!((act.ticket().state, act.ticket().grace_until), (TicketState::Called, called.grace_until));
    assert_eq!(act.ticket().undo_until, called.undo_until, "a check-in neither makes nor clears an undo record");
    let undone = shop.did(&staff(), undo(&second)).await;
    assert_eq!((undone.state, undone.checked_in), (TicketState::Waiting, true));
    assert_eq!(shop.field("meta", "away").await, Some(0));
    shop.did(&staff(), seat(&second)).await;
    cover.refused(&shop, &guest(), check_in(&second, true), Rejection::WrongState).await;
    cover.finish();
}

#[tokio::test]
async fn a_missed_guest_rejoins_once_and_in_time() {
    let mut cover = Cover::of("rejoin");
    let mut shop = Shop::open(Default::default()).await;
    let guarded = |shop: &Shop| Join { guards: vec!["g1".into()], ..shop.party("A") };
    let first = shop.did(&guest(), join(&guarded(&shop))).await;
    cover.refused(&shop, &guest(), rejoin(&stranger(&shop, &first)), Rejection::NotFound).await;
    cover.refused(&shop, &guest(), rejoin(&first), Rejection::WrongState).await;
    let mut others = Vec::new();
    for _ in 0..5 {
        others.push(shop.join("A").await);
    }
    shop.did(&staff(), call(&first, None)).await;
    let missed = shop.did(&staff(), no_show(&first)).await;
    assert_eq!(missed.rejoin_until, Some(shop.now + 600_000));
    // Somebody with the same phone waits meanwhile.
    let rival = shop.did(&guest(), join(&guarded(&shop))).await;
    cover.refused(&shop, &guest(), rejoin(&first), Rejection::AlreadyWaiting).await;
    shop.did(&guest(), cancel(&rival)).await;
    shop.pass(599_999).await;
    let act = cover.common(&shop, &guest(), rejoin(&first)).await;
    let back = act.ticket();
    assert_eq!((act.event.name.as_str(), back.state, act.ahead()), ("ticket.restored", TicketState::Waiting, Some(3)));
    assert_eq!((back.order.as_str(), back.calls, back.called_at, back.undo_until), ("000000047", 0, None, None));
    assert!(shop.deadlines().await.is_empty());
    assert_eq!(shop.waiting("A").await, ["A002", "A003", "A004", "A001", "A005", "A006"]);
    assert_eq!(shop.run(&guest(), join(&guarded(&shop))).await.err(), Some(Rejection::AlreadyWaiting));
    // Only once.
    shop.did(&staff(), call(&first, waitless::domain::CallReason::Other)).await;
    let again = shop.did(&staff(), no_show(&first)).await;
    assert_eq!((again.rejoin_until, shop.deadlines().await.len()), (None, 0), "and nothing else is promised");
    cover.refused(&shop, &guest(), rejoin(&first), Rejection::RejoinExpired).await;
    // Not at the moment when the time is over.
    shop.did(&staff(), call(&others[0], None)).await;
    shop.did(&staff(), no_show(&others[0])).await;
    shop.pass(600_000).await;
    cover.refused(&shop, &guest(), rejoin(&others[0]), Rejection::RejoinExpired).await;
    shop.did(&staff(), restore(&others[0], 0)).await;
    cover.finish();
}

#[tokio::test]
async fn cancelling_ends_a_ticket_and_gives_everything_back() {
    let mut cover = Cover::of("cancel");
    let shop = Shop::open(Default::default()).await;
    let party = Join { items: vec![("cake".into(), 2)], guards: vec!["g1".into()], ..shop.party("A") };
    let first = shop.did(&guest(), join(&party)).await;
    let second = shop.join("A").await;
    let third = shop.join("A").await;
    cover.refused(&shop, &guest(), cancel(&stranger(&shop, &first)), Rejection::NotFound).await;
    let act = cover.common(&shop, &guest(), cancel(&first)).await;
    let ended = act.ticket().ended.expect("it ended");
    assert_eq!((ended.by.as_str(), ended.reason), ("guest", None));
    assert_eq!((act.event.name.as_str(), act.ticket().undo_until), ("ticket.cancelled", Some(shop.now + 60_000)));
    assert_eq!((act.ticket().items[0].held, act.event.stock.get("cake")), (0, Some(&5)));
    assert_eq!(shop.field::<String>("guard", "g1").await, None);
    cover.refused(&shop, &guest(), cancel(&first), Rejection::AlreadyFinal).await;
    // By staff, of a called one, for a reason: the whole day to undo it.
    shop.did(&staff(), call(&second, None)).await;
    let reason = Command::Cancel { ticket: second.id.clone(), reason: Some("left".into()) };
    let act = cover.done(&shop, &staff(), reason).await;
    let ended = act.ticket().ended.expect("it ended");
    assert_eq!((ended.by.as_str(), ended.reason.as_deref()), ("staff", Some("left")));
    assert_eq!((act.event.reason.as_deref(), act.ticket().calls), (Some("left"), 1), "only grace ends with it");
    assert_eq!(act.ticket().undo_until, Some(crate::harness::shop::DAY_ENDS_AT));
    assert!(shop.deadlines().await.is_empty());
    shop.did(&staff(), seat(&third)).await;
    cover.refused(&shop, &guest(), cancel(&third), Rejection::WrongState).await;
    cover.finish();
}

#[tokio::test]
async fn number_and_code_find_a_ticket_five_tries_long() {
    let mut cover = Cover::keyless("find");
    let shop = Shop::open(Default::default()).await;
    let find = async |number: &str, code: &str| -> Result<Outcome, Rejection> {
        shop.queue.find(shop.id, &shop.context(&guest()), number, code).await.expect("Redis answers")
    };
    let ticket = shop.join("A").await;
    let unopened = Shop::unopened();
    unopened.due().await;
    let lost = unopened.queue.find(unopened.id, &unopened.context(&guest()), "A001", "1234").await.expect("Redis");
    assert_eq!(lost.err(), Some(Rejection::NotLoaded));
    cover.saw("not_loaded");
    cover.refusal(&shop, find("A002", "1234"), Rejection::NotFound).await;
    cover.uncompared(&shop, find("A002", "1234")).await;
    for _ in 0..4 {
        cover.refusal(&shop, find("A001", "0000"), Rejection::NotFound).await;
    }
    assert_eq!(shop.field::<String>("codes", "A001").await, Some(format!("{} 4", ticket.id.as_str())));
    let found = cover.quiet(&shop, find("A001", "1234")).await;
    assert_eq!((found.done.ticket, found.done.ahead), (Some(ticket), Some(0)));
    cover.refusal(&shop, find("A001", "0000"), Rejection::NotFound).await;
    cover.refusal(&shop, find("A001", "1234"), Rejection::NotFound).await;
    assert!(shop.field::<String>("codes", "A001").await.expect("kept").ends_with(" 5"), "tries stay at five");
    cover.finish();
}
