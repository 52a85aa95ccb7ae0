//! Our stops at the exchange, from the moment they leave until they are gone.
//!
//! ```text
//! Placing -> Resting -> Cancelling -> over        an order update or a look ends any of them
//! ```
//! They are told apart by their cloids, whoever's session placed them: one that an earlier session left
//! is as good as ours. A look lags, so it neither ends what just changed nor brings back what just ended.

use serde::{Deserialize, Serialize};

use super::ResidentStop;
use crate::action::Cloid;
use crate::event::{OpenOrder, OrderStatus, OrderUpdate};
use crate::units::{Dur, SECOND, Sz, Time};

/// A look may be as old as this.
const GRACE: Dur = Dur(5 * SECOND);
/// Longest time after which a stop that was sent can still arrive.
const ARRIVAL: Dur = Dur(15 * SECOND);

/// What the session did about a stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopNews {
    /// It leaves.
    Placing(ResidentStop),
    /// The venue took it.
    Placed(Cloid),
    /// The venue refused it, or carried its cancel out, or knows it no more.
    Gone(Cloid),
    /// Its cancel leaves.
    Cancelling(Cloid),
    /// Its cancel was refused: it rests.
    Kept(Cloid),
    /// Whatever left of it last went unanswered.
    Lost(Cloid),
}

/// What is known of a stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StopState {
    /// On its way.
    Placing,
    /// It waits for its price.
    Resting,
    /// Its cancel is on its way.
    Cancelling,
    /// No more.
    Over,
}

/// One stop, as shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Known {
    /// The stop.
    #[serde(flatten)]
    pub stop: ResidentStop,
    /// What is known of it.
    pub state: StopState,
    /// Since when.
    pub since: Time,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub struct Stops {
    all: Vec<Known>,
    placed: u64,
}

impl Stops {
    /// The cloid of the next one. The coins of a process share a session: each counts from a block of its
    /// own, as its orders do.
    #[must_use]
    pub const fn next_cloid(&self, session: u64, cloid_start: u64) -> Cloid {
        Cloid::resident(session, (cloid_start >> 48) << 16 | (self.placed + 1))
    }

