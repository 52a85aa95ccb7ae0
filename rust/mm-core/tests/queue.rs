//! Places in the queue, from `[models] queue` to which order is moved.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[allow(dead_code, reason = "each test takes what it needs of the exchange")]
mod desk;

use std::collections::BTreeMap;

use mm_core::engine::{PlaceShown, Snapshot};
use mm_core::event::{BookSnapshot, EventBody, Level, Trade};
use mm_core::units::{Dur, Px, SECOND, Side, Sz};
use serde_json::json;

use desk::Desk;

/// Lots of others at a price: eighty takers' worth.
const OTHERS: i64 = 400_000;
/// Lattice units of one price step.
const STEP: i64 = 10;

/// Before its first order. Fills fall off by a fifth with each price step: so many takers stop at the
/// price that they meet; every difference from the wanted price is looked at.
fn desk(queue: bool) -> Desk {
    let mut config = serde_json::to_value(desk::config("{}")).unwrap();
    config["models"]["queue"] = json!(queue);
    config["quoting"]["levels"] = json!(1);
    config["quoting"]["kappa_per_bps"] = json!(2.0);
    config["quoting"]["max_bps_diff"] = json!(0.05);
    // A request costs next to nothing, but something: what loses by its move stays.
    config["requests"]["price_max_usd"] = json!(1e-12);
    config["requests"]["burst_frac"] = json!(0.01);
    let mut desk = Desk::with(serde_json::from_value(config).unwrap(), 0);
    (desk.budget.used, desk.budget.cap) = (7_500, 10_000);
    desk.market = false;
    desk.open();
    desk
}

/// A second of the market: whole books in which others wait at every price near our quotes or at none, and takers
/// by turns.
fn second(desk: &mut Desk, is_crowded: bool) {
    desk.pass(Dur(SECOND));
    let side = |side: Side| {
        let mut sizes: BTreeMap<i64, i64> = BTreeMap::new();
        let touch = desk.mid - side.sign() * desk.half;
        sizes.insert(touch, desk.depth);
        sizes.insert(touch - side.sign() * 40_000, 1);
        for step in 12..30 {
            let px = touch - side.sign() * STEP * step;
            *sizes.entry(px).or_default() += if is_crowded { OTHERS } else { 0 };
        }
        for order in desk.resting.values().filter(|order| order.side == side) {
            *sizes.entry(order.px.0).or_default() += order.sz.0;
        }
        let levels = sizes.into_iter().filter(|(_, sz)| *sz > 0);
        let mut levels: Vec<Level> = levels
            .map(|(px, sz)| Level {
                px: Px(px),
                sz: Sz(sz),
            })
            .collect();
        levels.sort_by_key(|level| -side.sign() * level.px.0);
        levels
    };
    let snapshot = BookSnapshot {
        exch: desk.now,
        bids: side(Side::Bid),
        asks: side(Side::Ask),
    };
    desk.tell(EventBody::Book(snapshot));
    desk.now = desk.now.plus(Dur(SECOND / 2));
    let takers = Side::BOTH.map(|side| Trade {
        exch: desk.now,
        tid: desk.now.0.unsigned_abs() + side.index() as u64,
        side,
        px: Px(desk.mid + side.sign() * desk.half),
        sz: Sz(5_000),
    });
    desk.tell(EventBody::Trades(takers.into()));
}

fn bid(shown: &Snapshot) -> (Px, Option<PlaceShown>) {
    let bid = shown.orders.iter().find(|order| order.side == Side::Bid);
    bid.map(|order| (order.px, order.place)).unwrap()
}

/// Our bid joins behind the others (or before any come), rests for a minute, and the price moves away by two
/// steps: what is said of it before, its price before and after.
fn moved(queue: bool, is_last: bool) -> (Option<PlaceShown>, [Px; 2]) {
    let mut desk = desk(queue);
    for _ in 0..140 {
        second(&mut desk, is_last);
    }
    for _ in 0..60 {
        second(&mut desk, true);
    }
    let before = bid(&desk.snapshot());
    desk.mid += 2 * STEP;
    second(&mut desk, true);
    (before.1, [before.0, bid(&desk.snapshot()).0])
}

/// To move is to go to the end of a queue. Who stands at the end of another loses nothing by it, who stands first
/// does; by the age alone, which is the same, neither would move.
#[test]
fn the_first_in_a_queue_stays_where_the_last_moves() {
    let (unknown, by_age) = moved(false, true);
    assert_eq!((unknown, by_age[0] == by_age[1]), (None, true));
    let (first, stays) = moved(true, false);
    let (last, moves) = moved(true, true);
    let (first, last) = (first.unwrap(), last.unwrap());
    assert_eq!(first.place.bounds, Some([Sz::ZERO; 2]));
    assert_eq!(last.place.bounds, Some([Sz(OTHERS); 2]));
    assert!((first.worth.unwrap() - 1.0).abs() < 1e-9);
    assert!(
        (last.worth.unwrap() - libm::exp(-0.2)).abs() < 0.01,
        "{last:?}"
    );
    assert_eq!(stays[0], stays[1]);
    assert_eq!(Px(moves[0].0 + 2 * STEP), moves[1]);
}

/// The time at the end of a queue counts by those takers alone who go through it.
#[test]
fn the_time_that_we_rest_counts_by_who_would_meet_us() {
    let rested = |queue, is_crowded| {
        let mut desk = desk(queue);
        for _ in 0..300 {
            second(&mut desk, is_crowded);
        }
        desk.snapshot().models.own[0].exposure_s
    };
    let (all, first, last) = (rested(false, true), rested(true, false), rested(true, true));
    assert!((first / all - 1.0).abs() < 0.01, "{first} of {all}");
    assert!(last < 0.9 * all && last > 0.8 * all, "{last} of {all}");
}
