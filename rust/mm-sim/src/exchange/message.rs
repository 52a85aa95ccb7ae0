//! What goes into the exchange and what comes out.

use mm_core::action::Cloid;
use mm_core::units::{Px, Side, Sz, Time, Usd};
use mm_hl::address::Address;
use mm_hl::wire::{ExchangeAction, Tif};

use super::account::MarginMode;
use super::funding::RateE10;
use super::liquidation::Liquidation;
use super::status::OrderState;
use super::tpsl::Bond;
use super::triggers::Trigger;
use crate::market::Touch;

/// A signed action on its way to the exchange, signature already checked.
#[derive(Clone, Debug)]
pub struct Request {
    /// The caller's name for it; replies repeat it.
    pub id: u64,
    /// The account it acts for.
    pub user: Address,
    /// Who signed: the account itself or one of its agents. Nonces are counted by signer.
    pub signer: Address,
    /// Nonce, milliseconds.
    pub nonce: u64,
    /// Last block time at which it may run, milliseconds.
    pub expires_after: Option<u64>,
    /// Wall time of the caller, milliseconds: the nonce window is also accepted around it, for
    /// clients of an exchange that does not run at the speed of their clock.
    pub wall_ms: Option<u64>,
    /// What to do.
    pub action: ExchangeAction,
    /// When it reaches the exchange: it runs in the first block at or after this.
    pub arrive: Time,
    /// A planted refusal: the exchange receives and reports the action, and does not carry it out.
    pub refusal: Option<PlantedRefusal>,
}

/// How a planted refusal looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlantedRefusal {
    /// The first item of the batch and every so many after it fail with this text.
    Some(String, u32),
    /// One error with this text for the whole batch.
    Batch(String),
    /// An error with this text for every item.
    Items(String),
}

/// What happened, in order. Of one action: its reply, then what it did to orders, fills and
/// trades. At the end of a block: accounts that changed, then best prices that changed.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Answer to a request.
    Reply(Reply),
    /// A client's order changed.
    Order(OrderUpdate),
    /// A client's order traded.
    Fill(Fill),
    /// A public trade.
    Trade(Trade),
    /// A client's order was cancelled by the exchange.
    NonUserCancel(NonUserCancel),
    /// A client's positions are being closed for want of margin.
    Liquidated(Liquidated),
    /// Money came into an account or left it without a trade.
    Money(MoneyMove),
    /// A client's account or leverage changed in this block: read it from the exchange.
    Account(AccountChange),
    /// Best bid or offer changed in this block.
    Bbo(BboChange),
}

/// Answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// [`Request::id`].
    pub id: u64,
    /// [`Request::user`].
    pub user: Address,
    /// Block time.
    pub time: Time,
    /// The answer.
    pub response: Response,
}

/// The venue's answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// `{"type":"default"}`.
    Default,
    /// `{"type":"order"}`: one status an item, or one single error for the whole batch.
    Order(Vec<PlaceStatus>),
    /// `{"type":"cancel"}`: one status an item.
    Cancel(Vec<CancelStatus>),
    /// `{"type":"createSubAccount"}`: the address of the new account.
    Created(Address),
    /// `{"status":"err"}`: the action as a whole was refused.
    Err(String),
}

/// What became of one order of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlaceStatus {
    /// Rests.
    Resting {
        /// The exchange's order id.
        oid: u64,
        /// The client's id.
        cloid: Option<Cloid>,
    },
    /// Filled at once, wholly or in part; see [`super::GtcPartial`].
    Filled {
        /// The exchange's order id.
        oid: u64,
        /// The client's id.
        cloid: Option<Cloid>,
        /// Size filled.
        total_sz: Sz,
        /// Average price, truncated to the lattice.
        avg_px: Px,
    },
    /// Waits for the order that it belongs to.
    WaitingForFill {
        /// The exchange's order id.
        oid: u64,
    },
    /// Waits for the mark price.
    WaitingForTrigger {
        /// The exchange's order id.
        oid: u64,
    },
    /// Refused, in the venue's words.
    Error(String),
}

/// What became of one cancel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CancelStatus {
    /// Cancelled.
    Success,
    /// Not, in the venue's words.
    Error(String),
}

/// A client's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// The exchange's order id.
    pub oid: u64,
    /// The client's id.
    pub cloid: Option<Cloid>,
    /// Asset number.
    pub asset: u32,
    /// Side.
    pub side: Side,
    /// Limit price.
    pub px: Px,
    /// Size not yet filled; what was left when it ended.
    pub sz: Sz,
    /// Size asked for.
    pub orig_sz: Sz,
    /// Time in force.
    pub tif: Tif,
    /// Whether it may only reduce.
    pub reduce_only: bool,
    /// Block of its placement.
    pub placed: Time,
    /// What it waits or waited for, where it is a trigger order.
    pub trigger: Option<Trigger>,
    /// What it belongs to, where it is a grouped take profit or stop loss.
    pub bond: Option<Bond>,
    /// Rate of the builder's fee, tenths of a basis point.
    pub builder_rate: u64,
}

/// A change of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderUpdate {
    /// Whose.
    pub user: Address,
    /// The order as it is now.
    pub order: Order,
    /// What it is now.
    pub state: OrderState,
    /// Block time.
    pub time: Time,
}

