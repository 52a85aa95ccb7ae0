//! What must hold once the faults are over: in step with the exchange, every micro-USDC explained, on both
//! sides again.

use mm_core::units::{Dur, SECOND, Sz, Time, Usd};

use super::world::{ASSET, START, USER, World};
use crate::faults::FaultKind;

/// Smallest order, USD: the configuration's.
const SMALLEST_USD: f64 = 12.0;
/// A side that rested at some block so recently is quoted: orders are replaced all the time, and one
/// that a taker swept rightly stays away for the governor's 5 s and returns in steps of 3 s.
const LATELY: Dur = Dur(10 * SECOND);

impl World {
    /// After the calm: in step with the exchange, every micro-USDC explained, on both sides again.
    pub(super) fn judge_the_calm(&mut self) {
        self.outcome.market_s = self.now.since(START).as_secs();
        self.outcome.fills = self.exchange.fills(USER).count() as u64;
        let (planned, met) = (self.faults.counts(), &self.met);
        let count = |kind: FaultKind| {
            let on_the_way = kind.is_of_actions() || kind.is_of_frames();
            let counts = if on_the_way || kind == FaultKind::SilentStream {
                planned
            } else {
                met
            };
            (kind, counts.get(&kind).copied().unwrap_or(0))
        };
        self.outcome.faults = FaultKind::ALL.into_iter().map(count).collect();
        self.outcome.back_inside.unfinished += u64::from(self.way_out.is_over());
        self.outcome.to_flat.unfinished += u64::from(self.is_closing());
        let Some(session) = &self.session else {
            if self.killed.is_none() && !self.exchange.is_delisted(ASSET) {
                let words = format!("no session at the end: {} sessions", self.outcome.sessions);
                self.outcome.fail(self.now, &words);
            }
            return;
        };
        let shown = session.engine.snapshot();
        self.judge_wound_up();
        let truth = self.position();
        let lately = |at: Option<Time>| at.is_some_and(|at| self.now.since(at) < LATELY);
        let rests = self.rested.map(lately);
        let reducing = usize::from(truth > Sz::ZERO);
        // An order that room came for a moment ago is on its way.
        let should = self.should_quote();
        let missing = |side: usize| should[side] && !lately(self.full[side]) && !rests[side];
        let as_it_should = if shown.reduce_only {
            !missing(reducing)
        } else {
            !missing(0) && !missing(1)
        };
        if !as_it_should {
            let words = format!(
                "rests {rests:?} at the end: {:?}, {:?}, reduce-only {}, position {}, limits {:?}, equity {:?}",
                shown.phase,
                shown.not_quoting,
                shown.reduce_only,
                truth.0,
                self.bounds(),
                shown.account_value
            );
            self.outcome.fail(self.now, &words);
        }
    }

    /// After the stop, when everything has been heard: in step with the exchange, and every
    /// micro-USDC explained.
    pub(super) fn judge_the_ledger(&mut self) {
        let Some(session) = &self.session else {
            return;
        };
        let shown = session.engine.snapshot();
        let truth = self.position();
        if shown.position != truth {
            let words = format!("position {} here, {} there", shown.position.0, truth.0);
            self.outcome.fail(self.now, &words);
        }
        self.judge_budget();
        let residual = shown.pnl.map(|pnl| pnl.residual);
        if residual != Some(Usd::ZERO) {
            let words = format!("residual {residual:?}");
            self.outcome.fail(self.now, &words);
        }
    }

    /// Which sides have room for a smallest order and a half, and no order of hands, which takes what
    /// the sweep guard leaves.
    pub(super) fn should_quote(&self) -> [bool; 2] {
        let trades = self.killed.is_none() && !self.exchange.is_delisted(ASSET);
        let Some(bounds) = self.bounds().filter(|_| trades) else {
            return [false; 2];
        };
        let smallest = 1.5 * SMALLEST_USD / self.lot_usd();
        let usable = self.terms.engine.limits.limit_use_frac();
        let hands = self.by_hand();
        [(0, 1), (1, -1)].map(|(side, sign)| {
            let beside = hands.iter().any(|order| order.side == side);
            let toward = Sz(sign * self.position().0).as_f64();
            !beside && usable * Sz(bounds[side]).as_f64() - toward > smallest
        })
    }
}
