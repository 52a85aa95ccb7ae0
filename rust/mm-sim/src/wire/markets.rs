//! Which market the paper exchange opens.

use std::sync::Arc;

use mm_core::instrument::{Instrument, MarginTier};
use mm_core::units::{Dur, Time};
use mm_hl::decode::decode_meta;
use serde::Deserialize;

use super::PaperError;
use crate::exchange::asset_numbers;
use crate::flow::{DemoPerp, FlowMarket};
use crate::frames::{Feed, Tape};
use crate::market::{BookMarket, Market};
use crate::recorded::{QueueBound, RecordedMarket};

/// Where the other side comes from.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum MarketChoice {
    /// The demo market: a seeded crowd in the same books, lively and not calibrated.
    Demo {
        /// Everything the crowd does follows from it.
        seed: u64,
        /// Perps beside its own three, or instead of one of them.
        #[serde(default)]
        perps: Vec<DemoPerp>,
    },
    /// The calibrated market: a seeded crowd whose numbers are fitted to a recorded one, coin by coin.
    Calibrated {
        /// Everything the crowd does follows from it.
        seed: u64,
        /// These of its perps alone; empty: all.
        #[serde(default)]
        coins: Vec<String>,
    },
    /// Nobody but the clients: for tests and for exercises between two clients.
    Clients {
        /// The perps, by asset number.
        perps: Vec<PerpListing>,
    },
    /// A recording of one perp, moved in time so that its first book is shown at the start.
    Recorded {
        /// The perp.
        perp: PerpListing,
        /// Who cancelled when a displayed size fell.
        bound: QueueBound,
    },
    /// One perp as a live feed tells of it, frame by frame ([`super::PaperExchange::hear`]).
    Mirror {
        /// Its name.
        coin: String,
        /// The answer to `meta` of the venue mirrored, cut down to this perp: it is asset 0 here.
        meta: String,
        /// Who cancelled when a displayed size fell.
        bound: QueueBound,
    },
}

/// A perp to list.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PerpListing {
    /// Its name.
    pub coin: String,
    /// Decimals of its size.
    pub sz_decimals: u32,
    /// Largest leverage.
    pub max_leverage: u32,
    /// Its margin table, the first tier included; empty: that one alone.
    #[serde(default)]
    pub margin_tiers: Vec<MarginTier>,
    /// Whether it is in growth mode, as a perp of a builder's dex may be.
    #[serde(default)]
    pub growth: bool,
}

/// A market, opened.
pub struct OpenMarket {
    /// The market.
    pub market: Box<dyn Market>,
    /// When a recording ends.
    pub end: Option<Time>,
}

impl PerpListing {
    fn instrument(&self, asset: u32) -> Result<Instrument, PaperError> {
        let coin = self.coin.clone();
        let perp = Instrument::new(coin, asset, self.sz_decimals, self.max_leverage)?
            .with_growth_mode(self.growth);
        if self.margin_tiers.is_empty() {
            return Ok(perp);
        }
        Ok(perp.with_margin_tiers(&self.margin_tiers)?)
    }
}

impl MarketChoice {
    /// Opens the market for an exchange that starts at `start`. `frames` are the lines of the
    /// recording, decompressed; other markets need none.
    ///
    /// # Errors
    /// [`PaperError`] where a perp cannot be listed or the recording cannot be used.
    pub fn open(&self, start: Time, frames: Option<&[u8]>) -> Result<OpenMarket, PaperError> {
        match self {
            Self::Demo { seed, perps } => Ok(OpenMarket {
                market: Box::new(FlowMarket::demo_with(*seed, perps)?),
                end: None,
            }),
            Self::Calibrated { seed, coins } => {
                let market = if coins.is_empty() {
                    FlowMarket::calibrated(*seed)
                } else {
                    FlowMarket::calibrated_only(*seed, coins)
                        .ok_or_else(|| PaperError::Coin(coins.join(", ")))?
                };
                Ok(OpenMarket {
                    market: Box::new(market),
                    end: None,
                })
            }
            Self::Clients { perps } => {
                let numbers = asset_numbers(perps.iter().map(|perp| perp.coin.as_str()));
                let listed = numbers.into_iter().zip(perps);
                let listed = listed.map(|(asset, perp)| perp.instrument(asset));
                let market = BookMarket::new(listed.collect::<Result<_, _>>()?);
                Ok(OpenMarket {
                    market: Box::new(market),
                    end: None,
                })
            }
            Self::Recorded { perp, bound } => {
                let frames = frames.ok_or(PaperError::NoFrames)?;
                let [number] = asset_numbers([perp.coin.as_str()])[..] else {
                    unreachable!("one number a perp");
                };
                let tape = Tape::read(perp.instrument(number)?, frames, Feed::Recorded)?;
                let shift = Dur(start.0 - tape.start().0);
                let end = tape.end().plus(shift);
                let market = RecordedMarket::new(Arc::new(tape), *bound, shift);
                Ok(OpenMarket {
                    market: Box::new(market),
                    end: Some(end),
                })
            }
            Self::Mirror { coin, meta, bound } => {
                let [number] = asset_numbers([coin.as_str()])[..] else {
                    unreachable!("one number a perp");
                };
                let perp = decode_meta(meta.as_bytes(), coin, number)?;
                Ok(OpenMarket {
                    market: Box::new(RecordedMarket::mirror(perp, *bound)),
                    end: None,
                })
            }
        }
    }
}
