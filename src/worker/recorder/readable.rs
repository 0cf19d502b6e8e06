//! An entry of the log with all that it carries unpacked, as far as the record needs to know it.

use std::sync::Arc;

use serde::{Deserialize, de::DeserializeOwned};

use super::batch::{PartKey, TicketKey, stock_part};
use crate::{
    db::record::rows::{AggregateRow, KnownTicket},
    domain::{Millis, Stamp},
    queue::{
        keys::Partition,
        log::{Entry, Logged, Packed},
    },
};

/// An event with all that it carries unpacked. Nothing can go wrong with it any more.
#[derive(Debug)]
pub(super) struct Readable {
    pub(super) partition: Partition,
    pub(super) logged: Arc<Logged>,
    /// `None`: an aggregate that is no restaurant.
    pub(super) restaurant: Option<i64>,
    /// Of the event's tickets, in their order.
    pub(super) tickets: Vec<Facts>,
    pub(super) parts: Vec<(String, Packed)>,
    pub(super) day: Option<Day>,
}

/// What the record needs to know of a ticket. Numbers have the widths of their columns.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Facts {
    pub(super) id: String,
    pub(super) r#ref: String,
    pub(super) day: String,
    pub(super) number: String,
    pub(super) line: String,
    pub(super) state: String,
    pub(super) adults: i16,
    #[serde(default)]
    pub(super) children: i16,
    pub(super) channel: String,
    pub(super) checked_in: bool,
    #[serde(default)]
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) phone_last4: Option<String>,
    #[serde(default)]
    pub(super) note: Option<String>,
    #[serde(default)]
    pub(super) lang: Option<String>,
    pub(super) joined_at: Millis,
    #[serde(default)]
    pub(super) called_at: Option<Millis>,
    #[serde(default)]
    pub(super) seated_at: Option<Millis>,
    #[serde(default)]
    pub(super) missed_at: Option<Millis>,
    #[serde(default)]
    pub(super) ended: Option<Ended>,
    #[serde(default)]
    pub(super) calls: i16,
    #[serde(default)]
    pub(super) delays: i16,
    #[serde(default)]
    pub(super) overtaken: i32,
    #[serde(default)]
    pub(super) ahead_at_join: i32,
    #[serde(default)]
    pub(super) eta_at_join: Option<serde_json::Value>,
    #[serde(default)]
    pub(super) items: Vec<Ordered>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Ended {
    pub(super) by: String,
    #[serde(default)]
    pub(super) reason: Option<String>,
}

#[derive(Clone, Debug, Deserialize, serde::Serialize)]
pub(super) struct Ordered {
    pub(super) item: String,
    pub(super) name: String,
    pub(super) quantity: i64,
    pub(super) price: i64,
    #[serde(default)]
    pub(super) held: i64,
    #[serde(default)]
    pub(super) lost: i64,
}

/// What the record needs to know of a restaurant's record.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Day {
    pub(super) day: String,
    pub(super) day_ends_at: Millis,
}

#[derive(Deserialize)]
struct OfLine {
    line: String,
}

impl Facts {
    pub(super) fn is_final(&self) -> bool {
        matches!(self.state.as_str(), "completed" | "cancelled")
    }

    pub(super) fn known(&self, ended_at: Option<Millis>) -> KnownTicket {
        KnownTicket {
            day: self.day.clone(),
            line: self.line.clone(),
            state: self.state.clone(),
            guests: i64::from(self.adults) + i64::from(self.children),
            remote: self.channel == "remote",
            joined_at: self.joined_at,
            seated_at: self.seated_at,
            ended_at,
        }
    }
}

impl Readable {
    /// Unpacks an entry.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub(super) fn of(partition: Partition, entry: &Entry) -> Result<Self, String> {
        Self::of_logged(partition, Arc::clone(entry.event.as_ref().map_err(Clone::clone)?))
    }

    /// Unpacks what an event carries.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub(super) fn of_logged(partition: Partition, logged: Arc<Logged>) -> Result<Self, String> {
        let restaurant = match logged.aggregate.strip_prefix("restaurant:") {
            Some(id) => Some(id.parse::<u64>().map_err(|error| error.to_string())?.cast_signed()),
            None => None,
        };
        let tickets = logged.tickets.iter().map(unpack).collect::<Result<_, _>>()?;
        let day = logged.restaurant.as_ref().map(unpack::<Day>).transpose()?;
        let mut parts = Vec::new();
        for (name, packed) in [("restaurant", &logged.restaurant), ("policy", &logged.policy), ("menu", &logged.menu)] {
            parts.extend(packed.as_ref().map(|packed| (name.to_owned(), packed.clone())));
        }
        for packed in &logged.lines {
            parts.push((format!("line:{}", unpack::<OfLine>(packed)?.line), packed.clone()));
        }
        for (class, packed) in &logged.pace {
            parts.push((format!("pace:{class}"), packed.clone()));
        }
        Ok(Self { partition, logged, restaurant, tickets, parts, day })
    }

    /// The tickets it changes.
    pub(super) fn ticket_keys(&self) -> impl Iterator<Item = TicketKey> {
        let restaurant = self.restaurant.unwrap_or_default();
        self.tickets.iter().map(move |facts| (restaurant, facts.r#ref.clone()))
    }

    /// The counted menu items it changes.
    pub(super) fn stock_keys(&self) -> impl Iterator<Item = PartKey> {
        let restaurant = self.restaurant.unwrap_or_default();
        self.logged.stock.keys().map(move |item| (restaurant, stock_part(item)))
    }

    pub(super) fn aggregate(&self) -> &str {
        &self.logged.aggregate
    }

    pub(super) fn stamp(&self) -> Stamp {
        self.logged.stamp()
    }

    /// Where its aggregate stands after it.
    pub(super) fn row(&self) -> AggregateRow {
        AggregateRow {
            aggregate: self.logged.aggregate.clone(),
            partition: self.partition.index(),
            epoch: self.logged.epoch,
            rev: self.logged.rev,
            at: self.logged.at,
        }
    }
}

fn unpack<T: DeserializeOwned>(packed: &Packed) -> Result<T, String> {
    packed.unpack().map_err(|error| error.to_string())
}
