//! What of the limit outlives a session: saved with the account's state, taken up by the next.

use serde::{Deserialize, Serialize};

use super::Held;
use super::rise::{Base, Fine};
use crate::units::{Dur, SECOND, Time};

/// Largest number of lots or micro-USDC that it may state.
const LATTICE_MAX: i64 = 9_000_000_000_000_000_000;
/// A year, the longest time that it may state.
const YEAR: i64 = 366 * 86_400 * SECOND;

/// The last valid limit and how fast fills turned it over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Fields")]
pub struct SavedLimit {
    /// `None`: none was valid yet.
    pub held: Option<SavedHeld>,
    /// `None`: full quoting never began.
    pub turnover: Option<SavedTurnover>,
}

/// The last valid limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedHeld {
    /// When it was derived.
    pub at: Time,
    /// It, with what it rises from.
    pub limit: Held,
}

/// Time quoted and limits turned over, both decayed, as of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedTurnover {
    /// As of.
    pub at: Time,
    /// Time quoted.
    pub quoted: Dur,
    /// Limits turned over in it, billionths.
    pub limits_nano: i64,
}

/// [`SavedLimit`] as it was written, unchecked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    held: Option<SavedHeld>,
    turnover: Option<SavedTurnover>,
}

/// Why a saved limit was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("saved limit: {field} was {value}, expected {expected}")]
pub struct SavedLimitError {
    field: &'static str,
    value: i64,
    expected: &'static str,
}

impl TryFrom<Fields> for SavedLimit {
    type Error = SavedLimitError;

    fn try_from(fields: Fields) -> Result<Self, SavedLimitError> {
        let Fields { held, turnover } = fields;
        let check = |field, value, low: i64, high: i64, expected| {
            let fits = low <= value && value <= high;
            fits.then_some(()).ok_or(SavedLimitError {
                field,
                value,
                expected,
            })
        };
        let time = |at: Time| check("at", at.0, 0, i64::MAX, "nanoseconds since 1970-01-01");
        let amount = |field, value| check(field, value, 0, LATTICE_MAX, "0 to 9e18 lattice units");
        if let Some(SavedHeld { at, limit }) = held {
            time(at)?;
            amount("value", limit.value.0)?;
            for lots in limit.lots {
                amount("lots", lots.0)?;
            }
            let bases = limit
                .bases
                .map(|(Base::Money(fine) | Base::Lots(fine))| fine);
            for Fine(whole, nano) in bases.into_iter().chain([limit.money]) {
                amount("bases and money", whole)?;
                let (nano, most) = (i64::from(nano), 999_999_999);
                check("bases and money", nano, 0, most, "billionths below 1e9")?;
            }
        }
        if let Some(SavedTurnover {
            at,
            quoted,
            limits_nano,
        }) = turnover
        {
            time(at)?;
            check("quoted", quoted.0, 1, YEAR, "above 0, at most a year, ns")?;
            check("limits_nano", limits_nano, 1, i64::MAX, "above 0")?;
        }
        Ok(Self { held, turnover })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{Sz, Usd};

    fn saved() -> SavedLimit {
        SavedLimit {
            held: Some(SavedHeld {
                at: Time(5),
                limit: Held {
                    value: Usd(7),
                    money: Fine(7, 3),
                    lots: [Sz(2), Sz(3)],
                    bases: [Base::Money(Fine(7, 3)), Base::Lots(Fine(3, 1))],
                },
            }),
            turnover: Some(SavedTurnover {
                at: Time(6),
                quoted: Dur(9),
                limits_nano: 1_000_000_000,
            }),
        }
    }

    #[test]
    fn what_was_saved_is_checked_when_it_is_read() {
        let text = serde_json::to_string(&saved()).unwrap();
        assert_eq!(serde_json::from_str::<SavedLimit>(&text).unwrap(), saved());
        for (was, wrong) in [
            (r#""at":5"#, r#""at":-5"#),
            (r#""value":7"#, r#""value":-7"#),
            (r#""lots":[2,3]"#, r#""lots":[2,-3]"#),
            (r#""money":[7,3]},"#, r#""money":[-7,3]},"#),
            (r#""money":[7,3],"#, r#""money":[7,1000000000],"#),
            (r#""quoted":9"#, r#""quoted":0"#),
            (r#""limits_nano":1000000000"#, r#""limits_nano":0"#),
        ] {
            let spoilt = text.replacen(was, wrong, 1);
            assert_ne!(spoilt, text, "{was}");
            let error = serde_json::from_str::<SavedLimit>(&spoilt).unwrap_err();
            assert!(
                error.to_string().contains("saved limit"),
                "{wrong}: {error}"
            );
        }
        assert!(serde_json::from_str::<SavedLimit>("{}").is_ok_and(|s| s.held.is_none()));
        assert!(serde_json::from_str::<SavedLimit>(r#"{"more": 1}"#).is_err());
    }
}
