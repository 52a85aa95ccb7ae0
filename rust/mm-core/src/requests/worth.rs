//! What an order is expected to earn until it has to be looked at again, in USDC.
//!
//! `value = notional x (depth + relief - costs) x A exp(-k depth) x horizon`: what a fill captures, times
//! how many there will be. The fill rate is the quoting model's own. An order that has rested holds a
//! place in the queue: it is worth up to twice a new one at its price.

use crate::learned::Learned;
use crate::units::{Px, Side, Sz};

/// Longest and shortest horizon, s.
const HORIZON_S: (f64, f64) = (1.0, 60.0);

/// What the value of an order depends on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Worth {
    /// Our estimate of price, lattice units, positive.
    pub fair_px: f64,
    /// Our maker fee, bps.
    pub maker_fee_bps: f64,
    /// Fill intensity and adverse selection.
    pub learned: Learned,
    /// What a fill of `[bid, ask]` is worth beyond its price: the skew on the reducing side, bps.
    pub relief_bps: [f64; 2],
    /// How long a change matters, s: see [`horizon_s`].
    pub horizon_s: f64,
}

impl Worth {
    /// From the fair price outward, bps.
    fn depth_bps(&self, side: Side, px: Px) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "sign is -1 or 1")]
        let inward = side.sign() as f64;
        (1.0 - px.as_f64() / self.fair_px) * inward * 1e4
    }

    /// What a fill at `px` captures over its costs at the present fair price, bps.
    #[must_use]
    pub fn capture_bps(&self, side: Side, px: Px) -> f64 {
        let depth_bps = self.depth_bps(side, px);
        let costs_bps = self.maker_fee_bps + self.learned.adverse_bps(side, depth_bps);
        depth_bps + self.relief_bps[side.index()] - costs_bps
    }

    /// What an order at `px` for `sz` is expected to earn over the horizon; negative inside its costs.
    #[must_use]
    pub fn value_usd(&self, side: Side, px: Px, sz: Sz) -> f64 {
        let capture_bps = self.capture_bps(side, px);
        let rate = self
            .learned
            .fill_rate_per_s(self.depth_bps(side, px).max(0.0));
        (px * sz).as_usd() * capture_bps / 1e4 * rate * self.horizon_s
    }

    /// The same of an order that has rested for `age_s`: its place in the queue is part of it.
    #[must_use]
    pub fn resting_usd(&self, side: Side, px: Px, sz: Sz, age_s: f64) -> f64 {
        let value = self.value_usd(side, px, sz);
        let age_s = age_s.max(0.0);
        let queue = age_s / (age_s + self.horizon_s);
        value + value.max(0.0) * queue
    }
}

/// How long a change matters, s: the time in which the price moves by the tolerance, `(tolerance/sigma)^2`,
/// and the orders are looked at again; 1 to 60 s, the latter while volatility is unknown.
#[must_use]
pub fn horizon_s(tolerance_bps: f64, sigma_bps: Option<f64>) -> f64 {
    let (least, most) = HORIZON_S;
    sigma_bps
        .filter(|sigma| *sigma > 0.0)
        .map_or(most, |sigma| {
            let moves = tolerance_bps / sigma;
            (moves * moves).clamp(least, most)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learned::CostCurve;

    const WORTH: Worth = Worth {
        fair_px: 1e6,
        maker_fee_bps: 1.5,
        learned: Learned {
            arrival_per_s: 0.1,
            kappa_per_bps: 0.7,
            adverse: [CostCurve::flat(0.5); 2],
        },
        relief_bps: [0.0; 2],
        horizon_s: 4.0,
    };

    /// 0.001 BTC, 4 bps below 100,000: 99.96 USDC x 2 bps x 0.1 exp(-2.8) x 4 s.
    #[test]
    fn a_value_by_hand() {
        let value = WORTH.value_usd(Side::Bid, Px(999_600), Sz(100));
        assert!(
            (value - 99.96 * 2e-4 * 0.1 * libm::exp(-2.8) * 4.0).abs() < 1e-9,
            "{value}"
        );
        let mirror = WORTH.value_usd(Side::Ask, Px(1_000_400), Sz(100));
        assert!((mirror / value - 1.0).abs() < 1e-3);
        assert!(WORTH.value_usd(Side::Ask, Px(1_000_100), Sz(100)) < 0.0);
    }

    #[test]
    fn the_queue_is_worth_up_to_as_much_again() {
        let rested = |age_s| WORTH.resting_usd(Side::Bid, Px(999_600), Sz(100), age_s);
        let new = WORTH.value_usd(Side::Bid, Px(999_600), Sz(100));
        assert!((rested(0.0) - new).abs() < 1e-15);
        assert!((rested(4.0) - 1.5 * new).abs() < 1e-12);
        assert!(rested(1e9) < 2.0 * new && rested(1e9) > 1.99 * new);
        let wrong = WORTH.value_usd(Side::Bid, Px(999_900), Sz(100));
        assert!((WORTH.resting_usd(Side::Bid, Px(999_900), Sz(100), 1e9) - wrong).abs() < 1e-15);
    }

    #[test]
    fn a_horizon_is_the_time_of_a_tolerance() {
        assert!((horizon_s(1.2, Some(0.6)) - 4.0).abs() < 1e-12);
        assert!((horizon_s(1.2, Some(60.0)) - 1.0).abs() < 1e-12);
        assert!((horizon_s(1.2, Some(0.001)) - 60.0).abs() < 1e-12);
        assert!((horizon_s(1.2, None) - 60.0).abs() < 1e-12);
        assert!((horizon_s(0.0, Some(0.0)) - 60.0).abs() < 1e-12);
    }
}
