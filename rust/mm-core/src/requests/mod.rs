//! What requests cost, and what is worth one (RUNTIME.md 3, HYPERLIQUID.md 5).
//!
//! ```text
//! ledger   what was sent, earned, reported and paid back: the one maker of these facts
//! spending one change of it: what an engine of the same process did counts like our own
//! weight   what the venue lets one IP address do in a minute
//! worth    what an order, and so a change of the orders, is expected to earn
//! choice   which changes are carried out: safety always, the rest while it is worth its requests
//! ```
//! Scarcity slows quotes down and thins them out. It never moves a price, and never takes one side alone.

pub mod choice;
pub mod ledger;
pub mod spending;
pub mod weight;
pub mod worth;

use serde::{Deserialize, Serialize};

/// What the venue asks for a request (`reserveRequestWeight`), USDC: none is worth more to us.
pub const VENUE_PRICE_USD: f64 = 0.0005;
/// Items of one action at most.
pub const ITEMS_MAX: usize = 200;

/// Settings of the request economy. Ranges are checked when an engine is made.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestsConfig {
    /// Requests of the address that only safety may spend: cancels, reducing orders, ways out.
    pub reserve: u32,
    /// Days over which what is left above the reserve may be spent beyond what fills earn.
    pub plan_days: f64,
    /// Share of it that may be spent ahead of that plan, with the shadow price rising from 0 to its most.
    pub burst_frac: f64,
    /// The shadow price at its most, USDC a request; 0: every change is worth its requests.
    pub price_max_usd: f64,
    /// Between two questions for what the venue has counted, s.
    pub ask_s: f64,
    /// Weight a minute of the IP address that is left to the watchdog, of 1200.
    pub watchdog_weight_per_min: u32,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const CONFIG: RequestsConfig = RequestsConfig {
        reserve: 500,
        plan_days: 3.0,
        burst_frac: 0.1,
        price_max_usd: VENUE_PRICE_USD,
        ask_s: 60.0,
        watchdog_weight_per_min: 300,
    };
}
