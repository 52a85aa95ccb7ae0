//! Bodies of `POST /info`.

use core::str::FromStr;
use std::borrow::Cow;

use mm_core::action::Cloid;
use mm_core::event::{Candle, EventBody, Fees, OpenOrders, RateLimit};
use mm_core::instrument::{Instrument, MarginTier};
use mm_core::units::Time;
use serde::Deserialize;

use super::parse::{parse, utf8};
use super::user::{Clearinghouse, WireFill, WireOrder};
use super::value::{Millis, fraction, money, positive, unexpected};
use super::{DecodeError, market, user};

/// The `info` types whose answers become events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InfoKind {
    /// `clearinghouseState`.
    ClearinghouseState,
    /// `activeAssetData`.
    ActiveAssetData,
    /// `userFees`.
    UserFees,
    /// `openOrders` and `frontendOpenOrders`.
    OpenOrders,
    /// `candleSnapshot`.
    CandleSnapshot,
    /// `perpsAtOpenInterestCap`.
    PerpsAtOpenInterestCap,
    /// `userRateLimit`.
    UserRateLimit,
    /// `userFills`, newest first, and `userFillsByTime`.
    UserFills,
    /// `l2Book`.
    L2Book,
}

impl FromStr for InfoKind {
    type Err = DecodeError;

    /// From the request's `type`.
    fn from_str(kind: &str) -> Result<Self, DecodeError> {
        Ok(match kind {
            "clearinghouseState" => Self::ClearinghouseState,
            "activeAssetData" => Self::ActiveAssetData,
            "userFees" => Self::UserFees,
            "openOrders" | "frontendOpenOrders" => Self::OpenOrders,
            "candleSnapshot" => Self::CandleSnapshot,
            "perpsAtOpenInterestCap" => Self::PerpsAtOpenInterestCap,
            "userRateLimit" => Self::UserRateLimit,
            "userFills" | "userFillsByTime" => Self::UserFills,
            "l2Book" => Self::L2Book,
            _ => return Err(DecodeError::Kind(kind.to_owned())),
        })
    }
}

/// Reads the body of an answered `info` request. `recv` tells closed candles from the open one and
/// stamps an account that carries no time (as the venue printed it in 2023).
///
/// # Errors
/// [`DecodeError`] where the body is not of its type's form, or of another coin.
pub fn decode_info(
    kind: InfoKind,
    instrument: &Instrument,
    body: &[u8],
    recv: Time,
) -> Result<EventBody, DecodeError> {
    let text = utf8("body", body)?;
    Ok(match kind {
        InfoKind::ClearinghouseState => {
            let state = parse::<Clearinghouse<'_>>("body", text)?;
            EventBody::Account(user::account(instrument, &state, recv)?)
        }
        InfoKind::ActiveAssetData => EventBody::HeadRoom(ours(user::head_room(instrument, text)?)?),
        InfoKind::UserFees => EventBody::Fees(fees(instrument, text)?),
        InfoKind::OpenOrders => {
            let printed = parse::<Vec<WireOrder<'_>>>("body", text)?;
            EventBody::OpenOrders(OpenOrders {
                orders: user::open_orders(instrument, &printed)?,
            })
        }
        InfoKind::CandleSnapshot => EventBody::Candles(candles(instrument, text, recv)?),
        InfoKind::PerpsAtOpenInterestCap => {
            let capped = parse::<Vec<Cow<'_, str>>>("body", text)?;
            EventBody::AtOpenInterestCap(capped.iter().any(|coin| coin == instrument.coin()))
        }
        InfoKind::UserRateLimit => EventBody::RateLimit(rate_limit(text)?),
        InfoKind::UserFills => {
            let printed = parse::<Vec<WireFill<'_>>>("body", text)?;
            EventBody::Fills(user::fills(instrument, &printed, true, None)?)
        }
        InfoKind::L2Book => EventBody::Book(ours(market::book(instrument, text)?)?),
    })
}

/// Reads the answer to an `orderStatus` request about `asked`: that nothing is known of it, the answer
/// says without naming it.
///
/// # Errors
/// [`DecodeError`] where the body is not of the expected form, or of another order.
pub fn decode_order_status(
    instrument: &Instrument,
    asked: Cloid,
    body: &[u8],
) -> Result<EventBody, DecodeError> {
    user::order_fate(instrument, asked, utf8("body", body)?)
}

