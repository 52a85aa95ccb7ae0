//! How many worlds a law is tried in.

use proptest::prelude::ProptestConfig;

/// `quick` cases, or as many as `PROPTEST_CASES` asks for (`make laws`).
pub(crate) fn cases(quick: u32) -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok();
    let cases = asked.map_or(quick, |text| {
        text.parse().expect("PROPTEST_CASES is a number")
    });
    ProptestConfig::with_cases(cases)
}
