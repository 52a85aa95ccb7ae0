//! Avellaneda and Stoikov's own simulation (2008, section 3.3): s 100, sigma 2, A 140, k 1.5, T 1, dt 0.005, a fill
//! with probability `lambda dt`, the mid up or down by `sigma sqrt(dt)`; 1,000 paths a strategy.
//!
//! Their preprint (2006) and their article print different tables. The preprint's spreads, 1.29, 1.33 and 1.15 at
//! gamma 0.1, 0.01 and 0.5, are `(2 / gamma) ln(1 + gamma / k)`: its own formula's other term, `gamma sigma^2 (T -
//! t)`, is not in them. With it the means over a path are 1.49, 1.35 and 2.15; the article prints 1.49 and 1.35, and
//! has gamma 1 (3.02) in the place of 0.5. The article's six rows and the preprint's symmetric ones come again; the
//! preprint's inventory strategy at gamma 0.5 (33.9) does not, with the printed spread (23.9) or the formula's (48.4).

use mm_core::avellaneda::Avellaneda;

use crate::random::{Random, mean_sd};

const SIGMA: f64 = 2.0;
const KAPPA: f64 = 1.5;
const ARRIVAL: f64 = 140.0;
const STEPS: usize = 200;
const DT: f64 = 1.0 / STEPS as f64;
const PATHS: usize = 1_000;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Strategy {
    /// The spread of equation 30 around the reservation price.
    Inventory,
    /// Its mean over the path, around the mid.
    Symmetric,
}

/// Mean and standard deviation of the profit, and of the final inventory.
#[derive(Debug)]
struct Row {
    profit: (f64, f64),
    inventory: (f64, f64),
}

/// The preprint's spread: without the term of the time left.
fn preprint_half_spread(model: &Avellaneda) -> f64 {
    model.half_spread(0.0)
}

/// Half of the mean spread over a path: it falls linearly.
fn mean_half_spread(model: &Avellaneda) -> f64 {
    model.half_spread(0.5)
}

/// One path; `half` is half of the spread with this much time left.
fn path(
    random: &mut Random,
    model: &Avellaneda,
    strategy: Strategy,
    half: impl Fn(f64) -> f64,
) -> (f64, f64) {
    let (mut mid, mut held, mut cash) = (100.0, 0.0, 0.0);
    for step in 0..STEPS {
        let left = 1.0 - step as f64 * DT;
        let shift = match strategy {
            Strategy::Inventory => -held * model.skew_per_unit(left),
            Strategy::Symmetric => 0.0,
        };
        let (ask, bid) = (half(left) + shift, half(left) - shift);
        let chance = |delta: f64| ARRIVAL * libm::exp(-KAPPA * delta) * DT;
        let (sells, buys) = (random.chance(chance(ask)), random.chance(chance(bid)));
        if sells {
            cash += mid + ask;
            held -= 1.0;
        }
        if buys {
            cash -= mid - bid;
            held += 1.0;
        }
        mid += SIGMA * DT.sqrt() * if random.chance(0.5) { 1.0 } else { -1.0 };
    }
    (cash + held * mid, held)
}

fn simulate(model: &Avellaneda, strategy: Strategy, half: impl Fn(f64) -> f64) -> Row {
    let mut random = Random::new(2008);
    let (profits, held): (Vec<f64>, Vec<f64>) = (0..PATHS)
        .map(|_| path(&mut random, model, strategy, &half))
        .unzip();
    Row {
        profit: mean_sd(&profits),
        inventory: mean_sd(&held),
    }
}

/// Profit, its standard deviation and that of the final inventory.
type Printed = [f64; 3];

