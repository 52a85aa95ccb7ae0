//! Guéant, Lehalle and Fernandez-Tapia's asymptotic quotes. MODELS.md P1.4.

/// The closed form's parameters, in bps and units.
#[derive(Clone, Copy, Debug)]
pub struct Glft {
    /// Volatility, bps per square root of a second.
    pub sigma_bps: f64,
    /// Fill rate at zero distance, 1/s.
    pub arrival: f64,
    /// Its decay, 1/bps.
    pub kappa: f64,
}

impl Glft {
    /// `ln(1 + gamma/k) / gamma`, the edge without inventory risk, bps.
    #[must_use]
    pub fn edge(&self, gamma: f64) -> f64 {
        libm::log1p(gamma / self.kappa) / gamma
    }

    /// `sqrt(sigma^2 gamma / (2 A k) (1 + gamma/k)^(1 + k/gamma))`, the price shift per unit held, bps.
    #[must_use]
    pub fn skew_per_unit(&self, gamma: f64) -> f64 {
        let ratio = gamma / self.kappa;
        let power = libm::exp((1.0 + 1.0 / ratio) * libm::log1p(ratio));
        libm::sqrt(
            self.sigma_bps * self.sigma_bps * gamma / (2.0 * self.arrival * self.kappa) * power,
        )
    }

    /// The gamma, in 1/(bps x unit), at which one unit shifts the price by `skew_per_unit_bps`; the
    /// skew rises with gamma, so it is bracketed and bisected in log space. Bounded to 1e-9..=1e3.
    #[must_use]
    pub fn gamma_for(&self, skew_per_unit_bps: f64) -> f64 {
        let (mut low, mut high) = (libm::log(1e-9), libm::log(1e3));
        for _ in 0..48 {
            let middle = f64::midpoint(low, high);
            if self.skew_per_unit(libm::exp(middle)) < skew_per_unit_bps {
                low = middle;
            } else {
                high = middle;
            }
        }
        libm::exp(f64::midpoint(low, high))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_spread_is_not_monotone_in_gamma() {
        // MODELS.md P1.4: sigma 0.05, k 1.16, A 0.071 gives 0.869 at gamma 0.01 and 0.742 at 1.
        let model = Glft {
            sigma_bps: 0.05,
            arrival: 0.071,
            kappa: 1.16,
        };
        let half = |gamma: f64| model.edge(gamma) + model.skew_per_unit(gamma) / 2.0;
        assert!((half(0.01) - 0.869).abs() < 5e-4, "{}", half(0.01));
        assert!((half(1.0) - 0.742).abs() < 5e-4, "{}", half(1.0));
    }

    #[test]
    fn more_sigma_or_less_arrival_widens() {
        // At one gamma: the reference gamma itself moves with the parameters.
        let half = |change: fn(&mut Glft)| {
            let mut model = Glft {
                sigma_bps: 0.6,
                arrival: 0.1,
                kappa: 0.7,
            };
            change(&mut model);
            model.edge(0.05) + model.skew_per_unit(0.05) / 2.0
        };
        let base = half(|_| {});
        assert!(half(|m| m.sigma_bps = 0.9) > base);
        assert!(half(|m| m.arrival = 0.05) > base);
        assert!(half(|m| m.kappa = 0.5) > base);
    }
}
