//! The calibrated market's numbers.
//!
//! Provenance: fitted with `mm data compare` to 34.5 minutes of Hyperliquid mainnet, 2025-09-04 19:47 to
//! 20:21 UTC, one set a coin. They are parameters of this model, not values of the recording; what they give
//! beside it stands in docs/calibration.md.

/// How the public reference moves.
#[derive(Clone, Copy, Debug)]
pub(super) struct PathParams {
    /// News a second in a quiet regime.
    pub(super) news_per_s: f64,
    /// Chance that a step of the reference is followed by another of the same news, and the mean delay, s.
    pub(super) follow_up: [f64; 2],
    /// Sizes of a step: chance of a large one, mean of the small and of the large ones, bps.
    pub(super) step_bps: [f64; 3],
    /// Multipliers of the rate of news, one a regime.
    pub(super) regimes: [f64; 3],
    /// Mean stay in a regime, s.
    pub(super) regime_s: f64,
    /// Chance that the spread is one tick, and mean of what it is wider otherwise, ticks.
    pub(super) spread: [f64; 2],
    /// Changes of the spread a second; 0: it never changes of itself.
    pub(super) spreads_per_s: f64,
}

/// Makers.
#[derive(Clone, Copy, Debug)]
pub(super) struct MakerParams {
    /// Orders a side that stand at the touch and follow it.
    pub(super) touch_orders: u32,
    /// Median notional of one of them and log standard deviation, USDC.
    pub(super) touch_usd: [f64; 2],
    /// Requotes a second of each of them.
    pub(super) touch_per_s: f64,
    /// Chance that a price in the book has an order of its own.
    pub(super) occupied: f64,
    /// Median notional of it at the touch, growth a tick away from there up to ten, log standard deviation.
    pub(super) depth_usd: [f64; 3],
    /// Requotes a second of each of them.
    pub(super) depth_per_s: f64,
    /// Chance that an order in the way of a move is pulled too late for a taker who knew.
    pub(super) slow: f64,
    /// Longest time in which such an order is pulled, s.
    pub(super) slow_s: f64,
    /// Time in which the other side follows after that, mean, s.
    pub(super) follow_s: f64,
    /// Chance that those in the way of a move also pull what stands behind its end until the other side has
    /// followed, and how far, mean, ticks.
    pub(super) shy: [f64; 2],
}

/// Takers.
#[derive(Clone, Copy, Debug)]
pub(super) struct TakerParams {
    /// Takers a second who know nothing, and whom nobody drew in.
    pub(super) noise_per_s: f64,
    /// Chance that a taker draws in another to the same side, and the mean delay, s.
    pub(super) drawn: [f64; 2],
    /// Chance that who knows nothing buys after a buyer.
    pub(super) same_side: f64,
    /// Chance of a small notional, median and log standard deviation of it, USDC.
    pub(super) small_usd: [f64; 3],
    /// Median and log standard deviation of the others', USDC.
    pub(super) large_usd: [f64; 2],
    /// Ticks beyond the touch that they accept.
    pub(super) noise_ticks: i64,
    /// Chance that a taker knows of a step of great size, and the step at which it is 63 % of that, bps.
    pub(super) knows: [f64; 2],
    /// Chance that one who knows comes before the makers see the step, and how long at most, s.
    pub(super) early: [f64; 2],
    /// Median and log standard deviation of the notional of who knows, USDC, at a step of 1 bp, and the power
    /// of the step with which it grows.
    pub(super) informed_usd: [f64; 3],
    /// Ticks beyond the new touch that they accept.
    pub(super) informed_ticks: i64,
}

/// One coin.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct CalibratedParams {
    /// Which coin it is, for its streams of chance.
    pub(super) number: u64,
    pub(super) path: PathParams,
    pub(super) makers: MakerParams,
    pub(super) takers: TakerParams,
}

static BTC: CalibratedParams = CalibratedParams {
    number: 0,
    path: PathParams {
        news_per_s: 0.194,
        follow_up: [0.688, 1.61],
        step_bps: [0.17, 0.15, 0.85],
        regimes: [0.5, 1.0, 1.5],
        regime_s: 120.0,
        spread: [1.0, 1.0],
        spreads_per_s: 0.0,
    },
    makers: MakerParams {
        touch_orders: 3,
        touch_usd: [100_000.0, 1.5],
        touch_per_s: 1.2,
        occupied: 0.9,
        depth_usd: [20_900.0, 0.3, 1.21],
        depth_per_s: 0.3,
        slow: 0.08,
        slow_s: 0.15,
        follow_s: 0.1,
        shy: [0.2, 6.32],
    },
    takers: TakerParams {
        noise_per_s: 0.671,
        drawn: [0.2, 0.5],
        same_side: 0.5,
        small_usd: [0.473, 18.0, 0.5],
        large_usd: [1_100.0, 1.7],
        noise_ticks: 12,
        knows: [0.999, 0.3],
        early: [0.106, 0.5],
        informed_usd: [51_000.0, 1.58, 0.5],
        informed_ticks: 9,
    },
};

