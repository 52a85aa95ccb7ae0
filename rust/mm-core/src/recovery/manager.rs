//! The way out of a position that is too big.
//!
//! ```text
//!            too big                 not falling, refused,        looked at, or           chase_s, and the venue
//!                                    or passive_s over            grace over              takes immediate orders
//!  Normal ------------> Passive ------------------------> Stuck ---------------> Chasing ----------------------+
//!    ^                                                                              ^                          |
//!    | inside again (from every state)                  the venue takes post-only   |                          v
//!    +-----------------------------------------------   orders alone                +--------------- IocRecovery(round, attempt)
//!                                                                                                      ^   |  attempts spent
//!                                                       Exhausted --- the book can take it ------------+   |
//!                                                     (alarm) ^                                        |   v
//!                                                             +------ rounds spent ------------------ Cooldown
//! ```
//! Every state but `Normal` is left by time alone; `Exhausted` raises an alarm on entry and is left
//! when the book can take an order. Any fall of the position begins the rounds anew.

use serde::Serialize;

use super::RecoveryConfig;
use crate::units::{Dur, Sz, Time};

/// Where the recovery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Recovery {
    /// Nothing to get out of.
    Normal,
    /// Too big: the quotes work it down.
    Passive {
        /// Since when.
        since: Time,
    },
    /// They do not. The exchange is asked whether the position is really so before anything is paid.
    Stuck {
        /// Since when.
        since: Time,
    },
    /// Reducing quotes at the touch, post only.
    Chasing {
        /// Since when.
        since: Time,
    },
    /// Immediate reduce-only orders inside the slippage bound.
    IocRecovery {
        /// From 1.
        round: u32,
        /// Attempts of this round made, or passed over because the book could not take one.
        attempt: u32,
        /// Earliest time of the next.
        next_at: Time,
    },
    /// Between two rounds.
    Cooldown {
        /// The round that is over.
        round: u32,
        /// End.
        until: Time,
    },
    /// All rounds spent.
    Exhausted {
        /// Since when.
        since: Time,
        /// Earliest time of a new first round.
        retry_at: Time,
    },
}

impl Recovery {
    /// Whether the reducing side is quoted at the touch.
    #[must_use]
    pub const fn is_at_touch(&self) -> bool {
        !matches!(
            self,
            Self::Normal | Self::Passive { .. } | Self::Stuck { .. }
        )
    }
}

/// What made the position too big.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// It is over the limit in force at our last increase, or was so when the session began.
    Position,
    /// It was admitted, and the limit has fallen since.
    Limit,
}

/// A position that is too big.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Excess {
    /// Signed position, not zero.
    pub position: Sz,
    /// Why.
    pub cause: Cause,
    /// Whether waiting is dangerous: far over the limit, or liquidation is near.
    pub urgent: bool,
}

/// What a step sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The excess, if any: `None` as soon as the position is inside its limit again.
    pub excess: Option<Excess>,
    /// Whether an immediate order could be sent now: market fresh, nothing else forbids it, and the
    /// book shows liquidity inside the bound.
    pub takeable: bool,
    /// Receive time of the newest account report that confirmed the position.
    pub confirmed: Option<Time>,
}

/// What a step wants done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// Send one immediate order now.
    pub attempt: bool,
    /// Have the account reported.
    pub look: bool,
    /// Raise the alarm: everything was tried.
    pub exhausted: bool,
}

/// The machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecoveryManager {
    state: Recovery,
    /// Position of the episode at its smallest, signed.
    lowest: Sz,
    /// When it last became smaller, or when the episode began.
    fell_at: Time,
    /// Refusals of reducing orders since one was accepted; a batch counts once.
    refused: u32,
    /// Until when the venue is believed to take post-only orders alone.
    post_only_until: Option<Time>,
}

/// No update passes through more states than there are.
const STATES: usize = 7;

impl Default for RecoveryManager {
    fn default() -> Self {
        Self {
            state: Recovery::Normal,
            lowest: Sz::ZERO,
            fell_at: Time::ZERO,
            refused: 0,
            post_only_until: None,
        }
    }
}

impl RecoveryManager {
    /// Where it is.
    #[must_use]
    pub const fn state(&self) -> Recovery {
        self.state
    }

    /// The venue refused reducing orders.
    pub fn on_refused(&mut self) {
        self.refused = self.refused.saturating_add(1);
    }

    /// The venue accepted a reducing order.
    pub fn on_accepted(&mut self) {
        self.refused = 0;
    }

    /// The venue said that it takes post-only orders alone.
    pub fn on_post_only(&mut self, now: Time, config: &RecoveryConfig) {
        self.post_only_until = Some(now.plus(Dur::from_secs(config.post_only_s)));
        if matches!(
            self.state,
            Recovery::IocRecovery { .. } | Recovery::Cooldown { .. } | Recovery::Exhausted { .. }
        ) {
            self.state = Recovery::Chasing { since: now };
        }
    }

