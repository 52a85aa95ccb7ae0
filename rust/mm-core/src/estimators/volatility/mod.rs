//! Volatility of the log mid, per square root of a second, as a decayed-sum ratio.
//!
//! Every second of exchange time the mid is sampled and the return over the last five seconds is
//! added: `num <- num 2^(-1/H) + r^2/5`, `den <- den 2^(-1/H) + 1`, `sigma = sqrt(num/den)`. That is
//! the average of five grids of 5 s returns, one starting each second. The 5 s grid because the
//! signature plot of recorded mids only flattens at 5 to 30 s. Source: MODELS.md P1.1.

//!
//! Beside it, reported and not quoted by: the signature plot, the same at 1 s and 30 s; and a twin without
//! jumps, of 5 s returns from which each second's move beyond 4.8 standard deviations is cut (truncated
//! realised variance, Mancini 2009). A move is judged among seconds that move: where three of four do not,
//! the deviation of one that does is twice that of all. The bound is never under half of the plain estimate:
//! a twin that took every move for a jump would never learn of one.

mod grid;
mod window;

use serde::Serialize;

use super::history::{Return, are_minutes, returns};
use super::{Evidence, GAP};
use crate::event::Candle;
use crate::units::{Dur, SECOND, Time};
use grid::Seconds;
use window::Window;

/// Seconds a return spans, and the number of offset grids averaged.
const GRID_S: usize = 5;
/// Spans of the signature plot, s; the middle one is the grid.
pub const SIGNATURE_S: [usize; 3] = [1, GRID_S, 30];
/// Seconds whose moves are told one by one.
pub const RECENT_S: usize = 20;
/// Effective returns below which the shortest memory is of another time.
const RECENT_RETURNS: f64 = 15.0;
/// Half-lives of the estimates on the grid, s.
const HALF_LIVES_S: [f64; 3] = [120.0, 600.0, 3600.0];
/// Half-life of the twin and of the signature plot: the second of those.
const TEN_MINUTES_S: f64 = HALF_LIVES_S[1];
/// A second's move beyond this many standard deviations is a jump.
const JUMP_SIGMAS: f64 = 4.8;
/// The least that its variance is taken for, of the plain one.
const PLAIN_SHARE: f64 = 0.25;

/// An estimate that is ready.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sigma {
    /// Standard deviation of log mid per square root of a second, a fraction.
    pub value: f64,
    /// Effective number of returns in it, forgotten until now.
    pub n: f64,
    /// Exchange time of the last mid in it.
    pub as_of: Time,
}

/// All of it, as shown: standard deviations of log mid per square root of a second; `None`: not ready.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct VolatilityShown {
    /// Span of the returns that are used, s.
    pub grid_s: usize,
    /// Of 2 min, 10 min and 1 h.
    pub half_lives: [Option<f64>; 3],
    /// Effective number of returns in each: of normal ones the standard error is `sigma / sqrt(2 n)`, of the heavier
    /// tails of recorded ones two to three times that.
    pub effective_n: [Option<f64>; 3],
    /// Exchange time at the end of the newest return; `None`: none came.
    pub as_of: Option<Time>,
    /// Of returns over 1, 5 and 30 s, remembered for 10 min: flat where the grid is long enough.
    pub signature: [Option<f64>; 3],
    /// Of 10 min without jumps.
    pub robust: Option<f64>,
    /// Jumps that were cut from that.
    pub jumps: u64,
}

/// Volatility at three half-lives from one stream of mids.
#[derive(Clone, Debug, PartialEq)]
pub struct Volatility {
    /// 2 min, 10 min, 1 h.
    windows: [Window; 3],
    /// The signature plot's other spans, `SIGNATURE_S[0]` and `[2]`.
    finer: Window,
    coarser: Window,
    /// Without jumps.
    robust: Window,
    /// Its deviation, asked for by every mid and new once a second.
    robust_sigma: Option<f64>,
    jumps: u64,
    /// Seconds that moved and all seconds, decayed like the twin.
    moving: (f64, f64),
    /// Log mids at the last whole seconds, and the same without jumps.
    grid: Option<(Seconds, Seconds)>,
    /// Whether history was taken.
    is_seeded: bool,
    /// Our own first observation.
    first: Option<Time>,
    /// Newest observation: time and mid.
    last: Option<(Time, f64)>,
    next_sample: Time,
    /// Exchange time that the sums are of.
    counted: Time,
    /// End of the newest return in the estimates: after a gap they are older than the last mid.
    as_of: Time,
}

