//! Quoting models: from beliefs and inventory to a ladder of prices, with the trace of every term.
//!
//! One form everywhere (RUNTIME.md 4):
//! `half_spread = maker fee + adverse selection + max(min edge, model's delta) + premium`, then floor
//! and cap, `px = fair -+ half_spread + skew + funding`. The premium is of the increasing side alone.
//! The cap binds every level before skew and funding, and never below the floor. The floor
//! `fee + adverse selection + min edge` binds the increasing side; skew and funding may carry the reducing
//! side inside it, up to one price step short of crossing.

use serde::{Deserialize, Serialize};

use crate::book::Touch;
use crate::instrument::{Instrument, Round};
use crate::learned::Learned;
use crate::solved::{Conditions, Solved, Wish};
use crate::units::{Px, Side};

/// Which model makes the ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Guéant, Lehalle and Fernandez-Tapia's asymptotic quotes, several levels.
    Ladder,
    /// The same with one level.
    Glft,
    /// Avellaneda and Stoikov's quotes with a horizon that moves along, several levels.
    AvellanedaStoikov,
    /// Configured half-spread, skewed linearly by inventory.
    InventoryAware,
    /// Configured half-spread around fair.
    Symmetric,
}

/// Quoting parameters. Ranges are checked when an engine is made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuotingConfig {
    /// The model.
    pub strategy: Strategy,
    /// Share of the effective limit shown per side, over all levels, 0..=1.
    pub target_liquidity_frac: f64,
    /// Levels per side, 1..=50.
    pub levels: usize,
    /// Half-spread of each level without inventory, bps, instead of the model's; floor and skew still apply.
    pub depths_bps: Option<Vec<f64>>,
    /// Levels below this notional merge inward, USDC.
    pub min_level_usd: f64,
    /// Edge asked over fee and adverse selection, bps.
    pub min_edge_bps: f64,
    /// Fill arrival rate at zero distance, 1/s (assumed until estimated).
    pub arrival_per_s: f64,
    /// Decay of the fill rate with distance, 1/bps (assumed until estimated).
    pub kappa_per_bps: f64,
    /// Adverse selection per fill, bps (assumed until estimated).
    pub adverse_selection_bps: f64,
    /// Half-spread of the simple strategies and of the opening phase, bps.
    pub half_spread_bps: f64,
    /// Largest half-spread of any level before skew, bps; at least `half_spread_bps` and every depth.
    pub half_spread_max_bps: f64,
    /// Multiplies the reference gamma.
    pub risk_aversion: f64,
    /// Time left of the Avellaneda-Stoikov strategy, which never grows less, s.
    pub horizon_s: f64,
    /// Skew of the inventory-aware strategy at full inventory, bps.
    pub inventory_skew_bps: f64,
    /// Requote tolerance in bps; `None`: derived each cycle.
    pub max_bps_diff: Option<f64>,
    /// Requote tolerance of a size, a fraction.
    pub size_tolerance_frac: f64,
    /// Whether the reducing side's total stays within the position and the target.
    pub sweep_guard: bool,
}

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
    /// What the floor added to the increasing side.
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

/// A ladder without sizes, best level first on each side, with the trace of its first levels.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RawLadder {
    /// Bids then asks, each best first, no price twice.
    pub levels: Vec<RawLevel>,
    /// Terms of the first bid and the first ask.
    pub trace: Vec<SpreadTrace>,
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

impl QuotingConfig {
    /// The quoting model in these conditions, its gamma found for the `usual` ones, for a limit of `limit_units` levels' sizes. A ladder of one level
    /// spans one decay of the fill rate.
    #[must_use]
    pub fn solve(&self, at: Conditions, usual: Conditions, limit_units: f64) -> Solved {
        let decay_bps = 1.0 / at.kappa;
        let last = self.offsets_bps(at.kappa).last().copied();
        let wish = Wish {
            span_bps: last.map_or(decay_bps, |last| last.max(decay_bps)),
            limit_units,
            risk_aversion: self.risk_aversion,
        };
        if self.strategy == Strategy::AvellanedaStoikov {
            Solved::avellaneda(at, usual, &wish, self.horizon_s)
        } else {
            Solved::glft(at, usual, &wish)
        }
    }

