//! What we know of the market, and how fresh it is.

use super::models::Models;
use super::places::Queues;
use crate::book::{Book, Touch};
use crate::estimators::funding::Funding;
use crate::estimators::history::{History, Seed};
use crate::estimators::jump::Jump;
use crate::estimators::markout::Markouts;
use crate::estimators::queue::Scope;
use crate::estimators::regime::Regimes;
use crate::estimators::tape::Tape;
use crate::estimators::volatility::Volatility;
use crate::event::{AssetCtx, Bbo, BookSnapshot, Candle, Trade};
use crate::instrument::Instrument;
use crate::units::{Dur, SECOND, Time};

/// Between two looks at the regime.
const JUDGE: Dur = Dur(SECOND);
/// From then on nobody knows whether the venue's open interest is at its cap: ten looks went unanswered.
const CAP_LOST: Dur = Dur(600 * SECOND);

/// Book, estimators and their ages.
#[derive(Clone, Debug)]
pub(super) struct Market {
    pub(super) book: Book,
    /// Its top without our own orders, as they were when the newest frame came.
    pub(super) others: Option<Touch>,
    pub(super) models: Models,
    /// Where our orders stand; `None`: nobody asks.
    pub(super) queues: Option<Queues>,
    pub(super) volatility: Volatility,
    pub(super) jump: Jump,
    pub(super) regimes: Regimes,
    /// When the regime was last judged.
    judged: Option<Time>,
    pub(super) history: History,
    /// What history said when it was last heard.
    pub(super) seed: Seed,
    pub(super) tape: Tape,
    pub(super) markouts: Markouts,
    pub(super) funding: Funding,
    /// Whether the coin is at its open-interest cap, and when that was told.
    open_interest_cap: Option<(bool, Time)>,
    /// Whether it was said that nobody tells any more.
    cap_lost_told: bool,
    /// Receive time of the newest book or bbo, or of a context that agrees with it.
    fresh: Option<Time>,
    /// Receive time of the newest book or bbo.
    sampled: Option<Time>,
    /// Whether a book arrived since the stream last came up.
    pub(super) seen_since_up: bool,
}

impl Market {
    pub(super) fn new(models: Models, queues: Option<Queues>) -> Self {
        Self {
            book: Book::default(),
            others: None,
            models,
            queues,
            volatility: Volatility::default(),
            jump: Jump::default(),
            regimes: Regimes::default(),
            judged: None,
            history: History::default(),
            seed: Seed::default(),
            tape: Tape::default(),
            markouts: Markouts::default(),
            funding: Funding::default(),
            open_interest_cap: None,
            cap_lost_told: false,
            fresh: None,
            sampled: None,
            seen_since_up: false,
        }
    }

    /// Whether it is news.
    pub(super) fn on_book(&mut self, snapshot: &BookSnapshot, now: Time) -> bool {
        let known = self.book.exch();
        let news = self.book.apply_snapshot(snapshot);
        if news {
            self.on_frame(known, Scope::Whole, now);
        }
        news
    }

    /// Whether it is news.
    pub(super) fn on_bbo(&mut self, bbo: &Bbo, now: Time) -> bool {
        let known = self.book.exch();
        let news = self.book.apply_bbo(bbo);
        if news {
            self.on_frame(known, Scope::Touch, now);
        }
        news
    }

    /// A frame was used. One of the time that was `known` already says what the book was then: a feed
    /// that repeats itself is no sign of life.
    fn on_frame(&mut self, known: Time, scope: Scope, now: Time) {
        if let Some(queues) = &mut self.queues {
            queues.on_book(&self.book, scope);
        }
        let exch = self.book.exch();
        if exch > known || !self.seen_since_up {
            self.fresh = Some(now);
            self.sampled = Some(now);
        }
        self.seen_since_up = true;
        self.tape.start(exch);
    }

    /// The top of the book as all see it, and without our own orders.
    pub(super) fn touches(&self) -> Option<(Touch, Touch)> {
        let touch = self.book.touch()?;
        Some((touch, self.others.unwrap_or(touch)))
    }

    /// The mid that others make, lattice units: what we believe of the market must not follow our own orders.
    pub(super) fn mid_of_others(&self) -> Option<f64> {
        self.touches().map(|(_, others)| others.mid())
    }

    /// A newer top, and the same without our own orders; `None`: it has none.
    pub(super) fn on_touch(&mut self, others: Option<Touch>) {
        self.others = others;
        let Some(mid) = self.mid_of_others() else {
            return;
        };
        let exch = self.book.exch();
        self.markouts.on_mid(exch, mid);
        let explained = self.volatility.without_jumps();
        self.jump.observe(exch, mid, explained);
        self.volatility.observe(exch, mid);
        if self.judged.is_none_or(|judged| exch.since(judged) >= JUDGE) {
            self.judged = Some(exch);
            let (sigma, recent) = (
                self.volatility.of_two_minutes(exch),
                self.volatility.recent_moves(),
            );
            self.regimes
                .observe(exch, sigma, recent, self.seed.sigma_usual);
            self.markouts.on_regime(self.regimes.regime());
        }
    }

