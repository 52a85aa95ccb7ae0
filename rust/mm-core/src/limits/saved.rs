//! What of the limit outlives a session: saved with the account's state, taken up by the next.

use serde::{Deserialize, Serialize};

use super::Held;
use super::exact::{Count, Decimal};
use super::rise::{Base, Fine};
use crate::control::RAMP_HOURS;
use crate::units::{Dur, SECOND, Sz, Time};

/// Largest number of micro-USDC that it may state.
const MONEY_MAX: i64 = 9_000_000_000_000_000_000;
/// Largest number of lots.
const LOTS_MAX: i64 = 9_000_000_000_000_000;
/// A year, the longest time that it may state.
const YEAR: i64 = 366 * 86_400 * SECOND;

/// The last valid limit, how fast fills turned it over, and how far the capital ramp has opened it: each
/// is the coin's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Fields")]
pub struct SavedLimit {
    /// `None`: none was valid yet.
    pub held: Option<SavedHeld>,
    /// `None`: full quoting never began.
    pub turnover: Option<SavedTurnover>,
    /// Hours without a loss that the capital ramp has counted, 0 to 3.
    pub ramp_hours: u32,
}

/// The last valid limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedHeld {
    /// When it was derived.
    pub at: Time,
    /// Decimals of the size of its lots.
    pub sz_decimals: u32,
    /// It, with what it rises from.
    pub limit: Held,
}

impl SavedHeld {
    /// The same limit in lots of another size, cut: the venue may have changed the coin's szDecimals.
    #[must_use]
    pub fn rescaled(self, sz_decimals: u32) -> Self {
        let finer = Decimal::new(10_u128.pow(sz_decimals.saturating_sub(self.sz_decimals)), 0);
        let coarser = 10_u128.pow(self.sz_decimals.saturating_sub(sz_decimals));
        let anew = |lots| Count::of_fine(lots).times(finer).over(coarser).to_fine();
        let mut limit = self.limit;
        limit.lots = limit.lots.map(|lots| Sz(anew(Fine(lots.0, 0)).0));
        limit.bases = limit.bases.map(|base| match base {
            Base::Lots(lots) => Base::Lots(anew(lots)),
            money @ Base::Money(_) => money,
        });
        Self {
            sz_decimals,
            limit,
            ..self
        }
    }
}

