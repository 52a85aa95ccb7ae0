//! Which orders go when a limit has fallen below what is out there.
//!
//! Outermost first, and as if what lies nearer filled before: LIMITS.md 5 counts every order until its
//! cancel has succeeded.

use crate::units::Sz;

/// What can be done about an order that is part of an excess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A cancel may be sent now.
    Cancellable,
    /// A cancel is on its way, or has succeeded and its fills are waited for.
    Leaving,
    /// Nothing now: it is over and may have filled, or its last cancel failed a moment ago.
    Stuck,
}

/// The orders to cancel for `excess` lots to go.
///
/// `outermost_first`: each order of the side that may increase, its lots, and what can be done about it.
/// What is leaving covers its lots when its turn comes and no sooner: where it would fill first, as what
/// lies nearer does, an order further out must not rely on its going. What is stuck covers nothing.
#[must_use]
pub fn to_cancel<T: Copy>(outermost_first: &[(T, Sz, Standing)], mut excess: Sz) -> Vec<T> {
    let mut cancelled = Vec::new();
    for (order, lots, standing) in outermost_first {
        if excess <= Sz::ZERO {
            break;
        }
        match standing {
            Standing::Cancellable => cancelled.push(*order),
            Standing::Leaving => {}
            Standing::Stuck => continue,
        }
        excess -= *lots;
    }
    cancelled
}

#[cfg(test)]
mod tests {
    use super::Standing::{Cancellable, Leaving, Stuck};
    use super::*;

    fn gone(standing: [Standing; 4], excess: i64) -> Vec<usize> {
        let lots = [Sz(5), Sz(10), Sz(20), Sz(40)];
        let orders: Vec<_> = (0..4).map(|i| (i, lots[i], standing[i])).collect();
        to_cancel(&orders, Sz(excess))
    }

    #[test]
    fn the_outermost_go_until_nothing_is_over() {
        let all = [Cancellable; 4];
        let cases = [
            (0, 0),
            (-3, 0),
            (1, 1),
            (5, 1),
            (6, 2),
            (15, 2),
            (16, 3),
            (36, 4),
            (99, 4),
        ];
        for (excess, count) in cases {
            assert_eq!(
                gone(all, excess),
                (0..count).collect::<Vec<_>>(),
                "{excess}"
            );
        }
    }

    #[test]
    fn what_is_leaving_covers_its_lots_when_its_turn_comes() {
        let outer = [Leaving, Cancellable, Cancellable, Cancellable];
        assert_eq!(gone(outer, 5), [0; 0]);
        assert_eq!(gone(outer, 6), [1]);
        // Nearer than what may be cancelled: it may have filled by then.
        let inner = [Cancellable, Cancellable, Leaving, Leaving];
        assert_eq!(gone(inner, 14), [0, 1]);
        assert_eq!(gone(inner, 75), [0, 1]);
    }

    #[test]
    fn what_is_stuck_covers_nothing() {
        assert_eq!(gone([Stuck, Cancellable, Stuck, Cancellable], 6), [1]);
        assert_eq!(gone([Stuck, Cancellable, Stuck, Cancellable], 11), [1, 3]);
        assert_eq!(gone([Stuck; 4], 75), [0; 0]);
    }
}
