//! The simulated exchange seen from one client: actions and questions go in after the order latency,
//! what comes back is heard after the acknowledgement latency, as core events.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::sync::Arc;

use mm_core::account::{Ledger, Pnl};
use mm_core::action::Action;
use mm_core::estimators::markout::Markouts;
use mm_core::event::{
    AccountState, Event, EventBody, Fees, Fills, HeadRoom, OpenOrders, OtherCoins, RateLimit,
    Reply, Stream, StreamState, StreamStatus,
};
use mm_core::instrument::Instrument;
use mm_core::recovery::ask::Ask;
use mm_core::units::{Dur, Px, SECOND, Sz, Time, Usd};
use mm_hl::address::Address;
use mm_hl::exchange_action;
use mm_hl::wire::{ExchangeAction, UpdateLeverage};

use super::{BacktestConfig, BacktestError, Evidence};
use crate::exchange::{
    self, GtcPartial, Output, Recording, Request, Rule, ScheduleGate, SimConfig, SimExchange,
    VenueRules,
};
use crate::frames::Tape;
use crate::recorded::{QueueBound, RecordedMarket};
use crate::told;

/// The one account of a backtest.
const USER: Address = Address([0xb7; 20]);
/// The recording holds one perp: it is asset 0.
const ASSET: u32 = 0;
/// Requests of the loop itself; action ids count from 1.
const SETUP: u64 = 0;
/// The account is reported at least this often, as the venue's streams do.
const REPORT_EVERY: Dur = Dur(10 * SECOND);

/// What our fills came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Traded {
    /// Fills by side, bid first.
    pub(super) fills: [u64; 2],
    /// Notional.
    pub(super) volume: Usd,
    /// Largest position held, as a magnitude.
    pub(super) max_abs: Sz,
}

/// One client's exchange.
pub(super) struct Venue {
    exchange: SimExchange,
    instrument: Instrument,
    order_latency: Dur,
    ack_latency: Dur,
    expires_after: Dur,
    fees: Fees,
    nonce: u64,
    /// Items of each action not yet answered, by its id.
    sent: BTreeMap<u64, usize>,
    /// Which nonce carried which action, JSON lines for the audit.
    sends: String,
    /// Questions on their way, in order of their arrival.
    asked: VecDeque<(Time, Ask)>,
    /// What we are going to hear, in order of time.
    inbox: VecDeque<Event>,
    outputs: Vec<Output>,
    next_report: Time,
    ledger: Ledger,
    markouts: Markouts,
    mark: Option<Px>,
    traded: Traded,
}

impl Venue {
    /// An exchange that plays `tape`, one block into it, with our account funded and its leverage set.
    pub(super) fn new(
        config: &BacktestConfig,
        tape: Arc<Tape>,
        bound: QueueBound,
    ) -> Result<Self, BacktestError> {
        let instrument = tape.instrument().clone();
        let sim = SimConfig {
            start: tape.start(),
            warmup: Dur(0),
            block: config.latency.block,
            fees: config.fees,
            gtc_partial: GtcPartial::Resting,
            schedule_gate: ScheduleGate::Volume,
            recording: Recording::On,
            // The fees of a backtest are those it was given, and its one perp is asset 0.
            rules: VenueRules {
                fee_tiers: Rule::Off,
                dexes: Rule::Off,
                ..VenueRules::VENUE
            },
        };
        let market = RecordedMarket::new(tape, bound, Dur(0));
        let mut exchange = SimExchange::new(sim, Box::new(market))?;
        exchange.deposit(USER, config.equity)?;
        exchange.has_traded(USER, config.traded_before);
        let mut venue = Self {
            instrument,
            order_latency: config.latency.order,
            ack_latency: config.latency.ack,
            expires_after: config.expires_after,
            fees: Fees {
                maker: config.fees.maker.as_f64(),
                taker: config.fees.taker.as_f64(),
            },
            nonce: 0,
            sent: BTreeMap::new(),
            sends: String::new(),
            asked: VecDeque::new(),
            inbox: VecDeque::new(),
            outputs: Vec::new(),
            next_report: exchange.now().plus(REPORT_EVERY),
            ledger: Ledger::anchored(flat(exchange.now(), config.equity)),
            markouts: Markouts::default(),
            mark: None,
            traded: Traded::default(),
            exchange,
        };
        let leverage = config.leverage.min(venue.instrument.max_leverage());
        let now = venue.exchange.now();
        let set = UpdateLeverage {
            asset: ASSET,
            is_cross: true,
            leverage,
        };
        venue.post(SETUP, ExchangeAction::UpdateLeverage(set), now, None);
        let nonce = venue.nonce;
        let _ = writeln!(
            venue.sends,
            "{{\"nonce\":{nonce},\"own\":\"updateLeverage\"}}"
        );
        venue.run_block();
        venue.inbox.clear();
        Ok(venue)
    }

