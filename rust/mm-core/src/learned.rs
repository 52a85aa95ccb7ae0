//! What every price and size rests on: fill intensity and adverse selection, assumed or measured.
//!
//! Each measured value is pulled to the assumed one, which is worth `shrink_n0` observations (MODELS.md c,
//! rule 6): where nothing was seen it is the assumption, and chance does not become a price.

use serde::{Deserialize, Serialize};

use crate::estimators::adverse::{Cost, DEPTHS, DEPTHS_BPS};
use crate::estimators::intensity::Fit;
use crate::quote::QuotingConfig;
use crate::reference::Reference;
use crate::units::Side;

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// From the configuration.
    Assumed,
    /// From the public tape, pulled to the configuration's value.
    Tape,
    /// The tape's, shifted by what our own fills cost beside it.
    Own,
}

/// Where the fill intensity comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntensitySource {
    /// From the configuration.
    Assumed,
    /// From the takers of the public tape, pulled to the configuration's values.
    Tape,
    /// From our own time at each distance and fills there, with the tape's as their prior.
    Own,
}

/// What quotes are centred on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FairPrice {
    /// The middle of the touch.
    Mid,
    /// The touch weighted by the opposite side's size.
    Weighted,
    /// Where the mid goes from there, as it went before: the micro-price.
    Micro,
}

/// What market the gamma of `risk_aversion` is found for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GammaAt {
    /// The present one: at full inventory the skew is the same in every market.
    Present,
    /// The one of a usual hour, at the assumed arrival rate: skew and edge follow what is measured.
    Usual,
}

/// What becomes of a side whose increasing quotes would stand where a loss is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoEdge {
    /// It is quoted all the same, and shown.
    Quote,
    /// It stands at the nearest distance where none is shown, or back where there is none.
    StandBack,
}

/// Which models speak, and how long they remember.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each model is switched on by itself"
)]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelsConfig {
    /// What quotes are centred on.
    pub fair_price: FairPrice,
    /// Where the fill intensity comes from.
    pub intensity: IntensitySource,
    /// Half-life of its memory, s.
    pub intensity_half_life_s: f64,
    /// Where the adverse selection comes from.
    pub adverse_selection: Source,
    /// Half-life of its memory, s.
    pub adverse_half_life_s: f64,
    /// Observations that what is assumed is worth.
    pub shrink_n0: f64,
    /// What becomes of a side that would increase where a loss is shown.
    pub no_edge: NoEdge,
    /// What market gamma is found for.
    pub gamma_at: GammaAt,
    /// Whether an order's place in its queue is estimated and is part of its worth.
    pub queue: bool,
    /// Whether sizes and the pace of requoting follow the regime.
    pub regime: bool,
    /// What sizes are multiplied by in a lively market, above 0, at most 1.
    pub lively_size_frac: f64,
    /// The same in a wild one.
    pub wild_size_frac: f64,
    /// Whether prices and limit go by funding.
    pub funding: bool,
    /// The largest shift of the reservation price by funding, bps.
    pub funding_max_bps: f64,
    /// How long before the hour its payment counts against the limit, s.
    pub funding_reserve_s: f64,
    /// What the requote tolerance is divided by in a calm market.
    pub calm_refresh_ratio: f64,
    /// The same in a lively one.
    pub lively_refresh_ratio: f64,
    /// The same in a wild one.
    pub wild_refresh_ratio: f64,
    /// A price that ours may follow.
    pub reference: Reference,
    /// Whether the fair price moves by what the reference predicts.
    pub lead: bool,
    /// Whether it moves by what the order flow at the touch predicts.
    pub ofi: bool,
    /// Half-life of what these two remember, s.
    pub shift_half_life_s: f64,
    /// Half-life of the average that the reference's basis is measured from, s.
    pub basis_half_life_s: f64,
    /// Age from which the reference counts as gone, s.
    pub reference_stale_s: f64,
}

/// Steps to where a distance covers its own cost; more are a cost that rises as fast as distance does.
const COVER_STEPS: usize = 64;
/// Fills that do not fall with the distance have no best quote: the least decay that prices, 1/bps.
const KAPPA_LEAST: f64 = 0.01;

