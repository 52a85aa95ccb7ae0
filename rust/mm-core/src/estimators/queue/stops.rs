//! How much takers take at the price where they stop.

use crate::estimators::Evidence;
use crate::estimators::decay::left_after;
use crate::event::Trade;
use crate::units::{Px, Side, Sz, Time};

/// Takers remembered.
const MEMORY: f64 = 200.0;
/// Half-life of the memory while none comes, s.
const SILENCE_HALF_LIFE_S: f64 = 3_600.0;
/// Takers before it is ready.
const READY: f64 = 20.0;

/// The end of one taker order: the lots at its last price so far.
#[derive(Clone, Copy, Debug, PartialEq)]
struct End {
    exch: Time,
    px: Px,
    sz: Sz,
}

/// Mean size at the last price of takers, by their side; trades are deduplicated before.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stops {
    open: [Option<End>; 2],
    /// Weighted count and lots.
    sums: [(f64, f64); 2],
}

impl Stops {
    /// A trade of the tape. Those of one time and side are one taker.
    pub fn on_trade(&mut self, trade: &Trade) {
        let side = trade.side;
        let end = End {
            exch: trade.exch,
            px: trade.px,
            sz: trade.sz,
        };
        let open = &mut self.open[side.index()];
        match open {
            Some(known) if known.exch == trade.exch => {
                if known.px == trade.px {
                    known.sz += trade.sz;
                } else if side.at_or_better(trade.px, known.px) {
                    *known = end;
                }
            }
            _ => {
                if let Some(known) = open.replace(end) {
                    let (count, lots) = &mut self.sums[side.index()];
                    let keep = 1.0 - 1.0 / MEMORY;
                    *count = *count * keep + 1.0;
                    *lots = *lots * keep + known.sz.as_f64();
                }
            }
        }
    }

    /// Mean lots at the price where takers of `side` stop; `None` before twenty came, and where a silence leaves
    /// fewer of them.
    #[must_use]
    pub fn mean_lots(&self, side: Side, now: Time) -> Option<f64> {
        let (count, lots) = self.sums[side.index()];
        self.evidence(side, now).ready.then(|| lots / count)
    }

    /// What it rests on: takers of `side`.
    #[must_use]
    pub fn evidence(&self, side: Side, now: Time) -> Evidence {
        let as_of = self.open[side.index()].map(|end| end.exch);
        let age_s = as_of.map_or(0.0, |newest| now.since(newest).as_secs());
        let n = self.sums[side.index()].0 * left_after(age_s.max(0.0), SILENCE_HALF_LIFE_S);
        Evidence {
            n,
            as_of,
            ready: n >= READY,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::SECOND;

    /// A bid of three pieces, the last two at its farthest price: what it took there.
    #[test]
    fn the_pieces_at_the_farthest_price_are_the_stop() {
        let mut stops = Stops::default();
        for at in 0..40 {
            for (tid, px, sz) in [(0, 100, 50), (1, 101, 7), (2, 101, 3), (3, 100, 9)] {
                stops.on_trade(&Trade {
                    exch: Time(at),
                    tid: 10 * at.unsigned_abs() + tid,
                    side: Side::Bid,
                    px: Px(px),
                    sz: Sz(sz),
                });
            }
        }
        assert!((stops.mean_lots(Side::Bid, Time(40)).unwrap() - 10.0).abs() < 1e-9);
        assert_eq!(stops.mean_lots(Side::Bid, Time(2 * 3_600 * SECOND)), None);
        assert_eq!(stops.mean_lots(Side::Ask, Time(40)), None);
    }
}
