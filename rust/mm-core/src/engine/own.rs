//! What we know of our account, and how fresh it is.

use std::collections::BTreeSet;

use crate::account::{Entry, Ledger, Posted};
use crate::budget::{LossBudget, Restored};
use crate::event::{AccountState, EventBody, Fees, Fill, Funding, Stream, StreamState, Transfer};
use crate::units::{Dur, Px, Sz, Time, Usd};

/// Messages kept until the ledger begins: far more than a start hears, which takes a second.
const EARLY_MAX: usize = 1024;

/// The exchange's allowance, made absolute when it arrived: what position plus own orders could still grow to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    /// As reported, `[buy, sell]`.
    pub(super) max_trade_szs: [Sz; 2],
    /// `±position + own increasing orders` of `[bid, ask]` at that moment.
    pub(super) base: [Sz; 2],
    pub(super) recv: Time,
}

/// Ledger, last reports and streams.
#[derive(Clone, Debug)]
pub(super) struct Own {
    pub(super) ledger: Option<Ledger>,
    pub(super) account: Option<(AccountState, Time)>,
    pub(super) budget: Option<LossBudget>,
    /// What an earlier session saved.
    restored: Option<Restored>,
    /// Newest report whose whole equity is explained, and the transfers in it: one that nobody has told
    /// of yet happened later, and the next session must count it when it is told.
    settled: Option<(Time, Usd)>,
    /// Transfers that the ledger does not hold: of before the anchor.
    earlier: BTreeSet<(Time, Usd, u64)>,
    /// Leverage that the exchange says is set.
    pub(super) leverage_set: Option<u32>,
    pub(super) allowance: Option<Allowance>,
    pub(super) fees: Option<Fees>,
    pub(super) drift: Option<Sz>,
    pub(super) position_max_abs: Sz,
    /// What was told before the ledger began.
    early: Vec<EventBody>,
    /// Ledger entries of this step.
    pub(super) entries: Vec<Entry>,
    /// `[market, user]`; a stream is down until it first reports.
    up: [bool; 2],
    alive: Option<Time>,
}

impl Default for Own {
    fn default() -> Self {
        Self {
            ledger: None,
            account: None,
            budget: None,
            restored: None,
            settled: None,
            earlier: BTreeSet::new(),
            leverage_set: None,
            allowance: None,
            fees: None,
            drift: None,
            position_max_abs: Sz::ZERO,
            early: Vec::new(),
            entries: Vec::new(),
            up: [false; 2],
            alive: None,
        }
    }
}

impl Own {
    pub(super) fn position(&self) -> Sz {
        self.ledger.as_ref().map_or(Sz::ZERO, Ledger::position)
    }

    /// Leverage that positions are margined at: 1 until the exchange has said what it is set to.
    pub(super) fn leverage(&self) -> f64 {
        self.leverage_set.map_or(1.0, f64::from)
    }

    /// Begins the ledger, and gives what was told before it.
    pub(super) fn anchor(&mut self, report: AccountState, now: Time) -> Vec<EventBody> {
        self.ledger = Some(Ledger::anchored(report));
        self.position_max_abs = report.position.abs();
        self.on_account(report, now);
        core::mem::take(&mut self.early)
    }

    /// Looks whether the fills told so far continue each other.
    pub(super) fn judge(&mut self, now: Time) {
        if let Some(ledger) = &mut self.ledger {
            ledger.judge(now);
        }
    }

    /// Keeps what is for the ledger until that begins.
    pub(super) fn is_early(&mut self, body: &EventBody) -> bool {
        let is_early = self.ledger.is_none();
        if is_early && self.early.len() < EARLY_MAX {
            self.early.push(body.clone());
        }
        is_early
    }

    /// Takes a report; returns how far the exchange's position is from ours, where that can be told.
    pub(super) fn on_account(&mut self, report: AccountState, now: Time) -> Option<Sz> {
        if self
            .account
            .is_some_and(|(known, _)| report.exch < known.exch)
        {
            return None;
        }
        self.account = Some((report, now));
        self.observe_equity(report, now);
        let drift = self.ledger.as_mut()?.check(&report)?;
        self.drift = Some(drift);
        Some(drift)
    }

