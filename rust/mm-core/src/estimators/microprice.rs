//! The micro-price: where the mid goes from here, given the top of the book. MODELS.md P1.5.
//!
//! A state is the imbalance `bid / (bid + ask)` of the touch in five classes and the spread in ticks in three.
//! What the mid still moves in the long run from a state, `G`, solves `G = r + P G`: `r` the mean move of the
//! mid in the next change of the touch, `P` the states that follow. That is the limit of Stoikov's (2018)
//! expectations after the first, second, ... move of the mid, all at once. Every change counts once as seen
//! and once mirrored, so `G` is odd, and with that it is unique.
//!
//! What is remembered is counted in changes, but a silence longer than 15 s makes it older too: every two hours of
//! one, as long as those changes take, leave half.

use super::decay::left_after;
use super::{Evidence, GAP};
use crate::book::Touch;
use crate::units::Time;

/// Classes of the imbalance; odd, so that there is a middle one.
const IMBALANCES: usize = 5;
/// Classes of the spread: one tick, two, more.
const SPREADS: usize = 3;
const STATES: usize = IMBALANCES * SPREADS;
/// States that lean to the ask; their mirrors lean to the bid, the others to neither.
const LEANING: [usize; SPREADS * (IMBALANCES / 2)] = {
    let mut states = [0; SPREADS * (IMBALANCES / 2)];
    let mut at = 0;
    while at < states.len() {
        states[at] = at / (IMBALANCES / 2) * IMBALANCES + at % (IMBALANCES / 2);
        at += 1;
    }
    states
};
/// Changes of the touch that are remembered, by their decay: about two hours of a busy book.
const MEMORY: f64 = 50_000.0;
/// Half-life of it in a silence, s.
const SILENCE_HALF_LIFE_S: f64 = 7_200.0;
/// Visits that a state's own answer needs to count as much as the prior's.
const VISITS_HALF: f64 = 100.0;
/// Changes between two solutions.
const SOLVE_EVERY: u32 = 250;
/// Sweeps of the iteration, and the change, in ticks, that ends it.
const ROUNDS_MAX: usize = 2_000;
const ROUNDS_ENOUGH: f64 = 1e-7;

/// What a state says.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Solved {
    ticks: f64,
    visits: f64,
    share: f64,
}

impl Solved {
    /// Resting on so much of its visits.
    fn left(self, by: f64) -> Self {
        Self::of(self.ticks, self.visits * by)
    }

    fn of(ticks: f64, visits: f64) -> Self {
        Self {
            ticks,
            visits,
            share: visits / (visits + VISITS_HALF),
        }
    }
}

/// Rolling estimate of the micro-price's distance from the mid.
#[derive(Clone, Debug, PartialEq)]
pub struct MicroPrice {
    /// Weighted changes from a state to a state, and the sum of their moves of the mid in ticks.
    counts: [[f64; STATES]; STATES],
    moves: [f64; STATES],
    /// What a change weighs now: it grows instead of all others shrinking.
    growth: f64,
    last: Option<(usize, f64)>,
    /// Until when touches were heard.
    heard: Option<Time>,
    since_solved: u32,
    /// `G` in ticks, the visits it rests on, and what share of it those are worth.
    solved: [Solved; STATES],
}

impl Default for MicroPrice {
    fn default() -> Self {
        Self {
            counts: [[0.0; STATES]; STATES],
            moves: [0.0; STATES],
            growth: 1.0,
            last: None,
            heard: None,
            since_solved: 0,
            solved: [Solved::default(); STATES],
        }
    }
}

impl MicroPrice {
    /// A touch at `exch` without our own orders; `tick` the smallest step of a price there, lattice units. The same
    /// touch again is no observation, and what follows a silence follows nothing.
    pub fn observe(&mut self, exch: Time, touch: &Touch, tick: f64) {
        if let Some(by) = self.left(exch) {
            self.forget_last();
            self.age(by);
        }
        self.heard = self.heard.max(Some(exch));
        let (state, mid) = (state(touch, tick), touch.mid() / tick);
        let Some((before, mid_before)) = self.last.replace((state, mid)) else {
            return;
        };
        let moved = mid - mid_before;
        if state == before && moved == 0.0 {
            return;
        }
        self.count(before, state, moved);
        self.count(mirror(before), mirror(state), -moved);
        self.growth *= 1.0 + 1.0 / MEMORY;
        self.since_solved += 1;
        if self.since_solved == SOLVE_EVERY {
            self.since_solved = 0;
            self.solve();
        }
    }

    /// The stream broke: the next touch follows nothing.
    pub fn forget_last(&mut self) {
        self.last = None;
    }

    /// How far the micro-price is above the mid, ticks.
    #[must_use]
    pub fn offset_ticks(&self, touch: &Touch, tick: f64) -> f64 {
        self.solved[state(touch, tick)].ticks
    }

