//! An engine told by hand what the venue says, word for word: each test decides when it hears what.

use std::collections::BTreeSet;

use mm_core::account::Entry;
use mm_core::action::{Action, ActionBody, Cloid, NewOrder, Reason};
use mm_core::control::Alarm;
use mm_core::engine::Engine;
use mm_core::event::{
    AccountState, Bbo, BookSnapshot, Candle, Command, Event, EventBody, Fees, Fill, FillKind,
    Fills, HeadRoom, ItemStatus, Level, OpenOrder, OpenOrders, OrderStatus, OrderUpdate,
    OtherCoins, RateLimit, Rejection, RejectionClass, Reply, ReplyOutcome, Stream, StreamState,
    StreamStatus,
};
use mm_core::recovery::ask::Ask;
use mm_core::units::{Dur, Px, SECOND, Side, Sz, Time, Usd};

use crate::given::{Fates, START, btc, config};

/// An engine, and what it was told and wanted.
pub(crate) struct Script {
    pub(crate) engine: Engine,
    pub(crate) events: Vec<Event>,
    pub(crate) now: Time,
    pub(crate) position: Sz,
    pub(crate) mid: i64,
    pub(crate) sent: Vec<Action>,
    /// Actions without an answer.
    pub(crate) waiting: Vec<Action>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) alarms: Vec<Alarm>,
    pub(crate) asks: Vec<Ask>,
    pub(crate) oid: u64,
    pub(crate) tid: u64,
    /// What rests by the answers given: cloid, oid, order.
    pub(crate) resting: Vec<(u64, NewOrder)>,
    pub(crate) fates: Fates,
    /// Cloids in actions whose answers were lost.
    pub(crate) lost: BTreeSet<Cloid>,
}

impl Script {
    /// Before the anchor.
    pub(crate) fn new() -> Self {
        Self {
            engine: Engine::new(config(), btc()).unwrap(),
            events: Vec::new(),
            now: Time(START),
            position: Sz::ZERO,
            mid: 1_000_005,
            sent: Vec::new(),
            waiting: Vec::new(),
            entries: Vec::new(),
            alarms: Vec::new(),
            asks: Vec::new(),
            oid: 100,
            tid: 0,
            resting: Vec::new(),
            fates: Fates::default(),
            lost: BTreeSet::new(),
        }
    }

    /// In full quoting, everything answered.
    pub(crate) fn quoting() -> Self {
        let mut script = Self::new();
        script.open();
        script.live(80);
        assert_eq!(script.engine.snapshot().not_quoting, None);
        script.entries.clear();
        script
    }

    pub(crate) fn open(&mut self) {
        for stream in [Stream::Market, Stream::User] {
            let state = StreamState::Up;
            self.tell(EventBody::Stream(StreamStatus { stream, state }));
        }
        self.tell(EventBody::RateLimit(RateLimit {
            used: 0,
            cap: 10_000_000,
        }));
        self.tell(EventBody::Fees(Fees {
            maker: 0.000_15,
            taker: 0.000_45,
        }));
        let candles = (0..60).map(|minute: i64| {
            let open = Time(START - (60 - minute) * 60 * SECOND);
            Candle {
                open,
                close: open.plus(Dur(60 * SECOND)),
                close_px: if minute % 2 == 0 {
                    100_000.0
                } else {
                    100_050.0
                },
            }
        });
        self.tell(EventBody::Candles(candles.collect()));
        self.head_room();
        self.tell(EventBody::Command(Command::Anchor(self.report())));
        let [bid, ask] = self.touch();
        self.tell(EventBody::Book(BookSnapshot {
            exch: self.now,
            bids: vec![bid],
            asks: vec![ask],
        }));
    }

    pub(crate) fn head_room(&mut self) {
        self.tell(EventBody::HeadRoom(HeadRoom {
            leverage: 20,
            max_trade_szs: Some([Sz(200_000); 2]),
        }));
    }

    pub(crate) fn touch(&self) -> [Level; 2] {
        [self.mid - 5, self.mid + 5].map(|px| Level {
            px: Px(px),
            sz: Sz(50_000),
        })
    }

    pub(crate) fn report(&self) -> AccountState {
        AccountState {
            exch: self.now,
            account_value: Usd(10_000_000_000),
            margin_used: Usd::ZERO,
            position: self.position,
            position_value: Usd(self.position.abs().0 * self.mid),
            other_coins: OtherCoins::NONE,
            liquidation_px: None,
        }
    }

    pub(crate) fn tell(&mut self, body: EventBody) {
        let event = Event {
            recv: self.now,
            body,
        };
        let mut actions = Vec::new();
        self.engine.step(&event, &mut actions);
        self.events.push(event);
        self.check_crossing(&actions);
        self.sent.extend(actions.iter().cloned());
        self.waiting.extend(actions);
        self.entries.extend_from_slice(self.engine.entries());
        self.alarms.extend_from_slice(self.engine.alarms());
        self.asks.extend_from_slice(self.engine.asks());
        self.fates.ask(self.engine.asks());
    }

