//! What must hold once the kill switch has latched, and across restarts for the day's losses.

use mm_core::action::{Action, ActionBody, NewOrder, Tif};
use mm_core::budget::Restored;
use mm_core::control::{Alarm, CloseWait, KillReason, PositionPolicy};
use mm_core::event::{Command, EventBody};
use mm_core::units::{Dur, SECOND, Side, Sz, Time, Usd};

use super::world::{ChaosError, Session, USER, World};
use crate::exchange::MoneyWhy;

/// Longest time from the end of the faults, a later latch, the last piece closed or the last trade by hand
/// until a policy is done: a position goes in pieces of a share of the limit, a second apart, however many
/// those are, and a piece whose answer is lost is waited for as long as any.
const CLOSED_WITHIN: Dur = Dur(15 * SECOND);

/// The latch, as the world remembers it: a session that died after it is not followed by another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Killed {
    pub(super) reason: KillReason,
    pub(super) at: Time,
    /// Magnitude of the position at the last block, lots, and when it last fell or a hand traded.
    held: Sz,
    moved: Time,
    /// Since when a position is being flattened.
    closing: Option<Time>,
}

impl World {
    /// The operator kills, when it is time.
    pub(super) fn kill_by_hand(&mut self) -> Result<(), ChaosError> {
        if self.session.is_none() || self.kill_at.is_none_or(|at| at > self.now) {
            return Ok(());
        }
        self.kill_at = None;
        self.step(EventBody::Command(Command::Kill))
    }

    /// Notes a latch among the alarms of a step. Nobody unlocks: the runs end with this session.
    pub(super) fn note_kill(&mut self) {
        let Some(session) = &self.session else {
            return;
        };
        let latched = session
            .engine
            .alarms()
            .iter()
            .find_map(|alarm| match alarm {
                Alarm::KillLatched { reason, .. } => Some(*reason),
                _ => None,
            });
        let Some(reason) = latched else {
            return;
        };
        if let Some(earlier) = self.killed {
            let words = format!("killed again: {reason:?} after {:?}", earlier.reason);
            self.outcome.fail(self.now, &words);
        }
        let at = self.now;
        self.killed = Some(Killed {
            reason,
            at,
            held: self.position().abs(),
            moved: at,
            closing: None,
        });
        self.watch_closing();
        self.outcome.killed = Some(reason.as_str().to_owned());
        self.ends.clear();
    }

    /// Notes whether the position falls, at each block.
    pub(super) fn watch_killed(&mut self) {
        let (held, now) = (self.position().abs(), self.now);
        if let Some(killed) = &mut self.killed {
            if held < killed.held {
                killed.moved = now;
            }
            killed.held = held;
        }
        self.watch_closing();
    }

    /// Measures how long a position takes to be flat where the policy after a kill is to flatten it.
    fn watch_closing(&mut self) {
        let (held, now) = (self.position().abs(), self.now);
        let Some(killed) = &mut self.killed else {
            return;
        };
        if self.drawn.on_kill != PositionPolicy::Flatten {
            return;
        }
        if held > Sz::ZERO {
            killed.closing.get_or_insert(now);
        } else if let Some(since) = killed.closing.take() {
            let passed_s = now.since(since).as_secs();
            self.outcome.to_flat.finished_s.push(passed_s);
        }
    }

    /// Whether a position is being flattened now.
    pub(super) fn is_closing(&self) -> bool {
        self.killed.is_some_and(|killed| killed.closing.is_some())
    }

    /// What a hand trades after the latch is closed in its turn.
    pub(super) fn hand_moved_killed(&mut self, at: Time) {
        if let Some(killed) = &mut self.killed {
            killed.moved = at;
        }
    }

    /// Whether the book that the session was told of takes an immediate order that reduces, whatever its
    /// slippage bound has grown to: the touch is inside the least bound and holds more than a smallest one.
    fn book_takes(&self, session: &Session) -> bool {
        let engine = &session.engine;
        let [bid, ask] = Side::BOTH.map(|side| engine.book_levels(side).first());
        let Some((bid, ask)) = bid.zip(ask) else {
            return false;
        };
        let taken = if self.position() > Sz::ZERO { bid } else { ask };
        let recovery = &self.terms.engine.recovery;
        let mid = (bid.px + ask.px).as_f64() / 2.0;
        let half_bps = (ask.px - bid.px).as_f64() / 2.0 / mid * 1e4;
        let holds = (taken.px * taken.sz).as_usd() >= 2.0 * recovery.ioc_min_usd;
        holds && half_bps < recovery.ioc_slippage_bps / 2.0
    }

