//! What one coin traded: recent trades and minute candles.

use std::collections::VecDeque;

use mm_core::units::{Dur, Px, Sz, Time, Usd};

use super::message::Trade;

/// Trades kept.
const TRADES: usize = 2_000;
/// Minutes kept: a week.
const MINUTES: usize = 7 * 24 * 60;
/// One minute in milliseconds.
const MINUTE_MS: i64 = 60_000;

/// A candle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarketCandle {
    /// Opening time.
    pub open_time: Time,
    /// Last millisecond covered.
    pub close_time: Time,
    /// First price; the last close where nothing traded.
    pub open: Px,
    /// Highest price.
    pub high: Px,
    /// Lowest price.
    pub low: Px,
    /// Last price.
    pub close: Px,
    /// Size traded.
    pub volume: Sz,
    /// Notional traded.
    pub notional: Usd,
    /// Number of trades.
    pub trades: u32,
}

/// Trades and candles of one coin.
#[derive(Clone, Debug, Default)]
pub(super) struct Tape {
    trades: VecDeque<Trade>,
    minutes: VecDeque<MarketCandle>,
}

impl Tape {
    /// Closes the minutes that ended before `now` and opens the current one; a minute without a
    /// trade repeats the last close. Nothing before the first trade.
    pub(super) fn roll(&mut self, now: Time) {
        while let Some(last) = self.minutes.back() {
            if now <= last.close_time {
                break;
            }
            let next = flat(Time(last.close_time.0 + 1_000_000), last.close);
            self.push(next);
        }
    }

    /// Enters a trade at or after all before it.
    pub(super) fn trade(&mut self, trade: Trade) {
        self.roll(trade.time);
        if self.minutes.is_empty() {
            let start = trade.time.as_millis().div_euclid(MINUTE_MS) * MINUTE_MS;
            self.push(flat(Time::from_millis(start), trade.px));
        }
        let minute = self
            .minutes
            .back_mut()
            .expect("Invariant: the current minute was opened");
        if minute.trades == 0 {
            (minute.open, minute.high, minute.low) = (trade.px, trade.px, trade.px);
        }
        minute.high = minute.high.max(trade.px);
        minute.low = minute.low.min(trade.px);
        minute.close = trade.px;
        minute.volume += trade.sz;
        minute.notional += trade.px * trade.sz;
        minute.trades += 1;
        if self.trades.len() == TRADES {
            self.trades.pop_front();
        }
        self.trades.push_back(trade);
    }

    fn push(&mut self, minute: MarketCandle) {
        if self.minutes.len() == MINUTES {
            self.minutes.pop_front();
        }
        self.minutes.push_back(minute);
    }

    /// Recent trades, oldest first.
    pub(super) fn trades(&self) -> &VecDeque<Trade> {
        &self.trades
    }

    /// Candles of `interval` whole minutes, aligned to the epoch, that open in `from..=to`.
    pub(super) fn candles(&self, interval: Dur, from: Time, to: Time) -> Vec<MarketCandle> {
        let length = interval.0.max(MINUTE_MS * 1_000_000);
        let mut candles: Vec<MarketCandle> = Vec::new();
        for minute in &self.minutes {
            let open_time = Time(minute.open_time.0.div_euclid(length) * length);
            if open_time < from || to < open_time {
                continue;
            }
            match candles.last_mut() {
                Some(candle) if candle.open_time == open_time => candle.absorb(minute),
                _ => candles.push(MarketCandle {
                    open_time,
                    close_time: Time(open_time.0 + length - 1_000_000),
                    ..*minute
                }),
            }
        }
        candles
    }

    /// Minutes known, oldest first.
    pub(super) fn minutes(&self) -> &VecDeque<MarketCandle> {
        &self.minutes
    }
}

impl MarketCandle {
    /// Adds a later minute.
    fn absorb(&mut self, minute: &Self) {
        if minute.trades > 0 && self.trades == 0 {
            (self.open, self.high, self.low) = (minute.open, minute.high, minute.low);
        } else if minute.trades > 0 {
            self.high = self.high.max(minute.high);
            self.low = self.low.min(minute.low);
        }
        self.close = minute.close;
        self.volume += minute.volume;
        self.notional += minute.notional;
        self.trades += minute.trades;
    }
}

fn flat(open_time: Time, px: Px) -> MarketCandle {
    MarketCandle {
        open_time,
        close_time: Time(open_time.0 + (MINUTE_MS - 1) * 1_000_000),
        open: px,
        high: px,
        low: px,
        close: px,
        volume: Sz::ZERO,
        notional: Usd::ZERO,
        trades: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mm_core::units::Side;

    fn trade(ms: i64, px: i64) -> Trade {
        let (tid, tx) = (0, 0);
        let time = Time::from_millis(ms);
        Trade {
            asset: 0,
            time,
            tid,
            tx,
            side: Side::Bid,
            px: Px(px),
            sz: Sz(2),
            users: None,
        }
    }

    #[test]
    fn minutes_are_kept_and_quiet_ones_repeat_the_close() {
        let mut tape = Tape::default();
        for (ms, px) in [(30_000, 10), (31_000, 14), (59_999, 12), (200_000, 9)] {
            tape.trade(trade(ms, px));
        }
        let all = tape.candles(
            Dur::from_millis(60_000),
            Time(0),
            Time::from_millis(200_000),
        );
        let short: Vec<_> = all
            .iter()
            .map(|c| {
                (
                    c.open_time.as_millis(),
                    c.open.0,
                    c.high.0,
                    c.low.0,
                    c.close.0,
                    c.trades,
                )
            })
            .collect();
        let wanted = [
            (0, 10, 14, 10, 12, 3),
            (60_000, 12, 12, 12, 12, 0),
            (120_000, 12, 12, 12, 12, 0),
            (180_000, 9, 9, 9, 9, 1),
        ];
        assert_eq!(short, wanted);
        assert_eq!(all[0].close_time.as_millis(), 59_999);
        assert_eq!(all[0].notional, Usd(72));
        let wide = tape.candles(
            Dur::from_millis(240_000),
            Time(0),
            Time::from_millis(200_000),
        );
        assert_eq!(wide.len(), 1);
        assert_eq!(
            (wide[0].open, wide[0].high, wide[0].low, wide[0].close),
            (Px(10), Px(14), Px(9), Px(9))
        );
        assert_eq!(
            (wide[0].trades, wide[0].close_time.as_millis()),
            (4, 239_999)
        );
    }
}
