//! Losses that kill, and money that moves and is none.

use mm_core::budget::Restored;
use mm_core::control::KillReason;
use mm_core::event::{Command, EventBody, Funding, Transfer};
use mm_core::units::{SECOND, Side, Time, Usd};

use crate::desk::{Desk, START};
use crate::{killed_flat, long};

/// The account loses money, and the ledger knows how.
fn lose(desk: &mut Desk, usd: i64) {
    let usd = Usd(usd * 1_000_000);
    desk.cash -= usd.0;
    let exch = desk.now;
    desk.tell(EventBody::Funding(Funding { exch, usd: -usd }));
}

#[test]
fn a_daily_loss_kills() {
    let mut desk = long("{}");
    let from = desk.received.len();
    lose(&mut desk, 505);
    desk.seconds(1);
    let from_kill = from.max(desk.received.len());
    killed_flat(&mut desk, KillReason::DailyLoss, from_kill);
    let budget = desk.snapshot().budget.unwrap();
    assert!(budget.opening.0 - budget.equity.0 >= 500_000_000);
}

#[test]
fn a_drawdown_kills_though_the_day_is_young() {
    let mut desk = Desk::new("{}", 0);
    let saved = Restored {
        day: START / (86_400 * SECOND) - 1,
        opening: Usd(10_000_000_000),
        peak: Usd(10_800_000_000),
        equity: Usd(10_000_000_000),
        transfers: Usd::ZERO,
        at: Time(START - 60 * SECOND),
    };
    desk.tell(EventBody::Command(Command::Restore(saved)));
    desk.open();
    desk.seconds(80);
    desk.fill(Side::Bid, 60);
    assert!(desk.snapshot().kill.is_none());
    lose(&mut desk, 70);
    desk.seconds(1);
    let from = desk.received.len();
    killed_flat(&mut desk, KillReason::Drawdown, from);
}

/// A loss of the morning counts after a restart in the afternoon; the limit shares it.
#[test]
fn a_restored_day_goes_on() {
    let today = START / (86_400 * SECOND);
    for (day, killed) in [(today, true), (today - 1, false)] {
        let mut desk = Desk::new("{}", 0);
        let saved = Restored {
            day,
            opening: Usd(10_600_000_000),
            peak: Usd(10_600_000_000),
            equity: Usd(10_500_000_000),
            transfers: Usd::ZERO,
            at: Time(START - 60 * SECOND),
        };
        desk.tell(EventBody::Command(Command::Restore(saved)));
        desk.open();
        desk.seconds(40);
        let kill = desk.snapshot().kill;
        assert_eq!(kill.is_some(), killed, "{kill:?}");
    }
}

/// A withdrawal is no loss, known before the restart, told while it was down, or told after the report.
#[test]
fn a_withdrawal_is_no_loss_whenever_it_is_heard_of() {
    let moved = |exch: i64, id| {
        EventBody::Transfer(Transfer {
            exch: Time(exch),
            usd: Usd(-2_000_000_000),
            id,
        })
    };
    let mut desk = Desk::new("{}", 0);
    let saved = Restored {
        day: START / (86_400 * SECOND),
        opening: Usd(14_000_000_000),
        peak: Usd(14_000_000_000),
        equity: Usd(14_000_000_000),
        transfers: Usd(-2_000_000_000),
        at: Time(START - 60 * SECOND),
    };
    // 14,000 net of 2,000 withdrawn: 12,000 on the account; another 2,000 left while we were down.
    desk.prepare();
    desk.tell(moved(START - 90 * SECOND, 1));
    desk.tell(moved(START - 30 * SECOND, 2));
    desk.tell(EventBody::Command(Command::Restore(saved)));
    desk.open();
    desk.seconds(60);
    let shown = desk.snapshot();
    assert_eq!(
        (shown.kill.is_none(), shown.day_pnl),
        (true, Some(Usd::ZERO))
    );
    // And now one whose report comes first.
    desk.cash -= 2_000_000_000;
    desk.seconds(5);
    assert!(desk.snapshot().kill.is_none());
    assert!(desk.snapshot().day_pnl.unwrap() < Usd::ZERO);
    let exch = desk.now.0 - 5 * SECOND + 1;
    desk.tell(moved(exch, 3));
    assert_eq!(desk.snapshot().day_pnl, Some(Usd::ZERO));
    desk.seconds(60);
    assert!(desk.snapshot().kill.is_none());
}

/// One of while nobody ran, told after the ledger had begun.
#[test]
fn a_withdrawal_of_before_the_anchor_counts_when_it_is_told() {
    let mut desk = Desk::new("{}", 0);
    let saved = Restored {
        day: START / (86_400 * SECOND),
        opening: Usd(10_000_000_000),
        peak: Usd(10_000_000_000),
        equity: Usd(10_000_000_000),
        transfers: Usd::ZERO,
        at: Time(START - 60 * SECOND),
    };
    desk.cash -= 100_000_000;
    desk.tell(EventBody::Command(Command::Restore(saved)));
    desk.open();
    desk.seconds(5);
    let lost = Usd(-100_000_000);
    assert_eq!(desk.snapshot().day_pnl, Some(lost));
    // What had moved by the moment that was saved is in what was saved.
    for (ago_s, day_pnl) in [(60, lost), (30, Usd::ZERO)] {
        desk.tell(EventBody::Transfer(Transfer {
            exch: Time(START - ago_s * SECOND),
            usd: lost,
            id: 1,
        }));
        assert_eq!(desk.snapshot().day_pnl, Some(day_pnl), "{ago_s}");
    }
}

#[test]
fn money_that_nobody_accounts_for_kills_in_time() {
    let mut desk = long("{}");
    desk.cash -= 600_000_000;
    desk.seconds(20);
    assert!(desk.snapshot().kill.is_none());
    desk.seconds(12);
    let from = desk.received.len();
    killed_flat(&mut desk, KillReason::DailyLoss, from);
}

/// A deposit that is told before the ledger begins and happened after the report it begins with.
#[test]
fn a_deposit_between_the_anchors_report_and_the_anchor_counts_once() {
    let mut desk = Desk::new("{}", 0);
    let equity = Usd(10_000_000_000);
    desk.prepare();
    desk.tell(EventBody::Transfer(Transfer {
        exch: Time(START + 1),
        usd: Usd(2_000_000_000),
        id: 1,
    }));
    desk.tell(EventBody::Command(Command::Restore(Restored {
        day: START / (86_400 * SECOND),
        opening: equity,
        peak: equity,
        equity,
        transfers: Usd::ZERO,
        at: Time(START - 60 * SECOND),
    })));
    desk.open();
    desk.cash += 2_000_000_000;
    desk.seconds(60);
    let shown = desk.snapshot();
    assert_eq!((shown.kill, shown.day_pnl), (None, Some(Usd::ZERO)));
}
