//! Volatility of the log mid, per square root of a second, as a decayed-sum ratio.
//!
//! Every second of exchange time the mid is sampled and the return over the last five seconds is
//! added: `num <- num 2^(-1/H) + r^2/5`, `den <- den 2^(-1/H) + 1`, `sigma = sqrt(num/den)`. That is
//! the average of five grids of 5 s returns, one starting each second. The 5 s grid because the
//! signature plot of recorded mids only flattens at 5 to 30 s. Source: MODELS.md P1.1.

use super::GAP;
use super::history::{are_minutes, returns};
use crate::event::Candle;
use crate::units::{Dur, SECOND, Time};

/// Seconds a return spans, and the number of offset grids averaged.
const GRID_S: usize = 5;
/// Returns before an estimate may be used.
const RETURNS_MIN: f64 = 30.0;

/// One half-life's decayed sums.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Window {
    half_life_s: f64,
    /// Decay of one second.
    decay: f64,
    num: f64,
    den: f64,
    /// Decayed count of returns on one grid and the sum of its squared weights.
    count: f64,
    count_sq: f64,
}

impl Window {
    fn new(half_life_s: f64) -> Self {
        let decay = libm::exp2(-1.0 / half_life_s);
        Self {
            half_life_s,
            decay,
            num: 0.0,
            den: 0.0,
            count: 0.0,
            count_sq: 0.0,
        }
    }

    /// Adds a squared return over `span_s` seconds with a weight.
    fn add(&mut self, squared: f64, span_s: f64, weight: f64, weight_sq: f64) {
        self.num += squared * weight;
        self.den += span_s * weight;
        self.count += weight;
        self.count_sq += weight_sq;
    }

    fn decay_one_second(&mut self) {
        self.num *= self.decay;
        self.den *= self.decay;
        self.count *= self.decay;
        self.count_sq *= self.decay * self.decay;
    }

    fn estimate(&self, returns: f64, as_of: Time) -> Option<Sigma> {
        let ready = returns >= RETURNS_MIN && self.den > self.half_life_s / 2.0;
        ready.then(|| Sigma {
            value: libm::sqrt(self.num / self.den),
            n: self.count * self.count / self.count_sq,
            as_of,
        })
    }
}

/// An estimate that is ready.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sigma {
    /// Standard deviation of log mid per square root of a second, a fraction.
    pub value: f64,
    /// Effective number of returns in it.
    pub n: f64,
    /// Exchange time of the last mid in it.
    pub as_of: Time,
}

/// Volatility at three half-lives from one stream of mids.
#[derive(Clone, Debug, PartialEq)]
pub struct Volatility {
    /// 2 min, 10 min, 1 h.
    windows: [Window; 3],
    /// Log mids at the last whole seconds, newest last, at most `GRID_S + 1`.
    grid: Vec<f64>,
    /// Returns seen, undecayed.
    returns: f64,
    /// Whether history was taken.
    is_seeded: bool,
    /// Our own first observation.
    first: Option<Time>,
    /// Newest observation.
    last: Option<(Time, f64)>,
    next_sample: Time,
    /// End of the newest return in the estimates: after a gap they are older than the last mid.
    as_of: Time,
}

impl Default for Volatility {
    fn default() -> Self {
        Self {
            windows: [120.0, 600.0, 3600.0].map(Window::new),
            grid: Vec::with_capacity(GRID_S + 1),
            returns: 0.0,
            is_seeded: false,
            first: None,
            last: None,
            next_sample: Time::ZERO,
            as_of: Time::ZERO,
        }
    }
}

