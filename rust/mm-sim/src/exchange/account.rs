//! One account: cash, positions, resting orders and what it did.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use mm_core::action::Cloid;
use mm_core::units::{Px, Side, Sz, Time, Usd};
use mm_hl::address::Address;
use serde::{Deserialize, Serialize};

use super::fees::DailyVolume;
use super::liquidation::NEVER;
use super::message::{Fill, MoneyMove, Order};
use super::status::OrderState;

/// Finished orders and fills kept for queries, as on the venue.
const HISTORY: usize = 2_000;
const FILLS: usize = 10_000;

/// Parts of a micro-USDC in which a cost basis is kept, so that reducing a position in many
/// pieces does not move its entry price.
const COST_PARTS: i128 = 1_000_000_000;

/// An account of the exchange.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) address: Address,
    /// Cash of the cross part by dex, the main one first: deposits minus signed notional of fills in
    /// cross coins minus fees. With the dex's cross positions at mark it is its cross account value.
    pub(super) purses: Vec<Usd>,
    /// USDC of the spot balance.
    pub(super) spot: Usd,
    /// By asset number.
    pub(super) coins: Vec<CoinAccount>,
    /// Resting orders by oid.
    pub(super) open: BTreeMap<u64, Order>,
    /// Orders that wait for the mark price, by oid.
    pub(super) triggers: BTreeMap<u64, Order>,
    /// Take profits and stop losses that wait for a resting order to fill, by its oid.
    pub(super) children: BTreeMap<u64, Vec<Order>>,
    /// What builders may charge, tenths of a basis point.
    pub(super) builders: BTreeMap<Address, u64>,
    /// Newest resting order of a cloid.
    pub(super) cloids: BTreeMap<Cloid, u64>,
    /// Orders no longer resting, oldest first.
    pub(super) history: VecDeque<OrderRecord>,
    /// Oldest first.
    pub(super) fills: VecDeque<Fill>,
    /// Deposits, withdrawals and funding, oldest first.
    pub(super) money: Vec<MoneyMove>,
    pub(super) usage: Usage,
    pub(super) daily: DailyVolume,
    pub(super) schedule: Schedule,
    /// Until when the rest of a large position waits after its first part was liquidated.
    pub(super) cools_until: Time,
    /// Liquidations so far.
    pub(super) liquidations: u64,
}

/// What an account holds and has resting in one coin.
#[derive(Clone, Debug)]
pub(super) struct CoinAccount {
    /// Whose purse pays for it.
    pub(super) dex: usize,
    pub(super) position: Position,
    pub(super) leverage: u32,
    pub(super) mode: MarginMode,
    /// Cash of an isolated position: with it at mark it is the position's own value. Zero otherwise.
    pub(super) pocket: Usd,
    /// Funding paid, positive when paid.
    pub(super) funding: FundingPaid,
    pub(super) sides: [RestingSide; 2],
}

/// What a position's margin is shared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarginMode {
    /// All other cross positions of the account.
    Cross,
    /// Nothing: the position has its own cash.
    Isolated,
}

/// How a perp may be margined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MarginRule {
    /// Cross or isolated.
    Any,
    /// Isolated only; collateral can be added and removed.
    NoCross,
    /// Isolated only; collateral can be added but not removed.
    StrictIsolated,
}

impl MarginRule {
    /// What a position of a fresh account is margined by.
    #[must_use]
    pub const fn fresh_mode(self) -> MarginMode {
        match self {
            Self::Any => MarginMode::Cross,
            Self::NoCross | Self::StrictIsolated => MarginMode::Isolated,
        }
    }
}

/// Funding a position paid, positive when paid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FundingPaid {
    /// Ever.
    pub all_time: Usd,
    /// Since the position was opened.
    pub since_open: Usd,
    /// Since its size last changed.
    pub since_change: Usd,
}

