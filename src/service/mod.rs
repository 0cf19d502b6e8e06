//! Use cases that combine queue, database and hub.

pub mod business_day;
