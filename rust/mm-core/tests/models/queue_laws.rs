//! Laws of MODELS.md d.2 for places in the queue, and what an order's life does to its place.

use mm_core::action::Cloid;
use mm_core::book::Book;
use mm_core::estimators::queue::{Place, Places, Rests, Scope, Takers};
use mm_core::event::{Bbo, BookSnapshot, Level, Trade};
use mm_core::units::{Px, SECOND, Side, Sz, Time};

const OURS: Cloid = Cloid(7);
const BEST: i64 = 1_000_000;
const DEEP: i64 = 999_990;

/// A market in lots of `lot`, ours at a price.
struct World {
    lot: i64,
    book: Book,
    places: Places,
    second: i64,
}

impl World {
    fn new(lot: i64) -> Self {
        Self {
            lot,
            book: Book::default(),
            places: Places::new(true),
            second: 0,
        }
    }

    fn level(&self, px: i64, lots: i64) -> Level {
        Level {
            px: Px(px),
            sz: Sz(lots * self.lot),
        }
    }

    /// A second later the whole book shows these lots at the best price and at the deep one.
    fn whole(&mut self, best: i64, deep: i64) {
        self.second += 1;
        let bids = [(BEST, best), (DEEP, deep), (900_000, 9)];
        let bids = bids.into_iter().filter(|(_, lots)| *lots > 0);
        let snapshot = BookSnapshot {
            exch: Time(self.second * SECOND),
            bids: bids.map(|(px, lots)| self.level(px, lots)).collect(),
            asks: vec![self.level(1_000_010, 50)],
        };
        self.book.apply_snapshot(&snapshot);
        self.places.on_book(&self.book, Scope::Whole);
    }

    fn touch(&mut self, best: i64) {
        self.second += 1;
        let bbo = Bbo {
            exch: Time(self.second * SECOND),
            bid: Some(self.level(BEST, best)),
            ask: Some(self.level(1_000_010, 50)),
        };
        self.book.apply_bbo(&bbo);
        self.places.on_book(&self.book, Scope::Touch);
    }

    fn trade(&mut self, px: i64, lots: i64) {
        self.second += 1;
        self.places.on_trade(&Trade {
            exch: Time(self.second * SECOND),
            tid: self.second.unsigned_abs(),
            side: Side::Ask,
            px: Px(px),
            sz: Sz(lots * self.lot),
        });
    }

    /// Ours rests half a second after the last message.
    fn rests(&mut self, oid: u64, px: i64, lots: i64) {
        let at = Time(self.second * SECOND + SECOND / 2);
        self.places.rested(oid, at);
        let rests = Rests {
            cloid: OURS,
            oid: Some(oid),
            side: Side::Bid,
            px: Px(px),
            sz: Sz(lots * self.lot),
        };
        self.places.rest(at, [rests].into_iter());
    }

    fn place(&self) -> Place {
        self.places.place(OURS).unwrap()
    }

    /// Lots ahead, at least and at most, in units of a lot.
    fn ahead(&self) -> [i64; 3] {
        let place = self.place();
        let [least, most] = place.bounds.unwrap();
        [place.ahead, least, most].map(|sz| sz.0 / self.lot)
    }
}

/// Forty seconds of the touch, so that cancels are known: a tenth of 100 lots goes every second and comes again.
fn watched(lot: i64) -> World {
    let mut world = World::new(lot);
    world.whole(100, 80);
    for second in 0..40 {
        world.touch(if second % 2 == 0 { 90 } else { 100 });
    }
    world.whole(100, 80);
    world
}

/// What is ours is in the display and is nobody's that is ahead of us.
#[test]
fn our_own_order_is_none_of_the_others() {
    let mut world = watched(1);
    world.rests(1, BEST, 5);
    world.touch(105);
    assert_eq!(world.ahead(), [100, 100, 100]);
    assert_eq!(world.place().level, Sz(100));
    assert_eq!(world.places.back(Side::Bid, Px(BEST)), Some(Sz(100)));
    world.touch(125);
    assert_eq!(world.ahead(), [100, 100, 100]);
    world.trade(BEST, 30);
    assert_eq!(world.ahead(), [70, 70, 70]);
    // The 30 are gone, and 45 were cancelled: of 70 ahead and 20 behind.
    world.touch(50);
    assert_eq!(world.ahead(), [35, 25, 45]);
}

