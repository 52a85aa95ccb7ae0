//! The simulated venue: exchange, markets, backtest and event log.
//!
//! Deterministic: time comes from the caller, chance from a seed. The same inputs give the same
//! bytes.

pub mod backtest;
pub mod chaos;
pub mod eventlog;
pub mod exchange;
pub mod faults;
pub mod flow;
pub mod flow_statistics;
pub mod frames;
pub mod market;
pub mod recorded;
pub mod scout;
pub mod synthetic;
mod told;
pub mod wire;
