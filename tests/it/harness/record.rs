//! A record of one restaurant in a test's memory: the newest packed value of everything that its events carried, and
//! nothing else. What cannot be rebuilt from it is not in the events.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error, Visitor},
};
use waitless::domain::Millis;

use super::shop::Shop;

/// A text of Lua's, which need not be UTF-8.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl Bytes {
    pub fn unpack<T: DeserializeOwned>(&self) -> T {
        rmp_serde::from_slice(&self.0).expect("a packed value")
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = Bytes;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a text")
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Bytes, E> {
                Ok(Bytes(text.as_bytes().to_vec()))
            }
        }

        deserializer.deserialize_bytes(Text)
    }
}

/// What an event says of the answer to a call with a key.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Answer {
    pub key: String,
    pub body: String,
    pub until_at: Millis,
    pub ahead: i64,
    #[serde(default)]
    pub left: Option<i64>,
    #[serde(default)]
    pub dropped: Vec<String>,
}

/// An event as the recorder reads it, its records still packed.
#[derive(Clone, Debug, Deserialize)]
pub struct RawEvent {
    pub aggregate: String,
    pub epoch: i64,
    #[serde(default)]
    pub tickets: Vec<Bytes>,
    #[serde(default)]
    pub lines: Vec<Bytes>,
    #[serde(default)]
    pub stock: BTreeMap<String, i64>,
    #[serde(default)]
    pub restaurant: Option<Bytes>,
    #[serde(default)]
    pub policy: Option<Bytes>,
    #[serde(default)]
    pub menu: Option<Bytes>,
    #[serde(default)]
    pub pace: BTreeMap<String, Bytes>,
    #[serde(default)]
    pub answer: Option<Answer>,
}

impl Shop {
    /// All events of this restaurant in the log, as they lie there.
    pub async fn raw_events(&self) -> Vec<RawEvent> {
        let mut redis = self.redis().await;
        let key = self.key("events");
        let entries: redis::streams::StreamRangeReply =
            redis::cmd("XRANGE").arg(key).arg("-").arg("+").query_async(&mut redis).await.expect("XRANGE");
        let events = entries.ids.iter().map(|entry| Bytes(entry.get("event").expect("an event")).unpack::<RawEvent>());
        events.filter(|event| event.aggregate == format!("restaurant:{}", self.id)).collect()
    }
}
