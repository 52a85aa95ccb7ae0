//! Where the machines of `recovery` meet the engine: what they see, and what becomes of their wishes.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{Bug, Engine};
use crate::action::{Action, ActionBody, NewOrder, Reason, Tif};
use crate::control::{Alarm, Mode};
use crate::diff::Tolerance;
use crate::event::{EventBody, Novelty};
use crate::filter::{Quote, ReduceOnly, ReduceOnlyReason, RefusalReason, reaches};
use crate::gate::Gate;
use crate::instrument::MIN_NOTIONAL;
use crate::limits::{LimitSource, Limits, Term};
use crate::recovery::RecoveryConfig;
use crate::recovery::ask::{Ask, Questions};
use crate::recovery::ioc::{Unwind, Unwinding, unwind_order};
use crate::recovery::manager::{Cause, Excess, Recovery, RecoveryManager, Seen};
use crate::recovery::reconciler::PositionReconciler;
use crate::recovery::rejections::{Intent, RejectionLimiter};
use crate::recovery::sweep::{Findings, reducing_side};
use crate::units::{Dur, Px, Side, Sz, Time, Usd};

/// The machines and what they remember.
#[derive(Clone, Debug, Default)]
pub(super) struct Recover {
    pub(super) manager: RecoveryManager,
    pub(super) limiter: RejectionLimiter,
    pub(super) reconciler: PositionReconciler,
    pub(super) questions: Questions,
    /// Position that the session began with and has not been told of.
    untold: Option<Sz>,
    /// Last full sweep.
    pub(super) swept: Option<Time>,
    /// Something odd happened: sweep at the next opportunity.
    pub(super) sweep_due: bool,
    pub(super) findings: Findings,
    pub(super) corrections: u64,
    /// Words of the venue that nobody knew, told already.
    pub(super) novelties: BTreeSet<Novelty>,
    heard: Heard,
    user_down: bool,
    /// Askings for money since the ledger last explained the whole equity.
    unpaid: u32,
}

/// When the exchange was last heard on what the ledger and our orders are checked by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Heard {
    /// A report of the account.
    pub account: Option<Time>,
    /// All our open orders.
    pub open_orders: Option<Time>,
    /// A snapshot of our fills.
    pub fills: Option<Time>,
}

impl Recover {
    /// When what was last heard.
    pub(super) const fn heard(&self) -> Heard {
        self.heard
    }

    /// The operator wants everything compared with the exchange, whatever the beats say.
    pub(super) fn look_at_everything(&mut self) {
        self.doubt();
        for ask in [Ask::HeadRoom, Ask::RateLimit] {
            self.questions.want(ask);
        }
    }

    /// Something does not fit: look at account, orders and fills.
    pub(super) fn doubt(&mut self) {
        for ask in [Ask::Account, Ask::OpenOrders, Ask::Fills] {
            self.questions.want(ask);
        }
        self.sweep_due = true;
    }

    pub(super) fn on_user_down(&mut self) {
        self.user_down = true;
    }

    /// What a lost line may have hidden is asked for.
    pub(super) fn on_user_up(&mut self) {
        if core::mem::take(&mut self.user_down) {
            self.doubt();
            self.questions.want(Ask::Money);
        }
    }

    /// A report agrees on the position and leaves this much of the equity unexplained: a payment that
    /// nobody told. Asked for again ever less often, up to 32 check intervals apart, while it stays.
    pub(super) fn on_residual(&mut self, residual: Usd, now: Time, config: &RecoveryConfig) {
        if residual == Usd::ZERO {
            self.unpaid = 0;
            return;
        }
        let every = config.reconcile_s * f64::from(1_u32 << self.unpaid.min(5));
        let every = Dur::from_secs(every);
        if self.questions.want_every(Ask::Money, every, now) {
            self.unpaid = self.unpaid.saturating_add(1);
        }
    }

