//! The hub on a source in memory and a paused clock.

mod cadence;
mod fake;
mod frames;
mod rooms;
mod watchers;
