//! What a backtest came to. Money and sizes are decimal strings when serialised.

use mm_core::account::Pnl;
use mm_core::control::KillReason;
use mm_core::engine::{Counts, EdgeShown, Engine};
use mm_core::estimators::markout::{BySideAndDepth, Markout};
use mm_core::instrument::Instrument;
use mm_core::limits::Limits;
use mm_core::units::{Side, Sz, Usd, format_decimal};
use serde::Serialize;

use super::Evidence;
use super::course::Course;
use super::venue::Venue;
use crate::frames::Tape;
use crate::recorded::QueueBound;

/// The reported pass, the three bounds side by side, and what the audit needs.
#[derive(Clone, Debug)]
pub struct Backtest {
    /// The reported pass.
    pub top: Outcome,
    /// All passes, the reported one first.
    pub bounds: Vec<Bound>,
    /// Of the reported pass.
    pub evidence: Evidence,
    /// Time of each engine step of the reported pass, ns, by the caller's clock.
    pub step_ns: Vec<u64>,
}

/// Takers of the recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TakersShown {
    /// Taker orders.
    pub count: u64,
    /// Their notional.
    pub volume_usd: String,
}

/// Orders by what became of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OrdersShown {
    /// Accepted.
    pub placed: u64,
    /// Amends accepted.
    pub modified: u64,
    /// Cancels accepted.
    pub cancelled: u64,
    /// Items refused.
    pub rejected: u64,
}

/// Position in coin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PositionShown {
    /// At the start.
    pub start: String,
    /// At the end.
    pub end: String,
    /// Largest, as a magnitude.
    pub max_abs: String,
}

/// The limit in force at the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LimitShown {
    /// Largest long position, coin; `None` before the first derivation.
    pub long: Option<String>,
    /// Largest short position, coin.
    pub short: Option<String>,
    /// Largest value, USDC.
    pub value_usd: Option<String>,
    /// Where it comes from.
    pub source: Option<&'static str>,
    /// The term that binds; both sides' where they differ.
    pub binding: Option<String>,
    /// Ready cycles whose limit was valid.
    pub valid_cycles: u64,
}

/// Profit and loss in USDC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PnlShown {
    /// Change of the account value that the exchange reports.
    pub total: String,
    /// Fills against the mid before them.
    pub spread_capture: String,
    /// Positions carried through moves of the mid.
    pub inventory: String,
    /// Received. The recording holds no funding.
    pub funding: String,
    /// Paid.
    pub fees: String,
    /// `total` less `spread_capture + inventory + funding - fees`.
    pub residual: String,
}

/// One pass, short.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bound {
    /// Which.
    #[serde(skip)]
    pub queue_bound: QueueBound,
    /// Profit and loss.
    pub pnl_usd: PnlShown,
    /// Fills of our bids.
    pub fills_buy: u64,
    /// Fills of our asks.
    pub fills_sell: u64,
    /// Notional of our fills.
    pub volume_usd: String,
    /// Orders.
    pub orders: OrdersShown,
    /// Markouts of our fills, in exchange time.
    pub markouts: Vec<Markout>,
    /// Position in coin.
    pub position: PositionShown,
    /// What latched the kill switch in this pass, if anything did: nothing was quoted after it.
    pub kill: Option<KillReason>,
    /// Hash over the engine's actions.
    pub decision_hash: String,
    /// How it went.
    #[serde(skip)]
    pub course: Course,
    /// Events stepped.
    #[serde(skip)]
    pub events: u64,
}

/// One pass.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// The perp.
    pub coin: String,
    /// Exchange seconds.
    pub duration_s: f64,
    /// Quote cycles.
    pub quote_cycles: u64,
    /// Of them in full quoting.
    pub ready_cycles: u64,
    /// Of the ready ones with an order on both sides.
    pub two_sided_cycles: u64,
    /// Takers of the recording.
    pub market_takers: TakersShown,
    /// Our volume as a share of theirs, to six decimals; `None` when they traded nothing.
    pub our_share: Option<String>,
    /// Orders.
    pub orders: OrdersShown,
    /// Fills of our bids.
    pub fills_buy: u64,
    /// Fills of our asks.
    pub fills_sell: u64,
    /// Notional of our fills.
    pub volume_usd: String,
    /// Requests of the address budget used.
    pub requests: i64,
    /// Position in coin.
    pub position: PositionShown,
    /// The limit.
    pub limit: LimitShown,
    /// Orders still resting in the exchange after the stop.
    pub open_orders_after_stop: usize,
    /// Profit and loss.
    pub pnl_usd: PnlShown,
    /// Markouts of our fills, in exchange time.
    pub markouts: Vec<Markout>,
    /// The same by side and by distance; by regime as the engine saw them, who alone knows it.
    pub markouts_split: BySideAndDepth,
    /// What a fill of our `[bids, asks]` leaves at each distance, and how long they stood back for it.
    pub edge: [EdgeShown; 2],
    /// The bound.
    pub queue_bound: QueueBound,
    /// What latched the kill switch, if anything did: nothing was quoted after it.
    pub kill: Option<KillReason>,
    /// Hash over the engine's actions.
    pub decision_hash: String,
    /// How it went.
    #[serde(skip)]
    pub course: Course,
    /// Why it ended.
    pub exit_reason: &'static str,
    /// Events stepped.
    pub events: u64,
}

