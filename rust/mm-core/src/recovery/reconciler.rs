//! The ledger against the exchange: fills move the position, account reports only check it.
//!
//! ```text
//!           disagrees                 again, grace later; or never cleared
//!  Agreed ------------> Suspected --------------------------------------------> Unexplained
//!    ^                     |  agrees                                            |  |
//!    +---------------------+----------------------------------------------------+  |  fills heard again and two
//!    |                                  agrees                                     v  reports that say the same
//!    +------------------------------------------------------------------------ correction: an entry and an alarm
//! ```
//! A fill that does not continue from our position goes to `Unexplained` at once. A report from before
//! our last fill says nothing. While `Unexplained` the mode is `REDUCE_ONLY`; it lasts until explained or
//! corrected, with an alarm at its beginning, and no longer than `kill_unexplained_s`: then the kill switch
//! latches, which is its deadline. One correction an hour: a
//! ledger that needs more is wrong in a way that a correction would hide.

use serde::Serialize;

use super::RecoveryConfig;
use crate::units::{Dur, SECOND, Sz, Time};

/// Least time between two corrections.
const CORRECTION_EVERY: Dur = Dur(3_600 * SECOND);
/// A suspicion that no comparable report has cleared within this many check intervals stands.
const CLEARED_WITHIN: f64 = 2.0;
/// Reports in a row that must say the same before it is believed.
const ALIKE: u32 = 2;

/// What is known of the agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Reconciliation {
    /// The last comparable report agreed, or none came yet.
    Agreed,
    /// One report disagreed.
    Suspected {
        /// Since when.
        since: Time,
    },
    /// The position is not what the fills say.
    Unexplained {
        /// Since when.
        since: Time,
        /// When a snapshot of fills was heard in this state: it did not explain it.
        fills_at: Option<Time>,
        /// The exchange's position less ours, and how many reports in a row since then said so.
        alike: (Sz, u32),
    },
}

/// What a step of the reconciler found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Nothing new.
    Nothing,
    /// Look again soon: account and fills.
    Look,
    /// From now on the position is unexplained.
    Unexplained,
    /// It is explained again.
    Explained,
    /// Nothing explains it and the exchange stands by it: correct the ledger by this much.
    Correct(Sz),
}

/// The machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PositionReconciler {
    state: Reconciliation,
    corrected_at: Option<Time>,
    confirmed_at: Option<Time>,
}

impl Default for PositionReconciler {
    fn default() -> Self {
        Self {
            state: Reconciliation::Agreed,
            corrected_at: None,
            confirmed_at: None,
        }
    }
}

impl PositionReconciler {
    /// Where it is.
    #[must_use]
    pub const fn state(&self) -> Reconciliation {
        self.state
    }

    /// Whether quoting must stop.
    #[must_use]
    pub const fn is_unexplained(&self) -> bool {
        matches!(self.state, Reconciliation::Unexplained { .. })
    }

    /// Receive time of the newest report that agreed.
    #[must_use]
    pub const fn confirmed_at(&self) -> Option<Time> {
        self.confirmed_at
    }

    /// A report was compared with the ledger: `drift` is the exchange's position less ours, `None`
    /// when the report is from before our last fill.
    pub fn on_report(&mut self, drift: Option<Sz>, now: Time, config: &RecoveryConfig) -> Finding {
        let Some(drift) = drift else {
            return Finding::Nothing;
        };
        if drift == Sz::ZERO {
            let was_unexplained = self.is_unexplained();
            self.state = Reconciliation::Agreed;
            self.confirmed_at = Some(now);
            return if was_unexplained {
                Finding::Explained
            } else {
                Finding::Nothing
            };
        }
        let grace = Dur::from_secs(config.reconcile_grace_s);
        match &mut self.state {
            Reconciliation::Agreed => {
                self.state = Reconciliation::Suspected { since: now };
                Finding::Look
            }
            Reconciliation::Suspected { since } => {
                if now.since(*since) < grace {
                    return Finding::Look;
                }
                self.state = unexplained(now, drift);
                Finding::Unexplained
            }
            Reconciliation::Unexplained {
                fills_at, alike, ..
            } => {
                if fills_at.is_none_or(|heard| now.since(heard) < grace) {
                    return Finding::Look;
                }
                *alike = if alike.0 == drift {
                    (drift, alike.1.saturating_add(1))
                } else {
                    (drift, 1)
                };
                let may = self
                    .corrected_at
                    .is_none_or(|at| now.since(at) >= CORRECTION_EVERY);
                if alike.1 < ALIKE || !may {
                    return Finding::Look;
                }
                self.corrected_at = Some(now);
                self.confirmed_at = Some(now);
                self.state = Reconciliation::Agreed;
                Finding::Correct(drift)
            }
        }
    }

    /// A fill did not continue from our position.
    pub fn on_break(&mut self, now: Time) -> Finding {
        if self.is_unexplained() {
            return Finding::Nothing;
        }
        self.state = unexplained(now, Sz::ZERO);
        Finding::Unexplained
    }

