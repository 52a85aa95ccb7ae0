//! Queues: where our resting orders stand, and how likely that makes a fill. MODELS.md P2.4.
//!
//! [`Queue`] is the arithmetic of one order under one belief about cancels; the recorded market of the simulator
//! fills by the same. [`Places`] keeps three of them for each order of ours, as far as displays of the venue's
//! cadence tell. [`Takers`] makes a probability of what is ahead.

mod hidden;
mod line;
mod places;
mod stops;
mod takers;

pub use hidden::TurnOver;
pub use line::{Queue, QueueBound};
pub use places::{Place, Places, Rests, Scope};
pub use stops::Stops;
pub use takers::Takers;
