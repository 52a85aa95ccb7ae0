//! The opening phases, and what each demands of the mode.
//!
//! ```text
//! Starting --anchor--> Observe --sigma and fresh book, or deadline--> QuoteMin --time--> Normal
//!                         any of them --stop or kill--> Stopping
//! ```
//! No phase waits for something that only the next can produce, and each has a deadline. After that of
//! `Observe` any fresh book will do: without one nothing can be priced. A position that was inherited is
//! worked down in `Observe` already.

use serde::Serialize;

use super::config::ControlConfig;
use super::mode::{Demand, Mode, ModeReason};
use crate::units::{Dur, Time};

/// Where a session is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The exchange has not been synchronised.
    Starting,
    /// Watching the market.
    Observe,
    /// Smallest quotes at the configured spread.
    QuoteMin,
    /// Full quoting.
    Normal,
    /// Trading ends.
    Stopping,
}

/// What the phases look at: whether each input may be quoted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four independent observations, not a state"
)]
pub struct Health {
    /// An uncrossed, two-sided book whose age is inside its deadline.
    pub book_fresh: bool,
    /// Both streams deliver.
    pub streams_up: bool,
    /// Volatility is ready.
    pub sigma_ready: bool,
    /// The ledger and the exchange agree.
    pub explained: bool,
}

impl Health {
    /// Whether anything can be priced. A stream of ours that is down takes the increasing side alone:
    /// what only reduces cannot go too far, whoever hears of its fills.
    #[must_use]
    pub const fn can_price(&self) -> bool {
        self.book_fresh
    }

    /// Whether what is quoted can be priced, and its fills be heard of.
    #[must_use]
    pub const fn can_open(&self) -> bool {
        self.book_fresh && self.streams_up
    }

    /// What each ill demands.
    pub fn demands(&self) -> impl Iterator<Item = Demand> {
        [
            (self.streams_up, ModeReason::StreamDown),
            (self.book_fresh, ModeReason::MarketStale),
            (self.explained, ModeReason::PositionUnexplained),
        ]
        .into_iter()
        .filter(|(well, _)| !well)
        .map(|(_, reason)| Demand::new(Mode::ReduceOnly, reason))
    }
}

/// The state machine of the phases.
#[derive(Clone, Copy, Debug)]
pub struct Phases {
    config: ControlConfig,
    phase: Phase,
    since: Time,
    fresh_since: Option<Time>,
}

impl Phases {
    /// Before anything is known.
    #[must_use]
    pub const fn new(config: ControlConfig) -> Self {
        Self {
            config,
            phase: Phase::Starting,
            since: Time::ZERO,
            fresh_since: None,
        }
    }

    /// The present phase.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// The exchange is synchronised.
    pub fn anchor(&mut self, now: Time) {
        if self.phase == Phase::Starting {
            self.enter(Phase::Observe, now);
        }
    }

    /// The session stops, for good.
    pub fn stop(&mut self, now: Time) {
        self.enter(Phase::Stopping, now);
    }

    /// Moves on when it is time, and says what the phase demands.
    pub fn update(&mut self, now: Time, health: Health) -> Option<Demand> {
        if !health.can_open() {
            self.fresh_since = None;
        } else if self.fresh_since.is_none() {
            self.fresh_since = Some(now);
        }
        let config = self.config;
        let lasted = |since: Time, secs: f64| now.since(since) >= Dur::from_secs(secs);
        let book_seen = self
            .fresh_since
            .is_some_and(|since| lasted(since, config.observe_book_s));
        if self.phase == Phase::Observe {
            let waited = lasted(self.since, config.observe_deadline_s);
            if (book_seen && health.sigma_ready) || (waited && health.can_open()) {
                self.enter(Phase::QuoteMin, now);
            }
        } else if self.phase == Phase::QuoteMin && lasted(self.since, config.quote_min_s) {
            self.enter(Phase::Normal, now);
        }
        let (mode, reason) = match self.phase {
            Phase::Starting => (Mode::Halted, ModeReason::NotAnchored),
            Phase::Observe if !book_seen => (Mode::ReduceOnly, ModeReason::WaitingForBook),
            Phase::Observe => (Mode::ReduceOnly, ModeReason::WaitingForSigma),
            Phase::QuoteMin | Phase::Normal | Phase::Stopping => return None,
        };
        Some(Demand::new(mode, reason))
    }

