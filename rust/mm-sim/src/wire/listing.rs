//! What does not change while the exchange runs: perps, tokens, fee schedule.

use std::collections::BTreeMap;

use mm_core::instrument::Instrument;
use mm_core::units::Usd;
use serde_json::{Value, json};

use super::number::Num;
use crate::exchange::{FEE_TIERS, FeeRates, MarginRule, SimExchange};

/// A margin table number below this is itself the largest leverage of its single tier.
const LISTED_TABLES: u32 = 50;
/// Decimals of a fee rate.
const RATE_DECIMALS: u32 = 8;

/// A margin table: notional from which a tier holds, and its largest leverage.
type Tiers = Vec<(Usd, u32)>;

fn tiers(perp: &Instrument) -> Tiers {
    let tiers = perp.margin_tiers();
    tiers
        .map(|tier| (tier.notional_min, tier.max_leverage))
        .collect()
}

/// The tables that have a number of their own: the single tiers from [`LISTED_TABLES`] up under
/// their leverage, then those of several tiers.
fn tables(perps: &[Instrument]) -> BTreeMap<u32, Tiers> {
    let own = perps.iter().map(tiers);
    let (single, several): (Vec<Tiers>, Vec<Tiers>) = own.partition(|tiers| tiers.len() == 1);
    let mut tables: BTreeMap<u32, Tiers> = single
        .into_iter()
        .map(|tiers| (tiers[0].1, tiers))
        .filter(|(leverage, _)| *leverage >= LISTED_TABLES)
        .collect();
    for tiers in several {
        if !tables.values().any(|known| *known == tiers) {
            let last = tables.keys().next_back().copied();
            tables.insert(last.unwrap_or(LISTED_TABLES).max(LISTED_TABLES) + 1, tiers);
        }
    }
    tables
}

/// `meta` of a dex: its perps by asset number, and every margin table.
pub(crate) fn meta(sim: &SimExchange, dex: usize) -> Value {
    let perps = (0_u32..).zip(sim.instruments());
    let own: Vec<_> = perps
        .filter(|(asset, _)| sim.dex_of(*asset) == dex)
        .collect();
    let rows: Vec<_> = own
        .iter()
        .map(|(asset, perp)| (*perp, sim.margin_rule(*asset)))
        .collect();
    let mut meta = meta_of(&rows, sim.instruments());
    for (row, (asset, _)) in own.iter().enumerate() {
        if sim.is_delisted(*asset) {
            meta["universe"][row]["isDelisted"] = json!(true);
        }
    }
    meta
}

fn meta_of(perps: &[(&Instrument, MarginRule)], all: &[Instrument]) -> Value {
    let tables = tables(all);
    let universe: Vec<Value> = perps
        .iter()
        .map(|(instrument, rule)| {
            let own = tiers(instrument);
            let listed = tables.iter().find(|(_, tiers)| **tiers == own);
            let mut row = json!({
                "szDecimals": instrument.sz_decimals(),
                "name": instrument.coin(),
                "maxLeverage": instrument.max_leverage(),
                "marginTableId": listed.map_or(instrument.max_leverage(), |(id, _)| *id),
            });
            if *rule != MarginRule::Any {
                row["onlyIsolated"] = json!(true);
                row["marginMode"] = json!(rule);
            }
            if instrument.growth_mode() {
                row["growthMode"] = json!("enabled");
                row["lastGrowthModeChangeTime"] = json!("1970-01-01T00:00:00");
            }
            row
        })
        .collect();
    let tables = tables.iter().map(|(id, tiers)| json!([id, table(tiers)]));
    json!({
        "universe": universe,
        "marginTables": tables.collect::<Vec<_>>(),
        "collateralToken": 0,
    })
}

/// `marginTable`: a listed one, else one tier up to a leverage.
pub(crate) fn margin_table(perps: &[Instrument], id: u32) -> Value {
    match tables(perps).get(&id) {
        Some(tiers) => table(tiers),
        None => table(&[(Usd::ZERO, id)]),
    }
}

fn table(tiers: &[(Usd, u32)]) -> Value {
    let description = match tiers {
        [(_, leverage), _, ..] => format!("tiered {leverage}x"),
        _ => String::new(),
    };
    let rows = tiers
        .iter()
        .map(|(from, leverage)| json!({"lowerBound": Num::usd(*from), "maxLeverage": leverage}));
    json!({"description": description, "marginTiers": rows.collect::<Vec<_>>()})
}

/// `feeSchedule` of `userFees`: the venue's tiers, with the rates of this exchange as the base.
pub(crate) fn fee_schedule(fees: FeeRates) -> Value {
    let spot = [
        ("0.0006", "0.0003"),
        ("0.0005", "0.0002"),
        ("0.0004", "0.0001"),
        ("0.00035", "0.0"),
        ("0.0003", "0.0"),
        ("0.00025", "0.0"),
    ];
    let vip: Vec<Value> = FEE_TIERS
        .iter()
        .zip(spot)
        .map(|(tier, (spot_cross, spot_add))| {
            json!({
                "ntlCutoff": Num::new(tier.volume_usdc, 0),
                "cross": rate(tier.rates.taker.0),
                "add": rate(tier.rates.maker.0),
                "spotCross": spot_cross,
                "spotAdd": spot_add,
            })
        })
        .collect();
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
    use mm_core::instrument::MarginTier;

    fn listed(perps: &[Instrument]) -> Value {
        let rows: Vec<_> = perps.iter().map(|perp| (perp, MarginRule::Any)).collect();
        meta_of(&rows, perps)
    }

    #[test]
    fn only_tables_from_fifty_are_listed() {
        let perps = [
            Instrument::new("BTC", 0, 5, 40).unwrap(),
            Instrument::new("ETH", 1, 4, 50).unwrap(),
        ];
        let meta = listed(&perps);
        assert_eq!(meta["universe"][1]["name"], "ETH");
        assert_eq!(meta["marginTables"][0][0], 50);
        assert_eq!(meta["marginTables"].as_array().unwrap().len(), 1);
        assert_eq!(meta["universe"][0]["marginTableId"], 40);
    }

    #[test]
    fn perps_with_the_same_tiers_share_a_table() {
        let tier = |usdc: i64, max_leverage| MarginTier {
            notional_min: Usd(usdc * 1_000_000),
            max_leverage,
        };
        let tiered = |coin, asset| {
            let perp = Instrument::new(coin, asset, 2, 10).unwrap();
            perp.with_margin_tiers(&[tier(0, 10), tier(3_000_000, 5)])
                .unwrap()
        };
        let perps = [tiered("A", 0), tiered("B", 1)];
        let meta = listed(&perps);
        let tables = meta["marginTables"].as_array().unwrap();
        assert_eq!(tables.len(), 1);
        assert_eq!(tables[0][1]["description"], "tiered 10x");
        assert_eq!(tables[0][1]["marginTiers"][1]["lowerBound"], "3000000.0");
        assert_eq!(meta["universe"][0]["marginTableId"], tables[0][0]);
        assert_eq!(meta["universe"][1]["marginTableId"], tables[0][0]);
        assert_eq!(margin_table(&perps, 51), tables[0][1]);
        assert_eq!(margin_table(&perps, 7)["marginTiers"][0]["maxLeverage"], 7);
    }
}
