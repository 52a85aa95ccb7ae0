//! The kill switch: what latches it.

use serde::{Deserialize, Serialize};

use super::config::PositionPolicy;
use crate::units::{Sz, Time, Usd};

/// Why trading ended for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KillReason {
    /// The UTC day lost `daily_loss_frac` of its opening equity.
    DailyLoss,
    /// Equity fell `drawdown_frac` below its peak.
    Drawdown,
    /// The worst case is far above the limit in force at our last increase.
    Runaway,
    /// Market data silent while exposed.
    StaleMarket,
    /// Our own order and fill stream silent while exposed.
    StaleOwnStream,
    /// Account reports missing while exposed.
    StaleAccount,
    /// Many rejections of one class.
    RejectionStorm,
    /// The ledger and the exchange disagree on the position for too long.
    PositionUnexplained,
    /// The operator asked for it.
    Manual,
}

impl KillReason {
    /// All.
    pub const ALL: [Self; 9] = [
        Self::DailyLoss,
        Self::Drawdown,
        Self::Runaway,
        Self::StaleMarket,
        Self::StaleOwnStream,
        Self::StaleAccount,
        Self::RejectionStorm,
        Self::PositionUnexplained,
        Self::Manual,
    ];

    /// The name that logs, metrics, JSON and the kill record show.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DailyLoss => "daily_loss",
            Self::Drawdown => "drawdown",
            Self::Runaway => "runaway",
            Self::StaleMarket => "stale_market",
            Self::StaleOwnStream => "stale_own_stream",
            Self::StaleAccount => "stale_account",
            Self::RejectionStorm => "rejection_storm",
            Self::PositionUnexplained => "position_unexplained",
            Self::Manual => "manual",
        }
    }
}

/// The latched kill switch, as shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Kill {
    /// Why.
    pub reason: KillReason,
    /// When.
    pub at: Time,
    /// Equity at that moment, net of transfers, where known.
    pub equity: Option<Usd>,
    /// Position at that moment, signed lots.
    pub position: Sz,
    /// What becomes of the position.
    pub on_kill: PositionPolicy,
    /// Whether that is finished: nothing rests and, unless it is held, nothing is held.
    pub done: bool,
}
