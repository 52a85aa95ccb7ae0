//! The recorded market: what happened, with our orders virtual in it. The mirrored market is the same
//! with a live feed in the place of the recording.
//!
//! Assumptions, the same in every report made with it:
//! * Everything recorded up to a block's time happens before our requests of that block.
//! * Our orders stand in the queue of [`Queue`]; the rest of the market never sees them. A trade
//!   *through* a resting price fills it under every bound, at most with what was traded beyond it; a
//!   trade *at* the price fills it with what is left after the queue ahead.
//! * A displayed opposite price at or beyond ours fills nothing: a post-only order could not have
//!   stood there, and one that takes would be a trade. Each taker who did come then trades through us.
//! * Beyond the recorded levels only a trade through fills.
//! * An order of ours that takes meets the displayed sizes; they are back with the next recorded frame.
//! * Orders of ours do not compete with each other: each meets the recorded flow alone.
//!
//! So nothing of ours removes recorded liquidity or moves a price: it holds while our sizes are small
//! beside those recorded.

mod display;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use mm_core::event::EventBody;
use mm_core::instrument::Instrument;
use mm_core::units::{Dur, Px, Side, Sz, Time};
use mm_hl::decode::DecodeError;

pub use self::display::{Display, Shown};
use crate::frames::{LiveFeed, Step, Tape};
use crate::market::{
    Best, CrowdBody, CrowdOrder, Depth, DepthLevel, Market, Owner, Played, Resting, Touch,
};
pub use mm_core::estimators::queue::{Queue, QueueBound};

/// The participant behind all recorded liquidity.
const RECORDED: u16 = 0;
/// A recording or a feed holds one perp: it is asset 0.
const ASSET: u32 = 0;

/// One of our orders and its place.
#[derive(Clone, Copy, Debug)]
struct Virtual {
    order: Resting,
    queue: Queue,
}

/// Where what happens is taken from.
#[derive(Clone, Debug)]
enum Source {
    Recording(Arc<Tape>),
    Feed(Box<LiveFeed>),
}

impl Source {
    fn step(&self, index: usize) -> Option<&Step> {
        match self {
            Self::Recording(tape) => tape.steps().get(index),
            Self::Feed(feed) => feed.step(index),
        }
    }
}

/// A [`Market`] that plays a [`Tape`] or a live feed.
#[derive(Clone, Debug)]
pub struct RecordedMarket {
    source: Source,
    instruments: [Instrument; 1],
    bound: QueueBound,
    /// Added to every recorded time.
    shift: Dur,
    next: Position,
    display: Display,
    orders: Vec<Virtual>,
    label: String,
}

/// A fact of the tape: a step and, for trades, which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Position {
    step: usize,
    trade: usize,
}

/// Trades of one frame at most: what a token has room for.
const TRADES_BITS: u32 = 20;

impl Position {
    fn token(self) -> u64 {
        (self.step as u64) << TRADES_BITS | self.trade as u64
    }

    #[allow(
        clippy::cast_possible_truncation,
        reason = "made from two usize by `token`; lossy only on 32 bit"
    )]
    const fn from_token(token: u64) -> Self {
        Self {
            step: (token >> TRADES_BITS) as usize,
            trade: (token & ((1 << TRADES_BITS) - 1)) as usize,
        }
    }
}

impl RecordedMarket {
    /// A market that plays `tape` with every recorded time moved by `shift`.
    #[must_use]
    pub fn new(tape: Arc<Tape>, bound: QueueBound, shift: Dur) -> Self {
        let listed = tape.instrument().clone();
        let first = tape.history();
        let mut market = Self::on(Source::Recording(tape), "recorded", listed, bound);
        market.shift = shift;
        market.next.step = first;
        market
    }

    /// A market that plays what a live feed tells it of `listed`, as it is told.
    #[must_use]
    pub fn mirror(listed: Instrument, bound: QueueBound) -> Self {
        Self::on(Source::Feed(Box::default()), "live data of", listed, bound)
    }

