//! Flow: rows "arrival rate" and "flow z-score" of MODELS.md d.1, silence, stretching, mirroring.

use mm_core::estimators::flow::{Flow, HALF_LIVES_S};
use mm_core::estimators::sweep::Sweep;
use mm_core::units::{Side, Time};

use crate::random::{Random, mean_sd};

/// Read as of when the market was last seen.
const SEEN: Time = Time::ZERO;

fn sweep(at_s: f64, side: Side) -> Sweep {
    Sweep {
        exch: Time((at_s * 1e9) as i64),
        side,
        mid: 1e6,
        reach_bps: 1.0,
        notional: 500.0,
    }
}

fn rate_of(flow: &Flow, side: Side, window: usize) -> f64 {
    flow.shown(window, SEEN).per_s.unwrap()[side.index()]
}

#[test]
fn the_arrival_rate_is_unbiased_and_one_over_the_waits_is_not() {
    for rate in [0.2_f64, 1.0, 5.0, 20.0] {
        let (mut random, mut flow) = (Random::new(7), Flow::default());
        let (mut found, mut naive, mut at, mut next) = (Vec::new(), Vec::new(), 0.0, 60.0);
        for _ in 0..(4.0 * 3600.0 * rate).max(20_000.0) as usize {
            let wait = random.wait(rate);
            at += wait;
            naive.push(1.0 / wait);
            while next < at {
                flow.on_time(Time((next * 1e9) as i64));
                found.push(rate_of(&flow, Side::Bid, 2));
                next += 10.0;
            }
            flow.observe(&sweep(at, Side::Bid));
        }
        let (mean, (waits, _)) = (mean_sd(&found).0 / rate, mean_sd(&naive));
        println!(
            "rate {rate}: {mean:.4} of the true one, by waits {:.2}",
            waits / rate
        );
        assert!((mean - 1.0).abs() < 0.02, "{mean}");
        assert!(
            (waits / rate - 1.0).abs() > 0.02,
            "the mean of one over the waits has no mean"
        );
    }
}

/// From the first second on: what is not yet watched is not silence.
#[test]
fn a_start_is_no_bias() {
    let mut early = Vec::new();
    for seed in 0..400 {
        let (mut random, mut flow, mut at) = (Random::new(seed), Flow::default(), 0.0);
        flow.on_time(Time(0));
        while at < 10.0 {
            at += random.wait(2.0);
            if at < 10.0 {
                flow.observe(&sweep(at, Side::Ask));
            }
        }
        flow.on_time(Time(10_000_000_000));
        early.push(rate_of(&flow, Side::Ask, 2));
    }
    let (mean, sd) = mean_sd(&early);
    assert!((mean - 2.0).abs() < 3.0 * sd / 20.0, "{mean}");
}

#[test]
fn independent_sides_score_nothing_with_unit_spread() {
    for share in [0.5, 0.65] {
        let (mut random, mut flow, mut at) = (Random::new(3), Flow::default(), 0.0);
        let mut scores: [Vec<f64>; 3] = Default::default();
        for index in 0..200_000 {
            at += random.wait(2.0);
            flow.observe(&sweep(
                at,
                if random.chance(share) {
                    Side::Bid
                } else {
                    Side::Ask
                },
            ));
            if index > 10_000 && index % 20 == 0 {
                for (window, scores) in scores.iter_mut().enumerate() {
                    scores.push(flow.score(window, SEEN));
                }
            }
        }
        for (scores, half_life) in scores.iter().zip(HALF_LIVES_S) {
            let (mean, sd) = mean_sd(scores);
            println!("buys {share}, half-life {half_life} s: score {mean:.3}, sd {sd:.3}");
            assert!(mean.abs() < 0.05 && (sd - 1.0).abs() < 0.1, "{mean} {sd}");
        }
    }
}

#[test]
fn a_run_of_buys_is_seen_at_once_and_forgotten() {
    let mut flow = Flow::default();
    for second in 0..3600 {
        let side = if second % 2 == 0 {
            Side::Bid
        } else {
            Side::Ask
        };
        flow.observe(&sweep(f64::from(second), side));
    }
    assert!(flow.score(1, SEEN).abs() < 1.0);
    for tenth in 0..20 {
        flow.observe(&sweep(3600.0 + f64::from(tenth) / 10.0, Side::Bid));
    }
    assert!(
        flow.score(1, SEEN) > 3.0 && flow.shown(0, SEEN).imbalance.unwrap() > 0.8,
        "{}",
        flow.score(1, SEEN)
    );
    let (before, score) = (rate_of(&flow, Side::Bid, 0), flow.score(1, SEEN));
    for second in 0..60 {
        flow.on_time(Time((3603 + second) * 1_000_000_000));
    }
    assert!(
        rate_of(&flow, Side::Bid, 0) < 1e-9 * before,
        "a minute of silence at one second"
    );
    assert!(flow.score(1, SEEN).abs() < 0.3 * score, "it fades");
}

/// Swapping the sides flips what has a direction and keeps what has none.
#[test]
fn the_mirrored_flow_has_the_mirrored_score() {
    let (mut one, mut two, mut random, mut at) =
        (Flow::default(), Flow::default(), Random::new(5), 0.0);
    for _ in 0..5_000 {
        at += random.wait(1.0);
        let side = if random.chance(0.6) {
            Side::Bid
        } else {
            Side::Ask
        };
        one.observe(&sweep(at, side));
        two.observe(&sweep(at, side.opposite()));
    }
    for window in 0..3 {
        assert!((one.score(window, SEEN) + two.score(window, SEEN)).abs() < 1e-12);
        let (one, mut two) = (one.shown(window, SEEN), two.shown(window, SEEN));
        two.per_s = two.per_s.map(|[bids, asks]| [asks, bids]);
        two.usd_per_s = two.usd_per_s.map(|[bids, asks]| [asks, bids]);
        assert_eq!((one.per_s, one.usd_per_s), (two.per_s, two.usd_per_s));
        assert!((one.imbalance.unwrap() + two.imbalance.unwrap()).abs() < 1e-12);
    }
}
