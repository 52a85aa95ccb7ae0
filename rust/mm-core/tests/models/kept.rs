//! What is kept of fits and curves is what a reading of every second says, to a tenth of its standard error; what it
//! rests on is as of when it is asked.

use mm_core::book::Touch;
use mm_core::estimators::intensity::Fit;
use mm_core::estimators::kept::Kept;
use mm_core::estimators::watched::Watched;
use mm_core::event::{Level, Trade};
use mm_core::units::{Dur, Px, SECOND, Side, Sz, Time};

use crate::random::Random;

const FIVE_S: usize = 1;
/// Where we quote, bps.
const QUOTED_BPS: (f64, f64) = (1.0, 6.0);
/// Takers a second of both sides; nobody comes in the second half of the third hour.
const TAKERS_PER_S: f64 = 0.8;
const SILENT_S: core::ops::Range<i64> = 9_000..10_800;

/// A touch a second, with takers of an exponential reach.
struct World {
    random: Random,
    watched: Watched,
    mid: f64,
    tid: u64,
}

impl World {
    fn second(&mut self, second: i64) -> Time {
        let exch = Time(second * SECOND);
        self.mid += 100.0 * self.random.normal();
        let level = |away: f64| Level {
            px: Px((self.mid + away) as i64),
            sz: Sz(1),
        };
        let touch = Touch {
            bid: level(-30.0),
            ask: level(30.0),
        };
        self.watched.on_touch(exch, touch, |_| true);
        if !SILENT_S.contains(&second) && self.random.chance(TAKERS_PER_S) {
            let side = Side::BOTH[usize::from(self.random.chance(0.5))];
            self.tid += 1;
            let away = (30.0 + self.random.wait(0.5 / 100.0)) as i64;
            let trade = Trade {
                exch: exch.plus(Dur(SECOND / 2)),
                tid: self.tid,
                side,
                px: Px(self.mid as i64 + side.sign() * away),
                sz: Sz(1),
            };
            self.watched.on_trade(&trade, |_| true);
        }
        exch
    }
}

/// Differences in standard errors, of the logarithm of the rate at 3 bps and of the slope, and of costs.
#[derive(Default)]
struct Off {
    rate: Vec<f64>,
    kappa: Vec<f64>,
    cost: Vec<f64>,
    curves_read: usize,
    fits_read: usize,
}

fn watch(seed: u64) -> Off {
    let mut world = World {
        random: Random::new(seed),
        watched: Watched::new(1200.0, 3600.0),
        mid: 1e6,
        tid: 0,
    };
    let (mut kept, mut curve, mut off) = (Kept::default(), None, Off::default());
    for second in 0..4 * 3600 {
        let exch = world.second(second);
        let watched = &world.watched;
        let mut read = false;
        let fit = kept.fit_between(watched, Side::Bid, exch, || {
            read = true;
            Some(QUOTED_BPS)
        });
        if let Some(read) = kept.costs(watched, Side::Bid, FIVE_S, exch) {
            curve = Some(read);
            off.curves_read += 1;
        }
        off.fits_read += usize::from(read && fit.is_some());
        let now = watched.fit_between(Side::Bid, QUOTED_BPS, exch);
        assert_eq!(rests_on(fit), rests_on(now), "at second {second}");
        if let (Some(fit), Some(now)) = (fit, now) {
            let var_rate = now.var_log_arrival - 6.0 * now.covariance + 9.0 * now.var_kappa;
            let rate = |fit: &Fit| fit.log_arrival - 3.0 * fit.kappa;
            off.rate.push((rate(&fit) - rate(&now)) / var_rate.sqrt());
            off.kappa
                .push((fit.kappa - now.kappa) / now.var_kappa.sqrt());
        }
        let costs = watched.costs(Side::Bid, FIVE_S, exch);
        for (kept, now) in curve.iter().flatten().zip(&costs) {
            if let (Some(kept), Some(now)) = (kept, now) {
                off.cost.push((kept.mean_bps - now.mean_bps) / now.se_bps);
            }
        }
    }
    off
}

/// Effective number and newest event.
fn rests_on(fit: Option<Fit>) -> Option<(u64, Time)> {
    fit.map(|fit| (fit.n.to_bits(), fit.as_of))
}

/// Root mean square and the largest.
fn size(of: &[f64]) -> [f64; 2] {
    let squares: f64 = of.iter().map(|one| one * one).sum();
    let most = of.iter().fold(0.0, |most: f64, one| most.max(one.abs()));
    [(squares / of.len() as f64).sqrt(), most]
}

#[test]
fn what_is_kept_is_what_would_be_read_to_a_tenth_of_its_error() {
    for seed in 0..4 {
        let off = watch(seed);
        let sizes = [&off.rate, &off.kappa, &off.cost].map(|of| size(of));
        println!(
            "kept: of 14,400 seconds read {} fits, {} curves; rms and most in standard errors: rate {:.3?}, slope {:.3?}, costs {:.3?}",
            off.fits_read, off.curves_read, sizes[0], sizes[1], sizes[2]
        );
        assert!(off.rate.len() > 12_000 && off.cost.len() > 60_000);
        for [rms, most] in sizes {
            assert!(rms <= 0.1 && most <= 0.5, "{rms} {most}");
        }
        assert!(
            off.fits_read < 3_600 && off.curves_read < 3_600,
            "kept for seconds"
        );
    }
}

/// Nothing is heard for a minute, an hour, and until too little is left: the curve is kept, of fewer events and wider
/// by as much, and then there is none.
#[test]
fn what_is_kept_rests_on_less_in_a_silence() {
    let mut world = World {
        random: Random::new(9),
        watched: Watched::new(1200.0, 3600.0),
        mid: 1e6,
        tid: 0,
    };
    let end = (0..3_600)
        .map(|second| world.second(second))
        .max()
        .expect("an hour");
    let (watched, mut kept) = (&world.watched, Kept::default());
    let read = kept
        .fit_between(watched, Side::Bid, end, || Some(QUOTED_BPS))
        .expect("a fit");
    for after_s in [60, 1_200] {
        let now = end.plus(Dur(after_s * SECOND));
        let late = kept
            .fit_between(watched, Side::Bid, now, || panic!("read anew"))
            .expect("the same fit");
        let full = watched.fit_between(Side::Bid, QUOTED_BPS, now);
        assert_eq!(rests_on(Some(late)), rests_on(full));
        let left = libm::exp2(-(after_s as f64) / 1200.0);
        assert!((late.n / read.n / left - 1.0).abs() < 1e-9, "{}", late.n);
        assert_eq!(
            (late.log_arrival, late.kappa),
            (read.log_arrival, read.kappa)
        );
        for (late, read) in [
            (late.var_log_arrival, read.var_log_arrival),
            (late.var_kappa, read.var_kappa),
            (late.covariance, read.covariance),
        ] {
            assert!((late * left / read - 1.0).abs() < 1e-9, "{late} {read}");
        }
    }
    let hours = end.plus(Dur(8 * 3_600 * SECOND));
    let none = kept.fit_between(watched, Side::Bid, hours, || Some(QUOTED_BPS));
    assert_eq!(none, None);
}