    fn on(source: Source, what: &str, listed: Instrument, bound: QueueBound) -> Self {
        let label = format!(
            "{what} {}: our orders are virtual, nothing of ours moves a price",
            listed.coin()
        );
        Self {
            instruments: [listed],
            next: Position { step: 0, trade: 0 },
            source,
            bound,
            shift: Dur(0),
            display: Display::default(),
            orders: Vec::new(),
            label,
        }
    }

    /// When a fact happens: recorded time at its running maximum, moved by the shift.
    fn due(&self, at: Position) -> Option<Time> {
        let step = self.source.step(at.step)?;
        let exch = match &step.event.body {
            EventBody::Trades(trades) => {
                let before = at
                    .step
                    .checked_sub(1)
                    .and_then(|before| self.source.step(before))
                    .map(|before| before.exch);
                let newest = trades[..=at.trade].iter().map(|trade| trade.exch).max();
                newest.max(before).unwrap_or(step.exch).min(step.exch)
            }
            _ => step.exch,
        };
        Some(exch.plus(self.shift))
    }

    fn after(&self, at: Position) -> Position {
        match self.source.step(at.step).map(|step| &step.event.body) {
            Some(EventBody::Trades(trades)) if at.trade + 1 < trades.len() => Position {
                step: at.step,
                trade: at.trade + 1,
            },
            _ => Position {
                step: at.step + 1,
                trade: 0,
            },
        }
    }

    /// A trade of side `side`: who of ours it fills.
    fn trade(&mut self, side: Side, px: Px, sz: Sz, exch: Time, played: &mut Vec<Played>) {
        let resting = side.opposite();
        for mine in self
            .orders
            .iter_mut()
            .filter(|mine| mine.order.side == resting)
        {
            let reaches = if mine.order.px == px {
                match self.display.shown(resting, px) {
                    Shown::Hidden => continue,
                    Shown::Size(_) => mine.queue.trade(sz, exch),
                }
            } else if resting.at_or_better(mine.order.px, px) {
                mine.queue.swept();
                sz
            } else {
                continue;
            };
            hit(mine, reaches, played);
        }
    }

    /// The displayed book changed: queues move.
    fn displayed(&mut self, touch_only: bool) {
        let exch = self.display.exch();
        for mine in &mut self.orders {
            let Resting { side, px, .. } = mine.order;
            let shown = if touch_only {
                self.display.touched(side, px)
            } else {
                match self.display.shown(side, px) {
                    Shown::Size(sz) => Some(sz),
                    Shown::Hidden => None,
                }
            };
            if let Some(shown) = shown {
                mine.queue.show(shown, exch);
            }
        }
    }

    fn find(&self, oid: u64) -> Option<usize> {
        self.orders.iter().position(|mine| mine.order.oid == oid)
    }

    /// The best of our orders on `side`, the oldest first at one price.
    fn best_of_ours(&self, side: Side) -> Option<&Resting> {
        let ours = self
            .orders
            .iter()
            .map(|mine| &mine.order)
            .filter(|order| order.side == side);
        ours.reduce(|best, order| {
            if side.at_or_better(best.px, order.px) {
                best
            } else {
                order
            }
        })
    }
}

/// Reports a fill of at most what is left; the exchange answers with the size that stays.
fn hit(mine: &mut Virtual, reaches: Sz, played: &mut Vec<Played>) {
    let sz = mine.order.sz.min(reaches);
    if sz > Sz::ZERO {
        let Resting { oid, owner, px, .. } = mine.order;
        played.push(Played::Hit { oid, owner, px, sz });
    }
}

impl Market for RecordedMarket {
    fn instruments(&self) -> &[Instrument] {
        &self.instruments
    }

    fn open_block(&mut self, block: Time, orders: &mut Vec<CrowdOrder>) {
        if let Source::Feed(feed) = &mut self.source {
            // The one before gives trades their time.
            feed.forget(self.next.step.saturating_sub(1));
        }
        while let Some(at) = self.due(self.next).filter(|&due| due <= block) {
            let body = CrowdBody::Replay {
                token: self.next.token(),
            };
            orders.push(CrowdOrder {
                at,
                asset: ASSET,
                participant: RECORDED,
                body,
            });
            self.next = self.after(self.next);
        }
    }

