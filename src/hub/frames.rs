//! Encoded frames that many watchers share: encoded once for a change, whoever asks first.
//!
//! Invariant: no more than one frame of a kind is kept, and a few deltas, only to the present version.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use serde::Serialize;
use tokio::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::protocol::frame::{
    FrameHeader,
    coding::{Data, OpCode},
};

/// An encoded text frame as it travels: a WebSocket header, then JSON. Shared by clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    frame: Bytes,
    json_at: u8,
}

/// The longest header of a frame that a server sends.
const HEADER_LEN_MAX: usize = 10;

/// Most frames are shorter.
const LEN_USUAL: usize = 1_024;

impl Text {
    /// A frame as JSON.
    #[must_use]
    pub fn encode(frame: &impl Serialize) -> Self {
        let mut bytes = Vec::with_capacity(LEN_USUAL);
        bytes.resize(HEADER_LEN_MAX, 0);
        serde_json::to_writer(&mut bytes, frame).expect("Invariant: frames have text keys and finite numbers");
        let header = FrameHeader { opcode: OpCode::Data(Data::Text), ..FrameHeader::default() };
        let json_len = (bytes.len() - HEADER_LEN_MAX) as u64;
        let json_at = header.len(json_len);
        let begin = HEADER_LEN_MAX - json_at;
        header.format(json_len, &mut &mut bytes[begin..]).expect("Invariant: there is room for the longest header");
        Self { frame: Bytes::from(bytes).slice(begin..), json_at: json_at as u8 }
    }

    /// The JSON.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.frame[usize::from(self.json_at)..]).expect("Invariant: a Text is made from JSON text")
    }

    /// The JSON as shared bytes, valid UTF-8.
    #[must_use]
    pub fn into_json(self) -> Bytes {
        self.frame.slice(usize::from(self.json_at)..)
    }

    /// All of it.
    pub(super) fn frame(&self) -> &Bytes {
        &self.frame
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
