//! Taker sweeps: the trades of one taker order, seen as one event, with how far it reached.
//!
//! The tape prints a trade for each resting order that a taker met; those of one exchange time and one
//! side are one taker order (BACKTEST.md 2). What a maker at some distance meets is not a trade but a
//! sweep that came that far, so intensity and adverse selection are both of sweeps. MODELS.md P1.2b, P1.3.

use std::collections::VecDeque;

use crate::event::Trade;
use crate::units::{Side, Time};

/// Mids kept: more than a second of the busiest book.
const MIDS: usize = 32;

/// One taker order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sweep {
    /// Exchange time.
    pub exch: Time,
    /// Side of the taker: a bid lifts our asks.
    pub side: Side,
    /// Mid before it, lattice units.
    pub mid: f64,
    /// Farthest price it met, bps of that mid away from it; 0 or less where it met a price inside.
    pub reach_bps: f64,
    /// Notional, USDC.
    pub notional: f64,
}

/// Gathers trades into sweeps. Duplicates and backfill must be gone before.
#[derive(Clone, Debug, Default)]
pub struct Sweeps {
    open: Option<Sweep>,
    /// The newest mids, newest last: a book of a sweep's own time shows what the sweep left, and books may
    /// be heard before the trades that made them.
    mids: VecDeque<(Time, f64)>,
}

impl Sweeps {
    /// A newer mid, lattice units. It ends the sweep that is open where it is later than it.
    pub fn on_mid(&mut self, exch: Time, mid: f64) -> Option<Sweep> {
        match self.mids.back_mut() {
            Some(newest) if exch == newest.0 => newest.1 = mid,
            _ => {
                if self.mids.len() == MIDS {
                    self.mids.pop_front();
                }
                self.mids.push_back((exch, mid));
            }
        }
        let is_over = self.open.is_some_and(|open| open.exch < exch);
        if is_over { self.open.take() } else { None }
    }

    /// A trade, oldest first. It gives the sweep before it, where it is not of the same one. Without a mid
    /// from before it a trade is nothing.
    pub fn on_trade(&mut self, trade: &Trade) -> Option<Sweep> {
        let one = self.alone(trade)?;
        match &mut self.open {
            Some(open) if (open.exch, open.side) == (one.exch, one.side) => {
                open.reach_bps = open.reach_bps.max(Self::reach_bps(open.mid, trade));
                open.notional += one.notional;
                None
            }
            open => open.replace(one),
        }
    }

    /// What was seen is of another life of the stream: nothing is joined across a gap.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    /// The newest mid of before `exch` that is remembered, and its time.
    #[must_use]
    pub fn mid_before(&self, exch: Time) -> Option<(Time, f64)> {
        let before = |known: &&(Time, f64)| known.0 < exch;
        self.mids.iter().rev().find(before).copied()
    }

    fn alone(&self, trade: &Trade) -> Option<Sweep> {
        let (_, mid) = self.mid_before(trade.exch)?;
        Some(Sweep {
            exch: trade.exch,
            side: trade.side,
            mid,
            reach_bps: Self::reach_bps(mid, trade),
            notional: (trade.px * trade.sz).as_usd(),
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "sign is -1 or 1")]
    fn reach_bps(mid: f64, trade: &Trade) -> f64 {
        (trade.px.as_f64() / mid - 1.0) * trade.side.sign() as f64 * 1e4
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{Px, Sz};

    fn trade(exch: i64, side: Side, px: i64) -> Trade {
        Trade {
            exch: Time(exch),
            tid: 0,
            side,
            px: Px(px),
            sz: Sz(1_000_000),
        }
    }

    #[test]
    fn trades_of_one_time_and_side_are_one_sweep_that_reached_the_farthest() {
        let mut sweeps = Sweeps::default();
        sweeps.on_mid(Time(1), 10_000.0);
        assert_eq!(sweeps.on_trade(&trade(2, Side::Bid, 10_001)), None);
        assert_eq!(sweeps.on_trade(&trade(2, Side::Bid, 10_003)), None);
        // The book that it left carries its own time and does not end it, nor is it its mid.
        assert_eq!(sweeps.on_mid(Time(2), 10_002.0), None);
        assert_eq!(sweeps.on_trade(&trade(2, Side::Bid, 10_002)), None);
        let sweep = sweeps.on_trade(&trade(2, Side::Ask, 9_999)).unwrap();
        assert_eq!((sweep.exch, sweep.side), (Time(2), Side::Bid));
        assert!((sweep.reach_bps - 3.0).abs() < 1e-9 && (sweep.mid - 10_000.0).abs() < 1e-9);
        let other = sweeps.on_mid(Time(3), 10_000.0).unwrap();
        assert!((other.reach_bps - 1.0).abs() < 1e-9, "{other:?}");
        assert_eq!(sweeps.on_mid(Time(4), 10_000.0), None);
    }

    /// Later books may be heard before a trade: its mid is the newest from before it all the same.
    #[test]
    fn books_that_are_heard_first_are_no_mid_from_before() {
        let mut sweeps = Sweeps::default();
        for (at, mid) in [(1, 10_000.0), (2, 10_003.0), (3, 10_004.0), (4, 10_005.0)] {
            sweeps.on_mid(Time(at), mid);
        }
        sweeps.on_trade(&trade(2, Side::Bid, 10_003));
        let sweep = sweeps.on_mid(Time(5), 10_004.0).unwrap();
        assert!((sweep.reach_bps - 3.0).abs() < 1e-9, "{sweep:?}");
    }

    #[test]
    fn without_a_mid_from_before_it_a_trade_is_nothing() {
        let mut sweeps = Sweeps::default();
        sweeps.on_trade(&trade(2, Side::Bid, 10_001));
        sweeps.on_mid(Time(3), 10_000.0);
        sweeps.on_trade(&trade(3, Side::Bid, 10_001));
        assert_eq!(sweeps.on_mid(Time(9), 10_000.0), None);
    }
}
