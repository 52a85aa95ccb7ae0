//! How far the fair price is from where it is otherwise put: what a reference price that leads, and the
//! order flow at the touch, say of the next second. MODELS.md P1.5, P2.5.
//!
//! Once a second of exchange time both signals are noted with what they are expected to bring, and a second
//! later the mid tells what came. No second belongs to two pairs, and none that a gap cut is counted. A
//! signal explains only what the ones before it leave: the fair price as it is without them, then the lead, then
//! the flow; so none is paid for twice.

use serde::Serialize;

use super::basis::Basis;
use super::decay::log_move;
use super::ofi::Imbalance;
use super::ridge::{Ridge, Slope};
use super::{Evidence, GAP};
use crate::book::Touch;
use crate::units::{Dur, SECOND, Time};

/// How far ahead.
pub const HORIZON: Dur = Dur(SECOND);

/// How the two signals are measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShiftConfig {
    /// Half-life of what the regressions remember, s.
    pub half_life_s: f64,
    /// Half-life of the basis' slow average, s.
    pub basis_half_life_s: f64,
    /// Seconds that "no influence" is worth.
    pub n0: f64,
    /// Whether the lead moves the fair price, so that the flow explains only what it leaves.
    pub uses_lead: bool,
}

/// Why a signal moves nothing, or that it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// No reference is configured.
    Off,
    /// No reference was heard since the stream came up.
    Unheard,
    /// The reference is too old.
    Stale,
    /// What is usual of the signal is not known yet.
    Settling,
    /// Too few seconds were seen.
    Warmup,
    /// It explains no more than chance would.
    Shut,
    /// It predicts.
    Open,
}

/// A signal and what it predicts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SignalShown {
    /// Whether it predicts, or why not.
    pub gate: Gate,
    /// Where it is now: bps of basis, or usual sizes of imbalance; `None`: not known.
    pub value: Option<f64>,
    /// What one of that brings in a second, bps; `None`: too little was seen.
    pub slope: Option<Slope>,
    /// Where it expects the mid in a second, bps from the fair price without it; 0 unless it predicts.
    pub shift_bps: f64,
}

impl SignalShown {
    /// What its slope rests on.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        self.slope.map_or(Evidence::NONE, |slope| slope.evidence())
    }
}

/// A second whose outcome is not known yet.
#[derive(Clone, Copy, Debug)]
struct Open {
    mid: f64,
    /// What the fair price expects without the signals, bps.
    base_bps: f64,
    lead: Option<Expected>,
    flow: Option<Expected>,
    /// What the lead moved the fair price by, bps.
    lead_used_bps: f64,
}

#[derive(Clone, Copy, Debug)]
struct Expected {
    signal: f64,
    bps: f64,
}

/// The signals, their regressions, and the second that runs.
#[derive(Clone, Debug)]
pub struct Shift {
    uses_lead: bool,
    basis: Basis,
    flow: Imbalance,
    lead_ridge: Ridge,
    flow_ridge: Ridge,
    /// Newest time heard of; each stream's own may go back a little behind it.
    now: Time,
    /// When the running second ends.
    due: Option<Time>,
    open: Option<Open>,
    /// Newest touch: time, mid, and the fair price without us, in lattice units.
    last: Option<(Time, f64, f64)>,
}

impl Shift {
    /// Nothing seen yet.
    #[must_use]
    pub const fn new(config: ShiftConfig) -> Self {
        let ridge = Ridge::new(config.half_life_s, config.n0);
        Self {
            uses_lead: config.uses_lead,
            basis: Basis::new(config.basis_half_life_s),
            flow: Imbalance::new(config.half_life_s),
            lead_ridge: ridge,
            flow_ridge: ridge,
            now: Time::ZERO,
            due: None,
            open: None,
            last: None,
        }
    }

    /// A newer touch, its mid as all see it, and without our own orders; `fair` is the fair price without any
    /// shift. Prices in lattice units.
    pub fn on_touch(&mut self, exch: Time, mid: f64, others: &Touch, fair: f64) {
        let at = self.advance(exch);
        self.flow.on_touch(at, others);
        self.basis.on_mid(at, mid);
        self.last = Some((at, mid, fair));
        if self.due.is_none() {
            self.begin(at);
        }
    }

