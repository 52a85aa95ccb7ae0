//! How often an order at a distance is reached: `lambda(delta) = A exp(-k delta)`, per side. MODELS.md P1.3.
//!
//! From the market: how far every taker sweep came, whoever was met.

use serde::Serialize;

mod market;

pub use market::MarketIntensity;

/// A fit with its covariance. Distances in bps of the mid before the sweep.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Fit {
    /// Natural logarithm of `A`, the rate at distance zero, A in 1/s.
    pub log_arrival: f64,
    /// `k`, the decay of the rate with distance, 1/bps.
    pub kappa: f64,
    /// Variance of `log_arrival`.
    pub var_log_arrival: f64,
    /// Variance of `kappa`, 1/bps^2.
    pub var_kappa: f64,
    /// Their covariance, 1/bps.
    pub covariance: f64,
    /// Effective number of events in it.
    pub n: f64,
    /// Distances it was fitted on, bps: outside of them it says nothing.
    pub range_bps: (f64, f64),
}

impl Fit {
    /// `A`, 1/s.
    #[must_use]
    pub fn arrival(&self) -> f64 {
        libm::exp(self.log_arrival)
    }
}
