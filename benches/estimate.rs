//! The wait of a party: the formula alone, and of a ticket in the middle of its line, whose place has to be found.

mod line;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use waitless::domain::{Ticket, estimate::estimate, event::PaceRecord, replica::Replica};

/// One of the middle of the line.
fn middle(replica: &Replica) -> &Ticket {
    let waiting = replica.standing(line::line()).waiting();
    waiting.iter().nth(waiting.len() as usize / 2).expect("somebody waits")
}

fn estimates(criterion: &mut Criterion) {
    let pace = PaceRecord { gaps_ms: (1..=20).map(|index| 30_000 * index).collect(), last_at: None };
    criterion.bench_function("estimate/formula", |bencher| {
        bencher.iter(|| estimate(black_box(Some(&pace)), black_box(17), None).expect("enough seatings"));
    });
    let mut group = criterion.benchmark_group("estimate/ticket");
    for crowd in line::CROWDS {
        let replica = line::replica(crowd);
        let ticket = middle(&replica);
        group.bench_function(BenchmarkId::from_parameter(crowd), |bencher| {
            bencher.iter(|| replica.place(black_box(ticket)).and_then(|place| place.eta).expect("enough seatings"));
        });
    }
    group.finish();
}

criterion_group!(benches, estimates);
criterion_main!(benches);
