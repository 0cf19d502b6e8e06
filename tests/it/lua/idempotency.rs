//! A command that comes twice with the same key acts once.

use waitless::domain::Rejection;

use super::commands::{call_next, cancel, join, stock_adjust};
use crate::harness::shop::{Shop, guest, staff};

#[tokio::test]
async fn a_replay_is_the_first_answer_whatever_happened_since() {
    let mut shop = Shop::open(Default::default()).await;
    let party = shop.party("A");
    let first = shop.run_once(&guest(), "key", "body", join(&party)).await.expect("done");
    shop.pass(60_000).await;
    shop.did(&guest(), cancel(first.done.ticket.as_ref().expect("a ticket"))).await;
    // Another id, as a retry would make it: the kept answer has the first one's.
    let again = shop.run_once(&guest(), "key", "body", join(&shop.party("A"))).await.expect("replayed");
    assert!(again.replayed);
    assert_eq!((again.done, again.stamp, again.at), (first.done, first.stamp, first.at));
    let other = shop.run_once(&guest(), "key", "other", join(&shop.party("A"))).await;
    assert_eq!(other.err(), Some(Rejection::IdempotencyMismatch));
    assert_eq!(shop.snapshot().await.lines[&crate::harness::shop::line("A")].today, 1);
}

#[tokio::test]
async fn a_refusal_is_not_kept() {
    let shop = Shop::open(Default::default()).await;
    let refused = shop.run_once(&staff(), "key", "body", call_next("A")).await;
    assert_eq!(refused.err(), Some(Rejection::LineEmpty));
    shop.join("A").await;
    assert!(!shop.run_once(&staff(), "key", "body", call_next("A")).await.expect("now somebody waits").replayed);
}

#[tokio::test]
async fn an_answer_is_kept_for_its_time() {
    let mut shop = Shop::open(Default::default()).await;
    let adjust = || stock_adjust("cake", 1);
    shop.run_once(&staff(), "key", "body", adjust()).await.expect("done");
    shop.pass(599_999).await;
    assert!(shop.run_once(&staff(), "key", "body", adjust()).await.expect("kept").replayed);
    shop.pass(1).await;
    let anew = shop.run_once(&staff(), "key", "other body", adjust()).await.expect("forgotten");
    assert_eq!((anew.replayed, anew.done.left), (false, Some(7)));
    shop.pass(1).await;
    assert!(shop.run_once(&staff(), "key", "other body", adjust()).await.expect("kept anew").replayed);
}

#[tokio::test]
async fn old_answers_are_forgotten_five_at_a_write() {
    let mut shop = Shop::open(Default::default()).await;
    for index in 0..12 {
        shop.run_once(&staff(), &format!("key {index}"), "body", stock_adjust("cake", 1)).await.expect("done");
    }
    shop.pass(600_000).await;
    for left in [7, 2, 0, 0] {
        shop.did_quietly(&staff(), stock_adjust("cake", 1)).await;
        assert_eq!(shop.scores("idem_until").await.len(), left);
        let answers = shop.dump().await.remove(&shop.key("idem")).map_or(0, |answers| answers.len());
        assert_eq!(answers, left);
    }
}
