//! Our orders, keyed by cloid, from the moment they leave until nothing of them can fill.
//!
//! ```text
//! InFlight -> Resting <-> Amending -> Resting (new oid, same cloid)
//!     |          |            |
//!     |          \------------+-> Settling: over on the exchange, fills may still come -> ended
//!     |          |            |      ^
//!     |          \------------+-> Gone: a query decides, or the ledger holds all of it
//!     \-> ended (rejected)
//! ```
//! Replies and order updates change states; fills alone change what is filled. Exposure ends when the
//! exchange has said how an order ended *and* the ledger holds the fills that implies.

mod fate;
mod look;
mod order;
mod others;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::action::{Cloid, NewOrder, Reason, Tif};
use crate::event::{Fill, FillKind, OpenOrder, OrderStatus, OrderUpdate};
use crate::units::{Dur, SECOND, Side, Sz, Time};

pub use look::Look;
use order::{Ghost, prove, replace};
pub use order::{Order, State};
use others::{Others, RETRY};

/// How long fills of an order that is over are waited for (the cancel fill window).
pub const FILL_WINDOW: Dur = Dur(5 * SECOND);
/// An order that a query does not show is believed gone only when nothing happened to it for this long.
const QUERY_GRACE: Dur = Dur(5 * SECOND);

/// Longest time after which an action can still be carried out, by our clock: the life that it is given
/// (`expiresAfter`), and as much as the exchange's clock may be behind ours, which at a start is less than
/// half of it.
#[must_use]
pub const fn arrival_max(action_life: Dur) -> Dur {
    Dur(action_life.0 / 2 * 3)
}

/// Something that could still fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Side.
    pub side: Side,
    /// Lots.
    pub sz: Sz,
    /// Reduce-only on the wire.
    pub reduce_only: bool,
    /// Whether the plan cannot replace it, so that it takes room from the ladder.
    pub unreplaced: bool,
    /// Whether nothing this program made it: placed by hand, or by another program.
    pub foreign: bool,
}

/// Whose order a fill belonged to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// An order in the table.
    Ours,
    /// A cloid of this session whose order is over: counted, not alarming.
    Past,
    /// A cloid of an earlier session of this program.
    Earlier,
    /// A stop of this program that rested at the exchange.
    Resident,
    /// The exchange itself: liquidation, auto-deleveraging, settlement.
    Exchange,
    /// Nothing this program made.
    Stranger,
}

/// The table.
#[derive(Clone, Debug)]
pub struct Orders {
    session: u64,
    /// Longest time after which an action can still be carried out.
    arrival_max: Dur,
    next: u64,
    live: BTreeMap<Cloid, Order>,
    ghosts: Vec<Ghost>,
    others: Others,
    /// Orders of this session that ended lately: a query that lags may still show them.
    ended: BTreeMap<Cloid, Time>,
}

impl Orders {
    /// An empty table whose cloids start after `counter`, of actions that live for `action_life`.
    #[must_use]
    pub const fn new(session: u64, counter: u64, action_life: Dur) -> Self {
        Self {
            session,
            arrival_max: arrival_max(action_life),
            next: counter,
            live: BTreeMap::new(),
            ghosts: Vec::new(),
            others: Others::new(),
            ended: BTreeMap::new(),
        }
    }

    /// Makes the next cloid.
    pub fn next_cloid(&mut self) -> Cloid {
        self.next += 1;
        Cloid::new(self.session, self.next)
    }

    /// All orders that are not over, by cloid.
    pub fn iter(&self) -> impl Iterator<Item = (&Cloid, &Order)> {
        self.live.iter()
    }

    /// One order.
    #[must_use]
    pub fn get(&self, cloid: Cloid) -> Option<&Order> {
        self.live.get(&cloid)
    }

    /// Orders on the account that this session did not place and that can still fill.
    pub fn orphans(&self) -> impl Iterator<Item = &OpenOrder> {
        self.others.open().map(|(order, _)| order)
    }

