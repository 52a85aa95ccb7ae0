//! The account algebra of HYPERLIQUID.md 1.5: cross margin, one margin tier a coin.
//!
//! All amounts are micro-USDC; quotients are rounded down.

use mm_core::units::{Px, Side, Sz, Usd};

use super::account::Account;
use super::{Coin, SimExchange};

/// Sums over an account at the marks of now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sums {
    /// Cash plus positions at mark.
    pub(super) value: Usd,
    /// Positions at mark, without sign.
    pub(super) notional: Usd,
    /// Initial margin of the positions.
    pub(super) margin: Usd,
    /// Maintenance margin of the positions.
    pub(super) maintenance: Usd,
    /// Margin set aside for resting orders that would increase a position.
    pub(super) reserve: Usd,
}

impl Sums {
    /// What new orders may use.
    pub(super) fn free(&self) -> Usd {
        self.value - self.margin - self.reserve
    }
}

/// Initial margin of a notional, rounded down.
pub(super) const fn margin(notional: Usd, leverage: u32) -> Usd {
    Usd(notional.0 / leverage as i64)
}

/// The price at which an order's margin is judged: what it would pay at worst, but not more than
/// the mark for a sale, and for a purchase that takes not more than the mark either.
pub(super) fn margin_px(side: Side, px: Px, mark: Option<Px>) -> Px {
    match (side, mark) {
        (_, None) => px,
        (Side::Bid, Some(mark)) => px.min(mark),
        (Side::Ask, Some(mark)) => px.max(mark),
    }
}

/// Sums of `account` at the marks of `coins`.
///
/// # Panics
/// When a position has no mark: it was opened at a price, so there was one.
pub(super) fn sums(account: &Account, coins: &[Coin]) -> Sums {
    let mut sums = Sums {
        value: account.raw,
        notional: Usd::ZERO,
        margin: Usd::ZERO,
        maintenance: Usd::ZERO,
        reserve: Usd::ZERO,
    };
    for (held, coin) in account.coins.iter().zip(coins) {
        let szi = held.position.szi;
        if szi != Sz::ZERO {
            let mark = coin.mark.expect("Invariant: a coin that traded has a mark");
            let notional = mark * szi.abs();
            sums.value += mark * szi;
            sums.notional += notional;
            sums.margin += margin(notional, held.leverage);
            sums.maintenance += margin(notional, 2 * coin.max_leverage);
        }
        for side in Side::BOTH {
            sums.reserve += margin(held.increasing(side, None), held.leverage);
        }
    }
    sums
}

impl SimExchange {
    /// Whether the account can carry a new order, its increasing part at the chosen leverage.
    pub(super) fn bears_order(&self, who: u32, asset: u32, side: Side, px: Px, sz: Sz) -> bool {
        let account = &self.accounts[who as usize];
        let held = account.coin(asset);
        let px = margin_px(side, px, self.coins[asset as usize].mark);
        let before = margin(held.increasing(side, None), held.leverage);
        let after = margin(held.increasing(side, Some((px, sz))), held.leverage);
        after <= before || after - before <= sums(account, &self.coins).free()
    }

    /// Whether a resting order's account can carry a fill: the position after it needs no more
    /// initial margin than the account is then worth. A fill that only reduces is always carried.
    pub(super) fn bears_fill(&self, who: u32, asset: u32, side: Side, px: Px, sz: Sz) -> bool {
        let account = &self.accounts[who as usize];
        let held = account.coin(asset);
        if sz <= held.closable(side) {
            return true;
        }
        let mark = self.coins[asset as usize].mark.unwrap_or(px);
        let now = sums(account, &self.coins);
        let (before, after) = (held.position.szi, held.position.szi + side.signed(sz));
        let value = now.value + (mark - px) * side.signed(sz) - self.config.fees.maker.on(px * sz);
        let used = now.margin - margin(mark * before.abs(), held.leverage)
            + margin(mark * after.abs(), held.leverage);
        used <= value
    }
}
