//! Lines of the venue's market data archive: a frame with the time it was received.

use mm_core::units::Time;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::DecodeError;
use super::parse::{parse, utf8};
use super::value::unexpected;

/// One archived frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArchiveLine<'a> {
    /// When the archive received it.
    pub recv: Time,
    /// The frame, as [`super::decode_frame`] reads it.
    pub frame: &'a str,
}

/// Reads `{"time":"2026-04-01T00:00:12.669126791","ver_num":1,"raw":{frame}}`.
///
/// # Errors
/// [`DecodeError`] where the line has another form or its time is no UTC date.
pub fn archive_line(line: &[u8]) -> Result<ArchiveLine<'_>, DecodeError> {
    #[derive(Deserialize)]
    struct Line<'a> {
        time: &'a str,
        #[serde(borrow)]
        raw: &'a RawValue,
    }
    let Line { time, raw } = parse("line", utf8("line", line)?)?;
    let recv = utc(time).ok_or_else(|| {
        unexpected(
            "time",
            time,
            "a UTC time like 2026-04-01T00:00:12.669126791",
        )
    })?;
    Ok(ArchiveLine {
        recv,
        frame: raw.get(),
    })
}

/// `YYYY-MM-DDTHH:MM:SS[.fraction]` in UTC, 1970 to 2261.
fn utc(text: &str) -> Option<Time> {
    let (date, clock) = text.strip_suffix('Z').unwrap_or(text).split_once('T')?;
    let (seconds, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(seconds, ':')?;
    let in_range = (1970..=2261).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if !in_range || fraction.is_empty() || fraction.len() > 9 {
        return None;
    }
    let nanos = digits(&format!("{fraction:0<9}"))?;
    let secs = ((days_since_epoch(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    Some(Time(secs * 1_000_000_000 + nanos))
}

fn numbers(text: &str, separator: char) -> Option<[i64; 3]> {
    let mut parts = text.split(separator).map(digits);
    let found = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(found)
}

fn digits(text: &str) -> Option<i64> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar (Hinnant's `days_from_civil`).
const fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archive_times_are_utc_to_the_nanosecond() {
        assert_eq!(utc("1970-01-01T00:00:00"), Some(Time(0)));
        assert_eq!(
            utc("2026-04-01T00:00:12.669126791"),
            Some(Time(1_775_001_612_669_126_791))
        );
        assert_eq!(
            utc("2024-02-29T23:59:59.5Z"),
            Some(Time(1_709_251_199_500_000_000))
        );
        for bad in [
            "",
            "2026-04-01",
            "2026-13-01T00:00:00",
            "2026-04-01T24:00:00",
            "2026-04-01T00:00:00.",
            "x-04-01T00:00:00",
            "2026-04-01T00:00:00.1234567890",
        ] {
            assert_eq!(utc(bad), None, "{bad}");
        }
    }
}
