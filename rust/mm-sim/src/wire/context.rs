//! Mark, mid, funding and volume of each perp in the venue's JSON.

use std::collections::BTreeMap;

use mm_core::units::Px;
use serde::Serialize;
use serde_json::{Value, json};

use super::book::{Aggregation, FAST_LEVELS};
use super::book::{BookJson, DEEP_LEVELS, LEVELS, TradeJson};
use super::listing;
use super::number::Num;
use crate::exchange::{FundingHour, RateE10, SimExchange};

/// Decimals of a premium and of a funding rate.
const RATE_DECIMALS: u32 = 10;
/// Most rows that a query over a period returns.
pub(crate) const PERIOD_ROWS_MAX: usize = 500;
/// Trades replayed to a new subscriber and shown by `recentTrades`.
const RECENT_TRADES: usize = 30;

/// Context of a perp.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ContextJson {
    funding: Option<Num>,
    open_interest: Num,
    prev_day_px: Option<Num>,
    day_ntl_vlm: Num,
    premium: Option<Num>,
    oracle_px: Option<Num>,
    mark_px: Option<Num>,
    mid_px: Option<Num>,
    impact_pxs: Option<[Num; 2]>,
    day_base_vlm: Num,
}

/// The context of `asset`; what is not known yet, such as prices before the first, is `null`.
pub(crate) fn context(sim: &SimExchange, asset: u32) -> ContextJson {
    let instrument = &sim.instruments()[asset as usize];
    let px = |px: Px| Num::px(instrument, px);
    let mark = sim.mark(asset);
    let oracle = sim.oracle(asset).or(mark);
    let impact = sim.impact_pxs(asset);
    let premium = sim.premium(asset);
    let (base, notional) = sim.day_volume(asset);
    ContextJson {
        funding: sim.funding_rate(asset).map(rate),
        open_interest: Num::sz(instrument, sim.open_interest(asset)),
        prev_day_px: sim.previous_day_px(asset).or(mark).map(px),
        day_ntl_vlm: Num::usd(notional),
        premium: premium.map(rate),
        oracle_px: oracle.map(px),
        mark_px: mark.map(px),
        mid_px: mid(sim, asset),
        impact_pxs: impact.map(|impact| impact.map(px)),
        day_base_vlm: Num::sz(instrument, base),
    }
}

pub(crate) const fn rate(rate: RateE10) -> Num {
    Num::new(rate.0, RATE_DECIMALS)
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
pub(crate) fn all_mids(sim: &SimExchange, dex: usize) -> BTreeMap<&str, Num> {
    let last = |asset| {
        let trade = sim.trades(asset).back()?;
        Some(Num::px(&sim.instruments()[asset as usize], trade.px))
    };
    let mids = (0_u32..)
        .zip(sim.instruments())
        .filter(|(asset, _)| sim.dex_of(*asset) == dex)
        .filter_map(|(asset, instrument)| {
            Some((instrument.coin(), mid(sim, asset).or_else(|| last(asset))?))
        });
    mids.collect()
}

/// `metaAndAssetCtxs` of a dex.
pub(crate) fn meta_and_contexts(sim: &SimExchange, dex: usize) -> Value {
    json!([listing::meta(sim, dex), contexts(sim, dex)])
}

/// The context of every perp of a dex.
pub(crate) fn contexts(sim: &SimExchange, dex: usize) -> Vec<ContextJson> {
    (0_u32..)
        .zip(sim.instruments())
        .filter(|(asset, _)| sim.dex_of(*asset) == dex)
        .map(|(asset, _)| context(sim, asset))
        .collect()
}

/// `predictedFundings`: this venue alone; `null` where it predicts nothing.
pub(crate) fn predicted_fundings(sim: &SimExchange) -> Value {
    const HOUR_MS: i64 = 3_600_000;
    let next = (sim.now().as_millis().div_euclid(HOUR_MS) + 1) * HOUR_MS;
    let rows: Vec<Value> = (0_u32..)
        .zip(sim.instruments())
        .map(|(asset, instrument)| {
            let venue = sim.funding_rate(asset).map(|predicted| {
                json!({
                    "fundingRate": rate(predicted),
                    "nextFundingTime": next,
                    "fundingIntervalHours": 1,
                })
            });
            json!([instrument.coin(), [["HlPerp", venue]]])
        })
        .collect();
    json!(rows)
}

/// `fundingHistory`, milliseconds, both ends included: at most 500 hours, oldest first.
pub(crate) fn funding_history(
    sim: &SimExchange,
    asset: u32,
    start_ms: i64,
    end_ms: i64,
) -> Vec<Value> {
    let coin = sim.instruments()[asset as usize].coin();
    let inside = |hour: &&FundingHour| (start_ms..=end_ms).contains(&hour.time.as_millis());
    let hours = sim.funding_hours(asset).iter().filter(inside);
    let row = |hour: &FundingHour| {
        json!({
            "coin": coin,
            "fundingRate": rate(hour.rate),
            "premium": rate(hour.premium),
            "time": hour.time.as_millis(),
        })
    };
    hours.take(PERIOD_ROWS_MAX).map(row).collect()
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
