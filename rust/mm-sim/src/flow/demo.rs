//! The demo market's numbers. They are chosen to be lively, not measured from any market.

/// Moves of the fair price.
#[derive(Clone, Copy, Debug)]
pub(super) struct PathParams {
    /// Small moves a second.
    pub(super) moves_per_s: f64,
    /// Standard deviation of the small moves together, per sqrt(second), fraction, in a quiet regime.
    pub(super) sigma: f64,
    /// Jumps a second, in a quiet regime. An informed taker comes before each.
    pub(super) jumps_per_s: f64,
    /// Smallest jump and mean excess over it, bps.
    pub(super) jump_bps: [f64; 2],
    /// How long before a jump its informed taker comes, seconds, from and to.
    pub(super) warning_s: [f64; 2],
    /// Multipliers of sigma and of the jump rate, one a regime.
    pub(super) regimes: [f64; 3],
    /// Mean stay in a regime, seconds.
    pub(super) regime_s: f64,
}

/// Makers and takers around the fair price.
#[derive(Clone, Copy, Debug)]
pub(super) struct CrowdParams {
    /// Distance of the quotes from the fair price, bps, one a level.
    pub(super) levels_bps: &'static [f64],
    /// Size of the first level and growth a level, USD.
    pub(super) level_usd: [f64; 2],
    /// Mean time between requotes of a level: the first four, the others, seconds.
    pub(super) requote_s: [f64; 2],
    /// Small takers a second that no other taker drew in.
    pub(super) noise_per_s: f64,
    /// Chance that a small taker draws in another, and the mean delay, seconds.
    pub(super) followers: [f64; 2],
    /// Median and log standard deviation of a small taker's notional, USD.
    pub(super) noise_usd: [f64; 2],
    /// Chance that a small taker goes with the fair price of this many seconds later.
    pub(super) noise_knows: [f64; 2],
    /// Large uninformed takers a second.
    pub(super) sweeps_per_s: f64,
    /// Smallest notional, Pareto shape and largest notional of a large taker, USD.
    pub(super) sweep_usd: [f64; 3],
    /// How far through the fair price a taker goes at most, bps.
    pub(super) reach_bps: f64,
    /// Pickers of stale quotes a second, the profit they want, bps, and their notional, USD.
    pub(super) pickers: [f64; 3],
}

pub(super) const PATH: PathParams = PathParams {
    moves_per_s: 3.0,
    sigma: 3.0e-5,
    jumps_per_s: 0.055,
    jump_bps: [2.6, 1.6],
    warning_s: [0.1, 1.5],
    regimes: [0.8, 1.0, 1.5],
    regime_s: 150.0,
};

pub(super) const CROWD: CrowdParams = CrowdParams {
    levels_bps: &[
        0.5, 0.9, 1.4, 2.0, 2.6, 3.3, 4.0, 4.8, 5.7, 6.7, 8.0, 9.5, 11.5, 14.0, 18.0, 24.0,
    ],
    level_usd: [5_000.0, 900.0],
    requote_s: [0.22, 0.9],
    noise_per_s: 1.1,
    followers: [0.3, 0.8],
    noise_usd: [450.0, 1.7],
    noise_knows: [0.62, 3.0],
    sweeps_per_s: 0.05,
    sweep_usd: [45_000.0, 1.25, 500_000.0],
    reach_bps: 12.0,
    pickers: [2.0, 1.2, 20_000.0],
};

/// A perp of the demo market.
#[derive(Clone, Debug)]
pub(super) struct DemoCoin {
    pub(super) coin: String,
    pub(super) sz_decimals: u32,
    pub(super) max_leverage: u32,
    /// USDC of notional from which less leverage is allowed, and how much.
    pub(super) second_tier: Option<(i64, u32)>,
    /// Price around which the market starts, USDC.
    pub(super) px: f64,
    /// Multiplier of all moves.
    pub(super) pace: f64,
    /// Whether it is in growth mode.
    pub(super) growth: bool,
}

/// The perps of the demo market.
pub(super) fn coins() -> Vec<DemoCoin> {
    vec![
        DemoCoin {
            coin: "BTC".to_owned(),
            sz_decimals: 5,
            max_leverage: 40,
            second_tier: Some((150_000_000, 20)),
            px: 110_000.0,
            pace: 0.9,
            growth: false,
        },
        DemoCoin {
            coin: "ETH".to_owned(),
            sz_decimals: 4,
            max_leverage: 25,
            second_tier: Some((100_000_000, 15)),
            px: 4_300.0,
            pace: 0.95,
            growth: false,
        },
        DemoCoin {
            coin: "SOL".to_owned(),
            sz_decimals: 2,
            max_leverage: 20,
            second_tier: Some((70_000_000, 10)),
            px: 205.0,
            pace: 1.0,
            growth: false,
        },
    ]
}

/// How far a start price may be from [`DemoCoin::px`], log standard deviation.
pub(super) const START_SPREAD: f64 = 0.02;

/// What the market says about itself.
pub(super) const LABEL: &str =
    "demo: a lively seeded market, NOT calibrated to any real one; profit here proves nothing";
