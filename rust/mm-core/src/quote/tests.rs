//! Prices of ladders at hand-checked points, and the laws of every one.

use super::*;
use crate::event::Level;
use crate::solved::Conditions;
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
        losses: [Losses::default(); 2],
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

mod property_tests {
    use super::Strategy as Model;
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
