//! Estimators: small pure state machines from timed observations to a value with its uncertainty.

pub mod adverse;
pub mod basis;
mod decay;
pub mod flow;
pub mod funding;
pub mod history;
pub mod intensity;
pub mod jump;
pub mod kept;
pub mod markout;
pub mod microprice;
pub mod ofi;
pub mod own_cost;
pub mod queue;
mod recent;
pub mod regime;
pub mod ridge;
pub mod shift;
pub mod sweep;
pub mod tape;
pub mod volatility;
pub mod watched;

use serde::Serialize;

use crate::units::{Dur, SECOND, Time};

/// A silence longer than this is a gap: nothing is joined across it, and it is no observation of silence.
pub(crate) const GAP: Dur = Dur(15 * SECOND);

/// What an estimate rests on at the time it is read. Each estimator makes its own, on reading and never on an
/// event; who uses an estimate shrinks by it. MODELS.md c, ground rule 6.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Evidence {
    /// Effective number of observations; it falls while none come.
    pub n: f64,
    /// Exchange time of the newest of them; `None`: none came.
    pub as_of: Option<Time>,
    /// Whether there are enough for the estimate to be used.
    pub ready: bool,
}

impl Evidence {
    /// Nothing was seen.
    pub const NONE: Self = Self {
        n: 0.0,
        as_of: None,
        ready: false,
    };

    /// What the estimate counts for beside a prior that `n0` observations are worth, 0..=1: nothing before it is
    /// ready.
    #[must_use]
    pub fn share(&self, n0: f64) -> f64 {
        if self.ready && self.n > 0.0 {
            self.n / (self.n + n0)
        } else {
            0.0
        }
    }

    /// How old the newest observation is at `now`, s; `None`: none came.
    #[must_use]
    pub fn age_s(&self, now: Time) -> Option<f64> {
        self.as_of.map(|as_of| now.since(as_of).as_secs().max(0.0))
    }
}

/// Effective number of observations of which each weighs half as much a half-life later: `sum^2 / sum of squares` of
/// their weights, as it was at the newest, and as much less as the newest weighs now. Never above twice the sum, which
/// is what it is where they come evenly: one that comes after a long silence does not bring the old ones back. So it
/// falls with the half-life while nothing comes, where the first ratio alone would stay as it was.
pub(crate) fn effective(sum: f64, squares: f64, newest: f64) -> f64 {
    (sum * sum / squares * newest).min(2.0 * sum)
}
