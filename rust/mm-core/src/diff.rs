//! From wanted orders and own orders to the fewest changes.
//!
//! An order that is inside the tolerance of a wanted one, in price and size, may stand for it: it stays
//! and keeps its place in the queue. Of all ways to pair them the one that keeps most orders is taken,
//! and of those the nearest in price. So a ladder stays as a whole while it is within the tolerance,
//! however close its levels are; beyond it, levels of one size move from one end to the other, and not
//! every one by a step. What a fill would lose by at the present fair price stays for nothing that would
//! not lose, however wide the tolerance is. A side that shows more than is wanted on it keeps no order
//! that is larger than the one it stands for. An order still waiting for an answer takes the place of one
//! wanted level and is not touched; the rest is amended pairwise, placed or cancelled.

mod matching;

use self::matching::cheapest_pairs;
use crate::action::Cloid;
use crate::filter::Quote;
use crate::units::{Px, Side, Sz};

/// One of our orders, as the plan sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Own {
    /// Its id.
    pub cloid: Cloid,
    /// Price, or the price it is becoming.
    pub px: Px,
    /// Open size, or the size it is becoming.
    pub sz: Sz,
    /// Reduce-only on the wire.
    pub reduce_only: bool,
    /// Whether it may be touched now, or waits for an answer.
    pub settled: bool,
}

/// How far an order may be from what is wanted and still stay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// In price units.
    pub px: Px,
    /// As a fraction of the wanted size.
    pub sz_frac: f64,
    /// Nearer to the other side than this a fill loses at the present fair price; `None`: nobody knows.
    pub break_even: Option<Px>,
}

impl Tolerance {
    /// Whether a fill of `own` would lose at the present fair price where one of `wanted` would not.
    #[must_use]
    pub fn loses(&self, own: &Own, wanted: &Quote) -> bool {
        let nearer = |px: Px, than: Px| (px - than).0 * wanted.side.sign() > 0;
        self.break_even
            .is_some_and(|even| nearer(own.px, even) && !nearer(wanted.px, even))
    }

    /// What it costs that `own` stands for `wanted`, its distance; `None`: it may not. On a side that
    /// `shrinks` none that is larger does.
    fn cost(&self, own: &Own, wanted: &Quote, shrinks: bool) -> Option<i64> {
        let away = (own.px - wanted.px).abs();
        let sized = (own.sz - wanted.sz).abs().as_f64() <= self.sz_frac * wanted.sz.as_f64();
        let sized = sized && (own.sz <= wanted.sz || !shrinks);
        let stays = away <= self.px && sized && own.reduce_only == wanted.reduce_only;
        let stays = stays && !self.loses(own, wanted);
        stays.then_some(away.0)
    }
}

/// A change on one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Place this.
    Place(Quote),
    /// Make this order that.
    Amend(Cloid, Quote),
    /// Cancel this.
    Cancel(Cloid),
}

/// Why one of our orders stands for a wanted one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because {
    /// It is within the tolerance: it stays.
    Near,
    /// It waits for an answer: nothing can be done about it yet.
    Unanswered,
    /// It is to become the wanted one.
    Amended,
}

/// One of our orders, and the wanted one that it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The order.
    pub cloid: Cloid,
    /// What it stands for.
    pub wanted: Quote,
    /// Why.
    pub because: Because,
}

/// What one side wants changed, and what it pairs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The changes.
    pub changes: Vec<Change>,
    /// Each order that stands for something; of the others nothing is wanted.
    pub pairs: Vec<Pair>,
}

/// Plans one side: the changes alone, see [`plan_orders`].
#[must_use]
pub fn diff_orders(wanted: &[Quote], own: &[Own], tolerance: &Tolerance) -> Vec<Change> {
    plan_orders(wanted, own, tolerance).changes
}

/// Plans one side. `wanted` and `own` are sorted from the touch outward (see [`sort_outward`]).
///
/// Applying the changes gives the wanted orders within tolerance; planning again then gives nothing.
#[must_use]
pub fn plan_orders(wanted: &[Quote], own: &[Own], tolerance: &Tolerance) -> Plan {
    let [have, want] = [
        own.iter().map(|own| own.sz).sum::<Sz>(),
        wanted.iter().map(|wanted| wanted.sz).sum(),
    ];
    let shrinks = (have - want).as_f64() > tolerance.sz_frac * want.as_f64();
    let stays = |(own, wanted)| tolerance.cost(own, wanted, shrinks).is_some();
    let near = |(own, wanted): (&Own, &Quote)| Pair {
        cloid: own.cloid,
        wanted: *wanted,
        because: Because::Near,
    };
    if wanted.len() == own.len() && own.iter().zip(wanted).all(stays) {
        return Plan {
            pairs: own.iter().zip(wanted).map(near).collect(),
            changes: Vec::new(),
        };
    }
    let pairs = cheapest_pairs(wanted.len(), own.len(), tolerance.px.0, |at, by| {
        tolerance.cost(&own[by], &wanted[at], shrinks)
    });
    let mut kept = vec![false; own.len()];
    for by in pairs.iter().flatten() {
        kept[*by] = true;
    }
    let levels = wanted.iter().zip(&pairs);
    let missing: Vec<Quote> = levels
        .filter(|(_, pair)| pair.is_none())
        .map(|(level, _)| *level)
        .collect();
    let spare = own.iter().zip(kept).filter(|(_, kept)| !kept);
    let spare: Vec<Own> = spare.map(|(own, _)| *own).collect();
    let kept = wanted.iter().zip(&pairs);
    let kept = kept.filter_map(|(level, by)| Some(near((&own[(*by)?], level))));
    let mut plan = Plan {
        changes: Vec::with_capacity(missing.len() + spare.len()),
        pairs: kept.collect(),
    };
    pair(&missing, &spare, &mut plan);
    plan
}

