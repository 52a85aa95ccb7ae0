//! What goes wrong on the lines of a world: lines that are half-open, books that repeat themselves, first
//! frames that come again, a clock that is off. Each counts where it met something, and only there.

use mm_core::event::EventBody;
use mm_core::units::{Dur, SECOND, Time};

use super::world::{ASSET, World};
use crate::exchange::RateE10;
use crate::faults::{Act, FaultKind, Feed, Lines};

/// From the first frame that is missed until a client gives up a line on which nothing passes: the ping
/// and its deadline, sooner than a real one's 40 s, since worlds last minutes.
const NOTICED: Dur = Dur(8 * SECOND);

/// What is wrong with the lines now.
#[derive(Clone, Debug, Default)]
pub(super) struct Wrong {
    /// Lines that are half-open, and since when.
    deaf: Option<(Lines, Time)>,
    /// The book and the best prices that are repeated.
    frozen: [Option<EventBody>; 2],
    /// Whether what is repeated was already unlike the truth.
    stale_met: bool,
    /// How far the clock of the session is ahead: read once, at its start.
    pub(super) skew: Dur,
    /// Its last time: a clock never goes back.
    clock: Time,
    /// Until when the venue takes post-only orders alone.
    post_only_until: Option<Time>,
}

impl Wrong {
    /// A session with lines of its own begins.
    pub(super) fn reopened(&mut self, skew: Dur) {
        (self.deaf, self.frozen, self.skew) = (None, [None, None], skew);
        self.clock = Time::ZERO;
    }

    /// The session's time.
    pub(super) fn clock(&mut self, now: Time) -> Time {
        self.clock = self.clock.max(now.plus(self.skew));
        self.clock
    }

    /// Whether what is heard on the lines of the market, or of the user, is lost.
    const fn loses(&self, market: bool) -> bool {
        match self.deaf {
            Some((Lines::All, _)) => true,
            Some((Lines::Market, _)) => market,
            Some((Lines::User, _)) => !market,
            _ => false,
        }
    }

    /// Whether anything is half-open.
    pub(super) const fn is_deaf(&self) -> bool {
        self.deaf.is_some()
    }

    /// Whether the session may believe that the venue takes post-only orders alone: for so long after
    /// it said so, or a refusal may have said so.
    pub(super) fn is_post_only(&self, now: Time, believed: Dur) -> bool {
        self.post_only_until
            .is_some_and(|until| now < until.plus(believed))
    }
}

impl World {
    /// A kind of fault met something.
    pub(super) fn met(&mut self, kind: FaultKind) {
        *self.met.entry(kind).or_insert(0) += 1;
    }

    /// Counts what is done to the exchange: to a perp that is gone nothing is.
    pub(super) fn meet_acts(&mut self, acts: &mut Vec<Act>, block: Time) {
        if self.exchange.is_delisted(ASSET) {
            acts.retain(|act| matches!(act, Act::Transfer { .. }));
        }
        for act in acts.iter() {
            self.met(act.kind());
            if let Act::PostOnly { for_s } = act {
                let until = block.plus(Dur::from_secs(*for_s));
                let known = self.wrong.post_only_until;
                self.wrong.post_only_until = Some(known.map_or(until, |at| at.max(until)));
            }
        }
    }

    /// What is the venue's own ends with the storm.
    pub(super) fn end_upsets(&mut self) {
        let now = self.now;
        self.exchange.take_post_only(now);
        self.exchange.shift_oracle(ASSET, 0.0, now);
        self.exchange.spike_funding(ASSET, RateE10(0), now);
        if let Some(until) = &mut self.wrong.post_only_until {
            *until = (*until).min(now);
        }
    }

