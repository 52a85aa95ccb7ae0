//! Adverse selection by depth, from the public tape: how far the mid goes on in a taker's direction after
//! sweeps that came to a distance. MODELS.md P1.2b.
//!
//! A maker at `delta` earns `delta - move - fee` of a sweep that reaches it, where `move` is the mid's
//! signed move from before the sweep until a horizon after it, bps. `AS(delta)` is the mean move over the
//! sweeps that came to `delta` or further. It cannot fall with depth except by chance, so it is made monotone by
//! pooling neighbours (Barlow et al. 1972, weights the effective numbers); a pool's error is that of its mean.
//!
//! Moves of sweeps that follow each other within a horizon are one and the same move: of those only one
//! counts for the standard error.
//!
//! Their effective number falls in silence, and errors widen with it.

use std::collections::VecDeque;

use serde::Serialize;

use super::decay::{Left, log_move};
use super::sweep::Sweep;
use super::{Evidence, GAP, effective};
use crate::units::{Dur, SECOND, Side, Time};

/// Times after a sweep, s.
pub const HORIZONS_S: [i64; 3] = [1, 5, 30];
/// Distances that are told apart, bps: sweeps that came to each or further.
pub const DEPTHS_BPS: [f64; 16] = [
    0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0, 14.0, 20.0, 30.0, 50.0, 70.0, 100.0,
];
/// How many.
pub const DEPTHS: usize = DEPTHS_BPS.len();
/// Sweeps that wait for their horizons; more than half a minute of the busiest tape.
const WAITING_MAX: usize = 4096;

/// What is known of the cost at one distance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Cost {
    /// Mean move against a maker, bps.
    pub mean_bps: f64,
    /// Its standard error, bps.
    pub se_bps: f64,
    /// Effective number of moves that do not overlap, forgotten until now.
    pub n: f64,
    /// End of the newest one, exchange time.
    pub as_of: Time,
}

impl Cost {
    /// What it rests on: there is none of fewer than two moves.
    #[must_use]
    pub const fn evidence(&self) -> Evidence {
        Evidence {
            n: self.n,
            as_of: Some(self.as_of),
            ready: true,
        }
    }

    /// The mean, pulled to a prior that is worth `n0` moves, bps.
    #[must_use]
    pub fn shrunk_bps(&self, prior_bps: f64, n0: f64) -> f64 {
        (self.n * self.mean_bps + n0 * prior_bps) / (self.n + n0)
    }
}

/// Decayed sums of moves: of those after sweeps that came to one distance or further, or after our own fills.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sums {
    as_of: Time,
    weight: f64,
    moved: f64,
    squared: f64,
    /// The same weights, and their squares, of moves that do not overlap, and what the newest of them weighs.
    apart: f64,
    apart_squared: f64,
    latest: f64,
    /// When the newest that counts as apart began.
    began: Option<Time>,
    /// End of the newest move.
    newest: Time,
}

impl Sums {
    pub(super) fn decay(&mut self, now: Time, left: &mut Left) {
        let by = left.after(now.since(self.as_of));
        for sum in [
            &mut self.weight,
            &mut self.moved,
            &mut self.squared,
            &mut self.apart,
            &mut self.latest,
        ] {
            *sum *= by;
        }
        self.apart_squared *= by * by;
        self.as_of = self.as_of.max(now);
    }

    pub(super) fn add(&mut self, begin: Time, horizon: Dur, move_bps: f64) {
        self.weight += 1.0;
        self.moved += move_bps;
        self.squared += move_bps * move_bps;
        self.newest = self.newest.max(begin.plus(horizon));
        if self.began.is_none_or(|began| begin.since(began) >= horizon) {
            self.began = Some(begin);
            self.apart += 1.0;
            self.apart_squared += 1.0;
            self.latest = 1.0;
        }
    }

    pub(super) fn cost(&self) -> Option<Cost> {
        self.cost_of(1.0)
    }

    /// The cost as of `now`, decayed or not: only the number depends on it.
    fn cost_at(&self, now: Time, left: &mut Left) -> Option<Cost> {
        self.cost_of(left.after(now.since(self.as_of)))
    }

    fn cost_of(&self, left: f64) -> Option<Cost> {
        let n = left * effective(self.apart, self.apart_squared, self.latest);
        if !(n >= 2.0 && self.weight > 0.0) {
            return None;
        }
        let each = 1.0 / self.weight;
        let mean_bps = self.moved * each;
        let variance = (self.squared * each - mean_bps * mean_bps).max(0.0);
        Some(Cost {
            mean_bps,
            se_bps: libm::sqrt(variance / (n - 1.0)),
            n,
            as_of: self.newest,
        })
    }
}

