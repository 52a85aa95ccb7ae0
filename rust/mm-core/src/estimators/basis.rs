//! The basis between a reference price and our mid, less its slow average: what the one has done and the other
//! has not yet. MODELS.md P2.5.

use super::decay::left_after;
use super::{Evidence, GAP};
use crate::units::Time;

/// What steps further than this from its average is no lead but another price: a percent.
const MOST_BPS: f64 = 100.0;
/// What is nearer is what is left of a sum that is rounded, bps: nothing.
const LEAST_BPS: f64 = 1e-6;

/// Log basis, and its mean over the time that it held, decayed.
#[derive(Clone, Debug, PartialEq)]
pub struct Basis {
    half_life_s: f64,
    /// Log of the reference, and our mid, each in a unit of its own; `None`: not heard since a gap.
    reference: Option<f64>,
    mid: Option<f64>,
    /// Difference of their logs, where both are known.
    log_ratio: Option<f64>,
    /// Sum of the basis times seconds, and the seconds, decayed.
    sums: (f64, f64),
    as_of: Time,
}

impl Basis {
    /// Nothing seen yet; half-life of the average, s.
    #[must_use]
    pub const fn new(half_life_s: f64) -> Self {
        Self {
            half_life_s,
            reference: None,
            mid: None,
            log_ratio: None,
            sums: (0.0, 0.0),
            as_of: Time::ZERO,
        }
    }

    /// Whether a reference is heard.
    #[must_use]
    pub const fn has_reference(&self) -> bool {
        self.reference.is_some()
    }

    /// A newer reference price, above 0 in any unit.
    pub fn on_reference(&mut self, at: Time, px: f64) {
        self.hold(at);
        self.reference = Some(libm::log(px));
        self.compare();
    }

    /// A newer mid of ours, above 0 in any unit.
    pub fn on_mid(&mut self, at: Time, mid: f64) {
        if self.reference.is_some() {
            self.hold(at);
        }
        self.mid = Some(mid);
        self.compare();
    }

    /// Either stream broke, or the reference is too old: what is known of it is forgotten.
    pub fn forget(&mut self) {
        self.reference = None;
        self.log_ratio = None;
        self.sums = (0.0, 0.0);
    }

    /// The basis less its average, bps: positive where the reference is above what it usually is against our
    /// mid. `None` until the average covers its own half-life.
    #[must_use]
    pub fn value_bps(&self, at: Time) -> Option<f64> {
        let basis = self.log_ratio?;
        let (sum, seconds) = self.sums_at(at, basis);
        let known = seconds >= self.known_s();
        let away_bps = (basis - sum / seconds) * 1e4;
        known.then(|| {
            if away_bps.abs() < LEAST_BPS {
                0.0
            } else {
                away_bps
            }
        })
    }

    /// What its average rests on: seconds that were heard, forgotten until `at`. What is held is no observation.
    #[must_use]
    pub fn evidence(&self, at: Time) -> Evidence {
        let (_, seconds) = self.sums;
        let span_s = at.since(self.as_of).as_secs().max(0.0);
        Evidence {
            n: seconds * left_after(span_s, self.half_life_s),
            as_of: (self.as_of > Time::ZERO).then_some(self.as_of),
            ready: self.value_bps(at).is_some() && at.since(self.as_of) <= GAP,
        }
    }

    /// Watched for ever its seconds are half-life / ln 2; after one half-life half of that, and they are enough.
    fn known_s(&self) -> f64 {
        0.5 * self.half_life_s / core::f64::consts::LN_2 * (1.0 - 1e-9)
    }

    /// What the basis is now. A step of a percent is no lead: the average begins anew.
    fn compare(&mut self) {
        self.log_ratio = self
            .reference
            .zip(self.mid)
            .map(|(log, mid)| log - libm::log(mid));
        let (sum, seconds) = self.sums;
        if let Some(basis) = self.log_ratio.filter(|_| seconds > 0.0)
            && (basis - sum / seconds).abs() * 1e4 > MOST_BPS
        {
            self.sums = (0.0, 0.0);
        }
    }

    /// The basis was what it is until `at`.
    fn hold(&mut self, at: Time) {
        if let Some(basis) = self.log_ratio {
            self.sums = self.sums_at(at, basis);
        }
        self.as_of = self.as_of.max(at);
    }

    fn sums_at(&self, at: Time, basis: f64) -> (f64, f64) {
        let span_s = at.since(self.as_of).as_secs().max(0.0);
        let by = left_after(span_s, self.half_life_s);
        let held_s = self.half_life_s / core::f64::consts::LN_2 * (1.0 - by);
        let (sum, seconds) = self.sums;
        (sum * by + basis * held_s, seconds * by + held_s)
    }
}
