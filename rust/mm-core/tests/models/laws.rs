//! The laws of MODELS.md d.2 over all estimators together, on random markets.

use mm_core::book::Touch;
use mm_core::estimators::adverse::Cost;
use mm_core::estimators::flow::{Flow, FlowShown, HALF_LIVES_S};
use mm_core::estimators::intensity::{Fit, OwnIntensity};
use mm_core::estimators::jump::Jump;
use mm_core::estimators::microprice::MicroPrice;
use mm_core::estimators::shift::{Shift, ShiftConfig, SignalShown};
use mm_core::estimators::sweep::Sweep;
use mm_core::estimators::volatility::{Volatility, VolatilityShown};
use mm_core::estimators::watched::Watched;
use mm_core::event::{Level, Trade};
use mm_core::learned::CostCurve;
use mm_core::units::{Px, SECOND, Side, Sz, Time};
use proptest::prelude::*;

use crate::random::Random;

/// What is heard of a market.
#[derive(Clone, Debug)]
pub(crate) enum Heard {
    Touch(Time, Touch),
    Taker(Vec<Trade>),
}

impl Heard {
    pub(crate) fn exch(&self) -> Time {
        match self {
            Self::Touch(at, _) => *at,
            Self::Taker(trades) => trades[0].exch,
        }
    }
}

fn level(px: i64, sz: i64) -> Level {
    Level {
        px: Px(px),
        sz: Sz(sz),
    }
}

/// Half an hour: a touch a second, a taker in two at the touch's own time or later, the mid near a million.
/// Prices are a hundredth of a bp; what takers reach is the middle of a bin of a quarter of one.
pub(crate) fn market(seed: u64) -> Vec<Heard> {
    let (mut random, mut heard, mut mid) = (Random::new(seed), Vec::new(), 1_000_000);
    for second in 0..1_800 {
        let at = Time(second * SECOND);
        mid += (random.normal() * 30.0) as i64;
        mid = mid.clamp(999_000, 1_001_000);
        let mut lots = || 1 + (random.uniform() * 1e5) as i64;
        let top = Touch {
            bid: level(mid - 12, lots()),
            ask: level(mid + 12, lots()),
        };
        heard.push(Heard::Touch(at, top));
        if random.chance(0.5) {
            let side = if random.chance(0.55) {
                Side::Bid
            } else {
                Side::Ask
            };
            let bins = random.wait(0.08) as i64;
            let apart = if random.chance(0.3) { 0 } else { SECOND / 3 };
            let pieces = (0..=bins.min(2)).map(|piece| Trade {
                exch: Time(at.0 + apart),
                tid: 0,
                side,
                px: Px(mid + side.sign() * (12 + 25 * bins * piece / bins.clamp(1, 2))),
                sz: Sz(1 + (random.uniform() * 5e4) as i64),
            });
            heard.push(Heard::Taker(pieces.collect()));
        }
    }
    heard
}

/// Half-lives of what is remembered of takers, s.
pub(crate) const INTENSITY_S: f64 = 1200.0;
pub(crate) const ADVERSE_S: f64 = 3600.0;
/// Of the signals of the next second, and of the basis' average.
pub(crate) const SHIFT_S: f64 = 1200.0;
pub(crate) const BASIS_S: f64 = 2.0;

/// Everything that is estimated.
pub(crate) struct World {
    pub(crate) watched: Watched,
    pub(crate) volatility: Volatility,
    pub(crate) jump: Jump,
    pub(crate) micro: MicroPrice,
    pub(crate) shift: Shift,
    tick: f64,
    last: Option<(Time, Touch)>,
}

/// What it comes to.
#[derive(Clone, Debug)]
struct Shown {
    fits: [Option<Fit>; 2],
    costs: [Vec<Option<Cost>>; 2],
    flow: Vec<FlowShown>,
    volatility: VolatilityShown,
    jump: f64,
    signals: [SignalShown; 2],
    offset_ticks: f64,
}

