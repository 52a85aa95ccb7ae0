//! Orders and fills in the venue's JSON.

use mm_core::action::Cloid;
use mm_core::instrument::Instrument;
use mm_core::units::{Sz, Usd};
use mm_hl::address::Address;
use mm_hl::wire::{Tif, Tpsl};
use serde::Serialize;

use super::book::{TxHash, side_letter};
use super::number::Num;
use crate::exchange::{
    Bond, Fill, Liquidation, LiquidationMethod, Order, OrderRecord, OrderState, OrderUpdate,
    Trigger,
};

/// Most fills or orders a query returns.
pub(crate) const ROWS_MAX: usize = 2_000;

/// Fills, oldest first; with `merge`, those of one order at one price in one transaction made one.
pub(crate) fn merged<'a>(fills: impl Iterator<Item = &'a Fill>, merge: bool) -> Vec<Fill> {
    let mut rows: Vec<Fill> = Vec::new();
    for fill in fills {
        match rows.last_mut() {
            Some(row) if merge && (row.oid, row.tx, row.px) == (fill.oid, fill.tx, fill.px) => {
                row.sz += fill.sz;
                row.fee += fill.fee;
                row.builder_fee += fill.builder_fee;
                row.closed_pnl += fill.closed_pnl;
            }
            _ => rows.push(*fill),
        }
    }
    rows
}

/// An order as `openOrders` and `orderUpdates` show it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OrderJson<'a> {
    coin: &'a str,
    side: &'static str,
    limit_px: Num,
    sz: Num,
    oid: u64,
    timestamp: i64,
    orig_sz: Num,
    #[serde(skip_serializing_if = "Option::is_none")]
    cloid: Option<Cloid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reduce_only: Option<bool>,
}

impl<'a> OrderJson<'a> {
    /// The JSON of `order` with `sz` left.
    pub(crate) fn new(instrument: &'a Instrument, order: &Order, sz: Sz) -> Self {
        Self {
            coin: instrument.coin(),
            side: side_letter(order.side),
            limit_px: Num::px(instrument, order.px),
            sz: Num::sz(instrument, sz),
            oid: order.oid,
            timestamp: order.placed.as_millis(),
            orig_sz: Num::sz(instrument, order.orig_sz),
            cloid: order.cloid,
            reduce_only: order.reduce_only.then_some(true),
        }
    }
}

/// An order as `frontendOpenOrders` shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FrontendOrderJson<'a> {
    coin: &'a str,
    side: &'static str,
    limit_px: Num,
    sz: Num,
    oid: u64,
    timestamp: i64,
    trigger_condition: String,
    is_trigger: bool,
    trigger_px: Num,
    children: Vec<FrontendOrderJson<'a>>,
    is_position_tpsl: bool,
    reduce_only: bool,
    order_type: &'static str,
    orig_sz: Num,
    tif: Option<Tif>,
    cloid: Option<Cloid>,
}

impl<'a> FrontendOrderJson<'a> {
    /// The JSON of `order` with `sz` left.
    pub(crate) fn new(instrument: &'a Instrument, order: &Order, sz: Sz) -> Self {
        Self {
            coin: instrument.coin(),
            side: side_letter(order.side),
            limit_px: Num::px(instrument, order.px),
            sz: Num::sz(instrument, sz),
            oid: order.oid,
            timestamp: order.placed.as_millis(),
            trigger_condition: condition(instrument, order),
            is_trigger: order.trigger.is_some(),
            trigger_px: order
                .trigger
                .map_or(Num::new(0, 0), |trigger| Num::px(instrument, trigger.px)),
            children: Vec::new(),
            is_position_tpsl: order.bond == Some(Bond::Position),
            reduce_only: order.reduce_only,
            order_type: order_type(order),
            orig_sz: Num::sz(instrument, order.orig_sz),
            tif: order.trigger.is_none().then_some(order.tif),
            cloid: order.cloid,
        }
    }
}

impl<'a> FrontendOrderJson<'a> {
    /// With the take profit and stop loss that wait for it.
    pub(crate) fn with_children(mut self, instrument: &'a Instrument, children: &[Order]) -> Self {
        let rows = children.iter();
        self.children = rows
            .map(|child| Self::new(instrument, child, child.sz))
            .collect();
        self
    }
}

