//! A Hyperliquid-like exchange without clock or socket.
//!
//! Single owner, deterministic: requests go in with their arrival time, [`SimExchange::advance`]
//! runs whole blocks and says what happened. Inside a block run, as on the venue: actions that
//! take nothing, cancels, actions with at least one order that may take; within a class in order
//! of arrival, the market's own participants among them (HYPERLIQUID.md 6).

mod account;
mod actions;
mod budget;
mod builders;
mod caps;
mod checks;
mod config;
mod crowd;
mod fees;
mod funding;
mod leverage;
mod liquidation;
mod listing;
mod margin;
mod matching;
mod message;
mod money;
mod nonce;
mod owned;
mod place;
mod report;
mod settling;
mod status;
mod tape;
mod tiers;
mod tpsl;
mod transfers;
mod triggers;
mod upsets;
mod view;

pub use account::{FundingPaid, MarginMode, MarginRule, OrderRecord};
pub use config::{
    BLOCK, FeeRate, FeeRates, GtcPartial, Recording, Rule, ScheduleGate, SimConfig, SimError,
    VenueRules, WARMUP,
};
pub use fees::{FEE_TIERS, FeeTier};
pub use funding::{FundingHour, RateE10};
pub use liquidation::{BACKSTOP, Liquidation, LiquidationMethod};
pub use listing::{asset_numbers, dex_name};
pub use message::{
    AccountChange, AssetMove, Balance, BboChange, CancelStatus, Fill, Liquidated, MoneyMove,
    MoneyWhy, NonUserCancel, Order, OrderUpdate, Output, PlaceStatus, PlantedRefusal, Reply,
    Request, Response, Trade,
};
pub use owned::{Owned, OwnedKind};
pub use report::{ActionLine, CrowdLine, EndLine, Exposure, InLots, OrderLine, ReportLine};
pub use status::OrderState;
pub use tape::MarketCandle;
pub use tpsl::Bond;
pub use triggers::Trigger;
pub use view::{AccountView, HeadRoomView, PositionView, RateLimitView};

use std::collections::{BTreeMap, BTreeSet};

use mm_core::instrument::Instrument;
use mm_core::units::{Px, Sz, Time, Usd};
use mm_hl::address::Address;
use mm_hl::wire::{ExchangeAction, OrderKind, OrderRequest, Tif};

use self::account::{Account, CoinAccount};
use self::crowd::Crowd;
use self::funding::FundingClock;
use self::listing::Listing;
use self::nonce::Nonces;
use self::report::Noted;
use self::tape::Tape;
use self::tiers::Tiers;
use self::upsets::Planted;
use crate::market::{CrowdBody, CrowdOrder, Market, Played, Touch};

/// Leverage of a fresh account: this, or the coin's maximum where that is smaller.
const LEVERAGE: u32 = 20;
/// The main dex among the dexes.
pub(crate) const MAIN: usize = 0;
/// Who deployed every builder's dex here.
pub(crate) const BUILDER: Address = Address([0xbd; 20]);
/// Numbers of spot pairs and of outcomes among the asset numbers.
const SPOT_FIRST: u32 = 10_000;
const SPOT_LAST: u32 = 99_999;
const OUTCOME_FIRST: u32 = 100_000_000;
/// First order id.
const FIRST_OID: u64 = 10_000_000_000;

/// The exchange.
pub struct SimExchange {
    config: SimConfig,
    market: Box<dyn Market>,
    now: Time,
    queue: BTreeMap<(Time, u64), Request>,
    arrivals: u64,
    accounts: Vec<Account>,
    by_address: BTreeMap<Address, u32>,
    owned: BTreeMap<Address, Owned>,
    nonces: BTreeMap<Address, Nonces>,
    schedules: BTreeSet<(Time, u32)>,
    listing: Listing,
    coins: Vec<Coin>,
    crowd: Crowd,
    fees_taken: Usd,
    deposited: Usd,
    /// Until when post-only orders alone are taken.
    post_only_until: Time,
    /// The perp that is delisted in the next block.
    delisting: Option<u32>,
    /// Items of the action at hand that fail.
    planted: Option<Planted>,
    last_oid: u64,
    last_tid: u64,
    last_tx: u64,
    actions: u64,
    noted: Vec<Noted>,
    /// What the action at hand did so far; its reply goes out first.
    effects: Vec<Output>,
    changed: BTreeSet<u32>,
    /// Money that moved since the last block.
    moved: Vec<MoneyMove>,
    crowd_orders: Vec<CrowdOrder>,
    played: Vec<Played>,
}

