//! The market's intensity: a decayed histogram of how far sweeps came, and the maximum of its likelihood.
//!
//! Distances are binned, so among sweeps that came to a first bin at least, the number of further bins is
//! geometric with `q = exp(-k w)`, w the bins' width; those beyond the last quoted bin are censored there.
//! With `n` that ended inside, and `s` bins passed by all of them, `q = s / (s + n)`, its information
//! `n / (1-q)^2 + s / q^2` per weight. The first bin is at the half-spread or beyond: sweeps of a smaller
//! distance cannot be seen, and to count as though they could is off by `1 / (1/k + h)` instead of `k`.

use super::Fit;
use crate::estimators::kept::{ERRORS, NEWS};
use crate::estimators::sweep::Sweep;
use crate::estimators::{Evidence, GAP, effective};
use crate::units::{Side, Time};

/// Width of a bin, bps.
const BIN_BPS: f64 = 0.25;
/// Bins: up to 100 bps, the most a half-spread is by default.
const BINS: usize = 400;
/// Effective sweeps within the range before a fit is one.
const SWEEPS_MIN: f64 = 30.0;
/// Farthest that a fit is asked to go by itself, bps.
const FAR_BPS: f64 = 30.0;
/// Growth of the weights before they are scaled back.
const GROWTH_MAX: f64 = 1e12;

/// Counts of one side.
#[derive(Clone, Debug, PartialEq)]
struct Reaches {
    /// Weighted sweeps that came to each bin or beyond it; the last one holds all beyond. A fit needs no other sums.
    reached: Vec<f64>,
    /// Bins up to here: none ended beyond.
    end: usize,
    /// Sum of the squared weights of all sweeps.
    squares: f64,
    /// Weight of the newest, and when it came.
    latest: f64,
    newest: Time,
}

impl Reaches {
    fn add(&mut self, bin: usize, weight: f64, exch: Time) {
        for reached in &mut self.reached[..=bin] {
            *reached += weight;
        }
        self.end = self.end.max(bin + 1);
        self.squares += weight * weight;
        self.latest = weight;
        self.newest = self.newest.max(exch);
    }

    /// What a weight is worth of a sweep where one that is observed weighs `growth`: the effective number over the
    /// sum of weights. It falls while nobody comes, and while nobody watches.
    fn worth(&self, growth: f64) -> f64 {
        let sum = self.reached[0];
        effective(sum, self.squares, self.latest) / (sum * growth)
    }
}

/// A fit, and what may come before it is to be made anew.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FitRead {
    fit: Fit,
    first: usize,
    /// Weight that came to the first bin.
    reached: f64,
    /// Exchange time until which the market was watched, and one over the weighted seconds observed, 1/s.
    seen: Time,
    each_s: f64,
    /// What the logarithm of the rate may move by.
    error: f64,
}

impl FitRead {
    pub(in crate::estimators) const fn fit(&self) -> Fit {
        self.fit
    }
}

/// Decayed counts of sweeps by side and distance, and the time they were counted over.
#[derive(Clone, Debug, PartialEq)]
pub struct MarketIntensity {
    half_life_s: f64,
    sides: [Reaches; 2],
    /// Weighted seconds observed, and the square of weights, per second.
    observed_s: f64,
    /// What an observation weighs now: it grows instead of all others shrinking.
    growth: f64,
    /// Exchange time that these are of, and until when the market was watched since, at most a gap later; `None`:
    /// never. What time alone changes is computed when something is counted or read.
    known: Option<(Time, Time)>,
}

impl MarketIntensity {
    /// Nothing counted yet; `half_life_s` of the forgetting, s.
    #[must_use]
    pub fn new(half_life_s: f64) -> Self {
        let reaches = Reaches {
            reached: vec![0.0; BINS + 1],
            end: 0,
            squares: 0.0,
            latest: 0.0,
            newest: Time::ZERO,
        };
        Self {
            half_life_s,
            sides: [reaches.clone(), reaches],
            observed_s: 0.0,
            growth: 1.0,
            known: None,
        }
    }

