//! The plan as it is written: JSON, or TOML with the same keys.
//!
//! ```toml
//! seed = 7
//! [rates]                     # chance an action or a frame; times an hour for the rest
//! lost_reply = 0.02
//! [[script]]
//! at_s = 30                   # exchange seconds after the opening
//! fault = { failed_cancel = { count = 3 } }
//! [[acts]]
//! at_s = 40
//! act = { sweep = { way = "sell", usd = 50000 } }
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::acts::Act;
use super::kind::FaultKind;
use mm_core::units::Side;

/// What goes wrong, and when.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FaultPlan {
    /// Of the rates: everything drawn follows from it.
    pub seed: u64,
    /// The perp that the acts are about; absent: the first one listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coin: Option<String>,
    /// By kind: a chance an action or a frame, or times an hour for what comes from outside.
    pub rates: BTreeMap<FaultKind, f64>,
    /// What goes wrong on the way, and from which second.
    pub script: Vec<Scripted>,
    /// What comes from outside, and at which second.
    pub acts: Vec<TimedAct>,
}

/// Something done to the exchange, at its time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimedAct {
    /// Exchange seconds after the opening.
    pub at_s: f64,
    /// What.
    pub act: Act,
}

/// A fault at its time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scripted {
    /// Exchange seconds after the opening. A fault of requests or frames meets the first that match
    /// from then on.
    pub at_s: f64,
    /// What.
    pub fault: Fault,
}

/// Which requests a fault meets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Of {
    /// Any action; no query.
    #[default]
    Any,
    /// New orders.
    Place,
    /// Amends.
    Modify,
    /// Cancels.
    Cancel,
    /// Other actions.
    Other,
    /// Queries.
    Info,
}

/// A feed, as far as faults tell them apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feed {
    /// Any feed of the user.
    #[default]
    User,
    /// Fills.
    Fills,
    /// Changes of orders.
    Orders,
    /// The account's state and allowance.
    Account,
    /// Funding and transfers.
    Money,
    /// Book, best prices, trades, context.
    Market,
}

/// Buys or sells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// Buys.
    Buy,
    /// Sells.
    Sell,
}

impl Way {
    /// The side of the order.
    #[must_use]
    pub const fn side(self) -> Side {
        match self {
            Self::Buy => Side::Bid,
            Self::Sell => Side::Ask,
        }
    }
}

/// How many requests, of which kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Counted {
    /// Which requests.
    pub of: Of,
    /// How many of them.
    pub count: u32,
}

impl Default for Counted {
    fn default() -> Self {
        Self {
            of: Of::Any,
            count: 1,
        }
    }
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// Carried out; the answer never comes.
    LostReply(Counted),
    /// Never reaches the exchange.
    NeverArrives(Counted),
    /// The answer comes late.
    LateReply {
        /// Which requests.
        #[serde(default)]
        of: Of,
        /// How many.
        #[serde(default = "one")]
        count: u32,
        /// How late, exchange seconds.
        by_s: f64,
    },
    /// One error for the whole batch, which is not carried out.
    RefusedBatch {
        /// Which requests.
        #[serde(default)]
        of: Of,
        /// How many.
        #[serde(default = "one")]
        count: u32,
        /// The error's text.
        #[serde(default = "invalid_price")]
        text: String,
    },
    /// Every item of a cancel is answered with an error and not carried out.
    FailedCancel {
        /// How many requests.
        #[serde(default = "one")]
        count: u32,
        /// The error's text.
        #[serde(default = "over_budget")]
        text: String,
    },
    /// HTTP 429 with the body `null`.
    Http429(Counted),
    /// HTTP 502.
    Http5xx {
        /// Which requests.
        #[serde(default)]
        of: Of,
        /// How many.
        #[serde(default = "one")]
        count: u32,
        /// Whether an action is carried out all the same.
        #[serde(default)]
        executed: bool,
    },
    /// The answer hangs.
    Hung {
        /// Which requests.
        #[serde(default)]
        of: Of,
        /// How many.
        #[serde(default = "one")]
        count: u32,
        /// How long, exchange seconds.
        for_s: f64,
    },
    /// Frames come twice.
    DuplicateFrame {
        /// Of which feed.
        #[serde(default)]
        feed: Feed,
        /// How many.
        #[serde(default = "one")]
        count: u32,
    },
    /// Frames come later than those after them.
    ReorderFrame {
        /// Of which feed.
        #[serde(default)]
        feed: Feed,
        /// How many.
        #[serde(default = "one")]
        count: u32,
        /// How much later, exchange seconds.
        by_s: f64,
    },
    /// Frames never come.
    DropFrame {
        /// Of which feed.
        #[serde(default)]
        feed: Feed,
        /// How many.
        #[serde(default = "one")]
        count: u32,
    },
    /// Every websocket breaks, and none is accepted for a while.
    Disconnect {
        /// How long, exchange seconds.
        for_s: f64,
        /// Newest fills in the snapshots from then on; absent: all that the venue keeps.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        snapshot_fills: Option<usize>,
    },
    /// A feed falls silent; its connection stays.
    SilentStream {
        /// Which.
        #[serde(default)]
        feed: Feed,
        /// How long, exchange seconds.
        for_s: f64,
    },
}

