//! What our own fills cost beside what the tape says of their side and distance. MODELS.md P1.2, P1.2b.
//!
//! The tape's curve is of every taker that comes to a distance. Ours may cost more: who stands at the end of a
//! queue is met by those that take all of it. For each fill the mid's move against us 5 s after it, less what
//! the curve of that time says of its distance, is a residual; its mean is a shift of the side's curve:
//!
//! ```text
//! both = mean of both sides, pulled to none;  side = its own mean, pulled to both;  each pull worth n0 fills
//! ```
//! Pieces of one taker's meeting with one order are one fill, and fills whose moves overlap one for an error.

use std::collections::VecDeque;

use serde::Serialize;

use super::GAP;
use super::adverse::{Cost, Sums};
use super::decay::Left;
use crate::units::{Dur, SECOND, Side, Time};

/// Where the recorded curves are flat.
pub const HORIZON: Dur = Dur(5 * SECOND);
/// Fills that wait for their horizon; more than any run of ours has in 5 s.
const WAITING_MAX: usize = 1024;

/// What own fills of a side cost beyond the tape's curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct OwnCost {
    /// Their mean residual; `None` below an effective number of two moves apart.
    pub residual: Option<Cost>,
    /// That, pulled to the one of both sides, and that to none: what the side's curve is shifted by, bps.
    pub shift_bps: f64,
    /// Standard error of that by the chance of the fills, bps; 0: none are known, and nothing is shifted.
    pub shift_se_bps: f64,
}

/// A fill whose move is not known yet.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Waiting {
    exch: Time,
    oid: u64,
    side: Side,
    /// Distance from the mid before it, bps.
    delta_bps: f64,
    /// That mid, lattice units.
    mid: f64,
}

/// Residuals by side, exponentially forgotten.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnCosts {
    half_life_s: f64,
    /// By our side.
    sums: [Sums; 2],
    /// Oldest first.
    waiting: VecDeque<Waiting>,
    mid: Option<(Time, f64)>,
}

impl OwnCosts {
    /// Nothing seen yet; `half_life_s` of the forgetting, s.
    #[must_use]
    pub fn new(half_life_s: f64) -> Self {
        Self {
            half_life_s,
            sums: [Sums::default(); 2],
            waiting: VecDeque::new(),
            mid: None,
        }
    }

    /// At `exch` a taker met the order `oid` of ours that rested on `side` at `delta_bps` from `mid`, the last
    /// one before. Told after its horizon is over, what the mid was then is not known any more.
    pub fn filled(&mut self, exch: Time, oid: u64, side: Side, delta_bps: f64, mid: f64) {
        let is_over = self
            .mid
            .is_some_and(|(newest, _)| newest > exch.plus(HORIZON));
        let is_piece = |one: &Waiting| (one.exch, one.oid) == (exch, oid);
        if is_over || self.waiting.iter().any(is_piece) {
            return;
        }
        if self.waiting.len() == WAITING_MAX {
            self.waiting.pop_front();
        }
        let later = self.waiting.partition_point(|one| one.exch <= exch);
        let fill = Waiting {
            exch,
            oid,
            side,
            delta_bps,
            mid,
        };
        self.waiting.insert(later, fill);
    }

    /// A newer mid, lattice units: horizons that ended before it had the mid before it. `tape_bps` is what the
    /// tape says of a side and distance, as it was known before this mid.
    pub fn on_mid(&mut self, exch: Time, mid: f64, tape_bps: impl Fn(Side, f64) -> f64) {
        if let Some((since, before)) = self.mid
            && since < exch
        {
            while let Some(fill) = self.waiting.front().copied()
                && fill.exch.plus(HORIZON) < exch
            {
                self.waiting.pop_front();
                if fill.exch.plus(HORIZON).since(since) <= GAP {
                    let moved_bps = against_bps(&fill, before);
                    let residual = moved_bps - tape_bps(fill.side, fill.delta_bps);
                    let sums = &mut self.sums[fill.side.index()];
                    sums.decay(fill.exch.plus(HORIZON), &mut Left::new(self.half_life_s));
                    sums.add(fill.exch, HORIZON, residual);
                }
            }
        }
        self.mid = Some((exch, mid));
    }

    /// The stream broke: what waits is never known.
    pub fn forget_waiting(&mut self) {
        self.waiting.clear();
        self.mid = None;
    }

    /// What the curves of our `[bids, asks]` are shifted by at `now`; every pull is worth `n0` fills.
    #[must_use]
    pub fn shifts(&self, n0: f64, now: Time) -> [OwnCost; 2] {
        let residuals = self.sums.map(|mut sums| {
            sums.decay(now, &mut Left::new(self.half_life_s));
            sums.cost()
        });
        let known = || residuals.iter().flatten();
        let n: f64 = known().map(|cost| cost.n).sum();
        let sum: f64 = known().map(|cost| cost.n * cost.mean_bps).sum();
        let both_bps = if n > 0.0 { sum / (n + n0) } else { 0.0 };
        core::array::from_fn(|side| OwnCost {
            residual: residuals[side],
            shift_bps: residuals[side].map_or(both_bps, |cost| cost.shrunk_bps(both_bps, n0)),
            shift_se_bps: shift_se_bps(&residuals, side, n, n0),
        })
    }
}

/// Standard error of a side's shift, `n` the fills of both: each side's mean has its share in it, and they are
/// independent.
fn shift_se_bps(residuals: &[Option<Cost>; 2], side: usize, n: f64, n0: f64) -> f64 {
    let own = residuals[side].map_or(0.0, |cost| cost.n / (cost.n + n0));
    let squared = residuals.iter().enumerate().map(|(index, cost)| {
        cost.map_or(0.0, |cost| {
            let alone = if index == side { own } else { 0.0 };
            let error = (alone + (1.0 - own) * cost.n / (n + n0)) * cost.se_bps;
            error * error
        })
    });
    libm::sqrt(squared.sum::<f64>())
}

/// How far `mid` lies against a fill, bps.
#[expect(clippy::cast_precision_loss, reason = "sign is -1 or 1")]
fn against_bps(fill: &Waiting, mid: f64) -> f64 {
    -libm::log(mid / fill.mid) * fill.side.sign() as f64 * 1e4
}