/// What a query for our coin must have answered.
fn ours<T>(found: Option<T>) -> Result<T, DecodeError> {
    found.ok_or_else(|| unexpected("coin", "another", "the coin asked for"))
}

/// What a fill in our coin costs.
fn fees(instrument: &Instrument, text: &str) -> Result<Fees, DecodeError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct UserFees<'a> {
        user_cross_rate: &'a str,
        user_add_rate: &'a str,
    }
    let UserFees {
        user_cross_rate,
        user_add_rate,
    } = parse("body", text)?;
    Ok(Fees {
        maker: instrument.fee_here(fraction("userAddRate", user_add_rate)?),
        taker: instrument.fee_here(fraction("userCrossRate", user_cross_rate)?),
    })
}

fn rate_limit(text: &str) -> Result<RateLimit, DecodeError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct UserRateLimit {
        n_requests_used: i64,
        n_requests_cap: i64,
    }
    let UserRateLimit {
        n_requests_used: used,
        n_requests_cap: cap,
    } = parse("body", text)?;
    for (what, count) in [("nRequestsUsed", used), ("nRequestsCap", cap)] {
        if count < 0 {
            return Err(unexpected(what, count.to_string(), "zero or more"));
        }
    }
    Ok(RateLimit { used, cap })
}

/// Candles of our coin that had closed at `recv`, oldest first.
fn candles(instrument: &Instrument, text: &str, recv: Time) -> Result<Vec<Candle>, DecodeError> {
    #[derive(Deserialize)]
    struct Printed<'a> {
        #[serde(rename = "t")]
        open: Millis,
        #[serde(rename = "T")]
        close: Millis,
        #[serde(rename = "s", borrow)]
        coin: Cow<'a, str>,
        #[serde(rename = "c")]
        close_px: &'a str,
    }
    let mut candles = Vec::new();
    for candle in parse::<Vec<Printed<'_>>>("body", text)? {
        let (open, close) = (candle.open.time(), candle.close.time());
        if candle.coin != instrument.coin() || close >= recv {
            continue;
        }
        candles.push(Candle {
            open,
            close,
            close_px: positive("c", candle.close_px)?,
        });
    }
    candles.sort_by_key(|candle| candle.open);
    Ok(candles)
}

/// A perp as `meta` lists it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Perp<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    sz_decimals: u32,
    max_leverage: u32,
    margin_table_id: Option<u32>,
    #[serde(default)]
    is_delisted: bool,
    /// `enabled`, or absent.
    #[serde(borrow)]
    growth_mode: Option<Cow<'a, str>>,
}

impl Perp<'_> {
    /// Its margin table. A table of one tier is not listed: its number is that tier's leverage. Before
    /// there were tables, a perp named none.
    fn table<'a>(
        &self,
        listed: &'a [(u32, MarginTable<'a>)],
    ) -> Result<Option<&'a MarginTable<'a>>, DecodeError> {
        let Some(id) = self.margin_table_id else {
            return Ok(None);
        };
        match listed.iter().find(|(listed, _)| *listed == id) {
            Some((_, table)) => Ok(Some(table)),
            None if id == self.max_leverage => Ok(None),
            None => {
                let all = "a table of that number in marginTables";
                Err(unexpected("marginTableId", id.to_string(), all))
            }
        }
    }
}

/// A margin table as `meta` lists it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MarginTable<'a> {
    #[serde(borrow)]
    margin_tiers: Vec<PrintedTier<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PrintedTier<'a> {
    lower_bound: &'a str,
    max_leverage: u32,
}

impl MarginTable<'_> {
    fn tiers(&self) -> Result<Vec<MarginTier>, DecodeError> {
        let tier = |printed: &PrintedTier<'_>| {
            Ok(MarginTier {
                notional_min: money("lowerBound", printed.lower_bound)?,
                max_leverage: printed.max_leverage,
            })
        };
        self.margin_tiers.iter().map(tier).collect()
    }
}

