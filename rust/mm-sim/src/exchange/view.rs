//! What can be read from the exchange at any time. Nothing here changes it.

use std::collections::VecDeque;

use mm_core::action::Cloid;
use mm_core::instrument::Instrument;
use mm_core::units::{Dur, Px, Side, Sz, Time, Usd};
use mm_hl::address::Address;

use super::account::{Account, FundingPaid, MarginMode, MarginRule, OrderRecord};
use super::margin::{margin, sums};
use super::message::{Fill, MoneyMove, Order, Trade};
use super::status::OrderState;
use super::tape::MarketCandle;
use super::{FeeRates, MAIN, SimConfig, SimExchange};
use crate::market::{Depth, Touch};

/// An account as the venue reports it, at the marks of now.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountView {
    /// Cash plus positions at mark.
    pub value: Usd,
    /// Positions at mark, without sign.
    pub notional: Usd,
    /// Account value minus signed positions at mark.
    pub raw: Usd,
    /// Margin of the positions: initial margin of cross ones, the whole value of isolated ones.
    pub margin_used: Usd,
    /// The same without the isolated positions.
    pub cross: CrossView,
    /// Maintenance margin of the cross positions.
    pub maintenance: Usd,
    /// Margin set aside for resting orders.
    pub reserve: Usd,
    /// What could be withdrawn.
    pub withdrawable: Usd,
    /// Positions other than zero, by asset number.
    pub positions: Vec<PositionView>,
}

/// The cross part of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrossView {
    /// Cash plus cross positions at mark.
    pub value: Usd,
    /// Cross positions at mark, without sign.
    pub notional: Usd,
    /// Its value minus signed positions at mark.
    pub raw: Usd,
    /// Initial margin of the cross positions.
    pub margin_used: Usd,
}

/// A position as the venue reports it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PositionView {
    /// Asset number.
    pub asset: u32,
    /// Size, signed.
    pub szi: Sz,
    /// Leverage.
    pub leverage: u32,
    /// What it is margined by.
    pub mode: MarginMode,
    /// Cash in the pocket of an isolated position.
    pub pocket: Usd,
    /// Funding paid.
    pub funding: FundingPaid,
    /// Average entry price in 1e-8 of a lattice unit, to the nearest.
    pub entry_px_e8: i64,
    /// Size at mark, without sign.
    pub value: Usd,
    /// Size at mark minus cost.
    pub unrealized: Usd,
    /// Unrealised profit by the margin of the cost, fraction.
    pub return_on_equity: f64,
    /// Mark price at which the account is liquidated, rounded to the lattice; `None` where no
    /// price does that.
    pub liquidation_px: Option<Px>,
    /// Initial margin; of an isolated position all it is worth.
    pub margin_used: Usd,
}

/// Leverage and what may still be traded in one coin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadRoomView {
    /// Leverage.
    pub leverage: u32,
    /// What a position would be margined by.
    pub mode: MarginMode,
    /// Cash in the pocket of an isolated position.
    pub pocket: Usd,
    /// Largest further trade, buy and sell; `None` before there is a mark.
    pub max_trade_szs: Option<[Sz; 2]>,
    /// The margin behind it, buy and sell.
    pub available: [Usd; 2],
    /// Mark price; `None` before the first.
    pub mark: Option<Px>,
}

/// An account's request budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimitView {
    /// Volume traded.
    pub volume: Usd,
    /// Requests used, net of reserved ones.
    pub used: i64,
    /// Requests allowed.
    pub cap: i64,
    /// Reserved requests not used.
    pub surplus: i64,
}

impl SimExchange {
    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &SimConfig {
        &self.config
    }

    /// Perps by place; on the main dex that is the asset number.
    #[must_use]
    pub fn instruments(&self) -> &[Instrument] {
        self.market.instruments()
    }

    /// Names of the dexes; the main one is empty and first.
    #[must_use]
    pub fn dexes(&self) -> &[String] {
        self.listing.dexes()
    }

    /// A dex by its name.
    #[must_use]
    pub fn dex(&self, name: &str) -> Option<usize> {
        self.listing.dex(name)
    }

    /// The dex of a perp.
    #[must_use]
    pub fn dex_of(&self, asset: u32) -> usize {
        self.listing.dex_of(asset)
    }

    /// The place of the perp that clients name by an asset number.
    #[must_use]
    pub fn listed(&self, number: u32) -> Option<u32> {
        self.listing.place(number)
    }

