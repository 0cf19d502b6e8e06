//! Wire shapes, as clients see them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::*;
use crate::domain::{
    Announcement, MenuItem, OpenState, Ticket, TicketState,
    event::PaceRecord,
    replica::{Applied, Replica, Snapshot},
    restaurant::NumberAt,
    testing::{self, Random, event, random_ticket, ticket},
    ticket::{Ended, Notice, OrderedItem},
};

const HEADING: Heading = Heading { at: 5_000, live: true, every_ms: 4_000 };
const HEAD: &[&str] = &["type", "epoch", "rev", "at", "live", "every_ms"];
const T: &[&str] = &[
    "id",
    "ref",
    "order",
    "number",
    "line",
    "state",
    "ahead",
    "eta",
    "adults",
    "children",
    "channel",
    "checked_in",
    "name",
    "phone_last4",
    "note",
    "lang",
    "calls",
    "to",
    "delays_left",
    "delays",
    "overtaken",
    "joined_at",
    "eta_at_join",
    "called_at",
    "grace_until",
    "undo_until",
    "items",
    "total",
    // Beyond the contract.
    "seated_at",
    "missed_at",
    "rejoin_until",
    "ended",
];

fn snapshot() -> Snapshot {
    let mut snapshot = testing::snapshot();
    let line = snapshot.lines.get_mut(&testing::line('A')).expect("line A");
    line.recent = vec![NumberAt { number: "A009".to_owned(), at: 950 }];
    snapshot.pace.insert("A1".to_owned(), PaceRecord { gaps_ms: vec![60_000; 10], last_at: None });
    let item =
        OrderedItem {
            item: "kimchi".to_owned(), name: "김치".to_owned(), quantity: 3, price: 3_000, held: 0, lost: 1
        };
    snapshot.tickets = vec![
        Ticket { items: vec![item], ..ticket(1) },
        Ticket { checked_in: false, ..ticket(2) },
        Ticket { adults: 5, ..ticket(3) },
        ticket(4),
        Ticket { state: TicketState::Called, called_at: Some(990), calls: 2, to: Some("T4".to_owned()), ..ticket(5) },
        Ticket { state: TicketState::NoShow, missed_at: Some(980), ..ticket(6) },
    ];
    snapshot
}

fn replica() -> Replica {
    Replica::new(snapshot())
}

fn json(frame: &impl Serialize) -> Value {
    serde_json::to_value(frame).expect("frames are JSON")
}

#[track_caller]
fn check_fields(value: &Value, fields: &[&[&str]]) {
    let found: BTreeSet<_> = value.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(found, fields.iter().flat_map(|fields| fields.iter().copied()).collect());
}

#[track_caller]
fn check_round_trip<F: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(frame: &F) {
    assert_eq!(&serde_json::from_value::<F>(json(frame)).expect("reads what it writes"), frame);
}

#[test]
fn a_board_has_the_contracts_fields_and_nobodys_name() {
    let frame = board_frame(&replica(), HEADING, "http://x/?r=demo".to_owned(), None);
    check_round_trip(&frame);
    let value = json(&frame);
    check_fields(&value, &[HEAD, &["restaurant", "announcement", "join_url", "door", "lines", "sold_out"]]);
    assert_eq!(
        (&value["type"], &value["epoch"], &value["rev"], &value["at"]),
        (&json!("board"), &json!(1), &json!(10), &json!(5_000))
    );
    assert_eq!(
        value["restaurant"],
        json!({"slug": "demo", "name": "Demo", "state": "open", "until": null, "reason": null, "rebuilt_at": null})
    );
    assert_eq!(value["sold_out"], json!(["rice"]));
    let line = &value["lines"][0];
    check_fields(
        line,
        &[&[
            "line",
            "name",
            "state",
            "until",
            "reason",
            "waiting",
            "onsite",
            "remote",
            "today",
            "eta",
            "eta_by_party",
            "next",
            "called",
            "recent",
            "missed",
        ]],
    );
    assert_eq!((&line["waiting"], &line["onsite"], &line["remote"]), (&json!(4), &json!(3), &json!(1)));
    assert_eq!(line["next"], json!(["A001", "A002", "A003"]));
    assert_eq!(line["called"], json!([{"number": "A005", "since": 990, "calls": 2, "to": "T4"}]));
    assert_eq!(line["recent"], json!([{"number": "A009", "at": 950}]));
    assert_eq!(line["missed"], json!([{"number": "A006", "at": 980}]));
    assert_eq!(line["eta_by_party"].as_array().map(Vec::len), Some(8));
    check_fields(&line["eta_by_party"][0], &[&["party", "eta"]]);
    check_fields(&line["eta"], &[&["low_s", "high_s", "target", "rough"]]);
    assert_eq!(line["eta"], line["eta_by_party"][1]["eta"]);
    assert_eq!(line["eta_by_party"][4]["eta"], Value::Null);
    let text = value.to_string();
    for secret in ["Kim", "window", "ref1", ticket(1).id.as_str(), ticket(5).id.as_str()] {
        assert!(!text.contains(secret), "{secret}");
    }
}

