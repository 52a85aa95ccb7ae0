//! The judge: the exchange's positions and orders and what was sent, against the limit in force.
//!
//! It knows orders, not ladders, and shares no code with the gate. A fill moves exposure from an order
//! into the position, so what the engine has not heard yet changes no worst case of its own orders.
//!
//! What it allows, and why:
//!
//! * Trades of hands count from when the engine heard of them, or could have: `HANDS_KNOWN`. Nothing
//!   tells of them sooner when the frame of the fill was lost.
//! * Orders of hands count from when a query showed them: no stream names them to a session. They count
//!   against whatever may increase or flip; what only reduces has to fit beside our own alone.
//! * An excess over a limit that fell is covered while a cancel of it is on its way, and until the
//!   client learns, or gives up learning, that it failed: before that it cannot know better. Then the
//!   pause of a second before a refused cancel is sent again is all it has: `RETRY`.
//! * An amend of an order that is over counts nothing: the venue modifies only what rests, and an oid
//!   never comes back.
//! * The limit is the engine's own: `mm.audit` recomputes it from the journal of a run.

use std::collections::BTreeMap;

use mm_core::units::{Dur, SECOND, Sz, Time};

use super::outcome::Outcome;

/// An order of ours that could fill, as the exchange or the wire has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Could {
    /// 0 buys, 1 sells.
    pub(super) side: usize,
    /// Lots.
    pub(super) lots: i64,
    pub(super) reduce_only: bool,
    /// Whether its end is under way: a cancel sent and not known to have failed.
    pub(super) ending: bool,
}

/// Longest time by which trades of our hands must be known: two checks of the reconciler, 10 s apart,
/// and a query with its answer.
const HANDS_KNOWN: Dur = Dur(25 * SECOND);
/// Longest gap in what covers an excess: the pause before a failed cancel is sent again, and a step.
const RETRY: Dur = Dur(SECOND + SECOND / 10);

/// What the judge remembers.
#[derive(Clone, Debug, Default)]
pub(super) struct Judge {
    /// Trades of hands that the engine has not heard of: tid, when, signed lots.
    unheard: BTreeMap<u64, (Time, i64)>,
    uncovered_since: [Option<Time>; 2],
    bounds: Option<[i64; 2]>,
}

/// What is judged: one moment.
#[derive(Clone, Debug)]
pub(super) struct Moment<'a> {
    pub(super) now: Time,
    /// The exchange's position.
    pub(super) position: i64,
    /// Everything of ours that could fill.
    pub(super) could: &'a [Could],
    /// What rests by other hands and was shown to the engine.
    pub(super) hands: &'a [Could],
    /// Limits of the engine's last cycle: long, short.
    pub(super) bounds: [i64; 2],
    /// USD of a lot.
    pub(super) lot_usd: f64,
}

/// Position if everything that adds to `side` fills, toward that side.
fn worst(position: i64, could: impl Iterator<Item = Could>, side: usize) -> i64 {
    let toward = if side == 0 { position } else { -position };
    let (mut free, mut reducing) = (0, 0);
    for order in could.filter(|order| order.side == side) {
        if order.reduce_only {
            reducing += order.lots;
        } else {
            free += order.lots;
        }
    }
    toward + free + reducing.min((-toward).max(0))
}

/// Judges `fresh` orders of one side beside ours and `beside`.
fn admitted(
    moment: &Moment<'_>,
    position: i64,
    side: usize,
    [beside, fresh]: [&[Could]; 2],
    outcome: &mut Outcome,
) {
    let known = || moment.could.iter().chain(beside).copied();
    let before = worst(position, known(), side);
    let after = worst(position, known().chain(fresh.iter().copied()), side);
    let bound = moment.bounds[side];
    if after > bound && after > before {
        let over = Sz(after - bound.max(0)).as_f64() * moment.lot_usd;
        outcome.worst_over_limit_usd = outcome.worst_over_limit_usd.max(over);
        let hands = beside.len();
        outcome.breach(
                moment.now,
                &format!("forbidden: worst case {before} -> {after} lots on side {side}, limit {bound}, position {position}, {hands} orders by hand"),
            );
    }
}

impl Judge {
    /// Hands traded.
    pub(super) fn hand_fill(&mut self, tid: u64, now: Time, lots: i64) {
        self.unheard.insert(tid, (now, lots));
    }

    /// The engine was told of a trade.
    pub(super) fn heard(&mut self, tid: u64) {
        self.unheard.remove(&tid);
    }

    /// A new session starts from the exchange's word.
    pub(super) fn restarted(&mut self) {
        self.unheard.clear();
        self.uncovered_since = [None; 2];
    }

    /// The position as far as the engine could know of hands.
    pub(super) fn knowable(&mut self, moment: &Moment<'_>) -> i64 {
        self.unheard
            .retain(|_, (when, _)| moment.now.since(*when) <= HANDS_KNOWN);
        moment.position - self.unheard.values().map(|(_, lots)| lots).sum::<i64>()
    }

    /// Judges orders about to be sent: `fresh` beside what `moment` holds.
    pub(super) fn sent(&mut self, moment: &Moment<'_>, fresh: &[Could], outcome: &mut Outcome) {
        let position = self.knowable(moment);
        for side in [0, 1] {
            let may_grow = |order: &&Could| order.side == side && !order.reduce_only;
            let growing: Vec<Could> = fresh.iter().filter(may_grow).copied().collect();
            let beside = if growing.is_empty() {
                &[]
            } else {
                moment.hands
            };
            // What may increase beside everything that is known; then all of it beside our own.
            admitted(moment, position, side, [beside, &growing], outcome);
            admitted(moment, position, side, [&[], fresh], outcome);
        }
    }

    /// Judges what rests against the limit after a step.
    pub(super) fn stepped(&mut self, moment: &Moment<'_>, outcome: &mut Outcome) {
        if let Some(old) = self.bounds.replace(moment.bounds)
            && old != moment.bounds
        {
            outcome.limit_changes += 1;
        }
        let position = self.knowable(moment);
        for side in [0, 1] {
            let staying = moment.could.iter().filter(|order| !order.ending).copied();
            let known = staying.clone().chain(moment.hands.iter().copied());
            let over = worst(position, known, side) - moment.bounds[side].max(0);
            let own: i64 = staying
                .filter(|order| order.side == side && !order.reduce_only)
                .map(|order| order.lots)
                .sum();
            if over.min(own) <= 0 {
                self.uncovered_since[side] = None;
                continue;
            }
            let since = *self.uncovered_since[side].get_or_insert(moment.now);
            if moment.now.since(since) > RETRY {
                outcome.breach(
                    moment.now,
                    &format!(
                        "uncovered: {over} lots over the limit {} on side {side} since {:.1} s, no cancel under way",
                        moment.bounds[side],
                        moment.now.since(since).as_secs()
                    ),
                );
                self.uncovered_since[side] = None;
            }
        }
    }
}
