//! Our table against what a query of the open orders shows: one reconciliation over the union of both.
//!
//! The answer lags the matching engine by seconds, so neither what it shows of an order that just ended
//! nor what it does not show of one that just changed says anything; and looks alone end nothing.

use crate::action::Cloid;
use crate::event::OpenOrder;
use crate::units::Time;

use super::order::{State, adopted};
use super::{Orders, QUERY_GRACE};

/// What a look at the open orders brought to light.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Orders, not seen before, that nothing this program made.
    pub foreign: Vec<OpenOrder>,
    /// Whether an order of ours that should rest was not shown for the first time: a second look
    /// decides.
    pub again: bool,
    /// Orders of ours that two looks did not show: a query decides.
    pub gone: Vec<Cloid>,
}

impl Orders {
    /// Reconciles with a query of all open orders of the account on this coin.
    pub fn on_open_orders(&mut self, open: &[OpenOrder], now: Time) -> Look {
        let session = self.session;
        let is_own =
            |order: &&OpenOrder| order.cloid.is_some_and(|cloid| cloid.session() == session);
        for (cloid, order) in open
            .iter()
            .filter(is_own)
            .filter_map(|o| Some((o.cloid?, o)))
        {
            match self.live.get(&cloid) {
                Some(known) if known.is_lost() => self.on_resting(cloid, order.oid, now),
                None if !self.ended.contains_key(&cloid) => {
                    self.live.insert(cloid, adopted(cloid, order, now));
                }
                _ => {}
            }
        }
        let (again, gone) = self.miss(open, now);
        let others = open.iter().filter(|order| !is_own(order)).copied();
        let foreign = self
            .others
            .look(others, |cloid| earlier(session, cloid), now);
        Look {
            foreign,
            again,
            gone,
        }
    }

    /// Whether an order was missed for the first time, and those that two looks in a row did not show.
    fn miss(&mut self, open: &[OpenOrder], now: Time) -> (bool, Vec<Cloid>) {
        let mut again = false;
        let mut gone: Vec<Cloid> = Vec::new();
        for (cloid, order) in &mut self.live {
            let shown = open.iter().any(|open| open.cloid == Some(*cloid));
            let should_rest = order.state == State::Resting || order.is_lost();
            let may_lag =
                now.since(order.since) <= QUERY_GRACE || now.since(order.sent) <= self.arrival_max;
            if shown || !should_rest || may_lag {
                order.missed = false;
            } else if core::mem::replace(&mut order.missed, true) {
                self.ghosts.extend(order.vanish(now));
                gone.push(*cloid);
            } else {
                again = true;
            }
        }
        (again, gone)
    }
}

/// Whether an earlier session of this program made the cloid. Session ids are the start in
/// milliseconds, so a random cloid falls below ours once in 2^23.
pub(super) const fn earlier(session: u64, cloid: Cloid) -> bool {
    0 < cloid.session() && cloid.session() < session
}
