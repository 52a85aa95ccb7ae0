//! What the derivation reads, how old it is, and how old it may be.

use serde::{Deserialize, Serialize};

use super::config::{LimitError, Range};
use crate::units::{Dur, Sz, Usd};

/// Largest number of lots or micro-USDC that a fact may state.
const LATTICE_MAX: i64 = 9_000_000_000_000_000;

/// The facts of one derivation. `None` means not known yet, or not applicable: its cap does not apply.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitInputs {
    /// Equity.
    pub account_value: Option<Usd>,
    /// The smallest of leverage cap, exchange setting and margin tier.
    pub max_leverage: f64,
    /// Volatility of log mid per square root of a second, a fraction; 0 counts as confidence 0.
    pub sigma: Option<f64>,
    /// Confidence in it, 0 to 1.
    pub sigma_confidence: f64,
    /// Its 24 h value, for the floor.
    pub sigma_24h: Option<f64>,
    /// Measured prior; `None` or 0: the configured one.
    pub sigma_prior: Option<f64>,
    /// Mid price, USDC.
    pub mid: Option<f64>,
    /// Position, signed.
    pub position: Sz,
    /// Time to unwind the limit at our own fill rate, seconds; clamped to 1 to 4 horizons.
    pub horizon_s: Option<f64>,
    /// The smaller of the day's loss left and the drawdown left; may be negative.
    pub loss_left: Option<Usd>,
    /// The exchange's allowance for a further trade, `[buy, sell]`.
    pub head_room: Option<[Sz; 2]>,
    /// Own resting and in-flight increasing orders, `[bids, asks]`.
    ///
    /// As of the head-room's report: what has filled since is taken off, so that a fill does not move
    /// the limit; negative where more has filled than was ours.
    pub own_increasing: [Sz; 2],
    /// The asset's maximum leverage: decides the gap.
    pub asset_max_leverage: Option<f64>,
    /// Leverage set on the exchange: decides the margin share.
    pub exchange_leverage: Option<f64>,
    /// Notional from which a margin tier forbids the leverage set on the exchange.
    pub tier_notional_max: Option<Usd>,
    /// Whether the coin is at the venue's open-interest cap, where a position may only shrink.
    pub at_open_interest_cap: Option<bool>,
    /// This coin's share of equity when several are quoted, 0 to 1.
    pub equity_share: Option<f64>,
    /// Share of the limit that the capital ramp leaves, above 0; `None`: there is no ramp.
    #[serde(default)]
    pub ramp_share: Option<f64>,
    /// Share of a position that funding is to take within this hour, reserved shortly before it is paid;
    /// `None`: none is due, or none is known.
    #[serde(default)]
    pub funding_frac: Option<f64>,
    /// Notional traded by everybody in the last hour, USDC.
    pub traded_notional_1h: Option<f64>,
    /// Ages of the facts above.
    pub ages: Ages,
}

impl LimitInputs {
    /// Nothing known but the leverage allowed.
    #[must_use]
    pub const fn unknown(max_leverage: f64) -> Self {
        Self {
            account_value: None,
            max_leverage,
            sigma: None,
            sigma_confidence: 0.0,
            sigma_24h: None,
            sigma_prior: None,
            mid: None,
            position: Sz::ZERO,
            horizon_s: None,
            loss_left: None,
            head_room: None,
            own_increasing: [Sz::ZERO; 2],
            asset_max_leverage: None,
            exchange_leverage: None,
            tier_notional_max: None,
            at_open_interest_cap: None,
            equity_share: None,
            ramp_share: None,
            funding_frac: None,
            traded_notional_1h: None,
            ages: Ages::NONE,
        }
    }

    /// Refuses what is not a number in its range.
    ///
    /// # Errors
    /// [`LimitError::OutOfRange`] naming the field.
    pub fn check(&self) -> Result<(), LimitError> {
        use Range::{NonNegative, Positive, Share, Unit};
        NonNegative.check("max_leverage", self.max_leverage)?;
        NonNegative.check_given("sigma", self.sigma)?;
        Unit.check("sigma_confidence", self.sigma_confidence)?;
        NonNegative.check_given("sigma_24h", self.sigma_24h)?;
        NonNegative.check_given("sigma_prior", self.sigma_prior)?;
        Positive.check_given("mid", self.mid)?;
        Positive.check_given("horizon_s", self.horizon_s)?;
        Positive.check_given("asset_max_leverage", self.asset_max_leverage)?;
        Positive.check_given("exchange_leverage", self.exchange_leverage)?;
        Share.check_given("equity_share", self.equity_share)?;
        Share.check_given("ramp_share", self.ramp_share)?;
        NonNegative.check_given("funding_frac", self.funding_frac)?;
        NonNegative.check_given("traded_notional_1h", self.traded_notional_1h)?;
        let sizes = [
            ("position", self.position.abs()),
            ("own_increasing", self.own_increasing[0].abs()),
        ]
        .into_iter()
        .chain([("own_increasing", self.own_increasing[1].abs())])
        .chain(
            self.head_room
                .into_iter()
                .flatten()
                .map(|sz| ("head_room", sz)),
        );
        for (field, sz) in sizes {
            check_lattice(field, sz.0)?;
        }
        self.tier_notional_max
            .map_or(Ok(()), |usd| check_lattice("tier_notional_max", usd.0))
    }
}

fn check_lattice(field: &'static str, value: i64) -> Result<(), LimitError> {
    if (0..=LATTICE_MAX).contains(&value) {
        return Ok(());
    }
    Err(LimitError::OutOfRange {
        field,
        value: Sz(value).as_f64(),
        expected: "0 to 9e15 lattice units",
    })
}