    /// A newer reference price, in any unit.
    pub fn on_reference(&mut self, exch: Time, px: f64) {
        let at = self.advance(exch);
        self.basis.on_reference(at, px);
    }

    /// The reference is too old: nothing is joined across that.
    pub fn lose_reference(&mut self) {
        if self.basis.has_reference() {
            self.basis.forget();
            if let Some(open) = &mut self.open {
                open.lead = None;
            }
        }
    }

    /// The stream broke: the running second counts for nothing.
    pub fn on_gap(&mut self) {
        self.basis.forget();
        self.flow.on_gap();
        self.drop_second();
        self.last = None;
    }

    /// What a reference that leads says at `at`.
    #[must_use]
    pub fn lead(&self, at: Time) -> SignalShown {
        if !self.basis.has_reference() {
            return shown(Some(Gate::Unheard), None, &self.lead_ridge, at);
        }
        shown(None, self.basis.value_bps(at), &self.lead_ridge, at)
    }

    /// What the flow at the touch says at `at`.
    #[must_use]
    pub fn flow(&self, at: Time) -> SignalShown {
        shown(None, self.flow.value(at), &self.flow_ridge, at)
    }

    /// What the basis itself rests on: whether its average is known.
    #[must_use]
    pub fn basis_evidence(&self, at: Time) -> Evidence {
        self.basis.evidence(at)
    }

    /// What the imbalance itself rests on: whether its usual size is known.
    #[must_use]
    pub fn imbalance_evidence(&self, at: Time) -> Evidence {
        self.flow.evidence(at)
    }

    /// Ends every second that is over by `exch`; returns the time it now is.
    fn advance(&mut self, exch: Time) -> Time {
        self.now = self.now.max(exch);
        let silent = |(since, ..): (Time, f64, f64)| self.now.since(since) > GAP;
        if self.last.is_some_and(silent) {
            self.drop_second();
            self.last = None;
        }
        while let Some(due) = self.due.filter(|due| *due <= self.now) {
            self.end(due);
            self.begin(due);
        }
        self.now
    }

    fn drop_second(&mut self) {
        self.due = None;
        self.open = None;
    }

    /// A second begins with what is known then.
    fn begin(&mut self, at: Time) {
        let Some((_, mid, fair)) = self.last else {
            self.drop_second();
            return;
        };
        let flow = self.flow.look(at);
        let expected = |signal: Option<f64>, ridge: &Ridge| {
            signal.map(|signal| Expected {
                signal,
                bps: ridge.predict(signal, at),
            })
        };
        let lead = expected(self.basis.value_bps(at), &self.lead_ridge);
        let lead_used_bps = match lead {
            Some(lead) if self.uses_lead => self.lead_ridge.gated(lead.signal, at),
            _ => 0.0,
        };
        self.open = Some(Open {
            mid,
            base_bps: (fair / mid - 1.0) * 1e4,
            lead,
            flow: expected(flow, &self.flow_ridge),
            lead_used_bps,
        });
        self.due = Some(at.plus(HORIZON));
    }

    fn end(&mut self, at: Time) {
        let (Some(open), Some((_, mid, _))) = (self.open.take(), self.last) else {
            return;
        };
        let left_bps = log_move(open.mid, mid) * 1e4 - open.base_bps;
        if let Some(Expected { signal, bps }) = open.lead {
            self.lead_ridge.observe(at, signal, left_bps, bps);
        }
        if let Some(Expected { signal, bps }) = open.flow {
            let left_bps = left_bps - open.lead_used_bps;
            self.flow_ridge.observe(at, signal, left_bps, bps);
        }
    }
}

fn shown(gate: Option<Gate>, value: Option<f64>, ridge: &Ridge, at: Time) -> SignalShown {
    let slope = ridge.slope(at);
    let gate = gate.unwrap_or(match (value, &slope) {
        (None, _) => Gate::Settling,
        (Some(_), Some(slope)) if slope.is_open() => Gate::Open,
        (Some(_), Some(slope)) if slope.is_ready() => Gate::Shut,
        (Some(_), _) => Gate::Warmup,
    });
    let shift_bps = match (gate, value) {
        (Gate::Open, Some(value)) => ridge.predict(value, at),
        _ => 0.0,
    };
    SignalShown {
        gate,
        value,
        slope,
        shift_bps,
    }
}
