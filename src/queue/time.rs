//! What time it is by Redis, for a server that does not ask each time: what `due` told last, counted on by this
//! server's monotonic clock. The server's own calendar plays no part.
//!
//! From the same the scripts learn that Redis's clock was set back: no more than the truth has passed since a server
//! was told the time, so what it has counted is the least that it can be.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::{Queue, QueueError, keys::Partition};
use crate::domain::Millis;

/// A time that was told is counted on for so long; then it is asked for again.
const FRESH: Duration = Duration::from_secs(10);

/// A clock that differs by no more than this was not set. The scripts' `STEP_MS`.
const STEP_MS: Millis = 5_000;

/// A look at a partition's time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    at: Millis,
    /// What was added to Redis's clock.
    offset: Millis,
    asked: Instant,
    answered: Instant,
}

/// Redis's clock was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Back, by so many milliseconds: they are added from now on, so that time goes on.
    Back(Millis),
    /// Forward, by so many milliseconds: what lies between is an outage.
    Forward(Millis),
    /// It has come to the time that was seen: nothing is added any more.
    CaughtUp,
}

impl Told {
    pub(super) fn new(at: Millis, offset: Millis, asked: Instant) -> Self {
        Self { at, offset, asked, answered: Instant::now() }
    }

    /// The time at least, at `now`, which may also be a while before it was told.
    fn read(&self, now: Instant) -> Millis {
        let since = millis(now.saturating_duration_since(self.answered));
        self.at + since - millis(self.answered.saturating_duration_since(now))
    }

    /// What became of the clock between two looks; of the first there is only what another server has added.
    fn step_since(&self, former: Option<&Self>) -> Option<Step> {
        let added = self.offset - former.map_or(0, |former| former.offset);
        if added > STEP_MS {
            return Some(Step::Back(added));
        }
        if added < 0 && self.offset == 0 {
            return Some(Step::CaughtUp);
        }
        let former = former?;
        let passed_at_most = millis(self.answered.saturating_duration_since(former.asked));
        let jumped = self.at - former.at - passed_at_most;
        (jumped > STEP_MS).then_some(Step::Forward(jumped))
    }
}

fn millis(duration: Duration) -> Millis {
    Millis::try_from(duration.as_millis()).unwrap_or(Millis::MAX / 2)
}

/// The last look at each partition.
pub(super) struct Times(Vec<Mutex<Option<Told>>>);

impl Times {
    pub(super) fn new() -> Self {
        Self(Partition::all().map(|_| Mutex::new(None)).collect())
    }

    fn last(&self, partition: Partition) -> Option<Told> {
        *self.0[usize::from(partition.index())].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over a look; whether the clock was set since the one before.
    pub(super) fn note(&self, partition: Partition, told: Told) -> Option<Step> {
        let mut last = self.0[usize::from(partition.index())].lock().unwrap_or_else(PoisonError::into_inner);
        // Two looks may cross: the later question has the later answer.
        if last.as_ref().is_some_and(|last| last.asked > told.asked) {
            return None;
        }
        let step = told.step_since(last.as_ref());
        *last = Some(told);
        step
    }

    /// What `due` is told: the time it must be at least, and the offset from which that was counted.
    pub(super) fn expected(&self, partition: Partition, now: Instant) -> Option<(Millis, Millis)> {
        self.last(partition).map(|told| (told.read(now), told.offset))
    }

    /// The most that is added to Redis's clock anywhere.
    fn offset_max(&self) -> Millis {
        Partition::all().filter_map(|partition| Some(self.last(partition)?.offset)).max().unwrap_or(0)
    }

    /// When the partition that has waited longest was looked at; `None` while there is one that never was.
    fn oldest(&self) -> Option<Instant> {
        Partition::all()
            .map(|partition| self.last(partition).map(|told| told.answered))
            .collect::<Option<Vec<_>>>()
            .and_then(|answered| answered.into_iter().min())
    }
}

impl Queue {
    /// The time of a partition by Redis, however long ago it was told; `None`: it never was.
    #[must_use]
    pub fn time_known(&self, partition: Partition) -> Option<Millis> {
        self.shared.times.last(partition).map(|told| told.read(Instant::now()))
    }

    /// The same at another moment of this server's.
    #[must_use]
    pub fn time_known_at(&self, partition: Partition, moment: Instant) -> Option<Millis> {
        self.shared.times.last(partition).map(|told| told.read(moment))
    }

    /// The time of a partition by Redis. Asks it only when nobody did within ten seconds; the timers of a server do
    /// every second.
    ///
    /// # Errors
    /// When Redis could not be asked.
    pub async fn time(&self, partition: Partition) -> Result<Millis, QueueError> {
        let told = self.shared.times.last(partition).filter(|told| told.answered.elapsed() < FRESH);
        match told {
            Some(told) => Ok(told.read(Instant::now())),
            None => Ok(self.due(partition, None, None).await?.now),
        }
    }

    /// How long ago every partition had been looked at; `None` before that.
    #[must_use]
    pub fn looked_ago(&self) -> Option<Duration> {
        self.shared.times.oldest().map(|at| at.elapsed())
    }

    /// What is added to Redis's clock because it was set back, at most.
    #[must_use]
    pub fn clock_offset(&self) -> Duration {
        Duration::from_millis(self.shared.times.offset_max().max(0).cast_unsigned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A look that was answered `after_ms` after the first one was asked, at once.
    fn told(start: Instant, after_ms: u64, at: Millis, offset: Millis) -> Told {
        let asked = start + Duration::from_millis(after_ms);
        Told { at, offset, asked, answered: asked }
    }

    #[test]
    fn a_step_of_the_clock_is_told_from_time_that_passes() {
        let start = Instant::now();
        let first = told(start, 0, 1_000_000, 0);
        for (after_ms, at, offset, step) in [
            (1_000, 1_001_000, 0, None),
            (1_000, 1_006_000, 0, None),
            (1_000, 1_006_001, 0, Some(Step::Forward(5_001))),
            (60_000, 1_060_000, 0, None),
            (1_000, 4_601_000, 0, Some(Step::Forward(3_600_000))),
            (1_000, 1_001_000, 3_600_000, Some(Step::Back(3_600_000))),
        ] {
            assert_eq!(told(start, after_ms, at, offset).step_since(Some(&first)), step, "{after_ms} {at} {offset}");
        }
        let added = told(start, 1_000, 1_001_000, 3_600_000);
        assert_eq!(added.step_since(None), Some(Step::Back(3_600_000)), "somebody else noticed");
        assert_eq!(told(start, 2_000, 1_002_000, 3_600_000).step_since(Some(&added)), None, "said once");
        assert_eq!(told(start, 3_000, 1_002_980, 3_599_980).step_since(Some(&added)), None, "it shrinks");
        assert_eq!(told(start, 3_000, 1_003_000, 0).step_since(Some(&added)), Some(Step::CaughtUp));
    }

    #[test]
    fn the_time_is_counted_on_from_the_latest_look() {
        let (times, start) = (Times::new(), Instant::now());
        assert_eq!(times.expected(Partition::FIRST, start), None);
        times.note(Partition::FIRST, told(start, 1_000, 501_000, 7));
        // An answer that was overtaken.
        times.note(Partition::FIRST, told(start, 0, 500_000, 0));
        let later = start + Duration::from_millis(3_500);
        assert_eq!(times.expected(Partition::FIRST, later), Some((503_500, 7)));
    }
}
