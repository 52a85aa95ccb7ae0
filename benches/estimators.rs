//! All estimators of the market together, by event: what MODELS.md asks of them is a budget per event.
//!
//! Six touches a second and a taker order of one to three trades a second, as busy coins have. `fit` and
//! `costs` are what a quote cycle reads, not an event. `exp_1000` of `limits` is the yardstick.

#![expect(
    clippy::cast_possible_truncation,
    reason = "prices and times of a made-up market"
)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use mm_core::book::Touch;
use mm_core::estimators::jump::Jump;
use mm_core::estimators::markout::Markouts;
use mm_core::estimators::microprice::MicroPrice;
use mm_core::estimators::regime::Regimes;
use mm_core::estimators::shift::{Shift, ShiftConfig};
use mm_core::estimators::volatility::Volatility;
use mm_core::estimators::watched::Watched;
use mm_core::event::{Level, Trade};
use mm_core::units::{Dur, Px, SECOND, Side, Sz, Time};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const MINUTES: i64 = 10;
const TOUCHES_PER_S: i64 = 6;

enum Heard {
    Touch(Time, Touch),
    Trade(Trade),
}

fn level(px: i64, sz: i64) -> Level {
    Level {
        px: Px(px),
        sz: Sz(sz),
    }
}

/// Ten minutes of a mid near a million lattice units, a hundredth of a bp each.
fn market() -> Vec<Heard> {
    let (mut dice, mut heard, mut mid) = (ChaCha8Rng::seed_from_u64(1), Vec::new(), 1_000_000);
    for step in 0..MINUTES * 60 * TOUCHES_PER_S {
        let at = Time(step * SECOND / TOUCHES_PER_S);
        mid += (dice.random::<f64>() * 81.0) as i64 - 40;
        let mut lots = || 1 + (dice.random::<f64>() * 1e5) as i64;
        let touch = Touch {
            bid: level(mid - 50, lots()),
            ask: level(mid + 50, lots()),
        };
        heard.push(Heard::Touch(at, touch));
        if step % TOUCHES_PER_S == 0 {
            let side = Side::BOTH[usize::from(dice.random::<f64>() < 0.5)];
            let exch = Time(at.0 + SECOND / 20);
            for piece in 0..=(dice.random::<f64>() * 3.0) as i64 {
                heard.push(Heard::Trade(Trade {
                    exch,
                    tid: heard.len() as u64,
                    side,
                    px: Px(mid + side.sign() * (50 + 100 * piece)),
                    sz: Sz(1 + (dice.random::<f64>() * 5e4) as i64),
                }));
            }
        }
    }
    heard
}

/// What the engine feeds with each event.
struct Estimators {
    watched: Watched,
    volatility: Volatility,
    jump: Jump,
    micro: MicroPrice,
    markouts: Markouts,
    regimes: Regimes,
    shift: Shift,
}

impl Estimators {
    fn new() -> Self {
        Self {
            watched: Watched::new(1200.0, 3600.0),
            volatility: Volatility::default(),
            jump: Jump::default(),
            micro: MicroPrice::default(),
            markouts: Markouts::default(),
            regimes: Regimes::default(),
            shift: Shift::new(ShiftConfig {
                half_life_s: 1800.0,
                basis_half_life_s: 2.0,
                n0: 100.0,
                uses_lead: false,
            }),
        }
    }

    fn hear(&mut self, heard: &Heard, later: Dur) {
        match heard {
            Heard::Touch(at, touch) => {
                let (at, mid) = (at.plus(later), touch.mid());
                self.markouts.on_mid(at, mid);
                self.jump.observe(at, mid, self.volatility.without_jumps());
                self.volatility.observe(at, mid);
                self.watched.on_touch(at, *touch, |_| true);
                self.micro.observe(touch, 100.0);
                self.shift.on_touch(at, mid, touch, mid);
                if at.0 % SECOND == 0 {
                    self.regimes.observe(
                        at,
                        self.volatility.of_two_minutes(),
                        self.volatility.recent_moves(),
                        Some(1e-4),
                    );
                }
            }
            Heard::Trade(trade) => {
                let exch = trade.exch.plus(later);
                self.watched.on_trade(&Trade { exch, ..*trade }, |_| true);
            }
        }
    }
}

fn estimators(c: &mut Criterion) {
    let heard = market();
    let mut all = Estimators::new();
    let (mut next, mut later) = (0, Dur(0));
    c.bench_function("estimators/event", |b| {
        b.iter(|| {
            all.hear(black_box(&heard[next]), later);
            next += 1;
            if next == heard.len() {
                (next, later) = (0, Dur(later.0 + MINUTES * 60 * SECOND));
            }
        });
    });
    let now = Time(later.0 + MINUTES * 60 * SECOND);
    c.bench_function("estimators/read", |b| {
        b.iter(|| {
            for side in Side::BOTH {
                black_box(all.watched.fit(side));
                black_box(all.watched.costs(side, 1, black_box(now)));
            }
        });
    });
}

criterion_group!(benches, estimators);
criterion_main!(benches);
