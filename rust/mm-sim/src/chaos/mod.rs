//! Chaos: the engine and the exchange in one small world a seed, where everything goes wrong at once.
//!
//! A world is minutes of a lively market with a plan of faults, latencies, an inherited position, hands,
//! strangers, moved money and restarts, all from one seed. What happens is judged after every step from
//! the exchange's own truth by [`truth`], which shares nothing with the gate. Then the faults end, and
//! the session must find back: two-sided, in step with the exchange, every micro-USDC explained.

mod client;
mod exchange_side;
mod outcome;
mod terms;
mod truth;
mod world;

pub use outcome::Outcome;
pub use terms::Terms;
pub use world::{ChaosError, World};
