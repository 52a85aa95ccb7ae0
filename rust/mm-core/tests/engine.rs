//! The engine against a scripted exchange: what it sends is what is asserted on.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod cases;
mod given;

use std::collections::BTreeMap;

use mm_core::action::{Action, ActionBody, Cloid, NewOrder, Reason};
use mm_core::control::{ModeReason, Phase};
use mm_core::engine::{Drill, Engine, EngineConfig};
use mm_core::event::{
    AccountState, Bbo, BookSnapshot, Candle, Command, Event, EventBody, Fees, Fill, FillKind,
    Fills, HeadRoom, ItemStatus, Level, OrderStatus, OrderUpdate, OtherCoins, RateLimit, Rejection,
    RejectionClass, Reply, ReplyOutcome, Stream, StreamState, StreamStatus,
};
use mm_core::gate::Enforcement;
use mm_core::limits::Limits;
use mm_core::quote::Strategy as Model;
use mm_core::units::{Dur, Px, SECOND, Side, Sz, Time, Usd};
use proptest::prelude::*;

use given::{Fates, START, btc, config};

/// An exchange of one account: what rests there, and the truth about the position.
struct Venue {
    engine: Engine,
    now: Time,
    position: Sz,
    cash: i64,
    resting: BTreeMap<u64, NewOrder>,
    next_oid: u64,
    next_tid: u64,
    mid: i64,
    /// Actions received and unanswered.
    unanswered: Vec<Action>,
    received: Vec<Action>,
    /// Private events on their way to the engine.
    in_transit: Vec<EventBody>,
    /// When the oldest of them happened.
    oldest: Option<Time>,
    /// Every new order is refused so.
    refuses: Option<RejectionClass>,
    /// Half-width of the minutes' closes before the start, USDC.
    wobble: f64,
    fates: Fates,
}

impl Venue {
    fn new() -> Self {
        Self::with(config())
    }

    fn with(config: EngineConfig) -> Self {
        Self {
            engine: Engine::new(config, btc()).unwrap(),
            now: Time(START),
            position: Sz::ZERO,
            cash: 10_000_000_000,
            resting: BTreeMap::new(),
            next_oid: 100,
            next_tid: 1,
            mid: 1_000_005,
            unanswered: Vec::new(),
            received: Vec::new(),
            in_transit: Vec::new(),
            oldest: None,
            refuses: None,
            wobble: 25.0,
            fates: Fates::default(),
        }
    }

    /// A session in phase `Normal` with its ladder resting.
    fn quoting() -> Self {
        Self::quoting_with(config())
    }

    fn quoting_with(config: EngineConfig) -> Self {
        let mut venue = Self::with(config);
        venue.start_quoting();
        venue
    }

    fn start_quoting(&mut self) {
        self.open();
        self.live(80);
        assert_eq!(self.engine.snapshot().phase, Phase::Normal);
    }

    /// Seconds pass in a market that stands still, everything answered.
    fn live(&mut self, secs: usize) {
        for _ in 0..secs {
            self.pass(1.0);
            self.bbo();
            self.answer_all();
            self.answer_queries();
        }
    }

    /// What became of the orders that were asked about.
    fn answer_queries(&mut self) {
        let exch = self.now;
        let open = |cloid| {
            let (oid, order) = self.resting.iter().find(|(_, o)| o.cloid == cloid)?;
            Some(OrderUpdate {
                exch,
                oid: *oid,
                cloid: Some(cloid),
                sz: order.sz,
                status: OrderStatus::Open,
            })
        };
        for answer in self.fates.answers(open) {
            self.tell(answer);
        }
    }

