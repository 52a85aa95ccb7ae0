//! Estimators: small pure state machines from timed observations to a value with its uncertainty.

pub mod adverse;
pub mod history;
pub mod intensity;
pub mod markout;
pub mod microprice;
pub mod sweep;
pub mod tape;
pub mod volatility;
