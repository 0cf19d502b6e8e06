//! What tests stand on: real servers, fresh state for each test.

pub(crate) mod database;
