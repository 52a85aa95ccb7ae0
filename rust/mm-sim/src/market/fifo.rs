//! A price-time book: one queue a price.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

use mm_core::units::{Px, Side, Sz};

use super::{Best, Depth, DepthLevel, Resting, Touch};

/// No neighbour in a queue.
const NONE: u32 = u32::MAX;

/// One perp's book. Orders at a price stand in order of arrival; the best price is the highest bid
/// and the lowest ask. It never matches by itself and holds whatever it is given.
#[derive(Clone, Debug, Default)]
pub struct FifoBook {
    /// Levels by rank: the price of an ask, the negated price of a bid, so the best comes first.
    sides: [BTreeMap<i64, Queue>; 2],
    entries: Vec<Entry>,
    free: Vec<u32>,
    index: HashMap<u64, u32, BuildHasherDefault<OidHasher>>,
}

#[derive(Clone, Copy, Debug)]
struct Queue {
    sz: Sz,
    n: u32,
    first: u32,
    last: u32,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    order: Resting,
    before: u32,
    after: u32,
}

/// Spreads order ids, which are nearly consecutive, over the table.
#[derive(Clone, Copy, Debug, Default)]
struct OidHasher(u64);

impl Hasher for OidHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0 ^ value)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(26);
    }
}

impl FifoBook {
    /// An empty book.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Orders resting on both sides.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether nothing rests.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// The order at the front of the best price on `side`.
    #[must_use]
    pub fn best(&self, side: Side) -> Option<Best> {
        let (_, queue) = self.sides[side.index()].first_key_value()?;
        let order = &self.entries[queue.first as usize].order;
        Some(Best {
            px: order.px,
            sz: order.sz,
            oid: Some(order.oid),
            owner: order.owner,
        })
    }

    /// Adds an order behind the others at its price.
    ///
    /// # Panics
    /// When its size is not positive or its id rests already: a bug of the caller.
    pub fn rest(&mut self, order: &Resting) {
        assert!(
            order.sz > Sz::ZERO,
            "an order of size {} cannot rest",
            order.sz
        );
        let slot = self.new_slot(*order);
        assert!(
            self.index.insert(order.oid, slot).is_none(),
            "oid {} rests already",
            order.oid
        );
        let queue = self.sides[order.side.index()]
            .entry(rank(order.side, order.px))
            .or_insert(Queue {
                sz: Sz::ZERO,
                n: 0,
                first: slot,
                last: NONE,
            });
        self.entries[slot as usize].before = queue.last;
        if queue.last != NONE {
            self.entries[queue.last as usize].after = slot;
        }
        queue.last = slot;
        queue.sz += order.sz;
        queue.n += 1;
    }

    /// Takes `sz` from the front of the best price on `side`.
    ///
    /// # Panics
    /// When the side is empty or `sz` exceeds the front order: a bug of the caller.
    pub fn take(&mut self, side: Side, sz: Sz) {
        let best = self
            .best(side)
            .expect("Invariant: only what is there is taken");
        assert!(
            Sz::ZERO < sz && sz <= best.sz,
            "{sz} lots of {} cannot be taken",
            best.sz
        );
        let oid = best
            .oid
            .expect("Invariant: every order of this book has an id");
        if sz == best.sz {
            self.remove(oid);
        } else {
            self.shrink(oid, best.sz - sz);
        }
    }

    /// Lowers the size of an order to `sz`; its place stays. Nothing when it is not there or
    /// already smaller.
    ///
    /// # Panics
    /// When queue and index disagree: a bug of this book.
    pub fn shrink(&mut self, oid: u64, sz: Sz) {
        let Some(&slot) = self.index.get(&oid) else {
            return;
        };
        if sz <= Sz::ZERO {
            self.remove(oid);
            return;
        }
        let order = &mut self.entries[slot as usize].order;
        let cut = order.sz - sz;
        if cut > Sz::ZERO {
            order.sz = sz;
            let level = self.sides[order.side.index()].get_mut(&rank(order.side, order.px));
            level.expect("Invariant: a resting order has a level").sz -= cut;
        }
    }

    /// Takes an order out and returns its remaining size; `None` when it is not there.
    ///
    /// # Panics
    /// When queue and index disagree: a bug of this book.
    pub fn remove(&mut self, oid: u64) -> Option<Sz> {
        let slot = self.index.remove(&oid)?;
        let Entry {
            order,
            before,
            after,
        } = self.entries[slot as usize];
        let levels = &mut self.sides[order.side.index()];
        let rank = rank(order.side, order.px);
        let queue = levels
            .get_mut(&rank)
            .expect("Invariant: a resting order has a level");
        queue.sz -= order.sz;
        queue.n -= 1;
        if before == NONE {
            queue.first = after;
        } else {
            self.entries[before as usize].after = after;
        }
        if after == NONE {
            queue.last = before;
        } else {
            self.entries[after as usize].before = before;
        }
        if queue.n == 0 {
            levels.remove(&rank);
        }
        self.free.push(slot);
        Some(order.sz)
    }

    /// A resting order by its id.
    #[must_use]
    pub fn get(&self, oid: u64) -> Option<&Resting> {
        self.index
            .get(&oid)
            .map(|&slot| &self.entries[slot as usize].order)
    }

    /// At most `levels` levels a side, best first.
    #[must_use]
    pub fn depth(&self, levels: usize) -> Depth {
        Depth {
            bids: self.levels(Side::Bid, levels),
            asks: self.levels(Side::Ask, levels),
        }
    }

    /// Best level of either side.
    #[must_use]
    pub fn touch(&self) -> Touch {
        Touch {
            bid: self.top(Side::Bid),
            ask: self.top(Side::Ask),
        }
    }

    fn top(&self, side: Side) -> Option<DepthLevel> {
        self.sides[side.index()]
            .first_key_value()
            .map(|(&rank, queue)| level(side, rank, queue))
    }

    fn levels(&self, side: Side, levels: usize) -> Vec<DepthLevel> {
        let queues = self.sides[side.index()].iter().take(levels);
        queues
            .map(|(&rank, queue)| level(side, rank, queue))
            .collect()
    }

    fn new_slot(&mut self, order: Resting) -> u32 {
        let entry = Entry {
            order,
            before: NONE,
            after: NONE,
        };
        if let Some(slot) = self.free.pop() {
            self.entries[slot as usize] = entry;
            return slot;
        }
        self.entries.push(entry);
        u32::try_from(self.entries.len() - 1)
            .expect("Invariant: fewer than 2^32 orders rest at once")
    }
}

/// Order of a price on its side, best lowest.
const fn rank(side: Side, px: Px) -> i64 {
    -side.sign() * px.0
}

const fn level(side: Side, rank: i64, queue: &Queue) -> DepthLevel {
    DepthLevel {
        px: Px(-side.sign() * rank),
        sz: queue.sz,
        n: queue.n,
    }
}
