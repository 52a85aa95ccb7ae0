//! One quote cycle: what is wanted against what is out there, through the gate.

use super::economy::{SidePlan, only_reduces};
use super::priced::ToleranceShown;
use super::trace::{Pricing, Stands};
use super::turnover::Turnover;
use super::{Bug, CycleRecord, Engine};
use crate::action::{Action, ActionBody, Amend, Cancel, Cloid, NewOrder, Reason, Tif};
use crate::control::{Mode, Phase};
use crate::diff::{Change, Own, plan_orders, sort_outward};
use crate::excess::{Standing, to_cancel};
use crate::filter::{Quote, Refusal, RefusalReason};
use crate::gate::{Enforcement, Exposure, Gate};
use crate::limits::{LimitSource, Limits};
use crate::orders::{Order, State};
use crate::requests::ITEMS_MAX;
use crate::requests::choice::{Need, Why};
use crate::units::{Dur, SECOND, Side, Sz, Time};

/// The changes of one cycle, by kind: each kind is one request.
#[derive(Debug, Default)]
pub(super) struct Batch {
    amends: Vec<Amend>,
    places: Vec<NewOrder>,
    cancels: Vec<Cancel>,
}

impl Engine {
    pub(super) fn run_cycle(&mut self, actions: &mut Vec<Action>) {
        if self.own.ledger.is_none() {
            return;
        }
        self.cycle += 1;
        self.withheld.clear();
        self.pass_edge();
        let limits = self.derive();
        let verdict = self.govern(&limits);
        let unwind = self.recover_from(&limits, &verdict);
        let close = self.close();
        self.pricing = Pricing::at(self.fair_px());
        let wanted = if self.control.can_quote {
            let wanted = self.wanted(&limits, &verdict);
            let wanted = self.worked(wanted, unwind);
            self.planted(wanted, &limits)
        } else {
            Vec::new()
        };
        let enforcement = self
            .config
            .drill
            .map_or(Enforcement::Enforced, |drill| drill.gate);
        let mut gate = Gate::new(self.own.position(), &limits, self.exposure(), enforcement);
        let mut batch = Batch::default();
        self.sweep_orders(&verdict, &mut batch);
        let cuts = enforcement == Enforcement::Enforced && !self.cuts_late(&gate);
        if cuts {
            self.cut_excess(&gate, &mut batch);
        }
        let plans = Side::BOTH.map(|side| self.plan_side(side, &wanted, &limits));
        let waits = self.affordable(&plans, unwind.is_some() || close.is_some());
        let mut waits = waits.into_iter();
        for plan in plans {
            self.carry_out(plan, &mut waits, &limits, &mut gate, &mut batch);
        }
        // What only reduces goes out beside a hand's order that fills the room: what else is out is an
        // excess from then on.
        if cuts {
            self.cut_excess(&gate, &mut batch);
        }
        self.cancel_left_behind(&mut batch);
        let sent_before = actions.len();
        self.send_batch(&batch, actions);
        if let Some(unwind) = unwind {
            self.send_unwind(unwind, Reason::Recovery, &mut gate, actions);
        }
        if let Some(close) = close {
            self.send_unwind(close, Reason::Flatten, &mut gate, actions);
        }
        self.account_for_sides(&verdict);
        self.count_cycle(&limits);
        self.keep_limits(limits, actions.len() > sent_before);
    }

    /// Everything that could still fill.
    pub(super) fn exposure(&self) -> Exposure {
        let mut exposure = Exposure::default();
        for pending in self.orders.exposures() {
            let (side, sz, reduce_only) = (pending.side, pending.sz, pending.reduce_only);
            if pending.foreign {
                exposure.add_foreign(side, sz, reduce_only);
            } else {
                exposure.add(side, sz, reduce_only);
            }
        }
        exposure
    }

    /// What the plan cannot replace: orphans, dying orders, orders of unknown fate. Orders by hand take
    /// no room from a plan that `only_reduces`.
    pub(super) fn unreplaced(&self, only_reduces: bool) -> [Sz; 2] {
        let mut lots = [Sz::ZERO; 2];
        for pending in self.orders.exposures() {
            let in_the_way = pending.unreplaced && !(pending.foreign && only_reduces);
            if in_the_way && !pending.reduce_only {
                lots[pending.side.index()] += pending.sz;
            }
        }
        lots
    }