#[test]
fn a_ticket_as_staff_see_it_has_the_contracts_fields() {
    let replica = replica();
    let view = ticket_view(&replica, &replica.ticket(&ticket(1).id).expect("there").clone());
    check_round_trip(&view);
    let value = json(&view);
    check_fields(&value, &[T]);
    assert_eq!((&value["ahead"], &value["total"]), (&json!(0), &json!(6_000)));
    assert_eq!(value["items"], json!([{"item": "kimchi", "name": "김치", "quantity": 3, "price": 3_000, "lost": 1}]));
    let called = json(&TicketView::new(replica.ticket(&ticket(5).id).expect("there"), Some(3), view.own.eta));
    assert_eq!((&called["ahead"], &called["eta"]), (&Value::Null, &Value::Null));
}

#[test]
fn a_holder_sees_the_ticket_without_name_and_note() {
    let replica = replica();
    let frame = ticket_frame(&replica, replica.ticket(&ticket(4).id).expect("there"), HEADING);
    check_round_trip(&frame);
    let value = json(&frame);
    let own: Vec<_> = T.iter().copied().filter(|field| !["name", "note"].contains(field)).collect();
    let more = ["restaurant", "line_name", "ahead_at_join", "last_called", "ended", "notices", "eta_record"];
    check_fields(&value, &[HEAD, &own, &more]);
    assert_eq!((&value["ahead"], &value["line_name"]), (&json!(3), &json!("Hall")));
    assert_eq!(value["restaurant"], json!({"slug": "demo", "name": "Demo", "state": "open"}));
    assert_eq!(value["last_called"], json!({"number": "A009", "at": 950}));
    assert_eq!((&value["ended"], &value["eta_record"]), (&Value::Null, &Value::Null));
}

#[test]
fn the_wait_counts_those_of_the_own_class() {
    let replica = replica();
    let of = |serial| ticket_view(&replica, replica.ticket(&ticket(serial).id).expect("there")).own;
    // Two parties of two stand before A004, and one of five, for whose class nothing is known yet.
    let pace = PaceRecord { gaps_ms: vec![60_000; 10], last_at: None };
    assert_eq!((of(4).ahead, of(4).eta), (Some(3), crate::domain::estimate::estimate(Some(&pace), 2, None)));
    assert_eq!((of(3).ahead, of(3).eta), (Some(2), None));
    let reply = eta_of_reply(Some(3), Some(&pace)).expect("enough seatings");
    assert!(reply.high_s > of(4).eta.expect("enough seatings").high_s);
    assert_eq!(eta_of_reply(None, Some(&pace)), None);
}

