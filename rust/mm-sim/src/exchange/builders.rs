//! Builder fees: what the software that built an order may charge for it (HYPERLIQUID.md 3.1).
//!
//! Rates are tenths of a basis point. What builders earn is the venue's until they claim it, which
//! nobody does here: it counts among the fees taken.

use mm_core::units::{Usd, parse_decimal};
use mm_hl::address::Address;
use mm_hl::wire::{ApproveBuilderFee, Builder};

use super::SimExchange;
use super::config::FeeRate;
use super::message::Response;

/// Largest rate of a perp's order.
const MAX: u64 = 100;
/// A tenth of a basis point as a fee rate.
const TENTH: i64 = 1_000;
/// Tenths of a basis point in a per cent.
const PER_CENT: i64 = 1_000;

impl SimExchange {
    pub(super) fn approve_builder_fee(
        &mut self,
        who: u32,
        action: &ApproveBuilderFee,
    ) -> Result<Response, String> {
        let read = action.max_fee_rate.strip_suffix('%');
        let tenths = read
            .and_then(|text| parse_decimal(text, 3))
            .map(|thousandths| thousandths * PER_CENT / 1_000)
            .and_then(|tenths| u64::try_from(tenths).ok());
        let Some(tenths) = tenths else {
            return Err(format!("Invalid builder fee rate: {}", action.max_fee_rate));
        };
        let account = &mut self.accounts[who as usize];
        account.builders.insert(action.builder, tenths);
        Ok(Response::Default)
    }

    /// What an account lets a builder charge, tenths of a basis point.
    #[must_use]
    pub fn max_builder_fee(&self, user: Address, builder: Address) -> u64 {
        let account = self.find(user);
        let approved = account.and_then(|account| account.builders.get(&builder));
        approved.copied().unwrap_or(0)
    }

    /// The rate of a builder, checked; zero without one.
    pub(super) fn builder_rate(&self, who: u32, builder: Option<Builder>) -> Result<u64, String> {
        let Some(Builder { address, fee }) = builder else {
            return Ok(0);
        };
        let user = self.accounts[who as usize].address;
        if fee > MAX.min(self.max_builder_fee(user, address)) {
            return Err("Builder fee has not been approved.".to_owned());
        }
        Ok(fee)
    }
}

/// A builder's fee on a notional.
pub(super) fn builder_fee(tenths: u64, notional: Usd) -> Usd {
    let tenths = i64::try_from(tenths).expect("Invariant: at most 100");
    FeeRate(tenths * TENTH).on(notional)
}