/// Adverse selection by depth, side and horizon.
#[derive(Clone, Debug, PartialEq)]
pub struct AdverseSelection {
    half_life_s: f64,
    /// By maker's side, horizon and depth.
    sums: [[[Sums; DEPTHS]; HORIZONS_S.len()]; 2],
    /// Of all moves by maker's side and horizon, added up, the share of each in the farthest sums that it is in: no
    /// other sums have so much that is new.
    news: [[f64; HORIZONS_S.len()]; 2],
    /// Oldest first.
    waiting: VecDeque<Sweep>,
    /// Of them, from the oldest, those whose move to each horizon is known: a mid costs no look at the rest.
    resolved: [usize; HORIZONS_S.len()],
    /// When the first horizon that is not ends: mids before that end none.
    due: Option<Time>,
    mid: Option<(Time, f64)>,
}

impl AdverseSelection {
    /// Nothing seen yet; `half_life_s` of the forgetting, s.
    #[must_use]
    pub fn new(half_life_s: f64) -> Self {
        Self {
            half_life_s,
            sums: [[[Sums::default(); DEPTHS]; HORIZONS_S.len()]; 2],
            news: [[0.0; HORIZONS_S.len()]; 2],
            waiting: VecDeque::new(),
            resolved: [0; HORIZONS_S.len()],
            due: None,
            mid: None,
        }
    }

    /// A sweep that ended: its moves are waited for.
    pub fn observe(&mut self, sweep: &Sweep) {
        if self.waiting.len() == WAITING_MAX {
            self.forget_oldest(1);
        }
        // One told late takes its place among those that wait for the shortest horizon.
        let place = self.waiting.partition_point(|one| one.exch <= sweep.exch);
        let place = place.max(self.resolved[0]);
        self.waiting.insert(place, *sweep);
        self.due = self.next_due();
    }

    /// A newer mid, lattice units: horizons that ended before it had the mid before it.
    pub fn on_mid(&mut self, exch: Time, mid: f64) {
        if let Some((since, before)) = self.mid
            && since < exch
            && self.due.is_some_and(|due| due < exch)
        {
            self.resolve(since, before, exch);
        }
        self.mid = Some((exch, mid));
    }

    /// The stream broke: what waits is never known.
    pub fn forget_waiting(&mut self) {
        self.forget_oldest(self.waiting.len());
        self.mid = None;
    }

    fn forget_oldest(&mut self, count: usize) {
        self.waiting.drain(..count);
        self.resolved = self.resolved.map(|known| known.saturating_sub(count));
        self.due = self.next_due();
    }

    fn next_due(&self) -> Option<Time> {
        let next = HORIZONS_S.iter().zip(self.resolved);
        let due = next.filter_map(|(horizon_s, known)| {
            let sweep = self.waiting.get(known)?;
            Some(sweep.exch.plus(Dur(horizon_s * SECOND)))
        });
        due.min()
    }

    fn resolve(&mut self, since: Time, mid: f64, now: Time) {
        for (at, horizon_s) in HORIZONS_S.into_iter().enumerate() {
            let horizon = Dur(horizon_s * SECOND);
            while let Some(&sweep) = self.waiting.get(self.resolved[at]) {
                let due = sweep.exch.plus(horizon);
                if due >= now {
                    break;
                }
                if due.since(since) <= GAP {
                    self.add(at, horizon, &sweep, mid);
                }
                self.resolved[at] += 1;
            }
        }
        // The longest horizon is the last to be known.
        let [.., over] = self.resolved;
        if over > 0 {
            self.forget_oldest(over);
        } else {
            self.due = self.next_due();
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "sign is -1 or 1")]
    fn add(&mut self, horizon_index: usize, horizon: Dur, sweep: &Sweep, mid: f64) {
        let move_bps = log_move(sweep.mid, mid) * sweep.side.sign() as f64 * 1e4;
        let maker = sweep.side.opposite();
        let mut left = Left::new(self.half_life_s);
        let cells = &mut self.sums[maker.index()][horizon_index];
        let mut share = 0.0;
        for (cell, depth) in cells.iter_mut().zip(DEPTHS_BPS) {
            if depth > sweep.reach_bps.max(0.0) {
                break;
            }
            cell.decay(sweep.exch.plus(horizon), &mut left);
            cell.add(sweep.exch, horizon, move_bps);
            share = 1.0 / cell.weight;
        }
        self.news[maker.index()][horizon_index] += share;
    }

