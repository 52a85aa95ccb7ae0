//! Where each of our resting orders stands, from what the venue displays.
//!
//! An order joins behind what was displayed at its price when it came to rest; the first display after that
//! shows what may be ahead at most. From then on trades at the price take from the front, and what else leaves
//! the level was a cancel: behind us, ahead of us or in proportion ([`QueueBound`]), which gives the most, the
//! least and the likely size ahead. Cancels that a slow display hides are the level's turnover
//! ([`TurnOver`]) over the time between two displays. The venue's order id is the place: an amend has a new one
//! and starts anew, a smaller size under the same id keeps it. Times are exchange times, sizes lots.

use std::collections::BTreeMap;

use serde::Serialize;

use super::hidden::TurnOver;
use super::line::{Queue, QueueBound};
use crate::action::Cloid;
use crate::book::{Book, Shown};
use crate::estimators::Evidence;
use crate::event::Trade;
use crate::units::{Px, Side, Sz, Time};

/// One of our orders in the book, as far as we were told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rests {
    /// Whose place it is.
    pub cloid: Cloid,
    /// The exchange's id, where it is known yet.
    pub oid: Option<u64>,
    /// Side.
    pub side: Side,
    /// Price.
    pub px: Px,
    /// Lots left.
    pub sz: Sz,
}

/// What a frame speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every level down to its last.
    Whole,
    /// The best level of both sides and what is better than it.
    Touch,
}

/// Where one order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Likely size of others ahead, lots.
    pub ahead: Sz,
    /// At least and at most; `None` until a display of after it came to rest.
    pub bounds: Option<[Sz; 2]>,
    /// All of others at its price: what a new order would stand behind.
    pub level: Sz,
    /// Of the newest display of its price.
    pub as_of: Time,
}

impl Place {
    /// The mean of `of(lots ahead)` over what is not known: the bounds are taken for three standard deviations
    /// on either side, of which a Gaussian's three points are looked at.
    pub fn mean(&self, of: impl Fn(f64) -> f64) -> f64 {
        let likely = of(self.ahead.as_f64());
        let Some([least, most]) = self.bounds.filter(|[least, most]| least < most) else {
            return likely;
        };
        let away = libm::sqrt(3.0) * (most - least).as_f64() / WIDTH_SDS;
        let near = (self.ahead.as_f64() - away).max(least.as_f64());
        let far = (self.ahead.as_f64() + away).min(most.as_f64());
        (of(near) + 4.0 * likely + of(far)) / 6.0
    }
}

/// An order that no display shows yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Joining {
    /// What was displayed at its price before it; `None`: its price was not.
    before: Option<Sz>,
    /// When that was displayed.
    at: Time,
    /// Traded at the price since, lots.
    traded: Sz,
}

#[derive(Clone, Debug)]
struct Stood {
    rests: Rests,
    /// Exchange time from which it rests: as told, or else when we heard of it.
    since: Time,
    is_told: bool,
    joining: Option<Joining>,
    queues: [Queue; 3],
    /// The newest display of its price: when, and the lots of others there.
    seen: Time,
    level: Sz,
    /// Whether it stands at the best price, where every change is told; and until when cancels are counted.
    is_watched: bool,
    watched: Time,
}

/// A book, and when its levels below the best were told.
#[derive(Clone, Debug, Default)]
struct Known {
    book: Book,
    whole: Time,
}

impl Known {
    /// Lots at a price and when they were told; `None`: not displayed.
    fn at(&self, side: Side, px: Px) -> Option<(Sz, Time)> {
        let best = self.book.touched(side, px);
        best.map(|sz| (sz, self.book.exch()))
            .or_else(|| Some((size_of(self.book.shown(side, px))?, self.whole)))
    }
}

/// The places of all of our orders.
#[derive(Clone, Debug)]
pub struct Places {
    /// Whether the books that we hear show our own orders: a recording's do not.
    shows_own: bool,
    stood: BTreeMap<Cloid, Stood>,
    /// Orders told of that we do not know to rest yet: when each came to rest, by its id.
    told: BTreeMap<u64, Time>,
    /// The newest book, and the one before it: an order may be heard of after the book that first shows it.
    books: [Known; 2],
    /// Trades since the newest whole book: resting side, price, lots, when.
    trades: Vec<(Side, Px, Sz, Time)>,
    turn_over: TurnOver,
}

