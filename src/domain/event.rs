//! What happened: one event per change of live state, written to the stream and published by the script that made
//! the change. It carries the whole new value of everything it changed, so applying it is replacing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{LineId, LineRecord, MenuItem, Millis, Policy, RestaurantRecord, Stamp, Ticket, TicketId, packed};

/// In which capacity somebody acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Anybody, a ticket's holder included.
    Guest,
    /// A paired kiosk or board.
    Device,
    /// Works the line.
    Staff,
    /// Owns the restaurant.
    Owner,
    /// Runs the platform.
    Admin,
    /// WaitLess itself, when time has come.
    Timer,
    /// One that a newer server knows.
    #[serde(other)]
    Other,
}

impl Role {
    /// The word used on wires.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Guest => "guest",
            Self::Device => "device",
            Self::Staff => "staff",
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Timer => "timer",
            Self::Other => "other",
        }
    }
}

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Actor {
    /// Capacity.
    pub role: Role,
    /// The paired device.
    #[serde(default)]
    pub device: Option<String>,
    /// The account.
    #[serde(default)]
    pub account: Option<String>,
}

impl Actor {
    /// Somebody of this capacity of whom nothing else is known.
    #[must_use]
    pub fn of(role: Role) -> Self {
        Self { role, device: None, account: None }
    }
}

/// Seatings of one line and party-size class, newest first: what the wait estimate is made from.
/// The key is `<line><class>`, class 1 to 3 ([`super::estimate::class`]).
pub type Pace = BTreeMap<String, PaceRecord>;

/// The last seating gaps of a class.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaceRecord {
    /// Milliseconds between seatings, newest first, at most 20; gaps in which nobody waited are left out.
    #[serde(default)]
    pub gaps_ms: Vec<i64>,
    /// The last seating, while others of the class were left waiting.
    #[serde(default)]
    pub last_at: Option<Millis>,
}

/// A change of a restaurant's live state.
///
/// The scripts pack each changed record once, and event and Redis get the same text: on wires a record is a packed text
/// within the packed event. Only scripts write it so; what is serialized here is plain, to be looked at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
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
    pub by: Actor,
    /// The ticket it is about.
    #[serde(default)]
    pub ticket: Option<TicketId>,
    /// The line it is about.
    #[serde(default)]
    pub line: Option<LineId>,
    /// The menu item it is about.
    #[serde(default)]
    pub item: Option<String>,
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
    /// Changed tickets.
    #[serde(default, deserialize_with = "packed::list")]
    pub tickets: Vec<Ticket>,
    /// Changed lines.
    #[serde(default, deserialize_with = "packed::list")]
    pub lines: Vec<LineRecord>,
    /// Changed stock: units left, -1 for not counted.
    #[serde(default)]
    pub stock: BTreeMap<String, i64>,
    /// The restaurant, when it changed.
    #[serde(default, deserialize_with = "packed::one")]
    pub restaurant: Option<RestaurantRecord>,
    /// The policy, when it changed.
    #[serde(default, deserialize_with = "packed::one")]
    pub policy: Option<Policy>,
    /// The menu, when it changed.
    #[serde(default, deserialize_with = "packed::one")]
    pub menu: Option<Vec<MenuItem>>,
    /// Changed pace.
    #[serde(default, deserialize_with = "packed::map")]
    pub pace: Pace,
}

impl Event {
    /// Where it stands.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        Stamp { epoch: self.epoch, rev: self.rev }
    }
}
