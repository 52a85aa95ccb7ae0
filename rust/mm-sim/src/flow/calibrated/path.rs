//! The latent efficient price, and the public reference that follows it step by step.
//!
//! News arrives in bursts that regimes speed up. It moves the efficient price at once; the reference, which
//! makers quote around, comes after it in steps of one direction: hence moves that go on for seconds. A
//! function of seed and time alone.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use mm_core::units::{Dur, Side, Time};

use super::super::dice::Dice;
use super::params::PathParams;

/// How far the path is known ahead, s: longer than any look ahead of a taker.
const AHEAD_S: f64 = 4.0;

/// The touch that makers agree on from a time on, in ticks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stand {
    pub(super) at: Time,
    /// Reference and efficient price, log.
    pub(super) log_px: f64,
    pub(super) log_fair: f64,
    pub(super) bid: i64,
    pub(super) ask: i64,
}

impl Stand {
    /// The best price of a side, ticks.
    pub(super) const fn touch(&self, side: Side) -> i64 {
        match side {
            Side::Bid => self.bid,
            Side::Ask => self.ask,
        }
    }
}

/// A change of the touch, to come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Shift {
    pub(super) old: Stand,
    pub(super) new: Stand,
    /// Step of the reference, bps; 0 where only the spread changed.
    pub(super) step_bps: f64,
}

/// A step that the reference will make, by time: its size in units of 1e-9 of the log.
type Pending = Reverse<(Time, i64)>;

/// The path, known from a little before now to a little after.
#[derive(Clone, Debug)]
pub(super) struct Path {
    params: PathParams,
    dice: Dice,
    tick: f64,
    stands: VecDeque<Stand>,
    pending: BinaryHeap<Pending>,
    next_news: Time,
    next_spread: Option<Time>,
    spread: i64,
    regime: f64,
    regime_ends: Time,
}

impl Path {
    /// A path that starts at `px`, with prices in multiples of `tick`, both USDC.
    pub(super) fn new(params: PathParams, px: f64, tick: f64, start: Time, dice: Dice) -> Self {
        let log_px = libm::log(px);
        let mut path = Self {
            params,
            dice,
            tick,
            stands: VecDeque::new(),
            pending: BinaryHeap::new(),
            next_news: start,
            next_spread: None,
            spread: 1,
            regime: 1.0,
            regime_ends: start,
        };
        path.draw_regime();
        path.draw_news();
        path.draw_spread(start);
        let (bid, ask) = path.touch(log_px);
        path.stands.push_back(Stand {
            at: start,
            log_px,
            log_fair: log_px,
            bid,
            ask,
        });
        path
    }

    /// Extends the path to well after `now`, forgets what lies before `keep`, and appends the changes of the
    /// touch that it learned of.
    pub(super) fn extend(&mut self, keep: Time, now: Time, shifts: &mut Vec<Shift>) {
        let horizon = now.plus(Dur::from_secs(AHEAD_S));
        while let Some(at) = Some(self.next()).filter(|at| *at <= horizon) {
            self.step(at, shifts);
        }
        while self.stands.len() > 1 && self.stands[1].at <= keep {
            self.stands.pop_front();
        }
    }

    /// What stands at `at`, which lies between what was kept and what is known.
    pub(super) fn at(&self, at: Time) -> &Stand {
        let after = self.stands.partition_point(|stand| stand.at <= at);
        &self.stands[after.saturating_sub(1)]
    }

    /// Moves everything from just after `now` on by a fraction, and tells of it.
    pub(super) fn jump(&mut self, now: Time, frac: f64, shifts: &mut Vec<Shift>) {
        let by = libm::log1p(frac);
        let old = *self.at(now);
        let place = self.stands.partition_point(|stand| stand.at <= now);
        let mut new = old;
        new.at = now.plus(Dur(1));
        self.stands.insert(place, new);
        for index in place..self.stands.len() {
            let mut stand = self.stands[index];
            stand.log_px += by;
            stand.log_fair += by;
            let wide = stand.ask - stand.bid;
            stand.bid = bid_of(stand.log_px, self.tick, wide);
            stand.ask = stand.bid + wide;
            self.stands[index] = stand;
        }
        shifts.push(Shift {
            old,
            new: self.stands[place],
            step_bps: by * 1e4,
        });
    }

