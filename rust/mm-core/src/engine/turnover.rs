//! How fast fills turn the limit over, and from that how long we may be stuck with a position: T.
//!
//! LIMITS.md 1: T is the time to unwind the limit at our own measured fill rate. Each fill counts as its
//! share of the limit it was made under, so T = time quoted / limits turned over. Both sums begin with
//! one base horizon and one limit, what an unknown rate means (T = 1x), and forget exponentially what is
//! older than the longest horizon, so that in the end the measured rate alone is left.
//!
//! Laws: T begins at the base horizon; a fill shortens it or keeps it; without fills it lengthens by less
//! than two seconds in a second (1.75 at most, between a first fill and the longest horizon); it does not
//! stand above four base horizons; the position is no part of it.

use super::Engine;
use crate::limits::SavedTurnover;
use crate::units::{Dur, Sz, Time};

/// The longest horizon, in base horizons: as the derivation clamps it.
const LONGEST: f64 = 4.0;

/// Time quoted and limits turned over, both decayed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Turnover {
    longest_s: f64,
    quoted_s: f64,
    limits: f64,
    at: Time,
    /// Whether full quoting has begun; of what was restored, not yet.
    begun: bool,
}

impl Turnover {
    /// Nothing measured yet: one limit in one base horizon.
    pub(super) const fn new(base_s: f64, now: Time) -> Self {
        Self {
            longest_s: LONGEST * base_s,
            quoted_s: base_s,
            limits: 1.0,
            at: now,
            begun: false,
        }
    }

    /// As an earlier session saved it; the time away is forgotten toward what an unknown rate means. One
    /// measured in another base horizon began with that: nothing is known in this one.
    #[expect(clippy::cast_precision_loss, reason = "a count of limits")]
    pub(super) fn restored(saved: &SavedTurnover, base_s: f64, now: Time) -> Self {
        let mut turnover = Self::new(base_s, now);
        if saved.base.is_some_and(|base| base != turnover.base()) {
            return turnover;
        }
        let longest_s = turnover.longest_s;
        let away_s = now.since(saved.at).as_secs().max(0.0);
        let kept = libm::exp(-away_s / longest_s);
        let quoted_s = saved.quoted.as_secs().min(longest_s);
        turnover.quoted_s += (quoted_s - turnover.quoted_s) * kept;
        turnover.limits += (saved.limits_nano as f64 / 1e9 - turnover.limits) * kept;
        turnover.limits = turnover.limits.max(turnover.quoted_s / longest_s);
        turnover
    }

    fn base(&self) -> Dur {
        Dur::from_secs(self.longest_s / LONGEST)
    }

    /// Full quoting begins; a time before it tells nothing.
    pub(super) const fn begin(&mut self) {
        self.begun = true;
    }

    /// What the next session should take up.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "limits turned over within the longest horizon, in billionths, saturating"
    )]
    pub(super) fn to_save(self) -> SavedTurnover {
        SavedTurnover {
            at: self.at,
            base: Some(self.base()),
            quoted: Dur::from_secs(self.quoted_s).max(Dur(1)),
            limits_nano: ((self.limits * 1e9) as i64).max(1),
        }
    }

    /// Time passes, with orders of ours that could fill or without: then it tells nothing.
    fn pass(&mut self, now: Time, quoted: bool) {
        let secs = now.since(self.at).as_secs();
        self.at = now;
        if !quoted || !self.begun {
            return;
        }
        let kept = libm::exp(-secs / self.longest_s);
        self.quoted_s = self.longest_s - (self.longest_s - self.quoted_s) * kept;
        self.limits = (self.limits * kept).max(self.quoted_s / self.longest_s);
    }

    /// A fill under this limit; one fill turns over a whole limit at most.
    fn on_fill(&mut self, sz: Sz, limit: Sz) {
        if limit > Sz::ZERO {
            self.limits += (sz.as_f64() / limit.as_f64()).min(1.0);
        }
    }

    /// Time to unwind the limit, s.
    pub(super) fn horizon_s(&self) -> f64 {
        self.quoted_s / self.limits
    }
}

impl Engine {
    /// Before anything is learnt: what rested until now could have filled until now.
    pub(super) fn count_quoted(&mut self) {
        let quoted = self.orders.exposures().next().is_some();
        if let Some(turnover) = &mut self.turnover {
            turnover.pass(self.now, quoted);
        }
    }

