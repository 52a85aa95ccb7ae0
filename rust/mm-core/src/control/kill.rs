//! The kill switch: what latches it, for good.
//!
//! It has no limit of its own: losses come from the budget that the limit is derived from, sizes from
//! the limit in force when we last sent an order that could increase.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::admitted::Admitted;
use super::config::{ControlConfig, PositionPolicy};
use crate::event::RejectionClass;
use crate::units::{Dur, Px, Side, Sz, Time, Usd};

/// Why trading ended for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KillReason {
    /// The UTC day lost `daily_loss_frac` of its opening equity.
    DailyLoss,
    /// Equity fell `drawdown_frac` below its peak.
    Drawdown,
    /// The worst case is far above the limit in force at our last increase.
    Runaway,
    /// Market data silent while exposed.
    StaleMarket,
    /// Our own order and fill stream silent while exposed.
    StaleOwnStream,
    /// Account reports missing while exposed.
    StaleAccount,
    /// Many rejections of one class.
    RejectionStorm,
    /// The ledger and the exchange disagree on the position for too long.
    PositionUnexplained,
    /// The operator asked for it.
    Manual,
    /// Another coin of the account was killed.
    OtherCoin,
}

impl KillReason {
    /// All.
    pub const ALL: [Self; 10] = [
        Self::DailyLoss,
        Self::Drawdown,
        Self::Runaway,
        Self::StaleMarket,
        Self::StaleOwnStream,
        Self::StaleAccount,
        Self::RejectionStorm,
        Self::PositionUnexplained,
        Self::Manual,
        Self::OtherCoin,
    ];

    /// The name that logs, metrics, JSON and the kill record show.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DailyLoss => "daily_loss",
            Self::Drawdown => "drawdown",
            Self::Runaway => "runaway",
            Self::StaleMarket => "stale_market",
            Self::StaleOwnStream => "stale_own_stream",
            Self::StaleAccount => "stale_account",
            Self::RejectionStorm => "rejection_storm",
            Self::PositionUnexplained => "position_unexplained",
            Self::Manual => "manual",
            Self::OtherCoin => "other_coin",
        }
    }
}

/// What the switch looks at, once a cycle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Watched {
    /// The day's loss left and the drawdown left; `None` while equity is not known.
    pub losses: Option<Losses>,
    /// Furthest this program's orders can move the position, `[long, short]`, lots; negative: not even
    /// to zero. A hand's order is no runaway of ours while it rests; the position it makes is.
    pub worst: [Sz; 2],
    /// Mid, cut to the lattice; `None` while there is no book.
    pub mid: Option<Px>,
    /// The limit in force at our last increase.
    pub admitted: Admitted,
    /// Whether there is a position, or an order that could fill.
    pub exposed: bool,
    /// Ages of market data, own stream and account reports; of what never came, since the anchor.
    pub ages: [Dur; 3],
    /// Whether fills explain the position.
    pub explained: bool,
}

/// Losses as the budget has them. At zero or below a budget is spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Losses {
    /// Of the UTC day; `None` when nothing was lost.
    pub day_left: Option<Usd>,
    /// From the peak; `None` when nothing was lost.
    pub drawdown_left: Option<Usd>,
    /// What of the equity the ledger does not explain: a withdrawal that we have not heard of yet is a
    /// loss only when nobody explains it in time.
    pub unexplained: Usd,
}

/// Watches for reasons to end trading. Latching is the engine's.
#[derive(Clone, Debug, Default)]
pub struct KillWatch {
    rejections: BTreeMap<RejectionClass, VecDeque<Time>>,
    unexplained_since: Option<Time>,
    unheard_since: Option<Time>,
}

impl KillWatch {
    /// One answer refused items for these reasons: one event a class, however many items.
    pub fn on_rejections(
        &mut self,
        classes: &BTreeSet<RejectionClass>,
        now: Time,
        config: &ControlConfig,
    ) {
        let window = Dur::from_secs(config.kill_rejections_s);
        for class in classes {
            // Races, not refusals: with a fill (of the order, or of the position that it was to reduce:
            // one that nobody hears of is a position unexplained), with a book that was taken, with a
            // market that came to us before our post-only order did (its re-pricing waits for the book).
            if matches!(
                class,
                RejectionClass::Gone
                    | RejectionClass::ReduceOnly
                    | RejectionClass::NoMatch
                    | RejectionClass::PostOnly
            ) {
                continue;
            }
            let times = self.rejections.entry(*class).or_default();
            times.push_back(now);
            times.retain(|at| now.since(*at) <= window);
        }
    }

    /// The first reason to end trading, if there is one.
    pub fn observe(
        &mut self,
        now: Time,
        watched: &Watched,
        config: &ControlConfig,
    ) -> Option<KillReason> {
        let losing = self.losing(now, watched.losses, config);
        let unexplained = lasts(
            &mut self.unexplained_since,
            !watched.explained,
            now,
            config.kill_unexplained_s,
        );
        losing
            .or_else(|| Self::is_runaway(watched, config).then_some(KillReason::Runaway))
            .or_else(|| stale(watched, config))
            .or_else(|| {
                self.is_storm(now, config)
                    .then_some(KillReason::RejectionStorm)
            })
            .or_else(|| unexplained.then_some(KillReason::PositionUnexplained))
    }

