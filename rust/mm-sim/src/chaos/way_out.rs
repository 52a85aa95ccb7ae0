//! The way out, as the exchange sees it: whether a reducing quote is there while one is needed, and whether
//! the book is crossed in time while the position is over its limit.
//!
//! It is a session's own: the machine begins anew with it. Time without a session, without its streams or
//! without a book to price by is no time in which it could have done anything, and does not count.
//!
//! LIMITS.md 6: any fall of the position is progress, so that what the quotes work off needs not cross.
//! Once the position has stood still for as long as a patient machine waits, nothing puts the crossing off
//! any more.
//!
//! What only reduces may lawfully be kept away by orders of ours that increase and of which nobody knows
//! whether they still arrive, or what they filled: beside them it does not fit the limit. Their deadlines
//! are the bound. A position that hands made needs a quote from when the engine could know of it.

use mm_core::orders::{FILL_WINDOW, arrival_max};
use mm_core::recovery::RecoveryConfig;
use mm_core::units::{Dur, SECOND, Time};

use super::outcome::Outcome;
use super::terms::Terms;
use super::truth::Moment;

/// Longest time by which the session learns what the exchange knows: the longest way of a frame.
const HEARD: Dur = Dur(2 * SECOND);
/// Longest time without a reducing order while one is needed and could be sent: one that was refused is
/// sent again after a second, and the news that calls for it is heard, as is the book that it is priced by.
const AWAY: Dur = Dur(SECOND + 2 * HEARD.0);

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
    /// Time by which a client gives up on an answer.
    timeout: Dur,
    /// Longest time after which an action can still be carried out.
    arrival_max: Dur,
    /// Until when orders of a side that may increase can keep away what reduces.
    strays: [Time; 2],
    /// When a block was last watched, and the magnitude of the position then, lots.
    watched: Option<(Time, i64)>,
    /// Time over the limit.
    over: Dur,
    /// Whether the session began over its limit: such a position is worked off with no patience, since no
    /// falling limit made it too big.
    inherited: bool,
    /// Of it, since the position last fell.
    still: Dur,
    /// Since the quotes counted as stuck, without anything sent that crosses.
    owed: Option<Dur>,
    over_since: Option<Time>,
    /// When a block last showed that a reducing order is missing, and for how long one has been.
    missing: Option<(Time, Dur)>,
}

impl WayOut {
    pub(super) fn new(terms: &Terms) -> Self {
        Self {
            patience: Patience::of(&terms.engine.recovery),
            timeout: Dur::from_secs(terms.timeout_s),
            arrival_max: arrival_max(Dur::from_secs(terms.expires_after_s)),
            strays: [Time::ZERO; 2],
            watched: None,
            over: Dur(0),
            inherited: false,
            still: Dur(0),
            owed: None,
            over_since: None,
            missing: None,
        }
    }

    /// A new session begins.
    pub(super) fn restarted(&mut self) {
        (self.over, self.still, self.owed) = (Dur(0), Dur(0), None);
        (self.missing, self.watched) = (None, None);
    }

    /// The answer to an order of `side` that may increase will not come: it may arrive for so long, is
    /// looked for once a second, cancelled, and its fills are waited for.
    pub(super) fn lost(&mut self, side: usize, now: Time) {
        let known = Dur(self.arrival_max.0 + SECOND + 2 * HEARD.0);
        self.keep_away(side, now.plus(known).plus(FILL_WINDOW));
    }

    /// A cancel left for such an order; its fills are waited for.
    pub(super) fn cancelled(&mut self, side: usize, now: Time, lost: bool) {
        let known = if lost { self.timeout } else { Dur(2 * HEARD.0) };
        self.keep_away(side, now.plus(known).plus(FILL_WINDOW));
    }

    fn keep_away(&mut self, side: usize, until: Time) {
        self.strays[side] = self.strays[side].max(until);
    }

    /// An immediate order that reduces was sent.
    pub(super) fn crossed(&mut self) {
        (self.still, self.owed) = (Dur(0), None);
    }

    /// Watches it at the end of a block. `known`: the position as far as the engine could know of it;
    /// `able`: a session with all its streams and a book that it heard lately; `crossable`: as far as it
    /// can know, the venue takes immediate orders.
    pub(super) fn watch(
        &mut self,
        moment: &Moment<'_>,
        known: i64,
        under_way: [bool; 2],
        [reduce_only, crossable]: [bool; 2],
        able: bool,
        outcome: &mut Outcome,
    ) {
        let is_over = |held: i64| held > moment.bounds[0] || -held > moment.bounds[1];
        let over = is_over(moment.position);
        self.watch_crossing(moment, over, able && crossable, outcome);
        match (over && able, self.over_since) {
            (true, None) => self.over_since = Some(moment.now),
            (false, Some(since)) if !over => {
                let passed_s = moment.now.since(since).as_secs();
                outcome.back_inside.finished_s.push(passed_s);
                self.over_since = None;
            }
            _ => {}
        }
        let needed = known != 0 && (is_over(known) || reduce_only);
        let reducing = usize::from(known > 0);
        let quoted = moment.could.iter().any(|order| order.side == reducing);
        let missing = needed && !quoted && !under_way[reducing];
        let able = able && moment.now >= self.strays[reducing];
        self.watch_quote(moment.now, missing, able, outcome);
    }

    /// Counts the time for which a reducing order is missing.
    fn watch_quote(&mut self, now: Time, missing: bool, able: bool, outcome: &mut Outcome) {
        if !missing {
            self.missing = None;
            return;
        }
        let (at, lasted) = self.missing.unwrap_or((now, Dur(0)));
        let passed = if able { now.since(at).0 } else { 0 };
        let lasts = Dur(lasted.0 + passed);
        self.missing = Some((now, lasts));
        outcome.no_reducing_quote_s = outcome.no_reducing_quote_s.max(lasts.as_secs());
        if lasts > AWAY && lasted <= AWAY {
            let words = format!("no reducing quote for {:.1} s", lasts.as_secs());
            outcome.fail(now, &words);
        }
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
        self.inherited = over && (self.inherited || before.is_none());
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
        let waited = self.inherited || self.over >= self.patience.passive;
        if let Some(owed) = &mut self.owed {
            owed.0 += passed;
        } else if waited && self.still >= self.patience.stuck {
            self.owed = Some(Dur(0));
        }
        if self.owed.is_some_and(|owed| owed > self.patience.crossing) {
            let over_s = self.over.as_secs();
            let words = format!("over the limit for {over_s:.0} s, and did not cross the book");
            outcome.fail(moment.now, &words);
            self.crossed();
        }
    }

    /// Whether the position is over its limit now, and was while a session could act.
    pub(super) const fn is_over(&self) -> bool {
        self.over_since.is_some()
    }
}
