//! Places in the queue as estimated from what the venue tells, against the exchange's own queues.

#![expect(clippy::unwrap_used, reason = "a test")]
#![expect(clippy::cast_precision_loss, reason = "counts of a test")]

mod desk;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use desk::{Desk, START_MS, raw_order, response, user};
use mm_core::action::Cloid;
use mm_core::book::Book;
use mm_core::estimators::queue::{Places, Rests, Scope};
use mm_core::event::{Bbo, BookSnapshot, Level, Trade};
use mm_core::units::{Px, Side, Sz, Time};
use mm_hl::wire::{ExchangeAction, Grouping, PlaceOrders, Tif};
use mm_sim::exchange::{Output, PlaceStatus, Response, SimConfig};
use mm_sim::flow::FlowMarket;
use mm_sim::market::{Best, CrowdOrder, Depth, DepthLevel, Market, Owner, Played, Resting, Touch};

const ASSET: u32 = 0;
/// Blocks between two whole books: 5 s.
const BOOK_EVERY: usize = 71;
/// Blocks between two orders of ours a side, and until it is cancelled.
const ORDER_EVERY: usize = 171;

/// Every order of our perp, in line at its price.
#[derive(Debug, Default)]
struct Lines(BTreeMap<(Side, Px), Vec<Resting>>);

impl Lines {
    fn find(&mut self, oid: u64) -> Option<(&mut Vec<Resting>, usize)> {
        self.0.values_mut().find_map(|line| {
            let at = line.iter().position(|order| order.oid == oid)?;
            Some((line, at))
        })
    }

    fn cut(&mut self, oid: u64, to: Sz) {
        if let Some((line, at)) = self.find(oid) {
            if to <= Sz::ZERO {
                line.remove(at);
            } else {
                line[at].sz = line[at].sz.min(to);
            }
        }
    }

    /// Lots of others ahead of an order.
    fn ahead(&mut self, oid: u64) -> Option<Sz> {
        let (line, at) = self.find(oid)?;
        let others = line[..at].iter();
        let others = others.filter(|order| matches!(order.owner, Owner::Crowd(_)));
        Some(others.map(|order| order.sz).sum())
    }
}

/// A market whose queues are written down.
struct Tap {
    inner: FlowMarket,
    lines: Arc<Mutex<Lines>>,
}

impl Market for Tap {
    fn instruments(&self) -> &[mm_core::instrument::Instrument] {
        self.inner.instruments()
    }
    fn open_block(&mut self, block: Time, orders: &mut Vec<CrowdOrder>) {
        self.inner.open_block(block, orders);
    }
    fn best(&self, asset: u32, side: Side) -> Option<Best> {
        self.inner.best(asset, side)
    }
    fn take(&mut self, asset: u32, side: Side, sz: Sz) {
        let front = self.inner.best(asset, side).unwrap();
        if asset == ASSET {
            let mut lines = self.lines.lock().unwrap();
            lines.cut(front.oid.unwrap(), front.sz - sz);
        }
        self.inner.take(asset, side, sz);
    }
    fn rest(&mut self, asset: u32, order: &Resting) {
        if asset == ASSET {
            let mut lines = self.lines.lock().unwrap();
            lines
                .0
                .entry((order.side, order.px))
                .or_default()
                .push(*order);
        }
        self.inner.rest(asset, order);
    }
    fn shrink(&mut self, asset: u32, oid: u64, sz: Sz) {
        self.lines.lock().unwrap().cut(oid, sz);
        self.inner.shrink(asset, oid, sz);
    }
    fn remove(&mut self, asset: u32, oid: u64) -> Option<Sz> {
        self.lines.lock().unwrap().cut(oid, Sz::ZERO);
        self.inner.remove(asset, oid)
    }
    fn depth(&self, asset: u32, levels: usize) -> Depth {
        self.inner.depth(asset, levels)
    }
    fn touch(&self, asset: u32) -> Touch {
        self.inner.touch(asset)
    }
    fn replay(&mut self, token: u64, played: &mut Vec<Played>) {
        self.inner.replay(token, played);
    }
    fn oracle(&self, asset: u32) -> Option<Px> {
        self.inner.oracle(asset)
    }
    fn label(&self) -> &str {
        self.inner.label()
    }
}

/// What was looked at: estimates with bounds that hold the truth, that do not, and without bounds; lots of error
/// and of truth, added up.
#[derive(Debug, Default)]
struct Looked {
    held: usize,
    missed: usize,
    unready: usize,
    error: f64,
    ahead: f64,
    level: f64,
}

struct Run {
    desk: Desk,
    lines: Arc<Mutex<Lines>>,
    places: Places,
    book: Book,
    ours: BTreeMap<u64, Rests>,
}

fn level(level: DepthLevel) -> Level {
    Level {
        px: level.px,
        sz: level.sz,
    }
}

impl Run {
    fn new(seed: u64) -> Self {
        let lines = Arc::default();
        let market = Tap {
            inner: FlowMarket::demo(seed),
            lines: Arc::clone(&lines),
        };
        let config = SimConfig::at(Time::from_millis(START_MS));
        let mut desk = Desk::over(config, Box::new(market), 1_000_000);
        desk.block();
        Self {
            desk,
            lines,
            places: Places::new(true),
            book: Book::default(),
            ours: BTreeMap::new(),
        }
    }

