//! Fill intensity: rows "k, A market fit" and "k unit invariance" of MODELS.md d.1.

use mm_core::estimators::intensity::MarketIntensity;
use mm_core::estimators::sweep::Sweep;
use mm_core::units::{Dur, SECOND, Side, Time};

use crate::random::{Random, mean_sd};

/// Read as of when it was last watched.
const WATCHED: Time = Time::ZERO;

/// Sweeps of an exponential reach from a half-spread on, as the tape shows them.
fn market(seed: u64, hours: f64, kappa: f64, arrival: f64, half_spread: f64) -> Vec<Sweep> {
    let (mut random, mut at, mut sweeps) = (Random::new(seed), 0.0, Vec::new());
    while at < hours * 3600.0 {
        // Each side gets `arrival` a second at distance zero; what does not reach the touch trades nothing.
        at += random.wait(2.0 * arrival);
        let side = if random.chance(0.5) {
            Side::Bid
        } else {
            Side::Ask
        };
        let reach_bps = random.wait(kappa);
        if reach_bps >= half_spread {
            let exch = Time::from_millis((at * 1e3) as i64);
            sweeps.push(Sweep {
                exch,
                side,
                mid: 1e6,
                reach_bps,
                notional: 500.0,
            });
        }
    }
    sweeps
}

fn fitted(sweeps: &[Sweep], hours: f64, half_life_s: f64, low: f64) -> MarketIntensity {
    let mut intensity = MarketIntensity::new(half_life_s);
    let mut sweeps = sweeps.iter().peekable();
    for second in 0..(hours * 3600.0) as i64 {
        let now = Time(second * SECOND);
        while let Some(sweep) = sweeps.next_if(|sweep| sweep.exch <= now) {
            intensity.observe(sweep);
        }
        intensity.on_time(now);
    }
    assert!(intensity.fit(Side::Bid, low, 25.0, WATCHED).is_some());
    intensity
}

#[test]
fn the_market_fit_gives_back_k_and_a() {
    for (hours, within) in [(1.0, 0.08), (4.0, 0.04)] {
        let mut found: [Vec<f64>; 3] = Default::default();
        for seed in 0..24 {
            let sweeps = market(seed, hours, 0.2, 0.5, 0.5);
            // Nothing is forgotten: the row states what an hour, or four, can tell.
            let fit = fitted(&sweeps, hours, 1e6, 0.5)
                .fit(Side::Bid, 0.5, 25.0, WATCHED)
                .unwrap();
            found[0].push(fit.kappa / 0.2);
            found[1].push(fit.arrival() / 0.5);
            found[2].push((fit.kappa - 0.2) / fit.var_kappa.sqrt());
        }
        let [(k, k_sd), (a, a_sd), (_, z_sd)] =
            [&found[0], &found[1], &found[2]].map(|one| mean_sd(one));
        println!("{hours} h: k {k:.3} (sd {k_sd:.3}), A {a:.3} (sd {a_sd:.3}), z sd {z_sd:.2}");
        assert!(
            found[0].iter().all(|k| (k - 1.0).abs() < within),
            "{:?}",
            found[0]
        );
        assert!((k - 1.0).abs() < 0.015 && (a - 1.0).abs() < 0.015 && k_sd < 0.03 && a_sd < 0.05);
        // The standard error it states is the one it has.
        assert!((0.65..1.4).contains(&z_sd), "{z_sd}");
    }
}

/// The mean reach without its truncation is `1/k + h`, not `1/k`: the bias that the bins from the
/// half-spread on do not have.
#[test]
fn ignoring_the_truncation_shows_its_known_bias() {
    let sweeps = market(1, 4.0, 0.2, 0.5, 0.5);
    let mean: f64 = sweeps.iter().map(|sweep| sweep.reach_bps).sum::<f64>() / sweeps.len() as f64;
    let naive = 1.0 / mean;
    assert!(
        (naive / (1.0 / (1.0 / 0.2 + 0.5)) - 1.0).abs() < 0.03,
        "{naive}"
    );
    let intensity = fitted(&sweeps, 4.0, 1e6, 0.5);
    // The histogram from zero on makes the same mistake, and reaches that were never seen make it visible.
    let ignoring = intensity.fit(Side::Bid, 0.0, 25.0, WATCHED).unwrap().kappa;
    assert!((ignoring - 0.2) < -0.01, "{ignoring}");
}

/// Half an hour of memory keeps what the row asks, and follows a market that changes.
#[test]
fn a_change_of_the_market_is_followed_at_the_half_life() {
    let (calm, wild) = (market(1, 2.0, 0.4, 0.5, 0.5), market(2, 2.0, 0.1, 1.0, 0.5));
    let mut intensity = MarketIntensity::new(1800.0);
    for sweep in &calm {
        intensity.observe(sweep);
    }
    let before = intensity.fit(Side::Ask, 0.5, 25.0, WATCHED).unwrap();
    for sweep in &wild {
        let exch = Time(sweep.exch.0 + 7200 * SECOND);
        intensity.observe(&Sweep { exch, ..*sweep });
    }
    let after = intensity.fit(Side::Ask, 0.5, 25.0, WATCHED).unwrap();
    assert!(
        (before.kappa / 0.4 - 1.0).abs() < 0.1 && (after.kappa / 0.1 - 1.0).abs() < 0.25,
        "{after:?}"
    );
}