    /// How a perp may be margined.
    #[must_use]
    pub fn margin_rule(&self, asset: u32) -> MarginRule {
        self.coins[asset as usize].margin_rule
    }

    /// Words for reports: what the market is and what it does not prove.
    #[must_use]
    pub fn market_label(&self) -> &str {
        self.market.label()
    }

    /// Time of the last block; the start before the first.
    #[must_use]
    pub const fn now(&self) -> Time {
        self.now
    }

    /// Time of the next block.
    #[must_use]
    pub fn next_block(&self) -> Time {
        self.now.plus(self.config.block)
    }

    /// Requests that wait for their block.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Best bid and offer now.
    #[must_use]
    pub fn touch(&self, asset: u32) -> Touch {
        if self.is_delisted(asset) {
            return Touch::default();
        }
        self.market.touch(asset)
    }

    /// At most `levels` levels a side now.
    #[must_use]
    pub fn depth(&self, asset: u32, levels: usize) -> Depth {
        if self.is_delisted(asset) {
            return Depth::default();
        }
        self.market.depth(asset, levels)
    }

    /// Mark price: the mid of the last block that had one, rounded down to the lattice; `None`
    /// before the first.
    #[must_use]
    pub fn mark(&self, asset: u32) -> Option<Px> {
        self.coins.get(asset as usize)?.mark
    }

    /// A fair price from outside the book, where the market knows one.
    #[must_use]
    pub fn oracle(&self, asset: u32) -> Option<Px> {
        let px = self.market.oracle(asset);
        self.coins[asset as usize].shifted(px, self.now)
    }

    /// Recent trades, oldest first, at most 2,000.
    #[must_use]
    pub fn trades(&self, asset: u32) -> &VecDeque<Trade> {
        self.coins[asset as usize].tape.trades()
    }

    /// Candles of `interval` (whole minutes, aligned to the epoch) that open in `from..=to`,
    /// oldest first; the last one may still be open. Intervals without a trade repeat the close.
    #[must_use]
    pub fn candles(&self, asset: u32, interval: Dur, from: Time, to: Time) -> Vec<MarketCandle> {
        self.coins[asset as usize].tape.candles(interval, from, to)
    }

    /// Size and notional traded in the last day, as far as minutes are known.
    #[must_use]
    pub fn day_volume(&self, asset: u32) -> (Sz, Usd) {
        let since = Time(self.now.0 - Dur::from_millis(86_400_000).0);
        let minutes = self.coins[asset as usize].tape.minutes();
        let day = minutes.iter().filter(|minute| since <= minute.open_time);
        day.fold((Sz::ZERO, Usd::ZERO), |(sz, usd), minute| {
            (sz + minute.volume, usd + minute.notional)
        })
    }

    /// Price a day ago, or the oldest known; `None` before the first trade.
    #[must_use]
    pub fn previous_day_px(&self, asset: u32) -> Option<Px> {
        let since = Time(self.now.0 - Dur::from_millis(86_400_000).0);
        let minutes = self.coins[asset as usize].tape.minutes();
        minutes
            .iter()
            .find(|minute| since <= minute.open_time)
            .map(|minute| minute.open)
    }

    /// Sum of all long positions, the crowd's included.
    #[must_use]
    pub fn open_interest(&self, asset: u32) -> Sz {
        let clients = self
            .accounts
            .iter()
            .map(|account| account.coin(asset).position.szi);
        let crowd = self.crowd.coins[asset as usize]
            .ledgers()
            .map(|ledger| ledger.szi);
        clients.chain(crowd).filter(|szi| *szi > Sz::ZERO).sum()
    }

    /// Accounts, in the order of their first deposit.
    pub fn users(&self) -> impl Iterator<Item = Address> {
        self.accounts.iter().map(|account| account.address)
    }

    /// The account on the main dex; `None` for an address that never had a deposit.
    #[must_use]
    pub fn account(&self, user: Address) -> Option<AccountView> {
        self.account_on(user, MAIN)
    }

