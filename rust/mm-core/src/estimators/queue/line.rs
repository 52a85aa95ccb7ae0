//! Where one order of ours stands in the queue at its price, told once for each belief about cancels.
//!
//! Known: the size displayed when it arrived (all of it ahead), the trades at the price, and each
//! displayed size since. Not known: whether a cancel was ahead of us or behind. Three answers bound
//! the truth ([`QueueBound`]); in each of them a displayed size smaller than what we believe ahead
//! proves that the difference is gone.
//!
//! Most recorded trades arrive *after* a display frame of the same block, so a drop of the displayed
//! size is first taken for a cancel and turned back into a trade when the trade shows up.

use serde::{Deserialize, Serialize};

use crate::units::{Dur, Sz, Time};

/// A drop of the displayed size can still turn out to be a trade this long after (measured: 99 % of
/// late trades are at most 0.6 s behind the display).
const TRADES_TRAIL: Dur = Dur::from_millis(1_000);

/// Whose orders were cancelled when the displayed size fell without a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QueueBound {
    /// Those behind us, as long as there are any.
    Pessimistic,
    /// Ahead and behind in proportion.
    Prorata,
    /// Those ahead of us, as long as there are any.
    Optimistic,
}

impl QueueBound {
    /// All three, the one that is reported first at first place.
    pub const ALL: [Self; 3] = [Self::Pessimistic, Self::Prorata, Self::Optimistic];

    /// The name that options and JSON show.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pessimistic => "pessimistic",
            Self::Prorata => "prorata",
            Self::Optimistic => "optimistic",
        }
    }

    /// Size ahead when a price of unknown queue comes into the recorded levels showing `shown`:
    /// the order is older than that moment, so anything from none to all of it may be ahead.
    const fn ahead_when_found(self, shown: Sz) -> Sz {
        match self {
            Self::Pessimistic => shown,
            Self::Prorata => Sz((shown.0 + 1) / 2),
            Self::Optimistic => Sz::ZERO,
        }
    }

    /// How much of a cancel of `cancelled` (at most `ahead + behind`) was ahead of us.
    fn ahead_of(self, cancelled: i64, ahead: i64, behind: i64) -> i64 {
        match self {
            Self::Pessimistic => (cancelled - behind).max(0),
            Self::Prorata => share(cancelled, ahead, ahead + behind),
            Self::Optimistic => cancelled.min(ahead),
        }
    }
}

/// `part x of / whole`, rounded down.
fn share(part: i64, of: i64, whole: i64) -> i64 {
    if whole == 0 {
        return 0;
    }
    let exact = i128::from(part) * i128::from(of) / i128::from(whole);
    i64::try_from(exact).unwrap_or(i64::MAX)
}

/// The queue at our price as we believe it, without us. Lots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queue {
    bound: QueueBound,
    /// `None` until the price has been inside the recorded levels.
    ahead: Option<i64>,
    behind: i64,
    /// Exchange time of the display that first told of the queue: it was net of all trades before.
    known: Time,
    /// Exchange time of the last display that told of it.
    seen: Time,
    /// Fall of the displayed size that no trade explains yet, and how much of it was taken from ahead.
    unexplained: i64,
    from_ahead: i64,
    fell: Time,
}

impl Queue {
    /// Joins the end of a queue of `shown` lots (`None`: price outside the recorded levels), as
    /// displayed at `exch`.
    #[must_use]
    pub fn join(bound: QueueBound, shown: Option<Sz>, exch: Time) -> Self {
        Self {
            bound,
            ahead: shown.map(|sz| sz.0),
            behind: 0,
            known: exch,
            seen: exch,
            unexplained: 0,
            from_ahead: 0,
            fell: exch,
        }
    }

    /// Lots ahead of us; `None` while nothing is known.
    #[must_use]
    pub fn ahead(&self) -> Option<Sz> {
        self.ahead.map(Sz)
    }

    /// A display of exchange time `exch` shows `total` lots at our price.
    pub fn show(&mut self, total: Sz, exch: Time) {
        self.seen = exch;
        let Some(ahead) = self.ahead else {
            let ahead = self.bound.ahead_when_found(total).0;
            self.ahead = Some(ahead);
            self.behind = total.0 - ahead;
            self.known = exch;
            return;
        };
        let change = total.0 - ahead - self.behind;
        if change >= 0 {
            self.behind += change;
            return;
        }
        let gone = -change;
        let from_ahead = self.bound.ahead_of(gone, ahead, self.behind);
        self.ahead = Some(ahead - from_ahead);
        self.behind -= gone - from_ahead;
        if exch.since(self.fell) > TRADES_TRAIL {
            self.unexplained = 0;
            self.from_ahead = 0;
        }
        self.fell = exch;
        self.unexplained += gone;
        self.from_ahead += from_ahead;
    }

    /// A trade of `sz` lots at our price at exchange time `exch`: what of it reaches us, in lots.
    pub fn trade(&mut self, sz: Sz, exch: Time) -> Sz {
        let Some(mut ahead) = self.ahead else {
            return Sz::ZERO;
        };
        if exch <= self.known {
            return Sz::ZERO;
        }
        let mut total = ahead + self.behind;
        if exch <= self.seen {
            // The display already shows the book after this trade: what fell was no cancel.
            let explained = sz.0.min(self.unexplained);
            let back = share(self.from_ahead, explained, self.unexplained);
            ahead += back;
            self.unexplained -= explained;
            self.from_ahead -= back;
        } else {
            total -= sz.0;
        }
        let reaches = (sz.0 - ahead).max(0);
        let ahead = (ahead - sz.0).max(0);
        self.ahead = Some(ahead);
        self.behind = (total - ahead).max(0);
        Sz(reaches)
    }