    /// Nothing sent could match what rests of our own: inside a block the venue runs it before cancels.
    /// What only reduces waits for no order whose fate is unknown; the venue refuses it, or takes it.
    pub(crate) fn check_crossing(&self, actions: &[Action]) {
        for order in actions.iter().flat_map(orders_of) {
            for (_, own) in &self.resting {
                let waits = self.waiting.iter().flat_map(cloids_of);
                let unknown = order.reduce_only
                    && (self.lost.contains(&own.cloid)
                        || waits.into_iter().any(|c| c == own.cloid));
                let crosses =
                    !unknown && own.side != order.side && order.side.at_or_better(order.px, own.px);
                assert!(!crosses, "{order:?} against {own:?}");
            }
        }
    }

    pub(crate) fn pass(&mut self, secs: f64) {
        self.now = self.now.plus(Dur::from_secs(secs));
    }

    pub(crate) fn market(&mut self) {
        let [bid, ask] = self.touch();
        self.tell(EventBody::Bbo(Bbo {
            exch: self.now,
            bid: Some(bid),
            ask: Some(ask),
        }));
        let (stream, state) = (Stream::User, StreamState::Up);
        self.tell(EventBody::Stream(StreamStatus { stream, state }));
        self.head_room();
    }

    pub(crate) fn live(&mut self, secs: u32) {
        for _ in 0..secs {
            self.pass(1.0);
            self.market();
            self.tell(EventBody::Account(self.report()));
            self.answer_all();
            self.answer_queries();
        }
    }

    /// What became of the orders that were asked about.
    pub(crate) fn answer_queries(&mut self) {
        let open: Vec<OrderUpdate> = self
            .resting
            .iter()
            .map(|(oid, order)| self.update(*oid, order, order.sz, OrderStatus::Open))
            .collect();
        let rests = |cloid| open.iter().find(|at| at.cloid == Some(cloid)).copied();
        for answer in self.fates.answers(rests) {
            self.tell(answer);
        }
    }

    pub(crate) fn answer_all(&mut self) {
        while !self.waiting.is_empty() {
            let action = self.waiting.remove(0);
            self.accept(&action);
        }
    }

    /// The venue carries an action out and answers; its order updates come at once.
    pub(crate) fn accept(&mut self, action: &Action) {
        let mut statuses = Vec::new();
        let mut updates = Vec::new();
        match &action.body {
            ActionBody::Place(orders) => {
                for order in orders {
                    statuses.push(ItemStatus::Resting(self.rest(*order)));
                }
            }
            ActionBody::Modify(amends) => {
                for amend in amends {
                    let ended = self.end(amend.oid);
                    updates.extend(ended);
                    statuses.push(match ended {
                        Some(_) => ItemStatus::Resting(self.rest(amend.order)),
                        None => gone(),
                    });
                }
            }
            ActionBody::Cancel(cancels) => {
                for cancel in cancels {
                    let oid = self.oid_of(cancel.cloid);
                    updates.extend(oid.and_then(|oid| self.end(oid)));
                    statuses.push(oid.map_or_else(gone, |_| ItemStatus::Success));
                }
            }
        }
        self.reply(action.id, ReplyOutcome::Statuses(statuses));
        if !updates.is_empty() {
            self.tell(EventBody::OrderUpdates(updates));
        }
    }

    pub(crate) fn rest(&mut self, order: NewOrder) -> u64 {
        self.oid += 1;
        self.resting.push((self.oid, order));
        self.fates.rest(order.cloid);
        self.oid
    }

    pub(crate) fn oid_of(&self, cloid: Cloid) -> Option<u64> {
        let mut resting = self.resting.iter().rev();
        resting
            .find(|(_, order)| order.cloid == cloid)
            .map(|at| at.0)
    }

    pub(crate) fn end(&mut self, oid: u64) -> Option<OrderUpdate> {
        let at = self.resting.iter().position(|(at, _)| *at == oid)?;
        let (oid, order) = self.resting.remove(at);
        let update = self.update(oid, &order, order.sz, OrderStatus::Canceled);
        self.fates.end(update);
        Some(update)
    }

    pub(crate) fn update(
        &self,
        oid: u64,
        order: &NewOrder,
        left: Sz,
        status: OrderStatus,
    ) -> OrderUpdate {
        OrderUpdate {
            exch: self.now,
            oid,
            cloid: Some(order.cloid),
            sz: left,
            status,
        }
    }

    pub(crate) fn reply(&mut self, action: u64, outcome: ReplyOutcome) {
        if matches!(outcome, ReplyOutcome::Lost) {
            let lost = self.sent.iter().filter(|sent| sent.id == action);
            self.lost.extend(lost.flat_map(cloids_of));
        }
        self.tell(EventBody::Reply(Reply { action, outcome }));
    }

    /// The best resting order of a side.
    pub(crate) fn best(&self, side: Side) -> (u64, NewOrder) {
        let of_side = self.resting.iter().filter(|(_, order)| order.side == side);
        *of_side
            .max_by_key(|(_, order)| side.sign() * order.px.0)
            .unwrap()
    }

