//! What runs beside the requests.

pub mod recorder;
pub mod retention;
pub mod timers;
