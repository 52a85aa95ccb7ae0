//! What the simulated exchange is told at its start.

use mm_core::units::{Dur, Time, Usd};
use mm_hl::address::Address;
use serde::{Deserialize, Serialize};

/// A fee as an exact fraction of notional, in units of 1e-8: 1.5 bps is 15,000, a rebate negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FeeRate(pub i64);

impl FeeRate {
    /// Units in one.
    const ONE: i128 = 100_000_000;

    /// The fee on a notional, truncated toward zero to the micro-USDC (HYPERLIQUID.md 1.5).
    ///
    /// # Panics
    /// When the fee exceeds the money type: a notional beyond 9.2e12 USDC.
    #[must_use]
    pub fn on(self, notional: Usd) -> Usd {
        let fee = i128::from(notional.0) * i128::from(self.0) / Self::ONE;
        Usd(i64::try_from(fee).expect("Invariant: a fee below 100 % fits where its notional fits"))
    }

    /// The rate as a belief, fraction of notional.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "rates are far below 2^53 units")]
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / 1e8
    }
}

/// Fee rates of every account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeeRates {
    /// For the resting side.
    pub maker: FeeRate,
    /// For the side that takes.
    pub taker: FeeRate,
}

impl FeeRates {
    /// The venue's base rates: 1.5 bps maker, 4.5 bps taker.
    pub const BASE: Self = Self {
        maker: FeeRate(15_000),
        taker: FeeRate(45_000),
    };
}

/// Answer to a GTC order that filled in part and then rests (the venue's is not established).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GtcPartial {
    /// `resting`.
    Resting,
    /// `filled` with the size filled.
    Filled,
}

/// What becomes of `scheduleCancel`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleGate {
    /// Refused below $1,000,000 of traded volume, as on the venue.
    Volume,
    /// Open to everybody, so that a new account can be tested.
    Open,
}

/// Whether a rule of the venue is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// As on the venue.
    On,
    /// Not here.
    Off,
}

impl Rule {
    /// In force: what settings that say nothing mean.
    const fn on() -> Self {
        Self::On
    }
}

/// Rules of the venue that a test of one thing may want out of its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VenueRules {
    /// Funding is paid on the hour.
    pub funding: Rule,
    /// Accounts below their maintenance margin are liquidated.
    pub liquidation: Rule,
    /// An address that used up its request budget is held to an action every ten seconds.
    pub request_budget: Rule,
    /// Fees fall with the volume of fourteen days.
    pub fee_tiers: Rule,
    /// Perps of a builder's dex have a clearinghouse, numbers and fees of its own. Off: they are as any
    /// other of the main dex.
    #[serde(default = "Rule::on")]
    pub dexes: Rule,
}

impl VenueRules {
    /// All in force.
    pub const VENUE: Self = Self {
        funding: Rule::On,
        liquidation: Rule::On,
        request_budget: Rule::On,
        fee_tiers: Rule::On,
        dexes: Rule::On,
    };

    /// All in force: what settings that say nothing mean.
    #[must_use]
    pub const fn venue() -> Self {
        Self::VENUE
    }
}

/// Whether actions are written down for the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recording {
    /// Every action received, with position and worst case after it.
    On,
    /// Nothing.
    Off,
}

/// Settings of the simulated exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimConfig {
    /// When clients may first be served. The first block runs `block` later.
    pub start: Time,
    /// Market time run before `start`, without clients. Zero for a recorded market.
    pub warmup: Dur,
    /// Distance of blocks, whole milliseconds.
    pub block: Dur,
    /// Fee rates.
    pub fees: FeeRates,
    /// Answer to a partly filled GTC order.
    pub gtc_partial: GtcPartial,
    /// Who may use `scheduleCancel`.
    pub schedule_gate: ScheduleGate,
    /// Whether the report is kept.
    pub recording: Recording,
    /// Rules in force.
    pub rules: VenueRules,
}

/// Distance of blocks on the venue (65 to 70 ms measured).
pub const BLOCK: Dur = Dur::from_millis(70);
/// Market time a demo market runs before the first client.
pub const WARMUP: Dur = Dur::from_millis(3_600_000);

impl SimConfig {
    /// The venue's own settings, starting at `start`.
    #[must_use]
    pub const fn at(start: Time) -> Self {
        Self {
            start,
            warmup: Dur(0),
            block: BLOCK,
            fees: FeeRates::BASE,
            gtc_partial: GtcPartial::Resting,
            schedule_gate: ScheduleGate::Volume,
            recording: Recording::On,
            rules: VenueRules::VENUE,
        }
    }
}

/// Why an exchange cannot start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SimError {
    /// Blocks are stamped in whole milliseconds.
    #[error("block was {0} ns, expected a positive number of whole milliseconds")]
    Block(i64),
    /// A warm-up before time began.
    #[error("warmup was {0} ns, expected 0 or more")]
    Warmup(i64),
    /// Perps are numbered by dex and by their order in it.
    #[error("{coin} is asset {asset}, expected {expected}: perps are listed by asset number")]
    Asset {
        /// The perp.
        coin: String,
        /// Its number.
        asset: u32,
        /// The one its name and place give it.
        expected: u32,
    },
    /// A dex that no builder could have named so.
    #[error("dex was {0:?}, expected 2 to 4 small letters before the colon of a perp's name")]
    Dex(String),
    /// A dex without a perp.
    #[error("dex was {0:?}, which lists no perp here")]
    NoDex(String),
    /// An account that is there already.
    #[error("address {0} has an account already")]
    Taken(Address),
    /// A deposit of nothing.
    #[error("deposit was {0} micro-USDC, expected more than 0")]
    Deposit(i64),
}
