//! Python bindings: the module `mm._core`. Conversions and one error map; no decisions.

mod error;

/// The compiled core of `mm`.
#[pyo3::pymodule]
mod _core {
    #[pymodule_export]
    use crate::error::{ConfigError, EventError, MmError};
}
