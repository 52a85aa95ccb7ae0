//! Reduce-only at hand-checked points, and its laws.

use proptest::prelude::*;

use super::*;
use crate::limits::tests::{btc, settings, standing_limits};
use crate::limits::{FreshnessConfig, LimitConfig, LimitInputs, derive_limits};

fn quote(side: Side, px: i64, sz: i64) -> Quote {
    Quote {
        side,
        px: Px(px),
        sz: Sz(sz),
        reduce_only: false,
    }
}

fn standing(position: i64) -> Standing {
    Standing {
        position: Sz(position),
        mid: Some(88_571.5),
        was_reduce_only: false,
        other: None,
    }
}

fn freshness() -> FreshnessConfig {
    crate::limits::tests::freshness()
}

/// Golden one A: equity unknown, the fallback of 0.05 BTC holds and 0.0885 BTC are short.
#[test]
fn golden_one_a_clears_the_asks() {
    let config = LimitConfig::new(settings()).unwrap();
    let inputs = LimitInputs {
        mid: Some(88_571.5),
        position: Sz(-8_850),
        ..LimitInputs::unknown(40.0)
    };
    let limits = derive_limits(&inputs, &config, &freshness(), &btc(), None).unwrap();
    let verdict = assess(&limits, &standing(-8_850), 0.9, &btc());
    assert_eq!(verdict.mode, QuoteMode::NoAsks);
    assert_eq!(verdict.reason, Some(ReduceOnlyReason::OverValueLimit));
    assert_eq!(verdict.utilization_bps, Some(17_700));
    let plan = [
        quote(Side::Bid, 885_700, 1_000),
        quote(Side::Ask, 885_730, 1_000),
    ];
    let filtered = filter_ladder(&plan, &verdict, Sz(-8_850), &limits);
    let bid = Quote {
        reduce_only: true,
        ..plan[0]
    };
    assert_eq!(filtered.quotes, [bid]);
    assert_eq!(
        filtered.refusals,
        [Refusal {
            side: Side::Ask,
            px: Px(885_730),
            sz: Sz(1_000),
            reason: RefusalReason::OverValueLimit,
            limit: Sz(5_000)
        }]
    );
    let single = SingleQuote {
        bid: Some(plan[0]),
        ask: Some(plan[1]),
    };
    let (single, refusals) = filter_single(single, &verdict, Sz(-8_850), &limits);
    assert_eq!((single.bid, single.ask), (Some(bid), None));
    assert_eq!(refusals, filtered.refusals);
}

#[test]
fn the_reducing_side_is_capped_at_the_position() {
    let limits = standing_limits(Some(Usd::ZERO), [Sz::ZERO; 2]);
    let verdict = assess(&limits, &standing(1_500), 0.9, &btc());
    let plan = [885_800, 885_740, 885_760].map(|px| quote(Side::Ask, px, 700));
    let filtered = filter_ladder(&plan, &verdict, Sz(1_500), &limits);
    let sizes: Vec<_> = filtered.quotes.iter().map(|q| (q.px.0, q.sz.0)).collect();
    assert_eq!(sizes, [(885_740, 700), (885_760, 700), (885_800, 100)]);
    assert_eq!(filtered.refusals[0].reason, RefusalReason::ReducingCap);
    assert_eq!(filtered.refusals[0].sz, Sz(600));
}

#[test]
fn a_rest_below_the_minimum_joins_the_order_inside_it_and_dust_closes_alone() {
    let limits = standing_limits(Some(Usd::ZERO), [Sz::ZERO; 2]);
    let verdict = assess(&limits, &standing(705), 0.9, &btc());
    let plan = [885_740, 885_760].map(|px| quote(Side::Ask, px, 700));
    let filtered = filter_ladder(&plan, &verdict, Sz(705), &limits);
    assert_eq!((filtered.quotes.len(), filtered.quotes[0].sz), (1, Sz(705)));
    let dust = filter_ladder(&plan, &verdict, Sz(3), &limits);
    assert_eq!((dust.quotes.len(), dust.quotes[0].sz), (1, Sz(3)));
}

