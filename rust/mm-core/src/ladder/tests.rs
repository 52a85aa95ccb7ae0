//! Sizes at hand-checked points, and the laws of the room.

use proptest::prelude::*;

use super::*;
use crate::filter::{QuoteMode, ReduceOnlyReason, Standing, assess};
use crate::limits::tests::{btc, standing_limits};

fn level(px: i64, fill_rate: f64, net_capture_bps: f64) -> LadderLevel {
    LadderLevel::new(Px(px), fill_rate, net_capture_bps).unwrap()
}

fn sizing(position: i64, target: i64) -> Sizing {
    Sizing {
        position: Sz(position),
        verdict: ReduceOnly {
            mode: QuoteMode::TwoSided,
            reason: None,
            utilization_bps: None,
        },
        unreplaced: [Sz::ZERO; 2],
        target: Sz(target),
        min_level: Usd(12_000_000),
        limit_use_frac: 0.98,
        sweep_guard: SweepGuard::On,
        margin_left: None,
    }
}

fn sizes(ladder: &Ladder, side: Side) -> Vec<(i64, i64)> {
    let mine = ladder.quotes.iter().filter(|quote| quote.side == side);
    mine.map(|quote| (quote.px.0, quote.sz.0)).collect()
}

const MID: i64 = 885_710;

/// 980 lots of 1,000 usable, 3,000 long: the guard holds the asks at `|q| + target`, nothing holds the
/// bids. Flat, the guard holds nothing.
#[test]
fn the_room_of_the_reducing_side_ends_at_a_target_beyond_the_position() {
    let limits = |lots| standing_limits(None, [Sz(lots); 2]);
    let off = |plan| Sizing {
        sweep_guard: SweepGuard::Off,
        ..plan
    };
    let long = sizing(3_000, 500);
    assert_eq!(rooms(&limits(1_000), &long), [Sz::ZERO, Sz(3_500)]);
    assert_eq!(rooms(&limits(1_000), &off(long)), [Sz::ZERO, Sz(3_980)]);
    assert_eq!(
        rooms(&limits(20_000), &sizing(-3_000, 500)),
        [Sz(3_500), Sz(16_600)]
    );
    assert_eq!(rooms(&limits(20_000), &sizing(0, 500)), [Sz(19_600); 2]);
    let some_stay = Sizing {
        unreplaced: [Sz(100), Sz(600)],
        ..sizing(3_000, 500)
    };
    assert_eq!(rooms(&limits(20_000), &some_stay), [Sz(16_500), Sz(2_900)]);
}

/// Twelve USDC at 88,571 are 13.55 lots: 14, and 13 are too few.
/// At a price that divides the money, not one lot more.
#[test]
fn the_smallest_order_is_rounded_up_and_no_further() {
    let limits = standing_limits(None, [Sz(20_000); 2]);
    for (px, lots) in [(MID, 14), (1_000_000, 12), (1_200_000, 10)] {
        let bids = [level(px, 1.0, 1.0)];
        let ladder = size_ladder(&limits, [&bids, &[]], &sizing(0, 1), &btc());
        assert_eq!(sizes(&ladder, Side::Bid), [(px, lots)]);
        assert!(ladder.refusals.is_empty());
    }
}

#[test]
fn a_price_below_the_grid_is_refused() {
    let limits = standing_limits(None, [Sz(20_000); 2]);
    let bids = [
        level(MID, 1.0, 1.0),
        level(0, 1.0, 1.0),
        level(-30, 1.0, 1.0),
    ];
    let ladder = size_ladder(&limits, [&bids, &[]], &sizing(0, 1_000), &btc());
    assert_eq!(sizes(&ladder, Side::Bid), [(MID, 1_000)]);
    let refused: Vec<_> = ladder.refusals.iter().map(|r| (r.px, r.reason)).collect();
    assert_eq!(
        refused,
        [(Px(0), RefusalReason::Px), (Px(-30), RefusalReason::Px)]
    );
}

