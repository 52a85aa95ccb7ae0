//! What becomes of the position when trading ends.

use mm_core::action::Tif;
use mm_core::control::{KillReason, Mode, ModeReason};
use mm_core::event::{Command, EventBody, OpenOrder, OpenOrders, Stream, StreamState};
use mm_core::units::{Px, Side, Sz};

use crate::desk::Desk;
use crate::{killed_flat, long};

#[test]
fn the_operator_kills_with_each_policy() {
    for policy in ["work", "flatten", "hold"] {
        let mut desk = long(&format!(r#"{{"on_kill": "{policy}"}}"#));
        let held = desk.position;
        desk.tell(EventBody::Command(Command::Kill));
        desk.seconds(1);
        match policy {
            "hold" => {
                assert_eq!(desk.mode(), (Mode::Halted, Some(ModeReason::Killed)));
                assert!(desk.snapshot().kill.unwrap().done);
                assert_eq!((desk.position, desk.resting.len()), (held, 0));
            }
            "flatten" => {
                let from = desk.received.len();
                killed_flat(&mut desk, KillReason::Manual, from);
            }
            _ => {
                assert_eq!(desk.mode(), (Mode::ReduceOnly, Some(ModeReason::Killed)));
                assert_eq!(desk.lots(Side::Ask), held);
                let px: Vec<i64> = desk.resting.values().map(|o| o.px.0).collect();
                assert_eq!(px, [desk.mid + 5], "at the touch");
                desk.mid -= 200;
                desk.seconds(2);
                assert_eq!(desk.resting.values().next().unwrap().px.0, desk.mid + 5);
                desk.fill(Side::Ask, held.0);
                desk.seconds(1);
                assert!(desk.snapshot().kill.unwrap().done);
                assert_eq!(desk.mode().0, Mode::Halted);
            }
        }
    }
}

#[test]
fn closing_pauses_between_attempts_and_waits_for_a_book_that_can_take_it() {
    let mut desk = long("{}");
    desk.dry = true;
    let from = desk.received.len();
    desk.tell(EventBody::Command(Command::Kill));
    desk.seconds(30);
    let tried = desk.placed(from, Tif::Ioc);
    assert!((5..=7).contains(&tried.len()), "{tried:?}");
    for (earlier, later) in tried.iter().zip(&tried[1..]) {
        assert!(later.0.since(earlier.0).as_secs() >= 5.0);
    }
    assert!(
        tried
            .iter()
            .all(|(_, order)| order.reduce_only && order.side == Side::Ask)
    );
    desk.dry = false;
    let from = desk.received.len();
    killed_flat(&mut desk, KillReason::Manual, from);
}

#[test]
fn a_stop_does_with_the_position_what_was_chosen() {
    for (policy, mode) in [
        ("work", Mode::ReduceOnly),
        // Its orders are cancelled and its position closed within the same instant.
        ("flatten", Mode::Halted),
        ("hold", Mode::Halted),
    ] {
        let mut desk = long(&format!(r#"{{"on_exit": "{policy}"}}"#));
        desk.tell(EventBody::Command(Command::Stop));
        assert_eq!(desk.mode(), (mode, Some(ModeReason::Stopping)), "{policy}");
        desk.seconds(40);
        let stop = desk.snapshot().stop.unwrap();
        assert_eq!(
            (stop.done, desk.position == Sz::ZERO),
            match policy {
                "work" => (false, false),
                "flatten" => (true, true),
                _ => (true, false),
            }
        );
        desk.tell(EventBody::Command(Command::Stop));
        assert_eq!(desk.mode(), (Mode::Halted, Some(ModeReason::Stopping)));
        assert!(desk.resting.is_empty() && desk.snapshot().stop.unwrap().done);
    }
}

/// A stop is under way when the switch latches: the position goes the way of the kill, it is not dropped.
#[test]
fn a_kill_during_a_stop_does_with_the_position_what_was_chosen_for_kills() {
    for on_exit in ["flatten", "work", "hold"] {
        let mut desk = long(&format!(r#"{{"on_exit": "{on_exit}"}}"#));
        desk.dry = true;
        desk.tell(EventBody::Command(Command::Stop));
        desk.seconds(2);
        desk.tell(EventBody::Command(Command::Kill));
        assert_eq!(
            desk.mode(),
            (Mode::Flatten, Some(ModeReason::Killed)),
            "{on_exit}"
        );
        assert!(!desk.snapshot().kill.unwrap().done);
        desk.dry = false;
        desk.seconds(40);
        assert_eq!(desk.position, Sz::ZERO, "{on_exit}");
        assert!(desk.snapshot().kill.unwrap().done);
    }
    // And a second stop still means: now.
    let mut desk = long(r#"{"on_exit": "flatten"}"#);
    desk.dry = true;
    desk.tell(EventBody::Command(Command::Stop));
    desk.tell(EventBody::Command(Command::Kill));
    desk.tell(EventBody::Command(Command::Stop));
    assert_eq!(desk.mode(), (Mode::Halted, Some(ModeReason::Killed)));
}

/// Orders placed by hand are not ours to end, so the end does not wait for them.
#[test]
fn an_order_placed_by_hand_does_not_keep_a_kill_from_being_done() {
    let mut desk = Desk::quoting("{}");
    desk.tell(EventBody::OpenOrders(OpenOrders {
        orders: vec![OpenOrder {
            oid: 5,
            cloid: None,
            side: Side::Bid,
            px: Px(900_000),
            sz: Sz(20),
            reduce_only: false,
            trigger: None,
        }],
    }));
    assert_eq!(desk.snapshot().foreign.len(), 1);
    desk.tell(EventBody::Command(Command::Kill));
    desk.seconds(10);
    assert!(desk.resting.is_empty() && desk.snapshot().kill.unwrap().done);
}

/// Killed before any limit was valid: closed by the limit in force, not in the smallest pieces there are.
#[test]
fn a_kill_in_warmup_closes_by_the_limit_in_force() {
    let mut desk = Desk::new("{}", 600);
    desk.stream(Stream::Market, StreamState::Up);
    desk.stream(Stream::User, StreamState::Up);
    desk.head_room();
    desk.anchor();
    desk.seconds(2);
    let limit = desk.engine.limits().unwrap().clone();
    assert_eq!(limit.source(), mm_core::limits::LimitSource::Warmup);
    desk.tell(EventBody::Command(Command::Kill));
    desk.seconds(3);
    let (_, first) = desk.placed(0, Tif::Ioc)[0];
    assert_eq!(first.sz, Sz(limit.long().0 / 10));
}
