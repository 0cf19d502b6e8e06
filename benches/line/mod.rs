//! A restaurant with so many waiting, for the benches: the same each time.

use std::collections::BTreeMap;

use waitless::domain::{
    Channel, LineId, LineRecord, MenuItem, OpenState, Policy, RestaurantId, RestaurantRecord, Stamp, Ticket, TicketId,
    TicketState,
    event::PaceRecord,
    replica::{Replica, Snapshot},
    restaurant::NumberAt,
};

/// An evening, and a famous place that has just opened.
pub const CROWDS: [u32; 2] = [300, 10_000];

/// Whose line it is.
pub const RESTAURANT: RestaurantId = RestaurantId(42);
/// When all this is.
pub const NOW: i64 = 1_795_316_400_000;

/// The line.
pub fn line() -> LineId {
    "A".parse().expect("a letter")
}

/// It has given out so many numbers.
pub fn line_record(today: u32) -> LineRecord {
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
        channel: if serial.is_multiple_of(3) { Channel::Remote } else { Channel::Onsite },
        checked_in: !serial.is_multiple_of(3),
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
        |gap_ms: i64| PaceRecord { gaps_ms: (0..20).map(|index| gap_ms + 1_000 * index).collect(), last_at: Some(NOW) };
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
        pace: (1..=3).map(|class: i64| (format!("A{class}"), pace(60_000 * class))).collect(),
        tickets: (0..waiting).map(ticket).collect(),
    })
}
