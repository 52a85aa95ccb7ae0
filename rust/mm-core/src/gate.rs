//! The egress gate: no order leaves unless the worst case it makes possible stays inside the limits.
//!
//! Worst case: whatever subset of (resting + in-flight places + cancels not yet successful) fills, in
//! any order, `-short <= position <= long`; a position already over may only move toward zero.
//! Orders that are reduce-only on the wire count together at most `|position|`. LIMITS.md 5.

use serde::{Deserialize, Serialize};

use crate::limits::Limits;
use crate::units::{Side, Sz};

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
    /// Lots that could increase or flip the position, `[bid, ask]`.
    pub free: [Sz; 2],
    /// Lots flagged reduce-only on the wire, `[bid, ask]`.
    pub reduce_only: [Sz; 2],
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

    /// Whether nothing can fill.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// Furthest the position can go on `side`'s direction, as a magnitude with sign: `position + bids`
    /// for a bid, `-(position - asks)` for an ask.
    #[must_use]
    pub fn worst(&self, position: Sz, side: Side) -> Sz {
        let toward = Sz(side.sign() * position.0);
        let reducible = Sz((-toward.0).max(0));
        toward + self.free[side.index()] + self.reduce_only[side.index()].min(reducible)
    }
}

/// Gate over one cycle: starts from what is out there and adds what it admits.
#[derive(Clone, Copy, Debug)]
pub struct Gate {
    position: Sz,
    bounds: [Sz; 2],
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
            exposure,
            enforcement,
        }
    }

    /// Admits an order if the worst case with it stays inside, and counts it; otherwise changes nothing.
    /// An amend is admitted the same way: its old order is already counted and stays so until answered.
    #[must_use]
    pub fn admit(&mut self, side: Side, sz: Sz, reduce_only: bool) -> bool {
        let mut with = self.exposure;
        with.add(side, sz, reduce_only);
        let fits = with.worst(self.position, side) <= self.bounds[side.index()];
        if !fits && self.enforcement == Enforcement::Enforced {
            return false;
        }
        self.exposure = with;
        true
    }

    /// Lots by which what is out there exceeds the bound of a side; zero when inside.
    #[must_use]
    pub fn excess(&self, side: Side) -> Sz {
        let over = self.exposure.worst(self.position, side) - self.bounds[side.index()];
        let by_orders = self.exposure.free[side.index()] + self.exposure.reduce_only[side.index()];
        Sz(over.0.clamp(0, by_orders.0))
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
}
