//! What candles say of the volatility before: the last day's, and what an hour usually has.
//!
//! Minutes cover a day, longer candles up to 30 days; an hour is judged by its minutes where they cover
//! it. Of `n` returns the median of the mean square is below the variance by about `(1 - 2/(9n))^3`
//! (Wilson and Hilferty 1931), 16 % where an hour has four returns: each hour is corrected by that, so
//! that the median does not depend on the candles' length.

use super::Evidence;
use crate::event::Candle;
use crate::units::{Dur, SECOND, Time};

const HOUR: Dur = Dur(3600 * SECOND);
/// Hours of the last day, and of all that is kept.
const DAY_HOURS: usize = 24;
const HOURS: usize = 720;
/// Hours of a day that make a median, and days that an hour's own ratio needs to count for half.
const DAY_COVERED: usize = 18;
const DAYS_HALF: f64 = 7.0;
/// Longest candle that counts as a minute's, s.
const MINUTE_S: f64 = 60.0;
/// A return may span so many lengths of its candles: where nothing traded there is none.
const SPAN_LENGTHS: f64 = 3.0;
/// Least part of a time that its returns must span to cover it.
const COVER_FRAC: f64 = 0.9;

/// What history says.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Seed {
    /// Sigma of the last 24 h, where they are covered.
    pub sigma_24h: Option<f64>,
    /// Median of the hourly sigmas of up to 30 days, where at least 24 h are covered.
    pub sigma_prior: Option<f64>,
    /// Sigma usual at this hour: the median of the last 24 hourly ones, where 18 are covered, times how this
    /// hour of the day compared with its own 24 on the days before (geometric mean; seven days are half of
    /// the weight that it could have).
    pub sigma_usual: Option<f64>,
}

/// A return between the closes of two candles.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Return {
    /// Its end, exchange time.
    pub(super) close: Time,
    /// Square of the log return.
    pub(super) squared: f64,
    /// What it spans, s.
    pub(super) span_s: f64,
}

/// Returns between neighbours, those left out that are no numbers or span a gap.
pub(super) fn returns(candles: &[Candle]) -> Vec<Return> {
    candles
        .windows(2)
        .filter_map(|pair| {
            let span_s = pair[1].close.since(pair[0].close).as_secs();
            let r = libm::log(pair[1].close_px / pair[0].close_px);
            let squared = r * r;
            let sound =
                0.0 < span_s && span_s <= SPAN_LENGTHS * length_s(&pair[1]) && squared.is_finite();
            sound.then_some(Return {
                close: pair[1].close,
                squared,
                span_s,
            })
        })
        .collect()
}

/// Length of a candle, s: the venue's ends a millisecond before the next one.
fn length_s(candle: &Candle) -> f64 {
    libm::ceil(candle.close.since(candle.open).as_secs())
}

/// Whether these are minutes, what the running estimates can begin with.
pub(super) fn are_minutes(candles: &[Candle]) -> bool {
    candles
        .first()
        .is_some_and(|candle| length_s(candle) <= MINUTE_S)
}

/// Sums of one hour.
#[derive(Clone, Copy, Debug, Default)]
struct Hour {
    squared: f64,
    span_s: f64,
    count: f64,
}

impl Hour {
    fn is_covered(&self) -> bool {
        self.span_s >= COVER_FRAC * HOUR.as_secs()
    }

    /// Its sigma, comparable between hours of different returns in a median.
    fn sigma(&self) -> f64 {
        let share = 1.0 - 2.0 / (9.0 * self.count);
        libm::sqrt(self.squared / self.span_s / (share * share * share))
    }
}

/// Candles heard so far, as returns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    minutes: Vec<Return>,
    longer: Vec<Return>,
    heard: Option<Time>,
    /// Hours of the last day that were covered then.
    day_hours: usize,
}

impl History {
    /// Hears candles of one length, oldest first: they replace what they overlap, and nothing else.
    pub fn hear(&mut self, candles: &[Candle], now: Time) {
        self.heard = Some(now);
        let new = returns(candles);
        let kept = if are_minutes(candles) {
            &mut self.minutes
        } else {
            &mut self.longer
        };
        if let Some(first) = new.first() {
            kept.retain(|old| old.close < first.close);
        }
        kept.extend(new);
        kept.retain(|old| hours_ago(old.close, now) < HOURS);
        self.day_hours = self.hours_covered(now);
    }

    /// When candles were last heard.
    #[must_use]
    pub const fn heard(&self) -> Option<Time> {
        self.heard
    }

