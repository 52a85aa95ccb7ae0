//! The demo crowd in one coin: makers around the fair price, small takers, informed and
//! uninformed large ones, pickers of stale quotes.
//!
//! Everything here is a function of seed and time. Nobody looks at the book, so nobody reacts to
//! what clients do; quotes are post-only and simply refused where they would match.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use mm_core::instrument::{Instrument, Round};
use mm_core::units::{Dur, Px, Side, Sz, Time};

use super::demo::{CrowdParams, DemoCoin, PATH, START_SPREAD};
use super::dice::Dice;
use super::path::{Path, Warning};
use crate::market::{CrowdBody, CrowdOrder};

/// Numbers of the participants: four makers, then small takers, large takers, pickers.
const MAKERS: u16 = 4;
const NOISE: u16 = 10;
const NOISE_COUNT: u16 = 20;
const SWEEPERS: u16 = 40;
const SWEEPERS_COUNT: u16 = 8;
const PICKERS: u16 = 50;

/// Levels that are requoted fast.
const NEAR: usize = 4;
/// Streams of chance a coin, level streams first.
const STREAMS: u64 = 256;
const PATH_STREAM: u64 = 250;
const NOISE_STREAM: u64 = 251;
const SWEEP_STREAM: u64 = 252;
const INFORMED_STREAM: u64 = 253;
const PICKER_STREAM: u64 = 254;

/// The crowd in one coin.
#[derive(Clone, Debug)]
pub(super) struct CoinFlow {
    /// Its place in the market's list.
    place: u32,
    instrument: Instrument,
    params: CrowdParams,
    path: Path,
    last_block: Time,
    quotes: Vec<Quote>,
    noise: Noise,
    sweep: Stream,
    informed: Informed,
    picker: Stream,
    warnings: Vec<Warning>,
}

/// One maker's order: a side and a level.
#[derive(Clone, Debug)]
struct Quote {
    side: Side,
    level: usize,
    stream: Stream,
}

/// A source of happenings: the time of its next one.
#[derive(Clone, Debug)]
struct Stream {
    dice: Dice,
    next: Time,
}

#[derive(Clone, Debug)]
struct Noise {
    stream: Stream,
    /// Takers drawn in by others: when and whether they buy.
    followers: BinaryHeap<Reverse<(Time, Side)>>,
}

#[derive(Clone, Debug)]
struct Informed {
    dice: Dice,
    due: BinaryHeap<Reverse<(Time, Side)>>,
}

impl CoinFlow {
    /// The crowd of `coin` from `start` on.
    pub(super) fn new(
        seed: u64,
        coin: &DemoCoin,
        (place, instrument): (u32, Instrument),
        params: CrowdParams,
        start: Time,
    ) -> Self {
        let base = u64::from(place) * STREAMS;
        let dice = |stream| Dice::new(seed, base + stream);
        let mut path_dice = dice(PATH_STREAM);
        let px = coin.px * libm::exp(START_SPREAD * path_dice.normal());
        let quotes = Side::BOTH.into_iter().flat_map(|side| {
            (0..params.levels_bps.len()).map(move |level| {
                let number = (side.index() * params.levels_bps.len() + level) as u64;
                Quote {
                    side,
                    level,
                    stream: Stream {
                        dice: dice(number),
                        next: start,
                    },
                }
            })
        });
        let stream = |number| Stream {
            dice: dice(number),
            next: start,
        };
        Self {
            params,
            path: Path::new(PATH, coin.pace, px, start, path_dice),
            last_block: start,
            quotes: quotes.collect(),
            noise: Noise {
                stream: stream(NOISE_STREAM),
                followers: BinaryHeap::new(),
            },
            sweep: stream(SWEEP_STREAM),
            informed: Informed {
                dice: dice(INFORMED_STREAM),
                due: BinaryHeap::new(),
            },
            picker: stream(PICKER_STREAM),
            warnings: Vec::new(),
            place,
            instrument,
        }
    }

    /// The fair price at the last block, rounded down to the lattice.
    pub(super) fn fair(&self) -> Option<Px> {
        self.instrument
            .quantize_px(self.path.at(self.last_block), Round::Down)
            .ok()
    }

    /// Moves the fair price by a fraction, from now on.
    pub(super) fn jump(&mut self, frac: f64) {
        self.path.jump(self.last_block, frac);
    }

    /// Everything that happens up to and at `block`.
    pub(super) fn open_block(&mut self, block: Time, orders: &mut Vec<CrowdOrder>) {
        let mut warnings = std::mem::take(&mut self.warnings);
        self.path.extend(self.last_block, block, &mut warnings);
        self.informed.due.extend(
            warnings
                .drain(..)
                .map(|warning| Reverse((warning.at, warning.side))),
        );
        self.warnings = warnings;
        for number in 0..self.quotes.len() {
            while self.quotes[number].stream.next <= block {
                orders.extend(self.requote(number));
            }
        }
        self.run_noise(block, orders);
        self.run_sweeps(block, orders);
        self.run_informed(block, orders);
        self.run_pickers(block, orders);
        self.last_block = block;
    }

