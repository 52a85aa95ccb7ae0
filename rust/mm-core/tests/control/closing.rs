//! Closing at once: its pace, and what stands in for an order that nobody takes.

use mm_core::action::{ActionBody, Tif};
use mm_core::control::{Alarm, CloseWait, KillReason, Mode, ModeReason};
use mm_core::event::{Command, EventBody};
use mm_core::units::{SECOND, Side, Sz};

use crate::desk::Desk;
use crate::{killed_flat, long};

fn kill(desk: &mut Desk) -> usize {
    let from = desk.received.len();
    desk.tell(EventBody::Command(Command::Kill));
    from
}

/// What was told of waiting: why, and the seconds that were left.
fn told(desk: &Desk) -> Vec<(CloseWait, i64)> {
    let waits = desk.alarms.iter().filter_map(|alarm| match alarm {
        Alarm::CloseWaits { why, left_s, .. } => Some((*why, *left_s)),
        _ => None,
    });
    waits.collect()
}

/// The position is quoted whole at the touch, reducing.
fn chases(desk: &Desk) -> bool {
    let [quote] = desk.resting.values().copied().collect::<Vec<_>>()[..] else {
        return false;
    };
    let touch = desk.mid + desk.half;
    (quote.side, quote.px.0, quote.sz) == (Side::Ask, touch, desk.position) && quote.reduce_only
}