    /// An event answers the question it could have been asked by.
    pub(super) fn on_answer(&mut self, body: &EventBody, now: Time) {
        let ask = match body {
            EventBody::Account(_) => {
                self.heard.account = Some(now);
                Ask::Account
            }
            EventBody::OpenOrders(_) => {
                self.heard.open_orders = Some(now);
                Ask::OpenOrders
            }
            EventBody::HeadRoom(_) => Ask::HeadRoom,
            EventBody::Candles(_) => Ask::Candles,
            EventBody::AtOpenInterestCap(_) => Ask::OpenInterestCap,
            EventBody::RateLimit(_) => Ask::RateLimit,
            EventBody::Fills(fills) if fills.snapshot => {
                self.heard.fills = Some(now);
                Ask::Fills
            }
            EventBody::OrderStatus(fate) => Ask::OrderStatus(fate.cloid),
            EventBody::Funding(_) | EventBody::Transfer(_) => Ask::Money,
            _ => return,
        };
        self.questions.on_answer(ask);
    }

    /// Since when the ledger is known to hold whatever the exchange has filled: both a snapshot of
    /// fills and an agreeing report came after.
    pub(super) fn settled_since(&self) -> Option<Time> {
        Some(self.heard.fills?.min(self.reconciler.confirmed_at()?))
    }

    pub(super) fn wake_at(&self, now: Time, config: &RecoveryConfig) -> Option<Time> {
        let times = [
            self.manager.wake_at(now, config),
            self.limiter.wake_at(now),
            self.reconciler.wake_at(config),
        ];
        times.into_iter().flatten().filter(|at| *at > now).min()
    }
}

impl Engine {
    /// An inherited position is reported when the first limit is known, and exempt from the runaway check.
    pub(super) fn on_inherited(&mut self, position: Sz) {
        self.recover.untold = (position != Sz::ZERO).then_some(position);
    }

    /// Moves the recovery on; the order to send now, if any.
    pub(super) fn recover_from(&mut self, limits: &Limits, verdict: &ReduceOnly) -> Option<Unwind> {
        self.tell_inherited(limits);
        // At the end of trading the position has a way out of its own, and recovery none to count.
        let trades = self.control.modes.mode() < Mode::Flatten;
        let excess = self.excess(limits, verdict).filter(|_| trades);
        if self.is_planted(Bug::Recovery) {
            return None;
        }
        let admitted = self.requests.admits_reducing(self.now);
        let may_cross = excess.is_some() && self.control.can_quote && admitted;
        let unwind = may_cross
            .then(|| self.unwind(self.leave_level(limits), Sz::ZERO))
            .flatten();
        let seen = Seen {
            excess,
            takeable: unwind.is_some(),
            confirmed: self.recover.reconciler.confirmed_at(),
        };
        let config = &self.config.recovery;
        let wish = self.recover.manager.update(self.now, &seen, config);
        if wish.look {
            self.recover.doubt();
        }
        if wish.exhausted {
            let position = self.own.position();
            self.alarms.push(Alarm::RecoveryExhausted {
                position,
                limit: limits.for_position(position),
            });
        }
        unwind.filter(|_| wish.attempt)
    }

    fn tell_inherited(&mut self, limits: &Limits) {
        if limits.source() == LimitSource::Valid {
            let derived = [limits.long(), limits.short()];
            self.control.admitted.on_valid(derived);
        }
        if let Some(position) = self.recover.untold.take() {
            self.alarms.push(Alarm::Inherited {
                position,
                limit: limits.for_position(position),
            });
        }
    }

    /// The position, if it is too big for its limit, and why.
    fn excess(&self, limits: &Limits, verdict: &ReduceOnly) -> Option<Excess> {
        let too_big = matches!(
            verdict.reason,
            Some(ReduceOnlyReason::OverValueLimit | ReduceOnlyReason::OverPositionLimit)
        );
        let position = self.own.position();
        if !too_big || position == Sz::ZERO {
            return None;
        }
        // A missing input makes no position too big: what is held is judged by what it was heard last.
        let limit = limits.for_position_if_heard(position);
        let within = if self.recovery() == Recovery::Normal {
            limit
        } else {
            self.leave_level(limits)
        };
        let toward = if position < Sz::ZERO {
            Side::Ask
        } else {
            Side::Bid
        };
        let is_gone = limits.binding_of(toward) == Term::Gone;
        if is_gone && position.abs() <= within {
            return None;
        }
        let admitted = self.limit_at_increase(position).unwrap_or(limit);
        let cause = if position.abs() > admitted {
            Cause::Position
        } else {
            Cause::Limit
        };
        let ratio = self.config.recovery.passive_ratio_max;
        let far_over = position.abs().as_f64() > limit.as_f64() * ratio;
        Some(Excess {
            position,
            cause,
            urgent: far_over || self.grounds.liquidation,
        })
    }

