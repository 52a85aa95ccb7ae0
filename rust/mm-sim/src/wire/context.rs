//! Mark, mid, funding and volume of each perp in the venue's JSON.

use std::collections::BTreeMap;

use mm_core::instrument::Instrument;
use mm_core::units::{Px, Usd};
use serde::Serialize;
use serde_json::{Value, json};

use super::book::{Aggregation, FAST_LEVELS};
use super::book::{BookJson, DEEP_LEVELS, LEVELS, TradeJson, impact_px};
use super::listing;
use super::number::Num;
use crate::exchange::SimExchange;

/// Decimals of a premium and of a funding rate.
const RATE_DECIMALS: u32 = 10;
/// One, in units of a premium.
const ONE: i128 = 10_000_000_000;
/// Interest of eight hours, in units of a premium.
const INTEREST: i128 = ONE / 10_000;
/// Largest difference of premium and interest that funding makes up for.
const CLAMP: i128 = ONE * 5 / 10_000;
/// Cap of an hour's rate.
const RATE_CAP: i128 = ONE * 4 / 100;
/// Trades replayed to a new subscriber and shown by `recentTrades`.
const RECENT_TRADES: usize = 30;

/// Context of a perp.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ContextJson {
    funding: Num,
    open_interest: Num,
    prev_day_px: Num,
    day_ntl_vlm: Num,
    premium: Option<Num>,
    oracle_px: Num,
    mark_px: Num,
    mid_px: Option<Num>,
    impact_pxs: Option<[Num; 2]>,
    day_base_vlm: Num,
}

/// Notional whose average price is the impact price.
fn impact_notional(instrument: &Instrument) -> Usd {
    Usd(match instrument.coin() {
        "BTC" | "ETH" => 20_000_000_000,
        _ => 6_000_000_000,
    })
}

/// The context of `asset`; before the first price it shows zeros, as the venue does for a new perp.
pub(crate) fn context(sim: &SimExchange, asset: u32) -> ContextJson {
    let instrument = &sim.instruments()[asset as usize];
    let px = |px: Px| Num::px(instrument, px);
    let mark = sim.mark(asset).unwrap_or_default();
    let oracle = sim.oracle(asset).unwrap_or(mark);
    let impact = impact_pxs(sim, asset);
    let premium = impact.and_then(|impact| premium(impact, oracle));
    let (base, notional) = sim.day_volume(asset);
    ContextJson {
        funding: rate(hourly_rate(premium.unwrap_or(0))),
        open_interest: Num::sz(instrument, sim.open_interest(asset)),
        prev_day_px: px(sim.previous_day_px(asset).unwrap_or(mark)),
        day_ntl_vlm: Num::usd(notional),
        premium: premium.map(rate),
        oracle_px: px(oracle),
        mark_px: px(mark),
        mid_px: mid(sim, asset),
        impact_pxs: impact.map(|impact| impact.map(px)),
        day_base_vlm: Num::sz(instrument, base),
    }
}

/// Impact bid and ask; `None` when a side holds less than the impact notional.
fn impact_pxs(sim: &SimExchange, asset: u32) -> Option<[Px; 2]> {
    let notional = impact_notional(&sim.instruments()[asset as usize]);
    let depth = sim.depth(asset, DEEP_LEVELS);
    Some([
        impact_px(&depth.bids, notional)?,
        impact_px(&depth.asks, notional)?,
    ])
}

/// `(max(impact bid - oracle, 0) - max(oracle - impact ask, 0)) / oracle` (HYPERLIQUID.md 6).
fn premium([bid, ask]: [Px; 2], oracle: Px) -> Option<i128> {
    let above = i128::from((bid.0 - oracle.0).max(0));
    let below = i128::from((oracle.0 - ask.0).max(0));
    ((above - below) * ONE).checked_div(i128::from(oracle.0))
}

/// An eighth of `premium + clamp(interest - premium)`, capped.
fn hourly_rate(premium: i128) -> i128 {
    let eight_hours = premium + (INTEREST - premium).clamp(-CLAMP, CLAMP);
    (eight_hours / 8).clamp(-RATE_CAP, RATE_CAP)
}

