//! The mode of a session: what it may quote, and why no more than that.
//!
//! ```text
//! Normal <-> Widen <-> ReduceOnly <-> Flatten <-> Halted      any to any stricter one, at once
//! ```
//! Every cycle the guards state their demands; the strictest one is the mode. A demand that is gone
//! is obeyed no longer, except that WIDEN stays for its dwell after it was last asked for. So the
//! machine has an exit from every mode by the demand's end and time alone; what must not end by
//! itself (a kill, a stop) is a demand that does not end.

use serde::{Deserialize, Serialize};

use crate::units::{Dur, Time};

/// How much may be quoted, from everything to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Both sides.
    Normal,
    /// Both sides, the increasing one at a premium.
    Widen,
    /// The reducing side alone.
    ReduceOnly,
    /// The position is closed by immediate, reduce-only orders; nothing rests, except a reducing quote
    /// at the touch while the venue or the book takes no such order.
    Flatten,
    /// Nothing rests.
    Halted,
}

impl Mode {
    /// All, from the mildest to the strictest.
    pub const ALL: [Self; 5] = [
        Self::Normal,
        Self::Widen,
        Self::ReduceOnly,
        Self::Flatten,
        Self::Halted,
    ];

    /// The name that logs, metrics and JSON show.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Widen => "widen",
            Self::ReduceOnly => "reduce_only",
            Self::Flatten => "flatten",
            Self::Halted => "halted",
        }
    }
}

/// Why the mode is not `Normal`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModeReason {
    /// The kill switch has latched.
    Killed,
    /// The session stops.
    Stopping,
    /// The exchange has not been synchronised.
    NotAnchored,
    /// No fresh two-sided book for long enough.
    WaitingForBook,
    /// Volatility is not known yet and its deadline has not passed.
    WaitingForSigma,
    /// A stream is down.
    StreamDown,
    /// Market data past its deadline.
    MarketStale,
    /// A fill did not continue from our position.
    PositionUnexplained,
    /// Recovery has spent its rounds.
    RecoveryExhausted,
    /// The position is worth more than V.
    OverValueLimit,
    /// The position is larger than Q of its side.
    OverPositionLimit,
    /// Not enough margin.
    Margin,
    /// Liquidation is too near.
    LiquidationDistance,
    /// Many fills of one side within a moment.
    FillBurst,
    /// The mid jumped, or takers came from one side: those who trade may know more than we do.
    Toxic,
    /// Our fees are not known.
    FeesUnknown,
    /// The exchange's allowance is not known.
    HeadRoomUnknown,
    /// The limit is 0 on both sides: no equity, or a term that allows nothing.
    NoLimit,
    /// The mid jumped further than volatility explains.
    PriceJump,
    /// An input is past its first deadline.
    InputsDegraded,
}

impl ModeReason {
    /// The name that logs, metrics and JSON show.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Killed => "killed",
            Self::Stopping => "stopping",
            Self::NotAnchored => "not_anchored",
            Self::StreamDown => "stream_down",
            Self::MarketStale => "market_stale",
            Self::PositionUnexplained => "position_unexplained",
            Self::OverValueLimit => "over_value_limit",
            Self::OverPositionLimit => "over_position_limit",
            Self::Margin => "margin",
            Self::LiquidationDistance => "liquidation_distance",
            Self::RecoveryExhausted => "recovery_exhausted",
            Self::FillBurst => "fill_burst",
            Self::Toxic => "toxic",
            Self::FeesUnknown => "fees_unknown",
            Self::HeadRoomUnknown => "head_room_unknown",
            Self::NoLimit => "no_limit",
            Self::WaitingForBook => "waiting_for_book",
            Self::WaitingForSigma => "waiting_for_sigma",
            Self::PriceJump => "price_jump",
            Self::InputsDegraded => "inputs_degraded",
        }
    }
}

/// What one guard asks for. Demands of one mode are ranked by their reasons, in the order above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// At least this strict.
    pub mode: Mode,
    /// Why.
    pub reason: ModeReason,
}

