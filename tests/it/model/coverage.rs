//! What a run has seen, and what it must have seen: every answer that RULES lists for every command, every timer,
//! every notice.

use std::{collections::BTreeMap, fmt};

use waitless::domain::Rejection;

/// How often each command gave each answer, and each thing happened.
#[derive(Clone, Default)]
pub(crate) struct Coverage(BTreeMap<(String, String), u64>);

/// Per command or kind, every answer that must occur.
const MUST_SEE: &[(&str, &[&str])] = &[
    (
        "join",
        &[
            "ok",
            "dropped",
            "invalid line not_found",
            "invalid items not_found",
            "invalid items per_ticket_max",
            "restaurant_closed",
            "line_closed",
            "paused",
            "direct",
            "party_size",
            "remote_closed",
            "door_code",
            "already_waiting",
            "daily_full",
            "line_full",
            "remote_full",
            "sold_out",
        ],
    ),
    ("call_next", &["ok", "not_found", "line_empty"]),
    ("call", &["ok", "not_found", "wrong_state", "invalid reason required"]),
    ("recall", &["ok", "not_found", "wrong_state", "no_recalls_left"]),
    ("put_back", &["ok", "not_found", "wrong_state", "invalid places range"]),
    ("delay", &["ok", "not_found", "wrong_state", "invalid places range", "no_delays_left", "nobody_behind"]),
    ("seat", &["ok", "not_found", "wrong_state"]),
    ("complete", &["ok", "not_found", "wrong_state", "already_final"]),
    ("cancel", &["ok", "not_found", "wrong_state", "already_final"]),
    ("no_show", &["ok", "not_found", "wrong_state"]),
    ("restore", &["ok", "not_found", "wrong_state", "invalid places range", "already_waiting"]),
    ("rejoin", &["ok", "not_found", "wrong_state", "rejoin_expired", "already_waiting"]),
    ("undo", &["ok", "not_found", "wrong_state", "undo_expired", "already_waiting"]),
    (
        "undone",
        &[
            "call by staff",
            "seat by staff",
            "complete by staff",
            "cancel by staff",
            "no_show by staff",
            "put_back by staff",
            "restore by staff",
            "no_show by timer",
            "put_back by timer",
            "complete by timer",
            "cancel by guest",
        ],
    ),
    ("check_in", &["ok", "nothing to do", "not_found", "wrong_state", "door_code"]),
    ("edit", &["ok", "nothing to do", "not_found", "wrong_state", "invalid line not_found", "invalid adults range"]),
    ("announce", &["ok", "invalid until past"]),
    ("restaurant_set", &["ok", "invalid until past"]),
    ("line_set", &["ok", "not_found", "invalid until past"]),
    ("policy_set", &["ok"]),
    ("stock_set", &["ok", "not_found"]),
    ("stock_adjust", &["ok", "not_found", "invalid item not_counted", "stock_negative"]),
    ("find", &["ok", "not_found", "locked"]),
    ("expire last_call", &["ok"]),
    ("expire grace", &["ok", "stale"]),
    ("expire rejoin", &["ok", "stale"]),
    ("expire stay", &["ok", "stale"]),
    ("expire restaurant", &["ok"]),
    ("expire line", &["ok"]),
    ("expire announcement", &["ok"]),
    ("moved", &["last_call", "grace", "rejoin", "stay", "restaurant", "line", "announcement"]),
    ("roll_day", &["ok", "stale", "day_busy"]),
    ("notice", &["last_call", "overtaken", "passed_over", "not_here", "items_lost", "deadline_moved"]),
    (
        "event",
        &[
            "ticket.joined by guest",
            "ticket.joined by device",
            "ticket.joined by staff",
            "ticket.put_back by guest",
            "ticket.put_back by staff",
            "ticket.put_back by timer",
            "ticket.no_show by staff",
            "ticket.no_show by timer",
            "ticket.completed by timer",
            "ticket.cancelled by guest",
            "ticket.cancelled by staff",
            "ticket.restored by guest",
            "ticket.restored by staff",
            "ticket.undone by guest",
            "ticket.undone by staff",
            "ticket.stock_returned by timer",
            "ticket.last_call by timer",
            "ticket.deadline_moved by timer",
            "restaurant.changed by timer",
            "line.changed by timer",
        ],
    ),
];

/// Codes that the rules of the line never answer: they belong to calling, loading, epochs and rebuilds.
const ELSEWHERE: [&str; 7] =
    ["idempotency_mismatch", "not_loaded", "not_compared", "already_loaded", "superseded", "new_source", "place_lost"];

impl Coverage {
    pub(crate) fn saw(&mut self, what: &str, answer: &str) {
        *self.0.entry((what.to_owned(), answer.to_owned())).or_default() += 1;
    }

    /// An answer as this table names it.
    pub(crate) fn saw_result<T>(&mut self, what: &str, result: &Result<T, Rejection>) {
        match result {
            Ok(_) => self.saw(what, "ok"),
            Err(Rejection::Invalid(errors)) => {
                for error in errors {
                    self.saw(what, &format!("invalid {} {}", error.field, error.code));
                }
            }
            Err(rejection) => self.saw(what, rejection.code()),
        }
    }

    /// What must have been seen and was not.
    pub(crate) fn missing(&self) -> Vec<String> {
        let pairs = MUST_SEE.iter().flat_map(|(what, answers)| answers.iter().map(move |answer| (*what, *answer)));
        let unseen = pairs.filter(|&(what, answer)| !self.0.contains_key(&(what.to_owned(), answer.to_owned())));
        unseen.map(|(what, answer)| format!("{what}: {answer}")).collect()
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for ((what, answer), count) in &self.0 {
            rows.entry(what).or_default().push(format!("{answer} {count}"));
        }
        rows.iter().try_for_each(|(what, answers)| writeln!(formatter, "{what:<20} {}", answers.join(" · ")))
    }
}

#[test]
fn every_refusal_code_must_be_seen() {
    for code in Rejection::CODES.iter().filter(|code| !ELSEWHERE.contains(code)) {
        let named = |answer: &&str| answer.split(' ').next() == Some(code);
        assert!(MUST_SEE.iter().any(|(_, answers)| answers.iter().any(named)), "{code}");
    }
}
