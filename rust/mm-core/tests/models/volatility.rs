//! Volatility and jumps: rows "sigma", "jump robustness", "heavy jumps", "noise", "LM jump flag",
//! "zero-inflated mid" and "serially correlated mid" of MODELS.md d.1. The truth is 1 bp per square root of a
//! second. Bipower variation and `MedRV` are references in `realised`: the twin is truncated realised variance.

use mm_core::estimators::jump::Jump;
use mm_core::estimators::volatility::{Volatility, VolatilityShown};
use mm_core::units::{Dur, Time};

use crate::random::{Random, mean_sd};

pub(crate) const SIGMA: f64 = 1e-4;

/// A path: what its log mid does in a step of so many seconds.
pub(crate) trait Path {
    fn step(&mut self, random: &mut Random, span_s: f64) -> f64;
}

/// A random walk that jumps `per_s` times a second by ten of its deviations, and more in proportion.
pub(crate) struct Jumping {
    pub(crate) per_s: f64,
}

impl Path for Jumping {
    fn step(&mut self, random: &mut Random, span_s: f64) -> f64 {
        let jumps = if self.per_s > 0.0 {
            random.poisson(self.per_s * span_s)
        } else {
            0.0
        };
        SIGMA * (span_s.sqrt() * random.normal() + jumps.sqrt() * 10.0 * random.normal())
    }
}

/// Still, but for changes as often as the recorded mid's: three of four seconds have none.
pub(crate) struct Still;

impl Path for Still {
    fn step(&mut self, random: &mut Random, span_s: f64) -> f64 {
        let changes = random.poisson(0.29 * span_s);
        SIGMA * (changes / 0.29).sqrt() * random.normal()
    }
}

/// Follows a random walk that is hidden behind it.
#[derive(Default)]
struct Lagging {
    ahead: f64,
}

impl Path for Lagging {
    fn step(&mut self, random: &mut Random, span_s: f64) -> f64 {
        // 1.2 a second: the variance ratio of 5 s to 1 s is 2.
        let follows = (1.0 - libm::exp(-1.2 * span_s)) * self.ahead;
        self.ahead += SIGMA * span_s.sqrt() * random.normal() - follows;
        follows
    }
}

/// Mids at the waits that `wait` gives, for `hours`; `seen` looks after each.
fn watch(
    path: &mut dyn Path,
    random: &mut Random,
    hours: f64,
    wait: impl Fn(&mut Random) -> f64,
    mut seen: impl FnMut(Time, f64, &Volatility),
) -> Volatility {
    let (mut volatility, mut log_mid, mut time) = (Volatility::default(), 0.0, Time(0));
    while time.as_secs() < hours * 3600.0 {
        let span_s = wait(random);
        time = time.plus(Dur::from_secs(span_s));
        log_mid += path.step(random, span_s);
        volatility.observe(time, libm::exp(log_mid));
        seen(time, log_mid, &volatility);
    }
    volatility
}

fn each(span_s: f64, path: &mut dyn Path, seed: u64, hours: f64) -> Volatility {
    watch(
        path,
        &mut Random::new(seed),
        hours,
        |_| span_s,
        |_, _, _| {},
    )
}

/// Root of the mean variance over `seeds` paths, of the truth.
fn root(shown: &[VolatilityShown], read: impl Fn(&VolatilityShown) -> Option<f64>) -> f64 {
    let squares = shown
        .iter()
        .map(|shown| read(shown).unwrap())
        .map(|sigma| sigma * sigma);
    (squares.sum::<f64>() / shown.len() as f64).sqrt() / SIGMA
}

fn at_the_end<P: Path>(path: impl Fn() -> P, seeds: u64, span_s: f64) -> Vec<VolatilityShown> {
    (0..seeds)
        .map(|seed| each(span_s, &mut path(), seed, 1.0).shown(Time::ZERO))
        .collect()
}

