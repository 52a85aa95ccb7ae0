//! T, the time we may be stuck with a position: what our fills and their absence do to the limit.

use mm_core::event::{Command, EventBody};
use mm_core::limits::Term;
use mm_core::units::{Dur, SECOND, Side, Sz};
use proptest::prelude::*;

use crate::desk::Desk;
use crate::{cases, config};

/// Base horizon, s: short, so that hours of it pass quickly. The longest is four of them.
const BASE_S: f64 = 60.0;

/// Quoting in full with nothing filled yet, in a market so wild that the volatility term binds.
fn quoting(base_s: f64) -> Desk {
    let config = config(&[("limits.risk_horizon_s", base_s.into())]);
    let mut desk = Desk::with(config, 0);
    desk.wobble = 1_000.0;
    desk.open();
    desk.seconds(75);
    assert!(desk.lots(Side::Bid) > Sz::ZERO && desk.lots(Side::Ask) > Sz::ZERO);
    desk
}

fn horizon_s(desk: &Desk) -> f64 {
    desk.engine.limits().unwrap().inputs().horizon_s.unwrap()
}

/// The volatility term, USDC.
fn term(desk: &Desk) -> f64 {
    let limits = desk.engine.limits().unwrap();
    limits
        .term(Term::Volatility)
        .unwrap()
        .value
        .unwrap()
        .as_usd()
}

#[test]
fn quiet_hours_lengthen_it_and_halve_the_limit_of_a_market_in_which_we_trade() {
    let (mut quiet, mut busy) = (quoting(BASE_S), quoting(BASE_S));
    let begun = horizon_s(&quiet);
    assert!((begun - BASE_S).abs() < 2.0 * 16.0, "{begun}");
    for second in 0..400_u32 {
        quiet.seconds(1);
        busy.seconds(1);
        let side = if second % 2 == 0 {
            Side::Bid
        } else {
            Side::Ask
        };
        busy.fill(side, busy.lots(side).0 / 5);
    }
    assert!((horizon_s(&quiet) - 4.0 * BASE_S).abs() < 1.0);
    assert!(horizon_s(&busy) < BASE_S);
    // Four horizons against one: the square root of it is two.
    let ratio = term(&busy) / term(&quiet);
    assert!((ratio - 2.0).abs() < 0.1, "{ratio}");
    let binds = |desk: &Desk| desk.engine.limits().unwrap().binding();
    assert_eq!(binds(&quiet), Term::Volatility);
}

#[test]
fn the_first_small_fill_after_ten_minutes_lowers_nothing() {
    let mut desk = quoting(3_600.0);
    desk.seconds(700);
    let (lots, value, before) = (
        desk.engine.limits().unwrap().long(),
        term(&desk),
        horizon_s(&desk),
    );
    desk.fill(Side::Bid, 50);
    assert!(term(&desk) >= value && desk.engine.limits().unwrap().long() >= lots);
    assert!(horizon_s(&desk) <= before);
    // And no mark of time, with fills or without, moves it by more than time itself.
    for _ in 0..30 {
        let before = horizon_s(&desk);
        desk.seconds(10);
        assert!((0.0..=20.0).contains(&(horizon_s(&desk) - before)));
    }
}

#[test]
fn a_steady_stream_leads_to_the_limit_over_the_fill_rate() {
    let mut desk = quoting(BASE_S);
    let mut filled = 0.0;
    // A hundredth of the limit a second turns it over in 100 s.
    for second in 0..2_000_u32 {
        desk.seconds(1);
        let limit = desk.engine.limits().unwrap().long().as_f64();
        let side = if second % 2 == 0 {
            Side::Bid
        } else {
            Side::Ask
        };
        #[expect(clippy::cast_possible_truncation, reason = "lots")]
        let sz = (limit / 100.0) as i64;
        desk.fill(side, sz);
        if second >= 1_000 {
            filled += Sz(sz).as_f64() / limit;
        }
    }
    let wanted = 1_000.0 / filled;
    let found = horizon_s(&desk);
    assert!((found / wanted - 1.0).abs() < 0.03, "{found} {wanted}");
}

#[test]
fn without_orders_of_ours_it_stands_still() {
    let mut desk = quoting(BASE_S);
    desk.seconds(10);
    desk.tell(EventBody::Command(Command::Stop));
    desk.seconds(5);
    assert!(desk.resting.is_empty());
    let before = horizon_s(&desk);
    desk.seconds(300);
    assert!((horizon_s(&desk) - before).abs() < 1e-9);
}

proptest! {
    #![proptest_config(cases(12))]

    /// Whatever fills when: a fill never lowers the volatility term, and between two steps T lengthens by
    /// at most two seconds a second.
    #[test]
    fn prop_a_fill_never_lowers_the_limit_and_time_lowers_it_gradually(
        steps in prop::collection::vec((1_i64..60, any::<bool>(), 1_i64..4_000), 1..25)
    ) {
        let mut desk = quoting(BASE_S);
        for (secs, buys, sz) in steps {
            for _ in 0..secs {
                let before = horizon_s(&desk);
                desk.pass(Dur(SECOND));
                prop_assert!((-1e-9..=2.0).contains(&(horizon_s(&desk) - before)));
            }
            let side = if buys { Side::Bid } else { Side::Ask };
            if desk.lots(side) == Sz::ZERO {
                continue;
            }
            let (value, before) = (term(&desk), horizon_s(&desk));
            desk.fill(side, sz);
            prop_assert!(term(&desk) >= value, "{} was {}", term(&desk), value);
            prop_assert!(horizon_s(&desk) <= before);
        }
    }
}