/// What the venue would refuse inside leaves its lots to the next level.
#[test]
fn a_first_level_below_the_minimum_gives_its_lots_back() {
    let limits = standing_limits(Some(Usd::ZERO), [Sz::ZERO; 2]);
    let verdict = assess(&limits, &standing(1_000), 0.9, &btc());
    let plan = [
        quote(Side::Ask, 885_740, 5),
        quote(Side::Ask, 885_760, 1_000),
    ];
    let filtered = filter_ladder(&plan, &verdict, Sz(1_000), &limits);
    assert_eq!(filtered.quotes.len(), 1);
    assert_eq!(filtered.quotes[0].sz, Sz(1_000));
    assert_eq!(filtered.refusals[0].reason, RefusalReason::MinNotional);
}

#[test]
fn quotes_of_no_size_vanish_two_sided_too() {
    let limits = standing_limits(None, [Sz(1_000); 2]);
    let verdict = assess(&limits, &standing(0), 0.9, &btc());
    let plan = [quote(Side::Bid, 885_700, 0), quote(Side::Ask, 885_730, 7)];
    let filtered = filter_ladder(&plan, &verdict, Sz::ZERO, &limits);
    assert_eq!(filtered.quotes, [plan[1]]);
}

/// Strictly above enters; at the leave share, no more than it, leaves. The same of the value.
#[test]
fn at_the_limit_itself_both_sides_are_quoted() {
    let by_lots = standing_limits(None, [Sz(1_000); 2]);
    let lots = 885_715_000;
    let by_value = standing_limits(Some(Usd(lots)), [Sz(9_000); 2]);
    for limits in [by_lots, by_value] {
        let mode = |position, was_reduce_only| {
            let standing = Standing {
                was_reduce_only,
                ..standing(position)
            };
            assess(&limits, &standing, 0.9, &btc()).mode
        };
        assert_eq!(mode(1_000, false), QuoteMode::TwoSided);
        assert_eq!(mode(1_001, false), QuoteMode::NoBids);
        assert_eq!(mode(-900, true), QuoteMode::TwoSided);
        assert_eq!(mode(-901, true), QuoteMode::NoAsks);
    }
}

#[test]
fn a_pair_of_quotes_is_told_from_a_ladder() {
    let (bid, ask) = (quote(Side::Bid, 885_700, 5), quote(Side::Ask, 885_730, 6));
    let pair = SingleQuote {
        bid: Some(bid),
        ask: Some(ask),
    };
    assert_eq!(SingleQuote::of(&[ask, bid]), Some(pair));
    assert_eq!(SingleQuote::of(&[]), Some(SingleQuote::default()));
    assert_eq!(SingleQuote::of(&[bid, ask, bid]), None);
}

#[test]
fn other_reasons_hold_without_an_excess() {
    let limits = standing_limits(None, [Sz(10_000); 2]);
    let margin = |position| Standing {
        other: Some(ReduceOnlyReason::Margin),
        ..standing(position)
    };
    assert_eq!(
        assess(&limits, &margin(-1), 0.9, &btc()).mode,
        QuoteMode::NoAsks
    );
    assert_eq!(
        assess(&limits, &margin(0), 0.9, &btc()).mode,
        QuoteMode::NoQuotes
    );
    assert_eq!(
        assess(&limits, &standing(0), 0.9, &btc()).mode,
        QuoteMode::TwoSided
    );
}

fn any_quotes() -> impl Strategy<Value = Vec<Quote>> {
    let quote = (any::<bool>(), 1_i64..2_000_000, -10_i64..200_000)
        .prop_map(|(bid, px, sz)| quote(if bid { Side::Bid } else { Side::Ask }, px, sz));
    proptest::collection::vec(quote, 0..12)
}

