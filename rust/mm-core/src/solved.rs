//! A quoting model, solved once for what the market is like and used until that has moved.
//!
//! Unit size is one level's. Gamma is the one at which a full inventory moves the increasing side's first
//! level to its last one, times `risk_aversion`: a setting that means the same in every market. It is found for
//! the market as it usually is, and skew and edge then follow the market as it is: or for the one it is, and
//! then no volatility changes the skew.

use crate::avellaneda::Avellaneda;
use crate::glft::Glft;

/// What the market is like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conditions {
    /// Volatility, bps per square root of a second.
    pub sigma_bps: f64,
    /// Fill rate at zero distance, 1/s.
    pub arrival: f64,
    /// Its decay, 1/bps.
    pub kappa: f64,
}

/// What is asked of the model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wish {
    /// From a ladder's first level to its last, bps.
    pub span_bps: f64,
    /// The limit in levels' sizes.
    pub limit_units: f64,
    /// Times the gamma of that.
    pub risk_aversion: f64,
}

impl Wish {
    fn skew_per_unit_bps(&self) -> f64 {
        self.span_bps / self.limit_units.max(1.0)
    }
}

/// A solution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Solved {
    at: Conditions,
    /// What gamma is for.
    usual: Conditions,
    /// Edge above costs without inventory, bps.
    pub(crate) delta_bps: f64,
    /// Shift of both prices at full inventory, bps.
    pub(crate) skew_bps_full: f64,
}

impl Solved {
    /// GLFT's asymptotic quotes.
    #[must_use]
    pub fn glft(at: Conditions, usual: Conditions, wish: &Wish) -> Self {
        let of = |market: Conditions| Glft {
            sigma_bps: market.sigma_bps,
            arrival: market.arrival,
            kappa: market.kappa,
        };
        let model = of(at);
        let gamma = wish.risk_aversion * of(usual).gamma_for(wish.skew_per_unit_bps());
        let skew_per_unit = model.skew_per_unit(gamma);
        Self {
            at,
            usual,
            delta_bps: model.edge(gamma) + skew_per_unit / 2.0,
            skew_bps_full: skew_per_unit * wish.limit_units,
        }
    }

    /// Avellaneda and Stoikov's with always `horizon_s` to go.
    #[must_use]
    pub fn avellaneda(at: Conditions, usual: Conditions, wish: &Wish, horizon_s: f64) -> Self {
        let variance = usual.sigma_bps * usual.sigma_bps * horizon_s;
        let model = Avellaneda {
            sigma: at.sigma_bps,
            kappa: at.kappa,
            gamma: wish.risk_aversion * wish.skew_per_unit_bps() / variance,
        };
        Self {
            at,
            usual,
            delta_bps: model.half_spread(horizon_s),
            skew_bps_full: model.skew_per_unit(horizon_s) * wish.limit_units,
        }
    }

    /// Whether it was found for just this.
    #[must_use]
    pub fn is_for(&self, at: &Conditions, usual: &Conditions) -> bool {
        self.at == *at && self.usual == *usual
    }
}
