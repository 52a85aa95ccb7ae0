//! What is drawn beside the list: how each thing goes with distance, span and size.

use mm_core::units::{Dur, SECOND, Time};
use serde::Serialize;

use super::collected::Collected;
use super::quantile;

/// Spans of the variance, s.
const SPANS_S: [f64; 9] = [0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0];
/// Distances of the reach, bps.
const DISTANCES_BPS: [f64; 12] = [
    0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.5, 6.0, 9.0, 14.0,
];
/// Times after a taker, s.
const AFTER_S: [f64; 8] = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0];
/// Shares of the takers, smallest first.
const SHARES: [f64; 11] = [
    0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.998,
];
/// Seconds between two points of the path.
const PATH_S: i64 = 5;

/// Points, x and y.
pub type Points = Vec<(f64, f64)>;

/// The curves.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Curves {
    /// Variance of the mid's steps a second by their span: s, bps^2/s.
    pub variance: Points,
    /// Takers an hour and side that came to a distance: bps, 1/h.
    pub reach: Points,
    /// Mean move of the mid after takers: s, bps.
    pub markout_by_count: Points,
    /// The same, weighted by their notional.
    pub markout_by_notional: Points,
    /// Notional at a share of the takers: share, USDC.
    pub notional: Points,
    /// The mid since the begin: s, bps.
    pub path: Points,
}

impl Curves {
    pub(super) fn of(all: &Collected) -> Self {
        Self {
            variance: SPANS_S
                .into_iter()
                .filter_map(|span| variance(all, span))
                .collect(),
            reach: DISTANCES_BPS
                .into_iter()
                .map(|bps| (bps, reach(all, bps)))
                .collect(),
            markout_by_count: markouts(all, |_| 1.0),
            markout_by_notional: markouts(all, |usd| usd),
            notional: notionals(all),
            path: path(all),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a count of steps")]
fn variance(all: &Collected, span_s: f64) -> Option<(f64, f64)> {
    let steps = all.steps(Dur::from_secs(span_s));
    let squares: f64 = steps.iter().map(|(_, bps)| bps * bps).sum();
    (!steps.is_empty()).then(|| (span_s, squares / steps.len() as f64 / span_s))
}

#[expect(clippy::cast_precision_loss, reason = "a count of takers")]
fn reach(all: &Collected, bps: f64) -> f64 {
    let came = all.takers.iter().filter(|taker| taker.reach_bps >= bps);
    came.count() as f64 / (2.0 * all.watched_s() / 3_600.0)
}

fn markouts(all: &Collected, weight: impl Fn(f64) -> f64) -> Points {
    let at = |after_s: f64| {
        let (mut sum, mut weights) = (0.0, 0.0);
        for taker in &all.takers {
            if let Some(bps) = all.markout_bps(taker, Dur::from_secs(after_s)) {
                let weight = weight(taker.notional);
                sum += weight * bps;
                weights += weight;
            }
        }
        (weights > 0.0).then(|| (after_s, sum / weights))
    };
    AFTER_S.into_iter().filter_map(at).collect()
}

fn notionals(all: &Collected) -> Points {
    let mut sorted: Vec<f64> = all.takers.iter().map(|taker| taker.notional).collect();
    sorted.sort_by(f64::total_cmp);
    let at = |share| Some((share, quantile(&sorted, share)?));
    SHARES.into_iter().filter_map(at).collect()
}

fn path(all: &Collected) -> Points {
    let (Some(first), Some(last)) = (all.path.first(), all.path.last()) else {
        return Points::new();
    };
    let mut points = Points::new();
    let mut at: Time = first.exch;
    while at < last.exch {
        if let Some(mid) = all.mid_at(at) {
            let bps = libm::log(mid / first.mid) * 1e4;
            points.push((at.since(first.exch).as_secs(), bps));
        }
        at = at.plus(Dur(PATH_S * SECOND));
    }
    points
}
