//! What happens to the exchange from outside: strangers, hands, money, prices.

use serde::{Deserialize, Serialize};

use super::kind::FaultKind;
use super::plan::Way;

/// Something done to the exchange.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Act {
    /// Takers in a row on one side.
    Burst {
        /// What they do.
        way: Way,
        /// Notional of each, USD.
        usd: f64,
        /// How many.
        orders: u32,
        /// Over how long, exchange seconds.
        within_s: f64,
    },
    /// One taker.
    Sweep {
        /// What he does.
        way: Way,
        /// Notional, USD.
        usd: f64,
    },
    /// An order of our account that the engine did not send.
    HandOrder {
        /// What it does.
        way: Way,
        /// Notional, USD.
        usd: f64,
        /// Distance from the mark, bps, at which it rests; absent: it takes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        resting_bps: Option<f64>,
    },
    /// The fair price moves at once.
    PriceJump {
        /// By this fraction; negative: down.
        frac: f64,
    },
    /// Money in, or out when negative.
    Transfer {
        /// USD.
        usd: f64,
    },
    /// Funding received, or paid when negative.
    Funding {
        /// USD.
        usd: f64,
    },
    /// The leverage of the coin is set by hand.
    Leverage {
        /// To this; the exchange refuses what is not legal.
        leverage: u32,
    },
    /// The oracle is this far from where it was, and the book stays.
    OracleJump {
        /// By this fraction; negative: down.
        frac: f64,
        /// How long, exchange seconds.
        for_s: f64,
    },
    /// The funding rate is this, told and paid.
    FundingSpike {
        /// Fraction an hour; the venue's cap is 0.04.
        rate_per_h: f64,
        /// How long, exchange seconds.
        for_s: f64,
    },
    /// Only post-only orders are taken, from anybody, as after a network upgrade.
    PostOnly {
        /// How long, exchange seconds.
        for_s: f64,
    },
    /// The perp is delisted: its orders are cancelled, its positions settled at the mark, and no order
    /// is taken any more.
    Delisting {},
}

/// Key, value, legal range, and the range in words.
pub(super) type Ranged = (&'static str, f64, (f64, f64), &'static str);

impl Act {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> FaultKind {
        match self {
            Self::Burst { .. } => FaultKind::Burst,
            Self::Sweep { .. } => FaultKind::Sweep,
            Self::HandOrder { .. } => FaultKind::HandOrder,
            Self::PriceJump { .. } => FaultKind::PriceJump,
            Self::Transfer { .. } => FaultKind::Transfer,
            Self::Funding { .. } => FaultKind::Funding,
            Self::Leverage { .. } => FaultKind::Leverage,
            Self::OracleJump { .. } => FaultKind::OracleJump,
            Self::FundingSpike { .. } => FaultKind::FundingSpike,
            Self::PostOnly { .. } => FaultKind::PostOnly,
            Self::Delisting {} => FaultKind::Delisting,
        }
    }

    /// The numbers that have a range.
    pub(super) fn ranges(&self) -> [Option<Ranged>; 3] {
        let usd = |usd| Some(("usd", usd, (f64::MIN_POSITIVE, 1e9), "USD, above 0"));
        let lasts = |for_s| Some(("for_s", for_s, (0.0, 1e7), "seconds, 0 or more"));
        let signed = |usd| Some(("usd", usd, (-1e9, 1e9), "USD, at most 1e9 either way"));
        match *self {
            Self::Burst {
                usd: each,
                orders,
                within_s,
                ..
            } => [
                usd(each),
                Some(("orders", f64::from(orders), (1.0, 1e3), "1 to 1000")),
                Some(("within_s", within_s, (0.0, 3_600.0), "0 to 3600 s")),
            ],
            Self::Sweep { usd: all, .. } => [usd(all), None, None],
            Self::HandOrder {
                usd: all,
                resting_bps,
                ..
            } => {
                let bps = resting_bps.map(|bps| ("resting_bps", bps, (0.0, 5e3), "0 to 5000 bps"));
                [usd(all), bps, None]
            }
            Self::PriceJump { frac } => [
                Some(("frac", frac, (-0.9, 9.0), "a fraction, -0.9 to 9")),
                None,
                None,
            ],
            Self::Transfer { usd } | Self::Funding { usd } => [signed(usd), None, None],
            Self::OracleJump { frac, for_s } => [
                Some(("frac", frac, (-0.9, 9.0), "a fraction, -0.9 to 9")),
                lasts(for_s),
                None,
            ],
            Self::FundingSpike { rate_per_h, for_s } => [
                Some((
                    "rate_per_h",
                    rate_per_h,
                    (-0.04, 0.04),
                    "a fraction, -0.04 to 0.04",
                )),
                lasts(for_s),
                None,
            ],
            Self::PostOnly { for_s } => [lasts(for_s), None, None],
            Self::Leverage { .. } | Self::Delisting {} => [None; 3],
        }
    }
}