/// Ages of the inputs; `None`: not known yet, or not watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ages {
    /// Book or bbo, whichever is newer.
    pub market: Option<Dur>,
    /// Account value and margin.
    pub account: Option<Dur>,
    /// The exchange's head-room.
    pub head_room: Option<Dur>,
    /// Volatility.
    pub sigma: Option<Dur>,
    /// Our order and fill stream, by its last sign of life.
    pub own_stream: Option<Dur>,
    /// The candles behind `sigma_24h` and `sigma_prior`. Shown; it has no deadline.
    #[serde(default)]
    pub history: Option<Dur>,
}

impl Ages {
    /// Nothing watched.
    pub const NONE: Self = Self {
        market: None,
        account: None,
        head_room: None,
        sigma: None,
        own_stream: None,
        history: None,
    };

    /// The worst of all ages against their deadlines, and whose it is.
    #[must_use]
    pub fn judge(&self, deadlines: &FreshnessConfig) -> (Freshness, Option<Input>) {
        let d = &deadlines.0;
        let watched = [
            (
                Input::Market,
                self.market,
                d.market_degraded_s,
                d.market_gone_s,
            ),
            (
                Input::Account,
                self.account,
                d.account_degraded_s,
                d.account_gone_s,
            ),
            (
                Input::HeadRoom,
                self.head_room,
                d.head_room_degraded_s,
                d.head_room_gone_s,
            ),
            (Input::Sigma, self.sigma, d.sigma_degraded_s, d.sigma_gone_s),
            (
                Input::OwnStream,
                self.own_stream,
                d.own_stream_degraded_s,
                d.own_stream_gone_s,
            ),
        ];
        let mut worst = (Freshness::Fresh, None);
        for (input, age, degraded_s, gone_s) in watched {
            let Some(age) = age else { continue };
            let state = if age > Dur::from_secs(gone_s) {
                Freshness::Gone
            } else if age > Dur::from_secs(degraded_s) {
                Freshness::Degraded
            } else {
                Freshness::Fresh
            };
            if state > worst.0 {
                worst = (state, Some(input));
            }
        }
        worst
    }
}

/// How fresh an input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Freshness {
    /// Within its first deadline.
    Fresh,
    /// Past the first.
    Degraded,
    /// Past the second: treated as gone.
    Gone,
}

/// The inputs that age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// Book or bbo.
    Market,
    /// Account value and margin.
    Account,
    /// The exchange's head-room.
    HeadRoom,
    /// Volatility.
    Sigma,
    /// Our order and fill stream.
    OwnStream,
}

/// Deadlines in seconds, unchecked. Past `degraded` the increasing side may not grow, past `gone` it ends.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "ten fields of one meaning: input, deadline, unit"
)]
pub struct FreshnessSettings {
    pub market_degraded_s: f64,
    pub market_gone_s: f64,
    pub account_degraded_s: f64,
    pub account_gone_s: f64,
    pub head_room_degraded_s: f64,
    pub head_room_gone_s: f64,
    pub sigma_degraded_s: f64,
    pub sigma_gone_s: f64,
    pub own_stream_degraded_s: f64,
    pub own_stream_gone_s: f64,
}

/// Checked deadlines: positive, the second after the first.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "FreshnessSettings", into = "FreshnessSettings")]
pub struct FreshnessConfig(FreshnessSettings);

impl FreshnessConfig {
    /// Checks every deadline.
    ///
    /// # Errors
    /// [`LimitError::OutOfRange`] naming the field; [`LimitError::Relation`] when a second deadline
    /// is not after its first.
    pub fn new(settings: FreshnessSettings) -> Result<Self, LimitError> {
        let s = &settings;
        let pairs = [
            (
                "market_degraded_s",
                s.market_degraded_s,
                "market_gone_s",
                s.market_gone_s,
            ),
            (
                "account_degraded_s",
                s.account_degraded_s,
                "account_gone_s",
                s.account_gone_s,
            ),
            (
                "head_room_degraded_s",
                s.head_room_degraded_s,
                "head_room_gone_s",
                s.head_room_gone_s,
            ),
            (
                "sigma_degraded_s",
                s.sigma_degraded_s,
                "sigma_gone_s",
                s.sigma_gone_s,
            ),
            (
                "own_stream_degraded_s",
                s.own_stream_degraded_s,
                "own_stream_gone_s",
                s.own_stream_gone_s,
            ),
        ];
        for (first_field, first, second_field, second) in pairs {
            check_deadline(first_field, first)?;
            check_deadline(second_field, second)?;
            if second <= first {
                return Err(LimitError::Relation(
                    "each *_gone_s deadline must be above its *_degraded_s deadline",
                ));
            }
        }
        Ok(Self(settings))
    }

    /// The deadlines.
    #[must_use]
    pub const fn settings(&self) -> &FreshnessSettings {
        &self.0
    }
}

/// A deadline fits nanoseconds in an `i64`: at most a year.
fn check_deadline(field: &'static str, value: f64) -> Result<(), LimitError> {
    if 0.0 < value && value <= 31_536_000.0 {
        return Ok(());
    }
    Err(LimitError::OutOfRange {
        field,
        value,
        expected: "seconds above 0, at most a year",
    })
}

impl TryFrom<FreshnessSettings> for FreshnessConfig {
    type Error = LimitError;

    fn try_from(settings: FreshnessSettings) -> Result<Self, LimitError> {
        Self::new(settings)
    }
}

impl From<FreshnessConfig> for FreshnessSettings {
    fn from(config: FreshnessConfig) -> Self {
        config.0
    }
}
