//! Price, size, money and time as integers on the instrument's lattice.
//!
//! With `s = sz_decimals`, a price unit is `10^-(6-s)` USDC and a lot is `10^-s` coin, so
//! `Px * Sz` is micro-USDC exactly, for every perp. Only dimensionally true operators exist.

use core::fmt;
use core::iter::Sum;
use core::ops::{Add, AddAssign, Mul, Neg, Sub, SubAssign};

use serde::{Deserialize, Serialize};

/// Micro-USDC in one USDC.
pub const USD: i64 = 1_000_000;
/// Nanoseconds in one second.
pub const SECOND: i64 = 1_000_000_000;

macro_rules! lattice {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl $name {
            /// The zero of this unit.
            pub const ZERO: Self = Self(0);

            /// Magnitude.
            #[must_use]
            pub const fn abs(self) -> Self {
                Self(self.0.abs())
            }

            /// The value as a belief (`f64`); exact below 2^53.
            #[must_use]
            #[expect(clippy::cast_precision_loss, reason = "beliefs are f64; lattice values stay below 2^53")]
            pub const fn as_f64(self) -> f64 {
                self.0 as f64
            }
        }

        impl Add for $name {
            type Output = Self;
            fn add(self, rhs: Self) -> Self {
                Self(self.0 + rhs.0)
            }
        }
        impl Sub for $name {
            type Output = Self;
            fn sub(self, rhs: Self) -> Self {
                Self(self.0 - rhs.0)
            }
        }
        impl Neg for $name {
            type Output = Self;
            fn neg(self) -> Self {
                Self(-self.0)
            }
        }
        impl AddAssign for $name {
            fn add_assign(&mut self, rhs: Self) {
                self.0 += rhs.0;
            }
        }
        impl SubAssign for $name {
            fn sub_assign(&mut self, rhs: Self) {
                self.0 -= rhs.0;
            }
        }
        impl Sum for $name {
            fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
                iter.fold(Self::ZERO, Add::add)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

lattice!(
    /// A price in lattice units of `10^-(6 - sz_decimals)` USDC.
    Px
);
lattice!(
    /// A size in lots of `10^-sz_decimals` coin; signed only where it is a position or a change of one.
    Sz
);
lattice!(
    /// Money in micro-USDC.
    Usd
);
lattice!(
    /// A point in time, nanoseconds since the Unix epoch.
    Time
);
lattice!(
    /// A length of time in nanoseconds.
    Dur
);

impl Mul<Sz> for Px {
    type Output = Usd;
    fn mul(self, sz: Sz) -> Usd {
        Usd(self.0 * sz.0)
    }
}

impl Usd {
    /// From a finite amount in USDC, toward minus infinity.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "amounts are far below 2^53 micro-USDC"
    )]
    pub fn floor(amount: f64) -> Self {
        Self(libm::floor(amount * 1e6) as i64)
    }

    /// The amount in USDC, as a belief.
    #[must_use]
    pub fn as_usd(self) -> f64 {
        self.as_f64() / 1e6
    }
}

impl Time {
    /// Time elapsed since `earlier`; negative when `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Dur {
        Dur(self.0 - earlier.0)
    }

    /// This time moved by `dur`.
    #[must_use]
    pub const fn plus(self, dur: Dur) -> Self {
        Self(self.0 + dur.0)
    }

    /// Whole milliseconds since the epoch, as the exchange stamps them.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// From the exchange's millisecond stamp.
    #[must_use]
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms * 1_000_000)
    }

    /// Seconds since the epoch, as a belief.
    #[must_use]
    pub fn as_secs(self) -> f64 {
        self.as_f64() / 1e9
    }
}

impl Dur {
    /// Whole milliseconds.
    #[must_use]
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms * 1_000_000)
    }

    /// From seconds (finite), rounded to the nanosecond.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "configured durations are far below 2^63 ns"
    )]
    pub fn from_secs(secs: f64) -> Self {
        Self(libm::round(secs * 1e9) as i64)
    }

    /// Seconds, as a belief.
    #[must_use]
    pub fn as_secs(self) -> f64 {
        self.as_f64() / 1e9
    }
}

/// Side of an order or a quote; for a trade, the side of the taker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Side {
    /// Buys.
    Bid,
    /// Sells.
    Ask,
}

impl Side {
    /// Both sides, bid first.
    pub const BOTH: [Self; 2] = [Self::Bid, Self::Ask];