    /// Whether the venue is believed to take post-only orders alone.
    #[must_use]
    pub const fn is_post_only(&self) -> bool {
        self.post_only_until.is_some()
    }

    /// Moves on. Total: every state takes every observation.
    pub fn update(&mut self, now: Time, seen: &Seen, config: &RecoveryConfig) -> Wish {
        let mut wish = Wish::default();
        if self.post_only_until.is_some_and(|until| now >= until) {
            self.post_only_until = None;
        }
        let Some(excess) = seen.excess else {
            self.state = Recovery::Normal;
            self.refused = 0;
            return wish;
        };
        self.follow(now, &excess);
        for _ in 0..STATES {
            let next = self.next(now, &excess, seen, config, &mut wish);
            if next == self.state {
                break;
            }
            self.state = next;
        }
        wish
    }

    /// When time alone may move it next, or an attempt is due, after `now`.
    #[must_use]
    pub fn wake_at(&self, now: Time, config: &RecoveryConfig) -> Option<Time> {
        let after = |since: Time, secs: f64| Some(since.plus(Dur::from_secs(secs)));
        let times = match self.state {
            Recovery::Normal => [None, None],
            Recovery::Passive { since } => [
                after(self.fell_at, config.stuck_s),
                after(since, config.passive_s),
            ],
            Recovery::Stuck { since } => [after(since, config.reconcile_grace_s), None],
            Recovery::Chasing { since } => [after(since, config.chase_s), self.post_only_until],
            Recovery::IocRecovery { next_at, .. } => [Some(next_at), None],
            Recovery::Cooldown { until, .. } => [Some(until), None],
            Recovery::Exhausted { retry_at, .. } => [Some(retry_at), None],
        };
        times.into_iter().flatten().filter(|at| *at > now).min()
    }

    /// Notes a new episode, or that the position became smaller: any fill is progress.
    fn follow(&mut self, now: Time, excess: &Excess) {
        let turned = excess.position.0.signum() != self.lowest.0.signum();
        if self.state == Recovery::Normal || turned {
            self.state = Recovery::Passive { since: now };
            self.fell_at = now;
            self.lowest = excess.position;
        } else if excess.position.abs() < self.lowest.abs() {
            self.lowest = excess.position;
            self.fell_at = now;
            match &mut self.state {
                Recovery::IocRecovery { round, attempt, .. } => {
                    (*round, *attempt) = (1, 0);
                }
                Recovery::Cooldown { round, .. } => *round = 0,
                _ => {}
            }
        } else {
            self.lowest = excess.position;
        }
    }

    fn next(
        &self,
        now: Time,
        excess: &Excess,
        seen: &Seen,
        config: &RecoveryConfig,
        wish: &mut Wish,
    ) -> Recovery {
        let lasted = |since: Time, secs: f64| now.since(since) >= Dur::from_secs(secs);
        let after = |secs: f64| now.plus(Dur::from_secs(secs));
        match self.state {
            Recovery::Passive { since } => {
                let patient = excess.cause == Cause::Limit && !excess.urgent;
                let waited = !patient || lasted(since, config.passive_s);
                let refused = self.refused >= config.reject_strikes;
                if refused || (waited && lasted(self.fell_at, config.stuck_s)) {
                    wish.look = true;
                    return Recovery::Stuck { since: now };
                }
                self.state
            }
            Recovery::Stuck { since } => {
                let confirmed = seen.confirmed.is_some_and(|at| at > since);
                if confirmed || lasted(since, config.reconcile_grace_s) {
                    return Recovery::Chasing { since: now };
                }
                self.state
            }
            Recovery::Chasing { since } => {
                if lasted(since, config.chase_s) && self.post_only_until.is_none() {
                    return first_round(now);
                }
                self.state
            }
            Recovery::IocRecovery {
                round,
                attempt,
                next_at,
            } => {
                if now < next_at {
                    return self.state;
                }
                if attempt >= config.ioc_attempts {
                    return Recovery::Cooldown {
                        round,
                        until: after(config.ioc_cooldown_s),
                    };
                }
                wish.attempt = seen.takeable;
                Recovery::IocRecovery {
                    round,
                    attempt: attempt + 1,
                    next_at: after(config.ioc_apart_s),
                }
            }
            Recovery::Cooldown { round, until } => {
                if now < until {
                    return self.state;
                }
                if round < config.ioc_rounds {
                    return Recovery::IocRecovery {
                        round: round + 1,
                        attempt: 0,
                        next_at: now,
                    };
                }
                wish.exhausted = true;
                Recovery::Exhausted {
                    since: now,
                    retry_at: after(config.ioc_cooldown_s),
                }
            }
            Recovery::Exhausted { retry_at, .. } if now >= retry_at && seen.takeable => {
                first_round(now)
            }
            Recovery::Normal | Recovery::Exhausted { .. } => self.state,
        }
    }
}

const fn first_round(now: Time) -> Recovery {
    Recovery::IocRecovery {
        round: 1,
        attempt: 0,
        next_at: now,
    }
}

#[cfg(test)]
mod tests;
