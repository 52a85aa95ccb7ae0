//! The exchange's end: what a block brings, as the frames that tell of it.

use mm_core::event::{
    AccountState, AssetCtx, Bbo, BookSnapshot, Candle, Command, EventBody, Fees, Fills, HeadRoom,
    Level, OtherCoins, RateLimit, Stream, StreamState, StreamStatus, Trade,
};
use mm_core::units::{Dur, SECOND, Time};

use super::world::{ASSET, USER, World};
use crate::exchange::{Output, RateE10};
use crate::faults::{Feed, FrameFate};
use crate::market::DepthLevel;
use crate::told;

/// Candles that seed the volatility.
const CANDLES: i64 = 120;

impl World {
    /// Sends what the block's outputs say.
    pub(super) fn after_block(&mut self, outputs: &[Output]) {
        self.upset_lines();
        let (mut fills, mut updates, mut trades) = (Vec::new(), Vec::new(), Vec::new());
        let (mut changed, mut touched) = (false, false);
        for output in outputs {
            match output {
                Output::Reply(reply) if reply.user == USER => self.on_answer(reply),
                Output::Order(update) if update.user == USER => updates.push(told::update(update)),
                Output::Fill(fill) if fill.user == USER => {
                    let lots = fill.side.signed(fill.sz).0;
                    if let Some(cloid) = fill.cloid {
                        self.judge.own_fill(fill.tid, cloid, lots);
                    } else {
                        self.judge.hand_fill(fill.tid, fill.time, lots);
                        self.hand_moved_killed(fill.time);
                    }
                    fills.push(told::fill(fill));
                }
                Output::Trade(trade) => trades.push(Trade {
                    exch: trade.time,
                    tid: trade.tid,
                    side: trade.side,
                    px: trade.px,
                    sz: trade.sz,
                }),
                Output::Money(moved) if moved.user == USER => {
                    if let Some(body) = told::money(moved, ASSET) {
                        self.frame(Feed::Money, body);
                    }
                }
                Output::Account(change) if change.user == USER => changed = true,
                Output::Bbo(_) => touched = true,
                _ => {}
            }
        }
        if !updates.is_empty() {
            self.frame(Feed::Orders, EventBody::OrderUpdates(updates));
        }
        if !fills.is_empty() {
            let news = Fills {
                snapshot: false,
                others: Vec::new(),
                fills,
            };
            self.frame(Feed::Fills, EventBody::Fills(news));
        }
        if !trades.is_empty() {
            self.frame(Feed::Market, EventBody::Trades(trades));
        }
        self.regular_frames(changed, touched);
    }

    fn regular_frames(&mut self, changed: bool, touched: bool) {
        let every = |ms: i64| self.now.as_millis() % ms < 70;
        let (fast, slow) = (every(1_000), every(5_000));
        if changed || slow {
            let account = EventBody::Account(self.account_report());
            self.frame(Feed::Account, account);
            let room = self.head_room_report();
            self.frame(Feed::Account, room);
        }
        if touched && let Some(bbo) = self.bbo() {
            let bbo = self.told_book(bbo);
            self.frame(Feed::Market, bbo);
        }
        if fast {
            let book = self.book_report();
            let book = self.told_book(book);
            self.frame(Feed::Market, book);
            if let Some(ctx) = self.ctx() {
                self.frame(Feed::Market, ctx);
            }
        }
        if slow {
            // The pong: both lines deliver, even where a feed is silent.
            for stream in [Stream::Market, Stream::User] {
                self.deliver(false, self.now, up(stream));
            }
        }
    }

    /// A frame of a feed, with its fate; where nobody would hear it, it has none.
    fn frame(&mut self, feed: Feed, body: EventBody) {
        if !self.is_heard(&body) {
            return;
        }
        match self.faults.on_frame(feed, self.now) {
            FrameFate::Comes => self.deliver(false, self.now, body),
            FrameFate::Twice => {
                self.deliver(false, self.now, body.clone());
                self.deliver(false, self.now, body);
            }
            FrameFate::LateAt(at) => self.deliver(true, at, body),
            FrameFate::Never => {}
        }
    }

    /// Whether a line is there on which it passes.
    pub(super) fn is_heard(&self, body: &EventBody) -> bool {
        self.line.is_up() && self.session.is_some() && !self.is_unheard(body)
    }

    pub(super) fn deliver(&mut self, late: bool, from: Time, body: EventBody) {
        if self.is_heard(&body) {
            let at = from.plus(self.heard_latency());
            self.line.frame(at, late, body);
        }
    }