/// Pairs what is missing with what is spare: first with orders that wait for an answer (no change),
/// then with settled ones (amend); the rest is placed or cancelled.
fn pair(missing: &[Quote], spare: &[Own], plan: &mut Plan) {
    let mut stand = |own: &Own, wanted: &Quote, because| {
        plan.pairs.push(Pair {
            cloid: own.cloid,
            wanted: *wanted,
            because,
        });
    };
    // An unanswered order stands in for the level nearest to it in rank.
    let waiting = spare.iter().filter(|own| !own.settled);
    let mut skip = 0;
    for (own, wanted) in waiting.zip(missing) {
        stand(own, wanted, Because::Unanswered);
        skip += 1;
    }
    let mut settled = spare.iter().filter(|own| own.settled);
    for wanted in &missing[skip..] {
        plan.changes.push(if let Some(own) = settled.next() {
            stand(own, wanted, Because::Amended);
            Change::Amend(own.cloid, *wanted)
        } else {
            Change::Place(*wanted)
        });
    }
    let gone = settled.map(|own| Change::Cancel(own.cloid));
    plan.changes.extend(gone);
}

/// Sorts orders of a side from the touch outward.
pub fn sort_outward(side: Side, own: &mut [Own]) {
    own.sort_by_key(|order| (-side.sign() * order.px.0, order.cloid));
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLERANCE: Tolerance = Tolerance {
        px: Px(2),
        sz_frac: 0.1,
        break_even: None,
    };

    fn wanted(px: i64, sz: i64) -> Quote {
        Quote {
            side: Side::Bid,
            px: Px(px),
            sz: Sz(sz),
            reduce_only: false,
        }
    }

    fn own(id: u128, px: i64, sz: i64, settled: bool) -> Own {
        Own {
            cloid: Cloid(id),
            px: Px(px),
            sz: Sz(sz),
            reduce_only: false,
            settled,
        }
    }

    /// A ladder that moved by more than its levels are apart: what an order stands for is what it is paired with,
    /// not what is nearest to it.
    #[test]
    fn an_order_stands_for_what_it_is_paired_with() {
        let wide = Tolerance {
            px: Px(5),
            ..TOLERANCE
        };
        let orders = [own(1, 100, 100, true), own(2, 98, 100, true)];
        let ladder = [wanted(98, 100), wanted(96, 100)];
        let plan = plan_orders(&ladder, &orders, &wide);
        let of = |cloid, wanted, because| Pair {
            cloid: Cloid(cloid),
            wanted,
            because,
        };
        let both = [
            of(1, ladder[0], Because::Near),
            of(2, ladder[1], Because::Near),
        ];
        assert_eq!((plan.changes, plan.pairs), (vec![], both.to_vec()));
        let far = [own(1, 120, 100, true), own(2, 110, 100, false)];
        let plan = plan_orders(&ladder, &far, &wide);
        assert_eq!(plan.changes, [Change::Amend(Cloid(1), ladder[1])]);
        let both = [
            of(2, ladder[0], Because::Unanswered),
            of(1, ladder[1], Because::Amended),
        ];
        assert_eq!(plan.pairs, both);
    }

    #[test]
    fn what_is_close_stays() {
        let own = [own(1, 101, 95, true), own(2, 90, 100, true)];
        assert_eq!(
            diff_orders(&[wanted(100, 100), wanted(90, 100)], &own, &TOLERANCE),
            []
        );
    }

    #[test]
    fn what_moved_is_amended_and_the_rest_placed_or_cancelled() {
        let orders = [own(1, 100, 100, true), own(2, 95, 100, true)];
        let plan = diff_orders(&[wanted(110, 100), wanted(95, 100)], &orders, &TOLERANCE);
        assert_eq!(plan, [Change::Amend(Cloid(1), wanted(110, 100))]);
        let plan = diff_orders(&[wanted(95, 100)], &orders, &TOLERANCE);
        assert_eq!(plan, [Change::Cancel(Cloid(1))]);
        let plan = diff_orders(&[wanted(95, 100)], &[], &TOLERANCE);
        assert_eq!(plan, [Change::Place(wanted(95, 100))]);
    }

    /// Levels two apart, and a tolerance of five: moved by four they all stay; moved by six, one goes from
    /// the back to the front, or from the front to the back.
    #[test]
    fn a_ladder_stays_as_a_whole_and_then_rolls() {
        let wide = Tolerance {
            px: Px(5),
            sz_frac: 0.1,
            break_even: None,
        };
        let rungs = |first: i64| (0..5).map(move |rung| first - 2 * rung);
        let orders: Vec<Own> = (1..)
            .zip(rungs(100))
            .map(|(id, px)| own(id, px, 100, true))
            .collect();
        let plan = |first| {
            let ladder: Vec<Quote> = rungs(first).map(|px| wanted(px, 100)).collect();
            diff_orders(&ladder, &orders, &wide)
        };
        assert_eq!(plan(104), []);
        assert_eq!(plan(95), []);
        assert_eq!(plan(106), [Change::Amend(Cloid(5), wanted(106, 100))]);
        assert_eq!(plan(94), [Change::Amend(Cloid(1), wanted(86, 100))]);
    }

    /// Both are within the tolerance of what is wanted; one is nearer than the price at which a fill pays.
    #[test]
    fn what_would_lose_stays_for_nothing_that_would_not() {
        let even = Tolerance {
            px: Px(10),
            break_even: Some(Px(104)),
            ..TOLERANCE
        };
        let orders = [own(1, 105, 100, true), own(2, 104, 100, true)];
        let ladder = [wanted(100, 100), wanted(98, 100)];
        let plan = diff_orders(&ladder, &orders, &even);
        assert_eq!(plan, [Change::Amend(Cloid(1), ladder[1])]);
        // Where a loss is wanted, as by who closes, it is no reason to move.
        let closing = [wanted(106, 100), wanted(105, 100)];
        assert_eq!(diff_orders(&closing, &orders, &even), []);
    }

    /// A limit fell: the order that was the second level's is near enough for the first, and too large.
    #[test]
    fn a_side_that_shrinks_keeps_nothing_larger() {
        let orders = [own(1, 100, 200, true), own(2, 99, 105, true)];
        let ladder = [wanted(100, 100), wanted(99, 50)];
        let plan = diff_orders(&ladder, &orders, &TOLERANCE);
        let all = [
            Change::Amend(Cloid(1), ladder[0]),
            Change::Amend(Cloid(2), ladder[1]),
        ];
        assert_eq!(plan, all);
        let smaller = [own(1, 100, 200, true), own(2, 99, 95, true)];
        let plan = diff_orders(&ladder, &smaller, &TOLERANCE);
        assert_eq!(plan, [Change::Amend(Cloid(1), ladder[1])]);
    }

    #[test]
    fn an_unanswered_order_stands_in_for_a_level() {
        let orders = [own(1, 100, 100, false)];
        assert_eq!(diff_orders(&[wanted(110, 100)], &orders, &TOLERANCE), []);
        assert_eq!(diff_orders(&[], &orders, &TOLERANCE), []);
    }

    #[test]
    fn a_reduce_only_flag_is_a_difference() {
        let flagged = Quote {
            reduce_only: true,
            ..wanted(100, 100)
        };
        let plan = diff_orders(&[flagged], &[own(1, 100, 100, true)], &TOLERANCE);
        assert_eq!(plan, [Change::Amend(Cloid(1), flagged)]);
    }
}

