//! How much takers take at the price where they stop.

use crate::event::Trade;
use crate::units::{Px, Side, Sz, Time};

/// Takers remembered.
const MEMORY: f64 = 200.0;
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

    /// Mean lots at the price where takers of `side` stop; `None` before twenty came.
    #[must_use]
    pub fn mean_lots(&self, side: Side) -> Option<f64> {
        let (count, lots) = self.sums[side.index()];
        (count >= READY).then(|| lots / count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert!((stops.mean_lots(Side::Bid).unwrap() - 10.0).abs() < 1e-9);
        assert_eq!(stops.mean_lots(Side::Ask), None);
    }
}
