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
//! * An excess over a limit that fell has to be cancelled in the step that lowered the limit. It is covered
//!   while a cancel of it is on its way, and until the client learns, or gives up learning, that it
//!   failed, or that the order had filled before: sooner it cannot know better. Then, and only for the order whose cancel failed, the
//!   pause of a second before it is sent again is all it has: `RETRY`.
//! * An amend of an order that is over counts nothing: the venue modifies only what rests, and an oid
//!   never comes back.
//! * The limit is the engine's own: `mm.audit` recomputes it from the journal of a run.

use std::collections::{BTreeMap, BTreeSet};

use mm_core::action::Cloid;
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
    /// Whether its end is under way: a cancel sent and not known to have failed, or one that failed a
    /// moment ago.
    pub(super) ending: bool,
}

/// Longest time by which trades of our hands must be known: two checks of the reconciler, 10 s apart,
/// and a query with its answer.
const HANDS_KNOWN: Dur = Dur(25 * SECOND);
/// Longest gap in what covers an order whose cancel failed: the pause before a failed cancel is sent again, and a step.
const RETRY: Dur = Dur(SECOND + SECOND / 10);

/// What the judge remembers.
#[derive(Clone, Debug, Default)]
pub(super) struct Judge {
    /// Trades of hands that the engine has not heard of: tid, when, signed lots.
    unheard: BTreeMap<u64, (Time, i64)>,
    /// Fills of our own orders that the engine has not heard of: of which, signed lots.
    own_unheard: BTreeMap<u64, (Cloid, i64)>,
    /// Sides of which an uncovered excess was counted and goes on.
    uncovered: [bool; 2],
    /// Sides whose worst case is beyond the limit of their last increase.
    beyond: [bool; 2],
    /// Orders of which a cancel is on its way.
    under_way: BTreeSet<Cloid>,
    /// When a cancel of an order was last known to have done nothing.
    failed: BTreeMap<Cloid, Time>,
    /// All that hands traded, signed lots.
    hands: i64,
    /// Of each side, the last time that something was sent which made its worst case larger.
    increased: [Option<Increase>; 2],
    bounds: Option<[i64; 2]>,
}

/// The last increase of a side.
#[derive(Clone, Copy, Debug)]
struct Increase {
    /// Limit in force then, lots.
    bound: i64,
    /// All that hands had traded then and that could be known, signed lots.
    hands: i64,
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
        self.hands += lots;
        self.unheard.insert(tid, (now, lots));
    }

    /// An order of ours was filled.
    pub(super) fn own_fill(&mut self, tid: u64, cloid: Cloid, lots: i64) {
        self.own_unheard.insert(tid, (cloid, lots));
    }

    /// The engine was told of a trade.
    pub(super) fn heard(&mut self, tid: u64) {
        self.unheard.remove(&tid);
        self.own_unheard.remove(&tid);
    }

    /// A new session starts from the exchange's word.
    pub(super) fn restarted(&mut self) {
        self.unheard.clear();
        self.own_unheard.clear();
        self.uncovered = [false; 2];
    }

    /// The position as far as the engine could know of hands.
    pub(super) fn knowable(&mut self, moment: &Moment<'_>) -> i64 {
        self.unheard
            .retain(|_, (when, _)| moment.now.since(*when) <= HANDS_KNOWN);
        moment.position - self.unheard.values().map(|(_, lots)| lots).sum::<i64>()
    }

    /// Signed lots of orders of ours that filled before their cancels arrived, which nobody has heard.
    fn filled_on_its_way_out(&self) -> i64 {
        let ending = self
            .own_unheard
            .values()
            .filter(|(cloid, _)| self.is_ending(*cloid));
        ending.map(|(_, lots)| lots).sum()
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
            let before = worst(position, moment.could.iter().copied(), side);
            let all = moment.could.iter().chain(fresh).copied();
            if worst(position, all, side) > before {
                let unheard = moment.position - position;
                self.increased[side] = Some(Increase {
                    bound: moment.bounds[side].max(0),
                    hands: self.hands - unheard,
                });
            }
        }
        self.measure(moment, fresh, outcome);
    }

    /// The worst case that our own orders can make, beyond the limit in force when it last grew by what
    /// was sent: a figure, and a breach of its own. What hands traded since is not ours: neither what they
    /// added, nor what we reduce of it.
    fn measure(&mut self, moment: &Moment<'_>, fresh: &[Could], outcome: &mut Outcome) {
        for side in [0, 1] {
            let Some(last) = self.increased[side] else {
                continue;
            };
            let own = moment.position - (self.hands - last.hands);
            let all = || moment.could.iter().chain(fresh).copied();
            let worst = worst(own, all(), side).min(worst(moment.position, all(), side));
            let over = worst - last.bound;
            let over_usd = Sz(over).as_f64() * moment.lot_usd;
            outcome.worst_over_limit_usd = outcome.worst_over_limit_usd.max(over_usd);
            let was = core::mem::replace(&mut self.beyond[side], over > 0);
            if over > 0 && !was {
                let bound = last.bound;
                let words = format!(
                    "beyond: {over} lots over the limit {bound} of the last increase of side {side}"
                );
                outcome.breach(moment.now, &words);
            }
        }
    }

    /// Takes note of which cancels are on their way, and which were over when.
    pub(super) fn cancels(
        &mut self,
        under_way: BTreeSet<Cloid>,
        over: Vec<(Cloid, Time)>,
        now: Time,
    ) {
        self.under_way = under_way;
        for (cloid, at) in over {
            // An older cancel that may still arrive was given up before this.
            let last = self.failed.entry(cloid).or_insert(at);
            *last = (*last).max(at);
        }
        self.failed.retain(|_, at| now.since(*at) <= RETRY);
    }

    /// Whether a cancel of this order is on its way, or did nothing a moment ago.
    pub(super) fn is_ending(&self, cloid: Cloid) -> bool {
        self.under_way.contains(&cloid) || self.failed.contains_key(&cloid)
    }

    /// Judges what rests against the limit after a step.
    pub(super) fn stepped(&mut self, moment: &Moment<'_>, outcome: &mut Outcome) {
        if let Some(old) = self.bounds.replace(moment.bounds)
            && old != moment.bounds
        {
            outcome.limit_changes += 1;
        }
        let position = self.knowable(moment) - self.filled_on_its_way_out();
        for side in [0, 1] {
            let staying = moment.could.iter().filter(|order| !order.ending).copied();
            let known = staying.clone().chain(moment.hands.iter().copied());
            let over = worst(position, known, side) - moment.bounds[side].max(0);
            let own: i64 = staying
                .filter(|order| order.side == side && !order.reduce_only)
                .map(|order| order.lots)
                .sum();
            if over.min(own) <= 0 {
                self.uncovered[side] = false;
                continue;
            }
            if !core::mem::replace(&mut self.uncovered[side], true) {
                outcome.breach(
                    moment.now,
                    &format!(
                        "uncovered: {over} lots over the limit {} on side {side}, {own} of ours stay",
                        moment.bounds[side]
                    ),
                );
            }
        }
        self.measure(moment, &[], outcome);
    }
}
