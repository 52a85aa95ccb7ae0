//! Whether the mid jumps: its move within a second against what volatility explains of one.
//!
//! `score = r / (sigma sqrt(1 s))`, `r` the move since the mid that the second began with, `sigma` the one
//! without jumps (Lee and Mykland 2008). A second is judged at every mid of it and by the whole second's
//! deviation, so that a jump is seen in the event that shows it, and a mid a moment later is no jump for
//! being early. Of a random walk the largest score of a second is beyond `c` with probability
//! `4 (1 - Phi(c))`, by reflection: 0.05 times an hour at 4.5.

use super::{Evidence, GAP};
use crate::units::{Dur, SECOND, Time};

/// What a score is of.
const SPAN: Dur = Dur(SECOND);

/// The mid that the present second began with.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Jump {
    began: Option<(Time, f64)>,
    last: Option<(Time, f64)>,
    score: f64,
}

impl Jump {
    /// Takes a mid (any positive unit) at an exchange time, and the volatility without jumps, a fraction per
    /// square root of a second. Time that goes back is ignored.
    pub fn observe(&mut self, exch: Time, mid: f64, sigma: Option<f64>) {
        let Some((since, before)) = self.last else {
            self.begin(exch, mid);
            return;
        };
        if exch < since {
            return;
        }
        if exch.since(since) > GAP {
            self.begin(exch, mid);
            return;
        }
        let (mut at, mut from) = self.began.map_or((exch, mid), |began| began);
        // A mid at the end of a second still is of it.
        let whole = (exch.since(at).0 - 1).div_euclid(SPAN.0);
        if whole > 0 {
            (at, from) = (at.plus(Dur(whole * SPAN.0)), before);
        }
        self.began = Some((at, from));
        self.last = Some((exch, mid));
        self.score = sigma.filter(|sigma| *sigma > 0.0).map_or(0.0, |sigma| {
            // Sigma is per square root of a second, and a second is the span.
            const { assert!(SPAN.0 == SECOND) };
            (mid / from - 1.0) / sigma
        });
    }

    /// Standard deviations that the mid moved within the second that runs at `now`, up positive; 0 while volatility
    /// is unknown, and where no mid came in that second.
    #[must_use]
    pub fn score(&self, now: Time) -> f64 {
        if self.began.is_some_and(|(began, _)| now.since(began) > SPAN) {
            0.0
        } else {
            self.score
        }
    }

    /// What it rests on: the returns in the volatility that it is measured in, `explained`, and mids that follow
    /// each other.
    #[must_use]
    pub fn evidence(&self, explained: Evidence, now: Time) -> Evidence {
        let as_of = self.last.map(|(at, _)| at);
        let is_followed = as_of.is_some_and(|at| now.since(at) <= GAP);
        Evidence {
            as_of,
            ready: explained.ready && is_followed,
            ..explained
        }
    }

    /// The stream broke.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    fn begin(&mut self, exch: Time, mid: f64) {
        *self = Self {
            began: Some((exch, mid)),
            last: Some((exch, mid)),
            score: 0.0,
        };
    }
}