    /// Cancels what exceeds a limit that has fallen: in the step that lowered it.
    fn cut_excess(&mut self, gate: &Gate, batch: &mut Batch) {
        for side in Side::BOTH {
            for cloid in self.over_limit(side, gate.excess(side)) {
                self.cancel(cloid, Reason::OverLimit, batch);
            }
        }
    }

    /// Orders of a side to cancel for `excess` lots to go.
    fn over_limit(&self, side: Side, excess: Sz) -> Vec<Cloid> {
        let mut free: Vec<(&Cloid, &Order)> = self
            .orders
            .iter()
            .filter(|(_, o)| o.order.side == side && o.free() > Sz::ZERO)
            .collect();
        free.sort_by_key(|(cloid, o)| (side.sign() * o.target().0.0, **cloid));
        let standing = |order: &Order| match order {
            o if o.is_quote() && o.may_cancel(self.now) => Standing::Cancellable,
            o if o.is_dying() => Standing::Leaving,
            _ => Standing::Stuck,
        };
        let free = free
            .into_iter()
            .map(|(cloid, o)| (*cloid, o.free(), standing(o)));
        to_cancel(&free.collect::<Vec<_>>(), excess)
    }

    /// Whether the planted bug holds the cancels of an excess back: it does for a second.
    fn cuts_late(&mut self, gate: &Gate) -> bool {
        if !self.is_planted(Bug::Cut) {
            return false;
        }
        let exceeds = |side| !self.over_limit(side, gate.excess(side)).is_empty();
        let since = Side::BOTH
            .into_iter()
            .any(exceeds)
            .then(|| self.excess_since.unwrap_or(self.now));
        self.excess_since = since;
        since.is_some_and(|at| self.now.since(at) < Dur(SECOND))
    }

    /// What one side wants changed, and what each change is for.
    fn plan_side(&mut self, side: Side, wanted: &[Quote], limits: &Limits) -> SidePlan {
        let limit = limits.of(side);
        let wanted: Vec<Quote> = wanted
            .iter()
            .filter(|quote| quote.side == side)
            .copied()
            .collect();
        let wanted = self.reducing_part(side, wanted, limit);
        // Twice is harmless of what only reduces: the way out waits for no order of unknown fate.
        let reduces = only_reduces(&wanted);
        let mut own: Vec<Own> = self
            .orders
            .iter()
            .filter(|(_, order)| order.order.side == side && order.holds_level())
            .filter(|(_, order)| order.order.tif == Tif::Alo && !(reduces && order.is_lost()))
            .map(|(cloid, order)| own_of(*cloid, order, self.now, wanted.is_empty()))
            .collect();
        sort_outward(side, &mut own);
        let tolerance = self.tolerance_of(side);
        if self.is_planted(Bug::Refresh) {
            return self.refreshed(side, &wanted, &own);
        }
        self.pricing.tolerance[side.index()] = self
            .pricing
            .fair_px
            .map(|fair_px| ToleranceShown::of(&tolerance, fair_px));
        let plan = plan_orders(&wanted, &own, &tolerance);
        self.pricing.pair(&plan.pairs);
        self.judged(side, plan.changes, &wanted, &own, &tolerance)
    }

    /// Carries out what one side wants and does not have to wait.
    fn carry_out(
        &mut self,
        plan: SidePlan,
        waits: &mut impl Iterator<Item = Option<Why>>,
        limits: &Limits,
        gate: &mut Gate,
        batch: &mut Batch,
    ) {
        let limit = limits.of(plan.side);
        let mut room = self.room_to_reduce(&plan);
        // What may not be replaced stays where it may be the only way out: a query tells its fate.
        let alone = plan.only_reduces && !self.requests.admits_reducing(self.now);
        self.cancel_unknown(plan.side, alone, batch);
        if plan.is_unwanted && self.control.is_ending() {
            self.cancel_unanswered(plan.side, batch);
        }
        for (candidate, wait) in plan.candidates.into_iter().zip(waits) {
            match candidate.change {
                Change::Cancel(cloid) => {
                    let reason = self.why_gone();
                    self.cancel(cloid, reason, batch);
                }
                // What removes risk and may not be replaced is taken away, what only reduces is not.
                Change::Amend(cloid, quote) if wait.is_some() && candidate.need == Need::Free => {
                    let free = self.orders.get(cloid).map_or(Sz::ZERO, Order::free);
                    if quote.reduce_only && (free == Sz::ZERO || free <= room) {
                        room -= free;
                    } else {
                        self.cancel(cloid, Reason::Backoff, batch);
                    }
                }
                _ if wait.is_some() => {}
                Change::Place(quote) => self.place(quote, limit, gate, batch),
                Change::Amend(cloid, quote) => self.amend(cloid, quote, limit, gate, batch),
            }
        }
    }

