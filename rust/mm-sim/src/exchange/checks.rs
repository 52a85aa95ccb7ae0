//! Checks of an order before the book is looked at, and the venue's words for refusing it.

use mm_core::action::Cloid;
use mm_core::instrument::{Instrument, MIN_NOTIONAL};
use mm_core::units::{Px, Side, Sz, Time, Usd};
use mm_hl::wire::{Grouping, OrderKind, OrderRequest, PlaceOrders, Tif};

use super::SimExchange;
use super::message::Order;
use super::status::OrderState;
use super::tpsl::{Bond, check_group};
use super::triggers::Trigger;

/// Open orders anybody may have; the venue grants one more per $5M of volume, up to a bound.
pub(super) const OPEN_ORDERS: usize = 1_000;
const OPEN_ORDERS_MAX: usize = 5_000;
const VOLUME_AN_ORDER: i64 = 5_000_000_000_000;

/// An order on the lattice.
#[derive(Clone, Copy, Debug)]
pub(super) struct NewOrder {
    pub(super) asset: u32,
    pub(super) side: Side,
    pub(super) px: Px,
    pub(super) sz: Sz,
    pub(super) tif: Tif,
    pub(super) reduce_only: bool,
    pub(super) cloid: Option<Cloid>,
    /// What it waits for before it is placed.
    pub(super) trigger: Option<Trigger>,
    /// What it belongs to.
    pub(super) bond: Option<Bond>,
    /// Rate of the builder's fee, tenths of a basis point.
    pub(super) builder_rate: u64,
}

impl NewOrder {
    /// The order it becomes.
    pub(super) const fn order(&self, oid: u64, placed: Time) -> Order {
        let Self {
            asset,
            side,
            px,
            sz,
            tif,
            reduce_only,
            cloid,
            trigger,
            bond,
            builder_rate,
        } = *self;
        Order {
            oid,
            cloid,
            asset,
            side,
            px,
            sz,
            orig_sz: sz,
            tif,
            reduce_only,
            placed,
            trigger,
            bond,
            builder_rate,
        }
    }
}

/// Why one order was refused at run time.
#[derive(Clone, Debug)]
pub(super) struct Refused {
    pub(super) state: OrderState,
    /// In the venue's words, without the asset.
    pub(super) text: String,
}

impl Refused {
    pub(super) fn new(state: OrderState, text: &str) -> Self {
        Self {
            state,
            text: text.to_owned(),
        }
    }

    /// The text of a per-order error.
    pub(super) fn with_asset(&self, asset: u32) -> String {
        format!("{} asset={asset}", self.text)
    }
}

impl SimExchange {
    /// Static checks over a whole batch: the first failure refuses all of it.
    pub(super) fn read_batch(
        &self,
        who: u32,
        action: &PlaceOrders,
    ) -> Result<Vec<NewOrder>, String> {
        if action.orders.is_empty() {
            return Err("Orders are empty.".to_owned());
        }
        if let Grouping::Priority { .. } = action.grouping {
            return Err("Insufficient delegatable balance for priority order".to_owned());
        }
        let builder_rate = self.builder_rate(who, action.builder)?;
        let read = action.orders.iter().map(|order| {
            let order = self.read_order(order)?;
            Ok(NewOrder {
                builder_rate,
                ..order
            })
        });
        let orders: Vec<NewOrder> = read.collect::<Result<_, String>>()?;
        check_group(action.grouping, &orders)?;
        Ok(orders)
    }

    /// Static checks of one order.
    pub(super) fn read_order(&self, order: &OrderRequest) -> Result<NewOrder, String> {
        let asset = self.place_of(order.asset)?;
        let instrument = &self.market.instruments()[asset as usize];
        let positive_sz = order.sz.sz(instrument).filter(|sz| *sz > Sz::ZERO);
        let sz = positive_sz.ok_or("Order has invalid size.")?;
        let positive_px = order.px.px(instrument).filter(|px| *px > Px::ZERO);
        let px = positive_px.ok_or("Order has invalid price.")?;
        if px
            .0
            .checked_mul(sz.0)
            .is_none_or(|notional| notional > i64::MAX / 64)
        {
            return Err("Order has invalid size.".to_owned());
        }
        if let Some(mark) = self.coins[asset as usize].mark {
            // 95 % away on the scale of ratios, as measured for the 80 % band: mark / 20 < px <= 20 x mark.
            if px.0.saturating_mul(20) <= mark.0 || px.0 > mark.0.saturating_mul(20) {
                let text = "Order price cannot be more than 95% away from the reference price";
                return Err(text.to_owned());
            }
        }
        let (tif, trigger) = match order.kind {
            OrderKind::Limit(limit) => (limit.tif, None),
            OrderKind::Trigger(trigger) => {
                let trigger = self.read_trigger(asset, trigger);
                (Tif::Gtc, Some(trigger.ok_or("Order has invalid price.")?))
            }
        };
        Ok(NewOrder {
            asset,
            side: order.side(),
            px,
            sz,
            tif,
            reduce_only: order.reduce_only,
            cloid: order.cloid,
            trigger,
            bond: None,
            builder_rate: 0,
        })
    }

