//! Accounts in the venue's JSON. An address without an account gets empty but valid shapes.

use std::collections::BTreeMap;

use mm_core::instrument::Instrument;
use mm_core::units::{Sz, Usd};
use mm_hl::address::Address;
use serde::Serialize;
use serde_json::{Value, json};

use super::book::TxHash;
use super::candles::civil_from_days;
use super::listing::{self, rate};
use super::number::Num;
use super::orders::{
    FillJson, FrontendOrderJson, OrderJson, OrderStateJson, ROWS_MAX, UserFillsJson, merged,
};
use super::request::OidOrCloid;
use super::{context, spot};
use crate::exchange::{
    AccountView, AssetMove, BACKSTOP, Balance, Fill, Liquidated, MAIN, MarginMode, MoneyMove,
    MoneyWhy, Owned, PositionView, SimExchange,
};

const DAY_MS: i64 = 86_400_000;
/// Decimals of a return on equity.
const RETURN_DECIMALS: u32 = 10;
/// Digits of an average entry price beyond the lattice.
const ENTRY_EXTRA: u32 = 8;
/// Hash of what no transaction caused.
const NO_TRANSACTION: &str = "0x0000000000000000000000000000000000000000000000000000000000000000";
const ZERO: Num = Num::new(0, 0);

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct MarginSummaryJson {
    account_value: Num,
    total_ntl_pos: Num,
    total_raw_usd: Num,
    total_margin_used: Num,
}

impl MarginSummaryJson {
    fn whole(view: Option<&AccountView>) -> Self {
        Self::new(view.map(|view| [view.value, view.notional, view.raw, view.margin_used]))
    }

    fn cross(view: Option<&AccountView>) -> Self {
        let cross = view.map(|view| view.cross);
        Self::new(cross.map(|cross| [cross.value, cross.notional, cross.raw, cross.margin_used]))
    }

    fn new(parts: Option<[Usd; 4]>) -> Self {
        let [value, notional, raw, margin] = parts.map_or([ZERO; 4], |parts| parts.map(Num::usd));
        Self {
            account_value: value,
            total_ntl_pos: notional,
            total_raw_usd: raw,
            total_margin_used: margin,
        }
    }
}

/// `clearinghouseState` of a dex.
pub(crate) fn clearinghouse(sim: &SimExchange, user: Address, dex: usize) -> Value {
    let view = sim.account_on(user, dex);
    let view = view.as_ref();
    let positions = view.map_or(&[][..], |view| &view.positions);
    json!({
        "marginSummary": MarginSummaryJson::whole(view),
        "crossMarginSummary": MarginSummaryJson::cross(view),
        "crossMaintenanceMarginUsed": view.map_or(ZERO, |view| Num::usd(view.maintenance)),
        "withdrawable": view.map_or(ZERO, |view| Num::usd(view.withdrawable)),
        "assetPositions": positions.iter().map(|held| position(sim, held)).collect::<Vec<_>>(),
        "time": sim.now().as_millis(),
    })
}

fn position(sim: &SimExchange, held: &PositionView) -> Value {
    let instrument = &sim.instruments()[held.asset as usize];
    json!({"type": "oneWay", "position": {
        "coin": instrument.coin(),
        "szi": Num::sz(instrument, held.szi),
        "leverage": leverage(held.mode, held.leverage, Some(held.pocket)),
        "entryPx": entry_px(instrument, held.entry_px_e8),
        "positionValue": Num::usd(held.value),
        "unrealizedPnl": Num::usd(held.unrealized),
        "returnOnEquity": return_on_equity(held),
        "liquidationPx": held.liquidation_px.map(|px| Num::px(instrument, px)),
        "marginUsed": Num::usd(held.margin_used),
        "maxLeverage": instrument.max_leverage(),
        "cumFunding": {
            "allTime": Num::usd(held.funding.all_time),
            "sinceOpen": Num::usd(held.funding.since_open),
            "sinceChange": Num::usd(held.funding.since_change),
        },
    }})
}

/// Leverage and margin mode; an isolated position also shows its own cash.
fn leverage(mode: MarginMode, value: u32, pocket: Option<Usd>) -> Value {
    match (mode, pocket) {
        (MarginMode::Cross, _) => json!({"type": "cross", "value": value}),
        (MarginMode::Isolated, None) => json!({"type": "isolated", "value": value}),
        (MarginMode::Isolated, Some(pocket)) => {
            json!({"type": "isolated", "value": value, "rawUsd": Num::usd(pocket)})
        }
    }
}