    /// What the usual volatility rests on: hours of the last day that are covered, as of when candles were last heard.
    #[must_use]
    pub fn evidence(&self, now: Time) -> Evidence {
        let passed = self.heard.map_or(0, |heard| hours_ago(heard, now));
        let n = self.day_hours.saturating_sub(passed);
        Evidence {
            #[expect(clippy::cast_precision_loss, reason = "at most 24")]
            n: n as f64,
            as_of: self.heard,
            ready: n >= DAY_COVERED,
        }
    }

    fn hours_covered(&self, now: Time) -> usize {
        let (minutes, longer) = (by_hour(&self.minutes, now), by_hour(&self.longer, now));
        let day = minutes.iter().zip(&longer).take(DAY_HOURS);
        day.filter(|(fine, coarse)| fine.is_covered() || coarse.is_covered())
            .count()
    }

    /// What they say at `now`.
    #[must_use]
    pub fn seed(&self, now: Time) -> Seed {
        let (minutes, longer) = (by_hour(&self.minutes, now), by_hour(&self.longer, now));
        let covered: Vec<(usize, Hour)> = minutes
            .into_iter()
            .zip(longer)
            .map(|(fine, coarse)| if fine.is_covered() { fine } else { coarse })
            .enumerate()
            .filter(|(_, hour)| hour.is_covered())
            .collect();
        let day = covered.iter().filter(|(ago, _)| *ago < DAY_HOURS);
        let (squared, span_s) = day.fold((0.0, 0.0), |(squared, span_s), (_, hour)| {
            (squared + hour.squared, span_s + hour.span_s)
        });
        let sigma_24h =
            (span_s >= COVER_FRAC * 24.0 * HOUR.as_secs()).then(|| libm::sqrt(squared / span_s));
        let mut hourly: Vec<f64> = covered.iter().map(|(_, hour)| hour.sigma()).collect();
        hourly.sort_by(f64::total_cmp);
        let sigma_prior = (hourly.len() >= DAY_HOURS).then(|| hourly[hourly.len() / 2]);
        let by_age: Vec<(usize, f64)> = covered
            .iter()
            .map(|(ago, hour)| (*ago, hour.sigma()))
            .collect();
        Seed {
            sigma_24h,
            sigma_prior,
            sigma_usual: usual(&by_age),
        }
    }
}

/// Of hourly sigmas by their age in hours: see [`Seed::sigma_usual`]. The hour that begins now was, of each
/// day before, the oldest.
fn usual(by_age: &[(usize, f64)]) -> Option<f64> {
    let of_day = |day: usize| -> Option<f64> {
        let of_it = by_age.iter().filter(|(ago, _)| ago / DAY_HOURS == day);
        median(of_it.map(|(_, sigma)| *sigma).collect())
    };
    let today = of_day(0)?;
    let same_hour = by_age
        .iter()
        .filter(|(ago, _)| ago % DAY_HOURS == DAY_HOURS - 1);
    let ratios: Vec<f64> = same_hour
        .filter_map(|(ago, sigma)| Some(sigma / of_day(ago / DAY_HOURS)?))
        .filter(|ratio| ratio.is_finite() && *ratio > 0.0)
        .collect();
    let n = ratios.len();
    #[expect(clippy::cast_precision_loss, reason = "at most 30 days")]
    let trust = n as f64 / (n as f64 + DAYS_HALF);
    let hour = (n > 0).then(|| ratios.iter().map(|ratio| libm::log(*ratio)));
    #[expect(clippy::cast_precision_loss, reason = "at most 30 days")]
    let log_hour = hour.map_or(0.0, |logs| logs.sum::<f64>() / n as f64);
    Some(today * libm::exp(trust * log_hour))
}

/// The median of a day's hours, where enough are covered.
fn median(mut sigmas: Vec<f64>) -> Option<f64> {
    sigmas.sort_by(f64::total_cmp);
    (sigmas.len() >= DAY_COVERED).then(|| sigmas[sigmas.len() / 2])
}

/// Whole hours between a close and `now`: 0 for the last one.
fn hours_ago(close: Time, now: Time) -> usize {
    let age = now.since(close).0.max(1) - 1;
    usize::try_from(age / HOUR.0).unwrap_or(usize::MAX)
}

