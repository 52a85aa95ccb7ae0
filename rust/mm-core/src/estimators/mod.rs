//! Estimators: small pure state machines from timed observations to a value with its uncertainty.

pub mod adverse;
pub mod basis;
mod decay;
pub mod flow;
pub mod funding;
pub mod history;
pub mod intensity;
pub mod jump;
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

use crate::units::{Dur, SECOND};

/// A silence longer than this is a gap: nothing is joined across it, and it is no observation of silence.
pub(crate) const GAP: Dur = Dur(15 * SECOND);

/// Effective number of observations of which each weighs half as much a half-life later: `sum^2 / sum of squares` of
/// their weights, as it was at the newest, and as much less as the newest weighs now. Never above twice the sum, which
/// is what it is where they come evenly: one that comes after a long silence does not bring the old ones back. So it
/// falls with the half-life while nothing comes, where the first ratio alone would stay as it was.
pub(crate) fn effective(sum: f64, squares: f64, newest: f64) -> f64 {
    (sum * sum / squares * newest).min(2.0 * sum)
}
