//! Checks: the ledger against the account's reports, our orders against time, and what is asked for it.

use super::plan::Batch;
use super::recover::is_large;
use super::{Bug, Engine};
use crate::action::Reason;
use crate::control::Alarm;
use crate::event::AccountState;
use crate::filter::ReduceOnly;
use crate::recovery::ask::Ask;
use crate::recovery::reconciler::Finding;
use crate::recovery::sweep::{Findings, is_unanswered, sweep};
use crate::units::{Dur, SECOND, Sz, Time};

/// History older than this is heard again, and asked for so often while nobody answers.
const HISTORY_EVERY: Dur = Dur(3600 * SECOND);
const CAP_EVERY: Dur = Dur(60 * SECOND);
const FACT_RETRY: Dur = Dur(60 * SECOND);

impl Engine {
    /// A report was compared with the ledger; `drift` is `None` where it said nothing.
    pub(super) fn reconcile(&mut self, report: &AccountState, drift: Option<Sz>) {
        let broken = self.own.is_broken();
        // Agreement as of an earlier moment does not explain a break since.
        let drift = drift.filter(|drift| *drift != Sz::ZERO || !broken);
        let config = &self.config.recovery;
        let finding = self.recover.reconciler.on_report(drift, self.now, config);
        self.on_finding(finding, drift, Some(report));
    }

    /// What time and the fills themselves say about the ledger. Once a step.
    pub(super) fn watch_ledger(&mut self) {
        let config = &self.config.recovery;
        let finding = self.recover.reconciler.on_time(self.now, config);
        self.on_finding(finding, self.own.drift, None);
        let broken = self.own.is_broken();
        if broken {
            let finding = self.recover.reconciler.on_break(self.now);
            self.on_finding(finding, None, None);
        }
    }

    fn on_finding(&mut self, finding: Finding, drift: Option<Sz>, report: Option<&AccountState>) {
        if self.is_planted(Bug::Reconciler) {
            return;
        }
        let position = self.own.position();
        match finding {
            Finding::Nothing => {}
            Finding::Look => self.recover.doubt(),
            Finding::Unexplained => {
                self.recover.doubt();
                self.alarms
                    .push(Alarm::PositionUnexplained { position, drift });
            }
            Finding::Explained => self.alarms.push(Alarm::PositionExplained { position }),
            Finding::Correct(_) => {
                if let Some(report) = report {
                    self.correct(report);
                }
            }
        }
    }

    /// Sets the ledger to a report that stood by its position, as an entry of its own.
    fn correct(&mut self, report: &AccountState) {
        let from = self.own.position();
        let entry = self.own.ledger.as_mut().and_then(|l| l.correct(report));
        if entry.is_none() {
            return;
        }
        self.own.entries.extend(entry);
        self.own.drift = Some(Sz::ZERO);
        self.recover.corrections += 1;
        self.alarms.push(Alarm::PositionCorrected {
            from,
            to: self.own.position(),
        });
    }

    /// A fill that moves the position by a large part of its limit has it checked.
    pub(super) fn doubt_if_large(&mut self, moved: Sz) {
        let limit = self
            .limits()
            .map(|limits| limits.long().min(limits.short()));
        if limit.is_some_and(|limit| is_large(moved, limit)) {
            self.recover.questions.want(Ask::Account);
        }
    }

    /// The sweep: on its beat, and when something odd happened. It asks, cancels and tells; it waits
    /// for nothing.
    pub(super) fn sweep_orders(&mut self, verdict: &ReduceOnly, batch: &mut Batch) {
        let grace = Dur::from_secs(self.config.recovery.sweep_grace_s);
        let old = |since: Time| self.now.since(since) >= grace;
        let overdue = self
            .orders
            .iter()
            .any(|(_, order)| old(order.since) && is_unanswered(order));
        let beat = Dur::from_secs(self.config.recovery.sweep_s);
        let timed = self
            .recover
            .swept
            .is_none_or(|swept| self.now.since(swept) >= beat);
        if !(timed || overdue || core::mem::take(&mut self.recover.sweep_due)) {
            return;
        }
        if timed {
            self.recover.swept = Some(self.now);
            for ask in [Ask::Account, Ask::OpenOrders, Ask::HeadRoom] {
                self.recover.questions.want(ask);
            }
        }
        let findings = sweep(&self.orders, verdict, self.now, grace);
        for cloid in &findings.unanswered {
            let questions = &mut self.recover.questions;
            questions.want_every(Ask::OrderStatus(*cloid), grace, self.now);
        }
        if !findings.unsettled.is_empty() {
            let questions = &mut self.recover.questions;
            questions.want_every(Ask::Fills, grace, self.now);
        }
        for cloid in &findings.forbidden {
            self.cancel(*cloid, Reason::OverLimit, batch);
        }
        if let Some(confirmed) = self.recover.settled_since() {
            self.orders.clean(Time(confirmed.0 - grace.0));
        }
        self.tell_findings(&findings);
        self.recover.findings = findings;
    }

    fn tell_findings(&mut self, findings: &Findings) {
        let before = &self.recover.findings;
        let counts = |f: &Findings| [f.unanswered.len(), f.unsettled.len(), f.forbidden.len()];
        let [unanswered, unsettled, forbidden] = counts(findings);
        if counts(findings) != counts(before) && unanswered + unsettled + forbidden > 0 {
            self.alarms.push(Alarm::SweepFound {
                unanswered,
                unsettled,
                forbidden,
            });
        }
    }

    /// Puts together what is asked in this step: the beats, and whatever was wanted since.
    pub(super) fn ask(&mut self) {
        if self.own.ledger.is_none() {
            return;
        }
        let (config, freshness) = (&self.config.recovery, self.config.freshness.settings());
        let beats = [
            // Twice within the time in which the input would count as degraded.
            (
                Ask::Account,
                config.reconcile_s.min(freshness.account_degraded_s / 2.0),
            ),
            (
                Ask::HeadRoom,
                config.sweep_s.min(freshness.head_room_degraded_s / 2.0),
            ),
        ];
        for (ask, secs) in beats {
            let every = Dur::from_secs(secs);
            self.recover.questions.want_every(ask, every, self.now);
        }
        if self.own.is_deaf() {
            // What the stream would have told of fills and orders.
            let every = Dur::from_secs(config.reconcile_s);
            for ask in [Ask::Fills, Ask::OpenOrders] {
                self.recover.questions.want_every(ask, every, self.now);
            }
        }
        self.want_market_facts();
        self.want_budget();
        let orders = &self.orders;
        self.recover
            .questions
            .keep_orders(|cloid| orders.is_in_question(cloid));
        self.recover.questions.take(self.now, &mut self.asks);
    }

    /// History is heard again every hour, and the list of capped coins every minute. What was not told at
    /// the start nobody has, as in a backtest.
    fn want_market_facts(&mut self) {
        let now = self.now;
        if let Some(age) = self.market.newly_lost_cap(now) {
            self.alarms.push(Alarm::OpenInterestCapUnknown { age });
        }
        let market = &self.market;
        let facts = [
            (market.history_age(now), HISTORY_EVERY, Ask::Candles),
            (market.cap_age(now), CAP_EVERY, Ask::OpenInterestCap),
        ];
        for (age, every, ask) in facts {
            if age.is_some_and(|age| age >= every) {
                self.recover.questions.want_every(ask, FACT_RETRY, now);
            }
        }
    }

    /// Whether the ledger may be quoted on.
    pub(super) fn is_explained(&self) -> bool {
        self.own.ledger.is_some()
            && !self.own.is_broken()
            && !self.recover.reconciler.is_unexplained()
    }
}
