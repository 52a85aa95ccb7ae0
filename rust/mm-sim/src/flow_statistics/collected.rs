//! A tape's path of touches, its book changes and its takers, in exchange time.

use mm_core::book::Book;
use mm_core::estimators::sweep::{Sweep, Sweeps};
use mm_core::event::EventBody;
use mm_core::instrument::Instrument;
use mm_core::units::{Dur, Side, Time};

use super::GAP;
use crate::frames::Tape;

/// The top of the book from a time on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stand {
    pub(super) exch: Time,
    /// Lattice units.
    pub(super) mid: f64,
}

/// Everything that is measured.
#[derive(Clone, Debug, Default)]
pub(super) struct Collected {
    /// By time, one a time.
    pub(super) path: Vec<Stand>,
    /// Changes of the best prices or sizes as they were told, and whether the spread was one tick.
    pub(super) changes: Vec<(Time, bool)>,
    /// Takers whose price before them is known.
    pub(super) takers: Vec<Sweep>,
}

impl Collected {
    /// Reads a tape from its first book on.
    pub(super) fn of(tape: &Tape) -> Self {
        let mut all = Self::default();
        let (mut book, mut sweeps) = (Book::default(), Sweeps::default());
        for step in &tape.steps()[tape.history()..] {
            let used = match &step.event.body {
                EventBody::Book(snapshot) => book.apply_snapshot(snapshot),
                EventBody::Bbo(bbo) => book.apply_bbo(bbo),
                EventBody::Trades(trades) => {
                    for trade in trades {
                        all.takers.extend(sweeps.on_trade(trade));
                    }
                    false
                }
                _ => false,
            };
            let Some(touch) = book.touch().filter(|_| used) else {
                continue;
            };
            if let EventBody::Bbo(bbo) = &step.event.body {
                let one_tick = is_one_tick(tape.instrument(), &touch);
                all.changes.push((bbo.exch, one_tick));
            }
            let (exch, mid) = (book.exch(), touch.mid());
            all.takers.extend(sweeps.on_mid(exch, mid));
            match all.path.last_mut() {
                Some(last) if last.exch == exch => last.mid = mid,
                _ => all.path.push(Stand { exch, mid }),
            }
        }
        all.keep_what_is_known();
        all
    }

    /// Drops takers of a silence: what they were measured from is as old as it.
    fn keep_what_is_known(&mut self) {
        let mut takers = core::mem::take(&mut self.takers);
        takers.retain(|taker| self.is_watched(taker.exch));
        takers.sort_by_key(|taker| taker.exch);
        self.takers = takers;
    }

    /// Whether the path is known at `at`: it lies between two touches without a silence.
    fn is_watched(&self, at: Time) -> bool {
        self.mid_at(at).is_some()
    }

    /// The mid at a time, lattice units; `None` outside the path and in a silence.
    pub(super) fn mid_at(&self, at: Time) -> Option<f64> {
        let after = self.path.partition_point(|stand| stand.exch <= at);
        let before = self.path.get(after.checked_sub(1)?)?;
        let next = self.path.get(after)?;
        (next.exch.since(before.exch) <= GAP).then_some(before.mid)
    }

    /// The mid's path without the silences: from and to of each part.
    pub(super) fn parts(&self) -> Vec<(Time, Time)> {
        let mut parts: Vec<(Time, Time)> = Vec::new();
        for stand in &self.path {
            match parts.last_mut() {
                Some((_, end)) if stand.exch.since(*end) <= GAP => *end = stand.exch,
                _ => parts.push((stand.exch, stand.exch)),
            }
        }
        parts
    }

    /// Seconds of them.
    pub(super) fn watched_s(&self) -> f64 {
        let spans = self.parts();
        spans
            .iter()
            .map(|(from, to)| to.since(*from).as_secs())
            .sum()
    }

    /// Steps of the logarithm of the mid over `span`, one after the other: begin and bps.
    pub(super) fn steps(&self, span: Dur) -> Vec<(Time, f64)> {
        let mut steps = Vec::new();
        for (from, to) in self.parts() {
            let mut at = from;
            let mut before = self.mid_at(at);
            while at.plus(span) < to {
                let next = self.mid_at(at.plus(span));
                if let (Some(before), Some(next)) = (before, next) {
                    steps.push((at, log_bps(next, before)));
                }
                (at, before) = (at.plus(span), next);
            }
        }
        steps
    }

    /// The mid's move in a taker's direction from before it to `after` later, bps.
    pub(super) fn markout_bps(&self, taker: &Sweep, after: Dur) -> Option<f64> {
        let later = self.mid_at(taker.exch.plus(after))?;
        let known = self.parts_join(taker.exch, taker.exch.plus(after));
        let sign = if taker.side == Side::Bid { 1.0 } else { -1.0 };
        known.then(|| sign * log_bps(later, taker.mid))
    }

    /// Whether no silence lies between two times.
    fn parts_join(&self, from: Time, to: Time) -> bool {
        let first = self.path.partition_point(|stand| stand.exch <= from);
        let last = self.path.partition_point(|stand| stand.exch <= to);
        let touched = &self.path[first.saturating_sub(1)..(last + 1).min(self.path.len())];
        touched
            .windows(2)
            .all(|two| two[1].exch.since(two[0].exch) <= GAP)
    }
}

fn log_bps(later: f64, before: f64) -> f64 {
    libm::log(later / before) * 1e4
}

fn is_one_tick(perp: &Instrument, touch: &mm_core::book::Touch) -> bool {
    touch.ask.px.0 - touch.bid.px.0 == perp.px_step(touch.bid.px).0
}
