//! The recorded book as it was displayed: the last snapshot, its touch kept fresh by the bbo.

pub use mm_core::book::Shown;

use mm_core::book::Book;
use mm_core::event::{Bbo, BookSnapshot, Level};
use mm_core::units::{Px, Side, Sz, Time};

/// Displayed levels of both sides, best first.
#[derive(Clone, Debug, Default)]
pub struct Display {
    book: Book,
}

impl Display {
    /// Exchange time of the newest frame applied.
    #[must_use]
    pub const fn exch(&self) -> Time {
        self.book.exch()
    }

    /// Levels of one side, best first.
    #[must_use]
    pub fn levels(&self, side: Side) -> &[Level] {
        self.book.levels(side)
    }

    /// Best level of one side.
    #[must_use]
    pub fn best(&self, side: Side) -> Option<Level> {
        self.levels(side).first().copied()
    }

    /// Replaces everything by a snapshot. `false`: it is older than what is shown and was not used.
    pub fn snapshot(&mut self, book: &BookSnapshot) -> bool {
        self.book.apply_snapshot(book)
    }

    /// Moves the touch of both sides; deeper levels stay as the last snapshot had them.
    /// `false`: it is older than what is shown and was not used.
    pub fn touch(&mut self, bbo: &Bbo) -> bool {
        self.book.apply_bbo(bbo)
    }

    /// What is known of `px` on `side`.
    #[must_use]
    pub fn shown(&self, side: Side, px: Px) -> Shown {
        self.book.shown(side, px)
    }

    /// What the newest bbo or snapshot newly says of `px`: a bbo speaks only of its touch and what is
    /// better than it.
    #[must_use]
    pub fn touched(&self, side: Side, px: Px) -> Option<Sz> {
        self.book.touched(side, px)
    }

    /// Takes `sz` from the best level until the next frame shows it again.
    pub fn take(&mut self, side: Side, sz: Sz) {
        self.book.take(side, sz);
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

    fn display() -> Display {
        let mut display = Display::default();
        assert!(display.snapshot(&BookSnapshot {
            exch: Time(10),
            bids: vec![level(99, 5), level(98, 6), level(96, 7)],
            asks: vec![level(101, 1), level(103, 2)],
        }));
        display
    }

    #[test]
    fn prices_between_levels_show_nothing_and_beyond_them_are_hidden() {
        let display = display();
        assert_eq!(display.shown(Side::Bid, Px(98)), Shown::Size(Sz(6)));
        assert_eq!(display.shown(Side::Bid, Px(97)), Shown::Size(Sz(0)));
        assert_eq!(display.shown(Side::Bid, Px(100)), Shown::Size(Sz(0)));
        assert_eq!(display.shown(Side::Bid, Px(95)), Shown::Hidden);
        assert_eq!(display.shown(Side::Ask, Px(104)), Shown::Hidden);
    }

    #[test]
    fn a_bbo_moves_the_touch_and_keeps_the_depth() {
        let mut display = display();
        let bbo = Bbo {
            exch: Time(11),
            bid: Some(level(98, 4)),
            ask: Some(level(100, 9)),
        };
        assert!(display.touch(&bbo));
        assert_eq!(display.levels(Side::Bid), [level(98, 4), level(96, 7)]);
        assert_eq!(display.levels(Side::Ask)[0], level(100, 9));
        assert_eq!(display.levels(Side::Ask).len(), 3);
        assert_eq!(display.touched(Side::Bid, Px(99)), Some(Sz(0)));
        assert_eq!(display.touched(Side::Bid, Px(96)), None);
        assert!(!display.touch(&Bbo {
            exch: Time(9),
            bid: None,
            ask: None
        }));
        assert!(display.touch(&Bbo {
            exch: Time(12),
            bid: None,
            ask: None
        }));
        assert_eq!(display.best(Side::Bid), None);
    }
}
