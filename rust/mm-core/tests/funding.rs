//! Funding, from the frame that tells the rate to the prices that are sent and the limit in force.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[allow(dead_code, reason = "each test takes what it needs of the exchange")]
mod desk;

use desk::{Desk, START};
use mm_core::engine::{FundingShown, SideTrace};
use mm_core::limits::Term;
use mm_core::units::{Dur, Px, SECOND, Side, Sz, Time};

/// The first payment of a session at the desk.
const HOUR: Time = Time((START / (3600 * SECOND) + 1) * 3600 * SECOND);

/// Quoting both sides, the venue telling this rate from the start; the distances are wide of every floor.
fn paid(rate_per_h: f64, used: bool) -> Desk {
    let mut config = desk::config("{}");
    config.models.funding = used;
    config.quoting.arrival_per_s = 0.01;
    let mut desk = Desk::with(config, 0);
    desk.rate_per_h = Some(rate_per_h);
    desk.open();
    desk.seconds(80);
    desk
}

fn funding(desk: &Desk) -> FundingShown {
    desk.snapshot().models.funding
}

fn best(desk: &Desk, side: Side) -> Px {
    let of_side = desk.resting.values().filter(|order| order.side == side);
    let best = of_side
        .map(|order| order.px)
        .max_by_key(|px| px.0 * side.sign());
    best.unwrap()
}

fn bps(desk: &Desk, other: &Desk, side: Side) -> f64 {
    (best(desk, side).as_f64() / best(other, side).as_f64() - 1.0) * 1e4
}

/// Every level of every side adds up to its price, to 0.01 bp.
fn adds_up(trace: &[SideTrace]) {
    for side in trace {
        let terms = side.terms.unwrap();
        let outward = if side.side == Side::Bid { -1.0 } else { 1.0 };
        let common = terms.maker_fee_bps
            + terms.adverse_selection_bps
            + terms.edge_bps
            + terms.cap_bps
            + terms.floor_bps
            + terms.premium_bps
            + outward * (terms.skew_bps + terms.funding_bps);
        for level in &side.levels {
            let own = level.level_bps + level.at_touch_bps + level.grid_bps + level.kept_bps;
            assert!(
                (common + own - level.half_spread_bps).abs() < 0.01,
                "{level:?}"
            );
        }
    }
}

/// MODELS.md P1.8: `-rate per second x holding`, on both sides of the book.
#[test]
fn both_quotes_go_against_the_rate() {
    let none = paid(0.0, true);
    for rate_per_h in [1e-4, -1e-4] {
        let desk = paid(rate_per_h, true);
        let shown = funding(&desk);
        let shift_bps = shown.shift_bps.unwrap();
        assert!((shift_bps + rate_per_h / 3600.0 * shown.holding_s * 1e4).abs() < 1e-9);
        assert!((0.5..2.0).contains(&shift_bps.abs()), "{shown:?}");
        let trace = desk.snapshot().trace;
        for side in Side::BOTH {
            let moved = bps(&desk, &none, side);
            assert!(
                (moved - shift_bps).abs() < 0.2,
                "{side:?} {moved} {shift_bps}"
            );
            let terms = trace[side.index()].terms.unwrap();
            assert!((terms.funding_bps - shift_bps).abs() < 1e-9, "{terms:?}");
        }
        adds_up(&trace);
    }
}

/// Law d.2.4: the shift flips with the rate, not with what is held.
#[test]
fn what_is_held_does_not_change_the_shift() {
    for rate_per_h in [1e-4, -1e-4] {
        let shifts = [Side::Bid, Side::Ask].map(|side| {
            let mut desk = paid(rate_per_h, true);
            desk.fill(side, 60);
            desk.seconds(1);
            assert_eq!(desk.position.0.signum(), side.sign());
            adds_up(&desk.snapshot().trace);
            let terms = desk.snapshot().trace[0].terms.unwrap();
            assert!(terms.skew_bps * desk.position.as_f64() < 0.0, "{terms:?}");
            terms.funding_bps
        });
        assert!((shifts[0] - shifts[1]).abs() < 1e-12, "{shifts:?}");
        assert!(shifts[0] * rate_per_h < 0.0, "{shifts:?}");
    }
}

