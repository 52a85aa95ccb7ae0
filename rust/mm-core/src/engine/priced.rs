//! What the prices and sizes of a cycle were made from, and what each wanted size is made of.

use serde::Serialize;

use super::Engine;
use super::evidence::RestedOn;
use crate::diff::Tolerance;
use crate::filter::Quote;
use crate::ladder::{Ladder, Part};
use crate::limits::Limits;
use crate::quote::{Beliefs, EdgeFrom, RawLadder};
use crate::solved::Solved;
use crate::units::{Px, Side, Sz};

/// What the prices of a cycle were made from, beside the costs that their terms name.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PricedFrom {
    /// Position over the limit of its side, -1..=1.
    pub inventory_frac: f64,
    /// The same in units.
    pub inventory_units: f64,
    /// A unit, the size of one level: the limit over `limit_units`, lots.
    pub unit_lots: f64,
    /// The limit in units: levels over `target_liquidity_frac`.
    pub limit_units: f64,
    /// Where the edge comes from.
    pub edge_from: EdgeFrom,
    /// The model in force; `None`: what is configured is quoted, as in the opening phase.
    pub solved: Option<Solved>,
}

/// What the sizes of a cycle were made from. Pairs are `[bids, asks]`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SizedFrom {
    /// The larger of both limits.
    pub limit: Sz,
    /// What the regime multiplies the target by.
    pub regime_frac: f64,
    /// What a side is to show in all: a share of that, or in the opening phase the smallest order.
    pub target: Sz,
    /// The smallest order.
    pub smallest: Sz,
    /// What each side may show.
    pub rooms: [Sz; 2],
    /// What of the target fits.
    pub totals: [Sz; 2],
    /// What a burst of fills leaves of it.
    pub burst_frac: [f64; 2],
}

/// What prices rest on, as journalled.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Estimates {
    /// What quotes are centred on, USDC; `None`: there is no book.
    pub fair: Option<f64>,
    /// Volatility of quotes, bps per square root of a second; `None`: not ready.
    pub sigma_bps: Option<f64>,
    /// Fill rate at no distance, 1/s.
    pub arrival_per_s: f64,
    /// Its decay, 1/bps.
    pub kappa_per_bps: f64,
    /// Risk aversion, 1/(bps x unit); `None`: no model is in force.
    pub gamma: Option<f64>,
    /// Position in units; `None`: nothing was priced.
    pub inventory_units: Option<f64>,
    /// What each estimate that is used rested on.
    pub rested_on: Vec<RestedOn>,
}

/// What is known of how the last cycle came to its sizes.
#[derive(Clone, Debug, Default)]
pub(super) struct Sizes {
    pub(super) from: Option<SizedFrom>,
    parts: Vec<Part>,
    /// After small ones merged.
    merged: Vec<Quote>,
}

/// What the size of one order is made of, lots: the sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SizeTrace {
    /// What fell to its level by its weight: fill rate times what a fill captures.
    pub by_weight: Sz,
    /// Of levels that were too small alone.
    pub merged: Sz,
    /// Of an order that recovery, or the end of trading, brought to the touch.
    pub at_touch: Sz,
    /// What control, or a filter, took off it: 0 or less.
    pub cut: Sz,
    /// Between what is wanted and what rests: within the tolerance, filled, or waiting to change.
    pub kept: Sz,
}

/// What the last cycle made its prices and sizes from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PricingShown {
    /// Of prices; `None`: it made none.
    pub priced_from: Option<PricedFrom>,
    /// Of sizes; `None`: it made none.
    pub sized_from: Option<SizedFrom>,
    /// How far orders may be from what is wanted, `[bids, asks]`.
    pub tolerance: [Option<ToleranceShown>; 2],
}

/// How far an order may be from what is wanted and stay.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ToleranceShown {
    /// In price.
    pub px: Px,
    /// The same, bps of the fair price.
    pub bps: f64,
    /// Of the wanted size.
    pub sz_frac: f64,
    /// Nearer than this none stays: a fill would lose. `None`: nobody knows where.
    pub break_even: Option<Px>,
}

impl ToleranceShown {
    pub(super) fn of(tolerance: &Tolerance, fair_px: f64) -> Self {
        Self {
            px: tolerance.px,
            bps: tolerance.px.as_f64() / fair_px * 1e4,
            sz_frac: tolerance.sz_frac,
            break_even: tolerance.break_even,
        }
    }
}

impl Sizes {
    /// Of an order of `sz` lots that stands for `wanted`; `None`: no size was given to that price, nor is it
    /// `at_touch`.
    pub(super) fn of(&self, wanted: &Quote, at_touch: bool, sz: Sz) -> Option<SizeTrace> {
        let is_there = |side: Side, px: Px| side == wanted.side && px == wanted.px;
        let kept = sz - wanted.sz;
        if at_touch {
            return Some(SizeTrace {
                at_touch: wanted.sz,
                kept,
                ..SizeTrace::default()
            });
        }
        let part = self.parts.iter().find(|one| is_there(one.side, one.px))?;
        let merged = self.merged.iter().find(|one| is_there(one.side, one.px))?;
        Some(SizeTrace {
            by_weight: part.sz,
            merged: merged.sz - part.sz,
            at_touch: Sz::ZERO,
            cut: wanted.sz - merged.sz,
            kept,
        })
    }
}

impl Engine {
    /// What prices are made from under these limits.
    pub(super) fn priced_from(
        &self,
        beliefs: &Beliefs,
        raw: &RawLadder,
        limits: &Limits,
    ) -> PricedFrom {
        let limit_units = self.limit_units();
        let limit = limits.for_position(self.own.position());
        PricedFrom {
            inventory_frac: beliefs.inventory,
            inventory_units: beliefs.inventory * limit_units,
            unit_lots: limit.as_f64() / limit_units,
            limit_units,
            edge_from: raw.edge_from,
            solved: raw.solved,
        }
    }

    pub(super) const fn shown_pricing(&self) -> PricingShown {
        PricingShown {
            priced_from: self.pricing.from,
            sized_from: self.pricing.sizes.from,
            tolerance: self.pricing.tolerance,
        }
    }

    /// What prices rest on.
    pub(super) fn estimates(&self) -> Estimates {
        let (learned, from) = (self.market.models.learned(), self.pricing.from);
        Estimates {
            fair: self.fair_px().map(|px| px / self.instrument.px_scale()),
            sigma_bps: self.sigma_for_quotes().map(|sigma| sigma * 1e4),
            arrival_per_s: learned.arrival_per_s,
            kappa_per_bps: learned.kappa_per_bps,
            gamma: from.and_then(|from| Some(from.solved?.gamma())),
            inventory_units: from.map(|from| from.inventory_units),
            rested_on: self.rested_on(),
        }
    }

    /// Keeps how sizes came about.
    pub(super) fn keep_sizes(&mut self, limits: &Limits, target: Sz, smallest: Sz, of: &Ladder) {
        self.pricing.sizes = Sizes {
            from: Some(SizedFrom {
                limit: limits.long().max(limits.short()),
                regime_frac: self.regime_size(),
                target,
                smallest,
                rooms: of.rooms,
                totals: of.totals,
                burst_frac: Side::BOTH.map(|side| self.share_of(side)),
            }),
            parts: of.parts.clone(),
            merged: of.quotes.clone(),
        };
    }
}
