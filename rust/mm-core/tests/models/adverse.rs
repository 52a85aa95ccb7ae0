//! Adverse selection by depth on a market whose sweeps inform, and on one whose do not.

use mm_core::estimators::adverse::{AdverseSelection, DEPTHS_BPS, HORIZONS_S};
use mm_core::estimators::sweep::Sweep;
use mm_core::units::{SECOND, Side, Time};

use crate::random::{Random, mean_sd};

const FIVE_S: usize = 1;

/// A mid of 1 bp per root second, sampled every 0.2 s, and sweeps with an exponential reach of mean 4 bps
/// after each of which the mid drifts by `informed(reach)` bps in the taker's direction over a second.
fn told(seed: u64, hours: i64, flip: bool, informed: impl Fn(f64) -> f64) -> AdverseSelection {
    let mut random = Random::new(seed);
    let mut adverse = AdverseSelection::new(1e9);
    let (mut log_mid, mut drifts) = (0.0_f64, Vec::<(i64, f64)>::new());
    let mut next_sweep = random.wait(0.2);
    for step in 0..hours * 3600 * 5 {
        let exch = Time(step * SECOND / 5);
        log_mid += 1e-4 * 0.2_f64.sqrt() * random.normal();
        drifts.retain(|(until, _)| *until > step);
        log_mid += drifts.iter().map(|(_, each)| each).sum::<f64>();
        let mirrored = if flip { -log_mid } else { log_mid };
        adverse.on_mid(exch, 1e6 * libm::exp(mirrored));
        if step as f64 / 5.0 >= next_sweep {
            next_sweep += random.wait(0.2);
            let up = random.chance(0.5);
            let reach_bps = random.wait(0.25);
            let sign = if up { 1.0 } else { -1.0 };
            drifts.push((step + 6, sign * informed(reach_bps) * 1e-4 / 5.0));
            let side = if up == flip { Side::Ask } else { Side::Bid };
            let (exch, mid) = (Time(exch.0 + 1), 1e6 * libm::exp(mirrored));
            adverse.observe(&Sweep {
                exch,
                side,
                mid,
                reach_bps,
                notional: 1.0,
            });
        }
    }
    adverse
}

fn end(hours: i64) -> Time {
    Time(hours * 3600 * SECOND)
}

/// Without information the cost is nothing within its own error, at every depth, side and horizon.
#[test]
fn sweeps_that_know_nothing_cost_nothing() {
    let mut scores = Vec::new();
    for seed in 0..6 {
        let adverse = told(seed, 4, false, |_| 0.0);
        for side in Side::BOTH {
            for horizon in 0..HORIZONS_S.len() {
                for depth in [0.0, 2.0, 7.0] {
                    let cost = adverse.cost(side, horizon, depth, end(4)).unwrap();
                    scores.push(cost.mean_bps / cost.se_bps);
                }
            }
        }
    }
    let (mean, sd) = mean_sd(&scores);
    let far = scores.iter().filter(|z| z.abs() > 3.0).count();
    println!(
        "no information: z mean {mean:.2}, sd {sd:.2}, beyond 3: {far} of {}",
        scores.len()
    );
    assert!(mean.abs() < 0.5 && (0.5..1.3).contains(&sd) && far <= 2);
}

/// Far sweeps know more: the count mean over all hides it, the curve shows it.
#[test]
fn what_far_sweeps_know_is_found_at_their_depth() {
    // From 4 bps on a sweep is followed by 3 bps, a nearer one by 0.2.
    let informed = |reach: f64| if reach >= 4.0 { 3.0 } else { 0.2 };
    let truth = |depth: f64| {
        if depth >= 4.0 {
            return 3.0;
        }
        let far = libm::exp(-0.25 * (4.0 - depth));
        3.0 * far + 0.2 * (1.0 - far)
    };
    let mut all = Vec::new();
    let markets: Vec<_> = (11..21)
        .map(|seed| told(seed, 8, false, informed))
        .collect();
    for depth in DEPTHS_BPS.into_iter().filter(|depth| *depth <= 14.0) {
        let costs = markets
            .iter()
            .flat_map(|market| Side::BOTH.map(|side| market.cost(side, FIVE_S, depth, end(8))));
        let z: Vec<f64> = costs
            .map(|cost| cost.unwrap())
            .map(|cost| (cost.mean_bps - truth(depth)) / cost.se_bps)
            .collect();
        let (mean, sd) = mean_sd(&z);
        println!(
            "{depth:4} bps, true {:.2}: z {mean:.2}, sd {sd:.2}",
            truth(depth)
        );
        all.extend(z);
    }
    let within = |most: f64| all.iter().filter(|z| z.abs() <= most).count();
    println!(
        "{} of {} within 2, {} within 3",
        within(2.0),
        all.len(),
        within(3.0)
    );
    assert!(within(3.0) == all.len() && within(2.0) as f64 >= 0.95 * all.len() as f64);
    for market in &markets {
        for side in Side::BOTH {
            let [near, far] = [0.0, 5.0].map(|depth| market.cost(side, FIVE_S, depth, end(8)));
            let (near, far) = (near.unwrap().mean_bps, far.unwrap().mean_bps);
            assert!(far > near + 1.0, "{near} {far}");
        }
    }
}

