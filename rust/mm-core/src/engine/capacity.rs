//! How much of the limit a position uses, told in the step in which it passes a mark.

use super::Engine;
use crate::control::Alarm;
use crate::filter::{ReduceOnly, ReduceOnlyReason};
use crate::limits::Limits;

/// Marks, percent of the effective limit, rising.
const MARKS_PCT: [i64; 3] = [50, 75, 90];
/// A mark is passed anew only after the position has fallen to this share of it, percent.
const REARM_PCT: i64 = 80;

/// The marks that have been passed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Capacity {
    passed: usize,
    over: bool,
}

impl Capacity {
    /// Takes a utilisation in basis points, `None` when there is no limit. Returns a mark newly passed, percent.
    fn pass(&mut self, used_bps: Option<i64>) -> Option<i64> {
        let used_bps = used_bps.map_or(i64::MAX, |used| used);
        let passed = MARKS_PCT
            .iter()
            .filter(|mark| used_bps >= **mark * 100)
            .count();
        if passed < self.passed && used_bps > MARKS_PCT[self.passed - 1] * REARM_PCT {
            return None;
        }
        let is_new = passed > self.passed;
        self.passed = passed;
        is_new.then(|| MARKS_PCT[passed - 1])
    }
}

impl Engine {
    /// Warns of a mark passed, of reduce-only by the limit entered and left.
    pub(super) fn tell_capacity(&mut self, limits: &Limits, over: &ReduceOnly) {
        let position = self.own.position();
        let (cycle, limit) = (self.cycle, limits.for_position(position));
        let utilization_bps = over.utilization_bps;
        if let Some(passed_pct) = self.control.capacity.pass(utilization_bps) {
            self.alarms.push(Alarm::PositionNearLimit {
                cycle,
                passed_pct,
                position,
                limit,
                utilization_bps,
            });
        }
        let was = core::mem::replace(&mut self.control.capacity.over, over.mode.is_reduce_only());
        match (was, over.reason) {
            (false, Some(reason)) => self.alarms.push(Alarm::ReduceOnlyEntered {
                cycle,
                reason: reason.as_str(),
                position,
                limit,
                utilization_bps,
            }),
            (true, None) => self.alarms.push(Alarm::ReduceOnlyLeft {
                cycle,
                position,
                limit,
                utilization_bps,
            }),
            _ => {}
        }
        debug_assert!(over.reason != Some(ReduceOnlyReason::Control));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_told_once_until_the_position_has_fallen_well_below_it() {
        let mut capacity = Capacity::default();
        let told: Vec<Option<i64>> = [0, 4_999, 5_000, 7_600, 7_400, 7_600, 6_000, 7_500, 9_500, 0]
            .into_iter()
            .map(|used| capacity.pass(Some(used)))
            .collect();
        let wanted = [
            None,
            None,
            Some(50),
            Some(75),
            None,
            None,
            None,
            Some(75),
            Some(90),
            None,
        ];
        assert_eq!(told, wanted);
        assert_eq!(capacity.pass(None), Some(90));
    }
}