    fn best(&self, _asset: u32, side: Side) -> Option<Best> {
        let recorded = self.display.best(side).map(|level| Best {
            px: level.px,
            sz: level.sz,
            oid: None,
            owner: Owner::Crowd(RECORDED),
        });
        let ours = self.best_of_ours(side).map(|order| Best {
            px: order.px,
            sz: order.sz,
            oid: Some(order.oid),
            owner: order.owner,
        });
        match (recorded, ours) {
            (Some(recorded), Some(ours)) if side.at_or_better(recorded.px, ours.px) => {
                Some(recorded)
            }
            (recorded, ours) => ours.or(recorded),
        }
    }

    fn take(&mut self, asset: u32, side: Side, sz: Sz) {
        match self.best(asset, side) {
            Some(Best {
                oid: Some(oid),
                sz: whole,
                ..
            }) if sz < whole => {
                self.shrink(asset, oid, whole - sz);
            }
            Some(Best { oid: Some(oid), .. }) => {
                self.remove(asset, oid);
            }
            Some(Best { oid: None, .. }) => self.display.take(side, sz),
            None => {}
        }
    }

    fn rest(&mut self, _asset: u32, order: &Resting) {
        let shown = match self.display.shown(order.side, order.px) {
            Shown::Size(sz) => Some(sz),
            Shown::Hidden => None,
        };
        let queue = Queue::join(self.bound, shown, self.display.exch());
        self.orders.push(Virtual {
            order: *order,
            queue,
        });
    }

    fn shrink(&mut self, asset: u32, oid: u64, sz: Sz) {
        if sz <= Sz::ZERO {
            self.remove(asset, oid);
        } else if let Some(found) = self.find(oid) {
            self.orders[found].order.sz = self.orders[found].order.sz.min(sz);
        }
    }

    fn remove(&mut self, _asset: u32, oid: u64) -> Option<Sz> {
        let found = self.find(oid)?;
        Some(self.orders.remove(found).order.sz)
    }

    fn depth(&self, _asset: u32, levels: usize) -> Depth {
        let side = |side| {
            self.display
                .levels(side)
                .iter()
                .take(levels)
                .map(|&l| shown(l))
                .collect()
        };
        Depth {
            bids: side(Side::Bid),
            asks: side(Side::Ask),
        }
    }

    fn touch(&self, _asset: u32) -> Touch {
        let best = |side| self.display.best(side).map(shown);
        Touch {
            bid: best(Side::Bid),
            ask: best(Side::Ask),
        }
    }

    fn oracle(&self, _asset: u32) -> Option<Px> {
        None
    }

    fn replay(&mut self, token: u64, played: &mut Vec<Played>) {
        let at = Position::from_token(token);
        let Some(step) = self.source.step(at.step) else {
            return;
        };
        match &step.event.body {
            EventBody::Trades(trades) => {
                let Some(trade) = trades.get(at.trade) else {
                    return;
                };
                let (tid, side, px, sz) = (trade.tid, trade.side, trade.px, trade.sz);
                let exch = trade.exch;
                played.push(Played::Print { tid, side, px, sz });
                self.trade(side, px, sz, exch, played);
            }
            EventBody::Book(book) if self.display.snapshot(book) => self.displayed(false),
            EventBody::Bbo(bbo) if self.display.touch(bbo) => self.displayed(true),
            _ => {}
        }
    }

    fn hear(&mut self, now: Time, frame: &[u8]) -> Result<(), DecodeError> {
        match &mut self.source {
            Source::Recording(_) => Ok(()),
            Source::Feed(feed) => feed.hear(&self.instruments[0], now, frame),
        }
    }

    fn feed_lost(&mut self) {
        if let Source::Feed(_) = self.source {
            self.display = Display::default();
        }
    }

    fn label(&self) -> &str {
        &self.label
    }
}

fn shown(level: mm_core::event::Level) -> DepthLevel {
    DepthLevel {
        px: level.px,
        sz: level.sz,
        n: 0,
    }
}
