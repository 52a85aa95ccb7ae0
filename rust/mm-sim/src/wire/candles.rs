//! Candles in the venue's intervals and JSON.

use mm_core::instrument::Instrument;
use mm_core::units::{Dur, Time};
use serde::{Deserialize, Serialize};

use super::number::Num;
use crate::exchange::{MarketCandle, SimExchange};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Most candles a query returns.
const CANDLES_MAX: usize = 5_000;
/// Latest moment a query may name, so that it fits nanoseconds.
const MS_MAX: i64 = i64::MAX / 1_000_000 - DAY_MS * 40;

/// A candle interval of the venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Interval {
    #[serde(rename = "1m")]
    M1,
    #[serde(rename = "3m")]
    M3,
    #[serde(rename = "5m")]
    M5,
    #[serde(rename = "15m")]
    M15,
    #[serde(rename = "30m")]
    M30,
    #[serde(rename = "1h")]
    H1,
    #[serde(rename = "2h")]
    H2,
    #[serde(rename = "4h")]
    H4,
    #[serde(rename = "8h")]
    H8,
    #[serde(rename = "12h")]
    H12,
    #[serde(rename = "1d")]
    D1,
    #[serde(rename = "3d")]
    D3,
    #[serde(rename = "1w")]
    W1,
    #[serde(rename = "1M")]
    Month,
}

impl Interval {
    /// Length in milliseconds; `None` for the calendar month.
    const fn length_ms(self) -> Option<i64> {
        Some(match self {
            Self::M1 => MINUTE_MS,
            Self::M3 => 3 * MINUTE_MS,
            Self::M5 => 5 * MINUTE_MS,
            Self::M15 => 15 * MINUTE_MS,
            Self::M30 => 30 * MINUTE_MS,
            Self::H1 => HOUR_MS,
            Self::H2 => 2 * HOUR_MS,
            Self::H4 => 4 * HOUR_MS,
            Self::H8 => 8 * HOUR_MS,
            Self::H12 => 12 * HOUR_MS,
            Self::D1 => DAY_MS,
            Self::D3 => 3 * DAY_MS,
            Self::W1 => 7 * DAY_MS,
            Self::Month => return None,
        })
    }

    /// First and last millisecond of the candle that covers `ms`.
    const fn bounds(self, ms: i64) -> (i64, i64) {
        match self.length_ms() {
            Some(length) => {
                let open = ms.div_euclid(length) * length;
                (open, open + length - 1)
            }
            None => month_bounds(ms),
        }
    }
}

/// First and last millisecond of the UTC calendar month that covers `ms`.
const fn month_bounds(ms: i64) -> (i64, i64) {
    let (year, month, _) = civil_from_days(ms.div_euclid(DAY_MS));
    let (next_year, next_month) = if month == 12 {
        (year + 1, 1)
    } else {
        (year, month + 1)
    };
    let open = days_from_civil(year, month, 1) * DAY_MS;
    (open, days_from_civil(next_year, next_month, 1) * DAY_MS - 1)
}

/// Days since 1970-01-01 of a proleptic Gregorian date (Hinnant, "chrono-compatible low-level date algorithms").
const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Year, month and day of a number of days since 1970-01-01.
pub(crate) const fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

/// Candles of `interval` that cover any of `start_ms..=end_ms`, oldest first, the newest 5000 at most.
pub(crate) fn candles(
    sim: &SimExchange,
    asset: u32,
    interval: Interval,
    start_ms: i64,
    end_ms: i64,
) -> Vec<MarketCandle> {
    let from = Time::from_millis(interval.bounds(start_ms.clamp(0, MS_MAX)).0);
    let to = Time::from_millis(end_ms.clamp(0, MS_MAX));
    let mut candles = match interval.length_ms() {
        Some(length) => sim.candles(asset, Dur::from_millis(length), from, to),
        None => months(&sim.candles(asset, Dur::from_millis(DAY_MS), from, to)),
    };
    let surplus = candles.len().saturating_sub(CANDLES_MAX);
    candles.split_off(surplus)
}

/// The candle of `interval` that is open now; `None` before the first trade.
pub(crate) fn open_candle(
    sim: &SimExchange,
    asset: u32,
    interval: Interval,
) -> Option<MarketCandle> {
    let now = sim.now().as_millis();
    candles(sim, asset, interval, now, now).pop()
}

/// Days folded to calendar months.
fn months(days: &[MarketCandle]) -> Vec<MarketCandle> {
    let mut months: Vec<MarketCandle> = Vec::new();
    for day in days {
        let (open_ms, close_ms) = month_bounds(day.open_time.as_millis());
        match months.last_mut() {
            Some(month) if month.open_time.as_millis() == open_ms => {
                month.high = month.high.max(day.high);
                month.low = month.low.min(day.low);
                month.close = day.close;
                month.volume += day.volume;
                month.notional += day.notional;
                month.trades += day.trades;
            }
            _ => months.push(MarketCandle {
                open_time: Time::from_millis(open_ms),
                close_time: Time::from_millis(close_ms),
                ..*day
            }),
        }
    }
    months
}

/// A candle in the venue's JSON.
#[derive(Debug, Serialize)]
pub(crate) struct CandleJson<'a> {
    t: i64,
    #[serde(rename = "T")]
    close_ms: i64,
    s: &'a str,
    i: Interval,
    o: Num,
    c: Num,
    h: Num,
    l: Num,
    v: Num,
    n: u32,
}

impl<'a> CandleJson<'a> {
    /// The JSON of `candle`.
    pub(crate) fn new(
        instrument: &'a Instrument,
        interval: Interval,
        candle: &MarketCandle,
    ) -> Self {
        let px = |px| Num::px(instrument, px);
        Self {
            t: candle.open_time.as_millis(),
            close_ms: candle.close_time.as_millis(),
            s: instrument.coin(),
            i: interval,
            o: px(candle.open),
            c: px(candle.close),
            h: px(candle.high),
            l: px(candle.low),
            v: Num::sz(instrument, candle.volume),
            n: candle.trades,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_follow_the_calendar() {
        let day = |y, m, d| days_from_civil(y, m, d) * DAY_MS;
        assert_eq!(days_from_civil(1970, 1, 1), 0);
        assert_eq!(civil_from_days(days_from_civil(2024, 2, 29)), (2024, 2, 29));
        assert_eq!(
            month_bounds(day(2024, 2, 29) + 5),
            (day(2024, 2, 1), day(2024, 3, 1) - 1)
        );
        assert_eq!(
            month_bounds(day(2025, 12, 31)),
            (day(2025, 12, 1), day(2026, 1, 1) - 1)
        );
    }
}
