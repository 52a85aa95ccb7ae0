//! Account channels and the bodies that share their forms.

use std::borrow::Cow;
use std::collections::BTreeSet;

use mm_core::action::Cloid;
use mm_core::event::{
    AccountState, EventBody, Fill, FillKind, Fills, HeadRoom, NoveltyPlace, OpenOrder, OrderFate,
    OrderStatus, OrderUpdate, OtherCoins, OtherFill, Waiting,
};
use mm_core::instrument::Instrument;
use mm_core::units::{Px, Side, Sz, Time, Usd, parse_decimal_floor};
use serde::Deserialize;

use super::DecodeError;
use super::parse::parse;
use super::value::{
    Millis, WireSide, cloid, lots, lots_cut, money, novelty, px_and_sz, remaining, there,
    unexpected,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireFill<'a> {
    #[serde(borrow)]
    coin: Cow<'a, str>,
    px: &'a str,
    sz: &'a str,
    side: WireSide,
    time: Millis,
    start_position: &'a str,
    oid: u64,
    crossed: bool,
    fee: &'a str,
    tid: u64,
    #[serde(borrow)]
    fee_token: Option<Cow<'a, str>>,
    #[serde(borrow)]
    cloid: Option<Cow<'a, str>>,
    #[serde(borrow)]
    dir: Option<Cow<'a, str>>,
    #[serde(borrow)]
    liquidation: Option<Liquidation<'a>>,
}

/// Of a fill that somebody's liquidation caused, ours or that of the other side.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Liquidation<'a> {
    #[serde(borrow)]
    liquidated_user: Option<Cow<'a, str>>,
}

impl WireFill<'_> {
    /// What caused the fill. Without `user` a liquidation is ours when we took: the liquidated side
    /// always does.
    fn kind(&self, user: Option<&str>) -> FillKind {
        let dir = self.dir.as_deref().unwrap_or_default();
        let of_us = self.liquidation.as_ref().is_some_and(|liquidation| {
            match (user, liquidation.liquidated_user.as_deref()) {
                (Some(user), Some(liquidated)) => liquidated.eq_ignore_ascii_case(user),
                _ => self.crossed,
            }
        });
        if of_us || dir.starts_with("Liquidated") {
            FillKind::Liquidation
        } else if dir == "Auto-Deleveraging" {
            FillKind::Adl
        } else if dir == "Settlement" {
            FillKind::Settlement
        } else {
            FillKind::Trade
        }
    }
}

/// What a fill of an ordinary order does to the position, in the venue's words.
const DIRECTIONS: [&str; 8] = [
    "Open Long",
    "Open Short",
    "Close Long",
    "Close Short",
    "Long > Short",
    "Short > Long",
    "Buy",
    "Sell",
];

