//! One perp's lattice: the only door from `f64` to a price or a size.

use serde::{Deserialize, Serialize};

use crate::builder_fees::BuilderFees;
use crate::units::{Px, Sz, Usd, format_decimal, parse_decimal};

/// Decimals of a perp's price plus decimals of its size.
const PRICE_AND_SIZE_DECIMALS: u32 = 6;
/// Significant figures a non-integer price may have.
const SIGNIFICANT_FIGURES: u32 = 5;
/// The venue's smallest order value, except for one that closes the whole position.
pub const MIN_NOTIONAL: Usd = Usd(10_000_000);

/// Which way a belief is rounded onto the grid. A bid rounds down, an ask up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    /// Toward minus infinity.
    Down,
    /// Toward plus infinity.
    Up,
}

/// Why an instrument, price or size was refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InstrumentError {
    /// `sz_decimals` outside 0..=6.
    #[error("sz_decimals was {0}, expected 0 to 6")]
    SzDecimals(u32),
    /// Maximum leverage of zero.
    #[error("max_leverage of {coin} was 0, expected at least 1")]
    MaxLeverage {
        /// The perp.
        coin: String,
    },
    /// Not finite, not positive, or too large for the lattice.
    #[error("{what} was {value}, expected a finite number from 0 to 9e15 lattice units")]
    OutOfRange {
        /// Which quantity.
        what: &'static str,
        /// The value given.
        value: f64,
    },
    /// Margin tiers that do not rise in notional and fall in leverage.
    #[error(
        "margin tiers of {coin} were {tiers:?}, expected notionals that rise from 0 with leverage that falls from {max_leverage}"
    )]
    MarginTiers {
        /// The perp.
        coin: String,
        /// The tiers given.
        tiers: Vec<MarginTier>,
        /// Of the first tier.
        max_leverage: u32,
    },
    /// A deployer's fee scale outside the venue's range.
    #[error("deployer fee scale of {coin} was {scale}, expected 0 to 3")]
    DeployerScale {
        /// The perp.
        coin: String,
        /// The scale given.
        scale: f64,
    },
    /// Text that is not a decimal on the lattice.
    #[error("{what} {text:?} is not a decimal with at most {decimals} decimals")]
    Text {
        /// Which quantity.
        what: &'static str,
        /// The text given.
        text: String,
        /// Decimals of the lattice.
        decimals: u32,
    },
}

/// One row of a perp's margin table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarginTier {
    /// Position notional from which it holds.
    pub notional_min: Usd,
    /// Largest leverage in it.
    pub max_leverage: u32,
}

/// A perp as the venue lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instrument {
    coin: String,
    asset: u32,
    sz_decimals: u32,
    max_leverage: u32,
    /// Tiers above the first; most perps have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tiers: Vec<MarginTier>,
    #[serde(default, skip_serializing_if = "BuilderFees::is_usual")]
    builder: BuilderFees,
}

impl Instrument {
    /// A perp with its venue index, size decimals and maximum leverage (single margin tier).
    ///
    /// # Errors
    /// [`InstrumentError::SzDecimals`] and [`InstrumentError::MaxLeverage`] outside the venue's ranges.
    pub fn new(
        coin: impl Into<String>,
        asset: u32,
        sz_decimals: u32,
        max_leverage: u32,
    ) -> Result<Self, InstrumentError> {
        let coin = coin.into();
        if sz_decimals > PRICE_AND_SIZE_DECIMALS {
            return Err(InstrumentError::SzDecimals(sz_decimals));
        }
        if max_leverage == 0 {
            return Err(InstrumentError::MaxLeverage { coin });
        }
        Ok(Self {
            coin,
            asset,
            sz_decimals,
            max_leverage,
            tiers: Vec::new(),
            builder: BuilderFees::default(),
        })
    }

    /// The same perp in growth mode, or not.
    #[must_use]
    pub const fn with_growth_mode(mut self, growth: bool) -> Self {
        self.builder.growth = growth;
        self
    }

    /// The same perp on a dex whose deployer scales fees so; 1 is usual. Says nothing on the main dex.
    ///
    /// # Errors
    /// [`InstrumentError::DeployerScale`] outside the venue's range, 0 to 3.
    pub fn with_deployer_scale(mut self, scale: f64) -> Result<Self, InstrumentError> {
        let Some(units) = BuilderFees::deployer_e4(scale) else {
            let coin = self.coin;
            return Err(InstrumentError::DeployerScale { coin, scale });
        };
        self.builder.deployer_e4 = units;
        Ok(self)
    }

