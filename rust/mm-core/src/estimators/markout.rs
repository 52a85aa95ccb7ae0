//! Markouts of our own fills: what each earned against the mid before it, and how far the mid then went
//! against us. MODELS.md P1.2.
//!
//! The mid before a fill is the last one older than it: a book that carries the fill's own time already
//! shows what is left after it. The mid at a horizon is the last one that is not newer. Positive moves are against us;
//! what a fill realised is its half-spread less the move, so a move is a part of profit and loss and no cost
//! beside it.
//!
//! Fills whose horizons overlap share one move: of those only one counts for a standard error.
//!
//! Where the micro-price of a touch is told, fills are measured from it too: what is left of a half-spread when the
//! lean of the touch is taken off it. Where the regime is told, they are told apart by the one before them.

use std::collections::VecDeque;

use serde::Serialize;

use super::regime::Regime;
use super::{Evidence, GAP};
use crate::units::{Dur, Px, Side, Sz, Time};

/// Horizons in milliseconds.
pub const HORIZONS_MS: [i64; 6] = [500, 1_000, 5_000, 10_000, 30_000, 60_000];
/// Distances from the mid that are told apart, bps: fills from each to the next.
pub const DEPTHS_BPS: [f64; 6] = [0.0, 0.5, 1.0, 2.0, 5.0, 10.0];

/// Where recorded curves are flat: 5 s.
const COST_HORIZON: usize = 2;
const HORIZONS: usize = HORIZONS_MS.len();
const DEPTHS: usize = DEPTHS_BPS.len();
/// All, `[bids, asks]`, then by depth, then by regime.
const GROUPS: usize = REGIMES_FROM + Regime::ALL.len();
const REGIMES_FROM: usize = 3 + DEPTHS;
/// Fills that no move at all is worth beside those that are measured. No price rests on it.
const SHRINK_N0: f64 = 100.0;
/// Mids that are kept: fills are heard within a second or two of their time.
const MIDS_MAX: usize = 1_024;

/// What fills came to at one horizon.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Markout {
    /// Time after the fill, s.
    pub horizon_s: f64,
    /// Fills resolved.
    pub n: u64,
    /// Of them, moves that do not overlap: standard errors rest on these.
    pub apart: u64,
    /// Mean move against us by count, bps of the mid before the fill; `None` without a fill.
    pub mean_bps: Option<f64>,
    /// Its standard error, from moves that do not overlap; `None` below two of them.
    pub se_bps: Option<f64>,
    /// The mean by count pulled to that of all fills, and that to none; each pull is worth 100 moves that do not
    /// overlap.
    pub shrunk_bps: f64,
    /// Mean move weighted by notional; `None` without a fill.
    pub notional_mean_bps: Option<f64>,
    /// Its standard error.
    pub notional_se_bps: Option<f64>,
    /// What the same fills earned against the mid before them, by notional: the effective half-spread.
    pub half_spread_bps: Option<f64>,
    /// That less the move, by notional: the realised half-spread.
    pub realized_bps: Option<f64>,
    /// What fills earned against the micro-price before them, by notional; `None` where it was never told.
    pub micro_half_spread_bps: Option<f64>,
    /// Exchange time at which the newest of the moves ended; `None` without a fill. They are the account of a run:
    /// none is forgotten, and no price rests on them.
    pub as_of: Option<Time>,
}

impl Markout {
    /// What it rests on.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts of fills")]
    pub const fn evidence(&self) -> Evidence {
        Evidence {
            n: self.apart as f64,
            as_of: self.as_of,
            ready: self.se_bps.is_some(),
        }
    }
}

/// Fills between two distances from the mid before them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AtDepth {
    /// From, bps; the first has what was filled across the mid too.
    pub from_bps: f64,
    /// All horizons.
    pub markouts: [Markout; HORIZONS],
}

