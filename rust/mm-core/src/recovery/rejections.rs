//! Refused orders: how long new ones wait, per side and per class of refusal.
//!
//! Three strikes, then `backoff x 2^(n - 3)`, capped; an accepted order of the side ends all waits of
//! it. A batch is one event. Cancels and reducing orders wait for no backoff; a reducing order that was
//! itself refused is sent again at once a few times, then once a second, not at the speed of the line. One
//! that would not have reduced waits that second from the first: its fill is on its way to us. A post-only
//! order that would have crossed waits for the book that shows why, and for nothing else until its third
//! strike.

use std::collections::BTreeMap;

use serde::Serialize;

use super::RecoveryConfig;
use crate::event::RejectionClass;
use crate::units::{Dur, SECOND, Side, Time};

/// What an order or cancel does to the position at worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// It may grow it.
    Increase,
    /// It can only shrink it.
    Reduce,
    /// It takes an order away.
    Cancel,
}

/// A wait of one side, as shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Wait {
    /// Side.
    pub side: Side,
    /// Class refused.
    pub class: RejectionClass,
    /// Refusals since an order of the side was accepted.
    pub strikes: u32,
    /// No new increasing order before this.
    pub until: Time,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Strikes {
    n: u32,
    until: Time,
}

/// Refusals in a row of a side's reducing orders that are answered by another at once.
const AT_ONCE: u32 = 5;
/// Pause before the next try after those.
const RETRY: Dur = Dur(SECOND);

/// The limiter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RejectionLimiter {
    /// By side (as an index) and class.
    strikes: BTreeMap<(usize, RejectionClass), Strikes>,
    /// Sides `[bid, ask]` whose last post-only order would have crossed, until the next book.
    crossed: [bool; 2],
    /// Refusals in a row of reducing orders, `[bid, ask]`.
    reducing_refused: [u32; 2],
    /// No new try of a refused reducing order of a side `[bid, ask]` before these times.
    retry_at: [Option<Time>; 2],
}

impl RejectionLimiter {
    /// The exchange refused an order of `side`, or several of one batch for one reason.
    pub fn on_refused(
        &mut self,
        side: Side,
        class: RejectionClass,
        now: Time,
        config: &RecoveryConfig,
    ) {
        let strikes = self
            .strikes
            .entry((side.index(), class))
            .or_insert(Strikes {
                n: 0,
                until: Time::ZERO,
            });
        strikes.n = strikes.n.saturating_add(1);
        if class == RejectionClass::Unknown {
            // Nobody knows what it means: no second try at once.
            strikes.n = strikes.n.max(config.reject_strikes);
        }
        if let Some(over) = strikes.n.checked_sub(config.reject_strikes) {
            let wait = config.reject_backoff_s * libm::exp2(f64::from(over));
            strikes.until = now.plus(Dur::from_secs(wait.min(config.reject_backoff_max_s)));
        }
        if class == RejectionClass::PostOnly {
            self.crossed[side.index()] = true;
        }
    }

    /// The exchange refused a reducing order of `side`.
    pub fn on_reducing_refused(&mut self, side: Side, now: Time) {
        let refused = &mut self.reducing_refused[side.index()];
        *refused = refused.saturating_add(1);
        self.retry_at[side.index()] = (*refused > AT_ONCE).then(|| now.plus(RETRY));
    }

    /// The exchange refused a reducing order of `side` because it would not reduce: the same would be
    /// refused again until the fill is heard that made it so.
    pub fn on_disproved(&mut self, side: Side, now: Time) {
        self.retry_at[side.index()] = Some(now.plus(RETRY));
    }

    /// The exchange accepted a reducing order.
    pub fn on_reducing_accepted(&mut self) {
        (self.reducing_refused, self.retry_at) = ([0; 2], [None; 2]);
    }

    /// Whether the last reducing order of `side` was refused a moment ago.
    #[must_use]
    pub fn was_just_refused(&self, side: Side, now: Time) -> bool {
        self.retry_at[side.index()].is_some_and(|at| now < at)
    }

    /// The exchange accepted an order of `side`.
    pub fn on_accepted(&mut self, side: Side) {
        self.strikes.retain(|(index, _), _| *index != side.index());
        self.crossed[side.index()] = false;
    }

    /// A newer top of the book: what would have crossed is priced anew.
    pub fn on_book(&mut self) {
        self.crossed = [false; 2];
    }

