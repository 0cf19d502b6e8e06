//! Identities, parsed once at the edge.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const RESTAURANT_LEN: usize = 11;
const RANDOM_LEN: usize = 22;

/// Characters of a ticket id.
pub const TICKET_ID_LEN: usize = RESTAURANT_LEN + RANDOM_LEN;

/// Text that is not an id of the wanted kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid id")]
pub struct InvalidId;

/// A restaurant's immutable 64-bit id. Written as a decimal string everywhere outside PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RestaurantId(pub u64);

impl fmt::Display for RestaurantId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl FromStr for RestaurantId {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        text.parse().map(Self).map_err(|_| InvalidId)
    }
}

/// A line's letter, A to Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineId(u8);

impl LineId {
    /// The letter.
    #[must_use]
    pub fn letter(self) -> char {
        char::from(self.0)
    }
}

impl fmt::Display for LineId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.letter().fmt(formatter)
    }
}

impl FromStr for LineId {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        match text.as_bytes() {
            [letter @ b'A'..=b'Z'] => Ok(Self(*letter)),
            _ => Err(InvalidId),
        }
    }
}

/// A ticket id: 11 base62 characters of the restaurant's id, then 22 of 128 random bits. It is a capability:
/// `Debug` hides it, and it must not reach a log, a metric or somebody else's frame.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TicketId(Box<str>);

impl TicketId {
    /// The id of this restaurant that carries these random bits.
    #[must_use]
    pub fn new(restaurant: RestaurantId, random: u128) -> Self {
        let mut text = String::with_capacity(TICKET_ID_LEN);
        push_base62(&mut text, u128::from(restaurant.0), RESTAURANT_LEN);
        push_base62(&mut text, random, RANDOM_LEN);
        Self(text.into())
    }

    /// The whole id, for the holder, staff and keys.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The restaurant it belongs to.
    #[must_use]
    pub fn restaurant(&self) -> RestaurantId {
        let value = parse_base62(&self.0[..RESTAURANT_LEN]).and_then(|value| u64::try_from(value).ok());
        RestaurantId(value.expect("Invariant: a TicketId is only made from a restaurant id or checked text"))
    }
}

impl fmt::Debug for TicketId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TicketId(…)")
    }
}

impl FromStr for TicketId {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        if text.len() != TICKET_ID_LEN || !text.is_ascii() {
            return Err(InvalidId);
        }
        let restaurant = parse_base62(&text[..RESTAURANT_LEN]).ok_or(InvalidId)?;
        u64::try_from(restaurant).map_err(|_| InvalidId)?;
        parse_base62(&text[RESTAURANT_LEN..]).ok_or(InvalidId)?;
        Ok(Self(text.into()))
    }
}

/// The low `len` base62 digits of `value`, most significant first.
#[must_use]
pub fn base62(value: u128, len: usize) -> String {
    let mut text = String::with_capacity(len);
    push_base62(&mut text, value, len);
    text
}

fn push_base62(text: &mut String, mut value: u128, len: usize) {
    let start = text.len();
    for _ in 0..len {
        text.insert(start, char::from(BASE62[(value % 62) as usize]));
        value /= 62;
    }
}

fn parse_base62(text: &str) -> Option<u128> {
    text.bytes().try_fold(0_u128, |value, byte| {
        let digit = BASE62.iter().position(|&candidate| candidate == byte)?;
        value.checked_mul(62)?.checked_add(digit as u128)
    })
}

/// Serde as the plain text of `Display` and `FromStr`.
macro_rules! serde_as_text {
    ($($name:ty => $text:expr),+ $(,)?) => {$(
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let text: fn(&$name) -> String = $text;
                serializer.serialize_str(&text(self))
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )+};
}

serde_as_text!(
    RestaurantId => ToString::to_string,
    LineId => ToString::to_string,
    TicketId => |id| id.as_str().to_owned(),
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_id_carries_its_restaurant() {
        for (restaurant, random) in [(0, 0), (1, 7), (u64::MAX, u128::MAX), (42, u128::MAX / 3)] {
            let id = TicketId::new(RestaurantId(restaurant), random);
            assert_eq!(id.as_str().len(), 33);
            assert_eq!(id.restaurant(), RestaurantId(restaurant));
            assert_eq!(id.as_str().parse(), Ok(id.clone()));
            assert_eq!(format!("{id:?}"), "TicketId(…)");
        }
    }

    #[test]
    fn text_that_is_no_ticket_id_is_refused() {
        let too_large = "z".repeat(33);
        let punctuation = "-".repeat(33);
        let not_ascii = format!("{}0", "é".repeat(16));
        for text in ["", "A017", &too_large, &punctuation, &not_ascii] {
            assert_eq!(text.parse::<TicketId>(), Err(InvalidId), "{text}");
        }
        for text in ["", "a", "AA", "1", "é"] {
            assert_eq!(text.parse::<LineId>(), Err(InvalidId), "{text}");
        }
    }
}
