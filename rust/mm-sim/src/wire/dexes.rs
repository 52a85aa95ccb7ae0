//! Builders' dexes in the venue's JSON (HYPERLIQUID.md 2.2).

use mm_core::instrument::Instrument;
use mm_core::units::Usd;
use serde_json::{Value, json};

use super::number::Num;
use crate::exchange::{BUILDER, SimExchange, dex_name};

/// `perpDexs`: the main dex is `null`.
pub(crate) fn listed(sim: &SimExchange) -> Vec<Value> {
    let builders = sim.dexes().iter().skip(1);
    let rows = builders.map(|name| {
        let coins = || {
            let perps = sim.instruments().iter().map(Instrument::coin);
            perps.filter(|coin| dex_name(coin) == name)
        };
        let none = || coins().map(|coin| json!([coin, "1.0"])).collect::<Vec<_>>();
        json!({
            "name": name,
            "fullName": name.to_uppercase(),
            "deployer": BUILDER,
            "oracleUpdater": null,
            "feeRecipient": BUILDER,
            "assetToStreamingOiCap": caps(sim, name),
            "subDeployers": [],
            "deployerFeeScale": "1.0",
            "lastDeployerFeeScaleChangeTime": "1970-01-01T00:00:00",
            "assetToFundingMultiplier": none(),
            "assetToFundingInterestRate": [],
        })
    });
    core::iter::once(Value::Null).chain(rows).collect()
}

/// The open interest each perp of a dex may reach, USDC.
fn caps(sim: &SimExchange, name: &str) -> Vec<Value> {
    let perps = (0_u32..).zip(sim.instruments());
    let own = perps.filter(|(_, perp)| dex_name(perp.coin()) == name);
    own.map(|(asset, perp)| json!([perp.coin(), Num::usd(sim.oi_cap(asset))]))
        .collect()
}

/// `perpDexLimits`.
pub(crate) fn limits(sim: &SimExchange, dex: usize) -> Value {
    let caps = caps(sim, &sim.dexes()[dex]);
    let own = (0_u32..).zip(sim.instruments());
    let own = own.filter(|(asset, _)| sim.dex_of(*asset) == dex);
    let total: Usd = own.map(|(asset, _)| sim.oi_cap(asset)).sum();
    json!({
        "totalOiCap": Num::usd(total),
        "oiSzCapPerPerp": "1000000000.0",
        "maxTransferNtl": "1000000000.0",
        "coinToOiCap": caps,
    })
}

/// `perpDexStatus`.
pub(crate) fn status(sim: &SimExchange, dex: usize) -> Value {
    json!({"totalNetDeposit": Num::usd(sim.net_deposit(dex))})
}
