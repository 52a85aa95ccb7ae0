//! What of the limit outlives the session, and how the next takes it up.
//!
//! A restart loses no limit: the slow rise goes on from the last valid one as of its time, and T from
//! the turnover measured, which forgets the time away as it forgets its own past.

use super::Engine;
use super::turnover::Turnover;
use crate::limits::{LimitSource, Limits, Previous, SavedHeld, SavedLimit};
use crate::units::{Dur, Time};

/// The last valid limit: of an earlier session until this one has derived its own.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Kept {
    restored: Option<SavedHeld>,
    valid_at: Option<Time>,
}

impl Engine {
    pub(super) fn restore_limit(&mut self, saved: &SavedLimit) {
        let sz_decimals = self.instrument.sz_decimals();
        self.kept.restored = saved.held.map(|held| held.rescaled(sz_decimals));
        self.control.ramp.restore(saved.ramp_hours);
        let base_s = self.config.limits.risk_horizon_s();
        let turnover = saved.turnover;
        self.turnover = turnover.map(|saved| Turnover::restored(&saved, base_s, self.now));
    }

    pub(super) fn note_valid(&mut self, limits: &Limits) {
        if limits.source() == LimitSource::Valid {
            self.kept.restored = None;
            self.kept.valid_at = Some(self.now);
        }
    }

    /// What the derivation knows of the limit before it: until one of this session is valid, the last
    /// valid one of the session before, as of its time.
    pub(super) fn previous_limit(&self) -> Option<Previous> {
        let before = self.limits.as_ref();
        let before = before.map(|(limits, at)| limits.aged(self.now.since(*at)));
        let Some(saved) = self.kept.restored else {
            return before;
        };
        Some(Previous {
            age: self.now.since(saved.at).max(Dur::ZERO),
            source: LimitSource::Valid,
            lots: before.map_or(saved.limit.lots, |before| before.lots),
            held: Some(saved.limit),
            restored: true,
        })
    }

    /// What the next session should take up.
    pub(super) fn kept_limit(&self) -> Option<SavedLimit> {
        let derived = || {
            let (limits, _) = self.limits.as_ref()?;
            Some(SavedHeld {
                at: self.kept.valid_at?,
                sz_decimals: self.instrument.sz_decimals(),
                limit: limits.held()?,
            })
        };
        let kept = SavedLimit {
            held: self.kept.restored.or_else(derived),
            turnover: self.turnover.map(Turnover::to_save),
            ramp_hours: self.control.ramp.hours(),
        };
        let begun = kept.held.is_some() || kept.turnover.is_some() || kept.ramp_hours > 0;
        begun.then_some(kept)
    }
}