    /// The market was watched until `exch`: silence counts too, unless it is a gap.
    pub fn on_time(&mut self, exch: Time) {
        let Some((as_of, seen)) = self.known else {
            self.known = Some((exch, exch));
            return;
        };
        if exch <= seen {
            return;
        }
        if exch.since(as_of) <= GAP {
            self.known = Some((as_of, exch));
            return;
        }
        if exch.since(seen) > GAP {
            self.settle(seen);
            self.growth = self.at(exch).0;
            self.known = Some((exch, exch));
            self.bound();
        } else {
            self.settle(exch);
        }
    }

    /// Counts the time watched until `exch`.
    fn settle(&mut self, exch: Time) {
        (self.growth, self.observed_s) = self.at(exch);
        self.known = Some((exch, exch));
        self.bound();
    }

    /// What an observation weighs at `exch`, and the weighted seconds observed, if the market was watched.
    fn at(&self, exch: Time) -> (f64, f64) {
        let span_s = self
            .known
            .map_or(0.0, |(as_of, _)| exch.since(as_of).as_secs());
        let rate = core::f64::consts::LN_2 / self.half_life_s;
        let grown = libm::exp(span_s * rate);
        // The weight grows while it is watched: its integral over the span.
        let observed_s = self.observed_s + self.growth * (grown - 1.0) / rate;
        (self.growth * grown, observed_s)
    }

    /// The same as of when the market was last watched.
    fn seen(&self) -> (f64, f64) {
        self.known
            .map_or((self.growth, self.observed_s), |(_, seen)| self.at(seen))
    }

    /// A sweep that ended. Those that came to nobody's distance, inside the spread, are in the first bin.
    pub fn observe(&mut self, sweep: &Sweep) {
        self.on_time(sweep.exch);
        if let Some((_, seen)) = self.known {
            self.settle(seen);
        }
        // The side of the makers that it met.
        let side = &mut self.sides[sweep.side.opposite().index()];
        let bin = bin(sweep.reach_bps.max(0.0)).min(BINS);
        side.add(bin, self.growth, sweep.exch);
    }

    /// The fit of the distances from `low_bps`, at least the half-spread, to `high_bps` of our orders on
    /// `side`, as of `now` or when the market was last watched; `None` below 30 effective sweeps or where none ended
    /// within.
    #[must_use]
    pub fn fit(&self, side: Side, low_bps: f64, high_bps: f64, now: Time) -> Option<Fit> {
        self.fit_of_bins(side, (bin_from(low_bps), bin(high_bps)), now)
    }

    /// The same, to be kept as long as it is [still](Self::still) so.
    pub(in crate::estimators) fn read(
        &self,
        side: Side,
        low_bps: f64,
        high_bps: f64,
        now: Time,
    ) -> Option<FitRead> {
        let first = bin_from(low_bps);
        let fit = self.fit_of_bins(side, (first, bin(high_bps)), now)?;
        let (growth, observed_s) = self.seen();
        Some(FitRead {
            fit,
            first,
            reached: self.sides[side.index()].reached[first],
            seen: self.known?.1,
            each_s: growth / observed_s,
            error: ERRORS / libm::sqrt(fit.n),
        })
    }

    /// A fit that was read, as of `now`: its curve as it was, and what that rests on as it is. `None` where who came,
    /// or that nobody did, can have moved it by a tenth of its standard error, or too few are left.
    pub(in crate::estimators) fn still(
        &self,
        side: Side,
        read: &FitRead,
        now: Time,
    ) -> Option<Fit> {
        let reaches = &self.sides[side.index()];
        let total = reaches.reached[read.first];
        let came = (total - read.reached) / read.reached;
        let watched = self.known?.1.since(read.seen);
        let silence = watched.as_secs() * read.each_s;
        // Less than it was: weights were scaled back.
        if !(0.0..=NEWS).contains(&came) || libm::fabs(came - silence) > read.error {
            return None;
        }
        let n = total * reaches.worth(self.weighs(now));
        (n >= SWEEPS_MIN).then(|| read.fit.resting_on(n, reaches.newest))
    }

