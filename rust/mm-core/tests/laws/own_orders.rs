//! Our own orders in the book move no fair price: law 7 of MODELS.md d.2, through the engine.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

use mm_core::book::Touch;
use mm_core::estimators::microprice::MicroPrice;
use mm_core::event::{BookSnapshot, EventBody, Level};
use mm_core::units::{Dur, Px, SECOND, Side, Sz, Time};
use proptest::prelude::*;

use crate::desk::Desk;
use crate::{cases, config};

/// A tick of the desk's prices, lattice units, and how many of those are a USDC.
const TICK: i64 = 10;
const TICK_PX: f64 = 10.0;
const PER_USD: f64 = 10.0;
const SECONDS: usize = 300;
/// Of others at a price: more than all of ours, so that no level of theirs can be taken for one of ours.
const LOTS: Range<i64> = 10_000..100_000;

/// Where others' best stands on a side.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// A tick from the middle of our own quotes.
    Inside,
    /// At the price of our own best order.
    Joined,
    /// A tick behind it: ours is alone the best that all see.
    Behind,
}

/// A second of others' market: how many ticks the middle moves, and `[bid, ask]`: where, and how many lots.
type Frame = (i64, [Place; 2], [i64; 2]);

fn frames() -> impl Strategy<Value = Vec<Frame>> {
    let place = || {
        prop_oneof![
            Just(Place::Inside),
            Just(Place::Joined),
            Just(Place::Behind)
        ]
    };
    let frame = (-2_i64..=2, [place(), place()], [LOTS, LOTS]);
    prop::collection::vec(frame, SECONDS)
}

fn our_best(desk: &Desk, side: Side) -> Option<Px> {
    let ours = desk.resting.values().filter(|order| order.side == side);
    ours.map(|order| order.px)
        .max_by_key(|px| side.sign() * px.0)
}

/// Others' top in this second.
fn others_top(desk: &Desk, (moved, places, lots): Frame) -> Touch {
    let ours = Side::BOTH.map(|side| our_best(desk, side));
    let middle = match ours {
        [Some(bid), Some(ask)] => (bid.0 + ask.0) / 2 / TICK * TICK,
        _ => desk.mid / TICK * TICK,
    };
    let [bid, ask] = Side::BOTH.map(|side| {
        let (index, tick) = (side.index(), side.sign() * TICK);
        let px = match (places[index], ours[index]) {
            (Place::Joined, Some(px)) => px,
            (Place::Behind, Some(px)) => Px(px.0 - tick),
            _ => Px(middle + moved * TICK - tick),
        };
        Level {
            px,
            sz: Sz(lots[index]),
        }
    });
    Touch { bid, ask }
}

/// The book that all see: two levels of others, and our own orders among them.
fn displayed(desk: &Desk, others: &Touch) -> EventBody {
    let [bids, asks] = [others.bid, others.ask].map(|best| {
        let side = if best == others.bid {
            Side::Bid
        } else {
            Side::Ask
        };
        let far = Px(best.px.0 - side.sign() * 200 * TICK);
        let mut lots = BTreeMap::from([(best.px, best.sz), (far, best.sz)]);
        for order in desk.resting.values().filter(|order| order.side == side) {
            let level = lots.entry(order.px).or_insert(Sz::ZERO);
            *level += order.sz;
        }
        let mut levels: Vec<Level> = lots.into_iter().map(|(px, sz)| Level { px, sz }).collect();
        if side == Side::Bid {
            levels.reverse();
        }
        levels
    });
    EventBody::Book(BookSnapshot {
        exch: desk.now,
        bids,
        asks,
    })
}

/// The fair price by the book as it was just shown, lattice units: before our answer to it moves an order.
fn fair_by(desk: &mut Desk, book: EventBody) -> f64 {
    let first: Rc<Cell<Option<f64>>> = Rc::default();
    let seen = Rc::clone(&first);
    desk.witness = Some(Box::new(move |engine, _| {
        seen.set(seen.get().or(engine.snapshot().models.fair));
    }));
    desk.tell(book);
    desk.witness = None;
    first.get().unwrap() * PER_USD
}

/// Seconds in which our own orders were at the best price, or were it.
fn play(fair_price: &str, frames: &[Frame], fair: impl Fn(&MicroPrice, &Touch) -> f64) -> usize {
    let mut desk = Desk::with(config(&[("models.fair_price", fair_price.into())]), 0);
    desk.open();
    desk.seconds(80);
    desk.market = false;
    let (mut micro, mut ours_seen) = (MicroPrice::default(), 0);
    let level = |px, sz| Level {
        px: Px(px),
        sz: Sz(sz),
    };
    let opening = Touch {
        bid: level(desk.mid - desk.half, desk.depth),
        ask: level(desk.mid + desk.half, desk.depth),
    };
    micro.observe(desk.now, &opening, TICK_PX);
    for frame in frames {
        desk.pass(Dur(SECOND));
        let others = others_top(&desk, *frame);
        micro.observe(desk.now, &others, TICK_PX);
        let reaches = |side: Side, best: Px| {
            our_best(&desk, side).is_some_and(|px| side.at_or_better(px, best))
        };
        ours_seen +=
            usize::from(reaches(Side::Bid, others.bid.px) || reaches(Side::Ask, others.ask.px));
        let book = displayed(&desk, &others);
        let found = fair_by(&mut desk, book);
        let wanted = fair(&micro, &others);
        assert!(
            (found - wanted).abs() < 1e-6,
            "{fair_price} {found} instead of {wanted}: {others:?} {:?}",
            desk.resting
        );
    }
    let ours = desk.lots(Side::Bid).max(desk.lots(Side::Ask));
    assert!(ours < Sz(LOTS.start), "{ours:?}");
    ours_seen
}

proptest! {
    #![proptest_config(cases(2))]

    /// Mid, size-weighted mid and micro-price are of the others' book, whether ours stand in it or before it.
    #[test]
    fn prop_our_own_orders_move_no_fair_price(frames in frames()) {
        let mid = play("mid", &frames, |_, others| others.mid());
        let weighted = play("weighted", &frames, |_, others| others.microprice());
        let micro = play("micro", &frames, |micro, others| micro.fair(others, TICK_PX, Time::ZERO));
        println!("ours at the top: {mid}, {weighted} and {micro} of {SECONDS} s");
        prop_assert!(mid.min(weighted).min(micro) > SECONDS / 4, "{mid} {weighted} {micro}");
    }
}