    pub(super) fn sigma_for_unwinding(&self) -> f64 {
        let sigma = self.market.volatility.for_limits(self.exch_now());
        let measured = sigma.map(|sigma| sigma.value);
        measured.map_or(self.config.limits.sigma_prior(), |sigma| sigma)
    }

    /// Magnitude at or below which reduce-only ends.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a share of lots below 2^53"
    )]
    fn leave_level(&self, limits: &Limits) -> Sz {
        let limit = limits.for_position_if_heard(self.own.position()).as_f64();
        Sz(libm::floor(limit * self.config.limits.reduce_only_leave_frac()) as i64)
    }

    /// The immediate order that brings the exchange's position toward `aim`, at no less than `pace` lots
    /// an attempt, if the book can take one.
    pub(super) fn unwind(&self, aim: Sz, pace: Sz) -> Option<Unwind> {
        // Against what the exchange says we hold, as far as it has been heard.
        let position = self.own.position() + self.own.drift.unwrap_or(Sz::ZERO);
        let side = reducing_side(position)?;
        let unwinding = Unwinding {
            position,
            aim,
            touch: self.market.book.touch()?,
            visible: self.market.book.levels(side.opposite()),
            sigma: Some(self.sigma_for_unwinding()),
            limit: self.limit_to_unwind_by(position),
            pace,
        };
        unwind_order(&unwinding, &self.config.recovery, &self.instrument)
    }

    /// The limit in force at our last increase toward a position like this; of an inherited one, the
    /// derivation at start.
    pub(super) fn limit_at_increase(&self, position: Sz) -> Option<Sz> {
        let toward = if position < Sz::ZERO {
            Side::Ask
        } else {
            Side::Bid
        };
        self.control.admitted.of(toward)
    }

    /// The same; before a valid one was derived, the one in force.
    fn limit_to_unwind_by(&self, position: Sz) -> Sz {
        let in_force = || self.limits().map(|limits| limits.for_position(position));
        let admitted = self.limit_at_increase(position).or_else(in_force);
        admitted.unwrap_or(Sz::ZERO)
    }

    /// Brings the reducing side to the touch while the recovery is past waiting, and leaves out of it
    /// what an immediate order takes: together they are never more than the position, or the venue
    /// would cancel the earlier.
    pub(super) fn worked(&self, wanted: Vec<Quote>, unwind: Option<Unwind>) -> Vec<Quote> {
        let position = self.own.position();
        let Some(side) = reducing_side(position).filter(|_| self.is_at_touch()) else {
            return wanted;
        };
        let Some(touch) = self.market.book.touch().filter(|_| self.control.can_quote) else {
            return wanted;
        };
        let in_flight: Sz = self
            .orders
            .iter()
            .filter(|(_, o)| o.order.tif == Tif::Ioc && o.order.side == side)
            .map(|(_, o)| o.exposure())
            .sum();
        let taken = in_flight + unwind.map_or(Sz::ZERO, |unwind| unwind.sz);
        let quote = Quote {
            side,
            px: touch.px(side),
            sz: position.abs() - taken,
            reduce_only: true,
        };
        let stands = taken == Sz::ZERO || reaches(&quote, MIN_NOTIONAL);
        let others = wanted.into_iter().filter(|other| other.side != side);
        others
            .chain((quote.sz > Sz::ZERO && stands).then_some(quote))
            .collect()
    }

    /// Tolerance of the plan for one side: none where the touch is to be followed.
    pub(super) fn tolerance_of(&self, side: Side) -> Tolerance {
        let at_touch = self.is_at_touch();
        if at_touch && reducing_side(self.own.position()) == Some(side) {
            return Tolerance {
                px: Px::ZERO,
                sz_frac: 0.0,
                break_even: None,
            };
        }
        self.tolerance(side)
    }

    pub(super) const fn recovery(&self) -> Recovery {
        self.recover.manager.state()
    }

    /// Sends an immediate order, alone: never in one action with a post-only one.
    pub(super) fn send_unwind(
        &mut self,
        unwind: Unwind,
        reason: Reason,
        gate: &mut Gate,
        actions: &mut Vec<Action>,
    ) {
        if !gate.admit(unwind.side, unwind.sz, true) {
            return;
        }
        let order = NewOrder {
            cloid: self.orders.next_cloid(),
            side: unwind.side,
            px: unwind.px,
            sz: unwind.sz,
            tif: Tif::Ioc,
            reduce_only: true,
            reason,
        };
        self.orders.placed(order, self.now);
        let life = Dur::from_secs(self.config.action_life_s);
        let models = &mut self.market.models;
        models.on_own_take(unwind.side, self.now.plus(life));
        self.counts.immediate += 1;
        self.send(ActionBody::Place(vec![order]), actions);
    }

    /// A side that waits because the venue refused it still reduces: its orders are cut to the
    /// position and flagged, the rest of them waits.
    pub(super) fn reducing_part(
        &mut self,
        side: Side,
        wanted: Vec<Quote>,
        limit: Sz,
    ) -> Vec<Quote> {
        let position = self.own.position();
        let waits = self
            .recover
            .limiter
            .waits(self.now)
            .any(|wait| wait.side == side);
        if !waits || reducing_side(position) != Some(side) {
            return wanted;
        }
        let mut left = position.abs();
        let mut parts = Vec::with_capacity(wanted.len());
        for quote in wanted {
            let part = Quote {
                sz: quote.sz.min(left),
                reduce_only: true,
                ..quote
            };
            let legal =
                part.sz > Sz::ZERO && (reaches(&part, MIN_NOTIONAL) || part.sz == position.abs());
            let taken = if legal { part.sz } else { Sz::ZERO };
            if taken < quote.sz {
                let rest = Quote {
                    sz: quote.sz - taken,
                    ..quote
                };
                self.refuse(&rest, limit, RefusalReason::Backoff);
            }
            left -= taken;
            parts.extend(legal.then_some(part));
        }
        parts
    }

    /// Whether a new order must wait because the venue refused its like.
    pub(super) fn is_held_back(&self, quote: &Quote) -> bool {
        let intent = if quote.reduce_only {
            Intent::Reduce
        } else {
            Intent::Increase
        };
        let limiter = &self.recover.limiter;
        let again = quote.reduce_only && limiter.was_just_refused(quote.side, self.now);
        again || limiter.awaits_book(quote.side) || limiter.holds(quote.side, intent, self.now)
    }

    /// Whether an order that rests out of place must go because its replacement would be held back.
    pub(super) fn holds_amend(&self, quote: &Quote) -> bool {
        let mut waits = self.recover.limiter.waits(self.now);
        !quote.reduce_only && waits.any(|wait| wait.side == quote.side)
    }
}

