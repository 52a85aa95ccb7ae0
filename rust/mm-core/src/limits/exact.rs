//! Exact arithmetic on decimal inputs: a lot boundary that is reached on paper is reached here.

use super::rise::Fine;
use crate::units::Usd;

/// Decimals of a [`Value`]: 10^-15 USDC.
const VALUE_DECIMALS: u32 = 15;
/// Digits a mantissa may have; below 2^50, so that scaling a float rounds to the right integer.
const MANTISSA_MAX: f64 = 1e15;
/// Largest power of ten that `f64` holds exactly.
const EXACT_POWER_MAX: u32 = 22;
/// Largest amount, 9e12 USDC: what micro-USDC in an `i64` can hold. Larger amounts saturate here.
const VALUE_MAX: u128 = 9_000_000_000_000 * 10_u128.pow(VALUE_DECIMALS);
/// Largest number of lots; what lies above saturates. Below 2^53.
const LOTS_MAX: u128 = 9_000_000_000_000_000;

/// One micro-USDC, and one billion of billionths.
const MICRO: u128 = POWERS[9];
const _: () = assert!(VALUE_DECIMALS == 6 + 9);

/// Powers of ten, as far as `u128` goes.
const POWERS: [u128; 39] = {
    let mut powers = [1; 39];
    let mut i = 1;
    while i < powers.len() {
        powers[i] = 10 * powers[i - 1];
        i += 1;
    }
    powers
};

/// A finite, non-negative float as the shortest decimal that names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decimal {
    mantissa: u128,
    scale: u32,
}

impl Decimal {
    /// Reads `value` (finite, 0 to 1e15). Floats that no decimal of 15 digits names are cut to 15 digits.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "0 to 1e15 by the caller's check and the loop's bound"
    )]
    #[expect(
        clippy::float_cmp,
        reason = "a quotient of exact doubles is correctly rounded"
    )]
    pub(crate) fn of(value: f64) -> Self {
        let mut best = Self {
            mantissa: 0,
            scale: 0,
        };
        let mut power = 1.0;
        for scale in 0..=EXACT_POWER_MAX {
            let scaled = value * power;
            if scaled > MANTISSA_MAX {
                break;
            }
            let nearest = (scaled + 0.5) as u64;
            if nearest as f64 / power == value {
                return Self {
                    mantissa: u128::from(nearest),
                    scale,
                };
            }
            best = Self {
                mantissa: scaled as u128,
                scale,
            };
            power *= 10.0;
        }
        best
    }

    /// From an exact count of units of `10^-scale`.
    pub(crate) const fn new(mantissa: u128, scale: u32) -> Self {
        Self { mantissa, scale }
    }

    /// Whether it is zero.
    pub(crate) const fn is_zero(self) -> bool {
        self.mantissa == 0
    }

    /// `floor(self * count)` for a count of whole things.
    pub(crate) fn floor_times(self, count: u128) -> u128 {
        mul_div(count, self.mantissa, POWERS[self.scale as usize])
    }
}

/// A non-negative amount of money in 10^-15 USDC: wide enough that every product of two decimal
/// inputs is exact. Rounded to micro-USDC only to be shown and compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Value(u128);

impl Value {
    /// Nothing.
    pub(crate) const ZERO: Self = Self(0);

    /// Micro-USDC; negative amounts count as zero.
    pub(crate) fn of_usd(usd: Usd) -> Self {
        // tidy: negative counts as zero, as said above
        let micro = u128::from(usd.0.max(0).unsigned_abs());
        Self(micro * MICRO).saturated()
    }

