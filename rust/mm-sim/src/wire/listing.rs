//! What does not change while the exchange runs: perps, tokens, fee schedule.

use mm_core::instrument::Instrument;
use serde_json::{Value, json};

use super::number::Num;
use crate::exchange::FeeRates;

/// A margin table number below this is itself the largest leverage of its single tier.
const LISTED_TABLES: u32 = 50;
/// Decimals of a fee rate.
const RATE_DECIMALS: u32 = 8;

/// `meta`: every perp by asset number.
pub(crate) fn meta(instruments: &[Instrument]) -> Value {
    let universe: Vec<Value> = instruments
        .iter()
        .map(|instrument| {
            json!({
                "szDecimals": instrument.sz_decimals(),
                "name": instrument.coin(),
                "maxLeverage": instrument.max_leverage(),
                "marginTableId": instrument.max_leverage(),
            })
        })
        .collect();
    let mut listed: Vec<u32> = instruments.iter().map(Instrument::max_leverage).collect();
    listed.sort_unstable();
    listed.dedup();
    let tables: Vec<Value> = listed
        .into_iter()
        .filter(|&leverage| leverage >= LISTED_TABLES)
        .map(|leverage| json!([leverage, margin_table(leverage)]))
        .collect();
    json!({"universe": universe, "marginTables": tables, "collateralToken": 0})
}

/// `marginTable`: one tier up to a leverage.
pub(crate) fn margin_table(leverage: u32) -> Value {
    json!({"description": "", "marginTiers": [{"lowerBound": "0.0", "maxLeverage": leverage}]})
}

/// `spotMeta`: the one token that perps are margined in; no spot pairs.
pub(crate) fn spot_meta() -> Value {
    json!({
        "tokens": [{
            "name": "USDC",
            "szDecimals": 8,
            "weiDecimals": 8,
            "index": 0,
            "tokenId": "0x6d1e7cde53ba9467b783cb7c530ce054",
            "isCanonical": true,
            "evmContract": null,
            "fullName": null,
        }],
        "universe": [],
    })
}

/// `feeSchedule` of `userFees`: the venue's tiers, with the rates of this exchange as the base.
pub(crate) fn fee_schedule(fees: FeeRates) -> Value {
    let vip = [
        ("5000000.0", "0.0004", "0.00012", "0.0006", "0.0003"),
        ("25000000.0", "0.00035", "0.00008", "0.0005", "0.0002"),
        ("100000000.0", "0.0003", "0.00004", "0.0004", "0.0001"),
        ("500000000.0", "0.00028", "0.0", "0.00035", "0.0"),
        ("2000000000.0", "0.00026", "0.0", "0.0003", "0.0"),
        ("7000000000.0", "0.00024", "0.0", "0.00025", "0.0"),
    ]
    .map(|(cutoff, cross, add, spot_cross, spot_add)| {
        json!({
            "ntlCutoff": cutoff, "cross": cross, "add": add,
            "spotCross": spot_cross, "spotAdd": spot_add,
        })
    });
    let mm = [
        ("0.005", "-0.00001"),
        ("0.015", "-0.00002"),
        ("0.03", "-0.00003"),
    ]
    .map(|(cutoff, add)| json!({"makerFractionCutoff": cutoff, "add": add}));
    let staking = [
        ("0.0", "0.0"),
        ("0.0001", "0.05"),
        ("0.001", "0.1"),
        ("0.01", "0.15"),
        ("0.1", "0.2"),
        ("1.0", "0.3"),
        ("5.0", "0.4"),
    ]
    .map(|(supply, discount)| json!({"bpsOfMaxSupply": supply, "discount": discount}));
    json!({
        "cross": rate(fees.taker.0),
        "add": rate(fees.maker.0),
        "spotCross": "0.0007",
        "spotAdd": "0.0004",
        "tiers": {"vip": vip, "mm": mm},
        "referralDiscount": "0.04",
        "stakingDiscountTiers": staking,
    })
}

/// A rate in units of 1e-8.
pub(crate) const fn rate(units: i64) -> Num {
    Num::new(units, RATE_DECIMALS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tables_from_fifty_are_listed() {
        let perps = [
            Instrument::new("BTC", 0, 5, 40).unwrap(),
            Instrument::new("ETH", 1, 4, 50).unwrap(),
        ];
        let meta = meta(&perps);
        assert_eq!(meta["universe"][1]["name"], "ETH");
        assert_eq!(meta["marginTables"][0][0], 50);
        assert_eq!(meta["marginTables"].as_array().unwrap().len(), 1);
    }
}