impl World {
    fn new(tick: f64) -> Self {
        Self {
            watched: Watched::new(INTENSITY_S, ADVERSE_S),
            volatility: Volatility::default(),
            jump: Jump::default(),
            micro: MicroPrice::default(),
            shift: Shift::new(ShiftConfig {
                half_life_s: SHIFT_S,
                basis_half_life_s: BASIS_S,
                n0: 100.0,
                uses_lead: true,
            }),
            tick,
            last: None,
        }
    }

    pub(crate) fn after(heard: &[Heard], tick: f64) -> Self {
        let mut world = Self::new(tick);
        for one in heard {
            world.hear(one);
        }
        world
    }

    pub(crate) fn hear(&mut self, heard: &Heard) {
        match heard {
            Heard::Touch(at, touch) => {
                self.watched.on_touch(*at, *touch, |_| true);
                let sigma = self.volatility.without_jumps();
                self.jump.observe(*at, touch.mid(), sigma);
                self.volatility.observe(*at, touch.mid());
                self.micro.observe(*at, touch, self.tick);
                // A reference that is our own mid of the touch before.
                if let Some((_, before)) = self.last {
                    self.shift.on_reference(*at, before.mid());
                }
                self.shift.on_touch(*at, touch.mid(), touch, touch.mid());
                self.last = Some((*at, *touch));
            }
            Heard::Taker(trades) => {
                for trade in trades {
                    self.watched.on_trade(trade, |_| true);
                }
            }
        }
    }

    fn shown(&self) -> Shown {
        let (at, touch) = self.last.unwrap();
        Shown {
            fits: Side::BOTH.map(|side| self.watched.fit(side, at)),
            costs: Side::BOTH.map(|side| self.watched.costs(side, 1, at).to_vec()),
            flow: (0..HALF_LIVES_S.len())
                .map(|window| self.watched.flow().shown(window, at))
                .collect(),
            volatility: self.volatility.shown(at),
            jump: self.jump.score(at),
            signals: [self.shift.lead(at), self.shift.flow(at)],
            offset_ticks: self.micro.offset_ticks(&touch, self.tick),
        }
    }
}

impl Shown {
    /// Every number of it that is known; money last.
    fn numbers(&self) -> Vec<f64> {
        let mut all = vec![self.jump, self.offset_ticks];
        for side in 0..2 {
            let fit = self.fits[side].iter();
            all.extend(fit.flat_map(|fit| {
                [
                    fit.log_arrival,
                    fit.kappa,
                    fit.var_kappa,
                    fit.var_log_arrival,
                    fit.n,
                ]
            }));
            let costs = self.costs[side].iter().flatten();
            all.extend(costs.flat_map(|cost| [cost.mean_bps, cost.se_bps, cost.n]));
        }
        let VolatilityShown {
            half_lives,
            signature,
            robust,
            ..
        } = self.volatility;
        all.extend(
            half_lives
                .into_iter()
                .chain(signature)
                .chain([robust])
                .flatten(),
        );
        for signal in &self.signals {
            all.extend(signal.value);
            all.push(signal.shift_bps);
            let slope = signal.slope.iter();
            all.extend(slope.flat_map(|found| [found.value, found.se, found.n, found.r2]));
        }
        for flow in &self.flow {
            all.extend(flow.per_s.into_iter().flatten());
            all.extend(flow.imbalance);
            all.push(flow.score);
        }
        all
    }

    fn money(&self) -> Vec<f64> {
        let flows = self.flow.iter();
        flows
            .flat_map(|flow| flow.usd_per_s.into_iter().flatten())
            .collect()
    }

    /// What the mirrored market should show.
    fn mirrored(&self) -> Self {
        let mut shown = self.clone();
        shown.fits.swap(0, 1);
        shown.costs.swap(0, 1);
        shown.jump = -self.jump;
        for signal in &mut shown.signals {
            signal.value = signal.value.map(|value| -value);
            signal.shift_bps = -signal.shift_bps;
        }
        shown.offset_ticks = -self.offset_ticks;
        for flow in &mut shown.flow {
            flow.per_s = flow.per_s.map(|[buys, sells]| [sells, buys]);
            flow.usd_per_s = flow.usd_per_s.map(|[buys, sells]| [sells, buys]);
            flow.imbalance = flow.imbalance.map(|imbalance| -imbalance);
            flow.score = -flow.score;
        }
        shown
    }
}

