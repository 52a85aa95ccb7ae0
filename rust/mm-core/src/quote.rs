//! From beliefs and inventory to a ladder of prices, with the trace of every term.
//!
//! One form everywhere (RUNTIME.md 4):
//! `half_spread = maker fee + adverse selection + max(min edge, model's delta) + premium`, then floor
//! and cap, `px = fair -+ half_spread + skew + funding`. The premium is of the increasing side alone.
//! The cap binds every level before skew and funding, and never below the floor. The floor
//! `fee + adverse selection + min edge` binds the increasing side; skew and funding may carry the reducing
//! side inside it, up to one price step short of crossing.

mod config;
#[cfg(test)]
pub(crate) mod tests;

use serde::Serialize;

pub use self::config::{QuotingConfig, Strategy};
use crate::book::Touch;
use crate::edge::Losses;
use crate::instrument::{Instrument, Round};
use crate::learned::Learned;
use crate::solved::Solved;
use crate::units::{Px, Side};

/// What a model sees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Beliefs {
    /// Top of the book.
    pub touch: Touch,
    /// Our estimate of price, lattice units.
    pub fair_px: f64,
    /// The model at the present volatility; `None` while that is unknown.
    pub solved: Option<Solved>,
    /// Our maker fee, bps.
    pub maker_fee_bps: f64,
    /// Fill intensity and adverse selection.
    pub learned: Learned,
    /// Where a loss is shown that the increasing ones of our `[bids, asks]` stand back from.
    pub losses: [Losses; 2],
    /// Position over the limit of its side, -1..=1 (clamped).
    pub inventory: f64,
    /// What the increasing side is moved outward by, bps, 0 or more.
    pub premium_bps: f64,
    /// Shift of the reservation price by what funding is expected to take, bps: positive is up.
    pub funding_bps: f64,
}

/// One wanted price before it has a size.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RawLevel {
    /// Side.
    pub side: Side,
    /// Legal price.
    pub px: Px,
    /// Distance from fair, bps, positive outward.
    pub depth_bps: f64,
    /// Distance behind the first level, bps, before rounding.
    pub behind_bps: f64,
    /// Distance from fair before rounding, bps, positive outward, unless the touch stopped it: its size
    /// goes by this, so that sizes do not change with each step of the price on the grid.
    #[serde(skip)]
    pub model_bps: f64,
}

/// What the model asks of the first level of a side, in bps: terms that add up to its price before
/// rounding.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SpreadTrace {
    /// Side.
    #[serde(skip)]
    pub side: Side,
    /// Maker fee.
    pub maker_fee_bps: f64,
    /// Adverse selection.
    pub adverse_selection_bps: f64,
    /// `max(min edge, delta)`, delta the model's or what the first of `depths_bps` leaves over costs.
    pub edge_bps: f64,
    /// Signed shift of the price from inventory: positive is up.
    pub skew_bps: f64,
    /// Signed shift of the price from funding, whatever is held: positive is up.
    pub funding_bps: f64,
    /// What the cap took off, 0 or less.
    pub cap_bps: f64,
    /// What the floor, or the nearest distance where no loss is shown, added to the increasing side.
    pub floor_bps: f64,
    /// What WIDEN added to the increasing side.
    pub premium_bps: f64,
    /// Fair to quote before rounding and clamping: their sum.
    #[serde(skip)]
    pub half_spread_bps: f64,
}

/// What is asked of the first level, bps.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Asked {
    /// Over fee and adverse selection.
    OverCosts(f64),
    /// In all.
    HalfSpread(f64),
}

/// The symmetric part of the half-spread and the skew at the present inventory, bps.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Shape {
    asked: Asked,
    skew_bps: f64,
}

/// Where the edge of a ladder's first levels comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EdgeFrom {
    /// The quoting model's delta.
    Model,
    /// The first of `depths_bps`, less costs.
    Depths,
    /// `half_spread_bps`, less costs.
    #[default]
    HalfSpread,
}

