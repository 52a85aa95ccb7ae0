//! USDC that an account sends away: to another account, to its own spot balance, over the bridge.

use mm_core::units::{Usd, parse_decimal};
use mm_hl::address::Address;
use mm_hl::wire::{SendAsset, UsdClassTransfer, UsdSend, UserSetAbstraction, Withdraw3};

use super::margin::sums;
use super::message::{AssetMove, Balance, MoneyMove, MoneyWhy, Response};
use super::{MAIN, OwnedKind, SimExchange};

/// What the bridge keeps of a withdrawal.
const WITHDRAWAL_FEE: Usd = Usd(1_000_000);
const SHORT: &str = "Insufficient balance for withdrawal.";
/// The token that every dex here is margined in, and its full name.
const USDC: [&str; 2] = ["USDC", "USDC:0x6d1e7cde53ba9467b783cb7c530ce054"];

impl SimExchange {
    pub(super) fn usd_send(&mut self, who: u32, action: &UsdSend) -> Result<Response, String> {
        let to = address(&action.destination)?;
        let from = self.accounts[who as usize].address;
        let usd = amount(&action.amount)?;
        self.send(from, to, usd, MoneyWhy::Sent { from, to })
    }

    pub(super) fn withdraw(&mut self, who: u32, action: &Withdraw3) -> Result<Response, String> {
        address(&action.destination)?;
        let usd = self.withdrawable(who, MAIN, amount(&action.amount)?)?;
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
        let from = if action.to_perp {
            Balance::Spot
        } else {
            Balance::Perp(MAIN)
        };
        let usd = self.available(who, from, micros)?;
        let into_perp = if action.to_perp { usd } else { -usd };
        self.accounts[who as usize].spot -= into_perp;
        let to_perp = action.to_perp;
        self.book(who, into_perp, MoneyWhy::Class { to_perp });
        Ok(Response::Default)
    }

    /// Between two balances, of one account or of two.
    pub(super) fn send_asset(&mut self, who: u32, action: &SendAsset) -> Result<Response, String> {
        let signer = self.accounts[who as usize].address;
        if !USDC.contains(&action.token.as_str()) {
            let text = "is not supported by this exchange: USDC is its only token.";
            return Err(format!("Token {} {text}", action.token));
        }
        let from = match action.from_sub_account.as_str() {
            "" => signer,
            sub => self.sub_account_of(signer, address(sub)?)?,
        };
        let to = address(&action.destination)?;
        let out_of = self.balance(&action.source_dex)?;
        let into = self.balance(&action.destination_dex)?;
        if (from, out_of) == (to, into) {
            return Err("Cannot transfer to the same account.".to_owned());
        }
        let payer = *self.by_address.get(&from).ok_or(SHORT)?;
        let usd = self.available(payer, out_of, amount(&action.amount)?)?;
        let receiver = self.open_account(to);
        *self.balance_mut(payer, out_of) -= usd;
        *self.balance_mut(receiver, into) += usd;
        let why = MoneyWhy::Asset(AssetMove {
            from: (from, out_of),
            to: (to, into),
            usd,
        });
        let main = |balance, usd| {
            if balance == Balance::Perp(MAIN) {
                usd
            } else {
                Usd::ZERO
            }
        };
        let (paid, got) = (-main(out_of, usd), main(into, usd));
        if payer == receiver {
            self.tell_money(payer, paid + got, why);
        } else {
            self.tell_money(payer, paid, why);
            self.tell_money(receiver, got, why);
        }
        Ok(Response::Default)
    }

    fn sub_account_of(&self, master: Address, sub: Address) -> Result<Address, String> {
        let owned = self.owned.get(&sub);
        let own = owned
            .filter(|owned| owned.master == master && owned.kind == OwnedKind::SubAccount)
            .map(|owned| owned.address);
        own.ok_or_else(|| format!("Sub-account not registered: {sub}"))
    }

    /// A balance as a transfer names it.
    pub(super) fn balance(&self, name: &str) -> Result<Balance, String> {
        if name == "spot" {
            return Ok(Balance::Spot);
        }
        let dex = self.listing.dex(name).map(Balance::Perp);
        dex.ok_or_else(|| format!("Invalid perp dex: {name}"))
    }

    pub(super) fn balance_mut(&mut self, who: u32, balance: Balance) -> &mut Usd {
        let account = &mut self.accounts[who as usize];
        match balance {
            Balance::Perp(dex) => &mut account.purses[dex],
            Balance::Spot => &mut account.spot,
        }
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
        let usd = self.withdrawable(payer, MAIN, micros)?;
        let receiver = self.open_account(to);
        self.book(payer, -usd, why);
        self.book(receiver, usd, why);
        Ok(Response::Default)
    }

    /// The amount, where a balance may part with it.
    fn available(&self, who: u32, balance: Balance, micros: u64) -> Result<Usd, String> {
        match balance {
            Balance::Perp(dex) => self.withdrawable(who, dex, micros),
            Balance::Spot => {
                let spot = self.accounts[who as usize].spot;
                let usd = micro(micros).filter(|usd| Usd::ZERO < *usd && *usd <= spot);
                usd.ok_or_else(|| SHORT.to_owned())
            }
        }
    }

    /// The amount, where an account may part with it on a dex.
    fn withdrawable(&self, who: u32, dex: usize, micros: u64) -> Result<Usd, String> {
        let most = sums(&self.accounts[who as usize], &self.coins, dex).withdrawable();
        let usd = micro(micros).filter(|usd| Usd::ZERO < *usd && *usd <= most);
        usd.ok_or_else(|| SHORT.to_owned())
    }

    /// Moves money into the main dex's purse, or out of it, and tells.
    fn book(&mut self, who: u32, usd: Usd, why: MoneyWhy) {
        self.accounts[who as usize].purses[MAIN] += usd;
        self.tell_money(who, usd, why);
    }

    /// Tells of money that moved; `usd` is what the main dex's purse gained by it.
    fn tell_money(&mut self, who: u32, usd: Usd, why: MoneyWhy) {
        let account = &mut self.accounts[who as usize];
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