const fn one() -> u32 {
    1
}

/// A static error: it refuses a whole batch.
pub(super) fn invalid_price() -> String {
    "Order has invalid price.".to_owned()
}

/// An error that a cancel may meet while its order goes on resting.
pub(super) fn over_budget() -> String {
    "Too many cumulative requests sent (10001 > 10000) for cumulative volume traded $0. Place taker orders to free up 1 request per USDC traded.".to_owned()
}

impl Fault {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> FaultKind {
        match self {
            Self::LostReply(_) => FaultKind::LostReply,
            Self::NeverArrives(_) => FaultKind::NeverArrives,
            Self::LateReply { .. } => FaultKind::LateReply,
            Self::RefusedBatch { .. } => FaultKind::RefusedBatch,
            Self::FailedCancel { .. } => FaultKind::FailedCancel,
            Self::Http429(_) => FaultKind::Http429,
            Self::Http5xx { .. } => FaultKind::Http5xx,
            Self::Hung { .. } => FaultKind::Hung,
            Self::DuplicateFrame { .. } => FaultKind::DuplicateFrame,
            Self::ReorderFrame { .. } => FaultKind::ReorderFrame,
            Self::DropFrame { .. } => FaultKind::DropFrame,
            Self::Disconnect { .. } => FaultKind::Disconnect,
            Self::SilentStream { .. } => FaultKind::SilentStream,
        }
    }

    /// Key and value of its time, where it has one.
    const fn seconds(&self) -> Option<(&'static str, f64)> {
        match self {
            Self::LateReply { by_s, .. } | Self::ReorderFrame { by_s, .. } => Some(("by_s", *by_s)),
            Self::Hung { for_s, .. }
            | Self::Disconnect { for_s, .. }
            | Self::SilentStream { for_s, .. } => Some(("for_s", *for_s)),
            _ => None,
        }
    }
}

/// Why a plan was refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FaultError {
    /// A perp that is not listed.
    #[error("faults: coin was {0:?}, expected one that the exchange lists")]
    Coin(String),
    /// A number out of range.
    #[error("faults: {key} was {value}, expected {expected}")]
    Range {
        /// Where in the plan.
        key: String,
        /// As given.
        value: f64,
        /// What is legal.
        expected: &'static str,
    },
}

/// Longest time a plan may name, s.
const LONGEST_S: f64 = 1e7;

impl FaultPlan {
    /// Checks every range.
    ///
    /// # Errors
    /// [`FaultError`] naming the key.
    pub fn check(&self) -> Result<(), FaultError> {
        for (kind, rate) in &self.rates {
            let (high, expected) = if kind.is_of_actions() || kind.is_of_frames() {
                (1.0, "a chance, 0 to 1")
            } else {
                (3_600.0, "times an hour, 0 to 3600")
            };
            within(&format!("rates.{kind}"), *rate, (0.0, high), expected)?;
        }
        for (place, scripted) in self.script.iter().enumerate() {
            let at = |key: &str| format!("script[{place}].{key}");
            within(
                &at("at_s"),
                scripted.at_s,
                (0.0, LONGEST_S),
                "seconds, 0 or more",
            )?;
            if let Some((key, seconds)) = scripted.fault.seconds() {
                within(&at(key), seconds, (0.0, LONGEST_S), "seconds, 0 or more")?;
            }
        }
        for (place, timed) in self.acts.iter().enumerate() {
            let at = |key: &str| format!("acts[{place}].{key}");
            within(
                &at("at_s"),
                timed.at_s,
                (0.0, LONGEST_S),
                "seconds, 0 or more",
            )?;
            for (key, value, range, expected) in timed.act.ranges().into_iter().flatten() {
                within(&at(key), value, range, expected)?;
            }
        }
        Ok(())
    }
}

fn within(
    key: &str,
    value: f64,
    (low, high): (f64, f64),
    expected: &'static str,
) -> Result<(), FaultError> {
    if low <= value && value <= high {
        return Ok(());
    }
    Err(FaultError::Range {
        key: key.to_owned(),
        value,
        expected,
    })
}