/// Average entry price, to the nearest price of the lattice with one digit more, as shown.
fn entry_px(instrument: &Instrument, entry_px_e8: i64) -> Num {
    const KEPT: u32 = 1;
    let cut = 10_i64.pow(ENTRY_EXTRA - KEPT);
    Num::new(
        (entry_px_e8 + cut / 2).div_euclid(cut),
        instrument.px_decimals() + KEPT,
    )
}

/// Unrealised profit by the margin of the cost: `unrealized x leverage / |cost|`.
fn return_on_equity(held: &PositionView) -> Option<Num> {
    let cost =
        i128::from(held.value.0) * i128::from(held.szi.0.signum()) - i128::from(held.unrealized.0);
    Num::ratio(
        i128::from(held.unrealized.0) * i128::from(held.leverage),
        cost.abs(),
        RETURN_DECIMALS,
    )
}

/// `spotClearinghouseState`: USDC is the only token.
pub(crate) fn spot(sim: &SimExchange, user: Address) -> Value {
    let usdc = sim.spot_balance(user);
    if usdc == Usd::ZERO {
        return json!({"balances": []});
    }
    json!({"balances": [{
        "coin": "USDC", "token": 0, "total": Num::usd(usdc), "hold": "0.0", "entryNtl": "0.0",
    }]})
}

/// `subAccounts`; `null` where there are none.
pub(crate) fn sub_accounts(sim: &SimExchange, master: Address) -> Option<Vec<Value>> {
    let row = |sub: &Owned| {
        json!({
            "name": sub.name,
            "subAccountUser": sub.address,
            "master": sub.master,
            "clearinghouseState": clearinghouse(sim, sub.address, MAIN),
            "spotState": spot(sim, sub.address),
        })
    };
    let rows: Vec<Value> = sim.sub_accounts(master).map(row).collect();
    (!rows.is_empty()).then_some(rows)
}

/// `openOrders` of a dex, newest last.
pub(crate) fn open_orders(sim: &SimExchange, user: Address, dex: usize) -> Vec<OrderJson<'_>> {
    let instrument = |asset: u32| &sim.instruments()[asset as usize];
    sim.open_orders(user)
        .filter(|order| sim.dex_of(order.asset) == dex)
        .map(|order| OrderJson::new(instrument(order.asset), order, order.sz))
        .collect()
}

/// `frontendOpenOrders` of a dex.
pub(crate) fn frontend_open_orders(
    sim: &SimExchange,
    user: Address,
    dex: usize,
) -> Vec<FrontendOrderJson<'_>> {
    let instrument = |asset: u32| &sim.instruments()[asset as usize];
    let orders = sim.open_orders(user);
    orders
        .filter(|order| sim.dex_of(order.asset) == dex)
        .flat_map(|order| {
            let (perp, children) = (instrument(order.asset), sim.children(user, order.oid));
            let row = FrontendOrderJson::new(perp, order, order.sz).with_children(perp, children);
            let rows = children.iter();
            core::iter::once(row)
                .chain(rows.map(move |child| FrontendOrderJson::new(perp, child, child.sz)))
        })
        .collect()
}

/// `orderStatus`.
pub(crate) fn order_status(sim: &SimExchange, user: Address, name: OidOrCloid) -> Value {
    let found = match name {
        OidOrCloid::Oid(oid) => sim.order(user, oid),
        OidOrCloid::Cloid(cloid) => sim.order_by_cloid(user, cloid),
    };
    match found {
        Some(record) => {
            json!({"status": "order", "order": OrderStateJson::record(sim.instruments(), &record)})
        }
        None => json!({"status": "unknownOid"}),
    }
}

/// `historicalOrders`: the newest 2000 in any state, newest first.
pub(crate) fn historical_orders(sim: &SimExchange, user: Address) -> Value {
    let mut records: Vec<_> = sim.ended_orders(user).copied().collect();
    records.extend(
        sim.open_orders(user)
            .filter_map(|order| sim.order(user, order.oid)),
    );
    records.sort_by_key(|record| core::cmp::Reverse((record.time, record.order.oid)));
    let rows = records.iter().take(ROWS_MAX);
    json!(
        rows.map(|record| OrderStateJson::record(sim.instruments(), record))
            .collect::<Vec<_>>()
    )
}

/// `userFills`: the newest 2000, newest first.
pub(crate) fn fills(sim: &SimExchange, user: Address, merge: bool) -> Vec<FillJson<'_>> {
    let rows = merged(sim.fills(user), merge);
    rows.iter()
        .rev()
        .take(ROWS_MAX)
        .map(|fill| FillJson::new(sim.instruments(), fill))
        .collect()
}

