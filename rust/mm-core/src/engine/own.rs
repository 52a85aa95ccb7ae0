//! What we know of our account, and how fresh it is.

use crate::account::{Entry, Ledger, Posted};
use crate::budget::LossBudget;
use crate::event::{
    AccountState, Fees, Fill, Funding, HeadRoom, RateLimit, Stream, StreamState, Transfer,
};
use crate::units::{Dur, Px, Sz, Time, Usd};

/// The exchange's allowance, made absolute when it arrived: what position plus own orders could still grow to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    pub(super) room: HeadRoom,
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
    pub(super) allowance: Option<Allowance>,
    pub(super) fees: Option<Fees>,
    pub(super) rate_limit: Option<RateLimit>,
    pub(super) drift: Option<Sz>,
    pub(super) position_max_abs: Sz,
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
            allowance: None,
            fees: None,
            rate_limit: None,
            drift: None,
            position_max_abs: Sz::ZERO,
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
        self.allowance
            .map_or(1.0, |allowance| f64::from(allowance.room.leverage))
    }

    pub(super) fn anchor(&mut self, report: AccountState, now: Time) {
        self.ledger = Some(Ledger::anchored(report));
        self.position_max_abs = report.position.abs();
        self.on_account(report, now);
    }

    pub(super) fn on_account(&mut self, report: AccountState, now: Time) {
        if self
            .account
            .is_some_and(|(known, _)| report.exch < known.exch)
        {
            return;
        }
        self.account = Some((report, now));
        let transfers = self.ledger.as_ref().map_or(Usd::ZERO, Ledger::transfers);
        let equity = report.account_value - transfers;
        match &mut self.budget {
            Some(budget) => budget.observe(now, equity),
            None => self.budget = Some(LossBudget::new(now, equity)),
        }
        if let Some(drift) = self
            .ledger
            .as_mut()
            .and_then(|ledger| ledger.check(&report))
        {
            self.drift = Some(drift);
        }
    }

    pub(super) fn post(&mut self, fill: &Fill) -> Option<Posted> {
        let ledger = self.ledger.as_mut()?;
        let posted = ledger.post(fill);
        self.position_max_abs = self.position_max_abs.max(ledger.position().abs());
        Some(posted)
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

    pub(super) fn transfer(&mut self, moved: Transfer) {
        if let Some(ledger) = &mut self.ledger {
            self.entries.extend(ledger.transfer(moved));
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

    pub(super) fn sign_of_life(&mut self, now: Time) {
        self.alive = Some(now);
    }

    pub(super) const fn streams_up(&self) -> bool {
        self.up[0] && self.up[1]
    }

    pub(super) fn stream_age(&self, now: Time) -> Option<Dur> {
        self.alive.map(|alive| now.since(alive))
    }
}
