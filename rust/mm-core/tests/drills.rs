//! Each bug that can be planted does what it says, and no other: what is found in a drill was planted.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[allow(
    dead_code,
    reason = "the harness of the recovery tests: a drill needs a part of it"
)]
mod scripted;

use mm_core::action::{ActionBody, Reason};
use mm_core::control::Alarm;
use mm_core::engine::{Bug, Drill};
use mm_core::event::{EventBody, Transfer};
use mm_core::gate::Enforcement;
use mm_core::units::{Dur, SECOND, Side, Sz, Usd};
use scripted::{Scripted, config};

/// Quoting with this bug, or none, and this position from before.
fn planted(bug: Option<Bug>, position: i64) -> Scripted {
    let mut config = config();
    config.drill = bug.map(|bug| Drill {
        room_factor: 1.0,
        gate: Enforcement::Enforced,
        bug: Some(bug),
    });
    let mut scripted = Scripted::new(config, position);
    scripted.open();
    scripted.seconds(80);
    scripted
}

const BUGS: [Option<Bug>; 6] = [
    None,
    Some(Bug::Ledger),
    Some(Bug::Recovery),
    Some(Bug::Reconciler),
    Some(Bug::Refresh),
    Some(Bug::Quotes),
];

#[test]
fn a_ledger_that_enters_twice_does_so_by_its_bug_alone() {
    for bug in BUGS {
        let mut scripted = planted(bug, 0);
        let fill = scripted.stranger(Side::Bid, 10, true);
        scripted.tell(fill);
        let entered = scripted.engine.snapshot().position;
        let wanted = if bug == Some(Bug::Ledger) { 20 } else { 10 };
        assert_eq!(entered, Sz(wanted), "{bug:?}");
    }
}

#[test]
fn a_recovery_that_never_crosses_does_so_by_its_bug_alone() {
    for bug in [None, Some(Bug::Recovery), Some(Bug::Quotes)] {
        let mut scripted = planted(bug, 20_000);
        scripted.seconds(120);
        let crossed = !scripted.immediate().is_empty();
        assert_eq!(crossed, bug != Some(Bug::Recovery), "{bug:?}");
    }
}

#[test]
fn a_reconciler_that_finds_nothing_does_so_by_its_bug_alone() {
    for bug in [None, Some(Bug::Reconciler), Some(Bug::Ledger)] {
        let mut scripted = planted(bug, 0);
        scripted.stranger(Side::Bid, 10, false);
        scripted.seconds(8);
        let told = |alarm: &Alarm| matches!(alarm, Alarm::PositionUnexplained { .. });
        let found = scripted.alarms.iter().any(told);
        assert_eq!(found, bug != Some(Bug::Reconciler), "{bug:?}");
    }
}

#[test]
fn a_plain_maker_replaces_its_orders_each_second_of_a_still_market() {
    for (bug, at_least) in [(None, 0), (Some(Bug::Refresh), 50)] {
        let mut scripted = planted(bug, 0);
        let from = scripted.received.len();
        scripted.seconds(10);
        let amended = scripted.received[from..]
            .iter()
            .map(|(_, action)| match &action.body {
                ActionBody::Modify(amends) => amends.len(),
                _ => 0,
            });
        let amended: usize = amended.sum();
        // Once in a second: there are five events in each.
        assert!(
            (at_least..=2 * at_least).contains(&amended),
            "{bug:?} {amended}"
        );
        assert!(scripted.resting.len() > 5);
        // What is not wanted any more goes at once, whatever the second.
        let stream = mm_core::event::Stream::Market;
        scripted.stream(stream, mm_core::event::StreamState::Down);
        assert_eq!(scripted.resting.len(), 0, "{bug:?}");
    }
}

#[test]
fn nothing_that_only_reduces_is_quoted_by_its_bug_alone() {
    for bug in [None, Some(Bug::Quotes), Some(Bug::Recovery)] {
        let scripted = planted(bug, 20_000);
        let reduces = scripted
            .rests(Side::Ask)
            .iter()
            .any(|order| order.reduce_only);
        assert_eq!(reduces, bug != Some(Bug::Quotes), "{bug:?}");
    }
}

#[test]
fn a_bug_of_another_part_leaves_the_ladder_as_it_is() {
    let sizes = |bug| {
        let scripted = planted(bug, 0);
        scripted
            .resting
            .values()
            .map(|order| (order.side, order.px, order.sz))
            .collect::<Vec<_>>()
    };
    let usual = sizes(None);
    assert_eq!(usual.len(), 10);
    for bug in [Bug::Ledger, Bug::Recovery, Bug::Reconciler, Bug::Quotes] {
        assert_eq!(sizes(Some(bug)), usual, "{bug:?}");
    }
}

/// In halves: twice, once and one and a half times the room.
#[test]
fn a_planted_room_scales_each_side_by_its_own_room() {
    for (position, factor) in [(0, 4), (0, 2), (2_000, 3), (-2_000, 3)] {
        let mut config = config();
        config.drill = Some(Drill {
            room_factor: f64::from(i32::try_from(factor).unwrap()) / 2.0,
            gate: Enforcement::Disabled,
            bug: None,
        });
        let mut scripted = Scripted::new(config, position);
        scripted.open();
        scripted.seconds(80);
        let limits = scripted.engine.limits().unwrap().clone();
        for side in Side::BOTH {
            let rest: Sz = scripted.rests(side).iter().map(|order| order.sz).sum();
            let room = limits.of(side) - side.signed(Sz(position));
            let wanted = Sz(room.0 * factor / 2);
            // Rounded up by level; placed some seconds ago, under a limit that has risen since.
            let inside = wanted.0 * 4 / 5..=wanted.0 + 10;
            assert!(
                inside.contains(&rest.0),
                "{side:?} {position} {rest} of {wanted}"
            );
        }
    }
}

#[test]
fn a_fill_that_is_heard_in_a_snapshot_is_no_news() {
    let mut scripted = planted(None, 0);
    let fill = scripted.stranger(Side::Bid, 10, true);
    let EventBody::Fills(mut fills) = fill else {
        panic!("{fill:?}")
    };
    fills.snapshot = true;
    scripted.tell(EventBody::Fills(fills));
    assert_eq!(scripted.engine.snapshot().position, Sz(10));
}

/// A withdrawal leaves a limit below what rests: what exceeds it is cancelled at once, and with the bug not
/// within a second.
#[test]
fn what_exceeds_a_limit_goes_late_by_its_bug_alone() {
    for bug in [None, Some(Bug::Cut), Some(Bug::Quotes)] {
        let mut scripted = planted(bug, 0);
        let from = scripted.received.len();
        let is_cut = |scripted: &Scripted| {
            let mut actions = scripted.received[from..].iter();
            actions.any(|(_, action)| match &action.body {
                ActionBody::Cancel(cancels) => {
                    cancels.iter().any(|one| one.reason == Reason::OverLimit)
                }
                _ => false,
            })
        };
        scripted.silent = true;
        scripted.cash -= 9_000_000_000;
        scripted.tell(EventBody::Transfer(Transfer {
            exch: scripted.now,
            usd: Usd(-9_000_000_000),
            id: 1,
        }));
        let report = scripted.report();
        scripted.tell(EventBody::Account(report));
        assert_eq!(is_cut(&scripted), bug != Some(Bug::Cut), "{bug:?}");
        scripted.now = scripted.now.plus(Dur(SECOND - 1));
        scripted.tell(EventBody::Timer);
        assert_eq!(is_cut(&scripted), bug != Some(Bug::Cut), "{bug:?}");
    }
}
