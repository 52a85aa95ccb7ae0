//! The exchange's clock as it announces it.

use mm_core::units::{Dur, Time};
use serde::Serialize;

/// The exchange's clock as announced: `time` never goes back.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClockJson {
    time_ns: i64,
    speed: f64,
    speed_achieved: f64,
    instance: String,
    #[serde(skip)]
    wall_ns: i64,
}

impl ClockJson {
    pub(super) fn new(instance: String, start: Time, speed: f64) -> Self {
        Self {
            time_ns: start.0,
            speed,
            speed_achieved: speed,
            instance,
            wall_ns: start.0,
        }
    }

    pub(super) fn set(&mut self, now_ns: i64, wall_ns: i64, speed_achieved: f64) {
        self.time_ns = self.time_ns.max(now_ns);
        self.wall_ns = wall_ns;
        self.speed_achieved = speed_achieved;
    }

    /// The clock as announced when it is off by so much.
    pub(super) fn skewed(&self, by: Dur) -> Self {
        Self {
            time_ns: self.time_ns + by.0,
            ..self.clone()
        }
    }

    pub(super) const fn now(&self) -> Time {
        Time(self.time_ns)
    }

    /// Wall time for the nonce window, where it runs apart from exchange time.
    #[expect(
        clippy::float_cmp,
        reason = "a speed of exactly one keeps the two clocks together"
    )]
    pub(super) fn wall_ms(&self) -> Option<u64> {
        (self.speed != 1.0)
            .then_some(u64::try_from(self.wall_ns / 1_000_000).ok())
            .flatten()
    }
}
