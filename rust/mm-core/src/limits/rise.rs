//! The slow rise: within Valid nothing grows by more than a share of the newly derived value a minute.
//!
//! V is bounded in money. Each side is bounded too, because what binds it may be in lots: head-room and
//! the open-interest cap can jump from one report to the next. A side rises from what bound it last, in
//! that thing's own unit: money follows mid, lots do not.

use serde::{Deserialize, Serialize};

use super::exact::{Count, Decimal, Value};
use super::inputs::LimitInputs;
use super::terms::{Cap, Pricing, Term};
use super::{Bound, LimitSource, Previous};
use crate::units::{Side, Sz};

/// A number with its billionths, so that steps of a millisecond add up: `[whole, billionths]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fine(pub i64, pub u32);

/// What a side rises from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Base {
    /// A term in money bound it, micro-USDC.
    Money(Fine),
    /// A term in lots bound it.
    Lots(Fine),
}

/// The slow rise of both sides.
#[derive(Clone, Copy, Debug)]
pub(super) struct SideRise {
    pub(super) cap: Cap,
    bases: [Base; 2],
}

/// Whether a term is an amount of money, the same for both sides.
pub(super) const fn in_money(term: Term) -> bool {
    !matches!(
        term,
        Term::PositionCap
            | Term::Fallback
            | Term::OpenInterest
            | Term::HeadRoom
            | Term::SideRise
            | Term::LastValid
    )
}

/// Within Valid: the previous limit plus a share of the new one for each minute since. After any
/// other source: the last valid limit, where there was one.
pub(super) fn of_money(
    previous: Option<&Previous>,
    money: Option<Value>,
    frac_per_min: f64,
    pricing: &Pricing,
) -> Option<Cap> {
    let (previous, money) = (previous?, money?);
    let base = Value::of_fine(previous.held?.money);
    let minutes = Minutes::since(previous);
    let risen = minutes.map_or(base, |minutes| {
        base.plus(minutes.share_of(money, frac_per_min))
    });
    Some(pricing.money(Term::Rise, risen))
}

/// The same for each side, of `caps`, which hold no rise yet. At the open-interest cap what is held
/// may be held: an order that was in flight when the venue capped the coin has not overstepped.
pub(super) fn of_sides(
    previous: Option<&Previous>,
    caps: &[Cap],
    frac_per_min: f64,
    pricing: &Pricing,
    inputs: &LimitInputs,
) -> Option<SideRise> {
    let previous = previous?;
    let held = previous.held?;
    let minutes = Minutes::since(previous);
    let side = |side: Side| -> Option<(Base, i64)> {
        let i = side.index();
        let mut base = held.bases[i];
        let kept = side.signed(inputs.position).max(Sz::ZERO);
        if inputs.at_open_interest_cap == Some(true) && pricing.lots_of(base)? < kept.0 {
            base = Base::Lots(Fine(kept.0, 0));
        }
        let Some(minutes) = minutes else {
            return Some((base, pricing.lots_of(base)?));
        };
        let risen = match base {
            Base::Money(base) => {
                let derived = caps.iter().filter_map(|cap| money_of(cap, i, pricing));
                let gain = minutes.share_of(derived.min()?, frac_per_min);
                Base::Money(Value::of_fine(base).plus(gain).to_fine())
            }
            Base::Lots(base) => {
                let derived = caps.iter().filter_map(|cap| count_of(cap, i, pricing));
                let gain = minutes.part_of(derived.min()?, frac_per_min);
                Base::Lots(Count::of_fine(base).plus(gain).to_fine())
            }
        };
        Some((risen, pricing.lots_of(risen)?))
    };
    let [(long, long_lots), (short, short_lots)] = [side(Side::Bid)?, side(Side::Ask)?];
    Some(SideRise {
        cap: Cap {
            term: Term::SideRise,
            value: None,
            lots: Some([Sz(long_lots), Sz(short_lots)]),
        },
        bases: [long, short],
    })
}

/// What each side rises from next: what binds it now.
pub(super) fn bases(bound: &Bound, caps: &[Cap], risen: Option<&SideRise>) -> [Base; 2] {
    [0, 1].map(|i| {
        let term = bound.binding[i];
        let found = caps.iter().find(|cap| cap.term == term);
        match (risen, found.and_then(|cap| cap.value)) {
            (Some(risen), _) if term == Term::SideRise => risen.bases[i],
            (_, Some(value)) if in_money(term) => Base::Money(value.to_fine()),
            _ => Base::Lots(Fine(bound.lots[i].0, 0)),
        }
    })
}

fn money_of(cap: &Cap, i: usize, pricing: &Pricing) -> Option<Value> {
    match cap.value.filter(|_| in_money(cap.term)) {
        None => pricing.value_of(cap.lots?[i]),
        value => value,
    }
}

fn count_of(cap: &Cap, i: usize, pricing: &Pricing) -> Option<Count> {
    match cap.value.filter(|_| in_money(cap.term)) {
        None => Some(Count::of_fine(Fine(cap.lots?[i].0, 0))),
        Some(value) => pricing.count_of(value),
    }
}

/// Time in which something could grow.
#[derive(Clone, Copy)]
struct Minutes {
    nanos: Decimal,
}

impl Minutes {
    /// Since a valid limit; `None` after another, from which nothing grows.
    fn since(previous: &Previous) -> Option<Self> {
        // tidy: an age below zero is none, and nothing rises
        let nanos = Decimal::new(u128::from(previous.age.0.unsigned_abs()), 9);
        (previous.source == LimitSource::Valid).then_some(Self { nanos })
    }

    fn share_of(self, derived: Value, frac_per_min: f64) -> Value {
        let share = derived.times(Decimal::of(frac_per_min)).times(self.nanos);
        share.over(Decimal::new(60, 0))
    }

    fn part_of(self, derived: Count, frac_per_min: f64) -> Count {
        let share = derived.times(Decimal::of(frac_per_min)).times(self.nanos);
        share.over(60)
    }
}
