//! What runs beside the requests.

pub mod condition;
pub mod recorder;
pub mod retention;
pub mod timers;