#[test]
fn it_does_not_fall_with_depth_and_says_nothing_where_nothing_came() {
    let adverse = told(3, 1, false, |_| 0.5);
    for side in Side::BOTH {
        for horizon in 0..HORIZONS_S.len() {
            let curve = adverse.curve(side, horizon, end(1));
            let known: Vec<f64> = curve.iter().flatten().map(|cost| cost.mean_bps).collect();
            assert!(known.windows(2).all(|pair| pair[0] <= pair[1]), "{known:?}");
        }
        assert_eq!(adverse.cost(side, FIVE_S, 100.0, end(1)), None);
        assert_eq!(adverse.cost(side, FIVE_S, 101.0, end(1)), None);
    }
}

/// A sweep every 20 s with an exponential reach of mean 4 bps; a second later the mid is 1 bp further on average,
/// sd 3, whatever the reach was.
fn flat(seed: u64, sweeps: i64) -> AdverseSelection {
    let mut random = Random::new(seed);
    let mut adverse = AdverseSelection::new(1e9);
    for begin in (0..sweeps).map(|sweep| Time(sweep * 20 * SECOND)) {
        adverse.on_mid(begin, 1e6);
        adverse.observe(&Sweep {
            exch: Time(begin.0 + 1),
            side: Side::Bid,
            mid: 1e6,
            reach_bps: random.wait(0.25),
            notional: 1.0,
        });
        let moved_bps = 1.0 + 3.0 * random.normal();
        adverse.on_mid(
            Time(begin.0 + SECOND / 2),
            1e6 * libm::exp(moved_bps * 1e-4),
        );
    }
    adverse
}

/// Where all depths cost the same most of them are pooled, and the error is the pool's: one's own is too narrow
/// near (sd 1.06) and too wide far away (0.7).
#[test]
fn a_pool_has_its_own_error() {
    let mut scores = vec![Vec::new(); DEPTHS_BPS.len()];
    for seed in 0..400 {
        let curve = flat(seed, 400).curve(Side::Ask, 0, Time(8_000 * SECOND));
        for (found, cost) in scores.iter_mut().zip(curve) {
            found.extend(
                cost.filter(|c| c.n >= 10.0)
                    .map(|c| (c.mean_bps - 1.0) / c.se_bps),
            );
        }
    }
    for (scores, depth) in scores.iter().zip(DEPTHS_BPS) {
        if scores.len() == 400 {
            let (mean, sd) = mean_sd(scores);
            println!("pooled, {depth:4} bps: z mean {mean:+.2}, sd {sd:.2}");
            assert!(
                (0.89..1.11).contains(&sd) && mean.abs() < 0.5,
                "{depth}: {mean} {sd}"
            );
        }
    }
}

/// Twice the horizon apart or not at all: a burst of sweeps in one second is one observation.
#[test]
fn moves_that_overlap_are_one_observation() {
    let mut adverse = AdverseSelection::new(1e9);
    adverse.on_mid(Time(0), 1e6);
    for _ in 0..2 {
        for nanos in 1..=50 {
            adverse.observe(&Sweep {
                exch: Time(nanos),
                side: Side::Bid,
                mid: 1e6,
                reach_bps: 3.0,
                notional: 1.0,
            });
        }
    }
    for second in 1..60 {
        adverse.on_mid(Time(second * SECOND), 1e6);
    }
    assert_eq!(
        adverse.cost(Side::Ask, FIVE_S, 1.0, Time(60 * SECOND)),
        None,
        "one move is no sample"
    );
}

