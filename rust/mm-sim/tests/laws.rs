//! Laws of the exchange, for all inputs: money, queues, reduce-only, repetition.

#![expect(clippy::unwrap_used, reason = "a test")]

#[path = "../../mm-core/tests/cases/mod.rs"]
mod cases;
mod desk;

use std::collections::BTreeMap;

use desk::{Desk, START_MS, perp, raw_order, user};
use mm_core::action::Cloid;
use mm_core::units::{Px, Side, Sz, Time, Usd};
use mm_hl::wire::{
    BatchModify, Cancel, CancelOrders, ExchangeAction, Grouping, Modify, OrderRef, PlaceOrders,
    Tif, UpdateLeverage,
};
use mm_sim::exchange::{FeeRate, FeeRates, Output, SimConfig};
use mm_sim::flow::FlowMarket;
use mm_sim::market::BookMarket;
use proptest::prelude::*;

/// A step of a random client.
#[derive(Clone, Debug)]
enum Step {
    Place {
        who: u8,
        side: Side,
        px: i64,
        sz: i64,
        tif: Tif,
        reduce_only: bool,
    },
    Cancel {
        who: u8,
        nth: usize,
    },
    Modify {
        who: u8,
        nth: usize,
        px: i64,
        sz: i64,
    },
    Leverage {
        who: u8,
        leverage: u32,
    },
    Block,
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Bid), Just(Side::Ask)]
}

fn step() -> impl Strategy<Value = Step> {
    let who = 1_u8..=4;
    // Prices of 2980.0 to 3020.0 in steps of 0.1, so that most orders meet.
    let px = (29_800_i64..=30_200).prop_map(|tenths| tenths * 10);
    let tif = prop_oneof![2 => Just(Tif::Alo), 1 => Just(Tif::Ioc), 2 => Just(Tif::Gtc)];
    let place = (
        who.clone(),
        side(),
        px.clone(),
        1_i64..30_000,
        tif,
        prop::bool::weighted(0.3),
    );
    prop_oneof![
        8 => place.prop_map(|(who, side, px, sz, tif, reduce_only)| Step::Place { who, side, px, sz, tif, reduce_only }),
        2 => (who.clone(), 0_usize..8).prop_map(|(who, nth)| Step::Cancel { who, nth }),
        2 => (who.clone(), 0_usize..8, px, 40_i64..30_000)
            .prop_map(|(who, nth, px, sz)| Step::Modify { who, nth, px, sz }),
        1 => (who, 1_u32..=25).prop_map(|(who, leverage)| Step::Leverage { who, leverage }),
        3 => Just(Step::Block),
    ]
}

/// Queues a step's action; a step that names an order that is not there sends nothing.
fn send(desk: &mut Desk, step: &Step) {
    let nth_open =
        |desk: &Desk, who: u8, nth: usize| desk.exchange.open_orders(user(who)).nth(nth).copied();
    match *step {
        Step::Place {
            who,
            side,
            px,
            sz,
            tif,
            reduce_only,
        } => {
            let orders = vec![raw_order(&perp(), side, Px(px), Sz(sz), tif, reduce_only)];
            desk.send(
                who,
                ExchangeAction::Order(PlaceOrders {
                    orders,
                    grouping: Grouping::Na,
                    builder: None,
                }),
            );
        }
        Step::Cancel { who, nth } => {
            if let Some(order) = nth_open(desk, who, nth) {
                let cancels = vec![Cancel {
                    asset: 0,
                    oid: order.oid,
                }];
                desk.send(
                    who,
                    ExchangeAction::Cancel(CancelOrders {
                        cancels,
                        fast: None,
                    }),
                );
            }
        }
        Step::Modify { who, nth, px, sz } => {
            if let Some(old) = nth_open(desk, who, nth) {
                let order = raw_order(&perp(), old.side, Px(px), Sz(sz), Tif::Alo, old.reduce_only);
                let modifies = vec![Modify {
                    oid: OrderRef::Oid(old.oid),
                    order,
                }];
                desk.send(
                    who,
                    ExchangeAction::BatchModify(BatchModify {
                        modifies,
                        always_place: None,
                    }),
                );
            }
        }
        Step::Leverage { who, leverage } => {
            let action = UpdateLeverage {
                asset: 0,
                is_cross: true,
                leverage,
            };
            desk.send(who, ExchangeAction::UpdateLeverage(action));
        }
        Step::Block => {
            desk.block();
        }
    }
}

