//! The fill ledger: after the anchor, fills alone move the position; money is exact to the micro-USDC.
//!
//! `total = spread_capture + inventory + funding - fees` holds between the anchor and any account
//! report, because marks only telescope: on a fill of `dq` at `p` with mark `m`, spread capture is
//! `dq (m - p)`; on a move of the mark from `m` to `m'`, inventory is `q (m' - m)`. What is left of
//! the exchange's own change of account value is the residual, and it must be zero.

use std::collections::{BTreeSet, VecDeque};

use serde::Serialize;

use super::entry::{Entry, Payment};
use crate::event::{AccountState, Fill, Funding, Transfer};
use crate::units::{Px, Sz, Time, Usd};

/// Trade ids remembered; the venue's snapshot holds at most 2,000 fills.
const TIDS_MAX: usize = 8192;

/// What a fill did to the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Posted {
    /// New: the position moved.
    New,
    /// Known, or older than the anchor.
    Known,
    /// New, but the exchange's position before it was not ours: unexplained until an account report agrees.
    Discontinuous,
}

/// Exact profit and loss since the anchor, micro-USDC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pnl {
    /// Change of the exchange's account value net of transfers.
    pub total: Usd,
    /// Against the mark before each fill.
    pub spread_capture: Usd,
    /// Revaluation of what was held.
    pub inventory: Usd,
    /// Funding received.
    pub funding: Usd,
    /// Fees paid.
    pub fees: Usd,
    /// `total` minus what the ledger explains: zero unless something is wrong.
    pub residual: Usd,
}

/// Position and cash flows since the anchor.
#[derive(Clone, Debug)]
pub struct Ledger {
    anchor: AccountState,
    position: Sz,
    mark: Option<Px>,
    spread_capture: Usd,
    inventory: Usd,
    funding: Usd,
    fees: Usd,
    transfers: Usd,
    seen: BTreeSet<u64>,
    order: VecDeque<u64>,
    fundings: BTreeSet<(Time, Usd)>,
    moves: BTreeSet<(Time, Usd, u64)>,
    last_fill: Time,
    discontinuous: bool,
}

impl Ledger {
    /// Starts from the exchange's view; fills up to its time are in it.
    #[must_use]
    pub fn anchored(anchor: AccountState) -> Self {
        Self {
            anchor,
            position: anchor.position,
            mark: mark_of(&anchor),
            spread_capture: Usd::ZERO,
            inventory: Usd::ZERO,
            funding: Usd::ZERO,
            fees: Usd::ZERO,
            transfers: Usd::ZERO,
            seen: BTreeSet::new(),
            order: VecDeque::new(),
            fundings: BTreeSet::new(),
            moves: BTreeSet::new(),
            last_fill: anchor.exch,
            discontinuous: false,
        }
    }

    /// Signed position in lots.
    #[must_use]
    pub const fn position(&self) -> Sz {
        self.position
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

    /// Whether a fill did not continue from our position and no report has agreed since.
    #[must_use]
    pub const fn is_unexplained(&self) -> bool {
        self.discontinuous
    }

    /// Revalues what is held at a new mark.
    pub fn mark(&mut self, mark: Px) {
        if let Some(old) = self.mark.replace(mark) {
            self.inventory += (mark - old) * self.position;
        }
    }

    /// Enters a fill, once.
    pub fn post(&mut self, fill: &Fill) -> Posted {
        if fill.exch <= self.anchor.exch || !self.seen.insert(fill.tid) {
            return Posted::Known;
        }
        self.order.push_back(fill.tid);
        if self.order.len() > TIDS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        let change = fill.side.signed(fill.sz);
        let mark = *self.mark.get_or_insert(fill.px);
        self.spread_capture += (mark - fill.px) * change;
        self.fees += fill.fee;
        self.last_fill = self.last_fill.max(fill.exch);
        let continuous = fill.start_position == self.position;
        self.position += change;
        if continuous {
            return Posted::New;
        }
        self.discontinuous = true;
        Posted::Discontinuous
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
        }
        Some(Entry::Transfer(Payment {
            exch,
            usd,
            id,
            before_anchor,
        }))
    }

    /// Checks the ledger against a report: the drift in lots, zero when they agree. A report
    /// from before our last fill says nothing and gives `None`.
    pub fn check(&mut self, report: &AccountState) -> Option<Sz> {
        if report.exch < self.last_fill {
            return None;
        }
        let drift = report.position - self.position;
        if drift == Sz::ZERO {
            self.discontinuous = false;
        }
        Some(drift)
    }