    fn why_gone(&self) -> Reason {
        match self.control.modes.mode() {
            Mode::Flatten | Mode::Halted => Reason::Stop,
            _ if !self.control.can_quote => Reason::NotQuoting,
            _ => Reason::LevelGone,
        }
    }

    /// An order of unknown fate is cancelled by cloid: that ends it whether or not it was placed. One that
    /// only reduces is left `alone`.
    fn cancel_unknown(&mut self, side: Side, alone: bool, batch: &mut Batch) {
        let unknown: Vec<Cloid> = self
            .orders
            .iter()
            .filter(|(_, o)| o.order.side == side && o.is_lost())
            .filter(|(_, o)| !(alone && o.free() == Sz::ZERO))
            .filter(|(_, o)| !o.cancelling && o.may_cancel(self.now) && o.may_seek(self.now))
            .map(|(cloid, _)| *cloid)
            .collect();
        for cloid in unknown {
            self.cancel(cloid, Reason::Expired, batch);
        }
    }

    /// When trading ends nothing is waited for: what has left and is not answered is cancelled by cloid.
    /// It counts until its own answer, or the cancel's success, proves what became of it; a cancel that
    /// overtook it finds nothing and is sent again.
    fn cancel_unanswered(&mut self, side: Side, batch: &mut Batch) {
        let unanswered: Vec<Cloid> = self
            .orders
            .iter()
            .filter(|(_, o)| o.order.side == side && o.order.tif == Tif::Alo)
            .filter(|(_, o)| o.is_quote() && o.state != State::Resting && o.may_cancel(self.now))
            .map(|(cloid, _)| *cloid)
            .collect();
        for cloid in unanswered {
            self.cancel(cloid, Reason::Stop, batch);
        }
    }

    /// Orders of an earlier session of this program are in nobody's plan.
    fn cancel_left_behind(&mut self, batch: &mut Batch) {
        for cloid in self.orders.left_behind(self.now) {
            self.cancel(cloid, Reason::EarlierSession, batch);
        }
    }

    fn place(&mut self, quote: Quote, limit: Sz, gate: &mut Gate, batch: &mut Batch) {
        if self.crosses_own(&quote) {
            self.refuse(&quote, limit, RefusalReason::OwnCross);
            return;
        }
        if self.is_held_back(&quote) {
            self.refuse(&quote, limit, RefusalReason::Backoff);
            return;
        }
        if gate.admit(quote.side, quote.sz, quote.reduce_only) {
            let order = new_order(self.orders.next_cloid(), &quote, Reason::NewLevel);
            self.orders.placed(order, self.now);
            self.pricing.became(order.cloid, &quote, Stands::New);
            self.note_increase(&quote, limit, gate);
            batch.places.push(order);
        } else {
            self.refuse(&quote, limit, RefusalReason::WorstCase);
        }
    }

    fn amend(&mut self, cloid: Cloid, quote: Quote, limit: Sz, gate: &mut Gate, batch: &mut Batch) {
        let Some(oid) = self.orders.amendable(cloid) else {
            return;
        };
        if self.crosses_own(&quote) {
            self.pricing.became(cloid, &quote, Stands::Refused);
            self.refuse(&quote, limit, RefusalReason::OwnCross);
            return;
        }
        if self.holds_amend(&quote) {
            self.refuse(&quote, limit, RefusalReason::Backoff);
            self.cancel(cloid, Reason::Backoff, batch);
            return;
        }
        if gate.admit(quote.side, quote.sz, quote.reduce_only) {
            let order = new_order(cloid, &quote, Reason::Requote);
            self.orders.amending(order, self.now);
            self.pricing.became(cloid, &quote, Stands::Moved);
            self.note_increase(&quote, limit, gate);
            batch.amends.push(Amend { oid, order });
        } else {
            // Never leave the old, wrong quote resting: cancel now, place after its success.
            self.refuse(&quote, limit, RefusalReason::WorstCase);
            self.cancel(cloid, Reason::AmendTooLarge, batch);
        }
    }

