//! The egress gate: no order leaves unless the worst case it makes possible stays inside the limits.
//!
//! Worst case: whatever subset of (resting + in-flight places + cancels not yet successful) fills, in
//! any order, `-short <= position <= long`; a position already over may only move toward zero.
//! Orders that are reduce-only on the wire count together at most `|position|`. LIMITS.md 5.
//!
//! What rests by other hands counts against every order that may increase or flip. One that is
//! reduce-only on the wire and toward zero needs to fit beside our own exposure alone: when it fills
//! the position is nearer to zero, whatever the others do, and a stranger's order must not keep us in.

use serde::{Deserialize, Serialize};

use crate::limits::Limits;
use crate::units::{Side, Sz, Usd};

/// Whether the gate refuses. Disabled only in a drill that plants the bug it guards against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Enforcement {
    /// It refuses what does not fit.
    Enforced,
    /// It lets everything out.
    Disabled,
}

/// What could still fill, by side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exposure {
    /// Lots of this program's that could increase or flip the position, `[bid, ask]`.
    pub free: [Sz; 2],
    /// Lots of this program's flagged reduce-only on the wire, `[bid, ask]`.
    pub reduce_only: [Sz; 2],
    /// Lots of orders that nothing this program made, `[bid, ask]`; of `[free, reduce-only]` each.
    pub foreign: [[Sz; 2]; 2],
}

impl Exposure {
    /// Adds what could still fill of one order.
    pub fn add(&mut self, side: Side, sz: Sz, reduce_only: bool) {
        let of = if reduce_only {
            &mut self.reduce_only
        } else {
            &mut self.free
        };
        of[side.index()] += sz;
    }

    /// Adds what could still fill of an order that nothing this program made.
    pub fn add_foreign(&mut self, side: Side, sz: Sz, reduce_only: bool) {
        self.foreign[side.index()][usize::from(reduce_only)] += sz;
    }

    /// Lots on a side, whoever placed them.
    #[must_use]
    pub fn lots(&self, side: Side) -> Sz {
        let i = side.index();
        self.free[i] + self.reduce_only[i] + self.foreign[i].iter().copied().sum()
    }

    /// Whether nothing can fill.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// Furthest the position can go on `side`'s direction, as a magnitude with sign: `position + bids`
    /// for a bid, `-(position - asks)` for an ask.
    #[must_use]
    pub fn worst(&self, position: Sz, side: Side) -> Sz {
        let [free, reduce_only] = self.foreign[side.index()];
        let i = side.index();
        furthest(
            position,
            side,
            self.free[i] + free,
            self.reduce_only[i] + reduce_only,
        )
    }

    /// The same of what this program could still let happen: orders by hand are left out.
    #[must_use]
    pub fn own_worst(&self, position: Sz, side: Side) -> Sz {
        let i = side.index();
        furthest(position, side, self.free[i], self.reduce_only[i])
    }
}

fn furthest(position: Sz, side: Side, free: Sz, reduce_only: Sz) -> Sz {
    let toward = side.signed(position);
    let reducible = (-toward).max(Sz::ZERO);
    toward + free + reduce_only.min(reducible)
}

/// Gate over one cycle: starts from what is out there and adds what it admits.
#[derive(Clone, Copy, Debug)]
pub struct Gate {
    position: Sz,
    bounds: [Sz; 2],
    value: Option<Usd>,
    exposure: Exposure,
    enforcement: Enforcement,
}

impl Gate {
    /// A gate for this position, these limits and everything that could still fill.
    #[must_use]
    pub fn new(
        position: Sz,
        limits: &Limits,
        exposure: Exposure,
        enforcement: Enforcement,
    ) -> Self {
        Self {
            position,
            bounds: [limits.long(), limits.short()],
            value: limits.max_position_value(),
            exposure,
            enforcement,
        }
    }

    /// V of its limits: the largest value of a position under which it admits.
    #[must_use]
    pub const fn max_position_value(&self) -> Option<Usd> {
        self.value
    }

