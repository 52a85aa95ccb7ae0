//! What is taken on a builder's dex (HIP-3), beside an account's own rates.
//!
//! Source: the venue's fee schedule: with a deployer's scale `d` a fee is `1 + d` times the account's
//! below 1 and `2 d` times from there on; no deployer shares in a rebate. In growth mode a tenth is left
//! of either.

use serde::{Deserialize, Serialize};

/// One, in units of 1e-4.
const ONE: i64 = 10_000;
/// Largest fee scale of a deployer.
const DEPLOYER_MAX: f64 = 3.0;
/// What growth mode divides by.
const GROWTH: i64 = 10;

/// Of one perp. On the main dex it says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BuilderFees {
    /// The deployer's fee scale, units of 1e-4.
    pub(crate) deployer_e4: i64,
    /// Whether the perp is in growth mode.
    pub(crate) growth: bool,
}

impl Default for BuilderFees {
    fn default() -> Self {
        Self {
            deployer_e4: ONE,
            growth: false,
        }
    }
}

impl BuilderFees {
    /// Whether it is as usual, so that nobody has to say it.
    pub(crate) fn is_usual(&self) -> bool {
        *self == Self::default()
    }

    /// A deployer's scale in units of 1e-4; `None` outside the venue's range.
    #[expect(clippy::cast_possible_truncation, reason = "at most 30,000")]
    pub(crate) fn deployer_e4(scale: f64) -> Option<i64> {
        let legal = (0.0..=DEPLOYER_MAX).contains(&scale);
        legal.then(|| libm::round(scale * 1e4) as i64)
    }

    /// What an account's fee, and its rebate, is multiplied by, units of 1e-4.
    pub(crate) const fn scale_e4(self, on_builders_dex: bool) -> [i64; 2] {
        let fee = if !on_builders_dex {
            ONE
        } else if self.deployer_e4 < ONE {
            ONE + self.deployer_e4
        } else {
            2 * self.deployer_e4
        };
        let left = if self.growth { GROWTH } else { 1 };
        [fee / left, ONE / left]
    }
}

#[cfg(test)]
mod tests {
    use crate::instrument::Instrument;

    fn named(coin: &str) -> Instrument {
        Instrument::new(coin, 0, 2, 10).unwrap()
    }

    #[test]
    fn a_builder_takes_as_much_again_and_growth_mode_leaves_a_tenth() {
        let on = |scale: f64| named("xyz:TSLA").with_deployer_scale(scale).unwrap();
        for (perp, scales) in [
            (named("BTC"), [10_000, 10_000]),
            (
                named("BTC").with_deployer_scale(2.0).unwrap(),
                [10_000, 10_000],
            ),
            (named("xyz:TSLA"), [20_000, 10_000]),
            (on(0.0), [10_000, 10_000]),
            (on(0.5), [15_000, 10_000]),
            (on(3.0), [60_000, 10_000]),
            (on(1.0).with_growth_mode(true), [2_000, 1_000]),
        ] {
            assert_eq!(perp.fee_scale_e4(), scales, "{perp:?}");
        }
        let grows = named("xyz:TSLA").with_growth_mode(true);
        for (rate, here) in [(1.5, 0.3), (-0.5, -0.05)] {
            assert!((grows.fee_here(rate) - here).abs() < 1e-12, "{rate}");
        }
        for scale in [-0.1, 3.1, f64::NAN] {
            let refused = named("xyz:TSLA").with_deployer_scale(scale);
            assert!(refused.unwrap_err().to_string().contains("expected 0 to 3"));
        }
    }

    #[test]
    fn a_log_says_it_of_a_perp_that_is_unusual_alone() {
        let text = serde_json::to_string(&named("xyz:TSLA")).unwrap();
        assert!(!text.contains("builder"), "{text}");
        let grows = named("xyz:TSLA").with_growth_mode(true);
        let text = serde_json::to_string(&grows).unwrap();
        assert_eq!(serde_json::from_str::<Instrument>(&text).unwrap(), grows);
    }
}
