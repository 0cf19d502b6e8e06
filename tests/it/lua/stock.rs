//! Menu stock: set, adjusted, held by tickets; nothing appears and nothing vanishes.

use waitless::domain::{Join, Rejection, Ticket};

use super::{
    commands::{call, cancel, complete, invalid, join, no_show, rejoin, restore, seat, stock_adjust, stock_set, undo},
    cover::Cover,
};
use crate::harness::shop::{Shop, guest, staff};

#[tokio::test]
async fn stock_is_set_counted_or_not() {
    let mut cover = Cover::of("stock_set");
    let shop = Shop::open(Default::default()).await;
    cover.refused(&shop, &staff(), stock_set("pie", 1), Rejection::NotFound).await;
    let act = cover.common(&shop, &staff(), stock_set("cake", 9)).await;
    assert_eq!((act.event.name.as_str(), act.event.item.as_deref()), ("stock.changed", Some("cake")));
    assert_eq!((act.outcome.done.left, act.event.stock.get("cake")), (Some(9), Some(&9)));
    let act = cover.done(&shop, &staff(), stock_set("cake", None)).await;
    assert_eq!(
        (act.outcome.done.left, act.event.stock.get("cake"), shop.left("cake").await),
        (Some(-1), Some(&-1), None)
    );
    let act = cover.done(&shop, &staff(), stock_set("tea", 0)).await;
    assert_eq!((act.outcome.done.left, shop.left("tea").await), (Some(0), Some(0)));
    cover.finish();
}

#[tokio::test]
async fn stock_never_falls_below_zero() {
    let mut cover = Cover::of("stock_adjust");
    let shop = Shop::open(Default::default()).await;
    cover.refused(&shop, &staff(), stock_adjust("pie", 1), Rejection::NotFound).await;
    cover.refused(&shop, &staff(), stock_adjust("tea", 1), invalid("item", "not_counted")).await;
    cover.refused(&shop, &staff(), stock_adjust("cake", -6), Rejection::StockNegative).await;
    let act = cover.common(&shop, &staff(), stock_adjust("cake", -5)).await;
    assert_eq!((act.event.name.as_str(), act.outcome.done.left), ("stock.changed", Some(0)));
    assert_eq!(cover.done(&shop, &staff(), stock_adjust("cake", 7)).await.outcome.done.left, Some(7));
    cover.finish();
}

/// left + held + consumed of cake.
async fn ledger(shop: &Shop, tickets: &[Ticket]) -> i64 {
    let mut sum = shop.left("cake").await.unwrap_or(0);
    for ticket in tickets {
        sum += i64::from(shop.ticket(&ticket.id).await.items[0].held);
    }
    sum
}

#[tokio::test]
async fn left_and_held_and_consumed_make_the_ledger() {
    let mut shop = Shop::open(Default::default()).await;
    let mut tickets = Vec::new();
    shop.did_quietly(&staff(), stock_set("cake", 10)).await;
    for quantity in [1, 2, 3, 4] {
        let party = Join { items: vec![("cake".into(), quantity)], ..shop.party("A") };
        tickets.push(shop.did(&guest(), join(&party)).await);
    }
    assert_eq!((shop.left("cake").await, ledger(&shop, &tickets).await), (Some(0), 10));
    let sold_out = Join { items: vec![("cake".into(), 1)], ..shop.party("A") };
    let refusal = shop.run(&guest(), join(&sold_out)).await.err();
    assert_eq!(refusal, Some(Rejection::SoldOut { items: vec!["cake".into()] }));
    // Consumed, missed, cancelled, cancelled twice over with an undo between.
    shop.did(&staff(), seat(&tickets[0])).await;
    shop.did(&staff(), complete(&tickets[0])).await;
    shop.did(&staff(), call(&tickets[1], None)).await;
    shop.did(&staff(), no_show(&tickets[1])).await;
    shop.did(&staff(), cancel(&tickets[2])).await;
    assert_eq!((shop.left("cake").await, ledger(&shop, &tickets).await), (Some(3), 10));
    shop.did(&staff(), undo(&tickets[2])).await;
    shop.did(&staff(), cancel(&tickets[2])).await;
    shop.pass(600_000).await;
    let acts = shop.tick().await;
    assert_eq!((acts.len(), acts[0].0.as_str()), (1, "rejoin"));
    assert_eq!((shop.left("cake").await, ledger(&shop, &tickets).await), (Some(5), 10));
    // Counted anew while some is held: the ledger is what is set, and what is out already.
    shop.did_quietly(&staff(), stock_set("cake", 7)).await;
    assert_eq!(ledger(&shop, &tickets).await, 7 + 4 + 1);
    shop.did_quietly(&staff(), stock_adjust("cake", 3)).await;
    shop.did(&guest(), cancel(&tickets[3])).await;
    assert_eq!((shop.left("cake").await, ledger(&shop, &tickets).await), (Some(14), 15));
    // Not counted any more: what comes back is not added to anything.
    shop.did(&guest(), undo(&tickets[3])).await;
    shop.did_quietly(&staff(), stock_set("cake", None)).await;
    shop.did(&guest(), cancel(&tickets[3])).await;
    assert_eq!((shop.left("cake").await, shop.ticket(&tickets[3].id).await.items[0].held), (None, 0));
    shop.did_quietly(&staff(), stock_set("cake", 1)).await;
    let back = shop.did(&guest(), undo(&tickets[3])).await;
    assert_eq!((back.items[0].held, back.items[0].lost, shop.left("cake").await), (1, 3, Some(0)));
}

#[tokio::test]
async fn who_has_rejoined_once_holds_nothing_when_missed_again() {
    let shop = Shop::open(Default::default()).await;
    let party = Join { items: vec![("cake".into(), 2)], ..shop.party("A") };
    let ticket = shop.did(&guest(), join(&party)).await;
    let miss = async || {
        shop.did(&staff(), call(&ticket, None)).await;
        shop.did(&staff(), no_show(&ticket)).await
    };
    assert_eq!((miss().await.items[0].held, shop.left("cake").await), (2, Some(3)));
    shop.did(&guest(), rejoin(&ticket)).await;
    assert_eq!((miss().await.items[0].held, shop.left("cake").await), (0, Some(5)), "nobody can come for it");
    // Staff bring it back, by any way, and take that back.
    for bring_back in [undo(&ticket), restore(&ticket, 0), seat(&ticket)] {
        let back = shop.did(&staff(), bring_back.clone()).await;
        assert_eq!((back.items[0].held, back.items[0].lost, shop.left("cake").await), (2, 0, Some(3)));
        if bring_back == undo(&ticket) {
            shop.did(&staff(), no_show(&ticket)).await;
        } else {
            shop.did(&staff(), undo(&ticket)).await;
        }
        assert_eq!(shop.left("cake").await, Some(5), "{bring_back:?}");
    }
    assert!(shop.deadlines().await.is_empty());
}
