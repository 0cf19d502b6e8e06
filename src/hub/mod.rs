//! Who is told: the rooms of this server and the watchers in them.
//!
//! A room holds a replica of one restaurant's live state, kept in step with a [`Source`] by its keeper. Watchers
//! (boards, phones, consoles) are told *that* something changed and render *their own latest* view of it: no queue of
//! frames grows behind a slow phone, it skips to the newest state.
//!
//! Reading order: [`Hub`], `room` (what is shared), `state` (what is known), `keeper` (how it is kept), `watch` (one
//! watcher), `socket` (the connections). It deliberately knows neither Redis nor axum: [`Source`] and [`Upgraded`] are
//! its two seams.
//!
//! Invariants: what the hub holds can be thrown away and read again; the (epoch, rev) sent to a watcher never falls.

mod anti_entropy;
mod bells;
mod clock;
mod frames;
mod keeper;
mod limits;
mod registry;
mod room;
mod settings;
mod socket;
pub mod source;
mod state;
mod watch;

pub use frames::Text;
pub use limits::Stats;
pub use registry::{DoorCodes, Hub};
pub use room::Room;
pub use settings::{Cadence, HubSettings};
pub use socket::{Dismissal, Sockets, Upgraded};
pub use source::{Source, SourceError};
pub use watch::{Watch, WatchError, Watcher};

#[cfg(test)]
pub(crate) mod tests;