/// Time quoted and limits turned over, both decayed, as of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedTurnover {
    /// As of.
    pub at: Time,
    /// The base horizon it was measured in; `None`: written before it was saved.
    #[serde(default)]
    pub base: Option<Dur>,
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
    #[serde(default)]
    ramp_hours: u32,
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
        let Fields {
            held,
            turnover,
            ramp_hours,
        } = fields;
        let check = |field, value, low: i64, high: i64, expected| {
            let fits = low <= value && value <= high;
            fits.then_some(()).ok_or(SavedLimitError {
                field,
                value,
                expected,
            })
        };
        let time = |at: Time| check("at", at.0, 0, i64::MAX, "nanoseconds since 1970-01-01");
        let money = |value| check("money", value, 0, MONEY_MAX, "0 to 9e18 micro-USDC");
        let count = |value| check("lots", value, 0, LOTS_MAX, "0 to 9e15 lots");
        let rest = |nano| {
            check(
                "nano",
                i64::from(nano),
                0,
                999_999_999,
                "billionths below 1e9",
            )
        };
        if let Some(SavedHeld {
            at,
            sz_decimals,
            limit,
        }) = held
        {
            time(at)?;
            check("sz_decimals", i64::from(sz_decimals), 0, 6, "0 to 6")?;
            money(limit.value.0)?;
            money(limit.money.0)?;
            rest(limit.money.1)?;
            for lots in limit.lots {
                count(lots.0)?;
            }
            for base in limit.bases {
                let (Base::Money(Fine(_, nano)) | Base::Lots(Fine(_, nano))) = base;
                rest(nano)?;
                match base {
                    Base::Money(Fine(whole, _)) => money(whole)?,
                    Base::Lots(Fine(whole, _)) => count(whole)?,
                }
            }
        }
        if let Some(SavedTurnover {
            at,
            base,
            quoted,
            limits_nano,
        }) = turnover
        {
            time(at)?;
            let base = base.map_or(1, |base| base.0);
            check("base", base, 1, YEAR, "above 0, at most a year, ns")?;
            check("quoted", quoted.0, 1, YEAR, "above 0, at most a year, ns")?;
            check("limits_nano", limits_nano, 1, i64::MAX, "above 0")?;
        }
        let (hours, most) = (i64::from(ramp_hours), i64::from(RAMP_HOURS));
        check("ramp_hours", hours, 0, most, "0 to 3")?;
        Ok(Self {
            held,
            turnover,
            ramp_hours,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Usd;

    fn saved() -> SavedLimit {
        SavedLimit {
            held: Some(SavedHeld {
                at: Time(5),
                sz_decimals: 5,
                limit: Held {
                    value: Usd(7),
                    money: Fine(7, 3),
                    lots: [Sz(2), Sz(3)],
                    bases: [Base::Money(Fine(7, 3)), Base::Lots(Fine(3, 1))],
                },
            }),
            turnover: Some(SavedTurnover {
                at: Time(6),
                base: Some(Dur(4)),
                quoted: Dur(9),
                limits_nano: 1_000_000_000,
            }),
            ramp_hours: 2,
        }
    }

    #[test]
    fn what_was_saved_is_checked_when_it_is_read() {
        let text = serde_json::to_string(&saved()).unwrap();
        assert_eq!(serde_json::from_str::<SavedLimit>(&text).unwrap(), saved());
        for (was, wrong) in [
            (r#""at":5"#, r#""at":-5"#),
            (r#""value":7"#, r#""value":-7"#),
            (r#""sz_decimals":5"#, r#""sz_decimals":7"#),
            (r#""lots":[2,3]"#, r#""lots":[2,-3]"#),
            (r#""lots":[2,3]"#, r#""lots":[2,9000000000000001]"#),
            (r#"{"money":[7,3]}"#, r#"{"money":[-7,3]}"#),
            (r#"{"lots":[3,1]}"#, r#"{"lots":[9000000000000001,1]}"#),
            (r#"{"lots":[3,1]}"#, r#"{"lots":[3,1000000000]}"#),
            (r#""money":[7,3],"#, r#""money":[-7,3],"#),
            (r#""money":[7,3],"#, r#""money":[7,1000000000],"#),
            (r#""ramp_hours":2"#, r#""ramp_hours":4"#),
            (r#""base":4"#, r#""base":0"#),
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

    /// 2 lots of 1e-5 are 20 of 1e-6; 1,234 of them are 12 of 1e-3. Money stays money.
    #[test]
    fn lots_of_another_size_are_counted_anew() {
        let mut held = saved().held.unwrap();
        let finer = held.rescaled(6).limit;
        assert_eq!(finer.lots, [Sz(20), Sz(30)]);
        assert_eq!(finer.bases[0], held.limit.bases[0]);
        assert_eq!(finer.bases[1], Base::Lots(Fine(30, 10)));
        held.limit.lots = [Sz(1_234), Sz(LOTS_MAX)];
        held.limit.bases = [
            Base::Lots(Fine(1_234, 560_000_000)),
            Base::Lots(Fine(LOTS_MAX, 0)),
        ];
        let coarser = held.rescaled(3);
        assert_eq!(coarser.limit.lots, [Sz(12), Sz(LOTS_MAX / 100)]);
        assert_eq!(coarser.limit.bases[0], Base::Lots(Fine(12, 345_600_000)));
        assert_eq!((coarser.sz_decimals, coarser.at), (3, held.at));
        assert_eq!(held.rescaled(6).limit.lots[1], Sz(LOTS_MAX));
        assert_eq!(held.rescaled(5), held);
    }
}