    /// What that rests on at `now`: visits of the touch's state.
    #[must_use]
    pub fn evidence(&self, touch: &Touch, tick: f64, now: Time) -> Evidence {
        let known = self.solved_at(touch, tick, now);
        Evidence {
            n: known.visits,
            as_of: self.heard,
            ready: known.visits > 0.0,
        }
    }

    /// The fair price at `now`, lattice units: the size-weighted mid, moved to the micro-price by as much of `n /
    /// (n + 100)` as the state's visits are worth; never outside the touch.
    #[must_use]
    pub fn fair(&self, touch: &Touch, tick: f64, now: Time) -> f64 {
        let Solved { ticks, share, .. } = self.solved_at(touch, tick, now);
        let weighted = touch.microprice();
        let fair = weighted + share * (touch.mid() + ticks * tick - weighted);
        fair.clamp(touch.bid.px.as_f64(), touch.ask.px.as_f64())
    }

    /// What is left at `now` after the silence that it ends; `None`: there is none.
    fn left(&self, now: Time) -> Option<f64> {
        let silence = now.since(self.heard?);
        (silence > GAP).then(|| left_after(silence.as_secs(), SILENCE_HALF_LIFE_S))
    }

    fn solved_at(&self, touch: &Touch, tick: f64, now: Time) -> Solved {
        let known = self.solved[state(touch, tick)];
        self.left(now).map_or(known, |by| known.left(by))
    }

    /// So much is left of what was counted.
    fn age(&mut self, by: f64) {
        for sum in self.counts.iter_mut().flatten().chain(&mut self.moves) {
            *sum *= by;
        }
        self.solved = self.solved.map(|known| known.left(by));
    }

    fn count(&mut self, from: usize, to: usize, moved: f64) {
        self.counts[from][to] += self.growth;
        self.moves[from] += self.growth * moved;
    }

    /// Iterates `G <- r + P G`. It is odd, so only the states that lean to the ask are unknown: what follows
    /// counts for them, and where it leans to the bid against them.
    fn solve(&mut self) {
        let visits: [f64; STATES] = core::array::from_fn(|from| self.counts[from].iter().sum());
        let worth = visits.map(|seen| if seen > 0.0 { 1.0 / seen } else { 0.0 });
        let moves = LEANING.map(|from| self.moves[from] * worth[from]);
        let onward = LEANING.map(|from| {
            let odd = |to| (self.counts[from][to] - self.counts[from][mirror(to)]) * worth[from];
            LEANING.map(odd)
        });
        let mut solved = [0.0; LEANING.len()];
        for _ in 0..ROUNDS_MAX {
            let next: [f64; LEANING.len()] = core::array::from_fn(|from| {
                let then = onward[from].iter().zip(solved).map(|(p, g)| p * g);
                moves[from] + then.sum::<f64>()
            });
            let changed = next
                .iter()
                .zip(solved)
                .map(|(new, old)| libm::fabs(new - old));
            let is_enough = changed.fold(0.0, f64::max) < ROUNDS_ENOUGH;
            solved = next;
            if is_enough {
                break;
            }
        }
        self.take(visits, solved);
    }

    fn take(&mut self, visits: [f64; STATES], solved: [f64; LEANING.len()]) {
        let worth = 1.0 / core::mem::replace(&mut self.growth, 1.0);
        for (from, seen) in visits.iter().enumerate() {
            self.solved[from] = Solved::of(0.0, seen * worth);
            self.moves[from] *= worth;
            for count in &mut self.counts[from] {
                *count *= worth;
            }
        }
        for (state, ticks) in LEANING.into_iter().zip(solved) {
            self.solved[state].ticks = ticks;
            self.solved[mirror(state)].ticks = -ticks;
        }
    }
}

/// Each class reaches half of one to either side of its middle: of five imbalances the bounds are a fifth and
/// three fifths of both sizes.
fn state(touch: &Touch, tick: f64) -> usize {
    const HALF: usize = IMBALANCES / 2;
    const { assert!(IMBALANCES == 5 && SPREADS == 3) };
    let (bid, ask) = (touch.bid.sz.as_f64(), touch.ask.sz.as_f64());
    // Odd under mirroring: classes are counted from the middle outward.
    let (lean, both) = (5.0 * libm::fabs(bid - ask), bid + ask);
    let outward = usize::from(lean >= both) + usize::from(lean >= 3.0 * both);
    let imbalance = if bid < ask {
        HALF - outward
    } else {
        HALF + outward
    };
    let wide = touch.ask.px.as_f64() - touch.bid.px.as_f64();
    let spread = usize::from(wide >= 1.5 * tick) + usize::from(wide >= 2.5 * tick);
    spread * IMBALANCES + imbalance
}

const fn mirror(state: usize) -> usize {
    let (spread, imbalance) = (state / IMBALANCES, state % IMBALANCES);
    spread * IMBALANCES + (IMBALANCES - 1 - imbalance)
}
