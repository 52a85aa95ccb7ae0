//! Reduce-only: when it holds, which side it clears, and what it leaves of a plan.
//!
//! Entered above the limit, left at or below a share of it. The argument is about increasing and
//! reducing; which of bid and ask that is follows from the position alone.

use serde::{Deserialize, Serialize};

use crate::instrument::{Instrument, MIN_NOTIONAL};
use crate::limits::{Decimal, Limits, Value};
use crate::units::{Px, Side, Sz, Usd};

/// An order that we want to rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// Side.
    pub side: Side,
    /// Limit price, legal.
    pub px: Px,
    /// Size, positive.
    pub sz: Sz,
    /// Whether the venue must refuse to let it increase the position.
    pub reduce_only: bool,
}

/// Which sides may be quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuoteMode {
    /// Both.
    TwoSided,
    /// Reduce-only while long.
    NoBids,
    /// Reduce-only while short.
    NoAsks,
    /// Reduce-only while flat: nothing can be reduced.
    NoQuotes,
}

impl QuoteMode {
    /// Reduce-only with this position.
    #[must_use]
    pub const fn reducing(position: Sz) -> Self {
        match position.0.signum() {
            1 => Self::NoBids,
            -1 => Self::NoAsks,
            _ => Self::NoQuotes,
        }
    }

    /// The name that logs, metrics and JSON show.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TwoSided => "two_sided",
            Self::NoBids => "no_bids",
            Self::NoAsks => "no_asks",
            Self::NoQuotes => "no_quotes",
        }
    }

    /// Whether orders on `side` are permitted.
    #[must_use]
    pub const fn permits(self, side: Side) -> bool {
        match self {
            Self::TwoSided => true,
            Self::NoBids => matches!(side, Side::Ask),
            Self::NoAsks => matches!(side, Side::Bid),
            Self::NoQuotes => false,
        }
    }

    /// Whether only reducing is allowed.
    #[must_use]
    pub const fn is_reduce_only(self) -> bool {
        !matches!(self, Self::TwoSided)
    }
}

/// Why only reducing is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ReduceOnlyReason {
    /// The position is worth more than V.
    OverValueLimit,
    /// The position is larger than Q of its side.
    OverPositionLimit,
    /// Not enough margin.
    Margin,
    /// Liquidation is too near.
    LiquidationDistance,
    /// The control state asks for it.
    Control,
}

impl ReduceOnlyReason {
    /// The name that logs, metrics and JSON show.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OverValueLimit => "OverValueLimit",
            Self::OverPositionLimit => "OverPositionLimit",
            Self::Margin => "Margin",
            Self::LiquidationDistance => "LiquidationDistance",
            Self::Control => "Control",
        }
    }
}

/// The verdict on the position: what may be quoted and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReduceOnly {
    /// Which sides may be quoted.
    pub mode: QuoteMode,
    /// Why, when not both.
    pub reason: Option<ReduceOnlyReason>,
    /// Position as a share of its limit, basis points; `None` with a position and no limit.
    pub utilization_bps: Option<i64>,
}

/// Why an order was not passed as it was planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RefusalReason {
    /// It would increase a position worth more than V.
    OverValueLimit,
    /// It would increase a position larger than Q.
    OverPositionLimit,
    /// It would increase while margin is short.
    Margin,
    /// It would increase while liquidation is near.
    LiquidationDistance,
    /// It would increase while the control state allows reducing only.
    Control,
    /// Together with the orders before it, it would reduce more than there is.
    ReducingCap,
    /// The room of the side is spent.
    Room,
    /// The margin left for increasing orders of both sides is spent.
    MarginLeft,
    /// Below the smallest order, and no level could take it.
    MinNotional,
    /// Below the smallest order: its size went to the next level, inward where there is one.
    Merged,
    /// The level promises no fill or no capture: no size falls to it.
    NoCapture,
    /// The price is not on the instrument's grid.
    Px,
    /// With everything that could still fill, the worst case would leave the limit.
    WorstCase,
    /// It would match an own order that still rests on the other side.
    OwnCross,
    /// The exchange refused the last order on this side a moment ago.
    Backoff,
}