    /// One block, told as the venue tells it: trades after the touch of their block.
    fn block(&mut self, whole: bool) -> Vec<Output> {
        let out = self.desk.block();
        let exch = self.desk.exchange.now();
        let changed = |output: &Output| matches!(output, Output::Bbo(bbo) if bbo.asset == ASSET);
        if out.iter().any(changed) {
            let touch = self.desk.exchange.touch(ASSET);
            let (bid, ask) = (touch.bid.map(level), touch.ask.map(level));
            self.book.apply_bbo(&Bbo { exch, bid, ask });
            self.places.on_book(&self.book, Scope::Touch);
        }
        if whole {
            let depth = self.desk.exchange.depth(ASSET, 20);
            let levels = |side: Vec<DepthLevel>| side.into_iter().map(level).collect();
            let (bids, asks) = (levels(depth.bids), levels(depth.asks));
            self.book.apply_snapshot(&BookSnapshot { exch, bids, asks });
            self.places.on_book(&self.book, Scope::Whole);
        }
        for output in &out {
            match output {
                Output::Trade(trade) if trade.asset == ASSET => self.places.on_trade(&Trade {
                    exch: trade.time,
                    tid: trade.tid,
                    side: trade.side,
                    px: trade.px,
                    sz: trade.sz,
                }),
                Output::Fill(fill) if fill.user == user(1) => {
                    self.places.on_fill(Cloid(u128::from(fill.oid)), fill.oid);
                }
                _ => {}
            }
        }
        let open: BTreeMap<u64, Sz> = self.open();
        self.ours.retain(|oid, rests| {
            rests.sz = open.get(oid).copied().unwrap_or(Sz::ZERO);
            rests.sz > Sz::ZERO
        });
        self.rest();
        out
    }

    fn open(&self) -> BTreeMap<u64, Sz> {
        let open = self.desk.exchange.open_orders(user(1));
        open.map(|order| (order.oid, order.sz)).collect()
    }

    fn rest(&mut self) {
        let now = self.desk.exchange.now();
        self.places.rest(now, self.ours.values().copied());
    }

    /// A post-only order at the touch or some steps behind it.
    fn place(&mut self, side: Side, behind: i64) {
        let perp = self.desk.exchange.instruments()[ASSET as usize].clone();
        let Some(Level { px: best, .. }) = self.book.levels(side).first().copied() else {
            return;
        };
        let px = Px(best.0 - side.sign() * behind * perp.px_step(best).0);
        let sz = Sz(50);
        let order = raw_order(&perp, side, px, sz, Tif::Alo, false);
        let id = self.desk.send(
            1,
            ExchangeAction::Order(PlaceOrders {
                orders: vec![order],
                grouping: Grouping::Na,
                builder: None,
            }),
        );
        let out = self.block(false);
        let Response::Order(statuses) = response(&out, id) else {
            panic!("an answer of another kind");
        };
        if let &[PlaceStatus::Resting { oid, .. }] = statuses.as_slice() {
            let cloid = Cloid(u128::from(oid));
            let rests = Rests {
                cloid,
                oid: Some(oid),
                side,
                px,
                sz,
            };
            self.places.rested(oid, self.desk.exchange.now());
            self.ours.insert(oid, rests);
            self.rest();
        }
    }

    fn look(&self, looked: &mut Looked) {
        let mut lines = self.lines.lock().unwrap();
        for (oid, rests) in &self.ours {
            let (Some(ahead), Some(place)) = (lines.ahead(*oid), self.places.place(rests.cloid))
            else {
                looked.unready += 1;
                continue;
            };
            match place.bounds {
                None => looked.unready += 1,
                Some([least, most]) => {
                    let held = (least..=most).contains(&ahead);
                    looked.held += usize::from(held);
                    looked.missed += usize::from(!held);
                    looked.error += (place.ahead - ahead).abs().as_f64();
                    looked.ahead += ahead.as_f64();
                    looked.level += (place.level - ahead).abs().as_f64();
                }
            }
        }
    }
}

/// Ten minutes of the demo market, orders at the touch and behind it, looked at each second.
#[test]
fn the_bounds_hold_the_true_size_ahead() {
    let mut looked = Looked::default();
    for seed in [7, 8] {
        let mut run = Run::new(seed);
        for block in 0..8_600 {
            if block % ORDER_EVERY == 0 {
                clear(&mut run);
                for (side, behind) in [
                    (Side::Bid, 0),
                    (Side::Ask, 0),
                    (Side::Bid, 4),
                    (Side::Ask, 9),
                ] {
                    run.place(side, behind);
                }
            }
            run.block(block % BOOK_EVERY == 0);
            if block % 14 == 0 {
                run.look(&mut looked);
            }
        }
    }
    let n = (looked.held + looked.missed) as f64;
    let held = looked.held as f64 / n;
    println!(
        "{held:.4} of {n} looks held, {} not ready; error {:.0} lots of {:.0} ahead, always last {:.0}",
        looked.unready,
        looked.error / n,
        looked.ahead / n,
        looked.level / n,
    );
    assert!(n > 1_000.0, "{looked:?}");
    assert!(held >= 0.95, "{looked:?}");
    assert!(looked.error < 0.5 * looked.level, "{looked:?}");
}

/// Takes our orders back.
fn clear(run: &mut Run) {
    let cancels: Vec<_> = run
        .open()
        .keys()
        .map(|&oid| mm_hl::wire::Cancel { asset: ASSET, oid })
        .collect();
    if !cancels.is_empty() {
        run.desk.send(
            1,
            ExchangeAction::Cancel(mm_hl::wire::CancelOrders {
                cancels,
                fast: None,
            }),
        );
        run.block(false);
    }
}
