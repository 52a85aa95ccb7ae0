//! Caps on the open interest of a perp, and what a dex holds (HYPERLIQUID.md 2.2, 3.5).

use mm_core::units::{Sz, Usd};

use super::SimExchange;
use super::checks::{NewOrder, Refused};
use super::message::{AssetMove, Balance, MoneyWhy};
use super::status::OrderState;

/// Cap of a builder's perp where none is set.
const BUILDERS_CAP: Usd = Usd(1_000_000_000_000_000);

impl SimExchange {
    /// Caps the open interest of a perp at mark; `false` where none is listed.
    pub fn set_oi_cap(&mut self, coin: &str, cap: Usd) -> bool {
        let perps = self.market.instruments().iter();
        let found = perps
            .zip(&mut self.coins)
            .find(|(perp, _)| perp.coin() == coin);
        found.map(|(_, held)| held.oi_cap = Some(cap)).is_some()
    }

    /// The open interest that a builder's perp may reach, at mark.
    #[must_use]
    pub fn oi_cap(&self, asset: u32) -> Usd {
        self.coins[asset as usize].oi_cap.unwrap_or(BUILDERS_CAP)
    }

    /// Whether a perp's open interest has reached its cap.
    #[must_use]
    pub fn is_at_oi_cap(&self, asset: u32) -> bool {
        let coin = &self.coins[asset as usize];
        let at = |(cap, mark)| mark * self.open_interest(asset) >= cap;
        coin.oi_cap.zip(coin.mark).is_some_and(at)
    }

    /// Refuses what would add to a capped open interest.
    pub(super) fn check_oi_cap(&self, who: u32, order: &NewOrder) -> Result<(), Refused> {
        let closable = self.accounts[who as usize]
            .coin(order.asset)
            .closable(order.side);
        if order.reduce_only || order.sz <= closable || !self.is_at_oi_cap(order.asset) {
            return Ok(());
        }
        let text = "Order would increase open interest while open interest is capped";
        let state = if closable > Sz::ZERO {
            OrderState::PositionFlipAtOpenInterestCapRejected
        } else {
            OrderState::PositionIncreaseAtOpenInterestCapRejected
        };
        Err(Refused::new(state, text))
    }

    /// What went into a dex, net of what left it, by transfers between balances.
    #[must_use]
    pub fn net_deposit(&self, dex: usize) -> Usd {
        let moves = self.accounts.iter().flat_map(|account| {
            let own = account.money.iter().filter_map(|moved| match moved.why {
                MoneyWhy::Asset(sent) => Some(sent),
                _ => None,
            });
            own.map(move |sent: AssetMove| {
                let side = |(user, balance), usd| {
                    if user == account.address && balance == Balance::Perp(dex) {
                        usd
                    } else {
                        Usd::ZERO
                    }
                };
                side(sent.to, sent.usd) + side(sent.from, -sent.usd)
            })
        });
        moves.sum()
    }
}
