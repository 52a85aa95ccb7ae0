//! An exchange of one account that answers at once: what it receives is what the tests assert on.

use std::collections::{BTreeMap, VecDeque};

use mm_core::action::{Action, ActionBody, NewOrder, Tif};
use mm_core::control::{Alarm, Mode, ModeReason};
use mm_core::engine::{Engine, EngineConfig, Snapshot};
use mm_core::event::{
    AccountState, AssetCtx, Bbo, BookSnapshot, Candle, Command, Event, EventBody, Fees, Fill,
    FillKind, Fills, HeadRoom, ItemStatus, Level, OrderStatus, OrderUpdate, OtherCoins, RateLimit,
    Rejection, RejectionClass, Reply, ReplyOutcome, Stream, StreamState, StreamStatus, Trade,
};
use mm_core::instrument::Instrument;
use mm_core::recovery::ask::Ask;
use mm_core::units::{Dur, Px, SECOND, Side, Sz, Time, Usd};

pub(crate) const START: i64 = 1_700_000_000 * SECOND;

pub(crate) fn config(control: &str) -> EngineConfig {
    let text = r#"{
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
        "control": {"observe_book_s": 10, "observe_deadline_s": 120, "quote_min_s": 60, "widen_jump_sigmas": 5,
            "widen_window_s": 5, "widen_term_bps": 5, "widen_sum_bps": 20, "widen_dwell_s": 30, "toxic_jump_sigmas": null,
            "toxic_flow_sigmas": null, "toxic_off_s": 5, "burst_fills": 4,
            "burst_window_s": 2, "burst_off_s": 60, "burst_step_s": 30, "ramp": false, "kill_runaway_ratio": 2,
            "kill_stale_s": 300, "kill_rejections": 10, "kill_rejections_s": 60, "kill_unexplained_s": 30,
            "on_kill": "flatten", "on_exit": "hold",
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
    }"#;
    let mut json: serde_json::Value = serde_json::from_str(text).unwrap();
    let given: serde_json::Value = serde_json::from_str(control).unwrap();
    for (key, value) in given.as_object().unwrap() {
        json["control"][key] = value.clone();
    }
    serde_json::from_value(json).unwrap()
}

/// Engine, exchange and clock.
#[expect(
    clippy::struct_excessive_bools,
    reason = "what flows and what does not, each on its own"
)]
pub(crate) struct Desk {
    pub(crate) engine: Engine,
    pub(crate) now: Time,
    pub(crate) position: Sz,
    pub(crate) cash: i64,
    pub(crate) mid: i64,
    pub(crate) resting: BTreeMap<u64, NewOrder>,
    /// Every action received, with when.
    pub(crate) received: Vec<(Time, Action)>,
    pub(crate) alarms: Vec<Alarm>,
    /// What is sent each second: market data, account reports, signs of life of our stream.
    pub(crate) market: bool,
    pub(crate) account: bool,
    pub(crate) user: bool,
    /// Rate of funding in the market's context; `None`: no context is told.
    pub(crate) rate_per_h: Option<f64>,
    /// Every new order that is not flagged reduce-only is refused so.
    pub(crate) refuses: Option<RejectionClass>,
    /// Whether it refuses those that reduce in the same way.
    pub(crate) refuses_reducing: bool,
    /// Immediate orders find nothing.
    pub(crate) dry: bool,
    /// The venue takes post-only orders alone.
    pub(crate) post_only: bool,
    /// Half of the spread, and lots of each side of the touch.
    pub(crate) half: i64,
    pub(crate) depth: i64,
    /// Side of those who trade with the touch.
    pub(crate) taker: Side,
    /// Closes of the minutes before the start are this far apart, USDC.
    pub(crate) wobble: f64,
    /// What the venue allows: leverage, and the largest further trade as `[buy, sell]`.
    pub(crate) room: HeadRoom,
    /// What the account says of its margin and its liquidation; `None`: what follows from the position.
    pub(crate) margin_used: Option<Usd>,
    pub(crate) liquidation_px: Option<Px>,
    /// Orders that have not arrived: neither carried out nor answered.
    pub(crate) late: Option<Vec<Action>>,
    /// What the venue has counted: it refuses as it says, and answers who asks.
    pub(crate) budget: Budget,
    /// What is told of every step.
    pub(crate) witness: Option<Witness>,
    ids: u64,
}