/// A span of `userFillsByTime`, milliseconds, both ends included.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FillSpan {
    pub(crate) start_ms: i64,
    pub(crate) end_ms: Option<i64>,
    pub(crate) merge: bool,
    pub(crate) reversed: bool,
}

/// `userFillsByTime`: the first 2000 oldest first, or reversed the last 2000 newest first.
pub(crate) fn fills_between(sim: &SimExchange, user: Address, span: FillSpan) -> Vec<FillJson<'_>> {
    let end = span.end_ms.unwrap_or(i64::MAX);
    let inside = |fill: &&Fill| (span.start_ms..=end).contains(&fill.time.as_millis());
    let mut rows = merged(sim.fills(user).filter(inside), span.merge);
    if span.reversed {
        rows.reverse();
    }
    rows.iter()
        .take(ROWS_MAX)
        .map(|fill| FillJson::new(sim.instruments(), fill))
        .collect()
}

/// Data of the first `userFills` frame.
pub(crate) fn fills_snapshot(
    sim: &SimExchange,
    user: Address,
    merge: bool,
    newest: Option<usize>,
) -> UserFillsJson<'_> {
    let mut fills = fills(sim, user, merge);
    fills.truncate(newest.unwrap_or(ROWS_MAX));
    UserFillsJson {
        is_snapshot: Some(true),
        user,
        fills,
    }
}

/// `userNonFundingLedgerUpdates`, milliseconds, both ends included: deposits and withdrawals.
pub(crate) fn ledger(sim: &SimExchange, user: Address, start_ms: i64, end_ms: i64) -> Vec<Value> {
    let inside = |moved: &&MoneyMove| (start_ms..=end_ms).contains(&moved.time.as_millis());
    sim.money(user)
        .filter(inside)
        .filter_map(|moved| ledger_row(sim, moved))
        .collect()
}

/// A deposit or withdrawal as a row of the ledger; `None` for funding.
pub(crate) fn ledger_row(sim: &SimExchange, moved: &MoneyMove) -> Option<Value> {
    let usdc = Num::usd(moved.usd.abs());
    let millis = moved.time.as_millis();
    let delta = match moved.why {
        MoneyWhy::Funding { .. } => return None,
        MoneyWhy::Withdrawn { fee } => json!({
            "type": "withdraw",
            "usdc": Num::usd(moved.usd.abs() - fee),
            "nonce": millis,
            "fee": Num::usd(fee),
        }),
        MoneyWhy::Sent { from, to } => json!({
            "type": "internalTransfer",
            "usdc": usdc,
            "user": from,
            "destination": to,
            "fee": "0.0",
        }),
        MoneyWhy::SubAccount { from, to } => json!({
            "type": "subAccountTransfer", "usdc": usdc, "user": from, "destination": to,
        }),
        MoneyWhy::Vault { vault } => vault_row(moved, vault),
        MoneyWhy::Asset(sent) => asset_row(sim, &sent, millis),
        MoneyWhy::Class { to_perp } => {
            json!({"type": "accountClassTransfer", "usdc": usdc, "toPerp": to_perp})
        }
        MoneyWhy::Transfer if moved.usd < Usd::ZERO => {
            json!({"type": "withdraw", "usdc": usdc, "nonce": moved.time.as_millis(), "fee": "0.0"})
        }
        MoneyWhy::Transfer => json!({"type": "deposit", "usdc": usdc}),
    };
    Some(json!({
        "time": moved.time.as_millis(),
        "hash": TxHash(u64::from_be_bytes(moved.time.0.to_be_bytes())),
        "delta": delta,
    }))
}

/// USDC from one balance to another.
fn asset_row(sim: &SimExchange, sent: &AssetMove, nonce: i64) -> Value {
    let name = |balance| match balance {
        Balance::Perp(dex) => sim.dexes()[dex].as_str(),
        Balance::Spot => "spot",
    };
    json!({
        "type": "send",
        "user": sent.from.0,
        "destination": sent.to.0,
        "sourceDex": name(sent.from.1),
        "destinationDex": name(sent.to.1),
        "token": "USDC",
        "amount": Num::usd(sent.usd),
        "usdcValue": Num::usd(sent.usd),
        "fee": "0.0",
        "nativeTokenFee": "0.0",
        "nonce": nonce,
    })
}

