//! One change of the request ledger, by whichever engine of the process.
//!
//! The budget is the address's. Each engine keeps a ledger of all of it and is told what the others did,
//! so that all of them ask the same price of a request: what is worth most goes first, whatever its coin.

use serde::{Deserialize, Serialize};

use super::ledger::RequestLedger;
use super::weight::of_action;
use crate::units::Time;

/// What was sent, answered or asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spending {
    /// An action left.
    Sent {
        /// Its items.
        items: usize,
        /// Whether it cancels.
        is_cancel: bool,
    },
    /// An action was answered, or given up.
    Settled {
        /// Its items.
        items: usize,
    },
    /// An action came too late: its items count five times.
    Expired {
        /// Its items.
        items: usize,
    },
    /// An action was refused before the venue counted it.
    Uncounted {
        /// Its items.
        items: usize,
    },
    /// The venue said that the budget is used up.
    Empty,
    /// The venue said that the IP address asks too much.
    Limited,
    /// A question left.
    Asked {
        /// Its weight.
        weight: u32,
        /// Whether it asks what is left of the budget.
        for_budget: bool,
    },
}

impl RequestLedger {
    /// Enters a change at `now`.
    ///
    /// # Panics
    /// With more items than an action may have.
    pub fn apply(&mut self, spending: Spending, now: Time) {
        match spending {
            Spending::Sent { items, is_cancel } => {
                let count = u32::try_from(items).expect("invariant: at most 200 items");
                self.on_sent(items, of_action(count), is_cancel, now);
            }
            Spending::Settled { items } => self.on_settled(items, now),
            Spending::Expired { items } => self.on_expired(items, now),
            Spending::Uncounted { items } => self.on_uncounted(items),
            Spending::Empty => self.on_empty(now),
            Spending::Limited => self.on_limited(now),
            Spending::Asked { weight, for_budget } => self.on_asked(weight, for_budget, now),
        }
    }
}
