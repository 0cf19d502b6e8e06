//! This server's clock: for tokens and calendars. Live state never uses it, its clock is Redis's.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::domain::Millis;

/// Unix time in milliseconds, by this server.
#[must_use]
pub fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
}