    /// When time alone may move it next, after `now`. A time that passed and moved nothing waits for
    /// something else.
    #[must_use]
    pub fn wake_at(&self, now: Time) -> Option<Time> {
        let after = |since: Time, secs: f64| since.plus(Dur::from_secs(secs));
        let times = match self.phase {
            Phase::Observe => [
                self.fresh_since
                    .map(|since| after(since, self.config.observe_book_s)),
                Some(after(self.since, self.config.observe_deadline_s)),
            ],
            Phase::QuoteMin => [Some(after(self.since, self.config.quote_min_s)), None],
            _ => [None, None],
        };
        times.into_iter().flatten().filter(|at| *at > now).min()
    }

    fn enter(&mut self, phase: Phase, now: Time) {
        self.phase = phase;
        self.since = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::config::tests::CONFIG;
    use crate::units::SECOND;

    const WELL: Health = Health {
        book_fresh: true,
        streams_up: true,
        sigma_ready: true,
        explained: true,
    };

    fn at(second: i64) -> Time {
        Time(second * SECOND)
    }

    const fn reducing(reason: ModeReason) -> Demand {
        Demand::new(Mode::ReduceOnly, reason)
    }

    #[test]
    fn it_opens_in_order() {
        let mut phases = Phases::new(CONFIG);
        let halted = Some(Demand::new(Mode::Halted, ModeReason::NotAnchored));
        assert_eq!(phases.update(at(0), WELL), halted);
        phases.anchor(at(0));
        assert_eq!(
            phases.update(at(1), WELL),
            Some(reducing(ModeReason::WaitingForBook))
        );
        assert_eq!(phases.update(at(10), WELL), None);
        assert_eq!(phases.phase(), Phase::QuoteMin);
        assert_eq!(phases.wake_at(at(10)), Some(at(70)));
        assert_eq!(phases.update(at(69), WELL), None);
        assert_eq!(phases.phase(), Phase::QuoteMin);
        assert_eq!(phases.update(at(70), WELL), None);
        assert_eq!(phases.phase(), Phase::Normal);
        phases.stop(at(71));
        assert_eq!(phases.update(at(72), WELL), None);
        assert_eq!(phases.phase(), Phase::Stopping);
    }

    #[test]
    fn without_volatility_it_waits_until_the_deadline_only() {
        let mut phases = Phases::new(CONFIG);
        phases.anchor(at(0));
        let blind = Health {
            sigma_ready: false,
            ..WELL
        };
        assert_eq!(
            phases.update(at(0), blind),
            Some(reducing(ModeReason::WaitingForBook))
        );
        assert_eq!(
            phases.update(at(119), blind),
            Some(reducing(ModeReason::WaitingForSigma))
        );
        assert_eq!(phases.update(at(120), blind), None);
    }

    #[test]
    fn it_never_asks_to_be_woken_in_the_past() {
        let mut phases = Phases::new(CONFIG);
        phases.anchor(at(0));
        let blind = Health {
            sigma_ready: false,
            ..WELL
        };
        phases.update(at(0), blind);
        assert_eq!(phases.wake_at(at(0)), Some(at(10)));
        phases.update(at(10), blind);
        assert_eq!(phases.wake_at(at(10)), Some(at(120)));
        let ill = Health {
            book_fresh: false,
            ..blind
        };
        phases.update(at(120), ill);
        assert_eq!(phases.wake_at(at(120)), None);
    }

    #[test]
    fn after_the_deadline_any_fresh_book_will_do() {
        let mut phases = Phases::new(CONFIG);
        phases.anchor(at(0));
        let ill = Health {
            book_fresh: false,
            ..WELL
        };
        for second in 0..40 {
            phases.update(at(5 * second), if second % 2 == 0 { WELL } else { ill });
            let opened = phases.phase() != Phase::Observe;
            assert_eq!(opened, 5 * second >= 120, "{second}");
        }
    }

    #[test]
    fn each_ill_demands_reducing_only() {
        let reasons = |f: fn(&mut Health)| {
            let mut health = WELL;
            f(&mut health);
            health
                .demands()
                .map(|d| (d.mode, d.reason))
                .collect::<Vec<_>>()
        };
        let alone = |reason| vec![(Mode::ReduceOnly, reason)];
        assert_eq!(reasons(|_| ()), []);
        assert_eq!(
            reasons(|h| h.book_fresh = false),
            alone(ModeReason::MarketStale)
        );
        assert_eq!(
            reasons(|h| h.streams_up = false),
            alone(ModeReason::StreamDown)
        );
        let unexplained = alone(ModeReason::PositionUnexplained);
        assert_eq!(reasons(|h| h.explained = false), unexplained);
    }
}
