//! Modes, kill switch, burst, ramp, premium and the end of trading, from events to what is sent.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod desk;

use desk::{Desk, START};
use mm_core::action::Tif;
use mm_core::budget::Restored;
use mm_core::control::{Alarm, KillReason, Mode, ModeReason, Suppressed};
use mm_core::event::{
    Command, EventBody, Fees, Funding, OpenOrder, OpenOrders, RejectionClass, Stream, StreamState,
    Transfer,
};
use mm_core::units::{Dur, Px, SECOND, Side, Sz, Time, Usd};
use proptest::prelude::*;

fn code(desk: &Desk, side: Side) -> Option<&'static str> {
    desk.snapshot().suppressed.of(side).map(Suppressed::as_str)
}

/// Long some lots, quoting.
fn long(control: &str) -> Desk {
    let mut desk = Desk::quoting(control);
    desk.fill(Side::Bid, 60);
    desk.seconds(2);
    assert_eq!(desk.mode().0, Mode::Normal);
    desk
}

/// Latched with this reason, orders gone, the position closed in pieces that reduce, done, for good.
fn killed_flat(desk: &mut Desk, reason: KillReason, from: usize) {
    let kill = desk.snapshot().kill.unwrap();
    assert_eq!(kill.reason, reason);
    assert!(desk.alarms.iter().any(|alarm| matches!(alarm,
        Alarm::KillLatched { reason: said, .. } if *said == reason)));
    desk.seconds(40);
    let kill = desk.snapshot().kill.unwrap();
    assert!(kill.done, "{:?}", desk.mode());
    assert_eq!((desk.position, desk.resting.len()), (Sz::ZERO, 0));
    assert_eq!(desk.mode(), (Mode::Halted, Some(ModeReason::Killed)));
    let done = |alarm: &&Alarm| matches!(alarm, Alarm::KillDone { .. });
    assert_eq!(desk.alarms.iter().filter(done).count(), 1);
    assert!(desk.placed(from, Tif::Alo).is_empty());
    let before = desk.received.len();
    desk.seconds(30);
    assert_eq!(desk.received.len(), before, "it stays so");
}

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
    assert_eq!(code(&desk, Side::Ask), Some("stream_down"));
    assert!(desk.resting.is_empty());
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

/// Best distances of both sides from mid, bps.
fn depths(desk: &Desk) -> [f64; 2] {
    Side::BOTH.map(|side| {
        let of_side = desk.resting.values().filter(|o| o.side == side);
        let px = of_side.map(|o| side.sign() * o.px.0).max().unwrap();
        (Px(side.sign() * px).as_f64() / Px(desk.mid).as_f64() - 1.0).abs() * 1e4
    })
}

#[test]
fn a_jump_widens_the_increasing_side_for_its_dwell() {
    let mut desk = long("{}");
    let calm = depths(&desk);
    desk.mid += 4_000;
    desk.seconds(1);
    assert_eq!(desk.mode(), (Mode::Widen, Some(ModeReason::PriceJump)));
    let wide = depths(&desk);
    assert!(wide[0] - calm[0] > 4.0, "{calm:?} {wide:?}");
    assert!(wide[1] - calm[1] < 2.0, "{calm:?} {wide:?}");
    let trace = desk.snapshot().trace;
    assert!((trace[0].premium_bps - 5.0).abs() < 1e-9 && trace[1].premium_bps.abs() < 1e-9);
    desk.seconds(33);
    assert_eq!(desk.mode().0, Mode::Widen);
    desk.seconds(4);
    assert_eq!(desk.mode(), (Mode::Normal, None));
    assert!(desk.snapshot().trace[0].premium_bps.abs() < 1e-9);
}

#[test]
fn degraded_inputs_widen() {
    let mut desk = Desk::quoting("{}");
    desk.account = false;
    desk.seconds(31);
    assert_eq!(desk.mode(), (Mode::Widen, Some(ModeReason::InputsDegraded)));
    assert!(
        desk.snapshot()
            .trace
            .iter()
            .all(|trace| (trace.premium_bps - 5.0).abs() < 1e-9)
    );
    desk.account = true;
    desk.seconds(20);
    assert_eq!(desk.mode().0, Mode::Widen);
    desk.seconds(15);
    assert_eq!(desk.mode(), (Mode::Normal, None));
}

