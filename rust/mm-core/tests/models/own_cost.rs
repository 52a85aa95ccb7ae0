//! What our own fills cost beside the tape, on markets where it is known how much that is.

use mm_core::estimators::own_cost::{OwnCost, OwnCosts};
use mm_core::units::{SECOND, Side, Time};
use proptest::prelude::*;

use crate::random::{Random, mean_sd};

const MID: f64 = 1e6;
const N0: f64 = 100.0;
/// Between two mids.
const STEP: i64 = SECOND / 5;
/// Fills are this many steps apart: their horizons do not overlap.
const APART: i64 = 50;

/// What the tape says of a distance, whatever the side.
fn tape_bps(_: Side, delta_bps: f64) -> f64 {
    0.3 + 0.2 * delta_bps
}

/// A walk of 1 bp per root second with a fill of our two sides in turn every 10 s, somewhere up to 8 bps out; in
/// the second after it the mid goes against us by what the tape says there, and by `excess_bps` of the side more.
fn filled(seed: u64, fills: i64, excess_bps: [f64; 2], mirrored: bool) -> OwnCosts {
    let (mut random, mut own, mut bps) = (Random::new(seed), OwnCosts::new(1e9), 0.0_f64);
    let (mut drift, mut until) = (0.0, 0);
    let price = |bps: f64| MID * libm::exp(if mirrored { -bps } else { bps } * 1e-4);
    for step in 0..(fills + 1) * APART {
        let exch = Time(step * STEP);
        bps += random.normal() * 0.2_f64.sqrt();
        if step < until {
            bps += drift;
        }
        own.on_mid(exch, price(bps), tape_bps);
        if step % APART == 0 && step / APART < fills {
            let side = Side::BOTH[(step / APART) as usize % 2];
            let delta_bps = 8.0 * random.uniform();
            let cost = tape_bps(side, delta_bps) + excess_bps[side.index()];
            (drift, until) = (-(side.sign() as f64) * cost / 5.0, step + 6);
            let met = if mirrored { side.opposite() } else { side };
            own.filled(Time(exch.0 + 1), step as u64, met, delta_bps, price(bps));
        }
    }
    own
}

fn shifts(own: &OwnCosts, fills: i64) -> [OwnCost; 2] {
    own.shifts(N0, Time((fills + 1) * APART * STEP))
}

/// A hundred fills a side that cost nothing, 1 or 4 bps more than the tape says of their distance.
#[test]
fn what_own_fills_cost_beside_the_tape_is_found() {
    for excess in [0.0, 1.0, 4.0] {
        let mut scores = Vec::new();
        let mut shifted = Vec::new();
        let mut by_error = Vec::new();
        for seed in 0..40 {
            for one in shifts(&filled(seed, 200, [excess; 2], false), 200) {
                let residual = one.residual.unwrap();
                assert!((residual.n - 100.0).abs() < 1e-3, "{residual:?}");
                scores.push((residual.mean_bps - excess) / residual.se_bps);
                shifted.push(one.shift_bps);
                let pulled = excess * (0.5 + 0.5 * 2.0 / 3.0);
                by_error.push((one.shift_bps - pulled) / one.shift_se_bps);
            }
        }
        // The error of the shift is the one it has.
        let (_, shift_sd) = mean_sd(&by_error);
        assert!((0.75..1.3).contains(&shift_sd), "{shift_sd}");
        let within = scores.iter().filter(|z| z.abs() < 2.0).count();
        let ((z, sd), (shift, spread)) = (mean_sd(&scores), mean_sd(&shifted));
        println!(
            "{excess} bps more: off by {z:.2} +- {sd:.2} se, {within} of 80 within 2; \
             shift {shift:.2} +- {spread:.2}"
        );
        assert!(within >= 72 && z.abs() < 3.0 / 80_f64.sqrt() && (0.75..1.3).contains(&sd));
        // Of both sides 200 fills against a hundred of none, of each a hundred against a hundred of both.
        let pulled = excess * (0.5 + 0.5 * 2.0 / 3.0);
        assert!((shift - pulled).abs() < 0.1, "{shift} {pulled}");
    }
}

/// Three fills after which the mid ran away by 20 bps: that may be chance.
#[test]
fn few_fills_stay_near_the_tape() {
    let mut far = 0.0_f64;
    for seed in 0..40 {
        let own = filled(seed, 6, [20.0, 0.0], false);
        for one in shifts(&own, 6) {
            far = far.max(one.shift_bps.abs());
        }
    }
    println!("three fills that cost 20 bps more: a shift of {far:.2} at most");
    assert!(far < 1.5, "{far}");
    let none = OwnCosts::new(1e9).shifts(N0, Time(0));
    assert!(none.iter().all(|one| one.shift_bps.abs() < 1e-12));
}

/// A side that was never filled is pulled the way of the other, and less far.
#[test]
fn one_side_says_something_of_the_other() {
    let own = filled(3, 2_000, [4.0, 0.0], false);
    let [bid, ask] = shifts(&own, 2_000);
    assert!((bid.shift_bps - 4.0).abs() < 0.5 && ask.shift_bps.abs() < 0.5);
    let mut alone = OwnCosts::new(1e9);
    for round in 0..100 {
        let at = Time(round * 10 * SECOND);
        alone.on_mid(at, MID, tape_bps);
        alone.filled(Time(at.0 + 1), 1, Side::Bid, 1.0, MID);
        alone.on_mid(Time(at.0 + SECOND), MID * (1.0 - 4.5e-4), tape_bps);
        alone.on_mid(Time(at.0 + 6 * SECOND), MID, tape_bps);
    }
    let [bid, ask] = alone.shifts(N0, Time(1_000 * SECOND));
    assert!(ask.residual.is_none() && (ask.shift_bps - 2.0).abs() < 0.05);
    assert!((bid.shift_bps - 3.0).abs() < 0.05, "{bid:?}");
}