/// What the venue says a trigger order waits for.
fn condition(instrument: &Instrument, order: &Order) -> String {
    let Some(trigger) = order.trigger else {
        return "N/A".to_owned();
    };
    let way = if trigger.is_above(order.side) {
        "above"
    } else {
        "below"
    };
    format!("Price {way} {}", instrument.format_px(trigger.px))
}

fn order_type(order: &Order) -> &'static str {
    match order.trigger {
        Some(Trigger {
            tpsl, is_market, ..
        }) => match (tpsl, is_market) {
            (Tpsl::Sl, true) => "Stop Market",
            (Tpsl::Sl, false) => "Stop Limit",
            (Tpsl::Tp, true) => "Take Profit Market",
            (Tpsl::Tp, false) => "Take Profit Limit",
        },
        None if order.tif == Tif::FrontendMarket => "Market",
        None => "Limit",
    }
}

/// An order with what it is now.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OrderStateJson<O> {
    order: O,
    status: &'static str,
    status_timestamp: i64,
}

impl<'a> OrderStateJson<OrderJson<'a>> {
    /// A change as `orderUpdates` shows it.
    pub(crate) fn update(instrument: &'a Instrument, update: &OrderUpdate) -> Self {
        Self {
            order: OrderJson::new(instrument, &update.order, left(&update.order, update.state)),
            status: update.state.word(),
            status_timestamp: update.time.as_millis(),
        }
    }
}

impl<'a> OrderStateJson<FrontendOrderJson<'a>> {
    /// A record as `orderStatus` and `historicalOrders` show it.
    pub(crate) fn record(instruments: &'a [Instrument], record: &OrderRecord) -> Self {
        let OrderRecord { order, state, time } = record;
        let instrument = &instruments[order.asset as usize];
        Self {
            order: FrontendOrderJson::new(instrument, order, left(order, *state)),
            status: state.word(),
            status_timestamp: time.as_millis(),
        }
    }
}

/// Size left: nothing of a filled order.
const fn left(order: &Order, state: OrderState) -> Sz {
    if matches!(state, OrderState::Filled) {
        Sz::ZERO
    } else {
        order.sz
    }
}

/// A fill.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FillJson<'a> {
    coin: &'a str,
    px: Num,
    sz: Num,
    side: &'static str,
    time: i64,
    start_position: Num,
    dir: &'static str,
    closed_pnl: Num,
    hash: TxHash,
    oid: u64,
    crossed: bool,
    fee: Num,
    tid: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cloid: Option<Cloid>,
    fee_token: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    builder_fee: Option<Num>,
    #[serde(skip_serializing_if = "Option::is_none")]
    liquidation: Option<LiquidationJson>,
    twap_id: Option<u64>,
}

impl<'a> FillJson<'a> {
    /// The JSON of `fill`.
    pub(crate) fn new(instruments: &'a [Instrument], fill: &Fill) -> Self {
        let instrument = &instruments[fill.asset as usize];
        Self {
            coin: instrument.coin(),
            px: Num::px(instrument, fill.px),
            sz: Num::sz(instrument, fill.sz),
            side: side_letter(fill.side),
            time: fill.time.as_millis(),
            start_position: Num::sz(instrument, fill.start_position),
            dir: fill.dir(),
            closed_pnl: Num::usd(fill.closed_pnl),
            hash: TxHash(fill.tx),
            oid: fill.oid,
            crossed: fill.taker,
            fee: Num::usd(fill.fee),
            tid: fill.tid,
            cloid: fill.cloid,
            fee_token: "USDC",
            builder_fee: (fill.builder_fee > Usd::ZERO).then(|| Num::usd(fill.builder_fee)),
            liquidation: fill
                .liquidation
                .map(|cause| LiquidationJson::new(instrument, &cause)),
            twap_id: None,
        }
    }
}

/// Whose liquidation a fill was.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct LiquidationJson {
    liquidated_user: Address,
    mark_px: Num,
    method: &'static str,
}

impl LiquidationJson {
    fn new(instrument: &Instrument, cause: &Liquidation) -> Self {
        Self {
            liquidated_user: cause.user,
            mark_px: Num::px(instrument, cause.mark),
            method: match cause.method {
                LiquidationMethod::Market => "market",
                LiquidationMethod::Backstop => "backstop",
            },
        }
    }
}

/// Data of a `userFills` frame.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UserFillsJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) is_snapshot: Option<bool>,
    pub(crate) user: Address,
    pub(crate) fills: Vec<FillJson<'a>>,
}