fn rate(units: i128) -> Num {
    Num::new(i64::try_from(units).unwrap_or(i64::MAX), RATE_DECIMALS)
}

/// The mid, exact; `None` while a side is empty.
fn mid(sim: &SimExchange, asset: u32) -> Option<Num> {
    let touch = sim.touch(asset);
    Some(Num::mid(
        &sim.instruments()[asset as usize],
        touch.bid?.px,
        touch.ask?.px,
    ))
}

/// `allMids`: while a side is empty, the last trade's price.
pub(crate) fn all_mids(sim: &SimExchange) -> BTreeMap<&str, Num> {
    let last = |asset| {
        let trade = sim.trades(asset).back()?;
        Some(Num::px(&sim.instruments()[asset as usize], trade.px))
    };
    let mids = (0_u32..)
        .zip(sim.instruments())
        .filter_map(|(asset, instrument)| {
            Some((instrument.coin(), mid(sim, asset).or_else(|| last(asset))?))
        });
    mids.collect()
}

/// `metaAndAssetCtxs`.
pub(crate) fn meta_and_contexts(sim: &SimExchange) -> Value {
    json!([listing::meta(sim.instruments()), contexts(sim)])
}

/// The context of every perp.
pub(crate) fn contexts(sim: &SimExchange) -> Vec<ContextJson> {
    (0_u32..)
        .zip(sim.instruments())
        .map(|(asset, _)| context(sim, asset))
        .collect()
}

/// `predictedFundings`: this venue alone.
pub(crate) fn predicted_fundings(sim: &SimExchange) -> Value {
    const HOUR_MS: i64 = 3_600_000;
    let next = (sim.now().as_millis().div_euclid(HOUR_MS) + 1) * HOUR_MS;
    let rows: Vec<Value> = (0_u32..)
        .zip(sim.instruments())
        .map(|(asset, instrument)| {
            let venue = json!({
                "fundingRate": context(sim, asset).funding,
                "nextFundingTime": next,
                "fundingIntervalHours": 1,
            });
            json!([instrument.coin(), [["HlPerp", venue]]])
        })
        .collect();
    json!(rows)
}

/// A book snapshot of 20 levels, or of 5 when `fast`, merged as asked.
pub(crate) fn book(
    sim: &SimExchange,
    asset: u32,
    aggregation: Option<Aggregation>,
    fast: bool,
) -> BookJson<'_> {
    let levels = if fast { FAST_LEVELS } else { LEVELS };
    let depth = match aggregation {
        None => sim.depth(asset, levels),
        Some(aggregation) => aggregation.apply(&sim.depth(asset, DEEP_LEVELS)),
    };
    BookJson::new(
        &sim.instruments()[asset as usize],
        sim.now().as_millis(),
        &depth,
        levels,
    )
}

/// Recent trades, oldest first.
pub(crate) fn recent_trades(sim: &SimExchange, asset: u32) -> Vec<TradeJson<'_>> {
    let instrument = &sim.instruments()[asset as usize];
    let trades = sim.trades(asset);
    let first = trades.len().saturating_sub(RECENT_TRADES);
    trades
        .range(first..)
        .map(|trade| TradeJson::new(instrument, trade))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn funding_rests_at_the_interest_while_the_premium_is_small() {
        assert_eq!(rate(hourly_rate(0)).to_string(), "0.0000125");
        assert_eq!(rate(hourly_rate(ONE * 3 / 10_000)).to_string(), "0.0000125");
        assert_eq!(rate(hourly_rate(ONE / 100)).to_string(), "0.0011875");
        assert_eq!(rate(hourly_rate(-ONE)).to_string(), "-0.04");
    }

    #[test]
    fn a_premium_is_measured_at_the_impact_prices() {
        assert_eq!(premium([Px(102), Px(104)], Px(100)), Some(ONE / 50));
        assert_eq!(premium([Px(96), Px(98)], Px(100)), Some(-ONE / 50));
        assert_eq!(premium([Px(99), Px(101)], Px(100)), Some(0));
        assert_eq!(premium([Px(99), Px(101)], Px(0)), None);
    }
}
