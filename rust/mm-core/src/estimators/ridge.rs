//! One predictor's share in what comes: an online ridge regression that forgets, and a gate that noise does not
//! pass. MODELS.md P1.5, P2.5.
//!
//! The slope of `y` on `x` through the origin, `sum w x y / sum w x^2`, each pair decayed with a half-life.
//! The ridge is worth `n0` pairs of the usual `x^2`, among which is the `x` that is asked about: of many pairs the
//! slope's share `n / (n + n0)` is predicted, and of the first ones, whose `x` may be next to nothing, no multiple of
//! them. No unit of `x` or `y` matters. Every pair is first predicted from those before it and then learned; the gate
//! opens when the share of `y^2` explained so is above `2 p / n`, `p = 1`. Where nothing is explained,
//! `n R^2` is about `(n / (n + n0)) X - ln(1 + n / n0)` with `X` chi-squared of one degree of freedom,
//! and above 2 in 3.4 % of cases at most, whatever `n` and `n0`.

use serde::Serialize;

use super::decay::left_after;
use super::{Evidence, effective};
use crate::units::Time;

/// Pairs, decayed, before the gate can open.
const N_LEAST: f64 = 100.0;
/// As good as none: of fewer nothing is said.
const N_NONE: f64 = 1e-9;
/// Of the gate: `2 p / n` with one predictor.
const GATE: f64 = 2.0;

/// An online regression of one predictor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ridge {
    half_life_s: f64,
    n0: f64,
    /// Sums of the weights, of `x^2`, `x y`, `y^2`, and of `w^2 x^2` where `w` is a pair's weight.
    n: f64,
    xx: f64,
    xy: f64,
    yy: f64,
    wxx: f64,
    /// Of the squares of what the prediction missed.
    missed: f64,
    as_of: Option<Time>,
}

/// What a regression found. Units: those of `y` over those of `x`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Slope {
    /// What one of `x` brings, before it is shrunk.
    pub value: f64,
    /// Its standard error.
    pub se: f64,
    /// Pairs that it rests on, forgotten until now.
    pub n: f64,
    /// Share of `y^2` that predictions made beforehand explained; negative: worse than none.
    pub r2: f64,
    /// What the share has to be above for the gate to be open.
    pub r2_least: f64,
    /// Of the newest pair, exchange time.
    pub as_of: Time,
}

impl Slope {
    /// Whether it explains more than chance would, and enough pairs say so.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.n >= N_LEAST && self.r2 > self.r2_least
    }

    /// Whether enough pairs were seen for the gate to say anything.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.n >= N_LEAST
    }

    /// What it rests on.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        Evidence {
            n: self.n,
            as_of: Some(self.as_of),
            ready: self.is_ready(),
        }
    }
}

impl Ridge {
    /// Nothing seen yet; half-life of what it remembers, s, and the pairs that "no influence" is worth.
    #[must_use]
    pub const fn new(half_life_s: f64, n0: f64) -> Self {
        Self {
            half_life_s,
            n0,
            n: 0.0,
            xx: 0.0,
            xy: 0.0,
            yy: 0.0,
            wxx: 0.0,
            missed: 0.0,
            as_of: None,
        }
    }

    /// What `x` is expected to bring at `at`, whether or not the gate is open.
    #[must_use]
    pub fn predict(&self, x: f64, at: Time) -> f64 {
        let left = self.left(at);
        let seen = self.xx * left;
        if seen <= 0.0 {
            return 0.0;
        }
        let usual = (seen + x * x) / (self.n * left + 1.0);
        self.xy * left / (seen + self.n0 * usual) * x
    }

    /// What is left at `at` of what was known.
    fn left(&self, at: Time) -> f64 {
        let span_s = self.as_of.map_or(0.0, |as_of| at.since(as_of).as_secs());
        left_after(span_s.max(0.0), self.half_life_s)
    }

    /// A pair whose outcome is now known, and what [`Ridge::predict`] said of it when only `x` was.
    pub fn observe(&mut self, at: Time, x: f64, y: f64, predicted: f64) {
        let by = self.left(at);
        self.n *= by;
        self.xx *= by;
        self.xy *= by;
        self.yy *= by;
        self.wxx *= by * by;
        self.missed *= by;
        self.as_of = self.as_of.max(Some(at));
        let miss = y - predicted;
        self.missed += miss * miss;
        self.n += 1.0;
        self.xx += x * x;
        self.xy += x * y;
        self.yy += y * y;
        self.wxx += x * x;
    }

    /// What was found, as of `at`: fewer pairs count and the error widens while none come. `None` before anything
    /// moved.
    #[must_use]
    pub fn slope(&self, at: Time) -> Option<Slope> {
        let as_of = self.as_of?;
        let left = self.left(at);
        let n = self.n * left;
        if self.xx <= 0.0 || self.yy <= 0.0 || n < N_NONE {
            return None;
        }
        let value = self.xy / self.xx;
        let variance = (self.yy - value * self.xy).max(0.0) / self.n;
        // Pairs by what their `x` weighs, of which the newest one weighs `left`.
        let squares = n * left * self.wxx / self.xx;
        let informing = effective(n, squares, left) * self.xx / self.n;
        Some(Slope {
            value,
            se: libm::sqrt(variance / informing),
            n,
            r2: 1.0 - self.missed / self.yy,
            r2_least: GATE / n,
            as_of,
        })
    }

    /// What `x` is expected to bring as far as that is more than chance: nothing while the gate is shut.
    #[must_use]
    pub fn gated(&self, x: f64, at: Time) -> f64 {
        if self.slope(at).is_some_and(|slope| slope.is_open()) {
            self.predict(x, at)
        } else {
            0.0
        }
    }
}
