//! Avellaneda and Stoikov's quotes (2008, equations 29 and 30): the finite-horizon relative of GLFT's.
//!
//! `r = s - q gamma sigma^2 (T - t)` is what the price is worth to whoever holds `q` units with `T - t` left, and
//! `gamma sigma^2 (T - t) + (2 / gamma) ln(1 + gamma / k)` the whole spread around it. A market that never closes
//! has no end: there the time left is a horizon that moves along with it.

/// The model's parameters, in any one unit of price and of time.
#[derive(Clone, Copy, Debug)]
pub struct Avellaneda {
    /// Volatility, price per square root of time.
    pub sigma: f64,
    /// Decay of the fill rate, 1/price.
    pub kappa: f64,
    /// Risk aversion, 1/(price x unit).
    pub gamma: f64,
}

impl Avellaneda {
    /// How far a unit held shifts both prices with `left` to go.
    #[must_use]
    pub fn skew_per_unit(&self, left: f64) -> f64 {
        self.gamma * self.sigma * self.sigma * left
    }

    /// Half of the spread with `left` to go; inventory is not in it.
    #[must_use]
    pub fn half_spread(&self, left: f64) -> f64 {
        self.skew_per_unit(left) / 2.0 + self.edge()
    }

    /// `ln(1 + gamma/k) / gamma`: the part of it without inventory risk.
    #[must_use]
    pub fn edge(&self) -> f64 {
        libm::log1p(self.gamma / self.kappa) / self.gamma
    }
}
