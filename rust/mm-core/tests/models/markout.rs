//! Markouts of fills on a random walk, with and without somebody who knew.

use mm_core::estimators::markout::{Markout, Markouts};
use mm_core::estimators::regime::Regime;
use mm_core::units::{Px, SECOND, Side, Sz, Time};

use crate::random::{Random, mean_sd};

const MID: f64 = 1e8;
/// A hundred a side.
const FILLS: usize = 200;
const SEEDS: u64 = 40;
/// Between fills, twice the horizon looked at: no move is counted twice.
const APART_S: f64 = 2.0;
const STEP_S: f64 = 0.05;

/// A walk of 1 bp per root second on which our two sides are filled in turn; after a share `informed` of
/// the fills the mid drifts by `drift_bps` against us within half a second.
fn filled(seed: u64, informed: f64, drift_bps: f64) -> (Markouts, Vec<f64>) {
    let mut dice = Random::new(seed);
    let (mut markouts, mut mid_bps) = (Markouts::default(), 0.0);
    let mut moves = Vec::new();
    let steps_apart = (APART_S / STEP_S) as i64;
    let at = |step: i64| Time((step as f64 * STEP_S * SECOND as f64) as i64 + SECOND);
    let price = |bps: f64| MID * (1.0 + bps * 1e-4);
    markouts.on_mid(Time(0), MID);
    let mut step = 0;
    for fill in 0..FILLS {
        let side = Side::BOTH[fill % 2];
        let px = Px(price(mid_bps - side.sign() as f64 * 0.5) as i64);
        // Just after the mid: the one of a fill's own time would be what is left after it.
        let now = Time(at(step).0 + 1);
        markouts.on_fill(now, side, px, Sz(1 + fill as i64 % 7));
        let knew = dice.chance(informed);
        let before = mid_bps;
        for since in 1..=steps_apart {
            step += 1;
            mid_bps += dice.normal() * STEP_S.sqrt();
            if knew && since as f64 * STEP_S <= 0.5 {
                mid_bps -= side.sign() as f64 * drift_bps * STEP_S / 0.5;
            }
            markouts.on_mid(at(step), price(mid_bps));
            if since == steps_apart / 2 {
                moves.push(-(side.sign() as f64) * (mid_bps - before));
            }
        }
    }
    markouts.end(at(step + 100 * steps_apart));
    (markouts, moves)
}

fn one_second(markouts: &Markouts) -> Markout {
    markouts.table()[1]
}

/// Of each side SE is `sigma sqrt(h / n)`, 0.1 bp; taking each move without its sign would show 0.80 bp of cost where
/// there is none.
#[test]
fn nobody_who_knows_costs_nothing() {
    let mut standardised = Vec::new();
    let mut unsigned = Vec::new();
    for seed in 0..SEEDS {
        let (markouts, moves) = filled(seed, 0.0, 0.0);
        assert_eq!(one_second(&markouts).n, FILLS as u64);
        unsigned.push(moves.iter().map(|moved| moved.abs()).sum::<f64>() / moves.len() as f64);
        let split = markouts.by_side_and_depth();
        for side in [split.bid[1], split.ask[1]] {
            assert_eq!(side.n, FILLS as u64 / 2);
            let (mean, se) = (side.mean_bps.unwrap(), side.se_bps.unwrap());
            assert!((se - 0.1).abs() < 0.035, "seed {seed}: SE {se}");
            assert!(mean.abs() < 3.0 * se, "seed {seed}: {mean} +- {se}");
            standardised.push(mean / se);
        }
    }
    let (mean, sd) = mean_sd(&standardised);
    let (naive, _) = mean_sd(&unsigned);
    let farthest = standardised.iter().fold(0.0_f64, |far, z| far.max(z.abs()));
    println!(
        "mean over SE: {mean:.3} +- {sd:.3}, at most {farthest:.2}; without signs {naive:.3} bp"
    );
    assert!(mean.abs() < 3.0 / (2.0 * SEEDS as f64).sqrt() && (0.7..1.35).contains(&sd));
    assert!((naive - 0.80).abs() < 0.02, "{naive}");
}

