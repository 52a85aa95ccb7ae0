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
        if (0..=i64::MAX / 1_000_000).contains(&ms) {
            return Ok(Self(Time::from_millis(ms)));
        }
        Err(format!(
            "time was {ms}, expected milliseconds since the epoch"
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
        let (px, sz) = px_and_sz(instrument, self.px, self.sz)?;
        Ok(Level { px, sz })
    }
}

/// A positive price and a positive size whose product is money on the lattice.
pub(super) fn px_and_sz(
    instrument: &Instrument,
    px_text: &str,
    sz_text: &str,
) -> Result<(Px, Sz), DecodeError> {
    let (px, sz) = (instrument.parse_px(px_text)?, instrument.parse_sz(sz_text)?);
    if px.0 <= 0 {
        return Err(unexpected("px", px_text, "a positive price"));
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
    let sz = instrument.parse_sz(text)?;
    if sz.0 < 0 {
        return Err(unexpected("sz", text, "zero or a positive size"));
    }
    Ok(sz)
}

/// Money in USDC: digits beyond the micro-USDC are dropped toward zero.
pub(super) fn money(what: &'static str, text: &str) -> Result<Usd, DecodeError> {
    parse_decimal_floor(text, 6)
        .map(|(value, _)| Usd(value))
        .ok_or_else(|| unexpected(what, text, "a decimal in USDC below 9.2e12"))
}

/// A finite number that no ledger depends on.
pub(super) fn belief(what: &'static str, text: &str) -> Result<f64, DecodeError> {
    text.parse()
        .ok()
        .filter(|value: &f64| value.is_finite())
        .ok_or_else(|| unexpected(what, text, "a finite number"))
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