    /// `gone` lots were likely cancelled unseen. Whoever came in their stead is behind us, which the next display
    /// tells. A pessimist believes that they all were behind.
    pub fn cancelled(&mut self, gone: Sz) {
        let Some(ahead) = self.ahead.filter(|_| self.bound != QueueBound::Pessimistic) else {
            return;
        };
        let gone = gone.0.min(ahead + self.behind);
        // Counted often and in small pieces: rounded down, too much would stay ahead.
        let twice = self.bound.ahead_of(2 * gone, 2 * ahead, 2 * self.behind);
        let from_ahead = ((twice + 1) / 2).min(gone).min(ahead);
        self.ahead = Some(ahead - from_ahead);
        self.behind -= gone - from_ahead;
    }

    /// We were not met though we believed to be: at least `left` lots are still ahead.
    pub fn outlasted(&mut self, left: Sz) {
        if let Some(ahead) = self.ahead.filter(|ahead| *ahead < left.0) {
            self.ahead = Some(left.0);
            self.behind = (ahead + self.behind - left.0).max(0);
        }
    }

    /// Lots at our price that are not ours, as we believe; `None` while nothing is known.
    #[must_use]
    pub fn total(&self) -> Option<Sz> {
        self.ahead.map(|ahead| Sz(ahead + self.behind))
    }

    /// A trade went through our price: nobody is ahead any more.
    pub fn swept(&mut self) {
        self.ahead = Some(0);
        self.behind = 0;
        self.unexplained = 0;
        self.from_ahead = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [QueueBound; 3] = QueueBound::ALL;

    fn joined(bound: QueueBound) -> Queue {
        let mut queue = Queue::join(bound, Some(Sz(10)), Time(0));
        queue.show(Sz(16), Time(1));
        queue
    }

    #[test]
    fn a_cancel_is_ahead_behind_or_shared() {
        let ahead = ALL.map(|bound| {
            let mut queue = joined(bound);
            queue.show(Sz(8), Time(2));
            queue.ahead().unwrap().0
        });
        assert_eq!(ahead, [8, 5, 2]);
    }

    #[test]
    fn a_trade_told_late_is_the_trade_told_in_time() {
        for bound in ALL {
            let (mut early, mut late) = (joined(bound), joined(bound));
            assert_eq!(early.trade(Sz(7), Time(2)), Sz(0));
            early.show(Sz(9), Time(2));
            late.show(Sz(9), Time(2));
            assert_eq!(late.trade(Sz(7), Time(2)), Sz(0));
            assert_eq!(
                (late.ahead, late.behind),
                (early.ahead, early.behind),
                "{bound:?}"
            );
            assert_eq!(late.ahead(), Some(Sz(3)));
            assert_eq!(late.trade(Sz(5), Time(3)), Sz(2));
        }
    }

    #[test]
    fn what_the_first_display_had_seen_changes_nothing() {
        let mut queue = Queue::join(QueueBound::Optimistic, Some(Sz(10)), Time(5));
        assert_eq!(queue.trade(Sz(50), Time(5)), Sz(0));
        assert_eq!(queue.ahead(), Some(Sz(10)));
    }

    #[test]
    fn an_unknown_queue_lets_nothing_through_until_it_is_displayed() {
        for (bound, ahead) in ALL.into_iter().zip([5, 3, 0]) {
            let mut queue = Queue::join(bound, None, Time(0));
            assert_eq!(queue.trade(Sz(100), Time(1)), Sz(0));
            queue.show(Sz(5), Time(2));
            assert_eq!(queue.ahead(), Some(Sz(ahead)));
        }
    }
}

#[cfg(test)]
mod property_tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn prop_the_bounds_stay_in_order_and_never_exceed_the_display(
            start in 0_i64..100,
            steps in prop::collection::vec((any::<bool>(), 0_i64..60), 0..40),
        ) {
            let mut queues = QueueBound::ALL.map(|b| Queue::join(b, Some(Sz(start)), Time(0)));
            for (at, (trade, sz)) in (1..).zip(steps) {
                let reached = queues.each_mut().map(|queue| {
                    let reached = if trade { queue.trade(Sz(sz), Time(at)) } else { Sz::ZERO };
                    queue.show(if trade { Sz(queue.ahead.unwrap() + queue.behind) } else { Sz(sz) }, Time(at));
                    reached
                });
                let [pess, prorata, opt] = queues.map(|queue| queue.ahead.unwrap());
                prop_assert!(pess >= prorata && prorata >= opt && opt >= 0);
                prop_assert!(reached[0] <= reached[1] && reached[1] <= reached[2]);
                if !trade {
                    prop_assert!(queues.iter().all(|q| q.ahead.unwrap() + q.behind == sz));
                }
            }
        }

        #[test]
        fn prop_order_of_trade_and_display_does_not_matter_for_one_drop(
            start in 0_i64..100, added in 0_i64..50, sold in 0_i64..160,
        ) {
            for bound in QueueBound::ALL {
                let mut early = Queue::join(bound, Some(Sz(start)), Time(0));
                early.show(Sz(start + added), Time(1));
                let mut late = early;
                let left = (start + added - sold).max(0);
                let reached = early.trade(Sz(sold), Time(2));
                early.show(Sz(left), Time(2));
                late.show(Sz(left), Time(2));
                prop_assert_eq!(late.trade(Sz(sold), Time(2)), reached);
                prop_assert_eq!((late.ahead, late.behind), (early.ahead, early.behind));
            }
        }
    }
}