/// Fills in one regime.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InRegime {
    /// As it was just before them.
    pub regime: Regime,
    /// All horizons.
    pub markouts: [Markout; HORIZONS],
}

/// Who was filled where.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BySideAndDepth {
    /// Of our bids.
    pub bid: [Markout; HORIZONS],
    /// Of our asks.
    pub ask: [Markout; HORIZONS],
    /// By distance; those that had a fill.
    pub depths: Vec<AtDepth>,
    /// By regime, from the calmest; those that had a fill. None where the regime is not told.
    pub regimes: Vec<InRegime>,
    /// Fills before which no mid was known, or only one from before a silence: in none of them.
    pub unknown: u64,
}

/// A mid, and what else was known of the market then.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Known {
    at: Time,
    mid: f64,
    micro: Option<f64>,
    regime: Option<Regime>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Pending {
    at: Time,
    side: Side,
    mid: f64,
    half_spread_bps: f64,
    micro_half_spread_bps: Option<f64>,
    regime: Option<Regime>,
    notional_usd: f64,
    next: usize,
}

impl Pending {
    /// When its next horizon ends; `None`: all did.
    fn due(&self) -> Option<Time> {
        let horizon_ms = HORIZONS_MS.get(self.next)?;
        Some(self.at.plus(Dur::from_millis(*horizon_ms)))
    }
}

/// Sums over the fills of one group at one horizon.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Sums {
    n: u64,
    moved: f64,
    squared: f64,
    /// Weights are notionals, USDC.
    weight: f64,
    weighted: f64,
    weight_squared: f64,
    weight_squared_moved: f64,
    weight_squared_squared: f64,
    half_spread: f64,
    /// Of the fills whose micro-price is known.
    micro_weight: f64,
    micro_half_spread: f64,
    /// Moves that do not overlap, and when the newest of them began.
    apart: u64,
    began: Option<Time>,
    /// End of the newest move.
    newest: Option<Time>,
}

impl Sums {
    fn add(&mut self, fill: &Pending, horizon: Dur, moved: f64) {
        let weight = fill.notional_usd;
        self.n += 1;
        self.newest = self.newest.max(Some(fill.at.plus(horizon)));
        self.moved += moved;
        self.squared += moved * moved;
        self.weight += weight;
        self.weighted += weight * moved;
        self.weight_squared += weight * weight;
        self.weight_squared_moved += weight * weight * moved;
        self.weight_squared_squared += weight * weight * moved * moved;
        self.half_spread += weight * fill.half_spread_bps;
        if let Some(bps) = fill.micro_half_spread_bps {
            self.micro_weight += weight;
            self.micro_half_spread += weight * bps;
        }
        if self
            .began
            .is_none_or(|began| fill.at.since(began) >= horizon)
        {
            self.began = Some(fill.at);
            self.apart += 1;
        }
    }