    /// Whether it is in growth mode.
    #[must_use]
    pub const fn growth_mode(&self) -> bool {
        self.builder.growth
    }

    /// By how much an account's own rate is multiplied here, units of 1e-4: that of a fee, and that of
    /// a rebate. 1 and 1 on the main dex, 2 and 1 on a usual builder's.
    #[must_use]
    pub fn fee_scale_e4(&self) -> [i64; 2] {
        self.builder.scale_e4(self.coin.contains(':'))
    }

    /// What an account pays here whose own rate is `rate`, fraction of notional; a rebate is negative.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "at most 60,000")]
    pub fn fee_here(&self, rate: f64) -> f64 {
        let [fee, rebate] = self.fee_scale_e4();
        rate * (if rate > 0.0 { fee } else { rebate }) as f64 / 1e4
    }

    /// The same perp with its whole margin table, the first tier included.
    ///
    /// # Errors
    /// [`InstrumentError::MarginTiers`] unless notionals rise from 0 and leverage falls from that of
    /// the first tier.
    pub fn with_margin_tiers(mut self, tiers: &[MarginTier]) -> Result<Self, InstrumentError> {
        let falls = tiers.windows(2).all(|pair| {
            pair[0].notional_min < pair[1].notional_min
                && pair[0].max_leverage > pair[1].max_leverage
        });
        match tiers {
            [first, above @ ..]
                if falls
                    && first.notional_min == Usd::ZERO
                    && first.max_leverage == self.max_leverage
                    && tiers.iter().all(|tier| tier.max_leverage > 0) =>
            {
                self.tiers = above.to_vec();
                Ok(self)
            }
            _ => Err(InstrumentError::MarginTiers {
                coin: self.coin,
                tiers: tiers.to_vec(),
                max_leverage: self.max_leverage,
            }),
        }
    }

    /// Position notional from which a tier forbids `leverage`; `None` when none does.
    #[must_use]
    pub fn notional_max_at(&self, leverage: u32) -> Option<Usd> {
        if leverage > self.max_leverage {
            return Some(Usd::ZERO);
        }
        self.tiers
            .iter()
            .find(|tier| tier.max_leverage < leverage)
            .map(|tier| tier.notional_min)
    }

