//! The limit in force at our last increase: one fact, for the kill switch, recovery and closing alike.
//!
//! We increase when we *send* an order that could increase: from then on it may fill. What was inherited
//! nobody here admitted; it is measured against the first valid derivation, and is no runaway.

use crate::units::{Side, Sz, Usd};

/// By direction, `[long, short]`: Q in lots and V in money.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Admitted {
    at_increase: [Option<Sz>; 2],
    value: [Option<Usd>; 2],
    at_start: Option<[Sz; 2]>,
}

impl Admitted {
    /// Nothing sent, nothing derived.
    pub const NONE: Self = Self {
        at_increase: [None; 2],
        value: [None; 2],
        at_start: None,
    };

    /// We sent an order that may increase toward `side`, under this limit of it and this V.
    pub const fn on_increase(&mut self, side: Side, limit: Sz, value: Option<Usd>) {
        self.at_increase[side.index()] = Some(limit);
        self.value[side.index()] = value;
    }

    /// A valid limit was derived: the first one counts.
    pub fn on_valid(&mut self, limits: [Sz; 2]) {
        self.at_start.get_or_insert(limits);
    }

    /// The limit in force when we last sent an increasing order toward `side`; `None`: never.
    #[must_use]
    pub const fn at_increase(&self, side: Side) -> Option<Sz> {
        self.at_increase[side.index()]
    }

    /// V in force then; `None`: never, or there was none.
    #[must_use]
    pub const fn value_at_increase(&self, side: Side) -> Option<Usd> {
        self.value[side.index()]
    }

    /// What a position toward `side` is worked down by: the limit at our last increase; before one, of
    /// an inherited position, the derivation at start.
    #[must_use]
    pub fn of(&self, side: Side) -> Option<Sz> {
        let start = || self.at_start.map(|limits| limits[side.index()]);
        self.at_increase(side).or_else(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inherited_position_goes_by_the_first_derivation_until_we_increase() {
        let mut admitted = Admitted::default();
        assert_eq!(
            (admitted.of(Side::Bid), admitted.of(Side::Ask)),
            (None, None)
        );
        admitted.on_valid([Sz(5), Sz(7)]);
        admitted.on_valid([Sz(50), Sz(70)]);
        assert_eq!(admitted.of(Side::Ask), Some(Sz(7)));
        admitted.on_increase(Side::Bid, Sz(9), Some(Usd(90)));
        assert_eq!(admitted.value_at_increase(Side::Bid), Some(Usd(90)));
        assert_eq!(admitted.value_at_increase(Side::Ask), None);
        assert_eq!(admitted.of(Side::Bid), Some(Sz(9)));
        assert_eq!(admitted.of(Side::Ask), Some(Sz(7)));
        assert_eq!(admitted.at_increase(Side::Ask), None);
    }
}