    pub(super) fn cancel(&mut self, cloid: Cloid, reason: Reason, batch: &mut Batch) {
        self.orders.cancelling(cloid, reason, self.now);
        batch.cancels.push(Cancel { cloid, reason });
    }

    pub(super) fn refuse(&mut self, quote: &Quote, limit: Sz, reason: RefusalReason) {
        self.counts.refused += 1;
        self.refusals.push(Refusal {
            side: quote.side,
            px: quote.px,
            sz: quote.sz,
            reason,
            limit,
        });
    }

    /// The limit under which an order that may increase was let out: what a runaway is measured against.
    fn note_increase(&mut self, quote: &Quote, limit: Sz, gate: &Gate) {
        if !quote.reduce_only {
            let value = gate.max_position_value();
            self.control.admitted.on_increase(quote.side, limit, value);
        }
    }

    /// Post-only orders are refused against our own resting ones: wait until those have moved. What only
    /// reduces does not wait for one that nobody knows to rest.
    fn crosses_own(&self, quote: &Quote) -> bool {
        self.orders.iter().any(|(_, own)| {
            let (becoming, _) = own.target();
            let reached = |px| quote.side.at_or_better(quote.px, px);
            own.order.side != quote.side
                && !own.is_over()
                && !(quote.reduce_only && own.is_lost())
                && (reached(own.order.px) || reached(becoming))
        })
    }

    /// Amends, then places, then cancels: bids and asks together in each.
    fn send_batch(&mut self, batch: &Batch, actions: &mut Vec<Action>) {
        for amends in batch.amends.chunks(ITEMS_MAX) {
            self.send(ActionBody::Modify(amends.to_vec()), actions);
        }
        for places in batch.places.chunks(ITEMS_MAX) {
            self.send(ActionBody::Place(places.to_vec()), actions);
        }
        for cancels in batch.cancels.chunks(ITEMS_MAX) {
            self.send(ActionBody::Cancel(cancels.to_vec()), actions);
        }
    }

    fn count_cycle(&mut self, limits: &Limits) {
        self.counts.quote_cycles += 1;
        if self.phases.phase() != Phase::Normal {
            return;
        }
        let base_s = self.config.limits.risk_horizon_s();
        let new = Turnover::new(base_s, self.now);
        self.turnover.get_or_insert(new).begin();
        self.counts.ready_cycles += 1;
        if limits.source() == LimitSource::Valid {
            self.counts.valid_cycles += 1;
        }
        let live = |side| {
            self.orders
                .iter()
                .any(|(_, order)| order.order.side == side && order.is_quote())
        };
        if live(Side::Bid) && live(Side::Ask) {
            self.counts.two_sided_cycles += 1;
        }
    }

    /// A cycle is journalled that acts, or in which the limit, the mode or the reason of a side without an
    /// order is another than before: what any other cycle stood for is the record before it.
    fn keep_limits(&mut self, limits: Limits, acted: bool) {
        let moved = self
            .limits
            .as_ref()
            .is_none_or(|(old, _)| (old.long(), old.short()) != (limits.long(), limits.short()));
        let (phase, mode) = (self.phases.phase(), self.control.modes.mode());
        let (mode_reason, suppressed) = (self.control.modes.reason(), self.control.suppressed);
        let stance = Some((phase, mode, mode_reason, suppressed));
        if acted || moved || self.journalled != stance {
            self.journalled = stance;
            self.record = Some(CycleRecord {
                cycle: self.cycle,
                recv: self.now,
                position: self.own.position(),
                phase,
                mode,
                mode_reason,
                suppressed,
                limits: limits.clone(),
                estimates: self.estimates(),
                trace: self.trace(),
            });
        }
        self.note_valid(&limits);
        self.limits = Some((limits, self.now));
    }
}

/// An order as the plan of its side sees it; where the side is `ending`, a pause after a refused amend
/// holds back no cancel.
fn own_of(cloid: Cloid, order: &Order, now: Time, ending: bool) -> Own {
    let (px, sz) = order.target();
    Own {
        cloid,
        px,
        sz,
        reduce_only: order.order.reduce_only,
        settled: order.is_settled(now) || (ending && order.may_end(now)),
    }
}

const fn new_order(cloid: Cloid, quote: &Quote, reason: Reason) -> NewOrder {
    NewOrder {
        cloid,
        side: quote.side,
        px: quote.px,
        sz: quote.sz,
        tif: Tif::Alo,
        reduce_only: quote.reduce_only,
        reason,
    }
}
