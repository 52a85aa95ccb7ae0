//! Everything the engine can learn, as one ordered stream of facts.
//!
//! `recv` is our receive time and drives every deadline; exchange times (`exch`) are data that
//! may lag or go back. Prices, sizes and money are already on the lattice.

use serde::{Deserialize, Serialize};

use crate::action::Cloid;
use crate::budget::Restored;
use crate::limits::SavedLimit;
use crate::requests::spending::Spending;
use crate::resident::table::StopNews;
use crate::units::{Px, Side, Sz, Time, Usd};

/// One fact and when we learned it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Receive time; never earlier than the event before.
    pub recv: Time,
    /// The fact.
    pub body: EventBody,
}

/// The facts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum EventBody {
    /// Full book snapshot, best first, at most 20 levels a side.
    Book(BookSnapshot),
    /// Best bid and offer after a block in which either changed.
    Bbo(Bbo),
    /// Public trades of one frame, oldest first.
    Trades(Vec<Trade>),
    /// Mark, oracle, funding and volume of the coin.
    AssetCtx(AssetCtx),
    /// The price of another coin that ours may follow.
    Reference(ReferencePx),
    /// Closed candles, oldest first: seed of the volatility estimate.
    Candles(Vec<Candle>),
    /// Whether the venue names the coin among those at their open-interest cap.
    AtOpenInterestCap(bool),
    /// The account as the exchange reports it.
    Account(AccountState),
    /// Leverage and the exchange's own size allowance for the coin.
    HeadRoom(HeadRoom),
    /// Our fee rates.
    Fees(Fees),
    /// Our address budget.
    RateLimit(RateLimit),
    /// Our fills, oldest first.
    Fills(Fills),
    /// Changes of our orders.
    OrderUpdates(Vec<OrderUpdate>),
    /// All our open orders for the coin, as queried.
    OpenOrders(OpenOrders),
    /// What a query about one of our orders answered.
    OrderStatus(OrderFate),
    /// The exchange's answer to one of our actions, or its absence.
    Reply(Reply),
    /// Funding paid (negative) or received.
    Funding(Funding),
    /// The same in another coin of the account.
    OtherFunding(OtherFunding),
    /// Deposit (positive) or withdrawal.
    Transfer(Transfer),
    /// The venue used a word that nobody here knows.
    Novelty(Novelty),
    /// What another engine of this process sent and asked: the request budget is the address's.
    Spent(Vec<Spending>),
    /// A stream came up or went down.
    Stream(StreamStatus),
    /// The time asked for with `wake_at` has come.
    Timer,
    /// An order from the operator or the session.
    Command(Command),
}

/// A price level: total resting size at a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level {
    /// Price.
    pub px: Px,
    /// Total size, positive.
    pub sz: Sz,
}

/// Full book snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookSnapshot {
    /// Exchange time.
    pub exch: Time,
    /// Bids, best (highest) first.
    pub bids: Vec<Level>,
    /// Asks, best (lowest) first.
    pub asks: Vec<Level>,
}

/// Best bid and offer; `None` where the side is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bbo {
    /// Exchange time.
    pub exch: Time,
    /// Best bid.
    pub bid: Option<Level>,
    /// Best ask.
    pub ask: Option<Level>,
}

/// One public trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trade {
    /// Exchange time.
    pub exch: Time,
    /// The venue's trade id, unique per coin.
    pub tid: u64,
    /// Side of the taker.
    pub side: Side,
    /// Price.
    pub px: Px,
    /// Size.
    pub sz: Sz,
}

/// Context of the coin. Beliefs, so `f64` in USDC and coin.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AssetCtx {
    /// Mark price, USDC.
    pub mark_px: f64,
    /// Oracle price, USDC.
    pub oracle_px: f64,
    /// Mid price, USDC; `None` when a side of the book is empty.
    pub mid_px: Option<f64>,
    /// Funding rate per hour, fraction of notional; positive: longs pay.
    pub funding_rate_per_h: f64,
    /// Premium of the book over the oracle, a fraction; `None`: not told, or a side is too thin to say.
    #[serde(default)]
    pub premium: Option<f64>,
    /// Open interest, coin.
    pub open_interest: f64,
    /// Notional traded over the last day, USDC.
    pub day_notional_usd: f64,
}

/// The price of the configured reference coin. A belief, so `f64`: its lattice is not ours.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReferencePx {
    /// Exchange time.
    pub exch: Time,
    /// Mid, USDC, positive.
    pub px: f64,
}

/// A closed candle.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Candle {
    /// Opening time.
    pub open: Time,
    /// Closing time (last covered millisecond).
    pub close: Time,
    /// Closing price, USDC, positive.
    pub close_px: f64,
}

/// The clearinghouse's view of our account, for one coin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountState {
    /// Exchange time of the view.
    pub exch: Time,
    /// Equity, at the exchange's mark price.
    pub account_value: Usd,
    /// Initial margin in use, all coins.
    pub margin_used: Usd,
    /// Position in the coin, signed lots.
    pub position: Sz,
    /// `|position| x mark`.
    pub position_value: Usd,
    /// Price at which the venue would take the position over; `None`: it names none.
    #[serde(default)]
    pub liquidation_px: Option<Px>,
    /// The account's other coins.
    #[serde(default, skip_serializing_if = "OtherCoins::is_none")]
    pub other_coins: OtherCoins,
}