    pub(super) fn count_turnover(&mut self, sz: Sz) {
        if let (Some(turnover), Some((limits, _))) = (&mut self.turnover, &self.limits) {
            turnover.on_fill(sz, limits.long().max(limits.short()));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::units::SECOND;

    const BASE_S: f64 = 3600.0;
    const LIMIT: Sz = Sz(10_000);

    fn begun() -> Turnover {
        let mut turnover = Turnover::new(BASE_S, Time(SECOND));
        turnover.begin();
        turnover
    }

    fn after(turnover: &mut Turnover, secs: f64) {
        turnover.pass(turnover.at.plus(Dur::from_secs(secs)), true);
    }

    #[test]
    fn it_begins_at_the_base_and_lengthens_without_fills_to_four_times_it() {
        let mut turnover = begun();
        assert!((turnover.horizon_s() - BASE_S).abs() < 1e-9);
        after(&mut turnover, 600.0);
        assert!(
            (turnover.horizon_s() - 4214.0).abs() < 20.0,
            "{}",
            turnover.horizon_s()
        );
        for _ in 0..100 {
            after(&mut turnover, 3600.0);
        }
        assert!((turnover.horizon_s() - 4.0 * BASE_S).abs() < 1e-6);
        // The first fill after two quiet days shortens it by its own share and no more.
        turnover.on_fill(Sz(100), LIMIT);
        assert!((turnover.horizon_s() - 4.0 * BASE_S / 1.01).abs() < 1.0);
    }

    #[test]
    fn without_orders_of_ours_time_tells_nothing() {
        let mut turnover = begun();
        turnover.pass(Time(90_000 * SECOND), false);
        assert!((turnover.horizon_s() - BASE_S).abs() < 1e-9);
        after(&mut turnover, 1.0);
        assert!((turnover.horizon_s() - BASE_S).abs() < 1.01);
    }

    #[test]
    fn a_fill_under_no_limit_turns_nothing_over() {
        let mut turnover = begun();
        turnover.on_fill(Sz(10), Sz::ZERO);
        assert!((turnover.horizon_s() - BASE_S).abs() < 1e-9);
    }

    #[test]
    fn a_steady_stream_of_fills_goes_to_the_limit_over_the_fill_rate() {
        for (lots, every_s) in [(50, 30.0), (100, 120.0), (1_000, 600.0), (1, 2.0)] {
            let mut turnover = begun();
            let mut secs = 0.0;
            while secs < 40.0 * BASE_S {
                after(&mut turnover, every_s);
                turnover.on_fill(Sz(lots), LIMIT);
                secs += every_s;
            }
            let wanted = LIMIT.as_f64() / (Sz(lots).as_f64() / every_s);
            let wanted = wanted.min(4.0 * BASE_S);
            let found = turnover.horizon_s();
            assert!((found / wanted - 1.0).abs() < 0.06, "{found} {wanted}");
        }
    }

    /// A restart goes on with the T it had; a day away is forgotten.
    #[test]
    fn what_was_measured_outlives_the_session() {
        let mut before = begun();
        for _ in 0..100 {
            after(&mut before, 3600.0);
        }
        let saved = before.to_save();
        let later = |secs| saved.at.plus(Dur::from_secs(secs));
        let back = |secs| Turnover::restored(&saved, BASE_S, later(secs)).horizon_s();
        assert!((back(0.0) - 4.0 * BASE_S).abs() < 1e-3);
        assert!(back(60.0) > 3.97 * BASE_S, "{}", back(60.0));
        assert!((back(5.0 * 86_400.0) - BASE_S).abs() < 1.0);
        let mut busy = begun();
        (0..4).for_each(|_| busy.on_fill(LIMIT, LIMIT));
        assert_eq!(busy.to_save().limits_nano, 5_000_000_000);
        let back_busy = Turnover::restored(&busy.to_save(), BASE_S, busy.at);
        assert!((back_busy.horizon_s() - BASE_S / 5.0).abs() < 1e-6);
        let mut waiting = Turnover::restored(&saved, BASE_S, later(0.0));
        waiting.pass(later(600.0), true);
        assert!(
            (waiting.horizon_s() - back(0.0)).abs() < 1e-9,
            "before full quoting"
        );
    }

    /// An hour that an unknown rate meant says nothing of a horizon of a minute, nor the reverse.
    #[test]
    fn another_base_horizon_begins_anew() {
        for (was_s, is_s) in [(3_600.0, 60.0), (60.0, 3_600.0), (3_600.0, 3_600.1)] {
            let mut before = Turnover::new(was_s, Time(SECOND));
            before.begin();
            after(&mut before, 300.0);
            let saved = before.to_save();
            let back = Turnover::restored(&saved, is_s, saved.at);
            assert!((back.horizon_s() - is_s).abs() < 1e-9, "{was_s} {is_s}");
            let same = Turnover::restored(&saved, was_s, saved.at);
            assert!((same.horizon_s() - before.horizon_s()).abs() < 1e-5);
        }
    }

    proptest! {
        #[test]
        fn prop_a_fill_never_lengthens_and_time_lengthens_by_less_than_two(
            steps in prop::collection::vec((0.0..300.0_f64, any::<bool>(), 0..20_000_i64, 0..20_000_i64), 1..300)
        ) {
            let mut turnover = begun();
            for (secs, quoted, sz, limit) in steps {
                let before = turnover.horizon_s();
                turnover.pass(turnover.at.plus(Dur::from_secs(secs)), quoted);
                let passed = turnover.horizon_s();
                prop_assert!(before - 1e-6 <= passed && passed <= before + 2.0 * secs + 1e-6);
                prop_assert!(passed <= 4.0 * BASE_S + 1e-6);
                turnover.on_fill(Sz(sz), Sz(limit));
                prop_assert!(turnover.horizon_s() <= passed);
            }
        }
    }
}