fn by_hour(returns: &[Return], now: Time) -> Vec<Hour> {
    let mut hours = vec![Hour::default(); HOURS];
    for one in returns {
        if let Some(hour) = hours.get_mut(hours_ago(one.close, now)) {
            hour.squared += one.squared;
            hour.span_s += one.span_s;
            hour.count += 1.0;
        }
    }
    hours
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimators::volatility::tests::Normals;

    const START: Time = Time(1_700_000_000 * SECOND);

    /// Candles of one length that end at `end`, each with its own sigma.
    fn candles(end: Time, minutes: i64, count: i64, sigma: impl Fn(i64) -> f64) -> Vec<Candle> {
        let (mut normals, mut px) = (Normals(minutes.unsigned_abs() + 8), 100.0);
        let length = Dur(minutes * 60 * SECOND);
        (0..count)
            .map(|index| {
                let left = count - 1 - index;
                let open = Time(end.0 - (left + 1) * length.0);
                px *= libm::exp(sigma(left) * libm::sqrt(length.as_secs()) * normals.next());
                Candle {
                    open,
                    close: Time(open.0 + length.0 - 1_000_000),
                    close_px: px,
                }
            })
            .collect()
    }

    fn near(value: Option<f64>, wanted: f64) -> bool {
        value.is_some_and(|value| (value / wanted - 1.0).abs() < 0.08)
    }

    #[test]
    fn a_day_of_minutes_gives_the_floor_and_the_prior() {
        let mut history = History::default();
        history.hear(&candles(START, 1, 1_561, |_| 2e-4), START);
        let seed = history.seed(START);
        assert!(
            near(seed.sigma_24h, 2e-4) && near(seed.sigma_prior, 2e-4),
            "{seed:?}"
        );
    }

    #[test]
    fn less_than_a_day_gives_neither() {
        let mut history = History::default();
        history.hear(&candles(START, 1, 1_000, |_| 2e-4), START);
        assert_eq!(history.seed(START), Seed::default());
        // Twenty hours are enough for what is usual, and for nothing else.
        history.hear(&candles(START, 1, 1_200, |_| 2e-4), START);
        let seed = history.seed(START);
        assert_eq!((seed.sigma_24h, seed.sigma_prior), (None, None));
        assert!(near(seed.sigma_usual, 2e-4), "{seed:?}");
    }

    #[test]
    fn the_prior_is_of_a_month_and_the_floor_of_the_last_day() {
        // A wild day after 29 calm ones.
        let mut history = History::default();
        history.hear(&candles(START, 1, 1_441, |_| 5e-4), START);
        assert!(near(history.seed(START).sigma_prior, 5e-4));
        let month = candles(START, 15, 2_881, |left| if left < 96 { 5e-4 } else { 1e-4 });
        history.hear(&month, START);
        let seed = history.seed(START);
        assert!(
            near(seed.sigma_24h, 5e-4) && near(seed.sigma_prior, 1e-4),
            "{seed:?}"
        );
    }

    #[test]
    fn longer_candles_stand_in_where_minutes_are_missing() {
        let mut history = History::default();
        history.hear(&candles(START, 15, 120, |_| 3e-4), START);
        let seed = history.seed(START);
        let rough = |value: Option<f64>| (value.unwrap() / 3e-4 - 1.0).abs() < 0.25;
        assert!(rough(seed.sigma_24h) && rough(seed.sigma_prior), "{seed:?}");
    }

    #[test]
    fn an_hour_later_an_hour_has_moved_on() {
        let mut history = History::default();
        history.hear(&candles(START, 1, 1_441, |_| 1e-4), START);
        assert!(near(history.seed(START).sigma_24h, 1e-4));
        // Twelve hours later the last twelve were wild; only they are told.
        let later = START.plus(Dur(12 * HOUR.0));
        history.hear(&candles(later, 1, 721, |_| 7e-4), later);
        let both = libm::sqrt(f64::midpoint(1e-8, 49e-8));
        assert!(near(history.seed(later).sigma_24h, both));
        assert_eq!(history.heard(), Some(later));
        // An answer without candles takes nothing away.
        history.hear(&[], later);
        assert!(near(history.seed(later).sigma_24h, both));
    }

    /// Every day the hour that begins now is three times as lively as the others: a week says half of that, in
    /// logarithms, a day an eighth.
    #[test]
    fn an_hour_that_is_lively_every_day_is_usually_so() {
        for days in [1, 7] {
            let mut history = History::default();
            let at = |left: i64| (left / 60) % 24 == 23;
            let sigma = |left| if at(left) { 3e-4 } else { 1e-4 };
            history.hear(&candles(START, 1, days * 1_440 + 1, sigma), START);
            #[expect(clippy::cast_precision_loss, reason = "a week")]
            let trust = days as f64 / (days as f64 + 7.0);
            let wanted = 1e-4 * libm::exp(trust * libm::log(3.0));
            let usual = history.seed(START).sigma_usual.unwrap();
            assert!((usual / wanted - 1.0).abs() < 0.05, "{usual} {wanted}");
        }
    }

    #[test]
    fn what_is_older_than_a_month_is_forgotten() {
        let mut history = History::default();
        history.hear(&candles(START, 15, 2_881, |_| 1e-4), START);
        assert_eq!(history.longer.len(), 2_880);
        let later = START.plus(Dur(30 * 24 * HOUR.0));
        history.hear(&[], later);
        assert_eq!(
            (history.longer.len(), history.seed(later)),
            (0, Seed::default())
        );
    }
}
