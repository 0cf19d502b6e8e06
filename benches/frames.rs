//! Frames from a replica to the text that is sent: the board, the queue of consoles, a phone's own ticket.

mod line;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use waitless::{
    domain::{Ticket, replica::Replica},
    hub::Text,
    protocol::{Heading, board_frame, queue_frame, ticket_frame},
};

/// What every frame says.
const HEADING: Heading = Heading { at: line::NOW, live: true, every_ms: 5_000 };

/// One of the middle of the line.
fn middle(replica: &Replica) -> &Ticket {
    let waiting = replica.standing(line::line()).waiting();
    waiting.iter().nth(waiting.len() as usize / 2).expect("somebody waits")
}

fn frames(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("frames");
    for crowd in line::CROWDS {
        let replica = line::replica(crowd);
        let board = || Text::encode(&board_frame(&replica, HEADING, "https://line.example/".to_owned(), None));
        let queue = || Text::encode(&queue_frame(&replica, HEADING));
        let middle = middle(&replica);
        let position = || Text::encode(&ticket_frame(&replica, middle, HEADING));
        let frames: [(&str, &dyn Fn() -> Text); 3] = [("board", &board), ("queue", &queue), ("ticket", &position)];
        for (name, encode) in frames {
            group.throughput(Throughput::Bytes(encode().as_str().len() as u64));
            group.bench_function(BenchmarkId::new(name, crowd), |bencher| bencher.iter(|| black_box(encode())));
        }
    }
    group.finish();
}

criterion_group!(benches, frames);
criterion_main!(benches);