impl Volatility {
    /// Takes the mid (any positive unit) at an exchange time. Time that goes back is ignored.
    pub fn observe(&mut self, exch: Time, mid: f64) {
        let log_mid = libm::log(mid);
        self.first.get_or_insert(exch);
        let Some((last_time, last_log)) = self.last else {
            self.restart(exch, log_mid);
            return;
        };
        if exch < last_time {
            return;
        }
        if exch.since(last_time) > GAP {
            self.restart(exch, log_mid);
            return;
        }
        while self.next_sample <= exch {
            let at_boundary = if self.next_sample == exch {
                log_mid
            } else {
                last_log
            };
            self.sample(at_boundary);
            self.next_sample = self.next_sample.plus(Dur(SECOND));
        }
        self.last = Some((exch, log_mid));
    }

    fn restart(&mut self, exch: Time, log_mid: f64) {
        self.grid.clear();
        self.grid.push(log_mid);
        self.last = Some((exch, log_mid));
        self.next_sample = exch.plus(Dur(SECOND));
    }

    #[expect(clippy::cast_precision_loss, reason = "GRID_S is 5")]
    fn sample(&mut self, log_mid: f64) {
        self.grid.push(log_mid);
        for window in &mut self.windows {
            window.decay_one_second();
        }
        if self.grid.len() > GRID_S {
            let r = log_mid - self.grid[0];
            self.grid.remove(0);
            let share = 1.0 / GRID_S as f64;
            for window in &mut self.windows {
                window.add(r * r, GRID_S as f64, share, share);
            }
            self.returns += share;
            self.as_of = self.as_of.max(self.next_sample);
        }
    }

    /// Begins with history: closes of one-minute candles, oldest first, weighted by their age at `now`.
    /// Only the first history is taken, and only what was before our own first mid: later minutes are
    /// in the estimates already.
    pub fn seed(&mut self, candles: &[Candle], now: Time) {
        if self.is_seeded || !are_minutes(candles) {
            return;
        }
        self.is_seeded = true;
        let own = self.first.unwrap_or(now);
        for one in returns(candles).into_iter().filter(|one| one.close <= own) {
            let age_s = now.since(one.close).as_secs().max(0.0);
            for window in &mut self.windows {
                let weight = libm::exp2(-age_s / window.half_life_s);
                window.add(one.squared, one.span_s, weight, weight * weight);
            }
            self.returns += 1.0;
            self.as_of = self.as_of.max(one.close.min(now));
        }
    }

    fn estimate(&self, window: usize) -> Option<Sigma> {
        self.windows[window].estimate(self.returns, self.as_of)
    }

    /// For limits: the 10 min estimate, or the 1 h one when that is ready and larger.
    #[must_use]
    pub fn for_limits(&self) -> Option<Sigma> {
        let ten_minutes = self.estimate(1)?;
        match self.estimate(2) {
            Some(hour) if hour.value > ten_minutes.value => Some(Sigma {
                n: ten_minutes.n,
                ..hour
            }),
            _ => Some(ten_minutes),
        }
    }

