//! A made market for tests: a book, takers of a known reach, and what the mid does after them.

use mm_core::event::{Bbo, EventBody, Level, Trade};
use mm_core::units::{Dur, Px, SECOND, Side, Sz};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::desk::Desk;

/// A market whose takers reach `0.5 bps + exponential of mean reach_bps`, one every two seconds, by turns of each
/// side; the mid moves on by `moved(side, reach)` bps.
pub(crate) struct Market {
    random: ChaCha8Rng,
    reach_bps: f64,
    /// Share of takers who come at most 1.5 bps far.
    pub(crate) near_frac: f64,
    moved: fn(Side, f64) -> f64,
    pub(crate) log_mid: f64,
    tid: u64,
}

pub(crate) fn market(reach_bps: f64, moved: fn(Side, f64) -> f64) -> Market {
    Market {
        random: ChaCha8Rng::seed_from_u64(3),
        reach_bps,
        near_frac: 0.0,
        moved,
        log_mid: libm::log(1_000_005.0),
        tid: 1 << 40,
    }
}

pub(crate) fn nothing(_: Side, _: f64) -> f64 {
    0.0
}

impl Market {
    fn mid(&self) -> i64 {
        // Odd, so that half a spread of 5 is on the grid.
        libm::round((libm::exp(self.log_mid) - 5.0) / 10.0) as i64 * 10 + 5
    }

    /// Some seconds of it, told to the engine.
    pub(crate) fn run(&mut self, desk: &mut Desk, seconds: usize) {
        desk.market = false;
        for second in 0..seconds {
            desk.mid = self.mid();
            desk.pass(Dur(SECOND));
            book(desk, [50_000, 50_000]);
            if second % 2 == 0 {
                let side = [Side::Bid, Side::Ask][second / 2 % 2];
                let unit: f64 = self.random.random();
                let near = self.random.random::<f64>() < self.near_frac;
                let far = 0.5 - libm::log(1.0 - unit) * self.reach_bps;
                let reach = if near { 0.5 + unit } else { far };
                self.take(desk, side, reach);
                self.log_mid += side.sign() as f64 * (self.moved)(side, reach) * 1e-4;
            }
        }
    }

    /// One taker, in two trades a moment after the book.
    pub(crate) fn take(&mut self, desk: &mut Desk, side: Side, reach_bps: f64) {
        desk.now = desk.now.plus(Dur(SECOND / 10));
        let trades = [0.5, 1.0].map(|share: f64| {
            self.tid += 1;
            let away = 1.0 + side.sign() as f64 * reach_bps * share * 1e-4;
            Trade {
                exch: desk.now,
                tid: self.tid,
                side,
                px: Px((desk.mid as f64 * away).round() as i64),
                sz: Sz(1_000),
            }
        });
        desk.tell(EventBody::Trades(trades.into()));
    }
}

/// The touch with these lots on `[bid, ask]`.
pub(crate) fn book(desk: &mut Desk, lots: [i64; 2]) {
    let level = |px, sz| {
        Some(Level {
            px: Px(px),
            sz: Sz(sz),
        })
    };
    desk.tell(EventBody::Bbo(Bbo {
        exch: desk.now,
        bid: level(desk.mid - desk.half, lots[0]),
        ask: level(desk.mid + desk.half, lots[1]),
    }));
}
