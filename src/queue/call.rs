//! Calling a script: a command becomes its arguments, its reply becomes an [`Outcome`].

use std::{fmt, io::Write as _};

use redis::{Cmd, ErrorKind, ServerErrorKind, Value, aio::ConnectionManager};
use serde::{Serialize, de::DeserializeOwned};

use super::{Queue, QueueError, keys::Partition, script::Script};
use crate::domain::{
    Actor, Channel, Command, Done, Edit, Join, Millis, NewState, Rejection, RestaurantId, Stamp, Ticket,
    event::PaceRecord,
};

/// Arguments of every script, before its own: the context of `lua/lib/call.lua`.
const CONTEXT: usize = 12;

/// Bytes that they take, about.
const CONTEXT_LEN: usize = 180;

/// A retry that must not act twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// Hash of call, actor and the client's key.
    pub key: String,
    /// Hash of what was asked.
    pub body: String,
    /// How long the answer is kept, in milliseconds.
    pub ttl_ms: i64,
}

/// Who calls, and how.
#[derive(Clone, Debug)]
pub struct CallContext {
    /// Who.
    pub actor: Actor,
    /// The retry key, if one was sent.
    pub idempotency: Option<Idempotency>,
    /// Redis's clock, when a test sets it.
    pub now: Option<Millis>,
    /// The record does not answer: in a new life of Redis this goes on without it, where the rules allow that.
    pub alone: bool,
}

impl CallContext {
    /// A call by this actor, now, without a key.
    #[must_use]
    pub fn by(actor: Actor) -> Self {
        Self { actor, idempotency: None, now: None, alone: false }
    }
}

/// What a script answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Where the restaurant stands after it.
    pub stamp: Stamp,
    /// Redis's clock.
    pub at: Millis,
    /// This is the answer of an earlier call with the same key.
    pub replayed: bool,
    /// What was done.
    pub done: Done,
}

/// A script's own arguments, by the names of its header. One text holds them all: a join has seventeen.
#[derive(Default)]
pub(super) struct Arguments {
    names: Vec<&'static str>,
    bytes: Vec<u8>,
    /// Where each ends in `bytes`.
    ends: Vec<usize>,
}

impl Arguments {
    fn add(mut self, name: &'static str, write: impl FnOnce(&mut Vec<u8>)) -> Self {
        self.names.push(name);
        write(&mut self.bytes);
        self.ends.push(self.bytes.len());
        self
    }

    fn values(&self) -> impl Iterator<Item = &[u8]> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        begins.zip(&self.ends).map(|(begin, end)| &self.bytes[begin..*end])
    }

    pub(super) fn text(self, name: &'static str, value: impl AsRef<str>) -> Self {
        self.add(name, |bytes| bytes.extend_from_slice(value.as_ref().as_bytes()))
    }

    pub(super) fn optional(self, name: &'static str, value: Option<impl fmt::Display>) -> Self {
        self.add(name, |bytes| {
            if let Some(value) = value {
                write!(bytes, "{value}").expect("Invariant: writing to memory does not fail");
            }
        })
    }

    pub(super) fn flag(self, name: &'static str, value: bool) -> Self {
        self.text(name, if value { "1" } else { "0" })
    }

    /// A list of texts that need not be UTF-8, as Lua packs it.
    pub(super) fn packed_texts(self, name: &'static str, texts: &[Vec<u8>]) -> Self {
        // array 32 and str 32, whatever the length: Lua knows no type of its own for bytes.
        let head = |packed: &mut Vec<u8>, kind: u8, len: usize| {
            let len = u32::try_from(len).expect("Invariant: what is packed fits into Redis, which takes 512 MB");
            packed.push(kind);
            packed.extend(len.to_be_bytes());
        };
        self.add(name, |packed| {
            head(packed, 0xdd, texts.len());
            for text in texts {
                head(packed, 0xdb, text.len());
                packed.extend(text);
            }
        })
    }

    pub(super) fn packed(self, name: &'static str, value: &impl Serialize) -> Self {
        self.add(name, |bytes| rmp_serde::encode::write_named(bytes, value).expect("Invariant: plain data packs"))
    }
}