/// Looks at the engine after a step, with what the step sent.
pub(crate) type Witness = Box<dyn FnMut(&Engine, &[Action])>;

/// The requests of the address, as the venue counts them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    pub(crate) used: i64,
    pub(crate) cap: i64,
    /// When it last admitted an action that was over the budget.
    pub(crate) admitted: Option<Time>,
    /// Actions refused.
    pub(crate) refused: u64,
    /// Whether nobody who asks is answered.
    pub(crate) silent: bool,
}

impl Budget {
    /// Counts an action, or refuses it.
    fn admits(&mut self, items: usize, is_cancel: bool, now: Time) -> bool {
        let items = i64::try_from(items).unwrap();
        let bound = if is_cancel { 2 * self.cap } else { self.cap };
        if self.used + items > bound {
            let ago = self.admitted.map(|at| now.since(at));
            if ago.is_some_and(|ago| ago < Dur(10 * SECOND)) {
                self.refused += 1;
                return false;
            }
            self.admitted = Some(now);
        }
        self.used += items;
        true
    }
}

impl Desk {
    /// Before its first event, holding `position` lots.
    pub(crate) fn new(control: &str, position: i64) -> Self {
        Self::with(config(control), position)
    }

    /// The same with a configuration of its own.
    pub(crate) fn with(config: EngineConfig, position: i64) -> Self {
        let btc = Instrument::new("BTC", 0, 5, 40).unwrap();
        let mid = 1_000_005;
        Self {
            engine: Engine::new(config, btc).unwrap(),
            now: Time(START),
            position: Sz(position),
            cash: 10_000_000_000 - position * mid,
            mid,
            resting: BTreeMap::new(),
            received: Vec::new(),
            alarms: Vec::new(),
            market: true,
            account: true,
            user: true,
            rate_per_h: Some(0.0),
            refuses: None,
            refuses_reducing: false,
            dry: false,
            post_only: false,
            half: 5,
            depth: 50_000,
            taker: Side::Bid,
            wobble: 50.0,
            room: HeadRoom {
                leverage: 20,
                max_trade_szs: Some([Sz(200_000); 2]),
            },
            margin_used: None,
            liquidation_px: None,
            late: None,
            budget: Budget {
                used: 0,
                cap: 10_000_000,
                admitted: None,
                refused: 0,
                silent: false,
            },
            witness: None,
            ids: 100,
        }
    }

    /// In phase `Normal`, quoting both sides.
    pub(crate) fn quoting(control: &str) -> Self {
        let mut desk = Self::new(control, 0);
        desk.open();
        desk.seconds(80);
        assert_eq!(desk.mode(), (Mode::Normal, None));
        assert!(desk.lots(Side::Bid) > Sz::ZERO && desk.lots(Side::Ask) > Sz::ZERO);
        desk
    }

    /// Everything that a session tells before the anchor, the anchor, and a first book.
    pub(crate) fn open(&mut self) {
        self.prepare();
        self.tell(EventBody::Fees(Fees {
            maker: 0.000_15,
            taker: 0.000_45,
        }));
        self.head_room();
        self.anchor();
    }

    /// Streams and candles: what comes before fees and head-room.
    pub(crate) fn prepare(&mut self) {
        self.stream(Stream::Market, StreamState::Up);
        self.stream(Stream::User, StreamState::Up);
        let candles = (0..60).map(|minute: i64| {
            let open = Time(START - (60 - minute) * 60 * SECOND);
            Candle {
                open,
                close: open.plus(Dur(60 * SECOND)),
                close_px: if minute % 2 == 0 {
                    100_000.0
                } else {
                    100_000.0 + self.wobble
                },
            }
        });
        self.tell(EventBody::Candles(candles.collect()));
    }

    pub(crate) fn anchor(&mut self) {
        if !self.budget.silent {
            self.tell(self.counted());
        }
        self.tell(EventBody::Command(Command::Anchor(self.report())));
        let (bid, ask) = self.touch();
        self.tell(EventBody::Book(BookSnapshot {
            exch: self.now,
            bids: vec![bid],
            asks: vec![ask],
        }));
    }

