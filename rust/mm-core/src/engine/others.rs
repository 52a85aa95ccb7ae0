//! The book that others make: sizes that lean a price must not be our own.

use super::Engine;
use crate::book::Touch;
use crate::event::Level;
use crate::units::{Side, Sz};

impl Engine {
    /// The top of the book without our own orders; where they are all there is on a side, as all see it. To
    /// be asked when a frame has just come: later our orders are others than those in it.
    pub(super) fn touch_of_others(&self) -> Option<Touch> {
        let touch = self.market.book.touch()?;
        if !self.config.books_show_own {
            return Some(touch);
        }
        let [bid, ask] = Side::BOTH.map(|side| self.others_best(side));
        Some(bid.zip(ask).map_or(touch, |(bid, ask)| Touch { bid, ask }))
    }

    fn others_best(&self, side: Side) -> Option<Level> {
        let levels = self.market.book.levels(side).iter();
        levels
            .copied()
            .find_map(|level| self.of_others(side, level))
    }

    /// What of a level is not ours; `None`: all of it is.
    ///
    /// News of our orders and of the book come on two streams. An order that was just sent or moved may be
    /// in the book before we are told, so a level that is exactly what may be ours is. A level smaller than
    /// what is ours by what we were told does not show it: it is gone, or not there yet.
    fn of_others(&self, side: Side, level: Level) -> Option<Level> {
        let (mut shown, mut sent) = (Sz::ZERO, Sz::ZERO);
        for (_, order) in self.orders.iter() {
            let (px, sz) = order.target();
            if order.is_displayed() && order.order.px == level.px && order.order.side == side {
                shown += order.remaining();
            } else if order.is_quote() && px == level.px && order.order.side == side {
                sent += sz;
            }
        }
        let ours = [shown, sent, shown + sent];
        if ours.contains(&level.sz) {
            return None;
        }
        let sz = if level.sz > shown {
            level.sz - shown
        } else {
            level.sz
        };
        Some(Level { sz, ..level })
    }
}