/// Where the books do not show what is ours, none of it is taken off.
#[test]
fn a_recording_shows_the_others_alone() {
    let mut world = World::new(1);
    world.places = Places::new(false);
    world.whole(100, 80);
    world.rests(1, BEST, 5);
    world.touch(100);
    assert_eq!(world.ahead(), [100, 100, 100]);
}

#[test]
fn the_same_frame_twice_is_one() {
    let mut world = watched(1);
    world.rests(1, BEST, 5);
    world.touch(105);
    world.trade(BEST, 30);
    world.touch(75);
    let once = world.place();
    world.places.on_book(&world.book, Scope::Touch);
    assert_eq!(world.place(), once);
    world.places.on_book(&world.book, Scope::Whole);
    assert_eq!(world.place(), once);
}

#[test]
fn sizes_of_another_unit_give_the_same_chance() {
    let [one, many] = [10, 10_000].map(|lot| {
        let mut world = watched(lot);
        world.rests(1, DEEP, 5);
        world.whole(100, 95);
        world.touch(100);
        world.trade(DEEP, 20);
        world.whole(100, 60);
        let takers = Takers {
            rate_per_s: 0.2,
            through: 0.1,
            stop_lots: 30.0 * lot as f64,
            cancels_per_s: world.places.cancels_per_s().unwrap(),
        };
        let chance = world.place().mean(|ahead| takers.probability(ahead, 10.0));
        (chance, world.places.cancels_per_s().unwrap())
    });
    assert!((one.1 - many.1).abs() < 1e-12 && one.1 > 0.02, "{one:?}");
    assert!((one.0 - many.0).abs() < 0.01, "{one:?} {many:?}");
}

/// While only the touch is told, cancels at a deeper price are likely, the most stays.
#[test]
fn what_nobody_shows_becomes_less_certain() {
    let mut world = watched(1_000);
    world.rests(1, DEEP, 5);
    world.whole(100, 85);
    let shown = world.ahead();
    for _ in 0..10 {
        world.touch(100);
    }
    let later = world.ahead();
    assert!(
        later[0] < shown[0] && later[1] < later[0] && later[2] == shown[2],
        "{shown:?} {later:?}"
    );
}

#[test]
fn a_price_that_is_not_displayed_is_not_known() {
    let mut world = watched(1);
    world.rests(1, 800_000, 5);
    assert_eq!(world.places.place(OURS), None);
    world.whole(100, 80);
    assert_eq!(world.places.place(OURS), None);
    assert_eq!(world.places.back(Side::Bid, Px(800_000)), None);
    // Its price comes into the display: of the 20 any part may be ahead.
    world.second += 1;
    let snapshot = BookSnapshot {
        exch: Time(world.second * SECOND),
        bids: vec![world.level(800_000, 25), world.level(700_000, 1)],
        asks: vec![world.level(1_000_010, 50)],
    };
    world.book.apply_snapshot(&snapshot);
    world.places.on_book(&world.book, Scope::Whole);
    assert_eq!(world.ahead(), [10, 0, 20]);
}

/// A new id is a new place behind all; a smaller size under the same id keeps it.
#[test]
fn the_id_is_the_place() {
    let mut world = watched(1);
    world.rests(1, BEST, 5);
    world.touch(105);
    world.trade(BEST, 60);
    world.touch(145);
    assert_eq!(world.ahead()[0], 40);
    world.rests(1, BEST, 2);
    world.touch(142);
    assert_eq!(world.ahead()[0], 40);
    world.rests(2, BEST, 2);
    assert_eq!(world.place().bounds, None);
    world.touch(142);
    assert_eq!(world.ahead(), [140, 140, 140]);
}

/// A trade beyond our price, and a fill of ours: nobody is ahead any more. A gap: anything may have gone.
#[test]
fn through_met_and_broken() {
    let rested = || {
        let mut world = watched(1);
        world.rests(1, BEST, 5);
        world.touch(105);
        world
    };
    let mut through = rested();
    through.trade(DEEP, 1);
    assert_eq!(through.ahead(), [0, 0, 0]);
    let mut met = rested();
    met.places.on_fill(OURS, 2);
    assert_eq!(met.ahead(), [100, 100, 100], "a fill of another id");
    met.places.on_fill(OURS, 1);
    assert_eq!(met.ahead(), [0, 0, 0]);
    let mut broken = rested();
    broken.places.on_gap();
    assert_eq!(broken.ahead(), [100, 0, 100]);
    broken.touch(65);
    assert_eq!(broken.ahead(), [60, 0, 60]);
}