    /// Of them those that nothing this program made.
    pub fn foreign(&self) -> impl Iterator<Item = &OpenOrder> {
        let foreign = self.others.open().filter(|(_, earlier)| !earlier);
        foreign.map(|(order, _)| order)
    }

    /// Whether nothing of this program rests or is on its way. What was placed by hand does not count.
    #[must_use]
    pub fn is_clear(&self) -> bool {
        let mut live = self.live.values();
        let earlier = self.others.open().any(|(_, earlier)| earlier);
        !earlier && self.ghosts.is_empty() && live.all(|order| order.exposure() == Sz::ZERO)
    }

    /// When the pause is over of the first order whose cancel failed or found nothing.
    #[must_use]
    pub fn wake_at(&self, now: Time) -> Option<Time> {
        let open = self
            .live
            .values()
            .filter(|order| !order.is_over() && !order.cancelling);
        open.filter_map(|order| order.pause_ends(now)).min()
    }

    /// Orders of earlier sessions that are to be cancelled now.
    #[must_use]
    pub fn left_behind(&self, now: Time) -> Vec<Cloid> {
        self.others.to_cancel(now)
    }

    /// Everything that could still fill.
    pub fn exposures(&self) -> impl Iterator<Item = Pending> {
        let live = self.live.values().flat_map(|order| {
            order.parts().map(|(sz, reduce_only)| Pending {
                side: order.order.side,
                sz,
                reduce_only,
                unreplaced: order.is_unreplaced(),
                foreign: false,
            })
        });
        // Over on the exchange, unconfirmed: the gate counts them, the room does not, or sizes would
        // breathe with every replacement.
        let ghosts = self.ghosts.iter().map(|ghost| Pending {
            side: ghost.side,
            sz: ghost.exposure(),
            reduce_only: ghost.reduce_only,
            unreplaced: false,
            foreign: false,
        });
        let orphans = self.others.open().map(|(orphan, earlier)| Pending {
            side: orphan.side,
            sz: orphan.sz,
            reduce_only: orphan.reduce_only,
            unreplaced: true,
            foreign: !earlier,
        });
        live.chain(ghosts).chain(orphans)
    }

    /// Lots that may rest when this program sends nothing more and are not reduce-only, whoever placed
    /// them, `[bid, ask]`. What is over on the exchange does not rest.
    #[must_use]
    pub fn outlive(&self) -> [Sz; 2] {
        let mut lots = [Sz::ZERO; 2];
        for order in self.live.values() {
            lots[order.order.side.index()] += order.outlives();
        }
        for (order, _) in self.others.open().filter(|(order, _)| !order.reduce_only) {
            lots[order.side.index()] += order.sz;
        }
        lots
    }

    /// A place left.
    ///
    /// # Panics
    /// When the cloid was used before: [`Orders::next_cloid`] never repeats one.
    pub fn placed(&mut self, order: NewOrder, now: Time) {
        let entry = Order::new(order, None, State::InFlight, now);
        let old = self.live.insert(order.cloid, entry);
        assert!(old.is_none(), "invariant: a cloid is used once");
    }

    /// An amend left.
    pub fn amending(&mut self, to: NewOrder, now: Time) {
        if let Some(order) = self.live.get_mut(&to.cloid) {
            order.state = State::Amending { to, old_gone: None };
            order.amend_lost = false;
            order.since = now;
            order.sent = now;
        }
    }

    /// The place or amend that left last went in this action: an answer to an earlier one may still come.
    pub fn left_in(&mut self, cloid: Cloid, action: u64) {
        if let Some(order) = self.live.get_mut(&cloid) {
            order.left_in = action;
        }
    }

    /// Whether a later place or amend of the order left after this action.
    #[must_use]
    pub fn has_left_since(&self, cloid: Cloid, action: u64) -> bool {
        let order = self.live.get(&cloid);
        order.is_some_and(|order| order.left_in > action)
    }

