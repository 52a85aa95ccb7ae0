//! Our own intensity: how long we rested at each distance, and how often we were filled there.
//!
//! Fills of a bin are Poisson with mean `exposure x A exp(-k delta)`, so cancelled orders count by the time
//! they rested and by nothing else. The market's fit is the prior of `log A` and `k`, its `log A` loosened by
//! what a place in the queue may be worth; the maximum of the posterior is found by Newton's method, which
//! converges because the posterior is log-concave. MODELS.md P1.3 (ii).

use super::Fit;
use crate::estimators::Evidence;
use crate::units::{Side, Time};

/// Width of a bin, bps.
const BIN_BPS: f64 = 0.5;
/// Bins: up to 100 bps.
const BINS: usize = 200;
/// Share of the time at rest that says nothing of where we quote, at either end.
const TAIL: f64 = 0.02;
/// Standard deviation of the logarithm of the share that reaches us of what reaches our price.
const QUEUE_LOG_SD: f64 = 1.0;
/// Newton's steps; from a prior it takes about six.
const STEPS_MAX: usize = 50;
/// Growth of the weights before they are scaled back.
const GROWTH_MAX: f64 = 1e12;

/// What was seen at one distance, weighted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Seen {
    exposure_s: f64,
    /// Exposure times distance: the mean distance of the bin.
    exposure_bps_s: f64,
    fills: f64,
}

/// Exposure and fills by distance, of our bids and of our asks.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnIntensity {
    half_life_s: f64,
    sides: [Vec<Seen>; 2],
    /// What an observation weighs now: it grows instead of all others shrinking.
    growth: f64,
    as_of: Option<Time>,
    /// The newest fill of each side: when, and of which order. One taker's pieces are one fill.
    last: [Option<(Time, u64)>; 2],
}

impl OwnIntensity {
    /// Nothing seen yet; `half_life_s` of the forgetting, s.
    #[must_use]
    pub fn new(half_life_s: f64) -> Self {
        let bins = vec![Seen::default(); BINS];
        Self {
            half_life_s,
            sides: [bins.clone(), bins],
            growth: 1.0,
            as_of: None,
            last: [None; 2],
        }
    }

    /// It is `exch`: what was seen is that much older.
    pub fn on_time(&mut self, exch: Time) {
        let span_s = self.as_of.map_or(0.0, |known| exch.since(known).as_secs());
        if self.as_of.is_some() && span_s <= 0.0 {
            return;
        }
        self.as_of = Some(exch);
        self.growth *= libm::exp2(span_s / self.half_life_s);
        if self.growth > GROWTH_MAX {
            let by = 1.0 / self.growth;
            for seen in self.sides.iter_mut().flatten() {
                seen.exposure_s *= by;
                seen.exposure_bps_s *= by;
                seen.fills *= by;
            }
            self.growth = 1.0;
        }
    }

    /// An order of ours on `side` rested at `delta_bps` from the mid for `span_s` seconds.
    pub fn rested(&mut self, side: Side, delta_bps: f64, span_s: f64) {
        let weight = self.growth * span_s;
        if let Some(seen) = self.at(side, delta_bps) {
            seen.exposure_s += weight;
            seen.exposure_bps_s += weight * delta_bps;
        }
    }

    /// At `exch` a taker met the order `oid` of ours that rested on `side` at `delta_bps`. More pieces of it at
    /// the same time are of the same taker, and no further fill.
    pub fn filled(&mut self, side: Side, delta_bps: f64, exch: Time, oid: u64) {
        if self.last[side.index()].replace((exch, oid)) == Some((exch, oid)) {
            return;
        }
        let weight = self.growth;
        if let Some(seen) = self.at(side, delta_bps) {
            seen.fills += weight;
        }
    }

