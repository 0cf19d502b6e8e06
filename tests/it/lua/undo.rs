//! undo: each act of staff and timer is taken back, a guest's own cancel too.

use waitless::domain::{CallReason, Join, Policy, Rejection, Ticket, TicketState};

use super::{
    commands::{
        call, cancel, check_in, complete, delay, edit_line, join, no_show, put_back, recall, rejoin, restore, seat,
        stock_set, undo,
    },
    cover::{Act, Cover},
};
use crate::harness::shop::{DAY_ENDS_AT, Shop, guest, line, staff};

#[tokio::test]
async fn undo_is_refused_to_others_and_too_late() {
    let mut cover = Cover::of("undo");
    let mut shop = Shop::open(Default::default()).await;
    let party = |shop: &Shop| Join { guards: vec!["g1".into()], ..shop.party("A") };
    let ticket = shop.did(&guest(), join(&party(&shop))).await;
    let stranger = Ticket { id: shop.party("A").id, ..ticket.clone() };
    cover.refused(&shop, &staff(), undo(&stranger), Rejection::NotFound).await;
    cover.refused(&shop, &staff(), undo(&ticket), Rejection::WrongState).await;
    // The guest's own cancel is the guest's, for a minute.
    shop.did(&guest(), cancel(&ticket)).await;
    cover.refused(&shop, &staff(), undo(&ticket), Rejection::WrongState).await;
    shop.pass(59_999).await;
    let act = cover.common(&shop, &guest(), undo(&ticket)).await;
    assert_eq!((act.event.name.as_str(), act.ticket()), ("ticket.undone", ticket.clone()), "as it was");
    cover.refused(&shop, &guest(), undo(&ticket), Rejection::WrongState).await;
    shop.did(&guest(), cancel(&ticket)).await;
    shop.pass(60_000).await;
    cover.refused(&shop, &guest(), undo(&ticket), Rejection::UndoExpired).await;
    // What staff did is staff's; a later join with the same phone stands in the way of coming back to the line only.
    let second = shop.did(&guest(), join(&party(&shop))).await;
    shop.did(&staff(), seat(&second)).await;
    cover.refused(&shop, &guest(), undo(&second), Rejection::WrongState).await;
    shop.did(&guest(), join(&party(&shop))).await;
    cover.refused(&shop, &staff(), undo(&second), Rejection::AlreadyWaiting).await;
    shop.did(&staff(), complete(&second)).await;
    let act = cover.done(&shop, &staff(), undo(&second)).await;
    assert_eq!(act.ticket().state, TicketState::Seated, "seated holds no guard");
    cover.finish();
}

async fn undone(shop: &Shop, ticket: &Ticket) -> Act {
    Cover::of("undo").done(shop, &staff(), undo(ticket)).await
}

#[tokio::test]
async fn undo_brings_back_the_former_state() {
    let mut shop = Shop::open(Default::default()).await;
    let first = shop.join("A").await;
    shop.join("A").await;
    let waiting = shop.ticket(&first.id).await;
    shop.did(&staff(), call(&first, None)).await;
    shop.did(&staff(), recall(&first)).await;
    assert_eq!(undone(&shop, &first).await.ticket(), waiting, "call, also when it was repeated");
    assert!(shop.deadlines().await.is_empty());
    assert!(shop.snapshot().await.lines[&line("A")].recent.is_empty());

    shop.did(&staff(), call(&first, None)).await;
    let called = shop.did(&staff(), recall(&first)).await;
    shop.pass(60_000).await;
    for act in [put_back(&first, 1), no_show(&first), seat(&first), cancel(&first)] {
        shop.did(&staff(), act).await;
        let again = undone(&shop, &first).await.ticket();
        let expected = Ticket { grace_until: Some(shop.now + 300_000), undo_until: None, ..called.clone() };
        assert_eq!(again, expected, "called as before, with grace anew");
        assert_eq!(shop.deadlines().await.len(), 2, "grace and last call");
    }
    let seated = shop.did(&staff(), seat(&first)).await;
    shop.pass(60_000).await;
    shop.did(&staff(), complete(&first)).await;
    let again = undone(&shop, &first).await.ticket();
    assert_eq!(again, Ticket { undo_until: None, ..seated });
    let stay = ("stay".to_owned(), first.id.as_str().to_owned());
    assert_eq!(shop.deadlines().await.into_iter().collect::<Vec<_>>(), [(stay, shop.now + 5_400_000)], "a whole stay");
}