/// Money between a vault and its leader, as either of them sees it.
fn vault_row(moved: &MoneyMove, vault: Address) -> Value {
    let usdc = Num::usd(moved.usd.abs());
    let is_deposit = (moved.user == vault) == (moved.usd > Usd::ZERO);
    match (moved.user == vault, is_deposit) {
        (true, true) => json!({"type": "deposit", "usdc": usdc}),
        (true, false) => json!({"type": "withdraw", "usdc": usdc, "nonce": 0, "fee": "0.0"}),
        (false, true) => json!({"type": "vaultDeposit", "vault": vault, "usdc": usdc}),
        (false, false) => json!({
            "type": "vaultWithdraw",
            "vault": vault,
            "user": moved.user,
            "requestedUsd": usdc,
            "commission": "0.0",
            "closingCost": "0.0",
            "basis": usdc,
            "netWithdrawnUsd": usdc,
        }),
    }
}

/// A funding payment as a row of `userFundings`; `None` for transfers.
pub(crate) fn funding_row(sim: &SimExchange, moved: &MoneyMove) -> Option<Value> {
    let MoneyWhy::Funding { asset, szi, rate } = moved.why else {
        return None;
    };
    let perp = &sim.instruments()[asset as usize];
    Some(json!({
        "time": moved.time.as_millis(),
        "coin": perp.coin(),
        "usdc": Num::usd(moved.usd),
        "szi": Num::sz(perp, szi),
        "fundingRate": rate.map(context::rate),
        "nSamples": null,
    }))
}

/// `userFunding`, milliseconds, both ends included: at most 500 payments, oldest first.
pub(crate) fn funding_between(
    sim: &SimExchange,
    user: Address,
    start_ms: i64,
    end_ms: i64,
) -> Vec<Value> {
    let inside = |moved: &&MoneyMove| (start_ms..=end_ms).contains(&moved.time.as_millis());
    let rows = sim.money(user).filter(inside).filter_map(|moved| {
        let mut delta = funding_row(sim, moved)?;
        let fields = delta.as_object_mut()?;
        let time = fields.remove("time")?;
        fields.insert("type".to_owned(), json!("funding"));
        Some(json!({"time": time, "hash": NO_TRANSACTION, "delta": delta}))
    });
    rows.take(context::PERIOD_ROWS_MAX).collect()
}

/// `userFundings`: all there were, newest first.
pub(crate) fn fundings(sim: &SimExchange, user: Address) -> Vec<Value> {
    let mut rows: Vec<Value> = sim
        .money(user)
        .filter_map(|moved| funding_row(sim, moved))
        .collect();
    rows.reverse();
    rows
}

/// A liquidation as `userEvents` tells it.
pub(crate) fn liquidation(told: &Liquidated) -> Value {
    json!({
        "lid": told.number,
        "liquidator": BACKSTOP,
        "liquidated_user": told.user,
        "liquidated_ntl_pos": Num::usd(told.notional),
        "liquidated_account_value": Num::usd(told.value),
    })
}

/// What an account was paid in, net of what it took out.
fn paid(sim: &SimExchange, user: Address) -> Usd {
    sim.money(user)
        .filter(|moved| !matches!(moved.why, MoneyWhy::Funding { .. }))
        .map(|moved| moved.usd)
        .sum()
}

/// `userRateLimit`.
pub(crate) fn rate_limit(sim: &SimExchange, user: Address) -> Value {
    let Some(view) = sim.rate_limit(user) else {
        return json!({
            "cumVlm": "0.0", "nRequestsUsed": 0, "nRequestsCap": 10_000, "nRequestsSurplus": 0,
        });
    };
    json!({
        "cumVlm": Num::usd(view.volume),
        "nRequestsUsed": view.used,
        "nRequestsCap": view.cap,
        "nRequestsSurplus": view.surplus,
    })
}

/// `userFees`.
pub(crate) fn fees(sim: &SimExchange, user: Address) -> Value {
    let fees = sim.fee_rates(user);
    json!({
        "dailyUserVlm": daily_volume(sim, user),
        "feeSchedule": listing::fee_schedule(sim.config().fees),
        "userCrossRate": rate(fees.taker.0),
        "userAddRate": rate(fees.maker.0),
        "userSpotCrossRate": "0.0007",
        "userSpotAddRate": "0.0004",
        "activeReferralDiscount": "0.0",
        "trial": null,
        "feeTrialReward": "0.0",
        "nextTrialAvailableTimestamp": null,
        "stakingLink": null,
        "activeStakingDiscount": {"bpsOfMaxSupply": "0.0", "discount": "0.0"},
    })
}