impl Sigma {
    /// What it rests on: there is none that is not ready.
    #[must_use]
    pub const fn evidence(&self) -> Evidence {
        Evidence {
            n: self.n,
            as_of: Some(self.as_of),
            ready: true,
        }
    }
}

impl Default for Volatility {
    fn default() -> Self {
        Self {
            windows: HALF_LIVES_S.map(Window::new),
            finer: Window::new(TEN_MINUTES_S),
            coarser: Window::new(TEN_MINUTES_S),
            robust: Window::new(TEN_MINUTES_S),
            robust_sigma: None,
            jumps: 0,
            moving: (0.0, 0.0),
            grid: None,
            is_seeded: false,
            first: None,
            last: None,
            next_sample: Time::ZERO,
            counted: Time::ZERO,
            as_of: Time::ZERO,
        }
    }
}

impl Volatility {
    /// Takes the mid (any positive unit) at an exchange time. Time that goes back is ignored.
    pub fn observe(&mut self, exch: Time, mid: f64) {
        self.first.get_or_insert(exch);
        let Some((last_time, last_mid)) = self.last else {
            self.restart(exch, mid);
            return;
        };
        if exch < last_time {
            return;
        }
        if exch.since(last_time) > GAP {
            self.restart(exch, mid);
            return;
        }
        if self.next_sample <= exch {
            let before = libm::log(last_mid);
            while self.next_sample <= exch {
                let at_boundary = if self.next_sample == exch {
                    libm::log(mid)
                } else {
                    before
                };
                self.sample(at_boundary);
                self.next_sample = self.next_sample.plus(Dur(SECOND));
            }
        }
        self.last = Some((exch, mid));
    }

    /// Nothing is joined across a silence. What is known stays; fewer returns say it.
    fn restart(&mut self, exch: Time, mid: f64) {
        let silence = exch.since(self.counted);
        let others = [&mut self.finer, &mut self.coarser, &mut self.robust];
        for window in self.windows.iter_mut().chain(others) {
            window.age(silence);
        }
        self.counted = exch;
        let begin = Seconds::of(libm::log(mid));
        self.grid = Some((begin, begin));
        self.last = Some((exch, mid));
        self.next_sample = exch.plus(Dur(SECOND));
    }

    fn sample(&mut self, log_mid: f64) {
        let most = self.jump_variance();
        let Some((grid, cleaned)) = &mut self.grid else {
            return;
        };
        let r = log_mid - grid.newest();
        let is_jump = most.is_some_and(|most| r * r > most);
        self.jumps += u64::from(is_jump);
        grid.push(log_mid);
        cleaned.push(cleaned.newest() + if is_jump { 0.0 } else { r });
        self.counted = self.next_sample;
        let (moving, all) = self.moving;
        let decay = self.robust.decay;
        let moves = if r == 0.0 { 0.0 } else { 1.0 };
        self.moving = (moving * decay + moves, all * decay + 1.0);
        let others = [&mut self.finer, &mut self.coarser, &mut self.robust];
        for window in self.windows.iter_mut().chain(others) {
            window.decay_one_second();
        }
        if let Some(r) = grid.moved(GRID_S) {
            for window in &mut self.windows {
                add(window, r, GRID_S);
            }
            self.as_of = self.as_of.max(self.next_sample);
        }
        let of_others = [
            (&mut self.finer, SIGNATURE_S[0], &*grid),
            (&mut self.coarser, SIGNATURE_S[2], &*grid),
            (&mut self.robust, GRID_S, &*cleaned),
        ];
        for (window, lag, seconds) in of_others {
            if let Some(r) = seconds.moved(lag) {
                add(window, r, lag);
            }
        }
        self.robust_sigma = self.robust.variance().map(libm::sqrt);
    }

