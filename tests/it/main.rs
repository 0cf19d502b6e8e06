//! Integration tests: one binary. `tests/run` brings up the private Redis (one-node cluster mode) and PostgreSQL that
//! they use and exports their URLs.

mod db;
mod harness;
mod lua;

mod dev;
