//! A decision of the engine, seen from Python.

use mm_core::action::{Action, ActionBody};
use pyo3::prelude::*;

use crate::error::EventError;

/// One request that the engine wants sent.
#[pyclass(name = "Action", module = "mm._core", frozen, eq)]
#[derive(Clone, PartialEq)]
pub(crate) struct PyAction(pub(crate) Action);

#[pymethods]
impl PyAction {
    #[new]
    fn new(json: &str) -> PyResult<Self> {
        serde_json::from_str(json)
            .map(Self)
            .map_err(|error| EventError::new_err(format!("not an action: {error}")))
    }

    #[getter]
    fn id(&self) -> u64 {
        self.0.id
    }

    #[getter]
    fn cycle(&self) -> u64 {
        self.0.cycle
    }

    #[getter]
    fn kind(&self) -> &'static str {
        match self.0.body {
            ActionBody::Place(_) => "place",
            ActionBody::Modify(_) => "modify",
            ActionBody::Cancel(_) => "cancel",
        }
    }

    #[getter]
    fn json(&self) -> PyResult<String> {
        serde_json::to_string(&self.0).map_err(|error| EventError::new_err(error.to_string()))
    }

    fn __len__(&self) -> usize {
        match &self.0.body {
            ActionBody::Place(orders) => orders.len(),
            ActionBody::Modify(amends) => amends.len(),
            ActionBody::Cancel(cancels) => cancels.len(),
        }
    }

    fn __repr__(&self) -> String {
        let Action { id, cycle, .. } = self.0;
        format!(
            "Action(id={id}, cycle={cycle}, kind={:?}, items={})",
            self.kind(),
            self.__len__()
        )
    }
}
