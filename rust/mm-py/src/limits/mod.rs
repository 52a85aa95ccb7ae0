//! Limits, ladder and filter, seen from Python.

mod config;
mod derived;
mod ladder;

pub(crate) use config::PyDynamicRiskConfig;
pub(crate) use derived::{PyLimits, derive_limits};
pub(crate) use ladder::{PyLadder, PyRefusal, reduce_only_filter, size_ladder};