    /// What the venue says of the budget.
    pub(crate) fn counted(&self) -> EventBody {
        let Budget { used, cap, .. } = self.budget;
        EventBody::RateLimit(RateLimit { used, cap })
    }

    pub(crate) fn head_room(&mut self) {
        self.tell(EventBody::HeadRoom(self.room));
    }

    pub(crate) fn stream(&mut self, stream: Stream, state: StreamState) {
        self.tell(EventBody::Stream(StreamStatus { stream, state }));
    }

    pub(crate) fn report(&self) -> AccountState {
        let value = self.position.abs().0 * self.mid;
        AccountState {
            exch: self.now,
            account_value: Usd(self.cash + self.position.0 * self.mid),
            margin_used: self.margin_used.unwrap_or(Usd(value / 20)),
            position: self.position,
            position_value: Usd(value),
            other_coins: OtherCoins::NONE,
            liquidation_px: self.liquidation_px,
        }
    }

    fn touch(&self) -> (Level, Level) {
        let level = |px| Level {
            px: Px(px),
            sz: Sz(self.depth),
        };
        (level(self.mid - self.half), level(self.mid + self.half))
    }

    /// Seconds pass; each brings what flows.
    pub(crate) fn seconds(&mut self, seconds: usize) {
        for _ in 0..seconds {
            self.pass(Dur(SECOND));
        }
    }

    /// Some time passes, and brings what flows.
    pub(crate) fn pass(&mut self, dur: Dur) {
        self.now = self.now.plus(dur);
        if self.market {
            self.quote_market();
        }
        if self.account {
            self.tell(EventBody::Account(self.report()));
            self.head_room();
        }
        if self.user {
            self.stream(Stream::User, StreamState::Up);
        }
        self.tell(EventBody::Timer);
    }

    /// The market at the present mid.
    pub(crate) fn quote_market(&mut self) {
        let (bid, ask) = self.touch();
        self.tell(EventBody::Bbo(Bbo {
            exch: self.now,
            bid: Some(bid),
            ask: Some(ask),
        }));
        self.ids += 1;
        self.tell(EventBody::Trades(vec![Trade {
            exch: self.now,
            tid: self.ids,
            side: self.taker,
            px: match self.taker {
                Side::Bid => ask.px,
                Side::Ask => bid.px,
            },
            sz: Sz(5_000),
        }]));
        let Some(funding_rate_per_h) = self.rate_per_h else {
            return;
        };
        self.tell(EventBody::AssetCtx(AssetCtx {
            mark_px: 100_000.0,
            oracle_px: 100_000.0,
            mid_px: None,
            funding_rate_per_h,
            premium: None,
            open_interest: 1e4,
            day_notional_usd: 1e9,
        }));
    }

    /// Steps the engine and answers what it sends, until it sends nothing more.
    pub(crate) fn tell(&mut self, body: EventBody) {
        let mut news = VecDeque::from([body]);
        while let Some(body) = news.pop_front() {
            let mut actions = Vec::new();
            let event = Event {
                recv: self.now,
                body,
            };
            self.engine.step(&event, &mut actions);
            self.alarms.extend_from_slice(self.engine.alarms());
            if let Some(witness) = &mut self.witness {
                witness(&self.engine, &actions);
            }
            let asked = self.engine.asks().contains(&Ask::RateLimit);
            if asked && !self.budget.silent {
                news.push_back(self.counted());
            }
            for action in actions {
                let kinds = tifs(&action);
                assert!(
                    kinds.len() < 2,
                    "post-only and immediate in one: {action:?}"
                );
                let places = !matches!(action.body, ActionBody::Cancel(_));
                if let Some(late) = self.late.as_mut().filter(|_| places) {
                    late.push(action.clone());
                    self.received.push((self.now, action));
                    continue;
                }
                if !self.admits(&action) {
                    news.push_back(over_budget(action.id));
                    continue;
                }
                let statuses = self.carry_out(&action, &mut news);
                news.push_back(EventBody::Reply(Reply {
                    action: action.id,
                    outcome: ReplyOutcome::Statuses(statuses),
                }));
                self.received.push((self.now, action));
                assert!(
                    self.received.len() < 5_000,
                    "endless: {:?}",
                    &self.received[4_990..]
                );
            }
        }
        self.check_sides();
    }

