//! What it costs a server to take in one change: a party joins at the end, the head is called.

mod line;

use std::{
    collections::BTreeMap,
    hint::black_box,
    time::{Duration, Instant},
};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use waitless::domain::{Actor, Event, Role, Ticket, TicketState, ticket::Ended};

/// Changes that are timed at once: a clock that is asked for each would be a part of the figure.
const CHUNK: u32 = 64;

/// The ticket as it is after an act.
fn event(rev: i64, name: &str, ticket: Ticket) -> Event {
    Event {
        aggregate: format!("restaurant:{}", line::RESTAURANT),
        epoch: 1,
        rev,
        at: line::NOW,
        name: name.to_owned(),
        by: Actor::of(Role::Staff),
        ticket: Some(ticket.id.clone()),
        line: Some(line::line()),
        item: None,
        reason: None,
        tickets: vec![ticket],
        lines: vec![line::line_record(1)],
        stock: BTreeMap::new(),
        restaurant: None,
        policy: None,
        menu: None,
        pace: BTreeMap::new(),
    }
}

/// Times one change of the replica, and takes it back unseen, so that the line keeps its length.
fn changes(
    criterion: &mut Criterion,
    name: &str,
    change: impl Fn(u32, u32) -> (&'static str, Ticket),
    back: impl Fn(Ticket) -> Ticket,
) {
    let mut group = criterion.benchmark_group(name);
    for crowd in line::CROWDS {
        let mut replica = line::replica(crowd);
        group.bench_function(BenchmarkId::from_parameter(crowd), |bencher| {
            bencher.iter_custom(|iterations| {
                let mut took = Duration::ZERO;
                let mut left = iterations;
                while left > 0 {
                    let chunk = left.min(u64::from(CHUNK));
                    let rev = replica.stamp().rev;
                    let changes: Vec<Event> = (1..=chunk)
                        .map(|index| {
                            let (name, ticket) = change(crowd, index as u32 - 1);
                            event(rev + index as i64, name, ticket)
                        })
                        .collect();
                    let began = Instant::now();
                    for change in &changes {
                        black_box(replica.apply(change)).expect("the next change");
                    }
                    took += began.elapsed();
                    let rev = replica.stamp().rev;
                    for (change, rev) in changes.into_iter().zip(rev + 1..) {
                        let ticket = back(change.tickets.into_iter().next().expect("one ticket"));
                        replica.apply(&event(rev, "back", ticket)).expect("the next change");
                    }
                    left -= chunk;
                }
                took
            });
        });
    }
    group.finish();
}

/// Not shown any more.
fn cancelled(ticket: Ticket) -> Ticket {
    let ended = Some(Ended { by: "staff".to_owned(), reason: None });
    Ticket { state: TicketState::Cancelled, ended, ..ticket }
}

/// Shown as called.
fn called(ticket: Ticket) -> Ticket {
    Ticket {
        state: TicketState::Called,
        calls: 1,
        called_at: Some(line::NOW),
        grace_until: Some(line::NOW + 300_000),
        ..ticket
    }
}

fn replica(criterion: &mut Criterion) {
    changes(criterion, "replica/join", |crowd, index| ("ticket.joined", line::ticket(crowd + index)), cancelled);
    changes(
        criterion,
        "replica/call",
        |_, index| ("ticket.called", called(line::ticket(index))),
        |ticket| Ticket { state: TicketState::Waiting, calls: 0, called_at: None, grace_until: None, ..ticket },
    );
}

criterion_group!(benches, replica);
criterion_main!(benches);