    /// A fill of an order that moves the true position.
    pub(crate) fn fill(
        &mut self,
        oid: u64,
        cloid: Option<Cloid>,
        side: Side,
        px: Px,
        sz: Sz,
    ) -> Fill {
        self.tid += 1;
        let start_position = self.position;
        self.position += side.signed(sz);
        Fill {
            exch: self.now,
            tid: self.tid,
            oid,
            cloid,
            side,
            px,
            sz,
            start_position,
            fee: Usd(15),
            taker: false,
            kind: FillKind::Trade,
        }
    }

    /// Some of the best resting order of a side fills.
    pub(crate) fn fill_best(&mut self, side: Side, lots: i64) -> Fill {
        let (oid, order) = self.best(side);
        let sz = Sz(lots).min(order.sz);
        let at = self.resting.iter().position(|(at, _)| *at == oid).unwrap();
        self.resting[at].1.sz -= sz;
        if self.resting[at].1.sz == Sz::ZERO {
            self.resting.remove(at);
            let filled = self.update(oid, &order, Sz::ZERO, OrderStatus::Filled);
            self.fates.end(filled);
        }
        self.fill(oid, Some(order.cloid), side, order.px, sz)
    }

    pub(crate) fn news(&mut self, fills: Vec<Fill>) {
        self.tell(EventBody::Fills(Fills {
            snapshot: false,
            others: Vec::new(),
            fills,
        }));
    }

    pub(crate) fn snapshot_of(&mut self, fills: Vec<Fill>) {
        self.tell(EventBody::Fills(Fills {
            snapshot: true,
            others: Vec::new(),
            fills,
        }));
    }

    pub(crate) fn open_orders(&mut self, more: &[OpenOrder]) {
        let shown = self.resting.iter().map(|(oid, order)| OpenOrder {
            oid: *oid,
            cloid: Some(order.cloid),
            side: order.side,
            px: order.px,
            sz: order.sz,
            reduce_only: order.reduce_only,
            trigger: None,
        });
        let orders = shown.chain(more.iter().copied()).collect();
        self.tell(EventBody::OpenOrders(OpenOrders { orders }));
    }

    pub(crate) fn pending(&self) -> [Sz; 2] {
        self.engine.snapshot().pending
    }

    pub(crate) fn open_lots(&self) -> [Sz; 2] {
        Side::BOTH.map(|side| {
            let of_side = self.resting.iter().filter(|(_, order)| order.side == side);
            of_side.map(|(_, order)| order.sz).sum()
        })
    }

    pub(crate) fn position_is(&self, lots: i64) {
        assert_eq!(self.engine.snapshot().position, Sz(lots));
        assert_eq!(self.position, Sz(lots));
    }

    /// After some quiet seconds the engine knows what rests and the position, and nothing is in doubt.
    pub(crate) fn settles(&mut self) {
        self.answer_all();
        self.live(25);
        assert_eq!(self.pending(), self.open_lots());
        assert_eq!(self.engine.snapshot().position, self.position);
        let snapshot = self.engine.snapshot();
        assert_eq!(snapshot.not_quoting, None);
        assert_eq!(snapshot.counts.discontinuities, 0);
        self.no_cloid_twice();
    }

    pub(crate) fn no_cloid_twice(&self) {
        let placed = self.sent.iter().filter_map(|action| match &action.body {
            ActionBody::Place(orders) => Some(orders.iter().map(|order| order.cloid)),
            _ => None,
        });
        let mut cloids: Vec<Cloid> = placed.flatten().collect();
        cloids.sort_unstable();
        assert!(cloids.windows(2).all(|pair| pair[0] != pair[1]));
    }
}

pub(crate) fn orders_of(action: &Action) -> Vec<NewOrder> {
    match &action.body {
        ActionBody::Place(orders) => orders.clone(),
        ActionBody::Modify(amends) => amends.iter().map(|amend| amend.order).collect(),
        ActionBody::Cancel(_) => Vec::new(),
    }
}

fn cloids_of(action: &Action) -> Vec<Cloid> {
    let places = orders_of(action).into_iter().map(|order| order.cloid);
    let cancels = cancels_of(std::slice::from_ref(action));
    places
        .chain(cancels.into_iter().map(|(cloid, _)| cloid))
        .collect()
}

pub(crate) fn cancels_of(actions: &[Action]) -> Vec<(Cloid, Reason)> {
    let cancels = actions.iter().filter_map(|action| match &action.body {
        ActionBody::Cancel(cancels) => Some(cancels.iter().map(|one| (one.cloid, one.reason))),
        _ => None,
    });
    cancels.flatten().collect()
}

pub(crate) fn error(class: RejectionClass) -> Rejection {
    Rejection {
        class,
        text: format!("{class:?}"),
    }
}

pub(crate) fn gone() -> ItemStatus {
    ItemStatus::Error(error(RejectionClass::Gone))
}

pub(crate) fn other(oid: u64, cloid: Option<Cloid>) -> OpenOrder {
    OpenOrder {
        oid,
        cloid,
        side: Side::Bid,
        px: Px(900_000),
        sz: Sz(100),
        reduce_only: false,
        trigger: None,
    }
}