    /// The square beyond which a second's move is a jump; `None` before anything is known.
    fn jump_variance(&self) -> Option<f64> {
        let plain = self.windows[1].variance()?;
        let robust = self.robust.variance().map_or(plain, |robust| robust);
        let all = JUMP_SIGMAS * JUMP_SIGMAS * robust.max(PLAIN_SHARE * plain);
        let (moving, seconds) = self.moving;
        (moving > 0.0).then(|| all * (seconds / moving).max(1.0))
    }

    /// Begins with history: closes of one-minute candles, oldest first, weighted by their age at `now`.
    /// Only the first history is taken, and only what was before our own first mid: later minutes are
    /// in the estimates already.
    pub fn seed(&mut self, candles: &[Candle], now: Time) {
        if self.is_seeded || !are_minutes(candles) {
            return;
        }
        self.is_seeded = true;
        if self.first.is_none() {
            self.counted = now;
        }
        let own = self.first.unwrap_or(now);
        let all = returns(candles).into_iter();
        let earlier: Vec<Return> = all.filter(|one| one.close <= own).collect();
        let weight = |one: &Return, window: &Window| {
            libm::exp2(-now.since(one.close).as_secs().max(0.0) / window.half_life_s)
        };
        for one in &earlier {
            for window in &mut self.windows {
                window.add_old(one.squared, one.span_s, weight(one, window));
            }
            self.as_of = self.as_of.max(one.close.min(now));
        }
        let most = self.jump_variance();
        for one in &earlier {
            if most.is_none_or(|most| one.squared <= most * one.span_s) {
                let weight = weight(one, &self.robust);
                self.robust.add_old(one.squared, one.span_s, weight);
            }
        }
        self.robust_sigma = self.robust.variance().map(libm::sqrt);
    }

    fn estimate(&self, window: usize, now: Time) -> Option<Sigma> {
        self.windows[window].estimate(self.counted, self.as_of, now)
    }

    /// What the estimate of each half-life, 2 min, 10 min and 1 h, rests on.
    #[must_use]
    pub fn evidence(&self, now: Time) -> [Evidence; 3] {
        let (counted, as_of) = (self.counted, self.as_of);
        let of = |window: &Window| window.evidence(counted, as_of, now);
        self.windows.each_ref().map(of)
    }

    /// What the estimate without jumps rests on.
    #[must_use]
    pub fn evidence_without_jumps(&self, now: Time) -> Evidence {
        self.robust.evidence(self.counted, self.as_of, now)
    }

    /// The 2 min estimate as long as it is of about now: `None` where a silence left fewer than fifteen returns of
    /// what it rests on.
    #[must_use]
    pub fn of_two_minutes(&self, now: Time) -> Option<f64> {
        let estimate = self.estimate(0, now)?;
        (estimate.n >= RECENT_RETURNS).then_some(estimate.value)
    }

    /// The moves of the log mid within the last [`RECENT_S`] whole seconds, newest first; fewer after a gap.
    pub fn recent_moves(&self) -> impl Iterator<Item = f64> {
        let seconds = self.grid.iter().flat_map(|(grid, _)| grid.moves());
        seconds.take(RECENT_S)
    }

    /// The 10 min estimate without jumps.
    #[must_use]
    pub const fn without_jumps(&self) -> Option<f64> {
        self.robust_sigma
    }

    /// All of it.
    #[must_use]
    pub fn shown(&self, now: Time) -> VolatilityShown {
        let sigma = |window: &Window| window.variance().map(libm::sqrt);
        VolatilityShown {
            grid_s: GRID_S,
            half_lives: self.windows.each_ref().map(sigma),
            effective_n: core::array::from_fn(|window| Some(self.estimate(window, now)?.n)),
            as_of: (self.as_of > Time::ZERO).then_some(self.as_of),
            signature: [&self.finer, &self.windows[1], &self.coarser].map(sigma),
            robust: self.without_jumps(),
            jumps: self.jumps,
        }
    }

