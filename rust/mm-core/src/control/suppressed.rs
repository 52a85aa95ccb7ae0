//! Why a side is not quoted: one reason, always.

use serde::{Serialize, Serializer};

use super::mode::ModeReason;
use crate::filter::RefusalReason;
use crate::units::Side;

/// The reason that a side has no order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suppressed {
    /// The mode forbids it, for this reason.
    Mode(ModeReason),
    /// Every order that was wanted was refused; the last refusal.
    Refused(RefusalReason),
    /// No level of the side has a legal price.
    NoPrice,
    /// The venue admits no order before the next slot: the budget of requests is empty.
    Requests,
    /// It would increase, and at every distance that is known from its own on a loss is shown.
    NoEdge,
    /// What rested is being cancelled, or waits for an answer; nothing may stand beside it yet.
    Unanswered,
}

impl Suppressed {
    /// The code that logs, metrics and JSON show.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mode(reason) => reason.as_str(),
            Self::Refused(reason) => refused(reason),
            Self::NoPrice => "no_price",
            Self::Requests => "requests",
            Self::NoEdge => "no_edge",
            Self::Unanswered => "unanswered",
        }
    }
}

const fn refused(reason: RefusalReason) -> &'static str {
    match reason {
        RefusalReason::OverValueLimit => "over_value_limit",
        RefusalReason::OverPositionLimit => "over_position_limit",
        RefusalReason::Margin => "margin",
        RefusalReason::LiquidationDistance => "liquidation_distance",
        RefusalReason::Control => "control",
        RefusalReason::ReducingCap => "reducing_cap",
        RefusalReason::Room => "room",
        RefusalReason::MarginLeft => "margin_left",
        RefusalReason::MinNotional => "min_notional",
        RefusalReason::Merged => "merged",
        RefusalReason::NoCapture => "no_capture",
        RefusalReason::Px => "px",
        RefusalReason::WorstCase => "worst_case",
        RefusalReason::OwnCross => "own_cross",
        RefusalReason::Backoff => "backoff",
    }
}

impl Serialize for Suppressed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Both sides; `None`: quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SuppressedSides {
    /// Bids.
    pub bid: Option<Suppressed>,
    /// Asks.
    pub ask: Option<Suppressed>,
}

impl SuppressedSides {
    /// One of them.
    #[must_use]
    pub const fn of(&self, side: Side) -> Option<Suppressed> {
        match side {
            Side::Bid => self.bid,
            Side::Ask => self.ask,
        }
    }
}
