//! A ticket as the scripts keep it. Fields that only the scripts use (guards, the undo record, what was already
//! told) travel in the same packed map and are not named here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{LineId, Millis, TicketId, estimate::Eta, party};

/// Where a ticket is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TicketState {
    /// In the line.
    Waiting,
    /// Asked to come in.
    Called,
    /// Came in.
    Seated,
    /// Left after being seated.
    Completed,
    /// Gave up, or was taken out of the line.
    Cancelled,
    /// Did not come when called.
    NoShow,
    /// One that a newer server knows.
    #[serde(other)]
    Other,
}

impl TicketState {
    /// Every state that this server knows.
    pub const ALL: [Self; 6] =
        [Self::Waiting, Self::Called, Self::Seated, Self::Completed, Self::Cancelled, Self::NoShow];
}

/// Where a party was when it joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// At the restaurant.
    Onsite,
    /// From elsewhere.
    Remote,
    /// One that a newer server knows.
    #[serde(other)]
    Other,
}

/// A pre-ordered menu item. `held` of `quantity` were taken from stock (0 for an item that is not counted).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderedItem {
    /// Menu item id.
    pub item: String,
    /// Its name when ordered.
    pub name: String,
    /// Units ordered, at least 1.
    pub quantity: u32,
    /// Price of one unit when ordered, in the currency's minor unit.
    pub price: i64,
    /// Units taken from the stock.
    #[serde(default, skip_serializing)]
    pub held: u32,
    /// Units that could not be taken again after a return.
    #[serde(default)]
    pub lost: u32,
}

/// How and by whom a ticket ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ended {
    /// `guest`, `staff`, `timer`, …: the role that ended it.
    pub by: String,
    /// Why, when something was said: a reason code, `day_end`, or text by staff.
    #[serde(default)]
    pub reason: Option<String>,
}

/// Something the holder of a ticket should be told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Notice {
    /// Grows within a ticket.
    pub id: i64,
    /// `close next last_call overtaken passed_over not_here items_lost deadline_moved paused announcement`.
    pub kind: String,
    /// When.
    #[schema(value_type = i64)]
    pub at: Millis,
    /// What the text of this kind needs.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub args: BTreeMap<String, serde_json::Value>,
}

/// A party's place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ticket {
    /// The holder's capability.
    pub id: TicketId,
    /// What it is called where the id must not appear.
    pub r#ref: String,
    /// `A017`.
    pub number: String,
    /// 4 digits for people without a phone.
    pub code: String,
    /// Its line.
    pub line: LineId,
    /// State.
    pub state: TicketState,
    /// Place in the line: compared as text, smaller is nearer.
    pub order: String,
    /// At least 1.
    pub adults: u32,
    /// Children with a seat.
    #[serde(default)]
    pub children: u32,
    /// Where it joined.
    pub channel: Channel,
    /// At the restaurant now.
    pub checked_in: bool,
    /// As given; staff only.
    #[serde(default)]
    pub name: Option<String>,
    /// Last four digits of the phone number.
    #[serde(default)]
    pub phone_last4: Option<String>,
    /// Staff's note.
    #[serde(default)]
    pub note: Option<String>,
    /// The guest's language, BCP 47.
    #[serde(default)]
    pub lang: Option<String>,
    /// Calls since it was last put into the line.
    #[serde(default)]
    pub calls: u32,
    /// Where to come to.
    #[serde(default)]
    pub to: Option<String>,
    /// Delays the guest may still ask for.
    #[serde(default)]
    pub delays_left: u32,
    /// Delays used.
    #[serde(default)]
    pub delays: u32,
    /// Parties called before this one although they were behind it.
    #[serde(default)]
    pub overtaken: u32,
    /// The business day on which it joined, `2026-11-22`.
    #[serde(default)]
    pub day: String,
    /// When it joined.
    pub joined_at: Millis,
    /// Waiting tickets before it when it joined.
    #[serde(default)]
    pub ahead_at_join: u32,
    /// What the server estimated when it joined.
    #[serde(default)]
    pub eta_at_join: Option<Eta>,
    /// The last call.
    #[serde(default)]
    pub called_at: Option<Millis>,
    /// When the grace of the last call ends; only while called.
    #[serde(default)]
    pub grace_until: Option<Millis>,
    /// When it was seated.
    #[serde(default)]
    pub seated_at: Option<Millis>,
    /// When it was last marked missed.
    #[serde(default)]
    pub missed_at: Option<Millis>,
    /// Until when the last act can be undone.
    #[serde(default)]
    pub undo_until: Option<Millis>,
    /// Until when a missed guest may rejoin.
    #[serde(default)]
    pub rejoin_until: Option<Millis>,
    /// Set in a final state.
    #[serde(default)]
    pub ended: Option<Ended>,
    /// Pre-order.
    #[serde(default)]
    pub items: Vec<OrderedItem>,
    /// The newest five.
    #[serde(default)]
    pub notices: Vec<Notice>,
}

impl Ticket {
    /// People who sit down.
    #[must_use]
    pub fn party(&self) -> u32 {
        party(self.adults, self.children)
    }

    /// What the pre-order costs: lost units are not charged.
    #[must_use]
    pub fn total(&self) -> i64 {
        self.items.iter().map(|item| item.price * i64::from(item.quantity.saturating_sub(item.lost))).sum()
    }
}
