//! When whom to wake, for very many at once: a wheel of buckets, a number in each.
//!
//! Times are rounded up to [`TICK`]. A time further away than the wheel reaches is put into its last bucket, and when
//! that comes round its owner says again when it is due. Moving a time is therefore free: the old entry is ignored.

use tokio::time::{Duration, Instant};

/// The grain of all times.
const TICK: Duration = Duration::from_millis(8);

/// Buckets: the wheel reaches about half a minute, further than the longest silence.
const BUCKETS: usize = 4_096;

/// Times by number of ticks since the wheel began to turn.
pub(super) type Tick = u64;

pub(super) struct Wheel {
    began: Instant,
    buckets: Box<[Vec<u32>]>,
    /// All before and with it have come.
    done: Tick,
    /// No bucket before it holds anything.
    next: Option<Tick>,
}

impl Wheel {
    pub(super) fn new(now: Instant) -> Self {
        Self { began: now, buckets: vec![Vec::new(); BUCKETS].into(), done: 0, next: None }
    }

    /// The tick at which `at` has come.
    pub(super) fn tick_of(&self, at: Instant) -> Tick {
        let ticks = at.saturating_duration_since(self.began).as_nanos().div_ceil(TICK.as_nanos());
        Tick::try_from(ticks).unwrap_or(Tick::MAX).max(self.done + 1)
    }

    /// Puts a number into the bucket of a tick, or into the last one; answers of which.
    pub(super) fn put(&mut self, number: u32, due: Tick) -> Tick {
        let tick = due.clamp(self.done + 1, self.done + BUCKETS as Tick);
        self.buckets[Self::index(tick)].push(number);
        self.next = Some(self.next.map_or(tick, |next| next.min(tick)));
        tick
    }

    /// When the next bucket comes round.
    pub(super) fn next_at(&self) -> Option<Instant> {
        self.next.map(|tick| self.began + TICK.mul_f64(tick as f64))
    }

    /// The next bucket that has come round, and when that was.
    pub(super) fn turn(&mut self, now: Instant) -> Option<(Tick, Vec<u32>)> {
        let present = (now.saturating_duration_since(self.began).as_nanos() / TICK.as_nanos()) as Tick;
        let tick = self.next.filter(|tick| *tick <= present)?;
        let numbers = std::mem::take(&mut self.buckets[Self::index(tick)]);
        self.done = tick;
        let later = (tick + 1..tick + BUCKETS as Tick).find(|tick| !self.buckets[Self::index(*tick)].is_empty());
        self.next = later;
        Some((tick, numbers))
    }

    fn index(tick: Tick) -> usize {
        (tick % BUCKETS as Tick) as usize
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

    use super::*;

    #[test]
    fn everybody_is_woken_at_his_time_and_not_before() {
        let began = Instant::now();
        let mut wheel = Wheel::new(began);
        let mut random = StdRng::seed_from_u64(1);
        // By number: when it is due. Times further away than the wheel reaches are put again.
        let mut due: Vec<Tick> = Vec::new();
        // By number: the bucket that was said to hold it.
        let mut bucket: Vec<Tick> = Vec::new();
        for number in 0..2_000 {
            let at = began + Duration::from_micros(random.random_range(0..90_000_000));
            let tick = wheel.tick_of(at);
            assert!(TICK.mul_f64(tick as f64) >= at - began, "not early");
            bucket.push(wheel.put(number, tick));
            due.push(tick);
        }
        let mut woken = 0;
        let mut now = began;
        while let Some(at) = wheel.next_at() {
            now = now.max(at) + Duration::from_micros(random.random_range(0..20_000));
            while let Some((tick, numbers)) = wheel.turn(now) {
                for number in numbers {
                    let its = due[number as usize];
                    assert!(tick <= its, "late: {its} at {tick}");
                    assert_eq!(tick, bucket[number as usize], "not the bucket that was said");
                    if tick < its {
                        bucket[number as usize] = wheel.put(number, its);
                    } else {
                        woken += 1;
                    }
                }
            }
        }
        assert_eq!(woken, 2_000);
    }
}