/// Sums over the resting orders of one side.
#[derive(Clone, Debug, Default)]
pub(super) struct RestingSide {
    /// Size that may increase the position.
    pub(super) sz: Sz,
    /// Its notional at the limit prices.
    pub(super) notional: Usd,
    /// Size that may only reduce.
    pub(super) reduce_only: Sz,
    /// Sizes of the orders that may increase, best price first: (rank of price, oid).
    ranks: BTreeMap<(i64, u64), Sz>,
    /// Orders that may only reduce, oldest first.
    pub(super) reduce_only_oids: BTreeSet<u64>,
}

/// Use of the address budget and of the venue.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    pub(super) requests: i64,
    pub(super) reserved: i64,
    pub(super) volume: Usd,
    /// When an action was last admitted without budget; the epoch before the first.
    pub(super) throttled_at: Time,
}

/// The dead-man's switch.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Schedule {
    pub(super) at: Option<Time>,
    pub(super) day: i64,
    pub(super) fired: u32,
}

/// An order that ended, with how and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderRecord {
    /// The order as it was at its end.
    pub order: Order,
    /// How it ended, or that it rests.
    pub state: OrderState,
    /// When it came into that state.
    pub time: Time,
}

impl Account {
    pub(super) fn new(
        address: Address,
        coins: impl Iterator<Item = CoinAccount>,
        dexes: usize,
    ) -> Self {
        Self {
            address,
            purses: vec![Usd::ZERO; dexes],
            spot: Usd::ZERO,
            coins: coins.collect(),
            open: BTreeMap::new(),
            triggers: BTreeMap::new(),
            children: BTreeMap::new(),
            builders: BTreeMap::new(),
            cloids: BTreeMap::new(),
            history: VecDeque::new(),
            fills: VecDeque::new(),
            money: Vec::new(),
            usage: Usage::default(),
            daily: DailyVolume::default(),
            schedule: Schedule::default(),
            cools_until: NEVER,
            liquidations: 0,
        }
    }

    /// The resting or else the waiting order of a cloid.
    pub(super) fn named(&self, cloid: Cloid) -> Option<u64> {
        let waits = || {
            let mut waiting = self.triggers.values();
            waiting.find(|order| order.cloid == Some(cloid))
        };
        let resting = self.cloids.get(&cloid).copied();
        resting.or_else(|| waits().map(|order| order.oid))
    }

    /// Whether it has any position.
    pub(super) fn holds(&self) -> bool {
        self.coins.iter().any(|held| held.position.szi != Sz::ZERO)
    }

    pub(super) fn coin(&self, asset: u32) -> &CoinAccount {
        &self.coins[asset as usize]
    }

    pub(super) fn coin_mut(&mut self, asset: u32) -> &mut CoinAccount {
        &mut self.coins[asset as usize]
    }

    /// Lots in one coin that rest without a client id, `[buy, sell]` of `[may increase, may only
    /// reduce]`.
    pub(super) fn unnamed(&self, asset: u32) -> [[Sz; 2]; 2] {
        let mut lots = [[Sz::ZERO; 2]; 2];
        let of_coin = self.open.values().filter(|order| order.asset == asset);
        for order in of_coin.filter(|order| order.cloid.is_none()) {
            lots[order.side.index()][usize::from(order.reduce_only)] += order.sz;
        }
        lots
    }

    /// Enters an order that starts to rest.
    pub(super) fn rest(&mut self, order: Order) {
        self.coin_mut(order.asset).sides[order.side.index()].add(&order);
        if let Some(cloid) = order.cloid {
            self.cloids.insert(cloid, order.oid);
        }
        let before = self.open.insert(order.oid, order);
        assert!(before.is_none(), "oid {} rests already", order.oid);
    }

    /// Takes a resting order out; `None` when it does not rest.
    pub(super) fn unrest(&mut self, oid: u64) -> Option<Order> {
        let order = self.open.remove(&oid)?;
        self.coin_mut(order.asset).sides[order.side.index()].remove(&order);
        if let Some(cloid) = order.cloid {
            if self.cloids.get(&cloid) == Some(&oid) {
                self.cloids.remove(&cloid);
            }
        }
        Some(order)
    }

