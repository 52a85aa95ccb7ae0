//! The fill-burst governor: many orders of one side filled within a moment take that side off while it
//! increases.
//!
//! ```text
//! Calm --burst--> Off --burst_off_s--> a quarter --burst_step_s--> half --burst_step_s--> Calm
//! ```
//! A further burst at any point starts anew. Fills that bring the position toward zero do not count:
//! they are what the reducing side is for. The pieces of one order count once: together they are no more
//! than the order. The other side of a flat book is not held back: nobody swept it.

use std::collections::VecDeque;

use super::config::ControlConfig;
use crate::event::Fill;
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
    /// Orders filled within the window, each with the exchange time of its first piece in it, `[bids,
    /// asks]`.
    filled: [VecDeque<(Time, u64)>; 2],
    /// The side of the last burst, and when it was heard of.
    last: Option<(Side, Time)>,
}

impl Burst {
    /// Takes a fill that increased the position.
    pub fn on_fill(&mut self, fill: &Fill, now: Time, config: &ControlConfig) {
        let filled = &mut self.filled[fill.side.index()];
        let window = Dur::from_secs(config.burst_window_s);
        filled.retain(|(at, _)| fill.exch.since(*at) <= window);
        if filled.iter().any(|(_, oid)| *oid == fill.oid) {
            return;
        }
        filled.push_back((fill.exch, fill.oid));
        if filled.len() >= config.burst_fills as usize {
            filled.clear();
            self.last = Some((fill.side, now));
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
    use crate::event::FillKind;
    use crate::units::{Px, Sz, Usd};

    fn at(seconds: f64) -> Time {
        Time::ZERO.plus(Dur::from_secs(seconds))
    }

    fn fill(side: Side, oid: u64, exch: Time) -> Fill {
        Fill {
            exch,
            tid: oid,
            oid,
            cloid: None,
            side,
            px: Px(1),
            sz: Sz(1),
            start_position: Sz::ZERO,
            fee: Usd::ZERO,
            taker: false,
            kind: FillKind::Trade,
        }
    }

    #[test]
    fn the_pieces_of_an_order_count_once() {
        let mut burst = Burst::default();
        for piece in 0..23 {
            for oid in 0..3 {
                let exch = at(f64::from(piece) * 0.05);
                burst.on_fill(&fill(Side::Bid, oid, exch), exch, &CONFIG);
            }
        }
        assert_eq!(burst.side(), None);
        burst.on_fill(&fill(Side::Bid, 3, at(1.5)), at(1.5), &CONFIG);
        assert_eq!(burst.side(), Some(Side::Bid));
    }

    #[test]
    fn it_names_the_side_that_was_swept() {
        let mut burst = Burst::default();
        assert_eq!(burst.side(), None);
        for oid in 0..4 {
            burst.on_fill(&fill(Side::Ask, oid, at(0.0)), at(0.0), &CONFIG);
        }
        assert_eq!(burst.side(), Some(Side::Ask));
    }

    #[test]
    fn four_orders_of_a_side_filled_in_two_seconds_and_the_way_back() {
        let mut burst = Burst::default();
        for (oid, exch, side) in [
            (0, 0.0, Side::Bid),
            (1, 0.5, Side::Bid),
            (2, 1.0, Side::Ask),
            (3, 1.0, Side::Bid),
            (4, 2.6, Side::Bid),
        ] {
            burst.on_fill(&fill(side, oid, at(exch)), at(10.0), &CONFIG);
        }
        assert_eq!(burst.allowed(at(10.0), &CONFIG), Allowed::Whole);
        burst.on_fill(&fill(Side::Bid, 5, at(2.4)), at(10.0), &CONFIG);
        assert_eq!(burst.allowed(at(10.0), &CONFIG), Allowed::Whole);
        burst.on_fill(&fill(Side::Bid, 6, at(3.0)), at(10.0), &CONFIG);
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
