//! Nothing happens: then nothing is done.

use mm_core::units::{Dur, SECOND};
use proptest::prelude::*;

use crate::desk::Desk;
use crate::{STRATEGIES, cases, config};

/// The limit of these desks, lots: a cap in coin, which no belief moves.
const LIMIT: i64 = 4_000;

/// Holding a share of the limit, its orders at rest. Getting out of too much is a matter of time, not of
/// the market: its deadlines are put off.
fn resting(strategy: usize, target: f64, share: f64) -> Desk {
    let later = serde_json::Value::from(86_400.0);
    let mut config = config(&[
        ("limits.position_cap_coin", 0.04.into()),
        ("quoting.target_liquidity_frac", target.into()),
        ("recovery.stuck_s", later.clone()),
        ("recovery.passive_s", later),
        ("recovery.passive_ratio_max", 1e3.into()),
    ]);
    config.quoting.strategy = STRATEGIES[strategy];
    #[expect(clippy::cast_possible_truncation, reason = "a few thousand lots")]
    let position = (4_000.0 * share) as i64;
    let mut desk = Desk::with(config, position);
    desk.open();
    desk.seconds(80);
    let limits = desk.engine.limits().unwrap();
    assert_eq!((limits.long().0, limits.short().0), (LIMIT, LIMIT));
    assert!(!desk.resting.is_empty());
    desk
}

proptest! {
    #![proptest_config(cases(32))]

    /// Flat, half, at the limit, over it, long and short, with every strategy.
    #[test]
    fn prop_a_still_market_gives_no_action(
        strategy in 0..STRATEGIES.len(),
        // With the first the target bounds what is shown, with the other the room does.
        target in prop_oneof![Just(0.2), Just(1.0)],
        share in prop_oneof![
            proptest::sample::select(vec![0.0, 0.5, -0.5, 1.0, -1.0, 1.3, -1.3, 31.0, -31.0]),
            -3.0..3.0,
        ],
        gap_s in prop_oneof![0.001..0.2, 0.2..2.0],
        cycles in 10_usize..80,
    ) {
        let mut desk = resting(strategy, target, share);
        let before = desk.received.len();
        for cycle in 0..cycles {
            desk.pass(Dur::from_secs(gap_s));
            prop_assert_eq!(&desk.received[before..], &[][..], "in cycle {}", cycle);
        }
        prop_assert!(desk.now.0 > SECOND);
    }
}
