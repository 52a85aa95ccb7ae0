//! Orders on the account that this session did not place: they count as exposure while they rest.
//!
//! Those of an earlier session of this program are cancelled. Those placed by hand, or by another
//! program, are told once and never touched.

use crate::action::Cloid;
use crate::event::{OpenOrder, OrderStatus};
use crate::units::{Dur, SECOND, Sz, Time};

use super::QUERY_GRACE;

/// Pause before a refused cancel is tried again.
pub(super) const RETRY: Dur = Dur(SECOND);

/// One of them.
#[derive(Clone, Copy, Debug)]
struct Other {
    order: OpenOrder,
    /// Whether an earlier session of this program placed it.
    earlier: bool,
    /// Whether it is over, so that only a query that lags still shows it.
    over: bool,
    cancelling: bool,
    /// A look before this may lag behind what happened, and a cancel is not tried again.
    not_before: Time,
    /// When the look that gave its size was heard.
    seen: Time,
}

/// All of them, as last seen.
#[derive(Clone, Debug, Default)]
pub(super) struct Others {
    all: Vec<Other>,
}

impl Others {
    pub(super) const fn new() -> Self {
        Self { all: Vec::new() }
    }

    /// Takes what a query showed, and gives what nothing this program made and was not there before.
    pub(super) fn look(
        &mut self,
        open: impl Iterator<Item = OpenOrder>,
        is_earlier: impl Fn(Cloid) -> bool,
        now: Time,
    ) -> Vec<OpenOrder> {
        let before = core::mem::take(&mut self.all);
        let mut foreign = Vec::new();
        for order in open {
            let known = before.iter().find(|other| other.order.oid == order.oid);
            let earlier = order.cloid.is_some_and(&is_earlier);
            if known.is_none() && !earlier {
                foreign.push(order);
            }
            let mut other = known.copied().unwrap_or(Other {
                order,
                earlier,
                over: false,
                cancelling: false,
                not_before: now,
                seen: now,
            });
            (other.order, other.seen) = (order, now);
            other.over = other.over && now < other.not_before;
            self.all.push(other);
        }
        foreign
    }

    /// Those that can still fill, and whether an earlier session of this program placed them.
    pub(super) fn open(&self) -> impl Iterator<Item = (&OpenOrder, bool)> {
        let open = self.all.iter().filter(|other| !other.over);
        open.map(|other| (&other.order, other.earlier))
    }

    pub(super) fn contains(&self, oid: u64) -> bool {
        self.all.iter().any(|other| other.order.oid == oid)
    }

    /// Orders of earlier sessions that are to be cancelled now.
    pub(super) fn to_cancel(&self, now: Time) -> Vec<Cloid> {
        let left = self.all.iter().filter(|other| {
            other.earlier && !other.over && !other.cancelling && now >= other.not_before
        });
        left.filter_map(|other| other.order.cloid).collect()
    }

    /// A cancel left; `false`: not one of these.
    pub(super) fn cancelling(&mut self, cloid: Cloid) -> bool {
        self.each(cloid, |other| other.cancelling = true)
    }

    /// It is no longer there.
    pub(super) fn on_gone(&mut self, cloid: Cloid, now: Time) -> bool {
        self.each(cloid, |other| {
            other.over = true;
            other.cancelling = false;
            other.not_before = now.plus(QUERY_GRACE);
        })
    }

    /// A cancel found nothing: it counts until a query tells how it ended, or a look does not show it.
    pub(super) fn on_doubt(&mut self, cloid: Cloid, now: Time) -> bool {
        self.each(cloid, |other| {
            other.cancelling = false;
            other.not_before = now.plus(QUERY_GRACE);
        })
    }

    /// Whether it is one of these and not known to be over.
    pub(super) fn is_open(&self, cloid: Cloid) -> bool {
        let mut open = self.all.iter().filter(|other| !other.over);
        open.any(|other| other.order.cloid == Some(cloid))
    }

    /// A cancel was refused or went unanswered.
    pub(super) fn on_cancel_refused(&mut self, cloid: Cloid, now: Time) -> bool {
        self.each(cloid, |other| {
            other.cancelling = false;
            other.not_before = now.plus(RETRY);
        })
    }

    /// The exchange said that the order with this oid ended. What it filled counts until the fill is
    /// heard, or a look does not show it.
    pub(super) fn on_ended(&mut self, oid: u64, status: OrderStatus, now: Time) {
        for other in self.all.iter_mut().filter(|other| other.order.oid == oid) {
            other.over |= status != OrderStatus::Filled;
            other.not_before = now.plus(QUERY_GRACE);
        }
    }

    /// Part of it filled. A fill that the last look may have counted takes nothing off a second time: it
    /// counts until the next look.
    pub(super) fn on_fill(&mut self, oid: u64, sz: Sz, exch: Time, now: Time) {
        let of_it = |other: &&mut Other| other.order.oid == oid && exch >= other.seen;
        for other in self.all.iter_mut().filter(of_it) {
            other.order.sz = Sz((other.order.sz - sz).0.max(0));
            if other.order.sz == Sz::ZERO {
                other.over = true;
                other.not_before = now.plus(QUERY_GRACE);
            }
        }
    }

    fn each(&mut self, cloid: Cloid, change: impl Fn(&mut Other)) -> bool {
        let mut found = false;
        for other in self
            .all
            .iter_mut()
            .filter(|other| other.order.cloid == Some(cloid))
        {
            change(other);
            found = true;
        }
        found
    }
}
