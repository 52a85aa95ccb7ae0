//! Races between our orders and the venue, told by hand: what the engine then sends, counts and enters.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod given;

use mm_core::account::Entry;
use mm_core::action::{Action, ActionBody, Cloid, NewOrder, Reason};
use mm_core::control::{Alarm, ModeReason};
use mm_core::engine::Engine;
use mm_core::event::{
    AccountState, Bbo, BookSnapshot, Candle, Command, Event, EventBody, Fees, Fill, FillKind,
    Fills, HeadRoom, ItemStatus, Level, OpenOrder, OpenOrders, OrderFate, OrderStatus, OrderUpdate,
    Rejection, RejectionClass, Reply, ReplyOutcome, Stream, StreamState, StreamStatus,
};
use mm_core::orders::Owner;
use mm_core::recovery::ask::Ask;
use mm_core::units::{Dur, Px, SECOND, Side, Sz, Time, Usd};
use proptest::prelude::*;

use given::{START, btc, config};

/// An engine, and what it was told and wanted.
struct Script {
    engine: Engine,
    events: Vec<Event>,
    now: Time,
    position: Sz,
    mid: i64,
    sent: Vec<Action>,
    /// Actions without an answer.
    waiting: Vec<Action>,
    entries: Vec<Entry>,
    alarms: Vec<Alarm>,
    asks: Vec<Ask>,
    oid: u64,
    tid: u64,
    /// What rests by the answers given: cloid, oid, order.
    resting: Vec<(u64, NewOrder)>,
}