/// The cost of a fill by distance: does not fall with it, and is what it is last beyond the last one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CostCurve([f64; DEPTHS]);

impl CostCurve {
    /// The same everywhere, bps.
    #[must_use]
    pub const fn flat(bps: f64) -> Self {
        Self([bps; DEPTHS])
    }

    /// A measured curve pulled to a prior of `prior_bps` that is worth `n0` moves. Where nothing came it is as
    /// it was before. It may lie below 0 until it is [`shifted`](Self::shifted).
    #[must_use]
    pub fn measured(curve: &[Option<Cost>; DEPTHS], prior_bps: f64, n0: f64) -> Self {
        let mut least = f64::MIN;
        Self(core::array::from_fn(|index| {
            let shrunk = curve[index].map_or(prior_bps, |cost| cost.shrunk_bps(prior_bps, n0));
            least = least.max(shrunk);
            least
        }))
    }

    /// The same everywhere dearer by `by_bps`, and only then nowhere below 0.
    #[must_use]
    pub fn shifted(self, by_bps: f64) -> Self {
        Self(self.0.map(|bps| (bps + by_bps).max(0.0)))
    }

    /// The cost at a distance, bps.
    #[must_use]
    pub fn at(&self, depth_bps: f64) -> f64 {
        let above = DEPTHS_BPS.iter().position(|depth| *depth >= depth_bps);
        let Some(above) = above else {
            return self.0[DEPTHS - 1];
        };
        let Some(below) = above.checked_sub(1) else {
            return self.0[0];
        };
        let (near, far) = (DEPTHS_BPS[below], DEPTHS_BPS[above]);
        let share = (depth_bps - near) / (far - near);
        self.0[below] + share * (self.0[above] - self.0[below])
    }

    /// The cost at the nearest distance that covers it and `others_bps`, bps.
    ///
    /// From below: each step pays for the cost where the last one came to, so the first distance that covers
    /// its own cost is found and none beyond it. Costs have a largest value, so there is one.
    #[must_use]
    pub fn covered(&self, others_bps: f64) -> f64 {
        let mut cost_bps = self.at(others_bps);
        for _ in 0..COVER_STEPS {
            let next = self.at(others_bps + cost_bps);
            if next - cost_bps < 1e-6 {
                return next;
            }
            cost_bps = next;
        }
        cost_bps
    }
}

/// Intensity and adverse selection, as they are used.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Learned {
    /// Fill rate at no distance, `A`, 1/s.
    pub arrival_per_s: f64,
    /// Its decay with distance, `k`, 1/bps.
    pub kappa_per_bps: f64,
    /// Cost of a fill of our `[bids, asks]`.
    pub adverse: [CostCurve; 2],
}

impl Learned {
    /// What the configuration assumes.
    #[must_use]
    pub const fn assumed(quoting: &QuotingConfig) -> Self {
        Self {
            arrival_per_s: quoting.arrival_per_s,
            kappa_per_bps: quoting.kappa_per_bps,
            adverse: [CostCurve::flat(quoting.adverse_selection_bps); 2],
        }
    }

    /// The same with an intensity fitted on both sides: the model quotes one of both, the mean of `log A` and of
    /// `k`, each pulled to what is assumed.
    #[must_use]
    pub fn with_intensity(self, fits: [Fit; 2], n0: f64) -> Self {
        let pulled = |value: fn(&Fit) -> f64, assumed: f64| {
            let sides = fits.map(|fit| (fit.n * value(&fit) + n0 * assumed) / (fit.n + n0));
            f64::midpoint(sides[0], sides[1])
        };
        let log_arrival = pulled(|fit| fit.log_arrival, libm::log(self.arrival_per_s));
        Self {
            arrival_per_s: libm::exp(log_arrival),
            kappa_per_bps: pulled(|fit| fit.kappa, self.kappa_per_bps).max(KAPPA_LEAST),
            ..self
        }
    }

