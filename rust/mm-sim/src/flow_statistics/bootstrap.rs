//! The named list from blocks of time, and its standard errors from blocks drawn again.

use mm_core::units::{Dur, SECOND, Time};

use super::collected::Collected;
use super::{BLOCK, Figure, MARKOUT_S, REACH_BPS, SIGMA_S, quantile};
use crate::flow::Dice;

/// How often the blocks are drawn.
const DRAWS: usize = 400;
/// Of the draws: the same for every tape.
const SEED: u64 = 1;

/// What a block adds up to.
#[derive(Clone, Debug, Default)]
struct Block {
    watched_s: f64,
    changes: f64,
    one_tick: f64,
    takers: f64,
    reached: [f64; REACH_BPS.len()],
    /// Of the steps of the mid: squares, bps^2, and their number.
    steps: [(f64, f64); SIGMA_S.len()],
    /// Steps of the shortest span without a change.
    still: f64,
    /// Moves after takers: sum and number, sum by notional and notional.
    markouts: [[f64; 4]; MARKOUT_S.len()],
}

/// A tape in blocks.
#[derive(Clone, Debug)]
pub(super) struct Blocks {
    blocks: Vec<Block>,
    /// Notional of each taker and its block, smallest first.
    notionals: Vec<(f64, usize)>,
}

impl Blocks {
    pub(super) fn of(all: &Collected) -> Self {
        let mut cut = Cut::new(all);
        cut.count_changes(all);
        cut.count_steps(all);
        cut.count_takers(all);
        let Cut {
            blocks,
            mut notionals,
            ..
        } = cut;
        notionals.sort_by(|a, b| a.0.total_cmp(&b.0));
        Self { blocks, notionals }
    }

    pub(super) fn count(&self) -> usize {
        self.blocks.len()
    }

    /// The list with its errors.
    pub(super) fn figures(&self) -> Vec<Figure> {
        let once = vec![1_u32; self.blocks.len()];
        let known = self.evaluate(&once);
        let mut dice = Dice::new(SEED, 0);
        let mut draws = vec![Vec::with_capacity(DRAWS); known.len()];
        let count = u16::try_from(self.blocks.len()).unwrap_or(u16::MAX);
        for _ in 0..DRAWS {
            let mut weights = vec![0_u32; self.blocks.len()];
            for _ in 0..count {
                weights[usize::from(dice.pick(count))] += 1;
            }
            for (draw, row) in draws.iter_mut().zip(self.evaluate(&weights)) {
                draw.extend(row.value);
            }
        }
        let rows = known.into_iter().zip(draws);
        rows.map(|(row, draws)| row.with_error(&draws)).collect()
    }

    /// The list where each block counts as often as `weights` says.
    fn evaluate(&self, weights: &[u32]) -> Vec<Row> {
        let mut sum = Block::default();
        for (block, weight) in self.blocks.iter().zip(weights) {
            sum.add(block, f64::from(*weight));
        }
        let hours = sum.watched_s / 3_600.0;
        let mut rows = vec![
            Row::new("bbo_per_s", sum.changes, sum.watched_s, sum.changes),
            Row::new("takers_per_s", sum.takers, sum.watched_s, sum.takers),
        ];
        let [median, p95] = self.notional_quantiles(weights);
        rows.push(Row::of("taker_notional_p50_usd", median, sum.takers));
        rows.push(Row::of("taker_notional_p95_usd", p95, sum.takers));
        for (span_s, (squares, n)) in SIGMA_S.iter().zip(sum.steps) {
            let sigma = (n > 0.0).then(|| libm::sqrt(squares / n));
            rows.push(Row::of(&format!("sigma_{span_s}s_bps"), sigma, n));
        }
        let short = sum.steps[0].1;
        rows.push(Row::new("zero_return_1s_share", sum.still, short, short));
        rows.push(Row::new(
            "spread_one_tick_share",
            sum.one_tick,
            sum.changes,
            sum.changes,
        ));
        for (bps, count) in REACH_BPS.iter().zip(sum.reached) {
            let name = format!("reach_{bps}bps_per_hour_and_side");
            let mut row = Row::new(&name, count, 2.0 * hours, count);
            // What was counted has no error below a Poisson count's, one event at least.
            row.se_min = libm::sqrt(count.max(1.0)) / (2.0 * hours);
            rows.push(row);
        }
        for (after_s, [moved, n, moved_usd, usd]) in MARKOUT_S.iter().zip(sum.markouts) {
            let name = |by: &str| format!("markout_{after_s}s_by_{by}_bps");
            rows.push(Row::new(&name("count"), moved, n, n));
            rows.push(Row::new(&name("notional"), moved_usd, usd, n));
        }
        rows
    }

    fn notional_quantiles(&self, weights: &[u32]) -> [Option<f64>; 2] {
        let drawn: Vec<f64> = self
            .notionals
            .iter()
            .flat_map(|(usd, block)| core::iter::repeat_n(*usd, weights[*block] as usize))
            .collect();
        [0.5, 0.95].map(|share| quantile(&drawn, share))
    }
}