/// Whether a move of the position is a large part of its limit.
pub(super) fn is_large(moved: Sz, limit: Sz) -> bool {
    moved.abs().0 > limit.0 / 4
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The engine wakes when a wait ends, and for none that is over.
    #[test]
    fn a_wait_wakes_at_its_end() {
        let config = &crate::recovery::tests::CONFIG;
        let mut recover = Recover::default();
        assert_eq!(recover.wake_at(Time(0), config), None);
        for _ in 0..config.reject_strikes {
            let class = crate::event::RejectionClass::Margin;
            recover
                .limiter
                .on_refused(Side::Bid, class, Time(0), config);
        }
        let end = Time(0).plus(Dur::from_secs(config.reject_backoff_s));
        assert_eq!(recover.wake_at(Time(0), config), Some(end));
        assert_eq!(recover.wake_at(Time(end.0 - 1), config), Some(end));
        assert_eq!(recover.wake_at(end, config), None);
        let mut recover = Recover::default();
        let drift = Some(Sz(1));
        recover.reconciler.on_report(drift, Time(0), config);
        let end = recover.reconciler.wake_at(config).unwrap();
        assert_eq!(recover.wake_at(Time(end.0 - 1), config), Some(end));
        assert_eq!(recover.wake_at(end, config), None);
    }

    #[test]
    fn more_than_a_quarter_of_the_limit_is_large() {
        for sign in [1, -1] {
            assert!(is_large(Sz(sign * 26), Sz(100)));
            assert!(!is_large(Sz(sign * 25), Sz(100)));
            assert!(!is_large(Sz(0), Sz(0)));
        }
    }
}
