//! What staff do to a ticket: put_back, seat, complete, no_show, restore, edit.

use waitless::domain::{CallReason, Channel, Edit, Join, Policy, Rejection, Ticket, TicketState, replica::Snapshot};

use super::{
    commands::{call, cancel, complete, edit, edit_line, invalid, join, no_show, put_back, restore, seat, undo},
    cover::Cover,
};
use crate::harness::shop::{DAY_ENDS_AT, Shop, guest, line, staff};

fn stranger(shop: &Shop, ticket: &Ticket) -> Ticket {
    Ticket { id: shop.party("A").id, ..ticket.clone() }
}

#[tokio::test]
async fn put_back_moves_a_called_party_behind_others() {
    let mut cover = Cover::of("put_back");
    let shop = Shop::with_policy(Policy { delay_places_max: 4, ..Policy::default() }).await;
    let first = shop.join("A").await;
    cover.refused(&shop, &staff(), put_back(&stranger(&shop, &first), 1), Rejection::NotFound).await;
    for places in [0, 5] {
        cover.refused(&shop, &staff(), put_back(&first, places), invalid("places", "range")).await;
    }
    cover.refused(&shop, &staff(), put_back(&first, 1), Rejection::WrongState).await;
    // Nobody behind: the place is kept, and the record is replaced.
    shop.did(&staff(), call(&first, None)).await;
    let act = cover.done(&shop, &staff(), put_back(&first, 2)).await;
    assert_eq!((act.ticket().order.as_str(), act.ahead()), ("000000015", Some(0)));
    for _ in 0..3 {
        shop.join("A").await;
    }
    for (places, number_order) in [(2, ["A002", "A003", "A001", "A004"]), (4, ["A002", "A003", "A004", "A001"])] {
        shop.did(&staff(), call(&first, CallReason::Other)).await;
        let act = cover.common(&shop, &staff(), put_back(&first, places)).await;
        assert_eq!(act.event.name, "ticket.put_back");
        assert_eq!((act.ticket().state, act.ticket().calls, act.ticket().called_at), (TicketState::Waiting, 0, None));
        assert_eq!(act.ticket().undo_until, Some(shop.now + 600_000));
        assert_eq!(shop.waiting("A").await, number_order, "{places} places");
        assert!(shop.deadlines().await.is_empty());
        assert!(shop.snapshot().await.lines[&line("A")].recent.is_empty(), "no longer among the calls");
    }
    cover.finish();
}

#[tokio::test]
async fn seat_takes_a_party_from_any_row() {
    let mut cover = Cover::of("seat");
    let shop = Shop::open(Default::default()).await;
    let guarded = |guard: &str| Join { guards: vec![guard.into()], ..shop.party("A") };
    let waiting = shop.did(&guest(), join(&guarded("g1"))).await;
    let called = shop.did(&guest(), join(&guarded("g2"))).await;
    let missed = shop.did(&guest(), join(&guarded("g3"))).await;
    cover.refused(&shop, &staff(), seat(&stranger(&shop, &waiting)), Rejection::NotFound).await;
    shop.did(&staff(), call(&called, CallReason::Other)).await;
    shop.did(&staff(), call(&missed, CallReason::Other)).await;
    shop.did(&staff(), no_show(&missed)).await;
    for ticket in [&waiting, &called] {
        let act = cover.done(&shop, &staff(), seat(ticket)).await;
        assert_eq!((act.event.name.as_str(), act.ticket().state), ("ticket.seated", TicketState::Seated));
        assert_eq!((act.ticket().seated_at, act.ahead()), (Some(shop.now), None));
        assert_eq!(act.ticket().undo_until, Some(shop.now + 600_000));
        let stay = ("stay".to_owned(), ticket.id.as_str().to_owned());
        assert_eq!(shop.deadlines().await.get(&stay), Some(&(shop.now + 5_400_000)));
        assert!(act.ticket().notices.is_empty() || ticket.id == waiting.id);
    }
    cover.common(&shop, &staff(), seat(&missed)).await;
    assert_eq!(shop.deadlines().await.len(), 3, "each stays, nobody can be missed or rejoin");
    for guard in ["g1", "g2", "g3"] {
        assert_eq!(shop.field::<String>("guard", guard).await, None, "guards are given up");
    }
    cover.refused(&shop, &staff(), seat(&waiting), Rejection::WrongState).await;
    cover.finish();
}

