//! Sizes for a ladder: the strategy gives prices, sizes fill the room.
//!
//! ```text
//! room_bid = limit_use x Q_long - q - unreplaced bids        room_ask = limit_use x Q_short + q - unreplaced asks
//! size_i ~ weight_i = fill_rate_i x max(net_capture_i, 0)
//! ```
//!
//! The weights follow expected net edge per unit of risk. It is a heuristic: nothing proves it optimal.

mod side;

use serde::{Deserialize, Serialize};

use crate::filter::{Quote, ReduceOnly, Refusal, RefusalReason};
use crate::instrument::Instrument;
use crate::limits::{Decimal, LimitError, Limits, Range, mul_div};
use crate::units::{Px, Side, Sz, Usd};
use side::SidePlan;

/// One price that the strategy wants and what it promises there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LadderLevel {
    px: Px,
    weight: f64,
    net_capture_bps: f64,
}

impl LadderLevel {
    /// A level at `px` that fills `fill_rate` times a second (or in any other unit common to the
    /// ladder) and captures `net_capture_bps` after adverse selection and fee; that may be negative.
    ///
    /// # Errors
    /// [`LimitError::OutOfRange`] for a number that is not finite or beyond 1e12.
    pub fn new(px: Px, fill_rate: f64, net_capture_bps: f64) -> Result<Self, LimitError> {
        Range::NonNegative.check("fill_rate", fill_rate)?;
        Range::NonNegative.check("net_capture_bps", net_capture_bps.abs())?;
        Ok(Self {
            px,
            weight: fill_rate * net_capture_bps.max(0.0),
            net_capture_bps,
        })
    }

    /// Its price.
    #[must_use]
    pub const fn px(&self) -> Px {
        self.px
    }

    /// `fill_rate x max(net_capture, 0)`.
    #[must_use]
    pub const fn weight(&self) -> f64 {
        self.weight
    }
}

/// Margin that increasing orders of both sides share.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MarginLeft {
    /// Margin free for increasing orders, those that the plan replaces not taken out.
    pub free: Usd,
    /// Leverage they are margined at, positive.
    pub leverage: f64,
}

/// Whether one sweep may carry us far through zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SweepGuard {
    /// Holding a position, the reducing side's total stays within `|q| + target`.
    On,
    /// Only the room bounds it.
    Off,
}

/// What sizing depends on besides limit and levels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sizing {
    /// Signed position.
    pub position: Sz,
    /// The verdict on it.
    pub verdict: ReduceOnly,
    /// Own orders that this plan does not replace, `[bids, asks]`: orphans, dying cancels, in-flight
    /// places of an older plan. What the plan keeps or replaces is not counted.
    pub unreplaced: [Sz; 2],
    /// Lots wanted on a side, over all levels.
    pub target: Sz,
    /// Smallest order.
    pub min_level: Usd,
    /// Share of the limit that sizing uses, above 0, at most 1.
    pub limit_use_frac: f64,
    /// Bound of the reducing side beyond the room.
    pub sweep_guard: SweepGuard,
    /// `None`: margin is not checked here.
    pub margin_left: Option<MarginLeft>,
}

/// A sized ladder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ladder {
    /// Bids, then asks, each from the inside out.
    pub quotes: Vec<Quote>,
    /// Levels, or parts of a side, that got no order.
    pub refusals: Vec<Refusal>,
    /// Room of each side, `[bid, ask]`.
    pub rooms: [Sz; 2],
    /// What each side was to show in all, `[bid, ask]`.
    pub totals: [Sz; 2],
    /// What fell to each level by its weight, before small ones merged; bids, then asks.
    pub parts: Vec<Part>,
}

/// What of its side's total fell to a level by its weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Side.
    pub side: Side,
    /// Price.
    pub px: Px,
    /// Lots.
    pub sz: Sz,
}

/// Lots that may be quoted on each side, `[bid, ask]`, zero or more.
///
/// With the [`SweepGuard`] on and a position held, the reducing side's total stays within
/// `|q| + target`, so that one sweep cannot carry us far through zero; in reduce-only it stays within `|q|` and the other side has none.
#[must_use]
pub fn rooms(limits: &Limits, sizing: &Sizing) -> [Sz; 2] {
    let usable = Decimal::of(sizing.limit_use_frac);
    Side::BOTH.map(|side| {
        let mode = sizing.verdict.mode;
        if !mode.permits(side) {
            return Sz::ZERO;
        }
        // tidy: what no i64 holds is no room: the safe side
        let usable = narrow(usable.floor_times(wide(limits.of(side).0)));
        let held = side.signed(sizing.position);
        let reducible = (-held).max(Sz::ZERO);
        let room = if mode.is_reduce_only() {
            reducible
        } else if reducible > Sz::ZERO && sizing.sweep_guard == SweepGuard::On {
            (Sz(usable) - held).min(reducible + sizing.target)
        } else {
            Sz(usable) - held
        };
        (room - sizing.unreplaced[side.index()]).max(Sz::ZERO)
    })
}

/// Sizes the levels of each side, `[bids, asks]` in any order, so that they fill the room up to the target.
///
/// In reduce-only the reducing side offers the whole position. Prices are put on the grid (bids
/// down, asks up) and equal ones become one level; sizes are whole lots, cut toward zero, what is
/// left over joins the innermost level that has any. An order below `min_level` joins the next
/// level inward. A permitted side whose room holds it keeps at least one smallest order. Margin is
/// checked over the increasing orders of both sides together, at the dearest price of each.
#[must_use]
pub fn size_ladder(
    limits: &Limits,
    levels: [&[LadderLevel]; 2],
    sizing: &Sizing,
    instrument: &Instrument,
) -> Ladder {
    let mut ladder = Ladder {
        rooms: rooms(limits, sizing),
        ..Ladder::default()
    };
    let plans = Side::BOTH.map(|side| {
        let i = side.index();
        let mut plan = SidePlan::new(side, limits.of(side), sizing);
        plan.place(levels[i], instrument);
        plan.want(ladder.rooms[i], sizing.target);
        plan
    });
    for mut plan in within_margin(plans, sizing.margin_left) {
        ladder.totals[plan.side.index()] = plan.total;
        plan.distribute();
        ladder.parts.append(&mut plan.parts);
        ladder.quotes.append(&mut plan.quotes);
        ladder.refusals.append(&mut plan.refusals);
    }
    ladder
}

/// Scales what increases the position on either side by one factor, so that both fit the margin.
fn within_margin(mut plans: [SidePlan; 2], margin_left: Option<MarginLeft>) -> [SidePlan; 2] {
    let Some(margin) = margin_left else {
        return plans;
    };
    let free = u128::from(margin.free.0.max(0).unsigned_abs());
    let allowed = Decimal::of(margin.leverage).floor_times(free);
    let needed: u128 = plans
        .iter()
        .map(|plan| wide(plan.increasing().0) * wide(plan.dearest().0))
        .sum();
    if needed > allowed {
        for plan in &mut plans {
            let increasing = plan.increasing();
            let kept = mul_div(wide(increasing.0), allowed, needed);
            plan.cut(
                // tidy: kept is part of an i64; if not, all is cut
                increasing - Sz(narrow(kept)),
                RefusalReason::MarginLeft,
            );
        }
    }
    plans
}

fn wide(value: i64) -> u128 {
    u128::from(value.max(0).unsigned_abs())
}

fn narrow(value: u128) -> i64 {
    i64::try_from(value).expect("invariant: a share of lots is no more than the lots")
}

#[cfg(test)]
mod tests;