impl Queue {
    /// Runs one command.
    ///
    /// # Errors
    /// The inner error is the script's refusal; the outer one means that Redis could not be asked.
    pub async fn run(
        &self,
        restaurant: RestaurantId,
        context: &CallContext,
        command: &Command,
    ) -> Result<Result<Outcome, Rejection>, QueueError> {
        self.call(command.name(), restaurant, context, encode(command)).await
    }

    /// The ticket of a number and its code.
    ///
    /// # Errors
    /// As [`Queue::run`].
    pub async fn find(
        &self,
        restaurant: RestaurantId,
        context: &CallContext,
        number: &str,
        code: &str,
    ) -> Result<Result<Outcome, Rejection>, QueueError> {
        let arguments = Arguments::default().text("number", number).text("code", code);
        self.call("find", restaurant, context, arguments).await
    }

    pub(super) async fn call(
        &self,
        name: &'static str,
        restaurant: RestaurantId,
        context: &CallContext,
        arguments: Arguments,
    ) -> Result<Result<Outcome, Rejection>, QueueError> {
        let partition = Partition::of(restaurant);
        let keys = self.shared.keys.of_restaurant(restaurant);
        let reply = self.invoke(name, partition, restaurant, &keys, context, arguments).await?;
        let outcome = decode_outcome(reply)?;
        if let Ok(outcome) = &outcome {
            self.note_epoch(partition, outcome.stamp.epoch);
            self.note_known(restaurant, outcome.stamp);
            if let Some(ticket) = outcome.done.ticket.as_ref().filter(|_| name == "join") {
                self.note_number(restaurant, ticket);
            }
        }
        Ok(outcome)
    }

    pub(super) async fn invoke(
        &self,
        name: &'static str,
        partition: Partition,
        restaurant: RestaurantId,
        keys: &[String],
        context: &CallContext,
        arguments: Arguments,
    ) -> Result<Vec<Value>, QueueError> {
        let script = self.script(name);
        debug_assert!(arguments.names == script.arguments, "{name} takes {:?}", script.arguments);
        // Only joins give out numbers.
        let (known, numbers) = match name {
            "join" => self.told_to_joins(restaurant),
            _ => Default::default(),
        };
        let idempotency = context.idempotency.as_ref();
        let actor = &context.actor;
        let command = |verb: &str, script: &str| {
            let keys_len: usize = keys.iter().map(String::len).sum();
            let bytes = verb.len() + script.len() + keys_len + arguments.bytes.len() + CONTEXT_LEN;
            let mut command = Cmd::with_capacity(3 + keys.len() + CONTEXT + arguments.names.len(), bytes);
            command
                .arg(verb)
                .arg(script)
                .arg(keys.len())
                .arg(keys)
                .arg(restaurant.0)
                .arg(context.now.map(|now| now.to_string()).unwrap_or_default())
                .arg(self.epoch_seen(partition))
                .arg(actor.role.as_str())
                .arg(actor.device.as_deref().unwrap_or_default())
                .arg(actor.account.as_deref().unwrap_or_default())
                .arg(idempotency.map_or("", |idempotency| &idempotency.key))
                .arg(idempotency.map_or("", |idempotency| &idempotency.body))
                .arg(idempotency.map_or(0, |idempotency| idempotency.ttl_ms))
                .arg(u8::from(context.alone))
                .arg(&known)
                .arg(&numbers);
            for value in arguments.values() {
                command.arg(value);
            }
            command
        };
        let run = async |redis: &mut ConnectionManager| {
            match command("EVALSHA", &script.hash).query_async(redis).await {
                // Redis has restarted or was told to forget its scripts. A text it is given it cannot forget before.
                Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                    command("EVAL", &script.text).query_async(redis).await
                }
                answer => answer,
            }
        };
        match self.redis.call(run).await {
            Ok(Value::Array(reply)) => Ok(reply),
            Ok(other) => Err(QueueError::Protocol(format!("{name} answered {other:?}"))),
            Err(error) => Err(explained(script, error)),
        }
    }
}