#[tokio::test]
async fn complete_ends_a_stay() {
    let mut cover = Cover::of("complete");
    let shop = Shop::open(Default::default()).await;
    let party = Join { items: vec![("cake".into(), 2)], ..shop.party("A") };
    let ticket = shop.did(&guest(), join(&party)).await;
    cover.refused(&shop, &staff(), complete(&stranger(&shop, &ticket)), Rejection::NotFound).await;
    cover.refused(&shop, &staff(), complete(&ticket), Rejection::WrongState).await;
    shop.did(&staff(), seat(&ticket)).await;
    let act = cover.common(&shop, &staff(), complete(&ticket)).await;
    let ended = act.ticket().ended.expect("it ended");
    assert_eq!((ended.by.as_str(), ended.reason), ("staff", None));
    assert_eq!((act.event.name.as_str(), act.ticket().undo_until), ("ticket.completed", Some(shop.now + 600_000)));
    assert_eq!((act.ticket().items[0].held, shop.left("cake").await), (2, Some(3)), "what was eaten stays eaten");
    assert!(shop.deadlines().await.is_empty());
    cover.refused(&shop, &staff(), complete(&ticket), Rejection::AlreadyFinal).await;
    cover.finish();
}

#[tokio::test]
async fn no_show_keeps_items_for_a_while() {
    let mut cover = Cover::of("no_show");
    let shop = Shop::open(Default::default()).await;
    let party = Join { items: vec![("cake".into(), 2)], guards: vec!["g1".into()], ..shop.party("A") };
    let ticket = shop.did(&guest(), join(&party)).await;
    cover.refused(&shop, &staff(), no_show(&stranger(&shop, &ticket)), Rejection::NotFound).await;
    cover.refused(&shop, &staff(), no_show(&ticket), Rejection::WrongState).await;
    shop.did(&staff(), call(&ticket, None)).await;
    let act = cover.common(&shop, &staff(), no_show(&ticket)).await;
    let missed = act.ticket();
    assert_eq!((act.event.name.as_str(), missed.state), ("ticket.no_show", TicketState::NoShow));
    assert_eq!((missed.missed_at, missed.rejoin_until), (Some(shop.now), Some(shop.now + 600_000)));
    assert_eq!((missed.undo_until, missed.calls, missed.ended), (Some(DAY_ENDS_AT), 1, None));
    assert_eq!((missed.items[0].held, shop.left("cake").await), (2, Some(3)));
    assert_eq!(shop.field::<String>("guard", "g1").await, None);
    let rejoin = ("rejoin".to_owned(), ticket.id.as_str().to_owned());
    assert_eq!(shop.deadlines().await.into_iter().collect::<Vec<_>>(), [(rejoin, shop.now + 600_000)]);
    cover.finish();
}

#[tokio::test]
async fn restore_puts_a_missed_party_near_the_head() {
    let mut cover = Cover::of("restore");
    let shop = Shop::with_policy(Policy { delay_places_max: 6, ..Policy::default() }).await;
    let guarded = |shop: &Shop| Join { guards: vec!["g1".into()], ..shop.party("A") };
    let ticket = shop.did(&guest(), join(&guarded(&shop))).await;
    cover.refused(&shop, &staff(), restore(&stranger(&shop, &ticket), 0), Rejection::NotFound).await;
    cover.refused(&shop, &staff(), restore(&ticket, 7), invalid("places", "range")).await;
    cover.refused(&shop, &staff(), restore(&ticket, 0), Rejection::WrongState).await;
    let miss = async || {
        shop.did(&staff(), call(&ticket, CallReason::Other)).await;
        shop.did(&staff(), no_show(&ticket)).await;
    };
    miss().await;
    let rival = shop.did(&guest(), join(&guarded(&shop))).await;
    cover.refused(&shop, &staff(), restore(&ticket, 0), Rejection::AlreadyWaiting).await;
    shop.did(&guest(), cancel(&rival)).await;
    // An empty line: the next counter, whatever was asked.
    for (places, order) in [(0, "000000035"), (3, "000000045")] {
        let act = cover.common(&shop, &staff(), restore(&ticket, places)).await;
        assert_eq!((act.event.name.as_str(), act.ticket().order.as_str()), ("ticket.restored", order));
        assert_eq!((act.ticket().state, act.ticket().calls), (TicketState::Waiting, 0));
        assert_eq!(act.ticket().undo_until, Some(shop.now + 600_000));
        assert!(shop.deadlines().await.is_empty());
        miss().await;
    }
    let others = [shop.join("A").await, shop.join("A").await];
    assert_eq!(others[1].order, "000000065");
    // From the head, behind the first, behind the last of a line that is shorter than asked.
    for (places, order, ahead) in [(0, "00000002", 0), (1, "000000057", 1), (2, "000000075", 2), (6, "000000085", 2)] {
        let act = cover.done(&shop, &staff(), restore(&ticket, places)).await;
        let found = (act.ticket().order, act.ahead());
        assert_eq!(found, (order.to_owned(), Some(ahead)), "{places}");
        miss().await;
    }
    cover.finish();
}

