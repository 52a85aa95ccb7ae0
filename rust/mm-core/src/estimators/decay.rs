//! How much is left of what was known: `2^(-span / half_life)`; and how far a price moved, `ln(to / from)`.
//!
//! Both are asked at every touch or taker, of spans of seconds beside half-lives of many minutes and of moves of
//! a few bps. There a few terms of their series are exact to the last digit, and a third as dear as `libm`.

use core::f64::consts::LN_2;

use crate::units::Dur;

/// Up to here the sixth term, `x^6 / 720`, is below a tenth of the last digit.
const SHORT: f64 = 4e-3;

/// What is left after `span_s` seconds, 0 or more.
pub(super) fn left_after(span_s: f64, half_life_s: f64) -> f64 {
    const THIRD: f64 = 1.0 / 3.0;
    const FIFTH: f64 = 1.0 / 5.0;
    let half_lives = span_s / half_life_s;
    let x = half_lives * LN_2;
    if x < SHORT {
        1.0 - x * (1.0 - x * 0.5 * (1.0 - x * THIRD * (1.0 - x * 0.25 * (1.0 - x * FIFTH))))
    } else {
        libm::exp2(-half_lives)
    }
}

/// Up to here the eighth term of the logarithm is below the last digit.
const NEAR: f64 = 5e-3;

/// The logarithm of `to` over `from`, both above 0.
pub(super) fn log_move(from: f64, to: f64) -> f64 {
    const THIRD: f64 = 1.0 / 3.0;
    const FIFTH: f64 = 1.0 / 5.0;
    const SIXTH: f64 = 1.0 / 6.0;
    const SEVENTH: f64 = 1.0 / 7.0;
    let x = (to - from) / from;
    if libm::fabs(x) > NEAR {
        return libm::log(to / from);
    }
    let far = 0.25 - x * (FIFTH - x * (SIXTH - x * SEVENTH));
    x * (1.0 - x * (0.5 - x * (THIRD - x * far)))
}

/// What is left of many sums of which most are of one age: each age is computed once.
pub(super) struct Left {
    half_life_s: f64,
    known: (Dur, f64),
}

impl Left {
    pub(super) const fn new(half_life_s: f64) -> Self {
        Self {
            half_life_s,
            known: (Dur(0), 1.0),
        }
    }

    /// What is left after `span`; a negative one is none.
    pub(super) fn after(&mut self, span: Dur) -> f64 {
        if self.known.0 != span {
            let span_s = span.as_secs().max(0.0);
            self.known = (span, left_after(span_s, self.half_life_s));
        }
        self.known.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_spans_are_as_exact_as_long_ones() {
        for step in 0..30_000 {
            let span_s = f64::from(step) * 1e-3;
            for half_life_s in [10.0, 600.0, 1200.0, 3600.0] {
                let exact = libm::exp2(-span_s / half_life_s);
                let off = (left_after(span_s, half_life_s) / exact - 1.0).abs();
                assert!(off < 3e-16, "{span_s} s of {half_life_s} s: {off}");
            }
        }
    }

    #[test]
    fn small_moves_are_as_exact_as_large_ones() {
        for bps in -100..=100 {
            let to = 1e6 * (1.0 + f64::from(bps) * 1e-4);
            let exact = libm::log1p((to - 1e6) / 1e6);
            let off = (log_move(1e6, to) - exact).abs();
            assert!(off < 3e-16, "{bps} bps: {off}");
        }
    }

    #[test]
    fn an_age_that_comes_again_is_as_it_was() {
        let mut left = Left::new(10.0);
        for span_s in [0.0_f64, 10.0, 10.0, 0.0, 20.0, -5.0, 10.0] {
            let exact = libm::exp2(-span_s.max(0.0) / 10.0);
            assert!((left.after(Dur::from_secs(span_s)) - exact).abs() < 1e-15);
        }
    }
}
