//! What the venue sends, as events: websocket frames, `POST /info` bodies, `POST /exchange` replies.
//!
//! Prices and sizes must lie on the instrument's lattice exactly. Money is printed with more than
//! six decimals at times; digits beyond the micro-USDC are dropped toward zero. Nothing here knows
//! the time: a body whose form needs it takes the receive time as an argument.

mod archive;
mod frame;
mod info;
mod ledger;
mod market;
mod parse;
mod reply;
mod scan;
mod user;
mod value;

use mm_core::event::EventBody;
use mm_core::instrument::InstrumentError;
use mm_core::units::Time;

pub use archive::{ArchiveLine, archive_line};
pub use frame::{decode_frame, decode_reference};
pub use info::{InfoKind, decode_info, decode_meta, decode_order_status};
pub use reply::{classify, decode_reply};

/// What a websocket frame was.
#[derive(Clone, Debug, PartialEq)]
pub enum Decoded {
    /// Facts about our coin or account; usually one.
    Events(Vec<EventBody>),
    /// `pong`.
    Heartbeat,
    /// A subscription was taken or given up.
    Ack,
    /// The venue's complaint about something we sent; the socket stays open.
    Error(String),
    /// The paper exchange's clock.
    Clock(PaperClock),
    /// Another coin, another dex, or a channel we have no use for.
    Ignored,
}

/// Time and speed of a paper exchange, which owns its clock.
#[derive(Clone, Debug, PartialEq)]
pub struct PaperClock {
    /// Exchange time.
    pub time: Time,
    /// Exchange seconds per wall second.
    pub speed: f64,
    /// The exchange process: another instance shares no state.
    pub instance: String,
}

/// Why bytes were not understood.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// No JSON, or not of the expected form.
    #[error("{at}: not of the expected form: {source}")]
    Json {
        /// Where in the message.
        at: String,
        /// What was wrong there.
        source: serde_json::Error,
    },
    /// A price or size off the instrument's lattice.
    #[error("{what}: {source}")]
    Lattice {
        /// Which field.
        what: &'static str,
        /// What was wrong with it.
        source: InstrumentError,
    },
    /// A perp that cannot be one.
    #[error(transparent)]
    Instrument(#[from] InstrumentError),
    /// A value outside what it can be.
    #[error("{what} was {found:?}, expected {expected}")]
    Value {
        /// Which value.
        what: &'static str,
        /// What was printed.
        found: String,
        /// What was expected.
        expected: &'static str,
    },
    /// Levels out of order.
    #[error("{side} of the book are not sorted from the best: {first} before {second}")]
    Unsorted {
        /// `bids` or `asks`.
        side: &'static str,
        /// The better place.
        first: String,
        /// The price found behind it.
        second: String,
    },
    /// An `info` type this crate does not read.
    #[error("info type {0:?} is not one this client reads")]
    Kind(String),
    /// The venue lists no such perp.
    #[error("coin {coin:?} is not listed{}", near.as_ref().map_or_else(String::new, |near| format!(": did you mean {near:?}? Names are case-sensitive")))]
    UnknownCoin {
        /// As asked for.
        coin: String,
        /// The same name in another case.
        near: Option<String>,
    },
    /// The perp no longer trades.
    #[error("coin {0:?} is delisted")]
    Delisted(String),
}
