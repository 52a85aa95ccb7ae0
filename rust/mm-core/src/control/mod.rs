//! Who decides whether we quote: opening phases, modes, the kill switch, and what they say aloud.
//!
//! Guards observe and demand; [`Modes`] alone decides. None of them touches the reducing side.

mod admitted;
mod alarm;
mod burst;
mod config;
mod kill;
mod mode;
mod phases;
mod premium;
mod ramp;
mod suppressed;
mod toxic;

pub use admitted::Admitted;
pub use alarm::{Alarm, CloseWait, ToldFill};
pub use burst::{Allowed, Burst};
pub use config::{ControlConfig, PositionPolicy};
pub use kill::{Kill, KillReason, KillWatch, Losses, Stop, Watched};
pub use mode::{Change, Demand, Mode, ModeReason, Modes, TimeInMode};
pub use phases::{Health, Phase, Phases};
pub use premium::{Jumps, Premium};
pub(crate) use ramp::RAMP_HOURS;
pub use ramp::Ramp;
pub use suppressed::{Suppressed, SuppressedSides};
pub use toxic::{Signs, Toxic, ToxicCounts};