/// A level with an edge whose share is no lot was merged; one without an edge never had a share.
#[test]
fn an_empty_level_says_why() {
    let limits = standing_limits(None, [Sz(20_000); 2]);
    let bids = [
        level(MID, 1.0, 1.0),
        level(MID - 10, 1e-9, 1.0),
        level(MID - 20, 1.0, -1.0),
    ];
    let ladder = size_ladder(&limits, [&bids, &[]], &sizing(0, 1_000), &btc());
    let refused: Vec<_> = ladder.refusals.iter().map(|r| r.reason).collect();
    assert_eq!(refused, [RefusalReason::Merged, RefusalReason::NoCapture]);
}

#[test]
fn what_is_left_over_joins_the_innermost_level_with_an_edge() {
    let limits = standing_limits(None, [Sz(20_000); 2]);
    let bids = [
        level(MID, 1.0, -1.0),
        level(MID - 10, 1.0, 1.0),
        level(MID - 20, 1.0, 1.0),
    ];
    let ladder = size_ladder(&limits, [&bids, &[]], &sizing(0, 1_001), &btc());
    assert_eq!(
        sizes(&ladder, Side::Bid),
        [(MID - 10, 501), (MID - 20, 500)]
    );
    assert_eq!(ladder.refusals.len(), 1);
    assert_eq!(ladder.refusals[0].reason, RefusalReason::NoCapture);
}

/// Below the minimum an order stands alone only where it closes all of the position, and says so.
#[test]
fn a_rest_that_is_not_the_whole_position_is_refused() {
    let limits = standing_limits(None, [Sz(20_000); 2]);
    let asks = [level(MID, 1.0, 1.0)];
    let reducing = |position, unreplaced| {
        let standing = Standing {
            position: Sz(position),
            mid: Some(88_571.5),
            was_reduce_only: false,
            other: Some(ReduceOnlyReason::Control),
        };
        let plan = Sizing {
            verdict: assess(&limits, &standing, 0.9, &btc()),
            unreplaced: [Sz::ZERO, Sz(unreplaced)],
            ..sizing(position, 0)
        };
        let ladder = size_ladder(&limits, [&[], &asks], &plan, &btc());
        sizes(&ladder, Side::Ask)
    };
    assert_eq!(reducing(3, 0), [(MID, 3)]);
    assert_eq!(reducing(6, 3), []);
}

#[test]
fn sizes_follow_the_edge_and_fill_the_target() {
    let limits = standing_limits(None, [Sz(20_000); 2]);
    let bids = [
        level(MID - 20, 0.5, 1.0),
        level(MID - 40, 0.25, 2.0),
        level(MID - 60, 0.1, 3.0),
    ];
    let ladder = size_ladder(&limits, [&bids, &[]], &sizing(0, 4_000), &btc());
    assert_eq!(
        sizes(&ladder, Side::Bid),
        [(MID - 20, 1_539), (MID - 40, 1_538), (MID - 60, 923)]
    );
    assert!(ladder.refusals.is_empty());
}

#[test]
fn prices_go_to_the_grid_and_equal_ones_become_one_level() {
    let limits = standing_limits(None, [Sz(20_000); 2]);
    let asks = [
        level(885_733, 1.0, 1.0),
        level(885_738, 1.0, 1.0),
        level(885_751, 1.0, 1.0),
    ];
    let ladder = size_ladder(&limits, [&[], &asks], &sizing(0, 3_000), &btc());
    assert_eq!(
        sizes(&ladder, Side::Ask),
        [(885_740, 2_000), (885_760, 1_000)]
    );
    let bids = [level(885_729, 1.0, 1.0), level(885_721, 1.0, 1.0)];
    let ladder = size_ladder(&limits, [&bids, &[]], &sizing(0, 3_000), &btc());
    assert_eq!(sizes(&ladder, Side::Bid), [(885_720, 3_000)]);
}

