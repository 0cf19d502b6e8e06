//! What the durable record tells staff: tickets that are over, their lives, days and their totals.
//!
//! Invariant: no ticket id is here. A ticket goes by its `ref`, which after the time that tickets are kept is not the
//! one it had.

use serde::{
    Deserialize, Serialize, Serializer,
    de::{IntoDeserializer as _, value::StrDeserializer},
};
use utoipa::ToSchema;

use crate::domain::{Channel, Millis, Role, TicketState, estimate::Eta, ticket::OrderedItem};

/// A word of the record as live screens show it: `other`, where only a newer server knows it.
fn word<'a, T: Deserialize<'a> + Serialize, S: Serializer>(text: &'a str, serializer: S) -> Result<S::Ok, S::Error> {
    let deserializer: StrDeserializer<'a, serde::de::value::Error> = text.into_deserializer();
    T::deserialize(deserializer).map_err(serde::ser::Error::custom)?.serialize(serializer)
}

fn optional_word<T: for<'a> Deserialize<'a> + Serialize, S: Serializer>(
    text: &Option<String>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match text {
        Some(text) => word::<T, S>(text, serializer),
        None => serializer.serialize_none(),
    }
}

/// A ticket as the record has it. Without `Debug`, because it names people.
#[derive(Clone, Serialize, ToSchema)]
pub struct RecordedTicket {
    /// What it goes by.
    pub r#ref: String,
    /// Called at the door.
    #[schema(example = "A017")]
    pub number: String,
    /// The line's letter.
    #[schema(example = "A")]
    pub line: String,
    /// Where it is in its life.
    #[serde(serialize_with = "word::<TicketState, _>")]
    #[schema(value_type = TicketState)]
    pub state: String,
    /// The business day on which it joined.
    #[schema(format = Date, example = "2026-11-22")]
    pub day: String,
    /// At least 1.
    pub adults: i32,
    /// Children with a seat.
    pub children: i32,
    /// Where it joined.
    #[serde(serialize_with = "word::<Channel, _>")]
    #[schema(value_type = Channel)]
    pub channel: String,
    /// At the restaurant.
    pub checked_in: bool,
    /// Null when there was none, and when erased.
    pub name: Option<String>,
    /// Null when there was none, and when erased.
    pub phone_last4: Option<String>,
    /// Null when there was none, and when erased.
    pub note: Option<String>,
    /// Null when there was none, and when erased.
    pub lang: Option<String>,
    /// Whether contact data has been erased.
    pub erased: bool,
    /// When it joined.
    #[schema(value_type = i64)]
    pub joined_at: Millis,
    /// The last call.
    #[schema(value_type = Option<i64>)]
    pub called_at: Option<Millis>,
    /// When it was seated.
    #[schema(value_type = Option<i64>)]
    pub seated_at: Option<Millis>,
    /// When it was last marked missed.
    #[schema(value_type = Option<i64>)]
    pub missed_at: Option<Millis>,
    /// Set when it was completed or cancelled, or missed until its day was over.
    pub ended: Option<RecordedEnd>,
    /// Calls since it was last put into the line.
    pub calls: i32,
    /// Delays used.
    pub delays: i32,
    /// Parties called before it although they were behind it.
    pub overtaken: i32,
    /// Waiting tickets before it when it joined.
    pub ahead_at_join: i32,
    /// The wait it was told when it joined.
    pub eta_at_join: Option<Eta>,
    /// What was ordered.
    pub items: Vec<OrderedItem>,
    /// What the pre-order costs, in the minor unit of the restaurant's currency.
    pub total: i64,
}

/// How a ticket ended.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RecordedEnd {
    /// When.
    #[schema(value_type = Option<i64>)]
    pub at: Option<Millis>,
    /// By whom.
    #[serde(serialize_with = "optional_word::<Role, _>")]
    #[schema(value_type = Option<Role>)]
    pub by: Option<String>,
    /// A reason code, `day_end`, or text by staff.
    pub reason: Option<String>,
}

