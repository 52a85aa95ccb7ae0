//! The stop that rests at the exchange: what it should be now, what is known of it, what it costs.
//!
//! The engine places none. The session carries it, and tells what it did and what became of that.

use std::borrow::Cow;

use serde::Serialize;

use super::Engine;
use crate::control::Alarm;
use crate::event::{OpenOrder, OrderUpdate};
use crate::recovery::ask::Ask;
use crate::requests::spending::Spending;
use crate::resident::death::{Death, Left};
use crate::resident::table::{Known, StopNews, StopState, Stops};
use crate::resident::{Held, NoStop, Wanted, resident_stop};
use crate::units::{Dur, SECOND, Side, Sz, Time, Usd};

/// A position may be without a stop for so long, while one is on its way.
const MISSING: Dur = Dur(10 * SECOND);

/// What is known of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Resident {
    stops: Stops,
    /// Since when one is wanted and none rests.
    missing_since: Option<Time>,
    told: bool,
}

/// The stop, as shown. Prices on the lattice, sizes in lots, money in micro-USDC.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ResidentShown {
    /// As it should be; `None`: there is to be none.
    pub wanted: Option<Wanted>,
    /// Why there is to be none.
    pub none: Option<NoStop>,
    /// What rests, or is on its way, oldest first.
    pub stops: Vec<Known>,
    /// Of them the newest that will do.
    pub suits: Option<crate::action::Cloid>,
    /// Whether one rests that is against the position held.
    pub protects: bool,
    /// Whether the venue takes a request for it now.
    pub may_place: bool,
    /// What a death of the host would leave without an end now; `None`: position or price is not known.
    pub left: Option<Left>,
}

const fn sent(is_cancel: bool) -> Spending {
    Spending::Sent {
        items: 1,
        is_cancel,
    }
}

impl Engine {
    pub(super) fn on_stop_news(&mut self, news: StopNews) {
        self.resident.stops.on_news(news, self.now);
        match news {
            StopNews::Placing(_) => self.spend(sent(false)),
            StopNews::Cancelling(_) => self.spend(sent(true)),
            StopNews::Placed(_) | StopNews::Gone(_) | StopNews::Kept(_) => {
                self.spend(Spending::Settled { items: 1 });
            }
            StopNews::Lost(_) => {
                self.spend(Spending::Settled { items: 1 });
                self.recover.questions.want(Ask::OpenOrders);
            }
        }
        if matches!(news, StopNews::Placing(_) | StopNews::Cancelling(_)) {
            self.counts.requests += 1;
        }
    }

    /// Whether an order update is of one of our stops; then it is taken.
    pub(super) fn is_of_a_stop(&mut self, update: &OrderUpdate) -> bool {
        let Some(cloid) = update.cloid.filter(|cloid| cloid.is_resident()) else {
            return false;
        };
        self.resident.stops.on_update(cloid, update, self.now);
        true
    }

