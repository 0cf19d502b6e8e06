//! Servers of several versions, one Redis and one database: what others wrote is read, shown as far as it is known, and
//! kept. `tests/upgrade` plays two real versions side by side.

mod newer;
mod released;
mod schema;