/// One perp.
struct Coin {
    /// Its clearinghouse; 0 is the main one.
    dex: usize,
    margin_rule: MarginRule,
    /// Open interest at mark that it may reach; `None`: any.
    oi_cap: Option<Usd>,
    tiers: Tiers,
    funding: FundingClock,
    mark: Option<Px>,
    touch: Touch,
    tape: Tape,
    /// Nothing of it is traded any more.
    delisted: bool,
    /// How far the oracle is from where it would be, fraction, and until when.
    oracle_shift: Option<(f64, Time)>,
}

impl Coin {
    /// Mark of a coin that somebody holds.
    fn mark_of_position(&self) -> Px {
        // A fill at a price makes a mark where there was none.
        self.mark.expect("Invariant: positions have a mark")
    }

    /// `mark x szi`; nothing of nothing, mark or no mark.
    fn at_mark(&self, szi: Sz) -> Usd {
        if szi == Sz::ZERO {
            return Usd::ZERO;
        }
        self.mark_of_position() * szi
    }
}

/// Classes of actions in a block, in the order they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    /// What a recording says had happened by the block's time: it is past for our requests.
    Recorded,
    /// Sends no order that may take.
    Quiet,
    /// Cancels.
    Cancel,
    /// At least one order that may take.
    Take,
}

impl SimExchange {
    /// An exchange over `market`, which has run `config.warmup` when this returns.
    ///
    /// # Errors
    /// [`SimError::Block`], [`SimError::Warmup`] and [`SimError::Asset`] where the settings or
    /// the market's list of perps make no exchange.
    pub fn new(config: SimConfig, market: Box<dyn Market>) -> Result<Self, SimError> {
        if config.block.0 <= 0 || config.block.0 % 1_000_000 != 0 {
            return Err(SimError::Block(config.block.0));
        }
        if config.warmup.0 < 0 {
            return Err(SimError::Warmup(config.warmup.0));
        }
        let perps = market.instruments();
        let on_main = config.rules.dexes == Rule::Off;
        let name = |perp| if on_main { "" } else { Instrument::coin(perp) };
        let listing = Listing::new(perps.iter().map(name));
        if let Some(name) = listing.misnamed() {
            return Err(SimError::Dex(name.to_owned()));
        }
        for (place, instrument) in (0_u32..).zip(perps) {
            let expected = listing.number(place);
            if instrument.asset() != expected {
                let coin = instrument.coin().to_owned();
                return Err(SimError::Asset {
                    coin,
                    asset: instrument.asset(),
                    expected,
                });
            }
        }
        let coins: Vec<Coin> = (0_u32..)
            .zip(perps)
            .map(|(place, perp)| Coin::new(perp, listing.dex_of(place)))
            .collect();
        let start = Time::from_millis(config.start.as_millis());
        let blocks = config.warmup.0 / config.block.0;
        let mut exchange = Self {
            config,
            market,
            now: Time(start.0 - blocks * config.block.0),
            queue: BTreeMap::new(),
            arrivals: 0,
            accounts: Vec::new(),
            by_address: BTreeMap::new(),
            owned: BTreeMap::new(),
            nonces: BTreeMap::new(),
            schedules: BTreeSet::new(),
            crowd: Crowd::new(coins.len()),
            listing,
            coins,
            fees_taken: Usd::ZERO,
            deposited: Usd::ZERO,
            post_only_until: Time(i64::MIN),
            delisting: None,
            planted: None,
            last_oid: FIRST_OID,
            last_tid: 0,
            last_tx: 0,
            actions: 0,
            noted: Vec::new(),
            effects: Vec::new(),
            changed: BTreeSet::new(),
            moved: Vec::new(),
            crowd_orders: Vec::new(),
            played: Vec::new(),
        };
        let mut nobody_listens = Vec::new();
        for _ in 0..blocks {
            exchange.run_block(&mut nobody_listens);
            nobody_listens.clear();
        }
        Ok(exchange)
    }

