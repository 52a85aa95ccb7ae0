//! The table of orders at hand-made moments: what counts, what ends, and whose a fill is.

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

/// The same of one that was amended: neither leg waits for what was cut.
#[test]
fn the_old_leg_of_a_cut_order_waits_for_nothing() {
    let flagged = |sz| NewOrder {
        reduce_only: true,
        ..bid(1, sz)
    };
    for ended_first in [true, false] {
        let mut table = resting(&[flagged(10)]);
        table.amending(flagged(12), at(1));
        let end = update(101, 1, 4, OrderStatus::Canceled);
        if ended_first {
            table.on_update(&end, at(1));
            assert_eq!(pending(&table), Sz(12));
        }
        table.on_resting(cloid(1), 102, at(1));
        table.on_update(&end, at(1));
        assert_eq!(pending(&table), Sz(12), "{ended_first}");
        assert!(table.ghosts.is_empty());
    }
}

/// Of two amends the first was heard of by its update, so that the second could leave, and its answer
/// comes after the second's: it is of neither leg that may fill now.
#[test]
fn the_late_answer_to_an_earlier_amend_ends_nothing() {
    let mut table = resting(&[bid(1, 10)]);
    table.amending(bid(1, 12), at(1));
    table.on_update(&update(101, 1, 10, OrderStatus::Canceled), at(1));
    table.on_update(&update(102, 1, 12, OrderStatus::Open), at(1));
    table.amending(bid(1, 14), at(1));
    table.on_update(&update(102, 1, 12, OrderStatus::Canceled), at(2));
    table.on_resting(cloid(1), 103, at(2));
    table.amending(bid(1, 20), at(2));
    assert_eq!(pending(&table), Sz(14 + 20));
    table.on_resting(cloid(1), 102, at(3));
    table.on_filled_at_once(cloid(1), 102, Sz(12), at(3));
    assert_eq!(pending(&table), Sz(14 + 20));
    table.on_resting(cloid(1), 104, at(3));
    table.on_update(&update(103, 1, 14, OrderStatus::Canceled), at(3));
    assert_eq!(pending(&table), Sz(20));
}

