//! Single values: times, money, beliefs, sides, levels.

use std::borrow::Cow;

use mm_core::action::Cloid;
use mm_core::event::{EventBody, Level, Novelty, NoveltyPlace};
use mm_core::instrument::Instrument;
use mm_core::units::{Px, Side, Sz, Time, Usd, parse_decimal_floor};
use serde::{Deserialize, Deserializer};

use super::DecodeError;

/// Milliseconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "i64")]
pub(super) struct Millis(Time);

impl Millis {
    pub(super) const fn time(self) -> Time {
        self.0
    }
}

impl TryFrom<i64> for Millis {
    type Error = String;

    fn try_from(ms: i64) -> Result<Self, String> {
        if (0..=MILLIS_MAX).contains(&ms) {
            return Ok(Self(Time::from_millis(ms)));
        }
        Err(format!(
            "time was {ms}, expected milliseconds since the epoch, before 2200"
        ))
    }
}

/// A field that must be there, though it may be `null`.
pub(super) fn there<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer)
}

/// `B` or `A`.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) enum WireSide {
    B,
    A,
}

impl From<WireSide> for Side {
    fn from(side: WireSide) -> Self {
        match side {
            WireSide::B => Self::Bid,
            WireSide::A => Self::Ask,
        }
    }
}

/// A price level as printed. The count of orders is not kept.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct WireLevel<'a> {
    pub(super) px: &'a str,
    pub(super) sz: &'a str,
}

impl WireLevel<'_> {
    pub(super) fn level(self, instrument: &Instrument) -> Result<Level, DecodeError> {
        let (px, sz) = px_and_sz(instrument, ("px", self.px), self.sz)?;
        Ok(Level { px, sz })
    }
}

/// Most lots that a size may have. No supply has as many, and what is reckoned with them stays far from
/// the end of the integers.
pub(super) const LOTS_MAX: i64 = 1_000_000_000_000_000;
/// Most money that an amount may be, USDC.
const USDC_MAX: i64 = 1_000_000_000_000;
const MONEY: &str = "a decimal in USDC of at most 1e12";
/// End of the year 2199.
pub(super) const MILLIS_MAX: i64 = 7_258_118_399_999;

/// A size on the lattice, signed.
pub(super) fn lots(
    what: &'static str,
    instrument: &Instrument,
    text: &str,
) -> Result<Sz, DecodeError> {
    let sz = instrument.parse_sz(text);
    let sz = sz.map_err(|source| DecodeError::Lattice { what, source })?;
    bounded(what, text, sz)
}

/// A size that is cut toward zero where it is beyond the lattice, zero or more.
pub(super) fn lots_cut(
    what: &'static str,
    instrument: &Instrument,
    text: &str,
) -> Result<Sz, DecodeError> {
    let sz = parse_decimal_floor(text, instrument.sz_decimals()).map(|(lots, _)| Sz(lots));
    let sz = sz.filter(|sz| sz.0 >= 0);
    bounded(
        what,
        text,
        sz.ok_or_else(|| unexpected(what, text, "zero or a positive size"))?,
    )
}

fn bounded(what: &'static str, text: &str, sz: Sz) -> Result<Sz, DecodeError> {
    if sz.0.unsigned_abs() <= LOTS_MAX.unsigned_abs() {
        return Ok(sz);
    }
    Err(unexpected(what, text, "at most 1e15 lots"))
}

/// A positive price and a positive size whose product is money on the lattice.
pub(super) fn px_and_sz(
    instrument: &Instrument,
    (what, px_text): (&'static str, &str),
    sz_text: &str,
) -> Result<(Px, Sz), DecodeError> {
    let px = instrument.parse_px(px_text);
    let px = px.map_err(|source| DecodeError::Lattice { what, source })?;
    let sz = lots("sz", instrument, sz_text)?;
    if px.0 <= 0 {
        return Err(unexpected(what, px_text, "a positive price"));
    }
    if sz.0 <= 0 {
        return Err(unexpected("sz", sz_text, "a positive size"));
    }
    if px.0.checked_mul(sz.0).is_none() {
        return Err(unexpected("sz", sz_text, "a notional below 9.2e12 USDC"));
    }
    Ok((px, sz))
}

/// A size that may be zero: what is left of an order.
pub(super) fn remaining(instrument: &Instrument, text: &str) -> Result<Sz, DecodeError> {
    let sz = lots("sz", instrument, text)?;
    if sz.0 < 0 {
        return Err(unexpected("sz", text, "zero or a positive size"));
    }
    Ok(sz)
}

/// Money in USDC: digits beyond the micro-USDC are dropped toward zero.
pub(super) fn money(what: &'static str, text: &str) -> Result<Usd, DecodeError> {
    parse_decimal_floor(text, 6)
        .filter(|(micro, _)| micro.unsigned_abs() <= USDC_MAX.unsigned_abs() * 1_000_000)
        .map(|(micro, _)| Usd(micro))
        .ok_or_else(|| unexpected(what, text, MONEY))
}

/// Largest number that is believed.
const BELIEF_MAX: f64 = 1e15;

/// A finite number that no ledger depends on.
pub(super) fn belief(what: &'static str, text: &str) -> Result<f64, DecodeError> {
    // The venue prints plain decimals; `1e5` and `inf` are numbers to Rust alone.
    let is_plain = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'-');
    let plain = Some(text).filter(|text| text.as_bytes().iter().all(is_plain));
    plain
        .and_then(|text| text.parse().ok())
        .filter(|value: &f64| value.abs() <= BELIEF_MAX)
        .ok_or_else(|| unexpected(what, text, "a plain decimal of at most 1e15"))
}

/// A finite number, zero or above.
pub(super) fn not_negative(what: &'static str, text: &str) -> Result<f64, DecodeError> {
    let value = belief(what, text)?;
    if value >= 0.0 {
        Ok(value)
    } else {
        Err(unexpected(what, text, "zero or a number above"))
    }
}

/// A share or a rate: a finite number inside -1 and 1.
pub(super) fn fraction(what: &'static str, text: &str) -> Result<f64, DecodeError> {
    let value = belief(what, text)?;
    if value.abs() < 1.0 {
        Ok(value)
    } else {
        Err(unexpected(what, text, "a fraction inside -1 and 1"))
    }
}

/// A finite number above zero.
pub(super) fn positive(what: &'static str, text: &str) -> Result<f64, DecodeError> {
    let value = belief(what, text)?;
    if value > 0.0 {
        Ok(value)
    } else {
        Err(unexpected(what, text, "a number above zero"))
    }
}

/// A client order id, where there is one.
pub(super) fn cloid(text: Option<&Cow<'_, str>>) -> Result<Option<Cloid>, DecodeError> {
    text.map(|text| {
        Cloid::parse(text).ok_or_else(|| unexpected("cloid", text.as_ref(), "0x and 32 hex digits"))
    })
    .transpose()
}

/// A word that the venue must have added.
pub(super) fn novelty(place: NoveltyPlace, word: impl Into<String>) -> EventBody {
    let word = word.into();
    EventBody::Novelty(Novelty { place, word })
}

pub(super) fn unexpected(
    what: &'static str,
    found: impl Into<String>,
    expected: &'static str,
) -> DecodeError {
    DecodeError::Value {
        what,
        found: found.into(),
        expected,
    }
}
