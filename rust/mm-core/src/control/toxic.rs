//! The fast guard: takers who know more than we do, or seem to, take the threatened side off at once.
//!
//! ```text
//! Calm --a jump of the mid, or a flow of one side--> Off, the side it goes against --toxic_off_s--> Calm
//! ```
//! Up threatens our asks, down our bids. A side is off for `toxic_off_s` from the last sign against it;
//! what reduces the position stays, up to the position. Meanwhile, and for the dwell of WIDEN after it, the
//! increasing side stands at a premium: it comes back wide. Off unless configured. MODELS.md P2.1.

use serde::Serialize;

use super::config::ControlConfig;
use crate::units::{Dur, Side, Time};

/// What a sign is read from, both positive upward.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Signs {
    /// Standard deviations that the mid moved within its second.
    pub jump: f64,
    /// Standard deviations by which takers of one side prevail.
    pub flow: f64,
}

/// The guard.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Toxic {
    /// Until when each of our sides, `[bids, asks]`, is off.
    until: [Option<Time>; 2],
    counts: ToxicCounts,
}

/// How often a side was taken off, by what it was for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ToxicCounts {
    /// A jump of the mid.
    pub jump: u64,
    /// A flow of one side.
    pub flow: u64,
}

impl Toxic {
    /// Reads the signs at `now`.
    pub fn observe(&mut self, now: Time, signs: Signs, config: &ControlConfig) {
        let jumped = threatened(signs.jump, config.toxic_jump_sigmas);
        let flows = threatened(signs.flow, config.toxic_flow_sigmas);
        for (side, count) in [
            (jumped, &mut self.counts.jump),
            (flows, &mut self.counts.flow),
        ] {
            let Some(side) = side else { continue };
            let until = &mut self.until[side.index()];
            *count += u64::from(until.is_none_or(|until| until <= now));
            *until = Some(now.plus(Dur::from_secs(config.toxic_off_s)));
        }
    }

    /// Whether nothing that increases may stand on `side`.
    #[must_use]
    pub fn is_off(&self, side: Side, now: Time) -> bool {
        self.until[side.index()].is_some_and(|until| now < until)
    }

    /// When the next side may come back.
    #[must_use]
    pub fn wake_at(&self, now: Time) -> Option<Time> {
        let ends = self.until.into_iter().flatten();
        ends.filter(|until| *until > now).min()
    }

    /// How often it acted.
    #[must_use]
    pub const fn counts(&self) -> ToxicCounts {
        self.counts
    }
}

/// Our side that a score beyond a bound goes against.
fn threatened(score: f64, bound: Option<f64>) -> Option<Side> {
    let beyond = bound.is_some_and(|bound| score.abs() > bound);
    beyond.then_some(if score > 0.0 { Side::Ask } else { Side::Bid })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::config::tests::CONFIG;
    use crate::units::SECOND;

    const NOTHING: Signs = Signs {
        jump: 0.0,
        flow: 0.0,
    };

    fn armed() -> ControlConfig {
        ControlConfig {
            toxic_jump_sigmas: Some(4.5),
            toxic_flow_sigmas: Some(5.0),
            ..CONFIG
        }
    }

    #[test]
    fn each_sign_takes_the_side_off_that_it_goes_against() {
        for (signs, side) in [
            (
                Signs {
                    jump: 4.6,
                    flow: 0.0,
                },
                Side::Ask,
            ),
            (
                Signs {
                    jump: -4.6,
                    flow: 0.0,
                },
                Side::Bid,
            ),
            (
                Signs {
                    jump: 0.0,
                    flow: 5.1,
                },
                Side::Ask,
            ),
            (
                Signs {
                    jump: 0.0,
                    flow: -5.1,
                },
                Side::Bid,
            ),
        ] {
            let mut toxic = Toxic::default();
            toxic.observe(Time(0), signs, &armed());
            assert!(toxic.is_off(side, Time(0)) && !toxic.is_off(side.opposite(), Time(0)));
            toxic.observe(Time(SECOND), NOTHING, &armed());
            assert!(toxic.is_off(side, Time(5 * SECOND - 1)));
            assert!(!toxic.is_off(side, Time(5 * SECOND)));
            let mut unarmed = Toxic::default();
            unarmed.observe(Time(0), signs, &CONFIG);
            assert!(!unarmed.is_off(side, Time(0)));
        }
    }

    /// Each further sign begins the time anew; it is one act all the same.
    #[test]
    fn it_lasts_from_the_last_sign() {
        let mut toxic = Toxic::default();
        let up = Signs {
            jump: 9.0,
            ..NOTHING
        };
        for second in [0, 3, 6] {
            toxic.observe(Time(second * SECOND), up, &armed());
        }
        assert!(toxic.is_off(Side::Ask, Time(11 * SECOND - 1)));
        assert_eq!(toxic.wake_at(Time(6 * SECOND)), Some(Time(11 * SECOND)));
        assert_eq!(toxic.counts(), ToxicCounts { jump: 1, flow: 0 });
    }
}
