//! One side of a ladder while it is being sized.

use super::{LadderLevel, Part, Sizing};
use crate::filter::{Quote, ReduceOnly, ReduceOnlyReason, Refusal, RefusalReason, reaches};
use crate::instrument::{Instrument, Round};
use crate::units::{Px, Side, Sz, Usd};

/// Levels, total and verdict of a side; at the end its orders and what got none.
pub(super) struct SidePlan {
    pub(super) side: Side,
    limit: Sz,
    verdict: ReduceOnly,
    min_level: Usd,
    /// `|q|` where the side reduces it, else zero.
    held: Sz,
    /// Lots of the plan that only reduce: what unreplaced orders leave of `held`.
    reducible: Sz,
    pub(super) total: Sz,
    /// On the grid, from the inside out, no two alike.
    levels: Vec<LadderLevel>,
    pub(super) quotes: Vec<Quote>,
    /// What fell to each by its weight.
    pub(super) parts: Vec<Part>,
    pub(super) refusals: Vec<Refusal>,
}

impl SidePlan {
    pub(super) fn new(side: Side, limit: Sz, sizing: &Sizing) -> Self {
        let held = (-side.signed(sizing.position)).max(Sz::ZERO);
        Self {
            side,
            limit,
            verdict: sizing.verdict,
            min_level: sizing.min_level,
            held,
            reducible: (held - sizing.unreplaced[side.index()]).max(Sz::ZERO),
            total: Sz::ZERO,
            levels: Vec::new(),
            quotes: Vec::new(),
            parts: Vec::new(),
            refusals: Vec::new(),
        }
    }

    /// Puts the levels on the grid, best first, equal prices made one.
    pub(super) fn place(&mut self, levels: &[LadderLevel], instrument: &Instrument) {
        self.levels.reserve_exact(levels.len());
        self.quotes.reserve_exact(levels.len());
        self.parts.reserve_exact(levels.len());
        let round = match self.side {
            Side::Bid => Round::Down,
            Side::Ask => Round::Up,
        };
        for level in levels {
            // Snapping leaves no illegal price but zero and below.
            let px = instrument.snap_px(level.px, round);
            if px > Px::ZERO {
                self.levels.push(LadderLevel { px, ..*level });
            } else {
                self.refuse(level.px, Sz::ZERO, RefusalReason::Px);
            }
        }
        let sign = self.side.sign();
        self.levels.sort_by_key(|level| -sign * level.px.0);
        self.levels.dedup_by(|later, first| {
            let same = later.px == first.px;
            if same {
                first.weight += later.weight;
                first.net_capture_bps = first.net_capture_bps.max(later.net_capture_bps);
            }
            same
        });
    }

    /// Sets the total: the target within the room, one smallest order where the room holds it; all
    /// of the room in reduce-only.
    pub(super) fn want(&mut self, room: Sz, target: Sz) {
        let mode = self.verdict.mode;
        let barred = if !mode.permits(self.side) {
            let reason = self.verdict.reason.unwrap_or(ReduceOnlyReason::Control);
            Some(reason.into())
        } else if room == Sz::ZERO {
            Some(RefusalReason::Room)
        } else {
            None
        };
        if let Some(reason) = barred {
            for level in std::mem::take(&mut self.levels) {
                self.refuse(level.px, Sz::ZERO, reason);
            }
        } else if mode.is_reduce_only() {
            self.total = room;
        } else {
            self.total = target.max(self.smallest_order()).min(room);
        }
    }

    /// Takes `lots` off the total.
    pub(super) fn cut(&mut self, lots: Sz, reason: RefusalReason) {
        if lots > Sz::ZERO {
            self.total -= lots;
            let outermost = self.levels.last().map_or(Px::ZERO, LadderLevel::px);
            self.refuse(outermost, lots, reason);
        }
    }

    /// Highest price of the side.
    pub(super) fn dearest(&self) -> Px {
        self.levels
            .iter()
            .map(LadderLevel::px)
            .max()
            .unwrap_or(Px::ZERO)
    }

    /// Lots of the total that build a position.
    pub(super) fn increasing(&self) -> Sz {
        (self.total - self.reducible).max(Sz::ZERO)
    }

