//! call_next, call, recall: who is called, who is passed, and what both are told.

use waitless::domain::{CallReason, Channel, Command, Join, Policy, Rejection, Ticket, TicketState};

use super::{
    commands::{call, call_next, call_sized, check_in, invalid, join, recall, seat},
    cover::Cover,
};
use crate::harness::shop::{Shop, guest, line, staff};

fn told(ticket: &Ticket) -> Vec<&str> {
    ticket.notices.iter().map(|notice| notice.kind.as_str()).collect()
}

async fn party_of(shop: &Shop, adults: u32, channel: Channel) -> Ticket {
    shop.did(&staff(), join(&Join { adults, channel, ..shop.party("A") })).await
}

#[tokio::test]
async fn call_next_calls_the_first() {
    let mut cover = Cover::of("call_next");
    let shop = Shop::open(Default::default()).await;
    cover.refused(&shop, &staff(), call_next("C"), Rejection::NotFound).await;
    cover.refused(&shop, &staff(), call_next("A"), Rejection::LineEmpty).await;
    shop.join("B").await;
    cover.refused(&shop, &staff(), call_next("A"), Rejection::LineEmpty).await;
    let first = shop.join("A").await;
    let second = shop.join("A").await;
    let to = Command::CallNext { line: line("A"), party_min: None, party_max: None, to: Some("desk 2".into()) };
    let act = cover.common(&shop, &staff(), to).await;
    let called = act.ticket();
    assert_eq!((act.event.name.as_str(), act.event.reason.as_deref()), ("ticket.called", None));
    assert_eq!(
        (&called.id, called.state, called.calls, called.to.as_deref()),
        (&first.id, TicketState::Called, 1, Some("desk 2"))
    );
    assert_eq!((called.called_at, called.grace_until), (Some(shop.now), Some(shop.now + 300_000)));
    assert_eq!((called.undo_until, act.ahead()), (Some(shop.now + 600_000), None));
    assert_eq!(act.event.tickets.len(), 1, "nobody was passed");
    let deadlines = shop.deadlines().await;
    let of = |kind: &str| deadlines.get(&(kind.to_owned(), first.id.as_str().to_owned())).copied();
    assert_eq!(
        (of("grace"), of("last_call"), deadlines.len()),
        (Some(shop.now + 300_000), Some(shop.now + 180_000), 2)
    );
    let recent = &shop.snapshot().await.lines[&line("A")].recent;
    assert_eq!((recent.len(), recent[0].number.as_str(), recent[0].at), (1, "A001", shop.now));
    assert_eq!(shop.ticket(&second.id).await.overtaken, 0);
    cover.finish();
}

#[tokio::test]
async fn a_table_size_passes_those_who_do_not_fit() {
    let mut cover = Cover::of("call_next");
    let shop = Shop::open(Default::default()).await;
    let six = party_of(&shop, 6, Channel::Onsite).await;
    let four = party_of(&shop, 4, Channel::Onsite).await;
    let two = party_of(&shop, 2, Channel::Onsite).await;
    cover.refused(&shop, &staff(), call_sized("A", Some(7), None), Rejection::LineEmpty).await;
    cover.refused(&shop, &staff(), call_sized("A", Some(5), Some(4)), Rejection::LineEmpty).await;
    let act = cover.done(&shop, &staff(), call_sized("A", None, Some(2))).await;
    assert_eq!((act.ticket().id, act.event.tickets.len()), (two.id, 3));
    for passed in [&six, &four] {
        let passed = shop.ticket(&passed.id).await;
        assert_eq!((passed.overtaken, told(&passed)), (1, vec!["overtaken"]));
        let args = &passed.notices[0].args;
        assert_eq!((args["number"].as_str(), args["reason"].as_str()), (Some("A003"), Some("table_fit")));
        assert_eq!((passed.notices[0].id, passed.notices[0].at), (1, shop.now));
    }
    // No size is beyond what a party can have, whatever is asked.
    let act = cover.done(&shop, &staff(), call_sized("A", Some(5), Some(u32::MAX))).await;
    assert_eq!((act.ticket().id, act.event.tickets.len()), (six.id, 1));
}

