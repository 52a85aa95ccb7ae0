//! What the user may set about limits, checked once.

use serde::{Deserialize, Serialize};

/// Why a limit's configuration or inputs were refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LimitError {
    /// Not finite or outside its range.
    #[error("{field} was {value}, expected {expected}")]
    OutOfRange {
        /// Which field.
        field: &'static str,
        /// The value given.
        value: f64,
        /// The range, with its unit.
        expected: &'static str,
    },
    /// Two fields that need one another or exclude one another.
    #[error("{0}")]
    Relation(&'static str),
}

/// A range that a number must lie in.
#[derive(Clone, Copy)]
pub(crate) enum Range {
    /// Above zero.
    Positive,
    /// Zero or more.
    NonNegative,
    /// Above zero, at most one.
    Share,
    /// From zero to one.
    Unit,
}

impl Range {
    const fn expected(self) -> &'static str {
        match self {
            Self::Positive => "a finite number above 0, at most 1e12",
            Self::NonNegative => "a finite number from 0 to 1e12",
            Self::Share => "a number above 0, at most 1",
            Self::Unit => "a number from 0 to 1",
        }
    }

    /// Refuses `value` outside the range; NaN and infinity are outside every range.
    pub(crate) fn check(self, field: &'static str, value: f64) -> Result<(), LimitError> {
        let inside = match self {
            Self::Positive => 0.0 < value && value <= 1e12,
            Self::NonNegative => (0.0..=1e12).contains(&value),
            Self::Share => 0.0 < value && value <= 1.0,
            Self::Unit => (0.0..=1.0).contains(&value),
        };
        if inside {
            return Ok(());
        }
        Err(LimitError::OutOfRange {
            field,
            value,
            expected: self.expected(),
        })
    }

    /// [`Range::check`] where a value is given.
    pub(crate) fn check_given(
        self,
        field: &'static str,
        value: Option<f64>,
    ) -> Result<(), LimitError> {
        value.map_or(Ok(()), |value| self.check(field, value))
    }
}

/// The settings of the derivation, unchecked: what configuration files and callers write.
///
/// Fractions are 0 to 1; no field has a default here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitSettings {
    /// Share of equity that a move of `num_sigmas` over the horizon may cost at the limit.
    pub risk_fraction: f64,
    /// Size of that move in standard deviations.
    pub num_sigmas: f64,
    /// Shortest time we assume to be stuck with a position, seconds; four times it is the longest.
    pub risk_horizon_s: f64,
    /// Volatility until a measured prior exists, per square root of a second, a fraction.
    pub sigma_prior: f64,
    /// Volatility never counts for less than this share of its 24 h value.
    pub sigma_floor_frac: f64,
    /// Confidence in the estimate is n / (n + this).
    pub confidence_n0: f64,
    /// Largest leverage the user allows; enters through [`super::LimitInputs::max_leverage`].
    pub leverage_cap: f64,
    /// Share of equity that this coin may use, others being quoted on the same account; enters through
    /// [`super::LimitInputs::equity_share`]. `None`: nobody else uses any.
    pub equity_share_frac: Option<f64>,
    /// Margin of the limit position is at most this share of equity.
    pub initial_margin_frac: f64,
    /// Move that the gap cap assumes, a fraction; `None`: by the asset's maximum leverage.
    pub gap_move_frac: Option<f64>,
    /// Share of equity that such a gap may cost.
    pub gap_loss_frac: f64,
    /// Share of the notional traded in an hour.
    pub liquidity_frac: f64,
    /// The user's hard limit, USDC.
    pub position_cap_usd: Option<f64>,
    /// The user's hard limit, coin.
    pub position_cap_coin: Option<f64>,
    /// Limit while warming up, USDC; exactly one of this and the next is given.
    pub warmup_max_position_usd: Option<f64>,
    /// Limit while warming up, coin.
    pub warmup_max_position_coin: Option<f64>,
    /// Share of the limit that sizing uses.
    pub limit_use_frac: f64,
    /// Reduce-only ends at or below this share of the limit.
    pub reduce_only_leave_frac: f64,
    /// Largest loss of a day, share of its opening equity.
    pub daily_loss_frac: f64,
    /// Largest fall from the peak, share of the peak.
    pub drawdown_frac: f64,
    /// Largest rise of the limit a minute, share of the newly derived value.
    pub limit_rise_frac_per_min: f64,
}

/// Checked settings. The warm-up fallback cannot be read from outside the derivation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "LimitSettings", into = "LimitSettings")]
pub struct LimitConfig(LimitSettings);

