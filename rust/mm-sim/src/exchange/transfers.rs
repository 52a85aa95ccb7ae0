//! USDC that an account sends away: to another account, to its own spot balance, over the bridge.

use mm_core::units::{Usd, parse_decimal};
use mm_hl::address::Address;
use mm_hl::wire::{UsdClassTransfer, UsdSend, UserSetAbstraction, Withdraw3};

use super::SimExchange;
use super::margin::sums;
use super::message::{MoneyMove, MoneyWhy, Response};

/// What the bridge keeps of a withdrawal.
const WITHDRAWAL_FEE: Usd = Usd(1_000_000);
const SHORT: &str = "Insufficient balance for withdrawal.";

impl SimExchange {
    pub(super) fn usd_send(&mut self, who: u32, action: &UsdSend) -> Result<Response, String> {
        let to = address(&action.destination)?;
        let from = self.accounts[who as usize].address;
        let usd = amount(&action.amount)?;
        self.send(from, to, usd, MoneyWhy::Sent { from, to })
    }

    pub(super) fn withdraw(&mut self, who: u32, action: &Withdraw3) -> Result<Response, String> {
        address(&action.destination)?;
        let usd = self.withdrawable(who, amount(&action.amount)?)?;
        if usd <= WITHDRAWAL_FEE {
            return Err("Withdrawal must be more than the fee of 1 USDC.".to_owned());
        }
        let fee = WITHDRAWAL_FEE;
        self.book(who, -usd, MoneyWhy::Withdrawn { fee });
        self.deposited -= usd - fee;
        self.fees_taken += fee;
        Ok(Response::Default)
    }

    /// Between the perp and the spot balance of one account.
    pub(super) fn class_transfer(
        &mut self,
        who: u32,
        action: &UsdClassTransfer,
    ) -> Result<Response, String> {
        if action.amount.contains("subaccount:") {
            let text =
                "Transfers of a sub-account's spot balance are not supported by this exchange.";
            return Err(text.to_owned());
        }
        let micros = amount(&action.amount)?;
        let usd = if action.to_perp {
            let spot = self.accounts[who as usize].spot;
            micro(micros).filter(|usd| *usd <= spot).ok_or(SHORT)?
        } else {
            self.withdrawable(who, micros)?
        };
        let into_perp = if action.to_perp { usd } else { -usd };
        self.accounts[who as usize].spot -= into_perp;
        let to_perp = action.to_perp;
        self.book(who, into_perp, MoneyWhy::Class { to_perp });
        Ok(Response::Default)
    }

    /// Perp and spot apart is the only account mode here.
    pub(super) fn set_abstraction(action: &UserSetAbstraction) -> Result<Response, String> {
        if action.abstraction == "disabled" {
            return Ok(Response::Default);
        }
        Err(format!(
            "Account mode {} is not supported by this exchange: use disabled.",
            action.abstraction
        ))
    }

    /// Moves perp balance from one account to another, which is opened where there is none.
    pub(super) fn send(
        &mut self,
        from: Address,
        to: Address,
        micros: u64,
        why: MoneyWhy,
    ) -> Result<Response, String> {
        let Some(&payer) = self.by_address.get(&from) else {
            return Err(SHORT.to_owned());
        };
        if from == to {
            return Err("Cannot transfer to the same account.".to_owned());
        }
        let usd = self.withdrawable(payer, micros)?;
        let receiver = self.open_account(to);
        self.book(payer, -usd, why);
        self.book(receiver, usd, why);
        Ok(Response::Default)
    }

    /// The amount, where an account may part with it.
    fn withdrawable(&self, who: u32, micros: u64) -> Result<Usd, String> {
        let most = sums(&self.accounts[who as usize], &self.coins).withdrawable();
        let usd = micro(micros).filter(|usd| Usd::ZERO < *usd && *usd <= most);
        usd.ok_or_else(|| SHORT.to_owned())
    }

    fn book(&mut self, who: u32, usd: Usd, why: MoneyWhy) {
        let account = &mut self.accounts[who as usize];
        account.raw += usd;
        let moved = MoneyMove {
            user: account.address,
            time: self.now,
            usd,
            why,
        };
        account.money.push(moved);
        self.moved.push(moved);
        self.changed.insert(who);
    }
}

fn micro(micros: u64) -> Option<Usd> {
    i64::try_from(micros).ok().map(Usd)
}

fn amount(text: &str) -> Result<u64, String> {
    let micros = parse_decimal(text, 6).and_then(|micros| u64::try_from(micros).ok());
    micros.ok_or_else(|| format!("Invalid amount: {text}"))
}

fn address(text: &str) -> Result<Address, String> {
    let read = text.parse::<Address>();
    read.map_err(|_| format!("Invalid address: {text}"))
}
