//! From wanted orders and own orders to the fewest changes.
//!
//! Both are walked once from the touch outward. An order whose price and size are inside the
//! tolerance stays and keeps its place in the queue; an order still waiting for an answer takes the
//! place of one wanted level and is not touched; the rest is amended pairwise, placed or cancelled.

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
}

impl Tolerance {
    /// Whether `own` may stand for `ladder[at]`: close, sized alike, and still strictly between the
    /// levels on either side, so that what stays never changes places with what is amended.
    fn keeps(&self, own: &Own, side: Side, ladder: &[Quote], at: usize) -> bool {
        let wanted = &ladder[at];
        let close = (own.px - wanted.px).abs() <= self.px;
        let sized = (own.sz - wanted.sz).abs().as_f64() <= self.sz_frac * wanted.sz.as_f64();
        let behind_inner = at == 0 || inside(side, ladder[at - 1].px, own.px);
        let before_outer = ladder
            .get(at + 1)
            .is_none_or(|outer| inside(side, own.px, outer.px));
        close && sized && behind_inner && before_outer && own.reduce_only == wanted.reduce_only
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

/// Plans one side. `wanted` and `own` are sorted from the touch outward (see [`sort_outward`]).
///
/// Applying the changes gives the wanted orders within tolerance; planning again then gives nothing.
#[must_use]
pub fn diff_orders(
    side: Side,
    wanted: &[Quote],
    own: &[Own],
    tolerance: &Tolerance,
) -> Vec<Change> {
    let (mut missing, mut spare) = (Vec::new(), Vec::new());
    let (mut w, mut o) = (0, 0);
    while w < wanted.len() && o < own.len() {
        if tolerance.keeps(&own[o], side, wanted, w) {
            w += 1;
            o += 1;
        } else if own[o].px == wanted[w].px || inside(side, own[o].px, wanted[w].px) {
            spare.push(own[o]);
            o += 1;
        } else {
            missing.push(wanted[w]);
            w += 1;
        }
    }
    missing.extend_from_slice(&wanted[w..]);
    spare.extend_from_slice(&own[o..]);
    pair(&missing, &spare)
}

/// Pairs what is missing with what is spare: first with orders that wait for an answer (no change),
/// then with settled ones (amend); the rest is placed or cancelled.
fn pair(missing: &[Quote], spare: &[Own]) -> Vec<Change> {
    let waiting = spare.iter().filter(|own| !own.settled).count();
    // An unanswered order stands in for the level nearest to it in rank.
    let skip = missing.len().min(waiting);
    let mut settled = spare.iter().filter(|own| own.settled);
    let mut changes = Vec::with_capacity(missing.len() + spare.len());
    for wanted in &missing[skip..] {
        changes.push(match settled.next() {
            Some(own) => Change::Amend(own.cloid, *wanted),
            None => Change::Place(*wanted),
        });
    }
    changes.extend(settled.map(|own| Change::Cancel(own.cloid)));
    changes
}

/// Sorts orders of a side from the touch outward.
pub fn sort_outward(side: Side, own: &mut [Own]) {
    own.sort_by_key(|order| (-side.sign() * order.px.0, order.cloid));
}

/// Whether `px` is strictly nearer to the other side than `other`.
const fn inside(side: Side, px: Px, other: Px) -> bool {
    side.at_or_better(px, other) && px.0 != other.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLERANCE: Tolerance = Tolerance {
        px: Px(2),
        sz_frac: 0.1,
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

    #[test]
    fn what_is_close_stays() {
        let own = [own(1, 101, 95, true), own(2, 90, 100, true)];
        assert_eq!(
            diff_orders(
                Side::Bid,
                &[wanted(100, 100), wanted(90, 100)],
                &own,
                &TOLERANCE
            ),
            []
        );
    }

    #[test]
    fn what_moved_is_amended_and_the_rest_placed_or_cancelled() {
        let orders = [own(1, 100, 100, true), own(2, 95, 100, true)];
        let plan = diff_orders(
            Side::Bid,
            &[wanted(110, 100), wanted(95, 100)],
            &orders,
            &TOLERANCE,
        );
        assert_eq!(plan, [Change::Amend(Cloid(1), wanted(110, 100))]);
        let plan = diff_orders(Side::Bid, &[wanted(95, 100)], &orders, &TOLERANCE);
        assert_eq!(plan, [Change::Cancel(Cloid(1))]);
        let plan = diff_orders(Side::Bid, &[wanted(95, 100)], &[], &TOLERANCE);
        assert_eq!(plan, [Change::Place(wanted(95, 100))]);
    }

    #[test]
    fn an_unanswered_order_stands_in_for_a_level() {
        let orders = [own(1, 100, 100, false)];
        assert_eq!(
            diff_orders(Side::Bid, &[wanted(110, 100)], &orders, &TOLERANCE),
            []
        );
        assert_eq!(diff_orders(Side::Bid, &[], &orders, &TOLERANCE), []);
    }

    #[test]
    fn a_reduce_only_flag_is_a_difference() {
        let flagged = Quote {
            reduce_only: true,
            ..wanted(100, 100)
        };
        let plan = diff_orders(Side::Bid, &[flagged], &[own(1, 100, 100, true)], &TOLERANCE);
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
            px in 0_i64..5,
        ) {
            let side = if bid { Side::Bid } else { Side::Ask };
            let tolerance = Tolerance { px: Px(px), sz_frac: 0.1 };
            let mut wanted: Vec<Quote> = levels.iter()
                .map(|(px, sz)| Quote { side, px: Px(*px), sz: Sz(*sz), reduce_only: false }).collect();
            if bid { wanted.reverse(); }
            let mut own: Vec<Own> = (1_u128..).zip(&orders)
                .map(|(id, (px, sz))| Own { cloid: Cloid(id), px: Px(*px), sz: Sz(*sz), reduce_only: false, settled: true })
                .collect();
            sort_outward(side, &mut own);
            let plan = diff_orders(side, &wanted, &own, &tolerance);
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
            prop_assert_eq!(diff_orders(side, &wanted, &own, &tolerance), vec![]);
        }
    }
}
