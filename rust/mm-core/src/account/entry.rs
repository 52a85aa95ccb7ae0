//! What the ledger writes down: each thing that moved position or money, once.
//!
//! Prices, sizes and money are on the instrument's lattice: `px` in 10^-(6 - szDecimals) USDC, `sz` in
//! lots of 10^-szDecimals coin, money in micro-USDC; times are nanoseconds since the Unix epoch.

use serde::{Deserialize, Serialize};

use crate::action::Cloid;
use crate::event::{Fill, FillKind};
use crate::orders::Owner;
use crate::units::{Px, Side, Sz, Time, Usd};

/// One entry of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Entry {
    /// An order of the account traded.
    Fill(Execution),
    /// The venue closed some of the position because margin was short.
    Liquidation(Execution),
    /// The venue closed some of the position against somebody else's liquidation.
    Adl(Execution),
    /// The venue closed the position because the coin was delisted.
    Settlement(Execution),
    /// Funding received, or paid when negative.
    Funding(Payment),
    /// Money moved in, or out when negative.
    Transfer(Payment),
    /// The position was set to the exchange's, because no fill explained the difference.
    Correction(Correction),
}

/// A trade of the account in the coin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Execution {
    /// Exchange time.
    pub exch: Time,
    /// Trade id: the key.
    pub tid: u64,
    /// The exchange's order id.
    pub oid: u64,
    /// Our order id, where the order had one.
    pub cloid: Option<Cloid>,
    /// Whose order it was.
    pub owner: Owner,
    /// Side of the order.
    pub side: Side,
    /// Price.
    pub px: Px,
    /// Size.
    pub sz: Sz,
    /// Position before it, as the exchange saw it.
    pub start_position: Sz,
    /// Fee; a rebate is negative.
    pub fee: Usd,
    /// Whether we were the taker.
    pub taker: bool,
    /// Our mark just before it; `None` for one from before the anchor.
    pub mark: Option<Px>,
    /// From before this session's anchor: it is already in the position and account value that the
    /// session started from. For a ledger that outlives sessions; it moved nothing in this one.
    pub before_anchor: bool,
}

impl Execution {
    const fn new(fill: &Fill, owner: Owner, mark: Option<Px>) -> Self {
        Self {
            exch: fill.exch,
            tid: fill.tid,
            oid: fill.oid,
            cloid: fill.cloid,
            owner,
            side: fill.side,
            px: fill.px,
            sz: fill.sz,
            start_position: fill.start_position,
            fee: fill.fee,
            taker: fill.taker,
            mark,
            before_anchor: mark.is_none(),
        }
    }
}

impl Entry {
    /// The entry of a fill, by what caused it. `mark` is ours just before it, `None` for a fill from before
    /// the anchor.
    #[must_use]
    pub const fn of_fill(fill: &Fill, owner: Owner, mark: Option<Px>) -> Self {
        let execution = Execution::new(fill, owner, mark);
        match fill.kind {
            FillKind::Trade => Self::Fill(execution),
            FillKind::Liquidation => Self::Liquidation(execution),
            FillKind::Adl => Self::Adl(execution),
            FillKind::Settlement => Self::Settlement(execution),
        }
    }
}

/// Money that moved without a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Exchange time.
    pub exch: Time,
    /// In; negative when out.
    pub usd: Usd,
    /// Tells equal payments of one millisecond apart; with time and amount it is the key.
    pub id: u64,
    /// From before this session's anchor; see [`Execution::before_anchor`].
    pub before_anchor: bool,
}

/// A correction of the position to the exchange's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    /// Exchange time of the report that was believed.
    pub exch: Time,
    /// Our position before it.
    pub from: Sz,
    /// The exchange's position.
    pub to: Sz,
    /// Money that the exchange's account value had gained and the ledger could not explain.
    pub usd: Usd,
}
