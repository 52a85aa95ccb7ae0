//! Where our orders stand in their queues, and what that makes of their worth. Only with `[models] queue`.

use serde::Serialize;

use super::Engine;
use crate::action::{Cloid, Tif};
use crate::book::Book;
use crate::diff::Own;
use crate::estimators::Evidence;
use crate::estimators::queue::{Place, Places, Rests, Scope, Stops, Takers};
use crate::event::{EventBody, OrderStatus, Trade};
use crate::filter::Quote;
use crate::requests::worth::Worth;
use crate::units::{Dur, Px, Side};

/// What the market tells of the queues.
#[derive(Clone, Debug)]
pub(super) struct Queues {
    places: Places,
    stops: Stops,
}

impl Queues {
    /// `shows_own`: whether the books that are heard show our own orders.
    pub(super) fn new(shows_own: bool) -> Self {
        Self {
            places: Places::new(shows_own),
            stops: Stops::default(),
        }
    }

    pub(super) fn on_book(&mut self, book: &Book, scope: Scope) {
        self.places.on_book(book, scope);
    }

    pub(super) fn on_trade(&mut self, trade: &Trade) {
        self.places.on_trade(trade);
        self.stops.on_trade(trade);
    }

    pub(super) fn on_gap(&mut self) {
        self.places.on_gap();
    }
}

/// What the queue model measures, beside each order's place.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct QueueShown {
    /// Rate at which each lot that waits is cancelled, 1/s; `None`: too little was watched.
    pub cancels_per_s: Option<f64>,
    /// Mean lots that a taker takes of our `[bids, asks]` at the price where it stops; `None`: too few came.
    pub stop_lots: [Option<f64>; 2],
}

/// Where an order stands, as shown.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PlaceShown {
    /// Sizes ahead and at its price.
    #[serde(flatten)]
    pub place: Place,
    /// Its chance of a fill against that of an order with nobody ahead, 0..=1; `None`: takers are not known.
    pub worth: Option<f64>,
}

impl Engine {
    /// What an event says of our own orders; of the market the market has told.
    pub(super) fn follow_places(&mut self, body: &EventBody) {
        let Some(queues) = &mut self.market.queues else {
            return;
        };
        match body {
            EventBody::OrderUpdates(updates) => {
                for update in updates.iter().filter(|u| u.status == OrderStatus::Open) {
                    queues.places.rested(update.oid, update.exch);
                }
            }
            EventBody::Fills(fills) if !fills.snapshot => {
                for fill in fills.fills.iter().filter(|fill| !fill.taker) {
                    if let Some(cloid) = fill.cloid {
                        queues.places.on_fill(cloid, fill.oid);
                    }
                }
            }
            EventBody::Reply(_) | EventBody::OrderStatus(_) | EventBody::OpenOrders(_) => {}
            _ => return,
        }
        let displayed = self.orders.iter().filter(|(_, o)| o.is_displayed());
        let makers = displayed.filter(|(_, o)| o.order.tif == Tif::Alo);
        let rests = makers.map(|(cloid, order)| Rests {
            cloid: *cloid,
            oid: order.oid,
            side: order.order.side,
            px: order.order.px,
            sz: order.remaining(),
        });
        queues.places.rest(self.now, rests);
    }

    /// The takers that come to a price of ours, as far as they are known.
    fn takers(&self, side: Side, px: Px, fair_px: f64) -> Option<Takers> {
        let queues = self.market.queues.as_ref()?;
        let learned = self.market.models.learned();
        #[expect(clippy::cast_precision_loss, reason = "sign is -1 or 1")]
        let depth_bps = (1.0 - px.as_f64() / fair_px) * side.sign() as f64 * 1e4;
        let step_bps = self.instrument.px_step(px).as_f64() / fair_px * 1e4;
        Some(Takers {
            rate_per_s: learned.fill_rate_per_s(depth_bps.max(0.0)),
            through: libm::exp(-learned.kappa_per_bps * step_bps),
            stop_lots: queues.stops.mean_lots(side.opposite(), self.exch_now())?,
            cancels_per_s: queues.places.cancels_per_s()?,
        })
    }

