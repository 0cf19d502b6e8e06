//! What the recorder writes, row by row, as the tables have it.
//!
//! The columns are described in migrations/.
#![expect(missing_docs, reason = "the tables say what each column is")]

/// A row of `events`. Its seq is given when it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct EventRow {
    pub partition: u16,
    pub aggregate: String,
    pub epoch: i64,
    pub rev: i64,
    pub at: i64,
    pub name: String,
    pub by: By,
    pub r#ref: Option<String>,
    pub line: Option<String>,
    pub item: Option<String>,
    pub reason: Option<String>,
    pub answer: Option<Vec<u8>>,
}

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct By {
    pub role: String,
    pub device: Option<String>,
    pub account: Option<i64>,
}

/// A row of `tickets`.
#[derive(Clone, Debug, PartialEq)]
pub struct TicketRow {
    pub restaurant: i64,
    pub r#ref: String,
    pub day: String,
    pub number: String,
    pub line: String,
    pub state: String,
    pub adults: i16,
    pub children: i16,
    pub channel: String,
    pub checked_in: bool,
    pub name: Option<String>,
    pub phone_last4: Option<String>,
    pub note: Option<String>,
    pub lang: Option<String>,
    pub joined_at: i64,
    pub called_at: Option<i64>,
    pub seated_at: Option<i64>,
    pub missed_at: Option<i64>,
    pub ended_at: Option<i64>,
    pub ended_by: Option<String>,
    pub ended_reason: Option<String>,
    pub calls: i16,
    pub delays: i16,
    pub overtaken: i32,
    pub ahead_at_join: i32,
    pub eta_at_join: Option<serde_json::Value>,
    pub items: Option<serde_json::Value>,
    pub total: i64,
    pub epoch: i64,
    pub rev: i64,
    pub at: i64,
    pub packed: Vec<u8>,
}

/// A row of `transitions`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransitionRow {
    pub restaurant: i64,
    pub r#ref: String,
    pub epoch: i64,
    pub rev: i64,
    pub at: i64,
    pub name: String,
    pub state: String,
    pub line: String,
    pub by: By,
    pub reason: Option<String>,
}

/// A row of `stock_movements`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovementRow {
    pub restaurant: i64,
    pub item: String,
    pub epoch: i64,
    pub rev: i64,
    pub at: i64,
    pub name: String,
    pub left_after: Option<i64>,
    pub change: Option<i64>,
    pub adjusted: Option<i64>,
    pub r#ref: Option<String>,
    pub by: By,
}

/// A row of `day_totals`, or what is to be added to one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub parties: i64,
    pub guests: i64,
    pub remote: i64,
    pub waiting: i64,
    pub called: i64,
    pub seated: i64,
    pub completed: i64,
    pub cancelled: i64,
    pub no_show: i64,
    pub seated_guests: i64,
    pub waited_ms: i64,
}

/// A row of `aggregates`, but for what reconciling notes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AggregateRow {
    pub aggregate: String,
    pub partition: u16,
    pub epoch: i64,
    pub rev: i64,
    pub at: i64,
}

/// A row of `gaps`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GapRow {
    pub aggregate: String,
    pub epoch: i64,
    pub rev_from: i64,
    pub rev_to: i64,
}

/// A row of `dead_letters`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetterRow {
    pub partition: u16,
    pub entry: String,
    pub raw: Vec<u8>,
    pub error: String,
}

/// All that one transaction writes. Of what is replaced there is one row a key, the newest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    pub events: Vec<EventRow>,
    pub tickets: Vec<TicketRow>,
    pub transitions: Vec<TransitionRow>,
    pub movements: Vec<MovementRow>,
    /// Restaurant, part, packed.
    pub parts: Vec<(i64, String, Vec<u8>)>,
    /// Restaurant, day, when it ends.
    pub days: Vec<(i64, String, i64)>,
    /// Restaurant, day, line: what is to be added.
    pub totals: Vec<((i64, String, String), Totals)>,
    pub aggregates: Vec<AggregateRow>,
    pub gaps: Vec<GapRow>,
    pub dead_letters: Vec<DeadLetterRow>,
}

/// A ticket as the record has it, as far as a change of it has to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownTicket {
    pub day: String,
    pub line: String,
    pub state: String,
    pub guests: i64,
    pub remote: bool,
    pub joined_at: i64,
    pub seated_at: Option<i64>,
    pub ended_at: Option<i64>,
}
