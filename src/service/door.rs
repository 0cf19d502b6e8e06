//! Door codes: four digits on the board and the kiosk that show that somebody is there.
//!
//! Nothing is stored: a code follows from the key, the restaurant and the minute. A guess is right with 11 in 10,000,
//! so callers limit the tries.

use subtle::{Choice, ConstantTimeEq as _};

use super::keys::{Keys, first_128_bits, mac};
use crate::domain::{Millis, RestaurantId};

const MINUTE_MS: i64 = 60_000;
/// Minutes that a code stays good after the one it was shown in, so that who reads it last still has ten.
const GOOD_FOR_MINUTES: i64 = 10;

impl Keys {
    /// The code shown now, by Redis's clock.
    #[must_use]
    pub fn door_code(&self, restaurant: RestaurantId, now: Millis) -> String {
        self.door_code_of(restaurant, now.div_euclid(MINUTE_MS))
    }

    /// Whether this code was shown now or in the last ten minutes. Takes the same time for every four digits.
    #[must_use]
    pub fn door_code_valid(&self, restaurant: RestaurantId, code: &str, now: Millis) -> bool {
        let this_minute = now.div_euclid(MINUTE_MS);
        let mut found = Choice::from(0);
        for minute in this_minute - GOOD_FOR_MINUTES..=this_minute {
            found |= self.door_code_of(restaurant, minute).as_bytes().ct_eq(code.as_bytes());
        }
        found.into()
    }

    fn door_code_of(&self, restaurant: RestaurantId, minute: i64) -> String {
        let code = mac(&self.door, &[&restaurant.0.to_be_bytes(), &minute.to_be_bytes()]);
        format!("{:04}", first_128_bits(&code) % 10_000)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const HERE: RestaurantId = RestaurantId(7);
    /// A full minute, and one for which no code nearby repeats by chance.
    const NOW: Millis = 1_795_334_400_000;

    fn keys() -> Keys {
        Keys::new(&"0123456789abcdef0123456789abcdef".parse().expect("any text is a secret"))
    }

    #[test]
    fn a_code_changes_every_minute_and_is_good_for_ten() {
        let keys = keys();
        let code = keys.door_code(HERE, NOW);
        assert!(code.len() == 4 && code.bytes().all(|byte| byte.is_ascii_digit()), "{code}");
        assert_eq!(keys.door_code(HERE, NOW + 59_999), code);
        assert_ne!(keys.door_code(HERE, NOW + 60_000), code);
        for (after_ms, valid) in [(0, true), (59_999, true), (10 * 60_000 + 59_999, true), (11 * 60_000, false)] {
            assert_eq!(keys.door_code_valid(HERE, &code, NOW + after_ms), valid, "after {after_ms} ms");
        }
        assert!(!keys.door_code_valid(HERE, &code, NOW - 1), "a code of the future");
    }

    #[test]
    fn a_code_of_another_restaurant_or_key_is_refused() {
        let keys = keys();
        let code = keys.door_code(HERE, NOW);
        assert!(!keys.door_code_valid(RestaurantId(8), &code, NOW));
        let other = Keys::new(&"another secret of enough characters".parse().expect("any text is a secret"));
        assert!(!other.door_code_valid(HERE, &code, NOW));
        for text in ["", "0", "00000", "abcd", &format!("{code} ")] {
            assert!(!keys.door_code_valid(HERE, text, NOW), "{text}");
        }
    }

    #[test]
    fn codes_are_spread() {
        let codes: HashSet<_> = (0..1_000).map(|minute| keys().door_code(HERE, minute * MINUTE_MS)).collect();
        assert!(codes.len() > 900, "{} of 1000 differ", codes.len());
    }
}
