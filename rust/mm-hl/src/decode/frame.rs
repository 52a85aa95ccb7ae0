//! One websocket frame.

use std::borrow::Cow;

use mm_core::event::{EventBody, NoveltyPlace, ReferencePx};
use mm_core::instrument::Instrument;
use mm_core::units::Time;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::parse::{parse, utf8};
use super::value::{novelty, unexpected};
use super::{DecodeError, Decoded, PaperClock, ledger, market, scan, user};

/// Channels of the venue that this client has no use for. `user` (userEvents) repeats `userFills` and
/// `userFundings`.
const UNUSED: [&str; 14] = [
    "user",
    "allMids",
    "candle",
    "notification",
    "post",
    "webData2",
    "webData3",
    "activeSpotAssetCtx",
    "userTwapSliceFills",
    "userTwapHistory",
    "twapStates",
    "openOrders",
    "allDexsClearinghouseState",
    "allDexsAssetCtxs",
];

/// Reads a websocket frame for one coin. A channel that nobody knows is a [`Novelty`].
///
/// [`Novelty`]: mm_core::event::Novelty
///
/// # Errors
/// [`DecodeError`] where the frame is not of its channel's form or off the lattice.
pub fn decode_frame(instrument: &Instrument, frame: &[u8]) -> Result<Decoded, DecodeError> {
    match scan::book(instrument, frame) {
        Some(book) => Ok(Decoded::Events(vec![EventBody::Book(book)])),
        None => general(instrument, frame),
    }
}

/// Reads the price of another coin from a websocket frame of its best bid and offer; `None` for any other frame.
///
/// # Errors
/// [`DecodeError`] where the frame is not of its channel's form, or a price is none.
pub fn decode_reference(coin: &str, frame: &[u8]) -> Result<Option<ReferencePx>, DecodeError> {
    let Frame { channel, data } = parse("frame", utf8("frame", frame)?)?;
    match data {
        Some(data) if channel == "bbo" => market::reference(coin, data.get()),
        _ => Ok(None),
    }
}

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow)]
    channel: Cow<'a, str>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// [`decode_frame`] without the shortcut for books.
pub(super) fn general(instrument: &Instrument, frame: &[u8]) -> Result<Decoded, DecodeError> {
    let Frame { channel, data } = parse("frame", utf8("frame", frame)?)?;
    let data = data.map_or("null", RawValue::get);
    let event = match channel.as_ref() {
        "l2Book" => market::book(instrument, data)?.map(EventBody::Book),
        "bbo" => market::bbo(instrument, data)?.map(EventBody::Bbo),
        "trades" => market::trades(instrument, data)?.map(EventBody::Trades),
        "activeAssetCtx" => market::asset_ctx(instrument, data)?.map(EventBody::AssetCtx),
        "userFills" => return Ok(events(user::fills_frame(instrument, data)?)),
        "orderUpdates" => return Ok(events(user::order_updates(instrument, data)?)),
        "clearinghouseState" => user::account_frame(instrument, data)?.map(EventBody::Account),
        "activeAssetData" => user::head_room(instrument, data)?.map(EventBody::HeadRoom),
        "userFundings" => return Ok(events(ledger::fundings(instrument, data)?)),
        "userNonFundingLedgerUpdates" => return Ok(events(ledger::transfers(instrument, data)?)),
        "pong" => return Ok(Decoded::Heartbeat),
        "subscriptionResponse" => return Ok(Decoded::Ack),
        "error" => return Ok(Decoded::Error(parse("data", data)?)),
        "paperClock" => return clock(data).map(Decoded::Clock),
        _ if UNUSED.contains(&channel.as_ref()) => None,
        word => Some(novelty(NoveltyPlace::Channel, word)),
    };
    Ok(events(event.into_iter().collect()))
}

fn events(events: Vec<EventBody>) -> Decoded {
    if events.is_empty() {
        Decoded::Ignored
    } else {
        Decoded::Events(events)
    }
}

/// Most seconds of an exchange in one of the wall's.
const SPEED_MAX: f64 = 1e6;

fn clock(data: &str) -> Result<PaperClock, DecodeError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Clock {
        time_ns: i64,
        speed: f64,
        instance: String,
    }
    let Clock {
        time_ns,
        speed,
        instance,
    } = parse("data", data)?;
    if time_ns < 0 {
        return Err(unexpected(
            "timeNs",
            time_ns.to_string(),
            "nanoseconds since the epoch",
        ));
    }
    if speed <= 0.0 || speed > SPEED_MAX {
        return Err(unexpected(
            "speed",
            speed.to_string(),
            "above zero, at most 1e6",
        ));
    }
    Ok(PaperClock {
        time: Time(time_ns),
        speed,
        instance,
    })
}
