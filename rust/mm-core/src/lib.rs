//! The decision core: pure functions and state machines from events to actions.
//!
//! No clock, I/O, randomness, logging, `HashMap` or `unsafe`: what it learns is an [`event::Event`],
//! what it wants is an [`action::Action`], and the same events give the same actions byte for byte.

pub mod account;
pub mod action;
pub mod avellaneda;
pub mod book;
pub mod budget;
mod builder_fees;
pub mod control;
pub mod diff;
pub mod edge;
pub mod engine;
pub mod estimators;
pub mod event;
pub mod excess;
pub mod filter;
pub mod gate;
pub mod glft;
pub mod instrument;
pub mod ladder;
pub mod learned;
pub mod limits;
pub mod orders;
pub mod quote;
pub mod recovery;
pub mod reference;
pub mod requests;
pub mod resident;
pub mod solved;
pub mod units;

#[cfg(test)]
mod vectors;