    /// A belief in USDC (not NaN), cut to 10^-15.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float cast saturates, and saturation is the meaning here"
    )]
    pub(crate) fn of_belief(usd: f64) -> Self {
        Self((usd * 1e15) as u128).saturated()
    }

    /// A decimal amount of USDC.
    pub(crate) fn of_decimal(usd: Decimal) -> Self {
        Self(shift(usd.mantissa, 1, VALUE_DECIMALS, usd.scale)).saturated()
    }

    /// `self * factor`, cut.
    pub(crate) fn times(self, factor: Decimal) -> Self {
        Self(mul_div(
            self.0,
            factor.mantissa,
            POWERS[factor.scale as usize],
        ))
        .saturated()
    }

    /// `self / divisor`, cut; saturated when the divisor is zero.
    pub(crate) fn over(self, divisor: Decimal) -> Self {
        if divisor.is_zero() {
            return Self(VALUE_MAX);
        }
        Self(mul_div(
            self.0,
            POWERS[divisor.scale as usize],
            divisor.mantissa,
        ))
        .saturated()
    }

    /// `self + other`.
    pub(crate) fn plus(self, other: Self) -> Self {
        Self(self.0 + other.0).saturated()
    }

    /// `lots * mid`, cut.
    pub(crate) fn of_lots(lots: u64, mid: Decimal, sz_decimals: u32) -> Self {
        Self(shift(
            u128::from(lots),
            mid.mantissa,
            VALUE_DECIMALS,
            sz_decimals + mid.scale,
        ))
        .saturated()
    }

    /// Whole lots that the amount buys at `mid`; `mid` is not zero.
    pub(crate) fn lots(self, mid: Decimal, sz_decimals: u32) -> i64 {
        let up = sz_decimals + mid.scale;
        let lots = if up >= VALUE_DECIMALS {
            mul_div(self.0, POWERS[(up - VALUE_DECIMALS) as usize], mid.mantissa)
        } else {
            self.0 / (mid.mantissa * POWERS[(VALUE_DECIMALS - up) as usize])
        };
        i64::try_from(lots.min(LOTS_MAX)).unwrap_or(i64::MAX)
    }

    /// Rounded to the nearest micro-USDC.
    pub(crate) fn to_usd(self) -> Usd {
        Usd(i64::try_from((self.0 + MICRO / 2) / MICRO).unwrap_or(i64::MAX))
    }

    /// Cut to micro-USDC.
    pub(crate) fn floor_usd(self) -> Usd {
        Usd(i64::try_from(self.0 / MICRO).unwrap_or(i64::MAX))
    }

    /// From micro-USDC and their billionths, exact.
    pub(crate) fn of_fine(fine: Fine) -> Self {
        Self(of_fine(fine)).saturated()
    }

    /// As micro-USDC and their billionths, exact.
    pub(crate) fn to_fine(self) -> Fine {
        to_fine(self.0)
    }

    fn saturated(self) -> Self {
        Self(self.0.min(VALUE_MAX))
    }
}

/// Lots and their billionths, on the way between two derivations with six digits more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Count(u128);

/// Parts of a [`Count`]'s billionth.
const PART: u128 = POWERS[6];

impl Count {
    /// From lots and their billionths.
    pub(crate) fn of_fine(fine: Fine) -> Self {
        Self(of_fine(fine) * PART).saturated()
    }

    /// As lots and their billionths, cut.
    pub(crate) fn to_fine(self) -> Fine {
        to_fine(self.0 / PART)
    }

    /// What an amount buys at `mid`, which is not zero.
    pub(crate) fn of_value(value: Value, mid: Decimal, sz_decimals: u32) -> Self {
        // A value counts in 10^-15 USDC as this does in 10^-15 lots.
        let lots_per_usd = POWERS[(sz_decimals + mid.scale) as usize];
        Self(mul_div(value.0, lots_per_usd, mid.mantissa)).saturated()
    }

    /// `self * factor`, cut.
    pub(crate) fn times(self, factor: Decimal) -> Self {
        let by = POWERS[factor.scale as usize];
        Self(mul_div(self.0, factor.mantissa, by)).saturated()
    }

    /// `self / divisor`, cut; the divisor is not zero.
    pub(crate) fn over(self, divisor: u128) -> Self {
        Self(self.0 / divisor)
    }

    /// `self + other`.
    pub(crate) fn plus(self, other: Self) -> Self {
        Self(self.0 + other.0).saturated()
    }

    fn saturated(self) -> Self {
        Self(self.0.min(LOTS_MAX * POWERS[15]))
    }
}

/// Billionths; below zero counts as zero.
fn of_fine(Fine(whole, nano): Fine) -> u128 {
    // tidy: negative counts as zero, as said above
    u128::from(whole.max(0).unsigned_abs()) * MICRO + u128::from(nano)
}

fn to_fine(billionths: u128) -> Fine {
    let whole = i64::try_from(billionths / MICRO).unwrap_or(i64::MAX);
    Fine(
        whole,
        u32::try_from(billionths % MICRO).expect("invariant: a rest below 1e9"),
    )
}

