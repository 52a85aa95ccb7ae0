//! The order that takes liquidity to get out of a position: its price, its size, or that there is none.
//!
//! ```text
//! slippage = min(max(floor bps, spreads x spread, sigmas x sigma x sqrt(horizon)), cap)      against mid
//! size     = min(max(share x limit at our last increase, smallest order, pace), |q|, what the book shows inside it)
//! ```
//! The venue refuses orders under $10 unless they close the whole position. So a remainder below that
//! is never left behind on purpose, and one that exists is closed whole.

use crate::book::Touch;
use crate::event::Level;
use crate::instrument::{Instrument, MIN_NOTIONAL, Round};
use crate::units::{Px, Side, Sz, Usd};

use super::RecoveryConfig;

/// What the order depends on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Unwinding<'a> {
    /// Position at the exchange, signed lots.
    pub position: Sz,
    /// Magnitude to come down to, lots: zero to close it.
    pub aim: Sz,
    /// Best bid and ask.
    pub touch: Touch,
    /// Visible levels of the side that the order takes from, best first: bids of a long position.
    pub visible: &'a [Level],
    /// Standard deviation of log mid per square root of a second; unknown: that term is left out.
    pub sigma: Option<f64>,
    /// Limit in force at our last increase, lots; of an inherited position the one derived at start.
    pub limit: Sz,
    /// Least size of an attempt, lots, where time is short; zero where it is not.
    pub pace: Sz,
}

/// Terms of the order: immediate or cancel, reduce-only on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unwind {
    /// Side: against the position.
    pub side: Side,
    /// Worst price accepted, legal, inside the slippage bound.
    pub px: Px,
    /// Lots, at most the position.
    pub sz: Sz,
}

/// The next order toward `aim`; `None` when nothing is to be done or the book cannot take it: no
/// level inside the bound, or less there than the venue's smallest order.
///
/// Pure and total. The price is bounded against mid, so a spread wider than twice the cap admits none.
#[must_use]
pub fn unwind_order(
    unwinding: &Unwinding,
    config: &RecoveryConfig,
    instrument: &Instrument,
) -> Option<Unwind> {
    let held = unwinding.position.abs();
    let excess = held - unwinding.aim.max(Sz::ZERO);
    if held == Sz::ZERO || excess <= Sz::ZERO {
        return None;
    }
    let side = if unwinding.position > Sz::ZERO {
        Side::Ask
    } else {
        Side::Bid
    };
    let px = bound_px(side, unwinding, config, instrument)?;
    let smallest = lots_worth(Usd::floor(config.ioc_min_usd), px);
    let step = share(unwinding.limit.max(Sz::ZERO), config.ioc_limit_frac)
        .max(smallest)
        .max(unwinding.pace);
    let mut wanted = step.min(excess.max(smallest)).min(held);
    if worth_less(held - wanted, px, MIN_NOTIONAL) {
        wanted = held;
    }
    let sz = wanted.min(shown_inside(side, px, unwinding.visible));
    let legal = sz == held || !worth_less(sz, px, MIN_NOTIONAL);
    (sz > Sz::ZERO && legal).then_some(Unwind { side, px, sz })
}

/// Price allowance against mid, bps.
#[must_use]
pub fn slippage_bps(touch: &Touch, sigma: Option<f64>, config: &RecoveryConfig) -> f64 {
    let by_spread = config.ioc_slippage_spreads * touch.spread_bps();
    let by_sigma = sigma
        .filter(|sigma| sigma.is_finite())
        .map_or(0.0, |sigma| {
            config.ioc_slippage_sigmas * sigma * libm::sqrt(config.ioc_horizon_s) * 1e4
        });
    config
        .ioc_slippage_bps
        .max(by_spread)
        .max(by_sigma)
        .min(config.ioc_slippage_max_bps)
}

/// The worst legal price inside the bound; `None` when the bound does not reach the touch.
fn bound_px(
    side: Side,
    unwinding: &Unwinding,
    config: &RecoveryConfig,
    instrument: &Instrument,
) -> Option<Px> {
    let touch = &unwinding.touch;
    let allowed = slippage_bps(touch, unwinding.sigma, config) / 1e4;
    let mid = touch.mid() / instrument.px_scale();
    // Toward mid, so that rounding never leaves the bound.
    let (worst, round) = match side {
        Side::Ask => (mid * (1.0 - allowed), Round::Up),
        Side::Bid => (mid * (1.0 + allowed), Round::Down),
    };
    let px = instrument.quantize_px(worst, round).ok()?;
    let reached = touch.px(side.opposite());
    (px > Px::ZERO && side.at_or_better(px, reached)).then_some(px)
}

