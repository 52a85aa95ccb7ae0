//! The engine as it stood at a time of a log, seen from Python.

use mm_core::units::Time;
use mm_sim::eventlog::{self, ReplayError, Stand};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyDict;

use crate::engine::as_python;
use crate::error::{ConfigError, EventError};

/// Steps a log's events up to a time and hands over what the engine shows then.
#[pyfunction]
#[pyo3(signature = (lines, at_ns = None))]
#[expect(
    clippy::needless_pass_by_value,
    reason = "PyO3 hands the bytes over; a borrow could not outlive the interpreter's release"
)]
pub(crate) fn stand_at(
    py: Python<'_>,
    lines: PyBackedBytes,
    at_ns: Option<i64>,
) -> PyResult<Bound<'_, PyDict>> {
    let stand = py.detach(|| eventlog::stand_at(&lines, at_ns.map(Time)));
    let Stand {
        engine,
        first,
        last,
        quoted,
        events,
        more,
    } = stand.map_err(|error| match error {
        ReplayError::Config(error) => ConfigError::new_err(error.to_string()),
        error => EventError::new_err(error.to_string()),
    })?;
    let shown = PyDict::new(py);
    shown.set_item("snapshot", as_python(py, &engine.snapshot())?)?;
    shown.set_item("refusals", as_python(py, engine.refusals())?)?;
    shown.set_item("config", as_python(py, engine.config())?)?;
    shown.set_item("instrument", as_python(py, engine.instrument())?)?;
    shown.set_item("first_ns", first.map(|time| time.0))?;
    shown.set_item("last_ns", last.map(|time| time.0))?;
    shown.set_item("quoted_ns", quoted.map(|time| time.0))?;
    shown.set_item("events", events)?;
    shown.set_item("more", more)?;
    Ok(shown)
}