static ETH: CalibratedParams = CalibratedParams {
    number: 1,
    path: PathParams {
        news_per_s: 0.265,
        follow_up: [0.5, 1.8],
        step_bps: [0.111, 0.425, 2.4],
        regimes: [0.5, 1.0, 1.5],
        regime_s: 120.0,
        spread: [1.0, 1.0],
        spreads_per_s: 0.0,
    },
    makers: MakerParams {
        touch_orders: 3,
        touch_usd: [106_000.0, 1.19],
        touch_per_s: 1.35,
        occupied: 0.85,
        depth_usd: [30_300.0, 0.6, 1.29],
        depth_per_s: 0.235,
        slow: 0.15,
        slow_s: 0.15,
        follow_s: 0.1,
        shy: [0.232, 7.0],
    },
    takers: TakerParams {
        noise_per_s: 0.812,
        drawn: [0.25, 0.5],
        same_side: 0.52,
        small_usd: [0.55, 30.0, 0.6],
        large_usd: [3_510.0, 1.66],
        noise_ticks: 8,
        knows: [0.95, 0.8],
        early: [0.25, 0.5],
        informed_usd: [40_000.0, 1.28, 0.63],
        informed_ticks: 12,
    },
};

static SOL: CalibratedParams = CalibratedParams {
    number: 2,
    path: PathParams {
        news_per_s: 0.22,
        follow_up: [0.55, 2.73],
        step_bps: [0.223, 0.75, 1.6],
        regimes: [0.5, 1.0, 1.5],
        regime_s: 120.0,
        spread: [1.0, 1.0],
        spreads_per_s: 0.0,
    },
    makers: MakerParams {
        touch_orders: 3,
        touch_usd: [46_600.0, 1.0],
        touch_per_s: 1.25,
        occupied: 0.95,
        depth_usd: [50_000.0, 0.5, 1.29],
        depth_per_s: 0.3,
        slow: 0.285,
        slow_s: 0.15,
        follow_s: 0.0892,
        shy: [0.06, 1.5],
    },
    takers: TakerParams {
        noise_per_s: 0.55,
        drawn: [0.2, 0.5],
        same_side: 0.5,
        small_usd: [0.5, 13.0, 0.3],
        large_usd: [220.0, 1.9],
        noise_ticks: 4,
        knows: [0.854, 0.8],
        early: [0.232, 0.5],
        informed_usd: [13_500.0, 1.3, 0.5],
        informed_ticks: 7,
    },
};

static WLFI: CalibratedParams = CalibratedParams {
    number: 3,
    path: PathParams {
        news_per_s: 0.83,
        follow_up: [0.285, 1.71],
        step_bps: [0.4, 2.0, 3.0],
        regimes: [0.5, 1.0, 1.5],
        regime_s: 120.0,
        spread: [0.52, 10.5],
        spreads_per_s: 1.85,
    },
    makers: MakerParams {
        touch_orders: 2,
        touch_usd: [3_130.0, 0.589],
        touch_per_s: 0.02,
        occupied: 0.6,
        depth_usd: [6_000.0, 0.05, 1.31],
        depth_per_s: 0.0508,
        slow: 0.32,
        slow_s: 0.15,
        follow_s: 0.0656,
        shy: [0.0, 2.0],
    },
    takers: TakerParams {
        noise_per_s: 0.26,
        drawn: [0.283, 1.0],
        same_side: 0.55,
        small_usd: [0.498, 50.0, 1.0],
        large_usd: [700.0, 0.672],
        noise_ticks: 4,
        knows: [0.235, 2.08],
        early: [0.275, 0.5],
        informed_usd: [1_200.0, 0.8, 0.9],
        informed_ticks: 2,
    },
};

/// The numbers of a coin; `None` where it was never fitted.
pub(in super::super) fn of_coin(coin: &str) -> Option<&'static CalibratedParams> {
    match coin {
        "BTC" => Some(&BTC),
        "ETH" => Some(&ETH),
        "SOL" => Some(&SOL),
        "WLFI" => Some(&WLFI),
        _ => None,
    }
}