    /// A cancel left; `reason` tells whether an order of the plan is to take its place.
    pub fn cancelling(&mut self, cloid: Cloid, reason: Reason, now: Time) {
        if self.others.cancelling(cloid) {
            return;
        }
        if let Some(order) = self.live.get_mut(&cloid) {
            order.cancelling = true;
            order.making_way = reason == Reason::AmendTooLarge;
            order.cancel_blind = matches!(order.state, State::InFlight | State::Unknown);
            order.since = now;
        }
    }

    /// The exchange said the order rests under `oid`: a place, or the new leg of an amend. The answer to
    /// an earlier place or amend may come after what its successor made was heard of: it says nothing.
    pub fn on_resting(&mut self, cloid: Cloid, oid: u64, now: Time) {
        let Some(order) = self.live.get_mut(&cloid) else {
            return;
        };
        if order.was_before(oid) {
            return;
        }
        match order.state {
            State::InFlight | State::Unknown => {
                // It is there now: a cancel that found nothing before has no pause to keep.
                order.cancel_at = now;
                order.oid = Some(oid);
                order.state = State::Resting;
                order.since = now;
            }
            State::Amending { to, old_gone } if order.oid != Some(oid) => {
                let ghost = replace(order, to, old_gone, now);
                order.oid = Some(oid);
                let cancelled = order.cancelled;
                self.ghosts.extend(ghost);
                if cancelled {
                    self.settle(cloid, None, now);
                }
            }
            _ => {}
        }
    }

    /// The exchange said the order filled at once for `sz` and is over.
    pub fn on_filled_at_once(&mut self, cloid: Cloid, oid: u64, sz: Sz, now: Time) {
        if self.live.get(&cloid).is_some_and(|o| o.was_before(oid)) {
            return;
        }
        self.on_resting(cloid, oid, now);
        self.settle(cloid, Some(sz), now);
    }

    /// The exchange never placed it.
    pub fn on_place_rejected(&mut self, cloid: Cloid) {
        if self
            .live
            .get(&cloid)
            .is_some_and(|order| order.oid.is_none())
        {
            self.live.remove(&cloid);
        }
    }

    /// The replacement was not placed, and the old order is gone with it. `true`: how it ended was not
    /// told, so a query should tell.
    pub fn on_amend_rejected(&mut self, cloid: Cloid, now: Time) -> bool {
        let Some(order) = self.live.get_mut(&cloid) else {
            return false;
        };
        let State::Amending { old_gone, .. } = order.state else {
            return false;
        };
        if old_gone.is_none() && !order.cancelled {
            order.vanish(now);
            return true;
        }
        let expected = old_gone.map(|left| order.filled_by(left));
        self.settle(cloid, expected, now);
        false
    }

    /// The amend itself was refused, before anything was done. One that may increase has no pause of its
    /// own: its side's strikes are counted, as a new order's are.
    pub fn on_amend_invalid(&mut self, cloid: Cloid, now: Time) {
        let order = self.live.get(&cloid);
        let reduces = order.is_some_and(|order| order.newest().reduce_only);
        self.on_amend_refused(cloid, now);
        if let Some(order) = self.live.get_mut(&cloid).filter(|_| !reduces) {
            order.retry_at = now;
        }
    }

    /// Nothing of the amend was carried out: the order rests as before, unless a cancel ended it since.
    pub fn on_amend_refused(&mut self, cloid: Cloid, now: Time) {
        if let Some(order) = self.live.get_mut(&cloid)
            && matches!(order.state, State::Amending { .. })
        {
            order.state = State::Resting;
            order.since = now;
            order.retry_at = now.plus(RETRY);
            if order.cancelled {
                self.settle(cloid, None, now);
            }
        }
    }

    /// The exchange did not carry the cancel out: it is sent again at once, then after pauses.
    pub fn on_cancel_refused(&mut self, cloid: Cloid, now: Time) {
        let again = self.live.get(&cloid).is_none_or(|o| o.cancel_refused);
        self.on_cancel_lost(cloid, now);
        if let Some(order) = self.live.get_mut(&cloid).filter(|_| !again) {
            order.cancel_refused = true;
            order.cancel_at = now;
        }
    }