/// Standard deviations in the width of the bounds.
const WIDTH_SDS: f64 = 6.0;
/// Hidden cancels are counted once they are this share of a level.
const STEP: f64 = 0.05;
/// Trades remembered between two whole books.
const TRADES_MAX: usize = 512;
/// Words on orders that nobody claimed remembered; an answer claims each within a second.
const TOLD_MAX: usize = 64;

impl Places {
    /// Nothing rests. `shows_own`: whether the books that it will hear show our own orders.
    #[must_use]
    pub fn new(shows_own: bool) -> Self {
        Self {
            shows_own,
            stood: BTreeMap::new(),
            told: BTreeMap::new(),
            books: Default::default(),
            trades: Vec::new(),
            turn_over: TurnOver::default(),
        }
    }

    /// The venue says that the order `oid` came to rest at `exch`.
    pub fn rested(&mut self, oid: u64, exch: Time) {
        let known = self.stood.values_mut().find(|s| s.rests.oid == Some(oid));
        if let Some(stood) = known {
            if !stood.is_told && stood.joining.is_some() {
                (stood.since, stood.is_told) = (exch, true);
            }
            return;
        }
        if self.told.len() == TOLD_MAX {
            self.told.pop_first();
        }
        self.told.insert(oid, exch);
    }

    /// Exactly these orders of ours rest at `now`. One that is new, or has a new id or price, joins a queue.
    pub fn rest(&mut self, now: Time, orders: impl Iterator<Item = Rests>) {
        let mut before = core::mem::take(&mut self.stood);
        for rests in orders {
            let known = before.remove(&rests.cloid).filter(|stood| {
                let of = &stood.rests;
                let same_id = of.oid.is_none() || of.oid == rests.oid;
                same_id && (of.side, of.px) == (rests.side, rests.px)
            });
            let mut stood = known.unwrap_or_else(|| self.joins(rests, now));
            stood.rests = rests;
            let told = rests.oid.and_then(|oid| self.told.remove(&oid));
            if let Some(exch) = told.filter(|_| !stood.is_told && stood.joining.is_some()) {
                (stood.since, stood.is_told) = (exch, true);
            }
            self.stood.insert(rests.cloid, stood);
        }
    }

    fn joins(&mut self, rests: Rests, now: Time) -> Stood {
        let told = rests.oid.and_then(|oid| self.told.get(&oid)).copied();
        let since = told.unwrap_or(now);
        let Rests { side, px, .. } = rests;
        let told_at = self
            .books
            .iter()
            .find_map(|known| known.at(side, px).filter(|(_, at)| *at < since));
        let at = told_at.map_or(since, |(_, at)| at);
        let before = told_at.map(|(total, at)| self.others(side, px, total, at));
        let mut stood = Stood {
            rests,
            since,
            is_told: told.is_some(),
            joining: Some(Joining {
                before,
                at,
                traded: Sz::ZERO,
            }),
            queues: QueueBound::ALL.map(|bound| Queue::join(bound, before, at)),
            seen: at,
            level: before.unwrap_or(Sz::ZERO),
            is_watched: self.books[0].book.touched(side, px).is_some(),
            watched: at,
        };
        let here = self
            .trades
            .iter()
            .filter(|trade| (trade.0, trade.1) == (side, px));
        for (_, _, sz, exch) in here {
            stood.meet(*sz, *exch);
        }
        stood
    }

    /// A book was used: `book` is what is now known, of which the frame told `scope`.
    pub fn on_book(&mut self, book: &Book, scope: Scope) {
        let exch = book.exch();
        let told = |side, px| match scope {
            Scope::Whole => size_of(book.shown(side, px)),
            Scope::Touch => book.touched(side, px),
        };
        for side in Side::BOTH {
            let best = self.others_best(book, side);
            self.turn_over.on_best(side, exch, best);
        }
        let per_s = self.turn_over.per_s();
        let totals: Vec<Option<Sz>> = self
            .stood
            .values()
            .map(|stood| {
                let Rests { side, px, .. } = stood.rests;
                let total = told(side, px)?;
                Some(self.others(side, px, total, exch))
            })
            .collect();
        for (stood, others) in self.stood.values_mut().zip(totals) {
            stood.turn_over(exch, others.is_some(), per_s);
            if let Some(others) = others {
                stood.show(others, exch);
            }
            let Rests { side, px, .. } = stood.rests;
            stood.is_watched = book.touched(side, px).is_some();
        }
        if book.exch() > self.books[0].book.exch() {
            self.books.swap(0, 1);
        }
        let whole = match scope {
            Scope::Whole => exch,
            Scope::Touch => self.books[0].whole.max(self.books[1].whole),
        };
        if scope == Scope::Whole {
            self.trades.clear();
        }
        self.books[0].book.clone_from(book);
        self.books[0].whole = whole;
    }

