//! What a ticket's holder should be told: the ticket's own notices, and those that follow from where it stands.
//!
//! Derived notices say what is true *now* and vanish when it is not; their `at` is the frame's. Their ids are negative,
//! so they never meet those of the ticket, which count from 1: `close` −1, `next` −2, `paused` −3, and `announcement`
//! minus the time it was made, so that a new text is a new notice.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::domain::{Millis, OpenState, Ticket, replica::Replica, ticket::Notice};

/// Notices in a frame.
const NOTICES_LEN_MAX: usize = 5;

const CLOSE_ID: i64 = -1;
const NEXT_ID: i64 = -2;
const PAUSED_ID: i64 = -3;

/// The notices of a ticket with this many ahead: its newest own, then the derived ones, at most five together.
#[must_use]
pub fn notices(replica: &Replica, ticket: &Ticket, ahead: Option<u32>, at: Millis) -> Vec<Notice> {
    let mut derived = Vec::new();
    let mut tell = |id, kind: &str, at, args| derived.push(Notice { id, kind: kind.to_owned(), at, args });
    let restaurant = replica.restaurant();
    if let Some(announcement) = &restaurant.announcement
        && ticket.ended.is_none()
    {
        let args = [("text", json!(announcement.text)), ("until", json!(announcement.until))];
        tell(-announcement.at.max(100), "announcement", announcement.at, named(args));
    }
    if let Some(ahead) = ahead {
        let line = replica.lines().get(&ticket.line).map(|line| (line.state, line.until, &line.reason));
        let states = [Some((restaurant.state, restaurant.until, &restaurant.reason)), line];
        if let Some((_, until, reason)) = states.into_iter().flatten().find(|state| state.0 == OpenState::Paused) {
            tell(PAUSED_ID, "paused", at, named([("until", json!(until)), ("reason", json!(reason))]));
        }
        if ahead == 0 {
            tell(NEXT_ID, "next", at, BTreeMap::new());
        } else if ahead <= replica.policy().close_ahead {
            tell(CLOSE_ID, "close", at, named([("ahead", json!(ahead))]));
        }
    }
    let own_len = ticket.notices.len().min(NOTICES_LEN_MAX - derived.len());
    let mut notices = ticket.notices[ticket.notices.len() - own_len..].to_vec();
    notices.append(&mut derived);
    notices
}

fn named<const N: usize>(args: [(&str, Value); N]) -> BTreeMap<String, Value> {
    args.map(|(name, value)| (name.to_owned(), value)).into()
}
