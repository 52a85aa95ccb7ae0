//! One order's life, and the ghost that an amended one leaves.

use crate::action::{Cloid, NewOrder, Reason, Tif};
use crate::event::OpenOrder;
use crate::units::{Dur, Px, SECOND, Side, Sz, Time};

/// Between two cancels that look for an order of unknown fate.
const SEEK_EVERY: Dur = Dur(SECOND);

/// Where an order is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Sent, unanswered.
    InFlight,
    /// In the book.
    Resting,
    /// A replacement is sent: old and new count until it is answered.
    Amending {
        /// What it becomes.
        to: NewOrder,
        /// Remaining size the exchange reported when it cancelled the old oid, if it has.
        old_gone: Option<Sz>,
    },
    /// Over on the exchange; `expected` lots of it are filled by the exchange's account, when known.
    Settling {
        /// Total filled at the exchange, when it said so.
        expected: Option<Sz>,
    },
    /// No answer came to its place: it may rest, or never have been placed. A query decides.
    Unknown,
    /// A cancel, an amend or two looks found nothing of it: filled, cancelled or never placed. All of
    /// it counts until a query tells which, or the ledger is known to hold whatever filled until then.
    Gone,
}

/// One order of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "what happened to it beside its state, each on its own"
)]
pub struct Order {
    /// The order as last sent or confirmed.
    pub order: NewOrder,
    /// The exchange's current id for it.
    pub oid: Option<u64>,
    /// The newest oid that it had before: the exchange's only grow, so what is told of this or an older
    /// one is not of the order as it is now.
    pub(super) replaced: u64,
    /// Filled of the current oid, by the ledger.
    pub filled: Sz,
    /// Where it is in its life.
    pub state: State,
    /// Whether a cancel is sent and unanswered.
    pub cancelling: bool,
    /// Whether that cancel makes way for an order of the plan, which takes its place afterwards.
    pub(super) making_way: bool,
    /// Whether that cancel left before the exchange had said that the order rests: it may have overtaken
    /// the place, so that nothing found says nothing.
    pub(super) cancel_blind: bool,
    /// Whether a cancel succeeded while a replacement was unanswered.
    pub(super) cancelled: bool,
    /// Whether no answer will come to its last amend: old or new may rest, or neither.
    pub(super) amend_lost: bool,
    /// Last change.
    pub since: Time,
    /// The action in which its place or last amend was sent.
    pub(super) left_in: u64,
    /// When its place or last amend was sent.
    pub(super) sent: Time,
    /// An amend that was refused is not sent again before this.
    pub(super) retry_at: Time,
    /// A cancel that was refused, or went unanswered, is not sent again before this.
    pub(super) cancel_at: Time,
    /// Whether a cancel was refused: the first one is sent again at once.
    pub(super) cancel_refused: bool,
    /// When a cancel last found nothing of it, or else the last word of it before a query first found
    /// nothing while its fate was unknown.
    pub(super) absent: Option<Time>,
    /// Whether the last look at the open orders did not show it, though it should have.
    pub(super) missed: bool,
}

impl Order {
    pub(super) const fn new(order: NewOrder, oid: Option<u64>, state: State, now: Time) -> Self {
        Self {
            order,
            oid,
            replaced: 0,
            filled: Sz::ZERO,
            state,
            cancelling: false,
            making_way: false,
            cancel_blind: false,
            cancelled: false,
            amend_lost: false,
            since: now,
            left_in: 0,
            sent: now,
            retry_at: now,
            cancel_at: now,
            cancel_refused: false,
            absent: None,
            missed: false,
        }
    }

    /// As it was last sent: what an unanswered amend asks for, or what it is.
    #[must_use]
    pub const fn newest(&self) -> NewOrder {
        match self.state {
            State::Amending { to, .. } => to,
            _ => self.order,
        }
    }

    /// Whether the order had this oid before the one it has now.
    pub(super) fn was_before(&self, oid: u64) -> bool {
        oid <= self.replaced || self.oid.is_some_and(|now| oid < now)
    }

    /// Lots still open.
    #[must_use]
    pub fn remaining(&self) -> Sz {
        Sz((self.order.sz - self.filled).0.max(0))
    }

    /// Lots filled in all when the exchange cancelled it with `left` remaining. A reduce-only order is
    /// shrunk without a fill, so its remainder says nothing of what filled.
    pub(super) fn filled_by(&self, left: Sz) -> Sz {
        if self.order.reduce_only {
            return self.filled;
        }
        Sz((self.order.sz - left).0.max(0))
    }

