//! A market that is watched: all that is learned of its takers, from one stream of trades and touches.

use super::adverse::{AdverseSelection, Cost, DEPTHS};
use super::decay::left_after;
use super::flow::Flow;
use super::intensity::{Fit, FitRead, MarketIntensity};
use super::sweep::{Sweep, Sweeps};
use super::{Evidence, GAP};
use crate::book::Touch;
use crate::event::Trade;
use crate::units::{Side, Time};

/// Distances that a slope is fitted on are at least so far apart, bps.
const SPAN_LEAST_BPS: f64 = 2.0;

/// Sweeps, what they cost a maker at each distance, how often they come there, and from which side.
#[derive(Clone, Debug)]
pub struct Watched {
    half_life_s: f64,
    sweeps: Sweeps,
    adverse: AdverseSelection,
    intensity: MarketIntensity,
    flow: Flow,
    /// Half of the spread times seconds, and the seconds, decayed like the intensity, bps s and s.
    half_spread: (f64, f64),
    /// The same of the second that runs, all of it alike: it is forgotten when it is over.
    running: (f64, f64),
    last: Option<(Time, Touch)>,
    count: u64,
}

impl Watched {
    /// Nothing seen yet; half-lives of what intensity and adverse selection remember, s.
    #[must_use]
    pub fn new(intensity_half_life_s: f64, adverse_half_life_s: f64) -> Self {
        Self {
            half_life_s: intensity_half_life_s,
            sweeps: Sweeps::default(),
            adverse: AdverseSelection::new(adverse_half_life_s),
            intensity: MarketIntensity::new(intensity_half_life_s),
            flow: Flow::default(),
            half_spread: (0.0, 0.0),
            running: (0.0, 0.0),
            last: None,
            count: 0,
        }
    }

    /// A trade of the tape, once, in order. What `counts` says no to is taken for nobody's.
    pub fn on_trade(&mut self, trade: &Trade, counts: impl Fn(&Sweep) -> bool) {
        let over = self.sweeps.on_trade(trade);
        self.on_sweep(over.filter(counts));
    }

    /// A newer top of the book: nothing is joined across a silence.
    pub fn on_touch(&mut self, exch: Time, touch: Touch, counts: impl Fn(&Sweep) -> bool) {
        if let Some((since, before)) = self.last.replace((exch, touch)) {
            let span = exch.since(since);
            if span > GAP {
                self.on_gap();
            } else {
                self.count_spread(&before, span.as_secs());
            }
        }
        let over = self.sweeps.on_mid(exch, touch.mid());
        self.on_sweep(over.filter(counts));
        self.adverse.on_mid(exch, touch.mid());
        self.intensity.on_time(exch);
        self.flow.on_time(exch);
    }

    /// The stream broke.
    pub fn on_gap(&mut self) {
        self.sweeps.forget();
        self.adverse.forget_waiting();
    }

    fn on_sweep(&mut self, sweep: Option<Sweep>) {
        if let Some(sweep) = sweep {
            self.count += 1;
            self.adverse.observe(&sweep);
            self.intensity.observe(&sweep);
            self.flow.observe(&sweep);
        }
    }

    fn count_spread(&mut self, touch: &Touch, span_s: f64) {
        self.running.0 += touch.spread_bps() / 2.0 * span_s;
        self.running.1 += span_s;
        if self.running.1 >= 1.0 {
            self.half_spread = self.half_spread_sums();
            self.running = (0.0, 0.0);
        }
    }

    fn half_spread_sums(&self) -> (f64, f64) {
        let by = left_after(self.running.1, self.half_life_s);
        let (sum, seconds) = self.half_spread;
        (sum * by + self.running.0, seconds * by + self.running.1)
    }

    /// Sweeps that counted.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Seconds watched, decayed, gaps left out.
    #[must_use]
    pub fn watched_s(&self) -> f64 {
        self.half_spread_sums().1
    }

    /// Half of the spread, mean over the time watched, bps; `None` before two touches.
    #[must_use]
    pub fn half_spread_bps(&self) -> Option<f64> {
        let (sum, seconds) = self.half_spread_sums();
        (seconds > 0.0).then(|| sum / seconds)
    }

