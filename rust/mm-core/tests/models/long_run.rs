//! Law 10 of MODELS.md d.2: after a long run the running sums are what they are when they are summed anew, and
//! counts have lost nothing. A million updates; ten million where `MM_LAWS` is `deep`.

use mm_core::book::Touch;
use mm_core::estimators::adverse::AdverseSelection;
use mm_core::estimators::flow::Flow;
use mm_core::estimators::intensity::{MarketIntensity, OwnIntensity};
use mm_core::estimators::markout::Markouts;
use mm_core::estimators::microprice::MicroPrice;
use mm_core::estimators::sweep::Sweep;
use mm_core::estimators::volatility::Volatility;
use mm_core::event::Level;
use mm_core::units::{Px, SECOND, Side, Sz, Time};

use crate::random::Random;

/// What is older than this many updates weighs nothing in memories of a minute to an hour of seconds.
const TAIL: usize = 200_000;
const MEMORY_S: f64 = 60.0;

fn updates() -> usize {
    let deep = std::env::var("MM_LAWS").is_ok_and(|how| how == "deep");
    if deep { 10_000_000 } else { 1_000_000 }
}

/// `found` is `wanted`, to a share of `scale` that rounding explains.
fn same(name: &str, found: f64, wanted: f64, scale: f64) {
    let apart = (found - wanted).abs() / scale;
    println!("{name}: {apart:.1e} apart");
    assert!(apart < 1e-9, "{name}: {found} instead of {wanted}");
}

/// What an age weighs.
fn weight(age_s: f64, half_life_s: f64) -> f64 {
    libm::exp2(-age_s / half_life_s)
}

/// A walk of one bp a second, as its log and the mid that it is; the newest `TAIL` logs are kept.
struct Walk {
    random: Random,
    log_mids: Vec<f64>,
}

impl Walk {
    fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            log_mids: vec![0.0],
        }
    }

    /// A second later: the log mid.
    fn step(&mut self) -> f64 {
        let log_mid = self.log_mids[self.log_mids.len() - 1] + 1e-4 * self.random.normal();
        self.log_mids.push(log_mid);
        if self.log_mids.len() == 2 * TAIL {
            self.log_mids.drain(..TAIL);
        }
        log_mid
    }

    /// Newest first: how many seconds ago it ended, and the return over `span` seconds.
    fn returns(&self, span: usize) -> impl Iterator<Item = (f64, f64)> {
        let of = move |pair: &[f64]| pair[span] - pair[0];
        let newest_first = self.log_mids.windows(span + 1).rev().map(of);
        newest_first
            .enumerate()
            .map(|(age, moved)| (age as f64, moved))
    }
}

fn sweep(exch: Time, side: Side, mid: f64) -> Sweep {
    Sweep {
        exch,
        side,
        mid,
        reach_bps: 1.1,
        notional: 1.0,
    }
}

#[test]
fn a_long_run_does_not_drift_in_flow_and_intensity() {
    let (mut random, mut flow, mut at) = (Random::new(1), Flow::default(), 0_i64);
    let (mut own, mut intensity) = (OwnIntensity::new(MEMORY_S), MarketIntensity::new(MEMORY_S));
    let mut tail: Vec<i64> = Vec::new();
    let total = updates();
    for count in 0..total {
        at += 1 + (random.wait(4.0) * 1e9) as i64;
        let taker = sweep(Time(at), Side::Bid, 1.0);
        flow.observe(&taker);
        intensity.observe(&taker);
        own.on_time(taker.exch);
        own.rested(Side::Ask, 1.1, 1.0);
        if count > total - 40_000 {
            tail.push(at);
        }
    }
    let ages = tail.iter().map(|then| (at - then) as f64 * 1e-9);
    let weights: f64 = ages.map(|age_s| weight(age_s, MEMORY_S)).sum();
    let watched_s = MEMORY_S / core::f64::consts::LN_2;
    let flowed = flow.shown(2, Time::ZERO).per_s.unwrap()[0] * watched_s;
    let counted = intensity.counted_rate(Side::Ask, 1.0).unwrap() * watched_s;
    same("flow", flowed, weights, weights);
    same("intensity", counted, weights, weights);
    same("own", own.seen(Side::Ask, Time::ZERO).0, weights, weights);
}

/// Every half-life, and each span of the signature plot.
#[test]
fn a_long_run_does_not_drift_in_volatility() {
    let (mut walk, mut volatility) = (Walk::new(2), Volatility::default());
    volatility.observe(Time(0), 1.0);
    for second in 1..=updates() as i64 {
        volatility.observe(Time(second * SECOND), libm::exp(walk.step()));
    }
    let wanted = |half_life_s: f64, span: usize| {
        let (mut squares, mut weights) = (0.0, 0.0);
        for (age_s, r) in walk.returns(span).take(TAIL) {
            let weight = weight(age_s, half_life_s);
            squares += weight * r * r / span as f64;
            weights += weight;
        }
        (squares / weights).sqrt()
    };
    let shown = volatility.shown(Time::ZERO);
    for (found, half_life_s) in shown.half_lives.into_iter().zip([120.0, 600.0, 3600.0]) {
        let wanted = wanted(half_life_s, 5);
        same("volatility", found.unwrap(), wanted, wanted);
    }
    for (found, span) in shown.signature.into_iter().zip([1, 5, 30]) {
        let wanted = wanted(600.0, span);
        same("signature", found.unwrap(), wanted, wanted);
    }
}

