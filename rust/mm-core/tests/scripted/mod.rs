//! An exchange of one account that answers at once, unless the test says what it does wrong.

use std::collections::{BTreeMap, VecDeque};

use mm_core::account::Entry;
use mm_core::action::{Action, ActionBody, Cancel, NewOrder, Tif};
use mm_core::control::Alarm;
use mm_core::engine::{Engine, EngineConfig, RecoveryShown};
use mm_core::event::{
    AccountState, BookSnapshot, Candle, Command, Event, EventBody, Fees, Fill, FillKind, Fills,
    HeadRoom, ItemStatus, Level, OtherCoins, RateLimit, Rejection, RejectionClass, Reply,
    ReplyOutcome, Stream, StreamState, StreamStatus, Trade,
};
use mm_core::instrument::Instrument;
use mm_core::recovery::ask::Ask;
use mm_core::units::{Dur, Px, SECOND, Side, Sz, Time, Usd};

pub(crate) const START: i64 = 1_700_000_000 * SECOND;

/// The defaults, with kill switches out of the way of long stories.
pub(crate) fn config() -> EngineConfig {
    serde_json::from_str(
        r#"{
        "session": 7, "cloid_start": 0, "action_life_s": 10,
        "limits": {"risk_fraction": 0.03, "num_sigmas": 3, "risk_horizon_s": 3600, "sigma_prior": 3e-4,
            "sigma_floor_frac": 0.5, "confidence_n0": 30, "leverage_cap": 5, "initial_margin_frac": 0.8,
            "gap_move_frac": null, "gap_loss_frac": 0.5, "liquidity_frac": 0.05, "position_cap_usd": null,
            "position_cap_coin": null, "equity_share_frac": null, "warmup_max_position_usd": 500, "warmup_max_position_coin": null,
            "limit_use_frac": 0.98, "reduce_only_leave_frac": 0.9, "daily_loss_frac": 0.05,
            "drawdown_frac": 0.08, "limit_rise_frac_per_min": 0.1},
        "quoting": {"strategy": "ladder", "target_liquidity_frac": 0.2, "levels": 5, "depths_bps": null,
            "min_level_usd": 12, "min_edge_bps": 0.5, "arrival_per_s": 0.1, "kappa_per_bps": 0.7,
            "adverse_selection_bps": 0.5, "half_spread_bps": 10, "half_spread_max_bps": 100.0, "risk_aversion": 1.0,
            "horizon_s": 300, "inventory_skew_bps": 10, "max_bps_diff": null, "size_tolerance_frac": 0.1, "sweep_guard": true},
        "models": {"fair_price": "mid", "intensity": "assumed", "intensity_half_life_s": 1200,
            "adverse_selection": "assumed", "adverse_half_life_s": 3600, "shrink_n0": 100,
            "gamma_at": "present", "no_edge": "quote", "queue": false, "regime": false, "lively_size_frac": 0.7, "wild_size_frac": 0.4, "calm_refresh_ratio": 0.7,
            "lively_refresh_ratio": 1.3, "wild_refresh_ratio": 2,
            "funding": false, "funding_max_bps": 5, "funding_reserve_s": 600,
            "reference": "off", "lead": false, "ofi": false, "shift_half_life_s": 1800, "basis_half_life_s": 2,
            "reference_stale_s": 5},
        "freshness": {"market_degraded_s": 5, "market_gone_s": 15, "account_degraded_s": 30,
            "account_gone_s": 120, "head_room_degraded_s": 60, "head_room_gone_s": 300,
            "sigma_degraded_s": 120, "sigma_gone_s": 600, "own_stream_degraded_s": 60, "own_stream_gone_s": 120},
        "control": {"observe_book_s": 1, "observe_deadline_s": 2, "quote_min_s": 1, "widen_jump_sigmas": 5,
            "widen_window_s": 5, "widen_term_bps": 5, "widen_sum_bps": 20, "widen_dwell_s": 30, "toxic_jump_sigmas": null,
            "toxic_flow_sigmas": null, "toxic_off_s": 5, "burst_fills": 1000,
            "burst_window_s": 2, "burst_off_s": 60, "burst_step_s": 30, "ramp": false, "kill_runaway_ratio": 1000,
            "kill_stale_s": 30000, "kill_rejections": 10000, "kill_rejections_s": 60,
            "kill_unexplained_s": 30000, "on_kill": "flatten", "on_exit": "hold",
            "kill_deadline_s": 120, "exit_deadline_s": 60},
        "recovery": {"stuck_s": 30, "chase_s": 60, "passive_s": 300, "passive_ratio_max": 1.5,
            "liquidation_sigma_hours": 3, "ioc_slippage_bps": 5, "ioc_slippage_spreads": 3,
            "ioc_slippage_sigmas": 3, "ioc_horizon_s": 5, "ioc_slippage_max_bps": 50,
            "ioc_limit_frac": 0.1, "ioc_min_usd": 12, "ioc_attempts": 3, "ioc_apart_s": 5,
            "ioc_rounds": 3, "ioc_cooldown_s": 30, "post_only_s": 60, "reject_strikes": 3,
            "reject_backoff_s": 5, "reject_backoff_max_s": 120, "reconcile_s": 10,
            "reconcile_grace_s": 3, "sweep_s": 60, "sweep_grace_s": 5},
        "protection": {"resident_stop": false, "resident_stop_tolerance_frac": 0.1},
        "requests": {"reserve": 500, "plan_days": 3, "burst_frac": 0.1, "price_max_usd": 5e-4, "ask_s": 60,
            "watchdog_weight_per_min": 300}
    }"#,
    )
    .unwrap()
}