    fn at(&mut self, side: Side, delta_bps: f64) -> Option<&mut Seen> {
        if !(0.0..f64::MAX).contains(&delta_bps) {
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0 or more"
        )]
        self.sides[side.index()].get_mut((delta_bps / BIN_BPS) as usize)
    }

    /// Distances that orders of ours rested at, bps, all but the nearest and the farthest fiftieth of their time;
    /// `None`: none did.
    #[must_use]
    pub fn rested_range(&self, side: Side) -> Option<(f64, f64)> {
        let bins = &self.sides[side.index()];
        let all: f64 = bins.iter().map(|seen| seen.exposure_s).sum();
        let (mut passed, mut near, mut far) = (0.0, None, None);
        for (index, seen) in (0_u32..).zip(bins) {
            passed += seen.exposure_s;
            let begin = f64::from(index) * BIN_BPS;
            if near.is_none() && passed > TAIL * all {
                near = Some(begin);
            }
            if far.is_none() && passed > 0.0 && passed >= (1.0 - TAIL) * all {
                far = Some(begin + BIN_BPS);
            }
        }
        near.zip(far)
    }

    /// Seconds that orders of ours rested on `side`, added up over them, and fills; both forgotten until `now` like
    /// all else.
    #[must_use]
    pub fn seen(&self, side: Side, now: Time) -> (f64, f64) {
        let growth = self.growth_at(now);
        let sums = self.sides[side.index()].iter();
        let (exposure_s, fills) = sums.fold((0.0, 0.0), |(exposure_s, fills), seen| {
            (exposure_s + seen.exposure_s, fills + seen.fills)
        });
        (exposure_s / growth, fills / growth)
    }

    /// What an observation would weigh at `now`.
    fn growth_at(&self, now: Time) -> f64 {
        let span_s = self.as_of.map_or(0.0, |known| now.since(known).as_secs());
        self.growth * libm::exp2(span_s.max(0.0) / self.half_life_s)
    }

    /// What is our own in it: fills, as of when they and our time at rest were last counted.
    #[must_use]
    pub fn evidence(&self, side: Side, now: Time) -> Evidence {
        let (exposure_s, n) = self.seen(side, now);
        Evidence {
            n,
            as_of: self.as_of.filter(|_| exposure_s > 0.0),
            ready: n > 0.0,
        }
    }

    /// The posterior of a side at `now`: the market's fit, moved by what we saw ourselves. The search begins at
    /// `from`, best at what it found last.
    #[must_use]
    pub fn fit(&self, side: Side, market: &Fit, from: Option<&Fit>, now: Time) -> Fit {
        let growth = self.growth_at(now);
        let prior = Prior::of(market);
        let from = from.unwrap_or(market);
        let (mut log_arrival, mut kappa) = (from.log_arrival, from.kappa);
        let mut precision = prior.precision;
        let far_bps = self.farthest_bps(side);
        for _ in 0..STEPS_MAX {
            let slope;
            (slope, precision) = self.slope(side, &prior, (log_arrival, kappa), growth);
            let step = solve(precision, slope);
            // At no distance that we rested at does a step leave where the exponential is about linear: the
            // maximum is approached from anywhere, and nothing overflows.
            let most = libm::fabs(step.0).max(libm::fabs(step.0 - step.1 * far_bps));
            let scale = (2.0 / most.max(1e-12)).min(1.0);
            log_arrival += scale * step.0;
            kappa += scale * step.1;
            if libm::fabs(step.0) + libm::fabs(step.1) < 1e-10 {
                break;
            }
        }
        let [var_log_arrival, covariance, var_kappa] = inverse(precision);
        Fit {
            log_arrival,
            kappa,
            var_log_arrival,
            var_kappa,
            covariance,
            n: market.n + self.seen(side, now).1,
            as_of: self.as_of.map_or(market.as_of, |own| own.max(market.as_of)),
            range_bps: market.range_bps,
        }
    }

    /// The farthest distance that orders of ours rested at, bps.
    fn farthest_bps(&self, side: Side) -> f64 {
        let mut bins = self.sides[side.index()].iter().rev();
        let farthest = bins.find(|seen| seen.exposure_s > 0.0);
        farthest.map_or(0.0, |seen| seen.exposure_bps_s / seen.exposure_s)
    }

    /// Slope and curvature (negated) of the log posterior; `growth` is what an observation weighs now.
    fn slope(
        &self,
        side: Side,
        prior: &Prior,
        (log_arrival, kappa): (f64, f64),
        growth: f64,
    ) -> ((f64, f64), [f64; 3]) {
        let (da, dk) = (log_arrival - prior.mean.0, kappa - prior.mean.1);
        let [paa, pak, pkk] = prior.precision;
        let mut slope = (-paa * da - pak * dk, -pak * da - pkk * dk);
        let mut precision = prior.precision;
        let bins = &self.sides[side.index()];
        for seen in bins.iter().filter(|seen| seen.exposure_s > 0.0) {
            let delta = seen.exposure_bps_s / seen.exposure_s;
            let mean = seen.exposure_s / growth * libm::exp(log_arrival - kappa * delta);
            let fills = seen.fills / growth;
            slope.0 += fills - mean;
            slope.1 -= delta * (fills - mean);
            precision[0] += mean;
            precision[1] -= delta * mean;
            precision[2] += delta * delta * mean;
        }
        (slope, precision)
    }
}

/// A Gaussian of `(log A, k)`.
struct Prior {
    mean: (f64, f64),
    precision: [f64; 3],
}

impl Prior {
    fn of(market: &Fit) -> Self {
        Self {
            mean: (market.log_arrival, market.kappa),
            precision: inverse([
                market.var_log_arrival + QUEUE_LOG_SD * QUEUE_LOG_SD,
                market.covariance,
                market.var_kappa,
            ]),
        }
    }
}

/// Inverse of a symmetric 2 x 2 matrix `[a, b, d]`, row by row.
fn inverse([a, b, d]: [f64; 3]) -> [f64; 3] {
    let determinant = a * d - b * b;
    [d / determinant, -b / determinant, a / determinant]
}

/// The solution of `[a, b; b, d] x = y`.
fn solve(matrix: [f64; 3], (y0, y1): (f64, f64)) -> (f64, f64) {
    let [a, b, d] = inverse(matrix);
    (a * y0 + b * y1, b * y0 + d * y1)
}
