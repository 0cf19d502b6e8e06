//! Redis's clock as a room knows it: from the times that arrive, carried on by this server's own.
//!
//! Every time that arrives is a little old, so the latest reading is the best one. Only a snapshot and the source's own
//! word may set the clock back.

use std::time::Duration;

use tokio::time::Instant;

use crate::domain::Millis;

/// So much less than the clock shows that the source's own time went back.
const SET_BACK_MS: Millis = 2_000;

/// An estimate of Redis's clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    at: Millis,
    since: Instant,
}

impl Clock {
    pub(super) fn new(at: Millis, now: Instant) -> Self {
        Self { at, since: now }
    }

    pub(super) fn read(&self, now: Instant) -> Millis {
        let elapsed_ms = now.saturating_duration_since(self.since).as_millis();
        self.at + Millis::try_from(elapsed_ms).unwrap_or(Millis::MAX / 2)
    }

    /// It was `at` a moment ago.
    pub(super) fn heard(&mut self, at: Millis, now: Instant) {
        if at > self.read(now) {
            *self = Self::new(at, now);
        }
    }

    /// It is `at`, whatever was thought.
    pub(super) fn set(&mut self, at: Millis, now: Instant) {
        if at > self.read(now) || at + SET_BACK_MS < self.read(now) {
            *self = Self::new(at, now);
        }
    }

    /// When it will show `at`.
    pub(super) fn when(&self, at: Millis, now: Instant) -> Instant {
        now + Duration::from_millis(u64::try_from(at - self.read(now)).unwrap_or(0))
    }
}
