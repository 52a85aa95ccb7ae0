//! Chaos: the engine and the exchange in one small world a seed, where everything goes wrong at once.
//!
//! A world is minutes of a lively market with a plan of faults, latencies, an inherited position, hands,
//! strangers, moved money and restarts, all from one seed. What happens is judged after every step from
//! the exchange's own truth by `truth`, which shares nothing with the gate. Then the faults end, and
//! the session must find back: two-sided, in step with the exchange, every micro-USDC explained.

mod calm;
mod client;
mod exchange_side;
mod killed;
mod lines;
mod outcome;
mod terms;
mod truth;
mod way_out;
mod world;

pub use outcome::Outcome;
pub use terms::Terms;
pub use world::{ChaosError, World};

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Lives through the world of a seed; with `keep` also hands out the event log of each session. A
/// panic is a failure of its world.
///
/// # Errors
/// [`ChaosError`] where the terms are illegal, or an action has no wire form.
pub fn live(terms: &Terms, seed: u64, keep: bool) -> Result<(Outcome, Vec<Vec<u8>>), ChaosError> {
    let world = World::new(terms, seed, keep)?;
    let unlived = world.unlived();
    let lived = catch_unwind(AssertUnwindSafe(move || world.run()));
    lived.unwrap_or_else(|words| {
        let words = words
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| words.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        let words = words.unwrap_or_else(|| "without words".to_owned());
        Ok((unlived.panicked(&words), Vec::new()))
    })
}
