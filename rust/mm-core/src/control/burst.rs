//! The fill-burst governor: many fills of one side within a moment take that side off while it increases.
//!
//! ```text
//! Calm --burst--> Off --burst_off_s--> a quarter --burst_step_s--> half --burst_step_s--> Calm
//! ```
//! A further burst at any point starts anew. Fills that bring the position toward zero do not count:
//! they are what the reducing side is for. The other side of a flat book is not held back: nobody swept it.

use std::collections::VecDeque;

use super::config::ControlConfig;
use crate::units::{Dur, Side, Time};

/// Share of the size at each step back.
const STEPS: [f64; 2] = [0.25, 0.5];

/// What the governor leaves of the side that was swept, while it increases.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Allowed {
    /// All of it.
    Whole,
    /// This share of its size.
    Share(f64),
    /// Nothing.
    Nothing,
}

/// The governor.
#[derive(Clone, Debug, Default)]
pub struct Burst {
    /// Exchange times of increasing fills within the window, oldest first, `[bids, asks]`.
    fills: [VecDeque<Time>; 2],
    /// The side of the last burst, and when it was heard of.
    last: Option<(Side, Time)>,
}

impl Burst {
    /// Takes a fill on `side` that increased the position.
    pub fn on_fill(&mut self, side: Side, exch: Time, now: Time, config: &ControlConfig) {
        let fills = &mut self.fills[side.index()];
        fills.push_back(exch);
        let window = Dur::from_secs(config.burst_window_s);
        fills.retain(|at| exch.since(*at) <= window);
        if fills.len() >= config.burst_fills as usize {
            fills.clear();
            self.last = Some((side, now));
        }
    }

    /// The side that was swept last.
    #[must_use]
    pub fn side(&self) -> Option<Side> {
        self.last.map(|(side, _)| side)
    }

    /// What it leaves of that side.
    #[must_use]
    pub fn allowed(&self, now: Time, config: &ControlConfig) -> Allowed {
        let Some((_, since)) = self.last else {
            return Allowed::Whole;
        };
        let mut until = since.plus(Dur::from_secs(config.burst_off_s));
        if now < until {
            return Allowed::Nothing;
        }
        for share in STEPS {
            until = until.plus(Dur::from_secs(config.burst_step_s));
            if now < until {
                return Allowed::Share(share);
            }
        }
        Allowed::Whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::config::tests::CONFIG;

    fn at(seconds: f64) -> Time {
        Time::ZERO.plus(Dur::from_secs(seconds))
    }

    #[test]
    fn it_names_the_side_that_was_swept() {
        let mut burst = Burst::default();
        assert_eq!(burst.side(), None);
        for _ in 0..4 {
            burst.on_fill(Side::Ask, at(0.0), at(0.0), &CONFIG);
        }
        assert_eq!(burst.side(), Some(Side::Ask));
    }

    #[test]
    fn four_fills_of_a_side_in_two_seconds_and_the_way_back() {
        let mut burst = Burst::default();
        for (exch, side) in [
            (0.0, Side::Bid),
            (0.5, Side::Bid),
            (1.0, Side::Ask),
            (1.0, Side::Bid),
            (2.6, Side::Bid),
        ] {
            burst.on_fill(side, at(exch), at(10.0), &CONFIG);
        }
        assert_eq!(burst.allowed(at(10.0), &CONFIG), Allowed::Whole);
        burst.on_fill(Side::Bid, at(2.4), at(10.0), &CONFIG);
        assert_eq!(burst.allowed(at(10.0), &CONFIG), Allowed::Whole);
        burst.on_fill(Side::Bid, at(3.0), at(10.0), &CONFIG);
        for (second, wanted) in [
            (10.0, Allowed::Nothing),
            (69.9, Allowed::Nothing),
            (70.0, Allowed::Share(0.25)),
            (100.0, Allowed::Share(0.5)),
            (130.0, Allowed::Whole),
        ] {
            assert_eq!(burst.allowed(at(second), &CONFIG), wanted, "{second}");
        }
    }
}