impl RefusalReason {
    /// The name that logs, metrics and JSON show.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OverValueLimit => "OverValueLimit",
            Self::OverPositionLimit => "OverPositionLimit",
            Self::Margin => "Margin",
            Self::LiquidationDistance => "LiquidationDistance",
            Self::Control => "Control",
            Self::ReducingCap => "ReducingCap",
            Self::Room => "Room",
            Self::MarginLeft => "MarginLeft",
            Self::MinNotional => "MinNotional",
            Self::Merged => "Merged",
            Self::NoCapture => "NoCapture",
            Self::Px => "Px",
            Self::WorstCase => "WorstCase",
            Self::OwnCross => "OwnCross",
            Self::Backoff => "Backoff",
        }
    }
}

impl From<ReduceOnlyReason> for RefusalReason {
    fn from(reason: ReduceOnlyReason) -> Self {
        match reason {
            ReduceOnlyReason::OverValueLimit => Self::OverValueLimit,
            ReduceOnlyReason::OverPositionLimit => Self::OverPositionLimit,
            ReduceOnlyReason::Margin => Self::Margin,
            ReduceOnlyReason::LiquidationDistance => Self::LiquidationDistance,
            ReduceOnlyReason::Control => Self::Control,
        }
    }
}

/// An order, or a part of one, that was not passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Side.
    pub side: Side,
    /// Price it was planned at.
    pub px: Px,
    /// Lots not passed.
    pub sz: Sz,
    /// Why.
    pub reason: RefusalReason,
    /// The limit of its side in force.
    pub limit: Sz,
}

/// What passed and what did not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filtered {
    /// Orders that may rest, bids first, each side from the inside out.
    pub quotes: Vec<Quote>,
    /// What was removed or shrunk.
    pub refusals: Vec<Refusal>,
}

/// One pair of quotes, where a strategy makes no ladder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SingleQuote {
    /// The bid.
    pub bid: Option<Quote>,
    /// The ask.
    pub ask: Option<Quote>,
}

impl SingleQuote {
    /// The plan as a pair; `None` when a side has several levels.
    #[must_use]
    pub fn of(quotes: &[Quote]) -> Option<Self> {
        let mut single = Self::default();
        for quote in quotes {
            let of_side = match quote.side {
                Side::Bid => &mut single.bid,
                Side::Ask => &mut single.ask,
            };
            if of_side.replace(*quote).is_some() {
                return None;
            }
        }
        Some(single)
    }
}

/// What the verdict depends on, besides the limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// Signed position.
    pub position: Sz,
    /// Mid, USDC, finite and positive; without one the value check waits, the position check does not.
    pub mid: Option<f64>,
    /// Whether reduce-only held before: then it ends only at or below the leave share.
    pub was_reduce_only: bool,
    /// A reason other than size.
    pub other: Option<ReduceOnlyReason>,
}

/// Judges the position against the limit.
///
/// Enters strictly above V or Q; once in, leaves at or below `leave_frac` (above 0, at most 1) of both.
/// The value is reported first. A flat position is over no limit.
#[must_use]
pub fn assess(
    limits: &Limits,
    standing: &Standing,
    leave_frac: f64,
    instrument: &Instrument,
) -> ReduceOnly {
    let bound = Bound {
        value: limits.max_position_value(),
        lots: limits.for_position(standing.position),
    };
    let reason = over(bound, standing, leave_frac, instrument).or(standing.other);
    let mode = match reason {
        None => QuoteMode::TwoSided,
        Some(_) => QuoteMode::reducing(standing.position),
    };
    ReduceOnly {
        mode,
        reason,
        utilization_bps: limits.utilization_bps(standing.position),
    }
}

/// V and Q of one side.
#[derive(Clone, Copy, Debug)]
struct Bound {
    value: Option<Usd>,
    lots: Sz,
}

fn over(
    bound: Bound,
    standing: &Standing,
    leave_frac: f64,
    instrument: &Instrument,
) -> Option<ReduceOnlyReason> {
    let held = standing.position.abs();
    if held == Sz::ZERO {
        return None;
    }
    let frac = if standing.was_reduce_only {
        leave_frac
    } else {
        1.0
    };
    let frac = Decimal::of(frac);
    // Integers on both sides: |q| > x holds for a real x exactly when it holds for floor(x).
    let above = |held: i64, limit: i64| {
        u128::from(held.unsigned_abs()) > frac.floor_times(u128::from(limit.max(0).unsigned_abs()))
    };
    if let (Some(value), Some(mid)) = (bound.value, standing.mid.filter(|mid| *mid > 0.0)) {
        let lots = held.0.unsigned_abs();
        let notional = Value::of_lots(lots, Decimal::of(mid), instrument.sz_decimals());
        if above(notional.floor_usd().0, value.0) {
            return Some(ReduceOnlyReason::OverValueLimit);
        }
    }
    above(held.0, bound.lots.0).then_some(ReduceOnlyReason::OverPositionLimit)
}