    /// The cancel did not reach the exchange, or its fate is unknown: it may be sent again in a while.
    pub fn on_cancel_lost(&mut self, cloid: Cloid, now: Time) {
        if self.others.on_cancel_refused(cloid, now) {
            return;
        }
        if let Some(order) = self.live.get_mut(&cloid) {
            order.cancelling = false;
            order.since = now;
            order.cancel_at = now.plus(RETRY);
        }
    }

    /// A place or an amend went unanswered.
    pub fn on_lost(&mut self, cloid: Cloid, now: Time) {
        let Some(order) = self.live.get_mut(&cloid) else {
            return;
        };
        match order.state {
            State::InFlight => {
                order.state = State::Unknown;
                order.since = now;
            }
            // Old and new stay counted until the exchange tells which of them rests.
            State::Amending { .. } => {
                order.amend_lost = true;
                order.since = now;
                if order.cancelled {
                    self.on_cancelled(cloid, now);
                }
            }
            _ => {}
        }
    }

    /// The exchange cancelled it; fills may still be on their way.
    pub fn on_cancelled(&mut self, cloid: Cloid, now: Time) {
        if self.others.on_gone(cloid, now) {
            return;
        }
        if let Some(order) = self.live.get_mut(&cloid)
            && let State::Amending { to, old_gone } = order.state
        {
            if !order.amend_lost {
                order.cancelled = true;
                return;
            }
            // Old or new was cancelled; fills of either may be on their way.
            let ghost = replace(order, to, old_gone, now);
            self.ghosts.extend(ghost);
        }
        self.settle(cloid, None, now);
    }

    /// An order update by oid. `true`: it is of an order that rests and that nobody here knows, so a
    /// query should tell what it is.
    pub fn on_update(&mut self, update: &OrderUpdate, now: Time) -> bool {
        let ours = update.cloid.filter(|cloid| cloid.session() == self.session);
        if let Some(cloid) = ours {
            self.on_own_update(cloid, update, now);
            return false;
        }
        if update.status == OrderStatus::Open {
            return !self.others.contains(update.oid);
        }
        self.others.on_ended(update.oid, update.status, now);
        false
    }

    fn on_own_update(&mut self, cloid: Cloid, update: &OrderUpdate, now: Time) {
        if let Some(ghost) = self.ghosts.iter_mut().find(|ghost| ghost.oid == update.oid) {
            if update.status != OrderStatus::Open {
                ghost.end(update.sz);
            }
            self.drop_settled_ghosts();
            return;
        }
        let Some(order) = self.live.get_mut(&cloid) else {
            return;
        };
        if update.oid <= order.replaced {
            return;
        }
        if update.status == OrderStatus::Rejected {
            self.on_place_rejected(cloid);
            return;
        }
        if order.oid.is_none() {
            order.oid = Some(update.oid);
        }
        if update.status == OrderStatus::Open {
            self.on_resting(cloid, update.oid, now);
            return;
        }
        if let State::Amending { to, old_gone } = order.state
            && order.oid.is_some_and(|old| update.oid > old)
        {
            // The amend was carried out, and what it made is over before its answer was heard.
            let ghost = replace(order, to, old_gone, now);
            order.oid = Some(update.oid);
            self.ghosts.extend(ghost);
        }
        if order.oid != Some(update.oid) {
            return;
        }
        prove(&mut self.ghosts, order.replaced, now);
        if let State::Amending { old_gone, .. } = &mut order.state
            && update.status == OrderStatus::Canceled
        {
            *old_gone = Some(update.sz);
            return;
        }
        // What was shrunk ends as filled with less than its size: its reply says with how much.
        let shrinks = order.order.reduce_only && update.status != OrderStatus::Canceled;
        let expected = (!shrinks).then(|| order.filled_by(update.sz));
        self.settle(cloid, expected, now);
    }

