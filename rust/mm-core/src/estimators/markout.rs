//! Markouts of our own fills: how far the mid moved against us after each.

use serde::Serialize;

use crate::units::{Dur, Side, Time};

/// Horizons in milliseconds.
pub const HORIZONS_MS: [i64; 6] = [500, 1_000, 5_000, 10_000, 30_000, 60_000];

/// Mean mid move against us at one horizon.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Markout {
    /// Time after the fill, s.
    pub horizon_s: f64,
    /// Fills resolved.
    pub n: u64,
    /// Mean move against us in bps of the mid before the fill; `None` without a fill.
    pub mean_bps: Option<f64>,
    /// Its standard error; `None` below two fills.
    pub se_bps: Option<f64>,
}

#[derive(Clone, Copy, Debug)]
struct Pending {
    at: Time,
    side: Side,
    mid: f64,
    next: usize,
}

/// Collects fills and resolves them as time passes.
#[derive(Clone, Debug, Default)]
pub struct Markouts {
    pending: Vec<Pending>,
    sums: [(u64, f64, f64); HORIZONS_MS.len()],
}

impl Markouts {
    /// Remembers a fill on `side` at `at`, with the mid just before it.
    pub fn on_fill(&mut self, at: Time, side: Side, mid: f64) {
        self.pending.push(Pending {
            at,
            side,
            mid,
            next: 0,
        });
    }

    /// Resolves every horizon that ended by `now`, with the mid that held until then.
    #[expect(clippy::cast_precision_loss, reason = "sign is -1 or 1")]
    pub fn on_time(&mut self, now: Time, mid: f64) {
        for fill in &mut self.pending {
            while fill.next < HORIZONS_MS.len()
                && fill.at.plus(Dur::from_millis(HORIZONS_MS[fill.next])) <= now
            {
                let against = -(fill.side.sign() as f64) * (mid - fill.mid) / fill.mid * 1e4;
                let (n, sum, squares) = &mut self.sums[fill.next];
                *n += 1;
                *sum += against;
                *squares += against * against;
                fill.next += 1;
            }
        }
        self.pending.retain(|fill| fill.next < HORIZONS_MS.len());
    }

    /// The table, shortest horizon first.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts of fills")]
    pub fn table(&self) -> [Markout; HORIZONS_MS.len()] {
        core::array::from_fn(|i| {
            let (count, sum, squares) = self.sums[i];
            let n = count as f64;
            let mean = sum / n;
            Markout {
                horizon_s: HORIZONS_MS[i] as f64 / 1e3,
                n: count,
                mean_bps: (count > 0).then_some(mean),
                se_bps: (count > 1)
                    .then(|| libm::sqrt((squares / n - mean * mean).max(0.0) / (n - 1.0))),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::SECOND;

    #[test]
    fn a_fall_after_a_bid_fill_is_against_us() {
        let mut markouts = Markouts::default();
        markouts.on_fill(Time(0), Side::Bid, 100.0);
        markouts.on_fill(Time(0), Side::Ask, 100.0);
        markouts.on_time(Time(SECOND), 99.0);
        let table = markouts.table();
        assert_eq!((table[0].n, table[1].n, table[2].n), (2, 2, 0));
        assert!(table[0].mean_bps.unwrap().abs() < 1e-9);
        markouts.on_fill(Time(SECOND), Side::Bid, 100.0);
        markouts.on_time(Time(2 * SECOND), 99.0);
        assert!((markouts.table()[1].mean_bps.unwrap() - 100.0 / 3.0).abs() < 1e-9);
        assert_eq!(table[5].mean_bps, None);
    }
}
