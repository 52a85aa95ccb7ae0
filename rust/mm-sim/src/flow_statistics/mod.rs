//! What a market's flow is like: one maker of statistics for recorded and for synthetic frames.
//!
//! The named list of BACKTEST.md 2 (arrival, sizes, volatility, spread, reach, markouts), each with its
//! standard error, and curves beside it to look at. Everything is in exchange time; nothing is joined across
//! a silence.
//!
//! Standard errors are of a bootstrap of whole minutes (Kunsch 1989, blocks that do not overlap), so they hold
//! what depends on each other within a minute and not what lasts longer.

mod bootstrap;
mod collected;
mod curves;

use mm_core::units::{Dur, SECOND};
use serde::Serialize;

pub use self::curves::{Curves, Points};

use self::bootstrap::Blocks;
use self::collected::Collected;
use crate::frames::Tape;

/// Length of a block of the bootstrap.
pub const BLOCK: Dur = Dur(60 * SECOND);
/// Fewest blocks from which anything is told.
pub const BLOCKS_MIN: usize = 5;
/// Silence that nothing is joined across, as in the estimators.
const GAP: Dur = Dur(15 * SECOND);
/// Steps of the mid whose size is told, s.
const SIGMA_S: [i64; 3] = [1, 5, 30];
/// Distances whose takers are counted, bps.
const REACH_BPS: [f64; 4] = [0.5, 1.0, 2.0, 4.5];
/// Times after a taker at which the mid is looked at, s.
const MARKOUT_S: [i64; 2] = [1, 5];

/// One of the list.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// Its name, with the unit.
    pub name: String,
    /// What it is; `None` where nothing was seen to tell it from.
    pub value: Option<f64>,
    /// Standard error.
    pub se: Option<f64>,
    /// How many of its kind were seen.
    pub n: u64,
}

/// What a tape is like.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FlowStatistics {
    /// The perp.
    pub coin: String,
    /// Seconds watched, silences left out.
    pub watched_s: f64,
    /// Blocks of the bootstrap.
    pub blocks: usize,
    /// The named list, in its order.
    pub figures: Vec<Figure>,
    /// To be drawn, not judged.
    pub curves: Curves,
}

/// Why a tape has no statistics.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StatisticsError {
    /// Too little of it.
    #[error(
        "{blocks} whole minutes of both sides of {coin}'s book, expected {BLOCKS_MIN} at least"
    )]
    Short {
        /// The perp.
        coin: String,
        /// Blocks seen.
        blocks: usize,
    },
}

/// Measures a tape from its first book on.
///
/// # Errors
/// [`StatisticsError`] where there is too little of it.
pub fn measure(tape: &Tape) -> Result<FlowStatistics, StatisticsError> {
    let collected = Collected::of(tape);
    let blocks = Blocks::of(&collected);
    let coin = tape.instrument().coin().to_owned();
    if blocks.count() < BLOCKS_MIN {
        let blocks = blocks.count();
        return Err(StatisticsError::Short { coin, blocks });
    }
    Ok(FlowStatistics {
        coin,
        watched_s: collected.watched_s(),
        blocks: blocks.count(),
        figures: blocks.figures(),
        curves: Curves::of(&collected),
    })
}

/// The place of a share in a sorted list: the smallest value that this share of weight does not exceed.
fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place in a list"
    )]
    let place = (sorted.len() as f64 * share) as usize;
    sorted.get(place.min(sorted.len().checked_sub(1)?)).copied()
}
