//! The fill ledger: after the anchor, fills alone move the position; money is exact to the micro-USDC.
//!
//! `total = spread_capture + inventory + funding - fees + corrections` holds between the anchor and any
//! account report, because marks only telescope: on a fill of `dq` at `p` with mark `m`, spread capture
//! is `dq (m - p)`; on a move of the mark from `m` to `m'`, inventory is `q (m' - m)`. What is left of
//! the exchange's own change of account value is the residual, and it must be zero.

use std::collections::{BTreeSet, VecDeque};

use serde::Serialize;

use super::continuity::Continuity;
use super::elsewhere::Elsewhere;
use super::entry::{Correction, Entry, Payment};
use crate::event::{AccountState, Fill, Funding, OtherFill, OtherFunding, Transfer};
use crate::units::{Px, Sz, Time, Usd};

/// Fills remembered; the venue's snapshot holds at most 2,000.
const FILLS_MAX: usize = 8192;

/// What a fill did to the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Posted {
    /// It moved the position.
    New,
    /// From before the anchor, and not told before: it moved nothing.
    BeforeAnchor,
    /// Told before.
    Known,
}

/// Exact profit and loss since the anchor, micro-USDC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pnl {
    /// Change of the exchange's account value net of transfers and of what the other coins made.
    pub total: Usd,
    /// What the account's other coins made.
    pub others: Usd,
    /// Against the mark before each fill.
    pub spread_capture: Usd,
    /// Revaluation of what was held.
    pub inventory: Usd,
    /// Funding received.
    pub funding: Usd,
    /// Fees paid.
    pub fees: Usd,
    /// Money that corrections of the position could not explain.
    pub corrections: Usd,
    /// `total` minus what the ledger explains: zero unless something is wrong.
    pub residual: Usd,
}

/// Position and cash flows since the anchor.
#[derive(Clone, Debug)]
pub struct Ledger {
    anchor: AccountState,
    /// Everything up to this exchange time is in the position already: the anchor, or a correction.
    covered: Time,
    position: Sz,
    moved: Sz,
    mark: Option<Px>,
    spread_capture: Usd,
    inventory: Usd,
    funding: Usd,
    fees: Usd,
    transfers: Usd,
    corrections: Usd,
    seen: BTreeSet<u64>,
    /// The fills of `seen`, as told: tid, exchange time, and by how much each moved the position.
    told: VecDeque<(u64, Time, Sz)>,
    /// Newest exchange time of a fill that is no longer in `seen`.
    forgotten: Time,
    fundings: BTreeSet<(Time, Usd)>,
    moves: BTreeSet<(Time, Usd, u64)>,
    last_fill: Time,
    continuity: Continuity,
    elsewhere: Elsewhere,
}

impl Ledger {
    /// Starts from the exchange's view; fills up to its time are in it.
    #[must_use]
    pub fn anchored(anchor: AccountState) -> Self {
        Self {
            anchor,
            covered: anchor.exch,
            position: anchor.position,
            moved: Sz::ZERO,
            mark: mark_of(&anchor),
            spread_capture: Usd::ZERO,
            inventory: Usd::ZERO,
            funding: Usd::ZERO,
            fees: Usd::ZERO,
            transfers: Usd::ZERO,
            corrections: Usd::ZERO,
            seen: BTreeSet::new(),
            told: VecDeque::new(),
            forgotten: Time(i64::MIN),
            fundings: BTreeSet::new(),
            moves: BTreeSet::new(),
            last_fill: anchor.exch,
            continuity: Continuity::new(anchor.position),
            elsewhere: Elsewhere::new(anchor.other_coins, anchor.exch),
        }
    }

    /// Signed position in lots.
    #[must_use]
    pub const fn position(&self) -> Sz {
        self.position
    }

    /// Lots by which the position has gone up and down since the anchor, added up: it never falls, and
    /// stands still as long as the position does. Two positions and the lots moved between them bound
    /// every position in between.
    #[must_use]
    pub const fn moved(&self) -> Sz {
        self.moved
    }

    /// The exchange's view this ledger started from.
    #[must_use]
    pub const fn anchor(&self) -> &AccountState {
        &self.anchor
    }

    /// Transfers in since the anchor.
    #[must_use]
    pub const fn transfers(&self) -> Usd {
        self.transfers
    }

    /// Whether fills have not continued each other for too long and nothing has explained it since.
    #[must_use]
    pub const fn is_unexplained(&self) -> bool {
        self.continuity.is_broken()
    }

