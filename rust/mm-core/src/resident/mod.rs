//! The stop that rests at the exchange: what ends a position when nothing of ours lives any more.
//!
//! ```text
//! worst    = the most that our orders can still make of the position: the limit, and at least |q|
//! room     = loss budget left / worst              how far mark may move against it
//! farthest = max((room - cost x mark) / (1 + cost), room / 2), at most FAR x mark
//! trigger  = mark -+ farthest x (1 - tolerance), rounded toward mark
//! ```
//! Nobody cancels our quotes when the host is dead, so the position may have grown to its worst case by
//! the time the price is there: that is what must not lose more than the budget. Leaving costs slippage and
//! a fee; where the budget is too small to pay those as well, half of the way is kept, because a stop at
//! the mark would be an order to leave now. `tolerance` is how far the price may be behind before it moves.

pub mod death;
pub mod table;

use serde::{Deserialize, Serialize};

use crate::action::Cloid;
use crate::instrument::{Instrument, MIN_NOTIONAL, Round};
use crate::units::{Px, Side, Sz, Usd};

/// Share of the mark beyond which no trigger lies: the venue takes no prices far from the market.
const FAR: f64 = 0.3;
/// A stop nearer than this share of the farthest price is moved out.
const NEAR: f64 = 0.4;
/// A triggered order takes prices worse by a tenth, as the venue's own do.
const WORSE: f64 = 0.1;

/// Settings of the stop. Ranges are checked when an engine is made.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProtectionConfig {
    /// Whether one is to rest while a position is held.
    pub resident_stop: bool,
    /// Share of its distance by which it may be behind, and of its size that may be uncovered.
    pub resident_stop_tolerance_frac: f64,
}

/// What the stop depends on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Held {
    /// Signed lots.
    pub position: Sz,
    /// The most that our orders can still make of it on its own side, lots; at least its magnitude counts.
    pub worst: Sz,
    /// Price at which `left` is left, lattice units.
    pub mark: f64,
    /// Loss budget left.
    pub left: Usd,
    /// What leaving costs, a fraction of the notional: slippage and fee.
    pub cost_frac: f64,
}

/// A stop: a reduce-only market order that waits for the mark to reach its trigger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResidentStop {
    /// Its id.
    pub cloid: Cloid,
    /// Against the position.
    pub side: Side,
    /// Mark price that sets it off, legal.
    pub trigger_px: Px,
    /// Worst price it may trade at, legal.
    pub px: Px,
    /// Lots, at most the position.
    pub sz: Sz,
}

/// A stop as it should be, and how far what rests may be from it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Wanted {
    /// The stop.
    #[serde(flatten)]
    pub stop: ResidentStop,
    /// Price it was made for, lattice units.
    pub mark: f64,
    /// Farthest legal distance of the trigger from `mark`, lattice units.
    pub farthest: f64,
    /// What the position loses until the trigger is reached.
    pub loss: Usd,
}

/// Why there is to be no stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NoStop {
    /// It is switched off.
    Off,
    /// What is held is not known yet, or not certain.
    PositionUnknown,
    /// Nothing is held.
    Flat,
    /// What is held is worth less than the venue's smallest order.
    TooSmall,
    /// Equity, or the loss budget, is not known.
    BudgetUnknown,
    /// There is no price.
    PriceUnknown,
    /// Nothing of the budget is left: the kill switch has the position.
    BudgetSpent,
    /// What is left is less than a step of the price away.
    TooNear,
}

