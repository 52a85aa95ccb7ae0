//! Chaos, seen from Python: one seed, one world.

use mm_sim::chaos::{ChaosError, Terms, live};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::error::{ConfigError, MmError};

/// Outcome as JSON, and the event log of each session where logs are kept.
type Lived<'py> = (String, Vec<Bound<'py, PyBytes>>);

/// Lives through the world of a seed.
#[pyfunction]
#[pyo3(signature = (terms_json, seed, *, keep_logs = false))]
pub(crate) fn chaos_world<'py>(
    py: Python<'py>,
    terms_json: &str,
    seed: u64,
    keep_logs: bool,
) -> PyResult<Lived<'py>> {
    let lived = py.detach(|| {
        let terms: Terms = serde_json::from_str(terms_json)?;
        let (outcome, logs) = live(&terms, seed, keep_logs)?;
        Ok((serde_json::to_string(&outcome)?, logs))
    });
    match lived {
        Ok((outcome, logs)) => {
            let logs = logs.iter().map(|log| PyBytes::new(py, log));
            Ok((outcome, logs.collect()))
        }
        Err(error @ ChaosError::Encode(_)) => Err(MmError::new_err(error.to_string())),
        Err(error) => Err(ConfigError::new_err(error.to_string())),
    }
}
