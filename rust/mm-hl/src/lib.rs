//! Hyperliquid as bytes: frames and bodies to events, actions to signed bytes, signer recovery.
//!
//! Nothing here decides or waits: every function maps bytes to typed values or back, and bad
//! bytes are a typed error. [`wire`] holds what goes to `POST /exchange`.

pub mod address;
pub mod sign;
pub mod wire;