/// Finds a perp in the body of `meta`. `first_asset` is the number of its first entry: 0 on the
/// main dex, `100000 + 10000 * dex` on a builder's.
///
/// # Errors
/// [`DecodeError`] where the coin is not listed or delisted, or the body is no `meta`.
pub fn decode_meta(body: &[u8], coin: &str, first_asset: u32) -> Result<Instrument, DecodeError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Meta<'a> {
        #[serde(borrow)]
        universe: Vec<Perp<'a>>,
        #[serde(borrow, default)]
        margin_tables: Vec<(u32, MarginTable<'a>)>,
    }
    let Meta {
        universe,
        margin_tables,
    } = parse("body", utf8("body", body)?)?;
    if let Some(at) = universe.iter().position(|perp| perp.name == coin) {
        let perp = &universe[at];
        if perp.is_delisted {
            return Err(DecodeError::Delisted(coin.to_owned()));
        }
        let asset = u32::try_from(at)
            .ok()
            .and_then(|at| first_asset.checked_add(at));
        let asset = asset.ok_or_else(|| {
            unexpected(
                "first_asset",
                first_asset.to_string(),
                "the number of a dex's first entry",
            )
        })?;
        let grows = perp.growth_mode.as_deref() == Some("enabled");
        let instrument = Instrument::new(coin, asset, perp.sz_decimals, perp.max_leverage)?
            .with_growth_mode(grows);
        return match perp.table(&margin_tables)? {
            Some(table) => Ok(instrument.with_margin_tiers(&table.tiers()?)?),
            None => Ok(instrument),
        };
    }
    let near = universe
        .iter()
        .find(|perp| perp.name.eq_ignore_ascii_case(coin));
    let near = near.map(|perp| perp.name.as_ref().to_owned());
    Err(DecodeError::UnknownCoin {
        coin: coin.to_owned(),
        near,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use mm_core::units::Usd;

    const META: &str = r#"{"universe":[
        {"szDecimals":5,"name":"BTC","maxLeverage":40,"marginTableId":56},
        {"szDecimals":2,"name":"ONE","maxLeverage":10,"marginTableId":10}],
        "marginTables":[[56,{"description":"","marginTiers":[
            {"lowerBound":"0.0","maxLeverage":40},{"lowerBound":"150000000.0","maxLeverage":20}]}]]}"#;

    #[test]
    fn a_builders_dex_costs_twice_but_halves_no_rebate() {
        let read = |coin: &str, add: &str| {
            let perp = Instrument::new(coin, 0, 2, 10).unwrap();
            let text = format!(r#"{{"userCrossRate":"0.00045","userAddRate":"{add}"}}"#);
            let fees = fees(&perp, &text).unwrap();
            (fees.taker, fees.maker)
        };
        assert_eq!(read("BTC", "0.00015"), (0.00045, 0.00015));
        assert_eq!(read("xyz:TSLA", "0.00015"), (0.0009, 0.0003));
        assert_eq!(read("xyz:TSLA", "-0.00001"), (0.0009, -0.00001));
    }

    #[test]
    fn a_perp_in_growth_mode_costs_a_tenth_of_that() {
        let listed = r#"{"universe":[{"szDecimals":2,"name":"xyz:TSLA","maxLeverage":10,
            "growthMode":"enabled","lastGrowthModeChangeTime":"2026-01-01T00:00:00"}]}"#;
        let perp = decode_meta(listed.as_bytes(), "xyz:TSLA", 110_000).unwrap();
        let text = r#"{"userCrossRate":"0.00045","userAddRate":"0.00015"}"#;
        let fees = fees(&perp, text).unwrap();
        for (fee, bps) in [(fees.taker, 0.9), (fees.maker, 0.3)] {
            assert!((fee * 1e4 - bps).abs() < 1e-9, "{fee}");
        }
        for other in [r#""disabled""#, "null"] {
            let listed = listed.replace(r#""enabled""#, other);
            let perp = decode_meta(listed.as_bytes(), "xyz:TSLA", 110_000).unwrap();
            assert!(!perp.growth_mode());
        }
    }

    #[test]
    fn a_listed_margin_table_is_read_and_an_unlisted_one_has_one_tier() {
        let btc = decode_meta(META.as_bytes(), "BTC", 0).unwrap();
        assert_eq!(btc.notional_max_at(21), Some(Usd(150_000_000_000_000)));
        assert_eq!(btc.notional_max_at(20), None);
        let one = decode_meta(META.as_bytes(), "ONE", 0).unwrap();
        assert_eq!(one.notional_max_at(10), None);
        let spoilt = META.replace("150000000.0", "0.0");
        let error = decode_meta(spoilt.as_bytes(), "BTC", 0).unwrap_err();
        assert!(error.to_string().contains("margin tiers of BTC"), "{error}");
    }
}