    fn fit_of_bins(&self, side: Side, (first, last): (usize, usize), now: Time) -> Option<Fit> {
        let reaches = &self.sides[side.index()];
        // Whoever came to a bin beyond the first one passed one more.
        let passed = sum(reaches.reached.get(first + 1..=last)?);
        let (total, beyond) = (reaches.reached[first], reaches.reached[last]);
        let ended = total - beyond;
        let (_, observed_s) = self.seen();
        if ended <= 0.0 || passed <= 0.0 || observed_s <= 0.0 {
            return None;
        }
        let worth = reaches.worth(self.weighs(now));
        let n = total * worth;
        if n < SWEEPS_MIN {
            return None;
        }
        let q = passed / (passed + ended);
        let information = worth * (ended / ((1.0 - q) * (1.0 - q)) + passed / (q * q));
        let kappa = -libm::log(q) / BIN_BPS;
        let var_kappa = 1.0 / information / (q * BIN_BPS) / (q * BIN_BPS);
        let low = as_f64(first) * BIN_BPS;
        Some(Fit {
            log_arrival: libm::log(total / observed_s) + kappa * low,
            kappa,
            var_log_arrival: 1.0 / n + low * low * var_kappa,
            var_kappa,
            covariance: low * var_kappa,
            n,
            as_of: reaches.newest,
            range_bps: (low, as_f64(last) * BIN_BPS),
        })
    }

    /// The fit from `near_bps`, at least the half-spread, to as far as 30 effective sweeps came, 30 bps at most:
    /// what is quoted is there, and beyond nothing is known.
    #[must_use]
    pub fn fit_where_known(&self, side: Side, near_bps: f64, now: Time) -> Option<Fit> {
        let reaches = &self.sides[side.index()];
        let enough = SWEEPS_MIN / reaches.worth(self.weighs(now));
        let known = reaches.reached[..reaches.end].partition_point(|reached| *reached >= enough);
        let far_bps = (as_f64(known.checked_sub(1)?) * BIN_BPS).min(FAR_BPS);
        self.fit_of_bins(side, (bin_from(near_bps), bin(far_bps)), now)
    }

    /// Rate of sweeps that came to `delta_bps` at least, 1/s, as counted: what no fit says. `None` before
    /// anything was watched or beyond the bins.
    #[must_use]
    pub fn counted_rate(&self, side: Side, delta_bps: f64) -> Option<f64> {
        let reached = self.sides[side.index()].reached.get(bin_from(delta_bps))?;
        let (_, observed_s) = self.seen();
        (observed_s > 0.0).then(|| reached / observed_s)
    }

    /// What all sweeps that a maker on `side` could meet rest on.
    #[must_use]
    pub fn evidence(&self, side: Side, now: Time) -> Evidence {
        let reaches = &self.sides[side.index()];
        let all = reaches.reached[0];
        if all <= 0.0 {
            return Evidence::NONE;
        }
        let n = all * reaches.worth(self.weighs(now));
        Evidence {
            n,
            as_of: Some(reaches.newest),
            ready: n >= SWEEPS_MIN,
        }
    }

    /// What an observation weighs at `now`, or when the market was last watched.
    fn weighs(&self, now: Time) -> f64 {
        self.at(self.known.map_or(now, |(_, seen)| seen.max(now))).0
    }

    fn bound(&mut self) {
        if self.growth <= GROWTH_MAX {
            return;
        }
        let by = 1.0 / self.growth;
        for side in &mut self.sides {
            for weight in &mut side.reached {
                *weight *= by;
            }
            side.squares *= by * by;
            side.latest *= by;
        }
        self.observed_s *= by;
        self.growth = 1.0;
    }
}

/// The bin that holds a distance.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "cut to the bins"
)]
fn bin(bps: f64) -> usize {
    libm::floor(bps / BIN_BPS + 1e-9).clamp(0.0, as_f64(BINS)) as usize
}

/// The first bin that begins at a distance or beyond it.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "cut to the bins"
)]
fn bin_from(bps: f64) -> usize {
    libm::ceil(bps / BIN_BPS - 1e-9).clamp(0.0, as_f64(BINS)) as usize
}

/// Four sums at a time: one waits for each of its additions.
fn sum(of: &[f64]) -> f64 {
    let fours = of.chunks_exact(4);
    let rest: f64 = fours.remainder().iter().sum();
    let mut sums = [0.0; 4];
    for four in fours {
        for (sum, one) in sums.iter_mut().zip(four) {
            *sum += one;
        }
    }
    let [a, b, c, d] = sums;
    rest + (a + b) + (c + d)
}

#[expect(clippy::cast_precision_loss, reason = "at most a few hundred bins")]
const fn as_f64(bins: usize) -> f64 {
    bins as f64
}
