//! Modes from events to what is sent: why a side is not quoted, what demands reducing, what ends it.

use mm_core::control::{Alarm, Mode, ModeReason};
use mm_core::event::{EventBody, Fees, RejectionClass, Stream, StreamState};
use mm_core::units::{Px, Side, Sz, Usd};

use crate::desk::Desk;
use crate::{code, long};

#[test]
fn each_side_says_why_while_it_opens() {
    let mut desk = Desk::new("{}", 0);
    assert_eq!(code(&desk, Side::Bid), Some("not_anchored"));
    desk.prepare();
    desk.anchor();
    desk.seconds(1);
    assert_eq!(code(&desk, Side::Ask), Some("waiting_for_book"));
    desk.seconds(20);
    assert_eq!(
        desk.mode(),
        (Mode::ReduceOnly, Some(ModeReason::FeesUnknown))
    );
    assert_eq!(code(&desk, Side::Bid), Some("fees_unknown"));
    desk.account = false;
    desk.tell(EventBody::Fees(Fees {
        maker: 0.000_15,
        taker: 0.000_45,
    }));
    assert_eq!(desk.mode(), (Mode::Normal, None));
    assert_eq!(
        [code(&desk, Side::Bid), code(&desk, Side::Ask)],
        [None, None]
    );
}

#[test]
fn without_head_room_only_reducing_is_allowed() {
    let mut desk = Desk::new("{}", 300);
    desk.prepare();
    desk.tell(EventBody::Fees(Fees {
        maker: 0.000_15,
        taker: 0.000_45,
    }));
    desk.account = false;
    desk.anchor();
    desk.seconds(20);
    assert_eq!(
        desk.mode(),
        (Mode::ReduceOnly, Some(ModeReason::HeadRoomUnknown))
    );
    assert_eq!(code(&desk, Side::Bid), Some("head_room_unknown"));
    assert_eq!(desk.lots(Side::Ask), Sz(300));
    desk.head_room();
    desk.seconds(1);
    assert!(desk.lots(Side::Bid) > Sz::ZERO);
}

/// An inherited position is worked from the first fresh book, fees known or not: at the touch without.
#[test]
fn an_inherited_position_is_worked_from_the_first_book() {
    for fees in [true, false] {
        let mut desk = Desk::new("{}", -300);
        if fees {
            desk.open();
        } else {
            desk.prepare();
            desk.head_room();
            desk.anchor();
        }
        desk.seconds(1);
        assert_eq!(
            desk.mode(),
            (Mode::ReduceOnly, Some(ModeReason::WaitingForBook))
        );
        assert_eq!(desk.lots(Side::Bid), Sz(300), "fees {fees}");
        assert!(desk.resting.values().all(|order| order.reduce_only));
        let best = desk.resting.values().map(|order| order.px.0).max().unwrap();
        assert_eq!(best == desk.mid - 5, !fees, "{best}");
    }
}

#[test]
fn a_line_that_is_down_and_a_stale_book_are_named() {
    let mut desk = long("{}");
    desk.user = false;
    desk.stream(Stream::User, StreamState::Down);
    assert_eq!(
        desk.mode(),
        (Mode::ReduceOnly, Some(ModeReason::StreamDown))
    );
    // Nobody hears what fills: nothing that could increase rests, and what reduces goes on.
    let held = desk.position;
    assert_eq!(code(&desk, Side::Bid), Some("stream_down"));
    assert_eq!(
        (code(&desk, Side::Ask), desk.lots(Side::Bid)),
        (None, Sz::ZERO)
    );
    desk.seconds(60);
    assert!(desk.resting.values().all(|order| order.reduce_only));
    assert_eq!(desk.lots(Side::Ask), held);
    desk.user = true;
    desk.seconds(1);
    assert_eq!(code(&desk, Side::Ask), None);
    desk.market = false;
    desk.seconds(16);
    assert_eq!(code(&desk, Side::Ask), Some("market_stale"));
    assert!(desk.resting.is_empty());
    desk.market = true;
    desk.seconds(1);
    assert_eq!(code(&desk, Side::Ask), None);
}

