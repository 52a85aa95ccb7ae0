//! Getting out: what happens when the position is too big, when the venue refuses, when it and the
//! ledger disagree, and the sweep that looks at everything once a minute.
//!
//! Pure and total: every machine takes time and observations, answers with what to do, and leaves
//! each of its states by time alone or by an alarm. LIMITS.md 6.

pub mod ask;
pub mod ioc;
pub mod manager;
pub mod reconciler;
pub mod rejections;
pub mod sweep;

use serde::{Deserialize, Serialize};

use crate::units::Sz;

/// Numbers of the section `[recovery]`. Ranges are checked when an engine is made.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecoveryConfig {
    /// A position too big for an unchanged limit that has not fallen for this long is stuck, s.
    pub stuck_s: f64,
    /// Reducing quotes at the touch for this long before crossing, s.
    pub chase_s: f64,
    /// An excess that only a falling limit made is left to the quotes for this long, s.
    pub passive_s: f64,
    /// Unless the position is over this multiple of the limit.
    pub passive_ratio_max: f64,
    /// Or liquidation is nearer than this many standard deviations of an hour.
    pub liquidation_sigma_hours: f64,
    /// Least price allowance of an immediate order against mid, bps.
    pub ioc_slippage_bps: f64,
    /// Or this many spreads.
    pub ioc_slippage_spreads: f64,
    /// Or this many standard deviations over `ioc_horizon_s`.
    pub ioc_slippage_sigmas: f64,
    /// Horizon of those, s.
    pub ioc_horizon_s: f64,
    /// Largest price allowance, bps.
    pub ioc_slippage_max_bps: f64,
    /// Size of an attempt as a share of the limit in force at our last increase.
    pub ioc_limit_frac: f64,
    /// Smallest attempt, USDC.
    pub ioc_min_usd: f64,
    /// Attempts of a round.
    pub ioc_attempts: u32,
    /// Between two attempts, s.
    pub ioc_apart_s: f64,
    /// Rounds before the alarm.
    pub ioc_rounds: u32,
    /// Between two rounds, s.
    pub ioc_cooldown_s: f64,
    /// How long the venue's word that it takes post-only orders alone is believed, s.
    pub post_only_s: f64,
    /// Refusals of one class on one side before new increasing orders wait.
    pub reject_strikes: u32,
    /// First wait, s; it doubles with each further refusal.
    pub reject_backoff_s: f64,
    /// Longest wait, s.
    pub reject_backoff_max_s: f64,
    /// Between two checks of the position against the exchange's, s.
    pub reconcile_s: f64,
    /// A disagreement younger than this is not one yet, s.
    pub reconcile_grace_s: f64,
    /// Between two sweeps over orders, margin and position, s.
    pub sweep_s: f64,
    /// What is younger than this the sweep leaves alone, s.
    pub sweep_grace_s: f64,
}

/// Relative move of the price, against `position`, at which account value falls to the maintenance margin:
/// `value - |q| p d = m |q| p (1 - d)` long, `(1 + d)` short, with `value_ratio` = value over `|q| p`.
#[must_use]
pub fn liquidation_distance(value_ratio: f64, maintenance: f64, position: Sz) -> f64 {
    let side = Sz(position.0.signum()).as_f64();
    (value_ratio - maintenance) / (1.0 - side * maintenance)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{RecoveryConfig, liquidation_distance};
    use crate::units::Sz;

    /// Value 1,000, 10 coins at 500 USDC, maintenance 5 %: long it ends at 421.05, short at 571.43.
    #[test]
    fn liquidation_is_where_value_meets_maintenance() {
        let long = liquidation_distance(0.2, 0.05, Sz(10));
        assert!((1_000.0 - 5_000.0 * long - 0.05 * 5_000.0 * (1.0 - long)).abs() < 1e-9);
        let short = liquidation_distance(0.2, 0.05, Sz(-10));
        assert!((1_000.0 - 5_000.0 * short - 0.05 * 5_000.0 * (1.0 + short)).abs() < 1e-9);
        assert!(short < long && liquidation_distance(0.04, 0.05, Sz(1)) < 0.0);
    }

    /// The defaults of the configuration.
    pub(crate) const CONFIG: RecoveryConfig = RecoveryConfig {
        stuck_s: 30.0,
        chase_s: 60.0,
        passive_s: 300.0,
        passive_ratio_max: 1.5,
        liquidation_sigma_hours: 3.0,
        ioc_slippage_bps: 5.0,
        ioc_slippage_spreads: 3.0,
        ioc_slippage_sigmas: 3.0,
        ioc_horizon_s: 5.0,
        ioc_slippage_max_bps: 50.0,
        ioc_limit_frac: 0.1,
        ioc_min_usd: 12.0,
        ioc_attempts: 3,
        ioc_apart_s: 5.0,
        ioc_rounds: 3,
        ioc_cooldown_s: 30.0,
        post_only_s: 60.0,
        reject_strikes: 3,
        reject_backoff_s: 5.0,
        reject_backoff_max_s: 120.0,
        reconcile_s: 10.0,
        reconcile_grace_s: 3.0,
        sweep_s: 60.0,
        sweep_grace_s: 5.0,
    };
}
