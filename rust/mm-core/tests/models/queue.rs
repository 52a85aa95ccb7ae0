//! The queue: row "queue" of MODELS.md d.1, on levels whose every order is known.

use std::collections::VecDeque;

use mm_core::action::Cloid;
use mm_core::book::Book;
use mm_core::estimators::queue::{Place, Places, Rests, Scope, Stops, Takers};
use mm_core::event::{Bbo, BookSnapshot, Level, Trade};
use mm_core::units::{Px, Side, Sz, Time};

use crate::random::Random;

const BID: Side = Side::Bid;
const OURS: Cloid = Cloid(7);
/// Lots.
const OWN: i64 = 5;
/// How far ahead a fill is foretold, s.
const HORIZON_S: f64 = 10.0;
/// Whole books come this often, s.
const BOOK_EVERY_S: f64 = 5.0;
/// Takers at our price a second, and their mean lots.
const TAKERS: (f64, f64) = (0.3, 30.0);
/// Orders that join a second, and their mean lots.
const JOINS: (f64, f64) = (1.9, 10.0);

fn time(at_s: f64) -> Time {
    Time((at_s * 1e9) as i64)
}

/// One price: orders in line, `true` for ours.
#[derive(Clone, Default)]
struct Line(VecDeque<(i64, bool)>);

impl Line {
    fn total(&self) -> i64 {
        self.0.iter().map(|(sz, _)| sz).sum()
    }

    fn others_ahead(&self) -> Option<i64> {
        let ours = self.0.iter().position(|(_, ours)| *ours)?;
        Some(self.0.iter().take(ours).map(|(sz, _)| sz).sum())
    }

    /// Takes from the front; what was met, and whether we were.
    fn take(&mut self, lots: i64) -> (i64, bool) {
        let (mut left, mut met) = (lots, false);
        while let Some((sz, ours)) = self.0.front_mut().filter(|_| left > 0) {
            let taken = left.min(*sz);
            (left, met) = (left - taken, met || *ours);
            *sz -= taken;
            if *sz == 0 {
                self.0.pop_front();
            }
        }
        (lots - left, met)
    }

    fn cancel(&mut self, random: &mut Random) {
        let other = (random.uniform() * self.0.len() as f64) as usize;
        if self.0.get(other).is_some_and(|(_, ours)| !ours) {
            self.0.remove(other);
        }
    }
}

/// A market of one side: our price, and where `is_deep` a better one in front of it.
struct World {
    random: Random,
    cancels_per_s: f64,
    line: Line,
    front: Line,
    is_deep: bool,
    at_s: f64,
    next_book_s: f64,
    book: Book,
    places: Places,
    stops: Stops,
    tid: u64,
}

const OURS_PX: Px = Px(1_000_000);
const FRONT_PX: Px = Px(1_000_010);

impl World {
    fn new(seed: u64, cancels_per_s: f64, is_deep: bool) -> Self {
        let mut world = Self {
            random: Random::new(seed),
            cancels_per_s,
            line: Line::default(),
            front: Line::default(),
            is_deep,
            at_s: 0.0,
            next_book_s: 0.0,
            book: Book::default(),
            places: Places::new(true),
            stops: Stops::default(),
            tid: 0,
        };
        for _ in 0..20 {
            let sz = world.lots(JOINS.1);
            world.line.0.push_back((sz, false));
            let sz = world.lots(JOINS.1);
            world.front.0.push_back((sz, false));
        }
        world
    }

    fn lots(&mut self, mean: f64) -> i64 {
        1 + self.random.wait(1.0 / mean) as i64
    }

    fn levels(&self) -> Vec<Level> {
        let level = |px, line: &Line| Level {
            px,
            sz: Sz(line.total()),
        };
        let front = self.is_deep.then(|| level(FRONT_PX, &self.front));
        let all = front.into_iter().chain([level(OURS_PX, &self.line)]);
        all.filter(|level| level.sz > Sz::ZERO).collect()
    }

    /// Shows the whole book.
    fn snapshot(&mut self) {
        // A level far out, so that an empty price of ours is shown as empty.
        let mut bids = self.levels();
        bids.push(Level {
            px: Px(900_000),
            sz: Sz(1),
        });
        let asks = vec![Level {
            px: Px(1_100_000),
            sz: Sz(1),
        }];
        let exch = time(self.at_s);
        self.book.apply_snapshot(&BookSnapshot { exch, bids, asks });
        self.places.on_book(&self.book, Scope::Whole);
    }

