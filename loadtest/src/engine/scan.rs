//! What a screen shows, found in the text of a frame without parsing all of it.
//!
//! A name with its quotes and its colon is nowhere inside a JSON string, because quotes are escaped there; so the first
//! place where it stands is the first field of this name. The server writes what a frame is about before what it refers to
//! (`state` of the ticket before that of its restaurant); should that change, the comparison with HTTP at the end of
//! every scenario fails.

use memchr::memmem::Finder;

/// The kind of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Board,
    Ticket,
    Queue,
    Delta,
    Tick,
    Bye,
    /// Something that is not of the protocol.
    Other,
}

impl Kind {
    /// All of them, in the order of their counters.
    pub(crate) const ALL: [(Self, &'static str); 7] = [
        (Self::Board, "board"),
        (Self::Ticket, "ticket"),
        (Self::Queue, "queue"),
        (Self::Delta, "delta"),
        (Self::Tick, "tick"),
        (Self::Bye, "bye"),
        (Self::Other, "other"),
    ];

    /// Whether it shows a state.
    pub(crate) fn is_state(self) -> bool {
        matches!(self, Self::Board | Self::Ticket | Self::Queue | Self::Delta)
    }
}

/// The state of a ticket, as one letter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Standing {
    #[default]
    Unknown,
    Waiting,
    Called,
    /// Seated, completed, cancelled or missed.
    Gone,
}

impl Standing {
    /// Of the word on the wire.
    pub(crate) fn of(word: &[u8]) -> Self {
        match word {
            b"waiting" => Self::Waiting,
            b"called" => Self::Called,
            b"seated" | b"completed" | b"cancelled" | b"no_show" => Self::Gone,
            _ => Self::Unknown,
        }
    }
}

/// What a phone shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) standing: Standing,
    pub(crate) ahead: Option<u32>,
    /// `A017` as 'A' · 2²⁴ + 17.
    pub(crate) number: u32,
}

/// Finds fields. Made once: what it looks for is prepared.
pub(crate) struct Scan {
    kind: Finder<'static>,
    epoch: Finder<'static>,
    rev: Finder<'static>,
    live: Finder<'static>,
    number: Finder<'static>,
    state: Finder<'static>,
    ahead: Finder<'static>,
}

impl Scan {
    pub(crate) fn new() -> Self {
        Self {
            kind: Finder::new(b"\"type\":\""),
            epoch: Finder::new(b"\"epoch\":"),
            rev: Finder::new(b"\"rev\":"),
            live: Finder::new(b"\"live\":"),
            number: Finder::new(b"\"number\":\""),
            state: Finder::new(b"\"state\":\""),
            ahead: Finder::new(b"\"ahead\":"),
        }
    }

    pub(crate) fn kind(&self, text: &[u8]) -> Kind {
        match after(&self.kind, text) {
            Some([b'b', b'o', ..]) => Kind::Board,
            Some([b'b', b'y', ..]) => Kind::Bye,
            Some([b't', b'i', b'c', b'k', b'e', ..]) => Kind::Ticket,
            Some([b't', b'i', b'c', b'k', ..]) => Kind::Tick,
            Some([b'q', ..]) => Kind::Queue,
            Some([b'd', ..]) => Kind::Delta,
            _ => Kind::Other,
        }
    }

    /// `(epoch, rev)`.
    pub(crate) fn stamp(&self, text: &[u8]) -> Option<(i64, i64)> {
        Some((integer(after(&self.epoch, text)?)?, integer(after(&self.rev, text)?)?))
    }

    /// Whether the state is said to be current; a frame that does not say is.
    pub(crate) fn live(&self, text: &[u8]) -> bool {
        after(&self.live, text).is_none_or(|rest| !rest.starts_with(b"false"))
    }

    /// What a `ticket` frame says of its ticket.
    pub(crate) fn place(&self, text: &[u8]) -> Option<Place> {
        let number = word(after(&self.number, text)?)?;
        let state = word(after(&self.state, text)?)?;
        let ahead = after(&self.ahead, text)?;
        let ahead = if ahead.starts_with(b"null") { None } else { Some(u32::try_from(integer(ahead)?).ok()?) };
        Some(Place { standing: Standing::of(state), ahead, number: packed(number)? })
    }
}

/// `A017` as 'A' · 2²⁴ + 17.
pub(crate) fn packed(number: &[u8]) -> Option<u32> {
    let (letter, digits) = number.split_first()?;
    let count = u32::try_from(integer(digits)?).ok().filter(|count| *count < 1 << 24)?;
    Some(u32::from(*letter) << 24 | count)
}

fn after<'a>(finder: &Finder, text: &'a [u8]) -> Option<&'a [u8]> {
    let at = finder.find(text)?;
    text.get(at + finder.needle().len()..)
}

fn integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let len = digits.iter().take_while(|digit| digit.is_ascii_digit()).count();
    let value = digits
        .get(..len)
        .filter(|digits| !digits.is_empty())?
        .iter()
        .try_fold(0_i64, |value, digit| value.checked_mul(10)?.checked_add(i64::from(digit - b'0')))?;
    Some(if negative { -value } else { value })
}

fn word(text: &[u8]) -> Option<&[u8]> {
    text.split(|letter| *letter == b'"').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICKET: &[u8] =
        br#"{"type":"ticket","epoch":1763800000123,"rev":42,"at":1,"live":true,"every_ms":4000,"id":"x","ref":"r",
        "order":"00","number":"B1017","line":"B","state":"waiting","ahead":3,"eta":null,"to":"say \"ahead\":9",
        "restaurant":{"slug":"s","name":"a \"rev\":7","state":"open"},"last_called":{"number":"B009","at":1}}"#;

    #[test]
    fn a_tickets_fields_are_its_own() {
        let scan = Scan::new();
        assert_eq!(
            (scan.kind(TICKET), scan.stamp(TICKET), scan.live(TICKET)),
            (Kind::Ticket, Some((1763800000123, 42)), true)
        );
        let place = Place { standing: Standing::Waiting, ahead: Some(3), number: u32::from(b'B') << 24 | 1017 };
        assert_eq!(scan.place(TICKET), Some(place));
        let called = br#"{"number":"A001","state":"called","ahead":null}"#;
        let place = Place { standing: Standing::Called, ahead: None, number: u32::from(b'A') << 24 | 1 };
        assert_eq!(scan.place(called), Some(place));
    }

    #[test]
    fn every_kind_is_told_from_the_others() {
        let scan = Scan::new();
        for (kind, name) in Kind::ALL {
            let text = format!(r#"{{"type":"{name}","epoch":-1,"rev":0,"live":false}}"#);
            assert_eq!(scan.kind(text.as_bytes()), kind);
            assert_eq!((scan.stamp(text.as_bytes()), scan.live(text.as_bytes())), (Some((-1, 0)), false));
        }
        assert_eq!(scan.kind(br#"42["m",{"type":"board"}]"#), Kind::Board);
    }

    #[test]
    fn what_is_not_there_is_not_made_up() {
        let scan = Scan::new();
        for text in [r#"{"epoch":1}"#, r#"{"epoch":1,"rev":"2"}"#, r#"{"epoch":1,"rev":}"#, "", "rev"] {
            assert_eq!(scan.stamp(text.as_bytes()), None, "{text}");
        }
        for text in [r#"{"number":"A1","state":"waiting"}"#, r#"{"number":"A","state":"waiting","ahead":1}"#] {
            assert_eq!(scan.place(text.as_bytes()), None, "{text}");
        }
    }
}