#[cfg(test)]
mod property_tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn prop_applying_a_plan_leaves_nothing_to_do(
            bid in any::<bool>(),
            levels in proptest::collection::btree_map(1_i64..500, 1_i64..100, 0..12),
            orders in proptest::collection::vec((1_i64..500, 1_i64..100), 0..12),
            px in 0_i64..40,
            even in proptest::option::of(1_i64..500),
        ) {
            let side = if bid { Side::Bid } else { Side::Ask };
            let tolerance = Tolerance { px: Px(px), sz_frac: 0.1, break_even: even.map(Px) };
            let mut wanted: Vec<Quote> = levels.iter()
                .map(|(px, sz)| Quote { side, px: Px(*px), sz: Sz(*sz), reduce_only: false }).collect();
            if bid { wanted.reverse(); }
            let mut own: Vec<Own> = (1_u128..).zip(&orders)
                .map(|(id, (px, sz))| Own { cloid: Cloid(id), px: Px(*px), sz: Sz(*sz), reduce_only: false, settled: true })
                .collect();
            sort_outward(side, &mut own);
            let plan = diff_orders(&wanted, &own, &tolerance);
            let mut next = 1000;
            for change in plan {
                match change {
                    Change::Place(w) => { next += 1; own.push(Own { cloid: Cloid(next), px: w.px, sz: w.sz, reduce_only: false, settled: true }); }
                    Change::Amend(id, w) => for o in own.iter_mut().filter(|o| o.cloid == id) { o.px = w.px; o.sz = w.sz; },
                    Change::Cancel(id) => own.retain(|o| o.cloid != id),
                }
            }
            sort_outward(side, &mut own);
            prop_assert_eq!(own.len(), wanted.len());
            prop_assert_eq!(diff_orders(&wanted, &own, &tolerance), vec![]);
        }
    }
}
