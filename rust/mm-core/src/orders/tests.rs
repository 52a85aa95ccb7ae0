//! The table of orders at hand-made moments: what counts, what ends, and whose a fill is.

mod legs;

use super::*;
use crate::units::{Px, Usd};

const SESSION: u64 = 1_000;

const fn cloid(counter: u64) -> Cloid {
    Cloid::new(SESSION, counter)
}

/// What an action may live; one that nobody answered is forgotten half as long again after it.
const LIFE: Dur = Dur(10 * SECOND);

fn at(secs: i64) -> Time {
    Time(100 * SECOND + secs * SECOND)
}

fn bid(counter: u64, sz: i64) -> NewOrder {
    NewOrder {
        cloid: cloid(counter),
        side: Side::Bid,
        px: Px(100),
        sz: Sz(sz),
        tif: Tif::Alo,
        reduce_only: false,
        reason: Reason::NewLevel,
    }
}

fn update(oid: u64, counter: u64, left: i64, status: OrderStatus) -> OrderUpdate {
    OrderUpdate {
        exch: at(0),
        oid,
        cloid: Some(cloid(counter)),
        sz: Sz(left),
        status,
    }
}

fn fill(oid: u64, cloid: Option<Cloid>, sz: i64) -> Fill {
    Fill {
        exch: at(0),
        tid: 1,
        oid,
        cloid,
        side: Side::Bid,
        px: Px(100),
        sz: Sz(sz),
        start_position: Sz::ZERO,
        fee: Usd::ZERO,
        taker: false,
        kind: FillKind::Trade,
    }
}

fn open(oid: u64, cloid: Option<Cloid>) -> OpenOrder {
    OpenOrder {
        oid,
        cloid,
        side: Side::Bid,
        px: Px(100),
        sz: Sz(10),
        reduce_only: false,
        trigger: None,
    }
}

/// A table with these orders resting, each under an oid of a hundred and its counter.
fn resting(orders: &[NewOrder]) -> Orders {
    let mut table = Orders::new(SESSION, 0, LIFE);
    for order in orders {
        let cloid = table.next_cloid();
        assert_eq!(cloid, order.cloid);
        table.placed(*order, at(0));
        #[expect(clippy::cast_possible_truncation, reason = "small counters")]
        table.on_resting(cloid, 100 + cloid.0 as u64, at(0));
    }
    table
}

fn pending(table: &Orders) -> Sz {
    table.exposures().map(|pending| pending.sz).sum()
}

#[test]
fn clear_is_when_nothing_of_this_program_can_fill() {
    let mut table = Orders::new(SESSION, 0, LIFE);
    assert!(table.is_clear());
    table.placed(bid(1, 10), at(0));
    assert!(!table.is_clear(), "on its way");
    table.on_place_rejected(cloid(1));
    assert!(table.is_clear());

    let mut amended = resting(&[bid(1, 10)]);
    assert!(!amended.is_clear(), "resting");
    amended.amending(bid(1, 12), at(1));
    amended.on_resting(cloid(1), 102, at(1));
    amended.on_update(&update(102, 1, 12, OrderStatus::Canceled), at(2));
    assert!(
        amended.get(cloid(1)).is_none() && !amended.is_clear(),
        "the old leg"
    );
    amended.on_update(&update(101, 1, 10, OrderStatus::Canceled), at(2));
    assert!(amended.is_clear());
}

#[test]
fn an_order_of_an_earlier_session_is_not_clear_and_one_placed_by_hand_is() {
    let earlier = open(5, Some(Cloid::new(SESSION - 1, 3)));
    let mut table = Orders::new(SESSION, 0, LIFE);
    table.on_open_orders(&[earlier], at(0));
    assert!(!table.is_clear());
    table.on_open_orders(&[open(6, None)], at(1));
    assert!(table.is_clear());
    table.on_open_orders(&[open(6, None), earlier], at(2));
    assert!(!table.is_clear());
}

#[test]
fn a_cancel_that_makes_way_keeps_the_level_and_takes_no_room() {
    for (reason, makes_way) in [(Reason::AmendTooLarge, true), (Reason::LevelGone, false)] {
        let mut table = resting(&[bid(1, 10)]);
        table.cancelling(cloid(1), reason, at(1));
        let order = table.get(cloid(1)).unwrap();
        assert_eq!(order.holds_level(), makes_way);
        assert_eq!(order.is_unreplaced(), !makes_way);
    }
}

#[test]
fn nothing_found_ends_what_rested_and_not_what_is_on_its_way() {
    let mut table = resting(&[bid(1, 10)]);
    table.on_gone(cloid(1), at(1));
    assert!(table.get(cloid(1)).unwrap().is_over());
    table.placed(bid(2, 10), at(1));
    table.on_gone(cloid(2), at(2));
    assert_eq!(table.get(cloid(2)).unwrap().state, State::InFlight);
}

