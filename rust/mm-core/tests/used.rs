//! What is measured, as it is used: which volatility quotes and limits take, how far an intensity is pulled, and what
//! each level of a ladder pays for the cost where it stands.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[allow(dead_code, reason = "each test takes what it needs of the exchange")]
mod desk;

use desk::Desk;
use mm_core::book::Touch;
use mm_core::estimators::adverse::{Cost, DEPTHS_BPS};
use mm_core::estimators::intensity::Fit;
use mm_core::event::Level;
use mm_core::instrument::Instrument;
use mm_core::learned::{CostCurve, Learned};
use mm_core::quote::{Beliefs, Strategy, build_ladder};
use mm_core::solved::Conditions;
use mm_core::units::{Px, Side, Sz, Time};

/// As the desk is configured: what the hour is worth beside ten minutes, returns.
const N0: f64 = 30.0;

/// MODELS.md P1.1: quotes take two minutes, or ten pulled to the hour, whichever is larger; limits ten or the hour.
/// A market that is lively for three minutes, and calm before and after, has every one of these larger in turn.
#[test]
fn quotes_and_limits_take_the_volatility_that_is_theirs() {
    let mut desk = Desk::with(desk::config("{}"), 0);
    desk.open();
    let calm = desk.mid;
    // Two minutes and the ten pulled in quotes, ten and the hour in limits.
    let mut larger = [0; 4];
    for second in 0..2_400 {
        let amplitude = if (300..480).contains(&second) {
            1_500
        } else {
            20
        };
        // Five seconds on it is on the other side: each return is of the whole amplitude.
        desk.mid = calm + amplitude * (second % 2);
        desk.seconds(1);
        let shown = desk.snapshot();
        let known = shown.models.volatility;
        let [two, ten, hour] = known.half_lives.map(Option::unwrap);
        let n = known.effective_n[1].unwrap();
        let pulled = libm::sqrt((n * ten * ten + N0 * hour * hour) / (n + N0));
        for (found, wanted) in [
            (shown.sigma_quotes.unwrap(), two.max(pulled)),
            (shown.sigma.unwrap(), ten.max(hour)),
        ] {
            assert!((found / wanted - 1.0).abs() < 1e-9, "{found} {wanted}");
        }
        let apart = (ten / hour - 1.0).abs() > 0.1;
        larger[usize::from(pulled > two)] += usize::from(apart);
        larger[2 + usize::from(hour > ten)] += usize::from(apart);
    }
    println!("seconds in which each was larger: {larger:?}");
    assert!(larger.iter().all(|seconds| *seconds > 60), "{larger:?}");
}

/// Rule 6 of MODELS.md c: each side's fit weighs `n / (n + n0)`, and the model quotes the mean of both.
#[test]
fn an_intensity_is_pulled_by_what_it_rests_on() {
    let fit = |arrival: f64, kappa: f64, n: f64| Fit {
        log_arrival: libm::log(arrival),
        kappa,
        var_log_arrival: 0.1,
        var_kappa: 0.1,
        covariance: 0.0,
        n,
        as_of: Time(0),
        range_bps: (0.0, 10.0),
    };
    let assumed = Learned {
        arrival_per_s: 0.1,
        kappa_per_bps: 0.7,
        adverse: [CostCurve::flat(0.5); 2],
    };
    let fits = [fit(0.4, 0.3, 60.0), fit(0.2, 0.5, 90.0)];
    let used = assumed.with_intensity(fits, 30.0);
    let kappa = f64::midpoint((2.0 * 0.3 + 0.7) / 3.0, (3.0 * 0.5 + 0.7) / 4.0);
    assert!((used.kappa_per_bps - kappa).abs() < 1e-12, "{used:?}");
    let logs = [0.4, 0.2, 0.1].map(|arrival: f64| libm::log(arrival));
    let log = f64::midpoint(
        (2.0 * logs[0] + logs[2]) / 3.0,
        (3.0 * logs[1] + logs[2]) / 4.0,
    );
    assert!(
        (libm::log(used.arrival_per_s) - log).abs() < 1e-12,
        "{used:?}"
    );
    // With nothing to pull it is what was fitted; where fills rise with the distance, the least that prices.
    let alone = assumed.with_intensity(fits, 0.0);
    assert!((alone.kappa_per_bps - 0.4).abs() < 1e-12, "{alone:?}");
    let rising = assumed.with_intensity([fit(0.1, -0.2, 60.0); 2], 0.0);
    assert!((rising.kappa_per_bps - 0.01).abs() < 1e-12, "{rising:?}");
}

/// RUNTIME.md 4: each level is behind the first by `j/k` and by what a fill costs more where it stands.
#[test]
fn each_level_pays_for_its_own_distance() {
    let mut quoting = desk::config("{}").quoting;
    quoting.strategy = Strategy::Ladder;
    // A third of the distance, from nothing.
    let rising = DEPTHS_BPS.map(|depth_bps| {
        Some(Cost {
            mean_bps: depth_bps / 3.0,
            se_bps: 0.1,
            n: 100.0,
            as_of: Time(0),
        })
    });
    let at = Conditions {
        sigma_bps: 0.6,
        arrival: 0.1,
        kappa: 0.7,
    };
    let level = |px| Level {
        px: Px(px),
        sz: Sz(100_000),
    };
    let beliefs = Beliefs {
        touch: Touch {
            bid: level(1_000_000),
            ask: level(1_000_010),
        },
        fair_px: 1_000_005.0,
        solved: Some(quoting.solve(at, at, 25.0)),
        maker_fee_bps: 1.5,
        learned: Learned {
            arrival_per_s: at.arrival,
            kappa_per_bps: at.kappa,
            adverse: [CostCurve::measured(&rising, 0.0, 0.0); 2],
        },
        losses: Default::default(),
        inventory: 0.0,
        premium_bps: 0.0,
        funding_bps: 0.0,
    };
    let btc = Instrument::new("BTC", 0, 5, 40).unwrap();
    let ladder = build_ladder(&quoting, &beliefs, &btc);
    for side in Side::BOTH {
        let terms = ladder.terms_of(side).unwrap();
        let levels = ladder.levels.iter().filter(|level| level.side == side);
        let mut behind_bps = 0.0;
        for level in levels {
            let captured_bps = level.model_bps * 2.0 / 3.0 - terms.maker_fee_bps - terms.edge_bps;
            assert!(
                (captured_bps - behind_bps).abs() < 1e-4,
                "{level:?} {terms:?}"
            );
            behind_bps += 1.0 / at.kappa;
        }
        assert!((behind_bps * at.kappa - 5.0).abs() < 1e-9, "five levels");
    }
}
