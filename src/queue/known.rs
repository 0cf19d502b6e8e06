//! What this server knows of each restaurant whatever Redis says: how far it has come, and the last number of each line
//! that it gave out. A Redis that comes back with less has lost something.

use std::{collections::BTreeMap, fmt::Write as _};

use super::Queue;
use crate::domain::{LineId, RestaurantId, Stamp, Ticket};

/// What is known of a restaurant.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The last change, answered to somebody or recorded, and the highest of former epochs.
    stamps: [Stamp; 2],
    /// The business day of the numbers.
    day: String,
    /// The highest that this server gave out.
    numbers: BTreeMap<LineId, u32>,
}

impl Known {
    fn note(&mut self, stamp: Stamp) {
        let [last, former] = &mut self.stamps;
        if stamp.epoch > last.epoch && last.rev > former.rev {
            *former = *last;
        }
        *last = stamp.max(*last);
    }

    fn note_number(&mut self, day: &str, line: LineId, number: &str) {
        let Some(number) = number.get(1..).and_then(|digits| digits.parse::<u32>().ok()) else { return };
        if *day > *self.day {
            day.clone_into(&mut self.day);
            self.numbers.clear();
        }
        if *day == *self.day {
            let last = self.numbers.entry(line).or_default();
            *last = number.max(*last);
        }
    }

    /// As the scripts read it: `2026-12-01 A102 B7`.
    fn numbers(&self) -> String {
        let mut text = self.day.clone();
        for (line, number) in &self.numbers {
            let _ = write!(text, " {line}{number}");
        }
        text
    }
}

impl Queue {
    /// The last change that this server knows of a restaurant, and the highest of former epochs; zero: none.
    #[must_use]
    pub fn known(&self, restaurant: RestaurantId) -> [Stamp; 2] {
        self.shared.known.get(&restaurant).map(|known| known.stamps).unwrap_or_default()
    }

    /// Remembers that a restaurant has come so far.
    pub fn note_known(&self, restaurant: RestaurantId, stamp: Stamp) {
        self.shared.known.entry(restaurant).or_default().note(stamp);
    }

    /// Remembers that this number was given out.
    pub(super) fn note_number(&self, restaurant: RestaurantId, ticket: &Ticket) {
        self.shared.known.entry(restaurant).or_default().note_number(&ticket.day, ticket.line, &ticket.number);
    }

    /// What a join is told of that: changes, and numbers.
    pub(super) fn told_to_joins(&self, restaurant: RestaurantId) -> (String, String) {
        let Some(known) = self.shared.known.get(&restaurant) else { return Default::default() };
        (known.stamps.map(|Stamp { epoch, rev }| format!("{epoch} {rev}")).join(" "), known.numbers())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_of_each_line_is_known_until_another_day() {
        let mut known = Known::default();
        let mut give = |day: &str, number: &str| {
            known.note_number(day, number[..1].parse().expect("a line"), number);
            known.numbers()
        };
        assert_eq!(give("2026-12-01", "A102"), "2026-12-01 A102");
        assert_eq!(give("2026-12-01", "B007"), "2026-12-01 A102 B7");
        assert_eq!(give("2026-12-01", "A009"), "2026-12-01 A102 B7", "not the highest");
        assert_eq!(give("2026-11-30", "B900"), "2026-12-01 A102 B7", "a retry of yesterday");
        assert_eq!(give("2026-12-02", "A001"), "2026-12-02 A1");
    }

    #[test]
    fn the_highest_of_former_epochs_is_known() {
        let mut known = Known::default();
        for (epoch, rev) in [(1, 9), (2, 3), (3, 5), (2, 8)] {
            known.note(Stamp { epoch, rev });
        }
        assert_eq!(known.stamps, [Stamp { epoch: 3, rev: 5 }, Stamp { epoch: 1, rev: 9 }]);
    }
}
