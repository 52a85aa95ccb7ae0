//! The safety sweep: once a minute, and when something odd happened, look at everything that could
//! have been missed. It finds; the engine asks, cancels and raises the alarm.

use serde::Serialize;

use crate::action::{Cloid, Tif};
use crate::filter::ReduceOnly;
use crate::orders::{Order, Orders, State};
use crate::units::{Dur, Side, Sz, Time};

/// What a sweep found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Findings {
    /// Orders whose place, amend or cancel has had no answer for longer than the grace.
    pub unanswered: Vec<Cloid>,
    /// Orders that are over, with fills that the exchange reported, or may have had, and the ledger does
    /// not hold.
    pub unsettled: Vec<Cloid>,
    /// Orders that rest against the verdict: on the increasing side of a reduce-only position, or on
    /// its reducing side without the flag, and nobody is cancelling them.
    pub forbidden: Vec<Cloid>,
    /// Orders of the account that nothing this program made.
    pub foreign: usize,
}

/// Looks at every order older than `grace` against the verdict that the current limits gave.
#[must_use]
pub fn sweep(orders: &Orders, verdict: &ReduceOnly, now: Time, grace: Dur) -> Findings {
    let mut findings = Findings {
        foreign: orders.foreign().count(),
        ..Findings::default()
    };
    for (cloid, order) in orders.iter() {
        if now.since(order.since) < grace {
            continue;
        }
        if is_unanswered(order) {
            findings.unanswered.push(*cloid);
        }
        if is_unsettled(order) {
            findings.unsettled.push(*cloid);
        } else if !is_unanswered(order) && is_forbidden(order, verdict) {
            findings.forbidden.push(*cloid);
        }
    }
    findings
}

/// Whether it waits for an answer.
#[must_use]
pub fn is_unanswered(order: &Order) -> bool {
    let waits = matches!(
        order.state,
        State::InFlight | State::Unknown | State::Amending { .. } | State::Gone
    );
    waits || (order.cancelling && !order.is_over())
}

fn is_unsettled(order: &Order) -> bool {
    let ended = matches!(
        order.state,
        State::Settling { expected: Some(_) } | State::Gone
    );
    ended && order.exposure() > Sz::ZERO
}

fn is_forbidden(order: &Order, verdict: &ReduceOnly) -> bool {
    let rests = order.state == State::Resting && order.order.tif != Tif::Ioc;
    rests
        && verdict.mode.is_reduce_only()
        && !(verdict.mode.permits(order.order.side) && order.order.reduce_only)
}

/// Which side of a position reduces it; `None` when flat.
#[must_use]
pub const fn reducing_side(position: Sz) -> Option<Side> {
    match position.0.signum() {
        1 => Some(Side::Ask),
        -1 => Some(Side::Bid),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::{NewOrder, Reason};
    use crate::event::OpenOrder;
    use crate::filter::{QuoteMode, ReduceOnlyReason};
    use crate::units::{Px, SECOND};

    const GRACE: Dur = Dur(5 * SECOND);

    /// Brings an order into one of its states.
    type Into = fn(&mut Orders, Cloid);

    fn resting(orders: &mut Orders, cloid: Cloid) {
        orders.on_resting(cloid, 9, Time(0));
    }

    fn amending(orders: &mut Orders, cloid: Cloid) {
        resting(orders, cloid);
        let to = orders.get(cloid).unwrap().order;
        orders.amending(to, Time(0));
    }

    fn cancelling(orders: &mut Orders, cloid: Cloid) {
        resting(orders, cloid);
        orders.cancelling(cloid, Reason::LevelGone, Time(0));
    }

    const STATES: [(Into, bool, bool); 8] = [
        (|_, _| {}, true, false),
        (resting, false, false),
        (amending, true, false),
        (cancelling, true, false),
        (|orders, cloid| orders.on_lost(cloid, Time(0)), true, false),
        (
            |orders, cloid| orders.on_filled_at_once(cloid, 9, Sz(5), Time(0)),
            false,
            true,
        ),
        (
            |orders, cloid| {
                resting(orders, cloid);
                orders.on_gone(cloid, Time(0));
            },
            true,
            true,
        ),
        (
            |orders, cloid| {
                resting(orders, cloid);
                orders.on_cancelled(cloid, Time(0));
            },
            false,
            false,
        ),
    ];

    fn verdict(mode: QuoteMode) -> ReduceOnly {
        ReduceOnly {
            mode,
            reason: mode.is_reduce_only().then_some(ReduceOnlyReason::Control),
            utilization_bps: None,
        }
    }

    #[test]
    fn orders_placed_by_hand_are_counted() {
        let mut orders = Orders::new(7, 0, Dur(10 * SECOND));
        let by_hand = |oid| OpenOrder {
            oid,
            cloid: None,
            side: Side::Bid,
            px: Px(100),
            sz: Sz(5),
            reduce_only: false,
            trigger: None,
        };
        orders.on_open_orders(&[by_hand(1), by_hand(2)], Time(0));
        let found = sweep(&orders, &verdict(QuoteMode::TwoSided), Time(0), GRACE);
        assert_eq!(found.foreign, 2);
    }

    /// Every state of an order, on both sides, flagged or not, young and old, under every verdict.
    #[test]
    fn every_order_is_judged_and_a_young_one_is_left_alone() {
        let modes = [
            QuoteMode::TwoSided,
            QuoteMode::NoBids,
            QuoteMode::NoAsks,
            QuoteMode::NoQuotes,
        ];
        for (into, unanswered, unsettled) in STATES {
            for (side, reduce_only, mode) in Side::BOTH
                .into_iter()
                .flat_map(|side| [(side, false), (side, true)])
                .flat_map(|(side, flag)| modes.map(|mode| (side, flag, mode)))
            {
                let mut orders = Orders::new(7, 0, Dur(10 * SECOND));
                let cloid = orders.next_cloid();
                let order = NewOrder {
                    cloid,
                    side,
                    px: Px(100),
                    sz: Sz(5),
                    tif: Tif::Alo,
                    reduce_only,
                    reason: Reason::NewLevel,
                };
                orders.placed(order, Time(0));
                into(&mut orders, cloid);
                let look = |now: i64| sweep(&orders, &verdict(mode), Time(now), GRACE);
                assert_eq!(look(GRACE.0 - 1), Findings::default());
                let found = look(GRACE.0);
                let rests = orders.get(cloid).is_some_and(|o| o.state == State::Resting);
                let allowed = !mode.is_reduce_only() || (mode.permits(side) && reduce_only);
                assert_eq!(!found.unanswered.is_empty(), unanswered);
                assert_eq!(!found.unsettled.is_empty(), unsettled);
                let forbidden = rests && !unanswered && !allowed;
                assert_eq!(!found.forbidden.is_empty(), forbidden, "{side:?} {mode:?}");
            }
        }
    }
}
