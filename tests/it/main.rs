//! Integration tests: one binary. `tests/run` brings up the private Redis (one-node cluster mode) and PostgreSQL that
//! they use and exports their URLs.

mod api;
mod chaos;
mod concurrency;
mod db;
mod dev;
mod faults;
mod harness;
mod links;
mod lua;
mod model;
mod record;
mod replay;
mod storm;
mod tidy;
mod unseen;
mod versions;
mod weaknesses;
mod ws;
