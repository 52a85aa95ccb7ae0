//! Where the fair price stands: what `fair_price` says, shifted by signals of the next second that pay for it.

use serde::Serialize;

use super::Engine;
use crate::book::Touch;
use crate::estimators::Evidence;
use crate::estimators::shift::{Gate, Shift, ShiftConfig, SignalShown};
use crate::event::{AssetCtx, ReferencePx};
use crate::learned::ModelsConfig;
use crate::reference::Reference;
use crate::units::{Dur, Time};

/// What shifts the fair price, used or not.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ShiftedShown {
    /// Where the reference price comes from.
    pub reference: Reference,
    /// The newest reference price, USDC; `None`: none was heard.
    pub reference_px: Option<f64>,
    /// Since when it is what it is, s.
    pub reference_age_s: Option<f64>,
    /// Whether the lead moves the fair price.
    pub lead_used: bool,
    /// What the reference predicts.
    pub lead: SignalShown,
    /// Whether the order flow moves it.
    pub ofi_used: bool,
    /// What the order flow at the touch predicts.
    pub ofi: SignalShown,
    /// By how much the fair price is to be moved, bps; it stays within the touch.
    pub shift_bps: f64,
}

/// The signals, and which of them speak.
#[derive(Clone, Debug)]
pub(super) struct Shifted {
    reference: Reference,
    uses_lead: bool,
    uses_ofi: bool,
    stale: Dur,
    shift: Shift,
    /// The newest reference price, USDC, and when it was received.
    heard: Option<(f64, Time)>,
}

impl Shifted {
    pub(super) fn new(config: &ModelsConfig) -> Self {
        let uses_lead = config.lead && config.reference != Reference::Off;
        Self {
            reference: config.reference.clone(),
            uses_lead,
            uses_ofi: config.ofi,
            stale: Dur::from_secs(config.reference_stale_s),
            shift: Shift::new(ShiftConfig {
                half_life_s: config.shift_half_life_s,
                basis_half_life_s: config.basis_half_life_s,
                n0: config.shrink_n0,
                uses_lead,
            }),
            heard: None,
        }
    }

    /// A newer touch, without our own orders; `base` is the fair price as it is before it is shifted. Prices
    /// in lattice units.
    pub(super) fn on_touch(&mut self, exch: Time, others: &Touch, base: f64, now: Time) {
        if self.is_stale(now) {
            self.shift.lose_reference();
        }
        self.shift.on_touch(exch, others.mid(), others, base);
    }

    /// The stream broke: what the reference is now nobody knows.
    pub(super) fn on_gap(&mut self) {
        self.shift.on_gap();
        self.heard = None;
    }

    fn on_reference(&mut self, exch: Time, px: f64, now: Time) {
        if self.is_stale(now) {
            self.shift.lose_reference();
        }
        self.shift.on_reference(exch, px);
        self.heard = Some((px, now));
    }

    fn is_stale(&self, now: Time) -> bool {
        self.heard
            .is_some_and(|(_, heard)| now.since(heard) > self.stale)
    }

    /// By how much the fair price is to be moved at exchange time `at`, bps.
    fn used_bps(&self, at: Time, now: Time) -> f64 {
        let lead = if self.uses_lead {
            self.lead(at, now).shift_bps
        } else {
            0.0
        };
        let ofi = if self.uses_ofi {
            self.shift.flow(at).shift_bps
        } else {
            0.0
        };
        lead + ofi
    }

    /// What the reference predicts: nothing unless it is fresh.
    fn lead(&self, at: Time, now: Time) -> SignalShown {
        let seen = self.shift.lead(at);
        let silenced = |gate| SignalShown {
            gate,
            value: None,
            shift_bps: 0.0,
            ..seen
        };
        match &self.reference {
            Reference::Off => silenced(Gate::Off),
            _ if self.is_stale(now) => silenced(Gate::Stale),
            _ => seen,
        }
    }

    fn shown(&self, at: Time, now: Time) -> ShiftedShown {
        ShiftedShown {
            reference: self.reference.clone(),
            reference_px: self.heard.map(|(px, _)| px),
            reference_age_s: self.heard.map(|(_, heard)| now.since(heard).as_secs()),
            lead_used: self.uses_lead,
            lead: self.lead(at, now),
            ofi_used: self.uses_ofi,
            ofi: self.shift.flow(at),
            shift_bps: self.used_bps(at, now),
        }
    }
}

impl Engine {
    /// Our estimate of the price, lattice units; `None` without both sides of a book. Never outside the touch.
    pub(super) fn fair_px(&self) -> Option<f64> {
        let (touch, others) = self.market.touches()?;
        let models = &self.market.models;
        let exch = self.exch_now();
        let base = models.base(&touch, &others, self.tick_at(&touch), exch);
        let shift_bps = models.shifted.used_bps(exch, self.now);
        let fair = base + touch.mid() * shift_bps / 1e4;
        Some(fair.clamp(touch.bid.px.as_f64(), touch.ask.px.as_f64()))
    }

    /// The configured coin's price.
    pub(super) fn on_reference(&mut self, reference: &ReferencePx) {
        let shifted = &mut self.market.models.shifted;
        if shifted.reference.coin().is_some() {
            shifted.on_reference(reference.exch, reference.px, self.now);
        }
    }

    /// The coin's context, with the oracle's price in it.
    pub(super) fn on_context(&mut self, ctx: &AssetCtx) {
        self.market.on_ctx(ctx, &self.instrument, self.now);
        self.on_oracle(ctx.oracle_px);
    }

    /// The oracle's price, which comes without a time of its own.
    fn on_oracle(&mut self, oracle_px: f64) {
        let (exch, now) = (self.exch_now(), self.now);
        let shifted = &mut self.market.models.shifted;
        if shifted.reference == Reference::Oracle && exch > Time::ZERO {
            shifted.on_reference(exch, oracle_px, now);
        }
    }

    /// What each signal is and rests on, and whether it speaks.
    pub(super) fn signals_rest_on(&self) -> [(&'static str, Evidence, bool); 4] {
        let (shifted, at) = (&self.market.models.shifted, self.exch_now());
        let (lead, ofi) = (shifted.shift.lead(at), shifted.shift.flow(at));
        let (basis, imbalance) = (
            shifted.shift.basis_evidence(at),
            shifted.shift.imbalance_evidence(at),
        );
        let is_fresh = !shifted.is_stale(self.now);
        let heard = |evidence: Evidence| Evidence {
            ready: evidence.ready && is_fresh,
            ..evidence
        };
        [
            ("basis", heard(basis), shifted.uses_lead),
            ("lead", heard(lead.evidence()), shifted.uses_lead),
            ("imbalance", imbalance, shifted.uses_ofi),
            ("ofi", ofi.evidence(), shifted.uses_ofi),
        ]
    }

    pub(super) fn shown_shift(&self) -> ShiftedShown {
        let shifted = &self.market.models.shifted;
        shifted.shown(self.exch_now(), self.now)
    }

    /// What time it is at the exchange; nought before a book.
    pub(super) fn exch_now(&self) -> Time {
        self.market.exch_at(self.now).unwrap_or(Time::ZERO)
    }
}
