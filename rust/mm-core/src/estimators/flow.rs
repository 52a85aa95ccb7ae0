//! Taker flow at two rates and one in between: how many sweeps, how much money, which side. MODELS.md P2.3.
//!
//! Every sum decays with a half-life of 1, 10 or 60 s; a rate is a sum over the time it was watched, decayed the
//! same way, so that it is unbiased from the first second. The score of one-sidedness is
//! `sum w (sign - mean) / sqrt(sum w^2 (1 - mean^2) + 0.1)` with the mean sign of the last hour: 0 and 1 in mean
//! and standard deviation where sides come independently of each other. The tenth is what lets it fade in a
//! silence; where sweeps come it is nothing.
//!
//! Sums are decayed when a sweep comes and when they are read: a touch costs a comparison.

use serde::Serialize;

use super::decay::left_after;
use super::sweep::Sweep;
use super::{Evidence, GAP, effective};
use crate::units::Time;

/// Half-lives, s.
pub const HALF_LIVES_S: [f64; 3] = [1.0, 10.0, 60.0];
/// Half-life of the mean sign, s, and the sweeps that its prior of 0 is worth.
const MEAN_HALF_LIFE_S: f64 = 3600.0;
const MEAN_N0: f64 = 20.0;
/// Variance of a score of nothing.
const VARIANCE_0: f64 = 0.1;

/// Decayed sums at one half-life.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Sums {
    /// By the taker's side.
    count: [f64; 2],
    notional: [f64; 2],
    /// Seconds watched.
    watched_s: f64,
    /// Squared weights of the sweeps.
    squares: f64,
    /// Signs less their mean, and their variance.
    excess: f64,
    variance: f64,
}

impl Sums {
    /// As they are `span_s` later.
    fn later(mut self, half_life_s: f64, span_s: f64, is_watched: bool) -> Self {
        let by = left_after(span_s, half_life_s);
        for side in 0..2 {
            self.count[side] *= by;
            self.notional[side] *= by;
        }
        self.watched_s *= by;
        if is_watched {
            self.watched_s += half_life_s / core::f64::consts::LN_2 * (1.0 - by);
        }
        self.excess *= by;
        self.squares *= by * by;
        self.variance *= by * by;
        self
    }

    fn flow(&self, half_life_s: f64) -> FlowShown {
        let rate =
            |sums: [f64; 2]| (self.watched_s > 0.0).then(|| sums.map(|n| n / self.watched_s));
        let [bids, asks] = self.count;
        FlowShown {
            half_life_s,
            per_s: rate(self.count),
            usd_per_s: rate(self.notional),
            imbalance: (bids + asks > 0.0).then(|| (bids - asks) / (bids + asks)),
            score: self.excess / libm::sqrt(self.variance + VARIANCE_0),
        }
    }
}

/// The flow at one half-life, as shown; pairs are `[buyers, sellers]`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct FlowShown {
    /// Of what it remembers, s.
    pub half_life_s: f64,
    /// Sweeps a second; `None` before anything was watched.
    pub per_s: Option<[f64; 2]>,
    /// USDC a second.
    pub usd_per_s: Option<[f64; 2]>,
    /// Buyers less sellers over both, -1..=1; `None` without a sweep.
    pub imbalance: Option<f64>,
    /// How one-sided it is: positive where buyers come more than they usually do.
    pub score: f64,
}

/// The flow of takers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Flow {
    windows: [Sums; HALF_LIVES_S.len()],
    /// Sum of signs and of sweeps of the last hour.
    signs: (f64, f64),
    /// The newest sweep.
    newest: Option<Time>,
    /// Exchange time that the sums are of, and until when the market was watched since; `None`: never.
    known: Option<(Time, Time)>,
}