    /// What the plan does to the lines before a block's frames are sent.
    pub(super) fn upset_lines(&mut self) {
        let is_there = self.session.is_some() && self.line.is_up();
        if self.faults.take_break() && is_there {
            self.met(FaultKind::Disconnect);
            self.lose_line();
            return;
        }
        if let Some(lines) = self.faults.take_half_open().filter(|_| is_there) {
            self.met(FaultKind::HalfOpen);
            self.wrong.deaf.get_or_insert((lines, self.now));
        }
        if self.faults.stale().is_none() {
            (self.wrong.frozen, self.wrong.stale_met) = ([None, None], false);
        }
        for (feed, as_news) in self.faults.take_replays() {
            if is_there && !self.wrong.loses(feed == Feed::Market) {
                self.met(FaultKind::SnapshotReplay);
                self.replay(feed, as_news);
            }
        }
        let noticed = |(_, since): (Lines, Time)| self.now.since(since) >= NOTICED;
        if self.wrong.deaf.is_some_and(noticed) {
            self.wrong.deaf = None;
            self.lose_line();
        }
    }

    /// A line opens again; it is no better than others that are opened now.
    pub(super) fn line_opened(&mut self) {
        self.wrong.deaf = self.faults.half_open().map(|lines| (lines, self.now));
    }

    /// Whether a frame of this kind is lost on a line that is half-open.
    pub(super) fn is_unheard(&self, body: &EventBody) -> bool {
        use mm_core::event::{Stream, StreamStatus};
        let market = match body {
            EventBody::Stream(StreamStatus { stream, .. }) => *stream == Stream::Market,
            EventBody::Book(_)
            | EventBody::Bbo(_)
            | EventBody::Trades(_)
            | EventBody::AssetCtx(_) => true,
            _ => false,
        };
        self.wrong.loses(market)
    }

    /// Whether what is sent now is lost on a line that is half-open.
    pub(super) const fn is_mute(&self) -> bool {
        matches!(self.wrong.deaf, Some((Lines::All | Lines::Orders, _)))
    }

    /// The book as it is told: while books are stale, the first one since they are.
    pub(super) fn told_book(&mut self, body: EventBody) -> EventBody {
        let Some(restamped) = self.faults.stale() else {
            return body;
        };
        let place = usize::from(matches!(body, EventBody::Bbo(_)));
        let now = self.exchange.now();
        let mut told = self.wrong.frozen[place].get_or_insert(body.clone()).clone();
        let differs = match (&mut told, &body) {
            (EventBody::Book(told), EventBody::Book(book)) => {
                let differs = told.bids != book.bids || told.asks != book.asks;
                told.exch = if restamped { now } else { told.exch };
                differs
            }
            (EventBody::Bbo(told), EventBody::Bbo(bbo)) => {
                let differs = told.bid != bbo.bid || told.ask != bbo.ask;
                told.exch = if restamped { now } else { told.exch };
                differs
            }
            _ => false,
        };
        let is_new = differs && self.is_heard(&told);
        if is_new && !core::mem::replace(&mut self.wrong.stale_met, true) {
            self.met(FaultKind::StaleBook);
        }
        told
    }

    /// First frames of a feed come again.
    fn replay(&mut self, feed: Feed, as_news: bool) {
        let newest = self.faults.snapshot_fills().unwrap_or(usize::MAX);
        let again = |of: Feed| feed == of || (feed == Feed::User && of != Feed::Market);
        let mut frames = Vec::new();
        if again(Feed::Fills) {
            let mut body = self.fills_report(newest);
            if let EventBody::Fills(fills) = &mut body {
                fills.snapshot = !as_news;
            }
            frames.push(body);
        }
        if again(Feed::Orders) {
            frames.push(self.open_orders_report());
        }
        if again(Feed::Account) {
            frames.push(EventBody::Account(self.account_report()));
            frames.push(self.head_room_report());
        }
        if again(Feed::Money) {
            frames.extend(self.money_report());
        }
        if again(Feed::Market) {
            frames.push(self.book_report());
        }
        for body in frames {
            self.deliver(false, self.now, body);
        }
    }
}
