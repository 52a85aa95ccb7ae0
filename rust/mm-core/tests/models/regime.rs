//! Regime: row "regime" of MODELS.md d.1. The volatility of a random walk is doubled, or five times, for ten
//! minutes.

use mm_core::estimators::regime::{Regime, Regimes};
use mm_core::estimators::volatility::Volatility;
use mm_core::units::{SECOND, Time};

use crate::random::{Random, mean_sd};

const SIGMA: f64 = 1e-4;
const BEGIN_S: i64 = 1_800;
const END_S: i64 = 2_400;

/// Seconds of a walk in which the regime is livelier than usual.
fn lively(run: u64, times: f64) -> Vec<i64> {
    let (mut random, mut volatility) = (Random::new(run), Volatility::default());
    let (mut regimes, mut log_mid, mut seen) = (Regimes::default(), 0.0, Vec::new());
    for second in 0..3_600 {
        let is_wild = (BEGIN_S..END_S).contains(&second);
        for part in 0..4 {
            log_mid += if is_wild { times } else { 1.0 } * SIGMA / 2.0 * random.normal();
            let at = Time(second * SECOND + part * SECOND / 4);
            volatility.observe(at, libm::exp(log_mid));
        }
        regimes.observe(
            Time(second * SECOND),
            volatility.of_two_minutes(Time(second * SECOND)),
            volatility.recent_moves(),
            Some(SIGMA),
        );
        if regimes.regime() >= Regime::Lively {
            seen.push(second);
        }
    }
    seen
}

#[test]
fn a_livelier_market_is_flagged_soon_and_to_its_end() {
    for (times, within_s) in [(5.0, 20.0), (2.0, 120.0)] {
        let (mut delays, mut missed, mut early) = (Vec::new(), 0, 0);
        for seed in 0..40 {
            let seen = lively(seed, times);
            early += seen.iter().filter(|at| **at < BEGIN_S).count();
            let within = seen.iter().find(|at| (BEGIN_S..END_S).contains(*at));
            let first = *within.unwrap();
            delays.push((first - BEGIN_S) as f64);
            let kept = seen
                .iter()
                .filter(|at| (first..END_S).contains(*at))
                .count();
            missed += (END_S - first) as usize - kept;
        }
        let (mean, sd) = mean_sd(&delays);
        let most = delays.iter().fold(0.0_f64, |most, one| most.max(*one));
        println!(
            "x{times}: flagged after {mean:.0} s (sd {sd:.0}, at most {most:.0}), {missed} s missed of 40 episodes, {early} s early"
        );
        assert!(most <= within_s, "{delays:?}");
        assert!(missed as f64 <= 0.01 * 40.0 * 600.0, "{missed}");
        assert!(early as f64 <= 0.001 * 40.0 * BEGIN_S as f64, "{early}");
    }
}

/// How often a usual market is taken for a livelier one, a day, and for how long: `draw` gives a second's move.
fn false_alarms(days: i64, counted: bool, mut draw: impl FnMut() -> f64) -> (f64, f64) {
    let (mut volatility, mut regimes, mut log_mid) =
        (Volatility::default(), Regimes::default(), 0.0);
    let (mut alarms, mut seconds, mut was) = (0, 0, Regime::Usual);
    for second in 0..days * 86_400 {
        log_mid += SIGMA * draw();
        let at = Time(second * SECOND);
        volatility.observe(at, libm::exp(log_mid));
        let recent = volatility.recent_moves().filter(|_| counted);
        regimes.observe(at, volatility.of_two_minutes(at), recent, Some(SIGMA));
        let is = regimes.regime().max(Regime::Usual);
        alarms += i32::from(is > was);
        seconds += i32::from(is > Regime::Usual);
        was = is;
    }
    let days = days as f64;
    (f64::from(alarms) / days, f64::from(seconds) / days)
}

/// The count of busy seconds flags early, and no oftener than the memory of two minutes does by itself.
#[test]
fn the_count_of_busy_seconds_adds_no_false_alarms() {
    let t5 = |random: &mut Random| {
        let chi: f64 = (0..5).map(|_| random.normal()).map(|x| x * x).sum();
        random.normal() / (chi / 5.0).sqrt() / (5.0_f64 / 3.0).sqrt()
    };
    for (name, draw, extra) in [
        ("Gaussian", Random::normal as fn(&mut Random) -> f64, 0.1),
        ("t5", t5, 0.5),
    ] {
        let [plain, counted] = [false, true].map(|counted| {
            let mut random = Random::new(11);
            false_alarms(7, counted, || draw(&mut random))
        });
        println!(
            "{name}: {:.2} alarms a day, {:.0} s; without the count {:.2}, {:.0} s",
            counted.0, counted.1, plain.0, plain.1
        );
        assert!(
            counted.0 <= plain.0 + extra,
            "{name}: {counted:?} {plain:?}"
        );
    }
}
