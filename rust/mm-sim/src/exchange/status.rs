//! The venue's words for what became of an order.

use mm_core::event::OrderStatus;

/// State of an order in the venue's vocabulary (HYPERLIQUID.md 4.2): those the simulation makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OrderState {
    /// Rests.
    Open,
    /// Its mark price was reached.
    Triggered,
    /// Wholly filled.
    Filled,
    /// Cancelled by its owner, or the rest of an immediate order.
    Canceled,
    /// Cancelled at match: the account could not bear the fill.
    MarginCanceled,
    /// Cancelled at match with its own account.
    SelfTradeCanceled,
    /// Reduce-only with nothing left to reduce.
    ReduceOnlyCanceled,
    /// Cancelled because the other child of its order filled.
    SiblingFilledCanceled,
    /// Cancelled because its account was liquidated.
    LiquidatedCanceled,
    /// Cancelled because its perp was delisted.
    DelistedCanceled,
    /// Cancelled by `scheduleCancel`.
    ScheduledCancel,
    /// Refused: off the price grid.
    TickRejected,
    /// Refused: under the minimum value.
    MinTradeNtlRejected,
    /// Refused: not enough margin.
    PerpMarginRejected,
    /// Refused: the position would be too large for its leverage.
    PerpMaxPositionRejected,
    /// Refused: it would add to a capped open interest.
    PositionIncreaseAtOpenInterestCapRejected,
    /// Refused: it would turn a position round while the open interest is capped.
    PositionFlipAtOpenInterestCapRejected,
    /// Refused: reduce-only that would increase.
    ReduceOnlyRejected,
    /// Refused: post-only that would match.
    BadAloPxRejected,
    /// Refused: immediate order that found nothing.
    IocCancelRejected,
    /// Refused: a market order without anybody on the other side.
    MarketOrderNoLiquidityRejected,
    /// Refused: a trigger price that is reached already.
    BadTriggerPxRejected,
    /// Refused: too many open orders.
    TooManyOpenOrdersRejected,
    /// Refused for any other reason.
    Rejected,
}

impl OrderState {
    /// The venue's word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Triggered => "triggered",
            Self::Filled => "filled",
            Self::Canceled => "canceled",
            Self::MarginCanceled => "marginCanceled",
            Self::SelfTradeCanceled => "selfTradeCanceled",
            Self::ReduceOnlyCanceled => "reduceOnlyCanceled",
            Self::SiblingFilledCanceled => "siblingFilledCanceled",
            Self::LiquidatedCanceled => "liquidatedCanceled",
            Self::DelistedCanceled => "delistedCanceled",
            Self::ScheduledCancel => "scheduledCancel",
            Self::TickRejected => "tickRejected",
            Self::MinTradeNtlRejected => "minTradeNtlRejected",
            Self::PerpMarginRejected => "perpMarginRejected",
            Self::PerpMaxPositionRejected => "perpMaxPositionRejected",
            Self::PositionIncreaseAtOpenInterestCapRejected => {
                "positionIncreaseAtOpenInterestCapRejected"
            }
            Self::PositionFlipAtOpenInterestCapRejected => "positionFlipAtOpenInterestCapRejected",
            Self::ReduceOnlyRejected => "reduceOnlyRejected",
            Self::BadAloPxRejected => "badAloPxRejected",
            Self::IocCancelRejected => "iocCancelRejected",
            Self::MarketOrderNoLiquidityRejected => "marketOrderNoLiquidityRejected",
            Self::BadTriggerPxRejected => "badTriggerPxRejected",
            Self::TooManyOpenOrdersRejected => "tooManyOpenOrdersRejected",
            Self::Rejected => "rejected",
        }
    }

    /// The state folded to what the engine knows.
    #[must_use]
    pub const fn folded(self) -> OrderStatus {
        match self {
            Self::Open | Self::Triggered => OrderStatus::Open,
            Self::Filled => OrderStatus::Filled,
            Self::Canceled
            | Self::MarginCanceled
            | Self::SelfTradeCanceled
            | Self::ReduceOnlyCanceled
            | Self::SiblingFilledCanceled
            | Self::LiquidatedCanceled
            | Self::DelistedCanceled
            | Self::ScheduledCancel => OrderStatus::Canceled,
            Self::TickRejected
            | Self::MinTradeNtlRejected
            | Self::PerpMarginRejected
            | Self::PerpMaxPositionRejected
            | Self::PositionIncreaseAtOpenInterestCapRejected
            | Self::PositionFlipAtOpenInterestCapRejected
            | Self::ReduceOnlyRejected
            | Self::BadAloPxRejected
            | Self::IocCancelRejected
            | Self::MarketOrderNoLiquidityRejected
            | Self::BadTriggerPxRejected
            | Self::TooManyOpenOrdersRejected
            | Self::Rejected => OrderStatus::Rejected,
        }
    }
}
