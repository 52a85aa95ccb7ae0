//! What the engine wants to know from the exchange, beside what the streams tell.
//!
//! An ask is not an action: it changes nothing there, may be lost, and is no part of the event log's
//! truth. Its answer is an ordinary event.

use serde::{Deserialize, Serialize};

use crate::action::Cloid;

/// One question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// Equity, margin, position.
    Account,
    /// Our orders that rest for the coin.
    OpenOrders,
    /// Leverage and the exchange's allowance for the coin.
    HeadRoom,
    /// The address budget.
    RateLimit,
    /// Our recent fills, as a snapshot.
    Fills,
    /// What became of one order.
    OrderStatus(Cloid),
}