impl Demand {
    /// A demand.
    #[must_use]
    pub const fn new(mode: Mode, reason: ModeReason) -> Self {
        Self { mode, reason }
    }

    /// The strictest; of equally strict ones the one whose reason ranks first.
    fn strictest(demands: impl IntoIterator<Item = Self>) -> Option<Self> {
        demands
            .into_iter()
            .filter(|demand| demand.mode != Mode::Normal)
            .max_by_key(|demand| (demand.mode, core::cmp::Reverse(demand.reason)))
    }
}

/// A change of mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Before.
    pub from: Mode,
    /// Now.
    pub to: Mode,
}

/// The state machine of the modes. The only one that decides not to quote.
#[derive(Clone, Copy, Debug)]
pub struct Modes {
    widen_dwell: Dur,
    standing: Option<Demand>,
    since: Time,
    /// The last demand to widen, and when.
    widened: Option<(Demand, Time)>,
    spent: [Dur; 5],
    last: Time,
}

impl Modes {
    /// Before anything is known: halted.
    #[must_use]
    pub fn new(widen_dwell_s: f64) -> Self {
        Self {
            widen_dwell: Dur::from_secs(widen_dwell_s),
            standing: Some(Demand::new(Mode::Halted, ModeReason::NotAnchored)),
            since: Time::ZERO,
            widened: None,
            spent: [Dur::ZERO; 5],
            last: Time::ZERO,
        }
    }

    /// Takes the demands of a cycle. Returns the change of mode, if it changed.
    pub fn update(&mut self, now: Time, demands: &[Demand]) -> Option<Change> {
        let from = self.mode();
        if self.last != Time::ZERO {
            self.spent[from as usize] += now.since(self.last);
        }
        self.last = now;
        let widening = demands.iter().copied().filter(|d| d.mode == Mode::Widen);
        if let Some(demand) = Demand::strictest(widening) {
            self.widened = Some((demand, now));
        }
        let lasting = self
            .widened
            .filter(|(_, at)| self.is_lasting(*at, now))
            .map(|(demand, _)| demand);
        if lasting.is_none() {
            self.widened = None;
        }
        self.standing = Demand::strictest(demands.iter().copied().chain(lasting));
        let to = self.mode();
        if to == from {
            return None;
        }
        self.since = now;
        Some(Change { from, to })
    }

    /// The mode.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.standing.map_or(Mode::Normal, |standing| standing.mode)
    }

    /// Why it is not `Normal`.
    #[must_use]
    pub fn reason(&self) -> Option<ModeReason> {
        self.standing.map(|standing| standing.reason)
    }

    /// Since when.
    #[must_use]
    pub const fn since(&self) -> Time {
        self.since
    }

    /// Whether quotes are, or would be but for a stricter mode, at a premium.
    #[must_use]
    pub const fn is_wide(&self) -> bool {
        self.widened.is_some()
    }

    /// Time in each mode up to the last update.
    #[must_use]
    pub fn time_in_mode(&self) -> TimeInMode {
        let [normal, widen, reduce_only, flatten, halted] = self.spent.map(Dur::as_secs);
        TimeInMode {
            normal,
            widen,
            reduce_only,
            flatten,
            halted,
        }
    }

    fn is_lasting(&self, at: Time, now: Time) -> bool {
        now.since(at) < self.widen_dwell || now == at
    }
}

