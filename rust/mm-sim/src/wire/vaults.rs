//! Vaults, told apart from other accounts: who leads one, and what it holds.

use mm_core::units::Usd;
use mm_hl::address::Address;
use serde_json::{Value, json};

use super::account;
use super::number::Num;
use crate::exchange::{OwnedKind, SimExchange};

/// `vaultDetails`; `null` where there is no vault. Nobody but its leader has money in one here.
pub(super) fn details(sim: &SimExchange, vault: Address) -> Value {
    let Some(owned) = sim
        .owned(vault)
        .filter(|owned| owned.kind == OwnedKind::Vault)
    else {
        return Value::Null;
    };
    let free = sim
        .account(vault)
        .map_or(Usd::ZERO, |view| view.withdrawable)
        .as_f64()
        / 1e6;
    json!({
        "name": owned.name,
        "vaultAddress": owned.address,
        "leader": owned.master,
        "description": "",
        "portfolio": account::portfolio(sim, vault),
        "apr": 0.0,
        "followerState": null,
        "leaderFraction": 1.0,
        "leaderCommission": 0.0,
        "followers": [],
        "maxDistributable": free,
        "maxWithdrawable": free,
        "isClosed": false,
        "relationship": {"type": "normal"},
        "allowDeposits": false,
        "alwaysCloseOnWithdraw": false,
    })
}

/// `userVaultEquities`: those that the user leads.
pub(super) fn equities(sim: &SimExchange, leader: Address) -> Value {
    let row = |vault: &crate::exchange::Owned| {
        let value = sim
            .account(vault.address)
            .map_or(Usd::ZERO, |view| view.value);
        json!({"vaultAddress": vault.address, "equity": Num::usd(value), "lockedUntilTimestamp": 0})
    };
    sim.vaults(leader).map(row).collect()
}
