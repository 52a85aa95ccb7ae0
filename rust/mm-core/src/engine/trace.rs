//! The terms of every price that is out there: what the model asked, and what became of it on the way.

use serde::Serialize;

use super::Engine;
use crate::action::Tif;
use crate::filter::Quote;
use crate::quote::{RawLadder, SpreadTrace};
use crate::units::{Px, Side};

/// What the last cycle wanted, and the model's ladder that it came from.
#[derive(Clone, Debug, Default)]
pub(super) struct Pricing {
    /// Our estimate of price, lattice units; `None` without a book.
    pub(super) fair_px: Option<f64>,
    pub(super) model: RawLadder,
    /// With its sizes, as it was compared with what rests.
    pub(super) wanted: Vec<Quote>,
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
    /// Distance behind the first level.
    pub level_bps: f64,
    /// Where recovery, or the end of trading, brought it to the touch: what that moved it by.
    pub at_touch_bps: f64,
    /// Rounding onto the grid, and staying a step short of crossing.
    pub grid_bps: f64,
    /// An order that stays where it was, or waits to move, although another price is wanted now.
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
        let fair_px = self.pricing.fair_px?;
        let terms = self.pricing.model.terms_of(side);
        let mut quoted: Vec<Px> = self
            .orders
            .iter()
            .filter(|(_, order)| order.is_quote() && order.order.side == side)
            .filter(|(_, order)| order.order.tif == Tif::Alo)
            .map(|(_, order)| order.target().0)
            .collect();
        quoted.sort_by_key(|px| -side.sign() * px.0);
        let levels: Vec<LevelTrace> = quoted
            .into_iter()
            .filter_map(|px| self.level_trace(side, px, fair_px, terms.as_ref()))
            .collect();
        (!levels.is_empty()).then_some(SideTrace {
            side,
            terms,
            levels,
        })
    }

    /// The terms of a quote at `px`, by the wanted price that is nearest to it.
    fn level_trace(
        &self,
        side: Side,
        px: Px,
        fair_px: f64,
        terms: Option<&SpreadTrace>,
    ) -> Option<LevelTrace> {
        let of_side = self
            .pricing
            .wanted
            .iter()
            .filter(|quote| quote.side == side);
        let wanted = of_side.min_by_key(|quote| (quote.px.0 - px.0).abs())?.px;
        let levels = &self.pricing.model.levels;
        let from_model = levels
            .iter()
            .find(|level| level.side == side && level.px == wanted);
        let asked_bps = terms.map_or(0.0, |terms| terms.half_spread_bps);
        let wanted_bps = distance_bps(side, wanted, fair_px);
        let (level_bps, at_touch_bps, grid_bps) = match from_model {
            Some(level) => {
                let behind_bps = level.behind_bps;
                (behind_bps, 0.0, wanted_bps - asked_bps - behind_bps)
            }
            None => (0.0, wanted_bps - asked_bps, 0.0),
        };
        let half_spread_bps = distance_bps(side, px, fair_px);
        Some(LevelTrace {
            px,
            level_bps,
            at_touch_bps,
            grid_bps,
            kept_bps: half_spread_bps - wanted_bps,
            half_spread_bps,
        })
    }
}

/// Outward from the fair price, bps.
fn distance_bps(side: Side, px: Px, fair_px: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "sign is -1 or 1")]
    let inward = side.sign() as f64;
    (1.0 - px.as_f64() / fair_px) * inward * 1e4
}