    /// Credits a fill to its order.
    pub fn on_fill(&mut self, fill: &Fill, now: Time) -> Owner {
        if let Some(ghost) = self.ghosts.iter_mut().find(|ghost| ghost.oid == fill.oid) {
            ghost.filled += fill.sz;
            self.drop_settled_ghosts();
            return Owner::Ours;
        }
        let owner = self.owner_of(fill);
        let Some(cloid) = fill.cloid.filter(|_| owner == Owner::Ours) else {
            self.others.on_fill(fill.oid, fill.sz, fill.exch, now);
            return owner;
        };
        if self
            .live
            .get(&cloid)
            .is_some_and(|order| fill.oid <= order.replaced)
        {
            return Owner::Past;
        }
        // The first we hear of a new oid may be its fill, ahead of the reply.
        self.on_resting(cloid, fill.oid, now);
        if let Some(order) = self.live.get_mut(&cloid) {
            // An order cancelled before any answer to its place never learned its oid.
            if *order.oid.get_or_insert(fill.oid) != fill.oid {
                return Owner::Past;
            }
            order.filled += fill.sz;
            order.since = now;
        }
        self.drop_if_done(cloid, now);
        Owner::Ours
    }

    /// Whose order a fill belongs to, as far as its marks tell.
    #[must_use]
    pub fn owner_of(&self, fill: &Fill) -> Owner {
        if fill.kind != FillKind::Trade {
            return Owner::Exchange;
        }
        match fill.cloid {
            Some(cloid) if cloid.is_resident() => Owner::Resident,
            Some(cloid) if self.live.contains_key(&cloid) => Owner::Ours,
            Some(cloid) if cloid.session() == self.session => Owner::Past,
            Some(cloid) if look::earlier(self.session, cloid) => Owner::Earlier,
            _ => Owner::Stranger,
        }
    }

    /// Ends waiting that has lasted too long. Call once a step.
    pub fn expire(&mut self, now: Time) {
        let over = |since: Time| now.since(since) > FILL_WINDOW;
        self.ghosts
            .retain(|ghost| ghost.expected.is_some() || ghost.unproven || !over(ghost.since));
        self.ended.retain(|_, at| now.since(*at) <= QUERY_GRACE);
        self.live.retain(|_, order| match order.state {
            // What the exchange says was filled stays counted until the ledger holds it.
            State::Settling { expected } => expected.is_some() || !over(order.since),
            _ => true,
        });
    }

    /// Forgets orders that were over before `before`, when the ledger is known to hold everything
    /// filled until then: what they still seem to miss was counted elsewhere, or never happened.
    pub fn clean(&mut self, before: Time) {
        self.ghosts.retain(|ghost| ghost.since >= before);
        self.live
            .retain(|_, order| !(order.is_over() && order.since < before));
    }

    fn settle(&mut self, cloid: Cloid, expected: Option<Sz>, now: Time) {
        let Some(order) = self.live.get_mut(&cloid) else {
            return;
        };
        let known = match order.state {
            State::Settling { expected } => expected,
            _ => None,
        };
        order.state = State::Settling {
            expected: expected.or(known),
        };
        order.since = now;
        self.ended.insert(cloid, now);
        self.drop_if_done(cloid, now);
    }

    fn drop_if_done(&mut self, cloid: Cloid, now: Time) {
        let done = self
            .live
            .get(&cloid)
            .is_some_and(|order| match order.state {
                State::Settling {
                    expected: Some(expected),
                } => order.filled >= expected,
                State::Amending { .. } => false,
                _ => order.remaining() == Sz::ZERO,
            });
        if done {
            self.live.remove(&cloid);
            self.ended.insert(cloid, now);
        }
    }

    fn drop_settled_ghosts(&mut self) {
        self.ghosts.retain(|ghost| ghost.exposure() > Sz::ZERO);
    }

    /// Whether an order of this session with this tif may be amended: only resting quotes.
    #[must_use]
    pub fn amendable(&self, cloid: Cloid) -> Option<u64> {
        let order = self.live.get(&cloid)?;
        (order.state == State::Resting && order.order.tif == Tif::Alo).then_some(order.oid)?
    }
}

#[cfg(test)]
mod tests;
