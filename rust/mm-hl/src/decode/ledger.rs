//! Money that moves without a trade: funding, deposits, withdrawals, transfers.
//!
//! Both channels open with a snapshot of the past. It is delivered like news, oldest first, each
//! payment with its time: whoever keeps a ledger must ignore what it already covers.

use std::borrow::Cow;
use std::collections::BTreeSet;

use mm_core::event::{EventBody, Funding, NoveltyPlace, OtherFunding, Transfer};
use mm_core::instrument::Instrument;
use mm_core::units::Usd;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::DecodeError;
use super::parse::parse;
use super::user::{dex_of, is_beside};
use super::value::{Millis, money, novelty, unexpected};
use crate::address::Address;

/// `userFundings` of our coin and of those beside it, oldest first.
pub(super) fn fundings(instrument: &Instrument, data: &str) -> Result<Vec<EventBody>, DecodeError> {
    #[derive(Deserialize)]
    struct Frame<'a> {
        #[serde(borrow)]
        fundings: Vec<Payment<'a>>,
    }
    #[derive(Deserialize)]
    struct Payment<'a> {
        time: Millis,
        #[serde(borrow)]
        coin: Cow<'a, str>,
        usdc: &'a str,
    }
    let Frame { mut fundings } = parse("data", data)?;
    fundings.sort_by_key(|payment| payment.time);
    let of_us = |coin: &str| coin == instrument.coin() || is_beside(instrument, coin);
    let paid = fundings.into_iter().filter(|payment| of_us(&payment.coin));
    paid.map(|payment| {
        let (exch, usd) = (payment.time.time(), money("usdc", payment.usdc)?);
        Ok(if payment.coin == instrument.coin() {
            EventBody::Funding(Funding { exch, usd })
        } else {
            let coin = payment.coin.into_owned();
            EventBody::OtherFunding(OtherFunding { coin, exch, usd })
        })
    })
    .collect()
}

/// `userNonFundingLedgerUpdates`: what moved the perp balance of the coin's dex, oldest first.
pub(super) fn transfers(
    instrument: &Instrument,
    data: &str,
) -> Result<Vec<EventBody>, DecodeError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Frame<'a> {
        user: Address,
        #[serde(borrow)]
        non_funding_ledger_updates: Vec<Update<'a>>,
    }
    #[derive(Deserialize)]
    struct Update<'a> {
        time: Millis,
        #[serde(borrow)]
        hash: Cow<'a, str>,
        #[serde(borrow)]
        delta: &'a RawValue,
    }
    #[derive(Deserialize)]
    struct Kind<'a> {
        #[serde(rename = "type", borrow)]
        kind: Cow<'a, str>,
    }
    let Frame {
        user,
        non_funding_ledger_updates: mut updates,
    } = parse("data", data)?;
    updates.sort_by_key(|update| update.time);
    let mut moved: Vec<Transfer> = Vec::new();
    let mut unknown = BTreeSet::new();
    for Update { time, hash, delta } in &updates {
        let Kind { kind } = parse("delta", delta.get())?;
        if !KINDS.contains(&kind.as_ref()) {
            unknown.insert(kind.into_owned());
            continue;
        }
        let delta: Delta<'_> = parse("delta", delta.get())?;
        let usd = delta.perp_change(user, dex_of(instrument))?;
        if usd == Usd::ZERO {
            continue;
        }
        let (exch, mut id) = (time.time(), folded(hash)?);
        // Rows alike in all, such as deposits of one block without a transaction of their own.
        while moved.contains(&Transfer { exch, usd, id }) {
            id = id.wrapping_add(1);
        }
        moved.push(Transfer { exch, usd, id });
    }
    let novel = |word| novelty(NoveltyPlace::LedgerUpdate, word);
    let moved = moved.into_iter().map(EventBody::Transfer);
    Ok(moved.chain(unknown.into_iter().map(novel)).collect())
}

/// A transaction hash in 64 bits: the exclusive or of its words of 16 hex digits.
fn folded(hash: &str) -> Result<u64, DecodeError> {
    let digits = hash.strip_prefix("0x").filter(|digits| !digits.is_empty());
    let digits = digits.ok_or_else(|| unexpected("hash", hash, HASH))?;
    digits.as_bytes().chunks(16).try_fold(0, |all, word| {
        let digits = core::str::from_utf8(word).ok();
        let word = digits.filter(|digits| !digits.starts_with('+'));
        let word = word.and_then(|digits| u64::from_str_radix(digits, 16).ok());
        Ok(all ^ word.ok_or_else(|| unexpected("hash", hash, HASH))?)
    })
}

