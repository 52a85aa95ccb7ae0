//! The loss budgets that the limit and the kill switch share: the day's and the drawdown's.
//!
//! Equity is net of transfers, so that a deposit is no gain and a withdrawal no loss. A report may
//! show one before the ledger has heard of it: what the ledger cannot explain raises no peak and
//! opens no day.

use serde::{Deserialize, Serialize};

use crate::units::{SECOND, Time, Usd};

const DAY: i64 = 86_400 * SECOND;
/// Largest amount that a saved budget may state, micro-USDC.
const LATTICE_MAX: i64 = 9_000_000_000_000_000;

/// What of the budgets outlives a session: saved with the account's state, taken up by the next.
///
/// Equities are net of `transfers`: `account_value - transfers`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Fields")]
pub struct Restored {
    /// UTC day, counted from 1970-01-01.
    pub day: i64,
    /// Equity at the day's opening.
    pub opening: Usd,
    /// Largest equity ever, or since a drawdown kill was acknowledged: then it may be less than
    /// `opening`.
    pub peak: Usd,
    /// Equity last reported.
    pub equity: Usd,
    /// Transfers in up to `at`, taken out of these equities.
    pub transfers: Usd,
    /// Exchange time of the last report that the ledger explained: a transfer after it is not in
    /// `transfers`, told or not.
    pub at: Time,
}

/// [`Restored`] as it was written, unchecked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    day: i64,
    opening: Usd,
    peak: Usd,
    equity: Usd,
    transfers: Usd,
    at: Time,
}

/// Why a saved budget was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// A number outside its range.
    #[error("saved budget: {field} was {value}, expected {expected}")]
    OutOfRange {
        /// Which.
        field: &'static str,
        /// Its value.
        value: i64,
        /// The range, with its unit.
        expected: &'static str,
    },
}

impl TryFrom<Fields> for Restored {
    type Error = RestoreError;

    fn try_from(fields: Fields) -> Result<Self, RestoreError> {
        let Fields {
            day,
            opening,
            peak,
            equity,
            transfers,
            at,
        } = fields;
        let money = "an amount within 9e15 micro-USDC of 0";
        for (field, value, (low, high), expected) in [
            (
                "day",
                day,
                (0, 100_000),
                "days since 1970-01-01, 0 to 100000",
            ),
            ("opening", opening.0, (-LATTICE_MAX, LATTICE_MAX), money),
            ("peak", peak.0, (-LATTICE_MAX, LATTICE_MAX), money),
            ("equity", equity.0, (-LATTICE_MAX, LATTICE_MAX), money),
            ("transfers", transfers.0, (-LATTICE_MAX, LATTICE_MAX), money),
            ("at", at.0, (0, i64::MAX), "nanoseconds since 1970-01-01"),
            ("peak", peak.0, (equity.0, i64::MAX), "no less than equity"),
        ] {
            if !(low <= value && value <= high) {
                return Err(RestoreError::OutOfRange {
                    field,
                    value,
                    expected,
                });
            }
        }
        Ok(Self {
            day,
            opening,
            peak,
            equity,
            transfers,
            at,
        })
    }
}

