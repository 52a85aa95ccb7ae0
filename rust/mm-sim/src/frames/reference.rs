//! A second recording beside a tape: the prices of the coin that the tape's may follow.

use mm_core::event::{Event, EventBody, ReferencePx};
use mm_core::units::{Dur, Time};
use mm_hl::decode::decode_reference;

use super::{Feed, FrameError, Tape, memchr_newline, split};

impl Tape {
    /// The same market beside that of `coin`, of which we hear every best bid and offer.
    ///
    /// # Errors
    /// [`FrameError`], with the number of the line of `frames`.
    pub fn with_reference(
        mut self,
        coin: &str,
        frames: &[u8],
        feed: Feed,
    ) -> Result<Self, FrameError> {
        let (mut rest, mut lines, mut last, mut heard) = (frames, 0, Time(0), Time(0));
        while !rest.is_empty() {
            let end = memchr_newline(rest);
            let line = &rest[..end.unwrap_or(rest.len())];
            rest = &rest[end.map_or(rest.len(), |end| end + 1)..];
            lines += 1;
            let (recv, json) = split(line).ok_or_else(|| FrameError::Stamp {
                line: lines,
                found: String::from_utf8_lossy(&line[..line.len().min(40)]).into_owned(),
            })?;
            if recv < last {
                let back = last.since(recv).0;
                let (line, recv) = (lines, recv.0);
                return Err(FrameError::Back { line, recv, back });
            }
            last = recv;
            let line = lines;
            let told = decode_reference(coin, json).map_err(|source| match end {
                Some(_) => FrameError::Frame { line, source },
                None => FrameError::CutOff { line, source },
            })?;
            if let Some(px) = told {
                let recv = match feed {
                    Feed::Recorded => recv,
                    Feed::Constant(after) => px.exch.plus(after),
                };
                heard = heard.max(recv).max(px.exch);
                let body = EventBody::Reference(px);
                self.references.push(Event { recv: heard, body });
            }
        }
        if self.references.is_empty() {
            let coin = coin.to_owned();
            return Err(FrameError::NoBbo { coin, lines });
        }
        Ok(self)
    }

    /// What is heard of the reference, in the order it is heard; nothing where there is none.
    #[must_use]
    pub fn references(&self) -> &[Event] {
        &self.references
    }

    /// The prices of the reference while this tape lasts, so much later; in the mirror image they go the other way.
    pub(super) fn references_of_piece(&self, shift: Dur, is_mirrored: bool) -> Vec<Event> {
        let within = |px: &ReferencePx| px.exch >= self.start() && px.exch <= self.end();
        let told = || {
            self.references.iter().filter_map(|event| match event.body {
                EventBody::Reference(px) if within(&px) => Some((event.recv, px)),
                _ => None,
            })
        };
        let sum = told().next().map_or(0.0, |(_, px)| px.px)
            + told().next_back().map_or(0.0, |(_, px)| px.px);
        told()
            .map(|(recv, px)| {
                let px = ReferencePx {
                    exch: px.exch.plus(shift),
                    px: if is_mirrored { sum - px.px } else { px.px },
                };
                let (recv, body) = (recv.plus(shift), EventBody::Reference(px));
                Event { recv, body }
            })
            .collect()
    }
}
