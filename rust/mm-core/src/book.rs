//! The market as last seen: a depth snapshot kept true at the top by every best bid and offer.

use crate::event::{Bbo, BookSnapshot, Level};
use crate::units::{Px, Side, Sz, Time};

/// Levels kept a side; the venue sends at most this many.
pub const DEPTH: usize = 20;

/// What a book says about one price of one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Displayed with this size; zero between two levels or inside the spread.
    Size(Sz),
    /// Beyond the displayed levels: nothing is known.
    Hidden,
}

/// The order book of one coin, best level first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Book {
    sides: [Vec<Level>; 2],
    exch: Time,
}

impl Book {
    /// Replaces both sides. A snapshot older than what is known is ignored; returns whether it was used.
    pub fn apply_snapshot(&mut self, snapshot: &BookSnapshot) -> bool {
        if snapshot.exch < self.exch {
            return false;
        }
        self.exch = snapshot.exch;
        for (side, levels) in [(Side::Bid, &snapshot.bids), (Side::Ask, &snapshot.asks)] {
            let own = &mut self.sides[side.index()];
            own.clear();
            own.extend(levels.iter().take(DEPTH));
        }
        true
    }

    /// Makes the top of both sides what the frame says and drops deeper levels that contradict it.
    /// A frame older than what is known is ignored; returns whether it was used.
    pub fn apply_bbo(&mut self, bbo: &Bbo) -> bool {
        if bbo.exch < self.exch {
            return false;
        }
        self.exch = bbo.exch;
        for (side, top) in [(Side::Bid, bbo.bid), (Side::Ask, bbo.ask)] {
            let levels = &mut self.sides[side.index()];
            let Some(top) = top else {
                levels.clear();
                continue;
            };
            let stale = levels
                .iter()
                .take_while(|level| side.at_or_better(level.px, top.px))
                .count();
            levels.splice(..stale, [top]);
            levels.truncate(DEPTH);
        }
        true
    }

    /// Takes size from the best level of a side, until a frame shows it again: for markets that are
    /// played back and must not sell the same size twice between two frames.
    pub fn take(&mut self, side: Side, sz: Sz) {
        let levels = &mut self.sides[side.index()];
        if let Some(best) = levels.first_mut() {
            best.sz -= sz;
            if best.sz <= Sz::ZERO {
                levels.remove(0);
            }
        }
    }

    /// Exchange time of the newest frame used.
    #[must_use]
    pub const fn exch(&self) -> Time {
        self.exch
    }

    /// Levels of one side, best first.
    #[must_use]
    pub fn levels(&self, side: Side) -> &[Level] {
        &self.sides[side.index()]
    }

    /// What is known of `px` on `side`.
    #[must_use]
    pub fn shown(&self, side: Side, px: Px) -> Shown {
        for level in self.levels(side) {
            if level.px == px {
                return Shown::Size(level.sz);
            }
            if side.at_or_better(px, level.px) {
                return Shown::Size(Sz::ZERO);
            }
        }
        Shown::Hidden
    }

    /// What the newest bbo newly says of `px`: it speaks only of its touch and of what is better than it.
    #[must_use]
    pub fn touched(&self, side: Side, px: Px) -> Option<Sz> {
        let best = self.levels(side).first()?;
        if px == best.px {
            Some(best.sz)
        } else {
            side.at_or_better(px, best.px).then_some(Sz::ZERO)
        }
    }

    /// Best bid and ask, when both sides have one and they do not cross.
    #[must_use]
    pub fn touch(&self) -> Option<Touch> {
        let (bid, ask) = (*self.sides[0].first()?, *self.sides[1].first()?);
        (bid.px < ask.px).then_some(Touch { bid, ask })
    }
}

/// The uncrossed top of the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touch {
    /// Best bid.
    pub bid: Level,
    /// Best ask.
    pub ask: Level,
}

impl Touch {
    /// Mid in lattice units, as a belief (half units occur).
    #[must_use]
    pub fn mid(&self) -> f64 {
        f64::midpoint(self.bid.px.as_f64(), self.ask.px.as_f64())
    }

    /// Mid floored to the lattice: the mark that paper accounts are valued at.
    #[must_use]
    pub const fn mid_floor(&self) -> Px {
        Px((self.bid.px.0 + self.ask.px.0).div_euclid(2))
    }

    /// Mid weighted by the opposite side's size, in lattice units: leans toward the thinner side.
    #[must_use]
    pub fn microprice(&self) -> f64 {
        let (bid_sz, ask_sz) = (self.bid.sz.as_f64(), self.ask.sz.as_f64());
        (self.bid.px.as_f64() * ask_sz + self.ask.px.as_f64() * bid_sz) / (bid_sz + ask_sz)
    }

    /// Best price of a side.
    #[must_use]
    pub const fn px(&self, side: Side) -> Px {
        match side {
            Side::Bid => self.bid.px,
            Side::Ask => self.ask.px,
        }
    }

    /// Full spread in bps of mid.
    #[must_use]
    pub fn spread_bps(&self) -> f64 {
        (self.ask.px - self.bid.px).as_f64() / self.mid() * 1e4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(px: i64, sz: i64) -> Level {
        Level {
            px: Px(px),
            sz: Sz(sz),
        }
    }

    fn book() -> Book {
        let mut book = Book::default();
        assert!(book.apply_snapshot(&BookSnapshot {
            exch: Time(10),
            bids: vec![level(99, 5), level(98, 5), level(97, 5)],
            asks: vec![level(101, 5), level(102, 5)],
        }));
        book
    }

    #[test]
    fn a_bbo_moves_the_top_and_drops_what_it_contradicts() {
        let mut book = book();
        let bbo = Bbo {
            exch: Time(11),
            bid: Some(level(98, 2)),
            ask: Some(level(100, 1)),
        };
        assert!(book.apply_bbo(&bbo));
        assert_eq!(book.levels(Side::Bid), [level(98, 2), level(97, 5)]);
        assert_eq!(
            book.levels(Side::Ask),
            [level(100, 1), level(101, 5), level(102, 5)]
        );
        assert_eq!(book.touch().unwrap().mid_floor(), Px(99));
    }

    #[test]
    fn older_frames_are_ignored() {
        let mut book = book();
        let old = Bbo {
            exch: Time(9),
            bid: Some(level(50, 1)),
            ask: None,
        };
        assert!(!book.apply_bbo(&old));
        assert!(!book.apply_snapshot(&BookSnapshot {
            exch: Time(9),
            bids: vec![],
            asks: vec![]
        }));
        assert_eq!(book.touch().unwrap().bid, level(99, 5));
    }

    #[test]
    fn an_empty_or_crossed_book_has_no_touch() {
        let mut book = book();
        assert!(book.apply_bbo(&Bbo {
            exch: Time(11),
            bid: Some(level(99, 1)),
            ask: None
        }));
        assert_eq!(book.touch(), None);
        assert!(book.apply_bbo(&Bbo {
            exch: Time(12),
            bid: Some(level(99, 1)),
            ask: Some(level(99, 1))
        }));
        assert_eq!(book.touch(), None);
    }

    #[test]
    fn microprice_leans_to_the_thin_side() {
        let touch = Touch {
            bid: level(100, 9),
            ask: level(102, 1),
        };
        assert!((touch.microprice() - 101.8).abs() < 1e-12);
    }
}