    /// What a maker on `side` at each of `DEPTHS_BPS` loses to sweeps that reach it, at a horizon of
    /// `HORIZONS_S`; `None` where fewer than two moves apart are known.
    #[must_use]
    pub fn curve(&self, side: Side, horizon: usize, now: Time) -> [Option<Cost>; DEPTHS] {
        let mut left = Left::new(self.half_life_s);
        let sums = &self.sums[side.index()][horizon];
        let mut costs = core::array::from_fn(|depth| sums[depth].cost_at(now, &mut left));
        make_monotone(&mut costs);
        costs
    }

    /// Grows by how much of any depth's sums is new.
    pub(super) const fn news(&self, side: Side, horizon: usize) -> f64 {
        self.news[side.index()][horizon]
    }

    /// Until when silence alone leaves all but a hundredth of what is known `now`.
    pub(super) fn alike_until(&self, now: Time) -> Time {
        now.plus(Dur::from_secs(
            0.01 / core::f64::consts::LN_2 * self.half_life_s,
        ))
    }

    /// The cost at one distance: between two known ones in proportion, beyond the last known one nothing.
    #[must_use]
    pub fn cost(&self, side: Side, horizon: usize, delta_bps: f64, now: Time) -> Option<Cost> {
        let curve = self.curve(side, horizon, now);
        let above = DEPTHS_BPS.iter().position(|depth| *depth >= delta_bps)?;
        let far = curve[above]?;
        let Some(near) = above.checked_sub(1).and_then(|below| curve[below]) else {
            return Some(far);
        };
        let share =
            (delta_bps - DEPTHS_BPS[above - 1]) / (DEPTHS_BPS[above] - DEPTHS_BPS[above - 1]);
        let mix = |near: f64, far: f64| near + share * (far - near);
        Some(Cost {
            mean_bps: mix(near.mean_bps, far.mean_bps),
            se_bps: mix(near.se_bps, far.se_bps),
            n: near.n.min(far.n),
            as_of: far.as_of,
        })
    }
}

/// Neighbours of one mean.
#[derive(Clone, Copy)]
struct Pool {
    count: usize,
    weight: f64,
    mean_bps: f64,
    /// Sum of `(n se)^2`.
    squared: f64,
    /// Variance of the sum of all `n mean`.
    variance: f64,
}

impl Pool {
    fn of(cost: &Cost) -> Self {
        let squared = (cost.n * cost.se_bps) * (cost.n * cost.se_bps);
        Self {
            count: 1,
            weight: cost.n,
            mean_bps: cost.mean_bps,
            squared,
            variance: squared,
        }
    }

    /// What came to a distance came to every nearer one too: two means `i`, `j` of which `j` is the further have the
    /// covariance `se_j^2 n_j / n_i`, so that its `(n_j se_j)^2` stands twice for each that is nearer.
    #[expect(clippy::cast_precision_loss, reason = "a few distances")]
    fn joined(self, further: Self) -> Self {
        let weight = self.weight + further.weight;
        let moved = self.weight * self.mean_bps + further.weight * further.mean_bps;
        let shared = 2.0 * self.count as f64 * further.squared;
        Self {
            count: self.count + further.count,
            weight,
            mean_bps: moved / weight,
            squared: self.squared + further.squared,
            variance: self.variance + further.variance + shared,
        }
    }

    fn se_bps(&self) -> f64 {
        libm::sqrt(self.variance) / self.weight
    }
}

/// Pools neighbours until no mean falls with depth. A pool has one mean and its error; `n` stays that of each depth.
fn make_monotone(costs: &mut [Option<Cost>; DEPTHS]) {
    let falls = |pair: (&Cost, &Cost)| pair.1.mean_bps < pair.0.mean_bps;
    let further = costs.iter().flatten().skip(1);
    if !costs.iter().flatten().zip(further).any(falls) {
        return;
    }
    let mut pools: Vec<Pool> = Vec::with_capacity(DEPTHS);
    for cost in costs.iter().flatten() {
        let mut pool = Pool::of(cost);
        while let Some(nearer) = pools.last().copied()
            && pool.mean_bps < nearer.mean_bps
        {
            pools.pop();
            pool = nearer.joined(pool);
        }
        pools.push(pool);
    }
    let each = pools
        .iter()
        .flat_map(|pool| core::iter::repeat_n(pool, pool.count));
    for (cost, pool) in costs.iter_mut().flatten().zip(each) {
        cost.mean_bps = pool.mean_bps;
        if pool.count > 1 {
            cost.se_bps = pool.se_bps();
        }
    }
}