    /// The mean by count, pulled to a prior.
    #[expect(clippy::cast_precision_loss, reason = "counts of fills")]
    fn shrunk_bps(&self, prior_bps: f64) -> f64 {
        if self.n == 0 {
            return prior_bps;
        }
        let (mean, apart) = (self.moved / self.n as f64, self.apart as f64);
        (apart * mean + SHRINK_N0 * prior_bps) / (apart + SHRINK_N0)
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of fills")]
    fn shown(&self, horizon_ms: i64, prior_bps: f64) -> Markout {
        let (n, apart) = (self.n as f64, self.apart as f64);
        let (mean, notional_mean) = (self.moved / n, self.weighted / self.weight);
        let half_spread = self.half_spread / self.weight;
        let variance = (self.squared / n - mean * mean).max(0.0);
        // Sum of w^2 (x - m)^2 over the square of the sum of w, as if each fill were a draw of its own.
        let spread = self.weight_squared_squared - 2.0 * notional_mean * self.weight_squared_moved
            + notional_mean * notional_mean * self.weight_squared;
        let alone = spread.max(0.0) / (self.weight * self.weight);
        let some = |value: f64| (self.n > 0).then_some(value);
        let enough = |value: f64| (self.apart > 1).then_some(value);
        Markout {
            horizon_s: horizon_ms as f64 / 1e3,
            n: self.n,
            apart: self.apart,
            mean_bps: some(mean),
            se_bps: enough(libm::sqrt(variance / (apart - 1.0))),
            shrunk_bps: self.shrunk_bps(prior_bps),
            notional_mean_bps: some(notional_mean),
            notional_se_bps: enough(libm::sqrt(alone * n / (apart - 1.0))),
            half_spread_bps: some(half_spread),
            realized_bps: some(half_spread - notional_mean),
            micro_half_spread_bps: (self.micro_weight > 0.0)
                .then_some(self.micro_half_spread / self.micro_weight),
            as_of: self.newest,
        }
    }
}

/// Collects fills and resolves them as mids come.
#[derive(Clone, Debug, Default)]
pub struct Markouts {
    mids: VecDeque<Known>,
    /// As it is now; `None`: nobody tells.
    regime: Option<Regime>,
    pending: VecDeque<Pending>,
    /// When the first of their horizons ends: a mid before it resolves none.
    due: Option<Time>,
    sums: [[Sums; HORIZONS]; GROUPS],
    unknown: u64,
}

impl Markouts {
    /// A mid, lattice units, that holds from `exch` on.
    pub fn on_mid(&mut self, exch: Time, mid: f64) {
        let newest = self.mids.back().map(|known| known.at);
        if newest.is_some_and(|newest| exch < newest) {
            return;
        }
        self.resolve(exch, |due| due < exch);
        if newest == Some(exch) {
            self.mids.pop_back();
        } else if self.mids.len() == MIDS_MAX {
            self.mids.pop_front();
        }
        self.mids.push_back(Known {
            at: exch,
            mid,
            micro: None,
            regime: self.regime,
        });
    }

    /// The micro-price, lattice units, of the touch whose mid came last, at `exch`.
    pub fn on_micro(&mut self, exch: Time, micro: f64) {
        if let Some(newest) = self.mids.back_mut().filter(|known| known.at == exch) {
            newest.micro = Some(micro);
        }
    }

    /// How lively the market is from the next mid on.
    pub fn on_regime(&mut self, regime: Regime) {
        self.regime = Some(regime);
    }

    /// One of our quotes traded. Without a mid before it there is no markout.
    pub fn on_fill(&mut self, at: Time, side: Side, px: Px, sz: Sz) {
        let before = self.mids.partition_point(|known| known.at < at);
        let known = before.checked_sub(1).map(|index| self.mids[index]);
        let Some(known) = known.filter(|known| at.since(known.at) <= GAP) else {
            self.unknown += 1;
            return;
        };
        let from = |reference: f64| sign(side) * (reference - px.as_f64()) / reference * 1e4;
        let fill = Pending {
            at,
            side,
            mid: known.mid,
            half_spread_bps: from(known.mid),
            micro_half_spread_bps: known.micro.map(from),
            regime: known.regime,
            notional_usd: (px * sz).as_f64(),
            next: 0,
        };
        let later = self.pending.partition_point(|other| other.at <= at);
        self.pending.insert(later, fill);
        self.due = self.pending.iter().filter_map(Pending::due).min();
    }

    /// The stream broke: of fills that wait nobody knows how they went on, and what was filled meanwhile has no mid
    /// before it.
    pub fn on_gap(&mut self) {
        self.pending.clear();
        self.due = None;
        self.mids.clear();
    }

    /// Nothing more comes: the newest mid held until `end`.
    pub fn end(&mut self, end: Time) {
        self.resolve(end, |due| due <= end);
    }

