//! Market channels: book, best bid and offer, trades, context.

use std::borrow::Cow;

use mm_core::event::{AssetCtx, Bbo, BookSnapshot, Level, ReferencePx, Trade};
use mm_core::instrument::Instrument;
use mm_core::units::Side;
use serde::Deserialize;

use super::DecodeError;
use super::parse::parse;
use super::value::{Millis, WireLevel, WireSide, fraction, not_negative, positive, px_and_sz};

/// Levels a side that are kept; the venue prints no more.
pub(super) const DEPTH: usize = 20;

/// A book snapshot; `None` for another coin.
pub(super) fn book(
    instrument: &Instrument,
    data: &str,
) -> Result<Option<BookSnapshot>, DecodeError> {
    #[derive(Deserialize)]
    struct Book<'a> {
        coin: &'a str,
        time: Millis,
        #[serde(borrow)]
        levels: [Vec<WireLevel<'a>>; 2],
    }
    let Book {
        coin,
        time,
        levels: [bids, asks],
    } = parse("data", data)?;
    if coin != instrument.coin() {
        return Ok(None);
    }
    Ok(Some(BookSnapshot {
        exch: time.time(),
        bids: side(instrument, Side::Bid, &bids)?,
        asks: side(instrument, Side::Ask, &asks)?,
    }))
}

fn side(
    instrument: &Instrument,
    side: Side,
    printed: &[WireLevel<'_>],
) -> Result<Vec<Level>, DecodeError> {
    let mut levels = Vec::<Level>::with_capacity(printed.len().min(DEPTH));
    for level in printed.iter().take(DEPTH) {
        let level = level.level(instrument)?;
        if let Some(better) = levels.last() {
            if side.at_or_better(level.px, better.px) {
                return Err(unsorted(instrument, side, *better, level));
            }
        }
        levels.push(level);
    }
    Ok(levels)
}

fn unsorted(instrument: &Instrument, side: Side, first: Level, second: Level) -> DecodeError {
    let side = match side {
        Side::Bid => "bids",
        Side::Ask => "asks",
    };
    let text = |level: Level| instrument.format_px(level.px);
    DecodeError::Unsorted {
        side,
        first: text(first),
        second: text(second),
    }
}

/// Best bid and offer; `None` for another coin.
pub(super) fn bbo(instrument: &Instrument, data: &str) -> Result<Option<Bbo>, DecodeError> {
    #[derive(Deserialize)]
    struct Top<'a> {
        coin: &'a str,
        time: Millis,
        #[serde(borrow)]
        bbo: [Option<WireLevel<'a>>; 2],
    }
    let Top {
        coin,
        time,
        bbo: [bid, ask],
    } = parse("data", data)?;
    if coin != instrument.coin() {
        return Ok(None);
    }
    let level = |level: Option<WireLevel<'_>>| level.map(|at| at.level(instrument)).transpose();
    Ok(Some(Bbo {
        exch: time.time(),
        bid: level(bid)?,
        ask: level(ask)?,
    }))
}

/// The middle of another coin's best bid and offer, whose lattice is not ours; `None` for any other coin, and
/// where a side is empty or both cross.
pub(super) fn reference(coin: &str, data: &str) -> Result<Option<ReferencePx>, DecodeError> {
    #[derive(Deserialize)]
    struct Top<'a> {
        coin: &'a str,
        time: Millis,
        #[serde(borrow)]
        bbo: [Option<Best<'a>>; 2],
    }
    #[derive(Deserialize)]
    struct Best<'a> {
        px: &'a str,
    }
    let top: Top<'_> = parse("data", data)?;
    let [Some(bid), Some(ask)] = top.bbo else {
        return Ok(None);
    };
    if top.coin != coin {
        return Ok(None);
    }
    let (bid, ask) = (positive("px", bid.px)?, positive("px", ask.px)?);
    Ok((bid < ask).then(|| ReferencePx {
        exch: top.time.time(),
        px: f64::midpoint(bid, ask),
    }))
}

/// Trades of our coin, oldest first; `None` where there is none.
pub(super) fn trades(
    instrument: &Instrument,
    data: &str,
) -> Result<Option<Vec<Trade>>, DecodeError> {
    #[derive(Deserialize)]
    struct WireTrade<'a> {
        coin: &'a str,
        side: WireSide,
        px: &'a str,
        sz: &'a str,
        time: Millis,
        tid: u64,
    }
    let mut trades = Vec::new();
    for trade in parse::<Vec<WireTrade<'_>>>("data", data)? {
        if trade.coin != instrument.coin() {
            continue;
        }
        let (px, sz) = px_and_sz(instrument, ("px", trade.px), trade.sz)?;
        let (exch, side) = (trade.time.time(), trade.side.into());
        trades.push(Trade {
            exch,
            tid: trade.tid,
            side,
            px,
            sz,
        });
    }
    trades.sort_by_key(|trade| trade.exch);
    Ok((!trades.is_empty()).then_some(trades))
}

/// Context of the coin; `None` for another coin.
pub(super) fn asset_ctx(
    instrument: &Instrument,
    data: &str,
) -> Result<Option<AssetCtx>, DecodeError> {
    #[derive(Deserialize)]
    struct Active<'a> {
        #[serde(borrow)]
        coin: Cow<'a, str>,
        #[serde(borrow)]
        ctx: Ctx<'a>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Ctx<'a> {
        funding: &'a str,
        premium: Option<&'a str>,
        open_interest: &'a str,
        day_ntl_vlm: &'a str,
        oracle_px: &'a str,
        mark_px: &'a str,
        mid_px: Option<&'a str>,
    }
    let Active { coin, ctx } = parse("data", data)?;
    if coin != instrument.coin() {
        return Ok(None);
    }
    Ok(Some(AssetCtx {
        mark_px: positive("markPx", ctx.mark_px)?,
        oracle_px: positive("oraclePx", ctx.oracle_px)?,
        mid_px: ctx.mid_px.map(|px| positive("midPx", px)).transpose()?,
        funding_rate_per_h: fraction("funding", ctx.funding)?,
        premium: ctx
            .premium
            .map(|premium| fraction("premium", premium))
            .transpose()?,
        open_interest: not_negative("openInterest", ctx.open_interest)?,
        day_notional_usd: not_negative("dayNtlVlm", ctx.day_ntl_vlm)?,
    }))
}
