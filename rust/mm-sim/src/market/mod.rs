//! Where the other side comes from: one face for a simulated crowd and for a recording.
//!
//! The exchange owns accounts, checks and the order inside a block; a market owns the queue at
//! each price and knows what everybody else does. Matching is pulled: the exchange asks for the
//! [`Market::best`] of a side, checks it, and [`Market::take`]s from it or [`Market::remove`]s it.

mod books;
mod fifo;

pub use books::BookMarket;
pub use fifo::FifoBook;

use mm_core::instrument::Instrument;
use mm_core::units::{Px, Side, Sz, Time};
use mm_hl::decode::DecodeError;

/// Whose order rests in a market.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// An account of the exchange, by its index.
    Client(u32),
    /// A participant of the market itself, by its number.
    Crowd(u16),
}

/// The order or liquidity at the front of the best price of one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Best {
    /// Price.
    pub px: Px,
    /// Size of this order alone (not of the level), positive.
    pub sz: Sz,
    /// Its id; `None` for recorded liquidity, which has no order of its own.
    pub oid: Option<u64>,
    /// Whose it is.
    pub owner: Owner,
}

/// An order that starts to rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resting {
    /// The exchange's order id.
    pub oid: u64,
    /// Whose it is.
    pub owner: Owner,
    /// Side.
    pub side: Side,
    /// Limit price.
    pub px: Px,
    /// Size, positive.
    pub sz: Sz,
}

/// A price level as the venue shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DepthLevel {
    /// Price.
    pub px: Px,
    /// Total size, positive.
    pub sz: Sz,
    /// Number of orders; 0 where a recording does not say.
    pub n: u32,
}

/// A book as the venue shows it, best first on either side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// Bids, highest first.
    pub bids: Vec<DepthLevel>,
    /// Asks, lowest first.
    pub asks: Vec<DepthLevel>,
}

/// Best bid and offer as the venue shows them; `None` where the side is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Touch {
    /// Best bid level.
    pub bid: Option<DepthLevel>,
    /// Best ask level.
    pub ask: Option<DepthLevel>,
}

impl Touch {
    /// Mid price rounded down to the lattice; `None` when a side is empty.
    #[must_use]
    pub fn mid(&self) -> Option<Px> {
        Some(Px((self.bid?.px.0 + self.ask?.px.0).div_euclid(2)))
    }
}

/// What somebody else does in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrowdOrder {
    /// When it reaches the exchange: after the block before, not after this one. Decides the
    /// order within its class, clients' requests included.
    pub at: Time,
    /// Asset number.
    pub asset: u32,
    /// Who.
    pub participant: u16,
    /// What.
    pub body: CrowdBody,
}

/// The kinds of things others do. Replays run before everything else in a block, quotes in its
/// first class, pulls in the second, takes in the third.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrowdBody {
    /// A post-only order that replaces the one of the same asset and key; refused (the old one
    /// gone) when it would match.
    Quote {
        /// Name of the order: small numbers, dense from 0.
        key: u32,
        /// Side.
        side: Side,
        /// Price, legal.
        px: Px,
        /// Size, positive.
        sz: Sz,
    },
    /// Cancels the order of this key, if it still rests.
    Pull {
        /// Name of the order.
        key: u32,
    },
    /// An immediate-or-cancel order.
    Take {
        /// Side of the taker.
        side: Side,
        /// Limit price.
        px: Px,
        /// Size, positive.
        sz: Sz,
    },
    /// A recorded happening that the market plays through [`Market::replay`].
    Replay {
        /// The market's own name for it.
        token: u64,
    },
}

/// What a replayed happening does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Played {
    /// A public print, as recorded.
    Print {
        /// The recording's trade id.
        tid: u64,
        /// Side of the taker.
        side: Side,
        /// Price.
        px: Px,
        /// Size.
        sz: Sz,
    },
    /// A client's resting order would trade now. The exchange fills what the account can bear and
    /// answers with [`Market::shrink`] or [`Market::remove`].
    Hit {
        /// The client's order.
        oid: u64,
        /// Whose it is.
        owner: Owner,
        /// Price of the fill: the order's own.
        px: Px,
        /// Size that trades, positive, at most what rests.
        sz: Sz,
    },
}

/// The other side of every trade, and the queue our orders stand in.
///
/// Time comes only through [`Market::open_block`]. What a market hands out there must not depend
/// on what clients did.
pub trait Market: Send + Sync {
    /// Perps listed, by asset number: the index is the asset.
    fn instruments(&self) -> &[Instrument];

    /// Moves to the block at `block` and appends what others do in it. Called once a block, times
    /// strictly rising.
    fn open_block(&mut self, block: Time, orders: &mut Vec<CrowdOrder>);

    /// The front of the best price on `side`, clients' orders included.
    fn best(&self, asset: u32, side: Side) -> Option<Best>;

    /// Takes `sz` (positive, at most its size) from the front of the best price on `side`, so that
    /// the next [`Market::best`] shows what is left.
    fn take(&mut self, asset: u32, side: Side, sz: Sz);

    /// Adds an order behind everything at its price. It does not cross.
    fn rest(&mut self, asset: u32, order: &Resting);

    /// Lowers the size of a resting order to `sz`, keeping its place; nothing when it is not there.
    fn shrink(&mut self, asset: u32, oid: u64, sz: Sz);

    /// Takes a resting order out and returns what was left of it; `None` when it is not there.
    fn remove(&mut self, asset: u32, oid: u64) -> Option<Sz>;

    /// At most `levels` levels a side, as the public sees them.
    fn depth(&self, asset: u32, levels: usize) -> Depth;

    /// Best bid and offer, as the public sees them.
    fn touch(&self, asset: u32) -> Touch;

    /// Plays a happening named in a [`CrowdBody::Replay`], appending what follows from it in order.
    /// Markets without a recording never hand out such names.
    fn replay(&mut self, token: u64, played: &mut Vec<Played>);

    /// A fair price the market knows from elsewhere, for oracle fields; `None` where it knows none.
    fn oracle(&self, asset: u32) -> Option<Px>;

    /// Moves the fair price of a coin by a fraction, from the next block on; `false` where the market
    /// has none of its own to move.
    fn jump(&mut self, _asset: u32, _frac: f64) -> bool {
        false
    }

    /// Takes a frame of the live feed that this market mirrors, heard at `now`; other markets listen
    /// to none.
    ///
    /// # Errors
    /// [`DecodeError`] where it cannot be read; nothing of it happens.
    fn hear(&mut self, _now: Time, _frame: &[u8]) -> Result<(), DecodeError> {
        Ok(())
    }

    /// The live feed is lost: nothing is displayed until it tells anew, for what was displayed may be
    /// gone.
    fn feed_lost(&mut self) {}

    /// Words for reports: what this market is and what it does not prove.
    fn label(&self) -> &str;
}
