//! The settings of the derivation, seen from Python.

use mm_core::limits::{FreshnessConfig, FreshnessSettings, LimitConfig, LimitError, LimitSettings};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use crate::error::ConfigError;
use crate::number::Number;

/// How the limit is derived. Every default is Python's: `mm.DynamicRiskConfig` fills them in.
#[pyclass(
    name = "DynamicRiskConfig",
    module = "mm._core",
    frozen,
    subclass,
    eq,
    get_all
)]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PyDynamicRiskConfig {
    risk_fraction: f64,
    num_sigmas: f64,
    sigma_prior: f64,
    risk_horizon_s: f64,
    leverage_cap: f64,
    initial_margin_frac: f64,
    gap_move_frac: Option<f64>,
    gap_loss_frac: f64,
    liquidity_frac: f64,
    sigma_floor_frac: f64,
    confidence_n0: f64,
    pub(crate) limit_use_frac: f64,
    pub(crate) reduce_only_leave_frac: f64,
    daily_loss_frac: f64,
    drawdown_frac: f64,
    limit_rise_frac_per_min: f64,
    market_degraded_s: f64,
    market_gone_s: f64,
    account_degraded_s: f64,
    account_gone_s: f64,
    head_room_degraded_s: f64,
    head_room_gone_s: f64,
    sigma_degraded_s: f64,
    sigma_gone_s: f64,
    own_stream_degraded_s: f64,
    own_stream_gone_s: f64,
}

/// The settings as an argument: anything else is refused in our words.
pub(crate) struct RiskConfig<'py>(pub(crate) Bound<'py, PyDynamicRiskConfig>);

impl<'a, 'py> FromPyObject<'a, 'py> for RiskConfig<'py> {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let given = object.cast::<PyDynamicRiskConfig>();
        given.map(|config| Self(config.to_owned())).map_err(|_| {
            let shown = object
                .repr()
                .map_or_else(|_| "?".into(), |text| text.to_string());
            PyTypeError::new_err(format!("config was {shown}, expected a DynamicRiskConfig"))
        })
    }
}

#[pymethods]
impl PyDynamicRiskConfig {
    #[new]
    #[pyo3(signature = (*, risk_fraction, num_sigmas, sigma_prior, risk_horizon_s, leverage_cap, initial_margin_frac, gap_move_frac, gap_loss_frac, liquidity_frac, sigma_floor_frac, confidence_n0, limit_use_frac, reduce_only_leave_frac, daily_loss_frac, drawdown_frac, limit_rise_frac_per_min, market_degraded_s, market_gone_s, account_degraded_s, account_gone_s, head_room_degraded_s, head_room_gone_s, sigma_degraded_s, sigma_gone_s, own_stream_degraded_s, own_stream_gone_s))]
    #[expect(
        clippy::too_many_arguments,
        clippy::needless_pass_by_value,
        reason = "keyword-only: one a setting; Python hands over values"
    )]
    fn new(
        risk_fraction: Number,
        num_sigmas: Number,
        sigma_prior: Number,
        risk_horizon_s: Number,
        leverage_cap: Number,
        initial_margin_frac: Number,
        gap_move_frac: Option<Number>,
        gap_loss_frac: Number,
        liquidity_frac: Number,
        sigma_floor_frac: Number,
        confidence_n0: Number,
        limit_use_frac: Number,
        reduce_only_leave_frac: Number,
        daily_loss_frac: Number,
        drawdown_frac: Number,
        limit_rise_frac_per_min: Number,
        market_degraded_s: Number,
        market_gone_s: Number,
        account_degraded_s: Number,
        account_gone_s: Number,
        head_room_degraded_s: Number,
        head_room_gone_s: Number,
        sigma_degraded_s: Number,
        sigma_gone_s: Number,
        own_stream_degraded_s: Number,
        own_stream_gone_s: Number,
    ) -> PyResult<Self> {
        let config = Self {
            risk_fraction: risk_fraction.belief("risk_fraction")?,
            num_sigmas: num_sigmas.belief("num_sigmas")?,
            sigma_prior: sigma_prior.belief("sigma_prior")?,
            risk_horizon_s: risk_horizon_s.belief("risk_horizon_s")?,
            leverage_cap: leverage_cap.belief("leverage_cap")?,
            initial_margin_frac: initial_margin_frac.belief("initial_margin_frac")?,
            gap_move_frac: gap_move_frac
                .map(|number| number.belief("gap_move_frac"))
                .transpose()?,
            gap_loss_frac: gap_loss_frac.belief("gap_loss_frac")?,
            liquidity_frac: liquidity_frac.belief("liquidity_frac")?,
            sigma_floor_frac: sigma_floor_frac.belief("sigma_floor_frac")?,
            confidence_n0: confidence_n0.belief("confidence_n0")?,
            limit_use_frac: limit_use_frac.belief("limit_use_frac")?,
            reduce_only_leave_frac: reduce_only_leave_frac.belief("reduce_only_leave_frac")?,
            daily_loss_frac: daily_loss_frac.belief("daily_loss_frac")?,
            drawdown_frac: drawdown_frac.belief("drawdown_frac")?,
            limit_rise_frac_per_min: limit_rise_frac_per_min.belief("limit_rise_frac_per_min")?,
            market_degraded_s: market_degraded_s.belief("market_degraded_s")?,
            market_gone_s: market_gone_s.belief("market_gone_s")?,
            account_degraded_s: account_degraded_s.belief("account_degraded_s")?,
            account_gone_s: account_gone_s.belief("account_gone_s")?,
            head_room_degraded_s: head_room_degraded_s.belief("head_room_degraded_s")?,
            head_room_gone_s: head_room_gone_s.belief("head_room_gone_s")?,
            sigma_degraded_s: sigma_degraded_s.belief("sigma_degraded_s")?,
            sigma_gone_s: sigma_gone_s.belief("sigma_gone_s")?,
            own_stream_degraded_s: own_stream_degraded_s.belief("own_stream_degraded_s")?,
            own_stream_gone_s: own_stream_gone_s.belief("own_stream_gone_s")?,
        };
        config.limits(Some(0.0), None)?;
        config.freshness()?;
        Ok(config)
    }

    fn __repr__(&self) -> String {
        format!("{self:?}")
            .replacen("Py", "", 1)
            .replace(" { ", "(")
            .replace(" }", ")")
            .replace(": ", "=")
    }
}