    fn losing(
        &mut self,
        now: Time,
        losses: Option<Losses>,
        config: &ControlConfig,
    ) -> Option<KillReason> {
        let losses = losses?;
        let spent = |left: Option<Usd>| left.is_some_and(|left| left <= Usd::ZERO);
        let reason = if spent(losses.day_left) {
            KillReason::DailyLoss
        } else if spent(losses.drawdown_left) {
            KillReason::Drawdown
        } else {
            self.unheard_since = None;
            return None;
        };
        let explained = |left: Option<Usd>| left.map(|l| l - losses.unexplained.min(Usd::ZERO));
        let certain = spent(explained(losses.day_left)) || spent(explained(losses.drawdown_left));
        let waited = lasts(
            &mut self.unheard_since,
            true,
            now,
            config.kill_unexplained_s,
        );
        (certain || waited).then_some(reason)
    }

    /// Furthest we may get, in lots against Q and, as mid has moved since, in money against V: both as
    /// they admitted it. Inherited positions are exempt: where we sent no increasing order there is
    /// nothing to compare.
    #[expect(clippy::cast_precision_loss, reason = "lots and micro-USDC below 2^53")]
    fn is_runaway(watched: &Watched, config: &ControlConfig) -> bool {
        let ratio = config.kill_runaway_ratio;
        Side::BOTH.iter().any(|side| {
            let worst = watched.worst[side.index()];
            let lots = watched.admitted.at_increase(*side);
            let value = watched.admitted.value_at_increase(*side);
            let too_many = lots.is_some_and(|limit| worst.0 as f64 > ratio * limit.0 as f64);
            let too_dear = watched
                .mid
                .zip(value)
                .is_some_and(|(mid, limit)| mid.0 as f64 * worst.0 as f64 > ratio * limit.0 as f64);
            worst > Sz::ZERO && (too_many || too_dear)
        })
    }

    fn is_storm(&self, now: Time, config: &ControlConfig) -> bool {
        let window = Dur::from_secs(config.kill_rejections_s);
        self.rejections.values().any(|times| {
            let recent = times.iter().filter(|at| now.since(**at) <= window).count();
            recent >= config.kill_rejections as usize
        })
    }
}

fn stale(watched: &Watched, config: &ControlConfig) -> Option<KillReason> {
    let gone = Dur::from_secs(config.kill_stale_s);
    let reasons = [
        KillReason::StaleMarket,
        KillReason::StaleOwnStream,
        KillReason::StaleAccount,
    ];
    let found = watched
        .ages
        .iter()
        .zip(reasons)
        .find(|(age, _)| **age > gone);
    found.filter(|_| watched.exposed).map(|(_, reason)| reason)
}

/// Whether a condition has held for `secs`; remembers since when.
fn lasts(since: &mut Option<Time>, holds: bool, now: Time, secs: f64) -> bool {
    if !holds {
        *since = None;
        return false;
    }
    now.since(*since.get_or_insert(now)) >= Dur::from_secs(secs)
}

/// The latched kill switch, as shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Kill {
    /// Why.
    pub reason: KillReason,
    /// When.
    pub at: Time,
    /// Equity at that moment, net of transfers, where known.
    pub equity: Option<Usd>,
    /// Position at that moment, signed lots.
    pub position: Sz,
    /// What becomes of the position.
    pub on_kill: PositionPolicy,
    /// Whether that is finished: nothing rests and, unless it is held, nothing is held.
    pub done: bool,
}