    /// The other side.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Bid => Self::Ask,
            Self::Ask => Self::Bid,
        }
    }

    /// +1 for a bid, -1 for an ask: the sign of the position change when it fills.
    #[must_use]
    pub const fn sign(self) -> i64 {
        match self {
            Self::Bid => 1,
            Self::Ask => -1,
        }
    }

    /// 0 for a bid, 1 for an ask: index into per-side pairs.
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Bid => 0,
            Self::Ask => 1,
        }
    }

    /// The signed position change that `sz` lots on this side make.
    #[must_use]
    pub const fn signed(self, sz: Sz) -> Sz {
        Sz(self.sign() * sz.0)
    }

    /// Whether `px` on this side is at or better than `other` (higher for a bid, lower for an ask).
    #[must_use]
    pub const fn at_or_better(self, px: Px, other: Px) -> bool {
        match self {
            Self::Bid => px.0 >= other.0,
            Self::Ask => px.0 <= other.0,
        }
    }
}

/// Parses a plain decimal (`-12.340`) into an integer scaled by `10^decimals`.
///
/// Digits beyond `decimals` must be zero: nothing is rounded. `None` for anything else:
/// exponent, sign alone, empty, overflow, stray characters.
#[must_use]
pub fn parse_decimal(text: &str, decimals: u32) -> Option<i64> {
    let (value, exact) = parse_decimal_floor(text, decimals)?;
    exact.then_some(value)
}

/// Like [`parse_decimal`], but drops digits beyond `decimals` (toward zero) and says whether any was non-zero.
#[must_use]
pub fn parse_decimal_floor(text: &str, decimals: u32) -> Option<(i64, bool)> {
    let (negative, digits) = match text.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let mut value: i64 = 0;
    let mut any = false;
    let mut fraction: Option<u32> = None;
    let mut exact = true;
    for &byte in digits {
        match byte {
            b'0'..=b'9' => {
                any = true;
                let digit = i64::from(byte - b'0');
                if let Some(seen) = fraction {
                    if seen == decimals {
                        exact &= digit == 0;
                        continue;
                    }
                    fraction = Some(seen + 1);
                }
                value = value.checked_mul(10)?.checked_add(digit)?;
            }
            b'.' if fraction.is_none() => fraction = Some(0),
            _ => return None,
        }
    }
    // tidy: no point written means no decimals written
    let missing = decimals - fraction.unwrap_or(0);
    let value = value.checked_mul(10_i64.checked_pow(missing)?)?;
    any.then_some((if negative { -value } else { value }, exact))
}

/// Formats `value` scaled by `10^decimals` as the shortest plain decimal (`84143`, `0.0001`, `-1.5`).
#[must_use]
pub fn format_decimal(value: i64, decimals: u32) -> String {
    let scale = 10_u64.pow(decimals);
    let magnitude = value.unsigned_abs();
    let (whole, fraction) = (magnitude / scale, magnitude % scale);
    let sign = if value < 0 { "-" } else { "" };
    if fraction == 0 {
        return format!("{sign}{whole}");
    }
    let text = format!(
        "{sign}{whole}.{fraction:0width$}",
        width = decimals as usize
    );
    text.trim_end_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_parse_exactly_or_not_at_all() {
        assert_eq!(parse_decimal("84143.0", 1), Some(841_430));
        assert_eq!(parse_decimal("-0.00015", 5), Some(-15));
        assert_eq!(parse_decimal("1.2300", 2), Some(123));
        assert_eq!(parse_decimal("1.234", 2), None);
        assert_eq!(parse_decimal_floor("1.239", 2), Some((123, false)));
        for bad in [
            "",
            "-",
            ".",
            "1e5",
            "+1",
            "1.2.3",
            "NaN",
            " 1",
            "99999999999999999999",
        ] {
            assert_eq!(parse_decimal(bad, 2), None, "{bad}");
        }
    }

    #[test]
    fn decimals_format_without_padding() {
        assert_eq!(format_decimal(841_430, 1), "84143");
        assert_eq!(format_decimal(-15, 5), "-0.00015");
        assert_eq!(format_decimal(1_500_000, 6), "1.5");
        assert_eq!(format_decimal(0, 6), "0");
    }
}

#[cfg(test)]
mod property_tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn prop_format_then_parse_is_identity(value in any::<i32>(), decimals in 0_u32..=8) {
            let value = i64::from(value);
            prop_assert_eq!(parse_decimal(&format_decimal(value, decimals), decimals), Some(value));
        }

        #[test]
        fn prop_parse_never_panics(text in "[-0-9.eE+ ]{0,24}", decimals in 0_u32..=8) {
            let _ = parse_decimal_floor(&text, decimals);
        }
    }
}
