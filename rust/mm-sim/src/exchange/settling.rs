//! Where the cash of a trade goes: the purse of the cross positions, or an isolated position's pocket.

use mm_core::units::{Px, Side, Sz, Usd};

use super::account::{Account, FundingPaid, MarginMode};
use super::margin::margin;

impl Account {
    /// Moves position and cash of one trade and returns the profit realised, gross of fees. What
    /// opens an isolated position takes its initial margin along; what closes gives back its share
    /// of the position's value at the trade's price.
    pub(super) fn settle(&mut self, asset: u32, side: Side, px: Px, sz: Sz) -> Usd {
        let held = &mut self.coins[asset as usize];
        let before = held.position.szi;
        let closed = held.closable(side).min(sz);
        let realised = held.position.trade(side, px, sz);
        held.funding = FundingPaid {
            since_open: if closed == before.abs() {
                Usd::ZERO
            } else {
                held.funding.since_open
            },
            since_change: Usd::ZERO,
            ..held.funding
        };
        if held.mode == MarginMode::Cross {
            self.purses[held.dex] += -(px * side.signed(sz));
            return realised;
        }
        if closed > Sz::ZERO {
            let value = held.pocket + px * before;
            let kept = share(value, before.abs() - closed, before.abs());
            let freed = value - kept;
            held.pocket += -(px * side.signed(closed)) - freed;
            self.purses[held.dex] += freed;
        }
        let opened = sz - closed;
        if opened > Sz::ZERO {
            let collateral = margin(px * opened, held.leverage);
            held.pocket += collateral - px * side.signed(opened);
            self.purses[held.dex] -= collateral;
        }
        realised
    }

    /// Takes a fee out of the purse of the perp's dex.
    pub(super) fn pay_fee(&mut self, asset: u32, fee: Usd) {
        let dex = self.coin(asset).dex;
        self.purses[dex] -= fee;
    }

    /// Pays `usd` into the purse or the pocket that a position of `asset` is margined by.
    pub(super) fn pay(&mut self, asset: u32, usd: Usd) {
        let held = &mut self.coins[asset as usize];
        if held.mode == MarginMode::Isolated && held.position.szi != Sz::ZERO {
            held.pocket += usd;
        } else {
            self.purses[held.dex] += usd;
        }
    }
}

/// `part / whole` of an amount, rounded down.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a part of what fits its type fits too"
)]
fn share(amount: Usd, part: Sz, whole: Sz) -> Usd {
    Usd((i128::from(amount.0) * i128::from(part.0)).div_euclid(i128::from(whole.0)) as i64)
}
