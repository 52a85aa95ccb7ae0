//! The terms of every price that is out there: what the model asked, and what became of it on the way.
//!
//! What an order stands for is what the plan of its side paired it with, and no other price.

use serde::Serialize;

use super::priced::{PricedFrom, SizeTrace, Sizes, ToleranceShown};
use super::{Engine, ShownOrder};
use crate::action::{Cloid, Tif};
use crate::control::Phase;
use crate::diff::{Because, Pair};
use crate::filter::Quote;
use crate::orders::Order;
use crate::quote::{RawLadder, SpreadTrace};
use crate::units::{Px, Side};

/// What the last cycle wanted, and the model's ladder that it came from.
#[derive(Clone, Debug, Default)]
pub(super) struct Pricing {
    /// Our estimate of price, lattice units; `None` without a book.
    pub(super) fair_px: Option<f64>,
    pub(super) from: Option<PricedFrom>,
    pub(super) model: RawLadder,
    pub(super) sizes: Sizes,
    /// Of each side's plan.
    pub(super) tolerance: [Option<ToleranceShown>; 2],
    /// What our orders stand for; one that is not here stands for nothing.
    stands: Vec<(Cloid, Quote, Stands)>,
}

/// What became of an order in the last cycle, against what is wanted in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stands {
    /// It was placed.
    New,
    /// It was moved there.
    Moved,
    /// It is near enough and stays.
    Kept,
    /// It waits for an answer: until then nothing can be done about it.
    Unanswered,
    /// It is to move, and waits for requests.
    Withheld,
    /// It is to move, and may not now: the refusals say why.
    Refused,
    /// Nothing is wanted in its place.
    Unwanted,
}

impl Pricing {
    /// Before a cycle has decided on anything.
    pub(super) fn at(fair_px: Option<f64>) -> Self {
        Self {
            fair_px,
            ..Self::default()
        }
    }

    /// Takes what a side's plan pairs. What is to be amended waits, until it is.
    pub(super) fn pair(&mut self, pairs: &[Pair]) {
        let stands = |because| match because {
            Because::Near => Stands::Kept,
            Because::Unanswered => Stands::Unanswered,
            Because::Amended => Stands::Withheld,
        };
        let pairs = pairs.iter();
        self.stands
            .extend(pairs.map(|pair| (pair.cloid, pair.wanted, stands(pair.because))));
    }

    /// Says what became of an order that is to be `wanted`.
    pub(super) fn became(&mut self, cloid: Cloid, wanted: &Quote, stands: Stands) {
        self.stands.retain(|(known, ..)| *known != cloid);
        self.stands.push((cloid, *wanted, stands));
    }

    fn stands_for(&self, cloid: Cloid) -> Option<(Quote, Stands)> {
        let mut all = self.stands.iter();
        let found = all.find(|(known, ..)| *known == cloid)?;
        Some((found.1, found.2))
    }

    /// Whether the model has a level there; what has none was brought to the touch.
    fn has_level(&self, quote: &Quote) -> bool {
        let mut levels = self.model.levels.iter();
        levels.any(|level| level.side == quote.side && level.px == quote.px)
    }
}

/// The prices of a side that is quoted: the terms common to them, then those of each.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SideTrace {
    /// Side.
    pub side: Side,
    /// Terms of the model; `None` where it cannot know them, and only what reduces is quoted.
    #[serde(flatten)]
    pub terms: Option<SpreadTrace>,
    /// Our live quotes, from the inside out.
    pub levels: Vec<LevelTrace>,
}

/// What one quote adds to the terms of its side, bps outward; with them it adds up to its price.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LevelTrace {
    /// Its price.
    pub px: Px,
    /// The price that is wanted in its place; `None`: none is.
    pub wanted: Option<Px>,
    /// What became of it.
    pub stands: Stands,
    /// Distance behind the first level.
    pub level_bps: f64,
    /// Where recovery, or the end of trading, brought it to the touch: what that moved it by.
    pub at_touch_bps: f64,
    /// Rounding onto the grid, and staying a step short of crossing.
    pub grid_bps: f64,
    /// From the wanted price to its own. Of one that is not wanted: from the first level's, before rounding.
    pub kept_bps: f64,
    /// Fair price to this quote: the sum.
    pub half_spread_bps: f64,
}