    /// Distances of levels behind the first, bps, starting with 0.
    fn offsets_bps(&self, kappa_per_bps: f64) -> Vec<f64> {
        let levels = if self.strategy == Strategy::Glft {
            1
        } else {
            self.levels
        };
        match &self.depths_bps {
            Some(depths) => depths
                .iter()
                .take(levels)
                .map(|depth| depth - depths[0])
                .collect(),
            #[expect(clippy::cast_precision_loss, reason = "at most 50 levels")]
            None => (0..levels).map(|j| j as f64 / kappa_per_bps).collect(),
        }
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
    let (asked, skew_bps) = match (config.strategy, beliefs.solved) {
        (Strategy::Ladder | Strategy::Glft | Strategy::AvellanedaStoikov, Some(solved)) => (
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
    assemble(config, beliefs, instrument, shape, &offsets_bps)
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
        let (half_spread_bps, unfloored) = placed(0.0);
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
            let behind_bps = placed(*offset).0 - half_spread_bps;
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

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::event::Level;
    use crate::units::Sz;

    pub(crate) fn config(strategy: Strategy) -> QuotingConfig {
        QuotingConfig {
            strategy,
            target_liquidity_frac: 0.2,
            levels: 5,
            depths_bps: None,
            min_level_usd: 12.0,
            min_edge_bps: 0.5,
            arrival_per_s: 0.1,
            kappa_per_bps: 0.7,
            adverse_selection_bps: 0.5,
            half_spread_bps: 10.0,
            half_spread_max_bps: 100.0,
            risk_aversion: 1.0,
            horizon_s: 300.0,
            inventory_skew_bps: 10.0,
            max_bps_diff: None,
            size_tolerance_frac: 0.1,
            sweep_guard: true,
        }
    }

    pub(crate) fn conditions(sigma_bps: f64) -> Conditions {
        Conditions {
            sigma_bps,
            arrival: 0.1,
            kappa: 0.7,
        }
    }

    pub(crate) fn beliefs(inventory: f64) -> Beliefs {
        let level = |px| Level {
            px: Px(px),
            sz: Sz(100_000),
        };
        Beliefs {
            touch: Touch {
                bid: level(1_000_000),
                ask: level(1_000_010),
            },
            fair_px: 1_000_005.0,
            solved: Some(config(Strategy::Ladder).solve(conditions(0.6), conditions(0.6), 25.0)),
            maker_fee_bps: 1.5,
            learned: Learned::assumed(&config(Strategy::Ladder)),
            inventory,
            premium_bps: 0.0,
            funding_bps: 0.0,
        }
    }

    fn btc() -> Instrument {
        Instrument::new("BTC", 0, 5, 40).unwrap()
    }

    #[test]
    fn full_inventory_moves_the_first_level_to_the_last() {
        let (flat, full) = (
            build_ladder(&config(Strategy::Ladder), &beliefs(0.0), &btc()),
            build_ladder(&config(Strategy::Ladder), &beliefs(1.0), &btc()),
        );
        assert!(
            (full.trace[0].skew_bps + 4.0 / 0.7).abs() < 1e-6,
            "{:?}",
            full.trace[0]
        );
        let last_flat = flat
            .levels
            .iter()
            .rfind(|level| level.side == Side::Bid)
            .unwrap();
        assert!((full.levels[0].depth_bps - last_flat.depth_bps).abs() < 0.3);
    }

    /// The premium moves every level of the increasing side, to the basis point, and nothing else.
    #[test]
    fn a_premium_widens_the_increasing_side_alone() {
        for (inventory, wide) in [
            (0.0, [true, true]),
            (0.5, [true, false]),
            (-0.5, [false, true]),
        ] {
            let mut widened = beliefs(inventory);
            widened.premium_bps = 5.0;
            let (plain, wider) = (
                build_ladder(&config(Strategy::Ladder), &beliefs(inventory), &btc()),
                build_ladder(&config(Strategy::Ladder), &widened, &btc()),
            );
            for (before, after) in plain.levels.iter().zip(&wider.levels) {
                let by = if wide[before.side.index()] { 5.0 } else { 0.0 };
                let moved = after.depth_bps - before.depth_bps;
                assert!((moved - by).abs() < 0.11, "{before:?} {after:?}");
            }
        }
    }

    /// A storm's model, a premium and the levels behind it: no half-spread exceeds the cap before
    /// skew, skew still moves the ladder, and a cap below the costs gives way to the floor.
    #[test]
    fn no_level_is_wider_than_the_cap_before_skew() {
        for (inventory, cap) in [(0.0, 8.0), (0.5, 8.0), (-0.5, 4.0), (0.0, 1.0)] {
            let mut config = config(Strategy::Ladder);
            config.half_spread_max_bps = cap;
            let mut wide = beliefs(inventory);
            wide.premium_bps = 20.0;
            let ladder = build_ladder(&config, &wide, &btc());
            let most = cap.max(2.5);
            for level in &ladder.levels {
                let terms = ladder.terms_of(level.side).unwrap();
                #[expect(clippy::cast_precision_loss, reason = "sign is -1 or 1")]
                let outward = -level.side.sign() as f64 * terms.skew_bps;
                let depth = level.depth_bps - outward.max(-most - 0.05);
                assert!(depth < most + 0.2, "{level:?} {terms:?}");
            }
            let bid = ladder.trace[0];
            assert!(bid.cap_bps < 0.0 || inventory < 0.0, "{bid:?}");
        }
    }

    /// The strongest skew that can be set would put the reducing order below zero, or above every
    /// price: it stands at the touch. A bid below zero is none.
    #[test]
    fn no_skew_leaves_the_reducing_side_without_a_price() {
        for (inventory, reducing) in [(1.0, Side::Ask), (-1.0, Side::Bid)] {
            let mut config = config(Strategy::Ladder);
            config.risk_aversion = 1e6;
            let mut beliefs = beliefs(inventory);
            let at = Conditions {
                kappa: 1e-6,
                ..conditions(0.6)
            };
            beliefs.learned.kappa_per_bps = at.kappa;
            beliefs.solved = Some(config.solve(at, at, 25.0));
            let ladder = build_ladder(&config, &beliefs, &btc());
            let touch = beliefs.touch;
            let nearest = match reducing {
                Side::Ask => touch.bid.px.0 + 1,
                Side::Bid => touch.ask.px.0 - 1,
            };
            let found: Vec<_> = ladder
                .levels
                .iter()
                .filter(|at| at.side == reducing)
                .collect();
            assert_eq!(found.len(), 1, "{:?}", ladder.trace);
            let round = if reducing == Side::Ask {
                Round::Up
            } else {
                Round::Down
            };
            assert_eq!(found[0].px, btc().snap_px(Px(nearest), round));
            assert!(
                ladder
                    .levels
                    .iter()
                    .all(|at| at.side == reducing || at.px > Px::ZERO)
            );
        }
    }

    #[test]
    fn relief_is_the_skew_on_the_reducing_side() {
        let long = build_ladder(&config(Strategy::Ladder), &beliefs(0.5), &btc());
        assert!((long.relief_bps(Side::Ask) + long.trace[0].skew_bps).abs() < 1e-12);
        assert!(long.relief_bps(Side::Ask) > 1.0 && long.relief_bps(Side::Bid).abs() < 1e-12);
    }

    #[test]
    fn the_trace_adds_up_to_the_price() {
        for inventory in [-0.9, 0.0, 0.4] {
            for strategy in [
                Strategy::Ladder,
                Strategy::InventoryAware,
                Strategy::Symmetric,
            ] {
                let mut widened = beliefs(inventory);
                widened.premium_bps = 7.5;
                widened.funding_bps = -1.25;
                let ladder = build_ladder(&config(strategy), &widened, &btc());
                for trace in &ladder.trace {
                    let outward = if trace.side == Side::Bid { -1.0 } else { 1.0 };
                    let sum = trace.maker_fee_bps
                        + trace.adverse_selection_bps
                        + trace.edge_bps
                        + trace.cap_bps
                        + trace.floor_bps
                        + trace.premium_bps
                        + outward * (trace.skew_bps + trace.funding_bps);
                    assert!((sum - trace.half_spread_bps).abs() < 0.01);
                    let level = ladder
                        .levels
                        .iter()
                        .find(|level| level.side == trace.side)
                        .unwrap();
                    // Skew may carry it to one step short of crossing, no further.
                    let nearest = trace.half_spread_bps.max(-0.05);
                    assert!(
                        (0.0..0.2).contains(&(level.depth_bps - nearest)),
                        "{level:?} {trace:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_simple_strategies_quote_what_is_configured() {
        let symmetric = build_ladder(&config(Strategy::Symmetric), &beliefs(0.5), &btc());
        assert!((symmetric.trace[0].half_spread_bps - 10.0).abs() < 1e-9);
        let aware = build_ladder(&config(Strategy::InventoryAware), &beliefs(0.5), &btc());
        assert!((aware.trace[0].half_spread_bps - 15.0).abs() < 1e-9);
        assert!((aware.trace[1].half_spread_bps - 5.0).abs() < 1e-9);
    }

    #[test]
    fn configured_depths_are_distances_from_fair() {
        for strategy in [
            Strategy::Ladder,
            Strategy::InventoryAware,
            Strategy::Symmetric,
        ] {
            let mut config = config(strategy);
            config.depths_bps = Some(vec![4.0, 7.0, 12.0]);
            let ladder = build_ladder(&config, &beliefs(0.0), &btc());
            let depths: Vec<f64> = ladder.levels.iter().map(|level| level.depth_bps).collect();
            for (depth, wanted) in depths.iter().zip([4.0, 7.0, 12.0, 4.0, 7.0, 12.0]) {
                assert!((0.0..0.2).contains(&(depth - wanted)), "{depths:?}");
            }
            assert_eq!(depths.len(), 6);
        }
    }
}

#[cfg(test)]
mod property_tests {
    use super::Strategy as Model;
    use super::tests::{beliefs, conditions, config};
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn prop_quotes_never_cross_and_keep_the_floor(
            inventory in -1.0_f64..=1.0, sigma in 0.01_f64..20.0, fair in -4.0_f64..4.0,
        ) {
            let btc = Instrument::new("BTC", 0, 5, 40).unwrap();
            for strategy in [Model::Ladder, Model::Glft, Model::InventoryAware, Model::Symmetric] {
                let mut b = beliefs(inventory);
                b.solved = Some(config(strategy).solve(conditions(sigma), conditions(sigma), 25.0));
                b.fair_px += fair;
                let c = config(strategy);
                let ladder = build_ladder(&c, &b, &btc);
                for level in &ladder.levels {
                    prop_assert!(btc.is_legal_px(level.px));
                    let crosses = match level.side {
                        Side::Bid => level.px >= b.touch.ask.px,
                        Side::Ask => level.px <= b.touch.bid.px,
                    };
                    prop_assert!(!crosses);
                }
                for trace in &ladder.trace {
                    let increasing = match trace.side {
                        Side::Bid => inventory >= 0.0,
                        Side::Ask => inventory <= 0.0,
                    };
                    if increasing {
                        prop_assert!(trace.half_spread_bps >= 2.5 - 1e-9);
                    }
                }
            }
        }
    }
}