    /// Funds an account, which exists from now on.
    ///
    /// # Errors
    /// [`SimError::Deposit`] when `usd` is not positive.
    ///
    /// # Panics
    /// With the 2^32nd account.
    pub fn deposit(&mut self, user: Address, usd: Usd) -> Result<(), SimError> {
        if usd <= Usd::ZERO {
            return Err(SimError::Deposit(usd.0));
        }
        let who = self.open_account(user);
        let account = &mut self.accounts[who as usize];
        account.purses[MAIN] += usd;
        let moved = MoneyMove {
            user,
            time: self.now,
            usd,
            why: MoneyWhy::Transfer,
        };
        account.money.push(moved);
        self.deposited += usd;
        self.changed.insert(who);
        Ok(())
    }

    /// The address has traded this much before: it earned requests, one a USDC. Opens the account.
    pub fn has_traded(&mut self, user: Address, usd: Usd) {
        let who = self.open_account(user);
        self.accounts[who as usize].usage.volume += usd;
    }

    /// Funds an account's balance on a builder's dex, or its spot balance by the name `spot`.
    ///
    /// # Errors
    /// [`SimError::Deposit`] when `usd` is not positive, [`SimError::NoDex`] where there is no such dex.
    pub fn deposit_on(&mut self, user: Address, dex: &str, usd: Usd) -> Result<(), SimError> {
        let Ok(balance) = self.balance(dex) else {
            return Err(SimError::NoDex(dex.to_owned()));
        };
        if usd <= Usd::ZERO {
            return Err(SimError::Deposit(usd.0));
        }
        let who = self.open_account(user);
        let sent = AssetMove {
            from: (BUILDER, Balance::Spot),
            to: (user, balance),
            usd,
        };
        let moved = MoneyMove {
            user,
            time: self.now,
            usd: Usd::ZERO,
            why: MoneyWhy::Asset(sent),
        };
        *self.balance_mut(who, balance) += usd;
        self.accounts[who as usize].money.push(moved);
        self.deposited += usd;
        self.changed.insert(who);
        Ok(())
    }

    /// The account of an address, opened where there is none.
    fn open_account(&mut self, user: Address) -> u32 {
        let next = u32::try_from(self.accounts.len()).expect("Invariant: fewer than 2^32 accounts");
        let who = *self.by_address.entry(user).or_insert(next);
        if who == next {
            let coins = self.coins.iter().map(Coin::fresh);
            let dexes = self.listing.dexes().len();
            self.accounts.push(Account::new(user, coins, dexes));
        }
        who
    }

    /// Queues a request. It runs in the first block at or after its arrival; one that arrives in
    /// or before the last block runs in the next.
    pub fn submit(&mut self, request: Request) {
        self.arrivals += 1;
        let arrive = request.arrive.max(Time(self.now.0 + 1));
        self.queue.insert((arrive, self.arrivals), request);
    }

    /// Runs all blocks up to and at `to`, appending what happened.
    pub fn advance(&mut self, to: Time, out: &mut Vec<Output>) {
        while self.next_block() <= to {
            self.run_block(out);
        }
    }

    fn run_block(&mut self, out: &mut Vec<Output>) {
        let last = self.now;
        self.now = self.next_block();
        self.run_schedules(out);
        self.run_delisting();
        self.run_funding(last);
        self.run_triggers();
        self.run_liquidations();
        out.append(&mut self.effects);
        out.extend(self.moved.drain(..).map(Output::Money));
        let mut crowd_orders = std::mem::take(&mut self.crowd_orders);
        crowd_orders.clear();
        self.market.open_block(self.now, &mut crowd_orders);
        let due = self.queue.split_off(&(Time(self.now.0 + 1), 0));
        let due = std::mem::replace(&mut self.queue, due);
        let mut requests: Vec<Request> = Vec::with_capacity(due.len());
        let mut work: Vec<(Class, Time, usize)> =
            Vec::with_capacity(due.len() + crowd_orders.len());
        for (place, order) in crowd_orders.iter().enumerate() {
            self.crowd.count(order);
            work.push((class_of_crowd(order), order.at, place));
        }
        for ((arrive, _), request) in due {
            work.push((
                class_of(&request.action),
                arrive,
                crowd_orders.len() + requests.len(),
            ));
            requests.push(request);
        }
        work.sort_unstable();
        for (_, _, place) in work {
            if let Some(order) = crowd_orders.get(place) {
                self.run_crowd(order);
                out.append(&mut self.effects);
            } else {
                self.run_request(&requests[place - crowd_orders.len()], out);
            }
        }
        self.crowd_orders = crowd_orders;
        self.close_block(out);
    }