    /// Every horizon that is `over` has the mid that held then.
    fn resolve(&mut self, now: Time, over: impl Fn(Time) -> bool) {
        if !self.due.is_some_and(&over) {
            return;
        }
        for index in 0..self.pending.len() {
            let mut fill = self.pending[index];
            if fill.at > now {
                break;
            }
            while fill.next < HORIZONS {
                let horizon = Dur::from_millis(HORIZONS_MS[fill.next]);
                let due = fill.at.plus(horizon);
                if !over(due) {
                    break;
                }
                self.add(&fill, horizon, due);
                fill.next += 1;
            }
            self.pending[index].next = fill.next;
        }
        while self
            .pending
            .front()
            .is_some_and(|fill| fill.next == HORIZONS)
        {
            self.pending.pop_front();
        }
        self.due = self.pending.iter().filter_map(Pending::due).min();
    }

    fn add(&mut self, fill: &Pending, horizon: Dur, due: Time) {
        let until = self.mids.partition_point(|known| known.at <= due);
        let held = until.checked_sub(1).map(|index| self.mids[index]);
        let Some(held) = held.filter(|held| due.since(held.at) <= GAP) else {
            return;
        };
        let moved = -sign(fill.side) * (held.mid - fill.mid) / fill.mid * 1e4;
        let depth = DEPTHS_BPS.partition_point(|from| *from <= fill.half_spread_bps);
        let regime = Regime::ALL.iter().position(|one| Some(*one) == fill.regime);
        let groups = [0, 1 + fill.side.index(), 3 + depth.max(1) - 1];
        for group in groups.into_iter().chain(regime.map(|at| REGIMES_FROM + at)) {
            self.sums[group][fill.next].add(fill, horizon, moved);
        }
    }

    /// All fills, shortest horizon first.
    #[must_use]
    pub fn table(&self) -> [Markout; HORIZONS] {
        self.group(0)
    }

    /// What the move of `COST_HORIZON` after fills of a side rests on.
    #[must_use]
    pub fn evidence(&self, side: Side) -> Evidence {
        self.group(1 + side.index())[COST_HORIZON].evidence()
    }

    /// By side, by distance from the mid before the fill, and by regime.
    #[must_use]
    pub fn by_side_and_depth(&self) -> BySideAndDepth {
        let depths = DEPTHS_BPS.iter().enumerate().map(|(depth, from)| AtDepth {
            from_bps: *from,
            markouts: self.group(3 + depth),
        });
        let regimes = Regime::ALL.iter().enumerate().map(|(at, regime)| InRegime {
            regime: *regime,
            markouts: self.group(REGIMES_FROM + at),
        });
        BySideAndDepth {
            bid: self.group(1),
            ask: self.group(2),
            depths: depths.filter(|at| at.markouts[0].n > 0).collect(),
            regimes: regimes.filter(|at| at.markouts[0].n > 0).collect(),
            unknown: self.unknown,
        }
    }