/// Engine, exchange and clock.
pub(crate) struct Scripted {
    pub(crate) engine: Engine,
    pub(crate) now: Time,
    /// The exchange's truth.
    pub(crate) position: Sz,
    pub(crate) cash: i64,
    pub(crate) mid: i64,
    pub(crate) resting: BTreeMap<u64, NewOrder>,
    /// Size shown at each side of the touch, lots.
    pub(crate) shown: i64,
    /// What the account reports say beside the truth.
    pub(crate) misreported: i64,
    /// Refuses orders for which it gives a class.
    pub(crate) refuses: fn(&NewOrder) -> Option<RejectionClass>,
    /// Refuses that many more orders, for their margin.
    pub(crate) refuse_next: u32,
    /// Refuses cancels with this class.
    pub(crate) refuses_cancels: Option<RejectionClass>,
    /// Immediate orders find nothing.
    pub(crate) dry: bool,
    /// Answers nothing.
    pub(crate) silent: bool,
    /// Says no more what may be traded.
    pub(crate) keeps_head_room: bool,
    /// Every action received, with when.
    pub(crate) received: Vec<(Time, Action)>,
    pub(crate) alarms: Vec<Alarm>,
    pub(crate) entries: Vec<Entry>,
    /// Every question, with when.
    pub(crate) asks: Vec<(Time, Ask)>,
    ids: u64,
}

impl Scripted {
    /// Before its first event, holding `position` lots.
    pub(crate) fn new(config: EngineConfig, position: i64) -> Self {
        let btc = Instrument::new("BTC", 0, 5, 40).unwrap();
        let mid = 1_000_005;
        Self {
            engine: Engine::new(config, btc).unwrap(),
            now: Time(START),
            position: Sz(position),
            cash: 10_000_000_000 - position * mid,
            mid,
            resting: BTreeMap::new(),
            shown: 50_000,
            misreported: 0,
            refuses: |_| None,
            refuse_next: 0,
            refuses_cancels: None,
            dry: false,
            silent: false,
            keeps_head_room: false,
            received: Vec::new(),
            alarms: Vec::new(),
            entries: Vec::new(),
            asks: Vec::new(),
            ids: 100,
        }
    }

    /// Quoting, with this position from before.
    pub(crate) fn quoting(position: i64) -> Self {
        let mut scripted = Self::new(config(), position);
        scripted.open();
        scripted.seconds(5);
        scripted
    }

    /// Everything that a session tells before the anchor, the anchor, and a first book.
    pub(crate) fn open(&mut self) {
        self.stream(Stream::Market, StreamState::Up);
        self.stream(Stream::User, StreamState::Up);
        let candles = (0..60).map(|minute: i64| {
            let open = Time(START - (60 - minute) * 60 * SECOND);
            let close_px = 100_000.0 + if minute % 2 == 0 { 0.0 } else { 50.0 };
            Candle {
                open,
                close: open.plus(Dur(60 * SECOND)),
                close_px,
            }
        });
        self.tell(EventBody::Candles(candles.collect()));
        self.tell(EventBody::RateLimit(RateLimit {
            used: 0,
            cap: 10_000_000,
        }));
        self.tell(EventBody::Fees(Fees {
            maker: 0.000_15,
            taker: 0.000_45,
        }));
        self.head_room();
        self.tell(EventBody::Command(Command::Anchor(self.report())));
        self.book();
    }

    pub(crate) fn head_room(&mut self) {
        self.tell(EventBody::HeadRoom(HeadRoom {
            leverage: 20,
            max_trade_szs: Some([Sz(200_000); 2]),
        }));
    }

    pub(crate) fn stream(&mut self, stream: Stream, state: StreamState) {
        self.tell(EventBody::Stream(StreamStatus { stream, state }));
    }