#[test]
fn what_is_too_small_goes_inward() {
    let limits = standing_limits(None, [Sz(20_000); 2]);
    let bids = [
        level(MID, 1.0, 1.0),
        level(MID - 10, 0.01, 1.0),
        level(MID - 20, 1.0, 1.0),
    ];
    let ladder = size_ladder(&limits, [&bids, &[]], &sizing(0, 201), &btc());
    assert_eq!(sizes(&ladder, Side::Bid), [(MID, 101), (MID - 20, 100)]);
    assert_eq!(ladder.refusals[0].reason, RefusalReason::Merged);
    let innermost_small = [level(MID, 0.01, 1.0), level(MID - 10, 1.0, 1.0)];
    let ladder = size_ladder(&limits, [&innermost_small, &[]], &sizing(0, 201), &btc());
    assert_eq!(sizes(&ladder, Side::Bid), [(MID - 10, 201)]);
}

#[test]
fn a_permitted_side_keeps_one_smallest_order() {
    let limits = standing_limits(None, [Sz(20_000); 2]);
    let dead = [level(MID, 1.0, -2.0), level(MID - 10, 1.0, -1.0)];
    let ladder = size_ladder(&limits, [&dead, &[]], &sizing(0, 4_000), &btc());
    assert_eq!(sizes(&ladder, Side::Bid), [(MID - 10, 14)]);
    assert_eq!(ladder.refusals[0].reason, RefusalReason::NoCapture);
    let tiny_target = size_ladder(
        &limits,
        [&[level(MID, 1.0, 1.0)], &[]],
        &sizing(0, 1),
        &btc(),
    );
    assert_eq!(sizes(&tiny_target, Side::Bid), [(MID, 14)]);
    let no_room = standing_limits(None, [Sz(10); 2]);
    let ladder = size_ladder(
        &no_room,
        [&[level(MID, 1.0, 1.0)], &[]],
        &sizing(0, 1),
        &btc(),
    );
    assert_eq!(ladder.refusals[0].reason, RefusalReason::MinNotional);
}

#[test]
fn margin_is_shared_by_both_sides_and_spares_what_reduces() {
    let limits = standing_limits(None, [Sz(20_000); 2]);
    let (bids, asks) = ([level(MID - 10, 1.0, 1.0)], [level(MID + 10, 1.0, 1.0)]);
    let margin_left = Some(MarginLeft {
        free: Usd(88_571_000),
        leverage: 20.0,
    });
    let flat = Sizing {
        margin_left,
        ..sizing(0, 4_000)
    };
    let ladder = size_ladder(&limits, [&bids, &asks], &flat, &btc());
    assert_eq!(sizes(&ladder, Side::Bid), [(MID - 10, 1_000)]);
    assert_eq!(sizes(&ladder, Side::Ask), [(MID + 10, 1_000)]);
    let long = Sizing {
        margin_left,
        ..sizing(3_000, 4_000)
    };
    let ladder = size_ladder(&limits, [&bids, &asks], &long, &btc());
    assert_eq!(sizes(&ladder, Side::Bid), [(MID - 10, 1_600)]);
    assert_eq!(sizes(&ladder, Side::Ask), [(MID + 10, 3_400)]);
    assert_eq!(ladder.refusals[0].reason, RefusalReason::MarginLeft);
    let all_reduces = Sizing {
        margin_left,
        ..sizing(4_000, 4_000)
    };
    let ladder = size_ladder(&limits, [&bids, &asks], &all_reduces, &btc());
    assert_eq!(sizes(&ladder, Side::Ask), [(MID + 10, 4_000)]);
    assert_eq!(ladder.refusals.len(), 1, "nothing is cut off the asks");
}

#[test]
fn reduce_only_offers_the_position_and_says_why_the_other_side_is_empty() {
    let limits = standing_limits(Some(Usd::ZERO), [Sz::ZERO; 2]);
    let standing = Standing {
        position: Sz(3),
        mid: Some(88_571.5),
        was_reduce_only: false,
        other: None,
    };
    let verdict = assess(&limits, &standing, 0.9, &btc());
    let (bids, asks) = ([level(MID - 10, 1.0, 1.0)], [level(MID + 10, 1.0, -1.0)]);
    let plan = Sizing {
        verdict,
        ..sizing(3, 0)
    };
    let ladder = size_ladder(&limits, [&bids, &asks], &plan, &btc());
    assert_eq!(sizes(&ladder, Side::Ask), [(MID + 10, 3)]);
    assert!(ladder.quotes[0].reduce_only);
    assert_eq!(
        ladder.refusals[0].reason,
        ReduceOnlyReason::OverValueLimit.into()
    );
}