/// Unless the cancel left before the place was answered: it may have overtaken it.
#[test]
fn a_cancel_sent_blind_proves_nothing_by_finding_nothing() {
    let mut table = Orders::new(SESSION, 0, LIFE);
    let cloid = table.next_cloid();
    table.placed(bid(1, 10), at(0));
    table.cancelling(cloid, Reason::LevelGone, at(0));
    table.on_resting(cloid, 101, at(1));
    assert!(!table.on_gone(cloid, at(1)), "nothing to ask");
    let order = table.get(cloid).unwrap();
    assert_eq!((order.state, order.may_end(at(1))), (State::Resting, true));
    table.cancelling(cloid, Reason::LevelGone, at(1));
    assert!(table.on_gone(cloid, at(2)), "this one saw it rest");
    assert!(table.get(cloid).unwrap().is_over());
}

/// A reduce-only order may be cut to what there is to reduce: its end tells only that it ended, the
/// reply how much of it filled.
#[test]
fn a_reduce_only_order_that_was_cut_waits_for_no_more_than_it_filled() {
    for update_first in [true, false] {
        let mut table = Orders::new(SESSION, 0, LIFE);
        let cloid = table.next_cloid();
        let order = NewOrder {
            tif: Tif::Ioc,
            reduce_only: true,
            ..bid(1, 29)
        };
        table.placed(order, at(0));
        let end = update(9, 1, 0, OrderStatus::Filled);
        if update_first {
            table.on_update(&end, at(0));
        }
        table.on_filled_at_once(cloid, 9, Sz(15), at(0));
        if !update_first {
            table.on_update(&end, at(0));
        }
        assert_eq!(pending(&table), Sz(15), "{update_first}");
        table.on_fill(&fill(9, Some(cloid), 15), at(0));
        assert!(table.is_clear(), "{update_first}");
    }
}

/// A look shows what is left; what filled may be told after it, and counts once.
#[test]
fn a_lost_place_that_a_look_shows_keeps_its_size_until_its_fills_are_told() {
    let mut table = Orders::new(SESSION, 0, LIFE);
    let cloid = table.next_cloid();
    table.placed(bid(1, 15), at(0));
    table.on_lost(cloid, at(4));
    table.on_open_orders(&[open(101, Some(cloid))], at(5));
    assert_eq!(pending(&table), Sz(15));
    table.on_fill(&fill(101, Some(cloid), 5), at(5));
    assert_eq!(pending(&table), Sz(10));
}

/// The remainder of a cancelled order tells what filled, unless the venue may have shrunk it.
#[test]
fn what_a_cancelled_order_still_owes() {
    let flagged = NewOrder {
        reduce_only: true,
        ..bid(1, 10)
    };
    for (order, status, left, owed) in [
        (bid(1, 10), OrderStatus::Canceled, 4, 6),
        (bid(1, 10), OrderStatus::Filled, 0, 10),
        (flagged, OrderStatus::Canceled, 4, 0),
        (flagged, OrderStatus::Filled, 0, 10),
    ] {
        let mut table = resting(&[order]);
        table.on_update(&update(101, 1, left, status), at(1));
        assert_eq!(pending(&table), Sz(owed), "{order:?} {status:?}");
        assert_eq!(table.is_clear(), owed == 0);
    }
}

/// Fills of what ended are waited for 5 s where the exchange did not say how many there are.
#[test]
fn what_nobody_counted_is_waited_for_and_what_was_counted_stays() {
    let mut table = resting(&[bid(1, 10), bid(2, 10)]);
    table.on_cancelled(cloid(1), at(0));
    table.on_update(&update(102, 2, 4, OrderStatus::Canceled), at(0));
    table.expire(at(5));
    assert_eq!(pending(&table), Sz(16));
    table.expire(Time(at(5).0 + 1));
    assert!(table.get(cloid(1)).is_none());
    assert_eq!(pending(&table), Sz(6), "the ledger misses six lots");
    table.clean(at(0));
    assert_eq!(pending(&table), Sz(6), "not over before that");
    table.clean(at(1));
    assert!(table.is_clear());
}

/// An order of unknown fate that the venue does not know is over when it can arrive no more.
#[test]
fn what_was_not_found_is_gone_after_the_last_arrival() {
    let mut table = Orders::new(SESSION, 0, LIFE);
    table.placed(bid(1, 10), at(0));
    table.on_lost(cloid(1), at(1));
    table.on_gone(cloid(1), at(2));
    table.on_unheard_of(cloid(1), at(15));
    table.expire(Time(at(15).0 + 1));
    assert_eq!(pending(&table), Sz(10));
    assert!(table.on_gone(cloid(1), Time(at(15).0 + 1)), "ask");
    table.expire(at(60));
    assert_eq!(pending(&table), Sz(10), "it may have filled");
    table.on_unheard_of(cloid(1), at(60));
    assert!(table.is_clear());
}