#[test]
fn notices_follow_from_where_a_ticket_stands() {
    let kinds = |snapshot: &Snapshot, serial| -> Vec<_> {
        let replica = Replica::new(snapshot.clone());
        let frame = ticket_frame(&replica, replica.ticket(&ticket(serial).id).expect("there"), HEADING);
        frame.notices.into_iter().map(|notice| (notice.id, notice.kind)).collect()
    };
    let told = |id: i64, kind: &str| (id, kind.to_owned());
    let mut snapshot = snapshot();
    assert_eq!(kinds(&snapshot, 1), [told(-2, "next")]);
    assert_eq!(kinds(&snapshot, 4), [told(-1, "close")]);
    assert_eq!(kinds(&snapshot, 5), []);
    snapshot.policy.close_ahead = 2;
    assert_eq!(kinds(&snapshot, 4), []);
    snapshot.restaurant.state = OpenState::Paused;
    snapshot.restaurant.announcement = Some(Announcement { text: "soup".to_owned(), until: None, at: 777 });
    assert_eq!(kinds(&snapshot, 1), [told(-777, "announcement"), told(-3, "paused"), told(-2, "next")]);
    // Own notices give way, oldest first.
    let own = |id| Notice { id, kind: "overtaken".to_owned(), at: id, args: BTreeMap::new() };
    snapshot.tickets[0].notices = (1..=5).map(own).collect();
    let ids: Vec<_> = kinds(&snapshot, 1).into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids, [4, 5, -777, -3, -2]);
}

#[test]
fn only_the_own_cancel_can_be_taken_back_by_the_guest() {
    let ended = |state, by: &str, undo_until| {
        let ended = Some(Ended { by: by.to_owned(), reason: None });
        may_come_back(&Ticket { state, ended, undo_until, ..ticket(1) }, 1_000)
    };
    assert!(may_come_back(&ticket(1), 1_000));
    assert!(ended(TicketState::Cancelled, "guest", Some(1_001)));
    assert!(!ended(TicketState::Cancelled, "guest", Some(1_000)));
    assert!(!ended(TicketState::Cancelled, "staff", Some(1_001)));
    assert!(!ended(TicketState::Completed, "guest", Some(1_001)));
    assert!(!ended(TicketState::NoShow, "timer", None));
}

#[test]
fn a_queue_has_the_contracts_fields() {
    let frame = queue_frame(&replica(), HEADING);
    check_round_trip(&frame);
    let value = json(&frame);
    check_fields(&value, &[HEAD, &["restaurant", "announcement", "lines", "stock", "tickets"]]);
    assert_eq!(value["stock"], json!({"kimchi": 50, "rice": 0, "tea": null}));
    assert_eq!(value["tickets"].as_array().map(Vec::len), Some(6));
    check_fields(&value["tickets"][0], &[T]);
}

#[test]
fn a_delta_says_only_what_changed() {
    let mut replica = replica();
    let prev = replica.stamp();
    let mut stock = event(11, "stock.changed");
    stock.item = Some("tea".to_owned());
    stock.stock = BTreeMap::from([("tea".to_owned(), 4)]);
    replica.apply(&stock).expect("next");
    let frame = delta_frame(&replica, HEADING, prev, [&stock].into_iter(), [].into_iter()).expect("a delta");
    check_round_trip(&frame);
    let value = json(&frame);
    check_fields(&value, &[HEAD, &["prev", "events", "set", "gone"]]);
    assert_eq!((&value["prev"], &value["rev"], &value["gone"]), (&json!(10), &json!(11), &json!([])));
    assert_eq!(value["set"], json!({"stock": {"tea": 4}}));
    let by = json!({"role": "staff", "device": null, "account": null});
    assert_eq!(value["events"], json!([{"name": "stock.changed", "at": 1_000, "by": by, "item": "tea", "left": 4}]));
    let menu = crate::domain::Event { menu: Some(Vec::<MenuItem>::new()), ..event(12, "restaurant.changed") };
    assert_eq!(delta_frame(&replica, HEADING, prev, [&menu].into_iter(), [].into_iter()), None);
}