/// Whatever the rate of updates. The row's own standard deviations are of a sum over all updates in one
/// minute; ours is of returns over 5 s in ten.
#[test]
fn a_random_walk_gives_back_its_sigma_at_any_rate_of_updates() {
    for (rate, sd_most) in [(0.5, 0.12), (2.0, 0.07), (10.0, 0.035)] {
        let found: Vec<f64> = (0..200)
            .map(|seed| {
                let mut random = Random::new(seed);
                let wait = |random: &mut Random| random.wait(rate);
                let path = &mut Jumping { per_s: 0.0 };
                let end = watch(path, &mut random, 0.5, wait, |_, _, _| {});
                end.for_limits(Time::ZERO).unwrap().value / SIGMA
            })
            .collect();
        let (mean, sd) = mean_sd(&found);
        println!("{rate} updates a second: sigma {mean:.3} of the true one, sd {sd:.3}");
        assert!((mean - 1.0).abs() < 0.03 && sd < sd_most, "{mean} {sd}");
    }
}

/// "Sigma, long window" and "jump robustness": the plain estimate has the jumps in it, the twin has not.
#[test]
fn the_twin_is_without_the_jumps_that_the_plain_one_has() {
    for (per_s, plain_about, twin_most) in [
        (0.0, 1.0, 1.01),
        (1.0 / 300.0, 1.15, 1.01),
        (1.0 / 60.0, 1.63, 1.03),
    ] {
        let shown = at_the_end(|| Jumping { per_s }, 200, 1.0);
        let plain = root(&shown, |shown| shown.half_lives[1]);
        let twin = root(&shown, |shown| shown.robust);
        let cut: u64 = shown.iter().map(|shown| shown.jumps).sum();
        println!(
            "{:.0} jumps an hour: plain {plain:.3}, twin {twin:.3}, {cut} cut",
            per_s * 3600.0
        );
        assert!((plain - plain_about).abs() < 0.06, "{plain}");
        assert!(twin <= twin_most && twin > 0.98, "{twin}");
    }
}

/// Three of four seconds without a change: the plain one and the twin stay, bipower variation of a second's
/// returns, which multiplies neighbours, sees half.
#[test]
fn a_mid_that_stands_still_most_seconds_is_no_calmer() {
    let shown = at_the_end(|| Still, 100, 1.0);
    let plain = root(&shown, |shown| shown.half_lives[1]);
    let twin = root(&shown, |shown| shown.robust);
    let (mut random, mut before, mut bipower, mut squares) = (Random::new(1), 0.0_f64, 0.0, 0.0);
    for _ in 0..100_000 {
        let r: f64 = Still.step(&mut random, 1.0);
        bipower += core::f64::consts::FRAC_PI_2 * r.abs() * before.abs();
        squares += r * r;
        before = r;
    }
    let naive = (bipower / squares).sqrt();
    println!("zero-inflated: plain {plain:.3}, twin {twin:.3}, bipower at 1 s {naive:.3}");
    assert!((plain - 1.0).abs() < 0.03 && twin >= 0.93, "{plain} {twin}");
    assert!(naive < 0.6, "{naive}");
}

/// A mid that lags: summed at every change, or each second, it is far too calm; the signature plot shows it, and
/// its 30 s end has the variance that 30 s have.
#[test]
fn a_mid_that_lags_is_seen_in_the_signature_plot() {
    let shown = at_the_end(Lagging::default, 40, 0.1);
    let [one, five, thirty] = [0, 1, 2].map(|at| root(&shown, |shown| shown.signature[at]));
    // 1 - (1 - exp(-a h)) / (a h), a 1.2: of the hidden walk's variance.
    let truth = |h: f64| (1.0 - (1.0 - libm::exp(-1.2 * h)) / (1.2 * h)).sqrt();
    println!(
        "lagging: 1 s {one:.3} ({:.3}), 5 s {five:.3} ({:.3}), 30 s {thirty:.3} ({:.3})",
        truth(1.0),
        truth(5.0),
        truth(30.0)
    );
    assert!((five * five / one / one - 2.0).abs() < 0.1);
    let of_variance = (thirty / truth(30.0)) * (thirty / truth(30.0));
    assert!((of_variance - 1.0).abs() < 0.05, "{of_variance}");
    assert!(five / truth(30.0) > 0.9, "{five}");
    assert!(
        one / truth(30.0) < 0.7,
        "what sums each second fails: {one}"
    );
}