impl LimitConfig {
    /// Checks every range.
    ///
    /// # Errors
    /// [`LimitError::OutOfRange`] naming the field; [`LimitError::Relation`] when not exactly one
    /// warm-up limit is given.
    pub fn new(settings: LimitSettings) -> Result<Self, LimitError> {
        use Range::{NonNegative, Positive, Share, Unit};
        let s = &settings;
        Share.check("risk_fraction", s.risk_fraction)?;
        Positive.check("num_sigmas", s.num_sigmas)?;
        Positive.check("risk_horizon_s", s.risk_horizon_s)?;
        Share.check("sigma_prior", s.sigma_prior)?;
        Unit.check("sigma_floor_frac", s.sigma_floor_frac)?;
        NonNegative.check("confidence_n0", s.confidence_n0)?;
        Positive.check("leverage_cap", s.leverage_cap)?;
        Share.check_given("equity_share_frac", s.equity_share_frac)?;
        Share.check("initial_margin_frac", s.initial_margin_frac)?;
        Share.check_given("gap_move_frac", s.gap_move_frac)?;
        Share.check("gap_loss_frac", s.gap_loss_frac)?;
        Share.check("liquidity_frac", s.liquidity_frac)?;
        NonNegative.check_given("position_cap_usd", s.position_cap_usd)?;
        NonNegative.check_given("position_cap_coin", s.position_cap_coin)?;
        NonNegative.check_given("warmup_max_position_usd", s.warmup_max_position_usd)?;
        NonNegative.check_given("warmup_max_position_coin", s.warmup_max_position_coin)?;
        Share.check("limit_use_frac", s.limit_use_frac)?;
        Share.check("reduce_only_leave_frac", s.reduce_only_leave_frac)?;
        Share.check("daily_loss_frac", s.daily_loss_frac)?;
        Share.check("drawdown_frac", s.drawdown_frac)?;
        NonNegative.check("limit_rise_frac_per_min", s.limit_rise_frac_per_min)?;
        if s.warmup_max_position_usd.is_some() == s.warmup_max_position_coin.is_some() {
            return Err(LimitError::Relation(
                "exactly one of warmup_max_position_usd and warmup_max_position_coin must be given",
            ));
        }
        Ok(Self(settings))
    }

    /// Share of the limit that sizing uses.
    #[must_use]
    pub const fn limit_use_frac(&self) -> f64 {
        self.0.limit_use_frac
    }

    /// Reduce-only ends at or below this share of the limit.
    #[must_use]
    pub const fn reduce_only_leave_frac(&self) -> f64 {
        self.0.reduce_only_leave_frac
    }

    /// Confidence in the volatility estimate is n / (n + this).
    #[must_use]
    pub const fn confidence_n0(&self) -> f64 {
        self.0.confidence_n0
    }

    /// Largest leverage the user allows.
    #[must_use]
    pub const fn leverage_cap(&self) -> f64 {
        self.0.leverage_cap
    }

    /// Share of equity that this coin may use; `None`: all of it.
    #[must_use]
    pub const fn equity_share_frac(&self) -> Option<f64> {
        self.0.equity_share_frac
    }

    /// Share of equity that may be initial margin.
    #[must_use]
    pub const fn initial_margin_frac(&self) -> f64 {
        self.0.initial_margin_frac
    }

    /// Volatility until a measured prior exists, per square root of a second.
    #[must_use]
    pub const fn sigma_prior(&self) -> f64 {
        self.0.sigma_prior
    }

    /// Shortest time we assume to be stuck with a position, s.
    #[must_use]
    pub const fn risk_horizon_s(&self) -> f64 {
        self.0.risk_horizon_s
    }

    /// Largest loss of a day, share of its opening equity.
    #[must_use]
    pub const fn daily_loss_frac(&self) -> f64 {
        self.0.daily_loss_frac
    }

    /// Largest fall from the peak, share of the peak.
    #[must_use]
    pub const fn drawdown_frac(&self) -> f64 {
        self.0.drawdown_frac
    }

    /// Everything, for the derivation alone.
    pub(super) const fn settings(&self) -> &LimitSettings {
        &self.0
    }
}

impl TryFrom<LimitSettings> for LimitConfig {
    type Error = LimitError;

    fn try_from(settings: LimitSettings) -> Result<Self, LimitError> {
        Self::new(settings)
    }
}

impl From<LimitConfig> for LimitSettings {
    fn from(config: LimitConfig) -> Self {
        config.0
    }
}