    /// Lots that could still fill, over all its incarnations.
    #[must_use]
    pub fn exposure(&self) -> Sz {
        match self.state {
            State::Amending { to, old_gone } => {
                let owed = |left| Sz((self.filled_by(left) - self.filled).0.max(0));
                old_gone.map_or(self.remaining(), owed) + to.sz
            }
            State::Settling {
                expected: Some(expected),
            } => Sz((expected - self.filled).0.max(0)),
            _ => self.remaining(),
        }
    }

    /// The same in its parts, with the flag that each has on the wire: `(lots, reduce-only)`. An amend
    /// may drop the flag, and until it is answered the new order counts without it.
    #[must_use]
    pub fn parts(&self) -> [(Sz, bool); 2] {
        let (all, flag) = (self.exposure(), self.order.reduce_only);
        match self.state {
            State::Amending { to, .. } => [(all - to.sz, flag), (to.sz, to.reduce_only)],
            _ => [(all, flag), (Sz::ZERO, flag)],
        }
    }

    /// Lots that could still fill and are not flagged reduce-only.
    #[must_use]
    pub fn free(&self) -> Sz {
        let free = self.parts().into_iter().filter(|(_, flag)| !flag);
        free.map(|(sz, _)| sz).sum()
    }

    /// Lots that are not flagged reduce-only and may rest when nothing more is sent. An amend that is under
    /// way leaves one of its two orders.
    #[must_use]
    pub fn outlives(&self) -> Sz {
        let free = self.parts().into_iter().filter(|(_, flag)| !flag);
        free.map(|(sz, _)| sz).max().unwrap_or(Sz::ZERO)
    }

    /// Price and size the plan should think of it as having.
    #[must_use]
    pub fn target(&self) -> (Px, Sz) {
        match self.state {
            State::Amending { to, .. } => (to.px, to.sz),
            _ => (self.order.px, self.remaining()),
        }
    }

    /// Whether the plan may keep, amend or cancel it, or must wait for an answer to what it sent.
    #[must_use]
    pub const fn is_quote(&self) -> bool {
        !self.cancelling
            && !self.is_lost()
            && matches!(
                self.state,
                State::InFlight | State::Resting | State::Amending { .. }
            )
    }

    /// Whether what is left of it is in the book that all see, as far as we were told.
    #[must_use]
    pub const fn is_displayed(&self) -> bool {
        matches!(
            self.state,
            State::Resting | State::Amending { old_gone: None, .. }
        )
    }

    /// Whether it holds a level of the plan: it is a quote, goes to make way for one, or its fate is
    /// unknown, when a second order for the level could make it twice.
    #[must_use]
    pub const fn holds_level(&self) -> bool {
        self.is_quote() || self.is_lost() || (self.cancelling && self.making_way && !self.is_over())
    }

    /// Whether it could still match and the plan has nothing to put in its place.
    #[must_use]
    pub const fn is_unreplaced(&self) -> bool {
        self.cancelling && !self.making_way && !self.is_lost() && !self.is_over()
    }

    /// Whether no answer came to its place or last amend, and nothing else has told its fate.
    #[must_use]
    pub const fn is_lost(&self) -> bool {
        match self.state {
            State::Unknown => true,
            State::Amending { .. } => self.amend_lost,
            _ => false,
        }
    }

