//! Money that moves without a trade, and prices that move by themselves: done to the exchange.

use mm_core::units::Usd;
use mm_hl::address::Address;
use mm_hl::decode::DecodeError;

use super::message::{MoneyMove, MoneyWhy};
use super::{MAIN, SimExchange};

impl SimExchange {
    /// Moves money into an account, or out of it when `usd` is negative, whatever it holds: a
    /// withdrawal of more than is free is a loss that the account did not choose. The next block
    /// tells of it. `false` for an unknown account.
    pub fn transfer(&mut self, user: Address, usd: Usd) -> bool {
        let moved = self.move_money(user, usd);
        if moved {
            self.deposited += usd;
        }
        moved
    }

    /// Pays funding to an account, or takes it when `usd` is negative. The next block tells of it.
    /// `false` for an unknown account or asset.
    pub fn fund(&mut self, user: Address, asset: u32, usd: Usd) -> bool {
        let (Some(szi), Some(&who)) = (self.position(user, asset), self.by_address.get(&user))
        else {
            return false;
        };
        let rate = self.rate_of(asset, szi, usd);
        let time = self.now.plus(self.config.block);
        self.pay_funding(who, asset, usd, rate, time);
        true
    }

    /// Moves the market's own fair price by a fraction; `false` where it has none.
    pub fn jump(&mut self, asset: u32, frac: f64) -> bool {
        self.market.jump(asset, frac)
    }

    /// Takes a frame of the live feed that the market mirrors; it happens in the next block.
    ///
    /// # Errors
    /// [`DecodeError`] where it cannot be read; nothing of it happens.
    pub fn hear(&mut self, frame: &[u8]) -> Result<(), DecodeError> {
        self.market.hear(self.now, frame)
    }

    /// The live feed is lost: the mirrored book is empty until it is back.
    pub fn feed_lost(&mut self) {
        self.market.feed_lost();
    }

    fn move_money(&mut self, user: Address, usd: Usd) -> bool {
        let Some(&who) = self.by_address.get(&user) else {
            return false;
        };
        let account = &mut self.accounts[who as usize];
        account.purses[MAIN] += usd;
        let moved = MoneyMove {
            user,
            time: self.now.plus(self.config.block),
            usd,
            why: MoneyWhy::Transfer,
        };
        account.money.push(moved);
        self.moved.push(moved);
        self.changed.insert(who);
        true
    }
}
