//! What a world came to.

use std::collections::BTreeMap;

use mm_core::event::RejectionClass;
use mm_core::units::Time;
use serde::Serialize;

use super::terms::Drawn;
use crate::faults::FaultKind;

/// Failures put in words a world.
const FAILURES_MAX: usize = 20;

/// Times that something took, and how often the world ended before it was done.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Spans {
    /// Of those that were done, s.
    pub finished_s: Vec<f64>,
    /// Those that were not.
    pub unfinished: u64,
}

/// What a world came to, as JSON.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// When it began.
    #[serde(skip)]
    start: Time,
    /// What it drew.
    pub(super) drawn: Drawn,
    /// Market time, s.
    pub market_s: f64,
    /// Events stepped.
    pub events: u64,
    /// Actions sent.
    pub actions: u64,
    /// Hash over the actions of all sessions, in order.
    pub decision_hashes: Vec<String>,
    /// Fills of the account.
    pub fills: u64,
    /// Changes of the limit of a side by a lot or more.
    pub limit_changes: u64,
    /// Sessions begun.
    pub sessions: u64,
    /// Sessions that took up the day's losses from the one before.
    pub restored: u64,
    /// Items refused, by class.
    pub rejections: BTreeMap<RejectionClass, u64>,
    /// Faults that happened, by kind.
    pub faults: BTreeMap<FaultKind, u64>,
    /// Why the kill switch latched, if it did.
    pub killed: Option<String>,
    /// Largest excess of the worst case that our own orders could make over the limit in force when it
    /// last grew by what was sent, USD: measured after every step, whatever the verdict.
    pub worst_over_limit_usd: f64,
    /// Breaches of LIMITS.md 5.
    pub breaches: u64,
    /// Largest loss from the money paid in, fraction of what was there at the start.
    pub worst_loss_frac: f64,
    /// Longest time without a reducing quote while one was needed and could be sent, s.
    pub no_reducing_quote_s: f64,
    /// Times over the limit, from a block in which a session could act until back inside.
    pub back_inside: Spans,
    /// Times from a kill whose policy is to flatten until the position is zero, and from a later trade of
    /// hands that opened one again.
    pub to_flat: Spans,
    /// Everything that must not be, in words; empty: the world passed.
    pub failures: Vec<String>,
}

impl Outcome {
    pub(super) fn new(seed: u64, drawn: Drawn, start: Time) -> Self {
        Self {
            seed,
            drawn,
            start,
            market_s: 0.0,
            events: 0,
            actions: 0,
            decision_hashes: Vec::new(),
            fills: 0,
            limit_changes: 0,
            sessions: 0,
            restored: 0,
            rejections: BTreeMap::new(),
            faults: BTreeMap::new(),
            killed: None,
            worst_over_limit_usd: 0.0,
            breaches: 0,
            worst_loss_frac: 0.0,
            no_reducing_quote_s: 0.0,
            back_inside: Spans::default(),
            to_flat: Spans::default(),
            failures: Vec::new(),
        }
    }

    /// What is known of a world whose engine or exchange panicked.
    pub(super) fn panicked(mut self, words: &str) -> Self {
        self.faults = FaultKind::ALL.into_iter().map(|kind| (kind, 0)).collect();
        self.failures.push(format!("panic: {words}"));
        self
    }

    pub(super) fn breach(&mut self, now: Time, words: &str) {
        self.breaches += 1;
        self.fail(now, &format!("breach, {words}"));
    }

    /// Adds a failure in words, unless there are many already.
    pub(super) fn fail(&mut self, now: Time, words: &str) {
        if self.failures.len() < FAILURES_MAX {
            let at_s = now.since(self.start).as_secs();
            self.failures.push(format!("{at_s:.3} s: {words}"));
        }
    }
}
