//! Which changes of the orders are carried out: safety always, the rest while it is worth its requests.
//!
//! ```text
//! free     cancels; orders that only reduce; an order whose fill would lose, or that is nearer to the other
//!          side than anything wanted and would not earn the least edge; a smaller size; the innermost order
//!          of a side that has none
//! the rest most gain first, while gain >= price and the plan allows
//! ```
//! What is not carried out waits: the next cycle wants it again, and nothing dearer takes its place.

use serde::Serialize;

use crate::diff::{Change, Own, Tolerance};
use crate::filter::Quote;
use crate::units::{Px, Side, Sz};

/// What a change is for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Need {
    /// It removes risk, or keeps a side in the book: no budget is asked.
    Free,
    /// It is expected to earn so much, USDC.
    Gain(f64),
}

/// A change that the plan of a side asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// Side of its order.
    pub side: Side,
    /// The change.
    pub change: Change,
    /// What it is for.
    pub need: Need,
}

impl Candidate {
    /// Whether it asks for an order that only reduces.
    #[must_use]
    pub const fn reduces(&self) -> bool {
        match self.change {
            Change::Place(quote) | Change::Amend(_, quote) => quote.reduce_only,
            Change::Cancel(_) => false,
        }
    }
}

/// Whether the venue takes orders now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// As many as come.
    Free,
    /// The budget is empty, and one action passes: both sides' innermost order in it, no more.
    One,
    /// The budget is empty, and none passes before the next slot.
    Closed,
}

/// On which terms the changes of a cycle are chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Terms {
    /// What a request must earn, USDC.
    pub price_usd: f64,
    /// Items at most that are not free.
    pub items: usize,
    /// Why there are no more.
    pub short: Why,
    /// Whether orders pass at all.
    pub slot: Slot,
    /// Whether an order that only reduces passes all the same.
    pub admits_reducing: bool,
}

/// Why a change waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// It is not expected to earn what its request is worth.
    NotWorth,
    /// More was spent than earned and planned.
    Plan,
    /// Only the reserve is left.
    Reserve,
    /// The budget is empty: one action in ten seconds.
    Empty,
    /// The venue has not said what is left.
    Unknown,
    /// The IP address, or the line, carries enough already.
    Weight,
}

/// A change that waits, as shown.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Withheld {
    /// Side.
    pub side: Side,
    /// Whether it would replace an order; else it is a new one.
    pub amends: bool,
    /// Price wanted.
    pub px: Px,
    /// Size wanted.
    pub sz: Sz,
    /// What it is expected to earn, USDC; `None`: it removes risk.
    pub gain_usd: Option<f64>,
    /// What its request must earn, USDC.
    pub price_usd: f64,
    /// Why it waits.
    pub why: Why,
}

/// Whether amending `own` toward `wanted` removes risk, whatever it earns: it only reduces (or is to), it
/// becomes smaller where it is, a fill would lose at the present fair price where one of `wanted` would
/// not, or it stands nearer to the other side than anything wanted and is `poor`:
/// at the present fair price a fill of it would not earn the least edge over fee and adverse selection.
/// One that is merely nearer, by noise or by a move that leaves its edge, is priced like any other.
#[must_use]
pub fn removes_risk(
    own: &Own,
    wanted: &Quote,
    innermost: Px,
    tolerance: &Tolerance,
    poor: bool,
) -> bool {
    let beyond = wanted.side.sign() * (own.px.0 - innermost.0);
    let exposed = poor && beyond > tolerance.px.0;
    let in_place = (own.px - wanted.px).abs() <= tolerance.px;
    let shrinks = in_place && wanted.sz < own.sz;
    wanted.reduce_only || own.reduce_only || exposed || shrinks || tolerance.loses(own, wanted)
}