    fn touch(&mut self) {
        let exch = time(self.at_s);
        let bid = self.levels().first().copied();
        let ask = self.book.levels(Side::Ask).first().copied();
        self.book.apply_bbo(&Bbo { exch, bid, ask });
        self.places.on_book(&self.book, Scope::Touch);
    }

    /// What happens next; whether we were met.
    fn step(&mut self) -> bool {
        let waiting = |line: &Line| line.0.len() as f64 * self.cancels_per_s;
        let rates = [
            TAKERS.0,
            JOINS.0,
            waiting(&self.line),
            if self.is_deep { JOINS.0 } else { 0.0 },
            if self.is_deep {
                waiting(&self.front)
            } else {
                0.0
            },
        ];
        let all: f64 = rates.iter().sum();
        self.at_s += self.random.wait(all);
        let mut drawn = self.random.uniform() * all;
        let what = rates.iter().position(|rate| {
            drawn -= rate;
            drawn < 0.0
        });
        let mut met = false;
        match what {
            Some(0) => met = self.taker(),
            Some(2) => self.line.cancel(&mut self.random),
            Some(3) => {
                let sz = self.lots(JOINS.1);
                self.front.0.push_back((sz, false));
            }
            Some(4) => self.front.cancel(&mut self.random),
            _ => {
                let sz = self.lots(JOINS.1);
                self.line.0.push_back((sz, false));
            }
        }
        // A trade is told after the display of its block as often as before it.
        self.touch();
        if self.at_s >= self.next_book_s {
            self.next_book_s = self.at_s + BOOK_EVERY_S;
            self.snapshot();
        }
        met
    }

    fn taker(&mut self) -> bool {
        let lots = self.lots(TAKERS.1);
        let (taken, met) = self.line.take(lots);
        if taken == 0 {
            return false;
        }
        self.tid += 1;
        let trade = Trade {
            exch: time(self.at_s),
            tid: self.tid,
            side: Side::Ask,
            px: OURS_PX,
            sz: Sz(taken),
        };
        if self.random.chance(0.5) {
            self.touch();
        }
        self.places.on_trade(&trade);
        // What a taker wanted is not seen where it took all there was.
        self.stops.on_trade(&Trade {
            sz: Sz(lots),
            ..trade
        });
        met
    }

    /// Our order joins the end, heard of at once.
    fn join(&mut self, oid: u64) {
        self.at_s += 1e-6;
        self.line.0.push_back((OWN, true));
        self.places.rested(oid, time(self.at_s));
        let rests = Rests {
            cloid: OURS,
            oid: Some(oid),
            side: BID,
            px: OURS_PX,
            sz: Sz(OWN),
        };
        self.places.rest(time(self.at_s), [rests].into_iter());
        self.touch();
        self.touch();
    }

    /// It is cancelled.
    fn leave(&mut self) {
        self.at_s += 1e-6;
        self.line.0.retain(|(_, ours)| !ours);
        self.places.rest(time(self.at_s), core::iter::empty());
        self.touch();
    }

    fn takers(&self) -> Option<Takers> {
        Some(Takers {
            rate_per_s: TAKERS.0,
            through: 0.0,
            stop_lots: self.stops.mean_lots(Side::Ask, time(self.at_s))?,
            cancels_per_s: self.places.cancels_per_s()?,
        })
    }

    fn place(&self) -> Place {
        self.places.place(OURS).unwrap()
    }
}

/// What an estimate said, and what came: `(ahead, most, least, level, true)` lots, whether we were met within
/// the horizon, and the takers as they were known.
struct Sample {
    place: Place,
    ahead: i64,
    is_met: bool,
    takers: Takers,
}

impl Sample {
    fn foretold(&self, ahead: Sz) -> f64 {
        self.takers.probability(ahead.as_f64(), HORIZON_S)
    }
}

