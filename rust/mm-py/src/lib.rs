//! Python bindings: the module `mm._core`. Conversions and one error map; no decisions.

mod action;
mod backtest;
mod chaos;
mod death;
mod engine;
mod entries;
mod error;
mod exchange;
mod instrument;
mod limits;
mod number;
mod signer;
mod stand;
mod unwind;

/// The compiled core of `mm`.
#[pyo3::pymodule]
mod _core {
    #[pymodule_export]
    use crate::action::PyAction;
    #[pymodule_export]
    use crate::backtest::{
        PyBacktestResult, PyReplay, PyTape, backtest, flow_statistics, replay, scout,
        synthetic_frames,
    };
    #[pymodule_export]
    use crate::chaos::chaos_world;
    #[pymodule_export]
    use crate::death::date_stays;
    #[pymodule_export]
    use crate::engine::PyEngine;
    #[pymodule_export]
    use crate::entries::{check_budget, check_limit, read_entries};
    #[pymodule_export]
    use crate::error::{ConfigError, EventError, MmError};
    #[pymodule_export]
    use crate::exchange::PyPaperExchange;
    #[pymodule_export]
    use crate::instrument::PyInstrument;
    #[pymodule_export]
    use crate::limits::{
        PyDynamicRiskConfig, PyLadder, PyLimits, PyRefusal, derive_limits, reduce_only_filter,
        size_ladder,
    };
    #[pymodule_export]
    use crate::signer::{PySigner, recover_signer};
    #[pymodule_export]
    use crate::stand::stand_at;
    #[pymodule_export]
    use crate::unwind::unwind_order;
}
