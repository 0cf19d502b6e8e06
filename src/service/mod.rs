//! Use cases that combine queue, database and hub.

pub mod business_day;
pub mod live_source;