    /// What a session learns at its start, the anchor last.
    pub(super) fn synchronised(&self) -> Vec<EventBody> {
        let up = |stream| {
            EventBody::Stream(StreamStatus {
                stream,
                state: StreamState::Up,
            })
        };
        vec![
            up(Stream::Market),
            up(Stream::User),
            EventBody::Fees(self.fees),
            self.head_room(),
            self.rate_limit(),
            EventBody::OpenOrders(OpenOrders { orders: Vec::new() }),
            EventBody::Account(self.account()),
            EventBody::Command(mm_core::event::Command::Anchor(self.account())),
        ]
    }

    /// Sends an action at `now`.
    pub(super) fn send(&mut self, action: &Action, now: Time) -> Result<(), BacktestError> {
        let items = told::items(&action.body);
        let wire = exchange_action(action, &self.instrument)?;
        self.sent.insert(action.id, items);
        self.post(
            action.id,
            wire,
            now.plus(self.order_latency),
            Some(now.plus(self.expires_after)),
        );
        let (nonce, id) = (self.nonce, action.id);
        let _ = writeln!(self.sends, "{{\"nonce\":{nonce},\"action\":{id}}}");
        Ok(())
    }

    fn post(&mut self, id: u64, action: ExchangeAction, arrive: Time, expires: Option<Time>) {
        let stamp = arrive.as_millis().unsigned_abs();
        self.nonce = stamp.max(self.nonce + 1);
        self.exchange.submit(Request {
            id,
            user: USER,
            signer: USER,
            nonce: self.nonce,
            expires_after: expires.map(|at| at.as_millis().unsigned_abs()),
            wall_ms: None,
            action,
            arrive,
            refusal: None,
        });
    }

    /// When we hear of something next.
    pub(super) fn next_heard(&self) -> Option<Time> {
        self.inbox.front().map(|event| event.recv)
    }

    /// The next thing we hear.
    pub(super) fn hear(&mut self) -> Option<Event> {
        self.inbox.pop_front()
    }

    /// Asks the exchange at `now`.
    pub(super) fn ask(&mut self, ask: Ask, now: Time) {
        self.asked.push_back((now.plus(self.order_latency), ask));
    }

    /// The exchange answers, as it stands after its last block, what arrives before the next one.
    fn answer(&mut self, block: Time) {
        while let Some((at, ask)) = self.asked.front().copied().filter(|(at, _)| *at < block) {
            self.asked.pop_front();
            // One that was asked before the exchange's first block is answered after it.
            let heard = at.max(self.exchange.now());
            let body = match ask {
                Ask::Money => {
                    let moved = self.exchange.money(USER);
                    let told: Vec<_> = moved.filter_map(|m| told::money(m, ASSET)).collect();
                    for body in told {
                        self.will_hear(heard, body);
                    }
                    continue;
                }
                Ask::Account => EventBody::Account(self.account()),
                Ask::HeadRoom => self.head_room(),
                Ask::RateLimit => self.rate_limit(),
                Ask::Candles => EventBody::Candles(told::minutes(&self.exchange, ASSET)),
                Ask::OpenInterestCap => {
                    EventBody::AtOpenInterestCap(self.exchange.is_at_oi_cap(ASSET))
                }
                Ask::OpenOrders => EventBody::OpenOrders(told::open_orders(&self.exchange, USER)),
                Ask::Fills => EventBody::Fills(told::past_fills(&self.exchange, USER, usize::MAX)),
                Ask::OrderStatus(cloid) => {
                    EventBody::OrderStatus(told::fate(&self.exchange, USER, cloid))
                }
            };
            self.will_hear(heard, body);
        }
    }