    /// Expected fills per second of one order at `depth_bps` from fair: `A exp(-k depth)`.
    #[must_use]
    pub fn fill_rate_per_s(&self, depth_bps: f64) -> f64 {
        self.arrival_per_s * libm::exp(-self.kappa_per_bps * depth_bps)
    }

    /// What a fill at a distance on a side costs by the move against it, bps.
    #[must_use]
    pub fn adverse_bps(&self, side: Side, depth_bps: f64) -> f64 {
        self.adverse[side.index()].at(depth_bps)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::units::Time;

    pub(crate) const CONFIG: ModelsConfig = ModelsConfig {
        fair_price: FairPrice::Mid,
        intensity: IntensitySource::Assumed,
        intensity_half_life_s: 1200.0,
        adverse_selection: Source::Assumed,
        adverse_half_life_s: 3600.0,
        shrink_n0: 100.0,
        no_edge: NoEdge::Quote,
        gamma_at: GammaAt::Present,
        queue: false,
        regime: false,
        lively_size_frac: 0.7,
        wild_size_frac: 0.4,
        calm_refresh_ratio: 0.7,
        lively_refresh_ratio: 1.3,
        wild_refresh_ratio: 2.0,
        funding: false,
        funding_max_bps: 5.0,
        funding_reserve_s: 600.0,
        reference: Reference::Off,
        lead: false,
        ofi: false,
        shift_half_life_s: 1800.0,
        basis_half_life_s: 2.0,
        reference_stale_s: 5.0,
    };

    fn cost(mean_bps: f64, n: f64) -> Cost {
        Cost {
            mean_bps,
            se_bps: 1.0,
            n,
            as_of: Time::ZERO,
        }
    }

    #[test]
    fn what_nobody_saw_is_what_is_assumed() {
        let curve = CostCurve::measured(&[None; DEPTHS], 0.5, 100.0);
        assert_eq!(curve, CostCurve::flat(0.5));
    }

    /// A hundred moves count as much as the prior; below nothing no cost goes, and none falls with depth.
    #[test]
    fn a_measured_curve_is_pulled_kept_above_zero_and_rising() {
        let mut seen = [None; DEPTHS];
        let known = [cost(-3.0, 1e9), cost(4.5, 100.0), cost(1.0, 1e9)];
        for (seen, known) in seen.iter_mut().zip(known) {
            *seen = Some(known);
        }
        let measured = CostCurve::measured(&seen, 0.5, 100.0);
        let curve = measured.shifted(0.0);
        let at = |depth: f64| curve.at(depth);
        assert!(at(0.0).abs() < 1e-6, "{curve:?}");
        assert!((at(0.5) - 2.5).abs() < 1e-6 && (at(1.0) - 2.5).abs() < 1e-6);
        assert!((at(0.25) - 1.25).abs() < 1e-6 && (at(500.0) - 2.5).abs() < 1e-6);
        // A shift is of the curve as it was measured: what is below nothing is not lifted first.
        assert!(measured.shifted(2.0).at(0.0).abs() < 1e-6);
        assert!((measured.shifted(4.0).at(0.0) - 1.0).abs() < 1e-5);
        assert!((measured.shifted(-1.0).at(0.5) - 1.5).abs() < 1e-6);
    }

    /// 2 bps of fee and edge: at 2 bps the cost is 4.5, so 6.5 have to be covered, where it is 6, and so on.
    #[test]
    fn a_distance_pays_for_the_cost_where_it_stands() {
        let mut seen = [None; DEPTHS];
        for (index, depth) in DEPTHS_BPS.into_iter().enumerate() {
            seen[index] = Some(cost(3.0 + 0.75 * depth.min(10.0), 1e12));
        }
        let curve = CostCurve::measured(&seen, 0.5, 100.0);
        let cost = curve.covered(2.0);
        assert!(
            (cost - curve.at(2.0 + cost)).abs() < 1e-5 && (cost - 10.5).abs() < 1e-3,
            "{cost}"
        );
        assert!((CostCurve::flat(0.5).covered(2.0) - 0.5).abs() < 1e-12);
    }
}