/// Nearly five times the limit: a tenth of it every five seconds would take four minutes.
#[test]
fn the_pace_of_closing_follows_from_the_deadline() {
    let inherited = |control: &str| {
        let mut desk = Desk::new(control, 40_000);
        desk.cash += 1_000_000_000;
        desk.open();
        desk.seconds(3);
        let limit = desk.snapshot().recovery.limit_at_increase.unwrap();
        assert!(desk.position.0 * 10 > 40 * limit.0, "{limit:?}");
        desk
    };
    let mut desk = inherited(r#"{"kill_deadline_s": 120}"#);
    let from = kill(&mut desk);
    desk.seconds(116);
    assert_eq!(desk.position, Sz::ZERO);
    assert!(desk.snapshot().kill.unwrap().done);
    let tried = desk.placed(from, Tif::Ioc);
    assert!((20..=24).contains(&tried.len()), "{}", tried.len());
    let largest = tried.iter().map(|(_, order)| order.sz.0).max().unwrap();
    assert!(
        largest <= 2 * 40_000 / 23,
        "spread over the time: {largest}"
    );
    // A stop has its own deadline.
    let mut desk = inherited(r#"{"on_exit": "flatten", "exit_deadline_s": 60}"#);
    desk.tell(EventBody::Command(Command::Stop));
    desk.seconds(56);
    assert_eq!(desk.position, Sz::ZERO);
    // With time enough it is a tenth of the limit again.
    let mut desk = inherited(r#"{"kill_deadline_s": 36000}"#);
    let limit = desk.snapshot().recovery.limit_at_increase.unwrap();
    let from = kill(&mut desk);
    desk.seconds(20);
    let tried = desk.placed(from, Tif::Ioc);
    assert!(tried.iter().all(|(_, order)| order.sz.0 == limit.0 / 10));
}

/// The position over the attempts that are left, but for one that is kept for what the last one leaves.
#[test]
fn each_attempt_takes_its_share_of_what_the_deadline_leaves() {
    let mut desk = Desk::new(r#"{"kill_deadline_s": 120}"#, 40_000);
    desk.cash += 1_000_000_000;
    desk.open();
    desk.seconds(3);
    desk.dry = true;
    let limit = desk.snapshot().recovery.limit_at_increase.unwrap();
    let from = kill(&mut desk);
    let began = desk.now;
    desk.seconds(100);
    let tried = desk.placed(from, Tif::Ioc);
    assert!(tried.len() > 15, "{tried:?}");
    for (at, order) in tried {
        let left_s = 120 - at.since(began).0 / SECOND;
        let attempts = (left_s / 5 - 1).max(1);
        let share = (40_000 + attempts - 1) / attempts;
        assert_eq!(order.sz.0, share.max(limit.0 / 10), "{left_s} s");
    }
}

/// What was missed is caught up with.
#[test]
fn attempts_that_found_nothing_make_the_later_ones_larger() {
    let mut desk = Desk::new(r#"{"kill_deadline_s": 120}"#, 40_000);
    desk.cash += 1_000_000_000;
    desk.open();
    desk.seconds(3);
    desk.dry = true;
    kill(&mut desk);
    desk.seconds(80);
    assert_eq!(desk.position, Sz(40_000));
    desk.dry = false;
    desk.seconds(36);
    assert_eq!(desk.position, Sz::ZERO);
}

#[test]
fn a_post_only_period_is_waited_out_at_the_touch() {
    let mut desk = long("{}");
    desk.post_only = true;
    let from = kill(&mut desk);
    desk.seconds(55);
    assert_eq!(desk.placed(from, Tif::Ioc).len(), 1, "no storm");
    assert!(chases(&desk), "{:?}", desk.resting);
    assert_eq!(desk.mode(), (Mode::Flatten, Some(ModeReason::Killed)));
    let shown = desk.snapshot();
    assert_eq!(shown.close_wait, Some(CloseWait::PostOnlyPeriod));
    assert_eq!(shown.kill.unwrap().reason, KillReason::Manual);
    let [(why, left_s)] = told(&desk)[..] else {
        panic!("told once: {:?}", told(&desk));
    };
    assert_eq!(why, CloseWait::PostOnlyPeriod);
    assert!((117..=120).contains(&left_s), "{left_s}");
    desk.post_only = false;
    desk.seconds(10);
    let tried = desk.placed(from, Tif::Ioc);
    assert!((2..=3).contains(&tried.len()), "{tried:?}");
    assert_eq!((desk.position, desk.resting.len()), (Sz::ZERO, 0));
}

/// A quote that stands in may fill: then that was it.
#[test]
fn a_book_too_wide_to_cross_is_quoted_and_said_twice() {
    let mut desk = long("{}");
    desk.half = 6_000;
    desk.seconds(1);
    kill(&mut desk);
    desk.seconds(20);
    assert_eq!(desk.snapshot().close_wait, Some(CloseWait::BookTooWide));
    assert!(chases(&desk), "{:?}", desk.resting);
    desk.mid -= 40;
    desk.seconds(1);
    assert!(chases(&desk), "it follows the touch");
    desk.seconds(80);
    let wide = CloseWait::BookTooWide;
    let said = told(&desk);
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(
        said.iter().all(|(why, _)| *why == wide) && said[1].1 == 30,
        "{said:?}"
    );
    desk.fill(Side::Ask, desk.position.0);
    desk.seconds(1);
    assert!(desk.snapshot().kill.unwrap().done);
    assert_eq!(desk.snapshot().close_wait, None);
}

#[test]
fn a_book_that_shows_too_little_or_nothing_is_named() {
    let mut desk = long("{}");
    // A spread of 30 bps, half of which may be crossed.
    (desk.depth, desk.half) = (1, 1_500);
    desk.seconds(1);
    kill(&mut desk);
    desk.seconds(3);
    assert_eq!(desk.snapshot().close_wait, Some(CloseWait::BookTooThin));
    assert!(chases(&desk), "{:?}", desk.resting);
    desk.market = false;
    desk.seconds(20);
    assert_eq!(desk.snapshot().close_wait, Some(CloseWait::NoBook));
    assert!(desk.resting.is_empty());
    desk.market = true;
    desk.depth = 50_000;
    desk.seconds(10);
    assert_eq!(desk.position, Sz::ZERO);
}

/// The exchange says flat before its fills are told: no book is to blame, and nothing is left to quote.
#[test]
fn what_the_exchange_says_is_gone_is_not_closed() {
    let mut desk = long("{}");
    desk.account = false;
    desk.dry = true;
    desk.position = Sz::ZERO;
    desk.tell(EventBody::Account(desk.report()));
    let from = kill(&mut desk);
    desk.seconds(3);
    assert_eq!(desk.snapshot().mode, Mode::Flatten);
    assert_eq!(desk.snapshot().close_wait, None);
    assert_eq!(told(&desk), []);
    for tif in [Tif::Ioc, Tif::Alo] {
        assert_eq!(desk.placed(from, tif), []);
    }
}

/// Orders on their way at a kill are not waited for; they count until it is proved what became of them.
#[test]
fn an_unanswered_place_is_cancelled_by_cloid_at_once_and_counts_until_it_is_proved_gone() {
    let mut desk = Desk::new("{}", 0);
    desk.open();
    desk.late = Some(Vec::new());
    desk.seconds(12);
    let placed = desk.placed(0, Tif::Alo);
    assert_eq!(placed.len(), 2, "one a side, unanswered");
    let pending = desk.snapshot().pending;
    let from = kill(&mut desk);
    let cancelled = |desk: &Desk| -> Vec<_> {
        let cancels = desk.received[from..].iter().filter_map(|(_, action)| {
            let ActionBody::Cancel(cancels) = &action.body else {
                return None;
            };
            Some(cancels.iter().map(|cancel| cancel.cloid))
        });
        cancels.flatten().collect()
    };
    for (_, order) in &placed {
        assert!(cancelled(&desk).contains(&order.cloid), "at once");
    }
    // The cancels overtook the places and found nothing: that proves nothing.
    desk.seconds(3);
    assert_eq!(desk.snapshot().pending, pending);
    assert!(!desk.snapshot().kill.unwrap().done);
    let again = cancelled(&desk).len();
    assert!((6..=12).contains(&again), "again, at a pause: {again}");
    desk.arrive();
    desk.seconds(8);
    assert_eq!(
        (desk.resting.len(), desk.snapshot().pending),
        (0, [Sz::ZERO; 2])
    );
    killed_flat(&mut desk, KillReason::Manual, from);
}
