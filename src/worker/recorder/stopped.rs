//! A partition whose events PostgreSQL does not take, though nothing is wrong with any of them: nothing of it is
//! recorded or cut off until what is in the way is gone, which is tried ever more slowly.

use std::time::Duration;

use tokio::time::Instant;

use crate::domain::Millis;

/// Before the first new try.
const PAUSE_MIN: Duration = Duration::from_millis(500);

/// Before later ones: so late at most is a mend noticed.
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// Whether a partition is stopped.
#[derive(Debug, Default)]
pub(super) struct Stopped(Option<Since>);

#[derive(Debug)]
struct Since {
    tries: u32,
    try_at: Instant,
    /// When the event happened that is the next to be recorded.
    oldest: Millis,
}

impl Stopped {
    /// It was refused; whether that is new.
    pub(super) fn refused(&mut self, oldest: Millis) -> bool {
        let tries = self.0.as_ref().map_or(0, |since| since.tries);
        let pause = PAUSE_MIN.saturating_mul(1 << tries.min(10)).min(PAUSE_MAX);
        self.0 = Some(Since { tries: tries + 1, try_at: Instant::now() + pause, oldest });
        tries == 0
    }

    /// It was taken; whether it was stopped before.
    pub(super) fn taken(&mut self) -> bool {
        self.0.take().is_some()
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.0.is_some()
    }

    /// Whether it may be tried now.
    pub(super) fn is_due(&self) -> bool {
        self.0.as_ref().is_none_or(|since| since.try_at <= Instant::now())
    }

    /// When the event happened that waits longest.
    pub(super) fn oldest(&self) -> Option<Millis> {
        self.0.as_ref().map(|since| since.oldest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_is_tried_ever_more_slowly_but_within_ten_seconds() {
        let mut stopped = Stopped::default();
        assert!(stopped.is_due() && !stopped.is_stopped());
        assert!(stopped.refused(1), "it is new, and said");
        for pause_ms in [500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000] {
            assert!(!stopped.is_due());
            tokio::time::advance(Duration::from_millis(pause_ms)).await;
            assert!(stopped.is_due(), "after {pause_ms} ms");
            assert!(!stopped.refused(1), "it is not said again");
        }
        assert_eq!(stopped.oldest(), Some(1));
        assert!(stopped.taken() && !stopped.taken());
        assert!(stopped.refused(2), "another time is new again");
    }
}