    /// When fills that do not continue each other yet become unexplained.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        self.continuity.deadline()
    }

    /// Revalues what is held at a new mark.
    pub fn mark(&mut self, mark: Px) {
        if let Some(old) = self.mark.replace(mark) {
            self.inventory += (mark - old) * self.position;
        }
    }

    /// Enters a fill told at `now`, once. Call [`Ledger::judge`] after the last of a message.
    pub fn post(&mut self, fill: &Fill, now: Time) -> Posted {
        if fill.exch <= self.forgotten || !self.seen.insert(fill.tid) {
            return Posted::Known;
        }
        let change = if fill.exch <= self.covered {
            Sz::ZERO
        } else {
            fill.side.signed(fill.sz)
        };
        self.remember(fill, change);
        if change == Sz::ZERO {
            return Posted::BeforeAnchor;
        }
        let mark = *self.mark.get_or_insert(fill.px);
        self.spread_capture += (mark - fill.px) * change;
        self.fees += fill.fee;
        self.last_fill = self.last_fill.max(fill.exch);
        self.position += change;
        self.moved += change.abs();
        self.continuity.enter(fill.start_position, change, now);
        Posted::New
    }

    /// Forgets that a trade was entered: a bug to plant.
    pub fn forget(&mut self, tid: u64) {
        self.seen.remove(&tid);
    }

    fn remember(&mut self, fill: &Fill, change: Sz) {
        self.told.push_back((fill.tid, fill.exch, change));
        if self.told.len() > FILLS_MAX
            && let Some((tid, exch, _)) = self.told.pop_front()
        {
            self.seen.remove(&tid);
            self.forgotten = self.forgotten.max(exch);
        }
    }

    /// Looks whether the fills told so far continue each other.
    pub fn judge(&mut self, now: Time) {
        self.continuity.judge(self.position, now);
    }

    /// Whether they have just failed to for too long. Call once a step.
    pub fn breaks(&mut self, now: Time) -> bool {
        self.continuity.breaks(now)
    }

    /// The price at which the position is valued.
    #[must_use]
    pub const fn mark_px(&self) -> Option<Px> {
        self.mark
    }

    /// Enters a funding payment, once: each new subscription repeats the past.
    pub fn fund(&mut self, payment: Funding) -> Option<Entry> {
        let Funding { exch, usd } = payment;
        let before_anchor = exch <= self.anchor.exch;
        if !self.fundings.insert((exch, usd)) {
            return None;
        }
        if !before_anchor {
            self.funding += usd;
            self.take_back(exch, usd);
        }
        Some(Entry::Funding(Payment {
            exch,
            usd,
            id: 0,
            before_anchor,
        }))
    }

    /// Enters money moved in or out, once.
    pub fn transfer(&mut self, moved: Transfer) -> Option<Entry> {
        let Transfer { exch, usd, id } = moved;
        let before_anchor = exch <= self.anchor.exch;
        if !self.moves.insert((exch, usd, id)) {
            return None;
        }
        if !before_anchor {
            self.transfers += usd;
            self.take_back(exch, usd);
        }
        Some(Entry::Transfer(Payment {
            exch,
            usd,
            id,
            before_anchor,
        }))
    }

    /// Enters a fill in another coin, once; whether it is news.
    pub fn post_elsewhere(&mut self, fill: &OtherFill) -> bool {
        self.elsewhere.post(fill)
    }

    /// Enters a funding payment in another coin, once.
    pub fn fund_elsewhere(&mut self, payment: &OtherFunding) {
        self.elsewhere.fund(payment);
    }

    /// A payment of before a correction, told after it, was part of what the correction wrote down.
    fn take_back(&mut self, exch: Time, usd: Usd) {
        if exch <= self.covered {
            self.corrections -= usd;
        }
    }

    /// Our position as of an exchange time; `None` for one that is too long ago to tell.
    fn position_at(&self, exch: Time) -> Option<Sz> {
        let later = self.told.iter().filter(|(_, at, _)| *at > exch);
        let known = exch >= self.covered && exch >= self.forgotten;
        known.then(|| self.position - later.map(|(_, _, change)| *change).sum())
    }

    /// Checks the ledger, as of a report's time, against it: the drift in lots, zero when they agree;
    /// `None` for a report from before the anchor.
    pub fn check(&mut self, report: &AccountState) -> Option<Sz> {
        let drift = report.position - self.position_at(report.exch)?;
        if drift == Sz::ZERO && report.exch >= self.last_fill {
            self.continuity.agree(self.position);
        }
        Some(drift)
    }

    /// What of the equity the entries do not explain, as of a report that agrees on the position and
    /// holds every fill known; `None` for any other report.
    #[must_use]
    pub fn unexplained(&self, report: &AccountState) -> Option<Usd> {
        let agrees = report.exch >= self.last_fill && report.position == self.position;
        (agrees && self.elsewhere.agrees(report)).then(|| self.pnl(report).residual)
    }

    /// Believes a report against the ledger: its position becomes ours, and money that the ledger
    /// could not explain is written down with it. Whatever is told later of the time up to the report
    /// is in it. `None` when there is nothing to correct, or the report is older than the last fill.
    pub fn correct(&mut self, report: &AccountState) -> Option<Entry> {
        if report.exch < self.last_fill || report.position == self.position {
            return None;
        }
        if let Some(mark) = mark_of(report) {
            self.mark(mark);
        }
        let usd = self.pnl(report).residual;
        let from = core::mem::replace(&mut self.position, report.position);
        self.moved += (report.position - from).abs();
        self.corrections += usd;
        self.covered = report.exch;
        self.continuity.agree(report.position);
        Some(Entry::Correction(Correction {
            exch: report.exch,
            from,
            to: report.position,
            usd,
        }))
    }

    /// Profit and loss as of an account report, valued at the report's mark.
    #[must_use]
    pub fn pnl(&self, report: &AccountState) -> Pnl {
        let mut inventory = self.inventory;
        if let (Some(old), Some(new)) = (self.mark, mark_of(report)) {
            inventory += (new - old) * self.position;
        }
        let whole = report.account_value - self.anchor.account_value - self.transfers;
        let others = self.elsewhere.pnl(report);
        let total = whole - others;
        let explained =
            self.spread_capture + inventory + self.funding - self.fees + self.corrections;
        Pnl {
            total,
            others,
            spread_capture: self.spread_capture,
            inventory,
            funding: self.funding,
            fees: self.fees,
            corrections: self.corrections,
            residual: total - explained,
        }
    }
}

/// The mark a report was valued at; `None` when flat.
fn mark_of(report: &AccountState) -> Option<Px> {
    let position = report.position.abs().0;
    (position != 0).then(|| Px(report.position_value.0 / position))
}

#[cfg(test)]
mod tests;