/// What rests adds up from the trace to a hundredth of a basis point, premium included; a step of the
/// price grid apart.
#[test]
fn the_trace_adds_up_to_what_rests() {
    let mut desk = long("{}");
    desk.mid += 4_000;
    desk.seconds(1);
    for trace in desk.snapshot().trace {
        let outward = if trace.side == Side::Bid { -1.0 } else { 1.0 };
        let sum = trace.maker_fee_bps
            + trace.adverse_selection_bps
            + trace.edge_bps
            + trace.floor_bps
            + trace.premium_bps
            + outward * trace.skew_bps;
        assert!((sum - trace.half_spread_bps).abs() < 0.01, "{trace:?}");
        let depth = depths(&desk)[trace.side.index()];
        assert!((0.0..0.11).contains(&(depth - sum)), "{depth} {trace:?}");
    }
}

#[test]
fn a_burst_takes_the_increasing_side_off_and_brings_it_back_in_two_steps() {
    let mut desk = Desk::quoting("{}");
    for _ in 0..4 {
        desk.fill(Side::Bid, 30);
    }
    assert_eq!(desk.mode(), (Mode::ReduceOnly, Some(ModeReason::FillBurst)));
    assert_eq!(code(&desk, Side::Bid), Some("fill_burst"));
    assert_eq!(desk.lots(Side::Ask), desk.position);
    desk.seconds(59);
    assert_eq!(desk.lots(Side::Bid), Sz::ZERO);
    desk.seconds(1);
    assert_eq!(desk.mode(), (Mode::Widen, Some(ModeReason::FillBurst)));
    let quarter = desk.lots(Side::Bid);
    desk.seconds(30);
    let half = desk.lots(Side::Bid);
    desk.seconds(30);
    let whole = desk.lots(Side::Bid);
    let near = |lots: Sz, share: f64| (lots.as_f64() / whole.as_f64() - share).abs() < 0.06;
    assert!(
        near(quarter, 0.25) && near(half, 0.5),
        "{quarter} {half} {whole}"
    );
    desk.seconds(30);
    assert_eq!(desk.mode(), (Mode::Normal, None));
}

#[test]
fn a_burst_leaves_the_other_side_of_a_flat_book_alone() {
    let mut desk = Desk::quoting("{}");
    let whole = desk.lots(Side::Ask);
    for _ in 0..4 {
        desk.fill(Side::Bid, 30);
    }
    for _ in 0..20 {
        desk.fill(Side::Ask, desk.position.0.min(30));
    }
    assert_eq!(desk.position, Sz::ZERO);
    desk.seconds(2);
    assert_eq!(desk.mode(), (Mode::Widen, Some(ModeReason::FillBurst)));
    assert_eq!(code(&desk, Side::Bid), Some("fill_burst"));
    assert_eq!(code(&desk, Side::Ask), None);
    assert_eq!(desk.lots(Side::Bid), Sz::ZERO);
    assert!(
        desk.lots(Side::Ask).0 * 2 >= whole.0,
        "{}",
        desk.lots(Side::Ask)
    );
    desk.seconds(60);
    assert!(desk.lots(Side::Bid) > Sz::ZERO);
}

#[test]
fn fills_of_the_reducing_side_are_no_burst() {
    let mut desk = long("{}");
    for _ in 0..4 {
        desk.fill(Side::Ask, 12);
    }
    assert_eq!(desk.mode(), (Mode::Normal, None));
}

