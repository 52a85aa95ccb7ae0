//! The crowd of the calibrated market in one coin.
//!
//! Makers hold a price each in the book and pull what stands in the way of a move, some of them too late;
//! behind the move the other side follows. Takers know nothing and draw each other in, or know of the next
//! step and come just before the makers do, or with them. Nobody looks at the book: what they send is a
//! function of seed and time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use mm_core::instrument::{Instrument, Round};
use mm_core::units::{Dur, Px, Side, Sz, Time};

use super::super::dice::Dice;
use super::params::CalibratedParams;
use super::path::{Path, Shift};
use crate::market::{CrowdBody, CrowdOrder};

/// Prices a side at which the book has orders of its own.
const DEPTH: u32 = 48;
/// Ticks from the touch up to which they grow.
const GROWTH_TICKS: i64 = 10;
/// Orders a side beyond those, and ticks between them.
const FAR: u32 = 24;
const FAR_TICKS: i64 = 16;
/// How many times the size of the others they are.
const FAR_TIMES: f64 = 10.0;
/// Numbers of the participants.
const MAKERS: u16 = 4;
const NOISE: u16 = 10;
const NOISE_COUNT: u16 = 20;
const INFORMED: u16 = 40;
const INFORMED_COUNT: u16 = 8;
const PICKERS: u16 = 50;
/// What a picker of stale orders of clients takes at most, USDC.
const PICKED_USD: f64 = 200_000.0;
/// Smallest order, USDC.
const MIN_USD: f64 = 10.0;
/// Streams of chance a coin: one for each maker's order, then these.
const STREAMS: u64 = 1024;
const PATH_STREAM: u64 = 1000;
const SHIFT_STREAM: u64 = 1001;
const TAKER_STREAM: u64 = 1002;

/// A thing somebody will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Task {
    /// A maker took its order away and will place it anew.
    Pull { key: u32 },
    /// A maker's order is put where it belongs now; `again`: by its own clock, which goes on.
    Requote { key: u32, again: bool },
    /// Someone who knows nothing comes; `drawn`: after another, to this side.
    Noise { drawn: Option<Side> },
    /// Someone comes who knows of the step at `knows` (of so many milli-bps).
    Informed {
        side: Side,
        knows: Time,
        milli_bps: u32,
    },
    /// What clients left behind is taken.
    Pick { side: Side },
}

/// Where an order of a maker belongs.
#[derive(Clone, Copy, Debug)]
enum Order {
    /// At the touch.
    Touch,
    /// At a price of its own, of which there are [`DEPTH`] a side.
    Near(u32),
    /// At one of the coarser prices behind those.
    Far(u32),
}

/// The crowd in one coin.
#[derive(Clone, Debug)]
pub(in super::super) struct Crowd {
    place: u32,
    instrument: Instrument,
    params: &'static CalibratedParams,
    tick: Px,
    path: Path,
    last_block: Time,
    due: BinaryHeap<Reverse<(Time, Task)>>,
    makers: Vec<Dice>,
    shift_dice: Dice,
    taker_dice: Dice,
    last_side: Side,
    shifts: Vec<Shift>,
}

impl Crowd {
    /// The crowd from `start` on, around `px` USDC.
    pub(in super::super) fn new(
        seed: u64,
        px: f64,
        (place, instrument): (u32, Instrument),
        params: &'static CalibratedParams,
        start: Time,
    ) -> Self {
        let base = params.number * STREAMS;
        let dice = |stream| Dice::new(seed, base + stream);
        let tick = instrument
            .quantize_px(px, Round::Down)
            .map_or(Px(1), |px| instrument.px_step(px));
        let path = Path::new(
            params.path,
            px,
            instrument.px_f64(tick),
            start,
            dice(PATH_STREAM),
        );
        let keys = 2 * (DEPTH + FAR + params.makers.touch_orders);
        let mut crowd = Self {
            place,
            params,
            tick,
            path,
            last_block: start,
            due: BinaryHeap::new(),
            makers: (0..u64::from(keys)).map(dice).collect(),
            shift_dice: dice(SHIFT_STREAM),
            taker_dice: dice(TAKER_STREAM),
            last_side: Side::Bid,
            shifts: Vec::new(),
            instrument,
        };
        for key in 0..keys {
            crowd.plan(start, Task::Requote { key, again: true });
        }
        crowd.plan(start, Task::Noise { drawn: None });
        crowd
    }

