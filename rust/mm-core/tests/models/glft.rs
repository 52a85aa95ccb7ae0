//! Comparative statics of GLFT's closed form: those that are true, and the one that is not.

use mm_core::glft::Glft;
use proptest::prelude::*;

fn model(sigma_bps: f64, arrival: f64, kappa: f64) -> Glft {
    Glft {
        sigma_bps,
        arrival,
        kappa,
    }
}

/// Half-spread without inventory.
fn half_spread(model: &Glft, gamma: f64) -> f64 {
    model.edge(gamma) + model.skew_per_unit(gamma) / 2.0
}

proptest! {
    #[test]
    fn prop_the_half_spread_and_the_skew_move_as_they_must(
        sigma in 0.01_f64..20.0, arrival in 0.001_f64..10.0, kappa in 0.05_f64..5.0,
        log_gamma in -8.0_f64..2.0, up in 1.01_f64..3.0,
    ) {
        let gamma = libm::exp(log_gamma);
        let base = model(sigma, arrival, kappa);
        let (half, skew) = (half_spread(&base, gamma), base.skew_per_unit(gamma));
        let wilder = model(sigma * up, arrival, kappa);
        prop_assert!(half_spread(&wilder, gamma) > half && wilder.skew_per_unit(gamma) > skew);
        let busier = model(sigma, arrival * up, kappa);
        prop_assert!(half_spread(&busier, gamma) < half && busier.skew_per_unit(gamma) < skew);
        let flatter = model(sigma, arrival, kappa / up);
        prop_assert!(half_spread(&flatter, gamma) > half);
        prop_assert!(base.skew_per_unit(gamma * up) > skew);
        prop_assert!(base.edge(gamma * up) < base.edge(gamma));
        // Prices in other units: every distance scales, and nothing else.
        let scaled = model(sigma * up, arrival, kappa / up);
        let ratio = half_spread(&scaled, gamma / up) / half;
        prop_assert!((ratio / up - 1.0).abs() < 1e-9, "{ratio}");
        // Time in other units: nothing.
        let slower = model(sigma / up.sqrt(), arrival / up, kappa);
        prop_assert!((half_spread(&slower, gamma) / half - 1.0).abs() < 1e-9);
    }

    #[test]
    fn prop_gamma_for_gives_the_skew_that_was_asked(
        sigma in 0.01_f64..20.0, arrival in 0.001_f64..10.0, kappa in 0.05_f64..5.0, skew in 0.01_f64..1.0,
    ) {
        let base = model(sigma, arrival, kappa);
        let gamma = base.gamma_for(skew / kappa);
        let inside = 1.1e-9 < gamma && gamma < 0.9e3;
        prop_assert!(!inside || (base.skew_per_unit(gamma) * kappa / skew - 1.0).abs() < 1e-6);
    }
}

/// Widening by raising gamma would narrow here: no path of safety may do that.
#[test]
fn the_half_spread_is_not_monotone_in_gamma() {
    let model = model(0.05, 0.071, 1.16);
    let at = |gamma| half_spread(&model, gamma);
    println!(
        "half-spread at gamma 0.01: {:.3}, at 1: {:.3}",
        at(0.01),
        at(1.0)
    );
    assert!((at(0.01) - 0.869).abs() < 5e-4 && (at(1.0) - 0.742).abs() < 5e-4);
}