/// An error that a script raised is a bug of ours, not an unavailable Redis.
fn explained(script: &Script, error: QueueError) -> QueueError {
    match error {
        QueueError::Unavailable(message) if message.contains("user_script") => {
            QueueError::Script { script: script.name, message: script.explain(&message) }
        }
        other => other,
    }
}

fn encode(command: &Command) -> Arguments {
    let arguments = Arguments::default();
    match command {
        Command::Join(join) => encode_join(join),
        Command::CallNext { line, party_min, party_max, to } => arguments
            .text("line", line.to_string())
            .optional("party_min", *party_min)
            .optional("party_max", *party_max)
            .optional("to", to.as_deref()),
        Command::Call { ticket, reason, to } => arguments
            .text("ticket", ticket.as_str())
            .text("reason", reason.map_or("", |reason| reason.as_str()))
            .optional("to", to.as_deref()),
        Command::Recall { ticket } => arguments.text("ticket", ticket.as_str()),
        Command::PutBack { ticket, places } => {
            arguments.text("ticket", ticket.as_str()).text("places", places.to_string())
        }
        Command::Delay { ticket, places } => {
            arguments.text("ticket", ticket.as_str()).text("places", places.to_string())
        }
        Command::Seat { ticket } => arguments.text("ticket", ticket.as_str()),
        Command::Complete { ticket } => arguments.text("ticket", ticket.as_str()),
        Command::Cancel { ticket, reason } => {
            arguments.text("ticket", ticket.as_str()).optional("reason", reason.as_deref())
        }
        Command::NoShow { ticket } => arguments.text("ticket", ticket.as_str()),
        Command::Restore { ticket, places } => {
            arguments.text("ticket", ticket.as_str()).text("places", places.to_string())
        }
        Command::Rejoin { ticket } => arguments.text("ticket", ticket.as_str()),
        Command::Undo { ticket } => arguments.text("ticket", ticket.as_str()),
        Command::CheckIn { ticket, present } => arguments.text("ticket", ticket.as_str()).flag("present", *present),
        Command::Edit { ticket, edit } => encode_edit(arguments.text("ticket", ticket.as_str()), edit),
        Command::Announce { text, until } => arguments.text("text", text).optional("until_at", *until),
        Command::RestaurantSet(state) => encode_state(arguments, state),
        Command::LineSet { line, state } => encode_state(arguments.text("line", line.to_string()), state),
        Command::PolicySet(policy) => arguments.packed("policy", policy),
        Command::StockSet { item, left } => arguments.text("item", item).optional("left", *left),
        Command::StockAdjust { item, by } => arguments.text("item", item).text("by", by.to_string()),
    }
}