    /// Runs blocks up to `to`, but none after something that we hear before it.
    pub(super) fn run_until(&mut self, to: Time) {
        loop {
            let block = self.exchange.next_block();
            self.answer(block.min(to.plus(Dur(1))));
            if to < block || self.next_heard().is_some_and(|heard| heard < block) {
                return;
            }
            self.run_block();
        }
    }

    fn run_block(&mut self) {
        let block = self.exchange.next_block();
        let mut outputs = core::mem::take(&mut self.outputs);
        self.exchange.advance(block, &mut outputs);
        let mut changed = self.next_report <= block;
        for output in outputs.drain(..) {
            match output {
                Output::Reply(reply) => self.on_reply(reply),
                Output::Order(update) => self.on_order(&update),
                Output::Fill(fill) => self.on_fill(&fill),
                Output::Account(_) => changed = true,
                Output::Bbo(_) => self.on_bbo(block),
                Output::Money(moved) => self.on_money(&moved),
                Output::Trade(_) | Output::NonUserCancel(_) | Output::Liquidated(_) => {}
            }
        }
        self.outputs = outputs;
        if changed {
            self.report(block);
        }
    }

    /// Account and head-room as the venue's streams push them; a sign of life at the same time.
    fn report(&mut self, block: Time) {
        self.next_report = block.plus(REPORT_EVERY);
        let up = StreamStatus {
            stream: Stream::User,
            state: StreamState::Up,
        };
        self.will_hear(block, EventBody::Account(self.account()));
        self.will_hear(block, self.head_room());
        self.will_hear(block, EventBody::Stream(up));
    }

    fn on_bbo(&mut self, block: Time) {
        let Some(mark) = self.exchange.mark(ASSET) else {
            return;
        };
        if self.mark != Some(mark) {
            self.mark = Some(mark);
            self.ledger.mark(mark);
        }
        // Unchanged, it is known to hold still.
        self.markouts.on_mid(block, mark.as_f64());
    }

    fn on_reply(&mut self, reply: exchange::Reply) {
        let Some(items) = self.sent.remove(&reply.id) else {
            return;
        };
        let outcome = told::outcome(reply.response, items);
        self.will_hear(
            reply.time,
            EventBody::Reply(Reply {
                action: reply.id,
                outcome,
            }),
        );
    }

    fn on_order(&mut self, update: &exchange::OrderUpdate) {
        let update_for_core = told::update(update);
        let heard = update.time.plus(self.ack_latency);
        if let Some(Event {
            recv,
            body: EventBody::OrderUpdates(updates),
        }) = self.inbox.back_mut()
            && *recv == heard
        {
            updates.push(update_for_core);
            return;
        }
        self.will_hear(update.time, EventBody::OrderUpdates(vec![update_for_core]));
    }

    fn on_fill(&mut self, fill: &exchange::Fill) {
        let fill_for_core = told::fill(fill);
        self.ledger.post(&fill_for_core, fill.time);
        self.markouts
            .on_fill(fill.time, fill.side, fill.px, fill.sz);
        self.traded.fills[fill.side.index()] += 1;
        self.traded.volume += fill.px * fill.sz;
        self.traded.max_abs = self.traded.max_abs.max(self.ledger.position().abs());
        let heard = fill.time.plus(self.ack_latency);
        if let Some(Event {
            recv,
            body: EventBody::Fills(fills),
        }) = self.inbox.back_mut()
            && *recv == heard
            && !fills.snapshot
        {
            fills.fills.push(fill_for_core);
            return;
        }
        let fills = Fills {
            snapshot: false,
            others: Vec::new(),
            fills: vec![fill_for_core],
        };
        self.will_hear(fill.time, EventBody::Fills(fills));
    }

