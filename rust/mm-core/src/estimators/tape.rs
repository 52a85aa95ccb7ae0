//! The public tape: takers and notional traded, deduplicated by trade id.

use std::collections::VecDeque;

use serde::Serialize;

use super::Evidence;
use super::recent::Recent;
use crate::event::Trade;
use crate::units::{SECOND, Side, Time, Usd};

const MINUTE: i64 = 60 * SECOND;
/// Minutes that must be known before an hourly rate is stated.
const KNOWN_MINUTES_MIN: i64 = 10;

/// Counts over the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Takers {
    /// Taker orders: trades of one time and side are one.
    pub count: u64,
    /// Notional traded.
    pub volume: Usd,
}

/// Notional by minute over the last hour and totals of the run.
#[derive(Clone, Debug, Default)]
pub struct Tape {
    /// Trade ids; reconnects replay at most some fifty trades.
    seen: Recent,
    /// `(minute, notional)`, oldest first, at most 61.
    minutes: VecDeque<(i64, Usd)>,
    /// When listening began; trades before it are backfill and count for nothing.
    since: Option<Time>,
    last: Option<(Time, Side)>,
    takers: Takers,
}

impl Tape {
    /// Starts listening; trades stamped earlier are ignored.
    pub fn start(&mut self, exch: Time) {
        self.since.get_or_insert(exch);
    }

    /// Takes a public trade. Repeated ids and backfill are ignored; returns whether it was used.
    pub fn observe(&mut self, trade: &Trade) -> bool {
        let live = self.since.is_some_and(|since| trade.exch >= since);
        if !live || !self.seen.insert(trade.tid) {
            return false;
        }
        let notional = trade.px * trade.sz;
        if self.last != Some((trade.exch, trade.side)) {
            self.takers.count += 1;
            self.last = Some((trade.exch, trade.side));
        }
        self.takers.volume += notional;
        let minute = trade.exch.0.div_euclid(MINUTE);
        match self.minutes.back_mut() {
            Some((last, sum)) if *last >= minute => *sum += notional,
            _ => self.minutes.push_back((minute, notional)),
        }
        while self
            .minutes
            .front()
            .is_some_and(|(first, _)| *first <= minute - 60)
        {
            self.minutes.pop_front();
        }
        true
    }

    /// Totals of the run.
    #[must_use]
    pub const fn takers(&self) -> Takers {
        self.takers
    }

    /// What the notional of the last hour rests on: minutes of it in which anything traded.
    #[must_use]
    pub fn evidence(&self, now: Time) -> Evidence {
        let first = now.0.div_euclid(MINUTE) - 60;
        let minutes = self.minutes.iter().filter(|(minute, _)| *minute > first);
        #[expect(clippy::cast_precision_loss, reason = "at most 61")]
        let n = minutes.count() as f64;
        Evidence {
            n,
            as_of: self.last.map(|(exch, _)| exch),
            ready: self.notional_1h(now).is_some(),
        }
    }

    /// Notional of the last hour in USDC, scaled to an hour once ten minutes are known.
    #[must_use]
    pub fn notional_1h(&self, now: Time) -> Option<f64> {
        let known = (now.since(self.since?).0).min(60 * MINUTE);
        if known < KNOWN_MINUTES_MIN * MINUTE {
            return None;
        }
        let first = now.0.div_euclid(MINUTE) - 60;
        let sum: Usd = self
            .minutes
            .iter()
            .filter(|(minute, _)| *minute > first)
            .map(|(_, sum)| *sum)
            .sum();
        Some(sum.as_usd() * Time(60 * MINUTE).as_secs() / Time(known).as_secs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{Px, Sz};

    fn trade(second: i64, tid: u64, side: Side) -> Trade {
        Trade {
            exch: Time(second * SECOND),
            tid,
            side,
            px: Px(10),
            sz: Sz(1_000_000),
        }
    }

    #[test]
    fn one_taker_is_one_however_many_trades() {
        let mut tape = Tape::default();
        tape.start(Time(0));
        for (tid, side) in [
            (1, Side::Bid),
            (2, Side::Bid),
            (2, Side::Bid),
            (3, Side::Ask),
        ] {
            tape.observe(&trade(1, tid, side));
        }
        assert_eq!(
            tape.takers(),
            Takers {
                count: 2,
                volume: Usd(30_000_000)
            }
        );
    }

    /// A feed that begins anew tells old trades again, and some that were missed between them. An id is known
    /// whatever time comes with it.
    #[test]
    fn what_a_replay_repeats_counts_once_and_what_it_adds_counts() {
        let mut tape = Tape::default();
        tape.start(Time(0));
        let told = [(1, 7), (1, 5), (2, 9), (5, 3)];
        let again = [(1, 7), (8, 5), (1, 6), (2, 9), (3, 4), (5, 3)];
        let used = |tape: &mut Tape, trades: &[(i64, u64)]| {
            let one = |(second, tid): &(i64, u64)| tape.observe(&trade(*second, *tid, Side::Bid));
            trades.iter().map(one).collect::<Vec<bool>>()
        };
        assert_eq!(used(&mut tape, &told), [true; 4]);
        let new = [false, false, true, false, true, false];
        assert_eq!(used(&mut tape, &again), new);
        assert_eq!(used(&mut tape, &again), [false; 6]);
    }

    #[test]
    fn the_hour_is_scaled_from_what_is_known() {
        let mut tape = Tape::default();
        tape.observe(&trade(-5, 99, Side::Bid));
        tape.start(Time(0));
        tape.observe(&trade(-1, 1, Side::Bid));
        tape.observe(&trade(60, 2, Side::Bid));
        assert_eq!(tape.notional_1h(Time(599 * SECOND)), None);
        let known = tape.notional_1h(Time(600 * SECOND)).unwrap();
        assert!((known - 60.0).abs() < 1e-9, "{known}");
        assert_eq!(tape.notional_1h(Time(8000 * SECOND)), Some(0.0));
    }
}
