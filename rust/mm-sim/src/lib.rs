//! The venue without the venue: simulated exchange, market sources, event log and backtest loop.

pub mod eventlog;