    /// A context counts as a heartbeat only while its mid lies within our best bid and offer.
    pub(super) fn on_ctx(&mut self, ctx: &AssetCtx, instrument: &Instrument, now: Time) {
        if let Some(exch) = self.exch_at(now) {
            let main_dex = !instrument.coin().contains(':');
            self.funding.observe(exch, ctx, main_dex);
        }
        let inside = |touch: Touch| {
            let (bid, ask) = (
                instrument.px_f64(touch.bid.px),
                instrument.px_f64(touch.ask.px),
            );
            ctx.mid_px.is_some_and(|mid| bid <= mid && mid <= ask)
        };
        if self.seen_since_up && self.book.touch().is_some_and(inside) {
            self.fresh = Some(now);
            // A book confirmed unchanged is an observation too: its mid held until now.
            if let (Some(mid), Some(exch)) = (self.mid_of_others(), self.exch_at(now)) {
                self.volatility.observe(exch, mid);
            }
        }
    }

    pub(super) fn on_candles(&mut self, candles: &[Candle], now: Time) {
        self.volatility.seed(candles, now);
        self.history.hear(candles, now);
        self.seed = self.history.seed(now);
    }

    pub(super) fn on_cap(&mut self, is_at: bool, now: Time) {
        self.open_interest_cap = Some((is_at, now));
        self.cap_lost_told = false;
    }

    /// Whether the coin is at its open-interest cap. "It is" stands until somebody tells otherwise; that
    /// it is not is forgotten when nobody has said it for long: then only the venue's refusal tells.
    pub(super) fn is_at_cap(&self, now: Time) -> Option<bool> {
        let (is_at, heard) = self.open_interest_cap?;
        (is_at || now.since(heard) < CAP_LOST).then_some(is_at)
    }

    /// Since when nobody has answered, said once for each silence.
    pub(super) fn newly_lost_cap(&mut self, now: Time) -> Option<Dur> {
        let age = self.cap_age(now).filter(|age| *age >= CAP_LOST)?;
        (!core::mem::replace(&mut self.cap_lost_told, true)).then_some(age)
    }

    /// Since when that is what it is; `None`: nobody told.
    pub(super) fn cap_age(&self, now: Time) -> Option<Dur> {
        self.open_interest_cap.map(|(_, heard)| now.since(heard))
    }

    /// Since when history is what it is; `None`: nobody told any.
    pub(super) fn history_age(&self, now: Time) -> Option<Dur> {
        self.history.heard().map(|heard| now.since(heard))
    }

    pub(super) fn on_trades(&mut self, trades: &[Trade], now: Time) {
        for trade in trades {
            if self.tape.observe(trade) {
                self.models.on_trade(trade, now);
                if let Some(queues) = &mut self.queues {
                    queues.on_trade(trade);
                }
            }
        }
    }

    pub(super) fn on_down(&mut self) {
        self.models.on_gap();
        self.markouts.on_gap();
        if let Some(queues) = &mut self.queues {
            queues.on_gap();
        }
        self.jump.forget();
        self.seen_since_up = false;
    }

    /// Exchange time at a receive time: that of the newest book, and what has passed since. `None`: no book.
    pub(super) fn exch_at(&self, now: Time) -> Option<Time> {
        self.sampled
            .map(|sampled| self.book.exch().plus(now.since(sampled)))
    }

    pub(super) fn age(&self, now: Time) -> Option<Dur> {
        self.fresh.map(|fresh| now.since(fresh))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEARD: Time = Time(SECOND);

    fn unheard() -> Market {
        let config = crate::quote::tests::config(crate::quote::Strategy::Ladder);
        Market::new(Models::new(&crate::learned::tests::CONFIG, &config), None)
    }

    fn after(dur: i64) -> Time {
        HEARD.plus(Dur(CAP_LOST.0 + dur))
    }

    #[test]
    fn at_the_cap_stands_and_below_it_is_forgotten() {
        let mut market = unheard();
        assert_eq!(market.is_at_cap(HEARD), None);
        market.on_cap(false, HEARD);
        assert_eq!(market.is_at_cap(after(-1)), Some(false));
        assert_eq!(market.is_at_cap(after(0)), None);
        market.on_cap(true, HEARD);
        assert_eq!(market.is_at_cap(after(SECOND)), Some(true));
    }

    #[test]
    fn silence_about_the_cap_is_told_once() {
        let mut market = unheard();
        assert_eq!(market.newly_lost_cap(HEARD), None);
        for _ in 0..2 {
            market.on_cap(false, HEARD);
            assert_eq!(market.newly_lost_cap(after(-1)), None);
            assert_eq!(market.newly_lost_cap(after(0)), Some(CAP_LOST));
            assert_eq!(market.newly_lost_cap(after(SECOND)), None);
        }
    }
}
