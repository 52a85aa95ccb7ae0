//! What the paper exchange is told at its start.

use std::collections::BTreeMap;

use mm_core::instrument::InstrumentError;
use mm_core::units::{Dur, Time, Usd, parse_decimal};
use mm_hl::address::Address;
use mm_hl::decode::DecodeError;
use serde::Deserialize;

use crate::exchange::{
    FeeRates, GtcPartial, MarginRule, Recording, ScheduleGate, SimConfig, SimError, VenueRules,
};
use crate::faults::{FaultError, FaultPlan};
use crate::frames::FrameError;

/// How often market data is pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Cadence {
    /// As measured in September 2026: book of 20 levels every 5 s, of 5 levels every 0.5 s.
    #[serde(rename = "2026")]
    Y2026,
    /// As documented before: book of 20 levels every 0.5 s.
    #[serde(rename = "legacy")]
    Legacy,
}

impl Cadence {
    /// Time between book snapshots of 20 levels.
    pub(crate) const fn book_ms(self) -> i64 {
        match self {
            Self::Y2026 => 5_000,
            Self::Legacy => FAST_BOOK_MS,
        }
    }

    /// Time between pushes of all mids.
    pub(crate) const fn mids_ms(self) -> i64 {
        match self {
            Self::Y2026 => 5_000,
            Self::Legacy => 1_000,
        }
    }
}

/// Time between `fast` book snapshots.
pub(crate) const FAST_BOOK_MS: i64 = 500;
/// Time between pushes of a coin's context, and of its open candle.
pub(crate) const CONTEXT_MS: i64 = 1_000;
/// Longest time between pushes of an account.
pub(crate) const ACCOUNT_MS: i64 = 5_000;

/// An account and the USDC it starts with.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FundedAccount {
    /// The account.
    pub address: Address,
    /// USDC as a decimal with at most six decimals, positive.
    pub usdc: String,
    /// What it holds on builders' dexes besides, by their names, and as `spot`; absent: nothing.
    #[serde(default)]
    pub dexes: BTreeMap<String, String>,
}

/// A vault, who trades for it, and the USDC it starts with.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FundedVault {
    /// Its leader.
    pub leader: Address,
    /// The vault.
    pub account: FundedAccount,
}

/// Settings of the paper exchange.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaperConfig {
    /// Name of this run of the exchange.
    pub instance: String,
    /// Exchange time at the start, milliseconds since the Unix epoch.
    pub start_ms: i64,
    /// Market time run before the start, milliseconds.
    pub warmup_ms: i64,
    /// Exchange seconds in a wall second.
    pub speed: f64,
    /// Distance of blocks, milliseconds.
    pub block_ms: i64,
    /// Time from the door to the block queue, milliseconds of exchange time.
    pub entry_ms: i64,
    /// Fee rates, in units of 1e-8 of notional.
    pub fees: FeeRates,
    /// Push cadence.
    pub cadence: Cadence,
    /// Answer to a partly filled GTC order.
    pub gtc_partial: GtcPartial,
    /// Who may use `scheduleCancel`.
    pub schedule_gate: ScheduleGate,
    /// Rules in force; absent: all, as on the venue.
    #[serde(default = "VenueRules::venue")]
    pub rules: VenueRules,
    /// How a perp may be margined, by name, where it is not as usual on its dex; absent: nowhere.
    #[serde(default)]
    pub margin_rules: BTreeMap<String, MarginRule>,
    /// Open interest at mark that a perp may reach, by name, USDC as decimals; absent: any.
    #[serde(default)]
    pub oi_caps: BTreeMap<String, String>,
    /// Accounts open at the start.
    pub accounts: Vec<FundedAccount>,
    /// Vaults open at the start; absent: none.
    #[serde(default)]
    pub vaults: Vec<FundedVault>,
    /// What goes wrong, to the first account; absent: nothing.
    #[serde(default)]
    pub faults: FaultPlan,
}