/// A ladder without sizes, best level first on each side, with the trace of its first levels.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RawLadder {
    /// Bids then asks, each best first, no price twice.
    pub levels: Vec<RawLevel>,
    /// Terms of the first bid and the first ask.
    pub trace: Vec<SpreadTrace>,
    /// Where their edge comes from.
    pub edge_from: EdgeFrom,
    /// The model in force; `None`: what is configured is quoted.
    pub solved: Option<Solved>,
    /// Of `[bids, asks]`, which has no level because a loss is shown wherever it could stand.
    #[serde(skip)]
    pub stood_back: [bool; 2],
}

impl RawLadder {
    /// What a fill on `side` is worth beyond its price, bps: the skew that the model pays to be rid of
    /// inventory and what funding is expected to give, on the side that they favour; nothing on the
    /// other. Without it a reducing level that skew carried inside its costs would seem worthless just
    /// when it is wanted most.
    #[must_use]
    pub fn relief_bps(&self, side: Side) -> f64 {
        let toward = |trace: &SpreadTrace| match side {
            Side::Bid => trace.skew_bps + trace.funding_bps,
            Side::Ask => -trace.skew_bps - trace.funding_bps,
        };
        self.trace
            .first()
            .map_or(0.0, |trace| toward(trace).max(0.0))
    }

    /// What was asked of the first level of a side.
    #[must_use]
    pub fn terms_of(&self, side: Side) -> Option<SpreadTrace> {
        self.trace.iter().find(|terms| terms.side == side).copied()
    }
}

/// Makes the ladder of the configured strategy.
///
/// While volatility is unknown the GLFT strategies fall back to the configured half-spread.
#[must_use]
pub fn build_ladder(
    config: &QuotingConfig,
    beliefs: &Beliefs,
    instrument: &Instrument,
) -> RawLadder {
    let solved = match config.strategy {
        Strategy::Ladder | Strategy::Glft | Strategy::AvellanedaStoikov => beliefs.solved,
        Strategy::InventoryAware | Strategy::Symmetric => None,
    };
    let (asked, skew_bps) = match (config.strategy, solved) {
        (_, Some(solved)) => (
            Asked::OverCosts(solved.delta_bps),
            -solved.skew_bps_full * beliefs.inventory,
        ),
        (Strategy::InventoryAware, _) => (
            Asked::HalfSpread(config.half_spread_bps),
            -config.inventory_skew_bps * beliefs.inventory,
        ),
        _ => (Asked::HalfSpread(config.half_spread_bps), 0.0),
    };
    let first = config.depths_bps.as_ref().and_then(|depths| depths.first());
    let shape = Shape {
        asked: first.map_or(asked, |first| Asked::HalfSpread(*first)),
        skew_bps,
    };
    let offsets_bps = config.offsets_bps(beliefs.learned.kappa_per_bps);
    let edge_from = match (first, asked) {
        (Some(_), _) => EdgeFrom::Depths,
        (None, Asked::OverCosts(_)) => EdgeFrom::Model,
        (None, Asked::HalfSpread(_)) => EdgeFrom::HalfSpread,
    };
    RawLadder {
        edge_from,
        solved,
        ..assemble(config, beliefs, instrument, shape, &offsets_bps)
    }
}

/// One level a side at the configured half-spread: the opening phase.
#[must_use]
pub fn opening_ladder(
    config: &QuotingConfig,
    beliefs: &Beliefs,
    instrument: &Instrument,
) -> RawLadder {
    let shape = Shape {
        asked: Asked::HalfSpread(config.half_spread_bps),
        skew_bps: 0.0,
    };
    assemble(config, beliefs, instrument, shape, &[0.0])
}

