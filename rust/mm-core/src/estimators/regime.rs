//! How lively the market is against what it usually is at this hour: sizes and the pace of requoting follow.
//!
//! ```text
//! ratio = sigma of 2 min over the usual one
//! Calm <- below 0.5 | above 0.6 -> Usual <- below 1.3 | above 1.5 -> Lively <- below 2.4 | above 3 -> Wild
//! busy  = seconds of the last 20 whose move is beyond 2 usual deviations; 8: at least Lively, until below 3
//! ```
//! Two minutes' memory needs 5 to 50 s to show a market five times as lively; the count sees it in 10. No one
//! move weighs more than a second in it, so a jump is no regime, and in a usual market whose moves are Gaussian
//! or Student's t5 one second of twenty is busy: the count adds no false alarm in 20 days of the one, and one a
//! week of the other (docs/models.md has the curve). A livelier regime begins at once, a calmer one 30 s after the last change. The
//! spread does not follow: sigma is in it already. MODELS.md P2.2.

use serde::{Deserialize, Serialize};

use super::Evidence;
use crate::units::{Dur, SECOND, Time};

/// Shortest time before a calmer one.
const DWELL: Dur = Dur(30 * SECOND);
/// Ratios between a regime and the next livelier one: entered above the first, left below the second.
const BOUNDS: [(f64, f64); 3] = [(0.6, 0.5), (1.5, 1.3), (3.0, 2.4)];

/// A second whose move is beyond this many usual deviations is busy.
const BUSY_SIGMAS: f64 = 2.0;
/// Busy seconds of [`RECENT_S`](super::volatility::RECENT_S): with as many as the first a market becomes lively, with
/// as many as the second it stays so.
const BUSY_BOUNDS: (usize, usize) = (8, 3);

/// From the calmest to the liveliest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Regime {
    /// Half as lively as usual, or less.
    Calm,
    /// As usual, or nobody knows what usual is.
    #[default]
    Usual,
    /// Half again as lively as usual.
    Lively,
    /// Three times.
    Wild,
}

impl Regime {
    /// All, from the calmest.
    pub const ALL: [Self; 4] = [Self::Calm, Self::Usual, Self::Lively, Self::Wild];
}

/// The regime and what it was judged by.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Regimes {
    regime: Regime,
    since: Option<Time>,
    ratio: Option<f64>,
    /// When it was judged last.
    judged: Option<Time>,
}

impl Regimes {
    /// Judges anew: `sigma` of two minutes, the moves of the `recent` seconds, and the `usual` volatility of this
    /// hour, all a fraction. Where `sigma` or `usual` is not known, it is as usual.
    pub fn observe(
        &mut self,
        exch: Time,
        sigma: Option<f64>,
        recent: impl Iterator<Item = f64>,
        usual: Option<f64>,
    ) {
        self.judged = Some(exch);
        let known = sigma.zip(usual.filter(|usual| *usual > 0.0));
        self.ratio = known.map(|(sigma, usual)| sigma / usual);
        let wanted = known.map_or(Regime::Usual, |(sigma, usual)| {
            let beyond = |move_: &f64| move_.abs() > BUSY_SIGMAS * usual;
            let (enter, leave) = BUSY_BOUNDS;
            let is_lively = self.regime >= Regime::Lively;
            let enough = if is_lively { leave } else { enter };
            let of_ratio = self.of(sigma / usual);
            if of_ratio < Regime::Lively && recent.filter(beyond).count() >= enough {
                Regime::Lively
            } else {
                of_ratio
            }
        });
        let may_calm = self.since.is_none_or(|since| exch.since(since) >= DWELL);
        if wanted > self.regime || (wanted < self.regime && may_calm) {
            self.regime = wanted;
            self.since = Some(exch);
        }
    }