    /// The efficient price at the last block, rounded down to the lattice.
    pub(in super::super) fn fair(&self) -> Option<Px> {
        let fair = libm::exp(self.path.at(self.last_block).log_fair);
        self.instrument.quantize_px(fair, Round::Down).ok()
    }

    /// Moves reference and efficient price by a fraction, from now on.
    pub(in super::super) fn jump(&mut self, frac: f64) {
        let mut shifts = core::mem::take(&mut self.shifts);
        self.path.jump(self.last_block, frac, &mut shifts);
        self.shifts = shifts;
        self.foresee();
    }

    /// Everything that happens up to and at `block`.
    pub(in super::super) fn open_block(&mut self, block: Time, orders: &mut Vec<CrowdOrder>) {
        let mut shifts = core::mem::take(&mut self.shifts);
        self.path.extend(self.last_block, block, &mut shifts);
        self.shifts = shifts;
        self.foresee();
        while let Some(&Reverse((at, task))) =
            self.due.peek().filter(|Reverse((at, _))| *at <= block)
        {
            self.due.pop();
            orders.extend(self.act(at, task));
        }
        self.last_block = block;
    }

    fn plan(&mut self, at: Time, task: Task) {
        self.due.push(Reverse((at, task)));
    }

    /// Plans what follows from the changes of the touch that are known now.
    fn foresee(&mut self) {
        for shift in core::mem::take(&mut self.shifts) {
            for side in Side::BOTH {
                self.foresee_makers(&shift, side);
            }
            self.foresee_takers(&shift);
        }
    }

    /// Makers of one side: those in the way pull, in time or late; after them the others follow.
    fn foresee_makers(&mut self, shift: &Shift, side: Side) {
        let (at, makers) = (shift.new.at, self.params.makers);
        let away = side.sign() * (shift.old.touch(side) - shift.new.touch(side));
        if away == 0 {
            return;
        }
        let follow = makers.slow_s + self.shift_dice.exponential(makers.follow_s);
        let shy_ticks = if away > 0 { self.shy_ticks() } else { 0 };
        let end = shift.new.touch(side) - side.sign() * shy_ticks;
        for key in self.keys_between(side, shift.old.touch(side), end) {
            let wait = if away < 0 {
                follow
            } else if shy_ticks > 0 {
                self.plan(at, Task::Pull { key });
                follow
            } else if self.shift_dice.chance(makers.slow) {
                makers.slow_s * self.shift_dice.uniform()
            } else {
                0.0
            };
            let again = false;
            self.plan(at.plus(Dur::from_secs(wait)), Task::Requote { key, again });
        }
    }

    /// How far behind the end of a move the makers in its way pull.
    fn shy_ticks(&mut self) -> i64 {
        let [chance, mean_ticks] = self.params.makers.shy;
        if !self.shift_dice.chance(chance) {
            return 0;
        }
        #[expect(clippy::cast_possible_truncation, reason = "a few ticks")]
        let ticks = self.shift_dice.exponential(mean_ticks) as i64;
        1 + ticks
    }

    /// Orders of a side at the touch and at the prices between two touches.
    fn keys_between(&self, side: Side, old: i64, new: i64) -> Vec<u32> {
        let (low, high) = (old.min(new), old.max(new));
        // Of the old touch or the new one, whichever lies farther inside, the order changes as well.
        let ticks = (low..=high).take(DEPTH as usize);
        let mut keys: Vec<u32> = ticks.map(|tick| near_key(side, tick)).collect();
        keys.extend(self.touch_keys(side));
        if high - low > FAR_TICKS {
            let first = 2 * DEPTH + u32::from(side == Side::Ask) * FAR;
            keys.extend(first..first + FAR);
        }
        keys
    }

    fn touch_keys(&self, side: Side) -> core::ops::Range<u32> {
        let count = self.params.makers.touch_orders;
        let first = 2 * (DEPTH + FAR) + u32::from(side == Side::Ask) * count;
        first..first + count
    }

    fn order_of(&self, key: u32) -> (Side, Order) {
        let side = |is_ask| if is_ask { Side::Ask } else { Side::Bid };
        if key < 2 * DEPTH {
            return (side(key >= DEPTH), Order::Near(key % DEPTH));
        }
        if key < 2 * (DEPTH + FAR) {
            let slot = key - 2 * DEPTH;
            return (side(slot >= FAR), Order::Far(slot % FAR));
        }
        (side(key >= self.touch_keys(Side::Ask).start), Order::Touch)
    }

