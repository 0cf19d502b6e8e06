//! Use cases that combine PostgreSQL, the live queue and the hub; no HTTP here.

pub mod accounts;
pub mod business_day;
mod compare;
pub mod demo;
pub mod door;
pub mod history;
pub mod keys;
pub mod line;
pub mod live_source;
pub mod passwords;
pub mod phone;
pub mod rebuild;
pub mod refresh;
pub mod restaurants;
pub mod revocations;
pub mod tokens;
