//! Who may begin to make a connection, and when: of all pools of one database together.
//!
//! While PostgreSQL is quick, each pool makes a few at a time. When it is slow, or fails, there is one attempt at a
//! time: many at once would only take longer, each of them. An attempt that says nothing may be lost with its network,
//! so others are begun beside it, ever more rarely.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// A connection that is made within this is made quickly.
const QUICK: Duration = Duration::from_secs(1);
/// Attempts of a pool at once while PostgreSQL is quick.
const AT_ONCE: usize = 2;
/// Attempts of all pools at once while it is not.
const AT_ONCE_SLOW: usize = 3;
/// An attempt that says nothing for so long may be lost.
const SILENCE: Duration = Duration::from_secs(5);
/// Between two attempts while PostgreSQL is not quick.
pub(super) const PAUSE: Duration = Duration::from_millis(100);
/// A pool that has a connection lets those go first that have none.
const PAUSE_OF_OTHERS: Duration = Duration::from_millis(400);

/// Shared by the pools of a database. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    /// Whether the last thing heard was that a connection was made quickly.
    quick: bool,
    /// Attempts under way.
    attempts: usize,
    /// When the newest began, and when the last one ended.
    began: Option<Instant>,
    ended: Option<Instant>,
    /// Why the last one failed.
    trouble: Option<String>,
}

/// What a pool wants.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// Calls that wait.
    pub(super) waiting: usize,
    /// Attempts of this pool under way.
    pub(super) attempts: usize,
    /// It has a connection, if a busy one.
    pub(super) has_some: bool,
}

impl Gate {
    /// Lets a pool begin an attempt, or not yet; one that began must end ([`Gate::made`], [`Gate::failed`]).
    pub(super) fn begin(&self, wanted: Wanted) -> bool {
        let mut known = self.known();
        let may = known.may_begin(wanted);
        if may {
            known.attempts += 1;
            known.began = Some(Instant::now());
        }
        may
    }

    /// An attempt succeeded after so long.
    pub(super) fn made(&self, took: Duration) {
        let mut known = self.known();
        known.end();
        (known.quick, known.trouble) = (took <= QUICK, None);
    }

    /// An attempt failed.
    pub(super) fn failed(&self, why: String) {
        let mut known = self.known();
        known.end();
        (known.quick, known.trouble) = (false, Some(why));
    }

    /// A connection was lost, or is silent.
    pub(super) fn doubt(&self) {
        self.known().quick = false;
    }

    /// Why the last attempt failed, until one succeeds.
    pub(super) fn trouble(&self) -> Option<String> {
        self.known().trouble.clone()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn end(&mut self) {
        self.attempts -= 1;
        self.ended = Some(Instant::now());
    }

    fn may_begin(&self, Wanted { waiting, attempts, has_some }: Wanted) -> bool {
        if waiting == 0 {
            return false;
        }
        let since = |at: Option<Instant>, pause| at.is_none_or(|at: Instant| at.elapsed() >= pause);
        let silent = self.attempts > 0 && since(self.began, SILENCE);
        if self.quick && !silent {
            return attempts < waiting.min(AT_ONCE);
        }
        match self.attempts {
            0 => since(self.began, PAUSE) && (!has_some || since(self.ended, PAUSE_OF_OTHERS)),
            AT_ONCE_SLOW.. => false,
            others => since(self.began, SILENCE * (1 << (others - 1))),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const ONE: Wanted = Wanted { waiting: 1, attempts: 0, has_some: false };
    const MANY: Wanted = Wanted { waiting: 9, ..ONE };

    #[tokio::test(start_paused = true)]
    async fn until_one_succeeds_there_is_one_for_all_and_rarely_another() {
        let gate = Gate::default();
        assert!(!gate.begin(Wanted { waiting: 0, ..ONE }), "nobody waits");
        assert!(gate.begin(MANY), "the first");
        for silence_s in [5, 10] {
            advance(Duration::from_millis(silence_s * 1_000 - 1)).await;
            assert!(!gate.begin(MANY), "{silence_s} s");
            advance(Duration::from_millis(1)).await;
            assert!(gate.begin(MANY), "{silence_s} s");
        }
        advance(Duration::from_secs(60)).await;
        assert!(!gate.begin(MANY), "three at most");
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_failure_there_is_a_pause() {
        let gate = Gate::default();
        assert!(gate.begin(ONE));
        gate.failed("refused".to_owned());
        assert_eq!(gate.trouble().as_deref(), Some("refused"));
        assert!(!gate.begin(ONE));
        advance(PAUSE).await;
        assert!(gate.begin(ONE));
        gate.made(QUICK);
        assert_eq!(gate.trouble(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_at_a_time_while_all_goes_well() {
        let gate = Gate::default();
        assert!(gate.begin(MANY));
        gate.made(QUICK);
        assert!(gate.begin(MANY) && gate.begin(Wanted { attempts: 1, ..MANY }), "two of a pool");
        assert!(!gate.begin(Wanted { attempts: 2, ..MANY }), "and no more");
        assert!(gate.begin(MANY), "another pool has its own");
        assert!(!gate.begin(Wanted { attempts: 1, ..ONE }), "one for each that waits");
        gate.doubt();
        assert!(!gate.begin(MANY), "one was lost");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_one_is_asked_by_those_first_that_have_nothing() {
        let gate = Gate::default();
        assert!(gate.begin(MANY));
        advance(Duration::from_secs(3)).await;
        gate.made(Duration::from_secs(3));
        assert!(!gate.begin(Wanted { has_some: true, ..MANY }), "who has one waits");
        assert!(gate.begin(ONE), "who has none does not");
        advance(Duration::from_secs(3)).await;
        gate.made(Duration::from_secs(3));
        advance(PAUSE_OF_OTHERS).await;
        assert!(gate.begin(Wanted { has_some: true, ..MANY }), "nobody else asked");
    }
}