    /// Admits an order if the worst case with it stays inside, and counts it; otherwise changes nothing.
    /// An amend is admitted the same way: its old order is already counted and stays so until answered.
    #[must_use]
    pub fn admit(&mut self, side: Side, sz: Sz, reduce_only: bool) -> bool {
        let mut with = self.exposure;
        with.add(side, sz, reduce_only);
        let bound = self.bounds[side.index()];
        let reduces = reduce_only && side.signed(self.position) < Sz::ZERO;
        let fits = with.worst(self.position, side) <= bound
            || (reduces && with.own_worst(self.position, side) <= bound);
        if !fits && self.enforcement == Enforcement::Enforced {
            return false;
        }
        self.exposure = with;
        true
    }

    /// Lots of ours that may increase and by which what is out there, by other hands too, exceeds the
    /// bound of a side; zero when inside. What only reduces is not part of any excess.
    #[must_use]
    pub fn excess(&self, side: Side) -> Sz {
        let over = self.exposure.worst(self.position, side) - self.bounds[side.index()];
        over.min(self.exposure.free[side.index()]).max(Sz::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One lot that could fill is something, whichever way it is flagged.
    #[test]
    fn one_lot_out_there_is_not_nothing() {
        assert!(Exposure::default().is_nothing());
        for side in Side::BOTH {
            for reduce_only in [false, true] {
                let mut exposure = Exposure::default();
                exposure.add(side, Sz(1), reduce_only);
                assert!(!exposure.is_nothing(), "{side:?} {reduce_only}");
            }
        }
    }

    fn gate(position: i64, exposure: Exposure) -> Gate {
        Gate {
            position: Sz(position),
            bounds: [Sz(100), Sz(80)],
            value: None,
            exposure,
            enforcement: Enforcement::Enforced,
        }
    }

    /// Ours, flagged, and a hand's, on one side, flagged or not.
    fn beside(side: Side, ours: [i64; 2], foreign: [i64; 2]) -> Exposure {
        let mut exposure = Exposure::default();
        exposure.add(side, Sz(ours[0]), false);
        exposure.add(side, Sz(ours[1]), true);
        exposure.add_foreign(side, Sz(foreign[0]), false);
        exposure.add_foreign(side, Sz(foreign[1]), true);
        exposure
    }

    #[test]
    fn a_hands_order_counts_against_all_that_may_increase_or_flip() {
        for (side, bound) in [(Side::Bid, 100), (Side::Ask, 80)] {
            for position in [-30, 0, 30] {
                let toward = side.sign() * position;
                let taken = beside(side, [0, 0], [bound - toward - 10, 0]);
                assert!(gate(position, taken).admit(side, Sz(10), false));
                assert!(!gate(position, taken).admit(side, Sz(11), false));
                assert!(gate(position, taken).admit(side.opposite(), Sz(10), false));
            }
        }
    }

    #[test]
    fn what_only_reduces_needs_room_beside_our_own_alone() {
        for side in Side::BOTH {
            let held = -30 * side.sign();
            let bound = gate(0, Exposure::default()).bounds[side.index()].0;
            for foreign in [[0, 0], [5_000, 0], [5_000, 5_000]] {
                let full = beside(side, [bound, 0], foreign);
                assert!(gate(held, full).admit(side, Sz(30), true));
                assert!(gate(held, full).admit(side, Sz(400), true), "at most 30");
                let over = beside(side, [bound + 1, 0], foreign);
                assert!(gate(held, over).admit(side, Sz(29), true));
                assert!(!gate(held, over).admit(side, Sz(30), true));
            }
            // Not toward zero: flagged or not, it is nothing that gets us out.
            let foreign = beside(side, [0, 0], [5_000, 0]);
            assert!(!gate(0, foreign).admit(side, Sz(1), true));
            assert!(!gate(-held, foreign).admit(side, Sz(1), true));
        }
    }

    #[test]
    fn an_excess_is_of_ours_that_may_increase() {
        for side in Side::BOTH {
            let held = -30 * side.sign();
            let bound = gate(0, Exposure::default()).bounds[side.index()].0;
            let excess = |ours, foreign| gate(held, beside(side, ours, foreign)).excess(side).0;
            assert_eq!(excess([0, 30], [5_000, 0]), 0);
            assert_eq!(excess([20, 30], [5_000, 0]), 20);
            assert_eq!(excess([20, 0], [bound + 15, 0]), 5);
            assert_eq!(excess([bound + 7, 30], [0, 0]), 7);
            assert_eq!(excess([bound, 30], [0, 30]), 0);
        }
    }
}
