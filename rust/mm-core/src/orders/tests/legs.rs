//! Both legs of an amend: what each counts, and until when.

use super::*;

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

/// What may rest when nothing more is sent: of an amend one leg, of what is reduce-only or over nothing.
#[test]
fn of_an_amend_one_leg_outlives_us() {
    let flagged = NewOrder {
        reduce_only: true,
        ..bid(3, 50)
    };
    let mut table = resting(&[bid(1, 10), bid(2, 7), flagged]);
    assert_eq!(table.outlive(), [Sz(17), Sz::ZERO]);
    table.amending(bid(1, 12), at(1));
    assert_eq!(table.outlive(), [Sz(19), Sz::ZERO], "the larger leg");
    table.on_resting(cloid(1), 110, at(1));
    table.amending(bid(1, 4), at(1));
    assert_eq!(table.outlive(), [Sz(19), Sz::ZERO], "the larger leg");
    table.on_open_orders(&[open(900, None)], at(2));
    let foreign = open(900, None).sz;
    assert_eq!(table.outlive(), [Sz(19) + foreign, Sz::ZERO]);
}