/// Prints bounce between bid and ask half a bp from a mid that is known: what is of mids does not see them.
#[test]
fn bounce_is_not_volatility() {
    let (mut random, mut prints, mut seen) = (Random::new(4), Volatility::default(), 0.0);
    let mut bounce = Random::new(5);
    let wait = |random: &mut Random| random.wait(2.0);
    let path = &mut Jumping { per_s: 0.0 };
    let (mut last, mut squares) = (0.0, 0.0);
    let end = watch(path, &mut random, 1.0, wait, |time, log_mid, _| {
        let side = if bounce.chance(0.5) { 0.5e-4 } else { -0.5e-4 };
        prints.observe(time, libm::exp(log_mid + side));
        squares += (log_mid + side - last) * (log_mid + side - last);
        last = log_mid + side;
        seen = time.as_secs();
    });
    let of_mids = end.for_limits(Time::ZERO).unwrap().value / SIGMA;
    let naive = (squares / seen).sqrt() / SIGMA;
    let of_prints = prints.for_limits(Time::ZERO).unwrap().value / SIGMA;
    println!("mids {of_mids:.3}; prints on the grid {of_prints:.3}, every print {naive:.3}");
    assert!(
        (of_mids - 1.0).abs() < 0.08 && naive > 1.3,
        "{of_mids} {naive}"
    );
}

/// Scores beyond `bound` in `hours`, by seconds; the mid moves by `step` eight times a second.
fn flagged(hours: usize, bound: f64, mut step: impl FnMut(usize) -> f64) -> usize {
    let (mut jump, mut log_mid, mut count) = (Jump::default(), 0.0, 0);
    for second in 0..hours * 3600 {
        let mut beyond = false;
        for part in 1..=8_i64 {
            log_mid += step(second * 8 + part as usize);
            let at = Time(second as i64 * 1_000_000_000 + part * 125_000_000);
            jump.observe(at, libm::exp(log_mid), Some(SIGMA));
            beyond |= jump.score(at).abs() > bound;
        }
        count += usize::from(beyond);
    }
    count
}

/// A normal's upper tail, by its continued fraction: 1e-7 from 2 on.
fn tail(c: f64) -> f64 {
    let fraction = (1..=60).rev().fold(c, |below, k| c + f64::from(k) / below);
    libm::exp(-c * c / 2.0) / (core::f64::consts::TAU.sqrt() * fraction)
}

/// No jumps: as many as the nominal rate says, half more at most. The bound is lowered so that an hour shows
/// some. Student's t5 is reported.
#[test]
fn a_random_walk_is_rarely_taken_for_a_jump() {
    let part = SIGMA / 8_f64.sqrt();
    for bound in [3.0, 3.5] {
        let mut random = Random::new(6);
        let found = flagged(300, bound, |_| part * random.normal()) as f64 / 300.0;
        let nominal = 3600.0 * 4.0 * tail(bound);
        println!("beyond {bound}: {found:.2} an hour, nominal {nominal:.2}");
        assert!(
            found <= 1.5 * nominal && found > 0.4 * nominal,
            "{found} {nominal}"
        );
    }
    let mut random = Random::new(7);
    let heavy = flagged(300, 4.5, |_| {
        let chi: f64 = (0..5).map(|_| random.normal()).map(|x| x * x).sum();
        part * random.normal() / (chi / 5.0).sqrt() / (5.0_f64 / 3.0).sqrt()
    });
    println!("t5, beyond 4.5: {:.2} an hour", heavy as f64 / 300.0);
}

/// Jumps of eight standard deviations, one a minute: nineteen of twenty are seen, in the event that shows them.
#[test]
fn a_jump_is_seen_in_its_own_event() {
    let mut random = Random::new(8);
    let part = SIGMA / 8_f64.sqrt();
    let (mut jump, mut log_mid, mut seen, mut inserted) = (Jump::default(), 0.0, 0, 0);
    for step in 1..=60_i64 * 8 * 500 {
        let jumps = step % (60 * 8) == 0;
        let side = if random.chance(0.5) { 8.0 } else { -8.0 };
        log_mid += part * random.normal() + if jumps { side * SIGMA } else { 0.0 };
        let at = Time(step * 125_000_000 - 60_000_000);
        jump.observe(at, libm::exp(log_mid), Some(SIGMA));
        if jumps {
            inserted += 1;
            seen += i32::from(jump.score(at) * side > 0.0 && jump.score(at).abs() > 4.5);
        }
    }
    println!("{seen} of {inserted} jumps of 8 sd seen at once");
    assert!(f64::from(seen) >= 0.95 * f64::from(inserted));
}