    /// Whether it is over on the exchange, so that it can match nothing more.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.state, State::Settling { .. } | State::Gone)
    }

    /// Whether a query is to tell what became of it.
    #[must_use]
    pub const fn is_in_question(&self) -> bool {
        !self.is_over() || matches!(self.state, State::Gone)
    }

    /// Nothing was found of it. The ghost of what it was before an amend that may have been carried out.
    pub(super) fn vanish(&mut self, now: Time) -> Option<Ghost> {
        let ghost = match self.state {
            State::Amending { to, old_gone } if self.amend_lost => replace(self, to, old_gone, now),
            _ => None,
        };
        self.state = State::Gone;
        self.cancelling = false;
        self.since = now;
        ghost.map(|ghost| Ghost {
            unproven: ghost.expected.is_none(),
            ..ghost
        })
    }

    /// Whether to look for it by a cancel at `now`: one that found nothing is not repeated at once, since
    /// the order may still be on its way. What is heard meanwhile, that no answer will come or that a
    /// query found nothing either, makes that pause no longer.
    #[must_use]
    pub fn may_seek(&self, now: Time) -> bool {
        self.absent.is_none_or(|at| now.since(at) >= SEEK_EVERY)
    }

    /// When a cancel of it may be sent that may not at `now`.
    pub(super) fn pause_ends(&self, now: Time) -> Option<Time> {
        let seek = self.absent.filter(|_| self.is_lost());
        let seek = seek.map_or(self.cancel_at, |at| at.plus(SEEK_EVERY));
        Some(self.cancel_at.max(seek)).filter(|at| *at > now)
    }

    /// Whether the plan may change it at `now`.
    #[must_use]
    pub fn is_settled(&self, now: Time) -> bool {
        now >= self.retry_at && self.may_end(now)
    }

    /// Whether it rests and the plan may end it at `now`.
    #[must_use]
    pub fn may_end(&self, now: Time) -> bool {
        self.state == State::Resting && !self.cancelling && self.may_cancel(now)
    }

    /// Whether a cancel may be sent at `now`: one that was refused is sent again at once, then at a
    /// pause, never at the pace of the answers. What was refused of an amend holds back no cancel.
    #[must_use]
    pub fn may_cancel(&self, now: Time) -> bool {
        now >= self.cancel_at
    }

    /// Whether a cancel of it is on its way, or has succeeded and fills may still be told. What the
    /// exchange is known to have filled is not going away, nor is what a cancel did not find: it has
    /// filled, more often than not.
    #[must_use]
    pub const fn is_dying(&self) -> bool {
        match self.state {
            State::Settling { expected } => expected.is_none(),
            State::Gone => false,
            _ => self.cancelling,
        }
    }
}

/// The old oid of an amended order, until the exchange has said how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ghost {
    pub(super) oid: u64,
    pub(super) side: Side,
    pub(super) reduce_only: bool,
    pub(super) sz: Sz,
    pub(super) filled: Sz,
    /// Total filled, once the exchange has said so.
    pub(super) expected: Option<Sz>,
    /// Whether nothing has proved yet that it is over.
    pub(super) unproven: bool,
    pub(super) since: Time,
}

impl Ghost {
    /// The exchange ended it with `left` remaining, which of a reduce-only order says nothing.
    pub(super) fn end(&mut self, left: Sz) {
        let filled = if self.reduce_only {
            self.filled
        } else {
            Sz((self.sz - left).0.max(0))
        };
        self.expected = Some(filled);
    }

    pub(super) fn exposure(&self) -> Sz {
        Sz((self.expected.unwrap_or(self.sz) - self.filled).0.max(0))
    }
}

/// What replaced the order `oid` was heard of, so that one is over: its fills may still be told.
pub(super) fn prove(ghosts: &mut [Ghost], oid: u64, now: Time) {
    let of_it = ghosts.iter_mut().filter(|ghost| ghost.oid == oid);
    for ghost in of_it.filter(|ghost| ghost.unproven) {
        ghost.unproven = false;
        ghost.since = now;
    }
}

/// Makes an order what its amend asked for, resting under an oid yet to be told, and gives the ghost
/// of what it was where that could still fill.
pub(super) fn replace(
    order: &mut Order,
    to: NewOrder,
    old_gone: Option<Sz>,
    now: Time,
) -> Option<Ghost> {
    let old = order.order;
    let expected = old_gone.map(|left| order.filled_by(left));
    let ghost = order.oid.map(|oid| Ghost {
        oid,
        side: old.side,
        reduce_only: old.reduce_only,
        sz: old.sz,
        filled: order.filled,
        expected,
        unproven: false,
        since: now,
    });
    order.order = to;
    order.replaced = order
        .oid
        .map_or(order.replaced, |oid| oid.max(order.replaced));
    order.oid = None;
    order.filled = Sz::ZERO;
    order.state = State::Resting;
    order.since = now;
    ghost.filter(|ghost| ghost.exposure() > Sz::ZERO)
}

/// An order of ours that a query shows and we did not know to rest.
pub(super) const fn adopted(cloid: Cloid, open: &OpenOrder, now: Time) -> Order {
    let order = NewOrder {
        cloid,
        side: open.side,
        px: open.px,
        sz: open.sz,
        tif: Tif::Alo,
        reduce_only: open.reduce_only,
        reason: Reason::Adopted,
    };
    Order::new(order, Some(open.oid), State::Resting, now)
}