    /// Shares the total out by weight and makes orders of what is large enough.
    pub(super) fn distribute(&mut self) {
        let levels = std::mem::take(&mut self.levels);
        if levels.is_empty() {
            return;
        }
        let sizes = self.sizes(&levels);
        for (level, sz) in levels.iter().zip(sizes) {
            if sz > Sz::ZERO {
                let reduce_only = self.verdict.mode.is_reduce_only();
                self.parts.push(Part {
                    side: self.side,
                    px: level.px,
                    sz,
                });
                self.quotes.push(Quote {
                    side: self.side,
                    px: level.px,
                    sz,
                    reduce_only,
                });
            } else if level.weight > 0.0 {
                self.refuse(level.px, Sz::ZERO, RefusalReason::Merged);
            } else {
                self.refuse(level.px, Sz::ZERO, RefusalReason::NoCapture);
            }
        }
        self.merge_small();
    }

    /// Sizes by weight. Where no level has any: in reduce-only everything at the innermost, else one
    /// smallest order at the level that captures most.
    fn sizes(&self, levels: &[LadderLevel]) -> Vec<Sz> {
        let whole: f64 = levels.iter().map(LadderLevel::weight).sum();
        if whole > 0.0 {
            return shares(levels, self.total, whole);
        }
        let (chosen, sz) = if self.verdict.mode.is_reduce_only() {
            (0, self.total)
        } else {
            (
                best_capture(levels),
                smallest_order(levels, self.min_level).min(self.total),
            )
        };
        (0..levels.len())
            .map(|i| if i == chosen { sz } else { Sz::ZERO })
            .collect()
    }

    /// Moves what is below the smallest order inward; the innermost, having no inward, outward. Alone
    /// it stands only where it closes the whole position, which the venue allows.
    fn merge_small(&mut self) {
        for i in (1..self.quotes.len()).rev() {
            if !reaches(&self.quotes[i], self.min_level) {
                self.join(i, i - 1);
            }
        }
        let Some(&first) = self.quotes.first() else {
            return;
        };
        if reaches(&first, self.min_level) {
            return;
        }
        if self.quotes.len() > 1 {
            self.join(0, 1);
        } else if !(first.reduce_only && first.sz == self.held) {
            self.quotes.clear();
            self.refuse(first.px, first.sz, RefusalReason::MinNotional);
        }
    }

    fn join(&mut self, from: usize, into: usize) {
        let moved = self.quotes[from];
        self.quotes[into].sz += moved.sz;
        self.quotes.remove(from);
        self.refuse(moved.px, moved.sz, RefusalReason::Merged);
    }

    fn smallest_order(&self) -> Sz {
        smallest_order(&self.levels, self.min_level)
    }

    fn refuse(&mut self, px: Px, sz: Sz, reason: RefusalReason) {
        let Self { side, limit, .. } = *self;
        self.refusals.push(Refusal {
            side,
            px,
            sz,
            reason,
            limit,
        });
    }
}

/// Lots that are worth `min_level` at the lowest of the prices.
fn smallest_order(levels: &[LadderLevel], min_level: Usd) -> Sz {
    let lowest = levels
        .iter()
        .map(LadderLevel::px)
        .min()
        .map_or(1, |px| px.0);
    Sz((min_level.0 + lowest - 1) / lowest)
}

/// The level that captures most; of equal ones the outermost.
fn best_capture(levels: &[LadderLevel]) -> usize {
    let mut best = 0;
    for (i, level) in levels.iter().enumerate() {
        if level.net_capture_bps >= levels[best].net_capture_bps {
            best = i;
        }
    }
    best
}

/// Whole lots by weight, cut toward zero; the lots left over join the innermost level with weight.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a share of a total below 2^53"
)]
fn shares(levels: &[LadderLevel], total: Sz, whole: f64) -> Vec<Sz> {
    let mut left = total;
    let mut sizes: Vec<Sz> = levels
        .iter()
        .map(|level| {
            let share = Sz((total.as_f64() * (level.weight / whole)) as i64).min(left);
            left -= share;
            share
        })
        .collect();
    if let Some(first) = levels.iter().position(|level| level.weight > 0.0) {
        sizes[first] += left;
    }
    sizes
}