const HASH: &str = "0x and hex digits";

/// Types of ledger updates that this client knows.
const KINDS: [&str; 18] = [
    "deposit",
    "withdraw",
    "accountClassTransfer",
    "internalTransfer",
    "subAccountTransfer",
    "send",
    "vaultCreate",
    "vaultDeposit",
    "vaultDistribution",
    "vaultWithdraw",
    "vaultLeaderCommission",
    "spotTransfer",
    "spotGenesis",
    "cStakingTransfer",
    "liquidation",
    "rewardsClaim",
    "deployGasAuction",
    "borrowLend",
];

/// One ledger row. Which fields it has depends on its type.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delta<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    usdc: Option<&'a str>,
    fee: Option<&'a str>,
    amount: Option<&'a str>,
    net_withdrawn_usd: Option<&'a str>,
    #[serde(borrow)]
    token: Option<Cow<'a, str>>,
    to_perp: Option<bool>,
    user: Option<Address>,
    destination: Option<Address>,
    #[serde(borrow)]
    source_dex: Option<Cow<'a, str>>,
    #[serde(borrow)]
    destination_dex: Option<Cow<'a, str>>,
}

impl Delta<'_> {
    /// Change of `account`'s perp balance on `dex`. Rows that touch only spot, staking or vaults'
    /// own books change nothing.
    fn perp_change(&self, account: Address, dex: &str) -> Result<Usd, DecodeError> {
        if !dex.is_empty() && self.kind != "send" {
            return Ok(Usd::ZERO);
        }
        match self.kind.as_ref() {
            "deposit" | "vaultDistribution" => usd("usdc", self.usdc),
            "withdraw" | "vaultCreate" => self.usdc_and_fee(),
            "vaultDeposit" => Ok(-usd("usdc", self.usdc)?),
            "vaultWithdraw" => usd("netWithdrawnUsd", self.net_withdrawn_usd),
            "vaultLeaderCommission" if required("user", self.user)? == account => {
                usd("usdc", self.usdc)
            }
            "accountClassTransfer" => {
                let to_perp = required("toPerp", self.to_perp)?;
                let usdc = usd("usdc", self.usdc)?;
                Ok(if to_perp { usdc } else { -usdc })
            }
            "internalTransfer" | "subAccountTransfer" => {
                if required("destination", self.destination)? == account {
                    usd("usdc", self.usdc)
                } else if self.kind == "internalTransfer" {
                    self.usdc_and_fee()
                } else {
                    // Between an account and its sub-account the venue takes no fee.
                    Ok(-usd("usdc", self.usdc)?)
                }
            }
            "send" => self.sent(account, dex),
            // The rest of `KINDS` touches only spot, staking or vaults' own books.
            _ => Ok(Usd::ZERO),
        }
    }

    /// What leaves: the amount and its fee.
    fn usdc_and_fee(&self) -> Result<Usd, DecodeError> {
        let (usdc, fee) = (usd("usdc", self.usdc)?, usd("fee", self.fee)?);
        match usdc.0.checked_add(fee.0).and_then(i64::checked_neg) {
            Some(change) => Ok(Usd(change)),
            None => Err(unexpected(
                "usdc",
                usdc.to_string(),
                "an amount below 9.2e12 USDC",
            )),
        }
    }

    /// A send may leave one balance of the account and enter another of the same account.
    fn sent(&self, account: Address, dex: &str) -> Result<Usd, DecodeError> {
        if required("token", self.token.as_deref())? != "USDC" {
            return Ok(Usd::ZERO);
        }
        let amount = usd("amount", self.amount)?;
        let from = required("sourceDex", self.source_dex.as_deref())?;
        let to = required("destinationDex", self.destination_dex.as_deref())?;
        let leaves = required("user", self.user)? == account && from == dex;
        let enters = required("destination", self.destination)? == account && to == dex;
        Ok(match (leaves, enters) {
            (true, false) => -amount,
            (false, true) => amount,
            _ => Usd::ZERO,
        })
    }
}

/// A field that this type of row must have.
fn usd(what: &'static str, text: Option<&str>) -> Result<Usd, DecodeError> {
    money(what, required(what, text)?)
}

/// A field that this type of row must have.
fn required<T>(what: &'static str, found: Option<T>) -> Result<T, DecodeError> {
    found.ok_or_else(|| unexpected(what, "absent", "a value for this type of ledger update"))
}