    /// Whether an order of `side` must wait at `now`. Never, for what cannot increase.
    #[must_use]
    pub fn holds(&self, side: Side, intent: Intent, now: Time) -> bool {
        intent == Intent::Increase
            && (self.crossed[side.index()] || self.waits(now).any(|wait| wait.side == side))
    }

    /// Whether the last post-only order of `side` would have crossed and no book came since: the same
    /// price would be refused again, whatever the order does.
    #[must_use]
    pub const fn awaits_book(&self, side: Side) -> bool {
        self.crossed[side.index()]
    }

    /// Waits that are not over at `now`.
    pub fn waits(&self, now: Time) -> impl Iterator<Item = Wait> {
        self.strikes
            .iter()
            .filter(move |(_, strikes)| now < strikes.until)
            .map(|((index, class), strikes)| Wait {
                side: Side::BOTH[*index],
                class: *class,
                strikes: strikes.n,
                until: strikes.until,
            })
    }

    /// When a wait is over next, after `now`.
    #[must_use]
    pub fn wake_at(&self, now: Time) -> Option<Time> {
        let waits = self.waits(now).map(|wait| wait.until);
        let retries = self.retry_at.into_iter().flatten();
        waits.chain(retries.filter(|at| *at > now)).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recovery::tests::CONFIG;
    use RejectionClass::{Margin, PostOnly, Unknown};

    fn at(second: i64) -> Time {
        Time(second * SECOND)
    }

    fn wait_s(limiter: &RejectionLimiter, now: Time) -> Option<i64> {
        limiter
            .wake_at(now)
            .map(|until| until.since(now).0 / SECOND)
    }

    #[test]
    fn three_strikes_then_the_wait_doubles_up_to_its_cap() {
        let mut limiter = RejectionLimiter::default();
        let mut waits = Vec::new();
        for _ in 0..9 {
            limiter.on_refused(Side::Bid, Margin, at(0), &CONFIG);
            waits.push(wait_s(&limiter, at(0)));
        }
        assert_eq!(waits[..2], [None, None]);
        assert_eq!(waits[2..], [5, 10, 20, 40, 80, 120, 120].map(Some));
        assert!(limiter.holds(Side::Bid, Intent::Increase, at(119)));
        assert!(!limiter.holds(Side::Bid, Intent::Increase, at(120)));
        assert!(!limiter.holds(Side::Ask, Intent::Increase, at(0)));
    }

    #[test]
    fn classes_and_sides_count_apart_and_an_accepted_order_clears_its_side() {
        let mut limiter = RejectionLimiter::default();
        for class in [Margin, Margin, RejectionClass::Price, RejectionClass::Price] {
            limiter.on_refused(Side::Bid, class, at(0), &CONFIG);
            limiter.on_refused(Side::Ask, class, at(0), &CONFIG);
        }
        assert!(!limiter.holds(Side::Bid, Intent::Increase, at(0)));
        limiter.on_accepted(Side::Bid);
        limiter.on_refused(Side::Bid, Margin, at(0), &CONFIG);
        limiter.on_refused(Side::Ask, Margin, at(0), &CONFIG);
        assert!(!limiter.holds(Side::Bid, Intent::Increase, at(0)));
        assert!(limiter.holds(Side::Ask, Intent::Increase, at(0)));
    }

    #[test]
    fn an_unknown_refusal_waits_from_the_first() {
        let mut limiter = RejectionLimiter::default();
        limiter.on_refused(Side::Bid, Unknown, at(0), &CONFIG);
        assert_eq!(wait_s(&limiter, at(0)), Some(5));
        limiter.on_refused(Side::Bid, Unknown, at(5), &CONFIG);
        assert_eq!(wait_s(&limiter, at(5)), Some(10));
    }

    /// Five in a row are answered at once, the sixth waits a second; an accepted one clears it.
    #[test]
    fn a_reducing_order_refused_again_and_again_slows_down() {
        let mut limiter = RejectionLimiter::default();
        for _ in 0..5 {
            limiter.on_reducing_refused(Side::Ask, at(0));
            assert!(!limiter.was_just_refused(Side::Ask, at(0)));
        }
        limiter.on_reducing_refused(Side::Ask, at(0));
        assert!(limiter.was_just_refused(Side::Ask, Time(at(1).0 - 1)));
        assert!(!limiter.was_just_refused(Side::Ask, at(1)));
        assert!(!limiter.was_just_refused(Side::Bid, at(0)));
        assert_eq!(limiter.wake_at(at(0)), Some(at(1)));
        assert_eq!(limiter.wake_at(at(1)), None);
        assert_eq!(limiter.wake_at(at(2)), None);
        limiter.on_reducing_accepted();
        limiter.on_reducing_refused(Side::Ask, at(0));
        assert!(!limiter.was_just_refused(Side::Ask, at(0)));
    }

    /// It would not reduce, so the position is another: a second for the news of it, whatever came before.
    #[test]
    fn a_reducing_order_that_would_not_reduce_waits_from_the_first() {
        let mut limiter = RejectionLimiter::default();
        for from in [0, 1, 7] {
            limiter.on_disproved(Side::Bid, at(from));
            assert!(limiter.was_just_refused(Side::Bid, Time(at(from + 1).0 - 1)));
            assert!(!limiter.was_just_refused(Side::Bid, at(from + 1)));
            assert!(!limiter.was_just_refused(Side::Ask, at(from)));
            assert_eq!(limiter.wake_at(at(from)), Some(at(from + 1)));
        }
        limiter.on_disproved(Side::Bid, at(9));
        limiter.on_reducing_accepted();
        assert!(!limiter.was_just_refused(Side::Bid, at(9)));
    }

    #[test]
    fn a_crossing_post_only_order_waits_for_the_next_book() {
        let mut limiter = RejectionLimiter::default();
        limiter.on_refused(Side::Bid, PostOnly, at(0), &CONFIG);
        assert!(limiter.holds(Side::Bid, Intent::Increase, at(100)));
        assert!(limiter.awaits_book(Side::Bid));
        limiter.on_book();
        assert!(!limiter.holds(Side::Bid, Intent::Increase, at(0)));
    }
}

#[cfg(test)]
mod property_tests {
    use super::*;
    use crate::recovery::tests::CONFIG;
    use proptest::prelude::*;

