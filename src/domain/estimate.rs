//! The wait range: how long until a party's first call, as a pure function of recent seatings.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Millis, event::PaceRecord};

/// A range of waits. Unrounded: pages round to 5 minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct Eta {
    /// Seconds, the early end.
    pub low_s: u32,
    /// Seconds, the late end.
    pub high_s: u32,
    /// Share of parties, in percent, that the range is meant to cover.
    pub target: u8,
    /// True until the range has been calibrated against what happened.
    pub rough: bool,
}

/// The share a range is meant to cover, in percent.
pub const TARGET: u8 = 80;

/// Fewer seatings than this say nothing.
pub const GAPS_MIN: usize = 5;

/// Party-size class: 1 for one or two, 2 for three or four, 3 for more. `lua/lib/pace.lua` uses the same bounds.
#[must_use]
pub fn class(party: u32) -> u8 {
    match party {
        0..=2 => 1,
        3..=4 => 2,
        _ => 3,
    }
}

/// How long a party with `ahead` parties of its class before it waits: queue length × seating gap (QL, Ibrahim &
/// Whitt 2009). With exponential gaps the wait of the (n + 1)-th is Erlang(n + 1, 1/gap); the range is its central
/// 80 %, by Wilson and Hilferty's cube-root approximation of the chi-square quantile (1931). Capped at
/// `closes_in_ms`. `None` below [`GAPS_MIN`] observed gaps.
#[must_use]
pub fn estimate(pace: Option<&PaceRecord>, ahead: u32, closes_in_ms: Option<Millis>) -> Option<Eta> {
    let gaps = &pace?.gaps_ms;
    if gaps.len() < GAPS_MIN {
        return None;
    }
    let gap_s = gaps.iter().sum::<i64>() as f64 / gaps.len() as f64 / 1_000.0;
    let seatings = f64::from(ahead) + 1.0;
    // 0.1 and 0.9 quantiles of the standard normal distribution.
    const Z: f64 = 1.281_551_565_545;
    let quantile = |z: f64| {
        let spread = 1.0 / (9.0 * seatings);
        seatings * gap_s * (1.0 - spread + z * spread.sqrt()).max(0.0).powi(3)
    };
    let cap_s = closes_in_ms.map_or(f64::from(u32::MAX), |left| left.max(0) as f64 / 1_000.0);
    Some(Eta {
        low_s: quantile(-Z).min(cap_s).round() as u32,
        high_s: quantile(Z).min(cap_s).round() as u32,
        target: TARGET,
        rough: true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(gaps_s: &[i64]) -> PaceRecord {
        PaceRecord { gaps_ms: gaps_s.iter().map(|gap| gap * 1_000).collect(), last_at: None }
    }

    #[test]
    fn too_few_seatings_say_nothing() {
        assert_eq!(estimate(None, 3, None), None);
        assert_eq!(estimate(Some(&pace(&[60; GAPS_MIN - 1])), 3, None), None);
    }

    #[test]
    fn the_range_is_the_central_eighty_percent_of_erlang() {
        // Quantiles of Erlang(10) with mean gap 1: 6.22 and 14.21 (tables of the chi-square with 20 degrees, halved).
        let eta = estimate(Some(&pace(&[100; 10])), 9, None).expect("enough seatings");
        assert!((eta.low_s.abs_diff(622)) <= 3 && eta.high_s.abs_diff(1_421) <= 3, "{eta:?}");
        // Erlang(1): 0.105 and 2.303.
        let eta = estimate(Some(&pace(&[1_000; 5])), 0, None).expect("enough seatings");
        assert!(eta.low_s.abs_diff(105) <= 15 && eta.high_s.abs_diff(2_303) <= 25, "{eta:?}");
    }

    #[test]
    fn nobody_waits_beyond_closing() {
        let eta = estimate(Some(&pace(&[600; 5])), 20, Some(1_800_000)).expect("enough seatings");
        assert_eq!((eta.low_s, eta.high_s), (1_800, 1_800));
    }
}