    /// Marks, candles, and what changed.
    fn close_block(&mut self, out: &mut Vec<Output>) {
        for (asset, coin) in (0_u32..).zip(&mut self.coins) {
            coin.tape.roll(self.now);
            let touch = if coin.delisted {
                Touch::default()
            } else {
                self.market.touch(asset)
            };
            if touch != coin.touch {
                coin.touch = touch;
                coin.mark = touch.mid().or(coin.mark);
                out.push(Output::Bbo(BboChange {
                    asset,
                    time: self.now,
                    touch,
                }));
            }
        }
        for who in std::mem::take(&mut self.changed) {
            let user = self.accounts[who as usize].address;
            out.push(Output::Account(AccountChange {
                user,
                time: self.now,
            }));
        }
    }

    /// The place of the perp with an asset number.
    fn place_of(&self, number: u32) -> Result<u32, String> {
        self.listing.place(number).ok_or_else(|| match number {
            SPOT_FIRST..=SPOT_LAST => "Spot trading is not supported by this exchange.".to_owned(),
            OUTCOME_FIRST.. => "Outcome markets are not supported by this exchange.".to_owned(),
            _ => format!("Asset {number} is not listed."),
        })
    }

    /// Lets a perp be margined in other ways than those of its dex; `false` where none is listed.
    ///
    /// Before the first account is opened: a fresh account's margin mode goes by it.
    pub fn set_margin_rule(&mut self, coin: &str, rule: MarginRule) -> bool {
        let perps = self.market.instruments().iter();
        let found = perps
            .zip(&mut self.coins)
            .find(|(perp, _)| perp.coin() == coin);
        found.map(|(_, held)| held.margin_rule = rule).is_some()
    }

    fn next_oid(&mut self) -> u64 {
        self.last_oid += 1;
        self.last_oid
    }

    /// A fresh trade id: 2^50 and a permutation of the 50-bit numbers, so that it looks like the
    /// venue's, never repeats and never meets a recorded one.
    fn next_tid(&mut self) -> u64 {
        self.last_tid += 1;
        (1 << 50) | (self.last_tid.wrapping_mul(0x0002_d3a5_9e37_79b9) & ((1 << 50) - 1))
    }

    fn next_tx(&mut self) -> u64 {
        self.last_tx += 1;
        self.last_tx
    }
}

impl Coin {
    fn new(perp: &Instrument, dex: usize) -> Self {
        let margin_rule = if dex == MAIN {
            MarginRule::Any
        } else {
            MarginRule::StrictIsolated
        };
        Self {
            dex,
            margin_rule,
            oi_cap: None,
            tiers: Tiers::of(perp),
            funding: FundingClock::default(),
            mark: None,
            touch: Touch::default(),
            tape: Tape::default(),
            delisted: false,
            oracle_shift: None,
        }
    }

    /// What a fresh account holds and may do in it.
    fn fresh(&self) -> CoinAccount {
        let mode = self.margin_rule.fresh_mode();
        CoinAccount::new(self.dex, self.tiers.max_leverage().min(LEVERAGE), mode)
    }
}

const fn class_of_crowd(order: &CrowdOrder) -> Class {
    match order.body {
        CrowdBody::Quote { .. } => Class::Quiet,
        CrowdBody::Pull { .. } => Class::Cancel,
        CrowdBody::Take { .. } => Class::Take,
        CrowdBody::Replay { .. } => Class::Recorded,
    }
}

/// The class of an action; a modify is judged by its new order.
fn class_of(action: &ExchangeAction) -> Class {
    let class_of_orders = |mut orders: std::slice::Iter<'_, OrderRequest>| {
        if orders.any(may_take) {
            Class::Take
        } else {
            Class::Quiet
        }
    };
    match action {
        ExchangeAction::Order(action) => class_of_orders(action.orders.iter()),
        ExchangeAction::Modify(action) => {
            class_of_orders(std::slice::from_ref(&action.order).iter())
        }
        ExchangeAction::BatchModify(action)
            if action.modifies.iter().any(|modify| may_take(&modify.order)) =>
        {
            Class::Take
        }
        ExchangeAction::Cancel(_) | ExchangeAction::CancelByCloid(_) => Class::Cancel,
        _ => Class::Quiet,
    }
}

fn may_take(order: &OrderRequest) -> bool {
    match order.kind {
        OrderKind::Limit(limit) => limit.tif != Tif::Alo,
        OrderKind::Trigger(_) => false,
    }
}
