//! Markouts of our own fills: what each earned against the mid before it, and how far the mid then went
//! against us. MODELS.md P1.2.
//!
//! The mid before a fill is the last one older than it: a book that carries the fill's own time already
//! shows what is left after it. The mid at a horizon is the last one that is not newer. Positive moves are against us;
//! what a fill realised is its half-spread less the move, so a move is a part of profit and loss and no cost
//! beside it.
//!
//! Fills whose horizons overlap share one move: of those only one counts for a standard error.

use std::collections::VecDeque;

use serde::Serialize;

use super::GAP;
use crate::units::{Dur, Px, Side, Sz, Time};

/// Horizons in milliseconds.
pub const HORIZONS_MS: [i64; 6] = [500, 1_000, 5_000, 10_000, 30_000, 60_000];
/// Distances from the mid that are told apart, bps: fills from each to the next.
pub const DEPTHS_BPS: [f64; 6] = [0.0, 0.5, 1.0, 2.0, 5.0, 10.0];

const HORIZONS: usize = HORIZONS_MS.len();
const DEPTHS: usize = DEPTHS_BPS.len();
/// All, `[bids, asks]`, then by depth.
const GROUPS: usize = 3 + DEPTHS;
/// Mids that are kept: fills are heard within a second or two of their time.
const MIDS_MAX: usize = 1_024;

/// What fills came to at one horizon.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Markout {
    /// Time after the fill, s.
    pub horizon_s: f64,
    /// Fills resolved.
    pub n: u64,
    /// Mean move against us by count, bps of the mid before the fill; `None` without a fill.
    pub mean_bps: Option<f64>,
    /// Its standard error, from moves that do not overlap; `None` below two of them.
    pub se_bps: Option<f64>,
    /// Mean move weighted by notional; `None` without a fill.
    pub notional_mean_bps: Option<f64>,
    /// Its standard error.
    pub notional_se_bps: Option<f64>,
    /// What the same fills earned against the mid before them, by notional: the effective half-spread.
    pub half_spread_bps: Option<f64>,
    /// That less the move, by notional: the realised half-spread.
    pub realized_bps: Option<f64>,
}

/// Fills between two distances from the mid before them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AtDepth {
    /// From, bps; the first has what was filled across the mid too.
    pub from_bps: f64,
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
    /// Fills before which no mid was known, or only one from before a silence: in none of them.
    pub unknown: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Pending {
    at: Time,
    side: Side,
    mid: f64,
    half_spread_bps: f64,
    notional_usd: f64,
    next: usize,
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
    /// Moves that do not overlap, and when the newest of them began.
    apart: u64,
    began: Option<Time>,
}

impl Sums {
    fn add(&mut self, fill: &Pending, horizon: Dur, moved: f64) {
        let weight = fill.notional_usd;
        self.n += 1;
        self.moved += moved;
        self.squared += moved * moved;
        self.weight += weight;
        self.weighted += weight * moved;
        self.weight_squared += weight * weight;
        self.weight_squared_moved += weight * weight * moved;
        self.weight_squared_squared += weight * weight * moved * moved;
        self.half_spread += weight * fill.half_spread_bps;
        if self
            .began
            .is_none_or(|began| fill.at.since(began) >= horizon)
        {
            self.began = Some(fill.at);
            self.apart += 1;
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of fills")]
    fn shown(&self, horizon_ms: i64) -> Markout {
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
            mean_bps: some(mean),
            se_bps: enough(libm::sqrt(variance / (apart - 1.0))),
            notional_mean_bps: some(notional_mean),
            notional_se_bps: enough(libm::sqrt(alone * n / (apart - 1.0))),
            half_spread_bps: some(half_spread),
            realized_bps: some(half_spread - notional_mean),
        }
    }
}

/// Collects fills and resolves them as mids come.
#[derive(Clone, Debug, Default)]
pub struct Markouts {
    mids: VecDeque<(Time, f64)>,
    pending: VecDeque<Pending>,
    sums: [[Sums; HORIZONS]; GROUPS],
    unknown: u64,
}

impl Markouts {
    /// A mid, lattice units, that holds from `exch` on.
    pub fn on_mid(&mut self, exch: Time, mid: f64) {
        let newest = self.mids.back().map(|(at, _)| *at);
        if newest.is_some_and(|newest| exch < newest) {
            return;
        }
        self.resolve(exch, |due| due < exch);
        if newest == Some(exch) {
            self.mids.pop_back();
        } else if self.mids.len() == MIDS_MAX {
            self.mids.pop_front();
        }
        self.mids.push_back((exch, mid));
    }

    /// One of our quotes traded. Without a mid before it there is no markout.
    pub fn on_fill(&mut self, at: Time, side: Side, px: Px, sz: Sz) {
        let before = self.mids.partition_point(|(known, _)| *known < at);
        let Some((known, mid)) = before.checked_sub(1).map(|index| self.mids[index]) else {
            self.unknown += 1;
            return;
        };
        if at.since(known) > GAP {
            self.unknown += 1;
            return;
        }
        let fill = Pending {
            at,
            side,
            mid,
            half_spread_bps: sign(side) * (mid - px.as_f64()) / mid * 1e4,
            notional_usd: (px * sz).as_f64(),
            next: 0,
        };
        let later = self.pending.partition_point(|other| other.at <= at);
        self.pending.insert(later, fill);
    }

    /// Nothing more comes: the newest mid held until `end`.
    pub fn end(&mut self, end: Time) {
        self.resolve(end, |due| due <= end);
    }

    /// Every horizon that is `over` has the mid that held then.
    fn resolve(&mut self, now: Time, over: impl Fn(Time) -> bool) {
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
    }

    fn add(&mut self, fill: &Pending, horizon: Dur, due: Time) {
        let known = self.mids.partition_point(|(at, _)| *at <= due);
        let Some((since, mid)) = known.checked_sub(1).map(|index| self.mids[index]) else {
            return;
        };
        if due.since(since) > GAP {
            return;
        }
        let moved = -sign(fill.side) * (mid - fill.mid) / fill.mid * 1e4;
        let depth = DEPTHS_BPS.partition_point(|from| *from <= fill.half_spread_bps);
        let groups = [0, 1 + fill.side.index(), 3 + depth.max(1) - 1];
        for group in groups {
            self.sums[group][fill.next].add(fill, horizon, moved);
        }
    }

    /// All fills, shortest horizon first.
    #[must_use]
    pub fn table(&self) -> [Markout; HORIZONS] {
        self.group(0)
    }

    /// By side, and by distance from the mid before the fill.
    #[must_use]
    pub fn by_side_and_depth(&self) -> BySideAndDepth {
        let depths = DEPTHS_BPS.iter().enumerate().map(|(depth, from)| AtDepth {
            from_bps: *from,
            markouts: self.group(3 + depth),
        });
        BySideAndDepth {
            bid: self.group(1),
            ask: self.group(2),
            depths: depths.filter(|at| at.markouts[0].n > 0).collect(),
            unknown: self.unknown,
        }
    }

    fn group(&self, group: usize) -> [Markout; HORIZONS] {
        core::array::from_fn(|at| self.sums[group][at].shown(HORIZONS_MS[at]))
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
}
