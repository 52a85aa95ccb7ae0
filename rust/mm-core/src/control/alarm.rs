//! What an operator must hear: typed, logged as `w` lines, counted as metrics.

use serde::Serialize;

use super::kill::KillReason;
use super::mode::{Mode, ModeReason};
use crate::units::{Sz, Usd};

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
}
