//! Liquidation: what has less value than its maintenance margin is closed, first on the book, then
//! by the backstop (HYPERLIQUID.md 6).
//!
//! The cross positions of an account are judged together, each isolated position alone.

use mm_core::units::{Dur, Px, Side, Sz, Time, Usd};
use mm_hl::address::Address;

use super::account::MarginMode;
use super::margin::sums;
use super::matching::{Leg, Print, Taker};
use super::message::{Liquidated, Output};
use super::status::OrderState;
use super::{Rule, SimExchange};
use crate::market::Owner;

/// Positions above this notional go to the book a fifth at first, the rest after a while.
const LARGE: Usd = Usd(100_000_000_000);
const FIRST_PART: i64 = 5;
const COOLDOWN: Dur = Dur::from_millis(30_000);
/// Who takes over what the book could not.
pub const BACKSTOP: Address = Address([0xfe; 20]);

/// Who closes a position, and why its fill is not an ordinary one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Liquidation {
    /// Whose position was closed.
    pub user: Address,
    /// Mark price at which it happened.
    pub mark: Px,
    /// How.
    pub method: LiquidationMethod,
    /// What the position was margined by.
    pub mode: MarginMode,
}

/// How a position was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LiquidationMethod {
    /// On the book.
    Market,
    /// Taken over, at the price that leaves its account nothing.
    Backstop,
}

/// What is judged together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pocket {
    /// The cross positions of one dex.
    Cross(usize),
    Isolated(u32),
}

/// Value and maintenance margin of a pocket.
#[derive(Clone, Copy, Debug)]
struct Health {
    value: Usd,
    notional: Usd,
    maintenance: Usd,
}

impl Health {
    fn is_unwell(self) -> bool {
        self.value < self.maintenance
    }

    /// Below two thirds of the maintenance margin.
    fn is_beyond_the_book(self) -> bool {
        self.value.0.saturating_mul(3) < self.maintenance.0.saturating_mul(2)
    }
}

impl SimExchange {
    /// Liquidates every account that must be, at the marks of now.
    pub(super) fn run_liquidations(&mut self) {
        if self.config.rules.liquidation == Rule::Off {
            return;
        }
        for who in 0..u32::try_from(self.accounts.len()).expect("Invariant: few accounts") {
            if !self.accounts[who as usize].holds() {
                continue;
            }
            for dex in 0..self.listing.dexes().len() {
                self.liquidate(who, Pocket::Cross(dex));
            }
            for asset in 0..u32::try_from(self.coins.len()).expect("Invariant: few coins") {
                let held = self.accounts[who as usize].coin(asset);
                if held.mode == MarginMode::Isolated && held.position.szi != Sz::ZERO {
                    self.liquidate(who, Pocket::Isolated(asset));
                }
            }
        }
    }

    fn liquidate(&mut self, who: u32, pocket: Pocket) {
        let before = self.health(who, pocket);
        if !before.is_unwell() {
            return;
        }
        self.changed.insert(who);
        let account = &self.accounts[who as usize];
        let doomed: Vec<u64> = account
            .open
            .values()
            .chain(account.triggers.values())
            .filter(|order| match pocket {
                Pocket::Cross(dex) => dex == account.coin(order.asset).dex,
                Pocket::Isolated(asset) => asset == order.asset,
            })
            .map(|order| order.oid)
            .collect();
        for oid in doomed {
            let state = OrderState::LiquidatedCanceled;
            if self.cancel_trigger(who, oid, state).is_none() {
                self.cancel_order(who, oid, state);
            }
        }
        let backstop = before.is_beyond_the_book();
        if !backstop && self.accounts[who as usize].cools_until > self.now {
            return;
        }
        self.tell_liquidation(who, before);
        let mut positions = self.positions_in(who, pocket);
        if backstop {
            // The largest comes last: its price settles the account.
            positions.reverse();
            let last = positions.pop();
            for asset in positions {
                let mark = self.mark_of(asset);
                self.take_over(who, asset, mark);
            }
            if let Some(asset) = last {
                let px = self.settling_px(who, asset, self.health(who, pocket).value);
                self.take_over(who, asset, px);
            }
            return;
        }
        for asset in positions {
            if self.health(who, pocket).is_unwell() {
                self.close_on_the_book(who, asset);
            }
        }
    }

    fn health(&self, who: u32, pocket: Pocket) -> Health {
        let account = &self.accounts[who as usize];
        match pocket {
            Pocket::Cross(dex) => {
                let sums = sums(account, &self.coins, dex);
                Health {
                    value: sums.value,
                    notional: sums.notional,
                    maintenance: sums.maintenance,
                }
            }
            Pocket::Isolated(asset) => {
                let (held, mark) = (account.coin(asset), self.mark_of(asset));
                let notional = mark * held.position.szi.abs();
                Health {
                    value: held.pocket + mark * held.position.szi,
                    notional,
                    maintenance: self.coins[asset as usize].tiers.maintenance(notional),
                }
            }
        }
    }