    /// The account on a dex; `None` for an address that never had a deposit.
    ///
    /// # Panics
    /// When there is no such dex.
    #[must_use]
    pub fn account_on(&self, user: Address, dex: usize) -> Option<AccountView> {
        let account = self.find(user)?;
        let sums = sums(account, &self.coins, dex);
        let held = (0_u32..)
            .zip(&account.coins)
            .filter(|(_, held)| held.dex == dex);
        let positions = held.filter_map(|(asset, _)| {
            self.position_of(account, asset, sums.value - sums.maintenance)
        });
        Some(AccountView {
            value: sums.total_value(),
            notional: sums.total_notional(),
            raw: account.purses[dex] + sums.isolated_raw,
            margin_used: sums.total_margin(),
            cross: CrossView {
                value: sums.value,
                notional: sums.notional,
                raw: account.purses[dex],
                margin_used: sums.margin,
            },
            maintenance: sums.maintenance,
            reserve: sums.reserve,
            withdrawable: sums.withdrawable(),
            positions: positions.collect(),
        })
    }

    fn position_of(&self, account: &Account, asset: u32, spare: Usd) -> Option<PositionView> {
        let held = account.coin(asset);
        let position = &held.position;
        let entry_px_e8 = position.entry_px_e8()?;
        let coin = &self.coins[asset as usize];
        let mark = coin.mark?;
        let value = mark * position.szi.abs();
        let unrealized = mark * position.szi - position.cost();
        let isolated_value = held.pocket + mark * position.szi;
        let (margin_used, spare) = match held.mode {
            MarginMode::Cross => (margin(value, held.leverage), spare),
            MarginMode::Isolated => (
                isolated_value,
                isolated_value - coin.tiers.maintenance(value),
            ),
        };
        Some(PositionView {
            asset,
            szi: position.szi,
            leverage: held.leverage,
            mode: held.mode,
            pocket: held.pocket,
            funding: held.funding,
            entry_px_e8,
            value,
            unrealized,
            return_on_equity: unrealized.as_f64() * f64::from(held.leverage)
                / position.cost().abs().as_f64(),
            liquidation_px: liquidation_px(position.szi, mark, spare, coin.tiers.rate(value)),
            margin_used,
        })
    }

    /// What an account pays today on the main dex; the base rates for an unknown one.
    #[must_use]
    pub fn fee_rates(&self, user: Address) -> FeeRates {
        self.find(user)
            .map_or(self.config.fees, |account| self.base_rates_of(account))
    }

    /// USDC of the spot balance; zero for an unknown account.
    #[must_use]
    pub fn spot_balance(&self, user: Address) -> Usd {
        self.find(user).map_or(Usd::ZERO, |account| account.spot)
    }

    /// Leverage and what may still be traded in a coin; `None` for an unknown account.
    ///
    /// The reducing side counts what closing frees: available = free + margin of the position + margin
    /// of as much on the other side.
    #[must_use]
    pub fn head_room(&self, user: Address, asset: u32) -> Option<HeadRoomView> {
        let account = self.find(user)?;
        let held = account.coins.get(asset as usize)?;
        let coin = &self.coins[asset as usize];
        let free = sums(account, &self.coins, held.dex).free().max(Usd::ZERO);
        let available = Side::BOTH.map(|side| {
            let closable = held.closable(side);
            let new = margin(coin.at_mark(closable), held.leverage);
            let frees = if held.mode == MarginMode::Isolated && closable > Sz::ZERO {
                held.pocket + coin.at_mark(held.position.szi)
            } else {
                new
            };
            (free + frees + new).max(Usd::ZERO)
        });
        let max_trade_szs = coin.mark.map(|mark| {
            available.map(|usd| Sz(usd.0.saturating_mul(i64::from(held.leverage)) / mark.0))
        });
        Some(HeadRoomView {
            leverage: held.leverage,
            mode: held.mode,
            pocket: held.pocket,
            max_trade_szs,
            available,
            mark: coin.mark,
        })
    }

    /// Request budget; `None` for an unknown account.
    #[must_use]
    pub fn rate_limit(&self, user: Address) -> Option<RateLimitView> {
        let usage = &self.find(user)?.usage;
        Some(RateLimitView {
            volume: usage.volume,
            used: usage.used(),
            cap: usage.cap(),
            surplus: (usage.reserved - usage.requests).max(0),
        })
    }

    /// Resting orders, oldest first, then waiting ones; empty for an unknown account.
    pub fn open_orders(&self, user: Address) -> impl Iterator<Item = &Order> {
        self.find(user)
            .into_iter()
            .flat_map(|account| account.open.values().chain(account.triggers.values()))
    }

