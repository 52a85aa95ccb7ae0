//! Modes, kill switch, burst, ramp, premium and the end of trading, from events to what is sent.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../cases/mod.rs"]
mod cases;
mod closing;
#[path = "../desk/mod.rs"]
mod desk;
mod ends;
mod guards;
mod kills;
mod losses;
mod modes;
mod random;
mod settings;
mod toxic;

use mm_core::action::Tif;
use mm_core::control::{Alarm, KillReason, Mode, ModeReason, Suppressed};
use mm_core::units::{Side, Sz};

use desk::Desk;

pub(crate) fn code(desk: &Desk, side: Side) -> Option<&'static str> {
    desk.snapshot().suppressed.of(side).map(Suppressed::as_str)
}

/// Long some lots, quoting.
pub(crate) fn long(control: &str) -> Desk {
    let mut desk = Desk::quoting(control);
    desk.fill(Side::Bid, 60);
    desk.seconds(2);
    assert_eq!(desk.mode().0, Mode::Normal);
    desk
}

/// Latched with this reason, orders gone, the position closed in pieces that reduce, done, for good.
pub(crate) fn killed_flat(desk: &mut Desk, reason: KillReason, from: usize) {
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