    /// One maker replaces its order at a level.
    fn requote(&mut self, number: usize) -> Option<CrowdOrder> {
        let quote = &mut self.quotes[number];
        let (side, level, at) = (quote.side, quote.level, quote.stream.next);
        let CrowdParams {
            levels_bps,
            level_usd,
            requote_s,
            ..
        } = self.params;
        let dice = &mut quote.stream.dice;
        let wait = requote_s[usize::from(level >= NEAR)];
        quote.stream.next = at.plus(Dur::from_secs(dice.exponential(wait)));
        let bps = levels_bps[level] * dice.between(0.85, 1.15);
        #[expect(clippy::cast_precision_loss, reason = "a handful of levels")]
        let usd = (level_usd[0] + level_usd[1] * level as f64) * libm::exp(0.5 * dice.normal());
        let fair = self.path.at(at);
        let (px, round) = match side {
            Side::Bid => (fair * (1.0 - bps * 1e-4), Round::Down),
            Side::Ask => (fair * (1.0 + bps * 1e-4), Round::Up),
        };
        let px = self
            .instrument
            .quantize_px(px, round)
            .ok()
            .filter(|px| *px > Px::ZERO)?;
        let sz = self.sz(usd, fair)?;
        let key = u32::try_from(number).expect("Invariant: a handful of levels");
        let participant = u16::try_from(level).expect("Invariant: a handful of levels") % MAKERS;
        Some(self.order(at, participant, CrowdBody::Quote { key, side, px, sz }))
    }

    /// Small takers, each of which may draw in another.
    fn run_noise(&mut self, block: Time, orders: &mut Vec<CrowdOrder>) {
        let CrowdParams {
            noise_per_s,
            followers,
            noise_usd,
            noise_knows,
            ..
        } = self.params;
        loop {
            let own = self.noise.stream.next;
            let follower = self
                .noise
                .followers
                .peek()
                .map(|Reverse(next)| *next)
                .filter(|next| next.0 < own);
            let at = follower.map_or(own, |(at, _)| at);
            if at > block {
                return;
            }
            let ahead = self.path.at(at.plus(Dur::from_secs(noise_knows[1]))) - self.path.at(at);
            let dice = &mut self.noise.stream.dice;
            let side = if let Some((_, side)) = follower {
                self.noise.followers.pop();
                side
            } else {
                self.noise.stream.next =
                    own.plus(Dur::from_secs(dice.exponential(1.0 / noise_per_s)));
                let with = if ahead >= 0.0 { Side::Bid } else { Side::Ask };
                if dice.chance(noise_knows[0]) {
                    with
                } else {
                    with.opposite()
                }
            };
            if dice.chance(followers[0]) {
                let later = at.plus(Dur::from_secs(dice.exponential(followers[1])));
                self.noise.followers.push(Reverse((later, side)));
            }
            let usd = noise_usd[0] * libm::exp(noise_usd[1] * dice.normal());
            let participant = NOISE + dice.pick(NOISE_COUNT);
            orders.extend(self.take(at, participant, side, usd.max(11.0), self.params.reach_bps));
        }
    }

    /// Large takers who know nothing.
    fn run_sweeps(&mut self, block: Time, orders: &mut Vec<CrowdOrder>) {
        while self.sweep.next <= block {
            let at = self.sweep.next;
            let dice = &mut self.sweep.dice;
            self.sweep.next = at.plus(Dur::from_secs(
                dice.exponential(1.0 / self.params.sweeps_per_s),
            ));
            let side = if dice.chance(0.5) {
                Side::Bid
            } else {
                Side::Ask
            };
            let (usd, participant) = large(dice, self.params.sweep_usd);
            orders.extend(self.take(at, participant, side, usd, self.params.reach_bps));
        }
    }

    /// Large takers who know of the next jump.
    fn run_informed(&mut self, block: Time, orders: &mut Vec<CrowdOrder>) {
        while let Some(&Reverse((at, side))) = self
            .informed
            .due
            .peek()
            .filter(|Reverse(next)| next.0 <= block)
        {
            self.informed.due.pop();
            let (usd, participant) = large(&mut self.informed.dice, self.params.sweep_usd);
            orders.extend(self.take(at, participant, side, usd, self.params.reach_bps));
        }
    }

    /// Takers who buy below and sell above the fair price, that is, only what is stale.
    fn run_pickers(&mut self, block: Time, orders: &mut Vec<CrowdOrder>) {
        let [per_s, profit_bps, usd] = self.params.pickers;
        while self.picker.next <= block {
            let at = self.picker.next;
            self.picker.next = at.plus(Dur::from_secs(self.picker.dice.exponential(1.0 / per_s)));
            for side in Side::BOTH {
                let participant = PICKERS + u16::try_from(side.index()).expect("Invariant: 0 or 1");
                orders.extend(self.take(at, participant, side, usd, -profit_bps));
            }
        }
    }

    /// An immediate order that goes at most `reach_bps` beyond the fair price.
    fn take(
        &self,
        at: Time,
        participant: u16,
        side: Side,
        usd: f64,
        reach_bps: f64,
    ) -> Option<CrowdOrder> {
        let fair = self.path.at(at);
        let (px, round) = match side {
            Side::Bid => (fair * (1.0 + reach_bps * 1e-4), Round::Down),
            Side::Ask => (fair * (1.0 - reach_bps * 1e-4), Round::Up),
        };
        let px = self
            .instrument
            .quantize_px(px, round)
            .ok()
            .filter(|px| *px > Px::ZERO)?;
        let sz = self.sz(usd, fair)?;
        Some(self.order(at, participant, CrowdBody::Take { side, px, sz }))
    }

    fn sz(&self, usd: f64, px: f64) -> Option<Sz> {
        self.instrument
            .quantize_sz(usd / px)
            .ok()
            .filter(|sz| *sz > Sz::ZERO)
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

/// Notional and number of a large taker.
fn large(dice: &mut Dice, [floor, shape, cap]: [f64; 3]) -> (f64, u16) {
    let usd = dice.pareto(floor, shape).min(cap);
    (usd, SWEEPERS + dice.pick(SWEEPERS_COUNT))
}