/// Why the paper exchange cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PaperError {
    /// Not the settings' JSON.
    #[error("settings of the paper exchange: {0}")]
    Settings(#[from] serde_json::Error),
    /// A number out of range.
    #[error("{key} was {value}, expected {expected}")]
    Range {
        /// Which.
        key: &'static str,
        /// As given.
        value: String,
        /// What is legal.
        expected: &'static str,
    },
    /// A coin that the market does not list.
    #[error("coin was {0:?}, which this market does not list")]
    Coin(String),
    /// An account given twice.
    #[error("account {0} was given twice")]
    Twice(Address),
    /// A perp that cannot be listed.
    #[error(transparent)]
    Instrument(#[from] InstrumentError),
    /// A recorded market without its recording.
    #[error("a recorded market needs the frames of its recording")]
    NoFrames,
    /// A listing of a mirrored venue that cannot be used.
    #[error("the listing to mirror: {0}")]
    Listing(#[from] DecodeError),
    /// A recording that cannot be used.
    #[error(transparent)]
    Frames(#[from] FrameError),
    /// A plan of faults that cannot be followed.
    #[error(transparent)]
    Faults(#[from] FaultError),
    /// Refused by the exchange itself.
    #[error(transparent)]
    Sim(#[from] SimError),
}

impl PaperConfig {
    /// Reads settings from JSON and checks their ranges.
    ///
    /// # Errors
    /// [`PaperError`] naming the key, its value and what is legal.
    pub fn parse(json: &str) -> Result<Self, PaperError> {
        let config: Self = serde_json::from_str(json)?;
        let range = |key, value: String, expected| {
            Err(PaperError::Range {
                key,
                value,
                expected,
            })
        };
        if !(config.speed.is_finite() && config.speed > 0.0) {
            return range("speed", config.speed.to_string(), "a positive number");
        }
        if !(0..=60_000).contains(&config.entry_ms) {
            return range("entry_ms", config.entry_ms.to_string(), "0 to 60000 ms");
        }
        if !(0..=86_400_000).contains(&config.warmup_ms) {
            return range(
                "warmup_ms",
                config.warmup_ms.to_string(),
                "0 to 86400000 ms",
            );
        }
        for (index, account) in config.accounts.iter().enumerate() {
            if config.accounts[..index]
                .iter()
                .any(|other| other.address == account.address)
            {
                return Err(PaperError::Twice(account.address));
            }
        }
        Ok(config)
    }

    /// When the exchange starts.
    #[must_use]
    pub const fn start(&self) -> Time {
        Time::from_millis(self.start_ms)
    }

    /// What the exchange itself is told.
    pub(crate) const fn sim(&self) -> SimConfig {
        SimConfig {
            start: self.start(),
            warmup: Dur::from_millis(self.warmup_ms),
            block: Dur::from_millis(self.block_ms),
            fees: self.fees,
            gtc_partial: self.gtc_partial,
            schedule_gate: self.schedule_gate,
            recording: Recording::On,
            rules: self.rules,
        }
    }
}

/// A positive amount of USDC with at most six decimals.
pub(crate) fn positive_usd(text: &str) -> Option<Usd> {
    parse_decimal(text, 6).filter(|usd| *usd > 0).map(Usd)
}

impl FundedAccount {
    /// The USDC to deposit.
    pub(crate) fn deposit(&self) -> Result<Usd, PaperError> {
        self.amount(&self.usdc)
    }

    /// The USDC to deposit on each builder's dex.
    pub(crate) fn deposits_on(&self) -> impl Iterator<Item = (&str, Result<Usd, PaperError>)> {
        let dexes = self.dexes.iter();
        dexes.map(|(dex, usdc)| (dex.as_str(), self.amount(usdc)))
    }

    fn amount(&self, usdc: &str) -> Result<Usd, PaperError> {
        positive_usd(usdc).ok_or_else(|| PaperError::Range {
            key: "account",
            value: format!("{}={usdc}", self.address),
            expected: "ADDRESS=USDC with a positive amount of at most six decimals",
        })
    }
}
