//! Token buckets of one limit, bounded: as many keys as fit, and one bucket for all others together.
//!
//! A bucket is kept as the moment at which it will be full again. Keys live in two generations: what is used comes into
//! the young one, and when that is as old as a bucket takes to fill, the old one, in which all buckets are full by
//! then, is dropped whole. So nothing is ever searched, and no bucket is forgotten before it is full.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// Most keys of one limit.
pub(super) const LEN_MAX: usize = 20_000;

/// How often something may be done.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    /// So many at once.
    pub(super) burst: u32,
    /// In the long run one after so long.
    pub(super) every: Duration,
}

impl Rate {
    /// How long an empty bucket takes to fill.
    fn filling(self) -> Duration {
        self.every * self.burst
    }
}

/// When a bucket will be full.
type FullAt = Instant;

/// The buckets of one limit.
pub(super) struct Buckets {
    rate: Rate,
    young: HashMap<u64, FullAt>,
    old: HashMap<u64, FullAt>,
    aged_at: Instant,
    /// The bucket of all who find no place of their own: a flood of addresses slows newcomers down, together.
    others: FullAt,
}

impl Buckets {
    pub(super) fn new(rate: Rate, now: Instant) -> Self {
        Self { rate, young: HashMap::new(), old: HashMap::new(), aged_at: now, others: now }
    }

    /// Takes a token of this key, or says when there will be one.
    pub(super) fn take(&mut self, key: u64, now: Instant) -> Result<(), Duration> {
        self.age(now);
        if let Some(full_at) = self.old.remove(&key) {
            self.young.insert(key, full_at);
        }
        let has_place = self.young.contains_key(&key) || self.len() < LEN_MAX;
        let full_at = if has_place { self.young.entry(key).or_insert(now) } else { &mut self.others };
        let next = (*full_at).max(now) + self.rate.every;
        let wait = next.saturating_duration_since(now + self.rate.filling());
        if wait.is_zero() {
            *full_at = next;
            return Ok(());
        }
        Err(wait)
    }

    fn age(&mut self, now: Instant) {
        if now.saturating_duration_since(self.aged_at) >= self.rate.filling() {
            self.old = std::mem::take(&mut self.young);
            self.aged_at = now;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { burst: 10, every: Duration::from_secs(1) };

    fn taken(buckets: &mut Buckets, key: u64, now: Instant) -> u32 {
        (0..100).map(|_| u32::from(buckets.take(key, now).is_ok())).sum()
    }

    #[test]
    fn a_bucket_is_remembered_until_it_is_full_whatever_happens_meanwhile() {
        let start = Instant::now();
        // Emptied at any time after a change of generations, asked again at any time.
        for emptied_s in 0..25 {
            for waited_s in 0..35 {
                let mut buckets = Buckets::new(RATE, start);
                let emptied = start + Duration::from_secs(emptied_s);
                let asked = emptied + Duration::from_secs(waited_s);
                assert_eq!(taken(&mut buckets, 1, emptied), 10);
                for second in emptied_s..emptied_s + waited_s {
                    let _ = buckets.take(2, start + Duration::from_secs(second));
                }
                let expected = u32::try_from(waited_s).expect("small").min(10);
                assert_eq!(taken(&mut buckets, 1, asked), expected, "emptied at {emptied_s}, {waited_s} s later");
            }
        }
    }

    #[test]
    fn who_finds_no_place_shares_and_places_become_free() {
        let start = Instant::now();
        let mut buckets = Buckets::new(RATE, start);
        for key in 0..LEN_MAX as u64 {
            assert_eq!(buckets.take(key, start), Ok(()));
        }
        let newcomers: u32 = (0..50).map(|key| taken(&mut buckets, u64::MAX - key, start)).sum();
        assert_eq!((newcomers, buckets.len()), (10, LEN_MAX), "one bucket for fifty newcomers");
        assert_eq!(taken(&mut buckets, 7, start), 9, "who has a place keeps it");
        // Two generations later all places are free.
        for generation in 1..=2 {
            let _ = buckets.take(0, start + RATE.filling() * generation);
        }
        assert!(buckets.len() <= 2, "{}", buckets.len());
        assert_eq!(taken(&mut buckets, u64::MAX, start + RATE.filling() * 2), 10);
    }

    #[test]
    fn the_wait_is_until_the_next_token() {
        let start = Instant::now();
        let mut buckets = Buckets::new(RATE, start);
        taken(&mut buckets, 1, start);
        let wait = buckets.take(1, start + Duration::from_millis(300)).expect_err("empty");
        assert_eq!(wait, Duration::from_millis(700));
    }
}