/// Opening equity of the UTC day and peak equity, net of transfers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LossBudget {
    day: i64,
    opening: Usd,
    peak: Usd,
    equity: Usd,
    /// What of the equity the ledger does not explain.
    unexplained: Usd,
    /// Whether it was saved by an earlier session and no equity was seen since.
    saved: bool,
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
            unexplained: Usd::ZERO,
            saved: false,
        }
    }

    /// Takes up a saved one. Of the same UTC day it goes on; of another it keeps the peak, and the
    /// next equity opens the day.
    #[must_use]
    pub const fn restored(saved: &Restored) -> Self {
        Self {
            day: saved.day,
            opening: saved.opening,
            peak: saved.peak,
            equity: saved.equity,
            unexplained: Usd::ZERO,
            saved: true,
        }
    }

    /// Takes an equity net of transfers, and what of it the ledger does not explain.
    pub fn observe(&mut self, now: Time, equity: Usd, unexplained: Usd) {
        let day = now.0.div_euclid(DAY);
        if self.saved && day != self.day {
            (self.day, self.opening) = (day, equity - unexplained);
        } else if day > self.day {
            (self.day, self.opening) = (day, self.equity - self.unexplained);
        }
        self.saved = false;
        self.equity = equity;
        self.unexplained = unexplained;
        self.peak = self.peak.max(equity - unexplained.max(Usd::ZERO));
    }

    /// What to save: `transfers` were taken out of the equities, `at` is the last report's time.
    #[must_use]
    pub const fn to_save(&self, transfers: Usd, at: Time) -> Restored {
        Restored {
            day: self.day,
            opening: self.opening,
            peak: self.peak,
            equity: self.equity,
            transfers,
            at,
        }
    }

    /// Equity last observed, net of transfers.
    #[must_use]
    pub const fn equity(&self) -> Usd {
        self.equity
    }

    /// What of it the ledger does not explain.
    #[must_use]
    pub const fn unexplained(&self) -> Usd {
        self.unexplained
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

    /// The day's loss left: `opening x daily_loss_frac` less what is lost; negative when overspent.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "equities are far below 2^53 micro-USDC"
    )]
    pub fn day_left(&self, daily_loss_frac: f64) -> Usd {
        Usd(libm::floor(self.opening.as_f64() * daily_loss_frac) as i64 + self.day_pnl().0)
    }

    /// The drawdown left: `equity - peak x (1 - drawdown_frac)`; negative when overspent.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "equities are far below 2^53 micro-USDC"
    )]
    pub fn drawdown_left(&self, drawdown_frac: f64) -> Usd {
        Usd(self.equity.0 - libm::ceil(self.peak.as_f64() * (1.0 - drawdown_frac)) as i64)
    }

    /// The smaller of the two: what the limit may put at risk.
    #[must_use]
    pub fn left(&self, daily_loss_frac: f64, drawdown_frac: f64) -> Usd {
        self.day_left(daily_loss_frac)
            .min(self.drawdown_left(drawdown_frac))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smaller_budget_counts_and_the_day_resets() {
        let mut budget = LossBudget::new(Time(0), Usd(10_000));
        assert_eq!(budget.left(0.05, 0.08), Usd(500));
        budget.observe(Time(1), Usd(9_800), Usd::ZERO);
        assert_eq!(budget.left(0.05, 0.08), Usd(300));
        budget.observe(Time(2), Usd(12_000), Usd::ZERO);
        budget.observe(Time(3), Usd(11_100), Usd::ZERO);
        assert_eq!(budget.left(0.05, 0.08), Usd(60));
        assert!((budget.drawdown() - 0.075).abs() < 1e-12);
        budget.observe(Time(DAY), Usd(11_100), Usd::ZERO);
        assert_eq!(budget.day_pnl(), Usd(0));
        assert_eq!(budget.left(0.05, 0.08), Usd(60));
    }

    #[test]
    fn a_deposit_that_the_ledger_has_not_heard_of_raises_no_peak() {
        let mut budget = LossBudget::new(Time(0), Usd(10_000));
        budget.observe(Time(1), Usd(15_000), Usd(5_000));
        budget.observe(Time(2), Usd(10_100), Usd::ZERO);
        assert!(budget.drawdown().abs() < 1e-12);
        budget.observe(Time(3), Usd(15_100), Usd(5_000));
        budget.observe(Time(DAY), Usd(10_100), Usd::ZERO);
        assert_eq!(
            (budget.day_pnl(), budget.left(0.05, 0.08)),
            (Usd(0), Usd(505))
        );
    }

    fn saved() -> Restored {
        let mut budget = LossBudget::new(Time(5 * DAY), Usd(10_000));
        budget.observe(Time(5 * DAY + 1), Usd(12_000), Usd::ZERO);
        budget.observe(Time(5 * DAY + 2), Usd(9_700), Usd::ZERO);
        budget.to_save(Usd(40), Time(5 * DAY))
    }

    #[test]
    fn a_restart_within_the_day_forgets_no_loss() {
        let mut budget = LossBudget::restored(&saved());
        budget.observe(Time(5 * DAY + 10), Usd(9_600), Usd::ZERO);
        assert_eq!(budget.day_pnl(), Usd(-400));
        assert!((budget.drawdown() - 0.2).abs() < 1e-12);
        budget.observe(Time(6 * DAY), Usd(9_500), Usd::ZERO);
        assert_eq!(budget.day_pnl(), Usd(-100));
    }

    #[test]
    fn a_restart_on_another_day_keeps_the_peak_alone() {
        for day in [4, 6, 9] {
            let mut budget = LossBudget::restored(&saved());
            budget.observe(Time(day * DAY), Usd(9_000), Usd::ZERO);
            assert_eq!(budget.day_pnl(), Usd(0));
            assert!((budget.drawdown() - 0.25).abs() < 1e-12);
        }
    }

    /// Acknowledging a drawdown kill takes the equity for the peak; the day's loss stays the day's.
    #[test]
    fn a_peak_taken_anew_forgets_the_drawdown_and_not_the_days_loss() {
        let anew = Restored {
            peak: Usd(9_700),
            ..saved()
        };
        let text = serde_json::to_string(&anew).unwrap();
        let mut budget = LossBudget::restored(&serde_json::from_str(&text).unwrap());
        budget.observe(Time(5 * DAY + 10), Usd(9_700), Usd::ZERO);
        assert!(budget.drawdown().abs() < 1e-12);
        assert_eq!(budget.drawdown_left(0.08), Usd(776));
        assert_eq!(budget.day_pnl(), Usd(-300));
    }

    /// The deposit that nobody explains yet is no part of what the day opens with.
    #[test]
    fn a_restart_on_another_day_opens_with_what_is_explained() {
        let mut budget = LossBudget::restored(&saved());
        budget.observe(Time(6 * DAY), Usd(9_500), Usd(500));
        assert_eq!(
            (budget.equity(), budget.unexplained()),
            (Usd(9_500), Usd(500))
        );
        assert_eq!(budget.day_pnl(), Usd(500));
        budget.observe(Time(6 * DAY + 1), Usd(9_000), Usd::ZERO);
        assert_eq!(budget.day_pnl(), Usd::ZERO);
    }

    #[test]
    fn what_was_saved_is_checked_when_it_is_read() {
        let text = serde_json::to_string(&saved()).unwrap();
        assert_eq!(serde_json::from_str::<Restored>(&text).unwrap(), saved());
        for (field, value) in [
            ("day", "-1"),
            ("peak", "9699"),
            ("equity", "12001"),
            ("opening", "99000000000000000"),
            ("at", "-1"),
        ] {
            let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
            json[field] = serde_json::from_str(value).unwrap();
            let error = serde_json::from_value::<Restored>(json).unwrap_err();
            assert!(
                error.to_string().contains("saved budget"),
                "{field}: {error}"
            );
        }
        assert!(serde_json::from_str::<Restored>("{}").is_err());
        let coins = text.replace('}', r#","ramp_hours":1}"#);
        assert!(serde_json::from_str::<Restored>(&coins).is_err());
    }
}
