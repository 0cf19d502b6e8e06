//! Events applied to a replica, against the rules of applying.

use super::*;
use crate::domain::testing::{self, ticket};

fn replica() -> Replica {
    Replica::new(testing::snapshot())
}

fn event(replica: &Replica) -> Event {
    testing::event(replica.stamp().rev + 1, "ticket.joined")
}

fn gone(applied: Result<Applied, Gap>) -> Vec<TicketId> {
    match applied {
        Ok(Applied::Yes { gone }) => gone,
        other => panic!("not applied: {other:?}"),
    }
}

#[test]
fn events_are_taken_once_and_in_order() {
    let mut replica = replica();
    let known = replica.clone();
    let next = event(&replica);
    let skipping = Event { rev: next.rev + 1, ..next.clone() };
    let new_epoch = Event { epoch: 2, rev: 1, ..next.clone() };
    // A Redis that came back counts on from what it kept, which need not be all that was seen of it.
    let new_epoch_next = Event { epoch: 2, ..next.clone() };
    let old_epoch = Event { epoch: 0, rev: 900, ..next.clone() };
    assert_eq!(replica.apply(&skipping), Err(Gap));
    assert_eq!(replica.apply(&new_epoch), Err(Gap));
    assert_eq!(replica.apply(&new_epoch_next), Err(Gap));
    assert_eq!(replica.apply(&old_epoch), Ok(Applied::Old));
    assert_eq!(replica, known);
    assert_eq!(gone(replica.apply(&next)), []);
    assert_eq!(replica.apply(&next), Ok(Applied::Old));
    assert_eq!(replica.stamp(), next.stamp());
}

#[test]
fn what_an_event_carries_replaces_what_was() {
    let mut replica = replica();
    let mut change = event(&replica);
    let mut restaurant = replica.restaurant().clone();
    restaurant.name = "Other".to_owned();
    let mut line = replica.lines()[&testing::line('A')].clone();
    line.today = 9;
    change.restaurant = Some(restaurant.clone());
    change.lines = vec![line.clone()];
    change.policy = Some(Policy { grace_s: 1, ..Policy::default() });
    change.menu = Some(vec![MenuItem { id: "tea".to_owned(), name: "Tea".to_owned(), price: 1 }]);
    change.stock = BTreeMap::from([("kimchi".to_owned(), 7), ("rice".to_owned(), -1)]);
    change.pace = BTreeMap::from([("A1".to_owned(), PaceRecord { gaps_ms: vec![1; 5], last_at: None })]);
    gone(replica.apply(&change));
    assert_eq!(replica.restaurant(), &restaurant);
    assert_eq!(replica.lines()[&line.line], line);
    assert_eq!(replica.policy().grace_s, 1);
    assert_eq!(replica.menu()[0].id, "tea");
    assert_eq!((replica.left("kimchi"), replica.left("rice")), (Some(7), None));
    assert!(replica.eta_of_next(line.line, 2).is_some());
}

#[test]
fn a_place_further_ahead_is_waited_for_less_long() {
    let mut replica = replica();
    let mut change = event(&replica);
    // Two parties of two, one of six between them.
    change.tickets = vec![ticket(1), Ticket { adults: 6, ..ticket(2) }, ticket(3)];
    change.pace = BTreeMap::from([("A1".to_owned(), PaceRecord { gaps_ms: vec![600_000; 5], last_at: None })]);
    gone(replica.apply(&change));
    let high_s = |place| replica.eta_at(testing::line('A'), 2, place).map(|eta| eta.high_s);
    assert!(high_s(Some(0)) < high_s(Some(1)) && high_s(Some(1)) < high_s(Some(3)));
    assert_eq!(high_s(Some(1)), high_s(Some(2)), "a party of six is seated elsewhere");
    assert_eq!(high_s(Some(3)), high_s(None), "behind all");
    assert_eq!(high_s(Some(200)), high_s(None), "beyond the end is the end");
}