/// What a client does with a delta, then with `ahead`.
pub(crate) fn apply_delta(queue: &mut QueueFrame, delta: &DeltaFrame) {
    assert_eq!((queue.epoch, queue.rev), (delta.epoch, delta.prev));
    queue.rev = delta.rev;
    let set = delta.set.clone();
    if let Some(restaurant) = set.restaurant {
        queue.restaurant = restaurant;
    }
    if let Some(announcement) = set.announcement {
        queue.announcement = announcement;
    }
    if let Some(lines) = set.lines {
        queue.lines = lines;
    }
    queue.stock.extend(set.stock.unwrap_or_default());
    let mut tickets: BTreeMap<_, _> = queue.tickets.drain(..).map(|ticket| (ticket.own.id.clone(), ticket)).collect();
    tickets.extend(set.tickets.unwrap_or_default().into_iter().map(|ticket| (ticket.own.id.clone(), ticket)));
    tickets.retain(|id, _| !delta.gone.contains(id));
    queue.tickets = tickets.into_values().collect();
    let waiting: BTreeSet<_> = queue
        .tickets
        .iter()
        .filter(|ticket| ticket.own.state == TicketState::Waiting)
        .map(|ticket| (ticket.own.line, ticket.own.order.clone(), ticket.own.id.clone()))
        .collect();
    for ticket in &mut queue.tickets {
        let place = (ticket.own.line, ticket.own.order.clone(), ticket.own.id.clone());
        let ahead = waiting.iter().filter(|other| other.0 == place.0 && **other < place).count();
        ticket.own.ahead = (ticket.own.state == TicketState::Waiting).then_some(ahead as u32);
    }
}

/// A frame without what a delta need not say.
pub(crate) fn comparable(mut queue: QueueFrame) -> QueueFrame {
    queue.at = 0;
    for line in &mut queue.lines {
        line.eta = None;
        line.eta_by_party.clear();
    }
    for ticket in &mut queue.tickets {
        ticket.own.eta = None;
    }
    queue
}

#[test]
fn deltas_put_over_a_queue_are_the_next_queue() {
    let mut random = Random::new(11);
    let mut replica = replica();
    let mut client = queue_frame(&replica, HEADING);
    for _ in 0..500 {
        let prev = replica.stamp();
        let (mut events, mut gone) = (Vec::new(), Vec::new());
        for _ in 0..=random.below(3) {
            let mut change = event(replica.stamp().rev + 1, "ticket.changed");
            change.at = replica.at() + 1;
            change.tickets = (0..random.below(3)).map(|_| random_ticket(&mut random, change.at)).collect();
            if random.below(4) == 0 {
                change.stock = BTreeMap::from([("tea".to_owned(), i64::from(random.below(3)) - 1)]);
            }
            if random.below(4) == 0 {
                let mut line = replica.lines()[&testing::line('B')].clone();
                line.today += 1;
                change.lines = vec![line];
            }
            if random.below(4) == 0 {
                let mut restaurant = replica.restaurant().clone();
                let announcement = Announcement { text: "x".to_owned(), until: None, at: change.at };
                restaurant.announcement = (random.below(2) == 0).then_some(announcement);
                restaurant.rebuilt_at = (random.below(2) == 0).then_some(change.at);
                change.restaurant = Some(restaurant);
            }
            match replica.apply(&change) {
                Ok(Applied::Yes { gone: left }) => gone.extend(left),
                other => panic!("{other:?}"),
            }
            events.push(change);
        }
        gone.extend(replica.lapse(replica.at() + i64::from(random.below(3))));
        let delta = delta_frame(&replica, HEADING, prev, events.iter(), gone.iter()).expect("a delta");
        apply_delta(&mut client, &delta);
        assert_eq!(comparable(client.clone()), comparable(queue_frame(&replica, HEADING)));
    }
}

#[test]
fn a_board_says_where_to_join() {
    let url = Url::parse("https://wait.example/").expect("a URL");
    assert_eq!(join_url(&url, "demo"), "https://wait.example/?r=demo");
    assert_eq!(join_url(&url, "a&b"), "https://wait.example/?r=a%26b");
}

#[test]
fn what_is_not_json_is_told_from_what_is_not_known() {
    let cases: [(&[u8], Option<Asked>); 7] = [
        (br#"{"type":"resync"}"#, Some(Asked::Resync)),
        (br#"{"type":"dance"}"#, Some(Asked::Unknown)),
        (br#"{}"#, Some(Asked::Unknown)),
        (b"7", Some(Asked::Unknown)),
        (b"", None),
        (b"{", None),
        (b"\xff", None),
    ];
    for (text, expected) in cases {
        assert_eq!(asked(text), expected, "{text:?}");
    }
}