    /// The take profit and stop loss that wait for a resting order to fill.
    #[must_use]
    pub fn children(&self, user: Address, parent: u64) -> &[Order] {
        let account = self.find(user);
        let children = account.and_then(|account| account.children.get(&parent));
        children.map_or(&[], Vec::as_slice)
    }

    /// An order by its oid, resting or among the last 2,000 that ended.
    #[must_use]
    pub fn order(&self, user: Address, oid: u64) -> Option<OrderRecord> {
        let account = self.find(user)?;
        let open = account.open.get(&oid);
        open.or_else(|| account.triggers.get(&oid))
            .map(resting)
            .or_else(|| {
                account
                    .history
                    .iter()
                    .rev()
                    .find(|record| record.order.oid == oid)
                    .copied()
            })
    }

    /// The newest order of a cloid, resting or among the last 2,000 that ended.
    #[must_use]
    pub fn order_by_cloid(&self, user: Address, cloid: Cloid) -> Option<OrderRecord> {
        let account = self.find(user)?;
        let open = account.named(cloid).and_then(|oid| self.order(user, oid));
        let ended = account
            .history
            .iter()
            .rev()
            .find(|record| record.order.cloid == Some(cloid));
        [open, ended.copied()]
            .into_iter()
            .flatten()
            .max_by_key(|record| record.order.oid)
    }

    /// Orders that ended, oldest first, at most 2,000; empty for an unknown account.
    #[must_use]
    pub fn ended_orders(&self, user: Address) -> impl DoubleEndedIterator<Item = &OrderRecord> {
        self.find(user)
            .into_iter()
            .flat_map(|account| account.history.iter())
    }

    /// Fills, oldest first, at most 10,000; empty for an unknown account.
    #[must_use]
    pub fn fills(&self, user: Address) -> impl DoubleEndedIterator<Item = &Fill> {
        self.find(user)
            .into_iter()
            .flat_map(|account| account.fills.iter())
    }

    /// Deposits, withdrawals and funding, oldest first; empty for an unknown account.
    pub fn money(&self, user: Address) -> impl Iterator<Item = &MoneyMove> {
        self.find(user)
            .into_iter()
            .flat_map(|account| account.money.iter())
    }

    /// Position, signed; `None` for an unknown account or asset.
    #[must_use]
    pub fn position(&self, user: Address, asset: u32) -> Option<Sz> {
        Some(self.find(user)?.coins.get(asset as usize)?.position.szi)
    }

    /// Everything there is, at mark: clients' and crowd's cash and positions, and fees taken.
    /// It equals the sum of all deposits at any time.
    #[must_use]
    pub fn total_value(&self) -> Usd {
        let clients: Usd = self
            .accounts
            .iter()
            .map(|account| {
                let dexes = 0..account.purses.len();
                let values = dexes.map(|dex| sums(account, &self.coins, dex).total_value());
                values.sum::<Usd>() + account.spot
            })
            .sum();
        let crowd = self
            .crowd
            .coins
            .iter()
            .zip(&self.coins)
            .flat_map(|(crowd, coin)| {
                crowd
                    .ledgers()
                    .map(|ledger| ledger.cash + coin.at_mark(ledger.szi))
            });
        clients + crowd.sum::<Usd>() + self.fees_taken
    }

    /// Sum of all deposits.
    #[must_use]
    pub const fn total_deposits(&self) -> Usd {
        self.deposited
    }

    pub(super) fn find(&self, user: Address) -> Option<&Account> {
        self.by_address
            .get(&user)
            .map(|who| &self.accounts[*who as usize])
    }
}

fn resting(order: &Order) -> OrderRecord {
    OrderRecord {
        order: *order,
        state: OrderState::Open,
        time: order.placed,
    }
}

/// `mark - side * spare / |szi| / (1 - l * side)`, l = maintenance rate of the tier
/// (HYPERLIQUID.md 1.5); `None` where that is not a price.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a belief shown to clients; beyond 2^63 it saturates"
)]
fn liquidation_px(szi: Sz, mark: Px, spare: Usd, rate: f64) -> Option<Px> {
    let side = szi.as_f64().signum();
    let px = mark.as_f64() - side * spare.as_f64() / szi.abs().as_f64() / (1.0 - rate * side);
    let px = Px(libm::round(px) as i64);
    (px > Px::ZERO).then_some(px)
}
