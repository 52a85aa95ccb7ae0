//! Margin tiers: the larger a position, the less leverage and the more maintenance margin.

use mm_core::instrument::{Instrument, MarginTier};
use mm_core::units::Usd;

use super::margin::margin;

/// The margin table of a perp, lowest tier first.
#[derive(Clone, Debug)]
pub(super) struct Tiers(Vec<MarginTier>);

impl Tiers {
    pub(super) fn of(perp: &Instrument) -> Self {
        Self(perp.margin_tiers().collect())
    }

    /// Largest leverage of the first tier.
    pub(super) fn max_leverage(&self) -> u32 {
        self.0[0].max_leverage
    }

    /// Maintenance margin of a position's notional, rounded down tier by tier: half the initial
    /// margin at each tier's own leverage for the part of the notional inside it, which is
    /// `notional x rate(tier) - deduction(tier)` of HYPERLIQUID.md 1.4.
    pub(super) fn maintenance(&self, notional: Usd) -> Usd {
        let above = self.0.iter().skip(1).map(|tier| tier.notional_min);
        let ends = above.chain([Usd(i64::MAX)]);
        let parts = self.0.iter().zip(ends).map(|(tier, end)| {
            let part = (notional.min(end) - tier.notional_min).max(Usd::ZERO);
            margin(part, 2 * tier.max_leverage)
        });
        parts.sum()
    }

    /// Maintenance rate of the tier that a notional lies in, fraction.
    pub(super) fn rate(&self, notional: Usd) -> f64 {
        let inside = self.0.iter().rev();
        let mut reached = inside.filter(|tier| tier.notional_min <= notional);
        let leverage = reached
            .next()
            .map_or(self.max_leverage(), |tier| tier.max_leverage);
        1.0 / f64::from(2 * leverage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maintenance_is_the_rate_of_the_tier_minus_its_deduction() {
        let tier = |usdc: i64, max_leverage| MarginTier {
            notional_min: Usd(usdc * 1_000_000),
            max_leverage,
        };
        let perp = Instrument::new("BTC", 0, 5, 40).unwrap();
        let perp = perp.with_margin_tiers(&[tier(0, 40), tier(10_000, 25), tier(50_000, 10)]);
        let tiers = Tiers::of(&perp.unwrap());
        assert_eq!(tiers.maintenance(Usd(8_000_000_000)), Usd(100_000_000));
        // 20,000 x 2 % - 10,000 x (2 % - 1.25 %).
        assert_eq!(tiers.maintenance(Usd(20_000_000_000)), Usd(325_000_000));
        // 60,000 x 5 % - 75 - 50,000 x (5 % - 2 %).
        assert_eq!(tiers.maintenance(Usd(60_000_000_000)), Usd(1_425_000_000));
        assert!((tiers.rate(Usd(9_999_000_000)) - 0.0125).abs() < 1e-12);
        assert!((tiers.rate(Usd(10_000_000_000)) - 0.02).abs() < 1e-12);
        assert!((tiers.rate(Usd(60_000_000_000)) - 0.05).abs() < 1e-12);
    }
}