/// Chooses: for each candidate `None` (carried out) or why it waits. `bare` says of `[bid, ask]` whether
/// the side has no order of ours at all: its first new order is then free.
///
/// Prices are not read, so none depends on scarcity; a higher price of requests never chooses more.
#[must_use]
pub fn choose(candidates: &[Candidate], bare: [bool; 2], terms: &Terms) -> Vec<Option<Why>> {
    let mut first_order = bare;
    let mut first = [true; 2];
    let mut ranked: Vec<(usize, f64)> = Vec::new();
    let mut waits: Vec<Option<Why>> = Vec::with_capacity(candidates.len());
    for (index, candidate) in candidates.iter().enumerate() {
        let side = candidate.side.index();
        let is_order = !matches!(candidate.change, Change::Cancel(_));
        let essential =
            matches!(candidate.change, Change::Place(_)) && core::mem::take(&mut first_order[side]);
        let innermost = is_order && core::mem::take(&mut first[side]);
        let wait = match candidate.need {
            _ if !is_order => None,
            _ if terms.slot == Slot::Closed && terms.admits_reducing && candidate.reduces() => None,
            _ if terms.slot == Slot::Closed => Some(Why::Empty),
            _ if terms.slot == Slot::One => (!innermost).then_some(Why::Empty),
            Need::Free => None,
            Need::Gain(_) if essential => None,
            Need::Gain(gain) => {
                ranked.push((index, gain));
                Some(terms.short)
            }
        };
        waits.push(wait);
    }
    ranked.sort_by(|(i, a), (j, b)| b.total_cmp(a).then(i.cmp(j)));
    for (place, (index, gain)) in ranked.into_iter().enumerate() {
        if terms.price_usd > 0.0 && gain < terms.price_usd {
            waits[index] = Some(Why::NotWorth);
        } else if place < terms.items {
            waits[index] = None;
        }
    }
    if terms.slot == Slot::One {
        keep_one_kind(candidates, &mut waits);
    }
    waits
}

