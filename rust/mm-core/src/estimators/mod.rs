//! Estimators: small pure state machines from timed observations to a value with its uncertainty.

pub mod history;
pub mod markout;
pub mod tape;
pub mod volatility;