    /// Lowers the size of a resting order by `cut`, less than its size. Returns it as it is now.
    pub(super) fn cut(&mut self, oid: u64, cut: Sz) -> Order {
        let order = self
            .open
            .get_mut(&oid)
            .expect("Invariant: only resting orders are cut");
        order.sz -= cut;
        let order = *order;
        assert!(order.sz > Sz::ZERO, "order {oid} was cut to {}", order.sz);
        self.coin_mut(order.asset).sides[order.side.index()].cut(&order, cut);
        order
    }

    /// Writes down an order that ended.
    pub(super) fn record(&mut self, record: OrderRecord) {
        if self.history.len() == HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(record);
    }

    /// Writes down a fill, of which `counted` earns requests.
    pub(super) fn record_fill(&mut self, fill: Fill, counted: Usd) {
        if self.fills.len() == FILLS {
            self.fills.pop_front();
        }
        self.fills.push_back(fill);
        self.usage.volume += counted;
        self.daily.add(fill.time, fill.px * fill.sz);
    }
}

impl CoinAccount {
    pub(super) fn new(dex: usize, leverage: u32, mode: MarginMode) -> Self {
        Self {
            dex,
            position: Position::default(),
            leverage,
            mode,
            pocket: Usd::ZERO,
            funding: FundingPaid::default(),
            sides: Default::default(),
        }
    }

    /// Position if everything that may fill on `side` fills: reduce-only orders count together at
    /// most the position.
    pub(super) fn worst(&self, side: Side) -> Sz {
        let resting = &self.sides[side.index()];
        let reducing = resting.reduce_only.min(self.closable(side));
        self.position.szi + side.signed(resting.sz + reducing)
    }

    /// Size by which an order on `side` could reduce the position.
    pub(super) fn closable(&self, side: Side) -> Sz {
        Sz((-side.sign() * self.position.szi.0).max(0))
    }

    /// Notional at the limit prices of what rests on `side` and would increase the position, with
    /// `extra` (price, size) as if it rested too. The best prices fill first, so they are what
    /// closes.
    pub(super) fn increasing(&self, side: Side, extra: Option<(Px, Sz)>) -> Usd {
        let resting = &self.sides[side.index()];
        let (extra_sz, extra_notional) =
            extra.map_or((Sz::ZERO, Usd::ZERO), |(px, sz)| (sz, px * sz));
        let mut closing = self.closable(side);
        if closing >= resting.sz + extra_sz {
            return Usd::ZERO;
        }
        let mut total = resting.notional + extra_notional;
        let mut pending = extra.map(|(px, sz)| (rank_of(side, px), sz));
        let mut ranks = resting
            .ranks
            .iter()
            .map(|(&(rank, _), &sz)| (rank, sz))
            .peekable();
        while closing > Sz::ZERO {
            let resting_first = match (ranks.peek(), pending) {
                (Some((rank, _)), Some((extra, _))) => *rank <= extra,
                (next, _) => next.is_some(),
            };
            let first = if resting_first {
                ranks.next()
            } else {
                pending.take()
            };
            let (rank, sz) = first.expect("Invariant: less closes than there is");
            let sz = sz.min(closing);
            total -= px_of(side, rank) * sz;
            closing -= sz;
        }
        total
    }
}

impl RestingSide {
    fn add(&mut self, order: &Order) {
        if order.reduce_only {
            self.reduce_only += order.sz;
            self.reduce_only_oids.insert(order.oid);
        } else {
            self.sz += order.sz;
            self.notional += order.px * order.sz;
            self.ranks
                .insert((rank_of(order.side, order.px), order.oid), order.sz);
        }
    }

    fn remove(&mut self, order: &Order) {
        if order.reduce_only {
            self.reduce_only -= order.sz;
            self.reduce_only_oids.remove(&order.oid);
        } else {
            self.sz -= order.sz;
            self.notional -= order.px * order.sz;
            self.ranks
                .remove(&(rank_of(order.side, order.px), order.oid));
        }
    }