impl Engine {
    /// The terms of what is quoted, bids first; a side without a quote has none.
    pub(super) fn trace(&self) -> Vec<SideTrace> {
        Side::BOTH
            .into_iter()
            .filter_map(|side| self.trace_of(side))
            .collect()
    }

    fn trace_of(&self, side: Side) -> Option<SideTrace> {
        let mut levels: Vec<LevelTrace> = self
            .orders
            .iter()
            .filter(|(_, order)| order.order.side == side)
            .filter_map(|(cloid, order)| self.level_trace(*cloid, order))
            .collect();
        levels.sort_by_key(|level| -side.sign() * level.px.0);
        (!levels.is_empty()).then_some(SideTrace {
            side,
            terms: self.pricing.model.terms_of(side),
            levels,
        })
    }

    /// The terms of a quote; `None`: it is none, or there is no fair price.
    fn level_trace(&self, cloid: Cloid, order: &Order) -> Option<LevelTrace> {
        if !order.is_quote() || order.order.tif != Tif::Alo {
            return None;
        }
        let (side, px) = (order.order.side, order.target().0);
        let fair_px = self.pricing.fair_px?;
        let terms = self.pricing.model.terms_of(side);
        let asked_bps = terms.map_or(0.0, |terms| terms.half_spread_bps);
        let half_spread_bps = distance_bps(side, px, fair_px);
        let Some((wanted, stands)) = self.pricing.stands_for(cloid) else {
            return Some(LevelTrace {
                px,
                wanted: None,
                stands: Stands::Unwanted,
                level_bps: 0.0,
                at_touch_bps: 0.0,
                grid_bps: 0.0,
                kept_bps: half_spread_bps - asked_bps,
                half_spread_bps,
            });
        };
        let mut levels = self.pricing.model.levels.iter();
        let from_model = levels.find(|level| level.side == side && level.px == wanted.px);
        let wanted_bps = distance_bps(side, wanted.px, fair_px);
        let (level_bps, at_touch_bps, grid_bps) = match from_model {
            Some(level) => {
                let behind_bps = level.behind_bps;
                (behind_bps, 0.0, wanted_bps - asked_bps - behind_bps)
            }
            None => (0.0, wanted_bps - asked_bps, 0.0),
        };
        Some(LevelTrace {
            px,
            wanted: Some(wanted.px),
            stands,
            level_bps,
            at_touch_bps,
            grid_bps,
            kept_bps: half_spread_bps - wanted_bps,
            half_spread_bps,
        })
    }

    /// Whether it quotes: an order of ours is out that may make, and trading does not end.
    #[must_use]
    pub fn is_quoting(&self) -> bool {
        let mut orders = self.orders.iter().map(|(_, order)| order);
        self.phases.phase() != Phase::Stopping
            && orders.any(|order| order.is_quote() && order.order.tif == Tif::Alo)
    }

    /// The live orders, with what each stands for and how its price and size came about.
    pub(super) fn shown_orders(&self) -> Vec<ShownOrder> {
        let quotes = self.orders.iter().filter(|(_, order)| order.is_quote());
        quotes
            .map(|(cloid, order)| {
                let (px, sz) = order.target();
                let side = order.order.side;
                ShownOrder {
                    side,
                    px,
                    sz,
                    place: self.shown_place(*cloid, side, order.order.px),
                    trace: self.level_trace(*cloid, order),
                    size: self.size_trace(*cloid, order),
                }
            })
            .collect()
    }

    fn size_trace(&self, cloid: Cloid, order: &Order) -> Option<SizeTrace> {
        let pricing = &self.pricing;
        let (wanted, _) = pricing.stands_for(cloid)?;
        let at_touch = !pricing.has_level(&wanted);
        pricing.sizes.of(&wanted, at_touch, order.target().1)
    }
}

/// Outward from the fair price, bps.
fn distance_bps(side: Side, px: Px, fair_px: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "sign is -1 or 1")]
    let inward = side.sign() as f64;
    (1.0 - px.as_f64() / fair_px) * inward * 1e4
}
