//! FLATTEN: immediate orders, as large as what is left of the deadline asks for; and while the venue or the
//! book takes none, a reducing quote at the touch, with an alarm that says why.

use super::Engine;
use crate::action::Tif;
use crate::control::{Alarm, CloseWait, Mode};
use crate::recovery::ioc::{Unwind, slippage_bps};
use crate::units::{Dur, SECOND, Sz, Time};

/// Longest time that closing waits for our own cancels: reduce-only on the wire, it is safe beside them.
const CANCELS_MAX: Dur = Dur(2 * SECOND);

/// What closing remembers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Closing {
    /// When the last order left.
    sent: Option<Time>,
    /// Why none can leave now.
    pub(super) wait: Option<CloseWait>,
    /// What was last told, and whether most of the time was gone.
    told: Option<(CloseWait, bool)>,
}

impl Closing {
    /// Whether a reducing quote stands in for what cannot be sent.
    pub(super) const fn is_chasing(&self) -> bool {
        matches!(
            self.wait,
            Some(CloseWait::PostOnlyPeriod | CloseWait::BookTooWide | CloseWait::BookTooThin)
        )
    }
}

impl Engine {
    /// Looks why closing has to wait, and says so: when it begins, and when most of the time is gone.
    pub(super) fn watch_closing(&mut self) {
        self.control.closing.wait = self.close_wait();
        let Some(why) = self.control.closing.wait else {
            return;
        };
        let left = self.time_to_close();
        let late = left.0 <= self.time_allowed().0 / 4;
        let told = self.control.closing.told.replace((why, late));
        if told != Some((why, late)) {
            self.alarms.push(Alarm::CloseWaits {
                why,
                position: self.own.position(),
                left_s: left.0.max(0) / SECOND,
            });
        }
    }

    fn close_wait(&self) -> Option<CloseWait> {
        if self.control.modes.mode() != Mode::Flatten {
            return None;
        }
        let touch = self.market.book.touch();
        let Some(touch) = touch.filter(|_| self.health().book_fresh) else {
            return Some(CloseWait::NoBook);
        };
        if self.recover.manager.is_post_only() {
            return Some(CloseWait::PostOnlyPeriod);
        }
        // Where the exchange says that nothing is held, there is nothing to close: the fills will tell.
        if self.held_there() == Sz::ZERO || self.order_to_close().is_some() {
            return None;
        }
        let sigma = Some(self.sigma_for_unwinding());
        let bound_bps = slippage_bps(&touch, sigma, &self.config.recovery);
        Some(if touch.spread_bps() / 2.0 > bound_bps {
            CloseWait::BookTooWide
        } else {
            CloseWait::BookTooThin
        })
    }

    /// The order that closes now, if the mode is FLATTEN and it is time for one.
    pub(super) fn close(&mut self) -> Option<Unwind> {
        if self.control.modes.mode() != Mode::Flatten || self.control.closing.wait.is_some() {
            return None;
        }
        let apart = self.apart();
        let sent = self.control.closing.sent;
        let paused = sent.is_some_and(|at| self.now.since(at) < apart);
        let live = || self.orders.iter().filter(|(_, o)| !o.is_over());
        let in_flight = live().any(|(_, o)| o.order.tif == Tif::Ioc);
        let waited = self.now.since(self.control.modes.since()) >= CANCELS_MAX;
        let admitted = self.requests.admits_reducing(self.now);
        if !admitted || paused || in_flight || (live().next().is_some() && !waited) {
            return None;
        }
        let unwind = self.order_to_close()?;
        self.control.closing.sent = Some(self.now);
        Some(unwind)
    }

    /// The position over the attempts that are left: one is kept for what the last of them leaves.
    fn order_to_close(&self) -> Option<Unwind> {
        let attempts = (self.time_to_close().0 / self.apart().0.max(1) - 1).max(1);
        let position = self.held_there();
        let lots = position.abs().0;
        let pace = Sz(lots / attempts + i64::from(lots % attempts != 0));
        self.unwind(Sz::ZERO, pace)
    }

    /// The position as far as the exchange has told it.
    fn held_there(&self) -> Sz {
        self.own.position() + self.own.drift.unwrap_or(Sz::ZERO)
    }

    fn apart(&self) -> Dur {
        Dur::from_secs(self.config.recovery.ioc_apart_s)
    }

    /// What the end under way may take in whole.
    fn time_allowed(&self) -> Dur {
        let control = &self.config.control;
        Dur::from_secs(if self.control.kill.is_some() {
            control.kill_deadline_s
        } else {
            control.exit_deadline_s
        })
    }

    /// What is left of it; negative when it is over.
    fn time_to_close(&self) -> Dur {
        let kill = self.control.kill.map(|kill| kill.at);
        let began = kill.or(self.control.stop.map(|stop| stop.at));
        let passed = began.map_or(Dur::ZERO, |began| self.now.since(began));
        Dur(self.time_allowed().0 - passed.0)
    }
}
