//! A restaurant with so many waiting, for the benches: the same each time.

use std::{
    collections::BTreeMap,
    hint::black_box,
    time::{Duration, Instant},
};

use criterion::{BenchmarkId, Criterion};
use waitless::{
    domain::{
        Actor, Channel, Event, LineId, LineRecord, MenuItem, OpenState, Policy, RestaurantId, RestaurantRecord, Role,
        Stamp, Ticket, TicketId, TicketState,
        event::PaceRecord,
        replica::{Replica, Snapshot},
        restaurant::NumberAt,
        ticket::Ended,
    },
    protocol::Heading,
};

/// An evening, and a famous place that has just opened.
pub const CROWDS: [u32; 2] = [300, 10_000];

const RESTAURANT: RestaurantId = RestaurantId(42);
const NOW: i64 = 1_795_316_400_000;

/// Changes that are timed at once: a clock that is asked for each would be a part of the figure.
const CHUNK: u32 = 64;

/// What every frame says.
pub const HEADING: Heading = Heading { at: NOW, live: true, every_ms: 5_000 };

fn line() -> LineId {
    "A".parse().expect("a letter")
}

fn line_record(today: u32) -> LineRecord {
    let recent = (0..10).map(|index| NumberAt { number: format!("A{index:03}"), at: NOW }).collect();
    LineRecord { today, last_number: today, recent, ..LineRecord::fresh(line(), "홀") }
}

/// A party that waits; its place is its serial number.
pub fn ticket(serial: u32) -> Ticket {
    // Ids are random; orders are not.
    let random = u128::from(serial).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
    Ticket {
        id: TicketId::new(RESTAURANT, random),
        r#ref: format!("{serial:016}"),
        number: format!("A{serial:03}"),
        code: "1234".to_owned(),
        line: line(),
        state: TicketState::Waiting,
        order: format!("{serial:08}5"),
        adults: 1 + serial % 6,
        children: 0,
        channel: if serial % 3 == 0 { Channel::Remote } else { Channel::Onsite },
        checked_in: serial % 3 != 0,
        name: Some("김하늘".to_owned()),
        phone_last4: Some("4321".to_owned()),
        note: None,
        lang: Some("ko".to_owned()),
        calls: 0,
        to: None,
        delays_left: 3,
        delays: 0,
        overtaken: 0,
        day: "2026-11-22".to_owned(),
        joined_at: NOW,
        ahead_at_join: serial,
        eta_at_join: None,
        called_at: None,
        grace_until: None,
        seated_at: None,
        missed_at: None,
        undo_until: None,
        rejoin_until: None,
        ended: None,
        items: Vec::new(),
        notices: Vec::new(),
    }
}

/// So many wait.
pub fn replica(waiting: u32) -> Replica {
    let pace =
        |gap_ms| PaceRecord { gaps_ms: (0..20).map(|index| gap_ms + 1_000 * index).collect(), last_at: Some(NOW) };
    Replica::new(Snapshot {
        stamp: Stamp { epoch: 1, rev: 1 },
        at: NOW,
        restaurant: RestaurantRecord {
            id: RESTAURANT,
            slug: "bench".to_owned(),
            name: "북촌 소반".to_owned(),
            time_zone: "Asia/Seoul".to_owned(),
            currency: "KRW".to_owned(),
            state: OpenState::Open,
            until: None,
            reason: None,
            announcement: None,
            day: "2026-11-22".to_owned(),
            day_ends_at: NOW + 40_000_000,
            opened_at: None,
            rebuilt_at: None,
            epoch: 1,
        },
        policy: Policy::default(),
        lines: BTreeMap::from([(line(), line_record(waiting))]),
        menu: vec![MenuItem { id: "cake".to_owned(), name: "케이크".to_owned(), price: 6_000 }],
        stock: BTreeMap::from([("cake".to_owned(), 5)]),
        pace: (1..=3).map(|class| (format!("A{class}"), pace(60_000 * class))).collect(),
        tickets: (0..waiting).map(ticket).collect(),
    })
}

/// One of the middle of the line.
pub fn middle(replica: &Replica) -> &Ticket {
    let waiting = replica.standing(line()).waiting();
    waiting.iter().nth(waiting.len() as usize / 2).expect("somebody waits")
}

/// The ticket as it is after an act.
pub fn event(rev: i64, name: &str, ticket: Ticket) -> Event {
    Event {
        aggregate: format!("restaurant:{RESTAURANT}"),
        epoch: 1,
        rev,
        at: NOW,
        name: name.to_owned(),
        by: Actor::of(Role::Staff),
        ticket: Some(ticket.id.clone()),
        line: Some(line()),
        item: None,
        reason: None,
        tickets: vec![ticket],
        lines: vec![line_record(1)],
        stock: BTreeMap::new(),
        restaurant: None,
        policy: None,
        menu: None,
        pace: BTreeMap::new(),
    }
}

/// Times one change of the replica, and takes it back unseen, so that the line keeps its length.
pub fn changes(
    criterion: &mut Criterion,
    name: &str,
    change: impl Fn(u32, u32) -> (&'static str, Ticket),
    back: impl Fn(Ticket) -> Ticket,
) {
    let mut group = criterion.benchmark_group(name);
    for crowd in CROWDS {
        let mut replica = replica(crowd);
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
pub fn cancelled(ticket: Ticket) -> Ticket {
    let ended = Some(Ended { by: "staff".to_owned(), reason: None });
    Ticket { state: TicketState::Cancelled, ended, ..ticket }
}

/// Shown as called.
pub fn called(ticket: Ticket) -> Ticket {
    Ticket { state: TicketState::Called, calls: 1, called_at: Some(NOW), grace_until: Some(NOW + 300_000), ..ticket }
}