#[test]
fn promises_that_are_no_numbers_are_refused() {
    for (rate, capture) in [
        (f64::NAN, 1.0),
        (-1.0, 1.0),
        (1.0, f64::NAN),
        (1.0, f64::INFINITY),
    ] {
        assert!(LadderLevel::new(Px(1), rate, capture).is_err());
    }
}

fn any_levels() -> impl Strategy<Value = Vec<LadderLevel>> {
    let level = (-5_i64..2_000, 0.0_f64..1.0, -2.0_f64..5.0)
        .prop_map(|(away, rate, capture)| level(MID + away, rate, capture));
    proptest::collection::vec(level, 0..8)
}

prop_compose! {
    fn any_sizing()(
        position in -30_000_i64..30_000,
        target in 0_i64..20_000,
        reduce_only in any::<bool>(),
        unreplaced in [0_i64..3_000, 0_i64..3_000],
        free in proptest::option::of(0_i64..2_000_000_000),
    ) -> Sizing {
        let mode = match (reduce_only, position.signum()) {
            (false, _) => QuoteMode::TwoSided,
            (true, 1) => QuoteMode::NoBids,
            (true, -1) => QuoteMode::NoAsks,
            (true, _) => QuoteMode::NoQuotes,
        };
        Sizing {
            verdict: ReduceOnly { mode, reason: None, utilization_bps: None },
            unreplaced: unreplaced.map(Sz),
            margin_left: free.map(|free| MarginLeft { free: Usd(free), leverage: 20.0 }),
            ..sizing(position, target)
        }
    }
}

fn side_total(ladder: &Ladder, side: Side) -> Sz {
    ladder
        .quotes
        .iter()
        .filter(|quote| quote.side == side)
        .map(|quote| quote.sz)
        .sum()
}