    /// Those that are not over, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Known> {
        self.all
            .iter()
            .filter(|known| known.state != StopState::Over)
    }

    /// The session did something about one.
    pub fn on_news(&mut self, news: StopNews, now: Time) {
        use StopState::{Cancelling, Over, Placing, Resting};
        match news {
            StopNews::Placing(stop) => {
                self.placed += 1;
                self.all.push(Known {
                    stop,
                    state: Placing,
                    since: now,
                });
            }
            StopNews::Placed(cloid) => self.become_of(cloid, &[Placing], Resting, now),
            StopNews::Gone(cloid) => {
                self.become_of(cloid, &[Placing, Resting, Cancelling], Over, now);
            }
            StopNews::Cancelling(cloid) => self.become_of(cloid, &[Resting], Cancelling, now),
            StopNews::Kept(cloid) | StopNews::Lost(cloid) => {
                self.become_of(cloid, &[Cancelling], Resting, now);
            }
        }
    }

    /// An order update of one.
    pub fn on_update(&mut self, cloid: Cloid, update: &OrderUpdate, now: Time) {
        use StopState::{Cancelling, Over, Placing, Resting};
        if update.status == OrderStatus::Open {
            self.become_of(cloid, &[Placing], Resting, now);
        } else {
            self.become_of(cloid, &[Placing, Resting, Cancelling], Over, now);
        }
    }

    /// What a query showed of them.
    pub fn look(&mut self, shown: &[OpenOrder], now: Time) {
        for order in shown {
            let Some((cloid, waits)) = order.cloid.zip(order.trigger) else {
                continue;
            };
            let stop = ResidentStop {
                cloid,
                side: order.side,
                trigger_px: waits.px,
                px: order.px,
                sz: order.sz,
            };
            match self.all.iter_mut().find(|known| known.stop.cloid == cloid) {
                Some(known) => {
                    if known.state == StopState::Placing {
                        (known.state, known.since) = (StopState::Resting, now);
                    }
                    // One that belongs to the whole position may be shown without a size.
                    if order.sz > Sz::ZERO {
                        known.stop = stop;
                    }
                }
                None => self.all.push(Known {
                    stop,
                    state: StopState::Resting,
                    since: now,
                }),
            }
        }
        self.all.retain(|known| {
            let is_shown = shown
                .iter()
                .any(|order| order.cloid == Some(known.stop.cloid));
            let may_lag = match known.state {
                StopState::Placing => ARRIVAL,
                _ => GRACE,
            };
            let over = known.state == StopState::Over;
            (is_shown && !over) || now.since(known.since) <= may_lag
        });
    }

    fn become_of(&mut self, cloid: Cloid, from: &[StopState], to: StopState, now: Time) {
        let of_it = |known: &&mut Known| known.stop.cloid == cloid && from.contains(&known.state);
        if let Some(known) = self.all.iter_mut().find(of_it) {
            (known.state, known.since) = (to, now);
        }
        self.all
            .retain(|known| known.state != StopState::Over || now.since(known.since) <= GRACE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Waiting;
    use crate::units::{Px, Side};

    fn stop(number: u64) -> ResidentStop {
        ResidentStop {
            cloid: Cloid::resident(7, number),
            side: Side::Ask,
            trigger_px: Px(950_000),
            px: Px(855_000),
            sz: Sz(100),
        }
    }

    fn shown(number: u64) -> OpenOrder {
        let stop = stop(number);
        OpenOrder {
            oid: number,
            cloid: Some(stop.cloid),
            side: stop.side,
            px: stop.px,
            sz: stop.sz,
            reduce_only: true,
            trigger: Some(Waiting {
                px: stop.trigger_px,
                whole_position: true,
            }),
        }
    }

    fn at(second: i64) -> Time {
        Time(second * SECOND)
    }

    fn states(stops: &Stops) -> Vec<StopState> {
        stops.iter().map(|known| known.state).collect()
    }

    fn placed() -> Stops {
        let mut stops = Stops::default();
        assert_eq!(stops.next_cloid(7, 0), stop(1).cloid);
        stops.on_news(StopNews::Placing(stop(1)), at(0));
        assert_eq!(states(&stops), [StopState::Placing]);
        stops.on_news(StopNews::Placed(stop(1).cloid), at(1));
        assert_eq!(states(&stops), [StopState::Resting]);
        assert_eq!(stops.next_cloid(7, 0), stop(2).cloid);
        stops
    }

    #[test]
    fn one_is_placed_cancelled_and_over() {
        let mut stops = placed();
        stops.on_news(StopNews::Cancelling(stop(1).cloid), at(2));
        assert_eq!(states(&stops), [StopState::Cancelling]);
        stops.on_news(StopNews::Kept(stop(1).cloid), at(3));
        assert_eq!(states(&stops), [StopState::Resting]);
        stops.on_news(StopNews::Gone(stop(1).cloid), at(4));
        assert_eq!(states(&stops), []);
        // A look that lags does not bring it back; one that does not lag does.
        stops.look(&[shown(1)], at(8));
        assert_eq!(states(&stops), []);
        stops.look(&[], at(10));
        stops.look(&[shown(1)], at(11));
        assert_eq!(states(&stops), [StopState::Resting]);
    }

    #[test]
    fn one_of_an_earlier_session_is_taken_over_and_one_that_went_is_forgotten() {
        let mut stops = Stops::default();
        stops.look(&[shown(1)], at(0));
        assert_eq!(states(&stops), [StopState::Resting]);
        stops.look(&[], at(5));
        assert_eq!(states(&stops), [StopState::Resting]);
        stops.look(&[], at(6));
        assert_eq!(states(&stops), []);
    }

    #[test]
    fn one_without_an_answer_rests_when_it_is_shown_and_is_given_up_when_it_is_not() {
        let mut stops = Stops::default();
        stops.on_news(StopNews::Placing(stop(1)), at(0));
        stops.on_news(StopNews::Lost(stop(1).cloid), at(1));
        stops.look(&[], at(15));
        assert_eq!(states(&stops), [StopState::Placing]);
        let mut arrived = stops.clone();
        arrived.look(&[shown(1)], at(15));
        assert_eq!(states(&arrived), [StopState::Resting]);
        stops.look(&[], at(16));
        assert_eq!(states(&stops), []);
    }

    #[test]
    fn an_order_update_tells_what_became_of_it() {
        for status in [
            OrderStatus::Filled,
            OrderStatus::Canceled,
            OrderStatus::Rejected,
        ] {
            let mut stops = placed();
            let mut update = OrderUpdate {
                exch: at(2),
                oid: 9,
                cloid: Some(stop(1).cloid),
                sz: Sz(100),
                status: OrderStatus::Open,
            };
            stops.on_update(stop(1).cloid, &update, at(2));
            assert_eq!(states(&stops), [StopState::Resting]);
            update.status = status;
            stops.on_update(stop(1).cloid, &update, at(3));
            assert_eq!(states(&stops), []);
        }
    }
}
