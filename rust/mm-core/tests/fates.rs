//! What became of an order: no exposure ends on a guess, and none is counted for ever.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod given;
mod script;

use mm_core::action::{Action, ActionBody, Cloid, NewOrder, Reason};
use mm_core::control::Alarm;
use mm_core::event::{
    AccountState, Command, EventBody, Fill, ItemStatus, OpenOrder, OpenOrders, OrderFate,
    OrderStatus, OrderUpdate, Rejection, RejectionClass, ReplyOutcome,
};
use mm_core::recovery::ask::Ask;
use mm_core::units::{Side, Sz, Usd};

use script::{Script, cancels_of, error, gone, orders_of, other};

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
            let Rejection { class, text } = error(class);
            let text = format!("Error placing new order during modify: {text}");
            statuses.push(ItemStatus::Error(Rejection { class, text }));
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

/// Refuses the amends that wait before anything of them is done.
fn refuse_amends(script: &mut Script) {
    let is_amend = |action: &Action| matches!(action.body, ActionBody::Modify(_));
    let at = script.waiting.iter().position(is_amend).unwrap();
    let action = script.waiting.remove(at);
    let refused = orders_of(&action).into_iter().map(|_| {
        let text = "Order has invalid price.".to_owned();
        let class = RejectionClass::Price;
        ItemStatus::Error(Rejection { class, text })
    });
    script.reply(action.id, ReplyOutcome::Statuses(refused.collect()));
}

/// The order rests, and its side's strikes are counted as those of a new order: two are answered at
/// once, the third makes the side wait, and what rests out of place is cancelled.
#[test]
fn a_modify_refused_before_anything_was_done_leaves_its_order_and_counts_a_strike() {
    let mut script = Script::quoting();
    script.mid += 1_000;
    script.pass(1.0);
    script.market();
    let before = script.sent.len();
    for _ in 0..2 {
        refuse_amends(&mut script);
        assert_eq!(cancels_of(&script.sent[before..]), []);
    }
    refuse_amends(&mut script);
    let cancels = cancels_of(&script.sent[before..]);
    assert!(cancels.len() >= 8, "{cancels:?}");
    assert!(cancels.iter().all(|(_, why)| *why == Reason::Backoff));
    script.settles();
    assert_eq!(script.resting.len(), 10);
}

/// A place was heard of by its update, so that an amend could leave, and its answer comes to nothing:
/// that says nothing of the amend, and both legs count whatever a look that lags shows.
#[test]
fn an_answer_that_its_own_order_outran_says_nothing() {
    for outcome in [
        ReplyOutcome::Lost,
        ReplyOutcome::Refused(error(RejectionClass::Transport)),
    ] {
        let mut script = Script::quoting();
        let fill = script.fill_best(Side::Bid, 1_000_000);
        script.news(vec![fill]);
        script.pass(1.0);
        script.market();
        let is_place = |action: &Action| matches!(action.body, ActionBody::Place(_));
        let at = script.waiting.iter().position(is_place).unwrap();
        let place = script.waiting.remove(at);
        let placed = orders_of(&place)[0];
        let oid = script.rest(placed);
        let told = script.update(oid, &placed, placed.sz, OrderStatus::Open);
        script.tell(EventBody::OrderUpdates(vec![told]));
        script.answer_all();
        script.mid += 1_000;
        script.pass(0.1);
        script.market();
        let amends = |action: &Action| {
            let orders = orders_of(action);
            orders.iter().any(|order| order.cloid == placed.cloid)
        };
        assert!(script.waiting.iter().any(amends));
        let [pending, _] = script.pending();
        let before = script.sent.len();
        script.reply(place.id, outcome);
        script.open_orders(&[]);
        assert_eq!(script.pending()[0], pending);
        assert_eq!(cancels_of(&script.sent[before..]), []);
        script.settles();
        assert_eq!(script.resting.len(), 10);
    }
}