#[test]
fn a_share_that_knew_is_found_and_what_is_realised_is_what_is_left() {
    let (share, drift) = (0.3, 4.0);
    let mut found = Vec::new();
    for seed in 0..SEEDS {
        let (markouts, _) = filled(100 + seed, share, drift);
        let seen = one_second(&markouts);
        found.push((seen.mean_bps.unwrap() - share * drift) / seen.se_bps.unwrap());
        let half_spread = seen.half_spread_bps.unwrap();
        assert!((half_spread - 0.5).abs() < 0.01, "{half_spread}");
        let left = half_spread - seen.notional_mean_bps.unwrap();
        assert!((seen.realized_bps.unwrap() - left).abs() < 1e-12);
    }
    let within = found.iter().filter(|z| z.abs() < 2.0).count();
    let (mean, sd) = mean_sd(&found);
    println!(
        "p d = {:.1} bp: off by {mean:.2} +- {sd:.2} SE, {within} of {SEEDS} within 2",
        share * drift
    );
    assert!(within as f64 >= 0.9 * SEEDS as f64 && mean.abs() < 3.0 / (SEEDS as f64).sqrt());
}

/// Law 3: a market half as fast has at twice each horizon what it had at that.
#[test]
fn stretched_time_keeps_the_means_of_stretched_horizons() {
    let [one, two] = [1, 2].map(|by| {
        let (mut dice, mut markouts, mut bps) = (Random::new(9), Markouts::default(), 0.0);
        for step in 0..4_000_i64 {
            let now = Time(step * by * SECOND / 4);
            bps += dice.normal();
            markouts.on_mid(now, MID * libm::exp(bps * 1e-4));
            if step % 9 == 1 {
                let side = Side::BOTH[usize::from(dice.chance(0.5))];
                markouts.on_fill(Time(now.0 + by), side, Px(MID as i64), Sz(1 + step % 5));
            }
        }
        markouts.table()
    });
    for (short, long) in [(0, 1), (2, 3), (4, 5)] {
        let (one, two) = (one[short], two[long]);
        assert!(
            one.n > 300 && (one.n, one.apart) == (two.n, two.apart),
            "{one:?} {two:?}"
        );
        let same = |a: Option<f64>, b: Option<f64>| (a.unwrap() - b.unwrap()).abs() < 1e-9;
        assert!(same(one.mean_bps, two.mean_bps) && same(one.se_bps, two.se_bps));
        assert!(same(one.notional_mean_bps, two.notional_mean_bps));
    }
}

/// Sizes times a thousand weigh the same; a mirrored market costs the same.
#[test]
fn neither_units_nor_direction_matter() {
    let played = |sign: f64, scale: i64| {
        let (mut dice, mut markouts, mut bps) = (Random::new(7), Markouts::default(), 0.0);
        for second in 0..600_i64 {
            bps += dice.normal();
            let now = Time(second * SECOND);
            markouts.on_mid(now, MID * libm::exp(sign * bps * 1e-4));
            if second % 3 == 1 {
                let side = Side::BOTH[usize::from((second % 2 == 0) == (sign > 0.0))];
                markouts.on_fill(
                    Time(now.0 + 1),
                    side,
                    Px(MID as i64),
                    Sz(scale * (1 + second % 5)),
                );
            }
        }
        markouts
    };
    let (one, large, mirrored) = (played(1.0, 1), played(1.0, 1000), played(-1.0, 1));
    for (row, other) in one.table().iter().zip(large.table()) {
        let (a, b) = (
            row.notional_mean_bps.unwrap(),
            other.notional_mean_bps.unwrap(),
        );
        assert!((a - b).abs() < 1e-9 * (1.0 + a.abs()), "{row:?} {other:?}");
    }
    for (row, other) in one.table().iter().zip(mirrored.table()) {
        let (a, b) = (row.mean_bps.unwrap(), other.mean_bps.unwrap());
        // Simple returns are not log returns: 1e-4 of a move of a hundred bps.
        assert!(
            row.n == other.n && (a - b).abs() < 0.05,
            "{row:?} {other:?}"
        );
    }
}