fn assemble(
    config: &QuotingConfig,
    beliefs: &Beliefs,
    instrument: &Instrument,
    shape: Shape,
    offsets_bps: &[f64],
) -> RawLadder {
    let mut ladder = RawLadder::default();
    let fee = beliefs.maker_fee_bps;
    for side in Side::BOTH {
        let shift_bps = shape.skew_bps + beliefs.funding_bps;
        let (outward_shift, increasing) = match side {
            Side::Bid => (-shift_bps, beliefs.inventory >= 0.0),
            Side::Ask => (shift_bps, beliefs.inventory <= 0.0),
        };
        let costs = &beliefs.learned.adverse[side.index()];
        let premium_bps = if increasing { beliefs.premium_bps } else { 0.0 };
        let delta_bps = match shape.asked {
            Asked::OverCosts(delta_bps) => delta_bps,
            Asked::HalfSpread(bps) => bps - fee - costs.at(bps),
        };
        let edge_bps = delta_bps.max(config.min_edge_bps);
        let floor_bps = fee + costs.covered(fee + config.min_edge_bps) + config.min_edge_bps;
        let most_bps = config.half_spread_max_bps.max(floor_bps);
        // A level pays for the adverse selection where it stands, further out no less than further in.
        let adverse_of = |behind: f64| costs.covered(fee + edge_bps + premium_bps + behind);
        let adverse = adverse_of(0.0);
        let asked = fee + adverse + edge_bps + premium_bps;
        // From fair, of a level this far behind the first: capped, and what the floor makes of it.
        let placed = |behind: f64| {
            let asked = fee + adverse_of(behind) + edge_bps + premium_bps;
            let unfloored = (asked + behind).min(most_bps) + outward_shift;
            let least = if increasing { floor_bps } else { unfloored };
            (unfloored.max(least), unfloored)
        };
        let (floored, unfloored) = placed(0.0);
        // What increases stands where no loss is shown, if it stands at all, and the levels behind it as before.
        let losses = if increasing {
            beliefs.losses[side.index()]
        } else {
            Losses::default()
        };
        let clear = losses.clear_from(floored);
        let half_spread_bps = clear.map_or(floored, |bps| bps);
        ladder.stood_back[side.index()] = clear.is_none();
        ladder.trace.push(SpreadTrace {
            side,
            maker_fee_bps: fee,
            adverse_selection_bps: adverse,
            edge_bps,
            skew_bps: shape.skew_bps,
            funding_bps: beliefs.funding_bps,
            cap_bps: asked.min(most_bps) - asked,
            floor_bps: half_spread_bps - unfloored,
            premium_bps,
            half_spread_bps,
        });
        let mut last = None;
        for offset in offsets_bps {
            let behind_bps = placed(*offset).0 - floored;
            if losses.is_at(half_spread_bps + behind_bps) {
                continue;
            }
            let level = place_level(side, half_spread_bps, behind_bps, beliefs, instrument);
            if let Some(level) = level.filter(|level| last != Some(level.px)) {
                last = Some(level.px);
                ladder.levels.push(level);
            }
        }
    }
    ladder
}

/// Rounds a level onto the grid, outward, at least one step short of the other side's touch.
fn place_level(
    side: Side,
    half_spread_bps: f64,
    behind_bps: f64,
    beliefs: &Beliefs,
    instrument: &Instrument,
) -> Option<RawLevel> {
    let fair = beliefs.fair_px / instrument.px_scale();
    #[expect(clippy::cast_precision_loss, reason = "sign is -1 or 1")]
    let raw = fair * (1.0 - side.sign() as f64 * (half_spread_bps + behind_bps) / 1e4);
    let touch = beliefs.touch;
    // What skew carries beyond the touch stands before it, be it no price at all.
    let (nearest, round) = match side {
        Side::Bid => (Px(touch.ask.px.0 - 1), Round::Down),
        Side::Ask => (Px(touch.bid.px.0 + 1), Round::Up),
    };
    let nearest = instrument.snap_px(nearest, round);
    let reach = nearest.as_f64() / instrument.px_scale();
    let px = match side {
        Side::Bid if raw < reach => instrument.quantize_px(raw, round).ok()?.min(nearest),
        Side::Ask if raw > reach => instrument.quantize_px(raw, round).ok()?.max(nearest),
        _ => nearest,
    };
    #[expect(clippy::cast_precision_loss, reason = "sign is -1 or 1")]
    let depth_bps = (1.0 - px.as_f64() / beliefs.fair_px) * side.sign() as f64 * 1e4;
    (px > Px::ZERO).then_some(RawLevel {
        side,
        px,
        depth_bps,
        behind_bps,
        model_bps: if px == nearest {
            depth_bps
        } else {
            half_spread_bps + behind_bps
        },
    })
}
