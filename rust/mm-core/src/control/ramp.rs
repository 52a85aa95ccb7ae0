//! The capital ramp: a coin's limit opens in quarters, one for each hour in which it quoted and the account
//! lost nothing.

use crate::units::{Dur, SECOND, Time, Usd};

/// Hours of the ramp: after the last the limit is whole.
pub(crate) const RAMP_HOURS: u32 = 3;
const HOUR: Dur = Dur(3600 * SECOND);

/// Progress of the ramp. An hour that lost money is quoted again at the same share.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ramp {
    hours: u32,
    /// Equity when the hour in progress began.
    opening: Option<Usd>,
    /// Time quoted in it.
    quoted: Dur,
    last: Option<Time>,
}

impl Ramp {
    /// Hours without a loss so far, 0 to 3.
    #[must_use]
    pub const fn hours(&self) -> u32 {
        self.hours
    }

    /// Takes up the hours that an earlier session counted.
    pub const fn restore(&mut self, hours: u32) {
        self.hours = if hours < RAMP_HOURS {
            hours
        } else {
            RAMP_HOURS
        };
    }

    /// Share of the limit in force, 0.25 to 1.
    #[must_use]
    pub fn share(&self) -> f64 {
        f64::from(self.hours + 1) / f64::from(RAMP_HOURS + 1)
    }

    /// Time passes, quoting or not, at an equity net of transfers.
    pub fn update(&mut self, now: Time, is_quoting: bool, equity: Usd) {
        let passed = self.last.map_or(Dur::ZERO, |last| now.since(last));
        self.last = Some(now);
        if !is_quoting || self.hours >= RAMP_HOURS {
            return;
        }
        let opening = *self.opening.get_or_insert(equity);
        self.quoted += passed;
        if self.quoted < HOUR {
            return;
        }
        if equity >= opening {
            self.hours += 1;
        }
        self.quoted = Dur::ZERO;
        self.opening = Some(equity);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_without_a_loss_opens_a_quarter_and_a_losing_one_does_not() {
        let mut ramp = Ramp::default();
        let mut minute = 0;
        let mut hour = |ramp: &mut Ramp, is_quoting, equity| {
            for _ in 0..60 {
                ramp.update(Time(minute * 60 * SECOND), is_quoting, Usd(equity));
                minute += 1;
            }
            ramp.update(Time(minute * 60 * SECOND), is_quoting, Usd(equity));
            ramp.share()
        };
        assert!((hour(&mut ramp, true, 100) - 0.5).abs() < 1e-12);
        assert!((hour(&mut ramp, false, 100) - 0.5).abs() < 1e-12);
        assert!((hour(&mut ramp, true, 99) - 0.5).abs() < 1e-12);
        assert!((hour(&mut ramp, true, 99) - 0.75).abs() < 1e-12);
        assert!((hour(&mut ramp, true, 120) - 1.0).abs() < 1e-12);
        assert!((hour(&mut ramp, true, 1) - 1.0).abs() < 1e-12);
        assert_eq!(ramp.hours(), 3);
        let mut later = Ramp::default();
        later.restore(2);
        assert!((later.share() - 0.75).abs() < 1e-12);
    }
}
