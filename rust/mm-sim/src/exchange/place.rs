//! Placing and replacing orders.

use mm_core::units::{Px, Sz, Usd};
use mm_hl::wire::{OrderRef, Tif};

use super::SimExchange;
use super::checks::{NewOrder, Refused, takes_only};
use super::config::GtcPartial;
use super::matching::Taker;
use super::message::{Order, PlaceStatus};
use super::status::OrderState;
use crate::market::{Owner, Resting};

impl SimExchange {
    /// Places an order that passed the static checks.
    pub(super) fn place(&mut self, who: u32, new: &NewOrder) -> PlaceStatus {
        let placed = match new.trigger {
            Some(trigger) => self.wait_for_trigger(who, new, trigger),
            None => self.try_place(who, new),
        };
        match placed {
            Ok(status) => status,
            Err(refused) => PlaceStatus::Error(refused.with_asset(self.listing.number(new.asset))),
        }
    }

    fn try_place(&mut self, who: u32, new: &NewOrder) -> Result<PlaceStatus, Refused> {
        let oid = self.next_oid();
        self.place_as(who, new, oid)
    }

    /// Places an order under an oid it has.
    pub(super) fn place_as(
        &mut self,
        who: u32,
        new: &NewOrder,
        oid: u64,
    ) -> Result<PlaceStatus, Refused> {
        let mut order = new.order(oid, self.now);
        let passes = self.check_upsets(new).and_then(|()| self.check(who, new));
        if let Err(refused) = passes {
            self.end_order(who, order, refused.state);
            return Err(refused);
        }
        if order.reduce_only {
            order.sz = order.sz.min(
                self.accounts[who as usize]
                    .coin(order.asset)
                    .closable(order.side),
            );
        }
        let wanted = order.sz;
        let mut taker = Taker::new(Owner::Client(who), &order);
        if order.tif != Tif::Alo {
            self.sweep(&mut taker);
        }
        order.sz = taker.left;
        let total_sz = wanted - taker.left;
        if order.sz > Sz::ZERO && !takes_only(order.tif) {
            self.start_to_rest(who, order);
            let says_filled = self.config.gtc_partial == GtcPartial::Filled && total_sz > Sz::ZERO;
            return Ok(if says_filled {
                filled(&order, total_sz, taker.notional)
            } else {
                PlaceStatus::Resting {
                    oid,
                    cloid: order.cloid,
                }
            });
        }
        if total_sz > Sz::ZERO {
            let whole = order.sz == Sz::ZERO;
            let state = if whole {
                OrderState::Filled
            } else {
                OrderState::Canceled
            };
            self.end_order(who, order, state);
            return Ok(filled(&order, total_sz, taker.notional));
        }
        let empty = self
            .market
            .best(order.asset, order.side.opposite())
            .is_none();
        let refused = if empty && order.tif == Tif::FrontendMarket {
            let text = "No liquidity available for market order.";
            Refused::new(OrderState::MarketOrderNoLiquidityRejected, text)
        } else {
            let text = "Order could not immediately match against any resting orders.";
            Refused::new(OrderState::IocCancelRejected, text)
        };
        self.end_order(who, order, refused.state);
        Err(refused)
    }

    fn start_to_rest(&mut self, who: u32, order: Order) {
        if order.reduce_only {
            self.make_room(who, &order);
        }
        let Order {
            oid, side, px, sz, ..
        } = order;
        self.market.rest(
            order.asset,
            &Resting {
                oid,
                owner: Owner::Client(who),
                side,
                px,
                sz,
            },
        );
        self.accounts[who as usize].rest(order);
        self.tell(who, order, OrderState::Open);
    }

    /// Cancels the oldest reduce-only orders that do not fit beside a new one.
    fn make_room(&mut self, who: u32, new: &Order) {
        loop {
            let held = self.accounts[who as usize].coin(new.asset);
            let resting = &held.sides[new.side.index()];
            let fits = resting.reduce_only + new.sz <= held.closable(new.side);
            let Some(&oldest) = resting.reduce_only_oids.first().filter(|_| !fits) else {
                return;
            };
            self.cancel_order(who, oldest, OrderState::ReduceOnlyCanceled);
        }
    }

    /// Replaces a resting order: cancel, then place under the same cloid with a new oid. When the
    /// new order is refused the old one is gone all the same.
    pub(super) fn replace(
        &mut self,
        who: u32,
        old: OrderRef,
        new: &NewOrder,
        always_place: bool,
    ) -> PlaceStatus {
        let account = &self.accounts[who as usize];
        let found = match old {
            OrderRef::Oid(oid) => account.open.get(&oid),
            OrderRef::Cloid(cloid) => account.cloids.get(&cloid).map(|oid| &account.open[oid]),
        };
        let same = found.filter(|order| order.asset == new.asset && order.side == new.side);
        let Some(&order) = same else {
            return PlaceStatus::Error("Cannot modify canceled or filled order".to_owned());
        };
        if new.trigger.is_some() {
            let text = "Trigger orders are not modified by this exchange: cancel and place anew.";
            return PlaceStatus::Error(text.to_owned());
        }
        if !always_place && takes_only(new.tif) {
            let text =
                "Modify must place a post-only or non-crossing order unless always_place is set";
            return PlaceStatus::Error(text.to_owned());
        }
        self.cancel_order(who, order.oid, OrderState::Canceled);
        // Without always_place a GTC order is treated like a post-only one (HYPERLIQUID.md 3.1).
        let tif = if always_place { new.tif } else { Tif::Alo };
        let new = NewOrder {
            cloid: new.cloid.or(order.cloid),
            tif,
            ..*new
        };
        match self.try_place(who, &new) {
            Ok(status) => status,
            Err(refused) => {
                let text = refused.text.trim_end_matches('.');
                PlaceStatus::Error(format!("Error placing new order during modify: {text}"))
            }
        }
    }
}

fn filled(order: &Order, total_sz: Sz, notional: Usd) -> PlaceStatus {
    let avg_px = Px(notional.0 / total_sz.0);
    PlaceStatus::Filled {
        oid: order.oid,
        cloid: order.cloid,
        total_sz,
        avg_px,
    }
}