/// A taker each second, half a second after a mid: a second later holds the mid that comes next.
#[test]
fn a_long_run_does_not_drift_in_adverse_selection() {
    let (mut walk, mut adverse) = (Walk::new(3), AdverseSelection::new(MEMORY_S));
    let (mut log_mid, mut now) = (0.0, Time(0));
    let total = updates() as i64;
    for second in 1..=total {
        adverse.observe(&sweep(
            Time(now.0 + SECOND / 2),
            Side::Bid,
            libm::exp(log_mid),
        ));
        log_mid = walk.step();
        now = Time(second * SECOND);
        adverse.on_mid(now, libm::exp(log_mid));
    }
    let found = adverse.cost(Side::Ask, 0, 1.0, now).unwrap();
    let (mut moved, mut squared, mut weights, mut of_squares) = (0.0, 0.0, 0.0, 0.0);
    // The newest taker's second is not over.
    for (ended, r) in walk.returns(1).take(TAIL).skip(1) {
        let weight = weight(ended - 0.5, MEMORY_S);
        let move_bps = r * 1e4;
        moved += weight * move_bps;
        squared += weight * move_bps * move_bps;
        weights += weight;
        of_squares += weight * weight;
    }
    // The newest is half a second old.
    let newest = weight(0.5, MEMORY_S);
    let (mean, n) = (moved / weights, newest * weights * weights / of_squares);
    let se = ((squared / weights - mean * mean) / (n - 1.0)).sqrt();
    same("adverse n", found.n, n, n);
    same("adverse se", found.se_bps, se, se);
    same("adverse mean", found.mean_bps, mean, se);
}

/// Every change of the touch is of one of five imbalances and moves the mid by a tick.
#[test]
fn a_long_run_does_not_drift_in_the_micro_price() {
    const MEMORY: f64 = 50_000.0;
    let (mut random, mut micro, mut mid) = (Random::new(4), MicroPrice::default(), 1_000_000);
    let touch = |mid: i64, class: u8| {
        let level = |px, sz| Level {
            px: Px(px),
            sz: Sz(sz),
        };
        let bid = 100 + 200 * i64::from(class);
        Touch {
            bid: level(mid - 5, bid),
            ask: level(mid + 5, 1_000 - bid),
        }
    };
    let mut classes: Vec<u8> = Vec::new();
    for update in 0..=updates() {
        let class = (random.uniform() * 5.0) as u8;
        mid += if random.chance(0.5) { 10 } else { -10 };
        micro.observe(Time(update as i64 * SECOND), &touch(mid, class), 10.0);
        classes.push(class);
    }
    // The last change led to the last touch: it is of the one before. It weighs a step of growth less than one.
    classes.pop();
    let (mut visits, mut weight) = ([0.0; 5], 1.0);
    for class in classes.iter().rev() {
        weight /= 1.0 + 1.0 / MEMORY;
        visits[usize::from(*class)] += weight;
        visits[usize::from(4 - *class)] += weight;
    }
    for (class, wanted) in (0_u8..).zip(visits) {
        let found = micro.evidence(&touch(mid, class), 10.0, Time::ZERO).n;
        same("micro-price", found, wanted, wanted);
    }
}

/// Nothing is forgotten here: sums of the whole run, against ones that keep what rounding cuts off.
#[test]
fn a_long_run_does_not_drift_in_markouts() {
    const MID: f64 = 1e8;
    let (mut walk, mut markouts) = (Walk::new(5), Markouts::default());
    let (mut before, mut fills, mut sum, mut lost, mut sizes) = (MID, 0_u64, 0.0_f64, 0.0, 0.0);
    markouts.on_mid(Time(0), MID);
    for second in 0..updates() as i64 {
        let side = Side::BOTH[usize::from(second % 3 == 0)];
        // Each tenth second: a fill waits for a minute, and all that wait are looked at by every mid.
        let is_filled = second % 10 == 0;
        if is_filled {
            let at = Time(second * SECOND + SECOND / 2);
            markouts.on_fill(at, side, Px(MID as i64), Sz(1));
        }
        let mid = MID * libm::exp(walk.step());
        markouts.on_mid(Time((second + 1) * SECOND), mid);
        let move_bps = -(side.sign() as f64) * (mid - before) / before * 1e4;
        before = mid;
        if !is_filled {
            continue;
        }
        // Neumaier's: what the sum loses of a term is summed on its own.
        let next: f64 = sum + move_bps;
        lost += if sum.abs() >= move_bps.abs() {
            sum - next + move_bps
        } else {
            move_bps - next + sum
        };
        (sum, fills, sizes) = (next, fills + 1, sizes + move_bps.abs());
    }
    markouts.end(Time((updates() as i64 + 100) * SECOND));
    let found = markouts.table()[1];
    assert_eq!(found.n, fills);
    let n = fills as f64;
    same(
        "markout",
        found.mean_bps.unwrap(),
        (sum + lost) / n,
        sizes / n,
    );
    same(
        "by notional",
        found.notional_mean_bps.unwrap(),
        (sum + lost) / n,
        sizes / n,
    );
}
