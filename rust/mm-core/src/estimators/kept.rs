//! What was read of a watched market is kept until it is likely to have moved by a tenth of its standard error.
//!
//! Of `n` observations `m` new ones move a mean by `sqrt(m) / n` where its error is `1 / sqrt(n)`; what decays weighs up
//! to twice as much when it is new. A rate moves by the share of those who came that is new less that of the time
//! that was watched. So a fit is read anew once a two-hundredth of its weight is new or the rate has moved by a tenth
//! of its error, a curve once a fiftieth is; where little is known, at every observation. It depends on the events
//! alone. Measured, what is kept is off by a twentieth of an error on average, and never by half of one.
//!
//! Only what the fits say is kept: what they rest on, and with it their errors, is as of when they are asked.

use super::adverse::{Cost, DEPTHS};
use super::intensity::{Fit, FitRead};
use super::watched::Watched;
use crate::units::{Side, Time};

/// Share of the weight that is new.
pub(super) const NEWS: f64 = 0.005;
/// The same of a curve, whose farthest sums are taken for all: of the others less is new.
const CURVE_NEWS: f64 = 0.02;
/// Standard errors that a value may have moved by.
pub(super) const ERRORS: f64 = 0.1;

/// When a curve of costs is to be read anew: the news counted by then, and a time.
#[derive(Clone, Copy, Debug, PartialEq)]
struct CurveRead {
    news: f64,
    until: Time,
}

/// Fits and curves of our `[bids, asks]`, as they were last read.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    fits: [Option<FitRead>; 2],
    curves: [Option<CurveRead>; 2],
}

impl Kept {
    /// [`Watched::fit_between`] of the distances that `between` gives, which is asked when there is something to fit.
    /// What a kept curve rests on is as of `now`.
    pub fn fit_between(
        &mut self,
        watched: &Watched,
        side: Side,
        now: Time,
        between: impl FnOnce() -> Option<(f64, f64)>,
    ) -> Option<Fit> {
        let kept = &mut self.fits[side.index()];
        let still = kept.and_then(|read| watched.still(side, &read, now));
        if still.is_some() {
            return still;
        }
        *kept = between().and_then(|between_bps| watched.read_between(side, between_bps, now));
        kept.map(|read| read.fit())
    }

    /// [`Watched::costs`], of one horizon only; `None`: as they were before.
    pub fn costs(
        &mut self,
        watched: &Watched,
        side: Side,
        horizon: usize,
        now: Time,
    ) -> Option<[Option<Cost>; DEPTHS]> {
        let kept = &mut self.curves[side.index()];
        let news = watched.cost_news(side, horizon);
        if kept.is_some_and(|read| now < read.until && news <= read.news) {
            return None;
        }
        *kept = Some(CurveRead {
            news: news + CURVE_NEWS,
            until: watched.costs_alike_until(now),
        });
        Some(watched.costs(side, horizon, now))
    }
}
