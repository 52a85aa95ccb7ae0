//! What an operator must hear: typed, logged as `w` lines, counted as metrics.

use serde::Serialize;

use super::kill::KillReason;
use super::mode::{Mode, ModeReason};
use crate::action::Cloid;
use crate::event::{Fill, FillKind, NoveltyPlace, OpenOrder};
use crate::requests::ledger::Supply;
use crate::units::{Dur, Px, Side, Sz, Usd};

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
    /// The session began with a position over its limit, or with one at all.
    Inherited {
        /// Signed lots.
        position: Sz,
        /// The first limit derived, lots.
        limit: Sz,
    },
    /// Every way out of a position that is too big was tried; it is tried again when the book can
    /// take an order.
    RecoveryExhausted {
        /// Signed lots.
        position: Sz,
        /// The limit of its side, lots.
        limit: Sz,
    },
    /// The exchange refused with words that nobody knew.
    UnknownRejection {
        /// The words.
        text: String,
    },
    /// The exchange used a word that nobody knew, elsewhere. Told once each.
    UnknownWord {
        /// Where it stood.
        place: NoveltyPlace,
        /// As printed.
        word: String,
    },
    /// The exchange's position is not what our fills say: only what reduces is quoted until that is explained.
    PositionUnexplained {
        /// Ours, signed lots.
        position: Sz,
        /// The exchange's less ours, where a report said so.
        drift: Option<Sz>,
    },
    /// It is explained.
    PositionExplained {
        /// Signed lots.
        position: Sz,
    },
    /// Nothing explained it and the exchange stood by it: the ledger was set to it.
    PositionCorrected {
        /// Ours before, signed lots.
        from: Sz,
        /// The exchange's, signed lots.
        to: Sz,
    },
    /// The sweep found something that should not be.
    SweepFound {
        /// Orders without an answer for too long.
        unanswered: usize,
        /// Orders that are over, with fills that never came.
        unsettled: usize,
        /// Orders that rest against the verdict on the position.
        forbidden: usize,
    },
    /// The position passed a mark of the limit.
    PositionNearLimit {
        /// Quote cycle.
        cycle: u64,
        /// The mark, percent.
        passed_pct: i64,
        /// Signed lots.
        position: Sz,
        /// The limit of its side, lots.
        limit: Sz,
        /// Share used, basis points; `None`: there is no limit.
        utilization_bps: Option<i64>,
    },
    /// The position is over its limit: reducing only.
    ReduceOnlyEntered {
        /// Quote cycle.
        cycle: u64,
        /// Which limit.
        reason: &'static str,
        /// Signed lots.
        position: Sz,
        /// The limit of its side, lots.
        limit: Sz,
        /// Share used, basis points; `None`: there is no limit.
        utilization_bps: Option<i64>,
    },
    /// It is within its limit again.
    ReduceOnlyLeft {
        /// Quote cycle.
        cycle: u64,
        /// Signed lots.
        position: Sz,
        /// The limit of its side, lots.
        limit: Sz,
        /// Share used, basis points.
        utilization_bps: Option<i64>,
    },
    /// The position is to be closed at once and no immediate order can be sent: told when that begins
    /// for another reason, and again when three quarters of the time are gone.
    CloseWaits {
        /// Why.
        why: CloseWait,
        /// Signed lots.
        position: Sz,
        /// What is left of the time that closing has, s.
        left_s: i64,
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
    /// The stop that rests at the exchange was set off.
    StopFilled(ToldFill),
    /// A position is held, and no stop has rested at the exchange for a while.
    StopMissing {
        /// Signed lots.
        position: Sz,
    },
    /// The supply of requests became short, or is not any more.
    RequestSupply {
        /// How it is now.
        supply: Supply,
        /// Requests left, where known; negative when overdrawn.
        left: Option<i64>,
    },
    /// Whether open interest is at the venue's cap has not been answered for long: an order that would
    /// add to it at the cap is refused by the venue alone.
    OpenInterestCapUnknown {
        /// Since the last answer.
        age: Dur,
    },
    /// An order rests that nothing this program made: it counts as exposure and is not touched.
    ForeignOrder {
        /// As queried.
        order: OpenOrder,
    },
}

/// Why a position cannot be closed at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseWait {
    /// No fresh two-sided book: nothing can be priced, the reducing quote neither.
    NoBook,
    /// The venue takes post-only orders alone; a reducing quote stands at the touch.
    PostOnlyPeriod,
    /// The other side of the book is beyond the price bound; a reducing quote stands at the touch.
    BookTooWide,
    /// It shows less inside the bound than an order may be worth; a reducing quote stands at the touch.
    BookTooThin,
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
