//! The fast guard: one event in which the mid jumps, or in which takers of one side prevail, takes the
//! threatened side off; what closes the position stays; it comes back wide.

use mm_core::action::ActionBody;
use mm_core::control::{Mode, ModeReason};
use mm_core::event::{Bbo, EventBody, Level};
use mm_core::units::{Dur, Px, SECOND, Side, Sz};

use crate::code;
use crate::desk::Desk;

const JUMPS: &str = r#"{"toxic_jump_sigmas": 4.5}"#;
const FLOWS: &str = r#"{"toxic_flow_sigmas": 4.0}"#;

/// A touch `by` further up, and nothing else: one event. 6 bps are nine standard deviations of a second here,
/// and less than the five of five seconds that widen.
fn moves(desk: &mut Desk, by: i64) {
    desk.now = desk.now.plus(Dur(3 * SECOND / 10));
    desk.mid += by;
    let level = |px| {
        Some(Level {
            px: Px(px),
            sz: Sz(50_000),
        })
    };
    desk.tell(EventBody::Bbo(Bbo {
        exch: desk.now,
        bid: level(desk.mid - desk.half),
        ask: level(desk.mid + desk.half),
    }));
}

/// Cancels of this event, and whether they came before anything else.
fn cancelled(desk: &Desk, from: usize) -> usize {
    let now = desk.received[from..]
        .iter()
        .filter(|(at, _)| *at == desk.now);
    let count = |body: &ActionBody| match body {
        ActionBody::Cancel(cancels) => cancels.len(),
        _ => 0,
    };
    now.map(|(_, action)| count(&action.body)).sum()
}

#[test]
fn a_jump_takes_the_threatened_side_off_in_its_event() {
    for (by, side) in [(-600, Side::Bid), (600, Side::Ask)] {
        let mut desk = Desk::quoting(JUMPS);
        let (before, levels) = (desk.received.len(), desk.resting.len() / 2);
        moves(&mut desk, by);
        assert_eq!(cancelled(&desk, before), levels, "in the event itself");
        assert_eq!(
            (desk.lots(side), code(&desk, side)),
            (Sz::ZERO, Some("toxic"))
        );
        assert!(desk.lots(side.opposite()) > Sz::ZERO);
        assert_eq!(desk.mode(), (Mode::Widen, Some(ModeReason::Toxic)));
        assert_eq!(desk.snapshot().models.toxic.jump, 1);
        // It comes back after five seconds, wide, and after the dwell as before.
        desk.seconds(4);
        assert_eq!(desk.lots(side), Sz::ZERO);
        desk.seconds(2);
        assert!(desk.lots(side) > Sz::ZERO);
        assert!((desk.snapshot().premium.toxic_bps - 5.0).abs() < 1e-12);
        let premium = |desk: &Desk| {
            let trace = desk.snapshot().trace;
            trace
                .iter()
                .find(|one| one.side == side)
                .unwrap()
                .terms
                .unwrap()
                .premium_bps
        };
        assert!((premium(&desk) - 5.0).abs() < 1e-9, "{}", premium(&desk));
        desk.seconds(40);
        assert_eq!(desk.mode(), (Mode::Normal, None));
        assert!(premium(&desk).abs() < 1e-12);
    }
}

#[test]
fn unless_it_is_configured_no_jump_does() {
    let mut desk = Desk::quoting("{}");
    moves(&mut desk, -600);
    assert!(desk.lots(Side::Bid) > Sz::ZERO);
    assert_eq!(desk.mode(), (Mode::Normal, None));
}

#[test]
fn a_move_that_volatility_explains_is_none() {
    let mut desk = Desk::quoting(JUMPS);
    moves(&mut desk, -200);
    assert!(desk.lots(Side::Bid) > Sz::ZERO);
    assert_eq!(desk.snapshot().models.toxic.jump, 0);
}

/// Short, with the price falling: bids are threatened, and close. As much stays as closes.
#[test]
fn what_closes_the_position_stays() {
    for (side, by) in [(Side::Ask, -600), (Side::Bid, 600)] {
        let mut desk = Desk::quoting(JUMPS);
        desk.fill(side, 60);
        desk.fill_at(side, 1, 60);
        desk.seconds(3);
        let closing = side.opposite();
        assert!(desk.lots(closing) > Sz(120), "more than closes before");
        moves(&mut desk, by);
        let left = desk.lots(closing);
        assert!(left > Sz::ZERO && left <= Sz(120), "{left}");
        assert_eq!(code(&desk, closing), None);
        assert!(
            desk.lots(side) > Sz::ZERO,
            "it threatens the other side alone"
        );
        // And against the position: nothing increases it.
        let mut against = Desk::quoting(JUMPS);
        against.fill(side, 60);
        against.seconds(3);
        moves(&mut against, -by);
        assert_eq!(
            (against.lots(side), code(&against, side)),
            (Sz::ZERO, Some("toxic"))
        );
        assert!(against.lots(closing) > Sz::ZERO);
    }
}

#[test]
fn takers_of_one_side_take_the_side_off_that_they_meet() {
    let story = |control: &str| {
        let mut desk = Desk::quoting(control);
        desk.taker = Side::Ask;
        let mut seconds = 0;
        while code(&desk, Side::Bid).is_none() && seconds < 30 {
            desk.seconds(1);
            seconds += 1;
        }
        (seconds, code(&desk, Side::Bid), desk.snapshot().models)
    };
    let (seconds, why, models) = story(FLOWS);
    assert!(
        seconds < 15 && why == Some("toxic"),
        "{seconds} {why:?} {:?}",
        models.flow
    );
    assert!(models.flow[1].score < -4.0 && models.toxic.flow == 1);
    assert_eq!(story("{}").1, None);
    assert_eq!(story(JUMPS).1, None, "a flow is no jump");
}

/// What was before a break of the stream is no beginning of a jump.
#[test]
fn no_jump_is_measured_across_a_break() {
    let mut desk = Desk::quoting(JUMPS);
    desk.stream(
        mm_core::event::Stream::Market,
        mm_core::event::StreamState::Down,
    );
    desk.mid -= 600;
    desk.stream(
        mm_core::event::Stream::Market,
        mm_core::event::StreamState::Up,
    );
    desk.seconds(2);
    assert_eq!(desk.snapshot().models.toxic.jump, 0);
    assert!(desk.lots(Side::Bid) > Sz::ZERO);
}

/// Seconds without bids after a fall.
#[test]
fn the_time_is_the_configured_one() {
    for off_s in [2, 9] {
        let control = format!(r#"{{"toxic_jump_sigmas": 4.5, "toxic_off_s": {off_s}}}"#);
        let mut desk = Desk::quoting(&control);
        moves(&mut desk, -600);
        let mut waited = 0;
        while code(&desk, Side::Bid) == Some("toxic") {
            desk.seconds(1);
            waited += 1;
        }
        assert!((off_s..=off_s + 1).contains(&waited), "{waited}");
    }
}