impl Flow {
    /// The market was watched until `exch`, unless it was silent for more than 15 s.
    pub fn on_time(&mut self, exch: Time) {
        let Some((_, seen)) = self.known else {
            self.known = Some((exch, exch));
            return;
        };
        if exch <= seen {
            return;
        }
        if exch.since(seen) > GAP {
            self.settle();
            self.windows = self.at(exch, false);
            self.known = Some((exch, exch));
        } else if let Some((_, seen)) = &mut self.known {
            *seen = exch;
        }
    }

    /// A sweep that ended.
    #[expect(clippy::cast_precision_loss, reason = "sign is -1 or 1")]
    pub fn observe(&mut self, sweep: &Sweep) {
        self.on_time(sweep.exch);
        self.settle();
        let (sign, side) = (sweep.side.sign() as f64, sweep.side.index());
        let mean = self.signs.0 / (self.signs.1 + MEAN_N0);
        for sums in &mut self.windows {
            sums.count[side] += 1.0;
            sums.squares += 1.0;
            sums.notional[side] += sweep.notional;
            sums.excess += sign - mean;
            sums.variance += 1.0 - mean * mean;
        }
        self.signs = (self.signs.0 + sign, self.signs.1 + 1.0);
        self.newest = self.newest.max(Some(sweep.exch));
    }

    /// What it is at `now`, or when the market was last seen where that is later, at the half-life
    /// `HALF_LIVES_S[window]`.
    #[must_use]
    pub fn shown(&self, window: usize, now: Time) -> FlowShown {
        self.sums_at(window, now).flow(HALF_LIVES_S[window])
    }

    /// How one-sided it is at `HALF_LIVES_S[window]`: see [`FlowShown::score`], which is nothing where nothing is
    /// known and fades in a silence.
    #[must_use]
    pub fn score(&self, window: usize, now: Time) -> f64 {
        self.shown(window, now).score
    }

    /// What it rests on: sweeps, and whether it was watched for a half-life that is still remembered.
    #[must_use]
    pub fn evidence(&self, window: usize, now: Time) -> Evidence {
        let (sums, half_life_s) = (self.sums_at(window, now), HALF_LIVES_S[window]);
        let age_s = self
            .newest
            .map_or(0.0, |newest| now.since(newest).as_secs());
        let newest = left_after(age_s.max(0.0), half_life_s);
        let [bids, asks] = sums.count;
        // Watched for ever that is half-life / ln 2; after one half-life half of it.
        let known_s = 0.5 * half_life_s / core::f64::consts::LN_2 * (1.0 - 1e-9);
        Evidence {
            n: if sums.squares > 0.0 {
                effective(bids + asks, sums.squares, newest)
            } else {
                0.0
            },
            as_of: self.newest,
            ready: sums.watched_s >= known_s,
        }
    }

    /// The market was watched until it was last seen, and since then not.
    fn sums_at(&self, window: usize, now: Time) -> Sums {
        let (sums, half_life_s) = (self.windows[window], HALF_LIVES_S[window]);
        let Some((as_of, seen)) = self.known else {
            return sums;
        };
        let unseen_s = now.since(seen).as_secs().max(0.0);
        sums.later(half_life_s, seen.since(as_of).as_secs(), true)
            .later(half_life_s, unseen_s, false)
    }

    /// Brings the sums to where the market was watched until.
    fn settle(&mut self) {
        let Some((as_of, seen)) = self.known else {
            return;
        };
        if seen == as_of {
            return;
        }
        let by = left_after(seen.since(as_of).as_secs(), MEAN_HALF_LIFE_S);
        self.signs = (self.signs.0 * by, self.signs.1 * by);
        self.windows = self.at(seen, true);
        self.known = Some((seen, seen));
    }

    fn at(&self, exch: Time, is_watched: bool) -> [Sums; HALF_LIVES_S.len()] {
        let as_of = self.known.map_or(exch, |(as_of, _)| as_of);
        let span_s = exch.since(as_of).as_secs();
        core::array::from_fn(|window| {
            self.windows[window].later(HALF_LIVES_S[window], span_s, is_watched)
        })
    }
}