/// The stop for a position.
///
/// Pure and total. It reduces, is never larger than the position, and is set off at a loss of the worst
/// case that is not above the budget left.
///
/// # Errors
/// [`NoStop`]: there can be none. What is not known is no reason to take away one that rests.
pub fn resident_stop(
    held: &Held,
    tolerance_frac: f64,
    cloid: Cloid,
    instrument: &Instrument,
) -> Result<Wanted, NoStop> {
    let sz = held.position.abs();
    if sz == Sz::ZERO {
        return Err(NoStop::Flat);
    }
    let mark = held.mark;
    if !(mark.is_finite() && mark > 0.0) {
        return Err(NoStop::PriceUnknown);
    }
    if held.left <= Usd::ZERO {
        return Err(NoStop::BudgetSpent);
    }
    let farthest = farthest(held);
    let aim = farthest * (1.0 - tolerance_frac.clamp(0.0, 1.0));
    let (side, toward, round) = if held.position > Sz::ZERO {
        (Side::Ask, -1.0, Round::Up)
    } else {
        (Side::Bid, 1.0, Round::Down)
    };
    let legal = |px: f64, round| instrument.quantize_px(px / instrument.px_scale(), round);
    let trigger_px = legal(mark + toward * aim, round).map_err(|_| NoStop::TooNear)?;
    let away = toward * (trigger_px.as_f64() - mark);
    if away <= 0.0 {
        return Err(NoStop::TooNear);
    }
    let outward = if side == Side::Ask {
        Round::Down
    } else {
        Round::Up
    };
    let worse = trigger_px.as_f64() * (1.0 + toward * WORSE);
    let px = legal(worse, outward).map_err(|_| NoStop::TooNear)?;
    if i128::from(sz.0) * i128::from(trigger_px.0) < i128::from(MIN_NOTIONAL.0) {
        return Err(NoStop::TooSmall);
    }
    Ok(Wanted {
        stop: ResidentStop {
            cloid,
            side,
            trigger_px,
            px,
            sz,
        },
        mark,
        farthest,
        loss: Usd(micro(away * sz.as_f64())),
    })
}

/// How far the trigger may be from the mark, lattice units.
fn farthest(held: &Held) -> f64 {
    let worst = held.worst.max(held.position.abs()).as_f64();
    let room = held.left.as_f64() / worst;
    let cost = held.cost_frac.max(0.0);
    let paid = (room - cost * held.mark) / (1.0 + cost);
    paid.max(room / 2.0).min(FAR * held.mark)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "below the budget, which is an i64"
)]
fn micro(usd: f64) -> i64 {
    libm::floor(usd) as i64
}

