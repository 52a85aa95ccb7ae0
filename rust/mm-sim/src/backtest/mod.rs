//! The backtest loop: recorded frames into the engine, its actions into the simulated exchange.
//!
//! Two clocks. The exchange plays the tape at the running maximum of exchange time, in blocks; we hear
//! of each frame at its receive time, of our own orders `ack` after their block, and what we send
//! arrives `order` later. Three passes, one a queue bound, each with its own engine and exchange.

mod course;
mod outcome;
mod quoted;
mod run;
mod venue;

use std::io;
use std::sync::Arc;

use mm_core::engine::{ConfigError, EngineConfig, Snapshot};
use mm_core::units::{Dur, Time, Usd};
use mm_hl::EncodeError;

pub use self::course::{Course, Stood};
pub use self::outcome::{Backtest, Bound, LimitShown, Outcome};
pub use self::quoted::{Near, QuotedShown};
use self::run::Pass;
use crate::exchange::{FeeRates, SimError};
use crate::frames::Tape;
use crate::recorded::QueueBound;

/// Log bytes collected before they are handed on.
const LOG_CHUNK: usize = 1 << 20;

/// Delays between us and the exchange. What we hear of the market is delayed by the tape itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latency {
    /// From our decision to the exchange; the action runs in the next block.
    pub order: Dur,
    /// From a block to our hearing of replies, fills and account changes.
    pub ack: Dur,
    /// Distance of blocks.
    pub block: Dur,
}

/// Everything a backtest is told besides the tape.
#[derive(Clone, Debug, PartialEq)]
pub struct BacktestConfig {
    /// The engine's configuration; its session id is the backtest's.
    pub engine: EngineConfig,
    /// Money in the account at the start.
    pub equity: Usd,
    /// What the address has traded before: it earned requests, one a USDC.
    pub traded_before: Usd,
    /// Leverage set for the coin, or the coin's maximum where that is smaller.
    pub leverage: u32,
    /// Fee rates.
    pub fees: FeeRates,
    /// Delays.
    pub latency: Latency,
    /// Life of an action.
    pub expires_after: Dur,
    /// The bound whose pass is reported at the top, logged and timed.
    pub bound: QueueBound,
    /// Whether the other bounds have their passes too.
    pub all_bounds: bool,
}

/// Why a backtest ended without a result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BacktestError {
    /// The engine refused its configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The exchange refused its settings.
    #[error(transparent)]
    Exchange(#[from] SimError),
    /// The engine made an order that the wire cannot carry: a bug.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The exchange's report could not be written.
    #[error("exchange report: {0}")]
    Report(#[from] io::Error),
    /// [`Watch::progress`] said so.
    #[error("interrupted")]
    Interrupted,
}

/// How far a pass is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The pass.
    pub bound: QueueBound,
    /// Frames done.
    pub done: usize,
    /// Frames in all.
    pub of: usize,
}

/// What the caller sees while it runs, and the clock that only the caller has.
pub trait Watch {
    /// Called every thousand frames or so and at the end of each pass. `false` interrupts.
    fn progress(&mut self, progress: Progress) -> bool;

    /// The next piece of the event log of the reported pass.
    fn log(&mut self, lines: &[u8]);

    /// A monotonic clock, ns, to time the engine's steps; it decides nothing.
    fn now_ns(&mut self) -> u64;

    /// Between two looks at the engine; `None`: nobody looks.
    fn look_every(&self) -> Option<Dur> {
        None
    }

    /// What the engine of the reported pass shows at a receive time: it was told everything before that and
    /// nothing of it or after. Of a silence that is longer than two looks are apart, the first look.
    fn look(&mut self, _at: Time, _shown: &Snapshot) {}
}

/// Nobody watches, nothing is timed.
impl Watch for () {
    fn progress(&mut self, _progress: Progress) -> bool {
        true
    }

    fn log(&mut self, _lines: &[u8]) {}

    fn now_ns(&mut self) -> u64 {
        0
    }
}

/// What the audit needs of the reported pass, as JSON lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Our account.
    pub user: String,
    /// The exchange's own report.
    pub report: Vec<u8>,
    /// Which nonce carried which action.
    pub sends: Vec<u8>,
}

/// Runs the engine over a tape, once for each queue bound, the reported one first, or for that alone.
///
/// # Errors
/// [`BacktestError`].
pub fn backtest(
    config: &BacktestConfig,
    tape: &Arc<Tape>,
    watch: &mut dyn Watch,
) -> Result<Backtest, BacktestError> {
    let top = Pass::new(config, tape, config.bound, true, watch)?.run()?;
    let mut bounds = vec![top.outcome.bound()];
    for bound in QueueBound::ALL
        .into_iter()
        .filter(|bound| config.all_bounds && *bound != config.bound)
    {
        bounds.push(
            Pass::new(config, tape, bound, false, watch)?
                .run()?
                .outcome
                .bound(),
        );
    }
    Ok(Backtest {
        top: top.outcome,
        bounds,
        evidence: top.evidence,
        step_ns: top.step_ns,
    })
}