    /// Its margin table, the first tier included.
    pub fn margin_tiers(&self) -> impl Iterator<Item = MarginTier> + '_ {
        let first = MarginTier {
            notional_min: Usd::ZERO,
            max_leverage: self.max_leverage,
        };
        core::iter::once(first).chain(self.tiers.iter().copied())
    }

    /// The perp's name, case-sensitive.
    #[must_use]
    pub fn coin(&self) -> &str {
        &self.coin
    }

    /// The venue's asset number.
    #[must_use]
    pub const fn asset(&self) -> u32 {
        self.asset
    }

    /// Decimals of a size.
    #[must_use]
    pub const fn sz_decimals(&self) -> u32 {
        self.sz_decimals
    }

    /// Decimals of a price on the lattice.
    #[must_use]
    pub const fn px_decimals(&self) -> u32 {
        PRICE_AND_SIZE_DECIMALS - self.sz_decimals
    }

    /// Largest leverage of the first margin tier.
    #[must_use]
    pub const fn max_leverage(&self) -> u32 {
        self.max_leverage
    }

    /// Distance between legal prices around `px`, in lattice units: five significant figures,
    /// never finer than the lattice, never coarser than one USDC (integers are always legal).
    #[must_use]
    pub fn px_step(&self, px: Px) -> Px {
        let whole = 10_i64.pow(self.px_decimals());
        let digits =
            px.0.unsigned_abs()
                .checked_ilog10()
                .map_or(0, |log| log + 1);
        let step = 10_i64.pow(digits.saturating_sub(SIGNIFICANT_FIGURES).min(18));
        Px(step.min(whole))
    }

    /// Whether the venue accepts this price.
    #[must_use]
    pub fn is_legal_px(&self, px: Px) -> bool {
        px.0 > 0 && px.0 % self.px_step(px).0 == 0
    }

    /// The nearest legal price at or below (`Down`) or at or above (`Up`) a lattice price.
    #[must_use]
    pub fn snap_px(&self, px: Px, round: Round) -> Px {
        let step = self.px_step(px).0;
        let down = px.0.div_euclid(step) * step;
        match round {
            Round::Down => Px(down),
            Round::Up if down == px.0 => px,
            Round::Up => Px(down + step),
        }
    }

    /// The one door from a believed price in USDC to a legal price.
    ///
    /// # Errors
    /// [`InstrumentError::OutOfRange`] when `px` is not finite, not positive or beyond the lattice.
    pub fn quantize_px(&self, px: f64, round: Round) -> Result<Px, InstrumentError> {
        let lattice = scaled(px, self.px_decimals(), round, "px")?;
        Ok(self.snap_px(Px(lattice), round))
    }

    /// The one door from a believed size in coin to lots, toward zero.
    ///
    /// It floors the shortest decimal that names the float: 0.29 is 29 lots at two decimals.
    ///
    /// # Errors
    /// [`InstrumentError::OutOfRange`] when `sz` is not finite, negative or beyond the lattice.
    pub fn quantize_sz(&self, sz: f64) -> Result<Sz, InstrumentError> {
        scaled(sz, self.sz_decimals, Round::Down, "sz").map(Sz)
    }

    /// Parses a price string exactly.
    ///
    /// # Errors
    /// [`InstrumentError::Text`] when it is not a decimal on the lattice.
    pub fn parse_px(&self, text: &str) -> Result<Px, InstrumentError> {
        let decimals = self.px_decimals();
        parse_decimal(text, decimals)
            .map(Px)
            .ok_or_else(|| InstrumentError::Text {
                what: "px",
                text: text.to_owned(),
                decimals,
            })
    }

    /// Parses a size string exactly; a position may be negative.
    ///
    /// # Errors
    /// [`InstrumentError::Text`] when it is not a decimal on the lattice.
    pub fn parse_sz(&self, text: &str) -> Result<Sz, InstrumentError> {
        let decimals = self.sz_decimals;
        parse_decimal(text, decimals)
            .map(Sz)
            .ok_or_else(|| InstrumentError::Text {
                what: "sz",
                text: text.to_owned(),
                decimals,
            })
    }

    /// A price as the client writes it (`84143`, `0.18648`).
    #[must_use]
    pub fn format_px(&self, px: Px) -> String {
        format_decimal(px.0, self.px_decimals())
    }

    /// A size as the client writes it (`0.001`).
    #[must_use]
    pub fn format_sz(&self, sz: Sz) -> String {
        format_decimal(sz.0, self.sz_decimals)
    }

    /// A lattice price in USDC, as a belief.
    #[must_use]
    pub fn px_f64(&self, px: Px) -> f64 {
        px.as_f64() / self.px_scale()
    }

    /// Lots in coin, as a belief.
    #[must_use]
    pub fn sz_f64(&self, sz: Sz) -> f64 {
        sz.as_f64() / libm::exp10(f64::from(self.sz_decimals))
    }

    /// Lattice units in one USDC of price.
    #[must_use]
    pub fn px_scale(&self) -> f64 {
        libm::exp10(f64::from(self.px_decimals()))
    }
}