/// A walk whose fills cost 4 bps where it is wild and nothing where it is usual; the touch leans half a bp up
/// before every fill.
fn by_regime(seed: u64, fills: usize) -> Markouts {
    let (mut dice, mut markouts, mut bps) = (Random::new(seed), Markouts::default(), 0.0);
    let price = |bps: f64| MID * (1.0 + bps * 1e-4);
    for fill in 0..fills {
        let begin = fill as i64 * 20 * SECOND;
        let wild = dice.chance(0.5);
        markouts.on_regime(if wild { Regime::Wild } else { Regime::Usual });
        markouts.on_mid(Time(begin), price(bps));
        markouts.on_micro(Time(begin), price(bps + 0.5));
        // What is told of another time is of another touch.
        markouts.on_micro(Time(begin - 1), price(bps + 50.0));
        let side = Side::BOTH[fill % 2];
        let px = Px(price(bps - side.sign() as f64) as i64);
        markouts.on_fill(Time(begin + 1), side, px, Sz(1));
        for second in 1..10 {
            bps += dice.normal();
            if wild && second == 1 {
                bps -= 4.0 * side.sign() as f64;
            }
            markouts.on_mid(Time(begin + second * SECOND), price(bps));
        }
    }
    markouts
}

/// What a fill costs is found by the regime before it, and pulled: all to none, each regime to all.
#[test]
fn fills_are_told_apart_by_the_regime_before_them() {
    let mut scores = Vec::new();
    for seed in 0..SEEDS {
        let markouts = by_regime(seed, 200);
        let split = markouts.by_side_and_depth();
        let told: Vec<Regime> = split.regimes.iter().map(|one| one.regime).collect();
        assert_eq!(told, [Regime::Usual, Regime::Wild]);
        let all = markouts.table()[2];
        let pulled = all.mean_bps.unwrap() * 200.0 / 300.0;
        assert!((all.shrunk_bps - pulled).abs() < 1e-9);
        for (one, cost) in split.regimes.iter().zip([0.0, 4.0]) {
            let at = one.markouts[2];
            let (mean, n) = (at.mean_bps.unwrap(), at.n as f64);
            scores.push((mean - cost) / at.se_bps.unwrap());
            let wanted = (n * mean + 100.0 * all.shrunk_bps) / (n + 100.0);
            assert!((at.shrunk_bps - wanted).abs() < 1e-9, "{at:?}");
        }
        // Half a bp of lean is taken off what bids earned and added to what asks did, or the other way round.
        for (side, wanted) in [(split.bid, 1.5), (split.ask, 0.5)] {
            assert!((side[2].half_spread_bps.unwrap() - 1.0).abs() < 0.02);
            assert!((side[2].micro_half_spread_bps.unwrap() - wanted).abs() < 0.02);
        }
    }
    let within = scores.iter().filter(|z| z.abs() < 2.0).count();
    let (z, sd) = mean_sd(&scores);
    println!(
        "by regime: off by {z:.2} +- {sd:.2} se, {within} of {} within 2",
        scores.len()
    );
    assert!(within >= 72 && z.abs() < 0.35, "{within} {z}");
}

/// A few fills are hardly a mean; without any, of a regime or a micro-price that nobody tells, nothing is said.
#[test]
fn few_fills_are_pulled_to_none_and_what_is_not_told_is_not_shown() {
    let few = by_regime(1, 4).table()[2];
    assert!(
        few.shrunk_bps.abs() < 0.05 * few.mean_bps.unwrap().abs() + 1e-9,
        "{few:?}"
    );
    let (untold, _) = filled(1, 0.0, 0.0);
    assert!(untold.by_side_and_depth().regimes.is_empty());
    assert_eq!(untold.table()[2].micro_half_spread_bps, None);
    assert!(Markouts::default().table()[2].shrunk_bps.abs() < 1e-12);
}