fn encode_join(join: &Join) -> Arguments {
    let arguments = Arguments::default()
        .text("id", join.id.as_str())
        .text("ref", &join.r#ref)
        .text("code", &join.code)
        .text("line", join.line.to_string())
        .text("adults", join.adults.to_string())
        .text("children", join.children.to_string())
        .text("channel", if join.channel == Channel::Remote { "remote" } else { "onsite" })
        .flag("present", join.present)
        .packed("guards", &join.guards)
        .packed("items", &join.items)
        .flag("drop_sold_out", join.drop_sold_out)
        .optional("name", join.name.as_deref())
        .optional("phone_last4", join.phone_last4.as_deref())
        .optional("note", join.note.as_deref())
        .optional("lang", join.lang.as_deref());
    let arguments = match &join.eta {
        Some(eta) => arguments.packed("eta", eta),
        None => arguments.text("eta", ""),
    };
    arguments.optional("place", join.place)
}

fn encode_edit(arguments: Arguments, edit: &Edit) -> Arguments {
    let text = |value: &Option<Option<String>>| {
        value.as_ref().map(|value| format!("={}", value.as_deref().unwrap_or_default()))
    };
    arguments
        .optional("adults", edit.adults)
        .optional("children", edit.children)
        .optional("line", edit.line)
        .optional("note", text(&edit.note))
        .optional("name", text(&edit.name))
}

fn encode_state(arguments: Arguments, state: &NewState) -> Arguments {
    arguments
        .text("state", state.state.as_str())
        .optional("until_at", state.until)
        .optional("reason", state.reason.as_deref())
}

/// Reads a flat reply from its front.
pub(super) struct Reply(std::vec::IntoIter<Value>);

impl Reply {
    pub(super) fn new(values: Vec<Value>) -> Self {
        Self(values.into_iter())
    }

    pub(super) fn next(&mut self) -> Result<Value, QueueError> {
        self.0.next().ok_or_else(|| QueueError::Protocol("a reply is too short".to_owned()))
    }

    pub(super) fn int(&mut self) -> Result<i64, QueueError> {
        match self.next()? {
            Value::Int(number) => Ok(number),
            other => Err(QueueError::Protocol(format!("{other:?} is not an integer"))),
        }
    }

    /// An empty string is none.
    fn optional_int(&mut self) -> Result<Option<i64>, QueueError> {
        match self.next()? {
            Value::Int(number) => Ok(Some(number)),
            Value::BulkString(bytes) if bytes.is_empty() => Ok(None),
            other => Err(QueueError::Protocol(format!("{other:?} is not an integer"))),
        }
    }

    pub(super) fn bytes(&mut self) -> Result<Vec<u8>, QueueError> {
        match self.next()? {
            Value::BulkString(bytes) => Ok(bytes),
            other => Err(QueueError::Protocol(format!("{other:?} is not a string"))),
        }
    }

    pub(super) fn text(&mut self) -> Result<String, QueueError> {
        String::from_utf8(self.bytes()?).map_err(|_| QueueError::Protocol("a string is not UTF-8".to_owned()))
    }

    pub(super) fn rest_texts(mut self) -> Result<Vec<String>, QueueError> {
        let mut texts = Vec::with_capacity(self.0.len());
        while !self.is_empty() {
            texts.push(self.text()?);
        }
        Ok(texts)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.len() == 0
    }

    /// A packed value; an empty string is none.
    pub(super) fn packed<T: DeserializeOwned>(&mut self) -> Result<Option<T>, QueueError> {
        let bytes = self.bytes()?;
        if bytes.is_empty() { Ok(None) } else { unpack(&bytes).map(Some) }
    }
}

pub(super) fn unpack<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, QueueError> {
    rmp_serde::from_slice(bytes).map_err(|error| QueueError::Protocol(format!("a packed value: {error}")))
}

pub(super) fn decode_refusal(mut reply: Reply) -> Result<Rejection, QueueError> {
    let code = reply.text()?;
    let details = reply.rest_texts()?;
    Rejection::from_reply(&code, &details).ok_or_else(|| QueueError::Protocol(format!("unknown refusal {code}")))
}

fn decode_outcome(reply: Vec<Value>) -> Result<Result<Outcome, Rejection>, QueueError> {
    let mut reply = Reply::new(reply);
    let kind = reply.text()?;
    let replayed = match kind.as_str() {
        "refused" => return decode_refusal(reply).map(Err),
        "done" => false,
        "replayed" => true,
        _ => return Err(QueueError::Protocol(format!("a script answered {kind}"))),
    };
    let stamp = Stamp { epoch: reply.int()?, rev: reply.int()? };
    let at = reply.int()?;
    let ticket: Option<Ticket> = reply.packed()?;
    let ahead = u32::try_from(reply.int()?).ok();
    let pace: Option<PaceRecord> = reply.packed()?;
    let left = reply.optional_int()?;
    let done = Done { ticket, ahead, pace, left, dropped: reply.rest_texts()? };
    Ok(Ok(Outcome { stamp, at, replayed, done }))
}