    fn next(&self) -> Time {
        let pending = self.pending.peek().map(|Reverse((at, _))| *at);
        let others = [Some(self.next_news), pending, self.next_spread];
        others.into_iter().flatten().min().unwrap_or(self.next_news)
    }

    /// What happens at `at`, the time of the next thing.
    fn step(&mut self, at: Time, shifts: &mut Vec<Shift>) {
        let old = *self.stands.back().expect("Invariant: one stand is kept");
        let mut new = Stand { at, ..old };
        let mut step = 0.0;
        if self.next_news == at {
            new.log_fair += self.break_news(at);
            self.draw_news();
        } else if self.next_spread == Some(at) {
            self.draw_spread(at);
        } else if let Some(Reverse((_, nanos))) = self.pending.pop() {
            step = size(nanos);
            new.log_px += step;
        }
        (new.bid, new.ask) = self.touch(new.log_px);
        self.stands.push_back(new);
        if (new.bid, new.ask) != (old.bid, old.ask) {
            shifts.push(Shift {
                old,
                new,
                step_bps: step * 1e4,
            });
        }
    }

    /// News: the steps that the reference will make, and their sum.
    fn break_news(&mut self, at: Time) -> f64 {
        let [again, delay_s] = self.params.follow_up;
        let [large, small_mean, large_mean] = self.params.step_bps;
        let sign = if self.dice.chance(0.5) { 1.0 } else { -1.0 };
        let (mut when, mut sum) = (at.plus(Dur(1)), 0.0);
        loop {
            let is_large = self.dice.chance(large);
            let mean = if is_large { large_mean } else { small_mean };
            let bps = self.dice.exponential(mean);
            #[expect(clippy::cast_possible_truncation, reason = "far below 2^63")]
            let nanos = (sign * bps * 1e5) as i64;
            self.pending.push(Reverse((when, nanos)));
            sum += size(nanos);
            if !self.dice.chance(again) {
                return sum;
            }
            when = when.plus(Dur::from_secs(self.dice.exponential(delay_s)));
        }
    }

    fn draw_news(&mut self) {
        let mean = 1.0 / (self.params.news_per_s * self.regime);
        let wait = Dur::from_secs(self.dice.exponential(mean));
        self.next_news = self.next_news.plus(wait);
        while self.regime_ends < self.next_news {
            self.draw_regime();
        }
    }

    fn draw_regime(&mut self) {
        self.regime = self.params.regimes[usize::from(self.dice.pick(3))];
        let stay = Dur::from_secs(self.dice.exponential(self.params.regime_s));
        self.regime_ends = self.regime_ends.plus(stay);
    }

    fn draw_spread(&mut self, at: Time) {
        let [narrow, more_ticks] = self.params.spread;
        self.spread = 1;
        if !self.dice.chance(narrow) {
            #[expect(clippy::cast_possible_truncation, reason = "a few ticks")]
            let more = self.dice.exponential(more_ticks) as i64;
            self.spread = 2 + more;
        }
        let mean = 1.0 / self.params.spreads_per_s;
        let wait = mean.is_finite().then(|| self.dice.exponential(mean));
        self.next_spread = wait.map(|wait| at.plus(Dur::from_secs(wait)));
    }

    /// The touch around a reference, ticks.
    fn touch(&self, log_px: f64) -> (i64, i64) {
        let bid = bid_of(log_px, self.tick, self.spread);
        (bid, bid + self.spread)
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a price of far less than 2^53 ticks"
)]
fn bid_of(log_px: f64, tick: f64, spread: i64) -> i64 {
    libm::floor(libm::exp(log_px) / tick - (spread - 1) as f64 / 2.0) as i64
}

#[expect(clippy::cast_precision_loss, reason = "a step of a price")]
fn size(nanos: i64) -> f64 {
    nanos as f64 * 1e-9
}