    const CLASSES: [RejectionClass; 16] = [
        RejectionClass::PostOnly,
        RejectionClass::NoMatch,
        RejectionClass::Margin,
        RejectionClass::ReduceOnly,
        RejectionClass::MinNotional,
        RejectionClass::Price,
        RejectionClass::Size,
        RejectionClass::Gone,
        RejectionClass::Budget,
        RejectionClass::Cap,
        RejectionClass::OpenInterest,
        RejectionClass::Nonce,
        RejectionClass::Expired,
        RejectionClass::Auth,
        RejectionClass::Transport,
        RejectionClass::Unknown,
    ];

    proptest! {
        #[test]
        fn prop_reducing_orders_and_cancels_never_wait_and_waits_end(
            steps in proptest::collection::vec((0_usize..2, 0_usize..17, 0_i64..200_000_000_000), 0..80),
        ) {
            let mut limiter = RejectionLimiter::default();
            let mut now = Time(1);
            for (side, what, dt) in steps {
                now = now.plus(Dur(dt));
                match CLASSES.get(what) {
                    Some(class) => limiter.on_refused(Side::BOTH[side], *class, now, &CONFIG),
                    None => limiter.on_accepted(Side::BOTH[side]),
                }
                for side in Side::BOTH {
                    prop_assert!(!limiter.holds(side, Intent::Reduce, now));
                    prop_assert!(!limiter.holds(side, Intent::Cancel, now));
                }
                let longest = now.plus(Dur::from_secs(CONFIG.reject_backoff_max_s));
                limiter.waits(now).try_for_each(|wait| {
                    prop_assert!(wait.until <= longest && wait.strikes >= CONFIG.reject_strikes);
                    Ok(())
                })?;
                let mut later = limiter.clone();
                later.on_book();
                prop_assert!(Side::BOTH.iter().all(|side| !later.holds(*side, Intent::Increase, longest)));
            }
        }
    }
}

#[cfg(test)]
mod exhaustive_tests {
    use super::*;
    use crate::recovery::tests::CONFIG;
    use crate::units::SECOND;

    #[derive(Clone, Copy, Debug)]
    enum Told {
        Refused(RejectionClass),
        /// As often as it takes to the longest wait.
        RefusedToTheCap,
        ReducingRefused,
        ReducingRefusedToItsPause,
        Disproved,
        ReducingAccepted,
        Accepted,
        Book,
        Seconds(i64),
    }

