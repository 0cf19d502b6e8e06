//! Words of the domain for unit tests: a small restaurant with lines A and B, and tickets by serial number.

use std::collections::BTreeMap;

use super::{
    Actor, Channel, Event, LineId, LineRecord, MenuItem, Millis, OpenState, Policy, RestaurantId, RestaurantRecord,
    Role, Stamp, Ticket, TicketId, TicketState, replica::Snapshot, ticket::Ended,
};

pub(crate) const RESTAURANT: RestaurantId = RestaurantId(42);

pub(crate) fn line(letter: char) -> LineId {
    letter.to_string().parse().expect("a letter")
}

fn line_record(letter: char, name: &str) -> LineRecord {
    LineRecord::fresh(line(letter), name)
}

/// Epoch 1, rev 10, at 1,000 ms: nobody there.
pub(crate) fn snapshot() -> Snapshot {
    let item = |id: &str, name: &str, price| MenuItem { id: id.to_owned(), name: name.to_owned(), price };
    Snapshot {
        stamp: Stamp { epoch: 1, rev: 10 },
        at: 1_000,
        restaurant: RestaurantRecord {
            id: RESTAURANT,
            slug: "demo".to_owned(),
            name: "Demo".to_owned(),
            time_zone: "Asia/Seoul".to_owned(),
            currency: "KRW".to_owned(),
            state: OpenState::Open,
            until: None,
            reason: None,
            announcement: None,
            day: "2026-11-22".to_owned(),
            day_ends_at: 86_400_000,
            opened_at: None,
            rebuilt_at: None,
            epoch: 0,
        },
        policy: Policy::default(),
        lines: [line_record('A', "Hall"), line_record('B', "Terrace")].map(|line| (line.line, line)).into(),
        menu: vec![item("kimchi", "김치", 3_000), item("rice", "밥", 1_000), item("tea", "Tea", 2_000)],
        stock: BTreeMap::from([("kimchi".to_owned(), 50), ("rice".to_owned(), 0)]),
        pace: BTreeMap::new(),
        tickets: Vec::new(),
    }
}

/// A waiting party of two in line A; its place is its serial number.
pub(crate) fn ticket(serial: u32) -> Ticket {
    Ticket {
        id: TicketId::new(RESTAURANT, u128::from(serial)),
        r#ref: format!("ref{serial}"),
        number: format!("A{serial:03}"),
        code: "1234".to_owned(),
        line: line('A'),
        state: TicketState::Waiting,
        order: format!("{serial:08}5"),
        adults: 2,
        children: 0,
        channel: Channel::Onsite,
        checked_in: true,
        name: Some("Kim".to_owned()),
        phone_last4: None,
        note: Some("by the window".to_owned()),
        lang: None,
        calls: 0,
        to: None,
        delays_left: 3,
        delays: 0,
        overtaken: 0,
        day: "2026-11-22".to_owned(),
        joined_at: 900,
        ahead_at_join: 0,
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

/// An event of epoch 1 at 1,000 ms that changes nothing.
pub(crate) fn event(rev: i64, name: &str) -> Event {
    Event {
        aggregate: format!("restaurant:{RESTAURANT}"),
        epoch: 1,
        rev,
        at: 1_000,
        name: name.to_owned(),
        by: Actor::of(Role::Staff),
        ticket: None,
        line: None,
        item: None,
        reason: None,
        tickets: Vec::new(),
        lines: Vec::new(),
        stock: BTreeMap::new(),
        restaurant: None,
        policy: None,
        menu: None,
        pace: BTreeMap::new(),
    }
}

/// Seeded numbers (splitmix64), so that a failure comes again.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((value ^ (value >> 31)) % u64::from(bound)) as u32
    }
}

/// One of 40 tickets in a state, line and place that may follow any other.
pub(crate) fn random_ticket(random: &mut Random, at: Millis) -> Ticket {
    let state = TicketState::ALL[random.below(6) as usize];
    let is_final = matches!(state, TicketState::Completed | TicketState::Cancelled);
    Ticket {
        state,
        line: line(['A', 'B'][random.below(2) as usize]),
        order: format!("{:02}5", random.below(30)),
        adults: 1 + random.below(6),
        checked_in: random.below(2) == 0,
        called_at: (state == TicketState::Called).then(|| Millis::from(random.below(1_000))),
        missed_at: (state == TicketState::NoShow).then(|| Millis::from(random.below(1_000))),
        undo_until: (random.below(2) == 0).then(|| at + Millis::from(random.below(30))),
        ended: is_final.then(|| Ended { by: "staff".to_owned(), reason: None }),
        ..ticket(random.below(40))
    }
}