/// Words in fills of our coin that the venue must have added.
fn novelties(instrument: &Instrument, printed: &[WireFill<'_>]) -> Vec<EventBody> {
    let ours = printed.iter().filter(|fill| fill.coin == instrument.coin());
    let words = ours.flat_map(|fill| {
        let token = fill.fee_token.as_deref().filter(|token| *token != "USDC");
        let token = token.map(|word| (NoveltyPlace::FeeToken, word));
        let plain = |dir: &str| DIRECTIONS.contains(&dir) || dir.starts_with("Liquidated");
        let dir = fill
            .dir
            .as_deref()
            .filter(|dir| !plain(dir) && *dir != "Auto-Deleveraging" && *dir != "Settlement");
        let dir = dir.map(|word| (NoveltyPlace::FillDirection, word));
        token.into_iter().chain(dir)
    });
    let words: BTreeSet<_> = words.collect();
    words
        .into_iter()
        .map(|(place, word)| novelty(place, word))
        .collect()
}

/// Fills of our coin, oldest first.
///
/// The venue sorts by time, newest first in snapshots; which of one millisecond comes first is not
/// the same everywhere, but each fill says the position it started from.
pub(super) fn fills(
    instrument: &Instrument,
    printed: &[WireFill<'_>],
    snapshot: bool,
    user: Option<&str>,
) -> Result<Fills, DecodeError> {
    let ours = printed.iter().filter(|fill| fill.coin == instrument.coin());
    let mut fills = ours
        .map(|printed| fill(instrument, printed, user))
        .collect::<Result<Vec<_>, _>>()?;
    fills.sort_by_key(|fill| fill.exch);
    for block in fills.chunk_by_mut(|a, b| a.exch == b.exch) {
        if !continuous(block.iter()) && continuous(block.iter().rev()) {
            block.reverse();
        }
    }
    let others = printed
        .iter()
        .filter(|fill| is_beside(instrument, &fill.coin))
        .map(other_fill)
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Fills {
        snapshot,
        fills,
        others,
    })
}

/// Whether a coin is another perp on the margin of ours: of the same dex, and no spot pair.
pub(super) fn is_beside(instrument: &Instrument, coin: &str) -> bool {
    let dex = coin.split_once(':').map_or("", |(dex, _)| dex);
    coin != instrument.coin() && dex == dex_of(instrument) && !coin.contains(['@', '/', '#'])
}

/// Decimals of a coin's size that any perp may have.
const SIZE_DECIMALS: u32 = 6;

/// A fill in a coin whose lattice nobody asked for: decimals of price and size add up to six at most.
fn other_fill(printed: &WireFill<'_>) -> Result<OtherFill, DecodeError> {
    let in_usdc = printed
        .fee_token
        .as_deref()
        .is_none_or(|token| token == "USDC");
    let size = plain("sz", printed.sz)?;
    let micro = i128::from(plain("px", printed.px)?) * i128::from(size) / 1_000_000;
    let notional = i64::try_from(micro).ok().filter(|micro| *micro > 0);
    let notional =
        notional.ok_or_else(|| unexpected("sz", printed.sz, "a positive notional in USDC"))?;
    Ok(OtherFill {
        coin: printed.coin.as_ref().to_owned(),
        exch: printed.time.time(),
        tid: printed.tid,
        size: Side::from(printed.side).sign() * size,
        notional: Usd(notional),
        fee: if in_usdc {
            money("fee", printed.fee)?
        } else {
            Usd::ZERO
        },
    })
}

/// A decimal in millionths.
fn plain(what: &'static str, text: &str) -> Result<i64, DecodeError> {
    let read = parse_decimal_floor(text, SIZE_DECIMALS);
    read.map(|(millionths, _)| millionths)
        .ok_or_else(|| unexpected(what, text, "a decimal"))
}

/// Whether each fill starts from the position its predecessor left.
fn continuous<'a>(fills: impl Iterator<Item = &'a Fill> + Clone) -> bool {
    fills.clone().zip(fills.skip(1)).all(|(earlier, later)| {
        let change = earlier.side.signed(earlier.sz);
        earlier.start_position.0.checked_add(change.0) == Some(later.start_position.0)
    })
}

fn fill(
    instrument: &Instrument,
    printed: &WireFill<'_>,
    user: Option<&str>,
) -> Result<Fill, DecodeError> {
    let in_usdc = printed
        .fee_token
        .as_deref()
        .is_none_or(|token| token == "USDC");
    let (px, sz) = px_and_sz(instrument, ("px", printed.px), printed.sz)?;
    Ok(Fill {
        exch: printed.time.time(),
        tid: printed.tid,
        oid: printed.oid,
        cloid: cloid(printed.cloid.as_ref())?,
        side: printed.side.into(),
        px,
        sz,
        start_position: lots("startPosition", instrument, printed.start_position)?,
        fee: if in_usdc {
            money("fee", printed.fee)?
        } else {
            Usd::ZERO
        },
        taker: printed.crossed,
        kind: printed.kind(user),
    })
}