/// Two looks in a row end an order, but none that may be older than its last change or its sending.
#[test]
fn a_look_that_may_lag_does_not_count() {
    let gone_after = |looks: &[i64], refused: Option<i64>| {
        let mut table = resting(&[bid(1, 10)]);
        let mut again = Vec::new();
        for second in looks {
            if refused == Some(*second) {
                table.on_cancel_lost(cloid(1), at(second - 5));
            }
            again.push(table.on_open_orders(&[], at(*second)).again);
        }
        let over = table.get(cloid(1)).unwrap().is_over();
        (again, over)
    };
    assert_eq!(gone_after(&[15, 16], None), (vec![false, true], false));
    assert_eq!(gone_after(&[16, 17], None), (vec![true, false], true));
    assert_eq!(
        gone_after(&[30, 31, 32], Some(31)),
        (vec![true, false, true], false)
    );
}

#[test]
fn an_order_is_dying_while_it_goes_and_not_for_what_has_filled() {
    let dying = |table: &Orders| table.get(cloid(1)).unwrap().is_dying();
    let mut table = resting(&[bid(1, 10)]);
    assert!(!dying(&table));
    table.cancelling(cloid(1), Reason::LevelGone, at(1));
    assert!(dying(&table));
    table.on_update(&update(101, 1, 4, OrderStatus::Canceled), at(1));
    assert!(!dying(&table), "six lots have filled");
    let mut cancelled = resting(&[bid(1, 10)]);
    cancelled.on_cancelled(cloid(1), at(1));
    assert!(dying(&cancelled));
    let mut gone = resting(&[bid(1, 10)]);
    gone.cancelling(cloid(1), Reason::LevelGone, at(1));
    assert!(
        gone.on_gone(cloid(1), at(1)) && !dying(&gone),
        "it has filled, for all we know"
    );
    gone.cancelling(cloid(1), Reason::LevelGone, at(2));
    assert!(!dying(&gone), "nor by another cancel");
}

#[test]
fn what_a_cancel_did_not_find_is_looked_for_once_a_second() {
    let mut table = Orders::new(SESSION, 0, LIFE);
    table.placed(bid(1, 10), at(0));
    table.on_lost(cloid(1), at(0));
    assert!(table.get(cloid(1)).unwrap().may_seek(at(0)));
    table.on_gone(cloid(1), at(0));
    let order = table.get(cloid(1)).unwrap();
    assert!(!order.may_seek(Time(at(1).0 - 1)) && order.may_seek(at(1)));
}

/// A cancel overtook the place; then no answer will come, and a query finds nothing either.
#[test]
fn the_pause_of_a_search_starts_with_the_cancel_that_found_nothing() {
    let ms = |ms: i64| Time(at(0).0 + ms * SECOND / 1_000);
    let mut table = Orders::new(SESSION, 0, LIFE);
    table.placed(bid(1, 10), ms(0));
    table.cancelling(cloid(1), Reason::OverLimit, ms(100));
    assert!(!table.on_gone(cloid(1), ms(200)));
    table.on_lost(cloid(1), ms(900));
    table.on_unheard_of(cloid(1), ms(1_000));
    let seeks = |table: &Orders, ms| table.get(cloid(1)).unwrap().may_seek(ms);
    assert!(!seeks(&table, ms(1_199)) && seeks(&table, ms(1_200)));
    // Each cancel that finds nothing has its own; a query alone starts one only where none did.
    table.on_gone(cloid(1), ms(1_300));
    assert!(!seeks(&table, ms(2_299)) && seeks(&table, ms(2_300)));
    let mut asked = Orders::new(SESSION, 0, LIFE);
    asked.placed(bid(1, 10), ms(0));
    asked.on_lost(cloid(1), ms(900));
    asked.on_unheard_of(cloid(1), ms(1_000));
    assert!(!seeks(&asked, ms(1_899)) && seeks(&asked, ms(1_900)));
}