proptest! {
    /// Position, what the plan does not replace and the whole plan stay inside the limit on either
    /// side; a position over it is only ever reduced.
    #[test]
    fn prop_the_plan_stays_in_the_room(
        bids in any_levels(), asks in any_levels(), sizing in any_sizing(),
        limits in [0_i64..30_000, 0_i64..30_000],
    ) {
        let limits = standing_limits(None, limits.map(Sz));
        let ladder = size_ladder(&limits, [&bids, &asks], &sizing, &btc());
        for side in Side::BOTH {
            let i = side.index();
            let total = side_total(&ladder, side);
            prop_assert!(total <= ladder.rooms[i]);
            let after = side.signed(sizing.position) + sizing.unreplaced[i] + total;
            if total > Sz::ZERO {
                prop_assert!(after <= limits.of(side).max(Sz::ZERO));
            }
            let reducible = (-side.signed(sizing.position)).max(Sz::ZERO);
            if sizing.verdict.mode.is_reduce_only() {
                prop_assert!(total + sizing.unreplaced[i] <= reducible || total == Sz::ZERO);
            } else if reducible > Sz::ZERO {
                prop_assert!(total <= reducible + sizing.target);
            }
        }
    }

    /// Orders are legal, apart, best first and large enough.
    #[test]
    fn prop_orders_are_fit_for_the_venue(
        bids in any_levels(), asks in any_levels(), sizing in any_sizing(), limit in 0_i64..30_000,
    ) {
        let limits = standing_limits(None, [Sz(limit); 2]);
        let ladder = size_ladder(&limits, [&bids, &asks], &sizing, &btc());
        for side in Side::BOTH {
            let mine: Vec<_> = ladder.quotes.iter().filter(|quote| quote.side == side).collect();
            for pair in mine.windows(2) {
                prop_assert!(side.at_or_better(pair[0].px, pair[1].px) && pair[0].px != pair[1].px);
            }
            for quote in mine {
                prop_assert!(btc().is_legal_px(quote.px));
                let closes = quote.reduce_only && quote.sz == sizing.position.abs();
                prop_assert!(quote.px * quote.sz >= sizing.min_level || closes);
            }
        }
    }

    /// Increasing orders of both sides fit the margin together.
    #[test]
    fn prop_margin_is_kept(
        bids in any_levels(), asks in any_levels(), sizing in any_sizing(), limit in 0_i64..30_000,
    ) {
        let limits = standing_limits(None, [Sz(limit); 2]);
        let ladder = size_ladder(&limits, [&bids, &asks], &sizing, &btc());
        let Some(margin) = sizing.margin_left else { return Ok(()) };
        let mut notional = 0;
        for side in Side::BOTH {
            let held = (-side.signed(sizing.position)).max(Sz::ZERO);
            let mut reducible = (held - sizing.unreplaced[side.index()]).max(Sz::ZERO);
            for quote in ladder.quotes.iter().filter(|quote| quote.side == side) {
                let free = quote.sz.min(reducible);
                reducible -= free;
                notional += (quote.px * (quote.sz - free)).0;
            }
        }
        prop_assert!(notional <= 20 * margin.free.0);
    }

    /// A still market gives the same ladder, in whatever order the levels come.
    #[test]
    fn prop_still_market_same_ladder(
        bids in any_levels(), sizing in any_sizing(), limit in 0_i64..30_000,
    ) {
        let limits = standing_limits(None, [Sz(limit); 2]);
        let mut turned = bids.clone();
        turned.reverse();
        turned.sort_by_key(|level| level.px);
        turned.dedup_by_key(|level| level.px);
        let mut apart = turned.clone();
        apart.reverse();
        let first = size_ladder(&limits, [&turned, &[]], &sizing, &btc());
        prop_assert_eq!(&first, &size_ladder(&limits, [&turned, &[]], &sizing, &btc()));
        prop_assert_eq!(first.quotes, size_ladder(&limits, [&apart, &[]], &sizing, &btc()).quotes);
    }

    /// Turned around, the ladder turns around: asks at `2 MID - px` for a negated position.
    #[test]
    fn prop_mirror(
        bids in any_levels(), asks in any_levels(), sizing in any_sizing(),
        limits in [0_i64..30_000, 0_i64..30_000],
    ) {
        let on_grid = |levels: &[LadderLevel]| -> Vec<LadderLevel> {
            levels.iter().map(|level| LadderLevel { px: Px(level.px.0 / 10 * 10), ..*level }).collect()
        };
        let flip = |levels: &[LadderLevel]| -> Vec<LadderLevel> {
            levels.iter().map(|level| LadderLevel { px: Px(2 * MID - level.px.0), ..*level }).collect()
        };
        // Without minimum and margin, which count money and money is not mirrored.
        let sizing = Sizing { min_level: Usd::ZERO, margin_left: None, ..sizing };
        let (bids, asks) = (on_grid(&bids), on_grid(&asks));
        let straight = size_ladder(
            &standing_limits(None, limits.map(Sz)), [&bids, &asks], &sizing, &btc(),
        );
        let mode = match sizing.verdict.mode {
            QuoteMode::NoBids => QuoteMode::NoAsks,
            QuoteMode::NoAsks => QuoteMode::NoBids,
            same => same,
        };
        let turned = Sizing {
            position: -sizing.position,
            verdict: ReduceOnly { mode, ..sizing.verdict },
            unreplaced: [sizing.unreplaced[1], sizing.unreplaced[0]],
            ..sizing
        };
        let mirrored = size_ladder(
            &standing_limits(None, [Sz(limits[1]), Sz(limits[0])]),
            [&flip(&asks), &flip(&bids)], &turned, &btc(),
        );
        for side in Side::BOTH {
            let back: Vec<_> = sizes(&mirrored, side.opposite())
                .into_iter()
                .map(|(px, sz)| (2 * MID - px, sz))
                .collect();
            prop_assert_eq!(sizes(&straight, side), back);
        }
    }
}
