//! What can be asked of a restaurant's live state. What each does, and in which order it is refused: docs/RULES.md.

use super::{Channel, Kept, LineId, Millis, OpenState, Policy, TicketId, estimate::Eta};

/// A new party.
#[derive(Clone, Debug, PartialEq)]
pub struct Join {
    /// The id to give it.
    pub id: TicketId,
    /// Its public name, the keyed hash of the id.
    pub r#ref: String,
    /// Its 4-digit code.
    pub code: String,
    /// Which line.
    pub line: LineId,
    /// At least 1.
    pub adults: u32,
    /// Children with a seat.
    pub children: u32,
    /// From where.
    pub channel: Channel,
    /// Being there was shown: staff, a paired device, or a valid door code.
    pub present: bool,
    /// Keyed hashes of phone and account, at most one active ticket each.
    pub guards: Vec<String>,
    /// Menu item and quantity, each item once.
    pub items: Vec<(String, u32)>,
    /// Leave sold-out items out instead of refusing.
    pub drop_sold_out: bool,
    /// As given.
    pub name: Option<String>,
    /// Last four digits.
    pub phone_last4: Option<String>,
    /// Staff's note.
    pub note: Option<String>,
    /// BCP 47.
    pub lang: Option<String>,
    /// What the server estimates now.
    pub eta: Option<Eta>,
    /// Waiting tickets of the line that stay ahead, 0 to 200; `None`: all of them. For staff alone.
    pub place: Option<u32>,
}

/// Why one who is not first is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallReason {
    /// A table of this size is free.
    TableFit,
    /// Was called before and came back.
    CameBack,
    /// Those before are not there.
    NotHere,
    /// Needs a seat sooner.
    Accessibility,
    /// Has a reservation.
    Reservation,
    /// Puts a mistake right.
    StaffMistake,
    /// Something else.
    Other,
}

impl CallReason {
    /// Every reason.
    pub const ALL: [Self; 7] = [
        Self::TableFit,
        Self::CameBack,
        Self::NotHere,
        Self::Accessibility,
        Self::Reservation,
        Self::StaffMistake,
        Self::Other,
    ];

    /// The code on wires.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TableFit => "table_fit",
            Self::CameBack => "came_back",
            Self::NotHere => "not_here",
            Self::Accessibility => "accessibility",
            Self::Reservation => "reservation",
            Self::StaffMistake => "staff_mistake",
            Self::Other => "other",
        }
    }
}

/// What staff change of a ticket. `None` leaves a field; an inner `None` clears it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edit {
    /// At least 1.
    pub adults: Option<u32>,
    /// Children with a seat.
    pub children: Option<u32>,
    /// Another line; number and order are kept.
    pub line: Option<LineId>,
    /// Staff's note.
    pub note: Option<Option<String>>,
    /// Name.
    pub name: Option<Option<String>>,
}

/// A state of restaurant or line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewState {
    /// Whether numbers are given.
    pub state: OpenState,
    /// When it opens again by itself.
    pub until: Option<Millis>,
    /// In staff's words.
    pub reason: Option<String>,
}

/// One change of live state.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "docs/RULES.md documents every command, by these names")]
pub enum Command {
    Join(Box<Join>),
    CallNext { line: LineId, party_min: Option<u32>, party_max: Option<u32>, to: Option<String> },
    Call { ticket: TicketId, reason: Option<CallReason>, to: Option<String> },
    Recall { ticket: TicketId },
    PutBack { ticket: TicketId, places: u32 },
    Delay { ticket: TicketId, places: u32 },
    Seat { ticket: TicketId },
    Complete { ticket: TicketId },
    Cancel { ticket: TicketId, reason: Option<String> },
    NoShow { ticket: TicketId },
    Restore { ticket: TicketId, places: u32 },
    Rejoin { ticket: TicketId },
    Undo { ticket: TicketId },
    CheckIn { ticket: TicketId, present: bool },
    Edit { ticket: TicketId, edit: Edit },
    Announce { text: String, until: Option<Millis> },
    RestaurantSet(NewState),
    LineSet { line: LineId, state: NewState },
    PolicySet(Box<Kept<Policy>>),
    StockSet { item: String, left: Option<u32> },
    StockAdjust { item: String, by: i64 },
}

impl Command {
    /// Its name in scripts, logs and figures.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Join(_) => "join",
            Self::CallNext { .. } => "call_next",
            Self::Call { .. } => "call",
            Self::Recall { .. } => "recall",
            Self::PutBack { .. } => "put_back",
            Self::Delay { .. } => "delay",
            Self::Seat { .. } => "seat",
            Self::Complete { .. } => "complete",
            Self::Cancel { .. } => "cancel",
            Self::NoShow { .. } => "no_show",
            Self::Restore { .. } => "restore",
            Self::Rejoin { .. } => "rejoin",
            Self::Undo { .. } => "undo",
            Self::CheckIn { .. } => "check_in",
            Self::Edit { .. } => "edit",
            Self::Announce { .. } => "announce",
            Self::RestaurantSet(_) => "restaurant_set",
            Self::LineSet { .. } => "line_set",
            Self::PolicySet(_) => "policy_set",
            Self::StockSet { .. } => "stock_set",
            Self::StockAdjust { .. } => "stock_adjust",
        }
    }
}

/// What an accepted command answers, beside stamp and time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Done {
    /// The ticket it was about, after it.
    pub ticket: Option<super::Ticket>,
    /// Waiting tickets before it; only while it waits.
    pub ahead: Option<u32>,
    /// Seatings of its class, for its estimate; only while it waits.
    pub pace: Option<super::event::PaceRecord>,
    /// Items left out of a join.
    pub dropped: Vec<String>,
    /// Units left of a stock command's item; -1 when not counted.
    pub left: Option<i64>,
}
