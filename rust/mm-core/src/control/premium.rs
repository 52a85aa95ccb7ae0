//! The premium of WIDEN: bounded additive terms for a jump of the price, for stale inputs, for the time
//! after a burst of fills and for that after toxic flow. It widens the increasing side alone.

use std::collections::VecDeque;

use serde::Serialize;

use super::config::ControlConfig;
use crate::units::{Dur, Time};

/// Fewest nanoseconds between two mids kept: bounds the memory of a window.
const SPACING: Dur = Dur(10_000_000);

/// Premia by cause, bps: each at most `widen_term_bps`, together at most `widen_sum_bps`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Premium {
    /// The mid jumped further than volatility explains.
    pub jump_bps: f64,
    /// An input is past its first deadline.
    pub staleness_bps: f64,
    /// After a burst of fills.
    pub burst_bps: f64,
    /// Takers who may know more than we do.
    pub toxic_bps: f64,
}

impl Premium {
    /// What the increasing side is moved outward by, at most `most_bps`.
    #[must_use]
    pub fn sum_bps(&self, most_bps: f64) -> f64 {
        (self.jump_bps + self.staleness_bps + self.burst_bps + self.toxic_bps).min(most_bps)
    }

    /// The larger of each term.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self {
            jump_bps: self.jump_bps.max(other.jump_bps),
            staleness_bps: self.staleness_bps.max(other.staleness_bps),
            burst_bps: self.burst_bps.max(other.burst_bps),
            toxic_bps: self.toxic_bps.max(other.toxic_bps),
        }
    }
}

/// Watches the mid for moves that volatility does not explain.
///
/// `excess = |mid - furthest mid of the window| - sigmas x sigma x sqrt(window)`, bps.
#[derive(Clone, Debug, Default)]
pub struct Jumps {
    /// Receive times and mids of the window, oldest first.
    mids: VecDeque<(Time, f64)>,
}

impl Jumps {
    /// Takes a mid.
    pub fn observe(&mut self, now: Time, mid: f64, config: &ControlConfig) {
        let window = Dur::from_secs(config.widen_window_s);
        while self
            .mids
            .front()
            .is_some_and(|(at, _)| now.since(*at) > window)
        {
            self.mids.pop_front();
        }
        match self.mids.back_mut() {
            Some((at, last)) if now.since(*at) < SPACING => *last = mid,
            _ => self.mids.push_back((now, mid)),
        }
    }

    /// Forgets what was before a gap in the data.
    pub fn forget(&mut self) {
        self.mids.clear();
    }

    /// By how much the move within the window exceeds what volatility explains, bps; zero or less:
    /// not at all. `None` while volatility or mid is unknown.
    #[must_use]
    pub fn excess_bps(&self, sigma: Option<f64>, config: &ControlConfig) -> Option<f64> {
        let (_, mid) = *self.mids.back()?;
        let explained = config.widen_jump_sigmas * sigma? * libm::sqrt(config.widen_window_s);
        let furthest = self
            .mids
            .iter()
            .map(|(_, then)| (mid / then - 1.0).abs())
            .fold(0.0, f64::max);
        Some((furthest - explained) * 1e4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::config::tests::CONFIG;
    use crate::units::SECOND;

    #[test]
    fn a_jump_is_what_volatility_does_not_explain_and_is_forgotten_with_its_window() {
        let mut jumps = Jumps::default();
        let sigma = 1e-4; // 1 bps per sqrt(s): five of them over 5 s are 11.18 bps
        assert_eq!(jumps.excess_bps(Some(sigma), &CONFIG), None);
        jumps.observe(Time(0), 100_000.0, &CONFIG);
        jumps.observe(Time(SECOND), 100_100.0, &CONFIG);
        assert!(jumps.excess_bps(Some(sigma), &CONFIG).unwrap() < 0.0);
        assert_eq!(jumps.excess_bps(None, &CONFIG), None);
        jumps.observe(Time(2 * SECOND), 99_950.0, &CONFIG);
        let excess = jumps.excess_bps(Some(sigma), &CONFIG).unwrap();
        assert!((excess - (14.985 - 11.180)).abs() < 0.01, "{excess}");
        jumps.observe(Time(7 * SECOND), 99_950.0, &CONFIG);
        assert!(jumps.excess_bps(Some(sigma), &CONFIG).unwrap() < 0.0);
        jumps.forget();
        assert_eq!(jumps.excess_bps(Some(sigma), &CONFIG), None);
    }

    /// Mids closer together than the spacing replace one another; at the spacing both are kept.
    #[test]
    fn the_window_keeps_one_mid_a_spacing() {
        let mut jumps = Jumps::default();
        jumps.observe(Time(0), 100_000.0, &CONFIG);
        jumps.observe(Time(SPACING.0 - 1), 101_000.0, &CONFIG);
        jumps.observe(Time(SPACING.0), 102_000.0, &CONFIG);
        let kept: Vec<f64> = jumps.mids.iter().map(|(_, mid)| *mid).collect();
        assert_eq!(kept, [101_000.0, 102_000.0]);
    }

    #[test]
    fn premia_add_up_to_their_bound() {
        let all = Premium {
            jump_bps: 5.0,
            staleness_bps: 5.0,
            burst_bps: 5.0,
            toxic_bps: 2.0,
        };
        assert!((all.sum_bps(20.0) - 17.0).abs() < 1e-12);
        assert!((all.sum_bps(8.0) - 8.0).abs() < 1e-12);
        let jump = Premium {
            jump_bps: 7.0,
            ..Premium::default()
        };
        assert!((all.or(jump).sum_bps(20.0) - 19.0).abs() < 1e-12);
    }
}