/// What costs our bids in one market costs our asks in its mirror.
#[test]
fn the_mirrored_market_is_seen_mirrored() {
    let [plain, mirrored] = [false, true].map(|mirrored| {
        let own = filled(7, 100, [3.0, 1.0], mirrored);
        shifts(&own, 100).map(|one| one.shift_bps)
    });
    for side in 0..2 {
        assert!((plain[side] - mirrored[1 - side]).abs() < 1e-9);
    }
}

/// Ten fills, each told `told_s` after it, and a mid every second but within a silence; then 40 s of none.
fn one_fill(told_s: i64, silent_from_s: i64, silent_to_s: i64) -> OwnCosts {
    let mut own = OwnCosts::new(1e9);
    for round in 0..10 {
        let begin = round * 100;
        for second in 0..60 {
            let at = Time((begin + second) * SECOND);
            if !(silent_from_s..silent_to_s).contains(&second) {
                own.on_mid(at, MID, tape_bps);
            }
            if second == told_s {
                own.filled(Time(begin * SECOND + 1), 1, Side::Ask, 1.0, MID);
            }
        }
    }
    own
}

#[test]
fn nothing_is_measured_late_or_across_a_silence() {
    let n = |own: &OwnCosts| {
        let [_, ask] = own.shifts(N0, Time(1_000 * SECOND));
        ask.residual.map(|cost| cost.n.round())
    };
    assert_eq!(n(&one_fill(0, 60, 60)), Some(10.0));
    assert_eq!(n(&one_fill(4, 60, 60)), Some(10.0));
    assert_eq!(n(&one_fill(6, 60, 60)), None, "the horizon was over");
    assert_eq!(n(&one_fill(0, 4, 14)), Some(10.0));
    let mut broken = one_fill(59, 60, 60);
    assert_eq!(n(&broken), None);
    broken.filled(Time(1_000 * SECOND), 2, Side::Ask, 1.0, MID);
    broken.forget_waiting();
    broken.on_mid(Time(1_001 * SECOND), MID, tape_bps);
    broken.on_mid(Time(1_010 * SECOND), MID, tape_bps);
    assert_eq!(n(&broken), None);
}

#[test]
fn it_forgets_and_pieces_of_one_fill_are_one() {
    let taught = |pieces: usize| {
        let mut own = OwnCosts::new(600.0);
        for round in 0..50_i64 {
            let at = Time(round * 10 * SECOND);
            own.on_mid(at, MID, tape_bps);
            // One taker in two costs 9 bps, and meets us in so many pieces.
            let costly = round % 2 == 0;
            for _ in 0..if costly { pieces } else { 1 } {
                own.filled(Time(at.0 + 1), round as u64, Side::Bid, 1.0, MID);
            }
            let left = if costly { 1.0 - 9e-4 } else { 1.0 };
            own.on_mid(Time(at.0 + SECOND), MID * left, tape_bps);
            own.on_mid(Time(at.0 + 6 * SECOND), MID, tape_bps);
        }
        own
    };
    let (one, forty) = (taught(1), taught(40));
    assert_eq!(one, forty);
    let n = |seconds: i64| {
        let residual = one.shifts(N0, Time(seconds * SECOND))[0].residual;
        residual.map(|cost| cost.n)
    };
    // Half of what is forgotten in ten minutes is known ten minutes later, and in the end nothing.
    assert!((n(500).unwrap() / n(1_100).unwrap() - 2.0).abs() < 1e-9);
    assert_eq!(n(10_000), None);
    let shown = |seconds: i64| one.shifts(100.0, Time(seconds * SECOND))[0];
    let (early, later) = (shown(500), shown(2_300));
    assert!(later.shift_bps < 0.5 * early.shift_bps && later.shift_se_bps > 0.0);
    assert!(later.residual.unwrap().se_bps > 1.5 * early.residual.unwrap().se_bps);
    assert_eq!(later.residual.unwrap().as_of, early.residual.unwrap().as_of);
    assert!(shown(100_000).shift_bps.abs() < 1e-12);
    let late = one.shifts(0.0, Time(500 * SECOND))[0].shift_bps;
    assert!((late - 4.0).abs() < 0.1, "{late}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// Law 9: whether the fill or the mid of one time is told first, at its beginning and at its end.
    #[test]
    fn prop_messages_of_one_time_come_in_any_order(
        seconds in prop::collection::vec((-20_i64..20, any::<bool>(), any::<bool>(), 0_u64..3), 20..200),
        flip in any::<bool>(),
    ) {
        let told = |fill_first: bool| {
            let (mut own, mut before) = (OwnCosts::new(600.0), None);
            for (second, (moved, fills, bid, oid)) in seconds.iter().enumerate() {
                let (at, mid) = (Time(second as i64 * SECOND), MID + *moved as f64);
                let fill = |own: &mut OwnCosts| {
                    let side = if *bid { Side::Bid } else { Side::Ask };
                    if let Some(mid) = before.filter(|_| *fills) {
                        own.filled(at, *oid, side, 1.0, mid);
                    }
                };
                if fill_first {
                    fill(&mut own);
                    own.on_mid(at, mid, tape_bps);
                } else {
                    own.on_mid(at, mid, tape_bps);
                    fill(&mut own);
                }
                before = Some(mid);
            }
            own
        };
        prop_assert_eq!(told(flip), told(!flip));
    }
}