    /// A trade of the tape, deduplicated.
    pub fn on_trade(&mut self, trade: &Trade) {
        let resting = trade.side.opposite();
        self.turn_over.on_trade(resting, trade.px, trade.sz);
        if self.trades.len() < TRADES_MAX {
            self.trades.push((resting, trade.px, trade.sz, trade.exch));
        }
        let ours = self.stood.values_mut();
        for stood in ours.filter(|stood| stood.rests.side == resting) {
            if stood.rests.px == trade.px {
                stood.meet(trade.sz, trade.exch);
            } else if resting.at_or_better(stood.rests.px, trade.px) && trade.exch > stood.since {
                stood.is_first();
            }
        }
    }

    /// Our own order, under this id of the exchange, was met: it is first in its queue.
    pub fn on_fill(&mut self, cloid: Cloid, oid: u64) {
        let stood = self.stood.get_mut(&cloid);
        if let Some(stood) = stood.filter(|stood| stood.rests.oid == Some(oid)) {
            stood.is_first();
        }
    }

    /// The stream broke: trades were missed, so anything may have gone from ahead; nobody came in before us.
    pub fn on_gap(&mut self) {
        self.turn_over.on_gap();
        self.books = Default::default();
        for stood in self.stood.values_mut() {
            match &mut stood.joining {
                Some(joining) => joining.before = None,
                None => stood.forget_least(),
            }
        }
    }

    /// Where an order stands; `None`: nothing is known of its price.
    #[must_use]
    pub fn place(&self, cloid: Cloid) -> Option<Place> {
        self.stood.get(&cloid)?.place()
    }

    /// Lots of others displayed at a price: what a new order would stand behind; `None`: not displayed.
    #[must_use]
    pub fn back(&self, side: Side, px: Px) -> Option<Sz> {
        let (total, at) = self.books[0].at(side, px)?;
        let here = self
            .trades
            .iter()
            .filter(|trade| (trade.0, trade.1) == (side, px));
        let traded: Sz = here.filter(|trade| trade.3 > at).map(|trade| trade.2).sum();
        Some((self.others(side, px, total, at) - traded).max(Sz::ZERO))
    }

    /// Rate at which each lot that waits is cancelled, 1/s; `None` until half a minute was watched.
    #[must_use]
    pub fn cancels_per_s(&self) -> Option<f64> {
        self.turn_over.per_s()
    }

    /// What that rests on.
    #[must_use]
    pub fn evidence(&self, now: Time) -> Evidence {
        self.turn_over.evidence(now)
    }

    /// `total` at a price less what of it is ours, in a book of `exch`.
    fn others(&self, side: Side, px: Px, total: Sz, exch: Time) -> Sz {
        if !self.shows_own {
            return total;
        }
        let ours = self.stood.values();
        let ours = ours.filter(|s| s.since <= exch && (s.rests.side, s.rests.px) == (side, px));
        (total - ours.map(|stood| stood.rests.sz).sum()).max(Sz::ZERO)
    }

    fn others_best(&self, book: &Book, side: Side) -> Option<(Px, Sz)> {
        book.levels(side).iter().find_map(|level| {
            let sz = self.others(side, level.px, level.sz, book.exch());
            (sz > Sz::ZERO).then_some((level.px, sz))
        })
    }
}

impl Stood {
    fn show(&mut self, others: Sz, exch: Time) {
        match self.joining {
            Some(joining) if exch < self.since => {
                let before = Some(others);
                self.joining = Some(Joining {
                    before,
                    at: exch,
                    traded: Sz::ZERO,
                });
                self.queues = QueueBound::ALL.map(|bound| Queue::join(bound, before, exch));
                debug_assert!(joining.at <= exch, "books only get newer");
            }
            Some(joining) => self.join(joining, others, exch),
            None => {
                for queue in &mut self.queues {
                    queue.show(others, exch);
                }
            }
        }
        (self.seen, self.level) = (exch, others);
    }