    /// Positions of a pocket, the largest at mark first.
    fn positions_in(&self, who: u32, pocket: Pocket) -> Vec<u32> {
        let coins = (0_u32..).zip(&self.accounts[who as usize].coins);
        let mut held: Vec<(Usd, u32)> = coins
            .filter(|(asset, held)| match pocket {
                Pocket::Cross(dex) => {
                    held.dex == dex
                        && held.mode == MarginMode::Cross
                        && held.position.szi != Sz::ZERO
                }
                Pocket::Isolated(only) => *asset == only,
            })
            .map(|(asset, held)| (-(self.mark_of(asset) * held.position.szi.abs()), asset))
            .collect();
        held.sort_unstable();
        held.into_iter().map(|(_, asset)| asset).collect()
    }

    /// Sends a position to the book: all of it, or first a fifth of a large one.
    fn close_on_the_book(&mut self, who: u32, asset: u32) {
        let szi = self.accounts[who as usize].coin(asset).position.szi;
        let mark = self.mark_of(asset);
        let account = &mut self.accounts[who as usize];
        let fresh = self.now.since(account.cools_until) > COOLDOWN;
        let mut sz = szi.abs();
        if mark * sz > LARGE && fresh {
            sz = Sz((sz.0 / FIRST_PART).max(1));
            account.cools_until = self.now.plus(COOLDOWN);
        }
        let side = if szi > Sz::ZERO { Side::Ask } else { Side::Bid };
        let oid = self.next_oid();
        let cause = self.cause(who, asset, LiquidationMethod::Market);
        self.sweep(&mut Taker {
            owner: Owner::Client(who),
            asset,
            side,
            px: match side {
                Side::Ask => Px(1),
                Side::Bid => Px(i64::MAX),
            },
            left: sz,
            notional: Usd::ZERO,
            oid,
            cloid: None,
            builder_rate: 0,
            liquidation: Some(cause),
        });
    }

    /// Hands a whole position to the backstop at a price, without a fee.
    fn take_over(&mut self, who: u32, asset: u32, px: Px) {
        let szi = self.accounts[who as usize].coin(asset).position.szi;
        let side = if szi > Sz::ZERO { Side::Ask } else { Side::Bid };
        let print = Print {
            asset,
            tid: self.next_tid(),
            tx: self.next_tx(),
            px,
            sz: szi.abs(),
            liquidation: Some(self.cause(who, asset, LiquidationMethod::Backstop)),
            settlement: false,
        };
        let oid = self.next_oid();
        self.book_leg(
            &Leg {
                owner: Owner::Client(who),
                side,
                oid,
                cloid: None,
                builder_rate: 0,
                taker: true,
            },
            print,
        );
        self.crowd.coins[asset as usize]
            .backstop
            .trade(side.opposite(), px, print.sz);
    }

    /// The price of the lattice at which closing a position leaves an account of `value` at mark
    /// as near to nothing as can be, and not less.
    fn settling_px(&self, who: u32, asset: u32, value: Usd) -> Px {
        let szi = self.accounts[who as usize].coin(asset).position.szi;
        let mark = self.mark_of(asset);
        // Selling a long at px changes the value by (px - mark) x szi.
        let px = if szi > Sz::ZERO {
            mark.0 - value.0.div_euclid(szi.0)
        } else {
            mark.0 + value.0.div_euclid(-szi.0)
        };
        Px(px.max(1))
    }

    fn cause(&self, who: u32, asset: u32, method: LiquidationMethod) -> Liquidation {
        let account = &self.accounts[who as usize];
        Liquidation {
            user: account.address,
            mark: self.mark_of(asset),
            method,
            mode: account.coin(asset).mode,
        }
    }

    fn tell_liquidation(&mut self, who: u32, health: Health) {
        let account = &mut self.accounts[who as usize];
        account.liquidations += 1;
        let told = Liquidated {
            user: account.address,
            time: self.now,
            number: account.liquidations,
            notional: health.notional,
            value: health.value,
        };
        self.effects.push(Output::Liquidated(told));
    }

    /// Mark of a coin that somebody holds.
    fn mark_of(&self, asset: u32) -> Px {
        self.coins[asset as usize].mark_of_position()
    }
}

/// Before the first liquidation: no cooldown runs.
pub(super) const NEVER: Time = Time(i64::MIN / 4);
