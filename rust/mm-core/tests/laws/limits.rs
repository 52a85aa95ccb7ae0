//! More equity, a calmer market, more leverage: never a lower limit.

use mm_core::limits::LimitSource;
use proptest::prelude::*;

use crate::desk::Desk;
use crate::{cases, config};

/// What a limit follows from, as far as it is ordered.
#[derive(Clone, Copy, Debug)]
struct World {
    equity_usd: i64,
    /// Of the closes that seed the volatility, USDC.
    wobble: f64,
    sigma_prior: f64,
    leverage_cap: f64,
    leverage: u32,
}

impl World {
    /// The limit of each side, `[long, short]` lots, some seconds after the start.
    fn limit(&self, position: i64, seconds: usize) -> [i64; 2] {
        let config = config(&[
            ("limits.sigma_prior", self.sigma_prior.into()),
            ("limits.leverage_cap", self.leverage_cap.into()),
        ]);
        let mut desk = Desk::with(config, position);
        desk.cash = self.equity_usd * 1_000_000 - position * desk.mid;
        desk.wobble = self.wobble;
        desk.room.leverage = self.leverage;
        desk.open();
        desk.seconds(seconds);
        let limits = desk.engine.limits().unwrap();
        assert_eq!(limits.source(), LimitSource::Valid);
        [limits.long().0, limits.short().0]
    }
}

fn world() -> impl Strategy<Value = World> {
    (
        200_i64..1_000_000,
        0.0..600.0,
        1e-5..1e-3,
        1.0..40.0,
        1_u32..40,
    )
        .prop_map(
            |(equity_usd, wobble, sigma_prior, leverage_cap, leverage)| World {
                equity_usd,
                wobble,
                sigma_prior,
                leverage_cap,
                leverage,
            },
        )
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn prop_more_to_lose_or_less_to_fear_never_lowers_the_limit(
        less in world(),
        (richer, calmer, bolder) in (0_i64..100_000, 0.0_f64..1.0, 1.0_f64..3.0),
        position in -500_i64..500,
        seconds in 1_usize..30,
    ) {
        let more = [
            World { equity_usd: less.equity_usd + richer, ..less },
            World { wobble: less.wobble * calmer, ..less },
            World { sigma_prior: less.sigma_prior * calmer.max(1e-3), ..less },
            World { leverage_cap: less.leverage_cap * bolder, ..less },
            World { leverage: less.leverage + 1, ..less },
        ];
        let [long, short] = less.limit(position, seconds);
        for world in more {
            let [longer, shorter] = world.limit(position, seconds);
            prop_assert!(longer >= long && shorter >= short, "{:?}: {} {}, was {} {}", world, longer, shorter, long, short);
        }
    }
}
