//! An order of which nothing was found: what became of it, and what proves that.
//!
//! "Never placed, already cancelled or filled" ends no exposure: the fills may not be in the ledger yet.
//! What does is the venue's word how the order ended, its word that it knows no such order after the last
//! moment at which one could arrive, or a ledger that is known to hold whatever filled until then
//! ([`Orders::clean`]).

use crate::action::Cloid;
use crate::event::{OrderStatus, OrderUpdate};
use crate::units::Time;

use super::order::{Order, State};
use super::{Orders, QUERY_GRACE};

impl Orders {
    /// Whether a query is to tell what became of this order.
    #[must_use]
    pub fn is_in_question(&self, cloid: Cloid) -> bool {
        let ours = self.live.get(&cloid);
        ours.is_some_and(Order::is_in_question) || self.others.is_open(cloid)
    }

    /// A cancel found nothing. `true`: a query should tell what became of it. One that left before the
    /// place was answered may have overtaken it: it says nothing and is sent again.
    pub fn on_gone(&mut self, cloid: Cloid, now: Time) -> bool {
        if self.others.on_doubt(cloid, now) {
            return true;
        }
        let Some(order) = self.live.get_mut(&cloid) else {
            return false;
        };
        if order.is_over() {
            return false;
        }
        let could_arrive = order.is_lost() && now.since(order.sent) <= self.arrival_max;
        let rested = order.state == State::Resting && !order.cancel_blind;
        if rested || (order.is_lost() && !could_arrive) {
            let ghost = order.vanish(now);
            self.ghosts.extend(ghost);
            return true;
        }
        order.absent = Some(now);
        self.on_cancel_refused(cloid, now);
        false
    }

    /// A query answered that the venue knows no such order: proof when none can arrive any more.
    pub fn on_unheard_of(&mut self, cloid: Cloid, now: Time) {
        if self.others.on_gone(cloid, now) {
            return;
        }
        let Some(order) = self.live.get_mut(&cloid) else {
            return;
        };
        let waits = matches!(order.state, State::Resting | State::Gone) || order.is_lost();
        if waits && now.since(order.sent) > self.arrival_max {
            self.live.remove(&cloid);
            self.ended.insert(cloid, now);
        } else if order.state == State::Gone {
            order.since = now;
        } else if !order.is_over() {
            if order.is_lost() {
                order.absent.get_or_insert(order.since);
            }
            // A cancel that found nothing has its pause; this word is no reason for a longer one.
            if order.cancelling {
                self.on_cancel_refused(cloid, now);
            }
        }
    }

    /// A query answered how the newest incarnation of an order stands. It lags the matching engine by
    /// seconds: one that a cancel did not find is looked for again only when it is still shown after that.
    pub fn on_found(&mut self, update: &OrderUpdate, now: Time) {
        let gone = update.cloid.and_then(|cloid| self.live.get_mut(&cloid));
        if let Some(order) = gone.filter(|order| order.state == State::Gone) {
            if update.status == OrderStatus::Open {
                if now.since(order.since) >= QUERY_GRACE {
                    order.state = State::Unknown;
                    order.since = now;
                }
                return;
            }
            let (cloid, replaced, sent) = (order.order.cloid, order.replaced, order.sent);
            // Nothing ever came of its last amend: what was to be amended is a ghost.
            if update.oid == replaced && now.since(sent) > self.arrival_max {
                self.live.remove(&cloid);
                self.ended.insert(cloid, now);
            }
        }
        self.on_update(update, now);
    }
}