    /// What a look shows besides our stops, which are taken: they expose us to nothing.
    pub(super) fn without_stops<'a>(&mut self, open: &'a [OpenOrder]) -> Cow<'a, [OpenOrder]> {
        let is_stop =
            |order: &OpenOrder| order.cloid.is_some_and(crate::action::Cloid::is_resident);
        let (stops, others): (Vec<OpenOrder>, Vec<OpenOrder>) =
            open.iter().copied().partition(is_stop);
        let none = stops.is_empty();
        self.resident.stops.look(&stops, self.now);
        if none {
            Cow::Borrowed(open)
        } else {
            Cow::Owned(others)
        }
    }

    /// Tells once when a position has gone without its stop for a while.
    pub(super) fn watch_resident(&mut self) {
        let missing = !self.is_protected() && self.wanted_stop().is_ok();
        if !missing {
            (self.resident.missing_since, self.resident.told) = (None, false);
            return;
        }
        let since = *self.resident.missing_since.get_or_insert(self.now);
        if self.now.since(since) > MISSING && !core::mem::replace(&mut self.resident.told, true) {
            let position = self.own.position();
            self.alarms.push(Alarm::StopMissing { position });
        }
    }

    /// The stop as it should be now.
    fn wanted_stop(&self) -> Result<Wanted, NoStop> {
        let settings = &self.config.protection;
        if !settings.resident_stop {
            return Err(NoStop::Off);
        }
        // Before the anchor, and while a report says otherwise, nobody knows that nothing is held.
        let ledger = self.own.ledger.as_ref().ok_or(NoStop::PositionUnknown)?;
        let position = ledger.position();
        if position == Sz::ZERO {
            let flat = self.is_flat();
            return Err(if flat {
                NoStop::Flat
            } else {
                NoStop::PositionUnknown
            });
        }
        let mark = self.market.book.touch().map(|touch| touch.mid());
        let mark = mark.ok_or(NoStop::PriceUnknown)?;
        let left = self.left_at(mark).ok_or(NoStop::BudgetUnknown)?;
        let fees = self.own.fees.ok_or(NoStop::BudgetUnknown)?;
        let side = if position > Sz::ZERO {
            Side::Bid
        } else {
            Side::Ask
        };
        // The limit, whatever rests of it just now: with every quote that comes and goes the stop would move.
        let limit = self.limits().map_or(Sz::ZERO, |limits| limits.of(side));
        let rests = self.exposure().worst(position, side);
        let held = Held {
            position,
            worst: limit.max(rests),
            mark,
            left,
            cost_frac: fees.taker.max(0.0) + self.config.recovery.ioc_slippage_max_bps / 1e4,
        };
        let config = &self.config;
        let cloid = self
            .resident
            .stops
            .next_cloid(config.session, config.cloid_start);
        let tolerance = settings.resident_stop_tolerance_frac;
        resident_stop(&held, tolerance, cloid, &self.instrument)
    }

    /// The loss budget left at a price, lattice units: our share of the last report's, and what the position
    /// that it showed has gained or lost since then. A fill since lies at the market, so it changes nothing
    /// here. The shares of all coins are at most the whole, so what their stops may lose together is as well.
    fn left_at(&self, px: f64) -> Option<Usd> {
        let limits = &self.config.limits;
        let budget = self.own.budget?;
        let (report, _) = self.own.account?;
        let left = budget.left(limits.daily_loss_frac(), limits.drawdown_frac());
        let share = limits.equity_share_frac().unwrap_or(1.0);
        let held = report.position.as_f64();
        let marked = report.position_value.as_f64() * held.signum();
        let gained = if report.position == Sz::ZERO {
            0.0
        } else {
            px * held - marked
        };
        // Nobody shares what this coin lost since: the others have yet to hear of it.
        let left = left.as_f64() * share + gained;
        (left.is_finite()).then(|| Usd::floor(left / 1e6))
    }

    /// Whether a stop rests against the position held.
    fn is_protected(&self) -> bool {
        let reduces = |known: &&Known| known.stop.side.signed(self.own.position()) < Sz::ZERO;
        let resting = self.resident.stops.iter().filter(reduces);
        resting
            .into_iter()
            .any(|known| known.state == StopState::Resting)
    }

    /// The stop that is to rest at the exchange, and what does.
    #[must_use]
    pub fn resident(&self) -> ResidentShown {
        let wanted = self.wanted_stop();
        let stops: Vec<Known> = self.resident.stops.iter().copied().collect();
        let tolerance = self.config.protection.resident_stop_tolerance_frac;
        let suits = wanted.ok().and_then(|wanted| {
            let will_do = |known: &&Known| {
                known.state == StopState::Resting && wanted.suits(&known.stop, tolerance)
            };
            stops.iter().rfind(will_do).map(|known| known.stop.cloid)
        });
        ResidentShown {
            wanted: wanted.ok(),
            none: wanted.err(),
            stops,
            suits,
            protects: self.is_protected(),
            may_place: self.requests.admits_reducing(self.now),
            left: self.left(),
        }
    }

    /// What a death of the host would leave of this coin without an end; `None`: position or price is not
    /// known.
    #[must_use]
    pub fn left(&self) -> Option<Left> {
        let death = Death {
            position: self.own.ledger.as_ref()?.position(),
            rests: self.orders.outlive(),
            stopped: self.is_protected(),
            mark: self.market.book.touch()?.mid(),
        };
        Some(death.leaves())
    }
}
