//! The version that records and events in Redis carry (`v`; none: 1). What a newer server wrote is read as far as this
//! one knows it, and kept; an operator is told so, once for each kind of record.

use std::sync::atomic::{AtomicBool, Ordering};

use serde::Deserialize;

use super::log::Packed;

/// The version that the scripts write: `VERSION` of lua/lib/state.lua.
pub const VERSION: u8 = 1;

/// Of what a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Event,
    Ticket,
    Line,
    Restaurant,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Event, Self::Ticket, Self::Line, Self::Restaurant];

    fn plural(self) -> &'static str {
        match self {
            Self::Event => "events",
            Self::Ticket => "tickets",
            Self::Line => "lines",
            Self::Restaurant => "restaurants",
        }
    }
}

/// Of which kinds a newer record was seen.
#[derive(Debug, Default)]
pub(super) struct Newer {
    told: [AtomicBool; Kind::ALL.len()],
}

#[derive(Deserialize)]
struct Versioned {
    #[serde(default = "first")]
    v: i64,
}

/// An event's own version, and the records that it carries.
#[derive(Deserialize)]
struct Carrying {
    #[serde(default = "first")]
    v: i64,
    #[serde(default)]
    tickets: Vec<Packed>,
    #[serde(default)]
    lines: Vec<Packed>,
    #[serde(default)]
    restaurant: Option<Packed>,
}

fn first() -> i64 {
    1
}

impl Newer {
    /// Looks at a record.
    pub(super) fn look(&self, kind: Kind, packed: &[u8]) {
        if !self.is_told(kind) && may_be_newer(packed) {
            self.read(kind, packed);
        }
    }

    /// Looks at an event and at what it carries.
    pub(super) fn look_into_event(&self, packed: &[u8]) {
        if Kind::ALL.into_iter().all(|kind| self.is_told(kind)) || !may_be_newer(packed) {
            return;
        }
        let Ok(event) = rmp_serde::from_slice::<Carrying>(packed) else { return };
        self.note(Kind::Event, event.v);
        event.tickets.iter().for_each(|ticket| self.look(Kind::Ticket, &ticket.0));
        event.lines.iter().for_each(|line| self.look(Kind::Line, &line.0));
        event.restaurant.iter().for_each(|restaurant| self.look(Kind::Restaurant, &restaurant.0));
    }

    fn read(&self, kind: Kind, packed: &[u8]) {
        if let Ok(found) = rmp_serde::from_slice::<Versioned>(packed) {
            self.note(kind, found.v);
        }
    }

    fn note(&self, kind: Kind, version: i64) {
        if version > i64::from(VERSION) && !self.told[kind as usize].swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "Redis holds {} of a newer version ({version}) than this server knows ({VERSION}): \
                 it shows what it knows of them and keeps the rest",
                kind.plural()
            );
        }
    }

    fn is_told(&self, kind: Kind) -> bool {
        self.told[kind as usize].load(Ordering::Relaxed)
    }
}

/// Whether a field `v` with a higher number may be in it: looked for in the bytes, as this is asked of every record.
fn may_be_newer(packed: &[u8]) -> bool {
    // Small numbers stand in their first byte, larger ones behind it.
    let is_higher = |first: u8| (VERSION + 1..0x80).contains(&first) || (0xcc..=0xcf).contains(&first);
    packed.windows(3).any(|bytes| bytes[..2] == *b"\xa1v" && is_higher(bytes[2]))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn packed(value: &Value) -> Vec<u8> {
        rmp_serde::to_vec_named(value).expect("packs")
    }

    fn told(look: impl Fn(&Newer)) -> Vec<Kind> {
        let newer = Newer::default();
        look(&newer);
        Kind::ALL.into_iter().filter(|kind| newer.is_told(*kind)).collect()
    }

    #[test]
    fn only_a_higher_version_is_told() {
        for (record, expected) in [
            (json!({"id": "a"}), vec![]),
            (json!({"id": "a", "v": 1}), vec![]),
            (json!({"id": "a", "v": 2}), vec![Kind::Ticket]),
            (json!({"id": "a", "v": 999}), vec![Kind::Ticket]),
            (json!({"id": "a", "undo": {"v": 2}}), vec![]),
        ] {
            assert_eq!(told(|newer| newer.look(Kind::Ticket, &packed(&record))), expected, "{record}");
        }
    }

    #[test]
    fn an_event_is_looked_into() {
        for (event, ticket, expected) in [
            (1, 1, vec![]),
            (2, 1, vec![Kind::Event]),
            (1, 3, vec![Kind::Ticket]),
            (300, 300, vec![Kind::Event, Kind::Ticket]),
        ] {
            // As Lua packs it: a record is a text, of whatever bytes.
            let ticket = packed(&json!({"v": ticket}));
            let list = [&b"\xa7tickets\x91\xd9"[..], &[ticket.len() as u8], &ticket].concat();
            let event = [&b"\x82"[..], &packed(&json!({"v": event}))[1..], &list].concat();
            assert_eq!(told(|newer| newer.look_into_event(&event)), expected);
        }
    }

    #[test]
    fn the_scripts_write_this_version() {
        let state = include_str!("../../lua/lib/state.lua");
        assert!(state.contains(&format!("\nlocal VERSION = {VERSION}\n")));
    }
}
