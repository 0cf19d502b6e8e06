//! A row of every kind that a restaurant's event can bring, with a value in each column, each as long or as large as
//! one may be. PostgreSQL takes it, or it takes nobody's: so an event that is refused for its values is to blame itself
//! only if this is not refused. It is written to be taken back.

use serde_json::json;

use super::batch::stock_part;
use crate::{
    db::record::rows::{AggregateRow, By, EventRow, MovementRow, Rows, TicketRow, Totals, TransitionRow},
    queue::keys::Partition,
};

/// No restaurant.
const RESTAURANT: i64 = 0;

/// Longer than anything that a client may say.
const LEN: usize = 600;

/// The end of the year 2286, in milliseconds: as large as a time may be.
const LATE: i64 = 9_999_999_999_999;

/// What is written.
pub(super) fn rows(partition: Partition) -> Rows {
    let (long, late) = ("값".repeat(LEN), LATE);
    let (text, name, line, r#ref, day) = (Some(long.clone()), long.clone(), long.clone(), "r".repeat(32), "2286-11-20");
    let by = By { role: "admin".to_owned(), device: text.clone(), account: Some(i64::MAX) };
    let aggregate = format!("restaurant:{RESTAURANT}");
    let ordered = json!([{ "item": long, "name": long, "quantity": late, "price": late, "held": late, "lost": late }]);
    Rows {
        events: vec![EventRow {
            partition: partition.index(),
            aggregate: aggregate.clone(),
            epoch: late,
            rev: late,
            at: late,
            name: name.clone(),
            by: by.clone(),
            r#ref: Some(r#ref.clone()),
            line: text.clone(),
            item: text.clone(),
            reason: text.clone(),
            answer: Some(long.clone().into_bytes()),
        }],
        tickets: vec![TicketRow {
            restaurant: RESTAURANT,
            r#ref: r#ref.clone(),
            day: day.to_owned(),
            number: name.clone(),
            line: line.clone(),
            state: name.clone(),
            adults: i16::MAX,
            children: i16::MAX,
            channel: name.clone(),
            checked_in: true,
            name: text.clone(),
            phone_last4: text.clone(),
            note: text.clone(),
            lang: text.clone(),
            joined_at: late,
            called_at: Some(late),
            seated_at: Some(late),
            missed_at: Some(late),
            ended_at: Some(late),
            ended_by: text.clone(),
            ended_reason: text.clone(),
            calls: i16::MAX,
            delays: i16::MAX,
            overtaken: i32::MAX,
            ahead_at_join: i32::MAX,
            eta_at_join: Some(json!({ "low": late, "high": late })),
            items: Some(ordered),
            total: late,
            epoch: late,
            rev: late,
            at: late,
            packed: long.clone().into_bytes(),
        }],
        transitions: vec![TransitionRow {
            restaurant: RESTAURANT,
            r#ref: r#ref.clone(),
            epoch: late,
            rev: late,
            at: late,
            name: name.clone(),
            state: name.clone(),
            line: line.clone(),
            by: by.clone(),
            reason: text,
        }],
        movements: vec![MovementRow {
            restaurant: RESTAURANT,
            item: "i".repeat(64),
            epoch: late,
            rev: late,
            at: late,
            name,
            left_after: Some(late),
            change: Some(-late),
            adjusted: Some(-late),
            r#ref: Some(r#ref),
            by,
        }],
        parts: vec![(RESTAURANT, stock_part(&"i".repeat(64)), long.into_bytes())],
        days: vec![(RESTAURANT, day.to_owned(), late)],
        totals: vec![(
            (RESTAURANT, day.to_owned(), line),
            Totals {
                parties: late,
                guests: late,
                remote: late,
                waiting: late,
                called: late,
                seated: late,
                completed: late,
                cancelled: late,
                no_show: late,
                seated_guests: late,
                waited_ms: late,
            },
        )],
        aggregates: vec![AggregateRow { aggregate, partition: partition.index(), epoch: late, rev: late, at: late }],
        gaps: Vec::new(),
        dead_letters: Vec::new(),
    }
}