/// One order, looked at every three seconds until it is met or for three minutes; then it is gone.
fn life(world: &mut World, oid: u64) -> Vec<Sample> {
    world.join(oid);
    let (mut samples, mut met_s, mut next_s) = (Vec::new(), f64::INFINITY, world.at_s);
    let end_s = world.at_s + 180.0;
    while world.at_s < end_s {
        if world.at_s >= next_s {
            next_s = world.at_s + 3.0;
            let known = world.line.others_ahead().zip(world.takers());
            if let Some((ahead, takers)) = known {
                samples.push((world.at_s, world.place(), ahead, takers));
            }
        }
        if world.step() {
            met_s = world.at_s;
            break;
        }
    }
    world.leave();
    samples
        .into_iter()
        .map(|(at_s, place, ahead, takers)| Sample {
            place,
            ahead,
            is_met: met_s - at_s <= HORIZON_S,
            takers,
        })
        .collect()
}

/// Forty markets, each watched for ten minutes before the first of its orders.
fn samples(lives: u64, cancels_per_s: f64, is_deep: bool) -> Vec<Sample> {
    let mut all = Vec::new();
    for seed in 0..40 {
        let mut world = World::new(seed, cancels_per_s, is_deep);
        while world.at_s < 600.0 {
            world.step();
        }
        for oid in 1..=lives / 40 {
            all.extend(life(&mut world, oid));
            let next_s = world.at_s + world.random.wait(0.1);
            while world.at_s < next_s {
                world.step();
            }
        }
    }
    all
}

/// The largest gap of a tenth between what was foretold and what came, by who foretells; tenths of fewer than
/// 150 looks are too few to tell 5 points.
fn worst_tenth(samples: &[Sample], foretells: impl Fn(&Sample) -> f64) -> f64 {
    let mut tenths = [(0.0, 0.0, 0.0); 10];
    for sample in samples {
        let foretold = foretells(sample);
        let tenth = &mut tenths[((foretold * 10.0) as usize).min(9)];
        tenth.0 += 1.0;
        tenth.1 += foretold;
        tenth.2 += f64::from(u8::from(sample.is_met));
    }
    let known = tenths.iter().filter(|(n, ..)| *n >= 150.0);
    known
        .map(|(n, foretold, met)| {
            println!(
                "    {n:6.0} looks: foretold {:.3}, came {:.3}",
                foretold / n,
                met / n
            );
            (foretold / n - met / n).abs()
        })
        .fold(0.0, f64::max)
}

/// Nobody cancels: at the best price the size ahead is exact, at every look.
#[test]
fn without_cancels_the_size_ahead_is_exact() {
    let all = samples(60, 0.0, false);
    assert!(all.len() > 300, "{}", all.len());
    for sample in &all {
        let bounds = Some([Sz(sample.ahead); 2]);
        assert_eq!(
            (sample.place.ahead, sample.place.bounds),
            (Sz(sample.ahead), bounds)
        );
    }
}

/// Cancels spread evenly: what is foretold comes about, which neither of the naive ones says of itself.
#[test]
fn fill_probability_is_calibrated_and_the_naive_ones_are_not() {
    // Behind another price most cancels happen unseen between two whole books: the row asks for 5 points of a
    // level whose cancels are known, which the best price is.
    for (is_deep, asked) in [(false, 0.05), (true, 0.075)] {
        let looks = samples(1_500, 0.05, is_deep);
        let ready = |sample: &Sample| sample.place.bounds.is_some();
        let share = looks.iter().filter(|sample| ready(sample)).count() as f64 / looks.len() as f64;
        let all: Vec<Sample> = looks.into_iter().filter(ready).collect();
        println!("{} looks, deep {is_deep}; ours:", all.len());
        let ours = worst_tenth(&all, |s| {
            s.place.mean(|ahead| s.takers.probability(ahead, HORIZON_S))
        });
        println!("  always last:");
        let last = worst_tenth(&all, |s| s.foretold(s.place.level));
        println!("  always first:");
        let first = worst_tenth(&all, |s| s.foretold(Sz::ZERO));
        let bounds = all.iter().filter_map(|s| Some((s.ahead, s.place.bounds?)));
        let within: Vec<bool> = bounds
            .map(|(ahead, [least, most])| (least.0..=most.0).contains(&ahead))
            .collect();
        let within = within.iter().filter(|within| **within).count() as f64 / within.len() as f64;
        println!(
            "queue, deep {is_deep}: worst tenth {ours:.3}, last {last:.3}, first {first:.3}; ready {share:.3}, bounds hold {within:.3}"
        );
        assert!(ours <= asked, "{ours}");
        assert!(last > 0.3 && first > 0.3);
        assert!(within >= 0.95, "{within}");
    }
}