    fn on_money(&mut self, moved: &exchange::MoneyMove) {
        let Some(body) = told::money(moved, ASSET) else {
            return;
        };
        if let EventBody::Funding(payment) = body {
            self.ledger.fund(payment);
        }
        self.will_hear(moved.time, body);
    }

    fn will_hear(&mut self, happened: Time, body: EventBody) {
        let recv = happened.plus(self.ack_latency);
        self.inbox.push_back(Event { recv, body });
    }

    /// The account as the exchange reports it now.
    ///
    /// # Panics
    /// Never: the account is funded when the venue is made.
    pub(super) fn account(&self) -> AccountState {
        let view = self
            .exchange
            .account(USER)
            .expect("Invariant: our account is funded");
        AccountState {
            exch: self.exchange.now(),
            account_value: view.value,
            margin_used: view.margin_used,
            position: self.ledger_position(),
            position_value: view.notional,
            other_coins: OtherCoins::NONE,
            liquidation_px: view
                .positions
                .iter()
                .find(|held| held.asset == ASSET)
                .and_then(|held| held.liquidation_px),
        }
    }

    fn ledger_position(&self) -> Sz {
        self.exchange
            .position(USER, ASSET)
            .expect("Invariant: our account is funded")
    }

    fn head_room(&self) -> EventBody {
        let view = self
            .exchange
            .head_room(USER, ASSET)
            .expect("Invariant: our account is funded");
        EventBody::HeadRoom(HeadRoom {
            leverage: view.leverage,
            max_trade_szs: view.max_trade_szs,
        })
    }

    fn rate_limit(&self) -> EventBody {
        let RateLimit { used, cap } = self.budget();
        EventBody::RateLimit(RateLimit { used, cap })
    }

    /// Requests used and allowed.
    pub(super) fn budget(&self) -> RateLimit {
        let view = self
            .exchange
            .rate_limit(USER)
            .expect("Invariant: our account is funded");
        RateLimit {
            used: view.used,
            cap: view.cap,
        }
    }

    /// Exchange time.
    pub(super) const fn now(&self) -> Time {
        self.exchange.now()
    }

    /// Orders of ours that rest.
    pub(super) fn open_orders(&self) -> usize {
        self.exchange.open_orders(USER).count()
    }

    /// Whether nothing is on its way in either direction.
    pub(super) fn is_quiet(&self) -> bool {
        self.exchange.waiting() == 0 && self.sent.is_empty() && self.inbox.is_empty()
    }

    /// What our fills came to.
    pub(super) const fn traded(&self) -> Traded {
        self.traded
    }

    /// Profit and loss at the exchange's account value and mark of now.
    pub(super) fn pnl(&self) -> Pnl {
        self.ledger.pnl(&self.account())
    }

    /// Markouts up to now.
    pub(super) fn markouts(&self) -> Markouts {
        let mut markouts = self.markouts.clone();
        markouts.end(self.exchange.now());
        markouts
    }

    /// The exchange's report and the nonces of our actions, as JSON lines: what the audit joins.
    pub(super) fn evidence(&mut self) -> Result<Evidence, BacktestError> {
        let mut report = Vec::new();
        self.exchange.write_report(&mut report)?;
        Ok(Evidence {
            user: USER.to_string(),
            report,
            sends: core::mem::take(&mut self.sends).into_bytes(),
        })
    }
}

/// A flat account of this equity.
const fn flat(exch: Time, equity: Usd) -> AccountState {
    AccountState {
        exch,
        account_value: equity,
        margin_used: Usd::ZERO,
        position: Sz::ZERO,
        position_value: Usd::ZERO,
        other_coins: OtherCoins::NONE,
        liquidation_px: None,
    }
}
