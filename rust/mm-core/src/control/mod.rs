//! Who decides whether we quote: opening phases, modes, the kill switch, and what they say aloud.

mod alarm;
mod config;
mod kill;
mod mode;
mod phases;

pub use alarm::{Alarm, ToldFill};
pub use config::{ControlConfig, PositionPolicy};
pub use kill::{Kill, KillReason};
pub use mode::{Mode, ModeReason, TimeInMode};
pub use phases::{Health, NotQuoting, Phase, Phases};