/// What must hold between blocks.
fn check_laws(desk: &Desk) -> Result<(), TestCaseError> {
    let exchange = &desk.exchange;
    prop_assert_eq!(
        exchange.total_value(),
        exchange.total_deposits(),
        "money was made or lost"
    );
    let held: Sz = (1..=4)
        .map(|who| exchange.position(user(who), 0).unwrap())
        .sum();
    prop_assert_eq!(held, Sz::ZERO, "every lot has two sides");
    let touch = exchange.touch(0);
    if let (Some(bid), Some(ask)) = (touch.bid, touch.ask) {
        prop_assert!(bid.px < ask.px, "the book crossed: {bid:?} {ask:?}");
    }
    let mut resting = [BTreeMap::new(), BTreeMap::new()];
    for who in 1..=4 {
        let position = exchange.position(user(who), 0).unwrap();
        let mut reducing = [Sz::ZERO; 2];
        for order in exchange.open_orders(user(who)) {
            prop_assert!(order.sz > Sz::ZERO);
            *resting[order.side.index()]
                .entry(order.px)
                .or_insert(Sz::ZERO) += order.sz;
            if order.reduce_only {
                reducing[order.side.index()] += order.sz;
            }
        }
        for side in Side::BOTH {
            let closable = Sz((-side.sign() * position.0).max(0));
            prop_assert!(
                reducing[side.index()] <= closable,
                "reduce-only beyond the position"
            );
        }
    }
    let depth = exchange.depth(0, usize::MAX);
    for (levels, resting) in [depth.bids, depth.asks].iter().zip(&resting) {
        let shown: BTreeMap<_, _> = levels.iter().map(|level| (level.px, level.sz)).collect();
        prop_assert_eq!(&shown, resting, "book and accounts agree");
    }
    for output in &desk.out {
        if let Output::Fill(fill) = output {
            let after = fill.start_position + fill.side.signed(fill.sz);
            let record = exchange.order(fill.user, fill.oid);
            if record.is_some_and(|record| record.order.reduce_only) {
                prop_assert!(
                    after.abs() < fill.start_position.abs(),
                    "a reduce-only order increased"
                );
                prop_assert!(
                    after.0.signum() * fill.start_position.0.signum() >= 0,
                    "or flipped"
                );
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases::cases(200))]

    #[test]
    fn prop_money_is_conserved_books_never_cross_reduce_only_reduces(
        steps in prop::collection::vec(step(), 1..120), usdc in prop_oneof![Just(2_000_i64), Just(1_000_000)],
        rebate in any::<bool>(),
    ) {
        let maker = if rebate { FeeRate(-3_000) } else { FeeRate(15_000) };
        let fees = FeeRates { maker, taker: FeeRate(45_000) };
        let config = SimConfig { fees, ..SimConfig::at(Time::from_millis(START_MS)) };
        let mut desk = Desk::over(config, Box::new(BookMarket::new(vec![perp()])), usdc);
        for step in &steps {
            send(&mut desk, step);
            if matches!(step, Step::Block) {
                check_laws(&desk)?;
                desk.out.clear();
            }
        }
        desk.block();
        check_laws(&desk)?;
    }

    #[test]
    fn prop_the_account_value_is_deposits_plus_profit_less_fees(
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let mut desk = Desk::bare(100_000);
        for step in &steps {
            send(&mut desk, step);
        }
        desk.block();
        for who in 1..=4 {
            let view = desk.exchange.account(user(who)).unwrap();
            let fills = desk.fills(who);
            let realised: Usd = fills.iter().map(|fill| fill.closed_pnl - fill.fee).sum();
            let unrealised: Usd = view.positions.iter().map(|position| position.unrealized).sum();
            prop_assert_eq!(view.value, Usd(100_000_000_000) + realised + unrealised);
            let traded: Sz = fills.iter().map(|fill| fill.side.signed(fill.sz)).sum();
            prop_assert_eq!(traded.0, desk.position(who));
        }
    }

    #[test]
    fn prop_matching_agrees_with_a_naive_book(
        orders in prop::collection::vec(
            (1_u8..=4, side(), 29_950_i64..=30_050, 40_i64..9_000, 0_u8..4), 1..80),
    ) {
        let mut desk = Desk::bare(100_000_000);
        let mut naive: Vec<Naive> = Vec::new();
        let mut wanted: Vec<(u64, Px, Sz)> = Vec::new();
        for (who, side, tenths, sz, kind) in orders {
            let (px, tif) = (Px(tenths * 10), [Tif::Alo, Tif::Ioc, Tif::Gtc, Tif::Gtc][usize::from(kind)]);
            let order = raw_order(&perp(), side, px, Sz(sz), tif, false);
            let action = PlaceOrders { orders: vec![order], grouping: Grouping::Na, builder: None };
            desk.ask(who, ExchangeAction::Order(action));
            let oid = last_oid(&desk, who);
            match_naively(&mut naive, &mut wanted, &Naive { who, oid, side, px, sz: Sz(sz) }, tif);
        }
        let got: Vec<_> = desk.out.iter().filter_map(|output| match output {
            Output::Fill(fill) if !fill.taker => Some((fill.oid, fill.px, fill.sz)),
            _ => None,
        }).collect();
        prop_assert_eq!(got, wanted);
        let mut left: Vec<_> = (1..=4).flat_map(|who| desk.open(who)).collect();
        left.sort_unstable();
        let mut naive: Vec<_> = naive.iter().map(|order| (order.oid, order.px, order.sz)).collect();
        naive.sort_unstable();
        prop_assert_eq!(left, naive);
    }
}

/// A resting order of the slow book.
#[derive(Clone, Debug)]
struct Naive {
    who: u8,
    oid: u64,
    side: Side,
    px: Px,
    sz: Sz,
}

/// The newest order id of a user, resting or ended.
fn last_oid(desk: &Desk, who: u8) -> u64 {
    let open = desk.exchange.open_orders(user(who)).map(|order| order.oid);
    let ended = desk
        .exchange
        .ended_orders(user(who))
        .map(|record| record.order.oid);
    open.chain(ended).max().unwrap()
}

/// Price, then age, by looking at every order each time.
fn match_naively(book: &mut Vec<Naive>, fills: &mut Vec<(u64, Px, Sz)>, new: &Naive, tif: Tif) {
    let mut new = new.clone();
    let best = |book: &[Naive]| {
        let crossing = book
            .iter()
            .enumerate()
            .filter(|(_, order)| order.side != new.side && new.side.at_or_better(new.px, order.px));
        crossing
            .min_by_key(|(_, order)| (new.side.sign() * order.px.0, order.oid))
            .map(|(place, _)| place)
    };
    if tif == Tif::Alo && best(book).is_some() {
        return;
    }
    while new.sz > Sz::ZERO {
        let Some(place) = best(book) else { break };
        if book[place].who == new.who {
            book.remove(place);
            continue;
        }
        let sz = new.sz.min(book[place].sz);
        fills.push((book[place].oid, book[place].px, sz));
        new.sz -= sz;
        book[place].sz -= sz;
        if book[place].sz == Sz::ZERO {
            book.remove(place);
        }
    }
    if new.sz > Sz::ZERO && tif != Tif::Ioc {
        book.push(new);
    }
}

#[test]
fn the_same_seed_and_requests_give_the_same_bytes() {
    let run = || {
        let config = SimConfig::at(Time::from_millis(START_MS));
        let mut desk = Desk::over(config, Box::new(FlowMarket::demo(11)), 100_000);
        for block in 0_u64..600 {
            let mid = desk.exchange.touch(1).mid();
            if let Some(mid) = mid.filter(|_| block % 5 == 0) {
                let perp = desk.exchange.instruments()[1].clone();
                let orders = Side::BOTH.map(|side| {
                    let px = perp.snap_px(
                        Px(mid.0 - side.sign() * mid.0 / 10_000),
                        mm_core::instrument::Round::Down,
                    );
                    let mut order = raw_order(&perp, side, px, Sz(5_000), Tif::Gtc, false);
                    order.cloid = Some(Cloid::new(1, 2 * block + side.index() as u64));
                    order
                });
                let action = PlaceOrders {
                    orders: orders.to_vec(),
                    grouping: Grouping::Na,
                    builder: None,
                };
                desk.send(1, ExchangeAction::Order(action));
            }
            desk.block();
        }
        let mut report = Vec::new();
        desk.exchange.write_report(&mut report).unwrap();
        (format!("{:?}", desk.out), report)
    };
    let (first, second) = (run(), run());
    assert!(first.0.contains("taker: false"));
    assert!(first == second, "two runs differ");
}