    fn observe_equity(&mut self, report: AccountState, now: Time) {
        let equity = report.account_value - self.transfers();
        let ledger = self.ledger.as_ref();
        let unexplained = ledger.map_or(Usd::ZERO, |ledger| ledger.pnl(&report).residual);
        if ledger.and_then(|ledger| ledger.unexplained(&report)) == Some(Usd::ZERO) {
            self.settled = Some((report.exch, self.transfers()));
        }
        match &mut self.budget {
            Some(budget) => budget.observe(now, equity, unexplained),
            None => self.budget = Some(LossBudget::new(now, equity)),
        }
    }

    /// Transfers in that equity is net of: those saved, those between that and the anchor, the ledger's.
    fn transfers(&self) -> Usd {
        let ledger = self.ledger.as_ref();
        let since = ledger.map_or(Usd::ZERO, Ledger::transfers);
        let Some(saved) = self.restored else {
            return since;
        };
        // What was told before the ledger began may be of after the anchor: then the ledger holds it.
        let anchor = ledger.map_or(Time(i64::MAX), |ledger| ledger.anchor().exch);
        let between: Usd = self
            .earlier
            .iter()
            .filter(|(exch, ..)| *exch > saved.at && *exch <= anchor)
            .map(|(_, usd, _)| *usd)
            .sum();
        saved.transfers + between + since
    }

    /// Takes up what an earlier session saved.
    pub(super) fn restore(&mut self, saved: Restored, now: Time) {
        self.restored = Some(saved);
        self.budget = Some(LossBudget::restored(&saved));
        if let Some((report, _)) = self.account {
            self.observe_equity(report, now);
        }
    }

    /// Money moved in or out. What the report before it did not show is no profit and no loss.
    pub(super) fn on_transfer(&mut self, moved: Transfer) {
        let Transfer { exch, usd, id } = moved;
        if self
            .ledger
            .as_ref()
            .is_none_or(|ledger| exch <= ledger.anchor().exch)
        {
            self.earlier.insert((exch, usd, id));
        }
        if let Some(ledger) = &mut self.ledger {
            self.entries.extend(ledger.transfer(moved));
        }
        if let Some((report, recv)) = self.account.filter(|(known, _)| moved.exch <= known.exch) {
            self.observe_equity(report, recv);
        }
    }

    /// What the next session should take up.
    pub(super) fn to_save(&self) -> Option<Restored> {
        let (at, transfers) = self.settled?;
        Some(self.budget?.to_save(transfers, at))
    }

    pub(super) fn post(&mut self, fill: &Fill, now: Time) -> Option<Posted> {
        let ledger = self.ledger.as_mut()?;
        let posted = ledger.post(fill, now);
        self.position_max_abs = self.position_max_abs.max(ledger.position().abs());
        Some(posted)
    }

    /// Whether the fills themselves do not continue each other.
    pub(super) fn is_broken(&self) -> bool {
        self.ledger.as_ref().is_some_and(Ledger::is_unexplained)
    }

    /// The price at which the ledger values the position.
    pub(super) fn mark(&self) -> Option<Px> {
        self.ledger.as_ref().and_then(Ledger::mark_px)
    }

    pub(super) fn fund(&mut self, payment: Funding) {
        if let Some(ledger) = &mut self.ledger {
            self.entries.extend(ledger.fund(payment));
        }
    }

    pub(super) fn on_stream(&mut self, stream: Stream, state: StreamState, now: Time) {
        let index = match stream {
            Stream::Market => 0,
            Stream::User => 1,
        };
        self.up[index] = state == StreamState::Up;
        if stream == Stream::User && state == StreamState::Up {
            self.alive = Some(now);
        }
    }

    /// Something of ours was heard. While the stream is down that was the answer to a query, which
    /// says nothing of the stream.
    pub(super) fn sign_of_life(&mut self, now: Time) {
        let [_, up] = self.up;
        if up {
            self.alive = Some(now);
        }
    }

    /// Whether our own stream is down.
    pub(super) const fn is_deaf(&self) -> bool {
        !self.up[1]
    }

    pub(super) const fn streams_up(&self) -> bool {
        self.up[0] && self.up[1]
    }

    pub(super) fn stream_age(&self, now: Time) -> Option<Dur> {
        self.alive.map(|alive| now.since(alive))
    }
}