#[test]
fn final_tickets_stay_only_while_they_can_be_undone() {
    let at = 1_000;
    let kept = |state, undo_until, ended| keeps(&Ticket { state, undo_until, ended, ..ticket(1) }, at);
    let by = Some(crate::domain::ticket::Ended { by: "timer".to_owned(), reason: None });
    for state in [TicketState::Waiting, TicketState::Called, TicketState::Seated, TicketState::NoShow] {
        assert!(kept(state, None, None), "{state:?}");
    }
    assert!(!kept(TicketState::NoShow, Some(at + 1), by.clone()));
    for state in [TicketState::Completed, TicketState::Cancelled] {
        assert!(kept(state, Some(at + 1), by.clone()), "{state:?}");
        assert!(!kept(state, Some(at), by.clone()), "{state:?}");
        assert!(!kept(state, None, by.clone()), "{state:?}");
    }
}

#[test]
fn a_lapsed_undo_takes_its_ticket_away() {
    let mut replica = replica();
    let cancelled = Ticket { state: TicketState::Cancelled, undo_until: Some(2_000), ..ticket(1) };
    let final_at_once = Ticket { state: TicketState::Completed, ..ticket(2) };
    let mut joined = event(&replica);
    joined.tickets = vec![ticket(1), ticket(2)];
    gone(replica.apply(&joined));
    let mut ended = event(&replica);
    ended.tickets = vec![cancelled.clone(), final_at_once.clone()];
    assert_eq!(gone(replica.apply(&ended)), std::slice::from_ref(&final_at_once.id));
    assert_eq!(replica.next_lapse(), Some(2_000));
    assert_eq!(replica.lapse(1_999), []);
    // Undone, it does not lapse any more.
    let mut undone = replica.clone();
    let mut undo = event(&replica);
    undo.tickets = vec![ticket(1)];
    gone(undone.apply(&undo));
    assert_eq!((undone.lapse(3_000), undone.next_lapse()), (vec![], None));
    // An event after the lapse takes it away as well as time does.
    let mut later = event(&replica);
    later.at = 2_000;
    assert_eq!(gone(replica.clone().apply(&later)), std::slice::from_ref(&cancelled.id));
    assert_eq!(replica.lapse(2_000), [cancelled.id]);
    assert_eq!(replica.tickets().count(), 0);
}

/// Random changes: the index says what walking over all tickets says, and the whole equals a fresh replica.
#[test]
fn the_index_agrees_with_walking_over_all_tickets() {
    let mut replica = replica();
    let mut random = testing::Random::new(7);
    for _ in 0..2_000 {
        let mut change = event(&replica);
        change.at = replica.at() + 1;
        change.tickets = (0..=random.below(2)).map(|_| testing::random_ticket(&mut random, change.at)).collect();
        gone(replica.apply(&change));
        for line in ['A', 'B'].map(testing::line) {
            let mut waiting: Vec<_> =
                replica.tickets().filter(|t| t.line == line && t.state == TicketState::Waiting).cloned().collect();
            waiting.sort_by(|a, b| (&a.order, &a.id).cmp(&(&b.order, &b.id)));
            let standing = replica.standing(line);
            assert!(standing.waiting().iter().eq(&waiting));
            assert_eq!(standing.waiting().onsite() as usize, waiting.iter().filter(|t| t.checked_in).count());
            for (place, ticket) in waiting.iter().enumerate() {
                let of_class = waiting[..place].iter().filter(|t| class(t.party()) == class(ticket.party())).count();
                let ahead = Ahead { total: place as u32, of_class: of_class as u32 };
                assert_eq!(replica.ahead(ticket), Some(ahead));
            }
            assert!(standing.called().is_sorted_by_key(|t| std::cmp::Reverse(t.called_at)));
            assert!(standing.missed().is_sorted_by_key(|t| std::cmp::Reverse(t.missed_at)));
        }
    }
    let tickets = replica.tickets().map(|ticket| Ticket::clone(ticket)).collect();
    let again = Replica::new(Snapshot { stamp: replica.stamp(), at: replica.at(), tickets, ..testing::snapshot() });
    assert_eq!(again, replica);
}