    const TOLD: [Told; 14] = [
        Told::Refused(RejectionClass::Margin),
        Told::Refused(RejectionClass::PostOnly),
        Told::Refused(RejectionClass::Unknown),
        Told::RefusedToTheCap,
        Told::ReducingRefused,
        Told::ReducingRefusedToItsPause,
        Told::Disproved,
        Told::ReducingAccepted,
        Told::Accepted,
        Told::Book,
        Told::Seconds(1),
        Told::Seconds(5),
        Told::Seconds(10),
        Told::Seconds(119),
    ];
    const LENGTH: u32 = 4;

    /// A limiter in the middle of a story, and what it must know whatever came before.
    struct Story {
        limiter: RejectionLimiter,
        now: Time,
        refused_in_row: u32,
        disproved: bool,
        capped_at: Option<Time>,
    }

    impl Story {
        fn hear(&mut self, told: Told) {
            let (limiter, now) = (&mut self.limiter, self.now);
            match told {
                Told::Refused(class) => limiter.on_refused(Side::Ask, class, now, &CONFIG),
                Told::RefusedToTheCap => {
                    for _ in 0..8 {
                        limiter.on_refused(Side::Ask, RejectionClass::Margin, now, &CONFIG);
                    }
                    self.capped_at = Some(now);
                }
                Told::ReducingRefused => self.refuse_reducing(1),
                Told::ReducingRefusedToItsPause => self.refuse_reducing(AT_ONCE + 1),
                Told::Disproved => {
                    limiter.on_disproved(Side::Ask, now);
                    self.disproved = true;
                }
                Told::ReducingAccepted => {
                    limiter.on_reducing_accepted();
                    (self.refused_in_row, self.disproved) = (0, false);
                }
                Told::Accepted => {
                    limiter.on_accepted(Side::Ask);
                    self.capped_at = None;
                }
                Told::Book => limiter.on_book(),
                Told::Seconds(secs) => self.now = now.plus(Dur(secs * SECOND)),
            }
        }

        fn refuse_reducing(&mut self, times: u32) {
            for _ in 0..times {
                self.limiter.on_reducing_refused(Side::Ask, self.now);
            }
            self.refused_in_row += times;
            self.disproved = false;
        }

        fn holds(&self, now: Time) -> bool {
            self.limiter.holds(Side::Ask, Intent::Increase, now)
        }

        fn check(&self, told: Told) {
            let (limiter, now) = (&self.limiter, self.now);
            let held = self.holds(now);
            if matches!(told, Told::Accepted) {
                assert!(!held);
            }
            if matches!(told, Told::Refused(RejectionClass::Unknown)) {
                assert!(held);
            }
            let cap = Dur::from_secs(CONFIG.reject_backoff_max_s);
            if self.capped_at.is_some_and(|at| now < at.plus(cap)) {
                assert!(held, "{told:?} at {now}");
            }
            for intent in [Intent::Reduce, Intent::Cancel] {
                assert!(!limiter.holds(Side::Ask, intent, now));
            }
            assert!(!limiter.holds(Side::Bid, Intent::Increase, now));
            assert!(limiter.waits(now).all(|wait| wait.until <= now.plus(cap)));
            let pauses = limiter.was_just_refused(Side::Ask, now);
            let refused = matches!(
                told,
                Told::ReducingRefused | Told::ReducingRefusedToItsPause
            );
            if refused {
                assert_eq!(pauses, self.refused_in_row > AT_ONCE, "{told:?}");
            }
            if matches!(told, Told::Disproved) {
                assert!(pauses);
            }
            assert!(!pauses || self.disproved || self.refused_in_row > AT_ONCE);
            assert!(!limiter.was_just_refused(Side::Ask, now.plus(RETRY)));
            assert!(!limiter.was_just_refused(Side::Bid, now));
            if let Some(at) = limiter.wake_at(now) {
                assert!((held || pauses) && at > now);
            }
        }
    }

    /// Every story of four events, to the longest wait and to the pause of what reduces, and what
    /// follows each by time alone.
    #[test]
    fn every_story_ends_free_and_holds_nothing_that_reduces() {
        for number in 0..TOLD.len().pow(LENGTH) {
            let mut story = Story {
                limiter: RejectionLimiter::default(),
                now: Time(SECOND),
                refused_in_row: 0,
                disproved: false,
                capped_at: None,
            };
            for place in 0..LENGTH {
                let told = TOLD[number / TOLD.len().pow(place) % TOLD.len()];
                story.hear(told);
                story.check(told);
            }
            story.limiter.on_book();
            let cap = Dur::from_secs(CONFIG.reject_backoff_max_s);
            assert!(!story.holds(story.now.plus(cap)));
        }
    }
}
