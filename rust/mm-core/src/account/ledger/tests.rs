use super::*;
use crate::account::HOLD;
use crate::event::{FillKind, OtherCoins};
use crate::units::{SECOND, Side};
use proptest::prelude::*;

fn report(exch: i64, value: i64, position: i64, mark: i64) -> AccountState {
    AccountState {
        exch: Time(exch),
        account_value: Usd(value),
        margin_used: Usd::ZERO,
        position: Sz(position),
        position_value: Usd(position.abs() * mark),
        other_coins: OtherCoins::NONE,
        liquidation_px: None,
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

fn transfer(exch: i64, usd: i64, id: u64) -> Transfer {
    Transfer {
        exch: Time(exch),
        usd: Usd(usd),
        id,
    }
}

#[test]
fn a_fill_counts_once_and_moves_nothing_before_the_anchor() {
    let mut ledger = Ledger::anchored(report(10, 1000, 0, 0));
    let (old, new) = (
        fill(10, 1, Side::Bid, 100, 5, 0),
        fill(11, 2, Side::Bid, 100, 5, 0),
    );
    assert_eq!(ledger.post(&old, Time(11)), Posted::BeforeAnchor);
    assert_eq!(ledger.post(&old, Time(11)), Posted::Known);
    assert_eq!(ledger.post(&new, Time(11)), Posted::New);
    assert_eq!(ledger.post(&new, Time(11)), Posted::Known);
    assert_eq!((ledger.position(), ledger.moved()), (Sz(5), Sz(5)));
    ledger.post(&fill(12, 3, Side::Ask, 100, 5, 5), Time(12));
    assert_eq!((ledger.position(), ledger.moved()), (Sz(0), Sz(10)));
    ledger.post(&fill(13, 4, Side::Bid, 100, 5, 0), Time(13));
    assert_eq!(ledger.pnl(&report(14, 991, 5, 100)).fees, Usd(9));
}

#[test]
fn a_break_is_unexplained_until_a_report_agrees_or_the_gap_is_filled() {
    let mut ledger = Ledger::anchored(report(10, 1000, 0, 0));
    ledger.post(&fill(12, 2, Side::Bid, 100, 5, 7), Time(12));
    ledger.judge(Time(12));
    assert!(!ledger.breaks(Time(13)) && !ledger.is_unexplained());
    assert!(ledger.breaks(Time(12).plus(HOLD)) && ledger.is_unexplained());
    assert_eq!(ledger.check(&report(9, 1000, 0, 0)), None);
    assert_eq!(ledger.check(&report(12, 1000, 12, 100)), Some(Sz(7)));
    assert!(ledger.is_unexplained());
    let mut healed = ledger.clone();
    assert_eq!(ledger.check(&report(13, 1000, 5, 100)), Some(Sz(0)));
    assert!(!ledger.is_unexplained());
    healed.post(&fill(11, 1, Side::Bid, 100, 7, 0), Time(11));
    healed.judge(Time(20));
    assert!(!healed.is_unexplained());
    assert_eq!(healed.position(), Sz(12));
}

#[test]
fn a_report_is_held_against_the_ledger_of_its_own_time() {
    let mut ledger = Ledger::anchored(report(10, 1000, 0, 0));
    ledger.post(&fill(20, 1, Side::Bid, 100, 5, 0), Time(20));
    ledger.post(&fill(30, 2, Side::Ask, 100, 2, 5), Time(30));
    for (exch, position) in [(15, 0), (20, 5), (29, 5), (30, 3), (40, 3)] {
        let drift = ledger.check(&report(exch, 1000, position, 100));
        assert_eq!(drift, Some(Sz(0)), "at {exch}");
    }
    assert_eq!(ledger.check(&report(25, 1000, 3, 100)), Some(Sz(-2)));
}

#[test]
fn payments_count_once_each_however_often_they_are_told() {
    let mut ledger = Ledger::anchored(report(10, 1000, 0, 0));
    let funded = |ledger: &mut Ledger, exch| {
        ledger.fund(Funding {
            exch: Time(exch),
            usd: Usd(-2),
        })
    };
    let before = |entry: Option<Entry>| match entry {
        Some(Entry::Funding(paid) | Entry::Transfer(paid)) => Some(paid.before_anchor),
        _ => None,
    };
    for (exch, expected) in [
        (10, Some(true)),
        (11, Some(false)),
        (11, None),
        (12, Some(false)),
    ] {
        assert_eq!(before(funded(&mut ledger, exch)), expected);
    }
    // Two equal ones of one millisecond are told apart by their transactions.
    for (exch, id, expected) in [
        (10, 1, Some(true)),
        (11, 1, Some(false)),
        (11, 2, Some(false)),
        (11, 2, None),
    ] {
        assert_eq!(before(ledger.transfer(transfer(exch, 5, id))), expected);
    }
    assert_eq!(ledger.transfers(), Usd(10));
    let pnl = ledger.pnl(&report(13, 1000 - 4 + 10, 0, 0));
    assert_eq!((pnl.funding, pnl.residual), (Usd(-4), Usd(0)));
}

#[test]
fn a_corrupted_fee_shows_as_residual() {
    let mut ledger = Ledger::anchored(report(10, 1000, 0, 0));
    ledger.post(&fill(11, 1, Side::Bid, 100, 5, 0), Time(11));
    let honest = report(12, 1000 - 3 + 5 * 10, 5, 110);
    assert_eq!(ledger.pnl(&honest).residual, Usd(0));
    let wrong = report(12, 1000 - 4 + 5 * 10, 5, 110);
    assert_eq!(ledger.pnl(&wrong).residual, Usd(-1));
}

#[test]
fn a_correction_is_an_entry_and_what_it_covers_is_not_counted_again() {
    let mut ledger = Ledger::anchored(report(10, 1000, 0, 0));
    ledger.post(&fill(11, 1, Side::Bid, 100, 5, 0), Time(11));
    // A sale of 2 at 104 that nobody told us of, with its fee of 3.
    let truth = report(20, 1000 - 3 + 2 * 4 - 3 + 3 * 10, 3, 110);
    assert_eq!(ledger.correct(&report(10, 0, 3, 110)), None, "too old");
    let entry = ledger.correct(&truth);
    let Some(Entry::Correction(correction)) = entry else {
        panic!("{entry:?}")
    };
    assert_eq!((correction.from, correction.to), (Sz(5), Sz(3)));
    assert_eq!(ledger.moved(), Sz(7), "a correction moves the position too");
    assert_eq!(ledger.correct(&truth), None, "once");
    let pnl = ledger.pnl(&truth);
    assert_eq!((pnl.residual, pnl.corrections), (Usd(0), correction.usd));
    let late = fill(15, 9, Side::Ask, 104, 2, 5);
    assert_eq!(ledger.post(&late, Time(21)), Posted::BeforeAnchor);
    assert_eq!(ledger.position(), Sz(3));
    assert_eq!(
        ledger
            .pnl(&report(21, truth.account_value.0 + 3, 3, 111))
            .residual,
        Usd(0)
    );
}

#[test]
fn fills_that_are_forgotten_are_never_taken_for_news() {
    let mut ledger = Ledger::anchored(report(0, 1000, 0, 0));
    let count = i64::try_from(FILLS_MAX).unwrap() + 10;
    let at = |n: i64| {
        let (side, start) = if n % 2 == 1 {
            (Side::Bid, 0)
        } else {
            (Side::Ask, 1)
        };
        fill(n, n.unsigned_abs(), side, 100, 1, start)
    };
    for n in 1..=count {
        assert_eq!(ledger.post(&at(n), Time(n * SECOND)), Posted::New);
        ledger.judge(Time(n * SECOND));
    }
    let position = ledger.position();
    for n in 1..=count {
        assert_eq!(ledger.post(&at(n), Time(n * SECOND)), Posted::Known);
    }
    assert_eq!(ledger.position(), position);
    assert_eq!(
        ledger.check(&report(3, 0, 0, 0)),
        None,
        "too long ago to tell"
    );
}

/// Anything that moves money or position.
#[derive(Clone, Debug)]
enum Move {
    Trade(FillKind, bool, i64, i64, i64),
    Fund(i64),
    Transfer(i64, bool),
    Mark(i64),
    /// A trade that is never told, then a correction.
    Silent(bool, i64, i64),
    /// Everything told so far is told again, in reverse.
    Replay,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let kind = prop_oneof![
        4 => Just(FillKind::Trade),
        1 => Just(FillKind::Liquidation),
        1 => Just(FillKind::Adl),
        1 => Just(FillKind::Settlement),
    ];
    let trade = (
        kind,
        any::<bool>(),
        1_i64..100_000,
        1_i64..1000,
        -50_i64..500,
    );
    proptest::collection::vec(
        prop_oneof![
            6 => trade.prop_map(|(kind, buy, px, sz, fee)| Move::Trade(kind, buy, px, sz, fee)),
            2 => (-500_i64..500).prop_map(Move::Fund),
            2 => (-5_000_i64..5_000, any::<bool>()).prop_map(|(usd, twice)| Move::Transfer(usd, twice)),
            3 => (1_i64..100_000).prop_map(Move::Mark),
            1 => (any::<bool>(), 1_i64..100_000, 1_i64..1000).prop_map(|(buy, px, sz)| Move::Silent(buy, px, sz)),
            1 => Just(Move::Replay),
        ],
        0..80,
    )
}

/// The exchange's truth: cash, position, mark, and what it told us.
struct Truth {
    ledger: Ledger,
    cash: i64,
    q: i64,
    mark: i64,
    exch: i64,
    fills: Vec<Fill>,
    transfers: Vec<Transfer>,
    moved: i64,
    entries: usize,
}

impl Truth {
    fn trade(&mut self, buy: bool, px: i64, sz: i64, fee: i64) -> Fill {
        let side = if buy { Side::Bid } else { Side::Ask };
        let mut fill = fill(self.exch, self.exch.unsigned_abs(), side, px, sz, self.q);
        fill.fee = Usd(fee);
        self.q += side.sign() * sz;
        self.cash -= side.sign() * sz * px + fee;
        fill
    }

    fn report(&self) -> AccountState {
        report(self.exch, self.cash + self.q * self.mark, self.q, self.mark)
    }

    fn carry_out(&mut self, one: &Move) {
        self.exch += 1;
        match *one {
            Move::Trade(kind, buy, px, sz, fee) => {
                let fill = Fill {
                    kind,
                    ..self.trade(buy, px, sz, fee)
                };
                assert_eq!(self.ledger.post(&fill, Time(self.exch)), Posted::New);
                self.ledger.judge(Time(self.exch));
                self.fills.push(fill);
                self.entries += 1;
            }
            Move::Fund(usd) => {
                self.cash += usd;
                let paid = Funding {
                    exch: Time(self.exch),
                    usd: Usd(usd),
                };
                self.entries += usize::from(self.ledger.fund(paid).is_some());
            }
            Move::Transfer(usd, twice) => {
                for id in 0..=u64::from(twice) {
                    self.cash += usd;
                    self.moved += usd;
                    let moved = transfer(self.exch, usd, id);
                    self.transfers.push(moved);
                    self.entries += usize::from(self.ledger.transfer(moved).is_some());
                }
            }
            Move::Mark(mark) => {
                self.mark = mark;
                self.ledger.mark(Px(mark));
            }
            Move::Silent(buy, px, sz) => {
                self.trade(buy, px, sz, 0);
                self.exch += 1;
                let entry = self.ledger.correct(&self.report());
                assert!(entry.is_some());
                self.entries += 1;
            }
            Move::Replay => {
                for fill in self.fills.clone().iter().rev() {
                    assert_eq!(self.ledger.post(fill, Time(self.exch)), Posted::Known);
                }
                for moved in self.transfers.clone().iter().rev() {
                    assert_eq!(self.ledger.transfer(*moved), None);
                }
            }
        }
    }
}

proptest! {
    /// Whatever moves money or position, in any sequence: position, transfers and the identity of the
    /// profit are exact to the micro-USDC after every step.
    #[test]
    fn prop_the_identity_is_exact(start in -1000_i64..1000, mark in 1_i64..100_000, moves in moves()) {
        let first = report(0, 5_000_000, start, mark);
        let cash = first.account_value.0 - start * mark;
        let mut truth = Truth {
            ledger: Ledger::anchored(first), cash, q: start, mark, exch: 0,
            fills: Vec::new(), transfers: Vec::new(), moved: 0, entries: 0,
        };
        for one in &moves {
            truth.carry_out(one);
            let report = truth.report();
            prop_assert_eq!(truth.ledger.pnl(&report).residual, Usd::ZERO, "after {:?}", one);
            prop_assert_eq!(truth.ledger.position(), Sz(truth.q));
            prop_assert_eq!(truth.ledger.check(&report), Some(Sz::ZERO));
            prop_assert_eq!(truth.ledger.transfers(), Usd(truth.moved));
            prop_assert!(!truth.ledger.is_unexplained());
        }
    }

    /// Fills of one block in any order are no break; one that is missing is.
    #[test]
    fn prop_order_within_a_block_is_no_break(
        sizes in proptest::collection::vec((any::<bool>(), 1_i64..50), 2..12),
        order in any::<prop::sample::Index>(), missing in any::<prop::sample::Index>(),
    ) {
        let mut q = 0;
        let mut block: Vec<Fill> = Vec::new();
        for (tid, (buy, sz)) in (1..).zip(&sizes) {
            let side = if *buy { Side::Bid } else { Side::Ask };
            block.push(fill(5, tid, side, 100, *sz, q));
            q += side.sign() * sz;
        }
        let turned = order.index(block.len());
        block.rotate_left(turned);
        block.reverse();
        let lost = missing.index(block.len());
        let judged = |skip: Option<usize>| {
            let mut ledger = Ledger::anchored(report(0, 0, 0, 0));
            for (i, fill) in block.iter().enumerate() {
                if Some(i) != skip {
                    ledger.post(fill, Time(5));
                    ledger.judge(Time(5));
                }
            }
            ledger.breaks(Time(5).plus(HOLD))
        };
        prop_assert!(!judged(None));
        // Without one that led to the last position the rest may still be a chain.
        let gone = &block[lost];
        if gone.start_position + gone.side.signed(gone.sz) != Sz(q) {
            prop_assert!(judged(Some(lost)));
        }
    }
}