#[test]
fn silence_lowers_the_rate_and_a_gap_does_not() {
    let sweeps = market(3, 1.0, 0.2, 0.5, 0.5);
    let mut intensity = fitted(&sweeps, 1.0, 1800.0, 0.5);
    let rate = |intensity: &MarketIntensity| intensity.counted_rate(Side::Bid, 2.0).unwrap();
    let before = rate(&intensity);
    let mut gone = intensity.clone();
    gone.on_time(Time((3600 + 600) * SECOND));
    assert!((rate(&gone) / before - 1.0).abs() < 1e-9, "nobody watched");
    for second in 0..600 {
        intensity.on_time(Time((3600 + second) * SECOND));
    }
    assert!(rate(&intensity) < 0.85 * before);
}

/// Sizes, and the price's own scale, are not in it.
#[test]
fn sizes_and_prices_change_nothing() {
    let sweeps = market(4, 1.0, 0.2, 0.5, 0.5);
    let scaled: Vec<Sweep> = sweeps
        .iter()
        .map(|one| Sweep {
            mid: one.mid * 1e3,
            notional: one.notional * 1e3,
            ..*one
        })
        .collect();
    let fits = [&sweeps, &scaled]
        .map(|sweeps| fitted(sweeps, 1.0, 1800.0, 0.5).fit(Side::Ask, 0.5, 25.0, WATCHED));
    assert_eq!(fits[0], fits[1]);
}

#[test]
fn stretched_time_divides_the_rate_and_keeps_k() {
    let sweeps = market(5, 1.0, 0.2, 0.5, 0.5);
    let mut fits = Vec::new();
    for stretch in [1, 4] {
        let mut intensity = MarketIntensity::new(1800.0 * stretch as f64);
        let mut watched: Option<Time> = None;
        for sweep in &sweeps {
            let exch = Time(sweep.exch.0 * stretch);
            while let Some(next) = watched.map(|known| known.plus(Dur(SECOND)))
                && next < exch
            {
                intensity.on_time(next);
                watched = Some(next);
            }
            intensity.observe(&Sweep { exch, ..*sweep });
            watched = Some(exch);
        }
        fits.push(intensity.fit(Side::Bid, 0.5, 25.0, WATCHED).unwrap());
    }
    assert!((fits[0].kappa / fits[1].kappa - 1.0).abs() < 1e-9);
    assert!(
        (fits[0].arrival() / fits[1].arrival() / 4.0 - 1.0).abs() < 0.01,
        "{fits:?}"
    );
}

/// Sweeps whose rate falls by 1.8 per bp as far as 2 bps, and by 0.3 beyond: half-spread half a bp.
fn two_slopes(seed: u64, hours: f64) -> Vec<Sweep> {
    let (mut random, mut at, mut sweeps) = (Random::new(seed), 0.0, Vec::new());
    while at < hours * 3600.0 {
        at += random.wait(2.0 * 20.0);
        let side = if random.chance(0.5) {
            Side::Bid
        } else {
            Side::Ask
        };
        let near_bps = random.wait(1.8);
        let reach_bps = if near_bps < 2.0 {
            near_bps
        } else {
            2.0 + random.wait(0.3)
        };
        if reach_bps >= 0.5 {
            sweeps.push(Sweep {
                exch: Time::from_millis((at * 1e3) as i64),
                side,
                mid: 1e6,
                reach_bps,
                notional: 500.0,
            });
        }
    }
    sweeps
}

/// Where an order at 2.5 to 10 bps quotes, slope and rate are those of there; the fit of all distances is of the
/// many that came no further than the touch, and neither.
#[test]
fn the_fit_where_we_quote_is_of_there() {
    let truth = |depth_bps: f64| 20.0 * libm::exp(-1.8 * 2.0 - 0.3 * (depth_bps - 2.0));
    let (mut found, mut of_all): ([Vec<f64>; 2], [Vec<f64>; 2]) = Default::default();
    for seed in 0..12 {
        let intensity = fitted(&two_slopes(seed, 1.0), 1.0, 1e6, 0.5);
        let fits = [
            intensity.fit(Side::Bid, 2.5, 10.0, WATCHED),
            intensity.fit_where_known(Side::Bid, 0.5, WATCHED),
        ];
        for (fit, found) in fits.into_iter().zip([&mut found, &mut of_all]) {
            let fit = fit.unwrap();
            let rate = libm::exp(fit.log_arrival - 5.0 * fit.kappa);
            found[0].push(fit.kappa / 0.3);
            found[1].push(rate / truth(5.0));
        }
    }
    let shown = |ratios: &[Vec<f64>; 2]| {
        let [(k, k_sd), (rate, rate_sd)] = [&ratios[0], &ratios[1]].map(|one| mean_sd(one));
        format!("k {k:.3} (sd {k_sd:.3}), rate at 5 bps {rate:.3} (sd {rate_sd:.3})")
    };
    println!("two slopes, where quoted: {}", shown(&found));
    println!("two slopes, all distances: {}", shown(&of_all));
    let within = |found: &[f64], most: f64| found.iter().all(|one| (one - 1.0).abs() < most);
    let passes = |[k, rate]: &[Vec<f64>; 2]| within(k, 0.08) && within(rate, 0.12);
    assert!(passes(&found), "{found:?}");
    assert!(!passes(&of_all), "{of_all:?}");
    assert!(of_all[0].iter().all(|k| *k > 2.0), "{of_all:?}");
}
