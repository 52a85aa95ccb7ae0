//! Books, best prices and trades in the venue's JSON.

use core::fmt;
use std::borrow::Cow;

use mm_core::instrument::Instrument;
use mm_core::units::{Px, Side};
use mm_hl::address::Address;
use mm_hl::sign::keccak256;
use serde::{Serialize, Serializer};

use super::number::Num;
use crate::exchange::Trade;
use crate::market::{Depth, DepthLevel, Touch};

/// Levels a side of a book snapshot.
pub(crate) const LEVELS: usize = 20;
/// Levels a side of a `fast` book snapshot.
pub(crate) const FAST_LEVELS: usize = 5;
/// Levels read to fill an aggregated book.
pub(crate) const DEEP_LEVELS: usize = 5_000;
/// Address of whoever a recording does not name.
const NOBODY: Address = Address([0; 20]);

/// How levels are merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Aggregation {
    sig_figs: u32,
    mantissa: i64,
}

impl Aggregation {
    /// The aggregation asked for: `Ok(None)` for the raw book.
    ///
    /// # Errors
    /// Figures outside 2..=5, a mantissa other than 2 or 5, or one without five figures.
    pub(crate) fn new(sig_figs: Option<u32>, mantissa: Option<u32>) -> Result<Option<Self>, ()> {
        match (sig_figs, mantissa) {
            (None, None) => Ok(None),
            (Some(sig_figs @ 2..=5), None) => Ok(Some(Self {
                sig_figs,
                mantissa: 1,
            })),
            (Some(5), Some(mantissa @ (2 | 5))) => Ok(Some(Self {
                sig_figs: 5,
                mantissa: i64::from(mantissa),
            })),
            _ => Err(()),
        }
    }

    /// Bids rounded down, asks up.
    fn round(self, side: Side, px: Px) -> Px {
        let digits = px.0.checked_ilog10().map_or(0, |log| log + 1);
        let step = 10_i64.pow(digits.saturating_sub(self.sig_figs)) * self.mantissa;
        match side {
            Side::Bid => Px(px.0.div_euclid(step) * step),
            Side::Ask => Px(-(-px.0).div_euclid(step) * step),
        }
    }

    fn merge(self, side: Side, levels: &[DepthLevel]) -> Vec<DepthLevel> {
        let mut merged: Vec<DepthLevel> = Vec::new();
        for level in levels {
            let px = self.round(side, level.px);
            match merged.last_mut() {
                Some(last) if last.px == px => {
                    last.sz += level.sz;
                    last.n += level.n;
                }
                _ => merged.push(DepthLevel { px, ..*level }),
            }
        }
        merged
    }

    /// The merged book.
    pub(crate) fn apply(self, depth: &Depth) -> Depth {
        Depth {
            bids: self.merge(Side::Bid, &depth.bids),
            asks: self.merge(Side::Ask, &depth.asks),
        }
    }
}

/// One level.
#[derive(Debug, Serialize)]
pub(crate) struct LevelJson {
    px: Num,
    sz: Num,
    n: u32,
}

impl LevelJson {
    fn new(instrument: &Instrument, level: &DepthLevel) -> Self {
        Self {
            px: Num::px(instrument, level.px),
            sz: Num::sz(instrument, level.sz),
            n: level.n,
        }
    }
}

/// A book snapshot.
#[derive(Debug, Serialize)]
pub(crate) struct BookJson<'a> {
    coin: &'a str,
    time: i64,
    levels: [Vec<LevelJson>; 2],
    #[serde(skip_serializing_if = "Option::is_none")]
    fast: Option<bool>,
}

impl<'a> BookJson<'a> {
    /// The best `levels` levels of `depth`, stamped `ms`.
    pub(crate) fn new(instrument: &'a Instrument, ms: i64, depth: &Depth, levels: usize) -> Self {
        let side = |side: &[DepthLevel]| {
            side.iter()
                .take(levels)
                .map(|level| LevelJson::new(instrument, level))
                .collect()
        };
        Self {
            coin: instrument.coin(),
            time: ms,
            levels: [side(&depth.bids), side(&depth.asks)],
            fast: (levels == FAST_LEVELS).then_some(true),
        }
    }
}

/// Best bid and offer.
#[derive(Debug, Serialize)]
pub(crate) struct BboJson<'a> {
    coin: &'a str,
    time: i64,
    bbo: [Option<LevelJson>; 2],
}