impl PyDynamicRiskConfig {
    /// The core's settings with the fallback and the hard limit of one call, both in coin.
    pub(crate) fn limits(
        &self,
        warmup_max_position_coin: Option<f64>,
        position_cap_coin: Option<f64>,
    ) -> PyResult<LimitConfig> {
        LimitConfig::new(LimitSettings {
            risk_fraction: self.risk_fraction,
            num_sigmas: self.num_sigmas,
            risk_horizon_s: self.risk_horizon_s,
            sigma_prior: self.sigma_prior,
            sigma_floor_frac: self.sigma_floor_frac,
            confidence_n0: self.confidence_n0,
            leverage_cap: self.leverage_cap,
            initial_margin_frac: self.initial_margin_frac,
            gap_move_frac: self.gap_move_frac,
            gap_loss_frac: self.gap_loss_frac,
            liquidity_frac: self.liquidity_frac,
            position_cap_usd: None,
            position_cap_coin,
            equity_share_frac: None,
            warmup_max_position_usd: None,
            warmup_max_position_coin,
            limit_use_frac: self.limit_use_frac,
            reduce_only_leave_frac: self.reduce_only_leave_frac,
            daily_loss_frac: self.daily_loss_frac,
            drawdown_frac: self.drawdown_frac,
            limit_rise_frac_per_min: self.limit_rise_frac_per_min,
        })
        .map_err(|error| refused(&error))
    }

    /// The deadlines.
    pub(crate) fn freshness(&self) -> PyResult<FreshnessConfig> {
        FreshnessConfig::new(FreshnessSettings {
            market_degraded_s: self.market_degraded_s,
            market_gone_s: self.market_gone_s,
            account_degraded_s: self.account_degraded_s,
            account_gone_s: self.account_gone_s,
            head_room_degraded_s: self.head_room_degraded_s,
            head_room_gone_s: self.head_room_gone_s,
            sigma_degraded_s: self.sigma_degraded_s,
            sigma_gone_s: self.sigma_gone_s,
            own_stream_degraded_s: self.own_stream_degraded_s,
            own_stream_gone_s: self.own_stream_gone_s,
        })
        .map_err(|error| refused(&error))
    }
}

/// The core's refusal as Python's error.
pub(crate) fn refused(error: &LimitError) -> PyErr {
    ConfigError::new_err(error.to_string())
}