    /// Of a ratio, from where it is now.
    fn of(&self, ratio: f64) -> Regime {
        let is = Regime::ALL.iter().position(|one| *one == self.regime);
        let at = is.map_or(0, |at| at);
        let above = |bound: usize| {
            let (enter, leave) = BOUNDS[bound];
            if bound < at {
                ratio >= leave
            } else {
                ratio > enter
            }
        };
        let passed = (0..BOUNDS.len()).filter(|bound| above(*bound)).count();
        Regime::ALL[passed]
    }

    /// What it is.
    #[must_use]
    pub const fn regime(&self) -> Regime {
        self.regime
    }

    /// What it rests on: the returns in the volatility of two minutes, `recent`, as far as the usual one is known.
    #[must_use]
    pub fn evidence(&self, recent: Evidence) -> Evidence {
        Evidence {
            n: recent.n,
            as_of: self.judged,
            ready: self.ratio.is_some() && recent.ready,
        }
    }

    /// Volatility of two minutes over the usual one; `None` where either is not known.
    #[must_use]
    pub const fn ratio(&self) -> Option<f64> {
        self.ratio
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(ratios: &[(i64, f64)]) -> Vec<Regime> {
        let mut regimes = Regimes::default();
        let judged = ratios.iter().map(|(second, ratio)| {
            let at = Time(second * SECOND);
            regimes.observe(at, Some(*ratio), core::iter::empty(), Some(1.0));
            regimes.regime()
        });
        judged.collect()
    }

    #[test]
    fn up_at_once_and_down_after_the_dwell_by_the_lower_bounds() {
        use Regime::{Calm, Lively, Usual, Wild};
        let seen = run(&[
            (0, 1.5),
            (1, 1.51),
            (2, 3.1),
            (3, 1.0),
            (31, 1.0),
            (32, 2.4),
            (33, 2.39),
            (62, 1.3),
            (63, 1.29),
            (64, 0.49),
            (93, 0.49),
            (94, 0.6),
            (95, 0.61),
        ]);
        let wanted = [
            Usual, Lively, Wild, Wild, Wild, Wild, Lively, Lively, Usual, Usual, Calm, Calm, Usual,
        ];
        assert_eq!(seen, wanted);
    }

    /// Eight seconds beyond two deviations, either way; however far, seven are none.
    #[test]
    fn busy_seconds_make_it_lively_before_its_memory_does() {
        for (busy, is) in [(7, Regime::Usual), (8, Regime::Lively)] {
            for size in [2.01, -2.01, 50.0] {
                let moves = (0..20).map(|second| if second < busy { size } else { 2.0 });
                let mut regimes = Regimes::default();
                regimes.observe(Time(0), Some(1.0), moves, Some(1.0));
                assert_eq!(regimes.regime(), is, "{busy} of {size}");
            }
        }
        for (busy, is) in [(3, Regime::Lively), (2, Regime::Usual)] {
            let mut regimes = Regimes::default();
            let moves = |busy| core::iter::repeat_n(9.0, busy);
            regimes.observe(Time(0), Some(1.0), moves(8), Some(1.0));
            regimes.observe(Time(30 * SECOND), Some(1.0), moves(busy), Some(1.0));
            assert_eq!(regimes.regime(), is, "{busy} after the dwell");
        }
        let mut wild = Regimes::default();
        wild.observe(Time(0), Some(4.0), core::iter::repeat_n(9.0, 20), Some(1.0));
        assert_eq!(wild.regime(), Regime::Wild, "at least lively");
    }

    #[test]
    fn nobody_knows_is_as_usual() {
        let mut regimes = Regimes::default();
        regimes.observe(Time(0), Some(9.0), core::iter::empty(), Some(1.0));
        assert_eq!(regimes.regime(), Regime::Wild);
        for (sigma, usual) in [(None, Some(1.0)), (Some(9.0), None), (Some(9.0), Some(0.0))] {
            let mut known = regimes;
            let at = Time(30 * SECOND);
            known.observe(at, sigma, core::iter::repeat_n(9.0, 20), usual);
            assert_eq!((known.regime(), known.ratio()), (Regime::Usual, None));
        }
    }
}
