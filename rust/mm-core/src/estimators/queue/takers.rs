//! How likely a fill is, from the size ahead and from the takers that come.
//!
//! Takers reach the price at a rate `lambda`. A share goes on through it, which nothing ahead prevents. The
//! others stop there, each after an exponential size of mean `m`; meanwhile each lot ahead is cancelled at a
//! rate `c`. On the axis of the queue takers then move from point to point of a Poisson process of `Q / m`
//! points, each of which a cancel removes at the rate `c`: with `K` points left the next one goes at the rate
//! `lambda + c K`, and a taker who finds none is ours. The time to the fill is a sum of exponentials of the rates
//! `lambda + c j`, `j = 0..=K`, which is `-ln(Beta(lambda / c, K + 1)) / c`, so that
//!
//! ```text
//! P(fill within h) = P(Poisson(Q / m) < NegativeBinomial(lambda / c, exp(-c h)))
//! ```
//!
//! exact for exponential sizes and cancels spread evenly; without cancels the second law is `Poisson(lambda h)`.

/// Points ahead and takers from which on a normal law stands for the sums.
const MANY: f64 = 300.0;
/// Cancels a lot and horizon below which there are none.
const NO_CANCELS: f64 = 1e-9;

/// The takers that come to a price, and what becomes of the queue there meanwhile.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Takers {
    /// That reach the price, 1/s.
    pub rate_per_s: f64,
    /// Share of them that go on through it, 0..=1.
    pub through: f64,
    /// Mean lots that one takes at the price where it stops, positive.
    pub stop_lots: f64,
    /// Rate at which each lot that waits is cancelled, 1/s.
    pub cancels_per_s: f64,
}

impl Takers {
    /// That an order behind `ahead` lots is met within `horizon_s`.
    #[must_use]
    pub fn probability(&self, ahead_lots: f64, horizon_s: f64) -> f64 {
        let through = self.through * self.rate_per_s * horizon_s;
        let missed = libm::exp(-through) * (1.0 - self.at_the_price(ahead_lots, horizon_s));
        1.0 - missed
    }

    /// The share of takers that reach the price who meet an order behind `ahead` lots.
    #[must_use]
    pub fn share(&self, ahead_lots: f64) -> f64 {
        self.through + (1.0 - self.through) * libm::exp(-ahead_lots / self.stop_lots)
    }

    /// A fill within `horizon_s` against that of an order with nobody ahead, 0..=1; with nothing to come, the
    /// share of the first taker.
    #[must_use]
    pub fn worth(&self, ahead_lots: f64, horizon_s: f64) -> f64 {
        let first = self.probability(0.0, horizon_s);
        if first > 1e-12 {
            self.probability(ahead_lots, horizon_s) / first
        } else {
            self.share(ahead_lots)
        }
    }

    /// By takers that stop at the price alone.
    fn at_the_price(&self, ahead_lots: f64, horizon_s: f64) -> f64 {
        let rate = (1.0 - self.through) * self.rate_per_s;
        let points = ahead_lots.max(0.0) / self.stop_lots;
        let (mean, cancels) = (rate * horizon_s, self.cancels_per_s * horizon_s);
        if mean <= 0.0 {
            return 0.0;
        }
        if points > MANY || mean > MANY {
            return normal(points, mean, cancels);
        }
        1.0 - missed(points, mean, cancels)
    }
}

/// `P(NegativeBinomial <= Poisson(points))`, the former with `cancels -> 0` a Poisson of `mean`.
///
/// The negative binomial's terms are `exp(-mean) prod (mean + j cancels) / (j + 1) x (1 - exp(-cancels)) / cancels`.
fn missed(points: f64, mean: f64, cancels: f64) -> f64 {
    let step = if cancels < NO_CANCELS {
        1.0
    } else {
        -libm::expm1(-cancels) / cancels
    };
    let (mut gone, mut ahead) = (libm::exp(-mean), libm::exp(-points));
    // Probability that at least so many points are ahead.
    let (mut at_least, mut sum, mut index) = (1.0, 0.0, 0.0);
    let last = points + 10.0 * libm::sqrt(points) + 20.0;
    while index < last {
        sum += gone * at_least;
        at_least = (at_least - ahead).max(0.0);
        gone *= (mean + index * cancels) / (index + 1.0) * step;
        index += 1.0;
        ahead *= points / index;
    }
    sum.clamp(0.0, 1.0)
}

/// The same for many: both sums are nearly normal.
fn normal(points: f64, mean: f64, cancels: f64) -> f64 {
    let cancels = cancels.min(MANY);
    let grown = if cancels < NO_CANCELS {
        mean
    } else {
        mean * libm::expm1(cancels) / cancels
    };
    let sd = libm::sqrt(grown * libm::exp(cancels) + points);
    let z = (grown - points) / sd;
    0.5 * libm::erfc(-z / core::f64::consts::SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAKERS: Takers = Takers {
        rate_per_s: 0.2,
        through: 0.0,
        stop_lots: 100.0,
        cancels_per_s: 0.0,
    };

    /// Nobody ahead: any taker. One mean size ahead and two takers expected, summed by hand.
    #[test]
    fn a_probability_by_hand() {
        assert!((TAKERS.probability(0.0, 10.0) - (1.0 - libm::exp(-2.0))).abs() < 1e-12);
        let mut by_hand = 0.0;
        let poisson = |mean: f64, n: u32| {
            (1..=n).fold(libm::exp(-mean), |term, k| term * mean / f64::from(k))
        };
        for takers in 0..60 {
            for points in 0..takers {
                by_hand += poisson(2.0, takers) * poisson(1.0, points);
            }
        }
        assert!((TAKERS.probability(100.0, 10.0) - by_hand).abs() < 1e-9);
    }

    /// Whoever goes through clears the queue; more ahead is never better, cancels never worse.
    #[test]
    fn it_falls_with_what_is_ahead_and_rises_with_cancels_and_with_those_who_go_through() {
        let cancelled = Takers {
            cancels_per_s: 0.1,
            ..TAKERS
        };
        let through = Takers {
            through: 0.5,
            ..TAKERS
        };
        let mut last = 1.0;
        for ahead in [0.0, 10.0, 100.0, 1e3, 1e4, 2.9e4, 3.1e4, 1e6] {
            let plain = TAKERS.probability(ahead, 30.0);
            assert!((0.0..=last).contains(&plain), "{ahead}: {plain} of {last}");
            assert!(cancelled.probability(ahead, 30.0) >= plain - 1e-12);
            assert!(through.probability(ahead, 30.0) >= 1.0 - libm::exp(-3.0) - 1e-12);
            last = plain;
        }
        assert!(
            (through.share(1e9) - 0.5).abs() < 1e-12 && (TAKERS.share(0.0) - 1.0).abs() < 1e-12
        );
        assert!((TAKERS.worth(0.0, 30.0) - 1.0).abs() < 1e-12);
    }

    /// Both ways to sum agree where one takes over from the other.
    #[test]
    fn many_are_nearly_normal() {
        for cancels in [0.0, 0.7] {
            for (points, mean) in [(290.0, 290.0), (290.0, 250.0), (200.0, 230.0)] {
                let exact = 1.0 - missed(points, mean, cancels);
                let about = normal(points, mean, cancels);
                assert!(
                    (exact - about).abs() < 0.02,
                    "{points} {mean}: {exact} {about}"
                );
            }
        }
    }
}
