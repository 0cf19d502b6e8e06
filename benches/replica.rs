//! What it costs a server to take in one change: a party joins at the end, the head is called.

mod line;

use criterion::{Criterion, criterion_group, criterion_main};
use waitless::domain::{Ticket, TicketState};

fn replica(criterion: &mut Criterion) {
    line::changes(
        criterion,
        "replica/join",
        |crowd, index| ("ticket.joined", line::ticket(crowd + index)),
        line::cancelled,
    );
    line::changes(
        criterion,
        "replica/call",
        |_, index| ("ticket.called", line::called(line::ticket(index))),
        |ticket| Ticket { state: TicketState::Waiting, calls: 0, called_at: None, grace_until: None, ..ticket },
    );
}

criterion_group!(benches, replica);
criterion_main!(benches);
