//! Nonces of one signer: each used once, the hundred highest remembered (HYPERLIQUID.md 3.3).

use std::collections::BTreeSet;

/// Nonces remembered a signer.
const KEPT: usize = 100;
/// The window around the block time, milliseconds.
const BEFORE_MS: u64 = 2 * 86_400_000;
const AFTER_MS: u64 = 86_400_000;

/// Nonces a signer has used.
#[derive(Clone, Debug, Default)]
pub(super) struct Nonces(BTreeSet<u64>);

impl Nonces {
    /// Burns `nonce`, legal within the window around any of `now_ms`, or says in the venue's words
    /// why it cannot be used.
    pub(super) fn burn(&mut self, nonce: u64, now_ms: &[u64]) -> Result<(), String> {
        let inside = |now: &u64| now.saturating_sub(BEFORE_MS) < nonce && nonce < now + AFTER_MS;
        if !now_ms.iter().any(inside) {
            return Err(outside(nonce, now_ms[0]));
        }
        if self.0.contains(&nonce) {
            return Err(format!("Invalid nonce: duplicate nonce {nonce}"));
        }
        if self.0.len() == KEPT {
            let lowest = *self.0.first().expect("Invariant: the set is full");
            if nonce < lowest {
                return Err(format!("Invalid nonce: nonce too low {nonce} < {lowest}"));
            }
            self.0.pop_first();
        }
        self.0.insert(nonce);
        Ok(())
    }
}

fn outside(nonce: u64, now: u64) -> String {
    let (low, high) = (now.saturating_sub(BEFORE_MS), now + AFTER_MS);
    if nonce <= low {
        format!("Invalid nonce: nonce too low {nonce} < {low}")
    } else {
        format!("Invalid nonce: nonce too high {nonce} > {high}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000_000;

    #[test]
    fn each_nonce_is_good_once_and_inside_the_window() {
        let mut nonces = Nonces::default();
        assert_eq!(nonces.burn(NOW, &[NOW]), Ok(()));
        assert_eq!(
            nonces.burn(NOW, &[NOW]),
            Err(format!("Invalid nonce: duplicate nonce {NOW}"))
        );
        assert_eq!(
            nonces.burn(NOW - 5, &[NOW]),
            Ok(()),
            "arrivals may be out of order"
        );
        let low = NOW - BEFORE_MS;
        assert_eq!(
            nonces.burn(low, &[NOW]),
            Err(format!("Invalid nonce: nonce too low {low} < {low}"))
        );
        assert_eq!(
            nonces.burn(NOW + AFTER_MS, &[NOW]),
            Err(format!(
                "Invalid nonce: nonce too high {} > {}",
                NOW + AFTER_MS,
                NOW + AFTER_MS
            ))
        );
        assert_eq!(
            nonces.burn(5 * NOW, &[NOW, 5 * NOW]),
            Ok(()),
            "the caller's wall clock counts too"
        );
    }

    #[test]
    fn only_the_hundred_highest_are_remembered() {
        let mut nonces = Nonces::default();
        for nonce in NOW..NOW + 100 {
            assert_eq!(nonces.burn(nonce, &[NOW]), Ok(()));
        }
        let low = NOW - 1;
        assert_eq!(
            nonces.burn(low, &[NOW]),
            Err(format!("Invalid nonce: nonce too low {low} < {NOW}"))
        );
        assert_eq!(nonces.burn(NOW + 100, &[NOW]), Ok(()));
        assert_eq!(
            nonces.burn(NOW + 1, &[NOW]),
            Err(format!("Invalid nonce: duplicate nonce {}", NOW + 1))
        );
        assert!(
            nonces.burn(NOW, &[NOW]).is_err(),
            "forgotten, hence too low"
        );
    }
}

#[cfg(test)]
mod property_tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn prop_no_nonce_is_good_twice(steps in proptest::collection::vec(0_u64..300, 1..400)) {
            let mut nonces = Nonces::default();
            let mut used = BTreeSet::new();
            for step in steps {
                let nonce = 1_700_000_000_000 + step;
                if nonces.burn(nonce, &[1_700_000_000_000]).is_ok() {
                    prop_assert!(used.insert(nonce));
                } else {
                    let floor = used.iter().rev().nth(KEPT - 1);
                    prop_assert!(used.contains(&nonce) || floor.is_some_and(|floor| nonce < *floor));
                }
            }
        }
    }
}
