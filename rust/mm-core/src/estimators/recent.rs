//! The newest ids: whether one was heard before, for the price of a look or two where a tree takes a dozen.
//!
//! A ring in the order of arrival, and a table of places in it, by a hash of the id; who finds its slot taken goes
//! to the next free one. The table is at most half full, so free ones are near. Nothing is ever iterated over by
//! hash: what is answered depends on the ids alone.

/// Ids remembered.
pub(super) const KEPT: usize = 4096;
/// Slots of the table: a power of two.
const SLOTS: usize = 2 * KEPT;
const _: () = assert!(SLOTS.is_power_of_two() && KEPT < u16::MAX as usize);

/// The newest [`KEPT`] ids.
#[derive(Clone, Debug)]
pub(super) struct Recent {
    /// Oldest at `next` once it is full.
    ring: Vec<u64>,
    next: usize,
    /// Places in the ring, counted from one; 0: free.
    slots: Vec<u16>,
}

impl Default for Recent {
    fn default() -> Self {
        Self {
            ring: Vec::new(),
            next: 0,
            slots: vec![0; SLOTS],
        }
    }
}

impl Recent {
    /// Remembers an id; returns whether it is new. The oldest is forgotten for it.
    pub(super) fn insert(&mut self, id: u64) -> bool {
        if self.slots[self.find(id)] != 0 {
            return false;
        }
        if self.ring.len() < KEPT {
            self.ring.push(id);
        } else {
            self.free(self.find(self.ring[self.next]));
            self.ring[self.next] = id;
        }
        let slot = self.find(id);
        self.next += 1;
        self.slots[slot] = u16::try_from(self.next).expect("Invariant: places fit");
        self.next %= KEPT;
        true
    }

    /// The slot of an id, or the free one where it belongs.
    fn find(&self, id: u64) -> usize {
        let mut slot = home(id);
        while let Some(known) = self.id_at(slot) {
            if known == id {
                break;
            }
            slot = (slot + 1) % SLOTS;
        }
        slot
    }

    fn id_at(&self, slot: usize) -> Option<u64> {
        let place = usize::from(self.slots[slot]);
        place.checked_sub(1).map(|place| self.ring[place])
    }

    /// Frees a slot. Those after it that it kept from theirs move up, so that none is lost behind a free one.
    fn free(&mut self, slot: usize) {
        let (mut gap, mut slot) = (slot, slot);
        loop {
            slot = (slot + 1) % SLOTS;
            let Some(id) = self.id_at(slot) else {
                break;
            };
            let from_home = |slot: usize| (slot + SLOTS - home(id)) % SLOTS;
            if from_home(gap) < from_home(slot) {
                self.slots[gap] = self.slots[slot];
                gap = slot;
            }
        }
        self.slots[gap] = 0;
    }
}

/// Where an id belongs: the highest bits of its product with an odd number near 2^64 over the golden ratio.
#[expect(clippy::cast_possible_truncation, reason = "below the slots")]
const fn home(id: u64) -> usize {
    const ODD: u64 = 0x9E37_79B9_7F4A_7C15;
    (id.wrapping_mul(ODD) >> (u64::BITS - SLOTS.trailing_zeros())) as usize
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, VecDeque};

    use super::*;

    /// A tree and a queue, as slow and as plain as can be.
    #[derive(Default)]
    struct Plain {
        seen: BTreeSet<u64>,
        order: VecDeque<u64>,
    }

    impl Plain {
        fn insert(&mut self, id: u64) -> bool {
            if !self.seen.insert(id) {
                return false;
            }
            self.order.push_back(id);
            if self.order.len() > KEPT {
                self.seen.remove(&self.order.pop_front().unwrap());
            }
            true
        }
    }

    fn agree(ids: impl Iterator<Item = u64>) {
        let (mut recent, mut plain) = (Recent::default(), Plain::default());
        for id in ids {
            assert_eq!(recent.insert(id), plain.insert(id), "{id}");
        }
        let used = recent.slots.iter().filter(|slot| **slot != 0).count();
        assert_eq!(used, plain.order.len());
    }

    #[test]
    fn it_answers_as_a_tree_does() {
        let mut state = 1_u64;
        let mut random = move |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 20) % below
        };
        // Many repeats, few, and ids that count up, as they are told and told again.
        for below in [10, 3_000, 6_000, 1 << 40] {
            agree((0..40_000).map(|_| random(below)));
        }
        agree((0..40_000).map(|at| at - at % 7));
        agree([0, u64::MAX, 0, 1, u64::MAX].into_iter());
    }

    /// All want the same few slots, those at the end of the table among them.
    #[test]
    fn ids_that_want_one_slot_do_not_hide_each_other() {
        for wanted in [0, SLOTS - 2] {
            let alike: Vec<u64> = (0..)
                .filter(|id| (wanted..wanted + 2).contains(&home(*id)))
                .take(60)
                .collect();
            // Between them enough others that the oldest are forgotten in the midst of their run.
            let others = (1..=KEPT as u64 - 30).map(|id| id << 40);
            let again = alike.iter().copied();
            agree(
                again
                    .clone()
                    .chain(others.clone())
                    .chain(again.clone().rev()),
            );
            agree(
                again
                    .clone()
                    .chain(others)
                    .chain(again.clone())
                    .chain(again),
            );
        }
    }
}
