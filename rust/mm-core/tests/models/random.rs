//! Seeded randomness of the simulated markets.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp1, Poisson, StandardNormal};

/// One stream of draws: the same seed, the same market.
pub(crate) struct Random(ChaCha8Rng);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// Between 0 and 1.
    pub(crate) fn uniform(&mut self) -> f64 {
        self.0.random()
    }

    pub(crate) fn normal(&mut self) -> f64 {
        StandardNormal.sample(&mut self.0)
    }

    /// A waiting time of a rate, 1/s.
    pub(crate) fn wait(&mut self, rate: f64) -> f64 {
        let unit: f64 = Exp1.sample(&mut self.0);
        unit / rate
    }

    pub(crate) fn poisson(&mut self, mean: f64) -> f64 {
        Poisson::new(mean).map_or(0.0, |law| law.sample(&mut self.0))
    }

    pub(crate) fn chance(&mut self, share: f64) -> bool {
        self.uniform() < share
    }
}

/// Mean and standard deviation of a sample.
#[expect(clippy::cast_precision_loss, reason = "a few thousand draws")]
pub(crate) fn mean_sd(sample: &[f64]) -> (f64, f64) {
    let n = sample.len() as f64;
    let mean = sample.iter().sum::<f64>() / n;
    let squares: f64 = sample.iter().map(|x| (x - mean) * (x - mean)).sum();
    (mean, (squares / (n - 1.0)).sqrt())
}
