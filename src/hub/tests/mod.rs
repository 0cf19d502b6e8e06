//! The hub on a source in memory and a paused clock.

mod cadence;
pub(crate) mod fake;
mod frames;
mod rooms;
mod watchers;