/// An execution, seen from one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// Whose.
    pub user: Address,
    /// Asset number.
    pub asset: u32,
    /// Block time.
    pub time: Time,
    /// Trade id, the same for both sides and in the public tape.
    pub tid: u64,
    /// Number of the taker's action, for a transaction hash.
    pub tx: u64,
    /// The order.
    pub oid: u64,
    /// The client's id of the order.
    pub cloid: Option<Cloid>,
    /// Side of the order.
    pub side: Side,
    /// Price.
    pub px: Px,
    /// Size.
    pub sz: Sz,
    /// Position before it, signed.
    pub start_position: Sz,
    /// Profit realised, gross of the fee; zero where nothing was closed.
    pub closed_pnl: Usd,
    /// Fee; a rebate is negative.
    pub fee: Usd,
    /// The builder's part of it.
    pub builder_fee: Usd,
    /// Whether this side took.
    pub taker: bool,
    /// Whose liquidation it was, if it was one.
    pub liquidation: Option<Liquidation>,
    /// Whether it settled a position of a perp that was delisted.
    pub settlement: bool,
}

impl Fill {
    /// The venue's word for what the fill did to the position.
    #[must_use]
    pub fn dir(&self) -> &'static str {
        if self.settlement {
            return "Settlement";
        }
        if let Some(cause) = self.liquidation.filter(|cause| cause.user == self.user) {
            return match (cause.mode, self.side) {
                (MarginMode::Cross, Side::Ask) => "Liquidated Cross Long",
                (MarginMode::Cross, Side::Bid) => "Liquidated Cross Short",
                (MarginMode::Isolated, Side::Ask) => "Liquidated Isolated Long",
                (MarginMode::Isolated, Side::Bid) => "Liquidated Isolated Short",
            };
        }
        let (before, after) = (
            self.start_position.0,
            self.start_position.0 + self.side.signed(self.sz).0,
        );
        match self.side {
            Side::Bid if before >= 0 => "Open Long",
            Side::Ask if before <= 0 => "Open Short",
            Side::Bid if after > 0 => "Short > Long",
            Side::Ask if after < 0 => "Long > Short",
            Side::Bid => "Close Short",
            Side::Ask => "Close Long",
        }
    }
}

/// A public trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trade {
    /// Asset number.
    pub asset: u32,
    /// Block time.
    pub time: Time,
    /// Trade id, unique.
    pub tid: u64,
    /// Number of the taker's action: trades of one taker share it.
    pub tx: u64,
    /// Side of the taker.
    pub side: Side,
    /// Price.
    pub px: Px,
    /// Size.
    pub sz: Sz,
    /// Buyer and seller; `None` where a recording does not say.
    pub users: Option<[Address; 2]>,
}

/// A cancel that the exchange made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NonUserCancel {
    /// Whose order.
    pub user: Address,
    /// Asset number.
    pub asset: u32,
    /// The order.
    pub oid: u64,
}

/// Money that came or went without a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MoneyMove {
    /// Whose.
    pub user: Address,
    /// When.
    pub time: Time,
    /// In; negative when out.
    pub usd: Usd,
    /// Why.
    pub why: MoneyWhy,
}

/// Why money moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoneyWhy {
    /// Deposit or withdrawal done to the account.
    Transfer,
    /// Withdrawal over the bridge, which keeps this much of it.
    Withdrawn {
        /// The bridge's fee.
        fee: Usd,
    },
    /// Sent from one account to another.
    Sent {
        /// Who paid.
        from: Address,
        /// Who was paid.
        to: Address,
    },
    /// Between a master and its sub-account.
    SubAccount {
        /// Who paid.
        from: Address,
        /// Who was paid.
        to: Address,
    },
    /// Between a vault and its leader.
    Vault {
        /// The vault.
        vault: Address,
    },
    /// From one balance to another, of the same account or of two.
    Asset(AssetMove),
    /// Between the perp and the spot balance.
    Class {
        /// Into the perp balance, else out of it.
        to_perp: bool,
    },
    /// Funding of this asset, for this position.
    Funding {
        /// Asset number.
        asset: u32,
        /// Position that it was for, signed.
        szi: Sz,
        /// Rate of the hour; `None`: money that a plan of faults moved, and no position to reckon it on.
        rate: Option<RateE10>,
    },
}

/// A balance of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Balance {
    /// On a dex, by its number; 0 is the main one.
    Perp(usize),
    /// Spot.
    Spot,
}

/// USDC on its way from balance to balance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AssetMove {
    /// Who paid, out of which balance.
    pub from: (Address, Balance),
    /// Who was paid, into which balance.
    pub to: (Address, Balance),
    /// How much.
    pub usd: Usd,
}

/// A liquidation that began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Liquidated {
    /// Whose positions.
    pub user: Address,
    /// Block time.
    pub time: Time,
    /// Its number among the account's.
    pub number: u64,
    /// Positions at mark, without sign.
    pub notional: Usd,
    /// What they and their margin were worth.
    pub value: Usd,
}

/// An account that changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountChange {
    /// Whose.
    pub user: Address,
    /// Block time.
    pub time: Time,
}

/// Best prices that changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BboChange {
    /// Asset number.
    pub asset: u32,
    /// Block time.
    pub time: Time,
    /// The new best prices.
    pub touch: Touch,
}