    /// What a session learns at its start, the anchor last.
    pub(super) fn synchronised(&self) -> Vec<EventBody> {
        let fees = self.exchange.config().fees;
        let mut told = vec![
            up(Stream::Market),
            up(Stream::User),
            EventBody::Fees(Fees {
                maker: fees.maker.as_f64(),
                taker: fees.taker.as_f64(),
            }),
            EventBody::Candles(self.candles()),
            self.head_room_report(),
            self.rate_limit_report(),
            self.open_orders_report(),
        ];
        if let Some(saved) = self.saved {
            told.push(EventBody::Command(Command::Restore(saved)));
        }
        told.extend(self.money_report());
        told.push(EventBody::Command(Command::Anchor(self.account_report())));
        told.push(self.book_report());
        told
    }

    pub(super) fn candles(&self) -> Vec<Candle> {
        let minute = Dur(60 * SECOND);
        let Some(mark) = self.exchange.mark(ASSET) else {
            return Vec::new();
        };
        let mid = self.instrument.px_f64(mark);
        let first = Time(self.now.0 - CANDLES * minute.0);
        let rows = (0..CANDLES).map(|number| {
            let open = first.plus(Dur(number * minute.0));
            let away = if number % 2 == 0 { 1.0 } else { -1.0 };
            Candle {
                open,
                close: Time(open.0 + minute.0 - 1_000_000),
                close_px: mid * (1.0 + away * self.drawn.wobble),
            }
        });
        rows.collect()
    }

    /// The account as the exchange reports it now.
    pub(super) fn account_report(&self) -> AccountState {
        let view = self.exchange.account(USER);
        let view = view.expect("Invariant: our account is funded");
        AccountState {
            exch: self.exchange.now(),
            account_value: view.value,
            margin_used: view.margin_used,
            position: self.position(),
            position_value: view.notional,
            other_coins: OtherCoins::NONE,
            liquidation_px: view
                .positions
                .iter()
                .find(|held| held.asset == ASSET)
                .and_then(|held| held.liquidation_px),
        }
    }

    pub(super) fn head_room_report(&self) -> EventBody {
        let view = self.exchange.head_room(USER, ASSET);
        let view = view.expect("Invariant: our account is funded");
        EventBody::HeadRoom(HeadRoom {
            leverage: view.leverage,
            max_trade_szs: view.max_trade_szs,
        })
    }

    pub(super) fn rate_limit_report(&self) -> EventBody {
        let view = self.exchange.rate_limit(USER);
        let view = view.expect("Invariant: our account is funded");
        EventBody::RateLimit(RateLimit {
            used: view.used,
            cap: view.cap,
        })
    }

    /// All money that ever moved without a trade, as snapshots repeat it.
    pub(super) fn money_report(&self) -> Vec<EventBody> {
        let moved = self.exchange.money(USER);
        moved.filter_map(|m| told::money(m, ASSET)).collect()
    }

    fn bbo(&self) -> Option<EventBody> {
        let touch = self.exchange.touch(ASSET);
        (touch.bid.is_some() || touch.ask.is_some()).then(|| {
            EventBody::Bbo(Bbo {
                exch: self.exchange.now(),
                bid: touch.bid.map(level),
                ask: touch.ask.map(level),
            })
        })
    }

    /// Twenty levels a side.
    pub(super) fn book_report(&self) -> EventBody {
        let depth = self.exchange.depth(ASSET, 20);
        let levels = |side: &[DepthLevel]| side.iter().copied().map(level).collect();
        EventBody::Book(BookSnapshot {
            exch: self.exchange.now(),
            bids: levels(&depth.bids),
            asks: levels(&depth.asks),
        })
    }

    fn ctx(&self) -> Option<EventBody> {
        let mark_px = self.instrument.px_f64(self.exchange.mark(ASSET)?);
        let oracle = self.exchange.oracle(ASSET);
        let mid = self.exchange.touch(ASSET).mid();
        let (_, volume) = self.exchange.day_volume(ASSET);
        let interest = self.exchange.open_interest(ASSET);
        Some(EventBody::AssetCtx(AssetCtx {
            mark_px,
            oracle_px: oracle.map_or(mark_px, |px| self.instrument.px_f64(px)),
            mid_px: mid.map(|px| self.instrument.px_f64(px)),
            funding_rate_per_h: self
                .exchange
                .funding_rate(ASSET)
                .map_or(0.0, RateE10::as_fraction),
            premium: self.exchange.premium(ASSET).map(RateE10::as_fraction),
            open_interest: self.instrument.sz_f64(interest),
            day_notional_usd: volume.as_usd(),
        }))
    }
}

const fn up(stream: Stream) -> EventBody {
    EventBody::Stream(StreamStatus {
        stream,
        state: StreamState::Up,
    })
}

const fn level(level: DepthLevel) -> Level {
    Level {
        px: level.px,
        sz: level.sz,
    }
}
