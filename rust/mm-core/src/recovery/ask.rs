//! What the engine wants to know from the exchange, beside what the streams tell.
//!
//! An ask is not an action: it changes nothing there, may be lost, and is no part of the event log's
//! truth. Its answer is an ordinary event.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::action::Cloid;
use crate::units::{Dur, SECOND, Time};

/// One question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// Equity, margin, position.
    Account,
    /// Our orders that rest for the coin.
    OpenOrders,
    /// Leverage and the exchange's allowance for the coin.
    HeadRoom,
    /// The address budget.
    RateLimit,
    /// Our recent fills, as a snapshot.
    Fills,
    /// Money that moved without a trade of late: funding, deposits, withdrawals.
    Money,
    /// The market's past: minutes of a day, and longer candles of 30 days.
    Candles,
    /// Which coins are at their open-interest cap.
    OpenInterestCap,
    /// What became of one order.
    OrderStatus(Cloid),
}

/// Least time between two askings of one kind.
const ASK_EVERY: Dur = Dur(SECOND);
/// An asking without an answer for this long is asked again.
const ANSWER_WITHIN: Dur = Dur(10 * SECOND);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Asked {
    wanted: bool,
    at: Option<Time>,
    answered: bool,
}

/// Which questions are open, so that none is asked in a storm and none is forgotten.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Questions {
    of: BTreeMap<Ask, Asked>,
}

impl Questions {
    /// Wants an answer that is newer than this moment.
    pub fn want(&mut self, ask: Ask) {
        self.of.entry(ask).or_default().wanted = true;
    }

    /// Wants one when it was last asked `every` ago or more; whether it newly does.
    pub fn want_every(&mut self, ask: Ask, every: Dur, now: Time) -> bool {
        let asked = self.of.entry(ask).or_default();
        let due = !asked.wanted && asked.at.is_none_or(|at| now.since(at) >= every);
        asked.wanted |= due;
        due
    }

    /// An answer came, asked for or not.
    pub fn on_answer(&mut self, ask: Ask) {
        if let Some(asked) = self.of.get_mut(&ask) {
            asked.answered = true;
        }
        if matches!(ask, Ask::OrderStatus(_)) {
            self.of.remove(&ask);
        }
    }

    /// Forgets questions about orders that are over.
    pub fn keep_orders(&mut self, is_open: impl Fn(Cloid) -> bool) {
        self.of
            .retain(|ask, _| !matches!(ask, Ask::OrderStatus(cloid) if !is_open(*cloid)));
    }

    /// Takes what is to be asked now, in a fixed order.
    pub fn take(&mut self, now: Time, asks: &mut Vec<Ask>) {
        for (ask, asked) in &mut self.of {
            let free = asked.at.is_none_or(|at| {
                let waited = now.since(at);
                waited >= ANSWER_WITHIN || (asked.answered && waited >= ASK_EVERY)
            });
            if asked.wanted && free {
                *asked = Asked {
                    wanted: false,
                    at: Some(now),
                    answered: false,
                };
                asks.push(*ask);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(questions: &mut Questions, second: i64) -> Vec<Ask> {
        let mut asks = Vec::new();
        questions.take(Time(second * SECOND), &mut asks);
        asks
    }

    #[test]
    fn one_question_at_a_time_and_again_when_nobody_answers() {
        let mut questions = Questions::default();
        questions.want(Ask::Account);
        assert_eq!(take(&mut questions, 100), [Ask::Account]);
        questions.want(Ask::Account);
        assert_eq!(take(&mut questions, 101), []);
        questions.on_answer(Ask::Account);
        assert_eq!(take(&mut questions, 101), [Ask::Account]);
        questions.want(Ask::Account);
        assert_eq!(take(&mut questions, 110), []);
        assert_eq!(take(&mut questions, 111), [Ask::Account]);
    }

    #[test]
    fn beats_are_kept_and_orders_that_are_over_forgotten() {
        let mut questions = Questions::default();
        let cloid = Cloid::new(7, 1);
        let mut asked = Vec::new();
        for second in 100..130 {
            questions.want_every(Ask::Fills, Dur(10 * SECOND), Time(second * SECOND));
            asked.extend(take(&mut questions, second).iter().map(|_| second));
            questions.on_answer(Ask::Fills);
        }
        assert_eq!(asked, [100, 110, 120]);
        questions.want(Ask::OrderStatus(cloid));
        questions.keep_orders(|_| false);
        assert_eq!(take(&mut questions, 140), []);
    }
}