/// Whether two samples of a thousand paths differ by no more than three of their standard errors; that of a
/// standard deviation is for tails a little heavier than a normal's (kurtosis 4).
fn is_the_same(row: &Row, printed: Printed) -> bool {
    let both = (2.0 / PATHS as f64).sqrt();
    let of_sd = (3.0_f64 / 4.0).sqrt();
    let near = |found: f64, printed: f64, error: f64| (found - printed).abs() < 3.0 * error * both;
    near(row.profit.0, printed[0], row.profit.1)
        && near(row.profit.1, printed[1], row.profit.1 * of_sd)
        && near(row.inventory.1, printed[2], row.inventory.1 * of_sd)
}

fn show(what: &str, gamma: f64, spread: f64, row: &Row, printed: Printed) {
    println!(
        "{gamma:5} {what:22} spread {spread:5.2}  profit {:5.1} ({:5.1} printed)  sd {:4.1} ({:4.1})  sd(q) {:4.2} ({:4.2})",
        row.profit.0, printed[0], row.profit.1, printed[1], row.inventory.1, printed[2]
    );
}

/// The article's tables: gamma, mean spread, the inventory strategy and the symmetric one.
const ARTICLE: [(f64, f64, Printed, Printed); 3] = [
    (0.1, 1.49, [65.0, 6.6, 2.9], [68.4, 12.7, 8.4]),
    (0.01, 1.35, [68.6, 8.7, 5.1], [68.8, 12.8, 8.7]),
    (1.0, 3.02, [31.4, 5.0, 1.7], [44.0, 11.0, 5.1]),
];

/// The preprint's.
const PREPRINT: [(f64, f64, Printed, Printed); 3] = [
    (0.1, 1.29, [62.94, 5.89, 2.80], [67.21, 13.43, 8.66]),
    (0.01, 1.33, [66.78, 8.76, 4.70], [67.36, 13.40, 8.65]),
    (0.5, 1.15, [33.92, 4.72, 1.88], [66.20, 14.53, 9.06]),
];

#[test]
fn the_article_s_tables_come_again() {
    for (gamma, spread, inventory, symmetric) in ARTICLE {
        let model = Avellaneda {
            sigma: SIGMA,
            kappa: KAPPA,
            gamma,
        };
        let mean = mean_half_spread(&model);
        assert!((2.0 * mean - spread).abs() < 0.006, "{mean}");
        let ours = simulate(&model, Strategy::Inventory, |left| model.half_spread(left));
        show("inventory", gamma, 2.0 * mean, &ours, inventory);
        assert!(is_the_same(&ours, inventory), "{ours:?}");
        let ours = simulate(&model, Strategy::Symmetric, |_| mean);
        show("symmetric", gamma, 2.0 * mean, &ours, symmetric);
        assert!(is_the_same(&ours, symmetric), "{ours:?}");
    }
}

#[test]
fn the_preprint_s_tables_come_from_a_spread_that_is_not_its_formula_s() {
    for (gamma, spread, inventory, symmetric) in PREPRINT {
        let model = Avellaneda {
            sigma: SIGMA,
            kappa: KAPPA,
            gamma,
        };
        let half = preprint_half_spread(&model);
        assert!((2.0 * half - spread).abs() < 0.006, "{half}");
        let mean = mean_half_spread(&model);
        let ours = simulate(&model, Strategy::Inventory, |_| half);
        show("preprint, inventory", gamma, spread, &ours, inventory);
        let ours = simulate(&model, Strategy::Symmetric, |_| half);
        show("preprint, symmetric", gamma, spread, &ours, symmetric);
        assert!(is_the_same(&ours, symmetric), "{ours:?}");
        let ours = simulate(&model, Strategy::Inventory, |left| model.half_spread(left));
        show("formula, inventory", gamma, 2.0 * mean, &ours, inventory);
        let ours = simulate(&model, Strategy::Symmetric, |_| mean);
        show("formula, symmetric", gamma, 2.0 * mean, &ours, symmetric);
        // At gamma 0.5 the formula's spread is nearly twice what was printed.
        assert!(gamma < 0.5 || 2.0 * mean > 1.8 * spread, "{mean}");
    }
}