#[test]
fn the_ramp_opens_the_one_limit_in_quarters() {
    let limit = |desk: &Desk| desk.engine.limits().unwrap().long().0;
    let mut whole = Desk::quoting("{}");
    let mut desk = Desk::quoting(r#"{"ramp": true}"#);
    let near = |desk: &Desk, whole: &Desk, share: f64| {
        let part = Sz(limit(desk)).as_f64() / Sz(limit(whole)).as_f64();
        assert!((part - share).abs() < 0.01, "{part} for {share}");
    };
    near(&desk, &whole, 0.25);
    assert_eq!(desk.engine.limits().unwrap().binding().as_str(), "ramp");
    whole.seconds(3_500);
    desk.seconds(3_500);
    near(&desk, &whole, 0.25);
    whole.seconds(700);
    desk.seconds(700);
    near(&desk, &whole, 0.5);
    assert_eq!(desk.snapshot().budget.unwrap().ramp_hours, 1);
}

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
        ramp_hours: 0,
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
            ramp_hours: 0,
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
        ramp_hours: 0,
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

/// Runs a session under some settings and gives what came of it.
type Course = fn(&str) -> i64;

fn is_wide_after_a_jump(control: &str) -> i64 {
    let mut desk = long(control);
    desk.mid += 4_000;
    desk.seconds(1);
    i64::from(desk.mode().0 == Mode::Widen)
}

fn is_wide_after_a_slide(control: &str) -> i64 {
    let mut desk = long(control);
    for _ in 0..5 {
        desk.mid += 200;
        desk.seconds(1);
    }
    i64::from(desk.mode().0 == Mode::Widen)
}

/// Of a jump while the account is not heard of, tenths of a basis point.
fn premium(control: &str) -> i64 {
    let mut desk = long(control);
    desk.account = false;
    desk.seconds(31);
    desk.mid += 4_000;
    desk.seconds(1);
    Usd::floor(desk.snapshot().trace[0].premium_bps * 1e-5 + 1e-9).0
}

fn seconds_wide(control: &str) -> i64 {
    let mut desk = long(control);
    desk.mid += 4_000;
    desk.seconds(60);
    Usd::floor(desk.snapshot().time_in_mode_s.widen * 1e-6).0
}

/// Seconds without an increasing side after four fills half a second apart each.
fn seconds_off(control: &str) -> i64 {
    let mut desk = Desk::quoting(control);
    for _ in 0..4 {
        desk.fill(Side::Bid, 30);
        desk.now = desk.now.plus(Dur(SECOND / 2));
    }
    let mut waited = 0;
    while code(&desk, Side::Bid) == Some("fill_burst") {
        desk.seconds(1);
        waited += 1;
    }
    waited
}

fn seconds_until_whole(control: &str) -> i64 {
    let mut desk = Desk::quoting(control);
    for _ in 0..4 {
        desk.fill(Side::Bid, 30);
    }
    desk.seconds(200);
    Usd::floor(desk.snapshot().time_in_mode_s.widen * 1e-6).0
}

/// Whether three times the limit, bought by hand, kills.
fn is_runaway(control: &str) -> i64 {
    let mut desk = long(control);
    let limit = desk.engine.limits().unwrap().long().0;
    desk.stranger(Side::Bid, 3 * limit);
    i64::from(desk.snapshot().kill.is_some())
}

/// Tens of seconds until a dead market kills.
fn tens_until_stale(control: &str) -> i64 {
    let mut desk = long(control);
    desk.market = false;
    until_killed(&mut desk, 10)
}

fn until_killed(desk: &mut Desk, step_s: usize) -> i64 {
    let mut waited = 0;
    while desk.snapshot().kill.is_none() && waited < 60 {
        desk.seconds(step_s);
        waited += 1;
    }
    waited
}

/// Whether refusals kill, of orders that a moving market makes anew.
fn is_storm(control: &str) -> i64 {
    let mut desk = Desk::quoting(control);
    desk.refuses = Some(RejectionClass::Price);
    for round in 0..40 {
        desk.mid += if round % 2 == 0 { 300 } else { -300 };
        desk.seconds(1);
    }
    let kill = desk.snapshot().kill;
    assert!(
        kill.is_none_or(|kill| kill.reason == KillReason::RejectionStorm),
        "{kill:?}"
    );
    i64::from(kill.is_some())
}

/// The same where five are enough, within a minute or within the shortest moment.
fn is_storm_of_five(control: &str) -> i64 {
    let window_s = if control == "{}" { 60.0 } else { 0.01 };
    is_storm(&format!(
        r#"{{"kill_rejections": 5, "kill_rejections_s": {window_s}}}"#
    ))
}

/// Tens of seconds until money that nobody accounts for kills.
fn tens_until_unexplained(control: &str) -> i64 {
    let mut desk = long(control);
    desk.cash -= 600_000_000;
    until_killed(&mut desk, 10)
}

#[test]
fn every_setting_moves_what_it_says() {
    let courses: [(&str, Course, (i64, i64)); 14] = [
        (
            r#"{"widen_jump_sigmas": 900}"#,
            is_wide_after_a_jump,
            (1, 0),
        ),
        (r#"{"widen_window_s": 1}"#, is_wide_after_a_slide, (1, 0)),
        (r#"{"widen_term_bps": 2}"#, premium, (100, 40)),
        (r#"{"widen_sum_bps": 7}"#, premium, (100, 70)),
        (r#"{"widen_dwell_s": 5}"#, seconds_wide, (34, 9)),
        (r#"{"burst_fills": 5}"#, seconds_off, (60, 0)),
        (r#"{"burst_window_s": 1}"#, seconds_off, (60, 0)),
        (r#"{"burst_off_s": 10}"#, seconds_off, (60, 10)),
        (r#"{"burst_step_s": 5}"#, seconds_until_whole, (89, 39)),
        (r#"{"kill_runaway_ratio": 20}"#, is_runaway, (1, 0)),
        (r#"{"kill_stale_s": 95}"#, tens_until_stale, (31, 10)),
        (r#"{"kill_rejections": 5}"#, is_storm, (0, 1)),
        (r#"{"kill_rejections_s": 0.01}"#, is_storm_of_five, (1, 0)),
        (
            r#"{"kill_unexplained_s": 85}"#,
            tens_until_unexplained,
            (4, 9),
        ),
    ];
    for (setting, course, wanted) in courses {
        assert_eq!((course("{}"), course(setting)), wanted, "{setting}");
    }
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

/// A guard's trouble, or its end.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    Jump(i64),
    Account(bool),
    User(bool),
    Market(bool),
    Burst(bool),
    Stranger(bool, i64),
    Refuse(Option<RejectionClass>),
    Gap(i64),
    Stop,
    Wait(usize),
}

fn trouble() -> impl Strategy<Value = Trouble> {
    prop_oneof![
        (-3_000_i64..3_000).prop_map(Trouble::Jump),
        any::<bool>().prop_map(Trouble::Account),
        any::<bool>().prop_map(Trouble::User),
        any::<bool>().prop_map(Trouble::Market),
        any::<bool>().prop_map(Trouble::Burst),
        (any::<bool>(), 1_i64..400).prop_map(|(buys, sz)| Trouble::Stranger(buys, sz)),
        Just(Trouble::Refuse(Some(RejectionClass::Margin))),
        Just(Trouble::Refuse(None)),
        (1_i64..50).prop_map(Trouble::Gap),
        Just(Trouble::Stop),
        (1_usize..40).prop_map(Trouble::Wait),
    ]
}

impl Desk {
    fn suffer(&mut self, trouble: Trouble) {
        match trouble {
            Trouble::Jump(by) => self.mid += by,
            Trouble::Account(flows) => self.account = flows,
            Trouble::User(flows) => {
                self.user = flows;
                let state = if flows {
                    StreamState::Up
                } else {
                    StreamState::Down
                };
                self.stream(Stream::User, state);
            }
            Trouble::Market(flows) => self.market = flows,
            Trouble::Burst(buys) => {
                let side = if buys { Side::Bid } else { Side::Ask };
                for _ in 0..4 {
                    if self.lots(side) > Sz::ZERO {
                        self.fill(side, 5);
                    }
                }
            }
            Trouble::Stranger(buys, sz) => {
                self.stranger(if buys { Side::Bid } else { Side::Ask }, sz);
            }
            Trouble::Refuse(class) => self.refuses = class,
            Trouble::Gap(lots) => {
                self.position += Sz(lots);
                self.stranger(Side::Bid, 1);
            }
            Trouble::Stop => self.tell(EventBody::Command(Command::Stop)),
            Trouble::Wait(seconds) => self.seconds(seconds),
        }
    }

    /// The law: a position that can be priced, heard of and accepted is being reduced.
    fn check_reducing(&self) {
        let shown = self.snapshot();
        let listens = self.market && self.user && self.refuses.is_none();
        let agreed = shown.position == self.position;
        if shown.mode >= Mode::Flatten || self.position == Sz::ZERO || !listens || !agreed {
            return;
        }
        let side = if self.position > Sz::ZERO {
            Side::Ask
        } else {
            Side::Bid
        };
        let worth = self.position.abs().0 * self.mid;
        assert!(
            self.lots(side) > Sz::ZERO || worth < 12_000_000,
            "{:?} holds {} and {:?}",
            self.mode(),
            self.position,
            code(self, side)
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn prop_nothing_but_halting_or_blindness_takes_the_reducing_side(
        position in -600_i64..600,
        troubles in proptest::collection::vec(trouble(), 1..14),
        policy in prop_oneof![Just("work"), Just("flatten")],
    ) {
        let control = format!(r#"{{"on_exit": "{policy}", "on_kill": "work"}}"#);
        let mut desk = Desk::new(&control, position);
        desk.open();
        desk.seconds(75);
        for trouble in troubles {
            desk.suffer(trouble);
            desk.seconds(3);
            desk.check_reducing();
        }
    }
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
    assert_eq!(desk.mode(), (Mode::Halted, Some(ModeReason::Stopping)));
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
        ramp_hours: 0,
    })));
    desk.open();
    desk.cash += 2_000_000_000;
    desk.seconds(60);
    let shown = desk.snapshot();
    assert_eq!((shown.kill, shown.day_pnl), (None, Some(Usd::ZERO)));
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
