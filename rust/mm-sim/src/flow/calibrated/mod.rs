//! The calibrated market: the crowd's parameters are fitted to a recorded market, coin by coin.

mod crowd;
mod params;
mod path;

pub(super) use self::crowd::Crowd;
pub(super) use self::params::of_coin;

use super::demo::DemoCoin;

/// What the market says about itself.
pub(super) const LABEL: &str = "calibrated: a seeded market fitted to 34.5 minutes of Hyperliquid of \
     2025-09-04; it has that half hour's statistics and no others, and does not react to our orders";

/// Its perps, as the venue lists them.
pub(super) fn coins() -> Vec<DemoCoin> {
    let perp = |coin: &str, sz_decimals, max_leverage, second_tier, px| DemoCoin {
        coin: coin.to_owned(),
        sz_decimals,
        max_leverage,
        second_tier,
        px,
        pace: 1.0,
        growth: false,
    };
    vec![
        perp("BTC", 5, 40, Some((150_000_000, 20)), 111_000.0),
        perp("ETH", 4, 25, Some((100_000_000, 15)), 4_300.0),
        perp("SOL", 2, 20, Some((70_000_000, 10)), 203.0),
        perp("WLFI", 0, 5, None, 0.185),
    ]
}