/// What the account holds in its other coins, as the exchange reports it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherCoins {
    /// Value of these positions at their marks; that of a short is negative.
    pub value: Usd,
    /// Sum of their signed sizes, millionths of whatever coin each is: no size of anything, but every
    /// fill changes it.
    pub size: i64,
}

impl OtherCoins {
    /// Nothing is held there.
    pub const NONE: Self = Self {
        value: Usd::ZERO,
        size: 0,
    };

    fn is_none(&self) -> bool {
        *self == Self::NONE
    }
}

/// Leverage setting and remaining allowance of the coin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeadRoom {
    /// Leverage set on the exchange.
    pub leverage: u32,
    /// Largest further trade as `[buy, sell]`, net of position and own orders; `None`: the venue does
    /// not say, as before a perp's first price.
    pub max_trade_szs: Option<[Sz; 2]>,
}

/// Our fee rates as fractions of notional; a rebate is negative.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fees {
    /// Maker rate.
    pub maker: f64,
    /// Taker rate.
    pub taker: f64,
}

/// Address request budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateLimit {
    /// Requests used.
    pub used: i64,
    /// Requests allowed.
    pub cap: i64,
}

/// Fills, either as they happen or as a snapshot of the past.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fills {
    /// `true`: a replay of the past, used as a check and to fill gaps, never as news.
    pub snapshot: bool,
    /// Oldest first.
    pub fills: Vec<Fill>,
    /// The account's fills in other coins, as printed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<OtherFill>,
}

/// An execution in another coin of the account: it moves equity, and earns requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherFill {
    /// The coin.
    pub coin: String,
    /// Exchange time.
    pub exch: Time,
    /// Trade id, unique per coin.
    pub tid: u64,
    /// Signed size, millionths of the coin.
    pub size: i64,
    /// Price times size, positive.
    pub notional: Usd,
    /// Fee; a rebate is negative.
    pub fee: Usd,
}

/// One execution of one of our orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fill {
    /// Exchange time.
    pub exch: Time,
    /// Trade id: the key of the ledger.
    pub tid: u64,
    /// The exchange's order id.
    pub oid: u64,
    /// Our order id, where the order had one.
    pub cloid: Option<Cloid>,
    /// Side of our order.
    pub side: Side,
    /// Price.
    pub px: Px,
    /// Size.
    pub sz: Sz,
    /// Position before this fill, as the exchange saw it.
    pub start_position: Sz,
    /// Fee; a rebate is negative.
    pub fee: Usd,
    /// Whether we were the taker.
    pub taker: bool,
    /// What caused it.
    #[serde(default)]
    pub kind: FillKind,
}

/// What caused a fill.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum FillKind {
    /// An order of the account.
    #[default]
    Trade,
    /// The venue, because our margin was short.
    Liquidation,
    /// The venue, against somebody else's liquidation.
    Adl,
    /// The venue, because the coin was delisted.
    Settlement,
}

/// Change of one of our orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderUpdate {
    /// Exchange time.
    pub exch: Time,
    /// The exchange's order id.
    pub oid: u64,
    /// Our order id, where the order has one.
    pub cloid: Option<Cloid>,
    /// Remaining size.
    pub sz: Sz,
    /// What it is now.
    pub status: OrderStatus,
}

/// Life of an order in the exchange's words, folded to what matters to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OrderStatus {
    /// Resting.
    Open,
    /// Wholly filled.
    Filled,
    /// Gone without a (further) fill: cancelled by anybody for any reason.
    Canceled,
    /// Never rested.
    Rejected,
}

/// Our open orders as one query returned them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenOrders {
    /// The orders.
    pub orders: Vec<OpenOrder>,
}

/// One of our open orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenOrder {
    /// The exchange's order id.
    pub oid: u64,
    /// Our order id, where the order has one.
    pub cloid: Option<Cloid>,
    /// Side.
    pub side: Side,
    /// Limit price.
    pub px: Px,
    /// Remaining size.
    pub sz: Sz,
    /// Whether it may only reduce.
    pub reduce_only: bool,
    /// What it waits for; `None`: it rests in the book.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<Waiting>,
}

/// What an order waits for that is not in the book yet: a stop loss or a take profit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Mark price that sets it off.
    pub px: Px,
    /// Whether it closes whatever the position then is, and ends with it.
    pub whole_position: bool,
}

/// Fate of one of our orders, as a query by cloid returned it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderFate {
    /// The order asked about.
    pub cloid: Cloid,
    /// Its newest incarnation; `None`: the exchange has no record of it.
    pub found: Option<OrderUpdate>,
}

/// Answer to the action with this id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// [`crate::action::Action::id`].
    pub action: u64,
    /// What came back.
    pub outcome: ReplyOutcome,
}