    pub(crate) fn report(&self) -> AccountState {
        let position = self.position + Sz(self.misreported);
        let value = position.abs().0 * self.mid;
        AccountState {
            exch: self.now,
            account_value: Usd(self.cash + self.position.0 * self.mid),
            margin_used: Usd(value / 20),
            position,
            position_value: Usd(value),
            other_coins: OtherCoins::NONE,
            liquidation_px: None,
        }
    }

    pub(crate) fn touch_px(&self, side: Side) -> Px {
        Px(self.mid - 5 * side.sign())
    }

    pub(crate) fn book(&mut self) {
        let level = |side| Level {
            px: self.touch_px(side),
            sz: Sz(self.shown),
        };
        let (bids, asks) = (vec![level(Side::Bid)], vec![level(Side::Ask)]);
        self.tell(EventBody::Book(BookSnapshot {
            exch: self.now,
            bids,
            asks,
        }));
    }

    /// Seconds pass; each brings a book, a report and a sign of life.
    pub(crate) fn seconds(&mut self, seconds: usize) {
        for _ in 0..seconds {
            self.now = self.now.plus(Dur(SECOND));
            self.book();
            self.ids += 1;
            self.tell(EventBody::Trades(vec![Trade {
                exch: self.now,
                tid: self.ids,
                side: Side::Bid,
                px: self.touch_px(Side::Ask),
                sz: Sz(50_000),
            }]));
            self.tell(EventBody::Account(self.report()));
            if !self.keeps_head_room {
                self.head_room();
            }
            self.stream(Stream::User, StreamState::Up);
            self.tell(EventBody::Timer);
        }
    }

    /// Steps the engine and answers what it sends, until it sends nothing more.
    pub(crate) fn tell(&mut self, body: EventBody) {
        let mut news = VecDeque::from([body]);
        while let Some(body) = news.pop_front() {
            let mut actions = Vec::new();
            let recv = self.now;
            self.engine.step(&Event { recv, body }, &mut actions);
            self.alarms.extend_from_slice(self.engine.alarms());
            self.entries.extend_from_slice(self.engine.entries());
            let asks = self.engine.asks().iter().map(|ask| (recv, *ask));
            self.asks.extend(asks);
            for action in actions {
                self.check(&action);
                self.received.push((recv, action.clone()));
                assert!(self.received.len() < 1_500, "endless: {action:?}");
                if !self.silent {
                    let outcome = ReplyOutcome::Statuses(self.carry_out(&action, &mut news));
                    let action = action.id;
                    news.push_back(EventBody::Reply(Reply { action, outcome }));
                }
            }
        }
    }

    /// Never post-only and immediate in one; immediate ones reduce the exchange's position, flagged.
    fn check(&self, action: &Action) {
        let ActionBody::Place(orders) = &action.body else {
            return;
        };
        let immediate = orders.iter().filter(|o| o.tif == Tif::Ioc).count();
        assert!(immediate == 0 || immediate == orders.len(), "{action:?}");
        for order in orders.iter().filter(|order| order.tif == Tif::Ioc) {
            assert!(order.reduce_only, "{order:?}");
            assert!(order.side.signed(self.position) < Sz::ZERO, "{order:?}");
        }
    }

    fn carry_out(&mut self, action: &Action, news: &mut VecDeque<EventBody>) -> Vec<ItemStatus> {
        match &action.body {
            ActionBody::Place(orders) => orders.iter().map(|o| self.place(o, news)).collect(),
            ActionBody::Modify(amends) => amends
                .iter()
                .map(|amend| match self.resting.remove(&amend.oid) {
                    Some(_) => of_new_leg(self.place(&amend.order, news)),
                    None => refusal(RejectionClass::Gone),
                })
                .collect(),
            ActionBody::Cancel(cancels) => cancels.iter().map(|c| self.cancel(c)).collect(),
        }
    }

    fn cancel(&mut self, cancel: &Cancel) -> ItemStatus {
        if let Some(class) = self.refuses_cancels {
            return refusal(class);
        }
        let found = self.resting.iter().find(|(_, o)| o.cloid == cancel.cloid);
        match found.map(|(oid, _)| *oid) {
            Some(oid) => {
                self.resting.remove(&oid);
                ItemStatus::Success
            }
            None => refusal(RejectionClass::Gone),
        }
    }