impl Wanted {
    /// Whether a stop that rests will do: against this position, not behind, and not far too near.
    #[must_use]
    pub fn suits(&self, rests: &ResidentStop, tolerance_frac: f64) -> bool {
        let toward = if self.stop.side == Side::Ask {
            -1.0
        } else {
            1.0
        };
        let distance = |stop: &ResidentStop| toward * (stop.trigger_px.as_f64() - self.mark);
        let away = distance(rests);
        let covers = rests.sz.as_f64() * (1.0 + tolerance_frac) >= self.stop.sz.as_f64();
        let behind = away > self.farthest;
        // Near the mark a step of the price is a large share of the way.
        let near = away < (self.farthest * NEAR).min(distance(&self.stop));
        rests.side == self.stop.side && covers && !behind && !near
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CLOID: Cloid = Cloid::resident(7, 1);

    fn btc() -> Instrument {
        Instrument::new("BTC", 0, 5, 40).unwrap()
    }

    /// Long 0.1 BTC at a mark of 100,000 USDC, with 500 USDC left to lose.
    fn held() -> Held {
        Held {
            position: Sz(10_000),
            worst: Sz(10_000),
            mark: 1_000_000.0,
            left: Usd(500_000_000),
            cost_frac: 0.0,
        }
    }

    fn trigger(held: &Held, tolerance: f64) -> Result<(Side, i64, i64), NoStop> {
        let wanted = resident_stop(held, tolerance, CLOID, &btc())?;
        Ok((wanted.stop.side, wanted.stop.trigger_px.0, wanted.stop.sz.0))
    }

    /// 500 USDC on 0.1 BTC are 5,000 USDC of price.
    #[test]
    fn it_lies_where_the_position_has_lost_what_is_left() {
        assert_eq!(trigger(&held(), 0.0), Ok((Side::Ask, 950_000, 10_000)));
        let short = Held {
            position: Sz(-10_000),
            ..held()
        };
        assert_eq!(trigger(&short, 0.0), Ok((Side::Bid, 1_050_000, 10_000)));
        assert_eq!(trigger(&held(), 0.1), Ok((Side::Ask, 955_000, 10_000)));
        let wanted = resident_stop(&held(), 0.0, CLOID, &btc()).unwrap();
        assert_eq!(
            (wanted.stop.px, wanted.loss),
            (Px(855_000), Usd(500_000_000))
        );
    }

    /// What rests may double the position before the price is there, and leaving costs 50 bps.
    #[test]
    fn what_rests_and_what_leaving_costs_bring_it_nearer() {
        let grows = Held {
            worst: Sz(20_000),
            ..held()
        };
        assert_eq!(trigger(&grows, 0.0), Ok((Side::Ask, 975_000, 10_000)));
        let costs = Held {
            cost_frac: 0.005,
            ..held()
        };
        // (50,000 - 5,000) / 1.005, up to a step of 10.
        assert_eq!(trigger(&costs, 0.0), Ok((Side::Ask, 955_230, 10_000)));
        let poor = Held {
            left: Usd(40_000_000),
            ..costs
        };
        assert_eq!(trigger(&poor, 0.0), Ok((Side::Ask, 998_000, 10_000)));
        let rich = Held {
            left: Usd(9_000_000_000),
            ..held()
        };
        assert_eq!(trigger(&rich, 0.0), Ok((Side::Ask, 700_000, 10_000)));
    }

    #[test]
    fn there_is_none_without_a_position_a_price_or_a_budget() {
        let none = |held: Held| trigger(&held, 0.1).unwrap_err();
        let with = |change: fn(&mut Held)| {
            let mut changed = held();
            change(&mut changed);
            none(changed)
        };
        assert_eq!(with(|held| held.position = Sz::ZERO), NoStop::Flat);
        assert_eq!(with(|held| held.position = Sz(10)), NoStop::TooSmall);
        assert_eq!(with(|held| held.mark = f64::NAN), NoStop::PriceUnknown);
        assert_eq!(with(|held| held.left = Usd::ZERO), NoStop::BudgetSpent);
        assert_eq!(with(|held| held.left = Usd(1)), NoStop::TooNear);
    }

    #[test]
    fn what_rests_will_do_until_it_is_behind_too_near_or_too_small() {
        let wanted = resident_stop(&held(), 0.1, CLOID, &btc()).unwrap();
        let rests = |trigger_px, sz| ResidentStop {
            trigger_px: Px(trigger_px),
            sz: Sz(sz),
            ..wanted.stop
        };
        let suits = |rests: ResidentStop| wanted.suits(&rests, 0.1);
        assert!(suits(wanted.stop));
        assert!(suits(rests(950_000, 10_000)) && !suits(rests(949_990, 10_000)));
        assert!(suits(rests(980_000, 10_000)) && !suits(rests(980_010, 10_000)));
        assert!(suits(rests(955_000, 9_091)) && !suits(rests(955_000, 9_090)));
        assert!(suits(rests(955_000, 90_000)));
        assert!(!suits(ResidentStop {
            side: Side::Bid,
            ..wanted.stop
        }));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        /// It reduces, is no larger than the position, and no loss at its trigger is above what is left.
        #[test]
        fn prop_it_reduces_and_never_loses_more_than_is_left(
            position in -10_000_000_i64..10_000_000,
            grows in 0_i64..10_000_000,
            mark in 100_000.0..2_000_000.0_f64,
            left in -1_000_000_i64..100_000_000_000,
            cost_frac in 0.0..0.02_f64,
            tolerance in 0.0..0.5_f64,
        ) {
            let worst = Sz(position.abs() + grows);
            let held = Held { position: Sz(position), worst, mark, left: Usd(left), cost_frac };
            if let Ok(wanted) = resident_stop(&held, tolerance, CLOID, &btc()) {
                let stop = wanted.stop;
                prop_assert!(stop.side.signed(Sz(1)).0 == -position.signum());
                prop_assert!(stop.sz <= Sz(position).abs() && stop.sz > Sz::ZERO);
                prop_assert!(btc().is_legal_px(stop.trigger_px) && btc().is_legal_px(stop.px));
                let move_against = (mark - stop.trigger_px.as_f64()) * held.position.as_f64().signum();
                prop_assert!(move_against > 0.0);
                prop_assert!(move_against * worst.as_f64() <= held.left.as_f64() * (1.0 + 1e-12));
                prop_assert!(wanted.loss <= held.left);
                prop_assert!(stop.trigger_px * stop.sz >= MIN_NOTIONAL);
                prop_assert!(wanted.suits(&stop, tolerance));
                // And what it lets rest is within the budget as well.
                let mut behind = stop;
                let out = if stop.side == Side::Ask { -wanted.farthest } else { wanted.farthest };
                behind.trigger_px = btc().snap_px(Px(micro(mark + out * 1.001)), Round::Down);
                let lost = (mark - behind.trigger_px.as_f64()) * held.position.as_f64().signum();
                prop_assert!(lost <= wanted.farthest || !wanted.suits(&behind, tolerance));
            }
        }
    }
}
