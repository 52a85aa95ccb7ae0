//! How much was quoted and how near to the touch, looked at in the middle of each second.

use mm_core::engine::{Engine, Snapshot};
use mm_core::units::{SECOND, Side, Time, Usd, format_decimal};
use serde::Serialize;

/// Distances from the touch that are counted, bps.
const WITHIN_BPS: [f64; 5] = [1.0, 2.0, 5.0, 10.0, 20.0];

/// Share of the time in which a side has an order so near to its touch, both sides averaged.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Near {
    /// Distance from the touch, bps.
    pub within_bps: f64,
    /// Share of the looks, 0..=1.
    pub share: f64,
}

/// What was quoted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QuotedShown {
    /// Looks in full quoting.
    pub looks: u64,
    /// By distance, rising.
    pub near: Vec<Near>,
    /// Notional shown on a side, on average, USDC.
    pub side_usd: String,
}

/// The looks so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Quoted {
    second: i64,
    looks: u64,
    near: [u64; WITHIN_BPS.len()],
    notional: Usd,
}

impl Quoted {
    /// Looks, where half of another second has passed.
    pub(super) fn look(&mut self, engine: &Engine, now: Time) {
        let second = (now.0 + SECOND / 2).div_euclid(SECOND);
        if core::mem::replace(&mut self.second, second) == second {
            return;
        }
        let shown = engine.snapshot();
        if shown.phase != mm_core::control::Phase::Normal {
            return;
        }
        self.looks += 1;
        for side in Side::BOTH {
            self.look_at(side, &shown, engine);
        }
    }

    fn look_at(&mut self, side: Side, shown: &Snapshot, engine: &Engine) {
        let ours = || shown.orders.iter().filter(|order| order.side == side);
        self.notional += ours().map(|order| order.px * order.sz).sum();
        let best = ours().map(|order| side.sign() * order.px.0).max();
        let touch = engine.book_levels(side).first().map(|level| level.px);
        if let (Some(best), Some(touch)) = (best, touch) {
            let behind = (side.sign() * touch.0 - best).max(0);
            #[expect(clippy::cast_precision_loss, reason = "a price below 2^53")]
            let behind_bps = behind as f64 / touch.as_f64() * 1e4;
            for (count, within) in self.near.iter_mut().zip(WITHIN_BPS) {
                *count += u64::from(behind_bps <= within);
            }
        }
    }

    /// What it came to.
    #[expect(clippy::cast_precision_loss, reason = "counts of seconds")]
    pub(super) fn shown(&self) -> QuotedShown {
        let of_both = 2 * self.looks.max(1);
        let near = self.near.iter().zip(WITHIN_BPS);
        QuotedShown {
            looks: self.looks,
            near: near
                .map(|(count, within_bps)| Near {
                    within_bps,
                    share: *count as f64 / of_both as f64,
                })
                .collect(),
            side_usd: format_decimal(self.notional.0 / i64::try_from(of_both).unwrap_or(1), 6),
        }
    }
}