/// As many numbers, each within a share of the other, or of a tenth.
fn near(found: &[f64], wanted: &[f64], within: f64) -> Result<(), TestCaseError> {
    prop_assert_eq!(found.len(), wanted.len());
    for (place, (found, wanted)) in found.iter().zip(wanted).enumerate() {
        let apart = (found - wanted).abs() / (wanted.abs() + 0.1);
        prop_assert!(apart <= within, "{place}: {found} {wanted}");
    }
    Ok(())
}

/// Times as fine are the prices of a market that is mirrored.
const FINE: i64 = 1_000_000;

/// The same market with sizes, or prices, or both, multiplied, or seen in a mirror.
fn changed(
    heard: &[Heard],
    touch: impl Fn(Touch) -> Touch,
    trade: impl Fn(Trade) -> Trade,
) -> Vec<Heard> {
    let change = |one: &Heard| match one {
        Heard::Touch(at, old) => Heard::Touch(*at, touch(*old)),
        Heard::Taker(trades) => Heard::Taker(trades.iter().map(|one| trade(*one)).collect()),
    };
    heard.iter().map(change).collect()
}

fn scaled(level: Level, px: i64, sz: i64) -> Level {
    self::level(level.px.0 * px, level.sz.0 * sz)
}

fn scaled_by(heard: &[Heard], px: i64, sz: i64) -> Vec<Heard> {
    changed(
        heard,
        |touch| Touch {
            bid: scaled(touch.bid, px, sz),
            ask: scaled(touch.ask, px, sz),
        },
        |trade| Trade {
            px: Px(trade.px.0 * px),
            sz: Sz(trade.sz.0 * sz),
            ..trade
        },
    )
}

