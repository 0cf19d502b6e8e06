//! Joining and moving along the line.
use waitless::domain::{Command, Rejection, TicketState};

use crate::harness::shop::{Shop, guest, line, staff};

fn call_next(letter: &str) -> Command {
    Command::CallNext { line: line(letter), party_min: None, party_max: None, to: None }
}

#[tokio::test]
async fn the_first_of_a_line_is_called_and_seated() {
    let shop = Shop::open(Default::default()).await;
    let first = shop.join("A").await;
    let second = shop.join("A").await;
    assert_eq!((first.number.as_str(), second.number.as_str()), ("A001", "A002"));
    assert_eq!((second.ahead_at_join, second.order.as_str()), (1, "000000025"));
    let called = shop.did(&staff(), call_next("A")).await;
    assert_eq!((called.id.clone(), called.state, called.calls), (first.id, TicketState::Called, 1));
    let seated = shop.did(&staff(), Command::Seat { ticket: called.id.clone() }).await;
    assert_eq!(seated.state, TicketState::Seated);
    let done = shop.did(&staff(), Command::Complete { ticket: called.id }).await;
    assert_eq!(done.state, TicketState::Completed);
    assert_eq!(shop.run(&staff(), call_next("B")).await.err(), Some(Rejection::LineEmpty));
    let cancelled = shop.did(&guest(), Command::Cancel { ticket: second.id, reason: None }).await;
    assert_eq!(cancelled.undo_until, Some(shop.now + 60_000));
    let snapshot = shop.snapshot().await;
    assert_eq!(snapshot.tickets.len(), 2);
    assert_eq!(shop.events().await.len(), 7);
}
