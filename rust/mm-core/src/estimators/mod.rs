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
