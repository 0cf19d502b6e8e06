//! The words of WaitLess as types. Pure: no I/O, no async, no clock.
//!
//! - **restaurant**: a shop with one or more lines; [`RestaurantId`] never changes, its slug may.
//! - **line**: a queue inside a restaurant; one letter, A to Z ([`LineId`]).
//! - **ticket**: a party's place; its id ([`TicketId`]) is the holder's capability, `ref` names it everywhere else.
//! - **party**: adults and children together, [`party`].
//! - **ahead**: waiting tickets before mine in my line.
//! - **rev**: the restaurant's revision, +1 with every change of its live state; **epoch**: which life of Redis it
//!   belongs to. Together a [`Stamp`], which never falls.
//! - **business day**: from `policy.day_starts` to the next, in the restaurant's time zone.
//!
//! The rules that change live state are the scripts in `lua/`; nothing here repeats them. What stands here is what
//! both ends of a script need to name, and what can be derived from a snapshot: [`replica`], [`estimate`].

pub mod command;
pub mod estimate;
pub mod event;
pub mod ids;
mod kept;
mod packed;
pub mod policy;
pub mod rejection;
pub mod replica;
pub mod restaurant;
#[cfg(test)]
pub(crate) mod testing;
pub mod ticket;

pub use command::{CallReason, Command, Done, Edit, Join, NewState};
pub use event::{Actor, Event, Role};
pub use ids::{LineId, RestaurantId, TicketId};
pub use kept::Kept;
pub use policy::Policy;
pub use rejection::Rejection;
pub use restaurant::{Announcement, LineRecord, MenuItem, OpenState, RestaurantRecord};
pub use ticket::{Channel, Ticket, TicketState};

use serde::{Deserialize, Serialize};

/// Unix time in milliseconds, by Redis's clock.
pub type Millis = i64;

/// Which life of Redis, and which change in it. Ordered by epoch first; what a client has seen never falls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Stamp {
    /// Grows whenever Redis may have been replaced or reloaded.
    pub epoch: i64,
    /// Changes of the restaurant's live state so far.
    pub rev: i64,
}

/// Where a restaurant stood when Redis became another process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Base {
    /// The epoch in which that process was found.
    pub life: i64,
    /// The last change that it came with.
    pub stamp: Stamp,
}

/// How many people sit down: adults and children.
#[must_use]
pub fn party(adults: u32, children: u32) -> u32 {
    adults.saturating_add(children)
}
