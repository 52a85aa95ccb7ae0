//! What the exchange says to one client, in the core's words.

use mm_core::action::{ActionBody, Cloid};
use mm_core::event::{
    self, Candle, EventBody, FillKind, Fills, Funding, ItemStatus, OpenOrder, OpenOrders,
    OrderFate, Rejection, ReplyOutcome, Transfer, Waiting,
};
use mm_core::units::{Dur, SECOND, Time};
use mm_hl::address::Address;
use mm_hl::decode::classify;

use crate::exchange::{
    Bond, CancelStatus, Fill, MoneyMove, MoneyWhy, OrderUpdate, PlaceStatus, Response, SimExchange,
};

/// Length of a candle that is told.
const MINUTE: Dur = Dur(60 * SECOND);
/// So many of them at most.
const MINUTES: i64 = 24 * 60;
/// Fills that a query returns at most.
const FILLS_ANSWERED: usize = 2_000;

/// Items of an action.
pub(crate) fn items(body: &ActionBody) -> usize {
    match body {
        ActionBody::Place(orders) => orders.len(),
        ActionBody::Modify(amends) => amends.len(),
        ActionBody::Cancel(cancels) => cancels.len(),
    }
}

/// The answer to an action of so many items. One error for several of them refuses them all.
pub(crate) fn outcome(response: Response, items: usize) -> ReplyOutcome {
    match response {
        Response::Default | Response::Created(_) => ReplyOutcome::Statuses(Vec::new()),
        Response::Err(text) => ReplyOutcome::Refused(rejection(text)),
        Response::Order(mut statuses) => match statuses.pop() {
            Some(PlaceStatus::Error(text)) if statuses.is_empty() && items > 1 => {
                ReplyOutcome::Refused(rejection(text))
            }
            last => ReplyOutcome::Statuses(statuses.into_iter().chain(last).map(placed).collect()),
        },
        Response::Cancel(mut statuses) => match statuses.pop() {
            Some(CancelStatus::Error(text)) if statuses.is_empty() && items > 1 => {
                ReplyOutcome::Refused(rejection(text))
            }
            last => {
                ReplyOutcome::Statuses(statuses.into_iter().chain(last).map(cancelled).collect())
            }
        },
    }
}

/// The closed minutes of the last day.
pub(crate) fn minutes(exchange: &SimExchange, asset: u32) -> Vec<Candle> {
    let (now, instrument) = (exchange.now(), &exchange.instruments()[asset as usize]);
    let from = Time(now.0 - MINUTES * MINUTE.0);
    let minutes = exchange.candles(asset, MINUTE, from, now).into_iter();
    minutes
        .filter(|minute| minute.close_time < now)
        .map(|minute| Candle {
            open: minute.open_time,
            close: minute.close_time,
            close_px: instrument.px_f64(minute.close),
        })
        .collect()
}

/// A change of an order.
pub(crate) const fn update(update: &OrderUpdate) -> event::OrderUpdate {
    event::OrderUpdate {
        exch: update.time,
        oid: update.order.oid,
        cloid: update.order.cloid,
        sz: update.order.sz,
        status: update.state.folded(),
    }
}

/// A fill.
pub(crate) fn fill(fill: &Fill) -> event::Fill {
    event::Fill {
        exch: fill.time,
        tid: fill.tid,
        oid: fill.oid,
        cloid: fill.cloid,
        side: fill.side,
        px: fill.px,
        sz: fill.sz,
        start_position: fill.start_position,
        fee: fill.fee,
        taker: fill.taker,
        kind: match fill.liquidation {
            _ if fill.settlement => FillKind::Settlement,
            Some(cause) if cause.user == fill.user => FillKind::Liquidation,
            _ => FillKind::Trade,
        },
    }
}

/// Money that moved in the perp `asset`, or without one.
pub(crate) fn money(moved: &MoneyMove, of: u32) -> Option<EventBody> {
    let (exch, usd) = (moved.time, moved.usd);
    match moved.why {
        MoneyWhy::Funding { asset, .. } => {
            (asset == of).then_some(EventBody::Funding(Funding { exch, usd }))
        }
        _ => Some(EventBody::Transfer(Transfer { exch, usd, id: 0 })),
    }
}

/// The newest fills of an account, as a snapshot.
pub(crate) fn past_fills(exchange: &SimExchange, user: Address, newest: usize) -> Fills {
    let fills: Vec<_> = exchange.fills(user).map(fill).collect();
    let from = fills.len().saturating_sub(newest.min(FILLS_ANSWERED));
    Fills {
        snapshot: true,
        others: Vec::new(),
        fills: fills[from..].to_vec(),
    }
}

/// Everything of an account that rests.
pub(crate) fn open_orders(exchange: &SimExchange, user: Address) -> OpenOrders {
    let orders = exchange.open_orders(user).map(|order| OpenOrder {
        oid: order.oid,
        cloid: order.cloid,
        side: order.side,
        px: order.px,
        sz: order.sz,
        reduce_only: order.reduce_only,
        trigger: order.trigger.map(|trigger| Waiting {
            px: trigger.px,
            whole_position: order.bond == Some(Bond::Position),
        }),
    });
    OpenOrders {
        orders: orders.collect(),
    }
}

/// What became of an order.
pub(crate) fn fate(exchange: &SimExchange, user: Address, cloid: Cloid) -> OrderFate {
    let found = exchange.order_by_cloid(user, cloid);
    OrderFate {
        cloid,
        found: found.map(|record| event::OrderUpdate {
            exch: record.time,
            oid: record.order.oid,
            cloid: Some(cloid),
            sz: record.order.sz,
            status: record.state.folded(),
        }),
    }
}

fn rejection(text: String) -> Rejection {
    Rejection {
        class: classify(&text),
        text,
    }
}

fn placed(status: PlaceStatus) -> ItemStatus {
    match status {
        PlaceStatus::Resting { oid, .. }
        | PlaceStatus::WaitingForFill { oid }
        | PlaceStatus::WaitingForTrigger { oid } => ItemStatus::Resting(oid),
        PlaceStatus::Filled { oid, total_sz, .. } => ItemStatus::Filled { oid, sz: total_sz },
        PlaceStatus::Error(text) => ItemStatus::Error(rejection(text)),
    }
}

fn cancelled(status: CancelStatus) -> ItemStatus {
    match status {
        CancelStatus::Success => ItemStatus::Success,
        CancelStatus::Error(text) => ItemStatus::Error(rejection(text)),
    }
}
