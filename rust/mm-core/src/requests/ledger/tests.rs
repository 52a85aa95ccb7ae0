//! The ledger by hand, and its laws.

use super::*;
use crate::requests::tests::CONFIG;
use proptest::prelude::*;

fn at(second: i64) -> Time {
    Time(second * SECOND)
}

/// Reported at second 100.
fn known(used: i64, cap: i64) -> RequestLedger {
    let mut ledger = RequestLedger::new(CONFIG);
    ledger.tend(at(100));
    ledger.on_report(RateLimit { used, cap }, at(100));
    ledger
}

#[test]
fn nothing_is_known_before_the_first_report() {
    let mut ledger = RequestLedger::new(CONFIG);
    ledger.on_sent(10, 1, false, at(100));
    let shown = ledger.shown();
    assert_eq!((shown.used, shown.cap, shown.left), (None, None, None));
    assert_eq!(shown.supply, Supply::Unknown);
    let terms = ledger.terms(at(100));
    assert_eq!((terms.items, terms.short), (0, Why::Unknown));
    assert!((terms.price_usd - 0.0005).abs() < 1e-12);
}

#[test]
fn what_left_and_what_was_earned_is_counted_between_reports() {
    let mut ledger = known(1_000, 10_000);
    ledger.on_sent(10, 1, false, at(101));
    ledger.on_fill(Usd(250_900_000), 1.0, at(102));
    assert_eq!((ledger.used(), ledger.cap()), (Some(1_010), Some(10_250)));
    assert_eq!(ledger.spare(), Some(8_740));
    // Refused before it was counted, and too late: nothing, and five times.
    ledger.on_sent(3, 1, false, at(103));
    ledger.on_uncounted(3);
    ledger.on_sent(2, 1, false, at(103));
    ledger.on_expired(2, at(104));
    assert_eq!(ledger.used(), Some(1_020));
    // A fill that the report may hold earns nothing more.
    ledger.on_report(
        RateLimit {
            used: 1_020,
            cap: 10_250,
        },
        at(110),
    );
    ledger.on_fill(Usd(100_000_000), 1.0, at(109));
    ledger.on_fill(Usd(100_000_000), 1.0, at(110));
    assert_eq!(ledger.cap(), Some(10_250));
    assert_eq!((ledger.shown().drift, ledger.shown().others), (0, 0));
}

#[test]
fn where_the_venue_counts_less_a_fill_earns_less() {
    let mut ledger = known(1_000, 10_000);
    ledger.on_fill(Usd(250_000_000), 0.2, at(102));
    assert_eq!(ledger.cap(), Some(10_050));
}

#[test]
fn an_expired_action_is_settled_five_times() {
    for (used, drift) in [(1_010, 0), (1_009, -1), (1_011, 1)] {
        let mut ledger = known(1_000, 10_000);
        ledger.on_sent(2, 1, false, at(101));
        ledger.on_expired(2, at(102));
        ledger.on_asked(20, true, at(103));
        ledger.on_report(RateLimit { used, cap: 10_000 }, at(104));
        assert_eq!(ledger.shown().drift, drift, "{used}");
    }
}

#[test]
fn what_reports_do_not_explain_was_sent_by_others() {
    let mut ledger = known(1_000, 10_000);
    ledger.on_sent(10, 1, false, at(101));
    ledger.on_settled(10, at(102));
    ledger.on_asked(20, true, at(103));
    // Left after the question: the answer may hold it or not.
    ledger.on_sent(4, 1, false, at(103));
    for (used, drift) in [(1_010, 0), (1_014, 0), (1_017, 3), (1_006, -4)] {
        let mut one = ledger.clone();
        one.on_report(RateLimit { used, cap: 10_000 }, at(104));
        assert_eq!(one.shown().drift, drift, "{used}");
        assert_eq!(one.shown().others, drift.max(0));
        assert_eq!(one.used(), Some(used + 4), "at most");
    }
}

#[test]
fn a_burn_beyond_the_plan_raises_the_price_and_then_makes_wait() {
    let mut ledger = known(0, 10_500);
    let price = |ledger: &RequestLedger| ledger.price_usd();
    assert!(price(&ledger).abs() < 1e-15);
    // Full at a tenth of what is spare; a tenth of that is free.
    ledger.on_sent(90, 1, false, at(100));
    assert!(price(&ledger).abs() < 1e-15);
    for _ in 0..2 {
        ledger.on_sent(200, 1, false, at(100));
    }
    let spare = 10_500.0 - 490.0 - 500.0;
    let expected = 0.0005 * (490.0 / (0.1 * spare) - 0.1) / 0.9;
    assert!((price(&ledger) - expected).abs() < 1e-9);
    // 950 less 490.
    assert_eq!(ledger.terms(at(100)).items, 461);
    for _ in 0..3 {
        ledger.on_sent(200, 1, false, at(100));
    }
    assert!((price(&ledger) - 0.0005).abs() < 1e-12);
    let terms = ledger.terms(at(100));
    assert_eq!((terms.items, terms.short), (0, Why::Plan));
    // Fills pay back at once, the plan in its days.
    let mut filled = ledger.clone();
    filled.on_fill(Usd(500_000_000), 1.0, at(101));
    assert!(filled.terms(at(101)).items > 400);
    let debt = |ledger: &RequestLedger| ledger.shown().debt;
    ledger.tend(at(101));
    let before = debt(&ledger);
    ledger.tend(at(101 + 3_600));
    let spare = ledger.spare().map_or(0.0, as_f64);
    assert!((before - debt(&ledger) - spare / 72.0).abs() < 1e-6);
}

