//! A recording made longer: itself, its mirror image, itself again, and so on, end to start.
//!
//! In the mirror image the price goes the other way and the sides change places, so that it begins where
//! the recording ends and ends where that begins: the chain has no jump, and goes nowhere in the long run.

use mm_core::event::{AssetCtx, Event, EventBody, Level};
use mm_core::instrument::Instrument;
use mm_core::units::{Dur, Px, SECOND};

use super::{FrameError, Step, Takers, Tape};

/// Between two pieces.
const GAP: Dur = Dur(SECOND);
/// Trade ids of a piece are moved by its number times this; the venue's are below 2^50.
const TIDS: u64 = 1 << 52;

/// What makes a price of the mirror image: this less the price.
#[derive(Clone, Copy, Debug)]
struct Mirror<'a> {
    sum: Px,
    instrument: &'a Instrument,
}

impl Mirror<'_> {
    fn px(&self, px: Px) -> Result<Px, FrameError> {
        let mirrored = self.sum - px;
        let was_legal = self.instrument.is_legal_px(px);
        if mirrored > Px::ZERO && (!was_legal || self.instrument.is_legal_px(mirrored)) {
            return Ok(mirrored);
        }
        Err(FrameError::NoMirror {
            px: self.instrument.format_px(px),
        })
    }

    fn level(&self, level: Level) -> Result<Level, FrameError> {
        let px = self.px(level.px)?;
        Ok(Level { px, ..level })
    }

    fn body(&self, body: EventBody) -> Result<EventBody, FrameError> {
        let levels = |side: Vec<Level>| -> Result<Vec<Level>, FrameError> {
            side.into_iter().map(|level| self.level(level)).collect()
        };
        Ok(match body {
            EventBody::Book(mut book) => {
                (book.bids, book.asks) = (levels(book.asks)?, levels(book.bids)?);
                EventBody::Book(book)
            }
            EventBody::Bbo(mut bbo) => {
                let side = |side: Option<Level>| side.map(|level| self.level(level)).transpose();
                (bbo.bid, bbo.ask) = (side(bbo.ask)?, side(bbo.bid)?);
                EventBody::Bbo(bbo)
            }
            EventBody::Trades(mut trades) => {
                for trade in &mut trades {
                    (trade.side, trade.px) = (trade.side.opposite(), self.px(trade.px)?);
                }
                EventBody::Trades(trades)
            }
            EventBody::AssetCtx(ctx) => {
                let of = |px: f64| self.instrument.px_f64(self.sum) - px;
                EventBody::AssetCtx(AssetCtx {
                    mark_px: of(ctx.mark_px),
                    oracle_px: of(ctx.oracle_px),
                    mid_px: ctx.mid_px.map(of),
                    funding_rate_per_h: -ctx.funding_rate_per_h,
                    premium: ctx.premium.map(|premium| -premium),
                    ..ctx
                })
            }
            other => other,
        })
    }
}

impl Tape {
    /// This tape and its mirror image in turn, until they have lasted for `duration`.
    ///
    /// # Errors
    /// [`FrameError::NoMirror`] where a price of the mirror image is not on the perp's grid.
    pub fn chained(&self, duration: Dur) -> Result<Self, FrameError> {
        let (history, played) = self.steps.split_at(self.history);
        let span = Dur(self.end().since(self.start()).0 + GAP.0);
        let until = self.start().plus(duration);
        let mirror = Mirror {
            sum: self.seam(),
            instrument: &self.instrument,
        };
        let (mut steps, mut references) = (history.to_vec(), Vec::new());
        let (mut takers, mut taker) = (Takers::default(), None);
        for (piece, times) in (0..=duration.0 / span.0).zip(0_u64..) {
            let shift = Dur(span.0 * piece);
            references.extend(self.references_of_piece(shift, piece % 2 == 1));
            for step in played {
                let exch = step.exch.plus(shift);
                if exch > until {
                    break;
                }
                let mut body = moved(step.event.body.clone(), shift, times * TIDS);
                if piece % 2 == 1 {
                    body = mirror.body(body)?;
                }
                if let EventBody::Trades(trades) = &body {
                    takers.count(trades, &mut taker);
                }
                let last = steps.last().map_or(exch, |last: &Step| last.event.recv);
                let recv = step.event.recv.plus(shift).max(last);
                let event = Event { recv, body };
                let heard = step.heard;
                steps.push(Step { exch, event, heard });
            }
        }
        Ok(Self {
            instrument: self.instrument.clone(),
            steps,
            takers,
            references,
            ..*self
        })
    }

    /// The first ask shown and the last bid: a mirror image by their sum begins where the tape ends.
    fn seam(&self) -> Px {
        let shown = |step: &Step| match &step.event.body {
            EventBody::Book(book) => Some((book.bids.first()?.px, book.asks.first()?.px)),
            EventBody::Bbo(bbo) => Some((bbo.bid?.px, bbo.ask?.px)),
            _ => None,
        };
        let first = self.steps.iter().find_map(shown);
        let last = self.steps.iter().rev().find_map(shown);
        first
            .zip(last)
            .map_or(Px::ZERO, |((_, ask), (bid, _))| ask + bid)
    }
}

/// The same at another time, with trade ids of its own.
fn moved(mut body: EventBody, shift: Dur, tids: u64) -> EventBody {
    match &mut body {
        EventBody::Book(book) => book.exch = book.exch.plus(shift),
        EventBody::Bbo(bbo) => bbo.exch = bbo.exch.plus(shift),
        EventBody::Trades(trades) => {
            for trade in trades {
                trade.exch = trade.exch.plus(shift);
                trade.tid += tids;
            }
        }
        _ => {}
    }
    body
}