impl<'a> BboJson<'a> {
    /// The best levels, stamped `ms`.
    pub(crate) fn new(instrument: &'a Instrument, ms: i64, touch: &Touch) -> Self {
        let level = |level: &Option<DepthLevel>| {
            level
                .as_ref()
                .map(|level| LevelJson::new(instrument, level))
        };
        Self {
            coin: instrument.coin(),
            time: ms,
            bbo: [level(&touch.bid), level(&touch.ask)],
        }
    }
}

/// Hash of the transaction that made a trade: one for all trades of one taker's action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TxHash(pub(crate) u64);

impl Serialize for TxHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let hash = keccak256(&[b"paper", &self.0.to_be_bytes()]);
        serializer.collect_str(&format_args!("0x{}", Hex(&hash)))
    }
}

/// Bytes as lower-case hex.
struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A public trade.
#[derive(Debug, Serialize)]
pub(crate) struct TradeJson<'a> {
    coin: &'a str,
    side: &'static str,
    px: Num,
    sz: Num,
    time: i64,
    hash: TxHash,
    tid: u64,
    users: [Address; 2],
}

impl<'a> TradeJson<'a> {
    /// The JSON of `trade`.
    pub(crate) fn new(instrument: &'a Instrument, trade: &Trade) -> Self {
        Self {
            coin: instrument.coin(),
            side: side_letter(trade.side),
            px: Num::px(instrument, trade.px),
            sz: Num::sz(instrument, trade.sz),
            time: trade.time.as_millis(),
            hash: TxHash(trade.tx),
            tid: trade.tid,
            users: trade.users.unwrap_or([NOBODY; 2]),
        }
    }
}

/// The venue's letter for a side.
pub(crate) const fn side_letter(side: Side) -> &'static str {
    match side {
        Side::Bid => "B",
        Side::Ask => "A",
    }
}

/// A frame: a channel and its data.
#[derive(Debug, Serialize)]
pub(crate) struct Frame<'a, T: Serialize> {
    pub(crate) channel: Cow<'a, str>,
    pub(crate) data: T,
}

/// Bytes of a frame.
pub(crate) fn frame<T: Serialize>(channel: &str, data: T) -> Vec<u8> {
    json(&Frame {
        channel: Cow::Borrowed(channel),
        data,
    })
}

/// Bytes of a JSON value.
///
/// # Panics
/// When a type of this module serialises to something that is not JSON: a bug.
pub(crate) fn json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("Invariant: our own types serialise to JSON")
}

#[cfg(test)]
mod tests {
    use super::*;
    use mm_core::units::Sz;

    fn level(px: i64, sz: i64) -> DepthLevel {
        DepthLevel {
            px: Px(px),
            sz: Sz(sz),
            n: 1,
        }
    }

    #[test]
    fn aggregation_rounds_away_from_the_mid() {
        let three = Aggregation::new(Some(3), None).unwrap().unwrap();
        let depth = Depth {
            bids: vec![level(841_430, 1), level(841_420, 2), level(840_990, 3)],
            asks: vec![level(841_440, 1), level(842_000, 2), level(842_010, 4)],
        };
        let merged = three.apply(&depth);
        assert_eq!(
            merged
                .bids
                .iter()
                .map(|l| (l.px.0, l.sz.0))
                .collect::<Vec<_>>(),
            [(841_000, 3), (840_000, 3)]
        );
        assert_eq!(
            merged
                .asks
                .iter()
                .map(|l| (l.px.0, l.sz.0))
                .collect::<Vec<_>>(),
            [(842_000, 3), (843_000, 4)]
        );
        let two = Aggregation::new(Some(5), Some(2)).unwrap().unwrap();
        assert_eq!(two.round(Side::Bid, Px(841_430)), Px(841_420));
        assert_eq!(two.round(Side::Ask, Px(841_430)), Px(841_440));
    }

    #[test]
    fn illegal_aggregations_are_refused() {
        for (figs, mantissa) in [
            (Some(1), None),
            (Some(6), None),
            (None, Some(2)),
            (Some(4), Some(2)),
            (Some(5), Some(1)),
        ] {
            assert!(
                Aggregation::new(figs, mantissa).is_err(),
                "{figs:?} {mantissa:?}"
            );
        }
        assert_eq!(Aggregation::new(None, None), Ok(None));
    }

    #[test]
    fn hashes_are_distinct() {
        let text = |tx| serde_json::to_string(&TxHash(tx)).unwrap();
        assert_eq!(text(7).len(), 68);
        assert_ne!(text(7), text(8));
    }
}