    fn open(&mut self) {
        for stream in [Stream::Market, Stream::User] {
            self.tell(EventBody::Stream(StreamStatus {
                stream,
                state: StreamState::Up,
            }));
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
            let away = if minute % 2 == 0 { -1.0 } else { 1.0 };
            let close_px = 100_025.0 + away * self.wobble;
            Candle {
                open,
                close: open.plus(Dur(60 * SECOND)),
                close_px,
            }
        });
        self.tell(EventBody::Candles(candles.collect()));
        self.tell(EventBody::HeadRoom(HeadRoom {
            leverage: 20,
            max_trade_szs: Some([Sz(200_000); 2]),
        }));
        self.tell(EventBody::Command(Command::Anchor(self.report())));
        self.book();
    }

    fn report(&self) -> AccountState {
        let value = self.position.abs().0 * self.mid;
        AccountState {
            exch: self.now,
            account_value: Usd(self.cash + self.position.0 * self.mid),
            margin_used: Usd(value / 20),
            position: self.position,
            position_value: Usd(value),
            other_coins: OtherCoins::NONE,
            liquidation_px: None,
        }
    }

    fn levels(&self) -> (Level, Level) {
        let level = |px| Level {
            px: Px(px),
            sz: Sz(50_000),
        };
        (level(self.mid - 5), level(self.mid + 5))
    }

    fn book(&mut self) {
        let (bid, ask) = self.levels();
        let exch = self.now;
        self.tell(EventBody::Book(BookSnapshot {
            exch,
            bids: vec![bid],
            asks: vec![ask],
        }));
    }

    fn bbo(&mut self) {
        let (bid, ask) = self.levels();
        self.tell(EventBody::Bbo(Bbo {
            exch: self.now,
            bid: Some(bid),
            ask: Some(ask),
        }));
        self.tell(EventBody::Account(self.report()));
        self.tell(EventBody::HeadRoom(HeadRoom {
            leverage: 20,
            max_trade_szs: Some([Sz(200_000); 2]),
        }));
        self.tell(EventBody::Stream(StreamStatus {
            stream: Stream::User,
            state: StreamState::Up,
        }));
    }

    fn pass(&mut self, secs: f64) {
        self.now = self.now.plus(Dur::from_secs(secs));
    }

    /// Time passes; private events are never later than the fill window.
    fn wait(&mut self, secs: f64) {
        let late = self
            .oldest
            .is_some_and(|oldest| self.now.since(oldest).as_secs() + secs > 4.9);
        if late {
            self.deliver();
        }
        self.pass(secs);
        self.tell(EventBody::Timer);
        self.oldest = self
            .oldest
            .or((!self.in_transit.is_empty()).then_some(self.now));
    }

    fn tell(&mut self, body: EventBody) -> usize {
        let mut actions = Vec::new();
        self.engine.step(
            &Event {
                recv: self.now,
                body,
            },
            &mut actions,
        );
        self.fates.ask(self.engine.asks());
        let sent = actions.len();
        for action in actions {
            self.check(&action);
            assert!(
                self.received.len() < 2_000,
                "endless: {:?}",
                &self.received[1990..]
            );
            self.received.push(action.clone());
            self.unanswered.push(action);
        }
        self.check_excess();
        sent
    }

    /// Orders of which a cancel is unanswered.
    fn cancelling(&self) -> Vec<Cloid> {
        let cancels = self
            .unanswered
            .iter()
            .filter_map(|action| match &action.body {
                ActionBody::Cancel(cancels) => Some(cancels.iter().map(|cancel| cancel.cloid)),
                _ => None,
            });
        cancels.flatten().collect()
    }

    /// LIMITS.md 5 (b): what exceeds a limit that fell is being cancelled. Told from the exchange's
    /// truth, so only while the engine has heard everything.
    fn check_excess(&self) {
        let Some(limits) = self.engine.limits().filter(|_| self.in_transit.is_empty()) else {
            return;
        };
        let leaving = self.cancelling();
        for (side, bound) in [(Side::Bid, limits.long()), (Side::Ask, limits.short())] {
            let orders = self.resting.values().chain(self.pending());
            let staying =
                orders.filter(|o| o.side == side && !o.reduce_only && !leaving.contains(&o.cloid));
            let held = side.sign() * self.position.0;
            let worst = held + staying.map(|o| o.sz.0).sum::<i64>();
            assert!(
                worst <= bound.0.max(held),
                "{side:?} worst {worst} stays over {bound}"
            );
        }
    }

    /// LIMITS.md 5, by independent arithmetic: every order of the exchange and of this action fills.
    fn check(&self, action: &Action) {
        let limits = self.engine.limits().unwrap();
        let orders: &[NewOrder] = match &action.body {
            ActionBody::Place(orders) => orders,
            _ => &[],
        };
        let amended: Vec<NewOrder> = match &action.body {
            ActionBody::Modify(amends) => amends.iter().map(|amend| amend.order).collect(),
            _ => Vec::new(),
        };
        let all: Vec<&NewOrder> = self
            .resting
            .values()
            .chain(self.pending())
            .chain(orders)
            .chain(&amended)
            .collect();
        let sum = |side| {
            all.iter()
                .filter(|o| o.side == side && !o.reduce_only)
                .map(|o| o.sz.0)
                .sum::<i64>()
        };
        for (side, bound) in [(Side::Bid, limits.long()), (Side::Ask, limits.short())] {
            let added = orders
                .iter()
                .chain(&amended)
                .any(|o| o.side == side && !o.reduce_only);
            if added {
                let worst = side.sign() * self.position.0 + sum(side);
                assert!(
                    worst <= bound.0,
                    "{side:?} worst {worst} over {bound} in {action:?}"
                );
            }
        }
    }

    /// What unanswered places and amends can still make rest; an amend of an order that is over fails.
    fn pending(&self) -> impl Iterator<Item = &NewOrder> {
        self.unanswered
            .iter()
            .flat_map(|action| match &action.body {
                ActionBody::Place(orders) => orders.iter().collect::<Vec<_>>(),
                ActionBody::Modify(amends) => {
                    let alive = amends
                        .iter()
                        .filter(|amend| self.resting.contains_key(&amend.oid));
                    alive.map(|amend| &amend.order).collect()
                }
                ActionBody::Cancel(_) => Vec::new(),
            })
    }

    /// Lots that rest, `[bids, asks]`.
    fn open_lots(&self) -> [Sz; 2] {
        let of = |side| self.resting.values().filter(move |o| o.side == side);
        Side::BOTH.map(|side| of(side).map(|o| o.sz).sum())
    }

    fn oid_of(&self, cloid: Cloid) -> Option<u64> {
        self.resting
            .iter()
            .find(|(_, order)| order.cloid == cloid)
            .map(|(oid, _)| *oid)
    }

    fn rest(&mut self, order: NewOrder) -> ItemStatus {
        if let Some(class) = self.refuses {
            let text = "no".to_owned();
            return ItemStatus::Error(Rejection { class, text });
        }
        self.next_oid += 1;
        self.resting.insert(self.next_oid, order);
        self.fates.rest(order.cloid);
        ItemStatus::Resting(self.next_oid)
    }

    fn update(&mut self, oid: u64, order: &NewOrder, status: OrderStatus) {
        let sz = if status == OrderStatus::Filled {
            Sz::ZERO
        } else {
            order.sz
        };
        let update = OrderUpdate {
            exch: self.now,
            oid,
            cloid: Some(order.cloid),
            sz,
            status,
        };
        self.fates.end(update);
        self.in_transit.push(EventBody::OrderUpdates(vec![update]));
    }

    fn remove(&mut self, oid: u64) -> ItemStatus {
        match self.resting.remove(&oid) {
            Some(order) => {
                self.update(oid, &order, OrderStatus::Canceled);
                ItemStatus::Success
            }
            None => gone(),
        }
    }

    /// Carries out and answers the oldest unanswered action.
    fn answer(&mut self, lost: bool) {
        if self.unanswered.is_empty() {
            return;
        }
        let action = self.unanswered.remove(0);
        let statuses = match &action.body {
            ActionBody::Place(orders) => orders.iter().map(|order| self.rest(*order)).collect(),
            ActionBody::Modify(amends) => amends
                .iter()
                .map(|amend| match self.remove(amend.oid) {
                    ItemStatus::Success => of_new_leg(self.rest(amend.order)),
                    other => other,
                })
                .collect(),
            ActionBody::Cancel(cancels) => cancels
                .iter()
                .map(|cancel| {
                    self.oid_of(cancel.cloid)
                        .map_or_else(gone, |oid| self.remove(oid))
                })
                .collect(),
        };
        let outcome = if lost {
            ReplyOutcome::Lost
        } else {
            ReplyOutcome::Statuses(statuses)
        };
        self.tell(EventBody::Reply(Reply {
            action: action.id,
            outcome,
        }));
    }

    fn answer_all(&mut self) {
        while !self.unanswered.is_empty() || !self.in_transit.is_empty() {
            self.answer(false);
            self.deliver();
        }
    }

    fn deliver(&mut self) {
        self.oldest = None;
        while !self.in_transit.is_empty() {
            let body = self.in_transit.remove(0);
            self.tell(body);
        }
    }

    /// Fills up to `lots` of the `nth` resting order; the news is put in transit.
    fn fill(&mut self, nth: usize, lots: i64) {
        let Some((oid, order)) = self
            .resting
            .iter()
            .nth(nth)
            .map(|(oid, order)| (*oid, *order))
        else {
            return;
        };
        let sz = Sz(lots.min(order.sz.0));
        let fee = Usd((order.px * sz).0 * 15 / 100_000);
        let fill = Fill {
            exch: self.now,
            tid: self.next_tid,
            oid,
            cloid: Some(order.cloid),
            side: order.side,
            px: order.px,
            sz,
            start_position: self.position,
            fee,
            taker: false,
            kind: FillKind::Trade,
        };
        self.next_tid += 1;
        self.cash -= order.side.sign() * (order.px * sz).0 + fee.0;
        self.position += order.side.signed(sz);
        if sz == order.sz {
            self.resting.remove(&oid);
            self.update(oid, &order, OrderStatus::Filled);
        } else if let Some(left) = self.resting.get_mut(&oid) {
            left.sz -= sz;
        }
        self.in_transit.push(EventBody::Fills(Fills {
            snapshot: false,
            others: Vec::new(),
            fills: vec![fill],
        }));
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

fn gone() -> ItemStatus {
    let text = "Order was never placed, already canceled, or filled. asset=0".to_owned();
    ItemStatus::Error(Rejection {
        class: RejectionClass::Gone,
        text,
    })
}

#[test]
fn it_opens_small_and_then_quotes_a_ladder_on_both_sides() {
    let mut venue = Venue::new();
    venue.open();
    assert_eq!(
        venue.engine.snapshot().mode_reason,
        Some(ModeReason::WaitingForBook)
    );
    for _ in 0..11 {
        venue.pass(1.0);
        venue.bbo();
        venue.answer_all();
    }
    assert_eq!(venue.engine.snapshot().phase, Phase::QuoteMin);
    assert_eq!(venue.resting.len(), 2, "{:?}", venue.resting);
    for _ in 0..60 {
        venue.pass(1.0);
        venue.bbo();
        venue.answer_all();
    }
    let snapshot = venue.engine.snapshot();
    assert_eq!(snapshot.phase, Phase::Normal);
    let sides = |side| {
        venue
            .resting
            .values()
            .filter(|order| order.side == side)
            .count()
    };
    assert_eq!(
        (sides(Side::Bid), sides(Side::Ask)),
        (5, 5),
        "{:?}",
        venue.resting
    );
}

#[test]
fn a_still_market_gives_no_action() {
    let mut venue = Venue::quoting();
    let before = venue.received.len();
    for _ in 0..20 {
        venue.pass(1.0);
        venue.bbo();
        assert!(venue.unanswered.is_empty(), "{:?}", venue.unanswered);
    }
    assert_eq!(venue.received.len(), before);
}

#[test]
fn a_move_is_followed_with_one_amend_request() {
    let mut venue = Venue::quoting();
    let before = venue.received.len();
    venue.mid += 1_000;
    venue.pass(1.0);
    venue.bbo();
    let sent = &venue.received[before..];
    assert_eq!(sent.len(), 1, "{sent:?}");
    assert!(matches!(&sent[0].body, ActionBody::Modify(amends) if amends.len() >= 5));
}

#[test]
fn stop_cancels_everything_and_places_nothing_more() {
    let mut venue = Venue::quoting();
    venue.tell(EventBody::Command(Command::Stop));
    venue.answer_all();
    assert!(venue.resting.is_empty());
    venue.pass(1.0);
    venue.bbo();
    assert!(venue.unanswered.is_empty());
    assert_eq!(venue.engine.snapshot().orders, []);
}

#[test]
fn a_stale_market_pulls_the_quotes_and_a_fresh_one_brings_them_back() {
    let mut venue = Venue::quoting();
    venue.pass(16.0);
    venue.tell(EventBody::Timer);
    venue.answer_all();
    assert_eq!(
        venue.engine.snapshot().mode_reason,
        Some(ModeReason::MarketStale)
    );
    assert!(venue.resting.is_empty());
    venue.pass(1.0);
    venue.bbo();
    venue.answer_all();
    assert_eq!(venue.resting.len(), 10);
}

#[test]
fn an_order_whose_reply_is_lost_is_cancelled_by_cloid() {
    let mut venue = Venue::quoting();
    venue.fill(0, 1_000_000);
    venue.deliver();
    venue.pass(1.0);
    venue.bbo();
    venue.answer(true);
    venue.answer_all();
    venue.pass(1.0);
    venue.bbo();
    venue.answer_all();
    let ours: Vec<_> = venue.engine.snapshot().orders;
    assert_eq!(ours.len(), venue.resting.len());
}

#[test]
fn fills_move_the_position_and_the_residual_is_zero() {
    let mut venue = Venue::quoting();
    for nth in [0, 3, 7] {
        venue.fill(nth, 1_000);
        venue.deliver();
        venue.mid += 37;
        venue.pass(1.0);
        venue.bbo();
        venue.answer_all();
    }
    let snapshot = venue.engine.snapshot();
    assert_eq!(snapshot.position, venue.position);
    let pnl = snapshot.pnl.unwrap();
    assert_eq!(pnl.residual, Usd::ZERO, "{pnl:?}");
    assert!(pnl.fees > Usd::ZERO);
}

#[test]
fn the_same_events_give_the_same_actions() {
    let run = || {
        let mut venue = Venue::quoting();
        for step in 0..40 {
            venue.mid += (step * 7919) % 41 - 20;
            venue.fill(usize::try_from(step % 10).unwrap(), 300);
            venue.deliver();
            venue.pass(0.5);
            venue.bbo();
            venue.answer_all();
        }
        venue.received
    };
    assert_eq!(run(), run());
}

/// An amend whose answer is lost at once, though the exchange carried it out: its news come later.
#[test]
fn an_amend_whose_reply_is_lost_leaves_nothing_behind() {
    let mut venue = Venue::quoting();
    venue.mid += 1_000;
    venue.pass(1.0);
    venue.bbo();
    assert!(matches!(venue.unanswered[0].body, ActionBody::Modify(_)));
    venue.answer(true);
    venue.deliver();
    venue.live(25);
    assert_eq!(venue.engine.snapshot().pending, venue.open_lots());
    assert_eq!(venue.resting.len(), 10);
    venue.tell(EventBody::Command(Command::Stop));
    venue.answer_all();
    assert!(venue.resting.is_empty());
}

/// Whatever the exchange refuses, its refusals do not feed on themselves: a crossing order waits for
/// the next book, unknown words for a while, any other class for its third strike.
#[test]
fn refused_orders_are_not_sent_again_at_once() {
    for (class, tries) in [
        (RejectionClass::PostOnly, 0),
        (RejectionClass::Margin, 2),
        (RejectionClass::Unknown, 0),
    ] {
        let mut venue = Venue::quoting();
        venue.mid += 1_000;
        venue.refuses = Some(class);
        venue.pass(1.0);
        venue.bbo();
        let before = venue.received.len();
        for _ in 0..10 {
            venue.pass(0.05);
            venue.answer_all();
            venue.tell(EventBody::Timer);
        }
        let sent = &venue.received[before..];
        for side in Side::BOTH {
            let placed = sent.iter().filter(|action| {
                matches!(&action.body, ActionBody::Place(orders)
                    if orders.iter().any(|order| order.side == side))
            });
            // The other side's first orders among them, which waited for this one's.
            let placed = placed.count();
            assert!(placed <= tries + 1, "{class:?} {side:?}: {sent:?}");
        }
        assert!(sent.len() <= 2 + 2 * tries, "{class:?}: {sent:?}");
        venue.refuses = None;
        venue.live(11);
        assert_eq!(venue.resting.len(), 10, "{class:?}");
    }
}

/// Every refusal names the limit of its own cycle, also in the step that moved it.
#[test]
fn refusals_carry_the_limit_of_their_cycle() {
    let mut venue = Venue::quoting_with(planted(Enforcement::Enforced));
    let mut seen = 0;
    for _ in 0..20 {
        venue.cash -= 10_000_000;
        venue.mid += 200;
        venue.pass(1.0);
        venue.tell(EventBody::Account(venue.report()));
        let limits = venue.engine.limits().unwrap();
        for refusal in venue.engine.refusals() {
            assert_eq!(refusal.limit, limits.of(refusal.side), "{refusal:?}");
            seen += 1;
        }
        venue.bbo();
        venue.answer_all();
    }
    assert!(seen > 0);
}

/// With a position that leaves less room than the ladder wants, amends do not fit beside what they
/// replace: the orders are exchanged once, and then a still market gives no action again.
#[test]
fn a_ladder_that_fills_its_room_settles() {
    let mut wide = config();
    wide.quoting.target_liquidity_frac = 1.0;
    let mut venue = Venue::quoting_with(wide);
    for _ in 0..3 {
        venue.fill(0, 400);
        venue.deliver();
        venue.mid += 1_000;
        venue.live(2);
        assert!(venue.unanswered.is_empty());
    }
    let before = venue.received.len();
    venue.mid += 1_000;
    venue.live(10);
    let sent = &venue.received[before..];
    assert!(
        sent.iter()
            .any(|action| matches!(&action.body, ActionBody::Cancel(cancels)
        if cancels.iter().any(|cancel| cancel.reason == Reason::AmendTooLarge)))
    );
    let (mut placed, mut cancelled) = (0, 0);
    for action in sent {
        match &action.body {
            ActionBody::Place(orders) => placed += orders.len(),
            ActionBody::Cancel(cancels) => cancelled += cancels.len(),
            ActionBody::Modify(_) => {}
        }
    }
    assert!(placed <= 10 && cancelled <= 10, "each order once: {sent:?}");
    let before = venue.received.len();
    venue.live(10);
    assert_eq!(venue.received.len(), before);
    assert_eq!(venue.resting.len(), 10);
}

/// The limit falls below what rests: the step that lowers it cancels the excess (`check_excess`).
#[test]
fn what_exceeds_a_fallen_limit_is_cancelled_in_the_same_step() {
    let mut wide = config();
    wide.quoting.target_liquidity_frac = 1.0;
    let mut venue = Venue::quoting_with(wide);
    let (before, lots) = (venue.received.len(), venue.open_lots());
    // Most of the day's loss is spent.
    venue.cash -= 480_000_000;
    venue.tell(EventBody::Account(venue.report()));
    let limits = venue.engine.limits().unwrap();
    assert!(Sz::ZERO < limits.long() && limits.long() < Sz(lots[0].0 / 2));
    let sent = &venue.received[before..];
    let cancels: usize = sent
        .iter()
        .map(|action| match &action.body {
            ActionBody::Cancel(cancels) => cancels.len(),
            _ => 0,
        })
        .sum();
    assert!(cancels > 0, "{sent:?}");
    venue.live(5);
    let (rests, limits) = (venue.open_lots(), venue.engine.limits().unwrap());
    assert!(rests[0] <= limits.long() && rests[1] <= limits.short());
}

/// What rests after some seconds with a position and a market that moves a little.
fn scene(config: EngineConfig, wobble: f64) -> (Limits, Vec<(Px, Sz)>, Vec<Action>) {
    let mut venue = Venue::with(config);
    venue.wobble = wobble;
    venue.start_quoting();
    for nth in [0, 1] {
        venue.fill(nth, 400);
        venue.deliver();
        venue.live(3);
    }
    for by in [9, -6, 30, -50, 8] {
        venue.mid += by;
        venue.live(1);
    }
    let rests = venue.resting.values().map(|o| (o.px, o.sz)).collect();
    let limits = venue.engine.limits().unwrap().clone();
    (limits, rests, venue.received)
}

fn with(section: &str, key: &str, value: f64) -> EngineConfig {
    let mut json = serde_json::to_value(config()).unwrap();
    json[section][key] = if key == "levels" {
        serde_json::json!(3)
    } else {
        serde_json::json!(value)
    };
    serde_json::from_value(json).unwrap()
}

/// LIMITS.md 3.2: sigma, k, A and inventory raised by half each move a lot of what is quoted.
#[test]
fn sizes_depend_on_volatility_intensity_and_inventory() {
    let sizes = |config, wobble| {
        let (limits, rests, _) = scene(config, wobble);
        let sizes: Vec<Sz> = rests.into_iter().map(|(_, sz)| sz).collect();
        (sizes, limits.long())
    };
    let (plain, limit) = sizes(config(), 25.0);
    let (wilder, less) = sizes(config(), 37.5);
    assert!(wilder != plain && less < limit);
    for (key, value) in [("kappa_per_bps", 1.05), ("arrival_per_s", 0.15)] {
        let raised = sizes(with("quoting", key, value), 25.0);
        assert_ne!(raised.0, plain, "{key}");
        assert_eq!(raised.1, limit, "{key}");
    }
    let held = |lots| {
        let mut venue = Venue::quoting();
        venue.fill(0, lots);
        venue.deliver();
        venue.live(3);
        venue.resting.values().map(|o| o.sz).collect::<Vec<_>>()
    };
    assert_ne!(held(400), held(600));
}

/// No key is read in vain: each changes what is decided.
#[test]
fn every_key_has_an_effect() {
    let plain = scene(config(), 25.0);
    let keys = [
        ("limits", "risk_fraction", 0.02),
        ("limits", "num_sigmas", 4.0),
        ("limits", "risk_horizon_s", 5_000.0),
        ("limits", "sigma_prior", 5e-4),
        ("limits", "confidence_n0", 60.0),
        ("limits", "leverage_cap", 0.5),
        ("limits", "initial_margin_frac", 0.01),
        ("limits", "gap_move_frac", 0.99),
        ("limits", "gap_loss_frac", 0.01),
        ("limits", "position_cap_usd", 900.0),
        ("limits", "position_cap_coin", 0.01),
        ("limits", "limit_use_frac", 0.1),
        ("limits", "daily_loss_frac", 0.01),
        ("limits", "drawdown_frac", 0.01),
        ("quoting", "target_liquidity_frac", 0.3),
        ("quoting", "levels", 3.0),
        ("quoting", "min_level_usd", 400.0),
        ("quoting", "min_edge_bps", 3.0),
        ("quoting", "arrival_per_s", 0.15),
        ("quoting", "kappa_per_bps", 1.05),
        ("quoting", "adverse_selection_bps", 0.75),
        ("quoting", "half_spread_bps", 15.0),
        ("quoting", "half_spread_max_bps", 3.0),
        ("quoting", "risk_aversion", 1.5),
        ("quoting", "max_bps_diff", 0.2),
        ("quoting", "size_tolerance_frac", 0.0),
        ("control", "observe_book_s", 15.0),
        ("control", "quote_min_s", 30.0),
    ];
    for (section, key, value) in keys {
        assert!(scene(with(section, key, value), 25.0) != plain, "{key}");
    }
    let with = |strategy, depths: Option<Vec<f64>>, skew| {
        let mut config = config();
        config.quoting.strategy = strategy;
        config.quoting.depths_bps = depths;
        config.quoting.inventory_skew_bps = skew;
        scene(config, 25.0).1
    };
    let strategies = [
        with(Model::Ladder, None, 10.0),
        with(Model::Glft, None, 10.0),
        with(Model::InventoryAware, None, 10.0),
        with(Model::InventoryAware, None, 15.0),
        with(Model::Symmetric, None, 10.0),
        with(Model::Ladder, Some(vec![4.0, 5.0, 6.0, 7.0, 8.0]), 10.0),
        with(Model::Ladder, Some(vec![5.0, 6.0, 7.0, 8.0, 9.0]), 10.0),
        with(Model::Glft, Some(vec![4.0]), 10.0),
        with(Model::Symmetric, Some(vec![4.0]), 10.0),
    ];
    for (i, one) in strategies.iter().enumerate() {
        for (j, other) in strategies.iter().enumerate().skip(i + 1) {
            assert_ne!(one, other, "{i} and {j}");
        }
    }
}

/// A ladder planted at twice the room, with the gate in force or not.
fn planted(gate: Enforcement) -> EngineConfig {
    EngineConfig {
        drill: Some(Drill {
            room_factor: 2.0,
            gate,
            bug: None,
        }),
        ..config()
    }
}

#[test]
fn the_gate_holds_back_a_ladder_at_twice_the_room() {
    let venue = Venue::quoting_with(planted(Enforcement::Enforced));
    let resting: i64 = venue
        .resting
        .values()
        .filter(|o| o.side == Side::Bid)
        .map(|o| o.sz.0)
        .sum();
    assert!(0 < resting && resting <= venue.engine.limits().unwrap().long().0);
    assert!(venue.engine.snapshot().counts.refused > 0);
}

#[test]
#[should_panic(expected = "worst")]
fn without_the_gate_the_same_ladder_breaks_the_limit() {
    Venue::quoting_with(planted(Enforcement::Disabled));
}

#[derive(Clone, Debug)]
enum Step {
    Move(i64),
    Fill(usize, i64),
    Deliver,
    DeliverReversed,
    Answer,
    Lose,
    Pass(f64),
    Report,
    Pay(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (-300_i64..300).prop_map(Step::Move),
        5 => (0_usize..10, 1_i64..8_000).prop_map(|(nth, lots)| Step::Fill(nth, lots)),
        4 => Just(Step::Deliver),
        1 => Just(Step::DeliverReversed),
        6 => Just(Step::Answer),
        1 => Just(Step::Lose),
        3 => (0.05_f64..2.0).prop_map(Step::Pass),
        3 => Just(Step::Report),
        1 => (0_i64..60_000_000).prop_map(Step::Pay),
    ]
}

proptest! {
    #![proptest_config(cases::cases(64))]

    /// Whatever fills, whenever it is heard of: no action makes a worst case beyond the limit.
    /// (Asserted in `Venue::check`, from the exchange's own truth, on every action sent.)
    #[test]
    fn prop_the_worst_case_stays_inside_the_limit(steps in proptest::collection::vec(step(), 1..200)) {
        let mut venue = Venue::quoting();
        for step in steps {
            match step {
                Step::Move(by) => { venue.mid += by; venue.bbo(); }
                Step::Fill(nth, lots) => venue.fill(nth, lots),
                Step::Deliver => venue.deliver(),
                Step::DeliverReversed => { venue.in_transit.reverse(); venue.deliver(); }
                Step::Answer => venue.answer(false),
                Step::Lose => venue.answer(true),
                Step::Pass(secs) => venue.wait(secs),
                Step::Report => venue.bbo(),
                Step::Pay(loss) => { venue.cash -= loss; venue.bbo(); }
            }
        }
        venue.deliver();
        venue.live(25);
        prop_assert_eq!(venue.engine.snapshot().position, venue.position);
        prop_assert_eq!(venue.engine.snapshot().pending, venue.open_lots());
    }
}