    /// What was late arrives, is carried out and answered; so is what the answers bring.
    pub(crate) fn arrive(&mut self) {
        while let Some(late) = self.late.as_mut().filter(|late| !late.is_empty()) {
            let action = late.remove(0);
            let mut news = VecDeque::new();
            let statuses = self.carry_out(&action, &mut news);
            self.tell(EventBody::Reply(Reply {
                action: action.id,
                outcome: ReplyOutcome::Statuses(statuses),
            }));
            for body in news {
                self.tell(body);
            }
        }
        self.late = None;
        self.check_sides();
    }

    /// A side has no order exactly when there is a reason, and no order rests that the mode forbids.
    fn check_sides(&self) {
        if self.late.is_some() {
            return;
        }
        let shown = self.snapshot();
        for side in Side::BOTH {
            let reason = shown.suppressed.of(side);
            let rests = self.lots(side) > Sz::ZERO;
            assert_eq!(
                rests,
                reason.is_none(),
                "{side:?} {reason:?} {:?}",
                shown.mode
            );
        }
        let chases = shown.mode == Mode::Flatten && shown.close_wait.is_some();
        if shown.mode >= Mode::Flatten && !chases {
            assert!(self.resting.is_empty(), "{:?}", self.resting);
        }
        if shown.mode == Mode::ReduceOnly || chases {
            let increasing = |o: &NewOrder| o.side.signed(shown.position) >= Sz::ZERO;
            assert!(!self.resting.values().any(increasing), "{:?}", self.resting);
        }
    }

    fn admits(&mut self, action: &Action) -> bool {
        let (items, is_cancel) = match &action.body {
            ActionBody::Place(orders) => (orders.len(), false),
            ActionBody::Modify(amends) => (amends.len(), false),
            ActionBody::Cancel(cancels) => (cancels.len(), true),
        };
        self.budget.admits(items, is_cancel, self.now)
    }

    fn carry_out(&mut self, action: &Action, news: &mut VecDeque<EventBody>) -> Vec<ItemStatus> {
        match &action.body {
            ActionBody::Place(orders) => {
                orders.iter().map(|order| self.place(order, news)).collect()
            }
            ActionBody::Modify(amends) => amends
                .iter()
                .map(|amend| match self.remove(amend.oid, news) {
                    ItemStatus::Success => of_new_leg(self.place(&amend.order, news)),
                    other => other,
                })
                .collect(),
            ActionBody::Cancel(cancels) => cancels
                .iter()
                .map(|cancel| {
                    let found = self.resting.iter().find(|(_, o)| o.cloid == cancel.cloid);
                    let oid = found.map_or(0, |(oid, _)| *oid);
                    self.remove(oid, news)
                })
                .collect(),
        }
    }

    fn place(&mut self, order: &NewOrder, news: &mut VecDeque<EventBody>) -> ItemStatus {
        if let Some(class) = self
            .refuses
            .filter(|_| self.refuses_reducing || !order.reduce_only)
        {
            return refusal(class);
        }
        let increases = order.side.signed(self.position) >= Sz::ZERO;
        if order.reduce_only && increases {
            return refusal(RejectionClass::ReduceOnly);
        }
        self.ids += 1;
        let oid = self.ids;
        if order.tif == Tif::Alo {
            self.resting.insert(oid, *order);
            return ItemStatus::Resting(oid);
        }
        assert!(order.reduce_only, "{order:?}");
        if self.post_only {
            return refusal(RejectionClass::PostOnlyPeriod);
        }
        let px = self.touch_px(order.side.opposite());
        if self.dry || !order.side.at_or_better(order.px, px) {
            return refusal(RejectionClass::NoMatch);
        }
        let sz = order.sz.min(self.position.abs());
        news.push_back(self.execute(oid, Some(order), order.side, px, sz));
        ItemStatus::Filled { oid, sz }
    }

