//! What the venue lets one IP address do: 1200 of weight in any minute.
//!
//! Counted is what the engine itself causes: its actions and its questions. The carrier paces everything
//! that leaves the machine; here it is known in time not to want too much.

use std::collections::VecDeque;

use crate::recovery::ask::Ask;
use crate::units::{Dur, SECOND, Time};

/// Weight of one IP address in a minute.
pub const WEIGHT_PER_MIN: u32 = 1_200;
const MINUTE: Dur = Dur(60 * SECOND);
/// The first pause after the venue has said that it was too much (HTTP 429); each further one is half
/// as long again.
const PAUSE_S: f64 = 10.0;
const PAUSE_MAX_S: f64 = 60.0;

/// Weight of an action with this many items.
#[must_use]
pub const fn of_action(items: u32) -> u32 {
    1 + items / 40
}

/// Weight of a question, its rows left out where nobody knows how many there are.
#[must_use]
pub const fn of_ask(ask: Ask) -> u32 {
    match ask {
        Ask::Account | Ask::OrderStatus(_) => 2,
        Ask::OpenOrders | Ask::HeadRoom | Ask::RateLimit | Ask::Fills | Ask::OpenInterestCap => 20,
        // A day of minutes and 30 days of quarter hours, 60 rows for one more.
        Ask::Candles => 2 * 20 + 1_440 / 60 + 2_880 / 60,
        // Two lists.
        Ask::Money => 40,
    }
}

/// What was spent in the last minute.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weight {
    spent: VecDeque<(Time, u32)>,
    sum: u32,
    /// Nothing that can wait is sent before this.
    paused_until: Time,
    /// Times in a row that the venue said it was too much.
    refused: i32,
}

impl Weight {
    /// Counts what leaves at `now`.
    pub fn spend(&mut self, weight: u32, now: Time) {
        self.forget(now);
        self.spent.push_back((now, weight));
        self.sum += weight;
    }

    /// Forgets what is older than a minute.
    pub fn forget(&mut self, now: Time) {
        while let Some((at, weight)) = self.spent.front().copied()
            && now.since(at) >= MINUTE
        {
            self.spent.pop_front();
            self.sum -= weight;
        }
    }

    /// The venue said that it was too much.
    pub fn on_refused(&mut self, now: Time) {
        if now < self.paused_until {
            // Sent before we knew.
            return;
        }
        let pause_s = (PAUSE_S * libm::pow(1.5, f64::from(self.refused))).min(PAUSE_MAX_S);
        self.refused = (self.refused + 1).min(10);
        self.paused_until = now.plus(Dur::from_secs(pause_s));
    }

    /// The venue looked at an action.
    pub fn on_heard(&mut self, now: Time) {
        if now >= self.paused_until {
            self.refused = 0;
        }
    }

    /// Spent in the last minute, as of the last look.
    #[must_use]
    pub const fn used(&self) -> u32 {
        self.sum
    }

    /// Whether what can wait has to.
    #[must_use]
    pub fn is_paused(&self, now: Time) -> bool {
        now < self.paused_until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Time {
        Time(second * SECOND)
    }

    #[test]
    fn a_minute_slides() {
        let mut weight = Weight::default();
        weight.spend(5, at(100));
        weight.spend(7, at(130));
        weight.forget(Time(at(160).0 - 1));
        assert_eq!(weight.used(), 12);
        weight.forget(at(160));
        assert_eq!(weight.used(), 7);
        weight.forget(at(190));
        assert_eq!(weight.used(), 0);
    }

    #[test]
    fn pauses_grow_by_half_to_a_minute_and_end_with_an_answer() {
        let mut weight = Weight::default();
        let mut now = at(100);
        let mut pauses = Vec::new();
        for _ in 0..7 {
            weight.on_refused(now);
            weight.on_refused(now.plus(Dur(SECOND)));
            weight.on_heard(now.plus(Dur(SECOND)));
            let begun = now;
            while weight.is_paused(now) {
                now = now.plus(Dur(SECOND / 2));
            }
            pauses.push(now.since(begun).as_secs());
        }
        assert_eq!(pauses, [10.0, 15.0, 22.5, 34.0, 51.0, 60.0, 60.0]);
        weight.on_heard(now);
        weight.on_refused(now);
        assert!(!weight.is_paused(now.plus(Dur(10 * SECOND))));
    }

    #[test]
    fn weights_are_the_venues() {
        assert_eq!([1, 39, 40, 200].map(of_action), [1, 1, 2, 6]);
        assert_eq!(of_ask(Ask::Account), 2);
        assert_eq!(of_ask(Ask::RateLimit), 20);
        assert_eq!(of_ask(Ask::Candles), 112, "two queries, 4320 rows");
    }
}
