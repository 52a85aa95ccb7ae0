//! What the account's other coins made since the anchor: their fills, funding and marks move the one
//! account value, and what they explain is neither our profit nor a loss that nobody explains.
//!
//! `pnl = value now - value at the anchor + cash`, cash being `-signed notional - fee + funding` of what
//! was told since: exact, because the exchange prints all of it.

use std::collections::BTreeSet;

use crate::event::{AccountState, OtherCoins, OtherFill, OtherFunding};
use crate::units::{Time, Usd};

/// Fills remembered; the venue's snapshot holds at most 2,000.
const TOLD_MAX: usize = 8192;

/// The other coins, as one.
#[derive(Clone, Debug)]
pub(super) struct Elsewhere {
    anchor: OtherCoins,
    anchored: Time,
    /// Every fill up to this exchange time is in the anchor, or was forgotten.
    covered: Time,
    cash: Usd,
    size: i64,
    last_fill: Time,
    fills: BTreeSet<(Time, u64, String)>,
    fundings: BTreeSet<(Time, Usd, String)>,
}

impl Elsewhere {
    pub(super) const fn new(anchor: OtherCoins, at: Time) -> Self {
        Self {
            anchor,
            anchored: at,
            covered: at,
            cash: Usd::ZERO,
            size: anchor.size,
            last_fill: at,
            fills: BTreeSet::new(),
            fundings: BTreeSet::new(),
        }
    }

    /// Enters a fill, once; whether it is news.
    pub(super) fn post(&mut self, fill: &OtherFill) -> bool {
        let key = (fill.exch, fill.tid, fill.coin.clone());
        if fill.exch <= self.covered || !self.fills.insert(key) {
            return false;
        }
        self.cash -= Usd(fill.size.signum() * fill.notional.0) + fill.fee;
        self.size = self.size.wrapping_add(fill.size);
        self.last_fill = self.last_fill.max(fill.exch);
        if self.fills.len() > TOLD_MAX
            && let Some((exch, ..)) = self.fills.pop_first()
        {
            self.covered = self.covered.max(exch);
        }
        true
    }

    /// Enters a funding payment, once.
    pub(super) fn fund(&mut self, payment: &OtherFunding) {
        let key = (payment.exch, payment.usd, payment.coin.clone());
        if payment.exch > self.anchored && self.fundings.insert(key) {
            self.cash += payment.usd;
        }
    }

    /// Whether a report holds what was told, no less and no more.
    pub(super) fn agrees(&self, report: &AccountState) -> bool {
        report.exch >= self.last_fill && report.other_coins.size == self.size
    }

    /// What they made, as of a report.
    pub(super) fn pnl(&self, report: &AccountState) -> Usd {
        report.other_coins.value - self.anchor.value + self.cash
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(exch: i64, value: i64, size: i64) -> AccountState {
        AccountState {
            exch: Time(exch),
            account_value: Usd(1_000),
            margin_used: Usd::ZERO,
            position: crate::units::Sz::ZERO,
            position_value: Usd::ZERO,
            liquidation_px: None,
            other_coins: OtherCoins {
                value: Usd(value),
                size,
            },
        }
    }

    fn fill(exch: i64, size: i64, notional: i64) -> OtherFill {
        OtherFill {
            coin: "ETH".to_owned(),
            exch: Time(exch),
            tid: 7,
            size,
            notional: Usd(notional),
            fee: Usd(3),
        }
    }

    #[test]
    fn what_another_coin_made_is_exact_whenever_it_is_told() {
        let mut elsewhere = Elsewhere::new(report(10, -500, -5).other_coins, Time(10));
        assert!(!elsewhere.post(&fill(10, 2, 200)), "in the anchor");
        assert_eq!(elsewhere.pnl(&report(11, -520, -5)), Usd(-20));
        assert!(elsewhere.post(&fill(12, 2, 208)));
        assert!(!elsewhere.post(&fill(12, 2, 208)), "told again");
        elsewhere.fund(&OtherFunding {
            coin: "ETH".to_owned(),
            exch: Time(13),
            usd: Usd(4),
        });
        // Short 5 worth 500, two bought back at 104 each, the rest marked at 103, a fee and a payment.
        let later = report(14, -309, -3);
        assert_eq!(elsewhere.pnl(&later), Usd(500 - 208 - 309 - 3 + 4));
        assert!(elsewhere.agrees(&later));
        assert!(
            !elsewhere.agrees(&report(14, -309, -5)),
            "the fill is not in it"
        );
        assert!(!elsewhere.agrees(&report(11, -309, -3)), "it is older");
    }

    #[test]
    fn what_is_forgotten_is_not_told_again() {
        let mut elsewhere = Elsewhere::new(OtherCoins::NONE, Time(0));
        for exch in 1..=9_000 {
            assert!(elsewhere.post(&fill(exch, 1, 100)));
        }
        assert!(!elsewhere.post(&fill(1, 1, 100)) && !elsewhere.post(&fill(9_000, 1, 100)));
        assert_eq!((elsewhere.fills.len(), elsewhere.size), (TOLD_MAX, 9_000));
    }
}
