//! What the user may set about control. Ranges are checked when an engine is made.

use serde::{Deserialize, Serialize};

/// What becomes of the position when trading ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PositionPolicy {
    /// A reducing quote stays at the touch until it is gone.
    Work,
    /// Closed at once, reduce-only and immediate.
    Flatten,
    /// Left as it is; nothing rests.
    Hold,
}

impl PositionPolicy {
    /// The name that configuration, logs and JSON show.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Work => "work",
            Self::Flatten => "flatten",
            Self::Hold => "hold",
        }
    }
}

/// Settings of phases, modes and kill switch. Seconds are of event time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ControlConfig {
    /// Fresh book needed before the first quote, s.
    pub observe_book_s: f64,
    /// Longest wait for volatility, s.
    pub observe_deadline_s: f64,
    /// Time at minimum size and configured spread, s.
    pub quote_min_s: f64,
    /// Move of the mid within the window that widens, standard deviations of that window.
    pub widen_jump_sigmas: f64,
    /// The window, s.
    pub widen_window_s: f64,
    /// Largest premium for one cause, bps.
    pub widen_term_bps: f64,
    /// Largest sum of premia, bps.
    pub widen_sum_bps: f64,
    /// Shortest time in WIDEN after its cause was last seen, s.
    pub widen_dwell_s: f64,
    /// A move of the mid within a second beyond so many standard deviations takes the threatened side off;
    /// `None`: none does.
    pub toxic_jump_sigmas: Option<f64>,
    /// A flow of takers of one side beyond so many standard deviations does; `None`: none does.
    pub toxic_flow_sigmas: Option<f64>,
    /// For how long, s.
    pub toxic_off_s: f64,
    /// Fills of one side within the burst window that take the increasing side off.
    pub burst_fills: u32,
    /// The burst window, s of exchange time.
    pub burst_window_s: f64,
    /// Time without the increasing side, s.
    pub burst_off_s: f64,
    /// Length of each of the two steps back, s.
    pub burst_step_s: f64,
    /// Whether the limit opens in quarters, one for each hour without a loss.
    pub ramp: bool,
    /// A worst case above this multiple of the limit in force at our last increase is a runaway.
    pub kill_runaway_ratio: f64,
    /// A stream silent for this long while exposed kills, s.
    pub kill_stale_s: f64,
    /// Rejections of one class within the window below that kill; a batch is one.
    pub kill_rejections: u32,
    /// Their window, s.
    pub kill_rejections_s: f64,
    /// A position unexplained for this long kills, s.
    pub kill_unexplained_s: f64,
    /// What becomes of the position after a kill.
    pub on_kill: PositionPolicy,
    /// What becomes of the position after an orderly stop.
    pub on_exit: PositionPolicy,
    /// Time that `on_kill` has, s: the pace of closing follows from what is left of it.
    pub kill_deadline_s: f64,
    /// Time that `on_exit` has, s.
    pub exit_deadline_s: f64,
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::control) const CONFIG: ControlConfig = ControlConfig {
        observe_book_s: 10.0,
        observe_deadline_s: 120.0,
        quote_min_s: 60.0,
        widen_jump_sigmas: 5.0,
        widen_window_s: 5.0,
        widen_term_bps: 5.0,
        widen_sum_bps: 20.0,
        widen_dwell_s: 30.0,
        toxic_jump_sigmas: None,
        toxic_flow_sigmas: None,
        toxic_off_s: 5.0,
        burst_fills: 4,
        burst_window_s: 2.0,
        burst_off_s: 60.0,
        burst_step_s: 30.0,
        ramp: false,
        kill_runaway_ratio: 2.0,
        kill_stale_s: 300.0,
        kill_rejections: 10,
        kill_rejections_s: 60.0,
        kill_unexplained_s: 30.0,
        on_kill: PositionPolicy::Flatten,
        on_exit: PositionPolicy::Hold,
        kill_deadline_s: 120.0,
        exit_deadline_s: 60.0,
    };
}