    fn place(&mut self, order: &NewOrder, news: &mut VecDeque<EventBody>) -> ItemStatus {
        if let Some(class) = (self.refuses)(order) {
            return refusal(class);
        }
        if self.refuse_next > 0 {
            self.refuse_next -= 1;
            return refusal(RejectionClass::Margin);
        }
        let reducible = (-order.side.signed(self.position)).max(Sz::ZERO);
        if order.reduce_only && reducible == Sz::ZERO {
            return refusal(RejectionClass::ReduceOnly);
        }
        self.ids += 1;
        let oid = self.ids;
        if order.tif == Tif::Alo {
            self.resting.insert(oid, *order);
            return ItemStatus::Resting(oid);
        }
        if self.dry {
            return refusal(RejectionClass::NoMatch);
        }
        let px = self.touch_px(order.side.opposite());
        assert!(order.side.at_or_better(order.px, px), "{order:?} at {px}");
        let sz = order.sz.min(reducible);
        news.push_back(self.execute(oid, Some(order), order.side, px, sz));
        ItemStatus::Filled { oid, sz }
    }

    fn execute(
        &mut self,
        oid: u64,
        order: Option<&NewOrder>,
        side: Side,
        px: Px,
        sz: Sz,
    ) -> EventBody {
        self.ids += 1;
        let fill = Fill {
            exch: self.now,
            tid: self.ids,
            oid,
            cloid: order.map(|order| order.cloid),
            side,
            px,
            sz,
            start_position: self.position,
            fee: Usd::ZERO,
            taker: true,
            kind: FillKind::default(),
        };
        self.position += side.signed(sz);
        self.cash -= side.signed(sz).0 * px.0;
        EventBody::Fills(Fills {
            snapshot: false,
            others: Vec::new(),
            fills: vec![fill],
        })
    }

    /// `sz` of our best order on `side` fills.
    pub(crate) fn fill(&mut self, side: Side, sz: i64) {
        let mine = self.resting.iter().filter(|(_, o)| o.side == side);
        let best = mine.max_by_key(|(_, o)| side.sign() * o.px.0).unwrap();
        let (oid, order) = (*best.0, *best.1);
        let sz = Sz(sz).min(order.sz);
        let fill = self.execute(oid, Some(&order), side, order.px, sz);
        if sz == order.sz {
            self.resting.remove(&oid);
        } else if let Some(left) = self.resting.get_mut(&oid) {
            left.sz -= sz;
        }
        self.tell(fill);
    }

    /// Somebody trades with this account by hand; told now, or never.
    pub(crate) fn stranger(&mut self, side: Side, sz: i64, told: bool) -> EventBody {
        let px = self.touch_px(side);
        let fill = self.execute(1, None, side, px, Sz(sz));
        if told {
            self.tell(fill.clone());
        }
        fill
    }

    pub(crate) fn recovery(&self) -> RecoveryShown {
        self.engine.snapshot().recovery
    }

    /// Name of the recovery's state.
    pub(crate) fn state(&self) -> String {
        let shown = serde_json::to_value(self.recovery().recovery).unwrap();
        shown["state"].as_str().unwrap().to_owned()
    }

    /// The limit of the side held, lots.
    pub(crate) fn limit(&self) -> i64 {
        self.engine.limits().unwrap().for_position(self.position).0
    }

    /// Orders of a side that rest.
    pub(crate) fn rests(&self, side: Side) -> Vec<NewOrder> {
        let of_side = self.resting.values().filter(|o| o.side == side);
        of_side.copied().collect()
    }

    /// Immediate orders received so far, with when.
    pub(crate) fn immediate(&self) -> Vec<(Time, NewOrder)> {
        let placed = self.received.iter().flat_map(|(at, action)| {
            let orders = match &action.body {
                ActionBody::Place(orders) => orders.clone(),
                _ => Vec::new(),
            };
            orders.into_iter().map(|order| (*at, order))
        });
        placed.filter(|(_, order)| order.tif == Tif::Ioc).collect()
    }

    /// Whole seconds since the start.
    pub(crate) fn second(at: Time) -> i64 {
        at.since(Time(START)).0 / SECOND
    }

    /// Seconds until the recovery is in this state, at most `most`.
    pub(crate) fn until(&mut self, state: &str, most: usize) -> usize {
        for second in 0..=most {
            if self.state() == state {
                return second;
            }
            self.seconds(1);
        }
        panic!("not {state} within {most} s: {:?}", self.recovery());
    }
}

/// The answer to an amend whose old order is cancelled, in the venue's words.
fn of_new_leg(status: ItemStatus) -> ItemStatus {
    match status {
        ItemStatus::Error(Rejection { class, text }) => ItemStatus::Error(Rejection {
            class,
            text: format!("Error placing new order during modify: {text}"),
        }),
        placed => placed,
    }
}

pub(crate) fn refusal(class: RejectionClass) -> ItemStatus {
    let text = "words".to_owned();
    ItemStatus::Error(Rejection { class, text })
}
