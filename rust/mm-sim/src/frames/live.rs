//! The frames of a live market as they come, kept until they are played.

use mm_core::instrument::Instrument;
use mm_core::units::Time;
use mm_hl::decode::DecodeError;

use super::{Feed, Reader, Step};

/// Many times what a subscription repeats after a reconnect.
const TIDS_KEPT: usize = 20_000;

/// What a live feed told, until it was played: the growing end of a tape.
///
/// Everything happens when it is heard, in the order it is heard. What came before the first
/// displayed book is not kept, its trades count as known.
#[derive(Clone, Debug)]
pub struct LiveFeed {
    reader: Reader,
    forgotten: usize,
}

impl LiveFeed {
    /// A feed that has told nothing.
    #[must_use]
    pub fn new() -> Self {
        let mut reader = Reader::new(Feed::Recorded);
        reader.seen.most = Some(TIDS_KEPT);
        Self {
            reader,
            forgotten: 0,
        }
    }

    /// Takes a frame that was heard at `now`; frames of other coins and kinds are passed over.
    ///
    /// # Errors
    /// [`DecodeError`] where it cannot be read; nothing of it is kept.
    pub fn hear(
        &mut self,
        instrument: &Instrument,
        now: Time,
        frame: &[u8],
    ) -> Result<(), DecodeError> {
        let before = self.reader.steps.len();
        let now = now.max(self.reader.recv);
        self.reader.frame(instrument, now, frame)?;
        if self.reader.exch.is_none() {
            self.reader.steps.clear();
            return Ok(());
        }
        for step in &mut self.reader.steps[before..] {
            step.exch = now;
        }
        Ok(())
    }

    /// A step by its number, counted from the first ever; `None` where it is forgotten or to come.
    #[must_use]
    pub fn step(&self, index: usize) -> Option<&Step> {
        self.reader.steps.get(index.checked_sub(self.forgotten)?)
    }

    /// How many steps are held.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.reader.steps.len()
    }

    /// Drops the steps before `index`.
    pub fn forget(&mut self, index: usize) {
        let known = self.reader.steps.len();
        let gone = index.saturating_sub(self.forgotten).min(known);
        self.reader.steps.drain(..gone);
        self.forgotten += gone;
    }
}

impl Default for LiveFeed {
    fn default() -> Self {
        Self::new()
    }
}
