//! The account algebra of HYPERLIQUID.md 1.5: cross positions of a dex share one purse, isolated
//! positions have a pocket each.
//!
//! All amounts are micro-USDC; quotients are rounded down.

use mm_core::units::{Px, Side, Sz, Usd};

use super::account::{Account, MarginMode};
use super::{Coin, SimExchange};

/// Sums over an account at the marks of now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    /// Cross cash plus cross positions at mark.
    pub(super) value: Usd,
    /// Cross positions at mark, without sign.
    pub(super) notional: Usd,
    /// Initial margin of the cross positions.
    pub(super) margin: Usd,
    /// Maintenance margin of the cross positions.
    pub(super) maintenance: Usd,
    /// Margin set aside for resting orders that would increase a position.
    pub(super) reserve: Usd,
    /// Isolated positions with their pockets, at mark.
    pub(super) isolated_value: Usd,
    /// Isolated positions at mark, without sign.
    pub(super) isolated_notional: Usd,
    /// Cash in their pockets.
    pub(super) isolated_raw: Usd,
}

impl Sums {
    /// What new orders may use.
    pub(super) fn free(&self) -> Usd {
        self.value - self.margin - self.reserve
    }

    /// Everything, isolated positions included.
    pub(super) fn total_value(&self) -> Usd {
        self.value + self.isolated_value
    }

    /// All positions at mark, without sign.
    pub(super) fn total_notional(&self) -> Usd {
        self.notional + self.isolated_notional
    }

    /// Margin of all positions; that of an isolated one is all it is worth.
    pub(super) fn total_margin(&self) -> Usd {
        self.margin + self.isolated_value
    }

    /// What may leave the account: everything but the margin in use, and never less than a tenth of
    /// the notional stays.
    pub(super) fn withdrawable(&self) -> Usd {
        let tenth = Usd(self.total_notional().0 / 10);
        let locked = (self.total_margin() + self.reserve).max(tenth);
        (self.total_value() - locked).max(Usd::ZERO)
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

/// Sums of `account` on one dex at the marks of `coins`.
///
/// # Panics
/// When a position has no mark: it was opened at a price, so there was one.
pub(super) fn sums(account: &Account, coins: &[Coin], dex: usize) -> Sums {
    let mut sums = Sums {
        value: account.purses[dex],
        ..Sums::default()
    };
    let all = account.coins.iter().zip(coins);
    for (held, coin) in all.filter(|(held, _)| held.dex == dex) {
        let szi = held.position.szi;
        if szi != Sz::ZERO {
            let mark = coin.mark_of_position();
            let notional = mark * szi.abs();
            match held.mode {
                MarginMode::Cross => {
                    sums.value += mark * szi;
                    sums.notional += notional;
                    sums.margin += margin(notional, held.leverage);
                    sums.maintenance += coin.tiers.maintenance(notional);
                }
                MarginMode::Isolated => {
                    sums.isolated_value += held.pocket + mark * szi;
                    sums.isolated_notional += notional;
                    sums.isolated_raw += held.pocket;
                }
            }
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
        after <= before || after - before <= sums(account, &self.coins, held.dex).free()
    }

    /// Whether the margin tiers allow the position after an order at the chosen leverage.
    pub(super) fn tier_allows(&self, who: u32, asset: u32, side: Side, px: Px, sz: Sz) -> bool {
        let held = self.accounts[who as usize].coin(asset);
        let (before, after) = (held.position.szi, held.position.szi + side.signed(sz));
        let perp = &self.market.instruments()[asset as usize];
        let bound = perp.notional_max_at(held.leverage);
        after.abs() <= before.abs() || bound.is_none_or(|bound| px * after.abs() < bound)
    }

    /// Whether a resting order's account can carry a fill: the position after it needs no more
    /// initial margin than the account is then worth. A fill that only reduces is always carried.
    pub(super) fn bears_fill(&self, who: u32, asset: u32, side: Side, px: Px, sz: Sz) -> bool {
        let account = &self.accounts[who as usize];
        let held = account.coin(asset);
        let closes = held.closable(side);
        if sz <= closes {
            return true;
        }
        let mark = self.coins[asset as usize].mark.unwrap_or(px);
        let now = sums(account, &self.coins, held.dex);
        let fee = self.rates_of(account, asset).maker.on(px * sz);
        if held.mode == MarginMode::Isolated {
            // What closes gives its pocket back before the rest needs a new one.
            let freed = if closes > Sz::ZERO {
                held.pocket + px * held.position.szi
            } else {
                Usd::ZERO
            };
            return margin(px * (sz - closes), held.leverage) + fee
                <= now.value - now.margin + freed;
        }
        let (before, after) = (held.position.szi, held.position.szi + side.signed(sz));
        let value = now.value + (mark - px) * side.signed(sz) - fee;
        let used = now.margin - margin(mark * before.abs(), held.leverage)
            + margin(mark * after.abs(), held.leverage);
        used <= value
    }
}
