//! Whether we quote: the opening phases and, while not quoting, the one reason why.
//!
//! ```text
//! Starting --anchor--> Observe --sigma and fresh book, or deadline--> QuoteMin --time--> Normal
//!                         any of them --stop--> Stopping
//! ```
//! No phase waits for something that only the next can produce, and each has a deadline.

use serde::Serialize;

use super::config::ControlConfig;
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
    /// Cancelling everything.
    Stopping,
}

/// Why nothing is quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NotQuoting {
    /// The exchange has not been synchronised.
    NotAnchored,
    /// No fresh two-sided book for long enough.
    WaitingForBook,
    /// Volatility is not known yet and its deadline has not passed.
    WaitingForSigma,
    /// Market data past its deadline.
    MarketStale,
    /// A stream is down.
    StreamDown,
    /// A fill did not continue from our position.
    PositionUnexplained,
    /// The session stops.
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

    /// Moves on when it is time, and says why nothing may be quoted, if so.
    pub fn update(&mut self, now: Time, health: Health) -> Option<NotQuoting> {
        if !(health.book_fresh && health.streams_up) {
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
            if book_seen && (health.sigma_ready || waited) {
                self.enter(Phase::QuoteMin, now);
            }
        } else if self.phase == Phase::QuoteMin && lasted(self.since, config.quote_min_s) {
            self.enter(Phase::Normal, now);
        }
        match self.phase {
            Phase::Starting => Some(NotQuoting::NotAnchored),
            Phase::Stopping => Some(NotQuoting::Stopping),
            Phase::Observe if !book_seen => Some(NotQuoting::WaitingForBook),
            Phase::Observe => Some(NotQuoting::WaitingForSigma),
            _ if !health.streams_up => Some(NotQuoting::StreamDown),
            _ if !health.book_fresh => Some(NotQuoting::MarketStale),
            _ if !health.explained => Some(NotQuoting::PositionUnexplained),
            _ => None,
        }
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

    #[test]
    fn it_opens_in_order() {
        let mut phases = Phases::new(CONFIG);
        assert_eq!(phases.update(at(0), WELL), Some(NotQuoting::NotAnchored));
        phases.anchor(at(0));
        assert_eq!(phases.update(at(1), WELL), Some(NotQuoting::WaitingForBook));
        assert_eq!(phases.update(at(10), WELL), None);
        assert_eq!(phases.phase(), Phase::QuoteMin);
        assert_eq!(phases.update(at(69), WELL), None);
        assert_eq!(phases.phase(), Phase::QuoteMin);
        assert_eq!(phases.update(at(70), WELL), None);
        assert_eq!(phases.phase(), Phase::Normal);
        phases.stop(at(71));
        assert_eq!(phases.update(at(72), WELL), Some(NotQuoting::Stopping));
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
            Some(NotQuoting::WaitingForBook)
        );
        assert_eq!(
            phases.update(at(119), blind),
            Some(NotQuoting::WaitingForSigma)
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
    fn each_ill_stops_quotes_with_its_reason_and_heals() {
        let mut phases = Phases::new(CONFIG);
        phases.anchor(at(0));
        phases.update(at(0), WELL);
        phases.update(at(10), WELL);
        let ill = |f: fn(&mut Health)| {
            let mut health = WELL;
            f(&mut health);
            health
        };
        let stale = phases.update(at(11), ill(|h| h.book_fresh = false));
        assert_eq!(stale, Some(NotQuoting::MarketStale));
        let down = phases.update(at(12), ill(|h| h.streams_up = false));
        assert_eq!(down, Some(NotQuoting::StreamDown));
        let unexplained = phases.update(at(13), ill(|h| h.explained = false));
        assert_eq!(unexplained, Some(NotQuoting::PositionUnexplained));
        assert_eq!(phases.update(at(14), WELL), None);
    }
}