#[tokio::test]
async fn a_restored_party_can_be_missed_again() {
    let mut shop = Shop::open(Default::default()).await;
    let ticket = shop.did(&guest(), join(&Join { items: vec![("cake".into(), 2)], ..shop.party("A") })).await;
    shop.did(&staff(), call(&ticket, None)).await;
    let missed = shop.did(&staff(), no_show(&ticket)).await;
    shop.pass(599_000).await;
    shop.did(&staff(), restore(&ticket, 0)).await;
    shop.pass(60_000).await;
    assert_eq!(undone(&shop, &ticket).await.ticket(), Ticket { undo_until: None, ..missed });
    // Its time to rejoin has passed meanwhile: that is due at once.
    let due = shop.due().await;
    assert_eq!((due.len(), due[0].kind.as_str()), (1, "rejoin"));
    shop.expire(&due[0]).await.expect("due");
    assert_eq!((shop.ticket(&ticket.id).await.items[0].held, shop.left("cake").await), (0, Some(5)));
    // Seated after that, and the seat undone: what was taken again is given back again.
    shop.did(&staff(), seat(&ticket)).await;
    assert_eq!((shop.ticket(&ticket.id).await.items[0].held, shop.left("cake").await), (2, Some(3)));
    undone(&shop, &ticket).await;
    shop.tick().await;
    assert_eq!((shop.ticket(&ticket.id).await.items[0].held, shop.left("cake").await), (0, Some(5)));
}

#[tokio::test]
async fn a_place_taken_meanwhile_is_not_shared() {
    let shop = Shop::open(Default::default()).await;
    let gone = shop.join("A").await;
    let taker = shop.join("A").await;
    shop.did(&staff(), cancel(&gone)).await;
    shop.take_place(&taker, &gone.order).await;
    let act = undone(&shop, &gone).await;
    assert_eq!((act.ticket().order.as_str(), act.ahead()), ("000000005", Some(0)), "just before the one who took it");
}

#[tokio::test]
async fn an_undo_record_is_replaced_and_cleared() {
    let mut shop = Shop::with_policy(Policy { undo_s: 60, ..Policy::default() }).await;
    let ticket = shop.join("A").await;
    shop.join("A").await;
    shop.did(&staff(), call(&ticket, None)).await;
    shop.did(&staff(), put_back(&ticket, 1)).await;
    // The newest act is what undo takes back, and only that.
    assert_eq!(undone(&shop, &ticket).await.ticket().state, TicketState::Called);
    assert_eq!(shop.run(&staff(), undo(&ticket)).await.err(), Some(Rejection::WrongState));
    // A guest's act clears it, what changes nothing does not, nor do edit and check-in.
    shop.did(&staff(), put_back(&ticket, 1)).await;
    let record = shop.ticket(&ticket.id).await.undo_until;
    shop.did(&guest(), check_in(&ticket, false)).await;
    shop.did(&staff(), edit_line(&ticket, "B")).await;
    shop.did(&staff(), edit_line(&ticket, "A")).await;
    assert_eq!((record, shop.ticket(&ticket.id).await.undo_until), (Some(shop.now + 60_000), record));
    shop.join("A").await;
    shop.did(&guest(), delay(&ticket, 1)).await;
    assert_eq!(shop.run(&staff(), undo(&ticket)).await.err(), Some(Rejection::WrongState));
    // Missed: until the end of the day, unless the guest came back.
    shop.did(&staff(), call(&ticket, CallReason::Other)).await;
    let missed = shop.did(&staff(), no_show(&ticket)).await;
    assert_eq!(missed.undo_until, Some(DAY_ENDS_AT));
    shop.did(&guest(), rejoin(&ticket)).await;
    assert_eq!(shop.run(&staff(), undo(&ticket)).await.err(), Some(Rejection::WrongState));
    shop.did(&staff(), seat(&ticket)).await;
    shop.pass(60_000).await;
    assert_eq!(shop.run(&staff(), undo(&ticket)).await.err(), Some(Rejection::UndoExpired));
}

#[tokio::test]
async fn what_cannot_be_had_again_is_lost_and_told() {
    let shop = Shop::open(Default::default()).await;
    let items = vec![("cake".into(), 4), ("soup".into(), 2), ("tea".into(), 1)];
    let ticket = shop.did(&guest(), join(&Join { items, ..shop.party("A") })).await;
    shop.did(&staff(), cancel(&ticket)).await;
    shop.did_quietly(&staff(), stock_set("cake", 3)).await;
    let act = undone(&shop, &ticket).await;
    let items: Vec<_> = act.ticket().items.iter().map(|item| (item.held, item.lost)).collect();
    assert_eq!(items, [(3, 1), (2, 0), (0, 0)]);
    assert_eq!((act.event.stock.get("cake"), act.event.stock.get("soup")), (Some(&0), Some(&0)));
    assert_eq!((act.ticket().notices[0].kind.as_str(), act.ticket().total()), ("items_lost", 6_000));
    assert_eq!(act.ticket().notices[0].args["items"], serde_json::json!(["cake"]));
    // Once more: only what is held now is given back, and taken.
    shop.did(&staff(), cancel(&ticket)).await;
    assert_eq!(shop.left("cake").await, Some(3));
    let again = undone(&shop, &ticket).await.ticket();
    assert_eq!((again.items[0].held, again.items[0].lost, again.notices.len()), (3, 1, 1));
    // Of what is not counted any more there is enough.
    shop.did(&staff(), cancel(&ticket)).await;
    shop.did_quietly(&staff(), stock_set("cake", None)).await;
    let again = undone(&shop, &ticket).await.ticket();
    assert_eq!((again.items[0].held, again.items[0].lost, again.notices.len()), (0, 1, 1));
}
