//! Every exception the core can raise.

use pyo3::create_exception;
use pyo3::exceptions::PyException;

create_exception!(
    mm._core,
    MmError,
    PyException,
    "Base of every error that mm raises."
);
create_exception!(
    mm._core,
    ConfigError,
    MmError,
    "A configuration or argument was refused."
);
create_exception!(
    mm._core,
    EventError,
    MmError,
    "An event, frame or body could not be understood."
);
