//! A client's desk for tests: builds requests, runs blocks, keeps what came back.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses its own part"
)]

use mm_core::action::Cloid;
use mm_core::instrument::Instrument;
use mm_core::units::{Px, Side, Sz, Time, Usd};
use mm_hl::address::Address;
use mm_hl::wire::{
    BatchModify, Cancel, CancelByCloid, CancelOrders, CancelOrdersByCloid, Decimal, ExchangeAction,
    Grouping, LimitOrder, Modify, OrderKind, OrderRef, OrderRequest, PlaceOrders, Tif,
};
use mm_sim::exchange::{
    CancelStatus, Fill, OrderState, Output, PlaceStatus, Request, Response, SimConfig, SimExchange,
};
use mm_sim::market::{BookMarket, Market};

pub const START_MS: i64 = 1_757_000_000_000;

/// An exchange and a counter of requests.
pub struct Desk {
    pub exchange: SimExchange,
    pub out: Vec<Output>,
    next: u64,
}

pub fn user(number: u8) -> Address {
    Address([number; 20])
}

pub fn perp() -> Instrument {
    Instrument::new("ETH", 0, 4, 25).unwrap()
}

/// An order in ETH of the bare books.
#[derive(Clone, Copy)]
pub struct O {
    pub side: Side,
    pub px: &'static str,
    pub sz: &'static str,
    pub tif: Tif,
    pub reduce_only: bool,
    pub cloid: Option<Cloid>,
}

pub const fn o(side: Side, px: &'static str, sz: &'static str, tif: Tif) -> O {
    O {
        side,
        px,
        sz,
        tif,
        reduce_only: false,
        cloid: None,
    }
}

impl O {
    pub const fn reduce_only(self) -> Self {
        Self {
            reduce_only: true,
            ..self
        }
    }

    pub const fn cloid(self, counter: u64) -> Self {
        Self {
            cloid: Some(Cloid::new(1, counter)),
            ..self
        }
    }

    pub fn wire(&self) -> OrderRequest {
        OrderRequest {
            asset: 0,
            is_buy: self.side == Side::Bid,
            px: self.px.parse().unwrap(),
            sz: self.sz.parse().unwrap(),
            reduce_only: self.reduce_only,
            kind: OrderKind::Limit(LimitOrder { tif: self.tif }),
            cloid: self.cloid,
        }
    }
}

impl Desk {
    /// Bare books for ETH and users 1..=4 with this much USDC each.
    pub fn bare(usdc: i64) -> Self {
        Self::over(
            SimConfig::at(Time::from_millis(START_MS)),
            Box::new(BookMarket::new(vec![perp()])),
            usdc,
        )
    }

    pub fn over(config: SimConfig, market: Box<dyn Market>, usdc: i64) -> Self {
        let mut exchange = SimExchange::new(config, market).unwrap();
        for number in 1..=4 {
            exchange
                .deposit(user(number), Usd(usdc * 1_000_000))
                .unwrap();
        }
        Self {
            exchange,
            out: Vec::new(),
            next: 0,
        }
    }

    pub fn request(&mut self, who: u8, action: ExchangeAction) -> Request {
        self.next += 1;
        Request {
            id: self.next,
            user: user(who),
            signer: user(who),
            nonce: u64::try_from(START_MS).unwrap() + self.next,
            expires_after: None,
            wall_ms: None,
            action,
            arrive: Time(self.exchange.now().0 + i64::try_from(self.next).unwrap()),
            refusal: None,
        }
    }

    /// Queues an action for the next block.
    pub fn send(&mut self, who: u8, action: ExchangeAction) -> u64 {
        let request = self.request(who, action);
        let id = request.id;
        self.exchange.submit(request);
        id
    }

    /// Runs one block and returns what it put out.
    pub fn block(&mut self) -> Vec<Output> {
        let to = self.exchange.next_block();
        let mut out = Vec::new();
        self.exchange.advance(to, &mut out);
        self.out.extend(out.iter().cloned());
        out
    }