    /// For quotes: the larger of the 2 min estimate and the 10 min one, whose variance is shrunk
    /// to the 1 h one with weight `n / (n + shrink_n0)`.
    #[must_use]
    pub fn for_quotes(&self, shrink_n0: f64) -> Option<Sigma> {
        let ten_minutes = self.estimate(1)?;
        let mut variance = ten_minutes.value * ten_minutes.value;
        if let Some(hour) = self.estimate(2) {
            let c = ten_minutes.n / (ten_minutes.n + shrink_n0);
            variance = c * variance + (1.0 - c) * hour.value * hour.value;
        }
        if let Some(two_minutes) = self.estimate(0) {
            variance = variance.max(two_minutes.value * two_minutes.value);
        }
        Some(Sigma {
            value: libm::sqrt(variance),
            ..ten_minutes
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A small deterministic generator of standard normals: tests need no crate for that.
    pub(in crate::estimators) struct Normals(pub(in crate::estimators) u64);

    impl Normals {
        fn uniform(&mut self) -> f64 {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            #[expect(clippy::cast_precision_loss, reason = "53 random bits")]
            let value = (self.0 >> 11) as f64 / (1_u64 << 53) as f64;
            value.max(1e-300)
        }

        pub(in crate::estimators) fn next(&mut self) -> f64 {
            let (u, v) = (self.uniform(), self.uniform());
            libm::sqrt(-2.0 * libm::log(u)) * libm::cos(core::f64::consts::TAU * v)
        }
    }

    fn walk(sigma: f64, step_s: f64, count: usize, seed: u64) -> Volatility {
        let (mut normals, mut volatility) = (Normals(seed), Volatility::default());
        let (mut time, mut log_mid) = (Time::from_millis(1_700_000_000_000), 0.0);
        for _ in 0..count {
            time = time.plus(Dur::from_secs(step_s));
            log_mid += sigma * libm::sqrt(step_s) * normals.next();
            volatility.observe(time, libm::exp(log_mid));
        }
        volatility
    }

    #[test]
    fn a_random_walk_gives_back_its_sigma() {
        let mean = (0..20)
            .map(|seed| walk(1e-4, 0.5, 7200, seed + 1).for_limits().unwrap().value)
            .sum::<f64>()
            / 20.0;
        assert!((mean / 1e-4 - 1.0).abs() < 0.03, "{mean}");
    }

    #[test]
    fn it_is_ready_after_six_minutes_and_not_before() {
        assert_eq!(walk(1e-4, 1.0, 350, 1).for_limits(), None);
        let sigma = walk(1e-4, 1.0, 380, 1).for_limits().unwrap();
        assert!(sigma.n > 30.0);
    }

    #[test]
    fn effective_n_of_ten_minutes_saturates_near_346() {
        let n = walk(1e-4, 1.0, 20_000, 3).estimate(1).unwrap().n;
        assert!((n - 346.0).abs() < 4.0, "{n}");
    }

    #[test]
    fn a_gap_restarts_the_grid_without_a_return_across_it() {
        let mut volatility = walk(1e-4, 1.0, 400, 1);
        let before = volatility.for_limits().unwrap().value;
        let (time, _) = volatility.last.unwrap();
        volatility.observe(time.plus(Dur(60 * SECOND)), 5.0);
        volatility.observe(time.plus(Dur(62 * SECOND)), 5.0);
        let after = volatility.for_limits().unwrap().value;
        assert!((after / before - 1.0).abs() < 0.02);
    }

    #[test]
    fn candles_make_it_ready_at_once() {
        let mut normals = Normals(7);
        let (mut px, start) = (100.0, Time::from_millis(1_700_000_000_000));
        let candles: Vec<Candle> = (0..60)
            .map(|minute| {
                px *= libm::exp(1e-4 * libm::sqrt(60.0) * normals.next());
                let open = start.plus(Dur(minute * 60 * SECOND));
                Candle {
                    open,
                    close: open.plus(Dur(59_999_000_000)),
                    close_px: px,
                }
            })
            .collect();
        let mut volatility = Volatility::default();
        volatility.seed(&candles, start.plus(Dur(3600 * SECOND)));
        let sigma = volatility.for_limits().unwrap();
        assert!((sigma.value / 1e-4 - 1.0).abs() < 0.4, "{}", sigma.value);
        let before = volatility.clone();
        volatility.seed(&candles, start.plus(Dur(7200 * SECOND)));
        assert_eq!(volatility, before, "a minute is an observation once");
    }

    #[test]
    fn a_price_scale_or_repeated_message_changes_nothing() {
        let (mut one, mut two) = (Volatility::default(), Volatility::default());
        let mut normals = Normals(4);
        let mut mid = 100.0;
        for second in 0..500 {
            mid *= libm::exp(1e-4 * normals.next());
            let time = Time(second * SECOND);
            one.observe(time, mid);
            two.observe(time, mid * 1000.0);
            two.observe(time, mid * 1000.0);
        }
        let (a, b) = (
            one.for_limits().unwrap().value,
            two.for_limits().unwrap().value,
        );
        assert!((a / b - 1.0).abs() < 1e-9);
    }
}
