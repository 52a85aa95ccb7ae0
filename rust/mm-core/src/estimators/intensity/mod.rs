//! How often an order at a distance is reached: `lambda(delta) = A exp(-k delta)`, per side. MODELS.md P1.3.
//!
//! Two sources. The market's: how far every taker sweep came, whoever was met. Our own: how long our orders
//! rested at each distance and how often they were filled. The market's fit is the prior of our own.

use serde::Serialize;

use super::Evidence;
use crate::units::Time;

mod market;
mod own;

pub use market::{FitRead, MarketIntensity};
pub use own::OwnIntensity;

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
    /// Effective number of events in it, forgotten until now.
    pub n: f64,
    /// Exchange time of the newest of them.
    pub as_of: Time,
    /// Distances it was fitted on, bps: outside of them it says nothing.
    pub range_bps: (f64, f64),
}

impl Fit {
    /// What is assumed, as though `n0` events had said it, one at least.
    #[must_use]
    pub fn assumed(arrival_per_s: f64, kappa_per_bps: f64, n0: f64) -> Self {
        let n = n0.max(1.0);
        Self {
            log_arrival: libm::log(arrival_per_s),
            kappa: kappa_per_bps,
            var_log_arrival: 1.0 / n,
            var_kappa: kappa_per_bps * kappa_per_bps / n,
            covariance: 0.0,
            n,
            as_of: Time::ZERO,
            range_bps: (0.0, f64::MAX),
        }
    }

    /// What it rests on: there is none of too few events.
    #[must_use]
    pub const fn evidence(&self) -> Evidence {
        Evidence {
            n: self.n,
            as_of: Some(self.as_of),
            ready: true,
        }
    }

    /// The same curve where `n` events say it, of which the newest came at `as_of`.
    pub(super) fn resting_on(self, n: f64, as_of: Time) -> Self {
        let wider = self.n / n;
        Self {
            var_log_arrival: self.var_log_arrival * wider,
            var_kappa: self.var_kappa * wider,
            covariance: self.covariance * wider,
            n,
            as_of,
            ..self
        }
    }

    /// `A`, 1/s.
    #[must_use]
    pub fn arrival(&self) -> f64 {
        libm::exp(self.log_arrival)
    }
}
