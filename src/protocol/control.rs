//! Frames that carry no state, close codes, and what a client may ask.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::FrameType;
use crate::domain::Millis;

/// Sent when nothing else was, so that silence means a broken connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tick {
    /// `tick`.
    pub r#type: FrameType,
    /// Redis's clock, as far as this server knows it.
    #[schema(value_type = i64)]
    pub at: Millis,
    /// False when this server has had no word from Redis for 3 s.
    pub live: bool,
    /// When the next frame comes at the latest.
    pub every_ms: u32,
}

impl Tick {
    /// A tick.
    #[must_use]
    pub fn new(at: Millis, live: bool, every_ms: u32) -> Self {
        Self { r#type: FrameType::Tick, at, live, every_ms }
    }
}

/// The last frame of a connection: of one that should be opened again, or whose ticket's place was lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Bye {
    /// Why: `restart`; or `place_lost`, before a 4404, after which there is nothing to come back to.
    pub reason: String,
    /// Come back after this long; different for every connection.
    pub retry_ms: u64,
    /// `bye`.
    pub r#type: FrameType,
}

impl Bye {
    /// A good-bye.
    #[must_use]
    pub fn new(reason: &str, retry_ms: u64) -> Self {
        Self { r#type: FrameType::Bye, reason: reason.to_owned(), retry_ms }
    }
}

/// Why a connection is closed, by whether the client should come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseCode {
    /// Do not: there is nothing more to say of this ticket.
    Normal,
    /// Do not: what came is no WebSocket frame.
    Protocol,
    /// Do not: a binary frame.
    Unsupported,
    /// Do not: text that is not UTF-8 or not JSON.
    Invalid,
    /// Do not: a frame above the limit.
    TooLarge,
    /// Come back: this server stops.
    Restart,
    /// Come back: this server has lost the restaurant.
    Overload,
    /// Come back: frames could not be delivered for 10 s.
    TooSlow,
    /// Do not: the session was ended; sign in again.
    Unauthenticated,
    /// Do not: there is no such restaurant or ticket any more.
    NotFound,
    /// Do not: the ticket was lost when the restaurant was rebuilt; a good-bye that says so came before.
    PlaceLost,
}

impl CloseCode {
    /// The number on the wire.
    #[must_use]
    pub fn code(self) -> u16 {
        match self {
            Self::Normal => 1000,
            Self::Protocol => 1002,
            Self::Unsupported => 1003,
            Self::Invalid => 1007,
            Self::TooLarge => 1009,
            Self::Restart => 1012,
            Self::Overload => 1013,
            Self::TooSlow => 4408,
            Self::Unauthenticated => 4401,
            Self::NotFound | Self::PlaceLost => 4404,
        }
    }
}

/// What a client's text frame asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The whole state again.
    Resync,
    /// Nothing known: later versions may.
    Unknown,
}

/// Reads a client's text frame; `None` when it is not JSON.
#[must_use]
pub fn asked(text: &[u8]) -> Option<Asked> {
    let message: serde_json::Value = serde_json::from_slice(text).ok()?;
    Some(if message.get("type").is_some_and(|kind| kind == "resync") { Asked::Resync } else { Asked::Unknown })
}