/// `userFills`: a snapshot, newest first, or news; nothing where the news are of another market.
pub(super) fn fills_frame(
    instrument: &Instrument,
    data: &str,
) -> Result<Vec<EventBody>, DecodeError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct UserFills<'a> {
        #[serde(default)]
        is_snapshot: bool,
        #[serde(borrow)]
        user: Option<Cow<'a, str>>,
        #[serde(borrow)]
        fills: Vec<WireFill<'a>>,
    }
    let UserFills {
        is_snapshot,
        user,
        fills: printed,
    } = parse("data", data)?;
    let fills = fills(instrument, &printed, is_snapshot, user.as_deref())?;
    let is_news = is_snapshot || !fills.fills.is_empty() || !fills.others.is_empty();
    let news = is_news.then_some(EventBody::Fills(fills));
    Ok(news
        .into_iter()
        .chain(novelties(instrument, &printed))
        .collect())
}

/// An order with what it is now.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireUpdate<'a> {
    #[serde(borrow)]
    order: WireOrder<'a>,
    #[serde(borrow)]
    status: Cow<'a, str>,
    status_timestamp: Millis,
}

impl WireUpdate<'_> {
    /// The update, or the word for its status that the venue must have added.
    fn update(
        &self,
        instrument: &Instrument,
    ) -> Result<Result<OrderUpdate, EventBody>, DecodeError> {
        let (cloid, sz) = (
            cloid(self.order.cloid.as_ref())?,
            remaining(instrument, self.order.sz)?,
        );
        let Some(status) = order_status(&self.status) else {
            return Ok(Err(novelty(
                NoveltyPlace::OrderStatus,
                self.status.as_ref(),
            )));
        };
        Ok(Ok(OrderUpdate {
            exch: self.status_timestamp.time(),
            oid: self.order.oid,
            cloid,
            sz,
            status,
        }))
    }
}

/// `orderUpdates` of our coin, and the words in them that nobody knows.
pub(super) fn order_updates(
    instrument: &Instrument,
    data: &str,
) -> Result<Vec<EventBody>, DecodeError> {
    let printed = parse::<Vec<WireUpdate<'_>>>("data", data)?;
    let ours = printed
        .iter()
        .filter(|update| update.order.coin == instrument.coin());
    let (mut updates, mut unknown) = (Vec::new(), Vec::new());
    for update in ours {
        match update.update(instrument)? {
            Ok(update) => updates.push(update),
            Err(word) => unknown.push(word),
        }
    }
    let news = (!updates.is_empty()).then_some(EventBody::OrderUpdates(updates));
    Ok(news.into_iter().chain(unknown).collect())
}

/// `orderStatus` of one of our cloids.
pub(super) fn order_fate(
    instrument: &Instrument,
    asked: Cloid,
    data: &str,
) -> Result<EventBody, DecodeError> {
    #[derive(Deserialize)]
    struct Answer<'a> {
        #[serde(borrow)]
        status: Cow<'a, str>,
        #[serde(borrow)]
        order: Option<WireUpdate<'a>>,
    }
    let Answer { status, order } = parse("data", data)?;
    let found = match (status.as_ref(), order) {
        ("unknownOid", None) => None,
        ("order", Some(order)) => match order.update(instrument)? {
            Ok(update) => Some(update),
            Err(word) => return Ok(word),
        },
        ("order" | "unknownOid", _) => {
            return Err(unexpected(
                "status",
                status,
                "order with the order, or unknownOid without",
            ));
        }
        (word, _) => return Ok(novelty(NoveltyPlace::OrderAnswer, word)),
    };
    if let Some(other) = found.filter(|found| found.cloid != Some(asked)) {
        let other = other
            .cloid
            .map_or_else(|| "none".to_owned(), |cloid| cloid.to_string());
        return Err(unexpected("cloid", other, "the one asked about"));
    }
    Ok(EventBody::OrderStatus(OrderFate {
        cloid: asked,
        found,
    }))
}

