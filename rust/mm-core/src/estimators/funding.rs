//! Funding: what holding a position costs, from the venue's context of the coin. MODELS.md P1.8.
//!
//! Every hour a long position pays `oracle x rate` of its size to the shorts. The venue tells the rate of
//! the hour under way, the average of its samples so far; what the premium of this moment would come to,
//! were it the whole hour's, is the rate that the average moves toward. How far apart the two are is how
//! little is known of the payment.
//!
//! A position held for `H` seconds is expected to pay `rate / 3600 x H` of its value, so what it is worth
//! to hold is less by that: the shift of the reservation price, the same whatever is held.

use serde::Serialize;

use super::Evidence;
use crate::event::AssetCtx;
use crate::units::{Dur, SECOND, Time};

const HOUR: Dur = Dur(3600 * SECOND);
const HOUR_S: f64 = 3600.0;
/// The venue tells it every second and moves it by a sample of 5 s, 1/720 of the hour: after a dozen of
/// them unheard of, what it is now is not known.
const GONE: Dur = Dur(60 * SECOND);
/// Interest of eight hours, and by how much at most it is drawn toward the premium; the cap of an hour.
/// HYPERLIQUID.md 6.
const INTEREST: f64 = 1e-4;
const CLAMP: f64 = 5e-4;
const RATE_CAP: f64 = 0.04;

/// The rate of an hour whose average premium is `premium`, both fractions:
/// `(premium + clamp(interest - premium)) / 8`, capped.
#[must_use]
pub fn rate_of(premium: f64) -> f64 {
    let eight_hours = premium + (INTEREST - premium).clamp(-CLAMP, CLAMP);
    (eight_hours / 8.0).clamp(-RATE_CAP, RATE_CAP)
}

/// What is known of the funding of an hour.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct FundingRate {
    /// Exchange time at which it was told, as near as that is known.
    pub as_of: Time,
    /// Rate of the hour under way, fraction of notional; positive: longs pay.
    pub rate_per_h: f64,
    /// The same were the present premium the whole hour's; `None`: no premium was told, or another formula
    /// makes the rate.
    pub predicted_per_h: Option<f64>,
    /// Of the book over the oracle, a fraction; `None` where a side of the book is too thin.
    pub premium: Option<f64>,
    /// What payments are counted on, USDC.
    pub oracle_px: f64,
}

impl FundingRate {
    /// How far the rate may still move within the hour, a fraction; `None`: not known.
    #[must_use]
    pub fn uncertainty_per_h(&self) -> Option<f64> {
        Some((self.predicted_per_h? - self.rate_per_h).abs())
    }

    /// By how much a position expected to be held for `holding_s` shifts the price at which it is worth
    /// neither buying nor selling, bps, within `max_bps` of none. Down where longs pay.
    #[must_use]
    pub fn shift_bps(&self, holding_s: f64, max_bps: f64) -> f64 {
        let shift = -self.rate_per_h / HOUR_S * holding_s * 1e4;
        shift.clamp(-max_bps, max_bps)
    }
}

/// The newest rate.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Funding {
    last: Option<FundingRate>,
}

impl Funding {
    /// Takes a context at an exchange time. Time that goes back is ignored. `by_formula`: the rate follows the
    /// premium as [`rate_of`] has it; that of a builder's perp need not.
    pub fn observe(&mut self, exch: Time, ctx: &AssetCtx, by_formula: bool) {
        if self.last.is_some_and(|last| exch < last.as_of) {
            return;
        }
        self.last = Some(FundingRate {
            as_of: exch,
            rate_per_h: ctx.funding_rate_per_h,
            predicted_per_h: ctx.premium.filter(|_| by_formula).map(rate_of),
            premium: ctx.premium,
            oracle_px: ctx.oracle_px,
        });
    }

    /// The rate at an exchange time; `None`: never told, or not for a minute.
    #[must_use]
    pub fn at(&self, exch: Time) -> Option<FundingRate> {
        self.last.filter(|last| exch.since(last.as_of) <= GONE)
    }

    /// What it rests on at an exchange time: the venue's own word, until it is gone.
    #[must_use]
    pub fn evidence(&self, exch: Time) -> Evidence {
        let ready = self.at(exch).is_some();
        Evidence {
            n: if ready { 1.0 } else { 0.0 },
            as_of: self.last.map(|last| last.as_of),
            ready,
        }
    }

    /// What the payment due within `window_s` may take of a position's value, a fraction, whichever side
    /// pays it; `None`: none is due so soon, or its hour's rate was never told.
    ///
    /// The larger of the rate so far and of what it comes to with the rest of the hour at the present
    /// premium. A rate that has gone silent still counts until its hour is paid: it is a better guess than
    /// none.
    #[must_use]
    pub fn due_frac(&self, exch: Time, window_s: f64) -> Option<f64> {
        let hour = |time: Time| time.0.div_euclid(HOUR.0);
        let last = self.last.filter(|last| hour(last.as_of) == hour(exch))?;
        let left = Dur(HOUR.0 - exch.0.rem_euclid(HOUR.0));
        let so_far = last.rate_per_h;
        let moved = last.predicted_per_h.map_or(0.0, |to| to - so_far);
        let at_end = so_far + moved * left.as_secs() / HOUR_S;
        (left.as_secs() <= window_s).then_some(so_far.abs().max(at_end.abs()))
    }
}