/// Something that happened to a ticket.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RecordedTransition {
    /// When.
    #[schema(value_type = i64)]
    pub at: Millis,
    /// Which life of Redis.
    pub epoch: i64,
    /// Changes of the restaurant's live state so far.
    pub rev: i64,
    /// The event's name; `ticket.overtaken` when another was called before it.
    #[schema(example = "ticket.called")]
    pub name: String,
    /// The state it was in afterwards.
    #[serde(serialize_with = "word::<TicketState, _>")]
    #[schema(value_type = TicketState)]
    pub state: String,
    /// The line it was in afterwards.
    pub line: String,
    /// By whom.
    pub by: RecordedActor,
    /// A reason code, or text by staff.
    pub reason: Option<String>,
}

/// Who did it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RecordedActor {
    /// In which capacity.
    #[serde(serialize_with = "word::<Role, _>")]
    #[schema(value_type = Role)]
    pub role: String,
    /// The paired device.
    pub device: Option<String>,
    /// The account.
    pub account: Option<String>,
    /// Its name now; null when it is gone.
    pub account_name: Option<String>,
}

/// A ticket and what happened to it, oldest first; of more than a thousand, the newest thousand.
#[derive(Clone, Serialize, ToSchema)]
pub struct TicketHistory {
    /// As it is now.
    pub ticket: RecordedTicket,
    /// What happened.
    pub items: Vec<RecordedTransition>,
}

/// Parties by the state each is in now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Counts {
    /// All of them.
    pub parties: i64,
    /// People.
    pub guests: i64,
    /// Parties that joined from elsewhere.
    pub remote: i64,
    /// Still in the line.
    pub waiting: i64,
    /// Asked to come in.
    pub called: i64,
    /// At their tables.
    pub seated: i64,
    /// Left after being seated.
    pub completed: i64,
    /// Gave up, or were taken out of the line.
    pub cancelled: i64,
    /// Did not come when called.
    pub no_show: i64,
    /// People who sat down.
    pub seated_guests: i64,
}

/// A business day in a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DayListed {
    /// Its date.
    #[schema(format = Date, example = "2026-11-22")]
    pub day: String,
    /// When the next one begins.
    #[schema(value_type = i64)]
    pub ends_at: Millis,
    /// Parties and waits.
    pub totals: DayListedTotals,
}

/// A day's totals in a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DayListedTotals {
    /// How many.
    #[serde(flatten)]
    pub counts: Counts,
    /// Mean time from joining to sitting down, in seconds; null when nobody sat down.
    pub wait_mean_s: Option<i64>,
}

/// A business day.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DaySummary {
    /// Its date.
    #[schema(format = Date, example = "2026-11-22")]
    pub day: String,
    /// When the next one begins.
    #[schema(value_type = i64)]
    pub ends_at: Millis,
    /// Parties and waits.
    pub totals: Totals,
    /// By line, in the order of letters: each party in the line it is in now.
    pub lines: Vec<LineTotals>,
    /// Menu items that are counted or were ordered, by id.
    pub stock: Vec<StockOfDay>,
}

/// Parties, their waits and why they left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Totals {
    /// How many.
    #[serde(flatten)]
    pub counts: Counts,
    /// Null when nobody sat down.
    pub wait: Option<Waits>,
    /// Who ended the cancelled ones.
    pub cancelled_by: CancelledBy,
}

/// Totals of one line.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LineTotals {
    /// Its letter.
    #[schema(example = "A")]
    pub line: String,
    /// Parties and waits.
    #[serde(flatten)]
    pub totals: Totals,
}

/// Seconds from joining to sitting down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Waits {
    /// On average.
    pub mean_s: i64,
    /// Half waited no longer.
    pub p50_s: i64,
    /// Nine of ten waited no longer.
    pub p90_s: i64,
}

/// Cancelled parties, by who did it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct CancelledBy {
    /// By the guests themselves.
    pub guest: i64,
    /// By staff.
    pub staff: i64,
    /// They still waited when the day was over.
    pub day_end: i64,
}

/// What became of a menu item on a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct StockOfDay {
    /// Menu item id.
    pub item: String,
    /// As ordered last, else as on the menu; null when neither is known.
    pub name: Option<String>,
    /// Units ordered by parties that sat down.
    pub consumed: i64,
    /// Units left at the end of the day, now for a day that goes on; null when not counted.
    pub left: Option<i64>,
}
