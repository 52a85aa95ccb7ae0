//! Laws of the whole engine, from events to actions: what goes in is mirrored, repeated, made larger or
//! made no number, and what comes out is compared.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../desk/mod.rs"]
#[allow(
    dead_code,
    reason = "the desk of the control tests: a law needs a part of it"
)]
mod desk;
mod doors;
mod estimators;
mod history;
mod horizon;
mod limits;
mod mirror;
mod own_orders;
mod still;

use mm_core::engine::EngineConfig;
use mm_core::quote::Strategy;
use proptest::prelude::ProptestConfig;
use serde_json::Value;

/// Every strategy there is.
pub(crate) const STRATEGIES: [Strategy; 4] = [
    Strategy::Ladder,
    Strategy::Glft,
    Strategy::InventoryAware,
    Strategy::Symmetric,
];

/// So many cases, unless `PROPTEST_CASES` says otherwise: `make laws` does.
pub(crate) fn cases(quick: u32) -> ProptestConfig {
    let usual = ProptestConfig::default();
    let cases = std::env::var_os("PROPTEST_CASES").map_or(quick, |_| usual.cases);
    ProptestConfig { cases, ..usual }
}

/// The desk's configuration with changes, each `section.key` and its value.
pub(crate) fn config(changes: &[(&str, Value)]) -> EngineConfig {
    let mut json = serde_json::to_value(desk::config("{}")).unwrap();
    for (name, value) in changes {
        let (section, key) = name.split_once('.').unwrap();
        *json[section].get_mut(key).unwrap() = value.clone();
    }
    serde_json::from_value(json).unwrap()
}
