//! Each setting of control, turned alone, moves what it says.

use mm_core::control::{KillReason, Mode};
use mm_core::event::RejectionClass;
use mm_core::units::{Dur, SECOND, Side, Usd};

use crate::desk::Desk;
use crate::{code, long};

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
    Usd::floor(desk.snapshot().trace[0].terms.unwrap().premium_bps * 1e-5 + 1e-9).0
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
    for place in 0..4 {
        desk.fill_at(Side::Bid, place, 30);
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
    for place in 0..4 {
        desk.fill_at(Side::Bid, place, 30);
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
