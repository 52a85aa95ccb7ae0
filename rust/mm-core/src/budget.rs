//! The loss budgets that the limit and the kill switch share: the day's and the drawdown's.
//!
//! Equity is net of transfers, so that a deposit is no gain and a withdrawal no loss.

use crate::units::{SECOND, Time, Usd};

const DAY: i64 = 86_400 * SECOND;

/// Opening equity of the UTC day and peak equity, net of transfers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LossBudget {
    day: i64,
    opening: Usd,
    peak: Usd,
    equity: Usd,
}

impl LossBudget {
    /// Starts at the first equity known.
    #[must_use]
    pub const fn new(now: Time, equity: Usd) -> Self {
        Self {
            day: now.0.div_euclid(DAY),
            opening: equity,
            peak: equity,
            equity,
        }
    }

    /// Takes an equity net of transfers.
    pub fn observe(&mut self, now: Time, equity: Usd) {
        let day = now.0.div_euclid(DAY);
        if day > self.day {
            self.day = day;
            self.opening = self.equity;
        }
        self.equity = equity;
        self.peak = self.peak.max(equity);
    }

    /// Profit of the UTC day.
    #[must_use]
    pub fn day_pnl(&self) -> Usd {
        self.equity - self.opening
    }

    /// `(peak - equity) / peak`; 0 for a peak that is not positive.
    #[must_use]
    pub fn drawdown(&self) -> f64 {
        if self.peak <= Usd::ZERO {
            return 0.0;
        }
        (self.peak - self.equity).as_f64() / self.peak.as_f64()
    }

    /// The smaller of the day's loss left (`opening x daily_loss_frac` less what is lost) and the
    /// drawdown left (`equity - peak x (1 - drawdown_frac)`); negative when overspent.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "equities are far below 2^53 micro-USDC"
    )]
    pub fn left(&self, daily_loss_frac: f64, drawdown_frac: f64) -> Usd {
        let day = libm::floor(self.opening.as_f64() * daily_loss_frac) as i64 + self.day_pnl().0;
        let floor = libm::ceil(self.peak.as_f64() * (1.0 - drawdown_frac)) as i64;
        Usd(day.min(self.equity.0 - floor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smaller_budget_counts_and_the_day_resets() {
        let mut budget = LossBudget::new(Time(0), Usd(10_000));
        assert_eq!(budget.left(0.05, 0.08), Usd(500));
        budget.observe(Time(1), Usd(9_800));
        assert_eq!(budget.left(0.05, 0.08), Usd(300));
        budget.observe(Time(2), Usd(12_000));
        budget.observe(Time(3), Usd(11_100));
        assert_eq!(budget.left(0.05, 0.08), Usd(60));
        assert!((budget.drawdown() - 0.075).abs() < 1e-12);
        budget.observe(Time(DAY), Usd(11_100));
        assert_eq!(budget.day_pnl(), Usd(0));
        assert_eq!(budget.left(0.05, 0.08), Usd(60));
    }
}
