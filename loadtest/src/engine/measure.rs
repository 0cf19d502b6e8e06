//! What the engine measured: counts, latencies by distance, and one row for every second.

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::scan::{Kind, Place, Standing};

/// The longest latency that is told from others, in microseconds.
const LATENCY_US_MAX: u64 = 120_000_000;

/// How far a phone's ticket is from being called, as the cadence has it; screens have a band of their own.
pub(crate) const BANDS: [&str; 5] = ["screens", "next 5", "6 to 20", "21 to 100", "further"];

/// The band of a phone.
pub(crate) fn band(place: Place) -> usize {
    match (place.standing, place.ahead) {
        (Standing::Waiting, Some(21..=100)) => 3,
        (Standing::Waiting, Some(6..=20)) => 2,
        (Standing::Waiting, Some(101..)) => 4,
        _ => 1,
    }
}

/// Latencies in microseconds.
#[derive(Clone)]
pub(crate) struct Latency(Histogram<u64>);

impl Latency {
    pub(crate) fn new() -> Self {
        Self(Histogram::new_with_bounds(1, LATENCY_US_MAX, 3).expect("Invariant: the bounds are in order"))
    }

    pub(crate) fn record_ns(&mut self, ns: u64) {
        self.0.saturating_record((ns / 1_000).clamp(1, LATENCY_US_MAX));
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.0 += &other.0;
    }

    pub(crate) fn len(&self) -> u64 {
        self.0.len()
    }

    /// In milliseconds.
    pub(crate) fn quantile_ms(&self, quantile: f64) -> f64 {
        self.0.value_at_quantile(quantile) as f64 / 1_000.0
    }

    /// The usual figures, and the curve for a plot: share of deliveries (percent) and how long they took at most.
    pub(crate) fn json(&self) -> Value {
        if self.0.is_empty() {
            return Value::Null;
        }
        let curve: Vec<(f64, f64)> = [0.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.5, 99.9, 99.95, 99.99, 100.0]
            .map(|percent| (percent, self.quantile_ms(percent / 100.0)))
            .to_vec();
        json!({
            "count": self.len(), "p50_ms": self.quantile_ms(0.5), "p90_ms": self.quantile_ms(0.9),
            "p99_ms": self.quantile_ms(0.99), "max_ms": self.0.max() as f64 / 1_000.0, "curve": curve,
        })
    }
}

/// One second of a run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Second {
    pub(crate) at_s: f64,
    pub(crate) showing: u64,
    pub(crate) frames: u64,
    pub(crate) p99_ms: f64,
}

/// All that was measured since it was last begun anew.
#[derive(Clone)]
pub(crate) struct Measured {
    /// By kind of frame.
    pub(crate) frames: [u64; Kind::ALL.len()],
    pub(crate) bytes: u64,
    /// State frames that said they may be old.
    pub(crate) not_live: u64,
    /// From sending a change to a screen that shows it, by band.
    pub(crate) fresh: Vec<Latency>,
    /// From dialling to the first frame.
    pub(crate) first: Latency,
    pub(crate) seconds: Vec<Second>,
}

impl Measured {
    pub(crate) fn new() -> Self {
        Self {
            frames: [0; Kind::ALL.len()],
            bytes: 0,
            not_live: 0,
            fresh: vec![Latency::new(); BANDS.len()],
            first: Latency::new(),
            seconds: Vec::new(),
        }
    }

    pub(crate) fn frames_total(&self) -> u64 {
        self.frames.iter().sum()
    }

    /// Frames that show a state: ticks say only that nothing has changed.
    pub(crate) fn frames_of_state(&self) -> u64 {
        Kind::ALL.iter().zip(self.frames).filter(|((kind, _), _)| kind.is_state()).map(|(_, count)| count).sum()
    }

    /// All bands together.
    pub(crate) fn fresh_total(&self) -> Latency {
        let mut total = Latency::new();
        self.fresh.iter().for_each(|band| total.add(band));
        total
    }

    pub(crate) fn json(&self) -> Value {
        let bands = BANDS.iter().zip(&self.fresh).filter(|(_, band)| band.len() > 0);
        json!({
            "frames": Kind::ALL.iter().zip(self.frames).map(|((_, name), count)| ((*name).to_owned(), count.into()))
                .collect::<serde_json::Map<String, Value>>(),
            "frames_total": self.frames_total(),
            "bytes_per_frame": self.bytes as f64 / self.frames_total().max(1) as f64,
            "not_live": self.not_live,
            "freshness": self.fresh_total().json(),
            "freshness_by_distance": bands.map(|(name, band)| ((*name).to_owned(), band.json()))
                .collect::<serde_json::Map<String, Value>>(),
            "first_frame": self.first.json(),
            "seconds": self.seconds.iter().map(|second| json!({
                "at_s": second.at_s, "showing": second.showing, "frames": second.frames, "p99_ms": second.p99_ms,
            })).collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_how_long_the_slowest_took() {
        let mut latency = Latency::new();
        for ms in 1..=1_000_u64 {
            latency.record_ns(ms * 1_000_000);
        }
        let row = latency.json();
        let near = |name: &str, ms: f64| {
            let value = row[name].as_f64().expect("a figure");
            assert!((value - ms).abs() <= ms * 0.002, "{name} is {value}, not about {ms}");
        };
        near("p50_ms", 500.0);
        near("p90_ms", 900.0);
        near("p99_ms", 990.0);
        near("max_ms", 1_000.0);
        assert_eq!(row["count"], 1_000);
        assert_eq!(Latency::new().json(), Value::Null, "no figure of nothing");
    }

    #[test]
    fn what_takes_too_long_is_not_forgotten() {
        let mut latency = Latency::new();
        latency.record_ns(u64::MAX);
        latency.record_ns(0);
        assert_eq!(latency.len(), 2);
        assert!(latency.quantile_ms(1.0) >= 119_000.0);
    }

    #[test]
    fn bands_are_those_of_the_cadence() {
        let waits = |ahead| band(Place { standing: Standing::Waiting, ahead: Some(ahead), number: 0 });
        let expected = [(0, 1), (5, 1), (6, 2), (20, 2), (21, 3), (100, 3), (101, 4), (9_999, 4)];
        for (ahead, expected) in expected {
            assert_eq!(waits(ahead), expected, "{ahead} ahead");
        }
        assert_eq!(band(Place { standing: Standing::Called, ahead: None, number: 0 }), 1);
    }
}