/// Seconds spent in each mode since the first event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[expect(missing_docs, reason = "one field a mode")]
pub struct TimeInMode {
    pub normal: f64,
    pub widen: f64,
    pub reduce_only: f64,
    pub flatten: f64,
    pub halted: f64,
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, VecDeque};

    use super::*;
    use crate::units::SECOND;

    const REASONS: [ModeReason; 4] = [
        ModeReason::Killed,
        ModeReason::OverValueLimit,
        ModeReason::FillBurst,
        ModeReason::PriceJump,
    ];

    fn at(second: i64) -> Time {
        Time(second * SECOND)
    }

    /// What a machine will do, whatever the clock reads: mode, reason, and what is left of a dwell.
    fn state(modes: &Modes, now: i64) -> (Mode, Option<ModeReason>, Option<(ModeReason, i64)>) {
        let lasting = modes
            .widened
            .map(|(demand, at)| (demand.reason, (at.0 / SECOND + 3 - now).max(0)));
        (modes.mode(), modes.reason(), lasting)
    }

    /// Every state that can be reached, with every set of demands and every wait: the strictest demand
    /// is obeyed at once, and every state is left by the end of its demands and time alone.
    #[test]
    fn every_state_is_explored() {
        let every: Vec<Demand> = Mode::ALL
            .iter()
            .flat_map(|mode| REASONS.map(|reason| Demand::new(*mode, reason)))
            .collect();
        let mut sets: Vec<Vec<Demand>> = vec![vec![]];
        for (i, first) in every.iter().enumerate() {
            sets.push(vec![*first]);
            sets.extend(every[i + 1..].iter().map(|second| vec![*first, *second]));
        }
        let mut start = Modes::new(3.0);
        start.update(at(1), &[Demand::new(Mode::Halted, ModeReason::NotAnchored)]);
        let (mut seen, mut queue) = (BTreeSet::new(), VecDeque::from([(start, 1)]));
        let mut entered = BTreeSet::new();
        while let Some((modes, now)) = queue.pop_front() {
            if !seen.insert(state(&modes, now)) {
                continue;
            }
            entered.insert(modes.mode());
            for demands in &sets {
                for wait in [0, 1, 2, 3, 4] {
                    let mut next = modes;
                    let was = modes.mode();
                    let change = next.update(at(now + wait), demands);
                    let asked = demands.iter().map(|d| d.mode).max().unwrap_or(Mode::Normal);
                    assert!(next.mode() >= asked, "a demand is obeyed at once");
                    assert!(next.mode() == asked || next.mode() == Mode::Widen);
                    assert_eq!(next.reason().is_none(), next.mode() == Mode::Normal);
                    assert_eq!(change.is_some(), was != next.mode());
                    if let Some(reason) = next.reason() {
                        let of = |d: &Demand| (d.mode, d.reason) == (next.mode(), reason);
                        assert!(demands.iter().any(of) || next.mode() == Mode::Widen);
                    }
                    queue.push_back((next, now + wait));
                }
            }
            let mut left = modes;
            left.update(at(now + 3), &[]);
            assert_eq!(left.mode(), Mode::Normal, "an exit from {modes:?}");
        }
        assert_eq!(entered.len(), Mode::ALL.len());
        assert!(seen.len() > 20, "{seen:?}");
    }

    #[test]
    fn widening_lasts_its_dwell_and_nothing_else_does() {
        let mut modes = Modes::new(30.0);
        modes.update(at(1), &[]);
        let jump = Demand::new(Mode::Widen, ModeReason::PriceJump);
        let over = Demand::new(Mode::ReduceOnly, ModeReason::OverValueLimit);
        modes.update(at(2), &[jump]);
        let change = modes.update(at(3), &[over, jump]);
        let to = Mode::ReduceOnly;
        assert_eq!(
            change,
            Some(Change {
                from: Mode::Widen,
                to
            })
        );
        modes.update(at(4), &[]);
        assert_eq!(
            (modes.mode(), modes.reason()),
            (Mode::Widen, Some(ModeReason::PriceJump))
        );
        modes.update(at(32), &[]);
        assert_eq!(modes.mode(), Mode::Widen);
        modes.update(at(33), &[]);
        assert_eq!((modes.mode(), modes.since()), (Mode::Normal, at(33)));
        let spent = modes.time_in_mode();
        let seconds = [spent.normal, spent.widen, spent.reduce_only, spent.halted];
        assert!(
            seconds
                .iter()
                .zip([1.0, 30.0, 1.0, 0.0])
                .all(|(s, wanted)| (s - wanted).abs() < 1e-9)
        );
    }
}