#[tokio::test]
async fn edit_changes_a_party_and_keeps_its_place() {
    let mut cover = Cover::of("edit");
    let mut shop = Shop::open(Default::default()).await;
    let other = shop.join("A").await;
    let party =
        Join { channel: Channel::Remote, name: Some("Kim".into()), note: Some("old".into()), ..shop.party("A") };
    let ticket = shop.did(&guest(), join(&party)).await;
    let adults = |adults: u32| Edit { adults: Some(adults), ..Edit::default() };
    cover.refused(&shop, &staff(), edit(&stranger(&shop, &ticket), adults(3)), Rejection::NotFound).await;
    cover.refused(&shop, &staff(), edit_line(&ticket, "C"), invalid("line", "not_found")).await;
    cover.refused(&shop, &staff(), edit(&ticket, adults(21)), invalid("adults", "range")).await;
    let children = Edit { children: Some(19), ..Edit::default() };
    cover.refused(&shop, &staff(), edit(&ticket, children), invalid("adults", "range")).await;
    let change =
        Edit { adults: Some(4), children: Some(1), note: Some(Some("=new".into())), name: Some(None), line: None };
    let act = cover.common(&shop, &staff(), edit(&ticket, change.clone())).await;
    let edited = act.ticket();
    assert_eq!((act.event.name.as_str(), edited.adults, edited.children), ("ticket.edited", 4, 1));
    assert_eq!((edited.note.as_deref(), edited.name), (Some("=new"), None));
    assert_eq!((&edited.number, &edited.order, act.ahead()), (&ticket.number, &ticket.order, Some(1)));
    let same = cover.quiet(&shop, shop.run(&staff(), edit(&ticket, change))).await;
    assert_eq!(same.stamp, act.outcome.stamp);
    // It is found by its new size.
    let act = Cover::of("call_next").done(&shop, &staff(), super::commands::call_sized("A", Some(5), None)).await;
    assert_eq!(act.ticket().id, ticket.id);
    // Another line: number and order stay, also while called; then seated and missed.
    let act = cover.done(&shop, &staff(), edit_line(&ticket, "B")).await;
    assert_eq!(
        (act.ticket().line, &act.ticket().number, &act.ticket().order),
        (line("B"), &ticket.number, &ticket.order)
    );
    let act = cover.done(&shop, &staff(), edit_line(&other, "B")).await;
    assert_eq!((act.ticket().order, act.ahead(), act.event.line), (other.order.clone(), Some(0), Some(line("B"))));
    // What boards show of its call goes along, in its place by time.
    let recent = |snapshot: &Snapshot, letter: &str| -> Vec<String> {
        snapshot.lines[&line(letter)].recent.iter().map(|call| call.number.clone()).collect()
    };
    let third = shop.join("B").await;
    shop.now += 1;
    shop.did(&staff(), call(&third, CallReason::Other)).await;
    let act = cover.done(&shop, &staff(), edit_line(&ticket, "A")).await;
    assert_eq!(act.event.lines.len(), 2);
    assert_eq!(
        (recent(&shop.snapshot().await, "A"), recent(&shop.snapshot().await, "B")),
        (vec![ticket.number.clone()], vec![third.number.clone()])
    );
    cover.done(&shop, &staff(), edit_line(&ticket, "B")).await;
    assert_eq!(recent(&shop.snapshot().await, "B"), [third.number, ticket.number.clone()]);
    assert!(recent(&shop.snapshot().await, "A").is_empty());
    shop.did(&staff(), no_show(&ticket)).await;
    cover.done(&shop, &staff(), edit(&ticket, adults(1))).await;
    shop.did(&staff(), seat(&ticket)).await;
    cover.done(&shop, &staff(), edit(&ticket, adults(2))).await;
    shop.did(&staff(), undo(&ticket)).await;
    shop.did(&guest(), cancel(&other)).await;
    cover.refused(&shop, &staff(), edit(&other, adults(1)), Rejection::WrongState).await;
    cover.finish();
}