/// A figure before its error.
struct Row {
    name: String,
    value: Option<f64>,
    n: f64,
    se_min: f64,
}

impl Row {
    fn of(name: &str, value: Option<f64>, n: f64) -> Self {
        Self {
            name: name.to_owned(),
            value,
            n,
            se_min: 0.0,
        }
    }

    fn new(name: &str, sum: f64, over: f64, n: f64) -> Self {
        Self::of(name, (over > 0.0).then(|| sum / over), n)
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts far below 2^53"
    )]
    fn with_error(self, draws: &[f64]) -> Figure {
        let n = draws.len() as f64;
        let mean = draws.iter().sum::<f64>() / n;
        let squares: f64 = draws.iter().map(|draw| (draw - mean) * (draw - mean)).sum();
        let se = (draws.len() > 1).then(|| libm::sqrt(squares / (n - 1.0)).max(self.se_min));
        Figure {
            name: self.name,
            value: self.value,
            se: se.filter(|_| self.value.is_some()),
            n: self.n as u64,
        }
    }
}

impl Block {
    fn add(&mut self, other: &Self, weight: f64) {
        self.watched_s += weight * other.watched_s;
        self.changes += weight * other.changes;
        self.one_tick += weight * other.one_tick;
        self.takers += weight * other.takers;
        self.still += weight * other.still;
        for (sum, more) in self.reached.iter_mut().zip(other.reached) {
            *sum += weight * more;
        }
        for (sum, more) in self.steps.iter_mut().zip(other.steps) {
            *sum = (sum.0 + weight * more.0, sum.1 + weight * more.1);
        }
        for (sums, more) in self.markouts.iter_mut().zip(other.markouts) {
            for (sum, more) in sums.iter_mut().zip(more) {
                *sum += weight * more;
            }
        }
    }
}

/// A tape while it is cut: whole blocks of each part, the rest of a part to its last block.
struct Cut {
    blocks: Vec<Block>,
    notionals: Vec<(f64, usize)>,
    /// Of each part: begin, end, first block and number of blocks.
    parts: Vec<(Time, Time, usize, usize)>,
}

impl Cut {
    fn new(all: &Collected) -> Self {
        let mut cut = Self {
            blocks: Vec::new(),
            notionals: Vec::new(),
            parts: Vec::new(),
        };
        for (from, to) in all.parts() {
            let Some(whole) = usize::try_from(to.since(from).0 / BLOCK.0)
                .ok()
                .filter(|n| *n > 0)
            else {
                continue;
            };
            let first = cut.blocks.len();
            cut.blocks.resize(first + whole, Block::default());
            cut.parts.push((from, to, first, whole));
            let last = cut.blocks.len() - 1;
            for block in &mut cut.blocks[first..] {
                block.watched_s = BLOCK.as_secs();
            }
            let rest = Dur(to.since(from).0 % BLOCK.0);
            cut.blocks[last].watched_s += rest.as_secs();
        }
        cut
    }

    fn place(&self, at: Time) -> Option<usize> {
        let &(from, _, first, count) = self
            .parts
            .iter()
            .find(|(from, to, ..)| (*from..=*to).contains(&at))?;
        let nth = usize::try_from(at.since(from).0 / BLOCK.0).ok()?;
        Some(first + nth.min(count - 1))
    }

    fn count_changes(&mut self, all: &Collected) {
        for (at, is_one_tick) in &all.changes {
            if let Some(place) = self.place(*at) {
                self.blocks[place].changes += 1.0;
                self.blocks[place].one_tick += f64::from(u8::from(*is_one_tick));
            }
        }
    }

    fn count_steps(&mut self, all: &Collected) {
        for (index, span_s) in SIGMA_S.into_iter().enumerate() {
            for (at, bps) in all.steps(Dur(span_s * SECOND)) {
                let Some(place) = self.place(at) else {
                    continue;
                };
                let block = &mut self.blocks[place];
                block.steps[index].0 += bps * bps;
                block.steps[index].1 += 1.0;
                let is_still = index == 0 && bps.abs() < 1e-9;
                block.still += f64::from(u8::from(is_still));
            }
        }
    }

    fn count_takers(&mut self, all: &Collected) {
        for taker in &all.takers {
            let Some(place) = self.place(taker.exch) else {
                continue;
            };
            self.notionals.push((taker.notional, place));
            let block = &mut self.blocks[place];
            block.takers += 1.0;
            for (sum, bps) in block.reached.iter_mut().zip(REACH_BPS) {
                *sum += f64::from(u8::from(taker.reach_bps >= bps));
            }
            for (sums, after_s) in block.markouts.iter_mut().zip(MARKOUT_S) {
                let Some(bps) = all.markout_bps(taker, Dur(after_s * SECOND)) else {
                    continue;
                };
                let more = [bps, 1.0, bps * taker.notional, taker.notional];
                for (sum, more) in sums.iter_mut().zip(more) {
                    *sum += more;
                }
            }
        }
    }
}
