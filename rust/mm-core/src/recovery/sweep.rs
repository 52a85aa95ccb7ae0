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
    /// Orders that are over, with fills that the exchange reported and the ledger does not hold.
    pub unsettled: Vec<Cloid>,
    /// Orders that rest against the verdict: on the increasing side of a reduce-only position, or on
    /// its reducing side without the flag, and nobody is cancelling them.
    pub forbidden: Vec<Cloid>,
    /// Orders of the account that nothing this program made.
    pub foreign: usize,
}

impl Findings {
    /// Whether everything is in order.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        *self == Self::default()
    }
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
        } else if is_unsettled(order) {
            findings.unsettled.push(*cloid);
        } else if is_forbidden(order, verdict) {
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
        State::InFlight | State::Unknown | State::Amending { .. }
    );
    waits || (order.cancelling && !order.is_over())
}

fn is_unsettled(order: &Order) -> bool {
    matches!(order.state, State::Settling { expected: Some(_) }) && order.exposure() > Sz::ZERO
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