/// The pause after a cancel that failed ends a step of its own: nothing else may come for a while.
#[test]
fn an_order_whose_cancel_failed_wakes_the_engine() {
    let ms = |ms: i64| Time(at(0).0 + ms * SECOND / 1_000);
    let mut table = resting(&[bid(1, 10), bid(2, 10)]);
    assert_eq!(table.wake_at(ms(0)), None);
    table.cancelling(cloid(1), Reason::OverLimit, ms(0));
    table.on_cancel_lost(cloid(1), ms(100));
    table.cancelling(cloid(2), Reason::OverLimit, ms(0));
    table.on_cancel_lost(cloid(2), ms(300));
    assert_eq!(table.wake_at(ms(300)), Some(ms(1_100)));
    assert_eq!(table.wake_at(ms(1_100)), Some(ms(1_300)));
    table.cancelling(cloid(2), Reason::OverLimit, ms(1_100));
    assert_eq!(table.wake_at(ms(1_100)), None, "on its way");
    let mut lost = Orders::new(SESSION, 0, LIFE);
    lost.placed(bid(1, 10), ms(0));
    lost.on_lost(cloid(1), ms(100));
    assert_eq!(lost.wake_at(ms(100)), None);
    lost.on_unheard_of(cloid(1), ms(200));
    assert_eq!(lost.wake_at(ms(200)), Some(ms(1_100)));
    assert_eq!(lost.wake_at(ms(1_100)), None);
}

/// An order placed by hand: asked about once, counted as it fills, and not again by a look that lags.
#[test]
fn an_order_placed_by_hand_is_known_until_it_is_over() {
    let mut table = Orders::new(SESSION, 0, LIFE);
    let shown = OrderUpdate {
        cloid: None,
        ..update(6, 1, 10, OrderStatus::Open)
    };
    assert!(table.on_update(&shown, at(0)));
    table.on_open_orders(&[open(5, None)], at(0));
    assert!(table.on_update(&shown, at(0)));
    table.on_open_orders(&[open(5, None), open(6, None)], at(0));
    assert!(!table.on_update(&shown, at(0)));
    table.on_fill(&fill(6, None, 4), at(1));
    assert_eq!(pending(&table), Sz(16));
    table.on_fill(&fill(6, None, 6), at(1));
    assert_eq!((pending(&table), table.orphans().count()), (Sz(10), 1));
    table.on_open_orders(&[open(6, None)], Time(at(6).0 - 1));
    assert_eq!(table.orphans().count(), 0, "the look may lag");
    table.on_open_orders(&[open(6, None)], at(6));
    assert_eq!(table.orphans().count(), 1, "it rests after all");
}

/// A later word that says less does not take back what the exchange counted.
#[test]
fn a_second_end_keeps_the_count_of_the_first() {
    let mut table = resting(&[bid(1, 10)]);
    table.on_update(&update(101, 1, 4, OrderStatus::Canceled), at(0));
    table.on_cancelled(cloid(1), at(1));
    assert_eq!(pending(&table), Sz(6));
    table.on_fill(&fill(101, Some(cloid(1)), 5), at(2));
    assert_eq!(pending(&table), Sz(1));
    table.on_fill(&fill(101, Some(cloid(1)), 1), at(2));
    assert!(table.get(cloid(1)).is_none());
}

#[test]
fn a_fill_is_owned_by_its_marks() {
    let table = resting(&[bid(1, 10)]);
    let owner = |cloid| table.owner_of(&fill(7, cloid, 1));
    assert_eq!(owner(Some(cloid(1))), Owner::Ours);
    assert_eq!(owner(Some(cloid(2))), Owner::Past);
    assert_eq!(owner(Some(Cloid::new(SESSION - 1, 1))), Owner::Earlier);
    assert_eq!(owner(Some(Cloid::new(SESSION + 1, 1))), Owner::Stranger);
    assert_eq!(owner(Some(Cloid::new(0, 1))), Owner::Stranger);
    assert_eq!(owner(None), Owner::Stranger);
    let forced = Fill {
        kind: FillKind::Adl,
        ..fill(7, Some(cloid(1)), 1)
    };
    assert_eq!(table.owner_of(&forced), Owner::Exchange);
}

#[test]
fn a_query_is_to_tell_of_what_is_not_over_or_was_not_found() {
    let mut table = resting(&[bid(1, 10), bid(2, 10)]);
    assert!(table.is_in_question(cloid(1)));
    assert!(!table.is_in_question(cloid(3)), "nobody knows it");
    table.on_cancelled(cloid(1), at(1));
    assert!(!table.is_in_question(cloid(1)), "over");
    table.on_gone(cloid(2), at(1));
    assert!(table.is_in_question(cloid(2)), "not found");
    table.on_unheard_of(cloid(2), at(60));
    assert!(!table.is_in_question(cloid(2)));
}

/// An order of this session that nobody here remembers is taken up as it is shown, and counts.
#[test]
fn an_order_of_ours_that_a_look_alone_knows_is_adopted() {
    let mut table = Orders::new(SESSION, 0, LIFE);
    table.on_open_orders(&[open(101, Some(cloid(9)))], at(1));
    assert_eq!(pending(&table), Sz(10));
    assert_eq!(table.get(cloid(9)).unwrap().order.reason, Reason::Adopted);
}
