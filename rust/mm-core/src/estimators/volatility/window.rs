//! One half-life's decayed sums of squared returns.

use super::Sigma;
use crate::estimators::decay::left_after;
use crate::estimators::{Evidence, effective};
use crate::units::{Dur, Time};

/// Returns before an estimate may be used.
const RETURNS_MIN: f64 = 30.0;

/// `num <- num 2^(-1/H) + r^2`, `den <- den 2^(-1/H) + span`, `sigma = sqrt(num/den)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Window {
    pub(super) half_life_s: f64,
    /// Decay of one second.
    pub(super) decay: f64,
    num: f64,
    den: f64,
    /// Decayed count of returns on one grid and the sum of its squared weights.
    count: f64,
    count_sq: f64,
    /// Returns seen, undecayed.
    returns: f64,
}

impl Window {
    pub(super) fn new(half_life_s: f64) -> Self {
        let decay = libm::exp2(-1.0 / half_life_s);
        Self {
            half_life_s,
            decay,
            num: 0.0,
            den: 0.0,
            count: 0.0,
            count_sq: 0.0,
            returns: 0.0,
        }
    }

    /// A squared return over `span_s` seconds of one of `1 / share` grids.
    pub(super) fn add(&mut self, squared: f64, span_s: f64, share: f64) {
        self.sum(squared, span_s, share, share);
        self.returns += share;
    }

    /// One that is as old as `weight` says.
    pub(super) fn add_old(&mut self, squared: f64, span_s: f64, weight: f64) {
        self.sum(squared, span_s, weight, weight * weight);
        self.returns += 1.0;
    }

    fn sum(&mut self, squared: f64, span_s: f64, weight: f64, weight_sq: f64) {
        self.num += squared * weight;
        self.den += span_s * weight;
        self.count += weight;
        self.count_sq += weight_sq;
    }

    pub(super) fn decay_one_second(&mut self) {
        self.num *= self.decay;
        self.den *= self.decay;
        self.count *= self.decay;
        self.count_sq *= self.decay * self.decay;
    }

    /// A silence: what is known stays as it is, and fewer returns say it.
    pub(super) fn age(&mut self, silence: Dur) {
        let by = left_after(silence.as_secs().max(0.0), self.half_life_s);
        self.count *= by;
        self.count_sq *= by * by;
    }

    /// Effective number of returns at `now`; the sums are of `counted`, the newest return of `as_of`.
    fn n(mut self, counted: Time, as_of: Time, now: Time) -> f64 {
        self.age(now.since(counted));
        if self.count_sq <= 0.0 {
            return 0.0;
        }
        let age_s = now.since(as_of).as_secs().max(0.0);
        effective(
            self.count,
            self.count_sq,
            left_after(age_s, self.half_life_s),
        )
    }

    /// Variance per second, once there are returns enough.
    pub(super) fn variance(&self) -> Option<f64> {
        let ready = self.returns >= RETURNS_MIN && self.den > self.half_life_s / 2.0;
        ready.then(|| self.num / self.den)
    }

    /// At `now`; see [`n`](Self::n).
    pub(super) fn estimate(&self, counted: Time, as_of: Time, now: Time) -> Option<Sigma> {
        self.variance().map(|variance| Sigma {
            value: libm::sqrt(variance),
            n: self.n(counted, as_of, now),
            as_of,
        })
    }

    /// What it rests on at `now`; see [`n`](Self::n).
    pub(super) fn evidence(&self, counted: Time, as_of: Time, now: Time) -> Evidence {
        Evidence {
            n: self.n(counted, as_of, now),
            as_of: (as_of > Time::ZERO).then_some(as_of),
            ready: self.variance().is_some(),
        }
    }
}
