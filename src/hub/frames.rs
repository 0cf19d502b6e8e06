//! Encoded frames that many watchers share: encoded once for a change, whoever asks first.
//!
//! Invariant: no more than one frame of a kind is kept, and a few deltas, only to the present version.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use serde::Serialize;
use tokio::time::{Duration, Instant};

/// An encoded frame: UTF-8, shared by clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(Bytes);

impl Text {
    /// A frame as JSON.
    #[must_use]
    pub fn encode(frame: &impl Serialize) -> Self {
        let json = serde_json::to_string(frame).expect("Invariant: frames have text keys and finite numbers");
        Self(Bytes::from(json))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("Invariant: a Text is made from JSON text")
    }

    /// The text as shared bytes, valid UTF-8.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.0
    }
}

/// What a frame was encoded from: two with the same key differ in their time alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) version: u64,
    pub(super) live: bool,
    pub(super) door: Option<String>,
}

/// The latest frame of one kind.
#[derive(Default)]
pub(super) struct Shared(Mutex<Option<(Key, Instant, Text)>>);

impl Shared {
    /// The frame of this key if it is fresh, else a new one, for which all others wait.
    pub(super) fn get(&self, key: Key, age_max: Duration, now: Instant, encode: impl FnOnce() -> Text) -> Text {
        let mut latest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, made_at, text)) = &*latest
            && *known == key
            && now.saturating_duration_since(*made_at) < age_max
        {
            return text.clone();
        }
        let text = encode();
        *latest = Some((key, now, text.clone()));
        text
    }
}

/// Most deltas kept. Consoles are at the same version unless they are slow; those that differ more are encoded again.
const DELTAS_LEN_MAX: usize = 16;

/// The latest deltas. `None`: the whole queue is needed from there.
#[derive(Default)]
pub(super) struct Deltas(Mutex<Option<(Key, FromVersions)>>);

/// Deltas by the version they start from.
type FromVersions = Vec<(u64, Option<Text>)>;

impl Deltas {
    /// The delta from a version to the present one, which `key` is.
    pub(super) fn get(&self, since: u64, key: Key, encode: impl FnOnce() -> Option<Text>) -> Option<Text> {
        let mut latest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if latest.as_ref().is_none_or(|(known, _)| *known != key) {
            *latest = Some((key, Vec::new()));
        }
        let (_, deltas) = latest.as_mut()?;
        if let Some((_, text)) = deltas.iter().find(|(from, _)| *from == since) {
            return text.clone();
        }
        let text = encode();
        if deltas.len() == DELTAS_LEN_MAX {
            deltas.remove(0);
        }
        deltas.push((since, text.clone()));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_deltas_are_kept_than_may_be_and_none_to_an_old_version() {
        let deltas = Deltas::default();
        let key = |version| Key { version, live: true, door: None };
        let kept = || deltas.0.lock().expect("not poisoned").as_ref().map_or(0, |(_, deltas)| deltas.len());
        for since in 0..1_000 {
            let made = deltas.get(since, key(1_000), || Some(Text::encode(&since)));
            assert_eq!(made, Some(Text::encode(&since)));
            assert!(kept() <= DELTAS_LEN_MAX);
        }
        assert_eq!(deltas.get(999, key(1_000), || panic!("it is kept")), Some(Text::encode(&999)));
        deltas.get(1_000, key(1_001), || None);
        assert_eq!(kept(), 1);
    }
}
