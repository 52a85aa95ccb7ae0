//! Order-flow imbalance at the touch: what was added to the best bid and taken from the best ask, less the
//! reverse (Cont, Kukanov and Stoikov 2014). MODELS.md P1.5.
//!
//! A change of the touch counts `[b >= b'] q_b - [b <= b'] q_b' - [a <= a'] q_a + [a >= a'] q_a'`, primes before.
//! The sum of these, decayed with a half-life of half a second, is measured in its own root mean square, so
//! that no size has a unit, and cut at one: on recorded markets a larger one moved the mid no further.

use super::decay::left_after;
use super::{Evidence, GAP};
use crate::book::Touch;
use crate::units::Time;

/// Of the flow: on recorded markets it predicts the next second best.
const HALF_LIFE_S: f64 = 0.5;
/// Looks at the flow before its usual size is known.
const LOOKS_LEAST: f64 = 30.0;

/// The imbalance, and how large it usually is.
#[derive(Clone, Debug, PartialEq)]
pub struct Imbalance {
    /// Half-life of the usual size, s.
    half_life_s: f64,
    flow: f64,
    as_of: Time,
    last: Option<(Time, Touch)>,
    /// Squares of the flow and looks at it, decayed.
    squares: (f64, f64),
    looked: Option<Time>,
}

impl Imbalance {
    /// Nothing seen yet; half-life of the memory of its usual size, s.
    #[must_use]
    pub const fn new(half_life_s: f64) -> Self {
        Self {
            half_life_s,
            flow: 0.0,
            as_of: Time::ZERO,
            last: None,
            squares: (0.0, 0.0),
            looked: None,
        }
    }

    /// A newer touch, without our own orders. What follows a gap follows nothing.
    pub fn on_touch(&mut self, exch: Time, touch: &Touch) {
        let last = self.last.replace((exch, *touch));
        let Some((_, before)) = last.filter(|(since, _)| exch.since(*since) <= GAP) else {
            self.flow = 0.0;
            return;
        };
        let change = change(&before, touch);
        if change != 0.0 {
            self.flow = self.flow_at(exch) + change;
            self.as_of = self.as_of.max(exch);
        }
    }

    /// The stream broke.
    pub fn on_gap(&mut self) {
        self.last = None;
        self.flow = 0.0;
    }

    /// A look at a regular time, from which it is known how large the flow usually is; gives its [`value`](Self::value).
    pub fn look(&mut self, at: Time) -> Option<f64> {
        let (sum, n) = self.squares_at(at);
        let flow = self.flow_at(at);
        self.squares = (sum + flow * flow, n + 1.0);
        self.looked = Some(at);
        self.in_usual_sizes(flow, at)
    }

    fn squares_at(&self, at: Time) -> (f64, f64) {
        let (sum, n) = self.squares;
        let span_s = self
            .looked
            .map_or(0.0, |looked| at.since(looked).as_secs().max(0.0));
        let by = left_after(span_s, self.half_life_s);
        (sum * by, n * by)
    }

    /// The imbalance in its usual size, -1 to 1, positive where the bid grows; `None` until that is known.
    #[must_use]
    pub fn value(&self, at: Time) -> Option<f64> {
        self.in_usual_sizes(self.flow_at(at), at)
    }

    /// What its usual size rests on, looks; as of the newest touch.
    #[must_use]
    pub fn evidence(&self, at: Time) -> Evidence {
        let (sum, n) = self.squares_at(at);
        Evidence {
            n,
            as_of: self.last.map(|(exch, _)| exch).or(self.looked),
            ready: n >= LOOKS_LEAST && sum > 0.0,
        }
    }

    fn in_usual_sizes(&self, flow: f64, at: Time) -> Option<f64> {
        let (sum, n) = self.squares_at(at);
        let usual = libm::sqrt(sum / n);
        (n >= LOOKS_LEAST && usual > 0.0).then(|| (flow / usual).clamp(-1.0, 1.0))
    }

    fn flow_at(&self, at: Time) -> f64 {
        let span_s = at.since(self.as_of).as_secs().max(0.0);
        if self.flow == 0.0 {
            return 0.0;
        }
        self.flow * libm::exp2(-span_s / HALF_LIFE_S)
    }
}

/// What a change of the touch counts, lots. Without a branch: which way prices go nobody can guess.
fn change(before: &Touch, after: &Touch) -> f64 {
    let counts = |is: bool| f64::from(u8::from(is));
    counts(after.bid.px >= before.bid.px) * after.bid.sz.as_f64()
        - counts(after.bid.px <= before.bid.px) * before.bid.sz.as_f64()
        - counts(after.ask.px <= before.ask.px) * after.ask.sz.as_f64()
        + counts(after.ask.px >= before.ask.px) * before.ask.sz.as_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Level;
    use crate::units::{Px, SECOND, Sz};

    fn top(bid: i64, ask: i64) -> Touch {
        let level = |px, sz| Level {
            px: Px(px),
            sz: Sz(sz),
        };
        Touch {
            bid: level(99, bid),
            ask: level(101, ask),
        }
    }

    /// Whatever comes, it is said to be as much as usual at most.
    #[test]
    fn more_than_is_usual_counts_as_what_is_usual() {
        for (bid, ask, wanted) in [(1_000_000, 100, 1.0), (100, 1_000_000, -1.0)] {
            let mut flow = Imbalance::new(1_800.0);
            for second in 0..60 {
                let at = Time(second * SECOND);
                flow.on_touch(at, &top(100 + second % 2, 100));
                let _: Option<f64> = flow.look(at);
            }
            let at = Time(60 * SECOND);
            flow.on_touch(at, &top(bid, ask));
            assert!((flow.value(at).unwrap() - wanted).abs() < 1e-12);
        }
    }
}