    /// Who knows of a step, and who takes what clients left behind.
    fn foresee_takers(&mut self, shift: &Shift) {
        let at = shift.new.at;
        let (makers, takers) = (self.params.makers, self.params.takers);
        if shift.step_bps.abs() < 1e-9 {
            return;
        }
        let side = if shift.step_bps > 0.0 {
            Side::Bid
        } else {
            Side::Ask
        };
        self.plan(at.plus(Dur::from_secs(makers.slow_s)), Task::Pick { side });
        let [most, scale_bps] = takers.knows;
        let [early, lead_s] = takers.early;
        let size_bps = shift.step_bps.abs();
        let dice = &mut self.shift_dice;
        if !dice.chance(most * -libm::expm1(-size_bps / scale_bps)) {
            return;
        }
        let lead = if dice.chance(early) {
            lead_s * dice.uniform()
        } else {
            0.0
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a positive size far below 2^32"
        )]
        let milli_bps = (size_bps * 1e3) as u32;
        let knows = at;
        self.plan(
            Time(at.0 - Dur::from_secs(lead).0),
            Task::Informed {
                side,
                knows,
                milli_bps,
            },
        );
    }

    fn act(&mut self, at: Time, task: Task) -> Option<CrowdOrder> {
        match task {
            Task::Pull { key } => {
                let body = CrowdBody::Pull { key };
                Some(self.order(at, maker(key), body))
            }
            Task::Requote { key, again } => Some(self.requote(at, key, again)),
            Task::Noise { drawn } => self.noise(at, drawn),
            Task::Informed {
                side,
                knows,
                milli_bps,
            } => self.informed(at, side, knows, milli_bps),
            Task::Pick { side } => {
                let limit = self.path.at(at).touch(side);
                let participant = PICKERS + u16::from(side == Side::Ask);
                self.take(at, participant, side, limit, PICKED_USD)
            }
        }
    }

    /// A maker's order goes where it belongs now, or is gone.
    fn requote(&mut self, at: Time, key: u32, again: bool) -> CrowdOrder {
        let makers = self.params.makers;
        let (side, order) = self.order_of(key);
        if again {
            let per_s = match order {
                Order::Touch => makers.touch_per_s,
                Order::Near(_) | Order::Far(_) => makers.depth_per_s,
            };
            let wait = self.makers[key as usize].exponential(1.0 / per_s);
            self.plan(at.plus(Dur::from_secs(wait)), Task::Requote { key, again });
        }
        let quote = self.where_it_belongs(at, key, side, order);
        self.order(at, maker(key), quote.unwrap_or(CrowdBody::Pull { key }))
    }

    fn where_it_belongs(
        &mut self,
        at: Time,
        key: u32,
        side: Side,
        order: Order,
    ) -> Option<CrowdBody> {
        let makers = self.params.makers;
        let touch = self.path.at(at).touch(side);
        let dice = &mut self.makers[key as usize];
        let normal = dice.normal();
        let [depth_usd, growth, depth_spread] = makers.depth_usd;
        let (tick, usd, is_there) = match order {
            Order::Touch => {
                let [median, spread] = makers.touch_usd;
                (touch, median * libm::exp(spread * normal), true)
            }
            Order::Near(slot) => {
                let behind = behind(side, slot, touch, DEPTH);
                #[expect(clippy::cast_precision_loss, reason = "a few ticks")]
                let grown = depth_usd * (1.0 + growth * behind.min(GROWTH_TICKS) as f64);
                let is_there = dice.chance(makers.occupied);
                let tick = touch - side.sign() * behind;
                (tick, grown * libm::exp(depth_spread * normal), is_there)
            }
            Order::Far(slot) => {
                // The first lies beyond the last of those that are near.
                let first = touch - side.sign() * (i64::from(DEPTH) + FAR_TICKS);
                let coarse = first.div_euclid(FAR_TICKS);
                let coarse = coarse - side.sign() * behind(side, slot, coarse, FAR);
                let usd = FAR_TIMES * depth_usd * libm::exp(depth_spread * normal);
                (coarse * FAR_TICKS, usd, true)
            }
        };
        self.quote(key, side, tick, usd).filter(|_| is_there)
    }

    fn quote(&self, key: u32, side: Side, tick: i64, usd: f64) -> Option<CrowdBody> {
        let (px, sz) = self.px_sz(side, tick, usd)?;
        Some(CrowdBody::Quote { key, side, px, sz })
    }

    /// Someone who knows nothing, and perhaps draws in another.
    fn noise(&mut self, at: Time, drawn: Option<Side>) -> Option<CrowdOrder> {
        let takers = self.params.takers;
        let dice = &mut self.taker_dice;
        let side = drawn.unwrap_or_else(|| {
            if dice.chance(takers.same_side) {
                self.last_side
            } else {
                self.last_side.opposite()
            }
        });
        self.last_side = side;
        let [small, small_usd, small_spread] = takers.small_usd;
        let [large_usd, large_spread] = takers.large_usd;
        let (median, spread) = if dice.chance(small) {
            (small_usd, small_spread)
        } else {
            (large_usd, large_spread)
        };
        let usd = (median * libm::exp(spread * dice.normal())).max(MIN_USD);
        let participant = NOISE + dice.pick(NOISE_COUNT);
        let wait = Dur::from_secs(dice.exponential(1.0 / takers.noise_per_s));
        if drawn.is_none() {
            self.plan(at.plus(wait), Task::Noise { drawn: None });
        }
        self.draw_in(at, side);
        let limit = self.path.at(at).touch(side.opposite()) + side.sign() * takers.noise_ticks;
        self.take(at, participant, side, limit, usd)
    }

    /// Someone who knows of a step.
    fn informed(
        &mut self,
        at: Time,
        side: Side,
        knows: Time,
        milli_bps: u32,
    ) -> Option<CrowdOrder> {
        let takers = self.params.takers;
        let [median, spread, power] = takers.informed_usd;
        let dice = &mut self.taker_dice;
        let size_bps = f64::from(milli_bps.max(1)) / 1e3;
        let scale = libm::pow(size_bps, power);
        let usd = (median * scale * libm::exp(spread * dice.normal())).max(MIN_USD);
        let participant = INFORMED + dice.pick(INFORMED_COUNT);
        self.last_side = side;
        self.draw_in(at, side);
        let opposite = side.opposite();
        let now = self.path.at(at).touch(opposite);
        let then = self.path.at(knows).touch(opposite);
        let farther = if side == Side::Bid {
            now.max(then)
        } else {
            now.min(then)
        };
        let limit = farther + side.sign() * takers.informed_ticks;
        self.take(at, participant, side, limit, usd)
    }

    fn draw_in(&mut self, at: Time, side: Side) {
        let [chance, delay_s] = self.params.takers.drawn;
        if self.taker_dice.chance(chance) {
            let wait = Dur::from_secs(self.taker_dice.exponential(delay_s));
            self.plan(at.plus(wait), Task::Noise { drawn: Some(side) });
        }
    }

    fn take(
        &self,
        at: Time,
        participant: u16,
        side: Side,
        limit: i64,
        usd: f64,
    ) -> Option<CrowdOrder> {
        let (px, sz) = self.px_sz(side, limit, usd)?;
        Some(self.order(at, participant, CrowdBody::Take { side, px, sz }))
    }

    /// A legal price and size, away from the other side where the price is not legal.
    fn px_sz(&self, side: Side, tick: i64, usd: f64) -> Option<(Px, Sz)> {
        let round = match side {
            Side::Bid => Round::Down,
            Side::Ask => Round::Up,
        };
        let px = Px(tick.checked_mul(self.tick.0)?);
        let px = (px > Px::ZERO).then(|| self.instrument.snap_px(px, round))?;
        let sz = self
            .instrument
            .quantize_sz(usd / self.instrument.px_f64(px));
        let sz = sz.ok().filter(|sz| *sz > Sz::ZERO)?;
        Some((px, sz))
    }

    const fn order(&self, at: Time, participant: u16, body: CrowdBody) -> CrowdOrder {
        CrowdOrder {
            at,
            asset: self.place,
            participant,
            body,
        }
    }
}

/// Whose order it is.
fn maker(key: u32) -> u16 {
    u16::try_from(key % u32::from(MAKERS)).expect("Invariant: below MAKERS")
}

/// The order that holds a price of the book.
fn near_key(side: Side, tick: i64) -> u32 {
    let slot = u32::try_from(tick.rem_euclid(i64::from(DEPTH))).expect("Invariant: below DEPTH");
    slot + u32::from(side == Side::Ask) * DEPTH
}

/// How many places behind the first one an order is that holds every `of`th price.
fn behind(side: Side, slot: u32, first: i64, of: u32) -> i64 {
    (side.sign() * (first - i64::from(slot))).rem_euclid(i64::from(of))
}