/// `value * 10^decimals` as an integer. Equality is judged on the shortest decimal of the float: a
/// quotient of two exact doubles is correctly rounded, so `k / 10^d == value` iff that decimal names it.
#[expect(
    clippy::cast_possible_truncation,
    reason = "range checked on the line above the cast"
)]
#[expect(clippy::cast_precision_loss, reason = "range checked: below 2^53")]
#[expect(
    clippy::float_cmp,
    reason = "the comparison is exact by the argument in the doc comment"
)]
fn scaled(
    value: f64,
    decimals: u32,
    round: Round,
    what: &'static str,
) -> Result<i64, InstrumentError> {
    let scale = 10_i64.pow(decimals) as f64;
    let nearest = libm::round(value * scale);
    if !(value.is_finite() && value >= 0.0 && nearest <= 9e15) {
        return Err(InstrumentError::OutOfRange { what, value });
    }
    let k = nearest as i64;
    let back = nearest / scale;
    Ok(match round {
        _ if back == value => k,
        Round::Down if back > value => k - 1,
        Round::Up if back < value => k + 1,
        _ => k,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn perp(sz_decimals: u32) -> Instrument {
        Instrument::new("TEST", 0, sz_decimals, 40).unwrap()
    }

    #[test]
    fn a_tier_forbids_more_leverage_than_its_own() {
        let tier = |notional_min, max_leverage| MarginTier {
            notional_min: Usd(notional_min),
            max_leverage,
        };
        let table = [
            tier(0, 40),
            tier(10_000_000_000, 25),
            tier(50_000_000_000, 10),
        ];
        let tiered = perp(5).with_margin_tiers(&table).unwrap();
        let wanted = [
            (10, None),
            (11, Some(Usd(50_000_000_000))),
            (26, Some(Usd(10_000_000_000))),
            (41, Some(Usd::ZERO)),
        ];
        for (leverage, notional_max) in wanted {
            assert_eq!(tiered.notional_max_at(leverage), notional_max, "{leverage}");
        }
        assert_eq!(perp(5).notional_max_at(40), None);
        for illegal in [
            &table[1..],
            &[tier(0, 40), tier(0, 25)],
            &[tier(0, 40), tier(5, 40)],
            &[tier(0, 20)],
            &[tier(0, 40), tier(5, 0)],
        ] {
            assert!(perp(5).with_margin_tiers(illegal).is_err(), "{illegal:?}");
        }
    }

    #[test]
    fn step_is_five_figures_and_integers_are_legal() {
        let btc = perp(5);
        assert_eq!(btc.px_step(Px(841_430)), Px(10));
        assert_eq!(btc.px_step(Px(99_995)), Px(1));
        assert_eq!(btc.px_step(Px(1_234_560)), Px(10));
        assert!(btc.is_legal_px(Px(1_050_550)));
        assert!(!btc.is_legal_px(Px(841_435)));
        assert!(!btc.is_legal_px(Px(0)));
    }

    #[test]
    fn a_bad_instrument_is_refused() {
        assert_eq!(
            Instrument::new("X", 0, 7, 1),
            Err(InstrumentError::SzDecimals(7))
        );
        assert!(Instrument::new("X", 0, 5, 0).is_err());
    }

    #[test]
    fn the_door_refuses_what_is_not_a_price() {
        for bad in [f64::NAN, f64::INFINITY, -1.0, 1e300] {
            assert!(perp(5).quantize_px(bad, Round::Down).is_err(), "{bad}");
            assert!(perp(5).quantize_sz(bad).is_err(), "{bad}");
        }
    }
}

#[cfg(test)]
mod property_tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn prop_bids_at_or_below_asks_at_or_above_within_a_step(
            px in 1e-4_f64..900_000.0, sz_decimals in 0_u32..=6,
        ) {
            let perp = Instrument::new("T", 0, sz_decimals, 10).unwrap();
            let (bid, ask) = (
                perp.quantize_px(px, Round::Down).unwrap(),
                perp.quantize_px(px, Round::Up).unwrap(),
            );
            prop_assert!(perp.px_f64(bid) <= px && px <= perp.px_f64(ask));
            prop_assert!(ask - bid <= perp.px_step(ask));
            prop_assert!(perp.is_legal_px(ask));
            prop_assert!(bid == Px::ZERO || perp.is_legal_px(bid));
            prop_assert_eq!(perp.snap_px(bid, Round::Down), bid);
            prop_assert_eq!(perp.snap_px(ask, Round::Up), ask);
        }

        #[test]
        fn prop_a_legal_price_survives_the_trip_through_f64(
            digits in 1_i64..99_999, exponent in 0_u32..=4, sz_decimals in 0_u32..=5,
        ) {
            let perp = Instrument::new("T", 0, sz_decimals, 10).unwrap();
            let px = Px(digits * 10_i64.pow(exponent));
            let believed = perp.px_f64(px);
            prop_assert_eq!(perp.quantize_px(believed, Round::Down).unwrap(), px);
            prop_assert_eq!(perp.quantize_px(believed, Round::Up).unwrap(), px);
        }

        #[test]
        fn prop_text_is_exact(lots in 0_i64..1_000_000_000, sz_decimals in 0_u32..=6) {
            let perp = Instrument::new("T", 0, sz_decimals, 10).unwrap();
            prop_assert_eq!(perp.parse_sz(&perp.format_sz(Sz(lots))).unwrap(), Sz(lots));
            prop_assert_eq!(perp.parse_px(&perp.format_px(Px(lots))).unwrap(), Px(lots));
        }
    }
}