    fn stands(&self, cloid: Cloid) -> Option<Place> {
        self.market.queues.as_ref()?.places.place(cloid)
    }

    /// What a fill of a resting order is worth against that of one with nobody ahead, as a chance.
    fn worth_of_place(&self, cloid: Cloid, side: Side, px: Px, worth: &Worth) -> Option<f64> {
        let takers = self.takers(side, px, worth.fair_px)?;
        let place = self.stands(cloid)?;
        Some(place.mean(|ahead| takers.worth(ahead, worth.horizon_s)))
    }

    /// The same of a new order at a price: behind all who are displayed there.
    fn worth_of_new(&self, side: Side, px: Px, worth: &Worth) -> Option<f64> {
        let takers = self.takers(side, px, worth.fair_px)?;
        let back = self.market.queues.as_ref()?.places.back(side, px)?;
        Some(takers.worth(back.as_f64(), worth.horizon_s))
    }

    /// What a new order is expected to earn, in its place.
    pub(super) fn value_of_new(&self, quote: &Quote, worth: &Worth) -> f64 {
        let value = worth.value_usd(quote.side, quote.px, quote.sz);
        let place = self.worth_of_new(quote.side, quote.px, worth);
        place.map_or(value, |place| value * place)
    }

    /// What an amend is expected to earn beyond the order that it replaces, each in its place; where a place is
    /// not known, the older order is worth more by its age.
    pub(super) fn gain_of_amend(&self, rests: &Own, quote: &Quote, worth: &Worth) -> f64 {
        let side = quote.side;
        let value = worth.value_usd(side, quote.px, quote.sz);
        let new = self.worth_of_new(side, quote.px, worth);
        let old = self.worth_of_place(rests.cloid, side, rests.px, worth);
        if let (Some(new), Some(old)) = (new, old) {
            return value * new - worth.value_usd(side, rests.px, rests.sz) * old;
        }
        let order = self.orders.get(rests.cloid);
        let age = order.map_or(Dur::ZERO, |order| self.now.since(order.since));
        value - worth.resting_usd(side, rests.px, rests.sz, age.as_secs())
    }

    /// The share of takers that reach an order's price who meet it: what counts of the time that it rests.
    pub(super) fn share_met(&self, cloid: Cloid, side: Side, px: Px, mid: f64) -> f64 {
        let takers = self.takers(side, px, mid);
        let met = takers.zip(self.stands(cloid));
        met.map_or(1.0, |(takers, place)| {
            place.mean(|ahead| takers.share(ahead))
        })
    }

    pub(super) fn shown_queue(&self) -> Option<QueueShown> {
        let queues = self.market.queues.as_ref()?;
        Some(QueueShown {
            cancels_per_s: queues.places.cancels_per_s(),
            stop_lots: Side::BOTH
                .map(|side| queues.stops.mean_lots(side.opposite(), self.exch_now())),
        })
    }

    /// What that rests on: the cancels, and the takers of our `[bids, asks]`.
    pub(super) fn queues_rest_on(&self) -> Option<(Evidence, [Evidence; 2])> {
        let (queues, now) = (self.market.queues.as_ref()?, self.exch_now());
        let stops = Side::BOTH.map(|side| queues.stops.evidence(side.opposite(), now));
        Some((queues.places.evidence(now), stops))
    }

    pub(super) fn shown_place(&self, cloid: Cloid, side: Side, px: Px) -> Option<PlaceShown> {
        let place = self.stands(cloid)?;
        let worth = self.worth();
        Some(PlaceShown {
            place,
            worth: worth.and_then(|worth| self.worth_of_place(cloid, side, px, &worth)),
        })
    }
}
