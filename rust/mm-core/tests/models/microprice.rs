//! The micro-price on a chain of imbalances whose answer is known: row "micro-price" of MODELS.md d.1.

use mm_core::book::Touch;
use mm_core::estimators::microprice::MicroPrice;
use mm_core::event::Level;
use mm_core::units::{Px, SECOND, Sz, Time};

use crate::random::Random;

const TICK: f64 = 10.0;
/// Read as of when a touch was last heard.
const HEARD: Time = Time::ZERO;
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
    micro.observe(Time::ZERO, &touch(mid, class, 1, 0), TICK);
    for change in 0..changes {
        let moved;
        (class, moved) = next(&mut random, class);
        mid += moved;
        micro.observe(
            Time((change + 1) * SECOND),
            &touch(mid, class, 1, change % 2),
            TICK,
        );
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
            let errors = (0..5)
                .map(|class| micro.offset_ticks(&touch(100_000, class, 1, 0), TICK) - truth[class]);
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
            assert!((fresh.fair(&touch, TICK, HEARD) - touch.microprice()).abs() < 1e-9);
            let fair = micro.fair(&touch, TICK, HEARD);
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
        let from_mid = |touch: &Touch| micro.fair(touch, TICK, HEARD) - touch.mid();
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
    scaled.observe(
        Time::ZERO,
        &by(touch(mid, class, 1, 0), 1_000, 1_000),
        TICK * 1_000.0,
    );
    for change in 0..20_000 {
        let moved;
        (class, moved) = next(&mut random, class);
        mid += moved;
        scaled.observe(
            Time((change + 1) * SECOND),
            &by(touch(mid, class, 1, change % 2), 1_000, 1_000),
            TICK * 1_000.0,
        );
    }
    for class in 0..5 {
        let (plain, big) = (
            touch(100_000, class, 1, 0),
            by(touch(100_000, class, 1, 0), 1_000, 1_000),
        );
        let apart = micro.offset_ticks(&plain, TICK) - scaled.offset_ticks(&big, TICK * 1_000.0);
        let visits = micro.evidence(&plain, TICK, HEARD).n;
        let apart_n = visits - scaled.evidence(&big, TICK * 1_000.0, HEARD).n;
        assert!(apart.abs() < 1e-12 && apart_n.abs() < 1e-9 && visits > 100.0);
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
        let at = Time(change * SECOND);
        once.observe(at, &touch, TICK);
        twice.observe(at, &touch, TICK);
        twice.observe(at, &touch, TICK);
    }
    assert_eq!(once, twice);
    let before = once.clone();
    once.forget_last();
    let (end, seen) = (Time(5_000 * SECOND), touch(mid, 4, 1, 0));
    once.observe(end, &touch(mid + 500, 4, 1, 0), TICK);
    let known = |micro: &MicroPrice, now| {
        (
            micro.offset_ticks(&seen, TICK),
            micro.evidence(&seen, TICK, now).n,
        )
    };
    assert_eq!(known(&once, end), known(&before, end));
}

/// Two hours of silence leave half of what is known, whether it is read in it or after it: the fair price is nearer
/// to the size-weighted mid. What follows the silence follows nothing.
#[test]
fn a_silence_leaves_less_of_it() {
    let (changes, seen) = (20_000, touch(100_000, 3, 1, 0));
    let micro = learned(1, changes);
    let end = Time(changes * SECOND);
    let later = |s: i64| Time(end.0 + s * SECOND);
    let n = |micro: &MicroPrice, now| micro.evidence(&seen, TICK, now).n;
    let full = n(&micro, end);
    assert!(full > 1_000.0 && (n(&micro, later(15)) - full).abs() < 1e-12);
    assert!((n(&micro, later(7_200)) / full - 0.5).abs() < 1e-9);
    assert_eq!(micro.evidence(&seen, TICK, later(60)).as_of, Some(end));
    let leans = |now| micro.fair(&seen, TICK, now) - seen.microprice();
    let wanted = |n: f64| n / (n + 100.0) * (full + 100.0) / full;
    let share = leans(later(7_200)) / leans(end);
    assert!(
        (share - wanted(full / 2.0)).abs() < 1e-9 && share < 0.99,
        "{share}"
    );
    let mut after = micro.clone();
    after.observe(later(7_200), &touch(200_000, 0, 1, 0), TICK);
    assert!((n(&after, later(7_200)) / full - 0.5).abs() < 1e-9);
    assert_eq!(
        after.offset_ticks(&seen, TICK).to_bits(),
        micro.offset_ticks(&seen, TICK).to_bits()
    );
    // And it learns on from there: five hundred visits more, of which the newest may wait for the next solution.
    for change in 0..1_000 {
        let class = 3 + usize::from(change % 2 == 0);
        after.observe(later(7_200 + change), &touch(200_000, class, 1, 0), TICK);
    }
    let more = n(&after, later(8_200)) - full / 2.0;
    assert!(350.0 < more && more < 510.0, "{more} beside {full}");
}