fn any_verdict() -> impl Strategy<Value = ReduceOnly> {
    let mode = prop_oneof![
        Just(QuoteMode::TwoSided),
        Just(QuoteMode::NoBids),
        Just(QuoteMode::NoAsks),
        Just(QuoteMode::NoQuotes),
    ];
    mode.prop_map(|mode| ReduceOnly {
        mode,
        reason: mode
            .is_reduce_only()
            .then_some(ReduceOnlyReason::OverPositionLimit),
        utilization_bps: None,
    })
}

fn total(quotes: &[Quote], side: Side) -> Sz {
    quotes
        .iter()
        .filter(|q| q.side == side)
        .map(|q| q.sz.max(Sz::ZERO))
        .sum()
}

proptest! {
    /// Whatever the mode says of the position, reduce-only leaves nothing that could increase it.
    #[test]
    fn prop_reduce_only_never_increases(
        quotes in any_quotes(), verdict in any_verdict(), position in -300_000_i64..300_000,
    ) {
        let (position, limits) = (Sz(position), standing_limits(None, [Sz(1_000); 2]));
        let filtered = filter_ladder(&quotes, &verdict, position, &limits);
        if verdict.mode.is_reduce_only() {
            for side in Side::BOTH {
                let reducible = (-side.signed(position)).max(Sz::ZERO);
                prop_assert!(total(&filtered.quotes, side) <= reducible);
            }
            prop_assert!(filtered.quotes.iter().all(|quote| quote.reduce_only));
        } else {
            prop_assert_eq!(filtered.quotes.len(), quotes.iter().filter(|q| q.sz > Sz::ZERO).count());
            prop_assert!(filtered.refusals.is_empty());
        }
    }

    /// Every lot of the plan either passes or is refused.
    #[test]
    fn prop_no_lot_vanishes(
        quotes in any_quotes(), verdict in any_verdict(), position in -300_000_i64..300_000,
    ) {
        let limits = standing_limits(None, [Sz(1_000); 2]);
        let filtered = filter_ladder(&quotes, &verdict, Sz(position), &limits);
        for side in Side::BOTH {
            let refused: Sz = filtered
                .refusals
                .iter()
                .filter(|refusal| refusal.side == side && refusal.reason != RefusalReason::Merged)
                .map(|refusal| refusal.sz)
                .sum();
            prop_assert_eq!(total(&filtered.quotes, side) + refused, total(&quotes, side));
        }
    }

    /// Filtering twice changes nothing.
    #[test]
    fn prop_the_filter_is_idempotent(
        quotes in any_quotes(), verdict in any_verdict(), position in -300_000_i64..300_000,
    ) {
        let limits = standing_limits(None, [Sz(1_000); 2]);
        let once = filter_ladder(&quotes, &verdict, Sz(position), &limits);
        let twice = filter_ladder(&once.quotes, &verdict, Sz(position), &limits);
        prop_assert_eq!(once.quotes, twice.quotes);
        prop_assert!(twice.refusals.is_empty());
    }

    /// Entered above, left below: between the two the state holds, and it never depends on the sign.
    #[test]
    fn prop_hysteresis_and_mirror(
        position in 0_i64..20_000, limit in 0_i64..10_000, was in any::<bool>(),
    ) {
        let limits = standing_limits(None, [Sz(limit); 2]);
        let judge = |position| {
            assess(&limits, &Standing { was_reduce_only: was, ..standing(position) }, 0.9, &btc())
        };
        let (long, short) = (judge(position), judge(-position));
        prop_assert_eq!(long.reason, short.reason);
        let over = if was { 10 * position > 9 * limit } else { position > limit };
        prop_assert_eq!(long.mode == QuoteMode::NoBids, over && position > 0);
        prop_assert_eq!(short.mode == QuoteMode::NoAsks, over && position > 0);
    }
}