    /// For limits: the 10 min estimate, or the 1 h one when that is ready and larger.
    #[must_use]
    pub fn for_limits(&self, now: Time) -> Option<Sigma> {
        let ten_minutes = self.estimate(1, now)?;
        match self.estimate(2, now) {
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
    pub fn for_quotes(&self, shrink_n0: f64, now: Time) -> Option<Sigma> {
        let ten_minutes = self.estimate(1, now)?;
        let mut variance = ten_minutes.value * ten_minutes.value;
        if let Some(hour) = self.estimate(2, now) {
            let c = ten_minutes.evidence().share(shrink_n0);
            variance = c * variance + (1.0 - c) * hour.value * hour.value;
        }
        if let Some(two_minutes) = self.windows[0].variance() {
            variance = variance.max(two_minutes);
        }
        Some(Sigma {
            value: libm::sqrt(variance),
            ..ten_minutes
        })
    }
}

/// A return over `lag` seconds, one of `lag` offset grids.
#[expect(clippy::cast_precision_loss, reason = "at most 30")]
fn add(window: &mut Window, r: f64, lag: usize) {
    window.add(r * r, lag as f64, 1.0 / lag as f64);
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Read when the newest mid came.
    const NEWEST: Time = Time::ZERO;

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
            .map(|seed| {
                walk(1e-4, 0.5, 7200, seed + 1)
                    .for_limits(NEWEST)
                    .unwrap()
                    .value
            })
            .sum::<f64>()
            / 20.0;
        assert!((mean / 1e-4 - 1.0).abs() < 0.03, "{mean}");
    }

    #[test]
    fn it_is_ready_after_six_minutes_and_not_before() {
        assert_eq!(walk(1e-4, 1.0, 350, 1).for_limits(NEWEST), None);
        let sigma = walk(1e-4, 1.0, 380, 1).for_limits(NEWEST).unwrap();
        assert!(sigma.n > 30.0);
    }

    #[test]
    fn effective_n_of_ten_minutes_saturates_near_346() {
        let n = walk(1e-4, 1.0, 20_000, 3).estimate(1, NEWEST).unwrap().n;
        assert!((n - 346.0).abs() < 4.0, "{n}");
    }

    #[test]
    fn a_gap_restarts_the_grid_without_a_return_across_it() {
        let mut volatility = walk(1e-4, 1.0, 400, 1);
        let before = volatility.for_limits(NEWEST).unwrap().value;
        let (time, _) = volatility.last.unwrap();
        volatility.observe(time.plus(Dur(60 * SECOND)), 5.0);
        volatility.observe(time.plus(Dur(62 * SECOND)), 5.0);
        let after = volatility.for_limits(NEWEST).unwrap().value;
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
        let sigma = volatility.for_limits(NEWEST).unwrap();
        assert!((sigma.value / 1e-4 - 1.0).abs() < 0.4, "{}", sigma.value);
        let before = volatility.clone();
        volatility.seed(&candles, start.plus(Dur(7200 * SECOND)));
        assert_eq!(volatility, before, "a minute is an observation once");
    }

    /// A minute that ended as our own first mid came is history; one that ended later is in the estimates.
    #[test]
    fn only_minutes_before_our_own_are_history() {
        let minutes = |many: i64, late: i64| -> Vec<Candle> {
            let candle = |minute: i64| Candle {
                open: Time(minute * 60 * SECOND + late),
                close: Time((minute + 1) * 60 * SECOND + late),
                close_px: if minute % 2 == 0 { 100.0 } else { 100.1 },
            };
            (0..many).map(candle).collect()
        };
        let seeded = |candles: &[Candle]| {
            let mut volatility = Volatility::default();
            volatility.observe(Time(60 * 60 * SECOND), 100.0);
            volatility.seed(candles, Time(3_700 * SECOND));
            volatility.estimate(2, Time(3_700 * SECOND)).unwrap().n
        };
        let exact = seeded(&minutes(60, 0));
        assert!(exact > seeded(&minutes(59, 0)), "the last one counts");
        assert!(
            (exact - seeded(&minutes(61, 0))).abs() < 1e-12,
            "and no later one"
        );
        assert!(seeded(&minutes(60, 1)) < exact, "nor one a moment late");
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
            one.for_limits(NEWEST).unwrap().value,
            two.for_limits(NEWEST).unwrap().value,
        );
        assert!((a / b - 1.0).abs() < 1e-9);
    }
}