    /// Run-time checks of one order, in the venue's order, up to margin.
    pub(super) fn check(&self, who: u32, order: &NewOrder) -> Result<(), Refused> {
        let instrument = &self.market.instruments()[order.asset as usize];
        if !instrument.is_legal_px(order.px) {
            return Err(Refused::new(
                OrderState::TickRejected,
                "Price must be divisible by tick size.",
            ));
        }
        let account = &self.accounts[who as usize];
        let closable = account.coin(order.asset).closable(order.side);
        if order.reduce_only && closable == Sz::ZERO {
            let text = "Reduce only order would increase position.";
            return Err(Refused::new(OrderState::ReduceOnlyRejected, text));
        }
        let closes_all = closable > Sz::ZERO
            && (order.sz == closable || (order.reduce_only && order.sz > closable));
        if !closes_all && self.value_px(order) * order.sz < MIN_NOTIONAL {
            let text = "Order must have minimum value of $10.";
            return Err(Refused::new(OrderState::MinTradeNtlRejected, text));
        }
        let open = account.open.len() + account.triggers.len();
        let full = open >= open_orders_cap(account.usage.volume);
        if takes_only(order.tif) {
            // An immediate order never rests.
        } else if full || (order.reduce_only && open >= OPEN_ORDERS) {
            return Err(Refused::new(
                OrderState::TooManyOpenOrdersRejected,
                "Too many open orders.",
            ));
        }
        if order.tif == Tif::Alo && self.crosses(order).is_some() {
            return Err(self.post_only_refusal(order.asset, instrument));
        }
        let px = if takes_only(order.tif) {
            super::margin::margin_px(order.side, order.px, self.coins[order.asset as usize].mark)
        } else {
            order.px
        };
        let increasing = !order.reduce_only;
        self.check_oi_cap(who, order)?;
        if increasing && !self.tier_allows(who, order.asset, order.side, px, order.sz) {
            let text = "Order would cause position to exceed margin tier limit at current leverage";
            return Err(Refused::new(OrderState::PerpMaxPositionRejected, text));
        }
        if increasing && !self.bears_order(who, order.asset, order.side, px, order.sz) {
            let text = "Insufficient margin to place order.";
            return Err(Refused::new(OrderState::PerpMarginRejected, text));
        }
        Ok(())
    }

    /// The price at which an order's value is judged: an immediate order's first match, else its limit.
    fn value_px(&self, order: &NewOrder) -> Px {
        let first = if takes_only(order.tif) {
            self.crosses(order)
        } else {
            None
        };
        first.unwrap_or(order.px)
    }

    /// The price an order would first match at; `None` when it would not match.
    pub(super) fn crosses(&self, order: &NewOrder) -> Option<Px> {
        let best = self.market.best(order.asset, order.side.opposite())?;
        order
            .side
            .at_or_better(order.px, best.px)
            .then_some(best.px)
    }

    fn post_only_refusal(&self, asset: u32, instrument: &Instrument) -> Refused {
        let show = |side| {
            let best = self.market.best(asset, side);
            best.map_or_else(|| "None".to_owned(), |best| instrument.format_px(best.px))
        };
        let (bid, ask) = (show(Side::Bid), show(Side::Ask));
        let text = format!("Post only order would have immediately matched, bbo was {bid}@{ask}.");
        Refused {
            state: OrderState::BadAloPxRejected,
            text,
        }
    }
}

/// Whether an order of this kind never rests.
pub(super) const fn takes_only(tif: Tif) -> bool {
    matches!(tif, Tif::Ioc | Tif::FrontendMarket)
}

fn open_orders_cap(volume: Usd) -> usize {
    let extra =
        usize::try_from(volume.0 / VOLUME_AN_ORDER).expect("Invariant: volume is not negative");
    (OPEN_ORDERS + extra).min(OPEN_ORDERS_MAX)
}
