//! Places: strings between strings, and lines that stay in order whatever is moved.

use waitless::domain::{CallReason, Ticket, TicketState};

use super::commands::{call, edit_line, no_show, put_back, restore, undo};
use crate::harness::shop::{Shop, staff};

async fn miss(shop: &Shop, ticket: &Ticket) {
    shop.did(&staff(), call(ticket, CallReason::Other)).await;
    shop.did(&staff(), no_show(ticket)).await;
}

/// docs/RULES.md, common rule 4. The head's order, the second's order, and what lies between.
#[tokio::test]
async fn between_two_places_there_is_always_another() {
    let shop = Shop::open(Default::default()).await;
    let head = shop.join("A").await;
    let second = shop.join("A").await;
    let moved = shop.join("A").await;
    for (a, b, between) in [
        ("1", "3", "2"),
        ("1", "4", "2"),
        ("1", "2", "15"),
        ("15", "2", "17"),
        ("18", "2", "19"),
        ("19", "2", "195"),
        ("1999", "2", "19995"),
        ("199", "21", "1995"),
        ("1", "15", "12"),
        ("1", "11", "105"),
        ("1", "101", "1005"),
        ("109", "11", "1095"),
        ("000000015", "000000025", "000000017"),
        ("000000095", "000000105", "000000097"),
        ("000000995", "000001005", "000000997"),
    ] {
        miss(&shop, &moved).await;
        shop.take_place(&head, a).await;
        shop.take_place(&second, b).await;
        let found = shop.did(&staff(), restore(&moved, 1)).await.order;
        assert_eq!(found, between, "between {a} and {b}");
        assert!(*a < *found && *found < *b && !found.ends_with('0'));
    }
    for (first, between) in
        [("9", "4"), ("2", "1"), ("1", "05"), ("05", "02"), ("01", "005"), ("000000015", "000000005")]
    {
        miss(&shop, &moved).await;
        shop.take_place(&head, first).await;
        shop.take_place(&second, "95").await;
        let found = shop.did(&staff(), restore(&moved, 0)).await.order;
        assert_eq!(found, between, "before {first}");
    }
}

#[tokio::test]
async fn two_hundred_restores_to_the_head_stay_in_order() {
    let shop = Shop::open(Default::default()).await;
    let tickets = [shop.join("A").await, shop.join("A").await, shop.join("A").await];
    let mut orders = vec![tickets[1].order.clone()];
    for turn in 0..200 {
        let ticket = &tickets[turn % 2 * 2];
        miss(&shop, ticket).await;
        let restored = shop.did(&staff(), restore(ticket, 0)).await;
        assert!(restored.order < *orders.last().expect("one"), "{} < {:?}", restored.order, orders.last());
        assert!(!restored.order.ends_with('0'), "{}", restored.order);
        assert_eq!(shop.waiting("A").await[0], ticket.number);
        orders.push(restored.order);
    }
    // One digit for about three halvings: a day of restores stays short.
    assert!(orders[200].len() < 80, "{}", orders[200].len());
}

/// Orders of two lines may be equal; a change of line must not bring two equal ones together, or nothing would lie
/// between them.
#[tokio::test]
async fn a_place_is_never_shared() {
    let shop = Shop::open(Default::default()).await;
    let a = [shop.join("A").await, shop.join("A").await];
    let b = [shop.join("B").await, shop.join("B").await];
    for (moved, head) in [(&a[0], &a[1]), (&b[0], &b[1])] {
        miss(&shop, moved).await;
        shop.take_place(head, "000000025").await;
        shop.did(&staff(), restore(moved, 0)).await;
    }
    assert_eq!(shop.ticket(&a[0].id).await.order, shop.ticket(&b[0].id).await.order, "the premise");
    let edited = shop.did(&staff(), edit_line(&a[0], "B")).await;
    let kept = shop.ticket(&b[0].id).await.order;
    assert!(edited.order < kept && !edited.order.ends_with('0'), "just before the one who has it");
    let third = shop.join("B").await;
    miss(&shop, &third).await;
    let between = shop.did(&staff(), restore(&third, 1)).await.order;
    assert!(edited.order < between && between < kept);
    // Called, put back with nobody behind, and undone: the same holds.
    let alone = [shop.join("A").await, shop.join("A").await];
    miss(&shop, &a[1]).await;
    shop.did(&staff(), call(&alone[0], None)).await;
    shop.take_place(&alone[1], &alone[0].order).await;
    let back = shop.did(&staff(), put_back(&alone[0], 1)).await;
    assert!(back.order < alone[0].order && back.state == TicketState::Waiting);
    shop.did(&staff(), call(&back, None)).await;
    shop.take_place(&alone[1], &back.order).await;
    assert!(shop.did(&staff(), undo(&back)).await.order < back.order);
}
