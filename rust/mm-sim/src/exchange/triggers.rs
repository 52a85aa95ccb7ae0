//! Orders that wait for the mark price: stop loss and take profit (HYPERLIQUID.md 6).
//!
//! They wait outside the book and reserve nothing. When the mark reaches the trigger price they are
//! placed under their own oid, before the account could be liquidated at that mark: as a market
//! order at most 10 % worse than the mark, or as a limit order that rests.

use mm_core::instrument::{MIN_NOTIONAL, Round};
use mm_core::units::{Px, Side, Sz};
use mm_hl::wire::{Tif, Tpsl, TriggerOrder};

use super::SimExchange;
use super::checks::{NewOrder, OPEN_ORDERS, Refused};
use super::message::{Order, PlaceStatus};
use super::status::OrderState;
use super::tpsl::Bond;

/// A triggered market order pays at most a tenth more than the mark.
const SLIPPAGE: i64 = 10;

/// What a waiting order waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// Mark price that sets it off.
    pub px: Px,
    /// Whether it becomes a market order.
    pub is_market: bool,
    /// Take profit or stop loss.
    pub tpsl: Tpsl,
}

impl Trigger {
    /// Whether an order on `side` is set off at or above the trigger price, else at or below it.
    #[must_use]
    pub fn is_above(&self, side: Side) -> bool {
        (side == Side::Bid) == (self.tpsl == Tpsl::Sl)
    }

    fn is_met(&self, side: Side, mark: Px) -> bool {
        if self.is_above(side) {
            mark >= self.px
        } else {
            mark <= self.px
        }
    }
}

impl SimExchange {
    /// The trigger of an order as the wire names it; `None` where its price is off the lattice.
    pub(super) fn read_trigger(&self, asset: u32, trigger: TriggerOrder) -> Option<Trigger> {
        let instrument = &self.market.instruments()[asset as usize];
        let px = trigger.trigger_px.px(instrument).filter(|px| *px > Px(0))?;
        Some(Trigger {
            px,
            is_market: trigger.is_market,
            tpsl: trigger.tpsl,
        })
    }

    /// Puts a trigger order aside, or refuses it.
    pub(super) fn wait_for_trigger(
        &mut self,
        who: u32,
        new: &NewOrder,
        trigger: Trigger,
    ) -> Result<PlaceStatus, Refused> {
        let oid = self.next_oid();
        let order = new.order(oid, self.now);
        if let Err(refused) = self.check_trigger(who, new, trigger) {
            self.end_order(who, order, refused.state);
            return Err(refused);
        }
        self.accounts[who as usize].triggers.insert(oid, order);
        self.tell(who, order, OrderState::Open);
        Ok(PlaceStatus::WaitingForTrigger { oid })
    }

    fn check_trigger(&self, who: u32, new: &NewOrder, trigger: Trigger) -> Result<(), Refused> {
        let instrument = &self.market.instruments()[new.asset as usize];
        if !instrument.is_legal_px(new.px) || !instrument.is_legal_px(trigger.px) {
            let text = "Price must be divisible by tick size.";
            return Err(Refused::new(OrderState::TickRejected, text));
        }
        let account = &self.accounts[who as usize];
        let closable = account.coin(new.asset).closable(new.side);
        let closes_all =
            closable > Sz::ZERO && (new.sz == closable || (new.reduce_only && new.sz > closable));
        if !closes_all && new.px * new.sz < MIN_NOTIONAL {
            let text = "Order must have minimum value of $10.";
            return Err(Refused::new(OrderState::MinTradeNtlRejected, text));
        }
        if account.open.len() + account.triggers.len() >= OPEN_ORDERS {
            let text = "Too many open orders.";
            return Err(Refused::new(OrderState::TooManyOpenOrdersRejected, text));
        }
        let mark = self.coins[new.asset as usize].mark;
        if mark.is_none_or(|mark| trigger.is_met(new.side, mark)) {
            let text = "Invalid TP/SL price.";
            return Err(Refused::new(OrderState::BadTriggerPxRejected, text));
        }
        Ok(())
    }

    /// Takes a waiting order away and tells why; `None` when it does not wait.
    pub(super) fn cancel_trigger(
        &mut self,
        who: u32,
        oid: u64,
        state: OrderState,
    ) -> Option<Order> {
        let order = self.accounts[who as usize].triggers.remove(&oid)?;
        self.end_order(who, order, state);
        Some(order)
    }

    /// Places every waiting order whose mark price was reached.
    pub(super) fn run_triggers(&mut self) {
        for who in 0..u32::try_from(self.accounts.len()).expect("Invariant: few accounts") {
            let waiting = self.accounts[who as usize].triggers.values();
            let met: Vec<Order> = waiting
                .copied()
                .filter(|order| self.is_met(order))
                .collect();
            for order in met {
                self.fire(who, &order);
            }
        }
    }

    fn is_met(&self, order: &Order) -> bool {
        let mark = self.coins[order.asset as usize].mark;
        let trigger = order.trigger.zip(mark);
        trigger.is_some_and(|(trigger, mark)| trigger.is_met(order.side, mark))
    }

    fn fire(&mut self, who: u32, order: &Order) {
        self.accounts[who as usize].triggers.remove(&order.oid);
        self.tell(who, *order, OrderState::Triggered);
        let market = order.trigger.is_some_and(|trigger| trigger.is_market);
        let new = NewOrder {
            asset: order.asset,
            side: order.side,
            px: if market {
                self.worst_px(order)
            } else {
                order.px
            },
            sz: if order.bond == Some(Bond::Position) {
                self.accounts[who as usize]
                    .coin(order.asset)
                    .closable(order.side)
                    .max(order.sz)
            } else {
                order.sz
            },
            tif: if market { Tif::Ioc } else { Tif::Gtc },
            reduce_only: order.reduce_only,
            cloid: order.cloid,
            trigger: order.trigger,
            bond: order.bond,
            builder_rate: order.builder_rate,
        };
        // Nobody waits for an answer: a refusal is told as the order's end.
        if let Ok(PlaceStatus::Filled { .. }) = self.place_as(who, &new, order.oid) {
            self.cancel_siblings(who, order);
        }
    }

    fn worst_px(&self, order: &Order) -> Px {
        let mark = self.coins[order.asset as usize].mark.unwrap_or(order.px);
        let worse = Px(mark.0 + order.side.sign() * (mark.0 / SLIPPAGE));
        let round = match order.side {
            Side::Bid => Round::Up,
            Side::Ask => Round::Down,
        };
        self.market.instruments()[order.asset as usize].snap_px(worse, round)
    }
}