/// Passes a ladder through the verdict: the increasing side is cleared, the reducing side is capped
/// at the position and carries reduce-only on the wire. Two-sided, everything passes as it is.
///
/// Pure and total: quotes of no size vanish, a mode that does not fit the position passes nothing
/// that could increase it. Every quote removed or shrunk leaves a refusal.
#[must_use]
pub fn filter_ladder(
    quotes: &[Quote],
    verdict: &ReduceOnly,
    position: Sz,
    limits: &Limits,
) -> Filtered {
    let mut filtered = Filtered::default();
    filtered.quotes.reserve_exact(quotes.len());
    for side in Side::BOTH {
        let of_side = |quote: &&Quote| quote.side == side && quote.sz > Sz::ZERO;
        // Best first, whatever order they came in.
        let best_first = |quote: &Quote| -side.sign() * quote.px.0;
        if !verdict.mode.is_reduce_only() {
            let start = filtered.quotes.len();
            filtered.quotes.extend(quotes.iter().filter(of_side));
            filtered.quotes[start..].sort_by_key(best_first);
            continue;
        }
        let mut planned: Vec<Quote> = quotes.iter().filter(of_side).copied().collect();
        planned.sort_by_key(best_first);
        let limit = limits.of(side);
        if verdict.mode.permits(side) {
            let reducible = (-side.signed(position)).max(Sz::ZERO);
            cap_reducing(&planned, reducible, limit, &mut filtered);
        } else {
            let reason = verdict.reason.unwrap_or(ReduceOnlyReason::Control).into();
            filtered.refusals.extend(
                planned
                    .iter()
                    .map(|quote| refusal(quote, quote.sz, reason, limit)),
            );
        }
    }
    filtered
}

/// [`filter_ladder`] for one pair of quotes.
#[must_use]
pub fn filter_single(
    single: SingleQuote,
    verdict: &ReduceOnly,
    position: Sz,
    limits: &Limits,
) -> (SingleQuote, Vec<Refusal>) {
    let quotes: Vec<Quote> = single.bid.into_iter().chain(single.ask).collect();
    let filtered = filter_ladder(&quotes, verdict, position, limits);
    let find = |side: Side| {
        filtered
            .quotes
            .iter()
            .find(|quote| quote.side == side)
            .copied()
    };
    (
        SingleQuote {
            bid: find(Side::Bid),
            ask: find(Side::Ask),
        },
        filtered.refusals,
    )
}

/// Lets through at most `reducible` lots from the inside out. A rest below the venue's minimum joins
/// the order inside it; alone it passes when it closes the whole position, which the venue allows.
fn cap_reducing(planned: &[Quote], reducible: Sz, limit: Sz, filtered: &mut Filtered) {
    let mut left = reducible;
    let mut passed: Vec<Quote> = Vec::with_capacity(planned.len());
    for quote in planned {
        let sz = quote.sz.min(left);
        left -= sz;
        if sz < quote.sz {
            let reason = RefusalReason::ReducingCap;
            filtered
                .refusals
                .push(refusal(quote, quote.sz - sz, reason, limit));
        }
        if sz == Sz::ZERO {
            continue;
        }
        let piece = Quote {
            sz,
            reduce_only: true,
            ..*quote
        };
        if reaches(&piece, MIN_NOTIONAL) || sz == reducible {
            passed.push(piece);
        } else if let Some(inner) = passed.last_mut() {
            inner.sz += sz;
            filtered
                .refusals
                .push(refusal(quote, sz, RefusalReason::Merged, limit));
        } else {
            left += sz;
            filtered
                .refusals
                .push(refusal(quote, sz, RefusalReason::MinNotional, limit));
        }
    }
    filtered.quotes.append(&mut passed);
}

fn refusal(quote: &Quote, sz: Sz, reason: RefusalReason, limit: Sz) -> Refusal {
    Refusal {
        side: quote.side,
        px: quote.px,
        sz,
        reason,
        limit,
    }
}

/// Whether an order is worth at least `least`. Wide, so that an absurd cap cannot overflow it.
pub(crate) fn reaches(quote: &Quote, least: Usd) -> bool {
    i128::from(quote.px.0) * i128::from(quote.sz.0) >= i128::from(least.0)
}

#[cfg(test)]
mod tests;
