//! The grounds for reducing only: the size of the position, the account's margin, a liquidation near by.
//!
//! ```text
//! size         |q| above V or Q                                              LIMITS.md 4
//! margin       margin in use, all coins > initial_margin_frac x account value
//! liquidation  way to it < liquidation_sigma_hours x sigma x sqrt(1 h)
//! ```
//! Each is left at its own `reduce_only_leave_frac`, so that none flaps and none holds up another.

use super::Engine;
use crate::filter::{ReduceOnly, ReduceOnlyReason, Standing, assess};
use crate::limits::Limits;
use crate::recovery::liquidation_distance;
use crate::units::{Px, Sz};

/// Seconds in an hour, under the root of a sigma-hour.
const HOUR_S: f64 = 3_600.0;

/// Those that held in the last cycle.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Grounds {
    size: bool,
    margin: bool,
    /// Whether liquidation is near.
    pub(super) liquidation: bool,
}

impl Grounds {
    const fn other_than_size(self) -> Option<ReduceOnlyReason> {
        match (self.margin, self.liquidation) {
            (true, _) => Some(ReduceOnlyReason::Margin),
            (false, true) => Some(ReduceOnlyReason::LiquidationDistance),
            (false, false) => None,
        }
    }
}

impl Engine {
    /// Judges position and account. Once a cycle: what holds now is left later than it was entered.
    pub(super) fn assess(&mut self, limits: &Limits) -> ReduceOnly {
        let touch = self.market.book.touch();
        self.grounds.margin = self.is_margin_spent();
        self.grounds.liquidation = self.is_liquidation_near();
        let standing = Standing {
            position: self.own.position(),
            mid: touch.map(|touch| touch.mid() / self.instrument.px_scale()),
            was_reduce_only: self.grounds.size,
            other: self.grounds.other_than_size(),
        };
        let leave_frac = self.config.limits.reduce_only_leave_frac();
        let over = assess(limits, &standing, leave_frac, &self.instrument);
        self.grounds.size = matches!(
            over.reason,
            Some(ReduceOnlyReason::OverValueLimit | ReduceOnlyReason::OverPositionLimit)
        );
        over
    }

    /// Whether the margin that the exchange reports in use is above the share of equity it may take.
    fn is_margin_spent(&self) -> bool {
        let Some((report, _)) = self.own.account else {
            return false;
        };
        let limits = &self.config.limits;
        let enter = limits.initial_margin_frac() * report.account_value.as_usd();
        let bound = if self.grounds.margin {
            enter * limits.reduce_only_leave_frac()
        } else {
            enter
        };
        report.margin_used.as_usd() > bound.max(0.0)
    }

    fn is_liquidation_near(&self) -> bool {
        let Some(distance) = self.liquidation_distance() else {
            return false;
        };
        let sigma_hours = self.config.recovery.liquidation_sigma_hours;
        let enter = sigma_hours * self.sigma_for_unwinding() * libm::sqrt(HOUR_S);
        let bound = if self.grounds.liquidation {
            enter / self.config.limits.reduce_only_leave_frac()
        } else {
            enter
        };
        distance < bound
    }

    /// How far the price may move against the position until the account is liquidated, a fraction: by the
    /// exchange's price for it, or by ours (maintenance is half of the smallest initial margin), whichever
    /// is nearer. Ours knows what has filled since the report; the exchange's knows the other coins.
    pub(super) fn liquidation_distance(&self) -> Option<f64> {
        let (report, _) = self.own.account?;
        let touch = self.market.book.touch()?;
        let position = self.own.position();
        if position == Sz::ZERO {
            return None;
        }
        let notional = (touch.mid_floor() * position.abs()).as_usd();
        let maintenance = 0.5 / f64::from(self.instrument.max_leverage());
        let value = report.account_value.as_usd();
        let ours = liquidation_distance(value / notional, maintenance, position);
        let side = Sz(position.0.signum()).as_f64();
        let same = report.position.0.signum() == position.0.signum();
        let away = |px: Px| side * (1.0 - px.as_f64() / touch.mid());
        let told = report.liquidation_px.filter(|_| same).map(away);
        Some(told.map_or(ours, |told| told.min(ours)))
    }
}
