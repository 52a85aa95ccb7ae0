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

use super::acts::{Act, Ranged};
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

/// Which websockets a fault meets, by what they subscribed to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lines {
    /// Every one.
    #[default]
    All,
    /// Those that hear of the market alone.
    Market,
    /// Those that hear of an account.
    User,
    /// Those that only send actions.
    Orders,
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
    /// Reaches the exchange late; the answer comes after that, or never.
    LateArrival {
        /// Which requests.
        #[serde(default)]
        of: Of,
        /// How many.
        #[serde(default = "one")]
        count: u32,
        /// How late, exchange seconds: from its `expiresAfter` on it is refused.
        by_s: f64,
        /// Whether its answer never comes.
        #[serde(default)]
        lost: bool,
    },
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
    /// The first item of a batch fails, and of those after it every `every`-th; the others are carried
    /// out.
    PartialBatch {
        /// Which requests.
        #[serde(default)]
        of: Of,
        /// How many.
        #[serde(default = "one")]
        count: u32,
        /// One in so many items fails.
        #[serde(default = "two")]
        every: u32,
        /// The error's text, without the asset; absent: one that such an item may meet.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
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
    /// An error of the server.
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
        /// Which one: 500 to 599.
        #[serde(default = "bad_gateway")]
        status: u16,
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
    /// Websockets stay open and nothing passes either way. Those that are opened meanwhile are no
    /// better; those that are opened later are.
    HalfOpen {
        /// Which.
        #[serde(default)]
        lines: Lines,
        /// How long new ones are met, exchange seconds.
        #[serde(default)]
        for_s: f64,
    },
    /// Books and best prices go on being sent, with the levels of the first frame.
    StaleBook {
        /// How long, exchange seconds.
        for_s: f64,
        /// Whether they bear the time of now instead of their own.
        #[serde(default)]
        restamped: bool,
    },
    /// The clock that is announced is ahead of the exchange's, or behind it when negative.
    ClockSkew {
        /// By so much, exchange seconds.
        by_s: f64,
        /// How long, exchange seconds.
        for_s: f64,
    },
    /// The first frames of feeds come again on every connection that has them.
    SnapshotReplay {
        /// Of which feeds.
        #[serde(default)]
        feed: Feed,
        /// Whether they do not say that they are snapshots.
        #[serde(default)]
        as_news: bool,
    },
}

const fn one() -> u32 {
    1
}

const fn two() -> u32 {
    2
}

const fn bad_gateway() -> u16 {
    502
}

/// An error that a single order of a batch may meet.
pub(super) fn no_margin() -> String {
    "Insufficient margin to place order.".to_owned()
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
            Self::LateArrival { .. } => FaultKind::LateArrival,
            Self::LateReply { .. } => FaultKind::LateReply,
            Self::RefusedBatch { .. } => FaultKind::RefusedBatch,
            Self::PartialBatch { .. } => FaultKind::PartialBatch,
            Self::FailedCancel { .. } => FaultKind::FailedCancel,
            Self::Http429(_) => FaultKind::Http429,
            Self::Http5xx { .. } => FaultKind::Http5xx,
            Self::Hung { .. } => FaultKind::Hung,
            Self::DuplicateFrame { .. } => FaultKind::DuplicateFrame,
            Self::ReorderFrame { .. } => FaultKind::ReorderFrame,
            Self::DropFrame { .. } => FaultKind::DropFrame,
            Self::Disconnect { .. } => FaultKind::Disconnect,
            Self::SilentStream { .. } => FaultKind::SilentStream,
            Self::HalfOpen { .. } => FaultKind::HalfOpen,
            Self::StaleBook { .. } => FaultKind::StaleBook,
            Self::ClockSkew { .. } => FaultKind::ClockSkew,
            Self::SnapshotReplay { .. } => FaultKind::SnapshotReplay,
        }
    }

    /// The numbers that have a range.
    fn ranges(&self) -> [Option<Ranged>; 2] {
        let seconds = |key, value| Some((key, value, (0.0, LONGEST_S), "seconds, 0 or more"));
        match self {
            Self::LateArrival { by_s, .. }
            | Self::LateReply { by_s, .. }
            | Self::ReorderFrame { by_s, .. } => [seconds("by_s", *by_s), None],
            Self::Hung { for_s, .. }
            | Self::Disconnect { for_s, .. }
            | Self::SilentStream { for_s, .. }
            | Self::HalfOpen { for_s, .. }
            | Self::StaleBook { for_s, .. } => [seconds("for_s", *for_s), None],
            Self::ClockSkew { by_s, for_s } => [
                Some(("by_s", *by_s, (-3_600.0, 3_600.0), "-3600 to 3600 s")),
                seconds("for_s", *for_s),
            ],
            Self::PartialBatch { every, .. } => [
                Some(("every", f64::from(*every), (1.0, 200.0), "1 to 200")),
                None,
            ],
            Self::Http5xx { status, .. } => [
                Some(("status", f64::from(*status), (500.0, 599.0), "500 to 599")),
                None,
            ],
            _ => [None; 2],
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
            let (high, expected) = if !kind.recurs() {
                (0.0, "nothing: it is for scripts")
            } else if kind.is_of_actions() || kind.is_of_frames() {
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
            for (key, value, range, expected) in scripted.fault.ranges().into_iter().flatten() {
                within(&at(key), value, range, expected)?;
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