#[test]
fn the_mirrored_market_has_the_mirrored_cost() {
    let (plain, mirrored) = (
        told(5, 2, false, |r| r / 4.0),
        told(5, 2, true, |r| r / 4.0),
    );
    for (side, other) in [(Side::Bid, Side::Ask), (Side::Ask, Side::Bid)] {
        let one = plain.cost(side, FIVE_S, 2.0, end(2)).unwrap();
        let two = mirrored.cost(other, FIVE_S, 2.0, end(2)).unwrap();
        // 1 - exp(-x) against exp(x) - 1.
        assert!(
            (one.mean_bps - two.mean_bps).abs() < 1e-3 && (one.n - two.n).abs() < 1e-9,
            "{one:?} {two:?}"
        );
    }
}

/// Law 3: five times as slow, five seconds are what one was.
#[test]
fn stretched_time_keeps_the_cost_of_a_stretched_horizon() {
    let [fast, slow] = [1, 5].map(|by| {
        let (mut random, mut adverse) = (Random::new(12), AdverseSelection::new(600.0 * by as f64));
        let mut log_mid = 0.0;
        for step in 0..20_000 {
            let exch = Time(step * by * SECOND / 5);
            log_mid += 1e-4 * random.normal();
            adverse.on_mid(exch, 1e6 * libm::exp(log_mid));
            if random.chance(0.05) {
                adverse.observe(&Sweep {
                    exch: Time(exch.0 + by),
                    side: Side::BOTH[usize::from(random.chance(0.5))],
                    mid: 1e6 * libm::exp(log_mid),
                    reach_bps: random.wait(0.25),
                    notional: 1.0,
                });
            }
        }
        let (horizon, now) = (usize::from(by == 5), Time(4_000 * by * SECOND));
        Side::BOTH.map(|side| adverse.cost(side, horizon, 2.0, now).unwrap())
    });
    for (fast, slow) in fast.into_iter().zip(slow) {
        assert!(
            fast.n > 50.0 && (fast.n / slow.n - 1.0).abs() < 1e-9,
            "{fast:?} {slow:?}"
        );
        assert!((fast.mean_bps - slow.mean_bps).abs() < 1e-9);
        assert!((fast.se_bps - slow.se_bps).abs() < 1e-9);
    }
}

#[test]
fn a_gap_leaves_what_it_hides_unknown() {
    let mut adverse = AdverseSelection::new(1e9);
    for second in 0..2_000 {
        // A sweep a minute, and never a mid between its fourth and its fortieth second.
        if !(4..40).contains(&(second % 60)) {
            adverse.on_mid(Time(second * SECOND), 1e6);
        }
        if second % 60 == 0 {
            let exch = Time(second * SECOND + 1);
            adverse.observe(&Sweep {
                exch,
                side: Side::Bid,
                mid: 1e6,
                reach_bps: 1.0,
                notional: 1.0,
            });
        }
    }
    let now = Time(2_000 * SECOND);
    assert!(adverse.cost(Side::Ask, 0, 1.0, now).is_some());
    assert!(adverse.cost(Side::Ask, 1, 1.0, now).is_some());
    assert_eq!(
        adverse.cost(Side::Ask, 2, 1.0, now),
        None,
        "the mid was 26 s old"
    );
}

/// Two sweeps, half a second apart and told in the wrong order, again and again: the mid is 2 bps up when the
/// older one's second is over, and 4 when the other's is.
#[test]
fn a_sweep_that_is_told_late_has_the_mid_of_its_own_horizon() {
    let mut adverse = AdverseSelection::new(1e9);
    let at = |ms: i64| Time(ms * SECOND / 1000);
    for round in 0..50 {
        let begin = round * 10_000;
        let sweep = |ms| Sweep {
            exch: at(ms),
            side: Side::Bid,
            mid: 1e6,
            reach_bps: 1.0,
            notional: 1.0,
        };
        adverse.on_mid(at(begin), 1e6);
        adverse.observe(&sweep(begin + 1_000));
        adverse.observe(&sweep(begin + 500));
        for (ms, bps) in [(1_400, 2.0), (1_900, 4.0), (3_000, 0.0)] {
            adverse.on_mid(at(begin + ms), 1e6 * libm::exp(bps * 1e-4));
        }
    }
    let cost = adverse.cost(Side::Ask, 0, 0.0, at(500_000)).unwrap();
    assert!((cost.mean_bps - 3.0).abs() < 1e-6, "{cost:?}");
}
