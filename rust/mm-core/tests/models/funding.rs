//! Funding: row "funding" of MODELS.md d.1 as far as it is an estimate, and law d.2.4. The cash is the exchange's
//! (`mm-sim`), the prices are the engine's (`tests/funding.rs`).

use mm_core::estimators::funding::{Funding, rate_of};
use mm_core::event::AssetCtx;
use mm_core::units::{Dur, SECOND, Time};

const HOUR: i64 = 3600 * SECOND;
const T: Time = Time(472_223 * HOUR);

fn context(rate_per_h: f64, premium: Option<f64>) -> AssetCtx {
    AssetCtx {
        mark_px: 100_000.0,
        oracle_px: 100_000.0,
        mid_px: None,
        funding_rate_per_h: rate_per_h,
        premium,
        open_interest: 1e4,
        day_notional_usd: 1e9,
    }
}

fn told(at: Time, rate_per_h: f64, premium: Option<f64>) -> Funding {
    let mut funding = Funding::default();
    funding.observe(at, &context(rate_per_h, premium), true);
    funding
}

/// At 1 bp an hour a position held for an hour is expected to pay 1 bp: long or short, its price is worth 1 bp
/// less to whoever buys it. The shift is no function of what is held; it flips with the rate.
#[test]
fn a_bp_an_hour_is_a_bp_an_hour_of_holding() {
    for sign in [1.0, -1.0] {
        let rate = told(T, sign * 1e-4, None).at(T).unwrap();
        for (holding_s, bps) in [(3600.0, 1.0), (1800.0, 0.5), (14_400.0, 4.0)] {
            assert!((rate.shift_bps(holding_s, 5.0) + sign * bps).abs() < 1e-12);
        }
        assert!((rate.shift_bps(1e9, 5.0) + sign * 5.0).abs() < 1e-12);
    }
}

/// The venue's formula (HYPERLIQUID.md 6), as its own numbers have it.
#[test]
fn the_rate_of_a_premium_is_the_venues() {
    for (premium, rate) in [
        (0.0, 0.000_012_5),
        (3e-4, 0.000_012_5),
        (1e-2, 0.001_187_5),
        (-1e-3, -0.000_062_5),
        (1.0, 0.04),
        (-1.0, -0.04),
    ] {
        assert!((rate_of(premium) - rate).abs() < 1e-15, "{premium}");
    }
    // Law d.2.4: about the premium that the interest makes up for, the mirror image has the opposite rate.
    for premium in [2e-3, 1e-2, 0.1] {
        let mirrored = rate_of(1e-4 - premium) - 1e-4 / 8.0;
        assert!((rate_of(1e-4 + premium) - 1e-4 / 8.0 + mirrored).abs() < 1e-15);
    }
}

/// A minute of silence, and it is not known; unknown is no rate of none.
#[test]
fn a_rate_goes_stale() {
    assert_eq!(Funding::default().at(T), None);
    let funding = told(T, 1e-4, None);
    assert!(funding.at(T.plus(Dur(60 * SECOND))).is_some());
    assert_eq!(funding.at(T.plus(Dur(60 * SECOND + 1))), None);
}

/// What is reserved: only within the window, only for the hour that the rate is of, on whichever side it is paid, and
/// with the rest of the hour at the present premium where that is worse.
#[test]
fn a_payment_is_due_before_its_hour() {
    let before = |secs: i64| Time(T.0 + HOUR - secs * SECOND);
    for sign in [1.0, -1.0] {
        let funding = told(T, sign * 1e-4, None);
        assert_eq!(funding.due_frac(before(601), 600.0), None);
        assert_eq!(funding.due_frac(before(600), 600.0), Some(1e-4));
        assert_eq!(funding.due_frac(before(1), 600.0), Some(1e-4));
        assert_eq!(funding.due_frac(before(0), 600.0), None);
        assert_eq!(funding.due_frac(before(-3599), 600.0), None);
    }
    // Ten minutes of a premium that would cost 0.118750 % an hour, over a rate of 0.01 %.
    let rising = told(before(600), 1e-4, Some(1e-2));
    let due = rising.due_frac(before(600), 600.0).unwrap();
    assert!((due - (1e-4 + (0.001_187_5 - 1e-4) / 6.0)).abs() < 1e-15);
    // One that falls lowers nothing: the samples so far are paid for.
    let falling = told(before(600), 1e-4, Some(-1e-2));
    assert!(falling.due_frac(before(600), 600.0).unwrap() >= 1e-4);
    assert_eq!(told(T, 1e-4, None).due_frac(before(1), 0.0), None);
}

/// Laws d.2.1 and d.2.2: told twice it is the same, and prices have no unit here. What is older than what is
/// known says nothing.
#[test]
fn repeats_units_and_the_past_change_nothing() {
    let mut funding = told(T, 1e-4, Some(3e-4));
    let once = funding.at(T).unwrap();
    funding.observe(T, &context(1e-4, Some(3e-4)), true);
    assert_eq!(funding.at(T), Some(once));
    funding.observe(Time(T.0 - 1), &context(-1.0, None), true);
    assert_eq!(funding.at(T), Some(once));
    let mut other = context(1e-4, Some(3e-4));
    (other.oracle_px, other.mark_px) = (1e-3, 1e-3);
    funding.observe(T, &other, true);
    let scaled = funding.at(T).unwrap();
    let apart = scaled.shift_bps(3600.0, 5.0) - once.shift_bps(3600.0, 5.0);
    assert!(apart.abs() < 1e-15, "{apart}");
    assert_eq!(scaled.predicted_per_h, once.predicted_per_h);
}

/// A builder's perp makes its rate as its deployer likes: what it would be by the formula is not known.
#[test]
fn another_formula_predicts_nothing() {
    let mut funding = Funding::default();
    funding.observe(T, &context(1e-4, Some(1e-2)), false);
    let rate = funding.at(T).unwrap();
    assert_eq!(
        (rate.predicted_per_h, rate.uncertainty_per_h()),
        (None, None)
    );
    assert_eq!(rate.premium, Some(1e-2));
}