    /// Profit and loss as of an account report, valued at the report's mark.
    #[must_use]
    pub fn pnl(&self, report: &AccountState) -> Pnl {
        let mut inventory = self.inventory;
        if let (Some(old), Some(new)) = (self.mark, mark_of(report)) {
            inventory += (new - old) * self.position;
        }
        let total = report.account_value - self.anchor.account_value - self.transfers;
        let explained = self.spread_capture + inventory + self.funding - self.fees;
        Pnl {
            total,
            spread_capture: self.spread_capture,
            inventory,
            funding: self.funding,
            fees: self.fees,
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
mod tests {
    use super::*;
    use crate::event::FillKind;
    use crate::units::Side;

    fn report(exch: i64, value: i64, position: i64, mark: i64) -> AccountState {
        AccountState {
            exch: Time(exch),
            account_value: Usd(value),
            margin_used: Usd::ZERO,
            position: Sz(position),
            position_value: Usd(position.abs() * mark),
        }
    }

    fn fill(exch: i64, tid: u64, side: Side, px: i64, sz: i64, start: i64) -> Fill {
        Fill {
            exch: Time(exch),
            tid,
            oid: tid,
            cloid: None,
            side,
            px: Px(px),
            sz: Sz(sz),
            start_position: Sz(start),
            fee: Usd(3),
            taker: false,
            kind: FillKind::Trade,
        }
    }

    #[test]
    fn a_fill_counts_once_and_not_before_the_anchor() {
        let mut ledger = Ledger::anchored(report(10, 1000, 0, 0));
        assert_eq!(
            ledger.post(&fill(10, 1, Side::Bid, 100, 5, 0)),
            Posted::Known
        );
        assert_eq!(ledger.post(&fill(11, 2, Side::Bid, 100, 5, 0)), Posted::New);
        assert_eq!(
            ledger.post(&fill(11, 2, Side::Bid, 100, 5, 0)),
            Posted::Known
        );
        assert_eq!(ledger.position(), Sz(5));
    }

    #[test]
    fn a_break_in_continuity_is_unexplained_until_a_report_agrees() {
        let mut ledger = Ledger::anchored(report(10, 1000, 0, 0));
        assert_eq!(
            ledger.post(&fill(11, 2, Side::Bid, 100, 5, 7)),
            Posted::Discontinuous
        );
        assert!(ledger.is_unexplained());
        assert_eq!(ledger.check(&report(10, 1000, 0, 0)), None);
        assert_eq!(ledger.check(&report(12, 1000, 12, 100)), Some(Sz(7)));
        assert!(ledger.is_unexplained());
        assert_eq!(ledger.check(&report(13, 1000, 5, 100)), Some(Sz(0)));
        assert!(!ledger.is_unexplained());
    }

    #[test]
    fn a_replayed_payment_counts_once_and_not_before_the_anchor() {
        let mut ledger = Ledger::anchored(report(10, 1000, 0, 0));
        for exch in [9, 10, 11, 11, 12] {
            let exch = Time(exch);
            ledger.fund(Funding { exch, usd: Usd(-2) });
            ledger.transfer(Transfer {
                exch,
                usd: Usd(5),
                id: 0,
            });
        }
        assert_eq!(ledger.transfers(), Usd(10));
        let pnl = ledger.pnl(&report(13, 1000 - 4 + 10, 0, 0));
        assert_eq!((pnl.funding, pnl.residual), (Usd(-4), Usd(0)));
    }

    #[test]
    fn a_corrupted_fee_shows_as_residual() {
        let mut ledger = Ledger::anchored(report(10, 1000, 0, 0));
        ledger.post(&fill(11, 1, Side::Bid, 100, 5, 0));
        let honest = report(12, 1000 - 3 + 5 * 10, 5, 110);
        assert_eq!(ledger.pnl(&honest).residual, Usd(0));
        assert_eq!(
            ledger.pnl(&report(12, 1000 - 4 + 5 * 10, 5, 110)).residual,
            Usd(-1)
        );
    }
}

#[cfg(test)]
mod property_tests {
    use super::*;
    use crate::event::FillKind;
    use crate::units::Side;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn prop_the_identity_is_exact(
            start in -1000_i64..1000, start_mark in 1_i64..100_000,
            steps in proptest::collection::vec(
                (any::<bool>(), 1_i64..100_000, 1_i64..1000, -50_i64..500, 1_i64..100_000), 0..60),
        ) {
            let first = AccountState {
                exch: Time(0), account_value: Usd(5_000_000), margin_used: Usd::ZERO,
                position: Sz(start), position_value: Usd(start.abs() * start_mark),
            };
            let mut ledger = Ledger::anchored(first);
            let mut cash = first.account_value.0 - start * start_mark;
            let (mut q, mut mark) = (start, start_mark);
            for (i, (buy, px, sz, fee, next_mark)) in (1_u64..).zip(steps) {
                let side = if buy { Side::Bid } else { Side::Ask };
                let fill = Fill {
                    exch: Time(1), tid: i, oid: i, cloid: None, side, px: Px(px), sz: Sz(sz),
                    start_position: Sz(q), fee: Usd(fee), taker: false, kind: FillKind::Trade,
                };
                prop_assert_eq!(ledger.post(&fill), Posted::New);
                q += side.sign() * sz;
                cash -= side.sign() * sz * px + fee;
                mark = next_mark;
                ledger.mark(Px(mark));
            }
            let last = AccountState {
                exch: Time(2), account_value: Usd(cash + q * mark), margin_used: Usd::ZERO,
                position: Sz(q), position_value: Usd(q.abs() * mark),
            };
            prop_assert_eq!(ledger.pnl(&last).residual, Usd::ZERO);
            prop_assert_eq!(ledger.position(), Sz(q));
        }
    }
}
