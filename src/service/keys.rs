//! One secret, many keys: what `WAITLESS_SECRET` is used for.
//!
//! Invariant: each purpose has a key of its own, so that what one part signs or hashes means nothing to another.
//! The labels are fixed for ever: changing one signs everybody out, or makes every guard and `ref` a different one.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::{
    config::Secret,
    db::accounts::AccountId,
    domain::{RestaurantId, TicketId, ids::base62},
};

/// Characters of a ticket's `ref`: 95 bits, so that no two tickets share one.
pub const REF_LEN: usize = 16;

/// A key of one purpose.
pub(super) type Key = [u8; 32];

/// The keys derived from the secret.
#[derive(Clone)]
pub struct Keys {
    pub(super) sessions: Key,
    pub(super) refresh: Key,
    pub(super) door: Key,
    ticket_ref: Key,
    guard: Key,
}

/// Whose one active ticket a guard watches over.
#[derive(Clone, Copy)]
pub enum Guarded<'a> {
    /// A phone number. Spaces and punctuation do not count.
    Phone(&'a str),
    /// Somebody signed in.
    Account(AccountId),
}

impl Keys {
    /// Derives all keys.
    #[must_use]
    pub fn new(secret: &Secret) -> Self {
        let of = |purpose: &str| mac(secret.expose().as_bytes(), &[b"waitless/1", purpose.as_bytes()]);
        Self {
            sessions: of("sessions"),
            refresh: of("refresh"),
            door: of("door"),
            ticket_ref: of("ticket ref"),
            guard: of("guard"),
        }
    }

    /// What a ticket is called where its id must not appear: logs, board frames, webhooks.
    #[must_use]
    pub fn ticket_ref(&self, ticket: &TicketId) -> String {
        base62(first_128_bits(&mac(&self.ticket_ref, &[ticket.as_str().as_bytes()])), REF_LEN)
    }

    /// What a phone or an account is called in a restaurant's guard: it cannot be led back, nor compared between
    /// restaurants.
    #[must_use]
    pub fn guard(&self, restaurant: RestaurantId, guarded: Guarded<'_>) -> String {
        let (kind, value) = match guarded {
            Guarded::Phone(phone) => ("phone", phone.chars().filter(char::is_ascii_digit).collect()),
            Guarded::Account(account) => ("account", account.to_string()),
        };
        let code = mac(&self.guard, &[&restaurant.0.to_be_bytes(), kind.as_bytes(), value.as_bytes()]);
        base62(first_128_bits(&code), 22)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Keys([redacted])")
    }
}

/// HMAC-SHA-256 over the parts, each preceded by its length, so that no two lists of parts are one text.
pub(super) fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("Invariant: HMAC takes keys of any length");
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

pub(super) fn first_128_bits(code: &[u8; 32]) -> u128 {
    let (first, _) = code.split_first_chunk().expect("Invariant: 32 bytes begin with 16");
    u128::from_be_bytes(*first)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn keys() -> Keys {
        Keys::new(&"0123456789abcdef0123456789abcdef".parse().expect("any text is a secret"))
    }

    #[test]
    fn every_purpose_has_its_own_key() {
        let keys = keys();
        let all = [keys.sessions, keys.refresh, keys.door, keys.ticket_ref, keys.guard];
        assert_eq!(HashSet::from(all).len(), all.len());
        assert_eq!(format!("{keys:?}"), "Keys([redacted])");
    }

    #[test]
    fn a_ref_says_nothing_of_the_ticket() {
        let ticket = TicketId::new(RestaurantId(7), 1);
        let name = keys().ticket_ref(&ticket);
        assert_eq!(name.len(), REF_LEN);
        assert_eq!(name, keys().ticket_ref(&ticket), "the same on every server");
        assert_ne!(name, keys().ticket_ref(&TicketId::new(RestaurantId(7), 2)));
        let other = Keys::new(&"another secret of enough characters".parse().expect("any text is a secret"));
        assert_ne!(name, other.ticket_ref(&ticket));
    }

    #[test]
    fn a_guard_knows_a_phone_however_it_is_typed_but_only_at_its_restaurant() {
        let guard = |restaurant, phone| keys().guard(RestaurantId(restaurant), Guarded::Phone(phone));
        assert_eq!(guard(1, "010-1234-5678"), guard(1, "01012345678"));
        assert_ne!(guard(1, "01012345678"), guard(2, "01012345678"));
        assert_ne!(guard(1, "01012345678"), guard(1, "01012345679"));
        let account = keys().guard(RestaurantId(1), Guarded::Account(AccountId(1_012_345_678)));
        assert_ne!(account, guard(1, "1012345678"), "a phone is not an account");
    }

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(mac(b"key", &[b"ab", b"c"]), mac(b"key", &[b"a", b"bc"]));
    }
}