/// One action is of one kind: amends before new orders, so that what rests is right first.
fn keep_one_kind(candidates: &[Candidate], waits: &mut [Option<Why>]) {
    let is_amend = |candidate: &Candidate| matches!(candidate.change, Change::Amend(..));
    let mut chosen = candidates.iter().zip(waits.iter());
    let amends = chosen.any(|(candidate, wait)| wait.is_none() && is_amend(candidate));
    for (candidate, wait) in candidates.iter().zip(waits) {
        let other = amends && matches!(candidate.change, Change::Place(_));
        if wait.is_none() && other {
            *wait = Some(Why::Empty);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::Cloid;

    fn quote(side: Side, px: i64) -> Quote {
        Quote {
            side,
            px: Px(px),
            sz: Sz(100),
            reduce_only: false,
        }
    }

    fn place(side: Side, px: i64, gain: f64) -> Candidate {
        let change = Change::Place(quote(side, px));
        let need = Need::Gain(gain);
        Candidate { side, change, need }
    }

    fn amend(side: Side, px: i64, need: Need) -> Candidate {
        let change = Change::Amend(Cloid(1), quote(side, px));
        Candidate { side, change, need }
    }

    fn reducing(side: Side, px: i64) -> Candidate {
        let change = Change::Place(Quote {
            reduce_only: true,
            ..quote(side, px)
        });
        let need = Need::Free;
        Candidate { side, change, need }
    }

    const PRICED: Terms = Terms {
        price_usd: 2e-4,
        items: 2,
        short: Why::Plan,
        slot: Slot::Free,
        admits_reducing: true,
    };

    #[test]
    fn the_best_are_taken_while_they_are_worth_it_and_the_plan_allows() {
        let wanted = [
            place(Side::Bid, 99, 3e-4),
            place(Side::Bid, 98, 1e-4),
            place(Side::Ask, 101, 5e-4),
            place(Side::Ask, 102, 4e-4),
        ];
        let waits = choose(&wanted, [false; 2], &PRICED);
        assert_eq!(waits, [Some(Why::Plan), Some(Why::NotWorth), None, None]);
        let free = Terms {
            price_usd: 0.0,
            items: 9,
            ..PRICED
        };
        assert_eq!(choose(&wanted, [false; 2], &free), [None; 4]);
    }

    #[test]
    fn a_bare_side_and_what_removes_risk_ask_no_budget() {
        let broke = Terms {
            items: 0,
            short: Why::Reserve,
            ..PRICED
        };
        let wanted = [
            place(Side::Bid, 99, 1e-9),
            place(Side::Bid, 98, 1.0),
            amend(Side::Ask, 101, Need::Free),
            Candidate {
                side: Side::Ask,
                change: Change::Cancel(Cloid(2)),
                need: Need::Free,
            },
        ];
        let waits = choose(&wanted, [true, false], &broke);
        assert_eq!(waits, [None, Some(Why::Reserve), None, None]);
    }

    #[test]
    fn an_empty_budget_lets_one_action_out_with_both_sides_innermost() {
        let slot = Terms {
            items: 0,
            short: Why::Empty,
            slot: Slot::One,
            ..PRICED
        };
        let bids = [place(Side::Bid, 99, 1.0), place(Side::Bid, 98, 1.0)];
        let asks = [place(Side::Ask, 101, 1.0), place(Side::Ask, 102, 1.0)];
        let places = [bids, asks].concat();
        let waits = choose(&places, [true; 2], &slot);
        assert_eq!(waits, [None, Some(Why::Empty), None, Some(Why::Empty)]);
        let mixed = [bids[0], amend(Side::Ask, 101, Need::Gain(-1.0))];
        assert_eq!(
            choose(&mixed, [true, false], &slot),
            [Some(Why::Empty), None]
        );
        let closed = Terms {
            slot: Slot::Closed,
            ..slot
        };
        assert_eq!(choose(&places, [true; 2], &closed), [Some(Why::Empty); 4]);
        let way_out = [place(Side::Bid, 99, 1.0), reducing(Side::Ask, 101)];
        assert_eq!(
            choose(&way_out, [true; 2], &closed),
            [Some(Why::Empty), None]
        );
        let proven = Terms {
            admits_reducing: false,
            ..closed
        };
        assert_eq!(choose(&way_out, [true; 2], &proven), [Some(Why::Empty); 2]);
    }

    #[test]
    fn risk_is_an_order_nearer_than_anything_wanted_and_poor_or_larger_or_flagged() {
        let own = |px: i64, sz: i64, reduce_only: bool| Own {
            cloid: Cloid(1),
            px: Px(px),
            sz: Sz(sz),
            reduce_only,
            settled: true,
        };
        let tolerance = Tolerance {
            px: Px(5),
            sz_frac: 0.1,
            break_even: None,
        };
        let risky = |own: &Own, side, to, innermost| {
            removes_risk(own, &quote(side, to), Px(innermost), &tolerance, true)
        };
        assert!(risky(&own(106, 100, false), Side::Bid, 80, 100));
        assert!(!risky(&own(105, 100, false), Side::Bid, 80, 100));
        assert!(risky(&own(94, 100, false), Side::Ask, 120, 100));
        assert!(!risky(&own(95, 100, false), Side::Ask, 120, 100));
        assert!(risky(&own(81, 200, false), Side::Bid, 80, 100));
        assert!(!risky(&own(90, 200, false), Side::Bid, 80, 100));
        assert!(!risky(&own(81, 50, false), Side::Bid, 80, 100));
        assert!(risky(&own(81, 50, true), Side::Bid, 80, 100));
        // What still earns its edge is not in danger for standing near.
        let bid = quote(Side::Bid, 80);
        let earns = |own: &Own| !removes_risk(own, &bid, Px(100), &tolerance, false);
        assert!(earns(&own(106, 100, false)) && !earns(&own(106, 100, true)));
        assert!(!earns(&own(81, 200, false)));
    }
}

#[cfg(test)]
mod property_tests {
    use super::*;
    use crate::action::Cloid;
    use crate::diff::{diff_orders, sort_outward};
    use proptest::prelude::*;

    const TOLERANCE: Tolerance = Tolerance {
        px: Px(3),
        sz_frac: 0.1,
        break_even: None,
    };

    fn side_of(side: Side, levels: &[(i64, i64)]) -> Vec<Quote> {
        let mut quotes: Vec<Quote> = levels
            .iter()
            .map(|(px, sz)| Quote {
                side,
                px: Px(1_000 - side.sign() * px),
                sz: Sz(*sz),
                reduce_only: false,
            })
            .collect();
        quotes.sort_by_key(|quote| -side.sign() * quote.px.0);
        quotes.dedup_by_key(|quote| quote.px);
        quotes
    }

    /// What a side wants changed, each change with a gain of its own.
    fn candidates(side: Side, wanted: &[Quote], own: &[Own], gains: &[f64]) -> Vec<Candidate> {
        let mut gains = gains.iter().copied().cycle();
        let changes = diff_orders(wanted, own, &TOLERANCE);
        let need = |change: &Change, gain| match change {
            Change::Amend(cloid, to) => {
                let rests = own.iter().find(|own| own.cloid == *cloid).expect("its own");
                let risky = removes_risk(rests, to, wanted[0].px, &TOLERANCE, gain > 0.0);
                if risky { Need::Free } else { Need::Gain(gain) }
            }
            Change::Place(_) => Need::Gain(gain),
            Change::Cancel(_) => Need::Free,
        };
        changes
            .into_iter()
            .map(|change| Candidate {
                side,
                need: need(&change, gains.next().expect("at least one")),
                change,
            })
            .collect()
    }

    fn carried_out(side: Side, own: &[Own], chosen: &[Change]) -> Vec<Own> {
        let mut after = own.to_vec();
        for (next, change) in (1_000_u128..).zip(chosen) {
            match change {
                Change::Place(to) => after.push(Own {
                    cloid: Cloid(next),
                    px: to.px,
                    sz: to.sz,
                    reduce_only: false,
                    settled: true,
                }),
                Change::Amend(cloid, to) => {
                    for order in after.iter_mut().filter(|order| order.cloid == *cloid) {
                        (order.px, order.sz) = (to.px, to.sz);
                    }
                }
                Change::Cancel(cloid) => after.retain(|order| order.cloid != *cloid),
            }
        }
        sort_outward(side, &mut after);
        after
    }

    type Levels = Vec<(i64, i64)>;

    fn levels() -> impl Strategy<Value = Levels> {
        proptest::collection::vec((1_i64..80, 1_i64..50), 1..8)
    }

    fn scene() -> impl Strategy<Value = ([Levels; 2], [Levels; 2], Vec<f64>)> {
        let some = || proptest::collection::vec((1_i64..80, 1_i64..50), 0..8);
        (
            [levels(), levels()],
            [some(), some()],
            proptest::collection::vec(-1e-3..2e-3, 1..16),
        )
    }

    fn own_of(side: Side, orders: &Levels) -> Vec<Own> {
        let ids = 1_u128 + side.index() as u128 * 100..;
        let quotes = side_of(side, orders);
        ids.zip(quotes)
            .map(|(id, quote)| Own {
                cloid: Cloid(id),
                px: quote.px,
                sz: quote.sz,
                reduce_only: false,
                settled: true,
            })
            .collect()
    }

    proptest! {
        /// Whatever requests cost: what is carried out is wanted as it stands; no side is left bare; what
        /// removes risk is never held up; a higher price or a smaller budget chooses no more; and what
        /// was chosen is not wanted a second time.
        #[test]
        fn prop_scarcity_chooses_fewer_changes_and_no_other_ones(
            (wanted, orders, gains) in scene(),
            prices in [0.0..5e-4, 0.0..5e-4],
            items in 0_usize..12,
        ) {
            let sides = Side::BOTH.map(|side| side_of(side, &wanted[side.index()]));
            let own = Side::BOTH.map(|side| own_of(side, &orders[side.index()]));
            let of = |side: Side| candidates(side, &sides[side.index()], &own[side.index()], &gains);
            let all: Vec<Candidate> = Side::BOTH.into_iter().flat_map(of).collect();
            let bare = Side::BOTH.map(|side| own[side.index()].is_empty());
            let terms = |price_usd, items| Terms { price_usd, items, short: Why::Plan, slot: Slot::Free, admits_reducing: true };
            let chosen = |terms: &Terms| -> Vec<Candidate> {
                let waits = choose(&all, bare, terms);
                let both = all.iter().zip(waits);
                both.filter(|(_, wait)| wait.is_none()).map(|(candidate, _)| *candidate).collect()
            };
            let [low, high] = if prices[0] < prices[1] { prices } else { [prices[1], prices[0]] };
            let (cheap, dear) = (chosen(&terms(low, items)), chosen(&terms(high, items)));
            prop_assert!(dear.len() <= cheap.len());
            prop_assert!(dear.iter().all(|one| cheap.contains(one)));
            prop_assert!(chosen(&terms(low, items / 2)).len() <= cheap.len());
            for candidate in &all {
                prop_assert!(candidate.need != Need::Free || dear.contains(candidate));
            }
            for side in Side::BOTH {
                let of_side = dear.iter().filter(|one| one.side == side);
                let changes: Vec<Change> = of_side.map(|one| one.change).collect();
                for change in &changes {
                    if let Change::Place(to) | Change::Amend(_, to) = change {
                        prop_assert!(sides[side.index()].contains(to));
                    }
                }
                let after = carried_out(side, &own[side.index()], &changes);
                prop_assert!(!after.is_empty(), "a side went out of the book");
                // All at no price: then nothing is left to do.
                let everything: Vec<Change> = all.iter().filter(|one| one.side == side).map(|one| one.change).collect();
                let settled = carried_out(side, &own[side.index()], &everything);
                prop_assert_eq!(diff_orders(&sides[side.index()], &settled, &TOLERANCE), vec![]);
            }
        }
    }
}
