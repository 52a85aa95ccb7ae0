//! How a pass went, minute by minute: what comparisons of two makers on one market pair.

use mm_core::units::{Dur, SECOND, Time, format_decimal};
use serde::Serialize;

use super::quoted::QuotedShown;
use super::venue::Venue;

const MINUTE: Dur = Dur(60 * SECOND);

/// Where a pass stood at the end of a minute, from its start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stood {
    /// Profit and loss, positions at the mark, fees paid, USDC.
    pub pnl_usd: String,
    /// Notional of our fills, USDC.
    pub volume_usd: String,
    /// Requests of the address budget used.
    pub requests: i64,
}

impl Stood {
    fn new(venue: &Venue) -> Self {
        Self {
            pnl_usd: format_decimal(venue.pnl().total.0, 6),
            volume_usd: format_decimal(venue.traded().volume.0, 6),
            requests: venue.budget().used,
        }
    }
}

/// The course of one pass.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Course {
    /// What was quoted.
    pub quoted: QuotedShown,
    /// At the end of each whole minute of exchange time, and of the pass.
    pub minutes: Vec<Stood>,
}

/// The minutes so far.
#[derive(Clone, Debug)]
pub(super) struct Minutes {
    next: Time,
    stood: Vec<Stood>,
}

impl Minutes {
    /// Of a pass that begins at `start`.
    pub(super) const fn new(start: Time) -> Self {
        Self {
            next: start.plus(MINUTE),
            stood: Vec::new(),
        }
    }

    /// Looks, where another minute has passed.
    pub(super) fn look(&mut self, venue: &Venue) {
        while self.next <= venue.now() {
            self.stood.push(Stood::new(venue));
            self.next = self.next.plus(MINUTE);
        }
    }

    /// All of them, and the end.
    pub(super) fn ended(mut self, venue: &Venue) -> Vec<Stood> {
        self.stood.push(Stood::new(venue));
        self.stood
    }
}
