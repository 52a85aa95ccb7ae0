//! Whether a date of `scheduleCancel` is to stand beside a stop, for whoever sums up the coins.

use mm_core::resident::death::{self, Left};
use mm_core::units::Usd;
use pyo3::prelude::*;

/// Whether the date is to stand, by whether it did and what a death of the host would leave under each.
#[pyfunction]
pub(crate) fn date_stays(stood: bool, under_date: i64, under_stop: i64) -> bool {
    let left = Left {
        under_date: Usd(under_date),
        under_stop: Usd(under_stop),
    };
    death::date_stays(stood, left)
}
