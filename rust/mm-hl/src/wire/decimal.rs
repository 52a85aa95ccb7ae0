//! Prices and sizes as the wire carries them, before any instrument is known.

use core::fmt;
use core::str::FromStr;

use mm_core::instrument::Instrument;
use mm_core::units::{Px, Sz, parse_decimal};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Fractional digits the venue reads.
const DECIMALS: u32 = 8;
/// Units in one.
const SCALE: i64 = 100_000_000;

/// A non-negative decimal with at most eight fractional digits, as 10^-8 units.
///
/// Read from a JSON string only; padded zeros are accepted and never written, so equal values
/// hash alike. Sign, exponent and a non-zero ninth decimal are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimal(i64);

/// Text that is not such a decimal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a non-negative decimal with at most 8 fractional digits, below 9.2e10")]
pub struct DecimalError(String);

impl Decimal {
    /// The price it names; `None` when it has more decimals than `instrument` allows.
    #[must_use]
    pub fn px(self, instrument: &Instrument) -> Option<Px> {
        self.on_lattice(instrument.px_decimals()).map(Px)
    }

    /// The size it names; `None` when it has more decimals than `instrument` allows.
    #[must_use]
    pub fn sz(self, instrument: &Instrument) -> Option<Sz> {
        self.on_lattice(instrument.sz_decimals()).map(Sz)
    }

    /// From a price; `None` when negative or beyond 9.2e10 USDC.
    #[must_use]
    pub fn from_px(px: Px, instrument: &Instrument) -> Option<Self> {
        Self::from_lattice(px.0, instrument.px_decimals())
    }

    /// From a size; `None` when negative or beyond 9.2e10 coin.
    #[must_use]
    pub fn from_sz(sz: Sz, instrument: &Instrument) -> Option<Self> {
        Self::from_lattice(sz.0, instrument.sz_decimals())
    }

    /// In units of 10^-8.
    #[must_use]
    pub const fn units(self) -> i64 {
        self.0
    }

    fn on_lattice(self, decimals: u32) -> Option<i64> {
        let scale = 10_i64.pow(DECIMALS - decimals);
        (self.0 % scale == 0).then_some(self.0 / scale)
    }

    fn from_lattice(value: i64, decimals: u32) -> Option<Self> {
        let units = value.checked_mul(10_i64.pow(DECIMALS - decimals))?;
        (units >= 0).then_some(Self(units))
    }
}

impl FromStr for Decimal {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        let signed = text.starts_with('-');
        parse_decimal(text, DECIMALS)
            .filter(|_| !signed)
            .map(Self)
            .ok_or_else(|| DecimalError(text.to_owned()))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Text::new(*self).as_str())
    }
}

/// The canonical text, on the stack: orders are written twice for each signature.
struct Text {
    bytes: [u8; 20],
    start: usize,
}

impl Text {
    fn new(Decimal(units): Decimal) -> Self {
        let (mut whole, mut fraction) = (units / SCALE, units % SCALE);
        let mut text = Self {
            bytes: [0; 20],
            start: 20,
        };
        if fraction != 0 {
            let mut places = DECIMALS;
            while fraction % 10 == 0 {
                fraction /= 10;
                places -= 1;
            }
            for _ in 0..places {
                text.push(fraction % 10);
                fraction /= 10;
            }
            text.start -= 1;
            text.bytes[text.start] = b'.';
        }
        loop {
            text.push(whole % 10);
            whole /= 10;
            if whole == 0 {
                return text;
            }
        }
    }

    /// Puts a digit in front.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a digit"
    )]
    fn push(&mut self, digit: i64) {
        self.start -= 1;
        self.bytes[self.start] = b'0' + digit as u8;
    }

    fn as_str(&self) -> &str {
        core::str::from_utf8(&self.bytes[self.start..]).expect("Invariant: digits are ASCII")
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(Text::new(*self).as_str())
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use mm_core::units::format_decimal;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn prop_text_is_the_shortest_decimal(units in 0..=i64::MAX) {
            let text = Decimal(units).to_string();
            prop_assert_eq!(&text, &format_decimal(units, DECIMALS));
            prop_assert_eq!(text.parse(), Ok(Decimal(units)));
        }
    }

    #[test]
    fn decimals_are_canonical() {
        for (text, canonical) in [
            ("0.0010", "0.001"),
            ("95000.00", "95000"),
            ("1.000000000", "1"),
            ("0", "0"),
        ] {
            assert_eq!(text.parse::<Decimal>().unwrap().to_string(), canonical);
        }
        for bad in [
            "",
            "-1",
            "-0",
            "1e5",
            "NaN",
            "0.123456789",
            "+1",
            "99999999999999",
        ] {
            assert!(bad.parse::<Decimal>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_instrument_decides_what_is_on_the_lattice() {
        let btc = Instrument::new("BTC", 0, 5, 40).unwrap();
        let decimal = |text: &str| text.parse::<Decimal>().unwrap();
        assert_eq!(decimal("84143.5").px(&btc), Some(Px(841_435)));
        assert_eq!(decimal("84143.55").px(&btc), None);
        assert_eq!(decimal("0.00001").sz(&btc), Some(Sz(1)));
        assert_eq!(decimal("0.000001").sz(&btc), None);
        assert_eq!(
            Decimal::from_px(Px(841_430), &btc).unwrap().to_string(),
            "84143"
        );
        assert_eq!(Decimal::from_sz(Sz(-1), &btc), None);
    }
}