    /// `order` is what is left after the cut.
    fn cut(&mut self, order: &Order, cut: Sz) {
        if order.reduce_only {
            self.reduce_only -= cut;
        } else {
            self.sz -= cut;
            self.notional -= order.px * cut;
            self.ranks
                .insert((rank_of(order.side, order.px), order.oid), order.sz);
        }
    }
}

const fn rank_of(side: Side, px: Px) -> i64 {
    -side.sign() * px.0
}

const fn px_of(side: Side, rank: i64) -> Px {
    Px(-side.sign() * rank)
}

/// A position and what it cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    /// Size, signed.
    pub(super) szi: Sz,
    /// Signed cost in [`COST_PARTS`] of a micro-USDC.
    cost: i128,
}

impl Position {
    /// Signed cost basis, rounded down to the micro-USDC.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "it is a notional, which fits"
    )]
    pub(super) const fn cost(&self) -> Usd {
        Usd(self.cost.div_euclid(COST_PARTS) as i64)
    }

    /// Average entry price in 1e-8 of a lattice unit, to the nearest; `None` when flat.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a price with 8 more digits fits 2^63"
    )]
    pub(super) fn entry_px_e8(&self) -> Option<i64> {
        let sz = i128::from(self.szi.0);
        (sz != 0).then(|| ((self.cost / 5 + sz) / (2 * sz)) as i64)
    }

    /// Trades `sz` at `px` and returns the profit realised, gross of fees. Cash moves by exactly
    /// `-side.sign() * px * sz`, and that plus the change of [`Position::cost`] is the return.
    pub(super) fn trade(&mut self, side: Side, px: Px, sz: Sz) -> Usd {
        let held = self.szi.abs();
        let closed = if self.szi.0.signum() * side.sign() < 0 {
            held.min(sz)
        } else {
            Sz::ZERO
        };
        let cost_before = self.cost();
        if closed > Sz::ZERO {
            self.cost = self.cost * i128::from((held - closed).0) / i128::from(held.0);
        }
        let realised = -(px * side.signed(closed)) - (cost_before - self.cost());
        self.cost += i128::from((px * side.signed(sz - closed)).0) * COST_PARTS;
        self.szi += side.signed(sz);
        realised
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entry_is_weighted_on_adds_kept_on_reduces_reset_on_a_flip() {
        let mut position = Position::default();
        assert_eq!(position.trade(Side::Bid, Px(100), Sz(3)), Usd(0));
        assert_eq!(position.trade(Side::Bid, Px(101), Sz(3)), Usd(0));
        assert_eq!(position.entry_px_e8(), Some(10_050_000_000));
        assert_eq!(position.trade(Side::Ask, Px(103), Sz(2)), Usd(5));
        assert_eq!(position.entry_px_e8(), Some(10_050_000_000));
        assert_eq!(position.trade(Side::Ask, Px(100), Sz(5)), Usd(-2));
        assert_eq!(position.entry_px_e8(), Some(10_000_000_000));
        assert_eq!(position.szi, Sz(-1));
        assert_eq!(position.trade(Side::Bid, Px(90), Sz(1)), Usd(10));
        assert_eq!((position.entry_px_e8(), position.cost()), (None, Usd(0)));
    }
}

#[cfg(test)]
mod property_tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn prop_cash_and_cost_and_profit_agree_to_the_micro(
            trades in proptest::collection::vec((any::<bool>(), 1_i64..200_000, 1_i64..5_000), 1..60),
        ) {
            let mut position = Position::default();
            let (mut cash, mut realised) = (Usd::ZERO, Usd::ZERO);
            for (buys, px, sz) in trades {
                let side = if buys { Side::Bid } else { Side::Ask };
                let held = position.szi;
                realised += position.trade(side, Px(px), Sz(sz));
                cash += -(Px(px) * side.signed(Sz(sz)));
                prop_assert_eq!(position.szi, held + side.signed(Sz(sz)));
                prop_assert_eq!(cash + position.cost(), realised);
                if position.szi == Sz::ZERO {
                    prop_assert_eq!(position.cost(), Usd::ZERO);
                }
            }
        }
    }
}