    /// The first display since it rests: its level was between the two displays, as likely as not on a straight
    /// line. What was there before and is left is ahead at least.
    fn join(&mut self, joining: Joining, others: Sz, exch: Time) {
        self.joining = None;
        let [_, likely, least] = &self.queues;
        let known = likely.ahead().zip(least.ahead()).zip(joining.before);
        let Some(((likely, least), before)) = known else {
            self.queues = QueueBound::ALL.map(|bound| Queue::join(bound, None, exch));
            for queue in &mut self.queues {
                queue.show(others, exch);
            }
            return;
        };
        let least = least.min(others);
        let span_s = exch.since(joining.at).as_secs();
        let early = if span_s > 0.0 {
            self.since.since(joining.at).as_secs() / span_s
        } else {
            1.0
        };
        #[expect(clippy::cast_possible_truncation, reason = "a share of a size")]
        let grown = ((others - before + joining.traded).as_f64() * early.clamp(0.0, 1.0)) as i64;
        let likely = (likely + Sz(grown)).clamp(least, others);
        let ahead = [others, likely, least];
        self.queues = core::array::from_fn(|index| {
            let mut queue = Queue::join(QueueBound::ALL[index], Some(ahead[index]), exch);
            queue.show(others, exch);
            queue
        });
    }

    /// Cancels until `exch` that no display tells: those of the time in which it did not stand at the best
    /// price. The least ahead loses twice as many as are likely.
    fn turn_over(&mut self, exch: Time, is_told: bool, per_s: Option<f64>) {
        let from = self.watched;
        self.watched = from.max(exch);
        let [_, likely, least] = &mut self.queues;
        let Some(total) = likely.total().filter(|_| exch > from && !self.is_watched) else {
            return;
        };
        let Some(per_s) = per_s else {
            self.forget_least();
            return;
        };
        let gone = |from: Time| {
            let span_s = exch.since(from).as_secs().max(0.0);
            total.as_f64() * -libm::expm1(-per_s * span_s)
        };
        let lots = gone(from);
        if !is_told && lots < 1.0 + STEP * total.as_f64() {
            self.watched = from;
            return;
        }
        #[expect(clippy::cast_possible_truncation, reason = "at most the level")]
        let whole = |lots| Sz(libm::round(lots) as i64);
        // For those who left before it came, as many joined: a level keeps its size.
        likely.cancelled(whole(gone(from.max(self.since))));
        least.cancelled(whole(2.0 * lots));
    }

    /// A trade at its price.
    fn meet(&mut self, sz: Sz, exch: Time) {
        if let Some(joining) = self.joining.as_mut().filter(|joining| exch > joining.at) {
            joining.traded += sz;
        }
        let [most, likely, least] = &mut self.queues;
        most.trade(sz, exch);
        least.trade(sz, exch);
        let beyond = likely.trade(sz, exch);
        let known = likely.ahead().zip(most.ahead()).zip(least.ahead());
        if let Some(((left, most), least)) = known {
            let unmet = unmet(
                (left - beyond).as_f64(),
                (most - least).as_f64() / WIDTH_SDS,
            );
            likely.outlasted(unmet);
        }
    }

    fn is_first(&mut self) {
        self.joining = None;
        for queue in &mut self.queues {
            queue.swept();
        }
    }

    /// Anything may have gone from ahead.
    fn forget_least(&mut self) {
        let [.., least] = &mut self.queues;
        if let Some(total) = least.total() {
            least.cancelled(total);
        }
    }

    fn place(&self) -> Option<Place> {
        let [most, likely, least] = &self.queues;
        let (most, least) = (most.ahead()?, least.ahead()?);
        Some(Place {
            ahead: likely.ahead()?.clamp(least, most),
            bounds: self.joining.is_none().then_some([least, most]),
            level: self.level,
            as_of: self.seen,
        })
    }
}

/// Lots ahead after a trade that left `left` of them, negative where it should have met us, when no fill of ours
/// is told: the mean of a Gaussian of that mean and `sd`, given that it is positive.
fn unmet(left: f64, sd: f64) -> Sz {
    let z = left / sd;
    if sd <= 0.0 || z > 4.0 {
        return Sz::ZERO;
    }
    let mean = if z < -4.0 {
        // Mills' ratio far out.
        sd / -z
    } else {
        let density = libm::exp(-0.5 * z * z) / libm::sqrt(core::f64::consts::TAU);
        left + sd * density / (0.5 * libm::erfc(-z / core::f64::consts::SQRT_2))
    };
    #[expect(clippy::cast_possible_truncation, reason = "at most a level")]
    Sz(libm::round(mean) as i64)
}

const fn size_of(shown: Shown) -> Option<Sz> {
    match shown {
        Shown::Size(sz) => Some(sz),
        Shown::Hidden => None,
    }
}