#[test]
fn a_shift_is_bounded_and_off_unless_it_is_asked_for() {
    let (none, off) = (paid(0.0, false), paid(1e-4, false));
    assert!(
        funding(&off).shift_bps.unwrap() < -0.5,
        "it is shown all the same"
    );
    for side in Side::BOTH {
        assert_eq!(best(&off, side), best(&none, side));
    }
    assert!(off.snapshot().trace[0].terms.unwrap().funding_bps.abs() < 1e-12);
    let wild = paid(0.04, true);
    assert_eq!(funding(&wild).shift_bps, Some(-5.0));
    assert!((wild.snapshot().trace[0].terms.unwrap().funding_bps + 5.0).abs() < 1e-12);
}

/// Missing is not none: nothing is shifted, and it is shown as not known.
#[test]
fn a_rate_that_nobody_tells_any_more_shifts_nothing() {
    let mut desk = paid(1e-4, true);
    desk.rate_per_h = None;
    desk.seconds(60);
    assert!(funding(&desk).shift_bps.unwrap() < 0.0);
    desk.seconds(1);
    let shown = funding(&desk);
    assert_eq!((shown.rate, shown.shift_bps), (None, None));
    assert!(desk.snapshot().trace[0].terms.unwrap().funding_bps.abs() < 1e-12);
    desk.rate_per_h = Some(1e-4);
    desk.seconds(2);
    assert!(desk.snapshot().trace[0].terms.unwrap().funding_bps < -0.5);
}

/// Fills shorten what we expect to hold, and with it the shift.
#[test]
fn a_quicker_turnover_shifts_less() {
    let mut desk = paid(1e-4, true);
    let slow = funding(&desk);
    for _ in 0..40 {
        desk.fill(Side::Bid, 60);
        desk.fill(Side::Ask, 60);
        desk.seconds(5);
    }
    let quick = funding(&desk);
    assert!(quick.holding_s < 0.9 * slow.holding_s, "{quick:?}");
    assert!(quick.shift_bps.unwrap() > 0.9 * slow.shift_bps.unwrap());
}

/// Until the payment, the position at the limit could pay it and still lose no more than the budget; every
/// reader has the one limit.
#[test]
fn before_the_hour_the_limit_reserves_its_payment() {
    let until = |desk: &mut Desk, at: Time| {
        while desk.now < at {
            desk.seconds(1);
        }
    };
    let volatility = |desk: &Desk| {
        let limits = desk.snapshot().limits.unwrap();
        limits
            .term(Term::Volatility)
            .unwrap()
            .value
            .unwrap()
            .as_usd()
    };
    let first = HOUR.plus(Dur(-600 * SECOND));
    for (rate_per_h, used) in [(0.01, true), (-0.01, true), (0.01, false)] {
        let mut desk = paid(rate_per_h, used);
        until(&mut desk, first.plus(Dur(-SECOND)));
        let (before, sized) = (volatility(&desk), desk.lots(Side::Bid));
        assert_eq!(funding(&desk).reserved_frac, None);
        desk.seconds(1);
        let limits = desk.snapshot().limits.unwrap();
        let (due, after) = (limits.inputs().funding_frac, volatility(&desk));
        if !used {
            assert_eq!(due, None);
            assert!((after / before - 1.0).abs() < 0.01, "{after} {before}");
            continue;
        }
        // budget / V is what a unit of it may lose: now the payment is a part of that.
        assert_eq!(due, Some(0.01));
        let inputs = limits.inputs();
        let budget = inputs.account_value.unwrap().as_usd() * 0.03;
        let (with, without) = (budget / after, budget / before);
        assert!(
            (with - without - 0.01).abs() < 0.02 * without,
            "{with} {without}"
        );
        assert_eq!(limits.binding(), Term::Volatility);
        assert!(
            desk.lots(Side::Bid) < sized,
            "{:?} {sized:?}",
            desk.lots(Side::Bid)
        );
        let worst = desk.snapshot().worst_case;
        assert!(worst[1] <= limits.long() && -worst[0] <= limits.short());
        // Silence does not undo it; the hour does.
        desk.rate_per_h = None;
        until(&mut desk, HOUR.plus(Dur(-SECOND)));
        assert_eq!(funding(&desk).reserved_frac, Some(0.01));
        until(&mut desk, HOUR);
        assert_eq!(funding(&desk).reserved_frac, None);
        desk.seconds(1);
        assert!((volatility(&desk) / before - 1.0).abs() < 0.05);
        assert!(desk.snapshot().position == Sz::ZERO);
    }
}
