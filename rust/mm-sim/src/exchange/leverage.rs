//! Leverage, margin mode, and the collateral of isolated positions.

use mm_core::units::{Px, Sz, Usd};
use mm_hl::wire::{TopUpIsolatedOnlyMargin, UpdateIsolatedMargin, UpdateLeverage};

use super::SimExchange;
use super::account::{MarginMode, MarginRule};
use super::margin::{margin, sums};
use super::message::Response;

/// One, in units of a decimal's eighth place.
const ONE_E8: i128 = 100_000_000;

impl SimExchange {
    pub(super) fn update_leverage(
        &mut self,
        who: u32,
        action: UpdateLeverage,
    ) -> Result<Response, String> {
        let asset = self.place_of(action.asset)?;
        let perp = &self.market.instruments()[asset as usize];
        let coin = &self.coins[asset as usize];
        let account = &self.accounts[who as usize];
        let held = account.coin(asset);
        let szi = held.position.szi;
        let notional = coin.at_mark(szi.abs());
        let beyond = perp.notional_max_at(action.leverage);
        if !(1..=perp.max_leverage()).contains(&action.leverage)
            || (szi != Sz::ZERO && beyond.is_some_and(|bound| notional >= bound))
        {
            return Err("Invalid leverage value".to_owned());
        }
        let mode = if action.is_cross {
            if coin.margin_rule != MarginRule::Any {
                return Err("Cross margin is not allowed for this asset.".to_owned());
            }
            MarginMode::Cross
        } else {
            MarginMode::Isolated
        };
        if mode != held.mode && szi != Sz::ZERO {
            return Err("Cannot switch leverage type with open position.".to_owned());
        }
        if action.leverage < held.leverage && szi != Sz::ZERO {
            let wanted = margin(notional, action.leverage);
            let now = sums(account, &self.coins, held.dex);
            let (short, text) = match mode {
                MarginMode::Cross => (
                    now.margin - margin(notional, held.leverage) + wanted > now.value,
                    "Cross margin position does not have sufficient margin available to decrease leverage.",
                ),
                MarginMode::Isolated => (
                    wanted > held.pocket + coin.at_mark(szi),
                    "Isolated position does not have sufficient margin available to decrease leverage. To decrease leverage, add margin to the position.",
                ),
            };
            if short {
                return Err(text.to_owned());
            }
        }
        let held = self.accounts[who as usize].coin_mut(asset);
        (held.leverage, held.mode) = (action.leverage, mode);
        self.changed.insert(who);
        Ok(Response::Default)
    }

    /// Adds collateral to an isolated position, or takes some out of it.
    pub(super) fn update_isolated_margin(
        &mut self,
        who: u32,
        action: UpdateIsolatedMargin,
    ) -> Result<Response, String> {
        let (asset, mark, szi) = self.isolated_position(who, action.asset)?;
        let account = &self.accounts[who as usize];
        let held = account.coin(asset);
        let usd = Usd(action.ntli);
        if usd > Usd::ZERO {
            if usd > sums(account, &self.coins, held.dex).withdrawable() {
                return Err("Insufficient margin available to add to the position.".to_owned());
            }
        } else if self.coins[asset as usize].margin_rule == MarginRule::StrictIsolated {
            return Err("Margin cannot be removed for this asset.".to_owned());
        } else {
            // What is left must carry the position like a new one, and a tenth of its notional.
            let notional = mark * szi.abs();
            let needed = margin(notional, held.leverage).max(Usd(notional.0 / 10));
            if (held.pocket + mark * szi)
                .0
                .checked_add(usd.0)
                .is_none_or(|left| left < needed.0)
            {
                return Err("Insufficient margin available to remove from the position.".to_owned());
            }
        }
        self.move_collateral(who, asset, usd);
        Ok(Response::Default)
    }

    /// Adds the collateral that brings an isolated position down to a leverage.
    pub(super) fn top_up_isolated(
        &mut self,
        who: u32,
        action: TopUpIsolatedOnlyMargin,
    ) -> Result<Response, String> {
        let (asset, mark, szi) = self.isolated_position(who, action.asset)?;
        let leverage_e8 = i128::from(action.leverage.units());
        if leverage_e8 <= 0 {
            return Err("Invalid leverage value".to_owned());
        }
        let account = &self.accounts[who as usize];
        let notional = mark * szi.abs();
        let wanted = i128::from(notional.0) * ONE_E8 / leverage_e8;
        let held = account.coin(asset);
        let worth = held.pocket + mark * szi;
        let missing = (wanted - i128::from(worth.0)).max(0);
        let free = sums(account, &self.coins, held.dex).withdrawable();
        let Some(usd) = i64::try_from(missing)
            .ok()
            .map(Usd)
            .filter(|usd| *usd <= free)
        else {
            return Err("Insufficient margin available to add to the position.".to_owned());
        };
        self.move_collateral(who, asset, usd);
        Ok(Response::Default)
    }

    fn move_collateral(&mut self, who: u32, asset: u32, usd: Usd) {
        let account = &mut self.accounts[who as usize];
        let held = &mut account.coins[asset as usize];
        account.purses[held.dex] -= usd;
        held.pocket += usd;
        self.changed.insert(who);
    }

    /// Place, mark and size of an isolated position, or the venue's words that there is none.
    fn isolated_position(&self, who: u32, number: u32) -> Result<(u32, Px, Sz), String> {
        let asset = self.place_of(number)?;
        let held = self.accounts[who as usize].coin(asset);
        let isolated = held.mode == MarginMode::Isolated && held.position.szi != Sz::ZERO;
        let mark = self.coins[asset as usize].mark.filter(|_| isolated);
        let mark = mark.ok_or("Position does not use isolated margin.")?;
        Ok((asset, mark, held.position.szi))
    }
}