    fn touch_px(&self, side: Side) -> Px {
        let (bid, ask) = self.touch();
        if side == Side::Bid { bid.px } else { ask.px }
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
        let start_position = self.position;
        self.position += side.signed(sz);
        self.cash -= side.signed(sz).0 * px.0;
        EventBody::Fills(Fills {
            snapshot: false,
            others: Vec::new(),
            fills: vec![Fill {
                exch: self.now,
                tid: self.ids,
                oid,
                cloid: order.map(|order| order.cloid),
                side,
                px,
                sz,
                start_position,
                fee: Usd::ZERO,
                taker: order.is_none_or(|order| order.tif != Tif::Alo),
                kind: FillKind::default(),
            }],
        })
    }

    /// `sz` of our best order on `side` fills.
    pub(crate) fn fill(&mut self, side: Side, sz: i64) {
        self.fill_at(side, 0, sz);
    }

    /// The same of the order at this place of its side, the best first.
    pub(crate) fn fill_at(&mut self, side: Side, place: usize, sz: i64) {
        let mine = self.resting.iter().filter(|(_, o)| o.side == side);
        let mut mine: Vec<(i64, u64)> =
            mine.map(|(oid, o)| (-side.sign() * o.px.0, *oid)).collect();
        mine.sort_unstable();
        let oid = mine[place].1;
        let order = self.resting[&oid];
        let sz = Sz(sz).min(order.sz);
        let fill = self.execute(oid, Some(&order), side, order.px, sz);
        if sz == order.sz {
            self.resting.remove(&oid);
        } else if let Some(left) = self.resting.get_mut(&oid) {
            left.sz -= sz;
        }
        self.tell(fill);
    }

    /// Somebody trades with this account by hand.
    pub(crate) fn stranger(&mut self, side: Side, sz: i64) {
        let px = self.touch_px(side);
        let fill = self.execute(1, None, side, px, Sz(sz));
        self.tell(fill);
    }

    fn remove(&mut self, oid: u64, news: &mut VecDeque<EventBody>) -> ItemStatus {
        let Some(order) = self.resting.remove(&oid) else {
            return refusal(RejectionClass::Gone);
        };
        news.push_back(EventBody::OrderUpdates(vec![OrderUpdate {
            exch: self.now,
            oid,
            cloid: Some(order.cloid),
            sz: order.sz,
            status: OrderStatus::Canceled,
        }]));
        ItemStatus::Success
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.engine.snapshot()
    }

    pub(crate) fn mode(&self) -> (Mode, Option<ModeReason>) {
        let shown = self.snapshot();
        (shown.mode, shown.mode_reason)
    }

    /// Lots that rest on a side.
    pub(crate) fn lots(&self, side: Side) -> Sz {
        let of_side = self.resting.values().filter(|o| o.side == side);
        of_side.map(|o| o.sz).sum()
    }

    /// Orders received since the `from`th action, of one time in force.
    pub(crate) fn placed(&self, from: usize, tif: Tif) -> Vec<(Time, NewOrder)> {
        let mut found = Vec::new();
        for (at, action) in &self.received[from..] {
            let orders: Vec<NewOrder> = match &action.body {
                ActionBody::Place(orders) => orders.clone(),
                ActionBody::Modify(amends) => amends.iter().map(|amend| amend.order).collect(),
                ActionBody::Cancel(_) => Vec::new(),
            };
            found.extend(
                orders
                    .into_iter()
                    .filter(|o| o.tif == tif)
                    .map(|o| (*at, o)),
            );
        }
        found
    }
}

fn tifs(action: &Action) -> Vec<Tif> {
    let mut found: Vec<Tif> = match &action.body {
        ActionBody::Place(orders) => orders.iter().map(|order| order.tif).collect(),
        ActionBody::Modify(_) | ActionBody::Cancel(_) => Vec::new(),
    };
    found.dedup();
    found
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

fn over_budget(action: u64) -> EventBody {
    let why = Rejection {
        class: RejectionClass::Budget,
        text: "Too many cumulative requests sent".to_owned(),
    };
    EventBody::Reply(Reply {
        action,
        outcome: ReplyOutcome::Refused(why),
    })
}

fn refusal(class: RejectionClass) -> ItemStatus {
    let text = "refused".to_owned();
    ItemStatus::Error(Rejection { class, text })
}