/// Notional by UTC day in which the account traded: as taker, as maker, and of the whole exchange
/// in the last 24 hours.
fn daily_volume(sim: &SimExchange, user: Address) -> Vec<Value> {
    let mut days: BTreeMap<i64, [Usd; 2]> = BTreeMap::new();
    for fill in sim.fills(user) {
        let day = days
            .entry(fill.time.as_millis().div_euclid(DAY_MS))
            .or_default();
        day[usize::from(!fill.taker)] += fill.px * fill.sz;
    }
    let assets = (0_u32..).zip(sim.instruments());
    let exchange: Usd = assets.map(|(asset, _)| sim.day_volume(asset).1).sum();
    let row = |(day, [cross, add]): (i64, [Usd; 2])| {
        let (year, month, day) = civil_from_days(day);
        json!({
            "date": format!("{year:04}-{month:02}-{day:02}"),
            "userCross": Num::usd(cross),
            "userAdd": Num::usd(add),
            "exchange": Num::usd(exchange),
        })
    };
    days.into_iter().map(row).collect()
}

/// `activeAssetData`. An address without an account has nothing available. Before the first price the
/// sizes and the mark are `null`.
pub(crate) fn active_asset_data(sim: &SimExchange, user: Address, asset: u32) -> Value {
    let instrument = &sim.instruments()[asset as usize];
    let view = sim.head_room(user, asset);
    let leverage = view.map_or_else(
        || {
            leverage(
                sim.margin_rule(asset).fresh_mode(),
                instrument.max_leverage().min(20),
                None,
            )
        },
        |view| leverage(view.mode, view.leverage, None),
    );
    let sizes = match view {
        None => Some([Sz::ZERO; 2]),
        Some(view) => view.max_trade_szs,
    };
    json!({
        "user": user,
        "coin": instrument.coin(),
        "leverage": leverage,
        "maxTradeSzs": sizes.map(|sizes| sizes.map(|sz| Num::sz(instrument, sz))),
        "availableToTrade": view.map_or([ZERO; 2], |view| view.available.map(Num::usd)),
        "markPx": sim.mark(asset).map(|mark| Num::px(instrument, mark)),
    })
}

/// `portfolio`: value and profit at the start and now, in every period.
pub(crate) fn portfolio(sim: &SimExchange, user: Address) -> Value {
    let opened = sim.money(user).next().map(|moved| moved.time);
    let now = sim.now();
    let (values, profits) = match (opened, sim.account(user)) {
        (Some(start), Some(view)) => {
            let paid = paid(sim, user);
            let rows = |first, last| {
                vec![
                    (start.as_millis(), Num::usd(first)),
                    (now.as_millis(), Num::usd(last)),
                ]
            };
            (rows(paid, view.value), rows(Usd::ZERO, view.value - paid))
        }
        _ => (Vec::new(), Vec::new()),
    };
    let volume = sim
        .rate_limit(user)
        .map_or(ZERO, |view| Num::usd(view.volume));
    let period = |name: &str| json!([name, {"accountValueHistory": values, "pnlHistory": profits, "vlm": volume}]);
    let names = [
        "day",
        "week",
        "month",
        "allTime",
        "perpDay",
        "perpWeek",
        "perpMonth",
        "perpAllTime",
    ];
    json!(names.map(period))
}

/// What `webData2` and `webData3` call the account's paid-in capital.
fn paid_in(sim: &SimExchange, user: Address) -> Num {
    Num::usd(paid(sim, user))
}

/// `webData2`.
pub(crate) fn web_data_2(sim: &SimExchange, user: Address) -> Value {
    json!({
        "clearinghouseState": clearinghouse(sim, user, MAIN),
        "leadingVaults": [],
        "totalVaultEquity": "0.0",
        "openOrders": frontend_open_orders(sim, user, MAIN),
        "agentAddress": null,
        "agentValidUntil": null,
        "cumLedger": paid_in(sim, user),
        "meta": listing::meta(sim, MAIN),
        "assetCtxs": context::contexts(sim, MAIN),
        "serverTime": sim.now().as_millis(),
        "isVault": false,
        "user": user,
        "twapStates": [],
        "spotState": spot(sim, user),
        "spotAssetCtxs": spot::meta_and_contexts()[1],
    })
}

/// `webData3`.
pub(crate) fn web_data_3(sim: &SimExchange, user: Address) -> Value {
    json!({
        "userState": {
            "agentAddress": null,
            "agentValidUntil": null,
            "cumLedger": paid_in(sim, user),
            "serverTime": sim.now().as_millis(),
            "isVault": false,
            "user": user,
        },
        "perpDexStates": vec![json!({"totalVaultEquity": "0.0"}); sim.dexes().len()],
    })
}
