//! Reference estimators of volatility, for the rows "sigma", "sigma, long window", "jump robustness", "heavy jumps" and
//! "noise" of MODELS.md d.1. They are what the product's twin and its grid of mids are set beside; none is built in.

use crate::random::{Random, mean_sd};
use crate::volatility::{Jumping, Path, SIGMA, Still};

/// Realised variance, a second's: the plain sum.
fn realised(returns: &[f64]) -> f64 {
    returns.iter().map(|r| r * r).sum::<f64>() / returns.len() as f64
}

/// Bipower variation (Barndorff-Nielsen and Shephard 2004).
fn bipower(returns: &[f64]) -> f64 {
    let pairs = returns.windows(2).map(|pair| (pair[0] * pair[1]).abs());
    core::f64::consts::FRAC_PI_2 * pairs.sum::<f64>() / (returns.len() - 1) as f64
}

/// `MedRV`, the squared median of three neighbours (Andersen, Dobrev and Schaumburg 2012).
fn median(returns: &[f64]) -> f64 {
    let middle = |three: &[f64]| {
        let [a, b, c] = [three[0].abs(), three[1].abs(), three[2].abs()];
        let middle = a.max(b).min(a.min(b).max(c));
        middle * middle
    };
    let pi = core::f64::consts::PI;
    let scale = pi / (6.0 - 4.0 * 3.0_f64.sqrt() + pi);
    scale * returns.windows(3).map(middle).sum::<f64>() / (returns.len() - 2) as f64
}

/// Two scales (Zhang, Mykland and Ait-Sahalia 2005): the average over `scale` offset grids less what the noise of
/// every print adds to it. Variance of the whole path.
fn two_scales(prints: &[f64], scale: usize) -> f64 {
    let n = (prints.len() - 1) as f64;
    let squares = |lag: usize| {
        let moves = prints
            .windows(lag + 1)
            .map(|w| (w[lag] - w[0]) * (w[lag] - w[0]));
        moves.sum::<f64>()
    };
    let each = (n - scale as f64 + 1.0) / scale as f64;
    (squares(scale) / scale as f64 - each / n * squares(1)) / (1.0 - each / n)
}

/// Returns over a second for two hours.
fn two_hours(path: &mut dyn Path, seed: u64) -> Vec<f64> {
    let mut random = Random::new(seed);
    (0..7200).map(|_| path.step(&mut random, 1.0)).collect()
}

type Estimator = (&'static str, fn(&[f64]) -> f64);
const ALL: [Estimator; 3] = [("RV", realised), ("BV", bipower), ("MedRV", median)];

/// Of the truth, each seed's standard deviation per square root of a second.
fn of_truth(seeds: u64, per_s: f64, estimator: fn(&[f64]) -> f64) -> Vec<f64> {
    (0..seeds)
        .map(|seed| estimator(&two_hours(&mut Jumping { per_s }, seed)).sqrt() / SIGMA)
        .collect()
}

/// The table's own simulation: a decayed-sum ratio over every update, half-life a minute, half an hour, 40 seeds. The
/// product's is of a grid: `volatility` holds it to the same bounds.
#[test]
fn a_ratio_of_decayed_sums_is_unbiased_at_any_rate_of_updates() {
    for (rate, sd_most) in [(0.5, 0.12), (2.0, 0.07), (10.0, 0.035)] {
        let of_seed = |seed: u64| {
            let (mut random, mut time) = (Random::new(seed), 0.0);
            let (mut squares, mut seconds) = (0.0, 0.0);
            while time < 1800.0 {
                let span_s = random.wait(rate);
                let moved = Jumping { per_s: 0.0 }.step(&mut random, span_s);
                let left = libm::exp2(-span_s / 60.0);
                (squares, seconds) = (squares * left + moved * moved, seconds * left + span_s);
                time += span_s;
            }
            (squares / seconds).sqrt() / SIGMA
        };
        let (mean, sd) = mean_sd(&(0..40).map(of_seed).collect::<Vec<f64>>());
        println!("every update, {rate} a second: {mean:.3} of the truth, sd {sd:.3}");
        assert!((mean - 1.0).abs() < 0.03 && sd <= sd_most, "{mean} {sd}");
    }
}

#[test]
fn two_hours_of_seconds_give_back_sigma_to_three_percent() {
    for ((name, estimator), sd_about) in ALL.into_iter().zip([0.008, 0.009, 0.010]) {
        let found = of_truth(40, 0.0, estimator);
        let (mean, sd) = mean_sd(&found);
        let worst = found
            .iter()
            .map(|one| (one - 1.0).abs())
            .fold(0.0, f64::max);
        println!("7200 s: {name} {mean:.4} of the truth, sd {sd:.4}, worst {worst:.4}");
        assert!(worst < 0.03, "{name} {worst}");
        assert!((sd / sd_about - 1.0).abs() < 0.35, "{name} {sd}");
    }
}

#[test]
fn jumps_are_in_the_plain_sum_less_in_bipower_and_least_in_the_median() {
    for (per_s, wanted) in [
        (1.0 / 300.0, [(1.13, 1.18), (0.99, 1.04), (0.99, 1.015)]),
        (1.0 / 60.0, [(1.58, 1.68), (1.12, 1.18), (0.99, 1.06)]),
    ] {
        for ((name, estimator), (least, most)) in ALL.into_iter().zip(wanted) {
            let (mean, _) = mean_sd(&of_truth(40, per_s, estimator));
            println!("{:.0} jumps an hour: {name} {mean:.3}", per_s * 3600.0);
            assert!((least..=most).contains(&mean), "{name} {mean}");
        }
    }
}

/// On seconds of which three in four stand still, both that multiply or compare neighbours see half.
#[test]
fn neighbours_that_stand_still_hide_volatility() {
    for ((name, estimator), most) in ALL.into_iter().zip([1.03, 0.6, 0.65]) {
        let found = (0..40).map(|seed| estimator(&two_hours(&mut Still, seed)).sqrt() / SIGMA);
        let (mean, _) = mean_sd(&found.collect::<Vec<f64>>());
        println!("zero-inflated at 1 s: {name} {mean:.3}");
        assert!(
            mean < most && (mean > 0.97 || name != "RV"),
            "{name} {mean}"
        );
    }
}

/// Two prints a second, half a bp from a mid that is known: two scales of the prints find what the mid has.
#[test]
fn two_scales_of_prints_are_without_the_bounce() {
    let mut scaled = Vec::new();
    for seed in 0..40 {
        let (mut random, mut log_mid, mut time) = (Random::new(seed), 0.0, 0.0);
        let mut prints = Vec::new();
        while time < 3600.0 {
            let span_s = random.wait(2.0);
            time += span_s;
            log_mid += Jumping { per_s: 0.0 }.step(&mut random, span_s);
            prints.push(log_mid + if random.chance(0.5) { 0.5e-4 } else { -0.5e-4 });
        }
        scaled.push((two_scales(&prints, 8) / time).sqrt() / SIGMA);
    }
    let (mean, sd) = mean_sd(&scaled);
    println!("bounce: two scales of the prints {mean:.3}, sd {sd:.3}");
    assert!((mean - 1.0).abs() < 0.05, "{mean}");
}
