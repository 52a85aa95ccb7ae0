//! Faults between a client and the exchange: what goes wrong, when, and how often it did.
//!
//! A plan is a script (this at that second), rates (that often, by seed), or both. Faults act on the
//! way: on requests, answers and frames; or from outside: strangers, hands, money, prices. The exchange
//! itself stays honest, and so does its own report.

mod acts;
mod drawn;
mod kind;
mod plan;
mod running;
mod stage;
#[cfg(test)]
mod tests;

pub use acts::Act;
pub use kind::FaultKind;
pub use plan::{Counted, Fault, FaultError, FaultPlan, Feed, Lines, Of, Scripted, TimedAct, Way};
pub use running::{ActionFate, Faults, FrameFate, InfoFate, ReplyFate};
pub use stage::{HANDS, STRANGER, Stage};