/// Lots that the book shows at prices no worse than `px` for an order of `side`.
fn shown_inside(side: Side, px: Px, visible: &[Level]) -> Sz {
    visible
        .iter()
        .filter(|level| side.at_or_better(px, level.px))
        .map(|level| level.sz)
        .sum()
}

/// Fewest lots worth at least `usd` at `px`.
fn lots_worth(usd: Usd, px: Px) -> Sz {
    Sz((usd.0.max(0) + px.0 - 1) / px.0)
}

/// Whether a positive size is worth less than `least`. Wide, so that no position overflows it.
fn worth_less(sz: Sz, px: Px, least: Usd) -> bool {
    sz > Sz::ZERO && i128::from(sz.0) * i128::from(px.0) < i128::from(least.0)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a share of lots below 2^53"
)]
fn share(sz: Sz, frac: f64) -> Sz {
    Sz(libm::floor(sz.as_f64() * frac) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recovery::tests::CONFIG;

    fn btc() -> Instrument {
        Instrument::new("BTC", 0, 5, 40).unwrap()
    }

    fn level(px: i64, sz: i64) -> Level {
        Level {
            px: Px(px),
            sz: Sz(sz),
        }
    }

    /// Mid 100,000 USDC, spread 1 USDC (0.1 bps), nothing known of volatility.
    fn book(position: i64, limit: i64, visible: &[Level]) -> Unwinding<'_> {
        Unwinding {
            position: Sz(position),
            aim: Sz::ZERO,
            touch: Touch {
                bid: level(999_995, 10_000),
                ask: level(1_000_005, 10_000),
            },
            visible,
            sigma: None,
            limit: Sz(limit),
            pace: Sz::ZERO,
        }
    }

    fn order(unwinding: &Unwinding) -> Option<(Side, i64, i64)> {
        unwind_order(unwinding, &CONFIG, &btc()).map(|o| (o.side, o.px.0, o.sz.0))
    }

    #[test]
    fn it_goes_against_the_position_at_a_tenth_of_the_limit_inside_five_bps() {
        let bids = [level(999_995, 10_000)];
        let asks = [level(1_000_005, 10_000)];
        assert_eq!(
            order(&book(5_000, 3_000, &bids)),
            Some((Side::Ask, 999_500, 300))
        );
        assert_eq!(
            order(&book(-5_000, 3_000, &asks)),
            Some((Side::Bid, 1_000_500, 300))
        );
        assert_eq!(order(&book(0, 3_000, &bids)), None);
    }

    #[test]
    fn the_price_allowance_is_the_largest_of_three_and_capped() {
        let touch = |spread: i64| Touch {
            bid: level(1_000_000 - spread / 2, 1),
            ask: level(1_000_000 + spread / 2, 1),
        };
        let bps = |spread, sigma| slippage_bps(&touch(spread), sigma, &CONFIG);
        assert!((bps(10, None) - 5.0).abs() < 1e-9);
        assert!((bps(400, None) - 12.0).abs() < 1e-9);
        let by_sigma = 3.0 * 4e-4 * 5.0_f64.sqrt() * 1e4;
        assert!((bps(10, Some(4e-4)) - by_sigma).abs() < 1e-9);
        assert!((bps(10, Some(1e-2)) - 50.0).abs() < 1e-9);
        assert!((bps(10, Some(f64::NAN)) - 5.0).abs() < 1e-9);
    }

    #[test]
    fn it_takes_no_more_than_the_book_shows_inside_the_bound() {
        let bids = [level(999_995, 100), level(999_600, 50), level(999_400, 900)];
        assert_eq!(
            order(&book(5_000, 3_000, &bids)),
            Some((Side::Ask, 999_500, 150))
        );
        assert_eq!(order(&book(5_000, 3_000, &[])), None);
        // What is shown is worth less than the venue's smallest order.
        assert_eq!(order(&book(5_000, 3_000, &[level(999_995, 9)])), None);
    }

    #[test]
    fn a_spread_beyond_the_cap_admits_no_order() {
        let mut wide = book(5_000, 3_000, &[]);
        let bids = [level(990_000, 10_000)];
        wide.visible = &bids;
        wide.touch.bid = bids[0];
        wide.touch.ask = level(1_010_000, 10_000);
        assert_eq!(order(&wide), None);
    }

    #[test]
    fn lots_are_counted_up_to_the_money_and_no_further() {
        let twelve = Usd(12_000_000);
        assert_eq!(lots_worth(twelve, Px(1_000_000)), Sz(12));
        assert_eq!(lots_worth(twelve, Px(999_999)), Sz(13));
        assert_eq!(lots_worth(Usd(-5), Px(7)), Sz::ZERO);
        assert!(worth_less(Sz(9), Px(1_000_000), MIN_NOTIONAL));
        assert!(!worth_less(Sz(10), Px(1_000_000), MIN_NOTIONAL));
        assert!(!worth_less(Sz::ZERO, Px(1_000_000), MIN_NOTIONAL));
    }

    #[test]
    fn it_stops_at_the_aim_and_never_leaves_dust_behind() {
        let bids = [level(999_995, 10_000)];
        let mut to_leave = book(3_100, 3_000, &bids);
        to_leave.aim = Sz(3_000);
        assert_eq!(order(&to_leave), Some((Side::Ask, 999_500, 100)));
        to_leave.position = Sz(3_000);
        assert_eq!(order(&to_leave), None);
        // 12 lots are $12: the smallest attempt of a limit of nothing; 10 lots are not quite $10.
        assert_eq!(order(&book(100, 0, &bids)), Some((Side::Ask, 999_500, 13)));
        assert_eq!(order(&book(20, 0, &bids)), Some((Side::Ask, 999_500, 20)));
        assert_eq!(order(&book(3, 0, &bids)), Some((Side::Ask, 999_500, 3)));
        // The book holds less than all of a remainder that can only be closed whole.
        assert_eq!(order(&book(3, 0, &[level(999_995, 2)])), None);
        // Where time is short an attempt is as large as that asks for, inside position and book.
        let hurried = |position, pace| Unwinding {
            pace: Sz(pace),
            ..book(position, 0, &bids)
        };
        assert_eq!(order(&hurried(100, 50)), Some((Side::Ask, 999_500, 50)));
        assert_eq!(order(&hurried(100, 500)), Some((Side::Ask, 999_500, 100)));
    }
}

