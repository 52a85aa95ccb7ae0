//! Legal ranges of the sections `[models]`, `[recovery]`, `[requests]` and `[protection]`.

use super::{BPS, DAY_S, EngineConfig, Ranged};
use crate::requests::VENUE_PRICE_USD;

/// Legal range of a half-life of what a model remembers.
const HALF_LIFE_S: (f64, f64) = (10.0, 604_800.0);
/// Legal range of a pace of requoting.
const REFRESH: (f64, f64) = (0.1, 10.0);
/// Legal range of a ratio.
const RATIO: (f64, f64) = (0.0, 1e3);
/// Legal range of a duration that may not be nothing, s.
const SOME_S: (f64, f64) = (0.1, 86_400.0);
const IN_SECONDS: &str = "0.1 to 86400 s";
/// What the venue asks for a request.
const PRICE: (f64, f64) = (0.0, VENUE_PRICE_USD);

impl EngineConfig {
    pub(super) fn protection_ranges(&self) -> [Ranged; 1] {
        let tolerance = self.protection.resident_stop_tolerance_frac;
        let (key, range) = ("protection.resident_stop_tolerance_frac", (0.0, 0.5));
        [(key, tolerance, range, "0 to 0.5")]
    }

    #[rustfmt::skip] // a table
    pub(super) fn models_ranges(&self) -> [Ranged; 13] {
        let m = &self.models;
        [
            ("models.intensity_half_life_s", m.intensity_half_life_s, HALF_LIFE_S, "10 to 604800 s"),
            ("models.adverse_half_life_s", m.adverse_half_life_s, HALF_LIFE_S, "10 to 604800 s"),
            ("models.shrink_n0", m.shrink_n0, (0.0, 1e6), "0 to 1000000 observations"),
            ("models.lively_size_frac", m.lively_size_frac, (1e-3, 1.0), "0.001 to 1"),
            ("models.wild_size_frac", m.wild_size_frac, (1e-3, 1.0), "0.001 to 1"),
            ("models.funding_max_bps", m.funding_max_bps, (0.0, 5.0), "0 to 5 bps"),
            ("models.funding_reserve_s", m.funding_reserve_s, (0.0, 3600.0), "0 to 3600 s"),
            ("models.calm_refresh_ratio", m.calm_refresh_ratio, REFRESH, "0.1 to 10"),
            ("models.lively_refresh_ratio", m.lively_refresh_ratio, REFRESH, "0.1 to 10"),
            ("models.wild_refresh_ratio", m.wild_refresh_ratio, REFRESH, "0.1 to 10"),
            ("models.shift_half_life_s", m.shift_half_life_s, HALF_LIFE_S, "10 to 604800 s"),
            ("models.basis_half_life_s", m.basis_half_life_s, (0.1, 86_400.0), "0.1 to 86400 s"),
            ("models.reference_stale_s", m.reference_stale_s, (0.1, 86_400.0), "0.1 to 86400 s"),
        ]
    }

    #[rustfmt::skip] // a table
    pub(super) fn recovery_ranges(&self) -> [Ranged; 24] {
        let r = &self.recovery;
        let (attempts, rounds) = (f64::from(r.ioc_attempts), f64::from(r.ioc_rounds));
        [
            ("recovery.stuck_s", r.stuck_s, SOME_S, IN_SECONDS),
            ("recovery.chase_s", r.chase_s, SOME_S, IN_SECONDS),
            ("recovery.passive_s", r.passive_s, DAY_S, "0 to 86400 s"),
            ("recovery.passive_ratio_max", r.passive_ratio_max, (1.0, 1e3), "1 to 1000"),
            ("recovery.liquidation_sigma_hours", r.liquidation_sigma_hours, RATIO, "0 to 1000"),
            ("recovery.ioc_slippage_bps", r.ioc_slippage_bps, BPS, "0 to 1000 bps"),
            ("recovery.ioc_slippage_spreads", r.ioc_slippage_spreads, RATIO, "0 to 1000"),
            ("recovery.ioc_slippage_sigmas", r.ioc_slippage_sigmas, RATIO, "0 to 1000"),
            ("recovery.ioc_horizon_s", r.ioc_horizon_s, DAY_S, "0 to 86400 s"),
            ("recovery.ioc_slippage_max_bps", r.ioc_slippage_max_bps, BPS, "0 to 1000 bps"),
            ("recovery.ioc_limit_frac", r.ioc_limit_frac, (1e-6, 1.0), "above 0, at most 1"),
            ("recovery.ioc_min_usd", r.ioc_min_usd, (10.0, 1e9), "at least 10 USDC"),
            ("recovery.ioc_attempts", attempts, (1.0, 1e3), "1 to 1000"),
            ("recovery.ioc_apart_s", r.ioc_apart_s, SOME_S, IN_SECONDS),
            ("recovery.ioc_rounds", rounds, (1.0, 1e3), "1 to 1000"),
            ("recovery.ioc_cooldown_s", r.ioc_cooldown_s, SOME_S, IN_SECONDS),
            ("recovery.post_only_s", r.post_only_s, SOME_S, IN_SECONDS),
            ("recovery.reject_strikes", f64::from(r.reject_strikes), (1.0, 1e3), "1 to 1000"),
            ("recovery.reject_backoff_s", r.reject_backoff_s, SOME_S, IN_SECONDS),
            ("recovery.reject_backoff_max_s", r.reject_backoff_max_s, (r.reject_backoff_s, 86_400.0), "reject_backoff_s to 86400 s"),
            ("recovery.reconcile_s", r.reconcile_s, SOME_S, IN_SECONDS),
            ("recovery.reconcile_grace_s", r.reconcile_grace_s, DAY_S, "0 to 86400 s"),
            ("recovery.sweep_s", r.sweep_s, SOME_S, IN_SECONDS),
            ("recovery.sweep_grace_s", r.sweep_grace_s, DAY_S, "0 to 86400 s"),
        ]
    }

    #[rustfmt::skip] // a table
    pub(super) fn requests_ranges(&self) -> [Ranged; 6] {
        let r = &self.requests;
        let (reserve, weight) = (f64::from(r.reserve), f64::from(r.watchdog_weight_per_min));
        [
            ("requests.reserve", reserve, (0.0, 1e6), "0 to 1000000"),
            ("requests.plan_days", r.plan_days, (0.01, 3650.0), "0.01 to 3650 days"),
            ("requests.burst_frac", r.burst_frac, (1e-6, 1.0), "above 0, at most 1"),
            ("requests.price_max_usd", r.price_max_usd, PRICE, "0 to 0.0005 USDC, what the venue asks"),
            ("requests.ask_s", r.ask_s, (1.0, 3600.0), "1 to 3600 s"),
            ("requests.watchdog_weight_per_min", weight, (0.0, 900.0), "0 to 900"),
        ]
    }
}
