//! The micro-price on a chain of imbalances whose answer is known: row "micro-price" of MODELS.md d.1.

use mm_core::book::Touch;
use mm_core::estimators::microprice::MicroPrice;
use mm_core::event::Level;
use mm_core::units::{Px, Sz};

use crate::random::Random;

const TICK: f64 = 10.0;
/// By class of imbalance, ask-heavy first: chance that the next change moves the mid up by a tick, and down.
const UP: [f64; 5] = [0.02, 0.04, 0.08, 0.16, 0.30];
const DOWN: [f64; 5] = [0.30, 0.16, 0.08, 0.04, 0.02];

/// Where the imbalance is after a change: after a move anywhere as likely, else a neighbour.
fn next(random: &mut Random, class: usize) -> (usize, i64) {
    let draw = random.uniform();
    if draw < UP[class] + DOWN[class] {
        let moved = if draw < UP[class] { 1 } else { -1 };
        // What stands behind is thinner on the side it came from: symmetric under mirroring.
        let draw = random.uniform();
        let behind = usize::from(draw > 1.0 / 3.0) + usize::from(draw > 2.0 / 3.0);
        return (if moved > 0 { behind + 1 } else { 3 - behind }, moved);
    }
    let up = random.chance(0.5);
    let class = if up {
        (class + 1).min(4)
    } else {
        class.saturating_sub(1)
    };
    (class, 0)
}

/// `G` by the chain's own numbers, written down anew: expected moves to come.
fn truth() -> [f64; 5] {
    let mut g = [0.0; 5];
    for _ in 0..20_000 {
        let mut new = [0.0; 5];
        for class in 0..5 {
            let still = 1.0 - UP[class] - DOWN[class];
            let after_up = (g[1] + g[2] + g[3]) / 3.0;
            let after_down = (g[3] + g[2] + g[1]) / 3.0;
            let neighbours = f64::midpoint(g[(class + 1).min(4)], g[class.saturating_sub(1)]);
            new[class] = UP[class] * (1.0 + after_up)
                + DOWN[class] * (after_down - 1.0)
                + still * neighbours;
        }
        g = new;
    }
    g
}

fn touch(mid_ticks: i64, class: usize, spread: i64, odd: i64) -> Touch {
    // 0.1, 0.3, 0.5, 0.7, 0.9 of the size is on the bid. The last lot tells two touches of a state apart.
    let bid = [100, 300, 500, 700, 900][class];
    let level = |px: i64, sz| Level {
        px: Px(px),
        sz: Sz(sz),
    };
    let mid = mid_ticks * 10;
    Touch {
        bid: level(mid - 5 * spread, bid * 1_000 + odd),
        ask: level(mid + 5 * spread, (1_000 - bid) * 1_000 + odd),
    }
}

fn learned(seed: u64, changes: i64) -> MicroPrice {
    let (mut random, mut micro) = (Random::new(seed), MicroPrice::default());
    let (mut class, mut mid) = (2, 100_000);
    micro.observe(&touch(mid, class, 1, 0), TICK);
    for change in 0..changes {
        let moved;
        (class, moved) = next(&mut random, class);
        mid += moved;
        micro.observe(&touch(mid, class, 1, change % 2), TICK);
    }
    micro
}

#[test]
fn a_known_chain_gives_back_its_micro_price() {
    let truth = truth();
    for (changes, within) in [(5_000, 0.05), (50_000, 0.02)] {
        let mut worst = 0.0_f64;
        for seed in 0..8 {
            let micro = learned(seed, changes);
            let errors = (0..5).map(|class| {
                micro.offset_ticks(&touch(100_000, class, 1, 0), TICK).0 - truth[class]
            });
            let rmse = (errors.map(|error| error * error).sum::<f64>() / 5.0).sqrt();
            worst = worst.max(rmse);
        }
        println!("{changes} changes: rmse at most {worst:.4} ticks; truth {truth:.3?}");
        assert!(worst <= within, "{worst}");
    }
}

/// Before anything was learned it is the size-weighted mid, and never outside the touch.
#[test]
fn it_starts_as_the_size_weighted_mid_and_stays_inside() {
    let (fresh, micro) = (MicroPrice::default(), learned(1, 20_000));
    for class in 0..5 {
        for spread in 1..5 {
            let touch = touch(100_000, class, spread, 0);
            assert!((fresh.fair(&touch, TICK) - touch.microprice()).abs() < 1e-9);
            let fair = micro.fair(&touch, TICK);
            assert!(touch.bid.px.as_f64() <= fair && fair <= touch.ask.px.as_f64());
        }
    }
}

/// Mirrored, it is as far on the other side; sizes' and prices' units change nothing.
#[test]
fn it_is_odd_and_without_units() {
    let micro = learned(2, 20_000);
    for class in 0..5 {
        let (one, other) = (touch(100_000, class, 1, 0), touch(100_000, 4 - class, 1, 0));
        let from_mid = |touch: &Touch| micro.fair(touch, TICK) - touch.mid();
        assert!((from_mid(&one) + from_mid(&other)).abs() < 1e-9);
    }
    let mut scaled = MicroPrice::default();
    let (mut random, mut class, mut mid) = (Random::new(2), 2, 100_000);
    let by = |touch: Touch, px: i64, sz: i64| {
        let level = |one: Level| Level {
            px: Px(one.px.0 * px),
            sz: Sz(one.sz.0 * sz),
        };
        Touch {
            bid: level(touch.bid),
            ask: level(touch.ask),
        }
    };
    scaled.observe(&by(touch(mid, class, 1, 0), 1_000, 1_000), TICK * 1_000.0);
    for change in 0..20_000 {
        let moved;
        (class, moved) = next(&mut random, class);
        mid += moved;
        scaled.observe(
            &by(touch(mid, class, 1, change % 2), 1_000, 1_000),
            TICK * 1_000.0,
        );
    }
    for class in 0..5 {
        let plain = micro.offset_ticks(&touch(100_000, class, 1, 0), TICK);
        let big = scaled.offset_ticks(
            &by(touch(100_000, class, 1, 0), 1_000, 1_000),
            TICK * 1_000.0,
        );
        assert!((plain.0 - big.0).abs() < 1e-12 && (plain.1 - big.1).abs() < 1e-9);
    }
}

/// The same touch again, and one across a gap, teach nothing.
#[test]
fn repetitions_and_gaps_are_no_observation() {
    let (mut once, mut twice) = (MicroPrice::default(), MicroPrice::default());
    let (mut random, mut class, mut mid) = (Random::new(3), 2, 100_000);
    for change in 0..5_000 {
        let moved;
        (class, moved) = next(&mut random, class);
        mid += moved;
        let touch = touch(mid, class, 1, change % 2);
        once.observe(&touch, TICK);
        twice.observe(&touch, TICK);
        twice.observe(&touch, TICK);
    }
    assert_eq!(once, twice);
    let before = once.clone();
    once.forget_last();
    once.observe(&touch(mid + 500, 4, 1, 0), TICK);
    assert_eq!(
        once.offset_ticks(&touch(mid, 4, 1, 0), TICK),
        before.offset_ticks(&touch(mid, 4, 1, 0), TICK)
    );
}