    /// Sends an action, runs its block, returns the answer.
    pub fn ask(&mut self, who: u8, action: ExchangeAction) -> Response {
        let id = self.send(who, action);
        let out = self.block();
        response(&out, id)
    }

    pub fn place(&mut self, who: u8, orders: &[O]) -> Vec<PlaceStatus> {
        match self.ask(who, order(orders)) {
            Response::Order(statuses) => statuses,
            other => panic!("{other:?}"),
        }
    }

    /// Places an order that must rest and returns its oid.
    pub fn rest(&mut self, who: u8, order: O) -> u64 {
        match self.place(who, &[order]).as_slice() {
            [PlaceStatus::Resting { oid, .. }] => *oid,
            other => panic!("{other:?}"),
        }
    }

    /// Places an order that must be refused and returns the text.
    pub fn refusal(&mut self, who: u8, order: O) -> String {
        match self.place(who, &[order]).as_slice() {
            [PlaceStatus::Error(text)] => text.clone(),
            other => panic!("{other:?}"),
        }
    }

    pub fn cancel(&mut self, who: u8, oid: u64) -> CancelStatus {
        match self.ask(who, cancel(oid)) {
            Response::Cancel(mut statuses) => statuses.remove(0),
            other => panic!("{other:?}"),
        }
    }

    pub fn position(&self, who: u8) -> i64 {
        self.exchange.position(user(who), 0).unwrap().0
    }

    pub fn open(&self, who: u8) -> Vec<(u64, Px, Sz)> {
        self.exchange
            .open_orders(user(who))
            .map(|order| (order.oid, order.px, order.sz))
            .collect()
    }

    pub fn state(&self, who: u8, oid: u64) -> OrderState {
        self.exchange.order(user(who), oid).unwrap().state
    }

    pub fn fills(&self, who: u8) -> Vec<Fill> {
        self.exchange.fills(user(who)).copied().collect()
    }
}

pub fn response(out: &[Output], id: u64) -> Response {
    let mut replies = out.iter().rev().filter_map(|output| match output {
        Output::Reply(reply) if reply.id == id => Some(reply.response.clone()),
        _ => None,
    });
    replies.next().expect("the action was answered")
}

pub fn order(orders: &[O]) -> ExchangeAction {
    let orders = orders.iter().map(O::wire).collect();
    ExchangeAction::Order(PlaceOrders {
        orders,
        grouping: Grouping::Na,
        builder: None,
    })
}

pub fn cancel(oid: u64) -> ExchangeAction {
    ExchangeAction::Cancel(CancelOrders {
        cancels: vec![Cancel { asset: 0, oid }],
        fast: None,
    })
}

pub fn cancel_by_cloid(cloid: Cloid) -> ExchangeAction {
    ExchangeAction::CancelByCloid(CancelOrdersByCloid {
        cancels: vec![CancelByCloid { asset: 0, cloid }],
        fast: None,
    })
}

pub fn modify(oid: u64, order: O) -> ExchangeAction {
    let modifies = vec![Modify {
        oid: OrderRef::Oid(oid),
        order: order.wire(),
    }];
    ExchangeAction::BatchModify(BatchModify {
        modifies,
        always_place: None,
    })
}

/// An order in lattice units.
pub fn raw_order(
    instrument: &Instrument,
    side: Side,
    px: Px,
    sz: Sz,
    tif: Tif,
    reduce_only: bool,
) -> OrderRequest {
    OrderRequest {
        asset: instrument.asset(),
        is_buy: side == Side::Bid,
        px: Decimal::from_px(px, instrument).unwrap(),
        sz: Decimal::from_sz(sz, instrument).unwrap(),
        reduce_only,
        kind: OrderKind::Limit(LimitOrder { tif }),
        cloid: None,
    }
}
