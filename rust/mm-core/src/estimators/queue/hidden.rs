//! How fast queues turn over: cancels that the display shows where it is told at every change, at the touch.
//!
//! A level that is shown every five seconds hides most of its cancels: as many orders join behind as leave. What
//! leaves the touch without a trade, over the size that waits there and the time, is taken for the rate at which
//! each lot of any level is cancelled.

use crate::estimators::decay::left_after;
use crate::estimators::{Evidence, GAP};
use crate::units::{Px, Side, Sz, Time};

/// Half-life of the memory, s.
const HALF_LIFE_S: f64 = 600.0;
/// Watched before it is ready, s.
const READY_S: f64 = 30.0;

/// Lots at the best price of one side, and since when.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Best {
    px: Px,
    sz: Sz,
    exch: Time,
}

/// The rate at which lots that wait are cancelled.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TurnOver {
    best: [Option<Best>; 2],
    /// The price that was best before, by side: its last trades may be told late.
    before: [Option<Px>; 2],
    gone_lots: f64,
    lot_s: f64,
    watched_s: f64,
}

impl TurnOver {
    /// The best level of a side at `exch`, without our own orders; `None`: nothing is left there.
    pub fn on_best(&mut self, side: Side, exch: Time, best: Option<(Px, Sz)>) {
        let index = side.index();
        let last = self.best[index];
        self.best[index] = best.map(|(px, sz)| Best { px, sz, exch });
        let Some(last) = last.filter(|last| exch > last.exch) else {
            return;
        };
        let span = exch.since(last.exch);
        if span > GAP {
            return;
        }
        self.watch(last.sz, span.as_secs());
        let left = match best {
            Some((px, sz)) if px == last.px => sz,
            // A better price says nothing of the one behind it.
            Some((px, _)) if side.at_or_better(px, last.px) => last.sz,
            _ => Sz::ZERO,
        };
        if best.is_none_or(|(px, _)| px != last.px) {
            self.before[index] = Some(last.px);
        }
        self.gone_lots += (last.sz - left).max(Sz::ZERO).as_f64();
    }

    /// A trade: what it took was no cancel.
    pub fn on_trade(&mut self, resting: Side, px: Px, sz: Sz) {
        let best = self.best[resting.index()].map(|best| best.px);
        if [best, self.before[resting.index()]].contains(&Some(px)) {
            self.gone_lots = (self.gone_lots - sz.as_f64()).max(0.0);
        }
    }

    /// Nothing is joined across a gap.
    pub fn on_gap(&mut self) {
        self.best = [None; 2];
        self.before = [None; 2];
    }

    /// What it rests on: seconds watched, forgotten until `now`.
    #[must_use]
    pub fn evidence(&self, now: Time) -> Evidence {
        let as_of = self.best.iter().flatten().map(|best| best.exch).max();
        let age_s = as_of.map_or(0.0, |newest| now.since(newest).as_secs());
        Evidence {
            n: self.watched_s * left_after(age_s.max(0.0), HALF_LIFE_S),
            as_of,
            ready: self.per_s().is_some(),
        }
    }

    /// 1/s; `None` before half a minute was watched.
    #[must_use]
    pub fn per_s(&self) -> Option<f64> {
        (self.watched_s >= READY_S && self.lot_s > 0.0).then(|| self.gone_lots / self.lot_s)
    }

    fn watch(&mut self, sz: Sz, span_s: f64) {
        let by = libm::exp2(-span_s / (2.0 * HALF_LIFE_S));
        self.gone_lots *= by;
        self.lot_s = self.lot_s * by + sz.as_f64() * span_s;
        // Two sides are watched at a time.
        self.watched_s = self.watched_s * by + 0.5 * span_s;
    }
}
