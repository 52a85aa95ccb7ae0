//! What funding does to prices and to the limit. MODELS.md P1.8.
//!
//! * Price: one term of the trace, the shift of the reservation price by what a position is expected to
//!   pay while it is held. It goes by the rate alone, never by what is held, and is bounded.
//! * Limit: shortly before the hour, what the position at the limit would pay is part of what the risk
//!   budget has to cover. One limit: every reader of it sees it.
//!
//! Both only where `[models] funding` is set. What is not known shifts nothing and is shown as not known.

use serde::Serialize;

use super::Engine;
use super::turnover::Turnover;
use crate::estimators::funding::FundingRate;

/// Funding as it is known, and what is made of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct FundingShown {
    /// Whether prices and limit go by it.
    pub used: bool,
    /// `None`: the venue has told none, or not for a minute.
    pub rate: Option<FundingRate>,
    /// By how much the rate may still move within its hour, a fraction.
    pub uncertainty_per_h: Option<f64>,
    /// How long a position is expected to be held, s.
    pub holding_s: f64,
    /// What the reservation price is shifted by, bps, or would be; up positive. `None`: not known.
    pub shift_bps: Option<f64>,
    /// What the limit reserves for the payment of the hour, a fraction of a position; `None`: nothing.
    pub reserved_frac: Option<f64>,
}

impl Engine {
    /// How long what we hold is expected to be held, s: the time to turn the limit over.
    ///
    /// By Little's law: with half the limit held and half of the fills reducing it, on average, a lot stays
    /// as long as fills take to turn over a whole limit. Before fills are measured it is what the limit takes
    /// for an unknown rate, the base horizon; it is never above four of them.
    fn holding_s(&self) -> f64 {
        let base_s = self.config.limits.risk_horizon_s();
        self.turnover.as_ref().map_or(base_s, Turnover::horizon_s)
    }

    fn funding_rate(&self) -> Option<FundingRate> {
        self.market.funding.at(self.market.exch_at(self.now)?)
    }

    fn shift_bps(&self) -> Option<f64> {
        let most_bps = self.config.models.funding_max_bps;
        Some(self.funding_rate()?.shift_bps(self.holding_s(), most_bps))
    }

    /// What quotes are shifted by, bps; unknown or unused, by nothing.
    pub(super) fn funding_shift_bps(&self) -> f64 {
        let used = self.config.models.funding;
        self.shift_bps().filter(|_| used).map_or(0.0, |shift| shift)
    }

    /// What of a position's value the limit reserves for the payment of the hour.
    pub(super) fn funding_reserved(&self) -> Option<f64> {
        let models = &self.config.models;
        let exch = self.market.exch_at(self.now).filter(|_| models.funding)?;
        self.market.funding.due_frac(exch, models.funding_reserve_s)
    }

    pub(super) fn shown_funding(&self) -> FundingShown {
        let rate = self.funding_rate();
        FundingShown {
            used: self.config.models.funding,
            rate,
            uncertainty_per_h: rate.and_then(|rate| rate.uncertainty_per_h()),
            holding_s: self.holding_s(),
            shift_bps: self.shift_bps(),
            reserved_frac: self.funding_reserved(),
        }
    }
}