/// A look lags: what it shows of an order whose amend went unanswered may be the leg before.
#[test]
fn a_look_at_the_old_leg_takes_nothing_from_the_new_one() {
    let mut table = resting(&[bid(1, 10)]);
    table.amending(bid(1, 12), at(1));
    table.on_lost(cloid(1), at(5));
    table.on_open_orders(&[open(101, Some(cloid(1)))], at(5));
    assert_eq!(pending(&table), Sz(10 + 12));
    table.on_open_orders(&[open(102, Some(cloid(1)))], at(6));
    assert_eq!(table.get(cloid(1)).unwrap().state, State::Resting);
    assert_eq!(
        pending(&table),
        Sz(10 + 12),
        "the old leg's end is not told"
    );
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

/// The old leg of an amend, as long as an order that ended; cleaning takes only what was over before.
#[test]
fn the_old_leg_of_an_amend_is_waited_for_as_long() {
    let amended = |expected: bool| {
        let mut table = resting(&[bid(1, 10), bid(2, 3)]);
        table.amending(bid(1, 12), at(1));
        if expected {
            table.on_update(&update(101, 1, 4, OrderStatus::Canceled), at(1));
        }
        table.on_resting(cloid(1), 103, at(1));
        table
    };
    let mut unknown = amended(false);
    assert_eq!(pending(&unknown), Sz(10 + 12 + 3));
    unknown.expire(at(6));
    assert_eq!(pending(&unknown), Sz(25));
    unknown.expire(Time(at(6).0 + 1));
    assert_eq!(pending(&unknown), Sz(15));
    let mut known = amended(true);
    assert_eq!(pending(&known), Sz(6 + 12 + 3));
    known.expire(at(60));
    known.clean(at(1));
    assert_eq!(pending(&known), Sz(21));
    known.clean(at(2));
    assert_eq!(pending(&known), Sz(15), "what rests is never cleaned");
    let mut partly = amended(true);
    partly.on_fill(&fill(101, Some(cloid(1)), 2), at(2));
    assert_eq!(pending(&partly), Sz(4 + 12 + 3));
    let mut filled = amended(true);
    assert_eq!(
        filled.on_fill(&fill(101, Some(cloid(1)), 6), at(2)),
        Owner::Ours
    );
    assert_eq!((pending(&filled), filled.ghosts.len()), (Sz(15), 0));
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

/// Both legs of an amend count until it is answered: of the old one what the exchange has not said
/// was cancelled, less what is filled. Each leg keeps its own flag.
#[test]
fn both_legs_of_an_unanswered_amend_count() {
    let flagged = NewOrder {
        reduce_only: true,
        ..bid(1, 12)
    };
    let mut table = resting(&[bid(1, 10)]);
    table.on_fill(&fill(101, Some(cloid(1)), 1), at(0));
    table.amending(flagged, at(1));
    let parts = |table: &Orders| table.get(cloid(1)).unwrap().parts();
    assert_eq!(parts(&table), [(Sz(9), false), (Sz(12), true)]);
    assert_eq!(table.get(cloid(1)).unwrap().free(), Sz(9));
    table.on_update(&update(101, 1, 4, OrderStatus::Canceled), at(1));
    assert_eq!(parts(&table), [(Sz(5), false), (Sz(12), true)]);
    table.on_fill(&fill(101, Some(cloid(1)), 5), at(1));
    assert_eq!(parts(&table), [(Sz::ZERO, false), (Sz(12), true)]);
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

/// Wholly filled while its amend is out, it is not over: the new leg may rest.
#[test]
fn an_order_that_filled_while_it_is_amended_stays() {
    let mut table = resting(&[bid(1, 10)]);
    table.amending(bid(1, 12), at(1));
    table.on_fill(&fill(101, Some(cloid(1)), 10), at(1));
    assert_eq!(pending(&table), Sz(12));
}

#[test]
fn only_a_resting_quote_is_amended() {
    let now = NewOrder {
        tif: Tif::Ioc,
        ..bid(2, 10)
    };
    let mut table = resting(&[bid(1, 10), now]);
    assert_eq!(table.amendable(cloid(1)), Some(101));
    assert_eq!(table.amendable(cloid(2)), None);
    table.placed(bid(3, 10), at(0));
    assert_eq!(table.amendable(cloid(3)), None);
    table.amending(bid(1, 12), at(0));
    assert_eq!(table.amendable(cloid(1)), None);
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
fn the_newest_of_an_order_is_what_its_amend_asks_for() {
    let mut table = resting(&[bid(1, 10)]);
    let newest = |table: &Orders| table.get(cloid(1)).unwrap().newest();
    assert_eq!(newest(&table), bid(1, 10));
    let flagged = NewOrder {
        reduce_only: true,
        ..bid(1, 6)
    };
    table.amending(flagged, at(1));
    assert_eq!(newest(&table), flagged);
    table.on_amend_refused(cloid(1), at(2));
    assert_eq!(newest(&table), bid(1, 10));
}

/// What an amend that nobody answered was to replace counts until what it made is heard of, and from
/// then on as long as any order that ended.
#[test]
fn the_old_leg_of_a_lost_amend_is_over_when_the_new_one_is_heard_of() {
    let mut table = resting(&[bid(1, 10), bid(2, 3)]);
    for counter in [1, 2] {
        table.amending(bid(counter, 12), at(1));
        table.on_lost(cloid(counter), at(2));
        assert!(table.on_gone(cloid(counter), at(17)), "ask");
    }
    table.on_update(&update(103, 1, 12, OrderStatus::Canceled), at(60));
    table.expire(at(65));
    assert_eq!(pending(&table), Sz(10 + 3 + 12));
    table.expire(Time(at(65).0 + 1));
    assert_eq!(pending(&table), Sz(3 + 12), "nothing proved the other");
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

/// An order that waits for its own answer waits on, whatever a look shows of it.
#[test]
fn a_look_answers_no_amend_that_an_answer_is_awaited_for() {
    let shown = [open(103, Some(cloid(1)))];
    let mut table = resting(&[bid(1, 10)]);
    table.amending(bid(1, 12), at(1));
    table.on_open_orders(&shown, at(2));
    assert_eq!(pending(&table), Sz(10 + 12));
    assert_eq!(table.get(cloid(1)).unwrap().oid, Some(101));
    table.on_lost(cloid(1), at(3));
    table.on_open_orders(&shown, at(4));
    assert_eq!(table.get(cloid(1)).unwrap().oid, Some(103));
}

/// Word of the leg before the last amend ends an order when nothing can arrive any more.
#[test]
fn the_fate_of_an_old_leg_is_that_of_an_order_after_the_last_arrival() {
    let is_known = |told: Time| {
        let mut table = resting(&[bid(1, 10)]);
        table.amending(bid(1, 12), at(1));
        table.on_resting(cloid(1), 103, at(2));
        assert!(table.on_gone(cloid(1), at(5)), "ask");
        table.on_found(&update(101, 1, 10, OrderStatus::Canceled), told);
        table.get(cloid(1)).is_some()
    };
    assert!(is_known(at(16)));
    assert!(!is_known(Time(at(16).0 + 1)));
}

/// A late answer of the leg that a lost amend replaced does not bring it back.
#[test]
fn what_a_lost_amend_replaced_does_not_rest_again() {
    let mut table = resting(&[bid(1, 10)]);
    table.amending(bid(1, 12), at(1));
    table.on_lost(cloid(1), at(2));
    assert!(table.on_gone(cloid(1), at(17)), "ask");
    table.on_found(&update(103, 1, 12, OrderStatus::Open), at(60));
    let is_lost = |table: &Orders| table.get(cloid(1)).unwrap().is_lost();
    assert!(is_lost(&table), "shown, and to be looked for again");
    table.on_resting(cloid(1), 101, at(61));
    assert!(is_lost(&table));
    table.on_resting(cloid(1), 103, at(61));
    assert_eq!(table.get(cloid(1)).unwrap().state, State::Resting);
}

/// The first that is heard of an amend may be the end of what it made.
#[test]
fn what_an_amend_made_may_be_over_before_its_answer() {
    let mut table = resting(&[bid(1, 10)]);
    table.amending(bid(1, 12), at(1));
    table.on_update(&update(103, 1, 12, OrderStatus::Canceled), at(1));
    assert_eq!(pending(&table), Sz(10), "of the old leg nothing is known");
    table.expire(Time(at(6).0 + 1));
    assert!(table.is_clear());
}

/// An order of this session that nobody here remembers is taken up as it is shown, and counts.
#[test]
fn an_order_of_ours_that_a_look_alone_knows_is_adopted() {
    let mut table = Orders::new(SESSION, 0, LIFE);
    table.on_open_orders(&[open(101, Some(cloid(9)))], at(1));
    assert_eq!(pending(&table), Sz(10));
    assert_eq!(table.get(cloid(9)).unwrap().order.reason, Reason::Adopted);
}