    fn group(&self, group: usize) -> [Markout; HORIZONS] {
        core::array::from_fn(|at| {
            let all_bps = self.sums[0][at].shrunk_bps(0.0);
            let prior_bps = if group == 0 { 0.0 } else { all_bps };
            self.sums[group][at].shown(HORIZONS_MS[at], prior_bps)
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "-1 or 1")]
const fn sign(side: Side) -> f64 {
    side.sign() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::SECOND;

    const fn secs(secs: i64) -> Time {
        Time(secs * SECOND)
    }

    #[test]
    fn a_fall_after_a_bid_fill_is_against_us_by_count_and_by_notional() {
        let mut markouts = Markouts::default();
        markouts.on_fill(secs(1), Side::Bid, Px(9_999), Sz(1));
        assert_eq!(markouts.by_side_and_depth().unknown, 1, "no mid before it");
        markouts.on_mid(secs(1), 10_000.0);
        markouts.on_mid(secs(2), 9_990.0);
        // The mid of the fill's own time is what was left after it.
        markouts.on_fill(secs(2), Side::Bid, Px(9_999), Sz(3));
        markouts.on_fill(secs(2), Side::Ask, Px(10_002), Sz(1));
        markouts.on_mid(Time(5 * SECOND / 2), 9_999.0);
        markouts.on_mid(secs(5), 10_002.0);
        markouts.end(secs(8));
        let table = markouts.table();
        assert_eq!(table.map(|row| row.n), [2, 2, 2, 0, 0, 0]);
        assert!(table[0].mean_bps.unwrap().abs() < 1e-12);
        let near = |value: Option<f64>, expected: f64| (value.unwrap() - expected).abs() < 1e-3;
        assert!(near(table[0].notional_mean_bps, 0.5), "{table:?}");
        assert!(near(table[2].notional_mean_bps, -1.0), "{table:?}");
        assert!(near(table[0].half_spread_bps, 1.25) && near(table[0].realized_bps, 0.75));
        assert_eq!(table[3].mean_bps, None);
        let split = markouts.by_side_and_depth();
        assert!(near(split.bid[0].mean_bps, 1.0) && near(split.ask[0].mean_bps, -1.0));
        let depths = split.depths.iter();
        let found: Vec<(f64, u64)> = depths.map(|at| (at.from_bps, at.markouts[0].n)).collect();
        assert_eq!(found, [(1.0, 1), (2.0, 1)]);
    }

    #[test]
    fn a_horizon_has_the_mid_that_held_then_however_late_the_next_one_comes() {
        let mut markouts = Markouts::default();
        markouts.on_mid(secs(0), 10_000.0);
        markouts.on_fill(secs(1), Side::Bid, Px(10_000), Sz(1));
        markouts.on_mid(secs(3), 9_000.0);
        let table = markouts.table();
        assert_eq!(table.map(|row| row.n), [1, 1, 0, 0, 0, 0]);
        assert_eq!(table[1].mean_bps, Some(0.0));
        // Heard late, and after a mid that came since.
        markouts.on_fill(secs(2), Side::Bid, Px(10_000), Sz(1));
        markouts.on_mid(secs(4), 10_000.0);
        assert_eq!(markouts.table()[1].mean_bps, Some(500.0));
    }

    #[test]
    fn a_silence_is_measured_across_by_nothing() {
        let mut markouts = Markouts::default();
        markouts.on_mid(secs(0), 10_000.0);
        markouts.on_fill(secs(1), Side::Bid, Px(10_000), Sz(1));
        markouts.on_mid(secs(40), 9_000.0);
        markouts.on_mid(secs(50), 9_000.0);
        markouts.on_mid(secs(62), 9_000.0);
        let counted = markouts.table().map(|row| row.n);
        assert_eq!(counted, [1, 1, 1, 1, 0, 1]);
        markouts.on_fill(secs(90), Side::Bid, Px(10_000), Sz(1));
        assert_eq!(markouts.by_side_and_depth().unknown, 1);
    }

    /// A fill before a break counts as far as its mids are known, one in it nowhere, and those after it as ever.
    #[test]
    fn nothing_is_joined_across_a_break() {
        let mut markouts = Markouts::default();
        markouts.on_mid(secs(1), 10_000.0);
        markouts.on_fill(secs(2), Side::Bid, Px(9_999), Sz(1));
        markouts.on_mid(secs(3), 10_001.0);
        markouts.on_mid(secs(4), 10_001.0);
        markouts.on_gap();
        markouts.on_fill(secs(5), Side::Bid, Px(9_999), Sz(1));
        markouts.on_mid(secs(6), 9_000.0);
        markouts.on_mid(secs(80), 9_000.0);
        let counted = markouts.table().map(|at| at.n);
        assert_eq!(counted, [1, 1, 0, 0, 0, 0]);
        assert_eq!(markouts.by_side_and_depth().unknown, 1);
        markouts.on_fill(secs(81), Side::Bid, Px(8_999), Sz(1));
        markouts.on_mid(secs(83), 9_000.0);
        assert_eq!(markouts.table()[1].n, 2);
    }
}
