//! A day's tickets as CSV (RFC 4180), for a spreadsheet.
//!
//! Invariant: no cell is taken for a formula. What guests and staff type is only ever text.

use jiff::{Timestamp, tz::TimeZone};

use crate::{domain::Millis, protocol::record::RecordedTicket};

/// Without it Excel takes Korean for something else.
const BYTE_ORDER_MARK: char = '\u{feff}';

const COLUMNS: [&str; 21] = [
    "number",
    "line",
    "state",
    "adults",
    "children",
    "channel",
    "name",
    "phone_last4",
    "note",
    "joined",
    "called",
    "seated",
    "ended",
    "ended_by",
    "reason",
    "waited_s",
    "calls",
    "delays",
    "overtaken",
    "total",
    "ref",
];

/// What makes a spreadsheet take a cell for a formula when it comes first, full-width forms included.
const FORMULA: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// Byte order mark and header row.
#[must_use]
pub fn head() -> String {
    let mut text = String::from(BYTE_ORDER_MARK);
    push_row(&mut text, COLUMNS.map(str::to_owned));
    text
}

/// One row of each ticket, times by the clocks of this zone.
#[must_use]
pub fn rows(tickets: &[RecordedTicket], zone: &TimeZone) -> String {
    let mut text = String::new();
    for ticket in tickets {
        push_row(&mut text, cells(ticket, zone));
    }
    text
}

fn cells(ticket: &RecordedTicket, zone: &TimeZone) -> [String; COLUMNS.len()] {
    let time = |at: Option<Millis>| at.map_or_else(String::new, |at| local(at, zone));
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let ended = ticket.ended.as_ref();
    // Who was missed and never came back left when missed.
    let missed_at = ticket.missed_at.filter(|_| ticket.state == "no_show");
    let waited_s = ticket.seated_at.map(|at| ((at - ticket.joined_at) / 1_000).to_string());
    [
        ticket.number.clone(),
        ticket.line.clone(),
        ticket.state.clone(),
        ticket.adults.to_string(),
        ticket.children.to_string(),
        ticket.channel.clone(),
        text(&ticket.name),
        text(&ticket.phone_last4),
        text(&ticket.note),
        time(Some(ticket.joined_at)),
        time(ticket.called_at),
        time(ticket.seated_at),
        time(ended.and_then(|ended| ended.at).or(missed_at)),
        ended.and_then(|ended| ended.by.clone()).unwrap_or_default(),
        ended.and_then(|ended| ended.reason.clone()).unwrap_or_default(),
        waited_s.unwrap_or_default(),
        ticket.calls.to_string(),
        ticket.delays.to_string(),
        ticket.overtaken.to_string(),
        ticket.total.to_string(),
        ticket.r#ref.clone(),
    ]
}

/// ISO 8601 with the offset; a moment outside of all calendars as the number it is.
fn local(at: Millis, zone: &TimeZone) -> String {
    match Timestamp::from_millisecond(at) {
        Ok(moment) => moment.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
        Err(_) => at.to_string(),
    }
}

fn push_row(text: &mut String, cells: [String; COLUMNS.len()]) {
    for (index, cell) in cells.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        push_cell(text, cell);
    }
    text.push_str("\r\n");
}

fn push_cell(text: &mut String, cell: &str) {
    let defused = if cell.starts_with(FORMULA) { "'" } else { "" };
    if cell.contains([',', '"', '\r', '\n']) {
        text.push('"');
        text.push_str(defused);
        text.push_str(&cell.replace('"', "\"\""));
        text.push('"');
    } else {
        text.push_str(defused);
        text.push_str(cell);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(cell: &str, expected: &str) {
        let mut text = String::new();
        push_cell(&mut text, cell);
        assert_eq!(text, expected, "{cell:?}");
    }

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        check("", "");
        check("김 지은", "김 지은");
        check("a,b", "\"a,b\"");
        check("6\" plate", "\"6\"\" plate\"");
        check("two\nlines", "\"two\nlines\"");
        check("two\r\nlines", "\"two\r\nlines\"");
    }

    #[test]
    fn no_cell_is_a_formula() {
        for cell in ["=1+1", "+82", "-1", "@SUM(A1)", "\tx", "＝1", "＋1", "－1", "＠x"] {
            check(cell, &format!("'{cell}"));
        }
        check("\rx", "\"'\rx\"");
        check("\n=x", "\"'\n=x\"");
        check("=\"a\",1", "\"'=\"\"a\"\",1\"");
        check("a=1", "a=1");
    }

    #[test]
    fn times_are_those_of_the_wall_clock() {
        let zone = |name| TimeZone::get(name).expect("a zone");
        assert_eq!(local(1_795_334_645_999, &zone("Asia/Seoul")), "2026-11-22T17:04:05+09:00");
        assert_eq!(local(1_795_334_645_000, &zone("America/St_Johns")), "2026-11-22T04:34:05-03:30");
        assert_eq!(local(0, &zone("UTC")), "1970-01-01T00:00:00+00:00");
    }
}