impl Script {
    /// Before the anchor.
    fn new() -> Self {
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
        }
    }

    /// In full quoting, everything answered.
    fn quoting() -> Self {
        let mut script = Self::new();
        script.open();
        script.live(80);
        assert_eq!(script.engine.snapshot().not_quoting, None);
        script.entries.clear();
        script
    }

    fn open(&mut self) {
        for stream in [Stream::Market, Stream::User] {
            let state = StreamState::Up;
            self.tell(EventBody::Stream(StreamStatus { stream, state }));
        }
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

    fn head_room(&mut self) {
        self.tell(EventBody::HeadRoom(HeadRoom {
            leverage: 20,
            max_trade_szs: [Sz(200_000); 2],
        }));
    }

    fn touch(&self) -> [Level; 2] {
        [self.mid - 5, self.mid + 5].map(|px| Level {
            px: Px(px),
            sz: Sz(50_000),
        })
    }

    fn report(&self) -> AccountState {
        AccountState {
            exch: self.now,
            account_value: Usd(10_000_000_000),
            margin_used: Usd::ZERO,
            position: self.position,
            position_value: Usd(self.position.abs().0 * self.mid),
            liquidation_px: None,
        }
    }

    fn tell(&mut self, body: EventBody) {
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
    }

    /// Nothing sent could match what rests of our own: inside a block the venue runs it before cancels.
    fn check_crossing(&self, actions: &[Action]) {
        for order in actions.iter().flat_map(orders_of) {
            for (_, own) in &self.resting {
                let crosses = own.side != order.side && order.side.at_or_better(order.px, own.px);
                assert!(!crosses, "{order:?} against {own:?}");
            }
        }
    }

    fn pass(&mut self, secs: f64) {
        self.now = self.now.plus(Dur::from_secs(secs));
    }

    fn market(&mut self) {
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

    fn live(&mut self, secs: u32) {
        for _ in 0..secs {
            self.pass(1.0);
            self.market();
            self.tell(EventBody::Account(self.report()));
            self.answer_all();
        }
    }

    fn answer_all(&mut self) {
        while !self.waiting.is_empty() {
            let action = self.waiting.remove(0);
            self.accept(&action);
        }
    }

    /// The venue carries an action out and answers; its order updates come at once.
    fn accept(&mut self, action: &Action) {
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

    fn rest(&mut self, order: NewOrder) -> u64 {
        self.oid += 1;
        self.resting.push((self.oid, order));
        self.oid
    }

    fn oid_of(&self, cloid: Cloid) -> Option<u64> {
        let mut resting = self.resting.iter().rev();
        resting
            .find(|(_, order)| order.cloid == cloid)
            .map(|at| at.0)
    }

    fn end(&mut self, oid: u64) -> Option<OrderUpdate> {
        let at = self.resting.iter().position(|(at, _)| *at == oid)?;
        let (oid, order) = self.resting.remove(at);
        Some(self.update(oid, &order, order.sz, OrderStatus::Canceled))
    }

    fn update(&self, oid: u64, order: &NewOrder, left: Sz, status: OrderStatus) -> OrderUpdate {
        OrderUpdate {
            exch: self.now,
            oid,
            cloid: Some(order.cloid),
            sz: left,
            status,
        }
    }

    fn reply(&mut self, action: u64, outcome: ReplyOutcome) {
        self.tell(EventBody::Reply(Reply { action, outcome }));
    }

    /// The best resting order of a side.
    fn best(&self, side: Side) -> (u64, NewOrder) {
        let of_side = self.resting.iter().filter(|(_, order)| order.side == side);
        *of_side
            .max_by_key(|(_, order)| side.sign() * order.px.0)
            .unwrap()
    }

    /// A fill of an order that moves the true position.
    fn fill(&mut self, oid: u64, cloid: Option<Cloid>, side: Side, px: Px, sz: Sz) -> Fill {
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
    fn fill_best(&mut self, side: Side, lots: i64) -> Fill {
        let (oid, order) = self.best(side);
        let sz = Sz(lots).min(order.sz);
        let at = self.resting.iter().position(|(at, _)| *at == oid).unwrap();
        self.resting[at].1.sz -= sz;
        if self.resting[at].1.sz == Sz::ZERO {
            self.resting.remove(at);
        }
        self.fill(oid, Some(order.cloid), side, order.px, sz)
    }

    fn news(&mut self, fills: Vec<Fill>) {
        self.tell(EventBody::Fills(Fills {
            snapshot: false,
            fills,
        }));
    }

    fn snapshot_of(&mut self, fills: Vec<Fill>) {
        self.tell(EventBody::Fills(Fills {
            snapshot: true,
            fills,
        }));
    }

    fn open_orders(&mut self, more: &[OpenOrder]) {
        let shown = self.resting.iter().map(|(oid, order)| OpenOrder {
            oid: *oid,
            cloid: Some(order.cloid),
            side: order.side,
            px: order.px,
            sz: order.sz,
            reduce_only: order.reduce_only,
        });
        let orders = shown.chain(more.iter().copied()).collect();
        self.tell(EventBody::OpenOrders(OpenOrders { orders }));
    }

    fn pending(&self) -> [Sz; 2] {
        self.engine.snapshot().pending
    }

    fn open_lots(&self) -> [Sz; 2] {
        Side::BOTH.map(|side| {
            let of_side = self.resting.iter().filter(|(_, order)| order.side == side);
            of_side.map(|(_, order)| order.sz).sum()
        })
    }

    fn position_is(&self, lots: i64) {
        assert_eq!(self.engine.snapshot().position, Sz(lots));
        assert_eq!(self.position, Sz(lots));
    }

    /// After some quiet seconds the engine knows what rests and the position, and nothing is in doubt.
    fn settles(&mut self) {
        self.answer_all();
        self.live(25);
        assert_eq!(self.pending(), self.open_lots());
        assert_eq!(self.engine.snapshot().position, self.position);
        let snapshot = self.engine.snapshot();
        assert_eq!(snapshot.not_quoting, None);
        assert_eq!(snapshot.counts.discontinuities, 0);
        self.no_cloid_twice();
    }

    fn no_cloid_twice(&self) {
        let placed = self.sent.iter().filter_map(|action| match &action.body {
            ActionBody::Place(orders) => Some(orders.iter().map(|order| order.cloid)),
            _ => None,
        });
        let mut cloids: Vec<Cloid> = placed.flatten().collect();
        cloids.sort_unstable();
        assert!(cloids.windows(2).all(|pair| pair[0] != pair[1]));
    }
}

fn orders_of(action: &Action) -> Vec<NewOrder> {
    match &action.body {
        ActionBody::Place(orders) => orders.clone(),
        ActionBody::Modify(amends) => amends.iter().map(|amend| amend.order).collect(),
        ActionBody::Cancel(_) => Vec::new(),
    }
}

fn cancels_of(actions: &[Action]) -> Vec<(Cloid, Reason)> {
    let cancels = actions.iter().filter_map(|action| match &action.body {
        ActionBody::Cancel(cancels) => Some(cancels.iter().map(|one| (one.cloid, one.reason))),
        _ => None,
    });
    cancels.flatten().collect()
}

fn error(class: RejectionClass) -> Rejection {
    Rejection {
        class,
        text: format!("{class:?}"),
    }
}

fn gone() -> ItemStatus {
    ItemStatus::Error(error(RejectionClass::Gone))
}

fn owners(entries: &[Entry]) -> Vec<(Owner, bool)> {
    let fills = entries.iter().filter_map(|entry| match entry {
        Entry::Fill(one) | Entry::Liquidation(one) | Entry::Adl(one) | Entry::Settlement(one) => {
            Some((one.owner, one.before_anchor))
        }
        _ => None,
    });
    fills.collect()
}

#[test]
fn a_fill_of_nobodys_order_is_an_alarm_and_still_counts() {
    let mut script = Script::quoting();
    for cloid in [None, Some(Cloid::new(u64::MAX, 1)), Some(Cloid(5))] {
        let fill = script.fill(9_000, cloid, Side::Bid, Px(1_000_000), Sz(10));
        script.news(vec![fill]);
    }
    script.position_is(30);
    let unknown = |alarm: &&Alarm| matches!(alarm, Alarm::UnknownFill(_));
    assert_eq!(script.alarms.iter().filter(unknown).count(), 3);
    assert_eq!(script.engine.snapshot().counts.stranger_fills, 3);
    assert_eq!(owners(&script.entries), [(Owner::Stranger, false); 3]);
    script.settles();
}

#[test]
fn a_fill_of_an_earlier_session_is_no_strangers() {
    let mut script = Script::quoting();
    let earlier = Some(Cloid::new(6, 1));
    let fill = script.fill(9_000, earlier, Side::Ask, Px(1_000_000), Sz(10));
    script.news(vec![fill]);
    assert_eq!(owners(&script.entries), [(Owner::Earlier, false)]);
    assert!(
        !script
            .alarms
            .iter()
            .any(|a| matches!(a, Alarm::UnknownFill(_)))
    );
    assert_eq!(script.engine.snapshot().counts.earlier_fills, 1);
    script.settles();
}

#[test]
fn what_the_exchange_forces_is_an_entry_of_its_own_kind() {
    let mut script = Script::quoting();
    let kinds = [FillKind::Liquidation, FillKind::Adl, FillKind::Settlement];
    for kind in kinds {
        let fill = script.fill(9_000, None, Side::Ask, Px(1_000_000), Sz(10));
        script.news(vec![Fill { kind, ..fill }]);
    }
    script.position_is(-30);
    assert!(matches!(
        script.entries[..],
        [Entry::Liquidation(_), Entry::Adl(_), Entry::Settlement(_)]
    ));
    let counts = script.engine.snapshot().counts;
    assert_eq!((counts.forced_fills, counts.stranger_fills), (3, 0));
    let forced = |alarm: &&Alarm| matches!(alarm, Alarm::ForcedFill(_));
    assert_eq!(script.alarms.iter().filter(forced).count(), 3);
}

#[test]
fn a_fill_before_the_ack_and_a_late_order_update_change_nothing_twice() {
    let mut script = Script::quoting();
    script.mid += 1_000;
    script.pass(1.0);
    script.market();
    let action = script.waiting.remove(0);
    let ActionBody::Modify(amends) = &action.body else {
        panic!("{action:?}")
    };
    // The venue has replaced the orders and the first new one has filled before we hear of any of it.
    let mut statuses = Vec::new();
    for amend in amends {
        script.end(amend.oid);
        statuses.push(ItemStatus::Resting(script.rest(amend.order)));
    }
    let first = amends[0].order;
    let oid = script.oid_of(first.cloid).unwrap();
    let late = script.update(oid, &first, first.sz, OrderStatus::Open);
    let fill = script.fill(oid, Some(first.cloid), first.side, first.px, first.sz);
    script.resting.retain(|(at, _)| *at != oid);
    script.news(vec![fill]);
    script.position_is(first.side.sign() * first.sz.0);
    script.reply(action.id, ReplyOutcome::Statuses(statuses));
    script.tell(EventBody::OrderUpdates(vec![late]));
    script.news(vec![fill]);
    script.position_is(first.side.sign() * first.sz.0);
    assert_eq!(owners(&script.entries), [(Owner::Ours, false)]);
    script.settles();
}

#[test]
fn a_cancel_that_a_fill_beat_is_over_when_the_fill_is_heard() {
    for fill_first in [true, false] {
        let mut script = Script::quoting();
        script.tell(EventBody::Command(Command::Stop));
        let action = script.waiting.remove(0);
        let fill = script.fill_best(Side::Bid, 1_000_000);
        let ActionBody::Cancel(cancels) = &action.body else {
            panic!("{action:?}")
        };
        let statuses = cancels
            .iter()
            .map(|cancel| match script.oid_of(cancel.cloid) {
                Some(oid) => script.end(oid).map_or_else(gone, |_| ItemStatus::Success),
                None => gone(),
            })
            .collect();
        if fill_first {
            script.news(vec![fill]);
        }
        script.reply(action.id, ReplyOutcome::Statuses(statuses));
        if !fill_first {
            // Over, but what it may have filled is counted until the ledger has it.
            assert!(script.pending()[0] >= fill.sz);
            script.news(vec![fill]);
        }
        assert_eq!(script.engine.snapshot().position, script.position);
        script.pass(6.0);
        script.tell(EventBody::Timer);
        assert_eq!(script.pending(), [Sz::ZERO; 2]);
    }
}

#[test]
fn a_partial_fill_during_a_cancel_leaves_nothing() {
    let mut script = Script::quoting();
    script.tell(EventBody::Command(Command::Stop));
    let fill = script.fill_best(Side::Ask, 3);
    script.news(vec![fill]);
    script.answer_all();
    script.position_is(-3);
    script.pass(6.0);
    script.tell(EventBody::Timer);
    assert_eq!(script.pending(), [Sz::ZERO; 2]);
}

#[test]
fn a_modify_that_a_fill_beat_or_whose_new_leg_failed_leaves_no_order() {
    for class in [RejectionClass::Gone, RejectionClass::PostOnly] {
        let mut script = Script::quoting();
        script.mid += 1_000;
        script.pass(1.0);
        script.market();
        let action = script.waiting.remove(0);
        let ActionBody::Modify(amends) = &action.body else {
            panic!("{action:?}")
        };
        let first = amends[0];
        let mut fills = Vec::new();
        let mut updates = Vec::new();
        let mut statuses = Vec::new();
        for amend in amends {
            let old = *script
                .resting
                .iter()
                .find(|(oid, _)| *oid == amend.oid)
                .map(|(_, o)| o)
                .unwrap();
            if amend.oid != first.oid {
                updates.extend(script.end(amend.oid));
                statuses.push(ItemStatus::Resting(script.rest(amend.order)));
                continue;
            }
            if class == RejectionClass::Gone {
                script.resting.retain(|(oid, _)| *oid != amend.oid);
                fills.push(script.fill(amend.oid, Some(old.cloid), old.side, old.px, old.sz));
            } else {
                // The old order is gone all the same.
                updates.extend(script.end(amend.oid));
            }
            statuses.push(ItemStatus::Error(error(class)));
        }
        script.reply(action.id, ReplyOutcome::Statuses(statuses));
        script.news(fills);
        script.tell(EventBody::OrderUpdates(updates));
        script.settles();
        assert_eq!(script.resting.len(), 10, "{class:?}");
        let reused = script.sent.iter().skip_while(|sent| sent.id <= action.id);
        let reused = reused
            .flat_map(orders_of)
            .any(|order| order.cloid == first.order.cloid);
        assert!(!reused, "{class:?}: its cloid is spent");
    }
}

#[test]
fn one_refusal_of_a_whole_batch_leaves_none_of_it() {
    let mut script = Script::new();
    script.open();
    while script.waiting.is_empty() {
        script.pass(1.0);
        script.market();
    }
    let action = script.waiting.remove(0);
    assert!(orders_of(&action).len() > 1);
    script.reply(
        action.id,
        ReplyOutcome::Refused(error(RejectionClass::Price)),
    );
    let sent_since: Vec<NewOrder> = script.waiting.iter().flat_map(orders_of).collect();
    let lots = Side::BOTH.map(|side| {
        let of_side = sent_since.iter().filter(|order| order.side == side);
        of_side.map(|order| order.sz).sum()
    });
    assert_eq!(script.pending(), lots);
    script.settles();
}

#[test]
fn an_order_of_unknown_fate_holds_its_level_until_that_is_known() {
    for placed in [true, false] {
        let mut script = Script::quoting();
        let fill = script.fill_best(Side::Bid, 1_000_000);
        script.news(vec![fill]);
        script.pass(1.0);
        script.market();
        let mut lost = Vec::new();
        let mut before = 0;
        for action in core::mem::take(&mut script.waiting) {
            if let ActionBody::Place(orders) = &action.body {
                lost.extend(orders.clone());
                if placed {
                    for order in orders {
                        script.rest(*order);
                    }
                }
                before = script.sent.len();
                script.reply(action.id, ReplyOutcome::Lost);
            } else {
                script.accept(&action);
            }
        }
        let [lost] = lost[..] else { panic!("{lost:?}") };
        // It is looked for by its own cloid, and nothing is placed in its stead meanwhile.
        let sought = cancels_of(&script.sent[before..]);
        assert!(
            sought.contains(&(lost.cloid, Reason::Expired)),
            "{sought:?}"
        );
        script.pass(0.1);
        script.market();
        let mut since = script.sent[before..].iter().flat_map(orders_of);
        assert!(!since.any(|order| (order.side, order.px) == (lost.side, lost.px)));

        script.settles();
        assert_eq!(script.resting.len(), 10);
    }
}

#[test]
fn what_is_told_late_of_a_replaced_oid_is_not_of_the_order() {
    let mut script = Script::quoting();
    script.mid += 300;
    script.pass(1.0);
    script.market();
    // Replaced, and the ends of the old oids are not told.
    let action = script.waiting.remove(0);
    let (mut statuses, mut replaced) = (Vec::new(), Vec::new());
    for order in orders_of(&action) {
        let oid = script.oid_of(order.cloid).unwrap();
        script.end(oid);
        replaced.push((order.cloid, oid));
        statuses.push(ItemStatus::Resting(script.rest(order)));
    }
    script.reply(action.id, ReplyOutcome::Statuses(statuses));
    script.answer_all();
    script.live(7);
    // Replaced again, without an answer, and cancelled: its present oid is not known.
    script.mid -= 300;
    script.pass(1.0);
    script.market();
    let action = script.waiting.remove(0);
    let again: Vec<Cloid> = orders_of(&action).iter().map(|order| order.cloid).collect();
    script.reply(action.id, ReplyOutcome::Lost);
    script.answer_all();
    let late: Vec<OrderUpdate> = replaced
        .iter()
        .filter(|(cloid, _)| again.contains(cloid))
        .map(|(cloid, oid)| OrderUpdate {
            exch: script.now,
            oid: *oid,
            cloid: Some(*cloid),
            sz: Sz(1),
            status: OrderStatus::Canceled,
        })
        .collect();
    assert!(!late.is_empty());
    script.tell(EventBody::OrderUpdates(late));
    script.settles();
}

#[test]
fn a_lost_order_that_arrives_late_is_known_then() {
    let mut script = Script::quoting();
    let fill = script.fill_best(Side::Bid, 1_000_000);
    script.news(vec![fill]);
    script.pass(1.0);
    script.market();
    let is_place = |action: &Action| matches!(action.body, ActionBody::Place(_));
    let at = script.waiting.iter().position(is_place).unwrap();
    let action = script.waiting.remove(at);
    let order = orders_of(&action)[0];
    script.reply(action.id, ReplyOutcome::Lost);
    // The cancel that looks for it waits too. It may arrive until it expires: no query tells that it
    // never will.
    for _ in 0..3 {
        script.pass(4.0);
        script.market();
        script.open_orders(&[]);
    }
    let oid = script.rest(order);
    let update = script.update(oid, &order, order.sz, OrderStatus::Open);
    script.tell(EventBody::OrderUpdates(vec![update]));
    assert!(script.pending()[0] >= script.open_lots()[0]);
    script.settles();
}

#[test]
fn a_jump_places_nothing_that_could_cross_what_still_rests() {
    for jump in [4_000, -4_000] {
        let mut script = Script::quoting();
        script.mid += jump;
        script.pass(1.0);
        // `check_crossing` holds for every action; both sides follow once the other has moved.
        script.market();
        assert!(!script.waiting.is_empty());
        script.settles();
        for side in Side::BOTH {
            let (_, best) = script.best(side);
            assert!((best.px.0 - script.mid).abs() < 1_000, "{best:?}");
        }
    }
}

#[test]
fn the_fate_of_an_order_is_believed_when_it_is_told() {
    let lost = || {
        let mut script = Script::quoting();
        let fill = script.fill_best(Side::Bid, 1_000_000);
        script.news(vec![fill]);
        script.pass(1.0);
        script.market();
        let at = script
            .waiting
            .iter()
            .position(|a| matches!(a.body, ActionBody::Place(_)))
            .unwrap();
        let action = script.waiting.remove(at);
        script.reply(action.id, ReplyOutcome::Lost);
        script.answer_all();
        (script, orders_of(&action)[0])
    };
    let (mut script, order) = lost();
    let oid = script.rest(order);
    let update = script.update(oid, &order, order.sz, OrderStatus::Open);
    let cloid = order.cloid;
    script.tell(EventBody::OrderStatus(OrderFate {
        cloid,
        found: Some(update),
    }));
    assert_eq!(script.pending(), script.open_lots(), "it rests");
    let (mut script, order) = lost();
    let update = script.update(999, &order, order.sz, OrderStatus::Rejected);
    let cloid = order.cloid;
    script.tell(EventBody::OrderStatus(OrderFate {
        cloid,
        found: Some(update),
    }));
    script.answer_all();
    assert_eq!(script.pending(), script.open_lots(), "it never rested");
}

#[test]
fn a_query_that_lags_ends_nothing_and_two_that_do_not_end_an_order() {
    let mut script = Script::quoting();
    script.mid += 1_000;
    script.live(1);
    let rests = script.pending();
    script.tell(EventBody::OpenOrders(OpenOrders { orders: Vec::new() }));
    assert_eq!(script.pending(), rests, "just placed: the query may lag");
    script.live(20);
    let (oid, order) = script.best(Side::Bid);
    script.resting.retain(|(at, _)| *at != oid);
    script.asks.clear();
    script.open_orders(&[]);
    assert!(script.asks.contains(&Ask::OpenOrders), "a second look");
    let before = script.sent.len();
    script.pass(1.0);
    script.open_orders(&[]);
    script.pass(6.0);
    script.market();
    let placed: Vec<NewOrder> = script.sent[before..].iter().flat_map(orders_of).collect();
    assert!(
        placed
            .iter()
            .any(|new| new.side == Side::Bid && new.cloid != order.cloid),
        "{placed:?}"
    );
    script.settles();
}

#[test]
fn an_order_of_ours_that_just_ended_is_not_taken_up_again() {
    let mut script = Script::quoting();
    let fill = script.fill_best(Side::Bid, 1_000_000);
    let still = OpenOrder {
        oid: fill.oid,
        cloid: fill.cloid,
        side: fill.side,
        px: fill.px,
        sz: fill.sz,
        reduce_only: false,
    };
    let (oid, cloid) = (fill.oid, fill.cloid);
    let exch = script.now;
    script.news(vec![fill]);
    let (sz, status) = (Sz::ZERO, OrderStatus::Filled);
    script.tell(EventBody::OrderUpdates(vec![OrderUpdate {
        exch,
        oid,
        cloid,
        sz,
        status,
    }]));
    script.answer_all();
    script.live(1);
    let (before, sent) = (script.pending(), script.sent.len());
    script.open_orders(&[still]);
    assert_eq!((script.pending(), script.sent.len()), (before, sent));
    script.settles();
}

fn other(oid: u64, cloid: Option<Cloid>) -> OpenOrder {
    OpenOrder {
        oid,
        cloid,
        side: Side::Bid,
        px: Px(900_000),
        sz: Sz(100),
        reduce_only: false,
    }
}

#[test]
fn what_an_earlier_session_left_is_cancelled_once_and_counted_until_it_is_gone() {
    let mut script = Script::quoting();
    let (before, lots) = (script.sent.len(), script.pending()[0]);
    let left = other(50, Some(Cloid::new(6, 3)));
    script.open_orders(&[left]);
    let wanted = [(left.cloid.unwrap(), Reason::EarlierSession)];
    assert_eq!(cancels_of(&script.sent[before..]), wanted);
    assert_eq!(script.pending()[0], lots + left.sz);
    let action = script.waiting.remove(0);
    script.reply(action.id, ReplyOutcome::Statuses(vec![ItemStatus::Success]));
    assert_eq!(script.pending()[0], lots);
    // A query that lags shows it once more; one that does not has it back.
    script.open_orders(&[left]);
    assert_eq!(cancels_of(&script.sent[before..]), wanted);
    script.live(6);
    let before = script.sent.len();
    script.open_orders(&[left]);
    assert_eq!(cancels_of(&script.sent[before..]), wanted);
    // A lost answer has it tried again.
    let action = script.waiting.pop().unwrap();
    script.reply(action.id, ReplyOutcome::Lost);
    script.pass(1.1);
    script.market();
    assert_eq!(cancels_of(&script.sent[before..]).len(), 2);
}

#[test]
fn an_order_placed_by_hand_is_told_counted_and_never_touched() {
    for cloid in [None, Some(Cloid(1)), Some(Cloid::new(u64::MAX, 9))] {
        let mut script = Script::quoting();
        let lots = script.pending()[0];
        let by_hand = other(60, cloid);
        for _ in 0..3 {
            script.open_orders(&[by_hand]);
            script.live(2);
        }
        let told = Alarm::ForeignOrder { order: by_hand };
        assert_eq!(
            script.alarms.iter().filter(|alarm| **alarm == told).count(),
            1
        );
        assert_eq!(script.engine.snapshot().foreign, [by_hand]);
        assert!(script.pending()[0] >= lots.min(by_hand.sz));
        assert_eq!(script.pending()[0], script.open_lots()[0] + by_hand.sz);
        script.tell(EventBody::Command(Command::Stop));
        script.answer_all();
        let touched = cancels_of(&script.sent)
            .iter()
            .any(|(at, _)| Some(*at) == cloid);
        assert!(!touched && script.pending() == [by_hand.sz, Sz::ZERO]);
        // It fills: an unknown fill, and no exposure any more.
        let fill = script.fill(60, cloid, Side::Bid, by_hand.px, by_hand.sz);
        script.news(vec![fill]);
        assert_eq!(script.pending(), [Sz::ZERO; 2]);
        script.position_is(by_hand.sz.0);
    }
}

#[test]
fn an_order_nobody_knows_makes_the_engine_look() {
    let mut script = Script::quoting();
    let exch = script.now;
    script.asks.clear();
    let update = |status| OrderUpdate {
        exch,
        oid: 60,
        cloid: None,
        sz: Sz(100),
        status,
    };
    script.tell(EventBody::OrderUpdates(vec![update(OrderStatus::Open)]));
    assert_eq!(script.asks, [Ask::OpenOrders]);
    script.open_orders(&[other(60, None)]);
    assert_eq!(script.pending()[0], script.open_lots()[0] + Sz(100));
    script.tell(EventBody::OrderUpdates(vec![update(OrderStatus::Canceled)]));
    assert_eq!(script.pending(), script.open_lots());
}

#[test]
fn thirty_old_fills_after_a_cut_line_move_nothing() {
    let mut script = Script::new();
    let (now, position) = (script.now, script.position);
    script.now = Time(START - 3_600 * SECOND);
    let old: Vec<Fill> = (0..30)
        .map(|_| script.fill(1, Some(Cloid::new(6, 1)), Side::Bid, Px(1_000_000), Sz(300)))
        .collect();
    (script.now, script.position) = (now, position);
    // The snapshot of the first subscription comes before the anchor, that of the second after it.
    script.snapshot_of(old.clone());
    script.open();
    script.live(80);
    assert_eq!(owners(&script.entries), vec![(Owner::Earlier, true); 30]);
    let (stream, state) = (Stream::User, StreamState::Down);
    script.tell(EventBody::Stream(StreamStatus { stream, state }));
    script.pass(1.5);
    let missed = script.fill_best(Side::Bid, 7);
    script.answer_all();
    script.snapshot_of(old.iter().chain([&missed]).copied().collect());
    script.position_is(7);
    assert_eq!(owners(&script.entries).len(), 31);
    script.settles();
}

#[test]
fn fills_that_do_not_continue_stop_quotes_until_the_gap_is_filled() {
    let mut script = Script::quoting();
    let silent = script.fill_best(Side::Bid, 5);
    let heard = script.fill_best(Side::Bid, 2);
    script.news(vec![heard]);
    assert_eq!(
        script.engine.snapshot().not_quoting,
        None,
        "it may be on its way"
    );
    let wake = script.engine.wake_at().unwrap();
    assert_eq!(wake, script.now.plus(mm_core::account::HOLD));
    script.now = wake;
    script.tell(EventBody::Timer);
    let snapshot = script.engine.snapshot();
    assert_eq!(snapshot.mode_reason, Some(ModeReason::PositionUnexplained));
    assert_eq!(snapshot.counts.discontinuities, 1);
    let unexplained = |a: &Alarm| matches!(a, Alarm::PositionUnexplained { .. });
    assert!(script.alarms.iter().any(unexplained));
    assert!(script.asks.contains(&Ask::Fills));
    script.snapshot_of(vec![silent, heard]);
    script.position_is(7);
    script.live(10);
    assert_eq!(script.engine.snapshot().not_quoting, None);
}

#[test]
fn fills_of_one_block_may_come_in_any_order() {
    let mut script = Script::quoting();
    let fills: Vec<Fill> = (0..4).map(|_| script.fill_best(Side::Ask, 2)).collect();
    for at in [2, 0, 3, 1] {
        script.news(vec![fills[at]]);
        script.pass(0.1);
    }
    script.position_is(-8);
    script.settles();
}

/// Anything that may be told, in any order.
#[derive(Clone, Debug)]
enum Turn {
    Move(i64),
    Fill(bool, i64, bool),
    Answer,
    Lose,
    Look,
    Foreign(u64),
    Pass(f64),
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    proptest::collection::vec(
        prop_oneof![
            4 => (-4_000_i64..4_000).prop_map(Turn::Move),
            3 => (any::<bool>(), 1_i64..900, any::<bool>()).prop_map(|(bid, lots, twice)| Turn::Fill(bid, lots, twice)),
            5 => Just(Turn::Answer),
            1 => Just(Turn::Lose),
            1 => Just(Turn::Look),
            1 => (0_u64..3).prop_map(Turn::Foreign),
            3 => (0.05_f64..3.0).prop_map(Turn::Pass),
        ],
        1..60,
    )
}

fn play(turns: &[Turn]) -> Script {
    let mut script = Script::quoting();
    for turn in turns {
        match turn {
            Turn::Move(by) => {
                script.mid += by;
                script.market();
            }
            Turn::Fill(bid, lots, twice) => {
                let side = if *bid { Side::Bid } else { Side::Ask };
                if script.resting.iter().any(|(_, order)| order.side == side) {
                    let fill = script.fill_best(side, *lots);
                    script.news(vec![fill; 1 + usize::from(*twice)]);
                }
            }
            Turn::Answer if !script.waiting.is_empty() => {
                let action = script.waiting.remove(0);
                script.accept(&action);
            }
            // Never carried out: its nonce was burnt.
            Turn::Lose if !script.waiting.is_empty() => {
                let action = script.waiting.remove(0);
                script.reply(action.id, ReplyOutcome::Lost);
            }
            Turn::Answer | Turn::Lose => {}
            Turn::Look => script.open_orders(&[]),
            Turn::Foreign(n) => script.open_orders(&[other(10 + n, None)]),
            Turn::Pass(secs) => {
                script.pass(*secs);
                script.market();
            }
        }
    }
    script
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Nothing sent crosses our own orders (asserted on every action), no cloid is placed twice, and
    /// when it is quiet the engine knows what rests and what it holds.
    #[test]
    fn prop_races_leave_the_books_right(turns in turns()) {
        let mut script = play(&turns);
        script.open_orders(&[]);
        script.answer_all();
        script.live(25);
        prop_assert_eq!(script.pending(), script.open_lots());
        prop_assert_eq!(script.engine.snapshot().position, script.position);
        prop_assert_eq!(script.engine.snapshot().counts.discontinuities, 0);
        script.no_cloid_twice();
    }

    /// Split and resume: the events written down and read back, stepped by a fresh engine up to any of
    /// them and by a copy of it from there, give the same actions and entries.
    #[test]
    fn prop_a_log_split_anywhere_gives_the_same(turns in turns(), cut in any::<prop::sample::Index>()) {
        let script = play(&turns);
        let cut = cut.index(script.events.len());
        let mut engine = Engine::new(config(), btc()).unwrap();
        let (mut actions, mut entries) = (Vec::new(), Vec::new());
        for (at, event) in script.events.iter().enumerate() {
            if at == cut {
                engine = engine.clone();
            }
            let written = serde_json::to_string(event).unwrap();
            let read: Event = serde_json::from_str(&written).unwrap();
            prop_assert_eq!(&read, event);
            engine.step(&read, &mut actions);
            entries.extend_from_slice(engine.entries());
        }
        prop_assert_eq!(actions, script.sent);
        prop_assert!(entries.ends_with(&script.entries));
        prop_assert_eq!(engine.snapshot(), script.engine.snapshot());
    }
}
