//! The event logs, read as the recorder reads them: plain, from a position it keeps itself, on a connection of its own.
//!
//! Invariant: an entry that cannot be understood is handed on as it is, never passed over: what is done with it is not
//! decided here.

use std::{collections::BTreeMap, fmt, str::FromStr, sync::Arc};

use redis::Value;
use serde::{Deserialize, Serialize, de};

use super::{
    Queue, QueueError,
    connect::Connection,
    keys::{Keys, Partition},
    version::Newer,
};
use crate::domain::{Actor, LineId, Millis, Stamp, TicketId, ids::InvalidId};

/// A place in a log: the id of a stream's entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    ms: u64,
    n: u64,
}

impl Position {
    /// Before the first entry.
    pub const START: Self = Self { ms: 0, n: 0 };

    /// When the entry was written, by Redis's clock.
    #[must_use]
    pub fn at(self) -> Millis {
        self.ms.cast_signed()
    }
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.ms, self.n)
    }
}

impl FromStr for Position {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let (ms, n) = text.split_once('-').ok_or(InvalidId)?;
        Ok(Self { ms: ms.parse().map_err(|_| InvalidId)?, n: n.parse().map_err(|_| InvalidId)? })
    }
}

/// A record as Redis keeps it: packed, bytes unchanged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packed(pub Vec<u8>);

impl Packed {
    /// What is in it.
    ///
    /// # Errors
    /// When it is not that.
    pub fn unpack<T: de::DeserializeOwned>(&self) -> Result<T, rmp_serde::decode::Error> {
        rmp_serde::from_slice(&self.0)
    }
}

impl<'de> Deserialize<'de> for Packed {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl de::Visitor<'_> for Bytes {
            type Value = Packed;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a packed record")
            }
            // Text to MessagePack, because Lua knows one kind of string.
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Packed, E> {
                Ok(Packed(text.as_bytes().to_vec()))
            }
            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Packed, E> {
                Ok(Packed(bytes.to_vec()))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

/// An event as it stands in the log: what it changed is still packed.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Logged {
    /// `restaurant:<id>`.
    pub aggregate: String,
    /// Which life of Redis.
    pub epoch: i64,
    /// The revision this change made.
    pub rev: i64,
    /// When.
    pub at: Millis,
    /// Past tense, `ticket.called`.
    pub name: String,
    /// By whom.
    pub by: By,
    /// The ticket it is about.
    #[serde(default)]
    pub ticket: Option<TicketId>,
    /// The line it is about.
    #[serde(default)]
    pub line: Option<LineId>,
    /// The menu item it is about.
    #[serde(default)]
    pub item: Option<String>,
    /// By how many units staff adjusted it.
    #[serde(default)]
    pub adjusted: Option<i64>,
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
    /// Changed tickets.
    #[serde(default)]
    pub tickets: Vec<Packed>,
    /// Changed lines.
    #[serde(default)]
    pub lines: Vec<Packed>,
    /// Changed stock: units left, -1 for not counted.
    #[serde(default)]
    pub stock: BTreeMap<String, i64>,
    /// The restaurant, when it changed.
    #[serde(default)]
    pub restaurant: Option<Packed>,
    /// The policy, when it changed.
    #[serde(default)]
    pub policy: Option<Packed>,
    /// The menu, when it changed.
    #[serde(default)]
    pub menu: Option<Packed>,
    /// Changed pace.
    #[serde(default)]
    pub pace: BTreeMap<String, Packed>,
    /// What a retry with the same key is answered.
    #[serde(default)]
    pub answer: Option<Answer>,
}

/// The answer of a command that had an idempotency key, but for what its event says anyway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Hash of call, actor and the client's key.
    pub key: String,
    /// Hash of what was asked.
    pub body: String,
    /// How long it is kept, by Redis's clock.
    pub until_at: Millis,
    /// Waiting tickets before it; -1: it does not wait.
    pub ahead: i64,
    /// Units left, of a command about stock.
    #[serde(default)]
    pub left: Option<i64>,
    /// Items left out because they were sold out.
    #[serde(default)]
    pub dropped: Vec<String>,
}

/// By whom, in the log's own words: a newer server may know capacities that this one does not.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct By {
    /// In which capacity.
    pub role: String,
    /// The paired device.
    #[serde(default)]
    pub device: Option<String>,
    /// The account.
    #[serde(default)]
    pub account: Option<String>,
}

impl From<Actor> for By {
    fn from(Actor { role, device, account }: Actor) -> Self {
        Self { role: role.as_str().to_owned(), device, account }
    }
}

impl Logged {
    /// The event in the bytes of an entry.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn read(raw: &[u8]) -> Result<Arc<Self>, String> {
        if raw.is_empty() {
            return Err("it is empty".to_owned());
        }
        rmp_serde::from_slice(raw).map(Arc::new).map_err(|error| error.to_string())
    }

    /// Where it stands.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        Stamp { epoch: self.epoch, rev: self.rev }
    }
}

/// An entry of a log.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where it stands.
    pub position: Position,
    /// Its bytes: the event, or all fields of an entry that none of our scripts wrote.
    pub raw: Vec<u8>,
    /// The event, or why it cannot be read.
    pub event: Result<Arc<Logged>, String>,
}

/// The logs of all partitions. Cheap to clone.
#[derive(Clone)]
pub struct Log {
    redis: Connection,
    keys: Keys,
    newer: Arc<Newer>,
}

