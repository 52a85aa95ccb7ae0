//! The other reasons of the kill switch, from events to the closed position.

use mm_core::action::Tif;
use mm_core::control::{KillReason, Mode, ModeReason};
use mm_core::event::{RejectionClass, Stream, StreamState};
use mm_core::units::{Side, Sz};

use crate::desk::Desk;
use crate::{killed_flat, long};

#[test]
fn a_runaway_kills_and_an_inherited_position_does_not() {
    let mut desk = long("{}");
    let limit = desk.engine.limits().unwrap().long().0;
    desk.stranger(Side::Bid, 2 * limit);
    let from = desk.received.len();
    assert_eq!(desk.snapshot().kill.unwrap().reason, KillReason::Runaway);
    desk.seconds(60);
    assert!(desk.position.0 < 2 * limit, "it shrinks");
    assert!(desk.placed(from, Tif::Alo).is_empty());
    let mut inherited = Desk::new("{}", 31 * limit);
    inherited.cash = 10_000_000_000 - 31 * limit * inherited.mid;
    inherited.open();
    inherited.seconds(100);
    assert!(inherited.snapshot().kill.is_none());
    assert!(inherited.lots(Side::Ask) > Sz::ZERO);
}

#[test]
fn a_stream_gone_while_exposed_kills() {
    type Cut = fn(&mut Desk);
    let cuts: [(KillReason, Cut); 2] = [
        (KillReason::StaleOwnStream, |desk| {
            desk.user = false;
            desk.account = false;
        }),
        (KillReason::StaleAccount, |desk| desk.account = false),
    ];
    for (reason, cut) in cuts {
        let mut desk = long("{}");
        cut(&mut desk);
        // What recovery would close of it finds no taker.
        desk.dry = true;
        if reason == KillReason::StaleOwnStream {
            desk.stream(Stream::User, StreamState::Down);
        }
        desk.seconds(299);
        assert!(desk.snapshot().kill.is_none(), "{reason:?}");
        desk.seconds(3);
        assert!(
            desk.snapshot().kill.is_some(),
            "{reason:?} {:?}",
            (desk.snapshot().account_age_s, desk.position, desk.mode())
        );
        desk.dry = false;
        let from = desk.received.len();
        killed_flat(&mut desk, reason, from);
    }
}

/// Without a market nothing can be priced: it waits for one with its orders gone, and then closes.
#[test]
fn a_dead_market_kills_and_the_position_goes_when_it_lives_again() {
    let mut desk = long("{}");
    desk.market = false;
    desk.seconds(302);
    assert_eq!(
        desk.snapshot().kill.unwrap().reason,
        KillReason::StaleMarket
    );
    desk.seconds(20);
    assert_eq!(desk.mode(), (Mode::Flatten, Some(ModeReason::Killed)));
    assert!(desk.resting.is_empty() && !desk.snapshot().kill.unwrap().done);
    desk.market = true;
    desk.seconds(1);
    let from = desk.received.len();
    killed_flat(&mut desk, KillReason::StaleMarket, from);
}

#[test]
fn nothing_at_stake_survives_a_dead_stream() {
    let mut desk = Desk::quoting("{}");
    desk.market = false;
    desk.seconds(400);
    assert!(desk.snapshot().kill.is_none());
}

#[test]
fn a_storm_of_rejections_kills() {
    let mut desk = long("{}");
    desk.refuses = Some(RejectionClass::Price);
    desk.refuses_reducing = true;
    for round in 0..60 {
        desk.mid += if round % 2 == 0 { 300 } else { -300 };
        desk.seconds(1);
        if desk.snapshot().kill.is_some() {
            break;
        }
    }
    desk.refuses = None;
    let from = desk.received.len();
    killed_flat(&mut desk, KillReason::RejectionStorm, from);
}

/// The venue says that what should reduce does not: a fill on its way to us, and no reason to ask it again
/// at the pace of its answers, or to end the day.
#[test]
fn what_the_venue_says_would_not_reduce_is_tried_once_a_second_and_is_no_storm() {
    let mut desk = long("{}");
    let limit = desk.engine.limits().unwrap().long();
    desk.stranger(Side::Bid, limit.0);
    desk.seconds(2);
    assert_eq!(desk.mode().0, Mode::ReduceOnly);
    desk.refuses = Some(RejectionClass::ReduceOnly);
    desk.refuses_reducing = true;
    let mut tried = Vec::new();
    for round in 0..40 {
        let from = desk.received.len();
        desk.mid += if round % 2 == 0 { 300 } else { -300 };
        desk.seconds(1);
        tried.push(desk.received.len() - from);
    }
    assert_eq!(tried, [1; 40]);
    assert!(desk.snapshot().kill.is_none());
    // What the venue takes again is sent again.
    desk.refuses = None;
    desk.seconds(3);
    assert!(desk.lots(Side::Ask) > Sz::ZERO);
}

#[test]
fn a_market_that_outruns_our_post_only_orders_is_no_storm() {
    let mut desk = long("{}");
    desk.refuses = Some(RejectionClass::PostOnly);
    for round in 0..60 {
        desk.mid += if round % 2 == 0 { 300 } else { -300 };
        desk.seconds(1);
    }
    assert!(desk.snapshot().counts.rejected >= 10);
    assert!(desk.snapshot().kill.is_none());
}

#[test]
fn a_position_that_fills_do_not_explain_kills_in_time() {
    let mut desk = long("{}");
    desk.account = false;
    // A fill that we never hear of, and one after it that shows the gap.
    desk.position += Sz(20);
    desk.stranger(Side::Bid, 10);
    desk.seconds(6);
    assert_eq!(
        desk.mode(),
        (Mode::ReduceOnly, Some(ModeReason::PositionUnexplained))
    );
    assert!(
        desk.lots(Side::Ask) > Sz::ZERO,
        "the reducing side survives"
    );
    desk.seconds(22);
    assert!(desk.snapshot().kill.is_none());
    desk.seconds(10);
    assert_eq!(
        desk.snapshot().kill.unwrap().reason,
        KillReason::PositionUnexplained
    );
}

/// Reports are answers to queries too: they keep no stream alive that is down.
#[test]
fn reports_do_not_hide_a_stream_that_is_gone() {
    let mut desk = long("{}");
    desk.dry = true;
    desk.user = false;
    desk.stream(Stream::User, StreamState::Down);
    desk.seconds(299);
    assert!(desk.snapshot().kill.is_none());
    desk.seconds(3);
    let kill = desk.snapshot().kill.unwrap();
    assert_eq!(kill.reason, KillReason::StaleOwnStream);
}

/// The fills say flat and the exchange does not: closing is not done on the word of the fills.
#[test]
fn a_position_that_no_fill_explains_is_not_taken_for_none() {
    let mut desk = Desk::quoting("{}");
    desk.position += Sz(60);
    desk.cash -= 60 * desk.mid;
    desk.dry = true;
    desk.seconds(50);
    let kill = desk.snapshot().kill.unwrap();
    assert_eq!(kill.reason, KillReason::PositionUnexplained);
    assert_eq!((desk.snapshot().position, kill.done), (Sz::ZERO, false));
    assert_eq!(desk.mode(), (Mode::Flatten, Some(ModeReason::Killed)));
    assert!(
        !desk.placed(0, Tif::Ioc).is_empty(),
        "it is closed by what the exchange says"
    );
}
