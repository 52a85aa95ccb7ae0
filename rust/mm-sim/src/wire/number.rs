//! Numbers as the venue prints them: fixed-point integers inside, one formatting at the edge.

use core::fmt;

use mm_core::instrument::Instrument;
use mm_core::units::{Px, Sz, Usd, format_decimal};
use serde::{Serialize, Serializer};

/// Decimals of money: the micro-USDC.
const USD_DECIMALS: u32 = 6;

/// `value / 10^decimals`, printed with at least one fractional digit, no padding beyond it and
/// never an exponent: `84143.0`, `0.00015`, `-3.5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Num {
    value: i64,
    decimals: u32,
}

impl Num {
    /// The number `value / 10^decimals`.
    pub(crate) const fn new(value: i64, decimals: u32) -> Self {
        Self { value, decimals }
    }

    /// Money in USDC.
    pub(crate) const fn usd(usd: Usd) -> Self {
        Self::new(usd.0, USD_DECIMALS)
    }

    /// A price in USDC.
    pub(crate) const fn px(instrument: &Instrument, px: Px) -> Self {
        Self::new(px.0, instrument.px_decimals())
    }

    /// The middle of two prices in USDC: exact, so one decimal more than the lattice has.
    pub(crate) const fn mid(instrument: &Instrument, bid: Px, ask: Px) -> Self {
        Self::new((bid.0 + ask.0) * 5, instrument.px_decimals() + 1)
    }

    /// A size in coin.
    pub(crate) const fn sz(instrument: &Instrument, sz: Sz) -> Self {
        Self::new(sz.0, instrument.sz_decimals())
    }

    /// `numerator / denominator` to `decimals` places, toward zero; `None` when the denominator is
    /// zero or the quotient does not fit.
    pub(crate) fn ratio(numerator: i128, denominator: i128, decimals: u32) -> Option<Self> {
        let scaled = numerator.checked_mul(10_i128.checked_pow(decimals)?)?;
        let value = i64::try_from(scaled.checked_div(denominator)?).ok()?;
        Some(Self { value, decimals })
    }
}

impl fmt::Display for Num {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format_decimal(self.value, self.decimals);
        f.write_str(&text)?;
        if text.contains('.') {
            Ok(())
        } else {
            f.write_str(".0")
        }
    }
}

impl Serialize for Num {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_at_least_one_fractional_digit() {
        let text = |value, decimals| Num::new(value, decimals).to_string();
        assert_eq!(text(841_430, 1), "84143.0");
        assert_eq!(text(136, 0), "136.0");
        assert_eq!(text(0, 6), "0.0");
        assert_eq!(text(15, 5), "0.00015");
        assert_eq!(text(-3_625_312, 6), "-3.625312");
        assert_eq!(text(1_500_000, 6), "1.5");
    }

    #[test]
    fn a_mid_between_lattice_prices_is_exact() {
        let btc = Instrument::new("BTC", 0, 5, 40).unwrap();
        assert_eq!(
            Num::mid(&btc, Px(775_580), Px(775_590)).to_string(),
            "77558.5"
        );
        assert_eq!(
            Num::mid(&btc, Px(841_431), Px(841_432)).to_string(),
            "84143.15"
        );
    }

    #[test]
    fn a_ratio_is_cut_toward_zero() {
        assert_eq!(Num::ratio(-2, 3, 10).unwrap().to_string(), "-0.6666666666");
        assert_eq!(Num::ratio(1, 0, 10), None);
    }
}

#[cfg(test)]
mod property_tests {
    use super::*;
    use mm_core::units::parse_decimal;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn prop_a_printed_number_reads_back(value in i64::MIN / 1000..i64::MAX / 1000, decimals in 0_u32..=8) {
            let text = Num::new(value, decimals).to_string();
            prop_assert_eq!(parse_decimal(&text, decimals), Some(value));
            let (_, fraction) = text.split_once('.').unwrap();
            prop_assert!(!fraction.is_empty() && (fraction == "0" || !fraction.ends_with('0')));
        }
    }
}