#[cfg(test)]
mod property_tests {
    use super::*;
    use crate::recovery::tests::CONFIG;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn prop_an_order_is_legal_reduces_and_stays_inside_bound_and_book(
            position in -200_000_i64..200_000, aim in 0_i64..50_000, limit in 0_i64..100_000, pace in 0_i64..100_000,
            bid in 1_000_i64..2_000_000, spread in 1_i64..20_000, sigma in proptest::option::of(0.0_f64..0.01),
            sizes in proptest::collection::vec(1_i64..5_000, 0..8), sz_decimals in 0_u32..=5,
        ) {
            let perp = Instrument::new("T", 0, sz_decimals, 20).unwrap();
            let touch = Touch {
                bid: Level { px: Px(bid), sz: Sz(1) },
                ask: Level { px: Px(bid + spread), sz: Sz(1) },
            };
            let best = if position > 0 { bid } else { bid + spread };
            let away = if position > 0 { -3 } else { 3 };
            let visible: Vec<Level> = (0..).zip(&sizes)
                .map(|(i, sz)| Level { px: Px((best + away * i).max(1)), sz: Sz(*sz) }).collect();
            let unwinding = Unwinding {
                position: Sz(position), aim: Sz(aim), touch, visible: &visible, sigma, limit: Sz(limit), pace: Sz(pace),
            };
            let Some(order) = unwind_order(&unwinding, &CONFIG, &perp) else { return Ok(()); };
            prop_assert!(position.abs() > aim);
            prop_assert_eq!(order.side.sign(), -position.signum());
            prop_assert!(Sz::ZERO < order.sz && order.sz <= Sz(position).abs());
            prop_assert!(perp.is_legal_px(order.px));
            let away_bps = (order.px.as_f64() / touch.mid() - 1.0).abs() * 1e4;
            prop_assert!(away_bps <= CONFIG.ioc_slippage_max_bps + 1e-6);
            prop_assert!(order.side.at_or_better(order.px, touch.px(order.side.opposite())));
            let shown: Sz = visible.iter().filter(|l| order.side.at_or_better(order.px, l.px)).map(|l| l.sz).sum();
            prop_assert!(order.sz <= shown);
            prop_assert!(order.sz == Sz(position).abs() || order.px * order.sz >= MIN_NOTIONAL);
        }
    }
}