/// The venue runs a block's cancels before its post-only orders: a cancel may find nothing of an order
/// that rests a moment later, and its answer come after that order's.
#[test]
fn a_cancel_that_overtook_its_order_is_sent_again() {
    let mut script = Script::quoting();
    let fill = script.fill_best(Side::Ask, i64::MAX);
    script.news(vec![fill]);
    let is_place = |action: &Action| matches!(action.body, ActionBody::Place(_));
    let at = script.waiting.iter().position(is_place).unwrap();
    let place = script.waiting.remove(at);
    let placed = orders_of(&place);
    // Most of the money goes, and the limit with it.
    let account_value = Usd(9_000_000_000);
    script.tell(EventBody::Account(AccountState {
        account_value,
        ..script.report()
    }));
    let overtaking = |action: &Action| {
        let cancels = cancels_of(core::slice::from_ref(action));
        cancels.iter().any(|(cloid, _)| *cloid == placed[0].cloid)
    };
    let at = script.waiting.iter().position(overtaking).unwrap();
    let cancel = script.waiting.remove(at);
    let mut found = Vec::new();
    for (cloid, _) in cancels_of(core::slice::from_ref(&cancel)) {
        let ended = script.oid_of(cloid).and_then(|oid| script.end(oid));
        found.push(ended.map_or_else(gone, |_| ItemStatus::Success));
    }
    let resting: Vec<ItemStatus> = placed
        .iter()
        .map(|order| ItemStatus::Resting(script.rest(*order)))
        .collect();
    script.reply(place.id, ReplyOutcome::Statuses(resting));
    script.reply(cancel.id, ReplyOutcome::Statuses(found));
    let sent = &script.waiting;
    assert!(sent.iter().any(overtaking), "{sent:?}");
    script.answer_all();
    assert_eq!(script.oid_of(placed[0].cloid), None);
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

/// Long, with most of the money gone, so that nothing but the way out is quoted.
fn only_reducing(script: &mut Script) {
    let account_value = Usd(9_000_000_000);
    script.tell(EventBody::Account(AccountState {
        account_value,
        ..script.report()
    }));
    assert!(script.engine.snapshot().reduce_only);
}

fn reduces(action: &Action) -> bool {
    let orders = orders_of(action);
    orders
        .iter()
        .any(|order| order.side == Side::Ask && order.reduce_only)
}

/// What only reduces waits for no order of unknown fate: twice is harmless of it, and its side must not be
/// without a quote for as long as an order may take to arrive.
#[test]
fn the_way_out_does_not_wait_for_a_lost_order_of_its_own() {
    let mut script = Script::quoting();
    let fill = script.fill_best(Side::Bid, 1_000_000);
    script.news(vec![fill]);
    only_reducing(&mut script);
    script.answer_all();
    script.live(2);
    script.mid += 1_000;
    script.pass(1.0);
    script.market();
    let at = script.waiting.iter().position(reduces).unwrap();
    let action = script.waiting.remove(at);
    for order in orders_of(&action) {
        let oid = script.oid_of(order.cloid).unwrap();
        script.end(oid);
    }
    let before = script.sent.len();
    script.reply(action.id, ReplyOutcome::Lost);
    assert!(script.sent[before..].iter().any(reduces));
    script.live(25);
    assert_eq!(script.pending(), script.open_lots());
}

/// Nor for a lost bid that its price would meet: the venue refuses one of them, if both are there.
#[test]
fn the_way_out_does_not_wait_for_a_lost_order_against_it() {
    let mut script = Script::quoting();
    let fill = script.fill_best(Side::Bid, 1_000_000);
    script.news(vec![fill]);
    script.answer_all();
    script.mid += 1_000;
    script.pass(1.0);
    script.market();
    let is_amend = |action: &Action| matches!(action.body, ActionBody::Modify(_));
    let at = script.waiting.iter().position(is_amend).unwrap();
    let action = script.waiting.remove(at);
    let (mut statuses, mut ended) = (Vec::new(), Vec::new());
    for order in orders_of(&action) {
        let oid = script.oid_of(order.cloid).unwrap();
        let end = script.end(oid);
        ended.extend(end.filter(|_| order.side == Side::Ask));
        statuses.push(match order.side {
            // No answer to an amend: it may rest or not.
            Side::Bid => ItemStatus::Success,
            Side::Ask => ItemStatus::Resting(script.rest(order)),
        });
    }
    script.reply(action.id, ReplyOutcome::Statuses(statuses));
    script.tell(EventBody::OrderUpdates(ended));
    script.mid -= 3_000;
    let before = script.sent.len();
    only_reducing(&mut script);
    script.pass(0.1);
    script.market();
    script.answer_all();
    assert!(script.sent[before..].iter().any(reduces));
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
        trigger: None,
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

/// The best bid is taken at the exchange just before its cancel arrives there: the cancel finds nothing.
/// The order, and the fill that nobody has told yet.
fn gone_bid() -> (Script, NewOrder, Fill) {
    let mut script = Script::quoting();
    script.live(20);
    let (oid, order) = script.best(Side::Bid);
    script.tell(EventBody::Command(Command::Stop));
    let action = script.waiting.remove(0);
    let fill = script.fill_best(Side::Bid, 1_000_000);
    assert_eq!(fill.oid, oid);
    script.asks.clear();
    script.accept(&action);
    assert_eq!(
        script.asks,
        [Ask::OrderStatus(order.cloid)],
        "asked at once"
    );
    assert_eq!(script.pending(), [order.sz, Sz::ZERO]);
    (script, order, fill)
}

impl Script {
    /// Time passes and nothing of our account is heard.
    fn silence(&mut self, secs: usize) {
        for _ in 0..secs {
            self.pass(1.0);
            self.tell(EventBody::Timer);
        }
    }

    fn told(&mut self, order: &NewOrder, oid: u64, left: i64, status: OrderStatus) -> [Sz; 2] {
        let found = Some(self.update(oid, order, Sz(left), status));
        let cloid = order.cloid;
        self.tell(EventBody::OrderStatus(OrderFate { cloid, found }));
        self.pending()
    }
}

#[test]
fn a_cancel_that_found_nothing_counts_until_the_venue_says_how_the_order_ended() {
    let (mut script, order, fill) = gone_bid();
    script.silence(12);
    assert_eq!(script.pending()[0], order.sz, "no time ends it");
    // Filled: that is counted until the ledger has it.
    let pending = script.told(&order, fill.oid, 0, OrderStatus::Filled);
    assert_eq!(pending[0], order.sz);
    script.silence(12);
    assert_eq!(script.pending()[0], order.sz);
    script.news(vec![fill]);
    assert_eq!(script.pending(), [Sz::ZERO; 2]);
    script.position_is(fill.sz.0);

    // Or the fill itself comes first.
    let (mut script, _, fill) = gone_bid();
    script.news(vec![fill]);
    assert_eq!(script.pending(), [Sz::ZERO; 2]);

    // Cancelled with something filled before: that much is waited for.
    let (mut script, order, fill) = gone_bid();
    let left = order.sz.0 - 3;
    let pending = script.told(&order, fill.oid, left, OrderStatus::Canceled);
    assert_eq!(pending[0], Sz(3));
    let (mut script, order, fill) = gone_bid();
    let all = order.sz.0;
    let pending = script.told(&order, fill.oid, all, OrderStatus::Canceled);
    assert_eq!(pending[0], Sz::ZERO);

    // Unknown to the venue, long after it could have arrived.
    let (mut script, order, _) = gone_bid();
    let (cloid, found) = (order.cloid, None);
    script.tell(EventBody::OrderStatus(OrderFate { cloid, found }));
    assert_eq!(script.pending(), [Sz::ZERO; 2]);
}

#[test]
fn a_query_that_still_shows_a_cancelled_order_is_believed_when_it_no_longer_lags() {
    let (mut script, order, fill) = gone_bid();
    let (before, all) = (script.sent.len(), order.sz.0);
    script.told(&order, fill.oid, all, OrderStatus::Open);
    script.silence(1);
    assert_eq!(cancels_of(&script.sent[before..]), [], "it may lag");
    script.silence(5);
    script.told(&order, fill.oid, all, OrderStatus::Open);
    assert_eq!(cancels_of(&script.sent[before..])[0].0, order.cloid);
    assert_eq!(script.pending()[0], order.sz);
}

#[test]
fn an_order_that_no_query_tells_of_counts_until_the_ledger_is_known_to_be_whole() {
    let (mut script, order, fill) = gone_bid();
    script.alarms.clear();
    script.asks.clear();
    script.silence(30);
    assert_eq!(script.pending()[0], order.sz, "nothing proves anything");
    let again = |ask: &&Ask| **ask == Ask::OrderStatus(order.cloid);
    assert!(script.asks.iter().filter(again).count() >= 2);
    assert!(script.asks.contains(&Ask::Fills));
    let found = Alarm::SweepFound {
        unanswered: 1,
        unsettled: 1,
        forbidden: 0,
    };
    assert!(script.alarms.contains(&found), "{:?}", script.alarms);
    // A snapshot alone does not end it, nor does one that shows the fill late count it twice.
    script.snapshot_of(vec![]);
    script.silence(1);
    assert_eq!(script.pending()[0], order.sz);
    script.tell(EventBody::Account(script.report()));
    script.silence(1);
    assert_eq!(script.pending()[0], order.sz, "the report disagrees");
    script.snapshot_of(vec![fill]);
    assert_eq!(script.pending(), [Sz::ZERO; 2]);

    // It was cancelled: nothing is missing, a snapshot and a report agree on that.
    let (mut script, order, fill) = gone_bid();
    script.position -= fill.sz;
    script.silence(6);
    assert_eq!(script.pending()[0], order.sz);
    script.snapshot_of(vec![]);
    script.tell(EventBody::Account(script.report()));
    script.silence(1);
    assert_eq!(script.pending(), [Sz::ZERO; 2]);
}

#[test]
fn an_order_that_looks_do_not_show_is_asked_for_and_counts_meanwhile() {
    let mut script = Script::quoting();
    script.live(20);
    let (oid, order) = script.best(Side::Bid);
    let fill = script.fill_best(Side::Bid, 1_000_000);
    let rests = script.pending()[0];
    script.asks.clear();
    for _ in 0..2 {
        script.open_orders(&[]);
        script.pass(1.0);
    }
    assert!(script.asks.contains(&Ask::OrderStatus(order.cloid)));
    script.silence(7);
    assert!(script.pending()[0] >= rests);
    script.told(&order, oid, 0, OrderStatus::Filled);
    assert!(script.pending()[0] >= rests, "its fill is not heard");
    script.news(vec![fill]);
    script.settles();
}

#[test]
fn an_order_of_an_earlier_session_that_a_cancel_did_not_find_counts_until_that_is_explained() {
    let mut script = Script::quoting();
    let left = other(50, Some(Cloid::new(6, 3)));
    let cloid = left.cloid.unwrap();
    script.open_orders(&[left]);
    let action = script.waiting.remove(0);
    script.asks.clear();
    script.reply(action.id, ReplyOutcome::Statuses(vec![gone()]));
    assert!(script.asks.contains(&Ask::OrderStatus(cloid)));
    let lots = script.open_lots()[0];
    assert_eq!(script.pending()[0], lots + left.sz);
    let found = OrderUpdate {
        exch: script.now,
        oid: left.oid,
        cloid: Some(cloid),
        sz: Sz::ZERO,
        status: OrderStatus::Filled,
    };
    let found = Some(found);
    script.tell(EventBody::OrderStatus(OrderFate { cloid, found }));
    assert_eq!(script.pending()[0], lots + left.sz, "its fill is not heard");
    let fill = script.fill(left.oid, Some(cloid), left.side, left.px, left.sz);
    script.news(vec![fill]);
    assert_eq!(script.pending()[0], script.open_lots()[0]);
}

/// The streams told what an amend came to, the next one left, and then the first is answered: counted
/// and told, and no word of it changes the order that the later amend is making.
#[test]
fn an_answer_that_a_later_amend_outran_is_counted_and_changes_nothing() {
    for refused in [false, true] {
        let mut script = Script::quoting();
        let move_on = |script: &mut Script| {
            script.mid += 1_000;
            script.pass(1.0);
            script.market();
            let action = script.waiting.remove(0);
            script.answer_all();
            action
        };
        let first = move_on(&mut script);
        let mut updates = Vec::new();
        let mut statuses = Vec::new();
        let ActionBody::Modify(amends) = &first.body else {
            panic!("{first:?}")
        };
        for amend in amends {
            updates.extend(script.end(amend.oid));
            let oid = script.rest(amend.order);
            updates.push(script.update(oid, &amend.order, amend.order.sz, OrderStatus::Open));
            statuses.push(ItemStatus::Resting(oid));
        }
        script.tell(EventBody::OrderUpdates(updates));
        script.answer_all();
        let later = move_on(&mut script);
        let ActionBody::Modify(again) = &later.body else {
            panic!("{later:?}")
        };
        let cloids = |orders: &[mm_core::action::Amend]| -> Vec<Cloid> {
            let mut cloids: Vec<Cloid> = orders.iter().map(|amend| amend.order.cloid).collect();
            cloids.sort();
            cloids
        };
        let again = cloids(again);
        assert!(cloids(amends).iter().all(|cloid| again.contains(cloid)));
        if refused {
            let text = "Order has invalid price.".to_owned();
            let class = RejectionClass::Price;
            statuses.fill(ItemStatus::Error(Rejection { class, text }));
        }
        let (before, wanted) = (script.engine.snapshot(), script.asks.len());
        script.reply(first.id, ReplyOutcome::Statuses(statuses));
        let after = script.engine.snapshot();
        assert_eq!(
            after.orders, before.orders,
            "what the later one makes of them"
        );
        assert_eq!(after.pending, before.pending);
        let (counts, were) = (after.counts, before.counts);
        let items = u64::try_from(amends.len()).unwrap();
        assert!(items > 4, "{items}");
        let (modified, rejected) = if refused { (0, items) } else { (items, 0) };
        assert_eq!(counts.modified - were.modified, modified);
        assert_eq!(counts.rejected - were.rejected, rejected);
        assert_eq!(counts.placed, were.placed);
        let asked = script.asks[wanted..].iter();
        let asked = asked
            .filter(|ask| matches!(ask, Ask::OrderStatus(_)))
            .count();
        assert_eq!(
            asked,
            if refused { amends.len() } else { 0 },
            "what it came to is asked"
        );
        script.waiting.insert(0, later);
        script.settles();
    }
}
