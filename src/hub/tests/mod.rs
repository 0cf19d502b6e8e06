//! The hub on a source in memory and a paused clock.

mod cadence;
mod clock;
pub(crate) mod fake;
mod frames;
mod rooms;
mod uneven;
mod watchers;
