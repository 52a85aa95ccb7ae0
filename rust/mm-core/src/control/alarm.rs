//! What an operator must hear: typed, logged as `w` lines, counted as metrics.

use serde::Serialize;

use super::kill::KillReason;
use super::mode::{Mode, ModeReason};
use crate::action::Cloid;
use crate::event::{Fill, FillKind};
use crate::units::{Px, Side, Sz, Usd};

/// One thing that happened in a step and wants to be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "alarm", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Alarm {
    /// The mode is another.
    ModeChanged {
        /// Before.
        from: Mode,
        /// Now.
        to: Mode,
        /// Why; `None` when it is `Normal`.
        reason: Option<ModeReason>,
    },
    /// The kill switch latched.
    KillLatched {
        /// Why.
        reason: KillReason,
        /// Equity net of transfers, where known.
        equity: Option<Usd>,
        /// Signed lots.
        position: Sz,
    },
    /// What `on_kill` asks for is finished.
    KillDone {
        /// Why it had latched.
        reason: KillReason,
        /// What is left, signed lots.
        position: Sz,
    },
    /// A trade of an order that nothing this program made: placed by hand, or by another program.
    UnknownFill(ToldFill),
    /// A trade that the exchange forced: liquidation, auto-deleveraging or settlement.
    ForcedFill(ToldFill),
    /// Fills do not continue each other, and what would explain it has not come.
    FillsBroken {
        /// Ours, signed lots.
        position: Sz,
    },
}

/// A fill, as told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ToldFill {
    /// What caused it.
    pub cause: FillKind,
    /// Trade id.
    pub tid: u64,
    /// The exchange's order id.
    pub oid: u64,
    /// The order's own id, where it had one.
    pub cloid: Option<Cloid>,
    /// Side of the order.
    pub side: Side,
    /// Price, lattice.
    pub px: Px,
    /// Size, lots.
    pub sz: Sz,
}

impl ToldFill {
    /// What is told of a fill.
    #[must_use]
    pub const fn new(fill: &Fill) -> Self {
        Self {
            cause: fill.kind,
            tid: fill.tid,
            oid: fill.oid,
            cloid: fill.cloid,
            side: fill.side,
            px: fill.px,
            sz: fill.sz,
        }
    }
}
