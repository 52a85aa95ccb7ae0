//! The log mid at the last whole seconds.

/// Seconds kept: a power of two above the longest lag.
const KEPT: usize = 32;

/// A ring of them, newest first; nothing in it is across a gap.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Seconds {
    ring: [f64; KEPT],
    newest: usize,
    count: usize,
}

impl Seconds {
    /// Begins anew with one second.
    pub(super) const fn of(value: f64) -> Self {
        Self {
            ring: [value; KEPT],
            newest: 0,
            count: 1,
        }
    }

    pub(super) const fn push(&mut self, value: f64) {
        self.newest = (self.newest + 1) % KEPT;
        self.ring[self.newest] = value;
        if self.count < KEPT {
            self.count += 1;
        }
    }

    pub(super) const fn newest(&self) -> f64 {
        self.ring[self.newest]
    }

    /// The move within each second, newest first, as many as are kept.
    pub(super) fn moves(&self) -> impl Iterator<Item = f64> {
        let at = |ago: usize| self.ring[(self.newest + KEPT - ago) % KEPT];
        (1..self.count).map(move |ago| at(ago - 1) - at(ago))
    }

    /// The move of the last `lag` seconds, fewer than are kept; `None` before so many were seen.
    pub(super) fn moved(&self, lag: usize) -> Option<f64> {
        let then = self.ring[(self.newest + KEPT - lag) % KEPT];
        (self.count > lag).then(|| self.newest() - then)
    }
}