impl Outcome {
    /// Reads everything off when a pass has ended.
    pub(super) fn new(
        engine: &Engine,
        venue: &Venue,
        tape: &Tape,
        queue_bound: QueueBound,
        events: u64,
        decision_hash: String,
        course: Course,
    ) -> Self {
        let shown = engine.snapshot();
        let counts = shown.counts;
        let coin = tape.instrument();
        let (takers, traded) = (tape.takers(), venue.traded());
        let share = traded.volume.as_f64() / takers.volume.as_f64();
        Self {
            coin: coin.coin().to_owned(),
            duration_s: venue.now().since(tape.start()).as_secs(),
            quote_cycles: counts.quote_cycles,
            ready_cycles: counts.ready_cycles,
            two_sided_cycles: counts.two_sided_cycles,
            market_takers: TakersShown {
                count: takers.count,
                volume_usd: usd(takers.volume),
            },
            our_share: share.is_finite().then(|| format!("{share:.6}")),
            orders: OrdersShown {
                placed: counts.placed,
                modified: counts.modified,
                cancelled: counts.cancelled,
                rejected: counts.rejected,
            },
            fills_buy: traded.fills[0],
            fills_sell: traded.fills[1],
            volume_usd: usd(traded.volume),
            requests: venue.budget().used,
            position: PositionShown {
                start: coin.format_sz(Sz::ZERO),
                end: coin.format_sz(venue.account().position),
                max_abs: coin.format_sz(traded.max_abs),
            },
            limit: limit(engine, coin, &counts),
            open_orders_after_stop: venue.open_orders(),
            pnl_usd: pnl(&venue.pnl()),
            markouts: venue.markouts().table().to_vec(),
            markouts_split: BySideAndDepth {
                regimes: shown.markouts_split.regimes,
                ..venue.markouts().by_side_and_depth()
            },
            edge: shown.models.edge,
            queue_bound,
            kill: shown.kill.map(|kill| kill.reason),
            decision_hash,
            course,
            exit_reason: "market_end",
            events,
        }
    }

    /// The short form.
    #[must_use]
    pub fn bound(&self) -> Bound {
        Bound {
            queue_bound: self.queue_bound,
            pnl_usd: self.pnl_usd.clone(),
            fills_buy: self.fills_buy,
            fills_sell: self.fills_sell,
            volume_usd: self.volume_usd.clone(),
            orders: self.orders.clone(),
            markouts: self.markouts.clone(),
            position: self.position.clone(),
            kill: self.kill,
            decision_hash: self.decision_hash.clone(),
            course: self.course.clone(),
            events: self.events,
        }
    }
}

fn limit(engine: &Engine, coin: &Instrument, counts: &Counts) -> LimitShown {
    let limits = engine.limits();
    LimitShown {
        long: limits.map(|limits| coin.format_sz(limits.long())),
        short: limits.map(|limits| coin.format_sz(limits.short())),
        value_usd: limits.and_then(Limits::max_position_value).map(usd),
        source: limits.map(|limits| limits.source().as_str()),
        binding: limits.map(binding),
        valid_cycles: counts.valid_cycles,
    }
}

fn binding(limits: &Limits) -> String {
    let [long, short] = Side::BOTH.map(|side| limits.binding_of(side).as_str());
    if long == short {
        long.to_owned()
    } else {
        format!("long {long}, short {short}")
    }
}

fn pnl(pnl: &Pnl) -> PnlShown {
    PnlShown {
        total: usd(pnl.total),
        spread_capture: usd(pnl.spread_capture),
        inventory: usd(pnl.inventory),
        funding: usd(pnl.funding),
        fees: usd(pnl.fees),
        residual: usd(pnl.residual),
    }
}

fn usd(amount: Usd) -> String {
    format_decimal(amount.0, 6)
}