    /// After the latch only what reduces is sent, and only in the way that the policy allows: a flatten
    /// quotes only while it says that the book takes no immediate order, and the book does not say else,
    /// or that the venue takes post-only orders alone.
    pub(super) fn judge_killed(&mut self, actions: &[Action]) {
        if self.killed.is_none() {
            return;
        }
        let policy = self.drawn.on_kill;
        let waits = self.session.as_ref().is_some_and(|session| {
            match session.engine.snapshot().close_wait {
                Some(CloseWait::BookTooWide | CloseWait::BookTooThin) => !self.book_takes(session),
                Some(CloseWait::PostOnlyPeriod) => self.is_post_only(),
                _ => false,
            }
        });
        let orders = actions.iter().flat_map(|action| -> Vec<NewOrder> {
            match &action.body {
                ActionBody::Place(orders) => orders.clone(),
                ActionBody::Modify(amends) => amends.iter().map(|amend| amend.order).collect(),
                ActionBody::Cancel(_) => Vec::new(),
            }
        });
        let allowed = |order: &NewOrder| {
            order.reduce_only
                && match policy {
                    PositionPolicy::Work => true,
                    PositionPolicy::Flatten => order.tif == Tif::Ioc || waits,
                    PositionPolicy::Hold => false,
                }
        };
        let wrong: Vec<NewOrder> = orders.filter(|order| !allowed(order)).collect();
        if !wrong.is_empty() {
            let words = format!("sent after the kill, which asks for {policy:?}: {wrong:?}");
            self.outcome.fail(self.now, &words);
        }
    }

    /// At the end of the calm: what the policy wants is done, at the exchange and as shown.
    pub(super) fn judge_wound_up(&mut self) {
        let Some((killed, session)) = self.killed.zip(self.session.as_ref()) else {
            return;
        };
        let shown = session.engine.snapshot();
        let Some(kill) = shown.kill else {
            self.outcome.fail(self.now, "the latch is gone");
            return;
        };
        let position = self.position();
        let flat = position == Sz::ZERO;
        let free = self
            .exchange
            .open_orders(USER)
            .any(|order| order.cloid.is_some() && !order.reduce_only);
        let as_it_should = !free
            && match self.drawn.on_kill {
                PositionPolicy::Flatten => flat && kill.done && !self.own_rests(),
                PositionPolicy::Hold => kill.done && !self.own_rests(),
                PositionPolicy::Work => flat == kill.done,
            };
        let storm_over = crate::chaos::world::START.plus(self.drawn.stormy);
        let had = self.now.since(killed.moved.max(storm_over));
        if !as_it_should && had >= CLOSED_WITHIN {
            let words = format!(
                "{:?} {:.1} s after the kill: position {}, drift {:?}, done {}, pending {:?}, orders {:?}, mode {:?}",
                self.drawn.on_kill,
                self.now.since(killed.at).as_secs(),
                position.0,
                shown.drift,
                kill.done,
                shown.pending,
                shown.orders,
                shown.mode
            );
            self.outcome.fail(self.now, &words);
        }
    }

    /// Keeps what the next session takes up, whenever equity may have changed.
    pub(super) fn save_budget(&mut self, body: &EventBody) {
        let moves = matches!(
            body,
            EventBody::Account(_) | EventBody::Transfer(_) | EventBody::Command(Command::Anchor(_))
        );
        if let Some(session) = self.session.as_ref().filter(|_| moves) {
            self.saved = session.engine.snapshot().budget.or(self.saved);
        }
    }

    /// A restart goes on with the day as it was.
    pub(super) fn judge_restored(&mut self, before: Option<Restored>) {
        let Some((before, now)) = before.zip(self.saved) else {
            return;
        };
        let goes_on =
            now.day > before.day || (now.opening == before.opening && now.day == before.day);
        if !goes_on || now.peak < before.peak {
            let words = format!("the day began anew at a restart: {before:?}, then {now:?}");
            self.outcome.fail(self.now, &words);
        }
        self.outcome.restored += 1;
    }

    /// The budgets' equity is the account's value less what was paid in since the first session.
    pub(super) fn judge_budget(&mut self) {
        let Some(session) = &self.session else {
            return;
        };
        let shown = session.engine.snapshot();
        let moved: Usd = self
            .exchange
            .money(USER)
            .filter(|moved| moved.why == MoneyWhy::Transfer && Some(moved.time) > self.first_at)
            .map(|moved| moved.usd)
            .sum();
        let net = shown.account_value.map(|value| value - moved);
        let equity = shown.budget.map(|budget| budget.equity);
        if equity
            .zip(net)
            .is_none_or(|(equity, net)| equity - net != Usd::ZERO)
        {
            let words =
                format!("the budgets count {equity:?}, the account net of transfers {net:?}");
            self.outcome.fail(self.now, &words);
        }
    }
}