/// Every price where `flip` puts it, and bids and buyers what asks and sellers were.
fn mirrored(heard: &[Heard], flip: impl Fn(Px) -> Px) -> Vec<Heard> {
    let turned = |level: Level| Level {
        px: flip(level.px),
        ..level
    };
    changed(
        heard,
        |touch| Touch {
            bid: turned(touch.ask),
            ask: turned(touch.bid),
        },
        |trade| Trade {
            side: trade.side.opposite(),
            px: flip(trade.px),
            ..trade
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    /// Law 2: sizes and prices have no unit.
    #[test]
    fn prop_units_do_not_matter(seed in any::<u64>(), px in 2_i64..1_000, sz in 2_i64..1_000) {
        let heard = market(seed);
        let other = scaled_by(&heard, px, sz);
        let (one, two) = (World::after(&heard, 1.0).shown(), World::after(&other, px as f64).shown());
        near(&two.numbers(), &one.numbers(), 1e-6)?;
        let times: Vec<f64> = one.money().iter().map(|usd| usd * (px * sz) as f64).collect();
        near(&two.money(), &times, 1e-6)?;
    }

    /// Law 4: what has a direction turns with the market, what has none stays.
    #[test]
    fn prop_the_mirrored_market_is_seen_mirrored(seed in any::<u64>()) {
        let mut heard = market(seed);
        // A taker at the time of a touch is measured from the one before, anywhere in a bin: at a
        // border of it a hundredth of a bp decides.
        heard.retain(|one| matches!(one, Heard::Touch(..)) || one.exch().0 % SECOND != 0);
        // Mirrored are logarithms, of prices so fine that nothing is lost: where two means tie, what is pooled hangs on
        // the last digits.
        let fine = scaled_by(&heard, FINE, 1);
        let middle = 1_000_000 * FINE;
        let exact = i128::from(middle) * i128::from(middle);
        let inverse = |px: Px| Px(i64::try_from(exact / i128::from(px.0)).unwrap());
        let worlds = [fine.clone(), mirrored(&fine, inverse)];
        let [mut one, mut two] = worlds.map(|heard| World::after(&heard, FINE as f64).shown());
        // The micro-price counts ticks, which are whole in a mirror of prices alone.
        let worlds = [mirrored(&fine, |px| Px(2 * middle - px.0)), fine];
        let [of_two, of_one] = worlds.map(|heard| World::after(&heard, FINE as f64).shown());
        (one.offset_ticks, two.offset_ticks) = (of_one.offset_ticks, of_two.offset_ticks);
        near(&two.numbers(), &one.mirrored().numbers(), 1e-3)?;
    }

    /// Law 9: whether the book or the taker of one time is heard first.
    #[test]
    fn prop_messages_of_one_time_come_in_any_order(seed in any::<u64>()) {
        let heard = market(seed);
        let mut other = heard.clone();
        for at in 1..other.len() {
            if other[at - 1].exch() == other[at].exch() {
                other.swap(at - 1, at);
            }
        }
        let ties = heard.iter().zip(&other).filter(|(a, b)| a.exch() != b.exch() || matches!((a, b), (Heard::Touch(..), Heard::Taker(_)))).count();
        prop_assert!(ties > 100, "{ties}");
        let (one, two) = (World::after(&heard, 1.0).shown(), World::after(&other, 1.0).shown());
        near(&two.numbers(), &one.numbers(), 1e-9)?;
    }

    /// Law 5: a minute without takers, in which the book stands still. What is known of them is a minute older:
    /// less of it counts, by the half-life alone, its errors widen, and it is as of when it was.
    #[test]
    fn prop_silence_fades(seed in any::<u64>()) {
        let mut world = World::after(&market(seed), 1.0);
        let (at, touch) = world.last.unwrap();
        // The moves after the last takers are waited for.
        for second in 1..=40 {
            world.hear(&Heard::Touch(Time(at.0 + second * SECOND), touch));
        }
        let before = world.shown();
        let rate = |world: &World| world.watched.counted_rate(Side::Bid, 0.5).unwrap();
        let counted = rate(&world);
        for second in 41..=100 {
            world.hear(&Heard::Touch(Time(at.0 + second * SECOND), touch));
        }
        let after = world.shown();
        for (flow, was) in after.flow.iter().zip(&before.flow) {
            let total = |flow: &FlowShown| flow.per_s.unwrap().iter().sum::<f64>();
            prop_assert!(total(flow) <= 0.51 * total(was) + 1e-9);
            prop_assert!(flow.score.abs() <= was.score.abs() + 1e-9);
        }
        prop_assert!(rate(&world) < 0.98 * counted);
        prop_assert!(after.volatility.half_lives[0] < before.volatility.half_lives[0]);
        prop_assert!(after.jump.abs() < 1e-9);
        let (by_cost, by_fit) = (libm::exp2(-60.0 / ADVERSE_S), libm::exp2(-60.0 / INTENSITY_S));
        for (after, before) in after.costs.iter().flatten().zip(before.costs.iter().flatten()) {
            let (Some(after), Some(before)) = (after, before) else { continue };
            prop_assert!((after.n / before.n / by_cost - 1.0).abs() < 1e-9, "{after:?} {before:?}");
            prop_assert!(after.se_bps > before.se_bps && after.as_of == before.as_of);
            prop_assert!((after.mean_bps - before.mean_bps).abs() < 1e-9);
        }
        let kept = |shown: &Shown| shown.costs.iter().flatten().flatten().count();
        prop_assert!(kept(&before) > 10 && kept(&after) > 10);
        for (after, before) in after.fits.iter().zip(&before.fits) {
            let (after, before) = (after.unwrap(), before.unwrap());
            // The farthest distance that enough came to moves in meanwhile: bins further in are told from each other.
            if after.range_bps == before.range_bps {
                prop_assert!((after.n / before.n / by_fit - 1.0).abs() < 1e-9, "{after:?} {before:?}");
                prop_assert!(after.var_kappa > before.var_kappa);
                prop_assert!(after.var_log_arrival > before.var_log_arrival);
            }
            prop_assert!(after.n < 1.001 * by_fit * before.n);
        }
    }

    /// Law 11: whatever finite is heard, everything that is known is finite.
    #[test]
    fn prop_whatever_is_heard_all_is_finite(
        events in prop::collection::vec(
            (0_i64..40, any::<bool>(), 1_i64..1_000_000_000, 0_i64..3, 0_i64..1_000_000_000, any::<bool>()),
            1..200,
        ),
    ) {
        let (mut world, mut at) = (World::new(1.0), 0);
        let mut own = OwnIntensity::new(600.0);
        for (wait, is_touch, px, wide, sz, buys) in events {
            // Times repeat, and a few go back.
            at += (wait - 2) * SECOND / 2;
            let side = if buys { Side::Bid } else { Side::Ask };
            let exch = Time(at);
            own.on_time(exch);
            own.rested(side, px as f64 - 1e3, wait as f64);
            own.filled(side, px as f64 - 1e3, exch, 7);
            world.hear(&if is_touch {
                Heard::Touch(exch, Touch { bid: level(px, sz + 1), ask: level(px + wide, sz + 1) })
            } else {
                Heard::Taker(vec![Trade { exch, tid: 0, side, px: Px(px), sz: Sz(sz) }])
            });
            if world.last.is_some() {
                let shown = world.shown();
                prop_assert!(shown.numbers().iter().chain(&shown.money()).all(|x| x.is_finite()), "{shown:?}");
            }
            let fit = own.fit(side, &Fit::assumed(0.1, 0.7, 100.0), None, exch);
            prop_assert!(fit.kappa.is_finite() && fit.log_arrival.is_finite() && fit.var_kappa > 0.0);
        }
    }
}

/// Law 5: half a day without a taker: nothing is known of them any more, and what is used is what was assumed.
#[test]
fn a_long_silence_leaves_what_was_assumed() {
    let mut world = World::after(&market(1), 1.0);
    let (at, touch) = world.last.unwrap();
    let assumed = CostCurve::flat(0.5);
    let far = |world: &World, second: i64| {
        let costs = world
            .watched
            .costs(Side::Bid, 1, Time(at.0 + second * SECOND));
        let used = CostCurve::measured(&costs, 0.5, 100.0);
        (0..100)
            .map(|bps| (used.at(f64::from(bps)) - assumed.at(0.0)).abs())
            .fold(0.0, f64::max)
    };
    let mut apart = vec![far(&world, 0)];
    for second in 1..=43_200 {
        world.hear(&Heard::Touch(Time(at.0 + second * SECOND), touch));
        if second % 3_600 == 0 {
            apart.push(far(&world, second));
        }
    }
    println!("a silence, by the hour: off what is assumed by at most {apart:.3?} bps");
    assert!(
        apart[0] > 0.05 && apart[2] < 0.6 * apart[0] && apart[12] < 1e-12,
        "{apart:?}"
    );
    assert!(world.shown().fits.iter().all(Option::is_none));
}

/// Law 3: the same path four times as slow has half the volatility and a quarter of the takers.
#[test]
fn stretched_time_scales_as_it_should() {
    let mut found = Vec::new();
    for stretch in [1_i64, 4] {
        let (mut random, mut volatility, mut flow) =
            (Random::new(3), Volatility::default(), Flow::default());
        let (mut log_mid, mut rates) = (0.0, Vec::new());
        for step in 0..40_000 {
            log_mid += 1e-4 * random.normal();
            let exch = Time(step * stretch * SECOND / 4);
            volatility.observe(exch, libm::exp(log_mid));
            flow.on_time(exch);
            if random.chance(0.5) {
                flow.observe(&Sweep {
                    exch,
                    side: Side::Bid,
                    mid: 1.0,
                    reach_bps: 1.0,
                    notional: 1.0,
                });
            }
            if step > 4_000 {
                rates.push(flow.shown(2, exch).per_s.unwrap()[0]);
            }
        }
        let rate = rates.iter().sum::<f64>() / rates.len() as f64;
        found.push((volatility.shown(Time::ZERO).half_lives[2].unwrap(), rate));
    }
    let (sigma, rate) = (found[0].0 / found[1].0, found[0].1 / found[1].1);
    println!("four times as slow: sigma by {sigma:.3}, takers by {rate:.3}");
    assert!((sigma / 2.0 - 1.0).abs() < 0.05 && (rate / 4.0 - 1.0).abs() < 0.02);
}
