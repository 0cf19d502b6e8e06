//! What runs beside the requests.

pub mod retention;
pub mod timers;
