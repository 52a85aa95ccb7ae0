//! The fair price that the crowd knows: small moves, jumps, regimes. A function of seed and time.

use std::collections::VecDeque;

use mm_core::units::{Dur, Side, Time};

use super::demo::PathParams;
use super::dice::Dice;

/// How far the path is known ahead, seconds: longer than any warning before a jump or any look
/// ahead of an informed taker.
const AHEAD_S: f64 = 8.0;

/// A jump to come: when its informed taker acts and which way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Warning {
    pub(super) at: Time,
    pub(super) side: Side,
}

/// The path, known from a little before now to a little after.
#[derive(Clone, Debug)]
pub(super) struct Path {
    params: PathParams,
    pace: f64,
    dice: Dice,
    /// Price from each time on, USDC.
    points: VecDeque<(Time, f64)>,
    log_px: f64,
    known_to: Time,
    regime: f64,
    regime_ends: Time,
}

impl Path {
    /// A path that starts at `px` (USDC) at `start`.
    pub(super) fn new(params: PathParams, pace: f64, px: f64, start: Time, mut dice: Dice) -> Self {
        let regime_ends = start.plus(Dur::from_secs(dice.exponential(params.regime_s)));
        Self {
            params,
            pace,
            dice,
            points: VecDeque::from([(start, px)]),
            log_px: libm::log(px),
            known_to: start,
            regime: 1.0,
            regime_ends,
        }
    }

    /// Extends the path to well after `now`, forgets what lies before `keep`, and appends the
    /// warnings of new jumps.
    pub(super) fn extend(&mut self, keep: Time, now: Time, warnings: &mut Vec<Warning>) {
        let horizon = now.plus(Dur::from_secs(AHEAD_S));
        while self.known_to < horizon {
            self.step(warnings);
        }
        while self.points.len() > 1 && self.points[1].0 <= keep {
            self.points.pop_front();
        }
    }

    /// One more move.
    fn step(&mut self, warnings: &mut Vec<Warning>) {
        let PathParams {
            moves_per_s,
            sigma,
            jumps_per_s,
            jump_bps,
            warning_s,
            regimes,
            regime_s,
        } = self.params;
        let jumps_per_s = jumps_per_s * self.regime;
        let rate = moves_per_s + jumps_per_s;
        let at = self
            .known_to
            .plus(Dur::from_secs(self.dice.exponential(1.0 / rate)));
        while self.regime_ends < at {
            self.regime = regimes[usize::from(self.dice.pick(3))];
            let stay = Dur::from_secs(self.dice.exponential(regime_s));
            self.regime_ends = self.regime_ends.plus(stay);
        }
        let step = if self.dice.chance(jumps_per_s / rate) {
            let jump = (jump_bps[0] + self.dice.exponential(jump_bps[1])) * 1e-4;
            let side = if self.dice.chance(0.5) {
                Side::Bid
            } else {
                Side::Ask
            };
            let before = Dur::from_secs(self.dice.between(warning_s[0], warning_s[1]));
            warnings.push(Warning {
                at: Time(at.0 - before.0),
                side,
            });
            if side == Side::Bid { jump } else { -jump }
        } else {
            self.dice.normal() * sigma * self.regime / libm::sqrt(moves_per_s)
        };
        self.log_px += step * self.pace;
        self.known_to = at;
        self.points.push_back((at, libm::exp(self.log_px)));
    }

    /// Moves everything from `now` on by a fraction.
    pub(super) fn jump(&mut self, now: Time, frac: f64) {
        let before = self.at(now);
        self.log_px += libm::log1p(frac);
        for (at, px) in &mut self.points {
            if *at > now {
                *px *= 1.0 + frac;
            }
        }
        let place = self.points.partition_point(|point| point.0 <= now);
        let just_after = now.plus(Dur(1));
        self.points
            .insert(place, (just_after, before * (1.0 + frac)));
    }

    /// The fair price at `at`, USDC. `at` lies between what was kept and what is known.
    pub(super) fn at(&self, at: Time) -> f64 {
        let after = self.points.partition_point(|point| point.0 <= at);
        self.points[after.saturating_sub(1)].1
    }
}

#[cfg(test)]
mod tests {
    use super::super::demo::PATH;
    use super::*;

    #[test]
    fn the_path_does_not_depend_on_how_often_it_is_asked() {
        let start = Time::from_millis(1_000_000);
        let walk = |step_ms: i64| {
            let mut path = Path::new(PATH, 1.0, 100.0, start, Dice::new(3, 0));
            let mut warnings = Vec::new();
            let mut prices = Vec::new();
            for block in 1..=60_000 / step_ms {
                let now = start.plus(Dur::from_millis(block * step_ms));
                path.extend(Time(now.0 - step_ms * 1_000_000), now, &mut warnings);
                if block * step_ms % 600 == 0 {
                    prices.push(path.at(now));
                }
            }
            (prices, warnings)
        };
        let (fine, coarse) = (walk(20), walk(300));
        assert_eq!(fine, coarse);
        assert!(!fine.1.is_empty());
    }
}