/// `floor(a * b * 10^(up - down))`, saturating.
fn shift(a: u128, b: u128, up: u32, down: u32) -> u128 {
    if up >= down {
        a.saturating_mul(b)
            .saturating_mul(POWERS[(up - down) as usize])
    } else {
        mul_div(a, b, POWERS[(down - up) as usize])
    }
}

/// `floor(a * b / c)` with the product held in full; saturating. `c` is positive and below 2^126.
pub(crate) fn mul_div(a: u128, b: u128, c: u128) -> u128 {
    if let Some(product) = a.checked_mul(b) {
        return if c == 1 { product } else { product / c };
    }
    let (whole, part) = (a / c, a % c);
    let (mut quotient, mut rest) = (0_u128, 0_u128);
    for bit in (0..u128::BITS).rev() {
        let taken = (b >> bit) & 1;
        quotient = quotient.saturating_mul(2).saturating_add(whole * taken);
        rest = 2 * rest + part * taken;
        while rest >= c {
            rest -= c;
            quotient = quotient.saturating_add(1);
        }
    }
    quotient
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_float_is_read_as_its_shortest_decimal() {
        assert_eq!(Decimal::of(88_571.5), Decimal::new(885_715, 1));
        assert_eq!(Decimal::of(0.186_485), Decimal::new(186_485, 6));
        assert_eq!(Decimal::of(40.0), Decimal::new(40, 0));
        assert_eq!(Decimal::of(0.0), Decimal::new(0, 0));
        assert_eq!(
            Decimal::of(1.0 / 3.0),
            Decimal::new(333_333_333_333_333, 15)
        );
    }

    #[test]
    fn the_ends_of_the_range_are_read() {
        assert_eq!(Decimal::of(1e15), Decimal::new(1_000_000_000_000_000, 0));
        assert!(Decimal::of(0.0).is_zero() && !Decimal::of(0.1).is_zero());
        let tiny = Value::of_decimal(Decimal::new(12_345, 17));
        assert_eq!(tiny, Value(123));
    }

    #[test]
    fn what_is_divided_by_nothing_saturates() {
        let one = Value::of_usd(Usd(1_000_000));
        assert_eq!(one.over(Decimal::of(0.0)), Value(VALUE_MAX));
        assert_eq!(one.over(Decimal::of(0.5)).to_usd(), Usd(2_000_000));
    }

    #[test]
    fn a_boundary_reached_on_paper_is_reached() {
        let value = Value::of_usd(Usd(10_000_100_000)).times(Decimal::of(3.0));
        assert_eq!(value.lots(Decimal::of(30_000.3), 5), 100_000);
        assert_eq!(value.lots(Decimal::of(30_000.4), 5), 99_999);
        assert_eq!(value.to_usd(), Usd(30_000_300_000));
    }
}

#[cfg(test)]
mod property_tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn prop_the_wide_path_agrees_with_the_narrow_one(
            a in any::<u64>(), b in any::<u32>(), c in 1_u32.., up in 0_u32..20,
        ) {
            let wide = 10_u128.pow(up);
            let narrow = mul_div(u128::from(a), u128::from(b), u128::from(c));
            prop_assert_eq!(
                mul_div(u128::from(a) * wide, u128::from(b) * 10_u128.pow(10), u128::from(c) * wide),
                mul_div(u128::from(a), u128::from(b) * 10_u128.pow(10), u128::from(c))
            );
            prop_assert_eq!(narrow, u128::from(a) * u128::from(b) / u128::from(c));
        }

        #[test]
        fn prop_lots_are_the_largest_that_fit(
            micro in 0_i64..1_000_000_000_000, mid in 1e-6_f64..500_000.0, sz_decimals in 0_u32..=6,
        ) {
            let (value, mid) = (Value::of_usd(Usd(micro)), Decimal::of(mid));
            prop_assume!(!mid.is_zero());
            let lots = u64::try_from(value.lots(mid, sz_decimals)).unwrap();
            prop_assert!(Value::of_lots(lots, mid, sz_decimals) <= value);
            prop_assert!(Value::of_lots(lots + 1, mid, sz_decimals).plus(Value(1)) > value);
        }
    }
}