#[tokio::test]
async fn among_sizes_the_first_by_order_is_called() {
    let shop = Shop::open(Default::default()).await;
    let three = party_of(&shop, 3, Channel::Onsite).await;
    let two = party_of(&shop, 2, Channel::Onsite).await;
    let other = party_of(&shop, 2, Channel::Onsite).await;
    shop.did(&staff(), call(&two, CallReason::Other)).await;
    shop.did(&staff(), call(&other, CallReason::Other)).await;
    // Back between: 000000025 and a place of more digits behind it, which text must not confuse.
    for ticket in [&other, &two] {
        shop.did(&staff(), super::commands::no_show(ticket)).await;
    }
    shop.did(&staff(), super::commands::restore(&two, 0)).await;
    shop.did(&staff(), super::commands::restore(&other, 1)).await;
    let mut called = Vec::new();
    for _ in 0..3 {
        called.push(shop.did(&staff(), call_sized("A", Some(2), Some(3))).await.id);
    }
    assert_eq!(called, [two.id, other.id, three.id]);
}

#[tokio::test]
async fn passing_often_enough_is_said() {
    let shop = Shop::open(Default::default()).await;
    let six = party_of(&shop, 6, Channel::Onsite).await;
    for _ in 0..4 {
        shop.join("A").await;
        shop.did(&staff(), call_sized("A", None, Some(2))).await;
    }
    let six = shop.ticket(&six.id).await;
    assert_eq!(six.overtaken, 4);
    assert_eq!(told(&six), ["overtaken", "overtaken", "overtaken", "passed_over", "overtaken"]);
    assert_eq!(six.notices[3].args["overtaken"], 3);
    assert_eq!(six.notices.iter().map(|notice| notice.id).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    shop.join("A").await;
    shop.did(&staff(), call_sized("A", None, Some(2))).await;
    let notices = shop.ticket(&six.id).await.notices;
    assert_eq!(notices.iter().map(|notice| notice.id).collect::<Vec<_>>(), [2, 3, 4, 5, 6], "the newest five");
}

#[tokio::test]
async fn only_the_first_twenty_passed_are_told() {
    let shop = Shop::open(Default::default()).await;
    let mut passed = Vec::new();
    for _ in 0..22 {
        passed.push(party_of(&shop, 6, Channel::Onsite).await.id);
    }
    let two = shop.join("A").await;
    shop.did(&staff(), call(&two, CallReason::Reservation)).await;
    let mut overtaken = Vec::new();
    for id in &passed {
        overtaken.push(shop.ticket(id).await.overtaken);
    }
    assert_eq!(overtaken, [vec![1; 20], vec![0; 2]].concat());
}

#[tokio::test]
async fn check_in_before_call_never_jams_the_head() {
    let mut cover = Cover::of("call_next");
    let shop = Shop::with_policy(Policy { check_in_before_call: true, ..Policy::default() }).await;
    let away = party_of(&shop, 2, Channel::Remote).await;
    cover.refused(&shop, &staff(), call_next("A"), Rejection::LineEmpty).await;
    let six = party_of(&shop, 6, Channel::Onsite).await;
    for expected in [six.id.clone(), shop.join("A").await.id, shop.join("A").await.id] {
        assert_eq!(cover.done(&shop, &staff(), call_next("A")).await.ticket().id, expected);
    }
    let passed = shop.ticket(&away.id).await;
    assert_eq!((passed.overtaken, told(&passed)), (1, vec!["not_here"]), "told once, however often it is passed");
    assert_eq!(passed.order, away.order, "the place is kept");
    shop.did(&guest(), check_in(&away, false)).await;
    // Checked in but of the wrong size, it is passed like everybody else.
    let one = party_of(&shop, 1, Channel::Onsite).await;
    assert_eq!(cover.done(&shop, &staff(), call_sized("A", None, Some(1))).await.ticket().id, one.id);
    let passed = shop.ticket(&away.id).await;
    assert_eq!((passed.overtaken, told(&passed)), (2, vec!["not_here", "overtaken"]));
    let next = cover.done(&shop, &staff(), call_next("A")).await;
    assert_eq!(next.ticket().id, away.id);
}

#[tokio::test]
async fn call_picks_anybody_for_a_reason() {
    let mut cover = Cover::of("call");
    let shop = Shop::open(Default::default()).await;
    let first = shop.join("A").await;
    let second = shop.join("A").await;
    let third = shop.join("A").await;
    let stranger = Ticket { id: shop.party("A").id, ..first.clone() };
    cover.refused(&shop, &staff(), call(&stranger, None), Rejection::NotFound).await;
    cover.refused(&shop, &staff(), call(&third, None), invalid("reason", "required")).await;
    let act = cover.done(&shop, &staff(), call(&third, CallReason::Accessibility)).await;
    assert_eq!((act.ticket().state, act.event.reason.as_deref()), (TicketState::Called, Some("accessibility")));
    for passed in [&first, &second] {
        let passed = shop.ticket(&passed.id).await;
        assert_eq!((passed.overtaken, passed.notices[0].args["reason"].as_str()), (1, Some("accessibility")));
    }
    cover.refused(&shop, &staff(), call(&third, CallReason::Other), Rejection::WrongState).await;
    // The first needs no reason, and passes nobody.
    let act = cover.common(&shop, &staff(), call(&first, CallReason::CameBack)).await;
    assert_eq!((act.event.tickets.len(), act.event.reason.as_deref()), (1, None));
    assert_eq!((act.ticket().calls, act.ticket().called_at), (1, Some(shop.now)));
    cover.finish();
}

#[tokio::test]
async fn a_call_because_others_are_not_here_tells_them_once() {
    let shop = Shop::open(Default::default()).await;
    let first = shop.join("A").await;
    for _ in 0..2 {
        let next = shop.join("A").await;
        shop.did(&staff(), call(&next, CallReason::NotHere)).await;
    }
    let first = shop.ticket(&first.id).await;
    assert_eq!((first.overtaken, told(&first)), (1, vec!["not_here"]));
}

#[tokio::test]
async fn recall_calls_again_until_the_calls_are_used_up() {
    let mut cover = Cover::of("recall");
    let mut shop = Shop::open(Default::default()).await;
    let ticket = shop.join("A").await;
    let stranger = Ticket { id: shop.party("A").id, ..ticket.clone() };
    cover.refused(&shop, &staff(), recall(&stranger), Rejection::NotFound).await;
    cover.refused(&shop, &staff(), recall(&ticket), Rejection::WrongState).await;
    let called = shop.did(&staff(), call(&ticket, None)).await;
    let other = shop.join("A").await;
    shop.did(&staff(), call(&other, None)).await;
    shop.pass(60_000).await;
    let act = cover.common(&shop, &staff(), recall(&ticket)).await;
    assert_eq!(act.event.name, "ticket.recalled");
    assert_eq!((act.ticket().calls, act.ticket().called_at), (2, Some(shop.now)));
    assert_eq!(act.ticket().grace_until, Some(shop.now + 300_000));
    assert_eq!(act.ticket().undo_until, called.undo_until, "a recall makes no undo record");
    assert_eq!(shop.scores("called").await[ticket.id.as_str()], shop.now);
    assert_eq!(shop.deadlines().await[&("grace".to_owned(), ticket.id.as_str().to_owned())], shop.now + 300_000);
    let recent: Vec<_> =
        shop.snapshot().await.lines[&line("A")].recent.iter().map(|call| call.number.clone()).collect();
    assert_eq!(recent, ["A001", "A002"], "at the front, once");
    assert_eq!(cover.done(&shop, &staff(), recall(&ticket)).await.ticket().calls, 3);
    cover.refused(&shop, &staff(), recall(&ticket), Rejection::NoRecallsLeft).await;
    shop.did(&staff(), seat(&ticket)).await;
    cover.refused(&shop, &staff(), recall(&ticket), Rejection::WrongState).await;
    cover.finish();
}

#[tokio::test]
async fn a_line_remembers_ten_calls() {
    let shop = Shop::open(Default::default()).await;
    for _ in 0..12 {
        shop.join("A").await;
        shop.did(&staff(), call_next("A")).await;
    }
    let recent: Vec<_> =
        shop.snapshot().await.lines[&line("A")].recent.iter().map(|call| call.number.clone()).collect();
    assert_eq!((recent.len(), recent[0].as_str(), recent[9].as_str()), (10, "A012", "A003"));
}