/// What the account says against increasing: the reducing side stays, each reason is left with a margin.
#[test]
fn margin_and_liquidation_take_the_increasing_side() {
    let mut desk = long("{}");
    let equity = desk.report().account_value.0;
    let tell = |desk: &mut Desk, margin_used: Option<i64>, away_bps: Option<i64>| {
        desk.margin_used = margin_used.map(Usd);
        desk.liquidation_px = away_bps.map(|bps| Px(desk.mid - desk.mid / 10_000 * bps));
        desk.seconds(1);
        let shown = desk.snapshot();
        let reducing = desk.lots(Side::Ask) == desk.position
            && desk.resting.values().all(|order| order.reduce_only);
        assert_eq!(reducing, shown.reduce_only, "{:?}", desk.resting);
        (shown.mode_reason, code(desk, Side::Bid))
    };
    let share = |hundredths: i64| Some(equity / 100 * hundredths);
    let margin = (Some(ModeReason::Margin), Some("margin"));
    let near = (
        Some(ModeReason::LiquidationDistance),
        Some("liquidation_distance"),
    );
    assert_eq!(tell(&mut desk, share(79), Some(9_000)), (None, None));
    assert_eq!(tell(&mut desk, share(81), None), margin);
    assert_eq!(desk.snapshot().margin_used, Some(Usd(equity / 100 * 81)));
    assert_eq!(
        tell(&mut desk, share(73), None),
        margin,
        "left at nine tenths"
    );
    assert_eq!(tell(&mut desk, share(71), None), (None, None));
    // Three standard deviations of an hour.
    let sigma = desk.snapshot().sigma.unwrap();
    #[expect(clippy::cast_possible_truncation, reason = "some hundred")]
    let bound_bps = (3.0 * sigma * 60.0 * 1e4) as i64;
    assert!(bound_bps > 20, "{bound_bps}");
    assert_eq!(tell(&mut desk, None, Some(bound_bps * 3 / 2)), (None, None));
    assert_eq!(tell(&mut desk, None, Some(bound_bps - 5)), near);
    let frac = desk.snapshot().liquidation_distance_frac.unwrap();
    assert!((0.0..=3.0 * sigma * 60.0).contains(&frac), "{frac}");
    let told = |alarm: &Alarm| {
        matches!(
            alarm,
            Alarm::ReduceOnlyEntered {
                reason: "LiquidationDistance",
                ..
            }
        )
    };
    assert!(desk.alarms.iter().any(told));
    assert_eq!(tell(&mut desk, None, Some(bound_bps * 3 / 2)), (None, None));
}

/// Over the limit: the increasing side goes, the reducing one flags itself; within again: both at once.
#[test]
fn reduce_only_has_no_dwell() {
    let mut desk = Desk::quoting("{}");
    let limit = desk.engine.limits().unwrap().long();
    desk.stranger(Side::Bid, limit.0 + 10);
    desk.seconds(1);
    assert_eq!(desk.mode().0, Mode::ReduceOnly);
    assert!(code(&desk, Side::Bid).unwrap().starts_with("over_"));
    assert_eq!(desk.lots(Side::Ask), desk.position);
    assert!(
        desk.alarms
            .iter()
            .any(|alarm| matches!(alarm, Alarm::ReduceOnlyEntered { .. }))
    );
    while desk.position.0 * 10 > limit.0 * 8 {
        desk.fill(Side::Ask, 200);
    }
    desk.seconds(1);
    assert!(desk.mode().0 < Mode::ReduceOnly);
    assert!(
        desk.alarms
            .iter()
            .any(|alarm| matches!(alarm, Alarm::ReduceOnlyLeft { .. }))
    );
    assert_eq!(code(&desk, Side::Bid), None);
}

#[test]
fn marks_of_the_limit_are_told_in_the_step_that_passes_them() {
    let mut desk = Desk::quoting("{}");
    let limit = desk.engine.limits().unwrap().short().0;
    for share in [52, 25, 14] {
        desk.stranger(Side::Ask, limit * share / 100);
    }
    let marks: Vec<i64> = desk
        .alarms
        .iter()
        .filter_map(|alarm| match alarm {
            Alarm::PositionNearLimit { passed_pct, .. } => Some(*passed_pct),
            _ => None,
        })
        .collect();
    assert_eq!(marks, [50, 75, 90]);
}

/// Refused by the venue, by the room, and while an answer is awaited: each has its code.
#[test]
fn every_side_without_an_order_has_a_reason() {
    let mut desk = Desk::quoting("{}");
    desk.refuses = Some(RejectionClass::Price);
    let mut codes = std::collections::BTreeSet::new();
    for round in 0..30 {
        desk.mid += if round % 2 == 0 { 300 } else { -300 };
        desk.seconds(1);
        codes.extend(Side::BOTH.iter().filter_map(|side| code(&desk, *side)));
    }
    assert!(codes.contains("backoff"), "{codes:?}");
    // At 0.6 USDC a coin no size that fits the room is worth an order.
    let mut cheap = Desk::new("{}", 0);
    cheap.mid = 6;
    cheap.open();
    cheap.seconds(80);
    assert_eq!(code(&cheap, Side::Bid), Some("min_notional"));
}
