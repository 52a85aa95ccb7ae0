//! Random variates from a seeded stream, the same on every machine: libm, no table methods.

use core::f64::consts::TAU;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// One independent stream of chance.
#[derive(Clone, Debug)]
pub(crate) struct Dice(ChaCha8Rng);

impl Dice {
    /// Stream number `stream` of a seed.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Self(rng)
    }

    /// Uniform in (0, 1].
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit exactly")]
    pub(crate) fn uniform(&mut self) -> f64 {
        ((self.0.next_u64() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform in (low, high].
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// True with this probability.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.uniform() <= probability
    }

    /// Exponential with this mean.
    pub(crate) fn exponential(&mut self, mean: f64) -> f64 {
        -mean * libm::log(self.uniform())
    }

    /// Standard normal (Box and Muller).
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = libm::sqrt(-2.0 * libm::log(self.uniform()));
        radius * libm::cos(TAU * self.uniform())
    }

    /// Pareto: `floor * U^(-1/shape)`.
    pub(crate) fn pareto(&mut self, floor: f64, shape: f64) -> f64 {
        floor * libm::pow(self.uniform(), -1.0 / shape)
    }

    /// One of `0..n`.
    pub(crate) fn pick(&mut self, n: u16) -> u16 {
        let high = self.0.next_u64() >> 32;
        u16::try_from((high * u64::from(n)) >> 32).expect("Invariant: below n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variates_have_their_moments_and_streams_differ() {
        let mut dice = Dice::new(7, 0);
        let n = 20_000;
        let mean =
            |draw: &mut dyn FnMut() -> f64| (0..n).map(|_| draw()).sum::<f64>() / f64::from(n);
        assert!((mean(&mut || dice.uniform()) - 0.5).abs() < 0.01);
        assert!((mean(&mut || dice.exponential(3.0)) - 3.0).abs() < 0.1);
        assert!(mean(&mut || dice.normal()).abs() < 0.03);
        assert!((mean(&mut || dice.normal().powi(2)) - 1.0).abs() < 0.05);
        assert!((0..1_000).all(|_| dice.pick(3) < 3));
        assert!((Dice::new(7, 1).uniform() - Dice::new(7, 2).uniform()).abs() > 1e-9);
        assert!((Dice::new(7, 1).uniform() - Dice::new(7, 1).uniform()).abs() < 1e-15);
    }
}
