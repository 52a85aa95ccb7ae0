//! How fast the simulated exchange is, in process: `cargo run --release -p mm-sim --example exchange_throughput`.
//!
//! Order requests (places, cancels, modifies, takers; one item an action, and ten) a second on bare
//! books, crowd orders a second and the warm-up of the demo market.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_possible_wrap,
    reason = "a bench draws small numbers"
)]

use std::time::Instant;

use mm_core::instrument::Instrument;
use mm_core::units::{Px, Sz, Time, Usd};
use mm_hl::address::Address;
use mm_hl::wire::{
    BatchModify, Cancel, CancelOrders, Decimal, ExchangeAction, Grouping, LimitOrder, Modify,
    OrderKind, OrderRef, OrderRequest, PlaceOrders, Tif,
};
use mm_sim::exchange::{
    Output, PlaceStatus, Recording, Request, Response, SimConfig, SimExchange, WARMUP,
};
use mm_sim::flow::FlowMarket;
use mm_sim::market::BookMarket;

const START: Time = Time::from_millis(1_757_000_000_000);
const USERS: u8 = 8;
const REQUESTS: u64 = 400_000;
/// Requests that arrive in one block.
const A_BLOCK: u64 = 64;

fn main() {
    for (recording, items) in [
        (Recording::Off, 1),
        (Recording::On, 1),
        (Recording::Off, 10),
    ] {
        bare_books(recording, items);
    }
    demo_market();
}

fn bare_books(recording: Recording, items: u64) {
    let perp = Instrument::new("ETH", 0, 4, 25).expect("ETH is a legal perp");
    let config = SimConfig {
        recording,
        ..SimConfig::at(START)
    };
    let market = Box::new(BookMarket::new(vec![perp.clone()]));
    let mut exchange = SimExchange::new(config, market).expect("the settings are the venue's");
    for number in 0..USERS {
        exchange
            .deposit(Address([number; 20]), Usd(1_000_000_000_000_000))
            .expect("a deposit of something");
    }
    let mut draw = Draw(1);
    let mut open: Vec<Vec<u64>> = vec![Vec::new(); usize::from(USERS)];
    let mut out = Vec::new();
    let (mut fills, mut sent) = (0_u64, 0_u64);
    let clock = Clock::start();
    while sent < REQUESTS {
        for _ in 0..A_BLOCK {
            sent += items;
            let who = draw.below(u64::from(USERS)) as usize;
            let buys = who % 2 == 0;
            let action = draw.action(&perp, &mut open[who], buys, items);
            let user = Address([who as u8; 20]);
            let nonce = 1_757_000_000_000 + sent;
            exchange.submit(Request {
                id: who as u64,
                user,
                signer: user,
                nonce,
                expires_after: None,
                wall_ms: Some(nonce),
                action,
                arrive: exchange.now(),
                refusal: None,
            });
        }
        exchange.advance(exchange.next_block(), &mut out);
        for output in out.drain(..) {
            match output {
                Output::Reply(reply) => {
                    if let Response::Order(statuses) = reply.response {
                        open[reply.id as usize].extend(statuses.iter().filter_map(|status| {
                            match status {
                                PlaceStatus::Resting { oid, .. } => Some(*oid),
                                _ => None,
                            }
                        }));
                    }
                }
                Output::Fill(_) => fills += 1,
                _ => {}
            }
        }
    }
    let resting: usize = (0..USERS)
        .map(|user| exchange.open_orders(Address([user; 20])).count())
        .sum();
    println!(
        "bare books, {items:>2} an action, recording {recording:?}: {} order requests ({sent} sent, {fills} fills, {resting} left resting)",
        clock.rate(sent)
    );
}

fn demo_market() {
    let clock = Clock::start();
    let config = SimConfig {
        warmup: WARMUP,
        ..SimConfig::at(START)
    };
    let exchange = SimExchange::new(config, Box::new(FlowMarket::demo(7)))
        .expect("the settings are the venue's");
    let orders = exchange.closing_lines().iter().find_map(|line| match line {
        mm_sim::exchange::ReportLine::End(end) => Some(end.crowd.orders),
        _ => None,
    });
    let orders = orders.expect("a report has an end");
    println!(
        "demo market, 3 coins, 60 minutes of history: {} crowd orders",
        clock.rate(orders)
    );
}

/// Wall time, and time on a processor where the system tells it (Linux): on a busy machine only
/// the latter says something about the code.
struct Clock(Instant, Option<u64>);

impl Clock {
    fn start() -> Self {
        Self(Instant::now(), processor_ns())
    }

    /// Count a second and seconds, by either time.
    fn rate(&self, count: u64) -> String {
        let wall = self.0.elapsed().as_secs_f64();
        let show =
            |seconds: f64| format!("{:.2} M/s in {seconds:.3} s", count as f64 / seconds / 1e6);
        let own = self
            .1
            .zip(processor_ns())
            .map(|(from, to)| (to - from) as f64 / 1e9);
        let own = own.map_or_else(String::new, |own| {
            format!(" (processor time: {})", show(own))
        });
        format!("{}{own}", show(wall))
    }
}

fn processor_ns() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok()
}

/// A small generator (splitmix64): the bench needs spread, not quality.
struct Draw(u64);

impl Draw {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }

    fn action(
        &mut self,
        perp: &Instrument,
        open: &mut Vec<u64>,
        buys: bool,
        items: u64,
    ) -> ExchangeAction {
        let kind = self.below(10);
        if kind < 6 && open.len() > 20 {
            let oids: Vec<u64> = (0..items)
                .map(|_| {
                    let place = self.below(open.len() as u64) as usize;
                    open.swap_remove(place)
                })
                .collect();
            if kind < 4 {
                let cancels = oids
                    .iter()
                    .map(|oid| Cancel {
                        asset: 0,
                        oid: *oid,
                    })
                    .collect();
                return ExchangeAction::Cancel(CancelOrders {
                    cancels,
                    fast: None,
                });
            }
            let modifies = oids.iter().map(|oid| Modify {
                oid: OrderRef::Oid(*oid),
                order: self.order(perp, buys, Tif::Alo),
            });
            return ExchangeAction::BatchModify(BatchModify {
                modifies: modifies.collect(),
                always_place: None,
            });
        }
        let tif = if kind == 9 { Tif::Ioc } else { Tif::Alo };
        let orders = (0..items).map(|_| self.order(perp, buys, tif)).collect();
        ExchangeAction::Order(PlaceOrders {
            orders,
            grouping: Grouping::Na,
            builder: None,
        })
    }

    fn order(&mut self, perp: &Instrument, buys: bool, tif: Tif) -> OrderRequest {
        let is_buy = buys ^ (tif == Tif::Ioc);
        let away = self.below(200) as i64 * 10;
        let away = if tif == Tif::Ioc { -200 } else { away };
        let px = Px(if is_buy {
            299_990 - away
        } else {
            300_010 + away
        });
        let sz = Sz(100 + self.below(2_000) as i64);
        OrderRequest {
            asset: 0,
            is_buy,
            px: Decimal::from_px(px, perp).expect("a legal price"),
            sz: Decimal::from_sz(sz, perp).expect("a legal size"),
            reduce_only: false,
            kind: OrderKind::Limit(LimitOrder { tif }),
            cloid: None,
        }
    }
}
