//! Bare books: no crowd, only clients.

use mm_core::instrument::Instrument;
use mm_core::units::{Px, Side, Sz, Time};

use super::{Best, CrowdOrder, Depth, FifoBook, Market, Played, Resting, Touch};

/// A price-time book a coin in which nobody trades but clients.
#[derive(Clone, Debug)]
pub struct BookMarket {
    instruments: Vec<Instrument>,
    books: Vec<FifoBook>,
}

impl BookMarket {
    /// Empty books for the perps listed, by asset number.
    #[must_use]
    pub fn new(instruments: Vec<Instrument>) -> Self {
        let books = vec![FifoBook::new(); instruments.len()];
        Self { instruments, books }
    }

    fn book(&self, asset: u32) -> &FifoBook {
        &self.books[asset as usize]
    }

    fn book_mut(&mut self, asset: u32) -> &mut FifoBook {
        &mut self.books[asset as usize]
    }
}

impl Market for BookMarket {
    fn instruments(&self) -> &[Instrument] {
        &self.instruments
    }

    fn open_block(&mut self, _block: Time, _orders: &mut Vec<CrowdOrder>) {}

    fn best(&self, asset: u32, side: Side) -> Option<Best> {
        self.book(asset).best(side)
    }

    fn take(&mut self, asset: u32, side: Side, sz: Sz) {
        self.book_mut(asset).take(side, sz);
    }

    fn rest(&mut self, asset: u32, order: &Resting) {
        self.book_mut(asset).rest(order);
    }

    fn shrink(&mut self, asset: u32, oid: u64, sz: Sz) {
        self.book_mut(asset).shrink(oid, sz);
    }

    fn remove(&mut self, asset: u32, oid: u64) -> Option<Sz> {
        self.book_mut(asset).remove(oid)
    }

    fn depth(&self, asset: u32, levels: usize) -> Depth {
        self.book(asset).depth(levels)
    }

    fn touch(&self, asset: u32) -> Touch {
        self.book(asset).touch()
    }

    fn replay(&mut self, token: u64, _played: &mut Vec<Played>) {
        unreachable!("a market without a recording was asked to play {token}");
    }

    fn oracle(&self, _asset: u32) -> Option<Px> {
        None
    }

    fn label(&self) -> &'static str {
        "bare books: nobody trades but clients"
    }
}
