//! The way out, as the exchange sees it: whether a reducing quote is there while one is needed, and whether
//! the book is crossed in time while the position is over its limit.
//!
//! It is a session's own: the machine begins anew with it. Time without a session, without its streams or
//! without a book to price by is no time in which it could have done anything, and does not count.
//!
//! LIMITS.md 6: any fall of the position is progress, so that what the quotes work off needs not cross.
//! Once the position has stood still for as long as a patient machine waits, nothing puts the crossing off
//! any more.

use mm_core::recovery::RecoveryConfig;
use mm_core::units::{Dur, SECOND, Time};

use super::outcome::Outcome;
use super::truth::Moment;

/// Longest time by which the session learns what the exchange knows: the longest way of a frame.
const HEARD: Dur = Dur(2 * SECOND);

/// How long each stage of the way out may take.
#[derive(Clone, Copy, Debug)]
struct Patience {
    /// Over the limit, before the quotes may count as stuck.
    passive: Dur,
    /// Without a fall.
    stuck: Dur,
    /// From then to the first order that crosses: the account is looked at, the touch is chased, and one
    /// round may find a book that takes nothing.
    crossing: Dur,
}

impl Patience {
    fn of(config: &RecoveryConfig) -> Self {
        let round_s = f64::from(config.ioc_attempts) * config.ioc_apart_s + config.ioc_cooldown_s;
        let crossing_s = config.reconcile_grace_s + config.chase_s + round_s;
        let heard = |secs: f64| Dur(Dur::from_secs(secs).0 + HEARD.0);
        Self {
            passive: heard(config.passive_s),
            stuck: heard(config.stuck_s),
            crossing: Dur::from_secs(crossing_s),
        }
    }
}

/// What is remembered of the way out. Times count while a session is able to act.
#[derive(Clone, Debug)]
pub(super) struct WayOut {
    patience: Patience,
    /// When a block was last watched, and the magnitude of the position then, lots.
    watched: Option<(Time, i64)>,
    /// Time over the limit.
    over: Dur,
    /// Of it, since the position last fell.
    still: Dur,
    /// Since the quotes counted as stuck, without anything sent that crosses.
    owed: Option<Dur>,
    over_since: Option<Time>,
    needed_since: Option<Time>,
}

impl WayOut {
    pub(super) fn new(config: &RecoveryConfig) -> Self {
        Self {
            patience: Patience::of(config),
            watched: None,
            over: Dur(0),
            still: Dur(0),
            owed: None,
            over_since: None,
            needed_since: None,
        }
    }

    /// A new session begins.
    pub(super) fn restarted(&mut self) {
        (self.over, self.still, self.owed) = (Dur(0), Dur(0), None);
        (self.watched, self.needed_since) = (None, None);
    }

    /// An immediate order that reduces was sent.
    pub(super) fn crossed(&mut self) {
        (self.still, self.owed) = (Dur(0), None);
    }

    /// Watches it at the end of a block. `able`: a session with all its streams and a book that it heard
    /// lately.
    pub(super) fn watch(
        &mut self,
        moment: &Moment<'_>,
        reduce_only: bool,
        able: bool,
        outcome: &mut Outcome,
    ) {
        let over = moment.position > moment.bounds[0] || -moment.position > moment.bounds[1];
        self.watch_crossing(moment, over, able, outcome);
        match (over && able, self.over_since) {
            (true, None) => self.over_since = Some(moment.now),
            (false, Some(since)) if !over => {
                outcome.to_flat_s.push(moment.now.since(since).as_secs());
                self.over_since = None;
            }
            _ => {}
        }
        let reducing = usize::from(moment.position > 0);
        let quoted = moment.could.iter().any(|order| order.side == reducing);
        let needed = (over || reduce_only) && moment.position != 0 && able;
        if !needed || quoted {
            self.needed_since = None;
            return;
        }
        let since = *self.needed_since.get_or_insert(moment.now);
        let lasted_s = moment.now.since(since).as_secs();
        outcome.no_reducing_quote_s = outcome.no_reducing_quote_s.max(lasted_s);
    }

    fn watch_crossing(
        &mut self,
        moment: &Moment<'_>,
        over: bool,
        able: bool,
        outcome: &mut Outcome,
    ) {
        let held = moment.position.abs();
        let before = self.watched.replace((moment.now, held));
        if !over {
            (self.over, self.still, self.owed) = (Dur(0), Dur(0), None);
            return;
        }
        let fell = before.is_some_and(|(_, before)| held < before);
        if fell {
            self.still = Dur(0);
        }
        let Some((at, _)) = before.filter(|_| able) else {
            return;
        };
        let passed = moment.now.since(at).0;
        self.over.0 += passed;
        self.still.0 += passed;
        if let Some(owed) = &mut self.owed {
            owed.0 += passed;
        } else if self.over >= self.patience.passive && self.still >= self.patience.stuck {
            self.owed = Some(Dur(0));
        }
        if self.owed.is_some_and(|owed| owed > self.patience.crossing) {
            let over_s = self.over.as_secs();
            let words = format!("over the limit for {over_s:.0} s, and did not cross the book");
            outcome.fail(moment.now, &words);
            self.crossed();
        }
    }

    /// How long the position has been over its limit now, s.
    pub(super) fn over_now_s(&self, now: Time) -> Option<f64> {
        self.over_since.map(|since| now.since(since).as_secs())
    }
}