/// What came back for an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReplyOutcome {
    /// One status an item, in the order sent.
    Statuses(Vec<ItemStatus>),
    /// Nothing of the action was carried out.
    Refused(Rejection),
    /// No answer: its fate is unknown until queried.
    Lost,
}

/// Answer to one item of an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ItemStatus {
    /// Rests under this oid.
    Resting(u64),
    /// Filled at once, wholly or in part; the rest is gone.
    Filled {
        /// The exchange's order id.
        oid: u64,
        /// Size filled.
        sz: Sz,
    },
    /// Cancelled as asked.
    Success,
    /// Not done.
    Error(Rejection),
}

/// A refusal in the venue's words, with its class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// Typed class.
    pub class: RejectionClass,
    /// The venue's text.
    pub text: String,
}

impl Rejection {
    /// Whether an amend refused so may have ended its old order: it was over before, or was cancelled and
    /// its replacement failed. Any other refusal of an amend was checked before anything was done.
    #[must_use]
    pub fn ends_the_amended(&self) -> bool {
        self.class == RejectionClass::Gone || self.text.starts_with(NEW_LEG)
    }
}

/// How the venue begins the refusal of an amend whose old order is cancelled already.
const NEW_LEG: &str = "Error placing new order during modify";

/// Classes of refusals, from the venue's recorded texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RejectionClass {
    /// A post-only order would have matched.
    PostOnly,
    /// An immediate order found nothing.
    NoMatch,
    /// For a while after a network upgrade the venue takes post-only orders alone.
    PostOnlyPeriod,
    /// Not enough margin, or over a tier.
    Margin,
    /// A reduce-only order would have increased.
    ReduceOnly,
    /// Under the minimum value.
    MinNotional,
    /// Off the price grid, outside the band or too far from the oracle.
    Price,
    /// Illegal size.
    Size,
    /// The order is no longer there.
    Gone,
    /// The address has used up its requests.
    Budget,
    /// Another cap of the venue: open orders, items of an action, balance for priority.
    Cap,
    /// Open interest cap.
    OpenInterest,
    /// Duplicate or out-of-window nonce.
    Nonce,
    /// `expiresAfter` passed.
    Expired,
    /// Signer or account unknown.
    Auth,
    /// The venue did not look at it, such as HTTP 429. (A 5xx proves nothing: [`ReplyOutcome::Lost`].)
    Transport,
    /// A text nobody knew: handled conservatively, alarmed.
    Unknown,
}

/// Funding payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Funding {
    /// Exchange time.
    pub exch: Time,
    /// Received; negative when paid.
    pub usd: Usd,
}

/// Funding payment in another coin of the account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherFunding {
    /// The coin.
    pub coin: String,
    /// Exchange time.
    pub exch: Time,
    /// Received; negative when paid.
    pub usd: Usd,
}

/// Money moved in or out of the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// Exchange time.
    pub exch: Time,
    /// In; negative when out.
    pub usd: Usd,
    /// From the transaction's hash and the place among equals of one message: tells equal amounts of
    /// one millisecond apart, and a repetition from news.
    #[serde(default)]
    pub id: u64,
}

/// A word that the venue must have added since this was written, in a message whose form is right.
/// Bad news must not stop the maker: it is told, and what it may have changed is asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Novelty {
    /// Where it stood.
    pub place: NoveltyPlace,
    /// As printed.
    pub word: String,
}

/// Where the venue can add words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoveltyPlace {
    /// Type of a ledger update: money may have moved.
    LedgerUpdate,
    /// What an order is now.
    OrderStatus,
    /// Answer to a query about one order.
    OrderAnswer,
    /// What a fill did to the position, or what caused it: it counts as an ordinary one.
    FillDirection,
    /// Token of a fee that is not in USDC: it counts as none, and the account's value tells.
    FeeToken,
    /// Websocket channel.
    Channel,
}

/// Health of one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamStatus {
    /// Which.
    pub stream: Stream,
    /// Up or down.
    pub state: StreamState,
}

/// The streams whose loss matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stream {
    /// Book, bbo, trades, context.
    Market,
    /// Fills, orders, account.
    User,
}

/// Whether a stream delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StreamState {
    /// Delivers; a heartbeat (pong) repeats it.
    Up,
    /// Lost.
    Down,
}

/// Orders from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Startup is synchronised: adopt this position and account value as the ledger's anchor.
    Anchor(AccountState),
    /// Take up a saved loss budget; before the anchor.
    Restore(Restored),
    /// Take up what an earlier session saved of the limit; before the anchor.
    RestoreLimit(SavedLimit),
    /// Cancel everything, then do with the position what `on_exit` says. A second one, or one after
    /// a kill, halts at once.
    Stop,
    /// The operator's kill switch.
    Kill,
    /// Another coin of the account was killed: a latch is the account's.
    KillElsewhere,
    /// The operator wants account, orders and fills compared with the exchange now.
    Reconcile,
    /// The session did something about the stop that rests at the exchange.
    Resident(StopNews),
}
