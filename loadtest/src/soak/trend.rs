//! Whether a figure stays where it is. Pure.
//!
//! **The rule.** Memory is flat if, after the warm-up, both are within 3 %: the Theil–Sen slope (the median of the slopes
//! between any two samples) times the duration, and the median of the last tenth against that of the first, each as a
//! share of the median of all. **Why both.** A single sample says little: the resident set jumps when a buffer grows or the
//! allocator gives pages back, and a least-squares line follows such jumps where they stand at an end. A median of slopes
//! ignores up to 29 % of wild samples, and so sees a leak of a little per operation; but it also ignores one late
//! step, which the windows see. A fall counts as much as a rise: then the warm-up was not over, and nothing is known.

/// Samples of a figure, one a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Trend {
    pub(super) median: f64,
    /// Medians of the first and the last tenth.
    pub(super) first: f64,
    pub(super) last: f64,
    /// By how much it rose from the first sample to the last.
    pub(super) rise: f64,
}

impl Trend {
    /// `None` without samples.
    pub(super) fn of(samples: &[f64]) -> Option<Self> {
        let window = samples.len().div_ceil(10);
        Some(Self {
            median: median(samples.to_vec())?,
            first: median(samples[..window].to_vec())?,
            last: median(samples[samples.len() - window..].to_vec())?,
            rise: slope(samples) * (samples.len() - 1) as f64,
        })
    }

    /// The rise by the slope, in percent of the median.
    pub(super) fn rise_percent(&self) -> f64 {
        100.0 * self.rise / self.median
    }

    /// The rise from the first window to the last, likewise.
    pub(super) fn step_percent(&self) -> f64 {
        100.0 * (self.last - self.first) / self.median
    }

    pub(super) fn is_flat(&self, percent: f64) -> bool {
        self.rise_percent().abs() <= percent && self.step_percent().abs() <= percent
    }
}

pub(super) fn median(mut samples: Vec<f64>) -> Option<f64> {
    samples.sort_by(f64::total_cmp);
    let middle = samples.len() / 2;
    match samples.len() {
        0 => None,
        len if len % 2 == 1 => Some(samples[middle]),
        _ => Some(f64::midpoint(samples[middle - 1], samples[middle])),
    }
}

/// Theil–Sen, per sample.
fn slope(samples: &[f64]) -> f64 {
    let mut slopes = Vec::with_capacity(samples.len() * samples.len() / 2);
    for (from, earlier) in samples.iter().enumerate() {
        slopes.extend(samples[from + 1..].iter().enumerate().map(|(gap, later)| (later - earlier) / (gap + 1) as f64));
    }
    median(slopes).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trend(samples: impl Iterator<Item = f64>) -> Trend {
        Trend::of(&samples.collect::<Vec<_>>()).expect("samples")
    }

    #[test]
    fn noise_and_a_few_spikes_are_flat() {
        let noisy =
            trend((0..480).map(|i| 40_000.0 + f64::from(i * 37 % 400) + if i % 9 == 0 { 9_000.0 } else { 0.0 }));
        assert!(noisy.is_flat(3.0), "{noisy:?}");
        let spike_at_the_end = trend((0..480).map(|i| if i > 460 { 80_000.0 } else { 40_000.0 }));
        assert!(spike_at_the_end.rise_percent().abs() < 0.1, "{spike_at_the_end:?}");
    }

    #[test]
    fn a_slow_leak_is_not() {
        // 4 % in eight minutes, below a noise of 6 %.
        let leak = trend((0..480).map(|i| 40_000.0 + f64::from(i) * 3.4 + f64::from(i * 37 % 480) * 5.0));
        assert!(!leak.is_flat(3.0), "{leak:?}");
        let shrinking = trend((0..480).map(|i| 40_000.0 - f64::from(i) * 3.4));
        assert!(!shrinking.is_flat(3.0), "{shrinking:?}");
    }

    #[test]
    fn a_leak_that_is_given_back_at_the_very_end_is_not() {
        let leak = trend((0..480).map(|i| 40_000.0 + if i < 430 { f64::from(i) * 6.0 } else { 0.0 }));
        assert!(leak.step_percent().abs() < 3.0 && !leak.is_flat(3.0), "{leak:?}");
    }

    #[test]
    fn a_late_step_is_not() {
        let step = trend((0..480).map(|i| if i >= 420 { 42_000.0 } else { 40_000.0 }));
        assert!(step.rise_percent().abs() < 3.0 && !step.is_flat(3.0), "{step:?}");
    }

    #[test]
    fn medians() {
        assert_eq!((median(vec![]), median(vec![3.0, 1.0, 2.0]), median(vec![4.0, 1.0])), (None, Some(2.0), Some(2.5)));
        assert_eq!(Trend::of(&[]), None);
        assert_eq!(slope(&[1.0, 3.0, 5.0]), 2.0);
    }
}
