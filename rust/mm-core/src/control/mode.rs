//! The mode of a session: what it may quote, and why no more than that.

use serde::{Deserialize, Serialize};

/// How much may be quoted, from everything to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Both sides.
    Normal,
    /// Both sides, the increasing one at a premium.
    Widen,
    /// The reducing side alone.
    ReduceOnly,
    /// Nothing rests; the position is closed by immediate, reduce-only orders.
    Flatten,
    /// Nothing rests.
    Halted,
}

impl Mode {
    /// All, from the mildest to the strictest.
    pub const ALL: [Self; 5] = [
        Self::Normal,
        Self::Widen,
        Self::ReduceOnly,
        Self::Flatten,
        Self::Halted,
    ];

    /// The name that logs, metrics and JSON show.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Widen => "widen",
            Self::ReduceOnly => "reduce_only",
            Self::Flatten => "flatten",
            Self::Halted => "halted",
        }
    }
}

/// Why the mode is not `Normal`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModeReason {
    /// The kill switch has latched.
    Killed,
    /// The session stops.
    Stopping,
    /// The exchange has not been synchronised.
    NotAnchored,
    /// A stream is down.
    StreamDown,
    /// Market data past its deadline.
    MarketStale,
    /// A fill did not continue from our position.
    PositionUnexplained,
    /// The position is worth more than V.
    OverValueLimit,
    /// The position is larger than Q of its side.
    OverPositionLimit,
    /// Not enough margin.
    Margin,
    /// Liquidation is too near.
    LiquidationDistance,
    /// Recovery has spent its rounds.
    RecoveryExhausted,
    /// Many fills of one side within a moment.
    FillBurst,
    /// Our fees are not known.
    FeesUnknown,
    /// The exchange's allowance is not known.
    HeadRoomUnknown,
    /// No fresh two-sided book for long enough.
    WaitingForBook,
    /// Volatility is not known yet and its deadline has not passed.
    WaitingForSigma,
    /// The mid jumped further than volatility explains.
    PriceJump,
    /// An input is past its first deadline.
    InputsDegraded,
}

impl ModeReason {
    /// The name that logs, metrics and JSON show.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Killed => "killed",
            Self::Stopping => "stopping",
            Self::NotAnchored => "not_anchored",
            Self::StreamDown => "stream_down",
            Self::MarketStale => "market_stale",
            Self::PositionUnexplained => "position_unexplained",
            Self::OverValueLimit => "over_value_limit",
            Self::OverPositionLimit => "over_position_limit",
            Self::Margin => "margin",
            Self::LiquidationDistance => "liquidation_distance",
            Self::RecoveryExhausted => "recovery_exhausted",
            Self::FillBurst => "fill_burst",
            Self::FeesUnknown => "fees_unknown",
            Self::HeadRoomUnknown => "head_room_unknown",
            Self::WaitingForBook => "waiting_for_book",
            Self::WaitingForSigma => "waiting_for_sigma",
            Self::PriceJump => "price_jump",
            Self::InputsDegraded => "inputs_degraded",
        }
    }
}

/// Seconds spent in each mode since the first event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[expect(missing_docs, reason = "one field a mode")]
pub struct TimeInMode {
    pub normal: f64,
    pub widen: f64,
    pub reduce_only: f64,
    pub flatten: f64,
    pub halted: f64,
}