/// Folds the venue's vocabulary: every `..Canceled` is gone, every `..Rejected` never rested.
fn order_status(word: &str) -> Option<OrderStatus> {
    match word {
        "open" | "triggered" => Some(OrderStatus::Open),
        "filled" => Some(OrderStatus::Filled),
        "canceled" | "scheduledCancel" | "internalCancel" => Some(OrderStatus::Canceled),
        "rejected" => Some(OrderStatus::Rejected),
        _ if word.ends_with("Canceled") => Some(OrderStatus::Canceled),
        _ if word.ends_with("Rejected") => Some(OrderStatus::Rejected),
        _ => None,
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireOrder<'a> {
    #[serde(borrow)]
    coin: Cow<'a, str>,
    side: WireSide,
    limit_px: &'a str,
    sz: &'a str,
    oid: u64,
    #[serde(borrow)]
    cloid: Option<Cow<'a, str>>,
    #[serde(default)]
    reduce_only: bool,
    #[serde(default)]
    is_trigger: bool,
    #[serde(default)]
    is_position_tpsl: bool,
    trigger_px: Option<&'a str>,
}

impl WireOrder<'_> {
    /// Price, size and what it waits for. One that waits may have no limit price of its own, and no size
    /// where it closes the whole position.
    fn terms(&self, instrument: &Instrument) -> Result<(Px, Sz, Option<Waiting>), DecodeError> {
        if !self.is_trigger {
            let (px, sz) = px_and_sz(instrument, ("limitPx", self.limit_px), self.sz)?;
            return Ok((px, sz, None));
        }
        let positive = |what, text| {
            off_grid_px(instrument, what, text)?
                .ok_or_else(|| unexpected(what, text, "a positive price"))
        };
        let trigger_px = self
            .trigger_px
            .ok_or_else(|| unexpected("triggerPx", "absent", "a price, where isTrigger is true"))?;
        let waits = Waiting {
            px: positive("triggerPx", trigger_px)?,
            whole_position: self.is_position_tpsl,
        };
        let px = off_grid_px(instrument, "limitPx", self.limit_px)?.unwrap_or(waits.px);
        let sz = if self.is_position_tpsl {
            remaining(instrument, self.sz)?
        } else {
            px_and_sz(instrument, ("triggerPx", trigger_px), self.sz)?.1
        };
        Ok((px, sz, Some(waits)))
    }
}

/// Open orders of our coin, waiting triggers included.
pub(super) fn open_orders(
    instrument: &Instrument,
    printed: &[WireOrder<'_>],
) -> Result<Vec<OpenOrder>, DecodeError> {
    let ours = printed
        .iter()
        .filter(|order| order.coin == instrument.coin());
    ours.map(|order| {
        let (px, sz, trigger) = order.terms(instrument)?;
        Ok(OpenOrder {
            oid: order.oid,
            cloid: cloid(order.cloid.as_ref())?,
            side: order.side.into(),
            px,
            sz,
            reduce_only: order.reduce_only,
            trigger,
        })
    })
    .collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Clearinghouse<'a> {
    #[serde(borrow)]
    margin_summary: MarginSummary<'a>,
    #[serde(borrow)]
    asset_positions: Vec<AssetPosition<'a>>,
    time: Option<Millis>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MarginSummary<'a> {
    account_value: &'a str,
    total_margin_used: &'a str,
}

#[derive(Deserialize)]
struct AssetPosition<'a> {
    #[serde(borrow)]
    position: Held<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Held<'a> {
    #[serde(borrow)]
    coin: Cow<'a, str>,
    szi: &'a str,
    position_value: &'a str,
    #[serde(default)]
    liquidation_px: Option<&'a str>,
}