    /// The intensity of what comes to our orders on `side`, from the half-spread to as far as enough came.
    #[must_use]
    pub fn fit(&self, side: Side, now: Time) -> Option<Fit> {
        self.intensity
            .fit_where_known(side, self.half_spread_bps()?, now)
    }

    /// See [`MarketIntensity::evidence`].
    #[must_use]
    pub fn reaches(&self, side: Side, now: Time) -> Evidence {
        self.intensity.evidence(side, now)
    }

    /// The same between two distances, bps, which are taken a little apart where they are one: the slope there, of no
    /// use anywhere else. `None` where too few came so far.
    #[must_use]
    pub fn fit_between(&self, side: Side, between_bps: (f64, f64), now: Time) -> Option<Fit> {
        Some(self.read_between(side, between_bps, now)?.fit())
    }

    pub(super) fn read_between(
        &self,
        side: Side,
        (near_bps, far_bps): (f64, f64),
        now: Time,
    ) -> Option<FitRead> {
        let apart = (SPAN_LEAST_BPS - (far_bps - near_bps)).max(0.0) / 2.0;
        let low_bps = (near_bps - apart).max(self.half_spread_bps()?);
        let high_bps = (far_bps + apart).max(low_bps + SPAN_LEAST_BPS);
        self.intensity.read(side, low_bps, high_bps, now)
    }

    pub(super) fn still(&self, side: Side, read: &FitRead, now: Time) -> Option<Fit> {
        self.intensity.still(side, read, now)
    }

    /// Sweeps a second that came to `delta_bps` of our side or further, as counted.
    #[must_use]
    pub fn counted_rate(&self, side: Side, delta_bps: f64) -> Option<f64> {
        self.intensity.counted_rate(side, delta_bps)
    }

    /// Which side takers come from, how often and with how much.
    #[must_use]
    pub const fn flow(&self) -> &Flow {
        &self.flow
    }

    /// The mid before a trade at `exch`, lattice units; `None` where none was heard within 15 s before it.
    #[must_use]
    pub fn mid_before(&self, exch: Time) -> Option<f64> {
        let (since, mid) = self.sweeps.mid_before(exch)?;
        (exch.since(since) <= GAP).then_some(mid)
    }

    /// See [`AdverseSelection::curve`].
    #[must_use]
    pub fn costs(&self, side: Side, horizon: usize, now: Time) -> [Option<Cost>; DEPTHS] {
        self.adverse.curve(side, horizon, now)
    }

    pub(super) const fn cost_news(&self, side: Side, horizon: usize) -> f64 {
        self.adverse.news(side, horizon)
    }

    pub(super) fn costs_alike_until(&self, now: Time) -> Time {
        self.adverse.alike_until(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Level;
    use crate::units::{Px, SECOND, Sz};

    fn touch(mid: i64) -> Touch {
        let level = |px| Level {
            px: Px(px),
            sz: Sz(1),
        };
        Touch {
            bid: level(mid - 5),
            ask: level(mid + 5),
        }
    }

    /// A taker of a silence is told after the first book that follows it: what its price was measured from is
    /// as old as the silence, so it is none.
    #[test]
    fn a_taker_within_a_silence_is_measured_from_nothing() {
        for (silence_s, seen) in [(10, 1), (60, 0)] {
            let mut watched = Watched::new(1e9, 1e9);
            watched.on_touch(Time(SECOND), touch(1_000_000), |_| true);
            let end = 1 + silence_s;
            watched.on_touch(Time(end * SECOND), touch(1_010_000), |_| true);
            let trade = Trade {
                exch: Time((end - 1) * SECOND),
                tid: 1,
                side: Side::Bid,
                px: Px(1_010_000),
                sz: Sz(1),
            };
            watched.on_trade(&trade, |_| true);
            watched.on_touch(Time((end + 1) * SECOND), touch(1_010_000), |_| true);
            assert_eq!(watched.count(), seen, "{silence_s}");
        }
    }
}
