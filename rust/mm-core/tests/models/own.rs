//! Our own intensity: rows "k, A own fit", "own fills at limit" and "k unit invariance" of MODELS.md d.1.

use mm_core::estimators::intensity::{Fit, OwnIntensity};
use mm_core::units::{SECOND, Side, Time};

use crate::random::{Random, mean_sd};

const DEPTHS: [f64; 4] = [2.0, 4.5, 10.0, 22.0];
const BID: Side = Side::Bid;
/// Read as of when it was last counted.
const COUNTED: Time = Time::ZERO;

/// What the market's fit says before we have a fill: nearly nothing.
fn vague() -> Fit {
    Fit {
        log_arrival: libm::log(0.1),
        kappa: 0.5,
        var_log_arrival: 1.0,
        var_kappa: 0.25,
        covariance: 0.0,
        n: 0.0,
        as_of: Time(0),
        range_bps: (0.0, 25.0),
    }
}

/// `k` 0.2, `A` 0.5: fills of an order at `depth` in `hours`.
fn fills(random: &mut Random, depth: f64, hours: f64) -> u64 {
    random.poisson(3600.0 * hours * 0.5 * libm::exp(-0.2 * depth)) as u64
}

fn fill(own: &mut OwnIntensity, depth: f64, oid: u64) {
    own.filled(BID, depth, Time(SECOND), oid);
}

#[test]
fn our_own_fills_give_back_k_and_a() {
    let mut found: [Vec<f64>; 2] = Default::default();
    for seed in 0..40 {
        let (mut random, mut own) = (Random::new(seed), OwnIntensity::new(1e9));
        for depth in DEPTHS {
            own.rested(BID, depth, 3600.0);
            for oid in 0..fills(&mut random, depth, 1.0) {
                fill(&mut own, depth, oid);
            }
        }
        let fit = own.fit(BID, &vague(), None, COUNTED);
        found[0].push(fit.kappa / 0.2);
        found[1].push(fit.arrival() / 0.5);
        assert_eq!(own.seen(Side::Ask, COUNTED), (0.0, 0.0));
    }
    let [(k, k_sd), (a, a_sd)] = [&found[0], &found[1]].map(|one| mean_sd(one));
    assert!(found[0].iter().all(|k| (k - 1.0).abs() < 0.12));
    assert!((k - 1.0).abs() < 0.02 && (a - 1.0).abs() < 0.03 && k_sd < 0.05);
    println!("own: k {k:.3} (sd {k_sd:.3}), A {a:.3} (sd {a_sd:.3})");
    assert!(found[1].iter().all(|a| (a - 1.0).abs() < 0.08));
}

/// Every order is moved each second and filled, if it is, where it then stands. What counts is how long
/// orders rested: amending ever so often changes nothing. The naive fit is of the distance between a fill and
/// its order's own price, which is always none: its `k` has no end.
#[test]
fn fills_at_the_limit_count_by_the_time_orders_rested() {
    let (mut random, mut often, mut once) = (
        Random::new(9),
        OwnIntensity::new(1e9),
        OwnIntensity::new(1e9),
    );
    let (mut beyond, mut count) = (0.0, 0.0);
    for depth in DEPTHS {
        once.rested(BID, depth, 7200.0);
        for _ in 0..7200 {
            often.rested(BID, depth, 1.0);
        }
        for oid in 0..fills(&mut random, depth, 2.0) {
            fill(&mut often, depth, oid);
            fill(&mut once, depth, oid);
            let (filled_at, placed_at) = (depth, depth);
            beyond += filled_at - placed_at;
            count += 1.0;
        }
    }
    let naive: f64 = count / beyond;
    assert!(naive.is_infinite());
    let [often, once] = [often, once].map(|own| own.fit(BID, &vague(), None, COUNTED));
    assert!((often.kappa / once.kappa - 1.0).abs() < 1e-6);
    println!(
        "own fills at the limit: k {:.3} of the true one",
        once.kappa / 0.2
    );
    assert!((once.kappa / 0.2 - 1.0).abs() < 0.1, "{once:?}");
}

/// Forty pieces of one taker's meeting with one order are one fill.
#[test]
fn pieces_of_one_fill_are_one() {
    let [one, forty] = [1, 40].map(|pieces| {
        let mut own = OwnIntensity::new(1e9);
        own.rested(BID, 2.0, 60.0);
        for _ in 0..pieces {
            fill(&mut own, 2.0, 7);
        }
        fill(&mut own, 2.0, 8);
        own
    });
    assert_eq!(one, forty);
    assert!((one.seen(BID, COUNTED).1 - 2.0).abs() < 1e-12);
}

/// Without fills the market's fit stands; with many it hardly matters.
#[test]
fn the_market_is_the_prior_of_our_own() {
    let market = Fit {
        var_log_arrival: 1e-3,
        var_kappa: 1e-4,
        ..vague()
    };
    let nothing = OwnIntensity::new(1800.0).fit(BID, &market, None, COUNTED);
    assert!((nothing.kappa - 0.5).abs() < 1e-9 && (nothing.arrival() - 0.1).abs() < 1e-9);
    let mut own = OwnIntensity::new(1800.0);
    // An hour at 2 bps without a fill where the market would have given 132: we stand far back in a queue.
    own.rested(BID, 2.0, 3600.0);
    let late = own.fit(BID, &market, None, COUNTED);
    assert!(
        late.arrival() < 0.02 && (late.kappa - 0.5).abs() < 0.1,
        "{late:?}"
    );
    // The search ends at the same place, wherever it begins.
    let again = own.fit(BID, &market, Some(&late), COUNTED);
    assert!((again.kappa / late.kappa - 1.0).abs() < 1e-9);
}

/// What was seen a half-life ago counts half as much, and an age does not change the fit of it all.
#[test]
fn it_forgets() {
    let mut own = OwnIntensity::new(600.0);
    own.on_time(Time(0));
    own.rested(BID, 2.0, 60.0);
    fill(&mut own, 2.0, 1);
    own.on_time(Time(600 * SECOND));
    let (exposure_s, fills) = own.seen(BID, COUNTED);
    assert!((exposure_s - 30.0).abs() < 1e-9 && (fills - 0.5).abs() < 1e-12);
    own.on_time(Time(600 * 60 * SECOND));
    assert!(own.seen(BID, COUNTED).1 < 1e-15);
    let fit = own.fit(BID, &vague(), None, COUNTED);
    assert!((fit.kappa - 0.5).abs() < 1e-6, "{fit:?}");
}

/// Takers that come far beyond what was assumed: the search goes there in steps that overflow nothing.
#[test]
fn many_fills_far_out_give_a_finite_fit() {
    let assumed = Fit::assumed(0.1, 0.7, 30.0);
    let mut own = OwnIntensity::new(1e9);
    own.on_time(Time(SECOND));
    own.rested(BID, 95.0, 1.0);
    for oid in 0..8 {
        fill(&mut own, 95.0, oid);
    }
    let found = own.fit(BID, &assumed, None, COUNTED);
    let again = own.fit(BID, &assumed, Some(&found), COUNTED);
    for fit in [&found, &again] {
        let all = [
            fit.log_arrival,
            fit.kappa,
            fit.var_log_arrival,
            fit.var_kappa,
        ];
        assert!(all.iter().all(|value| value.is_finite()), "{fit:?}");
    }
    assert!(
        (again.kappa - found.kappa).abs() < 1e-9,
        "{found:?} {again:?}"
    );
    assert!(found.kappa < assumed.kappa);
}