/// An orderly stop, as shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Stop {
    /// When it was last asked for.
    pub at: Time,
    /// What becomes of the position.
    pub on_exit: PositionPolicy,
    /// Whether that is finished.
    pub done: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::config::tests::CONFIG;
    use crate::units::SECOND;

    const WELL: Watched = Watched {
        losses: None,
        worst: [Sz::ZERO; 2],
        mid: None,
        admitted: Admitted::NONE,
        exposed: true,
        ages: [Dur(SECOND); 3],
        explained: true,
    };

    fn at(second: i64) -> Time {
        Time(second * SECOND)
    }

    fn lost(day_left: i64, unexplained: i64) -> Watched {
        Watched {
            losses: Some(Losses {
                day_left: Some(Usd(day_left)),
                drawdown_left: Some(Usd(1_000)),
                unexplained: Usd(unexplained),
            }),
            ..WELL
        }
    }

    #[test]
    fn a_loss_that_the_ledger_explains_kills_at_once_and_another_when_nobody_explains_it() {
        let mut watch = KillWatch::default();
        let mut look = |second, watched: &Watched| watch.observe(at(second), watched, &CONFIG);
        assert_eq!(look(0, &lost(1, 0)), None);
        assert_eq!(look(1, &lost(-10, -11)), None);
        assert_eq!(look(30, &lost(-10, -11)), None);
        assert_eq!(look(31, &lost(-10, -11)), Some(KillReason::DailyLoss));
        assert_eq!(look(32, &lost(5, -11)), None);
        assert_eq!(look(33, &lost(-10, -11)), None);
        assert_eq!(look(34, &lost(-10, -9)), Some(KillReason::DailyLoss));
    }

    #[test]
    fn a_runaway_is_measured_against_the_limit_of_our_last_increase() {
        let mut watch = KillWatch::default();
        let mut far = Watched {
            worst: [Sz(3_100), Sz(-3_100)],
            ..WELL
        };
        far.admitted.on_valid([Sz(100); 2]);
        assert_eq!(watch.observe(at(0), &far, &CONFIG), None, "inherited");
        far.admitted.on_increase(Side::Ask, Sz(100), None);
        assert_eq!(watch.observe(at(0), &far, &CONFIG), None);
        far.admitted.on_increase(Side::Bid, Sz(1_550), None);
        assert_eq!(watch.observe(at(0), &far, &CONFIG), None);
        far.admitted.on_increase(Side::Bid, Sz::ZERO, None);
        let inside = Watched {
            worst: [Sz::ZERO; 2],
            ..far
        };
        assert_eq!(watch.observe(at(0), &inside, &CONFIG), None);
        far.admitted.on_increase(Side::Bid, Sz(1_549), None);
        let runaway = Some(KillReason::Runaway);
        assert_eq!(watch.observe(at(0), &far, &CONFIG), runaway);
    }

    /// 100 lots admitted at 1,000 each under 100,000: twice that is a runaway in money, of the position
    /// that was admitted.
    #[test]
    fn a_position_that_grew_dear_is_a_runaway_in_money() {
        let look = |side: Side, mid, value: Option<i64>| {
            let mut held = Watched {
                mid: Some(Px(mid)),
                ..WELL
            };
            held.worst[side.index()] = Sz(100);
            held.admitted.on_increase(side, Sz(100), value.map(Usd));
            KillWatch::default().observe(at(0), &held, &CONFIG)
        };
        for side in Side::BOTH {
            assert_eq!(look(side, 2_000, Some(100_000)), None);
            assert_eq!(look(side, 2_001, None), None);
            let found = look(side, 2_001, Some(100_000));
            assert_eq!(found, Some(KillReason::Runaway));
        }
    }

    #[test]
    fn a_stream_is_gone_only_while_something_is_at_stake() {
        for (stream, reason) in [
            (0, KillReason::StaleMarket),
            (1, KillReason::StaleOwnStream),
            (2, KillReason::StaleAccount),
        ] {
            let mut gone = WELL;
            gone.ages[stream] = Dur(300 * SECOND);
            assert_eq!(KillWatch::default().observe(at(0), &gone, &CONFIG), None);
            gone.ages[stream] = Dur(300 * SECOND + 1);
            let found = KillWatch::default().observe(at(0), &gone, &CONFIG);
            assert_eq!(found, Some(reason));
            gone.exposed = false;
            assert_eq!(KillWatch::default().observe(at(0), &gone, &CONFIG), None);
        }
    }

    #[test]
    fn a_storm_is_ten_answers_of_one_class_within_a_minute() {
        use RejectionClass::{Gone, Margin, Price};
        let mut watch = KillWatch::default();
        for second in 0..9 {
            watch.on_rejections(&[Margin, Price].into(), at(second), &CONFIG);
            watch.on_rejections(&[Gone].into(), at(second), &CONFIG);
            watch.on_rejections(&[Gone].into(), at(second), &CONFIG);
        }
        assert_eq!(watch.observe(at(9), &WELL, &CONFIG), None);
        watch.on_rejections(&[Price].into(), at(62), &CONFIG);
        assert_eq!(watch.observe(at(62), &WELL, &CONFIG), None);
        for second in 63..66 {
            watch.on_rejections(&[Price].into(), at(second), &CONFIG);
        }
        let storm = Some(KillReason::RejectionStorm);
        assert_eq!(watch.observe(at(65), &WELL, &CONFIG), None);
        for second in 66..72 {
            watch.on_rejections(&[Price].into(), at(second), &CONFIG);
        }
        assert_eq!(watch.observe(at(71), &WELL, &CONFIG), storm);
        assert_eq!(watch.observe(at(140), &WELL, &CONFIG), None);
    }

    #[test]
    fn an_unexplained_position_has_half_a_minute() {
        let mut watch = KillWatch::default();
        let odd = Watched {
            explained: false,
            ..WELL
        };
        assert_eq!(watch.observe(at(0), &odd, &CONFIG), None);
        assert_eq!(watch.observe(at(29), &odd, &CONFIG), None);
        assert_eq!(watch.observe(at(30), &WELL, &CONFIG), None);
        assert_eq!(watch.observe(at(31), &odd, &CONFIG), None);
        let reason = Some(KillReason::PositionUnexplained);
        assert_eq!(watch.observe(at(61), &odd, &CONFIG), reason);
    }
}