/// The account; a coin that is not listed is flat. `unstamped` is its time where none is printed.
pub(super) fn account(
    instrument: &Instrument,
    state: &Clearinghouse<'_>,
    unstamped: Time,
) -> Result<AccountState, DecodeError> {
    let ours = state
        .asset_positions
        .iter()
        .map(|held| &held.position)
        .find(|position| position.coin == instrument.coin());
    let (position, position_value) = match ours {
        Some(held) => (
            lots("szi", instrument, held.szi)?,
            money("positionValue", held.position_value)?,
        ),
        None => (Sz::ZERO, Usd::ZERO),
    };
    let liquidation_px = ours
        .and_then(|held| held.liquidation_px)
        .map(|text| off_grid_px(instrument, "liquidationPx", text))
        .transpose()?
        .flatten();
    Ok(AccountState {
        exch: state.time.map_or(unstamped, Millis::time),
        account_value: money("accountValue", state.margin_summary.account_value)?,
        margin_used: money("totalMarginUsed", state.margin_summary.total_margin_used)?,
        position,
        position_value,
        liquidation_px,
        other_coins: other_coins(instrument, state)?,
    })
}

/// What is held beside our coin; a list of one dex holds that dex's coins alone.
fn other_coins(
    instrument: &Instrument,
    state: &Clearinghouse<'_>,
) -> Result<OtherCoins, DecodeError> {
    let mut all = OtherCoins::NONE;
    let held = state.asset_positions.iter().map(|held| &held.position);
    for position in held.filter(|position| position.coin != instrument.coin()) {
        let size = plain("szi", position.szi)?;
        all.size = all.size.wrapping_add(size);
        all.value += Usd(size.signum() * money("positionValue", position.position_value)?.0);
    }
    Ok(all)
}

/// A price that was computed and lies on no grid, down to the lattice; `None` where it is none.
fn off_grid_px(
    instrument: &Instrument,
    what: &'static str,
    text: &str,
) -> Result<Option<Px>, DecodeError> {
    let (px, _) = parse_decimal_floor(text, instrument.px_decimals())
        .ok_or_else(|| unexpected(what, text, "a decimal in USDC"))?;
    Ok((px > 0).then_some(Px(px)))
}

/// `clearinghouseState`; `None` for another dex than the coin's.
pub(super) fn account_frame(
    instrument: &Instrument,
    data: &str,
) -> Result<Option<AccountState>, DecodeError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Frame<'a> {
        #[serde(borrow, default)]
        dex: Cow<'a, str>,
        #[serde(borrow)]
        clearinghouse_state: Clearinghouse<'a>,
    }
    let Frame {
        dex,
        clearinghouse_state,
    } = parse("data", data)?;
    if dex != dex_of(instrument) {
        return Ok(None);
    }
    let Some(time) = clearinghouse_state.time else {
        return Err(unexpected("time", "absent", "milliseconds since the epoch"));
    };
    account(instrument, &clearinghouse_state, time.time()).map(Some)
}

/// The dex a coin trades on: what stands before its colon, empty on the main one.
pub(super) fn dex_of(instrument: &Instrument) -> &str {
    instrument.coin().split_once(':').map_or("", |(dex, _)| dex)
}

/// `activeAssetData`; `None` for another coin. Sizes beyond the lattice are cut toward zero; `null`
/// sizes are unknown ones.
pub(super) fn head_room(
    instrument: &Instrument,
    data: &str,
) -> Result<Option<HeadRoom>, DecodeError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct AssetData<'a> {
        #[serde(borrow)]
        coin: Cow<'a, str>,
        leverage: Leverage,
        #[serde(borrow, deserialize_with = "there")]
        max_trade_szs: Option<[&'a str; 2]>,
    }
    #[derive(Deserialize)]
    struct Leverage {
        value: u32,
    }
    let AssetData {
        coin,
        leverage,
        max_trade_szs,
    } = parse("data", data)?;
    if coin != instrument.coin() {
        return Ok(None);
    }
    let allowance = |text| lots_cut("maxTradeSzs", instrument, text);
    if leverage.value == 0 {
        return Err(unexpected("leverage", "0", "at least 1"));
    }
    let max_trade_szs = max_trade_szs
        .map(|[buy, sell]| Ok::<_, DecodeError>([allowance(buy)?, allowance(sell)?]))
        .transpose()?;
    Ok(Some(HeadRoom {
        leverage: leverage.value,
        max_trade_szs,
    }))
}
