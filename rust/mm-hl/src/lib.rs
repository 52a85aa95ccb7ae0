//! Hyperliquid as bytes: frames and bodies to events, actions to signed bytes, signer recovery.
//!
//! Nothing here decides or waits: every function maps bytes to typed values or back, and bad
//! bytes are a typed error. [`decode`] reads what the venue sends, [`wire`] holds what goes to
//! `POST /exchange`, [`exchange_action`] turns a decision into it and [`sign`] signs it.

pub mod address;
pub mod decode;
mod encode;
pub mod sign;
pub mod wire;

pub use encode::{EncodeError, exchange_action};