impl Queue {
    /// A reader of this queue's logs, which has a connection of its own: a large batch holds up no command.
    ///
    /// # Errors
    /// When the URL is not one of Redis.
    pub fn log(&self, url: &str) -> Result<Log, QueueError> {
        Ok(Log { redis: Connection::new(url)?, keys: self.keys().clone(), newer: Arc::clone(&self.shared.newer) })
    }

    /// The last entry of a partition's log; `None`: it is empty.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn log_end(&self, partition: Partition) -> Result<Option<Position>, QueueError> {
        let mut command = redis::cmd("XREVRANGE");
        command.arg(self.keys().events(partition)).arg("+").arg("-").arg("COUNT").arg(1);
        let found: Vec<Value> = self.query(&command).await?;
        found.into_iter().next().map(|last| Ok(entry(last)?.position)).transpose()
    }
}

impl Log {
    /// Up to `count` entries behind each of these positions, in their order.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn read(&self, from: &[(Partition, Position)], count: usize) -> Result<Vec<Vec<Entry>>, QueueError> {
        // One command per partition: their keys lie in different slots.
        let mut pipeline = redis::Pipeline::with_capacity(from.len());
        for (partition, position) in from {
            let key = self.keys.events(*partition);
            pipeline.cmd("XREAD").arg("COUNT").arg(count).arg("STREAMS").arg(key).arg(position.to_string());
        }
        let answers: Vec<Value> = self.redis.call(async |redis| pipeline.query_async(redis).await).await?;
        let entries: Vec<Vec<Entry>> = answers.into_iter().map(entries).collect::<Result<_, _>>()?;
        entries.iter().flatten().for_each(|entry| self.newer.look_into_event(&entry.raw));
        Ok(entries)
    }
}

fn unexpected(what: &str) -> QueueError {
    QueueError::Protocol(format!("an event log with {what}"))
}

/// The entries of one stream's part of an answer to XREAD.
fn entries(answer: Value) -> Result<Vec<Entry>, QueueError> {
    let Value::Array(streams) = answer else {
        return match answer {
            Value::Nil => Ok(Vec::new()),
            other => Err(unexpected(&format!("{other:?}"))),
        };
    };
    let Some(Value::Array(stream)) = streams.into_iter().next() else { return Err(unexpected("no stream")) };
    let Some(Value::Array(found)) = stream.into_iter().nth(1) else { return Err(unexpected("no entries")) };
    found.into_iter().map(entry).collect()
}

fn entry(found: Value) -> Result<Entry, QueueError> {
    let Value::Array(parts) = found else { return Err(unexpected("an entry that is none")) };
    let mut parts = parts.into_iter();
    let position = match parts.next() {
        Some(Value::BulkString(id)) => String::from_utf8(id).ok().and_then(|id| id.parse().ok()),
        _ => None,
    };
    let position = position.ok_or_else(|| unexpected("an entry without an id"))?;
    let mut fields: Vec<Vec<u8>> = match parts.next() {
        Some(Value::Array(fields)) => fields.into_iter().map(bytes).collect(),
        _ => Vec::new(),
    };
    if fields.len() != 2 || fields[0] != b"event" {
        return Ok(Entry { position, raw: fields.join(&b'\n'), event: Err("not the field `event` alone".to_owned()) });
    }
    let raw = fields.swap_remove(1);
    let event = Logged::read(&raw);
    Ok(Entry { position, raw, event })
}

fn bytes(value: Value) -> Vec<u8> {
    match value {
        Value::BulkString(bytes) => bytes,
        other => format!("{other:?}").into_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_compare_as_numbers_and_are_read_back() {
        let positions = ["0-0", "9-10", "10-9", "1795334400000-0", "1795334400000-12"];
        let parsed: Vec<Position> = positions.iter().map(|text| text.parse().expect("a position")).collect();
        assert!(parsed.is_sorted());
        assert_eq!(parsed.iter().map(ToString::to_string).collect::<Vec<_>>(), positions);
        for text in ["", "1", "-1", "1-", "a-b", "1-2-3"] {
            assert_eq!(text.parse::<Position>(), Err(InvalidId), "{text}");
        }
    }

    #[test]
    fn what_no_script_wrote_is_handed_on_as_it_is() {
        let text = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        let foreign = |fields: Vec<Value>| entry(Value::Array(vec![text("5-1"), Value::Array(fields)])).expect("read");
        for (fields, raw) in [
            (vec![text("who"), text("knows")], "who\nknows"),
            (vec![text("event"), text("garbage")], "garbage"),
            (vec![text("event"), text("a"), text("more"), text("b")], "event\na\nmore\nb"),
        ] {
            let entry = foreign(fields);
            assert!(entry.event.is_err());
            assert_eq!((entry.position.to_string().as_str(), entry.raw.as_slice()), ("5-1", raw.as_bytes()));
        }
    }

    /// Lua packs text and bytes alike, as MessagePack's text.
    #[test]
    fn packed_records_stay_as_they_are() {
        let read = |packed: &[u8]| rmp_serde::from_slice::<Packed>(packed).expect("packed");
        assert_eq!(read(b"\xa3abc"), Packed(b"abc".to_vec()));
        assert_eq!(read(b"\xa2\xc0\xff"), Packed(b"\xc0\xff".to_vec()));
        assert_eq!(read(b"\xd9\x02\x81\xff"), Packed(b"\x81\xff".to_vec()));
    }
}
