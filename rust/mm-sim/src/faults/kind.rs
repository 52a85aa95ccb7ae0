//! The kinds of faults: what a run counts.

use core::fmt;

use serde::{Deserialize, Serialize};

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// An action is carried out and its answer never comes.
    LostReply,
    /// An action never reaches the exchange.
    NeverArrives,
    /// An action reaches the exchange seconds after it left, and its answer later still or never.
    LateArrival,
    /// An answer comes late, after the frames that tell of its effects.
    LateReply,
    /// One static error refuses a whole batch.
    RefusedBatch,
    /// Single items of a batch fail, the others are carried out.
    PartialBatch,
    /// Cancels are answered with an error and not carried out.
    FailedCancel,
    /// HTTP 429: not looked at.
    Http429,
    /// HTTP 500, 502 and their like: carried out or not, which the answer does not say.
    Http5xx,
    /// The connection of an HTTP request hangs.
    Hung,
    /// A frame comes twice.
    DuplicateFrame,
    /// A frame comes after later ones.
    ReorderFrame,
    /// A frame never comes.
    DropFrame,
    /// Websockets break; the subscriptions after that begin with a snapshot of old fills.
    Disconnect,
    /// One stream falls silent and its connection stays.
    SilentStream,
    /// Websockets stay open and nothing passes either way, pings included.
    HalfOpen,
    /// Books go on being sent, with the levels of a moment past.
    StaleBook,
    /// The clock that is announced is not the exchange's.
    ClockSkew,
    /// First frames of feeds come again though nobody subscribed.
    SnapshotReplay,
    /// Several takers in a row on one side.
    Burst,
    /// One large taker.
    Sweep,
    /// An order of ours that the engine did not send.
    HandOrder,
    /// The price jumps.
    PriceJump,
    /// Money in or out.
    Transfer,
    /// Funding paid or received.
    Funding,
    /// The leverage of the account is set by hand.
    Leverage,
    /// The oracle jumps and the book does not.
    OracleJump,
    /// The funding rate jumps.
    FundingSpike,
    /// The venue takes post-only orders alone, as after a network upgrade.
    PostOnly,
    /// The perp is delisted.
    Delisting,
}

impl FaultKind {
    /// All kinds.
    pub const ALL: [Self; 30] = [
        Self::LostReply,
        Self::NeverArrives,
        Self::LateArrival,
        Self::LateReply,
        Self::RefusedBatch,
        Self::PartialBatch,
        Self::FailedCancel,
        Self::Http429,
        Self::Http5xx,
        Self::Hung,
        Self::DuplicateFrame,
        Self::ReorderFrame,
        Self::DropFrame,
        Self::Disconnect,
        Self::SilentStream,
        Self::HalfOpen,
        Self::StaleBook,
        Self::ClockSkew,
        Self::SnapshotReplay,
        Self::Burst,
        Self::Sweep,
        Self::HandOrder,
        Self::PriceJump,
        Self::Transfer,
        Self::Funding,
        Self::Leverage,
        Self::OracleJump,
        Self::FundingSpike,
        Self::PostOnly,
        Self::Delisting,
    ];

    /// Its name in plans and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LostReply => "lost_reply",
            Self::NeverArrives => "never_arrives",
            Self::LateArrival => "late_arrival",
            Self::LateReply => "late_reply",
            Self::RefusedBatch => "refused_batch",
            Self::PartialBatch => "partial_batch",
            Self::FailedCancel => "failed_cancel",
            Self::Http429 => "http429",
            Self::Http5xx => "http5xx",
            Self::Hung => "hung",
            Self::DuplicateFrame => "duplicate_frame",
            Self::ReorderFrame => "reorder_frame",
            Self::DropFrame => "drop_frame",
            Self::Disconnect => "disconnect",
            Self::SilentStream => "silent_stream",
            Self::HalfOpen => "half_open",
            Self::StaleBook => "stale_book",
            Self::ClockSkew => "clock_skew",
            Self::SnapshotReplay => "snapshot_replay",
            Self::Burst => "burst",
            Self::Sweep => "sweep",
            Self::HandOrder => "hand_order",
            Self::PriceJump => "price_jump",
            Self::Transfer => "transfer",
            Self::Funding => "funding",
            Self::Leverage => "leverage",
            Self::OracleJump => "oracle_jump",
            Self::FundingSpike => "funding_spike",
            Self::PostOnly => "post_only",
            Self::Delisting => "delisting",
        }
    }

    /// Whether it befalls requests: its rate is a chance an action.
    #[must_use]
    pub const fn is_of_actions(self) -> bool {
        matches!(
            self,
            Self::LostReply
                | Self::NeverArrives
                | Self::LateArrival
                | Self::LateReply
                | Self::RefusedBatch
                | Self::PartialBatch
                | Self::FailedCancel
                | Self::Http429
                | Self::Http5xx
                | Self::Hung
        )
    }

    /// Whether a rate can bring it: a perp is delisted once and for all.
    #[must_use]
    pub const fn recurs(self) -> bool {
        !matches!(self, Self::Delisting)
    }

    /// Whether it befalls frames: its rate is a chance a frame. Every other rate is times an hour.
    #[must_use]
    pub const fn is_of_frames(self) -> bool {
        matches!(
            self,
            Self::DuplicateFrame | Self::ReorderFrame | Self::DropFrame
        )
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
