//! Whether the fills that were heard continue each other, whatever order they came in.
//!
//! Each fill says the position it started from. Fills of one block, or of frames that overtook each
//! other, may be told in any order, so a break is judged only when it has lasted for [`HOLD`]: fills
//! that explain it may still be on their way. A fill that fills the gap later heals the break.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::units::{Dur, SECOND, Sz, Time};

/// How long fills may be out of order before that is a break.
pub const HOLD: Dur = Dur(SECOND / 2);

/// Fills kept at most: far more than half a second brings; more gather only while a break lasts.
const MOVES_MAX: usize = 4096;

/// A fill: when it was told, and the position before and after it.
#[derive(Clone, Copy, Debug)]
struct Move {
    told: Time,
    start: Sz,
    end: Sz,
}

/// The fills of the last [`HOLD`], and those before them that do not continue each other yet.
#[derive(Clone, Debug)]
pub(super) struct Continuity {
    /// Position before all of `moves`.
    base: Sz,
    moves: VecDeque<Move>,
    /// Receive time since which they do not continue each other.
    broken_since: Option<Time>,
    broken: bool,
}

impl Continuity {
    pub(super) const fn new(position: Sz) -> Self {
        Self {
            base: position,
            moves: VecDeque::new(),
            broken_since: None,
            broken: false,
        }
    }

    /// Takes a fill that moved the position from `start` by `change`.
    pub(super) fn enter(&mut self, start: Sz, change: Sz, told: Time) {
        let end = start + change;
        self.moves.push_back(Move { told, start, end });
        if self.moves.len() > MOVES_MAX {
            self.forget(1);
        }
    }

    /// Looks at everything heard so far; `position` is ours after it.
    pub(super) fn judge(&mut self, position: Sz, now: Time) {
        if self.moves.is_empty() {
            return;
        }
        if !continues(self.base, self.moves.iter(), position) {
            self.broken_since.get_or_insert(now);
            return;
        }
        (self.broken_since, self.broken) = (None, false);
        // What is told late may belong before what is not old yet.
        let old = self
            .moves
            .iter()
            .take_while(|one| now.since(one.told) >= HOLD)
            .count();
        let between = self.after(old);
        if continues(self.base, self.moves.iter().take(old), between)
            && continues(between, self.moves.iter().skip(old), position)
        {
            self.forget(old);
        }
    }

    /// Position after the first `count` moves.
    fn after(&self, count: usize) -> Sz {
        let moves = self.moves.iter().take(count);
        self.base + moves.map(|one| one.end - one.start).sum()
    }

    fn forget(&mut self, count: usize) {
        self.base = self.after(count);
        self.moves.drain(..count);
    }

    /// Whether a break has just lasted too long. Call once a step.
    pub(super) fn breaks(&mut self, now: Time) -> bool {
        let lasted = self
            .broken_since
            .is_some_and(|since| now.since(since) >= HOLD);
        lasted && !core::mem::replace(&mut self.broken, lasted)
    }

    /// The exchange's position is ours: whatever came before is explained.
    pub(super) fn agree(&mut self, position: Sz) {
        *self = Self::new(position);
    }

    /// When a break will have lasted too long, if there is one that has not.
    pub(super) fn deadline(&self) -> Option<Time> {
        let pending = self.broken_since.filter(|_| !self.broken)?;
        Some(pending.plus(HOLD))
    }

    pub(super) const fn is_broken(&self) -> bool {
        self.broken
    }
}

/// Whether the moves, in some order, lead from `base` to `position`, each starting where the one
/// before it ended: as often into each position as out of it, and all of them within reach.
fn continues<'a>(base: Sz, moves: impl Iterator<Item = &'a Move>, position: Sz) -> bool {
    let mut balance: BTreeMap<Sz, i64> = BTreeMap::new();
    let mut from: BTreeMap<Sz, Vec<Sz>> = BTreeMap::new();
    for &Move { start, end, .. } in moves {
        *balance.entry(start).or_default() += 1;
        *balance.entry(end).or_default() -= 1;
        from.entry(start).or_default().push(end);
    }
    *balance.entry(base).or_default() -= 1;
    *balance.entry(position).or_default() += 1;
    if balance.values().any(|count| *count != 0) {
        return false;
    }
    let (mut reached, mut next) = (BTreeSet::from([base]), vec![base]);
    while let Some(at) = next.pop() {
        for &end in from.get(&at).into_iter().flatten() {
            if reached.insert(end) {
                next.push(end);
            }
        }
    }
    from.keys().all(|start| reached.contains(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Time {
        Time::from_millis(millis)
    }

    /// Judges moves in this order from 0.
    fn judged(moves: &[(i64, i64)]) -> bool {
        let mut continuity = Continuity::new(Sz(0));
        let mut position = Sz(0);
        for &(start, change) in moves {
            continuity.enter(Sz(start), Sz(change), at(0));
            position += Sz(change);
            continuity.judge(position, at(0));
        }
        continuity.broken_since.is_none()
    }

    #[test]
    fn order_does_not_matter_but_the_chain_does() {
        assert!(judged(&[(0, 5), (5, -2), (3, 4)]));
        assert!(judged(&[(3, 4), (0, 5), (5, -2)]));
        assert!(judged(&[(5, -5), (0, 5), (0, 3)]));
        assert!(judged(&[(0, 3), (0, 5), (5, -5)]), "the last one first");
        assert!(!judged(&[(0, 5), (7, 1)]));
        assert!(!judged(&[(7, 5), (12, -5)]), "a round trip elsewhere");
    }

    #[test]
    fn a_break_counts_once_when_it_has_lasted_and_heals_when_the_gap_is_filled() {
        let mut continuity = Continuity::new(Sz(0));
        continuity.enter(Sz(5), Sz(1), at(0));
        continuity.judge(Sz(1), at(0));
        assert!(!continuity.breaks(at(499)) && !continuity.is_broken());
        assert_eq!(continuity.deadline(), Some(at(500)));
        assert!(continuity.breaks(at(500)) && continuity.is_broken());
        assert!(!continuity.breaks(at(501)));
        assert_eq!(continuity.deadline(), None);
        continuity.enter(Sz(0), Sz(5), at(600));
        continuity.judge(Sz(6), at(600));
        assert!(!continuity.is_broken());
    }
}
