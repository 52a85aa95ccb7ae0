//! A quoting model, solved once for what the market is like and used until that has moved.
//!
//! Unit size is one level's. Gamma is the one at which a full inventory moves the increasing side's first
//! level to its last one, times `risk_aversion`: a setting that means the same in every market. It is found for
//! the market as it usually is, and skew and edge then follow the market as it is: or for the one it is, and
//! then no volatility changes the skew.

use serde::Serialize;

use crate::avellaneda::Avellaneda;
use crate::glft::Glft;

/// What the market is like.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Conditions {
    /// Volatility, bps per square root of a second.
    pub sigma_bps: f64,
    /// Fill rate at zero distance, 1/s.
    pub arrival: f64,
    /// Its decay, 1/bps.
    pub kappa: f64,
}

/// What is asked of the model.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
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

/// A solution, with what it was found from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Solved {
    at: Conditions,
    /// What gamma is for.
    usual: Conditions,
    wish: Wish,
    /// Time left of a model that has an end, s.
    horizon_s: Option<f64>,
    /// Risk aversion, 1/(bps x unit).
    gamma: f64,
    /// `ln(1 + gamma/k) / gamma`: of the edge what no inventory risk is in, bps. The rest is half of the shift that a
    /// unit makes.
    riskless_bps: f64,
    /// Shift of both prices for each unit held, bps.
    skew_per_unit_bps: f64,
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
            wish: *wish,
            horizon_s: None,
            gamma,
            riskless_bps: model.edge(gamma),
            skew_per_unit_bps: skew_per_unit,
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
        let skew_per_unit = model.skew_per_unit(horizon_s);
        Self {
            at,
            usual,
            wish: *wish,
            horizon_s: Some(horizon_s),
            gamma: model.gamma,
            riskless_bps: model.edge(),
            skew_per_unit_bps: skew_per_unit,
            delta_bps: model.half_spread(horizon_s),
            skew_bps_full: skew_per_unit * wish.limit_units,
        }
    }

    /// Risk aversion, 1/(bps x unit).
    #[must_use]
    pub const fn gamma(&self) -> f64 {
        self.gamma
    }

    /// Whether it was found for just this.
    #[must_use]
    pub fn is_for(&self, at: &Conditions, usual: &Conditions) -> bool {
        self.at == *at && self.usual == *usual
    }
}
