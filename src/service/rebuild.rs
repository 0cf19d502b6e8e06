//! From the record to live state: what `load` is given when Redis has lost a restaurant.
//!
//! States, places, deadlines, stock and answers are as they were recorded. Names, rules and the menu are PostgreSQL's
//! own: they may have been edited since. Numbers skip ahead of everything that may have been given out and lost.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    db::{
        record::read::{Recorded, RecordedAnswer},
        restaurants::Opening,
    },
    domain::{Kept, LineId, LineRecord, RestaurantRecord, TicketId},
    queue::{KeptAnswer, Rebuild, log::Answer},
};

/// Numbers that every line skips at least.
const SKIP_MIN: f64 = 100.0;

/// Numbers that a line skips at most: what it would give out in a year.
const SKIP_MAX: f64 = 10_000_000.0;

/// A part of the record that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the record of {0} cannot be read: {1}")]
pub struct Unreadable(String, String);

/// What `load` is given. `changes_lost`: so many are known that are not in the record; `replace`: what Redis has in
/// this life is of an earlier business day.
///
/// # Errors
/// When a recorded part cannot be read, or that of the restaurant itself is missing.
pub fn rebuild_of(
    opening: Opening,
    recorded: Recorded,
    changes_lost: u64,
    replace: Option<i64>,
) -> Result<Rebuild, Unreadable> {
    let part = |name: &str| recorded.parts.iter().find(|(part, _)| part == name).map(|(_, packed)| packed);
    let known: Kept<RestaurantRecord> = unpack("restaurant", part("restaurant").ok_or_else(|| missing("restaurant"))?)?;
    let busiest: HashMap<LineId, i64> = recorded.busiest.iter().copied().collect();
    let mut lines = Vec::with_capacity(opening.lines.len());
    let mut skips = BTreeMap::new();
    for (line, name) in opening.lines {
        let record = match part(&format!("line:{line}")) {
            Some(packed) => unpack::<Kept<LineRecord>>("a line", packed)?.edited(|line| line.name = name),
            None => LineRecord::fresh(line, name).into(),
        };
        let more = skip(busiest.get(&line).copied().unwrap_or(0), recorded.unrecorded_s, changes_lost);
        let passed = recorded.passed.of(&known.day, line).saturating_sub(record.last_number);
        skips.insert(line, passed.saturating_add(more));
        lines.push(record);
    }
    // What is counted since the menu was last edited starts as the menu says.
    let mut stock: BTreeMap<String, i64> =
        opening.menu.iter().filter_map(|(item, left)| Some((item.id.clone(), (*left)?))).collect();
    let mut pace = BTreeMap::new();
    for (part, packed) in &recorded.parts {
        if let Some(item) = part.strip_prefix("stock:") {
            match unpack::<i64>("stock", packed)? {
                left @ 0.. => stock.insert(item.to_owned(), left),
                _ => stock.remove(item),
            };
        } else if let Some(class) = part.strip_prefix("pace:") {
            pace.insert(class.to_owned(), unpack("pace", packed)?);
        }
    }
    Ok(Rebuild {
        replace,
        restaurant: known.edited(|restaurant| {
            restaurant.slug = opening.slug;
            restaurant.name = opening.name;
            restaurant.time_zone = opening.time_zone;
            restaurant.currency = opening.currency;
        }),
        policy: opening.policy,
        lines,
        skips,
        menu: opening.menu.into_iter().map(|(item, _)| item).collect(),
        stock,
        pace,
        answers: answers(&recorded.answers, &recorded.tickets)?,
        stamp: recorded.stamp,
        covered: recorded.stamp.rev.saturating_add(i64::try_from(changes_lost).unwrap_or(i64::MAX)),
        since: recorded.caught_up_ms.max(recorded.at),
        tickets: recorded.tickets,
    })
}

/// How many numbers may have been given out since the record was last complete: as many as changes are known to be
/// lost, and for what only others know of twice as many as in the line's busiest second, for as many seconds
/// (docs/RECORD.md).
pub(super) fn skip(busiest: i64, unrecorded_s: f64, changes_lost: u64) -> u32 {
    let unknown = SKIP_MIN.max(2.0 * busiest as f64 * (unrecorded_s.ceil() + 1.0));
    // In range, so nothing is cut off but the fraction.
    (unknown + changes_lost as f64).min(SKIP_MAX) as u32
}

/// Recorded answers as they are kept; those about other tickets than these are left out.
///
/// # Errors
/// When something cannot be read.
pub fn answers(rows: &[RecordedAnswer], tickets: &[Vec<u8>]) -> Result<Vec<KeptAnswer>, Unreadable> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mut ids = HashMap::with_capacity(tickets.len());
    for packed in tickets {
        let named: Named = unpack("a ticket", packed)?;
        ids.insert(named.r#ref, named.id);
    }
    let mut answers = Vec::with_capacity(rows.len());
    for row in rows {
        let answer: Answer = unpack("an answer", &row.answer)?;
        let ticket = row.r#ref.as_ref().map(|r#ref| ids.get(r#ref));
        // About a ticket that is forgotten: nobody can ask for it any more.
        if ticket == Some(None) {
            continue;
        }
        answers.push(KeptAnswer {
            key: answer.key,
            body: answer.body,
            until_at: answer.until_at,
            epoch: row.epoch,
            rev: row.rev,
            at: row.at,
            ticket: ticket.flatten().cloned(),
            ahead: answer.ahead,
            left: answer.left,
            dropped: answer.dropped,
        });
    }
    Ok(answers)
}

#[derive(Deserialize)]
struct Named {
    id: TicketId,
    r#ref: String,
}

pub(super) fn unpack<T: DeserializeOwned>(what: &str, packed: &[u8]) -> Result<T, Unreadable> {
    rmp_serde::from_slice(packed).map_err(|error| Unreadable(what.to_owned(), error.to_string()))
}

fn missing(what: &str) -> Unreadable {
    Unreadable(what.to_owned(), "it is missing".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_skip_what_may_have_been_given_out() {
        for (busiest, unrecorded_s, changes_lost, skipped) in [
            (0, 0.0, 0, 100),
            (3, 0.2, 0, 100),
            (100, 0.0, 0, 200),
            (100, 0.3, 0, 400),
            (100, 1.0, 0, 400),
            (40, 9.5, 0, 880),
            // A rush of which the record knows nothing.
            (0, 0.4, 125, 225),
            (100, 1.0, 125, 525),
            (1, 1e12, 0, 10_000_000),
            (1, 1.0, u64::MAX, 10_000_000),
        ] {
            let passed = skip(busiest, unrecorded_s, changes_lost);
            assert_eq!(passed, skipped, "{busiest} joins/s, {unrecorded_s} s, {changes_lost} lost");
        }
    }
}
