//! What tests of the engine start from.

use std::collections::BTreeMap;

use mm_core::action::Cloid;
use mm_core::engine::EngineConfig;
use mm_core::event::{EventBody, OrderFate, OrderUpdate};
use mm_core::instrument::Instrument;
use mm_core::recovery::ask::Ask;
use mm_core::units::SECOND;

/// When a test begins.
pub(crate) const START: i64 = 1_700_000_000 * SECOND;

/// A configuration with the defaults.
pub(crate) fn config() -> EngineConfig {
    serde_json::from_str(
        r#"{
        "session": 7, "cloid_start": 0, "action_life_s": 10,
        "limits": {"risk_fraction": 0.03, "num_sigmas": 3, "risk_horizon_s": 3600, "sigma_prior": 3e-4,
            "sigma_floor_frac": 0.5, "confidence_n0": 30, "leverage_cap": 5, "initial_margin_frac": 0.8,
            "gap_move_frac": null, "gap_loss_frac": 0.5, "liquidity_frac": 0.05, "position_cap_usd": null,
            "position_cap_coin": null, "equity_share_frac": null, "warmup_max_position_usd": 500, "warmup_max_position_coin": null,
            "limit_use_frac": 0.98, "reduce_only_leave_frac": 0.9, "daily_loss_frac": 0.05,
            "drawdown_frac": 0.08, "limit_rise_frac_per_min": 0.1},
        "quoting": {"strategy": "ladder", "target_liquidity_frac": 0.2, "levels": 5, "depths_bps": null,
            "min_level_usd": 12, "min_edge_bps": 0.5, "arrival_per_s": 0.1, "kappa_per_bps": 0.7,
            "adverse_selection_bps": 0.5, "half_spread_bps": 10, "half_spread_max_bps": 100.0, "risk_aversion": 1.0,
            "horizon_s": 300, "inventory_skew_bps": 10, "max_bps_diff": null, "size_tolerance_frac": 0.1,
            "sweep_guard": true},
        "models": {"fair_price": "mid", "intensity": "assumed", "intensity_half_life_s": 1200,
            "adverse_selection": "assumed", "adverse_half_life_s": 3600, "shrink_n0": 100,
            "gamma_at": "present", "no_edge": "quote", "queue": false, "regime": false, "lively_size_frac": 0.7, "wild_size_frac": 0.4, "calm_refresh_ratio": 0.7,
            "lively_refresh_ratio": 1.3, "wild_refresh_ratio": 2,
            "funding": false, "funding_max_bps": 5, "funding_reserve_s": 600,
            "reference": "off", "lead": false, "ofi": false, "shift_half_life_s": 1800, "basis_half_life_s": 2,
            "reference_stale_s": 5},
        "freshness": {"market_degraded_s": 5, "market_gone_s": 15, "account_degraded_s": 30,
            "account_gone_s": 120, "head_room_degraded_s": 60, "head_room_gone_s": 300,
            "sigma_degraded_s": 120, "sigma_gone_s": 600, "own_stream_degraded_s": 60, "own_stream_gone_s": 120},
        "control": {"observe_book_s": 10, "observe_deadline_s": 120, "quote_min_s": 60, "widen_jump_sigmas": 5, "widen_window_s": 5,
            "widen_term_bps": 5, "widen_sum_bps": 20, "widen_dwell_s": 30, "toxic_jump_sigmas": null,
            "toxic_flow_sigmas": null, "toxic_off_s": 5, "burst_fills": 4, "burst_window_s": 2,
            "burst_off_s": 60, "burst_step_s": 30, "ramp": false, "kill_runaway_ratio": 2, "kill_stale_s": 300,
            "kill_rejections": 10, "kill_rejections_s": 60, "kill_unexplained_s": 30, "on_kill": "flatten",
            "on_exit": "hold",
            "kill_deadline_s": 120, "exit_deadline_s": 60},
        "recovery": {"stuck_s": 30, "chase_s": 60, "passive_s": 300, "passive_ratio_max": 1.5,
            "liquidation_sigma_hours": 3, "ioc_slippage_bps": 5, "ioc_slippage_spreads": 3,
            "ioc_slippage_sigmas": 3, "ioc_horizon_s": 5, "ioc_slippage_max_bps": 50,
            "ioc_limit_frac": 0.1, "ioc_min_usd": 12, "ioc_attempts": 3, "ioc_apart_s": 5,
            "ioc_rounds": 3, "ioc_cooldown_s": 30, "post_only_s": 60, "reject_strikes": 3,
            "reject_backoff_s": 5, "reject_backoff_max_s": 120, "reconcile_s": 10,
            "reconcile_grace_s": 3, "sweep_s": 60, "sweep_grace_s": 5},
        "protection": {"resident_stop": false, "resident_stop_tolerance_frac": 0.1},
        "requests": {"reserve": 500, "plan_days": 3, "burst_frac": 0.1, "price_max_usd": 5e-4, "ask_s": 60,
            "watchdog_weight_per_min": 300}
    }"#,
    )
    .unwrap()
}

/// The perp.
pub(crate) fn btc() -> Instrument {
    Instrument::new("BTC", 0, 5, 40).unwrap()
}

/// What the venue knows of orders that ended, and which it was asked about.
#[derive(Debug, Default)]
pub(crate) struct Fates {
    ended: BTreeMap<Cloid, OrderUpdate>,
    asked: Vec<Cloid>,
}

impl Fates {
    /// An order ended so.
    pub(crate) fn end(&mut self, update: OrderUpdate) {
        self.ended.extend(update.cloid.map(|cloid| (cloid, update)));
    }

    /// It, or its replacement, rests.
    pub(crate) fn rest(&mut self, cloid: Cloid) {
        self.ended.remove(&cloid);
    }

    /// The engine asks.
    pub(crate) fn ask(&mut self, asks: &[Ask]) {
        self.asked.extend(asks.iter().filter_map(|ask| match ask {
            Ask::OrderStatus(cloid) => Some(*cloid),
            _ => None,
        }));
    }

    /// The answers; `resting` gives an order that still rests.
    pub(crate) fn answers(
        &mut self,
        resting: impl Fn(Cloid) -> Option<OrderUpdate>,
    ) -> Vec<EventBody> {
        let asked = core::mem::take(&mut self.asked).into_iter();
        asked
            .map(|cloid| {
                let found = resting(cloid).or_else(|| self.ended.get(&cloid).copied());
                EventBody::OrderStatus(OrderFate { cloid, found })
            })
            .collect()
    }
}
