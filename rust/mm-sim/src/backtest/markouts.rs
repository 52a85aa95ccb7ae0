//! How far the mid moved against us after our fills, in exchange time.

use mm_core::units::{Dur, Px, Side, Sz, Time};
use serde::Serialize;

/// Horizons in milliseconds.
const HORIZONS_MS: [i64; 6] = [500, 1_000, 5_000, 10_000, 30_000, 60_000];

/// Mean mid move against us at one horizon, in bps of the mid before the fill.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Markout {
    /// Time after the fill, s.
    pub horizon_s: f64,
    /// Fills whose horizon lies inside the run.
    pub n: usize,
    /// Mean by count; `None` without a fill.
    pub mean_bps: Option<f64>,
    /// Standard error of that mean; `None` below two fills.
    pub se_bps: Option<f64>,
    /// Mean weighted by notional; `None` without a fill.
    pub notional_mean_bps: Option<f64>,
}

#[derive(Clone, Copy, Debug)]
struct Filled {
    at: Time,
    side: Side,
    mid: f64,
    notional: f64,
}

/// Collects mids and fills; resolves them at the end.
#[derive(Clone, Debug, Default)]
pub struct Markouts {
    mids: Vec<(Time, f64)>,
    fills: Vec<Filled>,
}

impl Markouts {
    /// The mid is this from `at` on.
    pub fn on_mid(&mut self, at: Time, mid: Px) {
        self.mids.push((at, mid.as_f64()));
    }

    /// One of our orders traded, at the mid that holds now. Without a mid there is no markout.
    pub fn on_fill(&mut self, at: Time, side: Side, px: Px, sz: Sz) {
        if let Some(&(_, mid)) = self.mids.last() {
            self.fills.push(Filled {
                at,
                side,
                mid,
                notional: (px * sz).as_f64(),
            });
        }
    }

    /// The table, shortest horizon first; a horizon that ends after `end` is not resolved.
    #[must_use]
    pub fn table(&self, end: Time) -> [Markout; HORIZONS_MS.len()] {
        HORIZONS_MS.map(|horizon| self.at(Dur::from_millis(horizon), end))
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of fills, signs")]
    fn at(&self, horizon: Dur, end: Time) -> Markout {
        let (mut count, mut sum, mut squares) = (0_usize, 0.0, 0.0);
        let (mut weight, mut weighted) = (0.0, 0.0);
        for fill in &self.fills {
            let due = fill.at.plus(horizon);
            if end < due {
                continue;
            }
            let known = self.mids.partition_point(|&(at, _)| at <= due);
            let (_, mid) = self.mids[known - 1];
            let against = -(fill.side.sign() as f64) * (mid - fill.mid) / fill.mid * 1e4;
            count += 1;
            sum += against;
            squares += against * against;
            weight += fill.notional;
            weighted += fill.notional * against;
        }
        let n = count as f64;
        let mean = sum / n;
        Markout {
            horizon_s: horizon.as_secs(),
            n: count,
            mean_bps: (count > 0).then_some(mean),
            se_bps: (count > 1)
                .then(|| libm::sqrt((squares / n - mean * mean).max(0.0) / (n - 1.0))),
            notional_mean_bps: (count > 0).then(|| weighted / weight),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mm_core::units::SECOND;

    #[test]
    fn a_fall_after_a_bid_fill_is_against_us_by_count_and_by_notional() {
        let mut markouts = Markouts::default();
        markouts.on_fill(Time(0), Side::Bid, Px(10_000), Sz(1));
        markouts.on_mid(Time(0), Px(10_000));
        markouts.on_fill(Time(0), Side::Bid, Px(10_000), Sz(3));
        markouts.on_fill(Time(0), Side::Ask, Px(10_000), Sz(1));
        markouts.on_mid(Time(SECOND / 2), Px(9_999));
        markouts.on_mid(Time(4 * SECOND), Px(10_002));
        let table = markouts.table(Time(6 * SECOND));
        assert_eq!(table.map(|row| row.n), [2, 2, 2, 0, 0, 0]);
        assert!(table[0].mean_bps.unwrap().abs() < 1e-12);
        assert!((table[0].notional_mean_bps.unwrap() - 0.5).abs() < 1e-12);
        assert!((table[2].notional_mean_bps.unwrap() + 1.0).abs() < 1e-12);
        assert_eq!(table[3].mean_bps, None);
    }
}