#[test]
fn the_reserve_is_nobodys_but_safetys() {
    for (left, supply, items) in [
        (501, Supply::Enough, 0),
        (500, Supply::Reserve, 0),
        (1, Supply::Reserve, 0),
        (0, Supply::Empty, 0),
    ] {
        let ledger = known(10_000 - left, 10_000);
        assert_eq!(ledger.supply(), supply, "{left}");
        assert_eq!(ledger.terms(at(100)).items, items, "{left}");
    }
    assert_eq!(known(10_000, 10_000).cancels_left(), Some(10_000));
    assert_eq!(known(0, 500_000).cancels_left(), Some(600_000));
}

#[test]
fn an_empty_budget_admits_one_order_in_eleven_seconds_until_there_is_head_room() {
    let mut ledger = known(9_000, 10_000);
    ledger.on_empty(at(100));
    assert_eq!(ledger.supply(), Supply::Empty);
    assert!(!ledger.admits_order(at(110)) && ledger.admits_order(at(111)));
    assert_eq!(ledger.terms(at(110)).slot, Slot::Closed);
    assert_eq!(ledger.terms(at(111)).slot, Slot::One);
    ledger.on_sent(2, 1, true, at(111));
    assert!(ledger.admits_order(at(111)), "a cancel takes no slot");
    ledger.on_sent(2, 1, false, at(111));
    assert!(!ledger.admits_order(at(121)) && ledger.admits_order(at(122)));
    ledger.on_report(
        RateLimit {
            used: 9_951,
            cap: 10_000,
        },
        at(123),
    );
    assert_eq!(
        ledger.supply(),
        Supply::Empty,
        "the next batch would be refused"
    );
    ledger.on_report(
        RateLimit {
            used: 9_930,
            cap: 10_000,
        },
        at(124),
    );
    assert_eq!(ledger.supply(), Supply::Reserve);
}

#[test]
fn what_the_line_carries_makes_the_rest_wait() {
    let mut ledger = known(0, 1_000_000);
    assert!(ledger.terms(at(100)).items > 0);
    for _ in 0..8 {
        ledger.on_asked(100, false, at(100));
    }
    let terms = ledger.terms(at(100));
    assert_eq!((terms.items, terms.short), (0, Why::Weight));
    ledger.tend(at(160));
    assert!(ledger.terms(at(160)).items > 0);
    ledger.on_limited(at(160));
    assert_eq!(ledger.terms(at(169)).short, Why::Weight);
    assert!(ledger.terms(at(170)).items > 0);
    for _ in 0..80 {
        ledger.on_sent(1, 1, false, at(170));
    }
    assert_eq!(ledger.terms(at(170)).short, Why::Weight);
    ledger.on_settled(1, at(170));
    assert!(ledger.terms(at(170)).items > 0);
}

proptest! {
    /// Whatever happens: the price stays between nothing and the venue's, and asking for what it allows
    /// never touches the reserve.
    #[test]
    fn prop_what_is_allowed_never_touches_the_reserve(
        used in 0_i64..12_000,
        cap in 10_000_i64..12_000,
        steps in proptest::collection::vec((0_u8..6, 1_usize..200, 0_i64..4_000), 0..60),
    ) {
        let mut ledger = known(used, cap);
        let mut now = at(100);
        for (what, items, dt) in steps {
            now = now.plus(Dur(dt * SECOND));
            ledger.tend(now);
            match what {
                0 => ledger.on_fill(Usd(i64::try_from(items).expect("small") * 1_000_000), 1.0, now),
                1 => ledger.on_settled(items, now),
                2 => ledger.on_uncounted(0),
                _ => {
                    let terms = ledger.terms(now);
                    let items = items.min(terms.items);
                    if items > 0 {
                        let before = ledger.left();
                        ledger.on_sent(items, 1, false, now);
                        prop_assert!(before.is_some_and(|left| left > 500));
                        prop_assert!(ledger.left().is_some_and(|left| left >= 500));
                    }
                }
            }
            let price = ledger.price_usd();
            prop_assert!((0.0..=0.0005).contains(&price), "{}", price);
            prop_assert!(ledger.shown().debt >= 0.0);
        }
    }
}
