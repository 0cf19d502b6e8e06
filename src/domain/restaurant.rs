//! A restaurant's live state apart from its tickets, as the scripts keep it and as events carry it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{LineId, Millis, RestaurantId};

/// Whether guests may take a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OpenState {
    /// Numbers are given.
    #[default]
    Open,
    /// No waiting: come in.
    Direct,
    /// No numbers for a while.
    Paused,
    /// No numbers; the line is kept.
    Closed,
    /// One that a newer server knows.
    #[serde(other)]
    Other,
}

impl OpenState {
    /// The word used on wires.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Direct => "direct",
            Self::Paused => "paused",
            Self::Closed => "closed",
            Self::Other => "other",
        }
    }
}

/// What staff want everybody to read.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct Announcement {
    /// The text, never empty.
    pub text: String,
    /// When it disappears; null stays.
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub until: Option<Millis>,
    /// When it was said.
    #[schema(value_type = i64)]
    pub at: Millis,
}

/// The restaurant itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RestaurantRecord {
    /// Never changes.
    pub id: RestaurantId,
    /// The name in paths.
    pub slug: String,
    /// Shown.
    pub name: String,
    /// IANA name, `Asia/Seoul`.
    pub time_zone: String,
    /// ISO 4217, `KRW`.
    pub currency: String,
    /// Whether guests may take a number.
    pub state: OpenState,
    /// When the state becomes open again.
    #[serde(default)]
    pub until: Option<Millis>,
    /// Why, in staff's words.
    #[serde(default)]
    pub reason: Option<String>,
    /// Read by everybody.
    #[serde(default)]
    pub announcement: Option<Announcement>,
    /// Business day, `2026-11-22`.
    pub day: String,
    /// When the next business day starts.
    pub day_ends_at: Millis,
    /// When it last opened after having been closed, paused or without waiting.
    #[serde(default)]
    pub opened_at: Option<Millis>,
    /// When its live state was rebuilt from the record on this business day: an unknown ticket may be a lost one.
    #[serde(default)]
    pub rebuilt_at: Option<Millis>,
    /// In which epoch this record was changed last.
    #[serde(default)]
    pub epoch: i64,
}

/// A number that was called, and when.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct NumberAt {
    /// `A017`.
    pub number: String,
    /// When.
    #[schema(value_type = i64)]
    pub at: Millis,
}

/// A line of the restaurant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LineRecord {
    /// Its letter.
    pub line: LineId,
    /// Shown.
    pub name: String,
    /// Whether guests may take a number of this line.
    pub state: OpenState,
    /// When the state becomes open again.
    #[serde(default)]
    pub until: Option<Millis>,
    /// Why, in staff's words.
    #[serde(default)]
    pub reason: Option<String>,
    /// Tickets given out on this business day.
    #[serde(default)]
    pub today: u32,
    /// The last number given, counted from 1.
    #[serde(default)]
    pub last_number: u32,
    /// The newest ten calls, newest first.
    #[serde(default)]
    pub recent: Vec<NumberAt>,
    /// The most joins within one second of this business day: numbers given out and then lost were hardly more.
    #[serde(default)]
    pub busiest: u32,
    /// The second of the last join, Unix time in seconds.
    #[serde(default)]
    pub busy_at: i64,
    /// Joins in that second.
    #[serde(default)]
    pub busy: u32,
    /// The epoch of its last number: the first one in another epoch may have to skip some.
    #[serde(default)]
    pub numbered: i64,
    /// In which epoch this record was changed last.
    #[serde(default)]
    pub epoch: i64,
}

impl LineRecord {
    /// An open line that has given out no number yet.
    #[must_use]
    pub fn fresh(line: LineId, name: impl Into<String>) -> Self {
        Self {
            line,
            name: name.into(),
            state: OpenState::Open,
            until: None,
            reason: None,
            today: 0,
            last_number: 0,
            recent: Vec::new(),
            busiest: 0,
            busy_at: 0,
            busy: 0,
            numbered: 0,
            epoch: 0,
        }
    }
}

/// Something to order. What is left of it is stock, kept apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MenuItem {
    /// Id, a string.
    pub id: String,
    /// Shown.
    pub name: String,
    /// Price of one unit in the currency's minor unit.
    pub price: i64,
}
