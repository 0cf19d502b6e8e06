//! What travels over the WebSocket `waitless.v1`, and what HTTP answers in the same shapes.
//!
//! Pure functions from a replica to frames. Every named field is always present, null where it has no value; only the
//! optional parts of a `delta` are left out. Besides the contract every state frame carries `live` and `every_ms`, so
//! that a client knows from the first frame on how old it may let a screen become.
//!
//! Invariant: a board frame holds no ticket id, no `ref` and no name; a ticket frame holds nothing of other tickets but
//! their numbers.

mod board;
mod control;
mod notice;
mod queue;
pub mod record;
mod ticket;

use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::ToSchema;

pub use board::{BoardFrame, BoardRestaurant, CalledNumber, EtaOfParty, LineView, board_frame, line_view};
pub use control::{Asked, Bye, CloseCode, Tick, asked};
pub use notice::notices;
pub use queue::{DeltaFrame, EventView, QueueFrame, SetView, delta_frame, queue_frame};
pub use ticket::{
    OwnView, TicketFrame, TicketRestaurant, TicketView, eta_of_reply, may_come_back, ticket_frame, ticket_frame_at,
    ticket_view,
};

use crate::domain::Millis;

/// Subprotocol of the WebSocket.
pub const SUBPROTOCOL: &str = "waitless.v1";

/// The kind of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FrameType {
    /// What everybody may see.
    Board,
    /// What a ticket's holder sees.
    Ticket,
    /// What staff see, whole.
    Queue,
    /// What changed of it.
    Delta,
    /// Still there.
    Tick,
    /// About to close.
    Bye,
}

/// What every state frame says besides its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Heading {
    /// Redis's clock, as far as this server knows it.
    pub at: Millis,
    /// Whether the state is known to be current.
    pub live: bool,
    /// After this much silence, and a second, the state must be taken for old.
    pub every_ms: u32,
}

/// The page on which guests of a restaurant join: what the QR code on its board says.
#[must_use]
pub fn join_url(public_url: &Url, slug: &str) -> String {
    let mut url = public_url.clone();
    url.set_query(None);
    url.query_pairs_mut().append_pair("r", slug);
    url.into()
}

#[cfg(test)]
pub(crate) mod tests;
