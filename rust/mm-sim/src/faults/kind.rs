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
    /// An answer comes late, after the frames that tell of its effects.
    LateReply,
    /// One static error refuses a whole batch.
    RefusedBatch,
    /// Cancels are answered with an error and not carried out.
    FailedCancel,
    /// HTTP 429: not looked at.
    Http429,
    /// HTTP 502: carried out or not, which the answer does not say.
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
}

impl FaultKind {
    /// All kinds.
    pub const ALL: [Self; 20] = [
        Self::LostReply,
        Self::NeverArrives,
        Self::LateReply,
        Self::RefusedBatch,
        Self::FailedCancel,
        Self::Http429,
        Self::Http5xx,
        Self::Hung,
        Self::DuplicateFrame,
        Self::ReorderFrame,
        Self::DropFrame,
        Self::Disconnect,
        Self::SilentStream,
        Self::Burst,
        Self::Sweep,
        Self::HandOrder,
        Self::PriceJump,
        Self::Transfer,
        Self::Funding,
        Self::Leverage,
    ];

    /// Its name in plans and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LostReply => "lost_reply",
            Self::NeverArrives => "never_arrives",
            Self::LateReply => "late_reply",
            Self::RefusedBatch => "refused_batch",
            Self::FailedCancel => "failed_cancel",
            Self::Http429 => "http429",
            Self::Http5xx => "http5xx",
            Self::Hung => "hung",
            Self::DuplicateFrame => "duplicate_frame",
            Self::ReorderFrame => "reorder_frame",
            Self::DropFrame => "drop_frame",
            Self::Disconnect => "disconnect",
            Self::SilentStream => "silent_stream",
            Self::Burst => "burst",
            Self::Sweep => "sweep",
            Self::HandOrder => "hand_order",
            Self::PriceJump => "price_jump",
            Self::Transfer => "transfer",
            Self::Funding => "funding",
            Self::Leverage => "leverage",
        }
    }

    /// Whether it befalls requests: its rate is a chance an action.
    #[must_use]
    pub const fn is_of_actions(self) -> bool {
        matches!(
            self,
            Self::LostReply
                | Self::NeverArrives
                | Self::LateReply
                | Self::RefusedBatch
                | Self::FailedCancel
                | Self::Http429
                | Self::Http5xx
                | Self::Hung
        )
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