    /// A snapshot of past fills was heard, and entered.
    pub fn on_fills(&mut self, now: Time) {
        if let Reconciliation::Unexplained {
            fills_at, alike, ..
        } = &mut self.state
            && fills_at.is_none()
        {
            *fills_at = Some(now);
            *alike = (Sz::ZERO, 0);
        }
    }

    /// Time passes: a suspicion that nothing clears stands.
    pub fn on_time(&mut self, now: Time, config: &RecoveryConfig) -> Finding {
        if let Reconciliation::Suspected { since } = self.state
            && now.since(since) >= suspicion_lasts(config)
        {
            self.state = unexplained(now, Sz::ZERO);
            return Finding::Unexplained;
        }
        Finding::Nothing
    }

    /// When time alone moves it.
    #[must_use]
    pub fn wake_at(&self, config: &RecoveryConfig) -> Option<Time> {
        match self.state {
            Reconciliation::Suspected { since } => Some(since.plus(suspicion_lasts(config))),
            Reconciliation::Agreed | Reconciliation::Unexplained { .. } => None,
        }
    }
}

fn suspicion_lasts(config: &RecoveryConfig) -> Dur {
    Dur::from_secs(CLEARED_WITHIN * config.reconcile_s + config.reconcile_grace_s)
}

const fn unexplained(since: Time, drift: Sz) -> Reconciliation {
    Reconciliation::Unexplained {
        since,
        fills_at: None,
        alike: (drift, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recovery::tests::CONFIG;

    fn at(second: i64) -> Time {
        Time(second * SECOND)
    }

    fn reports(machine: &mut PositionReconciler, from: i64, drifts: &[i64]) -> Vec<Finding> {
        (from..)
            .step_by(3)
            .zip(drifts)
            .map(|(second, drift)| machine.on_report(Some(Sz(*drift)), at(second), &CONFIG))
            .collect()
    }

    #[test]
    fn two_disagreements_older_than_the_grace_stop_quoting_and_one_does_not() {
        let mut machine = PositionReconciler::default();
        assert_eq!(
            machine.on_report(Some(Sz(5)), at(0), &CONFIG),
            Finding::Look
        );
        assert_eq!(
            machine.on_report(Some(Sz(5)), at(2), &CONFIG),
            Finding::Look
        );
        assert!(!machine.is_unexplained());
        assert_eq!(machine.on_report(None, at(9), &CONFIG), Finding::Nothing);
        assert_eq!(
            machine.on_report(Some(Sz(5)), at(9), &CONFIG),
            Finding::Unexplained
        );
        assert!(machine.is_unexplained());
        assert_eq!(
            machine.on_report(Some(Sz(0)), at(10), &CONFIG),
            Finding::Explained
        );
        assert_eq!(
            reports(&mut machine, 20, &[5, 0]),
            [Finding::Look, Finding::Nothing]
        );
        assert!(!machine.is_unexplained());
    }

    #[test]
    fn a_correction_needs_the_fills_and_two_reports_that_say_the_same() {
        let mut machine = PositionReconciler::default();
        reports(&mut machine, 0, &[5, 5]);
        assert!(machine.is_unexplained());
        assert_eq!(reports(&mut machine, 10, &[5, 5, 5]), [Finding::Look; 3]);
        machine.on_fills(at(20));
        assert_eq!(
            reports(&mut machine, 23, &[5, 4, 4]),
            [Finding::Look, Finding::Look, Finding::Correct(Sz(4))]
        );
        assert!(!machine.is_unexplained());
        // Not twice an hour.
        assert_eq!(machine.on_break(at(40)), Finding::Unexplained);
        machine.on_fills(at(41));
        assert_eq!(reports(&mut machine, 50, &[7, 7, 7]), [Finding::Look; 3]);
        assert_eq!(
            machine.on_report(Some(Sz(7)), at(3_700), &CONFIG),
            Finding::Correct(Sz(7))
        );
    }

    /// What a report says counts from the grace after the fills on: at the grace itself, not before.
    #[test]
    fn a_report_as_old_as_the_fills_corrects_nothing() {
        let mut machine = PositionReconciler::default();
        assert_eq!(machine.on_break(at(0)), Finding::Unexplained);
        machine.on_fills(at(0));
        let mut hear = |second| machine.on_report(Some(Sz(5)), at(second), &CONFIG);
        assert_eq!([hear(0), hear(1), hear(2)], [Finding::Look; 3]);
        assert_eq!(hear(3), Finding::Look);
        assert_eq!(hear(3), Finding::Correct(Sz(5)));
    }

    #[test]
    fn a_suspicion_that_nothing_clears_stands() {
        let mut machine = PositionReconciler::default();
        reports(&mut machine, 0, &[5]);
        assert_eq!(machine.wake_at(&CONFIG), Some(at(23)));
        assert_eq!(machine.on_time(at(22), &CONFIG), Finding::Nothing);
        assert_eq!(machine.on_time(at(23), &CONFIG), Finding::Unexplained);
    }
}

#[cfg(test)]
mod exhaustive_tests {
    use std::collections::{BTreeMap, VecDeque};

    use super::*;
    use crate::recovery::tests::CONFIG;

    const SMALL: RecoveryConfig = RecoveryConfig {
        reconcile_s: 1.0,
        reconcile_grace_s: 1.0,
        ..CONFIG
    };
    const NOW: Time = Time(100_000 * SECOND);
    /// Older than this everything is equally old, s; but a correction an hour old is.
    const OLD: i64 = 4;

    #[derive(Clone, Copy, Debug)]
    enum Told {
        Report(Option<i64>),
        Fills,
        Break,
        Time,
    }

    const TOLD: [Told; 7] = [
        Told::Report(None),
        Told::Report(Some(0)),
        Told::Report(Some(5)),
        Told::Report(Some(7)),
        Told::Fills,
        Told::Break,
        Told::Time,
    ];

    fn apply(machine: &mut PositionReconciler, told: Told, now: Time) -> Finding {
        match told {
            Told::Report(drift) => machine.on_report(drift.map(Sz), now, &SMALL),
            Told::Fills => {
                machine.on_fills(now);
                Finding::Nothing
            }
            Told::Break => machine.on_break(now),
            Told::Time => machine.on_time(now, &SMALL),
        }
    }

    fn normal(machine: &PositionReconciler, now: Time) -> PositionReconciler {
        let moved = |at: Time| Time(NOW.0 - now.since(at).0.min(OLD * SECOND));
        let state = match machine.state {
            Reconciliation::Agreed => Reconciliation::Agreed,
            Reconciliation::Suspected { since } => Reconciliation::Suspected {
                since: moved(since),
            },
            Reconciliation::Unexplained {
                since,
                fills_at,
                alike,
            } => Reconciliation::Unexplained {
                since: moved(since),
                fills_at: fills_at.map(moved),
                alike: (alike.0, alike.1.min(ALIKE)),
            },
        };
        PositionReconciler {
            state,
            corrected_at: machine
                .corrected_at
                .filter(|at| now.since(*at) < CORRECTION_EVERY)
                .map(|_| NOW),
            confirmed_at: None,
        }
    }

    fn check(before: &PositionReconciler, after: &PositionReconciler, told: Told, found: Finding) {
        let case = format!("{before:?} {told:?} -> {after:?} {found:?}");
        let entered = !before.is_unexplained() && after.is_unexplained();
        assert_eq!(entered, found == Finding::Unexplained, "{case}");
        let left = before.is_unexplained() && !after.is_unexplained();
        let why = matches!(found, Finding::Explained | Finding::Correct(_));
        assert_eq!(left, why, "{case}");
        if let Finding::Correct(by) = found {
            let Reconciliation::Unexplained {
                fills_at, alike, ..
            } = before.state
            else {
                panic!("{case}")
            };
            assert!(
                fills_at.is_some() && alike.0 == by && alike.1 >= 1 && by != Sz::ZERO,
                "{case}"
            );
            assert!(before.corrected_at.is_none(), "{case}");
        }
        if matches!(told, Told::Report(Some(0))) {
            assert_eq!(after.state, Reconciliation::Agreed, "{case}");
        }
    }

    #[test]
    fn every_state_every_event_every_timeout() {
        let mut seen: BTreeMap<String, PositionReconciler> = BTreeMap::new();
        let mut open = VecDeque::from([PositionReconciler::default()]);
        while let Some(machine) = open.pop_front() {
            if seen.insert(format!("{machine:?}"), machine).is_some() {
                continue;
            }
            for told in TOLD {
                for dt in [0, 1, 4_000] {
                    let mut next = machine;
                    let now = NOW.plus(Dur(dt * SECOND));
                    let old = normal(&next, now);
                    let found = apply(&mut next, told, now);
                    check(&old, &next, told, found);
                    open.push_back(normal(&next, now));
                }
            }
            assert!(seen.len() < 5_000, "the abstraction is not finite");
        }
        assert!(seen.len() > 20);
        for machine in seen.values() {
            // By time alone a suspicion becomes an alarm; nothing else waits for time alone.
            let mut later = *machine;
            let far = NOW.plus(Dur(10 * SECOND));
            let found = later.on_time(far, &SMALL);
            let suspected = matches!(machine.state, Reconciliation::Suspected { .. });
            assert_eq!(suspected, found == Finding::Unexplained, "{machine:?}");
            // And whatever it is, fills and two reports that stand by it end it within the hour.
            later.on_fills(far);
            let found: Vec<Finding> = [11, 12, 4_000, 4_001]
                .map(|s| later.on_report(Some(Sz(5)), NOW.plus(Dur(s * SECOND)), &SMALL))
                .to_vec();
            let corrected = found.iter().any(|f| matches!(f, Finding::Correct(_)));
            assert!(
                corrected || !machine.is_unexplained(),
                "{machine:?} {found:?}"
            );
        }
    }
}
