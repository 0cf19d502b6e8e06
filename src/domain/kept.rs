//! A record of which this server may know a part only: a newer server writes fields and words that it has no name for.
//!
//! It is read as far as it is known. Written back, all else is as it was found, also what stands for an unknown word: a
//! field changes only when its known value does.

use std::ops::Deref;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{DeserializeOwned, Error as _},
};
use serde_json::{Map, Value};

/// A record and all that was found with it. Reads like what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept<T> {
    known: T,
    whole: Map<String, Value>,
}

impl<T> Deref for Kept<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.known
    }
}

impl<T> Kept<T> {
    /// What this server knows of it.
    #[must_use]
    pub fn into_known(self) -> T {
        self.known
    }

    /// Everything, by name.
    #[must_use]
    pub fn whole(&self) -> &Map<String, Value> {
        &self.whole
    }
}

impl<T: Serialize> Kept<T> {
    /// Changes what is known.
    pub fn edit(&mut self, change: impl FnOnce(&mut T)) {
        let before = fields(&self.known);
        change(&mut self.known);
        let changed = fields(&self.known).into_iter().filter(|(name, value)| before.get(name) != Some(value));
        self.whole.extend(changed);
    }

    /// The record with what is known of it changed.
    #[must_use]
    pub fn edited(mut self, change: impl FnOnce(&mut T)) -> Self {
        self.edit(change);
        self
    }
}

/// Nothing but what is known.
impl<T: Serialize> From<T> for Kept<T> {
    fn from(known: T) -> Self {
        Self { whole: fields(&known), known }
    }
}

fn fields<T: Serialize>(known: &T) -> Map<String, Value> {
    match serde_json::to_value(known) {
        Ok(Value::Object(fields)) => fields,
        other => unreachable!("Invariant: records are structs of plain values, objects in JSON, not {other:?}"),
    }
}

impl<T> Serialize for Kept<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.whole.serialize(serializer)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Kept<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let whole = Map::deserialize(deserializer)?;
        let known = serde_json::from_value(Value::Object(whole.clone())).map_err(D::Error::custom)?;
        Ok(Self { known, whole })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::domain::{LineRecord, OpenState, Policy, policy::Presence};

    use super::*;

    fn line_of_a_newer_server() -> Value {
        json!({
            "line": "A", "name": "hall", "state": "half_open", "today": 3, "last_number": 3, "lanes": [1, {"a": "b"}],
            "recent": [{"number": "A003", "at": 5, "by": "robot"}],
        })
    }

    #[test]
    fn what_is_not_known_survives_a_change() {
        let packed = rmp_serde::to_vec_named(&line_of_a_newer_server()).expect("packed");
        let line: Kept<LineRecord> = rmp_serde::from_slice(&packed).expect("read");
        assert_eq!((line.state, line.last_number, line.recent.len()), (OpenState::Other, 3, 1));
        let line = line.edited(|line| line.last_number += 100);
        let written: Value = rmp_serde::from_slice(&rmp_serde::to_vec_named(&line).expect("packed")).expect("read");
        let mut expected = line_of_a_newer_server();
        expected["last_number"] = json!(103);
        assert_eq!(written, expected);
    }

    #[test]
    fn an_unknown_word_gives_way_to_a_known_one() {
        let mut stored = fields(&Policy::default());
        stored.insert("presence".to_owned(), json!("by_bluetooth"));
        let policy: Kept<Policy> = serde_json::from_value(Value::Object(stored)).expect("read");
        assert_eq!(policy.presence, Presence::Other);
        assert_eq!(policy.clone().edited(|policy| policy.grace_s = 60).whole()["presence"], json!("by_bluetooth"));
        assert_eq!(policy.edited(|policy| policy.presence = Presence::Code).whole()["presence"], json!("code"));
    }

    #[test]
    fn what_is_known_alone_is_written_as_it_is() {
        let policy = Policy::default();
        let plain = rmp_serde::to_vec_named(&policy).expect("packed");
        let kept = rmp_serde::to_vec_named(&Kept::from(policy)).expect("packed");
        let read = |packed: &[u8]| rmp_serde::from_slice::<Value>(packed).expect("read");
        assert_eq!(read(&plain), read(&kept));
    }
}
